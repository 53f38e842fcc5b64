//! Joining by files: the request that a new node carries to its parent, and the answer that it carries home, which is a
//! bundle with the Delegates down to the new node and the root log.

use super::bundle::CommandDoor;
use super::{REFUSED, runtime, usage};
use crate::digest::Digest;
use crate::ops::bundle::{export, file_failure, import, peek};
use crate::ops::data_dir::{Clock, DataDir, Opened};
use crate::ops::engine::Engine;
use crate::ops::service::{Failure, Reply, Request};
use crate::ops::short::read_short;
use crate::record::DirLock;
use crate::statement::Entry;
use crate::sync::Node;
use crate::sync::enrol::check_joined;
use crate::sync::frame::{Frame, JoinRequest, Joined};
use crate::sync::token::Token;
use crate::trust::key::SecretKey;
use data_encoding::BASE64;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const REQUEST: &str = "gongshi-join-request/1";
/// A request is a frame of some hundred bytes.
const REQUEST_BYTES_MAX: u64 = 16 << 10;
/// The token, kept in the data directory until the answer is there.
const TOKEN: &str = "joining";

/// Writes a secret to a file of this user alone.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| file_failure(path, &error))
}

/// Writes the request, and keeps the token for the answer.
pub(super) fn write_request(
    data: &DataDir,
    path: &Path,
    token: &Token,
    request: JoinRequest,
) -> Result<(), Failure> {
    let frame = BASE64.encode(&Frame::Join(Box::new(request)).to_bytes());
    let lines = format!("{REQUEST}\n{frame}\n");
    let digest = Digest::of(&[lines.as_bytes()]);
    write_secret(path, &format!("{lines}sha256 {digest}\n"))?;
    let token = token.to_text().map_err(|error| usage(&error.to_string()))?;
    write_secret(&data.path().join(TOKEN), &token)
}

/// The frame in a request file.
fn read_request(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| file_failure(path, &error))?;
    let read = file.take(REQUEST_BYTES_MAX).read_to_string(&mut text);
    let frame = read.ok().and_then(|_| {
        let (lines, digest) = text.trim_end().rsplit_once("\nsha256 ")?;
        let whole = Digest::of(&[lines.as_bytes(), b"\n"]).hex() == digest;
        BASE64.decode(lines.strip_prefix(REQUEST)?.trim().as_bytes()).ok().filter(|_| whole)
    });
    frame.ok_or_else(|| {
        let message = format!(
            "{}：不是加入请求，或已损坏；请重新拷贝 / not a request to join, or damaged: copy it again",
            path.display()
        );
        Failure::new(4, "bad_request_file", message)
    })
}

/// At the parent: approves a request and writes the answer; what was approved.
pub(super) fn approve(
    door: &mut CommandDoor,
    request: &Path,
    answer: &Path,
    digits: Option<&str>,
) -> Result<Value, Failure> {
    use crate::ops::bundle::Door;
    let frame = serde_bytes::ByteBuf::from(read_request(request)?);
    let digits = digits.map(str::to_owned);
    let Reply::Document(text) = door.ask(Request::ApproveFile { frame, digits })? else {
        return Err(super::unexpected());
    };
    let mut document: Value = serde_json::from_str(&text).map_err(|_| super::unexpected())?;
    let code = document["code"].as_str().and_then(|code| code.parse().ok()).ok_or_else(super::unexpected)?;
    let exported = export(door, &code, Some(0), answer, None)?;
    document["answer"] = Value::from(answer.display().to_string());
    document["leaves"] = Value::from(exported.leaves);
    Ok(document)
}

/// The token that was kept with the request.
pub(super) fn kept_token(data: &DataDir) -> Result<String, Failure> {
    let path = data.path().join(TOKEN);
    read_short(&path).map_err(|_| {
        let message = format!(
            "{}：没有待完成的加入，请先运行 gongshi join 邀请码 --request 文件 / no join was begun here: run gongshi join TOKEN --request FILE first",
            data.path().display()
        );
        Failure::new(6, "no_join_begun", message)
    })
}

/// At the new node: takes the answer; root-log leaves that are held then.
pub(super) fn take_answer(
    data: &DataDir,
    path: &Path,
    token: &Token,
    (signing, transport): (SecretKey, SecretKey),
    config: &str,
    lock: DirLock,
) -> Result<u64, Failure> {
    let clock = Clock::start();
    let (header, chain) = peek(path)?;
    let not_ours = |what: &str| {
        let message = format!(
            "{}：{what}，已停止加入 / it is not the answer to this request; nothing was joined",
            path.display()
        );
        Failure::new(REFUSED, "not_this_answer", message)
    };
    if header.federation != token.federation || header.from != token.parent_signing {
        return Err(not_ours("不是邀请码所示上级的答复"));
    }
    if header.to != signing.public() {
        return Err(not_ours("不是对本机请求的答复"));
    }
    let anchor = chain.first().and_then(|first| Entry::verify(&first.statement, &first.card).ok());
    let anchor = anchor.map(|entry| *entry.statement.key()).ok_or_else(|| not_ours("授权链不能验证"))?;
    let joined = Joined { anchor, chain, root_size: header.root_size };
    let identity = check_joined(&joined, &token.federation, &signing.public(), &transport.public())
        .filter(|identity| identity.division == token.division)
        .ok_or_else(|| not_ours("授权链不能验证"))?;
    data.write_config(config)?;
    let (record, guard, store) = data.create_keepers()?;
    let mut engine = Engine::create(identity, signing, Box::new(record), Box::new(guard), store);
    engine.turn(clock.now(), Node::enrolled)?;
    let opened = Opened { engine, transport, lock };
    let mut door = CommandDoor::of(runtime()?, opened, data, clock);
    import(&mut door, &[PathBuf::from(path)], &data.waiting())?;
    let _ = fs::remove_file(data.path().join(TOKEN));
    door.root_size()
}
