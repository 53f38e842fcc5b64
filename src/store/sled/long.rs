//! Long values of the store on disk: in a file of their own, with a pointer in their place.
//!
//! sled decides what to keep in memory by how many pages were looked at, not by their bytes: a hundred megabytes in
//! values of 64 KiB stay in memory, read or written. And it writes a page whole, with all its values, when ten changes to it
//! have come together. In this file a value costs the kernel's cache and nothing of ours, and is written once.
//!
//! Promises: what a pointer names is what was written, or reading it says that it is damaged. Does not promise that a
//! value survives a power cut: the store does not either, and is rebuilt from the record. Values that are replaced or
//! deleted leave a hole until then.

use crate::store::StoreError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A longer value goes into the file: a full tile, the longest value that is often written anew, has 8 KiB.
pub(super) const INLINE_BYTES_MAX: usize = 16 * 1024;
/// Bytes that may be written before they are synced: what a power cut can take with it.
const UNSYNCED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The file.
const NAME: &str = "long";
/// Bytes at its beginning, drawn when it is created, by which pointers are known: nobody outside can write a value that
/// looks like one.
const MARK_BYTES: usize = 8;
/// Mark, offset u64, length u32, CRC-32 of the value.
pub(super) const POINTER_BYTES: usize = MARK_BYTES + 16;

/// The file.
pub(super) struct Long {
    file: File,
    mark: [u8; MARK_BYTES],
    end: Mutex<End>,
}

struct End {
    offset: u64,
    unsynced: u64,
}

impl Long {
    /// Opens the file in `dir`; none when it is not the one with the mark that is known, which it must then have.
    /// Without one it is created.
    pub(super) fn open(dir: &Path, known: Option<&[u8]>) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(dir.join(NAME))?;
        let mut offset = file.metadata()?.len();
        let mut mark = [0; MARK_BYTES];
        if offset >= MARK_BYTES as u64 {
            file.read_exact_at(&mut mark, 0)?;
        } else if known.is_none() {
            draw(&mut mark)?;
            file.write_all_at(&mark, 0)?;
            file.sync_all()?;
            offset = MARK_BYTES as u64;
        }
        let is_it = known.is_none_or(|known| known == mark);
        Ok(is_it.then(|| Self { file, mark, end: Mutex::new(End { offset, unsynced: 0 }) }))
    }

    /// The mark by which its pointers are known.
    pub(super) const fn mark(&self) -> &[u8] {
        &self.mark
    }

    /// Writes a value; the pointer that stands for it.
    pub(super) fn keep(&self, value: &[u8]) -> io::Result<Vec<u8>> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let length = u32::try_from(value.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.file.write_all_at(value, end.offset)?;
        end.unsynced += u64::from(length);
        if end.unsynced > UNSYNCED_BYTES_MAX {
            self.file.sync_data()?;
            end.unsynced = 0;
        }
        let mut pointer = Vec::with_capacity(POINTER_BYTES);
        pointer.extend_from_slice(&self.mark);
        pointer.extend_from_slice(&end.offset.to_be_bytes());
        pointer.extend_from_slice(&length.to_be_bytes());
        pointer.extend_from_slice(&crc32fast::hash(value).to_be_bytes());
        end.offset += u64::from(length);
        Ok(pointer)
    }

    /// The value that stands in the store, or the one that it points to.
    pub(super) fn resolve(&self, stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        let pointer =
            stored.strip_prefix(self.mark.as_slice()).filter(|rest| rest.len() + MARK_BYTES == POINTER_BYTES);
        let Some((offset, rest)) = pointer.and_then(<[u8]>::split_first_chunk::<8>) else {
            return Ok(stored.to_vec());
        };
        let damaged = || StoreError::Damaged("a long value".to_owned());
        let (length, checksum) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (offset, length) = (u64::from_be_bytes(*offset), u32::from_be_bytes(*length));
        if offset.saturating_add(u64::from(length)) > self.file.metadata()?.len() {
            return Err(damaged());
        }
        let mut value = vec![0; length as usize];
        self.file.read_exact_at(&mut value, offset)?;
        if crc32fast::hash(&value).to_be_bytes() != *checksum {
            return Err(damaged());
        }
        Ok(value)
    }

    /// Hands everything to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.sync_data()?;
        end.unsynced = 0;
        Ok(())
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the mark of a file: it must not be guessable, and nothing else depends on it"
)]
fn draw(mark: &mut [u8]) -> io::Result<()> {
    getrandom::fill(mark).map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back_after_opening_again_and_damage_is_seen() -> Result<(), StoreError> {
        let dir = tempfile::tempdir()?;
        let Some(long) = Long::open(dir.path(), None)? else { return Err(StoreError::Full) };
        let mark = long.mark().to_vec();
        let pointers = [vec![1; 40_000], vec![2; 70_000]].map(|value| long.keep(&value));
        let [Ok(first), Ok(second)] = pointers else { return Err(StoreError::Full) };
        drop(long);
        assert!(Long::open(dir.path(), Some(&[0; MARK_BYTES]))?.is_none(), "another file");
        let Some(long) = Long::open(dir.path(), Some(&mark))? else { return Err(StoreError::Full) };
        assert_eq!(long.resolve(&first)?, vec![1; 40_000]);
        assert_eq!(long.resolve(&second)?, vec![2; 70_000]);
        assert_eq!(long.resolve(b"short")?, b"short");
        assert_eq!(long.resolve(&[0; POINTER_BYTES])?, [0; POINTER_BYTES], "no pointer of ours");
        let file = OpenOptions::new().write(true).open(dir.path().join(NAME))?;
        file.write_all_at(&[9], 50_000)?;
        assert_eq!(long.resolve(&first)?, vec![1; 40_000]);
        assert!(matches!(long.resolve(&second), Err(StoreError::Damaged(_))));
        file.set_len(1_000)?;
        assert!(Long::open(dir.path(), Some(&mark))?.is_some());
        assert!(matches!(long.resolve(&first), Err(StoreError::Damaged(_))));
        Ok(())
    }
}
