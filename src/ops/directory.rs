//! The directory of agencies: every name and code under which one has reported, kept in memory for searches.
//!
//! It is read from the index at the first search and follows the root log from there, so a search costs the number of
//! agencies, whatever they have published. What it names may not be public: whoever asks looks that up.

use crate::ledger::{IndexRow, Revision};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::wire;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows read at once.
const SCAN_ROWS: usize = 1_024;
/// A revision's row is a few hundred bytes.
const ROW_BYTES_MAX: usize = 8_192;

/// An agency under one of its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Agency {
    id: String,
    name: String,
    code: String,
}

#[derive(Default)]
struct Known {
    /// By id, so that those of a division stand together.
    agencies: BTreeSet<Agency>,
    /// Size of the root log up to which they are read; none before the first search.
    size: Option<u64>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Directory(Mutex<Known>);

impl Directory {
    /// The ids of agencies whose code is `text`, or whose name has every word of it, by id. `size` is that of the root
    /// log now.
    pub(super) fn find(&self, store: &dyn Read, size: u64, text: &str) -> Result<Vec<String>, StoreError> {
        let mut known = self.lock();
        known.follow(store, size)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let named = |agency: &&Agency| {
            agency.code.eq_ignore_ascii_case(text) || words.iter().all(|word| agency.name.contains(word))
        };
        let mut ids: Vec<String> =
            known.agencies.iter().filter(named).map(|agency| agency.id.clone()).collect();
        ids.dedup();
        Ok(ids)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // What a panic left is a set that is read on from where it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Reads on to `size`: everything at first, then what the log brought.
    fn follow(&mut self, store: &dyn Read, size: u64) -> Result<(), StoreError> {
        match self.size {
            None => self.read_all(store)?,
            Some(from) if from < size => self.read_from(store, from)?,
            Some(_) => {}
        }
        self.size = self.size.max(Some(size));
        Ok(())
    }

    fn read_all(&mut self, store: &dyn Read) -> Result<(), StoreError> {
        let prefix = [layout::BY_AGENCY];
        each(store, &prefix, prefix.to_vec(), |key, row| {
            // Behind the id: a zero, the year and the revision's number.
            let end = key.len().saturating_sub(1 + size_of::<u16>() + size_of::<u32>());
            if let Some(Ok(id)) = key.get(prefix.len()..end).map(str::from_utf8) {
                self.agencies.insert(Agency {
                    id: id.to_owned(),
                    name: row.agency_name,
                    code: row.agency_code,
                });
            }
        })
    }

    fn read_from(&mut self, store: &dyn Read, from: u64) -> Result<(), StoreError> {
        let mut digests = Vec::new();
        each(store, &[layout::BY_INDEX], layout::by_index(from), |_, row| digests.push(row.digest))?;
        for digest in digests {
            let Some(row) = store.get(&layout::revision(&digest))? else { continue };
            let damaged = |error: wire::WireError| StoreError::Damaged(format!("a revision: {error}"));
            let revision: Revision = wire::decode(&row, ROW_BYTES_MAX).map_err(damaged)?;
            self.agencies.insert(Agency {
                id: revision.agency_id,
                name: revision.agency_name,
                code: revision.agency_code,
            });
        }
        Ok(())
    }
}

/// Looks at the index rows below a prefix, from a key on.
fn each(
    store: &dyn Read,
    prefix: &[u8],
    mut from: Vec<u8>,
    mut look: impl FnMut(&[u8], IndexRow),
) -> Result<(), StoreError> {
    let until = prefix_end(prefix);
    loop {
        let rows = store.scan(&from, &until, SCAN_ROWS)?;
        for (key, value) in &rows {
            if let Some(row) = IndexRow::read(value) {
                look(key, row);
            }
        }
        match rows.last() {
            Some((key, _)) if rows.len() == SCAN_ROWS => from = [key.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}
