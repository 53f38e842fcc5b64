//! The store on disk: nothing outside this file and `lock` names sled.
//!
//! Measured before use (design/trials.md, section 1): sled 0.34.7 does not sync when it flushes, takes a
//! half-written snapshot for its newest, panics on damaged pages, and can lose rows without a word. So it holds
//! nothing that the record does not: whoever opens it compares the position applied with the record's end, and
//! rebuilds it when it is refused, damaged, or emptier than it should be.
//!
//! Promises: no panic of sled's comes out of here on the calling thread, and after the first one nothing is
//! answered any more. Leaves to its caller: the directory's lock, taken before [`SledStore::open`] or
//! [`SledStore::wipe`]; reading the position; calling from threads that may block.

mod image;
mod lock;
mod long;

use super::{Batch, Entry, Read, Store, StoreError, layout};
use crate::record::sync_dir;
use lock::{says_nothing_of_the_store, until_unlocked};
use long::{INLINE_BYTES_MAX, Long, POINTER_BYTES};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

/// sled's own cache, in bytes. Its default is 1 GiB; a town's machine has little, and the kernel caches too.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The tree, and its one key, of the mark by which pointers to long values are known.
const LONG: &[u8] = b"long";

/// The store in a directory: one tree, so that a batch is atomic.
pub struct SledStore {
    dir: PathBuf,
    /// `None` only while being dropped.
    db: Option<::sled::Db>,
    long: Long,
    damaged: AtomicBool,
    /// Held to write by a commit and to read by a scan: sled's ranges are not of one moment by themselves.
    moment: RwLock<()>,
}

impl SledStore {
    /// Opens the store in `dir`, or creates an empty one.
    ///
    /// # Errors
    /// [`StoreError::Unopenable`]: wipe and rebuild. [`StoreError::Full`]: sled does not open on a full disk;
    /// nothing is wrong with the store. [`StoreError::Io`]: the directory cannot be read or written.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        remove_unfinished_snapshots(dir)?;
        // It writes when half a megabyte has come together: what a killed process had not written is filled in from the
        // record. By its own clock it would wake up twice a second for ever, and write segments that are mostly empty.
        let config = ::sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let opened = || {
            let db = config.open()?;
            let mark = db.open_tree(LONG)?.get(LONG)?;
            Ok((db, mark))
        };
        match until_unlocked(|| catch_unwind(AssertUnwindSafe(opened))) {
            Ok(Ok((db, mark))) => {
                let long = Long::open(dir, mark.as_deref()).map_err(full_or_io)?;
                let Some(long) = long else {
                    return Err(StoreError::Unopenable("the file of long values is another".to_owned()));
                };
                if mark.is_none() {
                    let noted = db.open_tree(LONG).and_then(|tree| tree.insert(LONG, long.mark()));
                    noted.map_err(|error| StoreError::Unopenable(error.to_string()))?;
                }
                let dir = dir.to_path_buf();
                Ok(Self { dir, db: Some(db), long, damaged: AtomicBool::new(false), moment: RwLock::new(()) })
            }
            Ok(Err(error)) if is_full(&error) => Err(StoreError::Full),
            Ok(Err(::sled::Error::Io(error))) if says_nothing_of_the_store(&error) => {
                Err(StoreError::Io(error))
            }
            Ok(Err(error)) => Err(StoreError::Unopenable(error.to_string())),
            Err(panic) => Err(StoreError::Unopenable(words(&*panic))),
        }
    }

    /// Moves the store in `dir` away to `<dir>.damaged-N`, N from 1, so that an empty one can be opened and
    /// rebuilt. The new path, or `None` if there is no store.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn wipe(dir: &Path) -> Result<Option<PathBuf>, StoreError> {
        let Some(name) = dir.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the store's path has no name").into());
        };
        if !dir.try_exists()? {
            return Ok(None);
        }
        for number in 1_u64.. {
            let mut away = name.to_os_string();
            away.push(format!(".damaged-{number}"));
            let away = dir.with_file_name(away);
            if !away.try_exists()? {
                // If we stop before this is durable, the damaged store is found again and moved again.
                std::fs::rename(dir, &away)?;
                dir.parent().map_or(Ok(()), sync_dir)?;
                return Ok(Some(away));
            }
        }
        Ok(None)
    }

    /// Runs one call into sled. The first panic or report of corruption closes the store for good: what sled
    /// holds in memory may be half changed.
    fn call<T>(&self, work: impl FnOnce(&::sled::Db) -> ::sled::Result<T>) -> Result<T, StoreError> {
        let db = match &self.db {
            Some(db) if !self.damaged.load(Ordering::Acquire) => db,
            _ => return Err(StoreError::Damaged("damage was met before".into())),
        };
        let why = match catch_unwind(AssertUnwindSafe(|| work(db))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) if is_full(&error) => return Err(StoreError::Full),
            Ok(Err(::sled::Error::Io(error))) => return Err(StoreError::Io(error)),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => words(&*panic),
        };
        self.damaged.store(true, Ordering::Release);
        Err(StoreError::Damaged(why))
    }
}

impl SledStore {
    /// The value that a stored one stands for. Damage closes the store here too.
    fn resolve(&self, stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        let value = self.long.resolve(stored);
        if matches!(value, Err(StoreError::Damaged(_))) {
            self.damaged.store(true, Ordering::Release);
        }
        value
    }

    /// Rows with their values in the place of pointers.
    fn entries(&self, rows: Vec<(::sled::IVec, ::sled::IVec)>) -> Result<Vec<Entry>, StoreError> {
        rows.into_iter().map(|(key, stored)| Ok((key.to_vec(), self.resolve(&stored)?))).collect()
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if self.damaged.load(Ordering::Acquire) {
            // sled flushes when it is dropped, which may panic or wait for ever on what the first panic left
            // behind. The directory is moved away, so the handle kept open stands in nobody's way.
            std::mem::forget(db);
        } else {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        }
    }
}

impl Read for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.call(|db| db.get(key))?;
        stored.map(|stored| self.resolve(&stored)).transpose()
    }

    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        if from >= until {
            return Ok(Vec::new());
        }
        let _moment = self.moment.read().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<_> = self.call(|db| db.range(from..until).take(limit).collect())?;
        self.entries(rows)
    }

    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        if from >= until {
            return Ok(Vec::new());
        }
        let _moment = self.moment.read().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<_> = self.call(|db| db.range(from..until).rev().take(limit).collect())?;
        self.entries(rows)
    }
}

impl Store for SledStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut operations = ::sled::Batch::default();
        for (key, value) in batch {
            match value {
                // If we stop after this, the file has bytes that nothing points to.
                Some(value) if is_long(key, value) => {
                    operations.insert(key, self.long.keep(value).map_err(full_or_io)?);
                }
                Some(value) => operations.insert(key, value),
                None => operations.remove(key),
            }
        }
        let moment = self.moment.write().unwrap_or_else(PoisonError::into_inner);
        self.call(|db| db.apply_batch(operations))?;
        drop(moment);
        self.call(|_| {
            free_replaced(batch.len());
            Ok(())
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.long.sync().map_err(full_or_io)?;
        self.call(|db| db.flush().map(|_| ()))
    }

    fn keep_image(&self, image: &[u8]) -> Result<(), StoreError> {
        image::keep(&self.dir, image).map_err(full_or_io)
    }

    fn image(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(image::read(&self.dir)?)
    }

    fn is_sound(&self) -> bool {
        !self.damaged.load(Ordering::Acquire)
    }
}

/// Frees the pages that so many rows have replaced. sled leaves that to a collector which frees eight bags of 64 pieces each
/// 128th time that sled is entered; a batch enters it once, however many rows it has, and its pages would stay in memory for
/// hours: half a kilobyte a row.
fn free_replaced(rows: usize) {
    for _ in 0..2 + rows / 32 {
        ::sled::pin().flush();
    }
}

/// A long value, and any but a tiny one of a row that settles: it would be written again with every page that it stands on,
/// each time one of the page's ten or so rows changes.
fn is_long(key: &[u8], value: &[u8]) -> bool {
    let inline = if layout::is_settled(key) { 2 * POINTER_BYTES } else { INLINE_BYTES_MAX };
    value.len() > inline
}

fn full_or_io(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Io(error),
    }
}

fn is_full(error: &::sled::Error) -> bool {
    let ::sled::Error::Io(error) = error else { return false };
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "sled panicked".into())
}

/// A snapshot that a killed process was writing has a name that sled takes for its newest snapshot, and then
/// the store does not open. Without it the store opens with everything.
fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{conformance, prefix_end};

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn filled(dir: &Path) -> Result<(), StoreError> {
        let store = SledStore::open(dir)?;
        for round in 0..40_u32 {
            let mut batch = Batch::new();
            for key in 0..50_u32 {
                batch.put((round * 50 + key).to_be_bytes(), vec![7; 200]);
            }
            store.commit(&batch)?;
        }
        store.flush()
    }

    #[test]
    fn sled_is_a_store() -> Tested {
        let dir = tempfile::tempdir()?;
        Ok(conformance::run(&SledStore::open(dir.path())?)?)
    }

    #[test]
    fn what_was_committed_is_there_after_opening_again() -> Tested {
        let dir = tempfile::tempdir()?;
        filled(dir.path())?;
        let store = SledStore::open(dir.path())?;
        assert_eq!(store.scan(b"", &prefix_end(b""), 9999)?.len(), 2000);
        Ok(())
    }

    #[test]
    fn a_half_written_snapshot_does_not_keep_the_store_shut() -> Tested {
        let dir = tempfile::tempdir()?;
        filled(dir.path())?;
        let left = dir.path().join("snap.FFFFFFFFFFFFFFF0.generating");
        std::fs::write(&left, b"half of a snapshot")?;
        let store = SledStore::open(dir.path())?;
        assert!(!left.exists());
        assert_eq!(store.scan(b"", &prefix_end(b""), 9999)?.len(), 2000);
        Ok(())
    }

    #[test]
    fn a_store_in_use_is_not_called_unopenable() -> Tested {
        let dir = tempfile::tempdir()?;
        let _held = SledStore::open(dir.path())?;
        assert!(matches!(SledStore::open(dir.path()), Err(StoreError::Io(_))));
        Ok(())
    }

    #[test]
    fn a_damaged_store_is_refused_and_after_wiping_an_empty_one_opens() -> Tested {
        let parent = tempfile::tempdir()?;
        let dir = parent.path().join("store");
        assert_eq!(SledStore::wipe(&dir)?, None);
        for number in 1..3 {
            filled(&dir)?;
            std::fs::write(dir.join("conf"), b"not a configuration of sled's")?;
            assert!(matches!(SledStore::open(&dir), Err(StoreError::Unopenable(_))));
            let away = SledStore::wipe(&dir)?;
            assert_eq!(away, Some(parent.path().join(format!("store.damaged-{number}"))));
            assert_eq!(SledStore::open(&dir)?.scan(b"", &prefix_end(b""), 9)?, []);
        }
        Ok(())
    }

    #[test]
    fn damaged_pages_come_out_as_errors_and_not_as_panics() -> Tested {
        let parent = tempfile::tempdir()?;
        let dir = parent.path().join("store");
        filled(&dir)?;
        let whole = SledStore::open(&dir)?.scan(b"", &prefix_end(b""), 9999)?;
        let db = std::fs::read(dir.join("db"))?;
        let mut met = 0;
        // One bit in every 4 KiB, at another offset each time: most of the file is superseded pages, where a
        // single bit harms nothing.
        for place in (0..4096).step_by(700) {
            let mut bytes = db.clone();
            bytes.iter_mut().skip(place).step_by(4096).for_each(|byte| *byte ^= 0x40);
            std::fs::write(dir.join("db"), &bytes)?;
            // What sled does not notice is found by comparing positions with the record.
            let read = SledStore::open(&dir).and_then(|store| store.scan(b"", &prefix_end(b""), 9999));
            assert!(
                matches!(read, Ok(_) | Err(StoreError::Unopenable(_) | StoreError::Damaged(_))),
                "{place}"
            );
            // Rows that are gone without a word count as met too: that they are missed is the record's business.
            met += usize::from(read.ok().as_ref() != Some(&whole));
            SledStore::wipe(&dir)?;
            filled(&dir)?;
        }
        assert!(met > 0);
        Ok(())
    }

    #[test]
    fn a_panic_inside_sled_closes_the_store_and_comes_out_as_damage() -> Tested {
        let dir = tempfile::tempdir()?;
        let store = SledStore::open(dir.path())?;
        let broken = store.call(|_| -> ::sled::Result<()> { std::panic::resume_unwind(Box::new("page")) });
        assert!(matches!(broken, Err(StoreError::Damaged(why)) if why == "page"));
        assert!(matches!(store.get(b"a"), Err(StoreError::Damaged(_))));
        Ok(())
    }
}
