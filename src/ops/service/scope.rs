//! Scope as requests and documents: nothing to report, and rosters.

use super::failures::{publish_failure, say_failure};
use super::{Failure, Reply, document};
use crate::division::DivisionCode;
use crate::ledger::roster::{Duty, Roster};
use crate::store::StoreError;
use crate::sync::scope::{Declaration, Imported, RosterRefusal};
use crate::sync::{Node, Turn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Lines of a difference that are named; the counts are of all.
const CHANGES_NAMED: usize = 1_000;

/// What is asked about scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Scoping {
    /// An agency has nothing to report.
    Declare(Declaration),
    /// Who owes a report.
    ImportRoster {
        /// The division at the top; none for the node's own.
        division: Option<DivisionCode>,
        /// The roster's text.
        #[serde(with = "serde_bytes")]
        text: Vec<u8>,
        /// Say what would change, and do nothing.
        dry_run: bool,
    },
}

pub(super) fn scope(node: &mut Node, turn: &mut Turn<'_>, scoping: &Scoping) -> Result<Reply, StoreError> {
    Ok(match scoping {
        Scoping::Declare(declaration) => match node.declare(turn, declaration) {
            Ok(done) => Reply::Published { digest: done.digest, revision: done.revision },
            Err(error) => Reply::Failure(publish_failure(error)?),
        },
        Scoping::ImportRoster { division, text, dry_run } => {
            match node.import_roster(turn, division.as_ref(), text, *dry_run) {
                Ok(imported) => document(&imported_json(&imported, *dry_run)),
                Err(error) => Reply::Failure(roster_failure(error)?),
            }
        }
    })
}

fn roster_failure(error: RosterRefusal) -> Result<Failure, StoreError> {
    Ok(match error {
        RosterRefusal::Text(error) => {
            Failure::new(5, "bad_roster", format!("名册有误 / not a roster: {error}"))
        }
        RosterRefusal::TooLong(bytes) => Failure::new(
            5,
            "bad_roster",
            format!("名册 {bytes} 字节，最多 8 MiB / a roster of {bytes} bytes; at most 8 MiB"),
        ),
        RosterRefusal::NotBelow(top, foreign) => {
            let named: Vec<String> = foreign.iter().take(5).map(ToString::to_string).collect();
            let message = format!(
                "名册列有不在 {top} 之下的区划：{0}（共 {1} 个）；用 gongshi tree 核对 / the roster names {1} divisions that do not stand below {top}: {0}; see gongshi tree",
                named.join("、"),
                foreign.len()
            );
            Failure::new(6, "roster_foreign", message)
        }
        RosterRefusal::Say(error) => say_failure(error)?,
    })
}

/// A line of a roster as JSON; absent where it is empty.
pub(in crate::ops) fn duty_json(duty: &Duty) -> Value {
    let mut line = json!({
        "division": duty.division, "agency": duty.agency_name, "due": duty.due.to_string(),
    });
    let code = Some(&duty.agency_code).filter(|code| !code.is_empty());
    let fields = [
        ("agency_code", code.map(|code| json!(code))),
        ("duties", Some(json!(duty.tables)).filter(|_| !duty.tables.is_empty())),
        ("from", duty.from.map(|year| json!(year))),
        ("until", duty.until.map(|year| json!(year))),
    ];
    for (key, value) in fields {
        if let Some(value) = value {
            line[key] = value;
        }
    }
    line
}

/// `gongshi.roster.import/1`: what was said, and what it changes line by line.
fn imported_json(imported: &Imported, dry_run: bool) -> Value {
    let before = imported.before.as_ref().map(Roster::lines).unwrap_or_default();
    let after = imported.after.lines();
    // Both are in order, so a walk finds what only one of them has.
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (Some(a), Some(b)) if a == b => {
                old.next();
                new.next();
            }
            (Some(a), Some(b)) if a < b => removed.extend(old.next()),
            (Some(_), None) => removed.extend(old.next()),
            (_, Some(_)) => added.extend(new.next()),
            (None, None) => break,
        }
    }
    let named = |lines: &[&Duty]| -> Vec<Value> {
        lines.iter().take(CHANGES_NAMED).map(|duty| duty_json(duty)).collect()
    };
    let stands = imported.stands.as_ref().map(|row| row.statement);
    json!({
        "schema": "gongshi.roster.import/1", "division": imported.division, "lines": after.len(),
        "digest": imported.said.as_ref().map(|entry| entry.digest()).or(stands),
        "signed": imported.said.is_some(), "dry_run": dry_run, "before": before.len(),
        "added": named(&added), "added_count": added.len(),
        "removed": named(&removed), "removed_count": removed.len(),
    })
}
