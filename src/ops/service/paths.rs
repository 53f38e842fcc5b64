//! Documents of the ways up and down: peers, push, pull.

use super::{Failure, Reply, document};
use crate::division::DivisionCode;
use crate::sync::ask::{PathError, Progress};
use crate::sync::status::Link;
use crate::sync::{Node, Turn};
use crate::trust::key::PublicKey;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

/// Begins a push.
pub(super) fn push(node: &mut Node, turn: &mut Turn<'_>, via: Option<&DivisionCode>) -> Reply {
    match node.push(turn, via) {
        Ok(()) => progress(node, via),
        Err(error) => Reply::Failure(path_failure(&error)),
    }
}

/// `gongshi.push/1`: how far it has come.
pub(super) fn progress(node: &Node, via: Option<&DivisionCode>) -> Reply {
    match node.path(via) {
        Ok(progress) => document(&push_document(node, via, &progress)),
        Err(error) => Reply::Failure(path_failure(&error)),
    }
}

fn push_document(node: &Node, via: Option<&DivisionCode>, progress: &Progress) -> Value {
    let parent = node.upstream().map(|link| link.code);
    json!({
        "schema": "gongshi.push/1", "via": via.cloned().or(parent), "log": {"size": node.own_size()},
        "receipted": progress.receipted, "done": is_pushed(node, progress),
    })
}

/// True when all of our own log has that ancestor's receipt.
pub(in crate::ops) fn is_pushed(node: &Node, progress: &Progress) -> bool {
    progress.open && progress.receipted >= node.own_size()
}

/// `gongshi.pull/1`: done when as much is held as the parent had when its session opened.
pub(super) fn pulled(node: &Node) -> Value {
    json!({
        "schema": "gongshi.pull/1", "root_log": {"size": node.root_log().0}, "done": is_pulled(node),
        "asked_below": node.connected_below().len(),
    })
}

/// True when as much is held as the parent had when its session opened; there is nothing above the root.
pub(in crate::ops) fn is_pulled(node: &Node) -> bool {
    node.path(None).map_or(true, |progress| progress.open && node.root_log().0 >= progress.theirs)
}

pub(super) fn path_failure(error: &PathError) -> Failure {
    match error {
        PathError::NotAbove(code) => Failure::new(
            6,
            "not_above",
            format!(
                "{code} 不是本节点的上级：gongshi peers 列出可用的上级 / {code} is no ancestor of this node: see gongshi peers"
            ),
        ),
        PathError::IsRoot => Failure::new(
            6,
            "is_root",
            "本节点是根节点，没有上级 / this node is the root: nobody stands above it",
        ),
    }
}

/// `gongshi.peers/1`: every ancestor, every child, and who else is connected from below.
pub(super) fn peers(node: &Node) -> Value {
    let addresses = |key: &PublicKey| node.registry().delegation(key).map(|own| own.addresses.clone());
    let transport = |key: &PublicKey| {
        node.registry().delegation(key).map(|own| HEXLOWER.encode(own.transport.as_bytes()))
    };
    let line = |relation: &str, key: &PublicKey, link: &Link| {
        json!({
            "relation": relation, "code": link.code, "name": link.name, "state": link.state(),
            "behind": link.behind, "addresses": addresses(key), "transport": transport(key),
        })
    };
    let mut peers = Vec::new();
    for (at, key) in node.ancestors().iter().enumerate() {
        let relation = if at == 0 { "parent" } else { "ancestor" };
        peers.extend(node.link_above(key).map(|link| line(relation, key, &link)));
    }
    let children: Vec<PublicKey> = node.registry().children(node.own_key()).copied().collect();
    peers.extend(children.iter().filter_map(|key| Some(line("child", key, &node.link_below(key)?))));
    let guests = node.connected_below().into_iter().filter(|key| !children.contains(key));
    peers.extend(guests.filter_map(|key| Some(line("below", &key, &node.link_below(&key)?))));
    json!({"schema": "gongshi.peers/1", "peers": peers})
}
