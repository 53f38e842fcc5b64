//! `gongshi join`: enrols this machine with a token from its parent.

use super::args::{Addresses, Global};
use super::init::{announced, configure};
use super::progress::Progress;
use super::{Outcome, REFUSED, UNREACHABLE, join_file, runtime, say};
use crate::net::{Admit, Net, NetConfig, NetEvent, Rate, TransportSecret};
use crate::ops::data_dir::{Clock, DataDir};
use crate::ops::driver::Driver;
use crate::ops::engine::{Engine, EngineError};
use crate::ops::service::Failure;
use crate::sync::Node;
use crate::sync::enrol::{check_joined, six_digits};
use crate::sync::fact::Identity;
use crate::sync::frame::{Frame, JoinRequest, Joined};
use crate::sync::token::Token;
use crate::trust::delegation::prove_possession;
use crate::trust::key::SecretKey;
use clap::Args as ClapArgs;
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

#[derive(ClapArgs)]
pub(super) struct Join {
    /// 邀请码；- 从标准输入读，@FILE 从文件读 / token, - for stdin, @FILE
    #[arg(required_unless_present = "answer")]
    pub(super) token: Option<String>,
    #[command(flatten)]
    pub(super) addresses: Addresses,
    /// 以文件方式加入，第一步：写出请求文件，交给上级批准 / join by files: write the request for the parent to approve
    #[arg(long, value_name = "FILE", conflicts_with = "answer")]
    pub(super) request: Option<PathBuf>,
    /// 以文件方式加入，第二步：导入上级的答复 / join by files: take the parent's answer
    #[arg(long, value_name = "FILE")]
    pub(super) answer: Option<PathBuf>,
}

/// A parent that cannot be reached within this time is not reached.
const REACH_WITHIN: Duration = Duration::from_secs(25);
/// Catching up may take as long as there is progress; without any for this long the join ends.
const PROGRESS_WITHIN: Duration = Duration::from_secs(25);
/// A token file is one line.
const TOKEN_BYTES_MAX: u64 = 4096;

pub(super) fn run(global: &Global, join: &Join) -> Result<Outcome, Failure> {
    let data = global.data();
    let text = match (&join.token, &join.answer) {
        (Some(token), _) => token_text(token)?,
        (None, _) => join_file::kept_token(&data)?,
    };
    let token = Token::parse(&text).map_err(|error| {
        Failure::new(2, "bad_token", format!("邀请码无法识别，请完整复制：{error} / {error}"))
    })?;
    let mut loaded = configure(&join.addresses)?;
    if !token.address.is_empty() {
        loaded.set([("TOKEN", "upstream.address", token.address.as_str())])?;
    } else if join.request.is_none() && join.answer.is_none() {
        let message = "邀请码中没有上级地址，只能以文件方式加入：加 --request 文件 / the token names no address, it is for joining by files: add --request FILE";
        return Err(Failure::new(REFUSED, "no_address", message));
    }
    let clock = Clock::start();
    let lock = data.begin()?;
    // Keys are kept before they are shown to anyone, so that a join that was interrupted can be run again.
    let signing = data.key("keys/signing.pem", true)?;
    let transport = data.key("keys/transport.pem", true)?;
    let (signing_proof, transport_proof) =
        prove_possession(&token.federation, &token.parent_signing, &signing, &transport, &token.division);
    let request = JoinRequest {
        secret: token.secret,
        signing: signing.public(),
        transport: transport.public(),
        signing_proof: *signing_proof.as_bytes(),
        transport_proof: *transport_proof.as_bytes(),
        addresses: announced(&loaded),
    };
    if let Some(path) = &join.request {
        let digits = six_digits(&request);
        join_file::write_request(&data, path, &token, request)?;
        return Ok(requested(global, &token, path, &digits));
    }
    if let Some(path) = &join.answer {
        let (keys, config) = ((signing, transport), loaded.config().to_toml());
        let size = join_file::take_answer(&data, path, &token, keys, &config, lock)?;
        return Ok(joined_as(global, &token, size));
    }
    let runtime = runtime()?;
    let joined = runtime.block_on(ask(global, &token, request, &transport))?;
    let identity = check_joined(&joined, &token.federation, &signing.public(), &transport.public())
        .filter(|identity| identity.division == token.division)
        .ok_or_else(|| {
            let message = "上级的授权链不能验证，已停止加入；请核对邀请码来源 / the parent's chain of delegations does not verify";
            Failure::new(REFUSED, "bad_chain", message)
        })?;
    data.write_config(&loaded.config().to_toml())?;
    let seen = Progress::endless(global, "核验根日志", "verifying the root log");
    let caught_up = catch_up(&runtime, &data, identity, signing, &transport, &joined, clock);
    drop((lock, seen));
    let size = caught_up?;
    Ok(joined_as(global, &token, size))
}

fn requested(global: &Global, token: &Token, path: &Path, digits: &str) -> Outcome {
    let (code, place) = (&token.division, path.display());
    let document = json!({
        "schema": "gongshi.join.request/1", "code": code, "request": place.to_string(), "digits": digits,
    });
    let zh = format!(
        "请求已写入 {place}，核对码 {digits}\n下一步：交上级执行 gongshi invite approve --request 文件 -o 答复 --digits {digits}（口头核对）"
    );
    let en = format!(
        "request written to {place}, digits {digits}\nNext, at the parent: gongshi invite approve --request FILE -o ANSWER --digits {digits} (tell them by word of mouth)"
    );
    Outcome::done(document, global.words(&zh, &en))
}

fn joined_as(global: &Global, token: &Token, size: u64) -> Outcome {
    let (code, name, path) = (&token.division, &token.name, global.data.display());
    super::note(&global.data(), "join", &format!("{code} {name}"));
    let document = json!({
        "schema": "gongshi.join/1", "code": code, "level": token.level, "name": name,
        "federation": token.federation, "root_log": {"size": size},
    });
    let zh = format!("已加入：{code} {name}，根日志 {size} 条已核验\n下一步：gongshi serve --data {path}");
    let en = format!(
        "joined as {code} {name}, {size} root-log entries verified\nNext: gongshi serve --data {path}"
    );
    Outcome::done(document, global.words(&zh, &en))
}

fn token_text(argument: &str) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(2, "no_token", format!("无法读取邀请码：{error} / the token cannot be read"))
    };
    let mut text = String::new();
    match argument.strip_prefix('@') {
        _ if argument == "-" => {
            std::io::stdin().lock().take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        }
        Some(file) => {
            let file = std::fs::File::open(file).map_err(unreadable)?;
            file.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        }
        None => text.push_str(argument),
    }
    Ok(text)
}

/// Shows the token to the parent and waits for its answer.
#[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
async fn ask(
    global: &Global,
    token: &Token,
    request: JoinRequest,
    transport: &SecretKey,
) -> Result<Joined, Failure> {
    let digits = six_digits(&request);
    let unreachable = |why: String| {
        let address = &token.address;
        let message = format!(
            "无法连接上级 {address}（UDP）：{why}。请确认上级节点在运行、UDP 端口未被防火墙拦截 / cannot reach the parent at {address} over UDP: {why}"
        );
        Failure::new(UNREACHABLE, "parent_unreachable", message)
    };
    let secret =
        TransportSecret::new(transport).map_err(|error| Failure::new(1, "key", error.to_string()))?;
    let (sender, mut events) = mpsc::channel(64);
    // A joining node accepts nobody; it only dials.
    let config = NetConfig::new(None, secret, Arc::new(|_| Admit::Refuse));
    let net = Net::start(config, sender).await.map_err(|error| unreachable(error.to_string()))?;
    net.dial(&token.address, token.parent_transport);
    let mut pending = false;
    let answer = loop {
        let event = if pending {
            // Approval takes as long as a person takes; Ctrl-C ends it, and running the command again resumes.
            events.recv().await
        } else {
            match tokio::time::timeout(REACH_WITHIN, events.recv()).await {
                Ok(event) => event,
                Err(_) => break Err(unreachable("没有答复 / no answer".to_owned())),
            }
        };
        match event {
            Some(NetEvent::Connected { conn, .. }) => {
                net.send(conn, Frame::Join(Box::new(request.clone())).to_bytes());
            }
            Some(NetEvent::Frame { bytes, .. }) => match Frame::from_bytes(&bytes) {
                Ok(Frame::Joined(joined)) => break Ok(*joined),
                Ok(Frame::JoinPending { digits: theirs }) => {
                    pending = true;
                    if theirs != digits {
                        break Err(Failure::new(
                            REFUSED,
                            "digits_differ",
                            "两端核对码不一致 / the six digits differ",
                        ));
                    }
                    let (zh, en) = (
                        format!(
                            "等待上级批准，核对码 {digits}：请上级执行 gongshi invite approve {}",
                            token.division
                        ),
                        format!(
                            "waiting for approval, digits {digits}: gongshi invite approve {}",
                            token.division
                        ),
                    );
                    say(global.words(&zh, &en));
                }
                Ok(Frame::Refused { code, message }) => break Err(Failure::new(REFUSED, &code, message)),
                _ => break Err(unreachable("答复无法识别 / the answer is not understood".to_owned())),
            },
            Some(NetEvent::Closed { why, .. }) => break Err(unreachable(format!("{why:?}"))),
            Some(NetEvent::DialFailed { why, .. }) => break Err(unreachable(why)),
            None => break Err(unreachable("网络已停止 / the network stopped".to_owned())),
        }
    };
    net.shutdown().await;
    answer
}

/// Tails the root log until as much is held as the parent had when it answered.
fn catch_up(
    runtime: &tokio::runtime::Runtime,
    data: &DataDir,
    identity: Identity,
    signing: SecretKey,
    transport: &SecretKey,
    joined: &Joined,
    clock: Clock,
) -> Result<u64, Failure> {
    let (record, guard, store) = data.create_keepers()?;
    let mut engine = Engine::create(identity, signing, Box::new(record), Box::new(guard), store);
    engine.turn(clock.now(), Node::enrolled)?;
    let wanted = joined.root_size;
    let (stop_sender, stop) = watch::channel(false);
    let (progress_sender, progress) = watch::channel(0);
    let (driver, _ask) =
        runtime.block_on(Driver::start(engine, data, transport, None, Rate::default(), clock))?;
    runtime.spawn(watch_progress(progress, stop_sender));
    let engine = driver.run(runtime.handle(), stop, |node| {
        let size = node.root_log().0;
        progress_sender.send_if_modified(|held| std::mem::replace(held, size) != size);
        size >= wanted && (wanted == 0 || node.checkpoint_note().is_some())
    })?;
    engine.store().flush().map_err(EngineError::from)?;
    let size = engine.node().root_log().0;
    if size < wanted {
        let message = format!(
            "已获授权，但同步中断于 {size}/{wanted} 条；运行 gongshi serve 会继续 / enrolled, but catching up stopped at {size} of {wanted}; gongshi serve goes on"
        );
        return Err(Failure::new(UNREACHABLE, "not_caught_up", message));
    }
    Ok(size)
}

#[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
async fn watch_progress(mut progress: watch::Receiver<u64>, stop: watch::Sender<bool>) {
    while let Ok(Ok(())) = tokio::time::timeout(PROGRESS_WITHIN, progress.changed()).await {}
    let _ = stop.send(true);
}
