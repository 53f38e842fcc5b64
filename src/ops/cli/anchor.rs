//! `gongshi keys anchor`: the anchor key's word about the root, asked for at the root, signed where the anchor key is, and
//! brought back (src/trust/CEREMONY.md).

use super::args::Global;
use super::desk::{read_json, write};
use super::keys::years_ms;
use super::link::ask;
use super::sure::sure;
use super::{NOT_VERIFIED, Outcome, REFUSED, key_file};
use crate::bytes::Reader;
use crate::digest::Digest;
use crate::ops::data_dir::random_seed;
use crate::ops::service::{Failure, Keying, Request};
use crate::statement::{Act, Entry};
use crate::trust::delegation::Delegation;
use clap::Subcommand;
use data_encoding::BASE64;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const HELP: &str = include_str!("../../trust/CEREMONY.md");

#[derive(Subcommand)]
pub(super) enum AnchorAction {
    /// 根节点：写下要锚密钥签署的内容（续期；--rotate 换签名密钥）/ at the root: what the anchor is to sign
    #[command(after_long_help = HELP)]
    Request {
        /// 同时更换根节点的签名密钥 / a new signing key for the root too
        #[arg(long)]
        rotate: bool,
        /// 自今日起几年 / for so many years from now
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
        years: u32,
        /// 写入文件 / where it goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// 离线机器：核对后用锚密钥签署（无需数据目录）/ on the offline machine: look, then sign; no data directory needed
    #[command(after_long_help = HELP)]
    Sign {
        /// 请求文件 / the request
        request: PathBuf,
        /// 锚密钥文件 / the anchor's key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// 锚密钥的口令文件（- 为标准输入）/ its passphrase; - is standard input
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// 写入文件；不写则只核对 / where it goes; without it the request is only checked
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// 根节点：应用锚密钥签署的授权 / at the root: take what the anchor signed
    #[command(after_long_help = HELP)]
    Apply {
        /// 签署结果文件 / what the anchor signed
        grant: PathBuf,
    },
}

pub(super) fn run(global: &Global, action: &AnchorAction) -> Result<Outcome, Failure> {
    match action {
        AnchorAction::Request { rotate, years, output } => {
            let keying = Keying::AskAnchor { rotate: *rotate, life_ms: Some(years_ms(*years)) };
            let document = ask(global, Request::Keying(Box::new(keying)))?;
            write(output, document.to_string().as_bytes())?;
            let place = output.display();
            let zh = format!(
                "{}\n请求已写入 {place}\n下一步，离线机器：gongshi keys anchor sign {place} --key anchor.pem -o grant.json",
                shown(&document, false)
            );
            let en = format!(
                "{}\nrequest written to {place}\nNext, on the offline machine: gongshi keys anchor sign {place} --key anchor.pem -o grant.json",
                shown(&document, true)
            );
            Ok(Outcome::done(document, global.words(&zh, &en)))
        }
        AnchorAction::Sign { request, key, passphrase_file, output } => {
            sign(global, request, key, passphrase_file.as_deref(), output.as_deref())
        }
        AnchorAction::Apply { grant } => apply(global, grant),
    }
}

/// What is to be signed, in words.
pub(super) fn shown(document: &Value, english: bool) -> String {
    let says = &document["says"];
    let text = |name: &str| says[name].as_str().unwrap_or_default().to_owned();
    let (division, name, until) = (text("division"), text("name"), text("not_after"));
    let key = text("signing");
    let index = &document["index"];
    match (english, says["rotates"] == true) {
        (false, true) => {
            format!("锚日志第 {index} 条：{division} {name} 改用签名密钥 {key}，有效期至 {until}")
        }
        (false, false) => format!("锚日志第 {index} 条：{division} {name} 续期至 {until}，签名密钥 {key}"),
        (true, true) => format!(
            "entry {index} of the anchor's log: {division} {name} goes on with signing key {key}, until {until}"
        ),
        (true, false) => format!(
            "entry {index} of the anchor's log: {division} {name} renewed until {until}, signing key {key}"
        ),
    }
}

fn sign(
    global: &Global,
    path: &Path,
    key: &Path,
    passphrase_file: Option<&Path>,
    output: Option<&Path>,
) -> Result<Outcome, Failure> {
    let mut request = read_json(path, "gongshi.anchor-request/1")?;
    let damaged = || {
        let message =
            format!("{}: 请求已损坏或被改动 / the request is damaged or was altered", path.display());
        Failure::new(NOT_VERIFIED, "request_damaged", message)
    };
    let bytes = request["delegation"].as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let bytes = bytes.ok_or_else(damaged)?;
    let mut reader = Reader::new(&bytes);
    let delegation = Delegation::read(&mut reader).map_err(|_| damaged())?;
    reader.finish().map_err(|_| damaged())?;
    let federation: Digest =
        request["federation"].as_str().and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
    let index = request["index"].as_u64().ok_or_else(damaged)?;
    let anchor = key_file::read(key, passphrase_file)?;
    if anchor.public().id() != federation {
        let message = format!(
            "{}: 不是本联邦的锚密钥（编号应为 {federation}）/ not the anchor key of this federation",
            key.display()
        );
        return Err(Failure::new(REFUSED, "other_anchor", message));
    }
    // The words are made from what is signed, never taken from the request.
    if !delegation.possession_holds(&federation, &anchor.public()) {
        return Err(damaged());
    }
    request["says"] = json!({
        "division": delegation.division, "name": delegation.name, "signing": delegation.signing.id(),
        "rotates": request["says"]["rotates"] == true, "not_after": delegation.not_after.to_string(),
    });
    let what = global.words(&shown(&request, false), &shown(&request, true)).to_owned();
    let Some(output) = output else {
        return Ok(Outcome::done(
            request,
            format!("{what}\n{}", global.words("只核对，未签署；签署请加 -o", "checked only; sign with -o")),
        ));
    };
    sure(global, &what, delegation.division.as_str())?;
    let salt = random_seed().map_err(|error| Failure::new(1, "io", error.to_string()))?;
    let entry = Entry::sign(&anchor, &federation, index, salt, Act::Delegate(Box::new(delegation)));
    let entry = entry.map_err(|error| Failure::new(5, "bad_card", error.to_string()))?;
    let document = json!({
        "schema": "gongshi.anchor-grant/1", "federation": federation, "says": request["says"],
        "statement": BASE64.encode(entry.statement.as_bytes()), "card": BASE64.encode(&entry.card_bytes),
    });
    write(output, document.to_string().as_bytes())?;
    let place = output.display();
    let zh = format!("{what}\n已签署，写入 {place}\n下一步，根节点：gongshi keys anchor apply {place}");
    let en =
        format!("{what}\nsigned, written to {place}\nNext, at the root: gongshi keys anchor apply {place}");
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

/// What the anchor signed: the statement and its card.
pub(super) fn granted(path: &Path) -> Result<(ByteBuf, ByteBuf), Failure> {
    let grant = read_json(path, "gongshi.anchor-grant/1")?;
    let part = |name: &str| {
        let bytes = grant[name].as_str().and_then(|text| BASE64.decode(text.as_bytes()).ok());
        bytes.map(ByteBuf::from).ok_or_else(|| {
            let message = format!("{}: 已损坏 / is damaged", path.display());
            Failure::new(NOT_VERIFIED, "request_damaged", message)
        })
    };
    Ok((part("statement")?, part("card")?))
}

fn apply(global: &Global, path: &Path) -> Result<Outcome, Failure> {
    let (statement, card) = granted(path)?;
    let keying = Keying::EnterAnchor { statement, card };
    let document = ask(global, Request::Keying(Box::new(keying)))?;
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let (key, until, digest) = (text("new"), text("until"), text("digest"));
    let zh = format!(
        "已生效：签名密钥 {key}，有效期至 {until}\n  锚条目 {digest}\n请重新打印托管：gongshi keys escrow export"
    );
    let en = format!(
        "in force: signing key {key}, until {until}\n  anchor's entry {digest}\nprint the escrow again: gongshi keys escrow export"
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}
