//! Files that were handed in at the console and wait for a decision: in memory alone, a few at a time.

use super::packages::division_name;
use super::sandbox::ReadReport;
use crate::sync::publish::Submission;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Drafts at once; the oldest makes room. Each is at most a report's content of 32 MiB, most are some kilobytes.
const DRAFT_COUNT_MAX: usize = 16;

/// One file as it was read.
struct Draft {
    /// Order of arrival.
    nth: u64,
    file: String,
    read: ReadReport,
}

/// All of them, by numbers that mean nothing.
#[derive(Default)]
pub(super) struct Drafts(Mutex<(u64, BTreeMap<u64, Draft>)>);

impl Drafts {
    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Draft>)> {
        // No code panics while it holds the lock; if it did, drafts would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a draft under a number.
    pub(super) fn keep(&self, number: u64, file: String, read: ReadReport) {
        let mut held = self.lock();
        let (next, drafts) = &mut *held;
        if drafts.len() >= DRAFT_COUNT_MAX {
            let oldest = drafts.iter().min_by_key(|(_, draft)| draft.nth).map(|(number, _)| *number);
            oldest.map(|number| drafts.remove(&number));
        }
        *next += 1;
        drafts.insert(number, Draft { nth: *next, file, read });
    }

    /// What can be published of a draft; none when there is no such draft, or something of it must be fixed.
    pub(super) fn submission(&self, number: u64) -> Option<Submission> {
        self.lock().1.get(&number)?.read.submission.clone()
    }

    /// Forgets a draft.
    pub(super) fn forget(&self, number: u64) {
        self.lock().1.remove(&number);
    }

    /// The document of a draft: the file, the findings, and the report in the shape of `gongshi.show/1`.
    pub(super) fn document(&self, number: u64) -> Option<Value> {
        let held = self.lock();
        let draft = held.1.get(&number)?;
        let report = draft.read.submission.as_ref().map(|report| {
            let mut document: Value = serde_json::from_slice(&report.content).unwrap_or_default();
            let code = Some(&report.agency_code).filter(|code| !code.is_empty());
            document["agency"] = json!({"name": report.agency_name, "code": code});
            let name = division_name(&report.division);
            document["division"] = json!({"code": report.division, "name": name});
            document["year"] = json!(report.year);
            document["template"] = json!(report.template);
            document
        });
        Some(json!({
            "schema": "gongshi.draft/1", "file": draft.file, "findings": draft.read.findings, "report": report,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_few_and_the_oldest_makes_room() {
        let drafts = Drafts::default();
        for number in 0..=DRAFT_COUNT_MAX as u64 {
            drafts.keep(1_000 - number, number.to_string(), ReadReport::default());
        }
        assert_eq!(drafts.document(1_000), None);
        assert_eq!(drafts.document(999).unwrap()["file"], "1");
        assert_eq!(drafts.submission(999), None, "nothing was read");
        drafts.forget(999);
        assert_eq!(drafts.document(999), None);
    }
}
