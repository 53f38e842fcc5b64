//! Acts about the tree as requests and documents.

use super::failures::{reason_failure, say_failure};
use super::{Answer, Failure, Reply, document};
use crate::ops::data_dir::DataDir;
use crate::statement::Act;
use crate::store::StoreError;
use crate::sync::govern::{GovernError, Governing};
use crate::sync::rotate::RotateError;
use crate::sync::{Node, Turn};
use serde_json::json;

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
                Governing::Renew { .. } => "renew",
                Governing::Agency { .. } => "agency",
                Governing::RevokeAgency { .. } => "revoke_agency",
            };
            let until = match &entry.card.act {
                Act::Delegate(own) => Some(own.not_after.to_string()),
                Act::Agency(own) => Some(own.not_after.to_string()),
                _ => None,
            };
            return Ok(document(&json!({
                "schema": "gongshi.govern/1", "kind": kind, "digest": entry.digest(),
                "sequenced": node.is_root(), "until": until,
            })));
        }
        Err(GovernError::NoNode(code)) => Failure::new(
            6,
            "unknown_node",
            format!(
                "{code} 没有在用节点：请用 gongshi tree 核对 / division {code} has no live node: see gongshi tree"
            ),
        ),
        Err(GovernError::NoKey(digits)) => Failure::new(
            2,
            "no_such_key",
            format!(
                "没有唯一以 {digits} 开头的机关密钥：用 gongshi keys list 查看 / no one key of an agency begins with {digits}: see gongshi keys list"
            ),
        ),
        Err(GovernError::NotProven) => Failure::new(
            6,
            "key_not_proven",
            "该密钥不是凭本节点现行密钥的签名资料生成的：请用 gongshi keys desk 重新给出资料，再由机关 gongshi keys new / the key was made for another node, or for a key that this node no longer has: give the desk a new file (gongshi keys desk) and have the key made again",
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
