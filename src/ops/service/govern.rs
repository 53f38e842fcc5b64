//! Acts about the tree, and the keys there are, as requests and documents.

use super::failures::{reason_failure, say_failure};
use super::{Answer, Failure, Reply, document};
use crate::ledger::EndCause;
use crate::ops::data_dir::DataDir;
use crate::store::StoreError;
use crate::sync::govern::{GovernError, Governing};
use crate::sync::rotate::RotateError;
use crate::sync::{Node, Turn};
use crate::time::WallMs;
use crate::trust::delegation::Delegation;
use crate::trust::key::PublicKey;
use serde_json::{Value, json};

/// A delegation that ends within so many days is told of in time: 60 days, as the design asks.
pub(in crate::ops) const EXPIRY_WARNING_DAYS: u64 = 60;
const DAY_MS: u64 = 86_400_000;

/// Says it; the document names the statement.
pub(super) fn govern(
    node: &mut Node,
    turn: &mut Turn<'_>,
    governing: &Governing,
) -> Result<Reply, StoreError> {
    let failure = match node.govern(turn, governing) {
        Ok(entry) => {
            let kind = match governing {
                Governing::Revoke { .. } => "revoke",
                Governing::Reparent { .. } => "reparent",
                Governing::Close { .. } => "close",
                Governing::Host { .. } => "host",
            };
            return Ok(document(&json!({
                "schema": "gongshi.govern/1", "kind": kind, "digest": entry.digest(),
                "sequenced": node.is_root(),
            })));
        }
        Err(GovernError::NoNode(code)) => Failure::new(
            6,
            "unknown_node",
            format!(
                "{code} 没有在用节点：请用 gongshi tree 核对 / division {code} has no live node: see gongshi tree"
            ),
        ),
        Err(GovernError::ReasonTooLong(bytes)) => reason_failure(bytes),
        Err(GovernError::Say(error)) => say_failure(error)?,
    };
    Ok(Reply::Failure(failure))
}

/// A new signing key: written first, then said, so that no record names a key that is nowhere.
pub(super) fn rotate(node: &mut Node, turn: &mut Turn<'_>, data: &DataDir) -> Result<Answer, StoreError> {
    let keys = data.next_key().and_then(|next| Ok((next, data.key("keys/transport.pem", false)?)));
    let (next, transport) = match keys {
        Ok(keys) => keys,
        Err(error) => {
            return Ok(Answer::Now(Reply::Failure(Failure::new(1, "no_new_key", error.to_string()))));
        }
    };
    let old = node.own_key().id();
    node.offer_key(next);
    let failure = match node.rotate(turn, &transport) {
        Ok(entry) => {
            return Ok(Answer::Now(document(&json!({
                "schema": "gongshi.govern/1", "kind": "rotate", "digest": entry.digest(), "old": old,
                "new": node.own_key().id(), "sequenced": false,
            }))));
        }
        Err(RotateError::EntriesWait(count)) => Failure::new(
            6,
            "entries_wait",
            format!(
                "本节点还有 {count} 份声明未获省级答复，待其编号后再更换密钥 / {count} statements of this node have no answer of the root yet: rotate once they have"
            ),
        ),
        Err(RotateError::NotNow | RotateError::NoKey) => Failure::new(
            6,
            "cannot_rotate",
            "本节点的日志此刻不能签署（正在补齐、被拒收或已停用），请先看 gongshi doctor / this node's log cannot be signed now: see gongshi doctor",
        ),
        Err(RotateError::Say(error)) => say_failure(error)?,
    };
    Ok(Answer::Now(Reply::Failure(failure)))
}

/// Days until a delegation ends; 0 when it has.
pub(in crate::ops) fn days_left(own: &Delegation, now: WallMs) -> u64 {
    own.not_after.0.saturating_sub(now.0) / DAY_MS
}

/// `gongshi.keys/1`: every key that was delegated, by division, newest first within one.
pub(super) fn keys(node: &Node, now: WallMs) -> Value {
    let registry = node.registry();
    let mut keys: Vec<(&PublicKey, &Delegation)> = registry.delegations().collect();
    keys.sort_by(|(_, a), (_, b)| (&a.division, b.not_before).cmp(&(&b.division, a.not_before)));
    let line = |(key, own): &(&PublicKey, &Delegation)| {
        let days = days_left(own, now);
        let state = match registry.ending(key).map(|end| end.cause) {
            Some(EndCause::Replaced) => "replaced",
            Some(EndCause::Revoked) => "revoked",
            Some(EndCause::Closed) => "closed",
            None if days == 0 => "expired",
            None if days <= EXPIRY_WARNING_DAYS => "expiring",
            None => "live",
        };
        json!({
            "code": own.division, "level": own.level, "name": own.name, "key": key.id(),
            "public_key": key, "transport_key": own.transport, "state": state,
            "not_before": own.not_before.to_string(), "not_after": own.not_after.to_string(), "days_left": days,
            "predecessor": own.predecessor.as_ref().map(|(old, last)| json!({"key": old.id(), "last": last})),
            "last": registry.ending(key).map(|end| end.last), "own": *key == node.own_key(),
        })
    };
    json!({"schema": "gongshi.keys/1", "keys": keys.iter().map(line).collect::<Vec<_>>()})
}
