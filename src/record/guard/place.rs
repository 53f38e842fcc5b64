//! Where a guard lies: its file remembers, so that a copy of a directory is known for one.

use super::{MAGIC, cell};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Where a file was made: its inode and when that was born, in nanoseconds since 1970 (0 where that is not known). A
/// copy has others.
pub(super) type Place = (u64, u64);

/// The place of a guard that was made in the stead of a lost one.
pub(super) const NOWHERE: Place = (u64::MAX, u64::MAX);

pub(super) fn place_of(file: &File) -> io::Result<Place> {
    let found = file.metadata()?;
    let born = found.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(0));
    Ok((found.ino(), born))
}

pub(super) fn header((inode, born): Place) -> Vec<u8> {
    cell(&[MAGIC, &inode.to_le_bytes(), &born.to_le_bytes()].concat())
}

/// The place in a header. Headers of the first builds have none.
pub(super) fn read_header(bytes: &[u8]) -> Option<Place> {
    let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let place = (number(8)?, number(16)?);
    (header(place) == bytes).then_some(place)
}
