//! The record: what an acknowledgement means.
//!
//! Everything a node answers for stands here first, durably, in the order in which it was taken in; every
//! index is rebuilt from it. Two streams of frames: [`Stream::Facts`] (statements, leaves, receipts) is kept
//! for ever, [`Stream::Bodies`] lives in files of its own because bodies may be erased.
//!
//! Promises: when [`Record::append`] has returned, the batch survives a crash and a power cut; the bodies of
//! a batch are synced before its facts are written, so a fact never names a body that a crash could lose;
//! after a crash each stream holds whole batches only. Leaves to its caller: what the bytes mean, grouping
//! many requests into one batch (one sync a stream and batch), and exiting when a write failed.
//!
//! - `segment` the layout of the files: framing, scanning, torn tail against damage
//! - `files` the record on a local disk; `memory` the one for the simulator
//! - `inspect` all that is sound in damaged files, and where the damage is
//! - `guard` the highest size and root ever signed; `lock` one process a directory; `disk` syncing, space

mod disk;
mod files;
mod guard;
mod inspect;
mod lock;
mod memory;
pub mod segment;

pub(crate) use disk::sync_dir;
pub use disk::{Room, free_bytes, give_back, room, set_aside};
pub use files::{FileRecord, Opened, SEGMENT_BYTES};
pub use guard::{Guard, GuardError, Mark};
pub use inspect::{Damage, Inspection, Sound, inspect};
pub use lock::{DirLock, LockError};
pub use memory::{MemoryRecord, Stop};

use serde::{Deserialize, Serialize};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Largest payload of one frame, in bytes. A chunk of a body is 64 KiB, a statement 171 bytes and a card at
/// most 4 KiB, so this holds sixteen chunks; small enough that reading one frame never strains a town's machine.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Largest encoding of one stream's part of a batch, in bytes: it is held in memory to be written at once.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Kind of a frame that was erased; its payload is zeros.
pub const BLANK_KIND: u8 = 0;

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Statements, leaves, receipts: kept for ever.
    Facts,
    /// Bodies: may be erased.
    Bodies,
}

impl Stream {
    /// The name of the stream's directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Bodies => "bodies",
        }
    }
    /// The byte that stands for the stream in a segment's header.
    const fn code(self) -> u8 {
        match self {
            Self::Facts => 0,
            Self::Bodies => 1,
        }
    }
}

/// One entry of a stream. The record does not look inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the payload is; its table belongs to the caller.
    pub kind: u8,
    /// The bytes as received, at most [`FRAME_BYTES_MAX`].
    pub payload: Vec<u8>,
}

/// How many frames of each stream come before a point: the index of the next frame.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Position {
    /// Frames of [`Stream::Facts`].
    pub facts: u64,
    /// Frames of [`Stream::Bodies`].
    pub bodies: u64,
}

/// What is appended together: each stream's part is kept wholly or not at all, and facts never without bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Written and synced first.
    pub bodies: Vec<Frame>,
    /// Written when the bodies are durable.
    pub facts: Vec<Frame>,
}

/// Why the record cannot do what was asked. All are local faults.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is no record here; `init` or `join` creates one, nothing else does.
    #[error("{}: no record here", .0.display())]
    Missing(PathBuf),
    /// `create` found a record.
    #[error("{}: a record is already here", .0.display())]
    AlreadyThere(PathBuf),
    /// The disk is full. Nothing of the batch was kept; appending works again once there is room.
    #[error("the disk is full; nothing of the batch was kept")]
    Full,
    /// A frame over [`FRAME_BYTES_MAX`] or a batch over [`BATCH_BYTES_MAX`]. Nothing was written.
    #[error("{bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Bytes given (for a batch: encoded).
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Bytes that were once durable are not what was written. Never returned for a torn tail.
    #[error("{}: damaged at byte {offset}", segment.display())]
    Damaged {
        /// The segment file.
        segment: PathBuf,
        /// Offset of the first frame that is wrong, in bytes; 0 is the file's header.
        offset: u64,
    },
    /// A replay was asked from beyond the end: whoever asks has seen more than this record holds.
    #[error("the record ends at {end:?}, before {asked:?}")]
    Beyond {
        /// The position asked for.
        asked: Position,
        /// The record's end.
        end: Position,
    },
    /// Reading, writing or syncing failed. After a failed write or sync the process must exit.
    #[error("record: {0}")]
    Io(#[from] io::Error),
    /// An earlier write or sync failed, so what is on disk is unknown: nothing more is taken, the process must exit.
    #[error("an earlier write to the record failed; restart to find out what it holds")]
    Poisoned,
}

/// Receives the frames of a replay: stream, index in the stream, frame. `Break` ends the replay.
pub type Visit<'a> = dyn FnMut(Stream, u64, Frame) -> ControlFlow<()> + 'a;

/// An append-only, durable sequence of frames in two streams, with one writer.
pub trait Record: Send {
    /// Appends a batch; durable when it returns, and the end is then the position returned.
    ///
    /// # Errors
    /// [`RecordError::Full`] and [`RecordError::TooLarge`]: nothing was kept, the record works on.
    /// [`RecordError::Io`]: unknown what was kept, and every later append is [`RecordError::Poisoned`].
    fn append(&mut self, batch: &Batch) -> Result<Position, RecordError>;

    /// The end of what is durable.
    fn end(&self) -> Position;

    /// How much room there is for what is to be appended.
    fn room(&self) -> Room {
        Room::Enough
    }

    /// Blanks every frame of [`Stream::Bodies`] that `is_erased` says so of, durably: nothing of its payload is left.
    /// Indices of all frames stay. How many were blanked; doing it again finds none.
    ///
    /// # Errors
    /// [`RecordError::Damaged`], [`RecordError::Full`], [`RecordError::Io`]: some may be blanked, none is harmed.
    fn erase(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError>;

    /// Visits all bodies from `from.bodies`, then all facts from `from.facts`, each in order, to the end.
    ///
    /// # Errors
    /// [`RecordError::Beyond`], [`RecordError::Damaged`] at the first frame that is not what was written,
    /// [`RecordError::Io`].
    fn replay(&self, from: Position, visit: &mut Visit<'_>) -> Result<(), RecordError>;
}

/// Refuses what no record takes.
fn check_size(frames: &[Frame]) -> Result<(), RecordError> {
    let largest = frames.iter().map(|frame| frame.payload.len()).max().unwrap_or(0);
    let encoded = segment::encoded_bytes(frames);
    for (bytes, limit) in [(largest, FRAME_BYTES_MAX), (encoded, BATCH_BYTES_MAX)] {
        if bytes > limit {
            return Err(RecordError::TooLarge { bytes, limit });
        }
    }
    Ok(())
}
