//! Verify: everything a node holds, checked again from the bytes, without links and without trust in the index.

use super::Glance;
use crate::digest::Digest;
use crate::ledger::Ledger;
use crate::log::checkpoint::{Checkpoint, node_origin, root_origin};
use crate::log::note::{self, Note};
use crate::log::tree::{Frontier, leaf_hash};
use crate::log::witness;
use crate::statement::{Entry, Leaf, ReportAct, Statement, StatementError};
use crate::store::{Read, StoreError, layout};
use crate::sync::body::PackedBody;
use crate::sync::withdraw::ERASES;
use crate::sync::{erased_by, read_entry};
use serde_json::{Value, json};

/// Most problems listed; the rest are counted.
const PROBLEMS_MAX: usize = 100;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    leaves: u64,
    statements: u64,
    bodies: u64,
    erased: u64,
    problem_count: u64,
    problems: Vec<String>,
}

impl Found {
    pub(super) const fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "schema": "gongshi.verify/1", "ok": self.is_sound(), "leaves": self.leaves,
            "statements": self.statements, "bodies": self.bodies, "erased": self.erased, "problem_count": self.problem_count,
            "problems": self.problems,
        })
    }

    fn problem(&mut self, what: impl FnOnce() -> String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what());
        }
    }
}

/// Verifies all that is held: signatures, cards, bodies, both logs' roots, the checkpoint's signatures, the fold.
pub(super) fn verify_all(store: &dyn Read, target: &Glance) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut frontier = Frontier::new();
    let mut ledger = Ledger::new(target.federation);
    let signed = target.note.as_ref().and_then(|(text, _)| Note::parse(text).ok());
    let checkpoint = signed.as_ref().and_then(|note| Checkpoint::parse(&note.text).ok());
    let mut root_at_checkpoint = None;
    for index in 0..target.root_log.0 {
        let Some(bytes) = store.get(&layout::leaf(index))? else {
            found.problem(|| format!("leaf {index} is missing"));
            break;
        };
        found.leaves += 1;
        frontier.push(leaf_hash(&bytes));
        if checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.size == index + 1) {
            root_at_checkpoint = Some(frontier.root());
        }
        match Leaf::read::<StatementError>(&bytes, Statement::verify) {
            Ok(leaf) => match verify_entry(store, &leaf.statement.digest(), &mut found)? {
                Some(entry) => {
                    ledger.apply(&leaf, &entry);
                }
                None => found.problem(|| format!("leaf {index}: its entry is missing or damaged")),
            },
            Err(error) => found.problem(|| format!("leaf {index}: {error}")),
        }
    }
    if frontier.root() != target.root_log.1 {
        found.problem(|| "the leaves do not have the root hash that is shown".to_owned());
    }
    if ledger.view_root() != target.view_root {
        found.problem(|| "the leaves do not fold to the view root that is shown".to_owned());
    }
    verify_own_log(store, target, &mut found)?;
    if let (Some(note), Some(checkpoint)) = (&signed, &checkpoint) {
        if root_at_checkpoint != Some(checkpoint.root) {
            found.problem(|| "the checkpoint is not of the leaves held".to_owned());
        }
        verify_note(note, checkpoint, target, &ledger, &mut found);
    } else if target.note.is_some() {
        found.problem(|| "the checkpoint cannot be read".to_owned());
    }
    Ok(found)
}

fn verify_note(note: &Note, checkpoint: &Checkpoint, target: &Glance, ledger: &Ledger, found: &mut Found) {
    let origin = root_origin(&target.federation);
    let root = ledger.registry().root();
    let signed = root.is_some_and(|root| note::verify(note, &origin, root).is_ok());
    if checkpoint.origin != origin || !signed {
        found.problem(|| "the checkpoint is not signed by the root".to_owned());
    }
    if witness::verify_cosignature(note, &node_origin(&target.own), &target.own).is_err() {
        found.problem(|| "the checkpoint is not cosigned by this node".to_owned());
    }
}

fn verify_own_log(store: &dyn Read, target: &Glance, found: &mut Found) -> Result<(), StoreError> {
    let mut frontier = Frontier::new();
    for index in 0..target.own_log.0 {
        let row = store.get(&layout::entry(&target.own, index))?;
        let statement = row.as_deref().and_then(|row| row.get(8..179)).map(Statement::verify);
        match statement {
            Some(Ok(statement)) => {
                frontier.push(leaf_hash(statement.as_bytes()));
                // Sequenced entries were verified with their leaves.
                if store.get(&layout::sequenced(&statement.digest()))?.is_none()
                    && verify_entry(store, &statement.digest(), found)?.is_none()
                {
                    found.problem(|| format!("own entry {index}: its card or body is missing or damaged"));
                }
            }
            _ => found.problem(|| format!("own entry {index} is missing or damaged")),
        }
    }
    if frontier.root() != target.own_log.1 {
        found.problem(|| "our own log does not have the root hash that is shown".to_owned());
    }
    Ok(())
}

/// True when a withdrawal that stands in the root log erased the body.
pub(super) fn is_erased(store: &dyn Read, body: &Digest) -> Result<bool, StoreError> {
    let Some(by) = erased_by(store, body)? else { return Ok(false) };
    let erases = read_entry(store, &by)?.is_some_and(|entry| {
        let report = entry.card.act.report();
        report.is_some_and(|report| (report.act, report.reason) == (ReportAct::Withdraw, ERASES))
    });
    Ok(erases && store.get(&layout::sequenced(&by))?.is_some())
}

/// An entry with its bodies, checked from the bytes; none when it is missing or damaged.
fn verify_entry(store: &dyn Read, digest: &Digest, found: &mut Found) -> Result<Option<Entry>, StoreError> {
    let Ok(Some(held)) = read_entry(store, digest) else { return Ok(None) };
    let Ok(entry) = Entry::verify(held.statement.as_bytes(), &held.card_bytes) else { return Ok(None) };
    if entry.digest() != *digest {
        return Ok(None);
    }
    found.statements += 1;
    for body in entry.card.act.carried_bodies() {
        match PackedBody::read(store, &body.digest)? {
            Some(packed) if packed.unpack(&body.digest, body.bytes).is_ok() => found.bodies += 1,
            Some(_) => found.problem(|| format!("body {} is damaged", body.digest)),
            None if is_erased(store, &body.digest)? => found.erased += 1,
            None => found.problem(|| format!("body {} is missing", body.digest)),
        }
    }
    Ok(Some(entry))
}
