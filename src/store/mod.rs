//! The store: packages' tables and every index, in one ordered map of bytes, rebuilt from the record.
//!
//! Promises: a batch is committed wholly or not at all with respect to readers and to a killed process; a
//! read that meets damage says so. Does not promise that a commit survives a power cut: the record does, and
//! the position applied is committed in the same batch, so that what is missing is replayed. Leaves to its
//! callers: what keys mean, replaying, and rebuilding when the store cannot be opened.
//!
//! - `overlay` the store as it will be once a batch is committed
//! - `memory` the reference; `sled` the store on disk

pub mod layout;
mod memory;
mod overlay;
mod sled;

#[cfg(test)]
mod conformance;

pub use self::sled::SledStore;
pub use memory::MemoryStore;
pub use overlay::Overlay;

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::io;
use std::ops::Bound;

/// Longest key, in bytes: the longest of ours is a few digests and numbers. Bounded so that [`prefix_end`] has
/// an answer for every prefix.
pub const KEY_BYTES_MAX: usize = 512;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Why the store cannot do what was asked. All are local faults.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is in a state that its engine does not open: move it away ([`SledStore::wipe`]) and rebuild.
    #[error("the store cannot be opened ({0}); it will be rebuilt from the record")]
    Unopenable(String),
    /// A read or write met damage. The store answers nothing more: move it away and rebuild.
    #[error("the store is damaged ({0}); it must be rebuilt from the record")]
    Damaged(String),
    /// The disk is full: make room and try again. Nothing is lost, nothing needs rebuilding.
    #[error("the disk is full")]
    Full,
    /// A key over [`KEY_BYTES_MAX`]. Nothing of the batch was committed.
    #[error("a key of {bytes} bytes, at most {KEY_BYTES_MAX} are allowed")]
    KeyTooLong {
        /// Bytes given.
        bytes: usize,
    },
    /// Reading or writing failed for another reason; the store may be fine.
    #[error("store: {0}")]
    Io(#[from] io::Error),
}

/// Reading an ordered map of bytes. Ranges run from `from` to just below `until`; one whose ends are equal or
/// crossed is empty.
pub trait Read: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Io`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first `limit` entries of the range, ascending.
    ///
    /// # Errors
    /// As [`Read::get`].
    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The last `limit` entries of the range, descending from just below `until`.
    ///
    /// # Errors
    /// As [`Read::get`].
    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError>;
}

/// A map that can be changed, a batch at a time.
pub trait Store: Read {
    /// Commits a batch: readers see all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError::KeyTooLong`] and [`StoreError::Full`] (nothing committed), [`StoreError::Damaged`],
    /// [`StoreError::Io`].
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Hands everything committed to the operating system, so that less need be replayed after a crash.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn flush(&self) -> Result<(), StoreError>;

    /// Keeps an image of what the facts applied so far give, in place of the one before. It may be lost at any time.
    ///
    /// # Errors
    /// As [`Store::commit`]; the one before may be lost then too.
    fn keep_image(&self, image: &[u8]) -> Result<(), StoreError>;

    /// The image that was kept last; none when there is none, or it is lost. Whoever reads it checks that it is whole.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    fn image(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// False once damage was met: nothing is answered any more, and a new one must be built.
    fn is_sound(&self) -> bool {
        true
    }
}

/// Puts and deletes to be committed together. A later operation on a key replaces an earlier one.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    operations: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// A batch of nothing.
    pub fn new() -> Self {
        Self::default()
    }
    /// Sets a key's value.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.operations.insert(key.into(), Some(value.into()));
    }
    /// Removes a key; fine if it is not there.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.operations.insert(key.into(), None);
    }
    /// What the batch does to a key: `None` nothing, `Some(None)` deletes it, `Some(Some(value))` sets it.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.operations.get(key).map(Option::as_deref)
    }
    /// True when the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
    /// How many keys the batch touches.
    pub fn len(&self) -> usize {
        self.operations.len()
    }
    /// Does `other` after this.
    pub fn merge(&mut self, other: Self) {
        self.operations.extend(other.operations);
    }
    /// The operations by ascending key; `None` deletes.
    pub fn iter(&self) -> Operations<'_> {
        Operations(self.operations.iter())
    }
    /// The operations on keys from `from` to below `until`, ascending; empty if these are equal or crossed.
    fn range<'a>(&'a self, from: &[u8], until: &[u8]) -> btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>> {
        // BTreeMap panics on a crossed range.
        let until = until.max(from);
        self.operations.range::<[u8], _>((Bound::Included(from), Bound::Excluded(until)))
    }
    /// Refuses keys that no store takes.
    fn check(&self) -> Result<(), StoreError> {
        let longest = self.operations.keys().map(Vec::len).max().unwrap_or(0);
        if longest > KEY_BYTES_MAX { Err(StoreError::KeyTooLong { bytes: longest }) } else { Ok(()) }
    }
}

/// The operations of a [`Batch`] by ascending key: a key, and its value or `None` for a delete.
#[derive(Debug, Clone)]
pub struct Operations<'a>(btree_map::Iter<'a, Vec<u8>, Option<Vec<u8>>>);

impl<'a> Iterator for Operations<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = (&'a [u8], Option<&'a [u8]>);
    type IntoIter = Operations<'a>;
    fn into_iter(self) -> Operations<'a> {
        self.iter()
    }
}

/// The smallest key greater than every key with the prefix: the `until` of a scan over the prefix.
///
/// For a prefix of nothing but 0xff (the empty one too) no key is greater; the answer is then longer than any
/// key may be and greater than all of them.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; KEY_BYTES_MAX + 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_key_without_it() {
        assert_eq!(prefix_end(b"ab"), b"ac");
        assert_eq!(prefix_end(&[1, 255, 255]), [2]);
        for prefix in [&[][..], &[255], &[255; KEY_BYTES_MAX]] {
            assert!(prefix_end(prefix) > vec![255; KEY_BYTES_MAX]);
        }
    }

    #[test]
    fn the_last_operation_on_a_key_is_the_one_that_counts() {
        let mut batch = Batch::new();
        assert!(batch.is_empty());
        batch.put("b", "1");
        batch.delete("a");
        let mut other = Batch::new();
        other.delete("b");
        other.put("a", "2");
        batch.merge(other);
        let operations: Vec<_> = batch.iter().collect();
        assert_eq!(operations, [(&b"a"[..], Some(&b"2"[..])), (b"b", None)]);
        assert_eq!((batch.get(b"b"), batch.get(b"c")), (Some(None), None));
    }
}
