//! The guard: the highest (size, root) this node ever signed or cosigned, for each origin.
//!
//! A file of its own, never part of a backup: a node restored from an old copy still knows what it must not
//! contradict. [`Guard::raise`] comes after the record holds what is to be signed and before a signature
//! leaves. Refuses a smaller size, and another root at the same size. Leaves to its caller: checking that the
//! new root extends the old one (a consistency proof).
//!
//! The file is a row of cells of 128 bytes, so that none crosses a disk sector (512 bytes) and each is written
//! wholly or not at all; integers are little-endian, unused bytes 0.
//!
//! | offset | bytes | mark (the first cell is `GSGUARD1`, inode and time of birth of the file, zeros, the same checksum) |
//! | ---: | ---: | --- |
//! | 0 | 32 | origin |
//! | 32 | 8 | size |
//! | 40 | 32 | root |
//! | 72 | 8 | number of the raise, from 1 |
//! | 80 | 8 | marks of this raise still to come |
//! | 88 | 36 | zeros |
//! | 124 | 4 | CRC-32 of bytes 0..124 |
//!
//! A crash in a raise leaves its cells absent, cut short or zero. The raise was not acknowledged, so it is cut,
//! whole. Anything else is damage: a cell that is neither valid nor zero, or a mark of a later raise behind an
//! incomplete one. When the file is large and mostly superseded it is written anew beside itself and renamed.

use self::place::{NOWHERE, Place, header, place_of, read_header};
use super::{disk, sync_dir};
use crate::bytes::{LayoutError, Reader};
use crate::digest::Digest;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const CELL_BYTES: usize = 128;
const CHECKED_BYTES: usize = CELL_BYTES - 4;
const MAGIC: &[u8] = b"GSGUARD1";
/// Rewriting begins at this file size, in bytes: 8,191 marks, about two months of a checkpoint every ten minutes.
const COMPACT_BYTES: u64 = 1024 * 1024;

/// A tree head: how large, and its root hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Leaves in the tree.
    pub size: u64,
    /// Root hash at that size.
    pub root: Digest,
}

/// Why the guard does not let a signature leave.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// There is no guard here. Do not create one for a key that has signed before: ask the neighbours first.
    #[error("{}: no guard here", .0.display())]
    NotFound(PathBuf),
    /// `create` found a guard.
    #[error("{}: a guard is already here", .0.display())]
    AlreadyThere(PathBuf),
    /// Signing would contradict what was signed. Nothing was written.
    #[error("origin {origin}: signed at size {}, refusing size {}", held.size, asked.size)]
    WouldFork {
        /// Whose log.
        origin: Digest,
        /// What was signed.
        held: Mark,
        /// What was to be signed.
        asked: Mark,
    },
    /// Bytes that were once durable are not what was written.
    #[error("{}: damaged at byte {offset}", path.display())]
    Damaged {
        /// The guard's file.
        path: PathBuf,
        /// Offset of the cell that is wrong, in bytes.
        offset: u64,
    },
    /// The disk is full. Nothing was raised; works again once there is room.
    #[error("the disk is full; nothing may be signed")]
    Full,
    /// Reading, writing or syncing failed. After a failed raise the process must exit.
    #[error("guard: {0}")]
    Io(#[from] io::Error),
    /// An earlier raise failed, so what is on disk is unknown: nothing may be signed, the process must exit.
    #[error("an earlier write to the guard failed; restart to find out what it holds")]
    Poisoned,
}

/// The guard of one node. One writer.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    file: File,
    marks: BTreeMap<Digest, Mark>,
    raise: u64,
    bytes: u64,
    compact_bytes: u64,
    poisoned: bool,
    /// The file says that it was written elsewhere: it is a copy, or stands in for one that was lost.
    unsure: bool,
}

impl Guard {
    /// Creates an empty guard, durably.
    ///
    /// # Errors
    /// [`GuardError::AlreadyThere`], [`GuardError::Full`], [`GuardError::Io`].
    pub fn create(path: &Path) -> Result<Self, GuardError> {
        if path.try_exists()? {
            return Err(GuardError::AlreadyThere(path.to_path_buf()));
        }
        // If we stop before the rename, no guard is here, and create begins again.
        let file = write_anew(path, &BTreeMap::new(), 0, None).map_err(from_write)?;
        rename_anew(path)?;
        Ok(Self::with(path, file, BTreeMap::new(), 0, CELL_BYTES as u64))
    }

    /// Creates an empty guard in the stead of one that was lost, durably: it is unsure until the neighbours were asked.
    ///
    /// # Errors
    /// As [`Guard::create`].
    pub fn create_unsure(path: &Path) -> Result<Self, GuardError> {
        if path.try_exists()? {
            return Err(GuardError::AlreadyThere(path.to_path_buf()));
        }
        let file = write_anew(path, &BTreeMap::new(), 0, Some(NOWHERE)).map_err(from_write)?;
        rename_anew(path)?;
        Ok(Self { unsure: true, ..Self::with(path, file, BTreeMap::new(), 0, CELL_BYTES as u64) })
    }

    /// The highest marks, by origin.
    pub const fn marks(&self) -> &BTreeMap<Digest, Mark> {
        &self.marks
    }

    /// True when the marks may be old: the file is a copy, or stands in for a lost one.
    pub const fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// Makes the marks this place's own: the neighbours have said what was signed.
    ///
    /// # Errors
    /// [`GuardError::Full`], [`GuardError::Io`]: it stays unsure.
    pub fn settle_here(&mut self) -> Result<(), GuardError> {
        // If we stop before the rename, the old file stands and is as unsure as it was.
        let file = write_anew(&self.path, &self.marks, self.raise, None).map_err(from_write)?;
        if let Err(error) = rename_anew(&self.path) {
            self.poisoned = true;
            return Err(error.into());
        }
        self.bytes = (1 + self.marks.len() as u64) * CELL_BYTES as u64;
        (self.file, self.unsure) = (file, false);
        Ok(())
    }

    /// Opens a guard and cuts a raise that was interrupted.
    ///
    /// # Errors
    /// [`GuardError::NotFound`], [`GuardError::Damaged`], [`GuardError::Io`].
    pub fn open(path: &Path) -> Result<Self, GuardError> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(GuardError::NotFound(path.to_path_buf()));
            }
            other => other?,
        };
        disk::settle(&file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let found =
            scan(&bytes).map_err(|offset| GuardError::Damaged { path: path.to_path_buf(), offset })?;
        if found.bytes < bytes.len() as u64 {
            file.set_len(found.bytes)?;
            file.sync_all()?;
        }
        // A leftover of an interrupted rewriting; the next one would overwrite it anyway.
        let _ = std::fs::remove_file(beside(path));
        let unsure = found.place != (0, 0) && found.place != place_of(&file)?;
        Ok(Self { unsure, ..Self::with(path, file, found.marks, found.raise, found.bytes) })
    }

    fn with(path: &Path, file: File, marks: BTreeMap<Digest, Mark>, raise: u64, bytes: u64) -> Self {
        let path = path.to_path_buf();
        Self { path, file, marks, raise, bytes, compact_bytes: COMPACT_BYTES, poisoned: false, unsure: false }
    }

    /// The highest mark of an origin.
    pub fn mark(&self, origin: &Digest) -> Option<Mark> {
        self.marks.get(origin).copied()
    }

    /// Raises marks `(origin, size, root)`, all or none; durable when it returns. A mark that stands already is
    /// fine; when none is higher, nothing is written.
    ///
    /// # Errors
    /// [`GuardError::WouldFork`] and [`GuardError::Full`]: nothing was raised. [`GuardError::Io`]: unknown,
    /// and every later raise is [`GuardError::Poisoned`].
    pub fn raise(&mut self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        let mut higher = self.check(marks)?;
        if higher.is_empty() {
            return Ok(());
        }
        let cells = raise_cells(&higher, self.raise + 1);
        // If we stop in here, all the marks may stand although nothing was signed: signing the same is still fine.
        self.write(&cells)?;
        self.raise += 1;
        self.bytes += cells.len() as u64;
        self.marks.append(&mut higher);
        self.compact()
    }

    /// Which marks would be raised; writes nothing.
    ///
    /// # Errors
    /// As [`Guard::raise`].
    pub fn check(&self, marks: &[(Digest, u64, Digest)]) -> Result<BTreeMap<Digest, Mark>, GuardError> {
        if self.poisoned {
            return Err(GuardError::Poisoned);
        }
        let mut higher: BTreeMap<Digest, Mark> = BTreeMap::new();
        for &(origin, size, root) in marks {
            let asked = Mark { size, root };
            match higher.get(&origin).or_else(|| self.marks.get(&origin)).copied() {
                Some(held) if held == asked => {}
                Some(held) if held.size >= size => return Err(GuardError::WouldFork { origin, held, asked }),
                _ => {
                    higher.insert(origin, asked);
                }
            }
        }
        Ok(higher)
    }

    fn write(&mut self, cells: &[u8]) -> Result<(), GuardError> {
        let written = self.file.write_all_at(cells, self.bytes);
        let synced = match &written {
            Ok(()) => self.file.sync_data(),
            Err(_) => self.file.set_len(self.bytes).and_then(|()| self.file.sync_all()),
        };
        let refused = written.map_err(from_write);
        self.poisoned = synced.is_err() || matches!(refused, Err(GuardError::Io(_)));
        synced?;
        refused
    }

    /// Rewrites the file when it is large and most of its cells are superseded.
    fn compact(&mut self) -> Result<(), GuardError> {
        let live_bytes = (1 + self.marks.len() as u64) * CELL_BYTES as u64;
        if self.bytes <= self.compact_bytes || live_bytes * 2 > self.bytes {
            return Ok(());
        }
        // If we stop before the rename, the old file holds everything. Room may be short: it is tried again
        // when the file has doubled.
        let place = self.unsure.then_some(NOWHERE);
        let Ok(file) = write_anew(&self.path, &self.marks, self.raise, place) else {
            self.compact_bytes = self.bytes.saturating_mul(2);
            return Ok(());
        };
        // Unless the rename is durable, later raises might go to a file that a power cut takes back.
        if let Err(error) = rename_anew(&self.path) {
            self.poisoned = true;
            return Err(error.into());
        }
        (self.file, self.bytes, self.compact_bytes) = (file, live_bytes, COMPACT_BYTES);
        Ok(())
    }
}

fn from_write(error: io::Error) -> GuardError {
    if disk::is_full(&error) { GuardError::Full } else { GuardError::Io(error) }
}

fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// Writes header and marks to the file beside `path`, synced. It says where it is, or the place that it is given.
fn write_anew(
    path: &Path,
    marks: &BTreeMap<Digest, Mark>,
    raise: u64,
    place: Option<Place>,
) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(beside(path))?;
    let mut bytes = header(place.map_or_else(|| place_of(&file), Ok)?);
    bytes.extend(raise_cells(marks, raise));
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    Ok(file)
}

fn rename_anew(path: &Path) -> io::Result<()> {
    std::fs::rename(beside(path), path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// `content`, zeros, and the checksum.
fn cell(content: &[u8]) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(CHECKED_BYTES, 0);
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The marks of one raise, as they stand on disk.
fn raise_cells(marks: &BTreeMap<Digest, Mark>, raise: u64) -> Vec<u8> {
    let left = (0..marks.len() as u64).rev();
    marks.iter().zip(left).flat_map(|((origin, mark), left)| mark_cell(origin, mark, raise, left)).collect()
}

fn mark_cell(origin: &Digest, mark: &Mark, raise: u64, left: u64) -> Vec<u8> {
    let mut content = origin.as_bytes().to_vec();
    content.extend_from_slice(&mark.size.to_le_bytes());
    content.extend_from_slice(mark.root.as_bytes());
    content.extend_from_slice(&raise.to_le_bytes());
    content.extend_from_slice(&left.to_le_bytes());
    cell(&content)
}

struct Cell {
    origin: Digest,
    mark: Mark,
    raise: u64,
    left: u64,
}

fn read_cell(bytes: &[u8]) -> Option<Cell> {
    let fields = |reader: &mut Reader<'_>| -> Result<Cell, LayoutError> {
        let origin = reader.digest("origin")?;
        let size = u64::from_le_bytes(reader.array("size")?);
        let mark = Mark { size, root: reader.digest("root")? };
        let raise = u64::from_le_bytes(reader.array("raise")?);
        Ok(Cell { origin, mark, raise, left: u64::from_le_bytes(reader.array("left")?) })
    };
    let found = fields(&mut Reader::new(bytes)).ok()?;
    (mark_cell(&found.origin, &found.mark, found.raise, found.left) == bytes).then_some(found)
}

struct Found {
    place: Place,
    marks: BTreeMap<Digest, Mark>,
    raise: u64,
    bytes: u64,
}

/// What the file holds, without an interrupted raise; or the offset of damage.
fn scan(bytes: &[u8]) -> Result<Found, u64> {
    let (first, rest) = bytes.split_at_checked(CELL_BYTES).ok_or(0_u64)?;
    let place = read_header(first).ok_or(0_u64)?;
    let mut found = Found { place, marks: BTreeMap::new(), raise: 0, bytes: CELL_BYTES as u64 };
    let mut pending: Vec<Cell> = Vec::new();
    let mut at = CELL_BYTES as u64;
    // Set when a cell is missing: the raise that follows the last whole one was interrupted.
    let mut hole = None;
    for bytes in rest.chunks(CELL_BYTES) {
        // A cell cut short can only be the file's last; a whole one that never arrived is zero.
        if bytes.len() < CELL_BYTES || bytes.iter().all(|&byte| byte == 0) {
            hole.get_or_insert(at);
        } else {
            let mark = read_cell(bytes).ok_or(at)?;
            // After a rewriting the first raise in the file has any number.
            if mark.raise != found.raise + 1 && (found.raise != 0 || hole.is_some()) {
                return Err(hole.unwrap_or(at));
            }
            if hole.is_none() {
                if pending.last().is_some_and(|last| (last.raise, last.left) != (mark.raise, mark.left + 1)) {
                    return Err(at);
                }
                pending.push(mark);
            }
        }
        at += bytes.len() as u64;
        if hole.is_none() && pending.last().is_some_and(|last| last.left == 0) {
            found.raise = pending.last().map_or(0, |last| last.raise);
            found.marks.extend(pending.drain(..).map(|cell| (cell.origin, cell.mark)));
            found.bytes = at;
        }
    }
    Ok(found)
}

mod place;
#[cfg(test)]
mod tests;
