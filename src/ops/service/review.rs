//! Review as requests and documents.

use super::failures::publish_failure;
use super::{Reply, document};
use crate::ops::packages::division_name;
use crate::ops::query::named;
use crate::store::StoreError;
use crate::sync::{Node, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is asked about review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Reviewing {
    /// Send a report back.
    Return {
        /// The statement, or the first digits of its digest.
        digest: String,
        /// Why; told to the node that published it.
        reason: String,
        /// What was found, JSON; empty for nothing.
        #[serde(with = "serde_bytes")]
        findings: Vec<u8>,
        /// Say what would be done, and do nothing.
        dry_run: bool,
    },
    /// Note that it was looked at.
    Accept {
        /// The statement, or the first digits of its digest.
        digest: String,
    },
}

/// The findings of a `gongshi.review/1` document as they go with a return; empty for none.
pub(in crate::ops) fn findings_of(seen: &Value) -> Vec<u8> {
    match seen["findings"].as_array().map(Vec::as_slice) {
        None | Some([]) => Vec::new(),
        Some(found) => json!({"format": "gongshi.findings/1", "findings": found}).to_string().into_bytes(),
    }
}

pub(super) fn review(
    node: &mut Node,
    turn: &mut Turn<'_>,
    reviewing: &Reviewing,
) -> Result<Reply, StoreError> {
    let (Reviewing::Return { digest, .. } | Reviewing::Accept { digest }) = reviewing;
    let digest = match named(&turn.read(), digest)? {
        Ok(digest) => digest,
        Err(failure) => return Ok(Reply::Failure(failure)),
    };
    let said = match reviewing {
        Reviewing::Accept { .. } => node
            .accept_review(turn, &digest)
            .map(|new| json!({"schema": "gongshi.review.accept/1", "digest": digest, "new": new})),
        Reviewing::Return { reason, findings, dry_run, .. } => {
            node.return_of(turn, &digest).and_then(|card| {
                let said = match dry_run {
                    true => None,
                    false => Some(node.send_back(turn, &digest, reason, findings)?.digest),
                };
                Ok(json!({
                    "schema": "gongshi.review.return/1", "digest": digest, "statement": said,
                    "dry_run": dry_run, "agency": {"name": card.agency_name}, "year": card.year,
                    "division": {"code": card.division, "name": division_name(&card.division)},
                    "revision": card.revision,
                }))
            })
        }
    };
    Ok(match said {
        Ok(said) => document(&said),
        Err(error) => Reply::Failure(publish_failure(error)?),
    })
}
