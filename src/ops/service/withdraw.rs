//! Withdrawing a report, or saying what that would do.

use super::failures::publish_failure;
use super::{Reply, document};
use crate::ops::packages::division_name;
use crate::ops::query::named;
use crate::store::StoreError;
use crate::sync::{Node, Turn};
use serde_json::json;

pub(super) fn withdraw(
    node: &mut Node,
    turn: &mut Turn<'_>,
    digest: &str,
    reason: &str,
    erase: bool,
    dry_run: bool,
) -> Result<Reply, StoreError> {
    let digest = match named(&turn.read(), digest)? {
        Ok(digest) => digest,
        Err(failure) => return Ok(Reply::Failure(failure)),
    };
    let card = match node.withdrawal(turn, &digest) {
        Ok(card) => card,
        Err(error) => return Ok(Reply::Failure(publish_failure(error)?)),
    };
    let said = match dry_run {
        true => None,
        false => match node.withdraw(turn, &digest, reason, erase) {
            Ok(done) => Some(done.digest),
            Err(error) => return Ok(Reply::Failure(publish_failure(error)?)),
        },
    };
    Ok(document(&json!({
        "schema": "gongshi.withdraw/1", "digest": digest, "statement": said, "revision": card.revision,
        "agency": {"name": card.agency_name}, "year": card.year, "erase": erase, "dry_run": dry_run,
        "division": {"code": card.division, "name": division_name(&card.division)},
    })))
}
