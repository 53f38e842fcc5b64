//! Inspecting a data directory: every frame of the record from its bytes, and the index against what the record gives.

use super::data_dir::{DataDir, DataDirError, Opened};
use super::engine::{Engine, HighMarks};
use super::keep::{Dump, dump, walk};
use crate::digest::Digest;
use crate::record::{FileRecord, GuardError, Inspection, Mark, RecordError, Sound, Stream, inspect};
use crate::statement::Entry;
use crate::store::{SledStore, StoreError};
use crate::sync::assembly::{Assembled, Assembly};
use crate::sync::fact::Fact;
use crate::time::Now;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a file where something is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The file.
    pub(super) file: PathBuf,
    /// Where in it, in bytes.
    pub(super) offset: u64,
    /// What is wrong.
    pub(super) what: String,
}

/// What was found in the record.
#[derive(Debug)]
pub(super) struct Records {
    /// Counts.
    pub(super) found: Inspection,
    /// Everything that is wrong, damage first.
    pub(super) wrong: Vec<Wrong>,
}

/// Reads every frame of the record; digests and signatures are checked from the bytes. `begins` is told of each file.
///
/// # Errors
/// [`RecordError`].
pub(super) fn inspect_record(dir: &Path, mut begins: impl FnMut(&Path)) -> Result<Records, RecordError> {
    let (mut wrong, mut assembly) = (Vec::new(), Assembly::default());
    let mut file = PathBuf::new();
    let found = inspect(dir, &mut |sound| {
        if file != sound.segment {
            file = sound.segment.to_owned();
            begins(&file);
        }
        if let Err(what) = check(&sound, &mut assembly) {
            wrong.push(Wrong { file: file.clone(), offset: sound.offset, what });
        }
        ControlFlow::Continue(())
    })?;
    let damage = |damage: &crate::record::Damage| Wrong {
        file: damage.segment.clone(),
        offset: damage.offset,
        what: format!("{} bytes are not what was written", damage.bytes),
    };
    let wrong = found.damages.iter().map(damage).chain(wrong).collect();
    Ok(Records { found, wrong })
}

fn check(sound: &Sound<'_>, assembly: &mut Assembly) -> Result<(), String> {
    match sound.stream {
        // What comes behind a gap may be the rest of a body that is lost: the gap is named already.
        Stream::Bodies => match assembly.take(&sound.frame) {
            Assembled::Bad if sound.gaps == 0 => Err("a body does not have its digest".to_owned()),
            _ => Ok(()),
        },
        Stream::Facts => match Fact::from_frame(&sound.frame).map_err(|error| error.to_string())? {
            Fact::Entry { entry, .. } => Entry::verify(entry.statement.as_bytes(), &entry.card_bytes)
                .map(|_| ())
                .map_err(|error| error.to_string()),
            _ => Ok(()),
        },
    }
}

/// Nothing is signed while a record is only read.
struct NoMarks;

impl HighMarks for NoMarks {
    fn check(&self, _: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        Ok(())
    }
    fn marks(&self) -> BTreeMap<Digest, Mark> {
        BTreeMap::new()
    }
    fn raise(&mut self, _: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        Ok(())
    }
}

/// How the index compares with one that the record gives.
#[derive(Debug)]
pub(super) struct Compared {
    /// What the record gives.
    pub(super) whole: Dump,
    /// Rows that differ, are missing or too many.
    pub(super) differing: u64,
    /// The first of them.
    pub(super) first: Option<Vec<u8>>,
}

impl DataDir {
    /// Compares the index of an opened node with one built from the record beside it, which is removed again.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub(super) fn compare(&self, opened: &Opened, now: Now) -> Result<Compared, DataDirError> {
        let dir = self.0.join("index.check");
        let _ = std::fs::remove_dir_all(&dir);
        let compared = self.compare_in(&dir, opened, now);
        std::fs::remove_dir_all(&dir).map_err(|error| self.io("index.check", error))?;
        compared
    }

    fn compare_in(&self, dir: &Path, opened: &Opened, now: Now) -> Result<Compared, DataDirError> {
        let damaged = |error: StoreError| DataDirError::Damaged(error.to_string());
        let fresh: Arc<SledStore> = Arc::new(SledStore::open(dir).map_err(damaged)?);
        let (record, _) =
            FileRecord::open(&self.0.join("record")).map_err(|error| self.record_error(error))?;
        let keys = self.signing_keys()?;
        Engine::open(keys, Box::new(record), Box::new(NoMarks), Arc::clone(&fresh) as _, now)
            .map_err(|error| DataDirError::Damaged(error.to_string()))?;
        compare(fresh.as_ref(), opened.engine.store().as_ref()).map_err(damaged)
    }
}

fn compare(fresh: &dyn crate::store::Store, live: &dyn crate::store::Store) -> Result<Compared, StoreError> {
    let whole = dump(fresh)?;
    let (mut same, mut differing, mut first) = (0, 0, None);
    let mut failed = None;
    walk(live, |key, value| match fresh.get(key) {
        Ok(Some(given)) if given == value => same += 1,
        Ok(given) => {
            // A row with another value is missing in its right form too: it is counted once.
            same += u64::from(given.is_some());
            differing += 1;
            first.get_or_insert_with(|| key.to_vec());
        }
        Err(error) => failed = Some(error),
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if same < whole.rows {
        differing += whole.rows - same;
        walk(fresh, |key, _| {
            if first.is_none() && matches!(live.get(key), Ok(None)) {
                first = Some(key.to_vec());
            }
        })?;
    }
    Ok(Compared { whole, differing, first })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Batch, MemoryStore, Store};

    fn store(rows: &[(&str, &str)]) -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        rows.iter().for_each(|(key, value)| batch.put(*key, *value));
        let _ = store.commit(&batch);
        store
    }

    #[test]
    fn an_index_with_another_row_one_too_many_or_one_missing_differs() -> Result<(), StoreError> {
        let record = store(&[("a", "1"), ("b", "2"), ("n", "counts itself")]);
        let cases = [
            (vec![("a", "1"), ("b", "2"), ("o", "counts itself too")], 0, None),
            (vec![("a", "1"), ("b", "3")], 1, Some("b")),
            (vec![("a", "1"), ("b", "2"), ("c", "3")], 1, Some("c")),
            (vec![("b", "2")], 1, Some("a")),
        ];
        for (rows, differing, first) in cases {
            let found = compare(&record, &store(&rows))?;
            assert_eq!(
                (found.differing, found.first.as_deref()),
                (differing, first.map(str::as_bytes)),
                "{rows:?}"
            );
            assert_eq!(
                (found.whole.rows, found.whole.hash == dump(&store(&rows))?.hash),
                (2, differing == 0)
            );
        }
        Ok(())
    }
}
