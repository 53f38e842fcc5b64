//! `gongshi net check`: whether the levels above can be reached, without disturbing a running node.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::{DONE, Outcome, UNREACHABLE, config, runtime, serve};
use crate::net::{Admit, Net, NetConfig, NetEvent, TransportSecret};
use crate::ops::data_dir::{Clock, random_seed};
use crate::ops::service::{Failure, Request};
use crate::trust::key::{PublicKey, SecretKey};
use clap::Subcommand;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What one address may take: the network edge gives up after 5 s of resolving and 5 s a handshake.
const ADDRESS_WITHIN: Duration = Duration::from_secs(6);
/// Addresses tried in all, so that the command ends within its 30 s.
const ADDRESS_COUNT_MAX: usize = 4;
/// The code with which the trial sessions end.
const CLOSE_CODE: u32 = 64;

#[derive(Subcommand)]
pub(super) enum NetAction {
    /// 逐个拨通上级的地址并核对其密钥 / dial every address above and check its key
    Check,
}

/// An address of a level above.
struct Way {
    code: String,
    address: String,
    key: PublicKey,
}

pub(super) fn run(global: &Global, action: &NetAction) -> Result<Outcome, Failure> {
    match action {
        NetAction::Check => check(global),
    }
}

fn check(global: &Global) -> Result<Outcome, Failure> {
    let loaded = serve::loaded(global)?;
    let listen = loaded.config().listen.peer.to_string();
    let state = match (config::is_running(global), config::can_listen(&listen)) {
        (true, _) => "listening",
        (false, true) => "free",
        (false, false) => "taken",
    };
    let configured = loaded.config().upstream.address.as_ref().map(ToString::to_string);
    let ways = ways(&ask(global, Request::Peers)?, configured);
    let seen = runtime()?.block_on(try_all(&ways))?;
    let lines: Vec<Value> = ways
        .iter()
        .zip(&seen)
        .map(|(way, seen)| {
            json!({
                "code": way.code, "address": way.address, "reached": seen.is_ok(), "ms": seen.as_ref().ok(),
                "why": seen.as_ref().err(),
            })
        })
        .collect();
    let reached = |code: &str| lines.iter().any(|line| line["code"] == code && line["reached"] == true);
    let reachable = ways.iter().all(|way| reached(&way.code));
    let document = json!({
        "schema": "gongshi.net/1", "ok": reachable && state != "taken",
        "listen": {"address": listen, "state": state}, "above": lines,
    });
    let rows: Vec<Vec<String>> = ways
        .iter()
        .zip(seen)
        .map(|(way, seen)| {
            let said = match seen {
                Ok(ms) => format!("{} {ms} ms", global.words("连通", "reached")),
                Err(why) => format!("{} {why}", global.words("不通", "not reached:")),
            };
            vec![way.code.clone(), way.address.clone(), said]
        })
        .collect();
    let own = match state {
        "listening" => global.words("本节点正在监听", "this node listens on"),
        "free" => global.words("本节点未运行，端口空闲", "this node is not running; free:"),
        _ => global.words("端口已被其他程序占用", "taken by another program:"),
    };
    let advice = match (ways.is_empty(), reachable) {
        (true, _) => global.words("本节点没有上级", "nobody stands above this node"),
        (_, true) => global.words("上级都连得上", "the levels above can be reached"),
        (_, false) => global.words(
            "有上级连不上：请网络管理员放行到该地址的 UDP；不能放行时用 gongshi bundle export --for 上级代码 -o 文件",
            "Some cannot be reached: ask for UDP to the address to be let through; where it cannot be, gongshi bundle export --for CODE -o FILE",
        ),
    };
    let exit = if reachable { DONE } else { UNREACHABLE };
    let parts = [format!("{own} UDP {listen}"), grid::<&str>(&[], &rows), advice.to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(Outcome { exit, document, text: parts.join("\n") })
}

/// Every address above, the configured one of the parent first.
fn ways(peers: &Value, configured: Option<String>) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for peer in array(&peers["peers"]) {
        let is_parent = peer["relation"] == "parent";
        if !is_parent && peer["relation"] != "ancestor" {
            continue;
        }
        let Some(key) = key_of(&text(&peer["transport"])) else { continue };
        let told = array(&peer["addresses"]).iter().map(text);
        for address in configured.clone().filter(|_| is_parent).into_iter().chain(told) {
            if !ways.iter().any(|way| way.address == address) && ways.len() < ADDRESS_COUNT_MAX {
                ways.push(Way { code: text(&peer["code"]), address, key });
            }
        }
    }
    ways
}

fn key_of(hex: &str) -> Option<PublicKey> {
    let bytes = HEXLOWER.decode(hex.as_bytes()).ok()?;
    Some(PublicKey::from_bytes(bytes.try_into().ok()?))
}

/// Dials each with a key of the moment, so that the session of a running node is not replaced: milliseconds until its
/// key was proven, or why it was not.
#[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
async fn try_all(ways: &[Way]) -> Result<Vec<Result<u64, String>>, Failure> {
    let local = |why: String| Failure::new(1, "io", why);
    let seed = random_seed().map_err(|error| local(error.to_string()))?;
    let secret =
        TransportSecret::new(&SecretKey::from_seed(&seed)).map_err(|error| local(error.to_string()))?;
    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    let config = NetConfig::new(None, secret, Arc::new(|_| Admit::Refuse));
    let net = Net::start(config, sender).await.map_err(|error| local(error.to_string()))?;
    let clock = Clock::start();
    let mut seen = Vec::new();
    for way in ways {
        let begun = clock.now().steady_ms;
        net.dial(&way.address, way.key);
        let answer = tokio::time::timeout(ADDRESS_WITHIN, async {
            loop {
                match events.recv().await {
                    Some(NetEvent::Connected { conn, key, .. }) if key == way.key => {
                        net.close(conn, CLOSE_CODE, "net_check");
                        return Ok(clock.now().steady_ms.saturating_sub(begun));
                    }
                    Some(NetEvent::DialFailed { key, why }) if key == way.key => return Err(why),
                    Some(_) => {}
                    None => return Err("the network edge ended".to_owned()),
                }
            }
        });
        let silent = || Err(format!("no answer in {} s", ADDRESS_WITHIN.as_secs()));
        seen.push(answer.await.unwrap_or_else(|_| silent()));
    }
    net.shutdown().await;
    Ok(seen)
}
