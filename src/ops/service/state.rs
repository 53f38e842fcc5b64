//! Documents of the node's state: status, roll call, invitations, tree.

use super::RollCallRow;
use super::alarms::{Alarm, alarms};
use super::keys::ending;
use crate::division::DivisionCode;
use crate::sync::Node;
use crate::sync::status::Link;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde_json::{Value, json};

/// The document of `gongshi status --json`.
pub(super) fn status(node: &Node, now: WallMs) -> Value {
    let identity = node.identity();
    let (own, root_log) = (node.own_log(), node.root_log());
    let upstream = node.upstream();
    let link = |link: &Link| json!({"code": link.code, "name": link.name, "state": link.state(), "behind": link.behind, "skew_ms": link.skew_ms});
    let children: Vec<Value> = node.children().iter().map(link).collect();
    let down = upstream.as_ref().is_some_and(|link| !link.up);
    let alarms: Vec<Value> = alarms(node, now).iter().map(Alarm::to_json).collect();
    let via = node.detour().map(|(reason, used)| {
        let link = used.and_then(|key| node.link_above(&key));
        json!({"reason": reason.as_str(), "code": link.as_ref().map(|l| &l.code), "name": link.as_ref().map(|l| &l.name)})
    });
    let state = match (node.checkpoint_note(), down, node.unacknowledged()) {
        (None, ..) => "unsynced",
        _ if !alarms.is_empty() => "alarm",
        (_, true, _) => "upstream_down",
        (_, _, 0) => "ok",
        _ => "sending",
    };
    json!({
        "schema": "gongshi.status/1",
        "state": state,
        "node": {"code": identity.division, "level": identity.level, "name": identity.name},
        "federation": node.federation(),
        "log": {"size": own.0, "root_hash": own.1.base64()},
        "root_log": {"size": root_log.0, "root_hash": root_log.1.base64()},
        "view_root": node.ledger().view_root().base64(),
        "upstream": upstream.as_ref().map(link),
        "via": via,
        "alarms": alarms,
        "children": children,
        "held": {"packages": node.ledger().disclosures().released().values().sum::<u64>()},
        "received": node.received(),
        "bodies_missing": node.bodies_lacking(),
        "confirmed": {"quorum": node.quorum(), "size": node.confirmed_size()},
        "unacknowledged": node.unacknowledged(),
        "authority": authority(node),
        "ending": ending(node, now),
        "refused": node.own_refused_count(),
        "returned": node.sent_back().count(),
    })
}

/// Until when this node's delegation holds, as far as it is known.
fn authority(node: &Node) -> Option<Value> {
    let until = node.registry().delegation(node.own_key())?.not_after;
    Some(json!({"until": until.to_string(), "until_ms": until.0}))
}

/// The document of `gongshi rollcall --json` and `/api/v1/rollcall`.
pub(super) fn roll_call(node: &Node) -> Value {
    let (size, root_hash) = node.root_log();
    let nodes: Vec<Value> = roll_call_rows(node)
        .iter()
        .map(|line| {
            let at = line.at.map(|at| at.to_string());
            json!({"code": line.code, "size": line.size, "agrees": line.agrees, "at": at})
        })
        .collect();
    json!({
        "size": size, "root_hash": root_hash.base64(), "view_root": node.ledger().view_root().base64(),
        "nodes": nodes,
    })
}

pub(super) fn roll_call_rows(node: &Node) -> Vec<RollCallRow> {
    let row = |line: crate::sync::attest::RollCallLine| RollCallRow {
        code: line.code,
        size: line.size,
        agrees: line.agrees,
        at: line.at,
    };
    node.roll_call().into_iter().map(row).collect()
}

pub(super) fn invitations(node: &Node, now: WallMs) -> Value {
    let lines: Vec<Value> = node
        .invitations(now)
        .iter()
        .map(|line| {
            json!({
                "code": line.invite.division, "level": line.invite.level, "name": line.invite.name,
                "state": line.state, "expires": line.invite.expires.to_string(), "auto": line.invite.auto,
                "digits": line.digits,
            })
        })
        .collect();
    json!({"schema": "gongshi.invite.list/1", "invitations": lines})
}

/// The document of `gongshi tree --json`: nodes by division code order below their issuer, from the root down.
pub(super) fn tree(node: &Node) -> Value {
    let registry = node.registry();
    let size = node.root_log().0;
    let upstream = node.upstream();
    let (children, attested) = (node.children(), node.roll_call());
    let link_of = |code: &DivisionCode| {
        children.iter().chain(upstream.as_ref()).find(|link| link.code == *code).map(Link::state)
    };
    let mut nodes = Vec::new();
    let mut open: Vec<(usize, &PublicKey)> = registry.root().map(|root| (0, root)).into_iter().collect();
    // A delegation names its issuer, who stood before it: the walk ends.
    while let Some((depth, key)) = open.pop() {
        if let Some(delegation) = registry.delegation(key) {
            let line = attested.iter().find(|line| line.code == delegation.division);
            let own = key == node.own_key();
            let shown =
                if own { Some(size) } else { line.filter(|line| line.at.is_some()).map(|line| line.size) };
            nodes.push(json!({
                "depth": depth, "level": delegation.level, "code": delegation.division, "name": delegation.name,
                "state": if own { Some("self") } else { link_of(&delegation.division) },
                "behind": shown.map(|shown| size.saturating_sub(shown)),
                "at": line.and_then(|line| line.at).map(|at| at.to_string()),
            }));
        }
        let mut below: Vec<&PublicKey> = registry.children(key).filter(|child| *child != key).collect();
        below.reverse();
        open.extend(below.into_iter().map(|child| (depth + 1, child)));
    }
    json!({"schema": "gongshi.tree/1", "size": size, "nodes": nodes})
}
