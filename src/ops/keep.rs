//! Keeping the data directory in order: room set aside for a full disk, the index built anew.

use super::data_dir::{DataDir, DataDirError, Opened};
use crate::digest::Digest;
use crate::record::{Guard, GuardError, give_back, set_aside};
use crate::store::{Read, SledStore, StoreError, layout, prefix_end};
use crate::time::Now;

/// The file that holds room for the day on which there is none.
const BALLAST: &str = "ballast";
/// Rows read at once when a whole index is walked.
const ROWS: usize = 1_000;

/// What an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dump {
    /// Rows.
    pub(super) rows: u64,
    /// Their keys and values.
    pub(super) bytes: u64,
    /// SHA-256 over all of them in order, each key and value with its length before it.
    pub(super) hash: Digest,
}

/// Reads a whole index. What is counted about the index itself is left out: it is not derived from facts.
///
/// # Errors
/// [`StoreError`].
pub(super) fn dump(store: &dyn Read) -> Result<Dump, StoreError> {
    let mut dump = Dump { rows: 0, bytes: 0, hash: Digest::ZERO };
    walk(store, |key, value| {
        dump.rows += 1;
        dump.bytes += (key.len() + value.len()) as u64;
        let lengths = [key.len() as u64, value.len() as u64].map(u64::to_be_bytes);
        dump.hash = Digest::of(&[dump.hash.as_bytes(), &lengths[0], key, &lengths[1], value]);
    })?;
    Ok(dump)
}

pub(super) fn walk(store: &dyn Read, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
    let until = prefix_end(&[]);
    let mut from = Vec::new();
    loop {
        let rows = store.scan(&from, &until, ROWS)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from = [last.as_slice(), &[0]].concat();
        for (key, value) in &rows {
            if key != layout::ERASURES && key != layout::SCRUBBED {
                visit(key, value);
            }
        }
    }
}

impl DataDir {
    /// Sets room aside for a full disk; not being able to is no reason to stop.
    pub(super) fn set_room_aside(&self) {
        if let Err(error) = set_aside(&self.0.join(BALLAST), self.1) {
            tracing::warn!(%error, "no room could be set aside for a full disk");
        }
    }

    /// Gives back the room that was set aside.
    pub(super) fn give_back_room(&self) {
        if give_back(&self.0.join(BALLAST)) {
            tracing::warn!("the room that was set aside for a full disk is given back");
        }
    }

    /// Makes the guard this directory's own, if it is not and `sure` agrees; false when it is already.
    ///
    /// # Errors
    /// [`DataDirError`], and what `sure` says.
    pub(super) fn accept_guard<E: From<DataDirError>>(
        &self,
        sure: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let damaged = |error: GuardError| DataDirError::Damaged(error.to_string());
        let _lock = self.lock()?;
        let path = self.0.join("guard");
        let guard = match Guard::open(&path) {
            Err(GuardError::NotFound(_)) => Guard::create_unsure(&path),
            other => other,
        };
        let mut guard = guard.map_err(damaged)?;
        if !guard.is_unsure() {
            return Ok(false);
        }
        sure()?;
        guard.settle_here().map_err(damaged)?;
        Ok(true)
    }

    /// Sets the index aside, because damage was met in it: the next opening builds another.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub(super) fn set_index_aside(&self) -> Result<(), DataDirError> {
        let _lock = self.lock()?;
        let away = SledStore::wipe(&self.0.join("index"));
        away.map(|_| ()).map_err(|error| DataDirError::Damaged(error.to_string()))
    }

    /// Builds the index anew from the record. The old one is removed when the new one is whole.
    ///
    /// # Errors
    /// [`DataDirError`]; the old index is then beside the place of the new one.
    pub(super) fn rebuild(&self, now: Now) -> Result<Opened, DataDirError> {
        let away = {
            let _lock = self.lock()?;
            SledStore::wipe(&self.0.join("index"))
                .map_err(|error| DataDirError::Damaged(error.to_string()))?
        };
        let opened = self.open(now)?;
        if let Some(away) = away {
            std::fs::remove_dir_all(&away).map_err(|error| self.io("index", error))?;
        }
        Ok(opened)
    }
}
