//! `gongshi config`: what is in force and where it came from, and whether this machine lets it work.

use super::args::Global;
use super::grid::grid;
use super::{NOT_INITIALISED, Outcome, serve, setting};
use crate::config::{Loaded, Origin};
use crate::ops::service::Failure;
use clap::Subcommand;
use serde_json::{Value, json};
use std::net::{TcpListener, ToSocketAddrs, UdpSocket};

#[derive(Subcommand)]
pub(super) enum ConfigAction {
    /// 每项的值与来源 / each value and where it came from
    Show,
    /// 检查端口、密钥与写入权限 / open ports, read keys, test writing
    Check,
    /// 说明配置项的含义（离线）/ what a setting means, offline
    Explain {
        /// 配置项，如 listen.peer；不写则列出全部 / the setting; all without it
        key: Option<String>,
    },
}

pub(super) fn run(global: &Global, action: &ConfigAction) -> Result<Outcome, Failure> {
    match action {
        ConfigAction::Show => Ok(show(global, &serve::loaded(global)?)),
        ConfigAction::Check => Ok(check(global, &serve::loaded(global)?)),
        ConfigAction::Explain { key } => {
            setting::explain(global, serve::loaded(global).ok().as_ref(), key.as_deref())
        }
    }
}

fn show(global: &Global, loaded: &Loaded) -> Outcome {
    let origin = |origin: &Origin| match origin {
        Origin::Default => json!({"kind": "default"}),
        Origin::File { path, line } => {
            json!({"kind": "file", "file": path.display().to_string(), "line": line})
        }
        Origin::Environment { name } => json!({"kind": "environment", "name": name}),
        Origin::CommandLine { flag } => json!({"kind": "command_line", "flag": flag}),
    };
    let settings: Vec<Value> = loaded
        .settings()
        .map(|setting| json!({"key": setting.key, "value": setting.value, "origin": origin(setting.origin)}))
        .collect();
    let rows: Vec<Vec<String>> = loaded
        .settings()
        .map(|setting| vec![setting.key.clone(), setting.value.clone(), setting.origin.to_string()])
        .collect();
    let heads = match global.english() {
        true => ["key", "value", "from"],
        false => ["配置项", "值", "来源"],
    };
    Outcome::done(json!({"schema": "gongshi.config/1", "settings": settings}), grid(&heads, &rows))
}

/// What does not hold: `file:line:key`, and why.
fn check(global: &Global, loaded: &Loaded) -> Outcome {
    let problems = problems(global, loaded);
    let document = json!({
        "schema": "gongshi.config.check/1", "ok": problems.is_empty(), "problems": problems,
        "code": if problems.is_empty() { Value::Null } else { json!("config") },
    });
    let text = match problems.is_empty() {
        true => global
            .words("配置可用：端口、密钥、写入均正常", "the configuration holds: ports, keys, writing")
            .to_owned(),
        false => problems.join("\n"),
    };
    Outcome { exit: if problems.is_empty() { super::DONE } else { NOT_INITIALISED }, document, text }
}

/// The daemon's own ports are taken by itself: they are tried only when none runs.
pub(super) fn problems(global: &Global, loaded: &Loaded) -> Vec<String> {
    let (data, listen) = (global.data(), &loaded.config().listen);
    let mut problems = Vec::new();
    let mut blame = |key: &str, why: String| problems.push(format!("{}:{key}: {why}", loaded.origin(key)));
    if !is_running(global) {
        let peer = listen.peer.to_string();
        if let Err(error) = bind(&peer, |address| UdpSocket::bind(address).map(drop)) {
            blame("listen.peer", format!("无法监听 / cannot listen on UDP {peer}: {error}"));
        }
        for (key, address) in [("listen.portal", &listen.portal), ("listen.console", &listen.console)] {
            let address = address.to_string();
            if let Err(error) = bind(&address, |address| TcpListener::bind(address).map(drop)) {
                blame(key, format!("无法监听 / cannot listen on TCP {address}: {error}"));
            }
        }
    }
    for name in ["keys/signing.pem", "keys/transport.pem"] {
        if let Err(error) = data.key(name, false) {
            problems.push(error.to_string());
        }
    }
    let probe = data.path().join(".write-test");
    if let Err(error) = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        problems.push(format!("{}: 不可写入 / cannot be written: {error}", data.path().display()));
    }
    problems
}

/// True when a daemon answers on the directory's socket.
pub(super) fn is_running(global: &Global) -> bool {
    let data = global.data();
    let name = crate::ops::data_dir::DataDir::SOCKET;
    super::runtime()
        .is_ok_and(|runtime| runtime.block_on(crate::ops::control::connect(data.path(), name)).is_some())
}

/// True when the UDP address is free on this machine.
pub(super) fn can_listen(address: &str) -> bool {
    bind(address, |address| UdpSocket::bind(address).map(drop)).is_ok()
}

fn bind(address: &str, open: impl Fn(std::net::SocketAddr) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut found = address.to_socket_addrs()?;
    open(found.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?)
}
