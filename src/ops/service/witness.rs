//! Witnesses as requests and documents: the policy's quorum, comparison with nodes beside, evidence.

use super::failures::say_failure;
use super::{Failure, Reply, document};
use crate::statement::Act;
use crate::statement::card::Policy;
use crate::store::StoreError;
use crate::sync::{Node, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is asked about witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Witnessing {
    /// The policy that stands, `gongshi.policy/1`.
    Policy,
    /// Another policy; what is none stays as it is. At the root only.
    SetPolicy {
        /// How many nodes directly under the root confirm a checkpoint; 0 for none.
        quorum: Option<u16>,
        /// True: nothing of a year is public before its release.
        held: Option<bool>,
    },
    /// Compare with nodes beside this one now.
    Compare,
    /// What proves that the root signed two histories, `gongshi.evidence/1`.
    Evidence,
}

/// Answers.
pub(super) fn answer(node: &mut Node, turn: &mut Turn<'_>, asked: Witnessing) -> Result<Reply, StoreError> {
    Ok(match asked {
        Witnessing::Policy => document(&policy(node)),
        Witnessing::SetPolicy { quorum, held } => {
            let stands = *node.ledger().policy();
            let wanted = Policy {
                held_until_release: held.unwrap_or(stands.held_until_release),
                witness_quorum: quorum.unwrap_or(stands.witness_quorum),
            };
            if !node.is_root() {
                let message = "只有根节点可以更改方针 / only the root changes the policy";
                return Ok(Reply::Failure(Failure::new(6, "not_root", message)));
            }
            if wanted != stands
                && let Err(error) = node.say(turn, Act::Policy(wanted))
            {
                return Ok(Reply::Failure(say_failure(error)?));
            }
            document(&policy(node))
        }
        Witnessing::Compare => {
            node.compare_now(turn);
            document(&evidence(node))
        }
        Witnessing::Evidence => document(&evidence(node)),
    })
}

fn policy(node: &Node) -> Value {
    let policy = node.ledger().policy();
    let release = if policy.held_until_release { "held" } else { "open" };
    json!({
        "schema": "gongshi.policy/1", "release": release, "quorum": policy.witness_quorum,
        "published": node.checkpoint_note().map_or(0, |(_, size)| size), "confirmed": node.confirmed_size(),
    })
}

fn evidence(node: &Node) -> Value {
    json!({"schema": "gongshi.evidence/1", "compared": node.compared_count(), "evidence": node.evidence()})
}
