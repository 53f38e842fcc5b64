//! The record on a local disk: `facts/` and `bodies/`, each a row of segments (layout: [`super::segment`]).
//!
//! Promises what [`Record`] promises, on any file system that honours `fdatasync` and directory syncs. Only
//! the last segment of a stream is scanned at opening; the others are verified when they are replayed. Leaves
//! to its caller: one process at a time ([`super::DirLock`]), and to exit on [`RecordError::Io`] from an append.

use super::segment::{
    SEGMENT_HEADER_BYTES, Scanner, SegmentHeader, Step, encode_batch, encoded_bytes, later_batch_follows,
};
use super::{Batch, Frame, Position, Record, RecordError, Room, Stream, Visit, check_size, disk, sync_dir};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A segment is ended when a batch would take it beyond this many bytes: large enough that a decade of a
/// province is some hundred files, small enough that the scan at opening stays under a second.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Largest size a segment may be set to, in bytes, so that offsets in it fit 32 bits with a batch on top.
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What opening found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes of batches that were never acknowledged and are cut off, both streams together. Worth a line in
    /// the log: after a clean stop it is 0.
    pub cut_bytes: u64,
}

/// The record in files.
#[derive(Debug)]
pub struct FileRecord {
    facts: Segments,
    bodies: Segments,
    segment_bytes: u64,
    /// Bytes of the file system that new work leaves free.
    floor: u64,
    poisoned: bool,
}

impl FileRecord {
    /// Creates an empty record in `dir`, which is created if its parent exists. Finishes what an interrupted
    /// `create` began.
    ///
    /// # Errors
    /// [`RecordError::AlreadyThere`], [`RecordError::Full`], [`RecordError::Io`].
    pub fn create(dir: &Path) -> Result<Self, RecordError> {
        match Self::open(dir) {
            Err(RecordError::Missing(_)) => {}
            Ok(_) | Err(RecordError::Damaged { .. }) => {
                return Err(RecordError::AlreadyThere(dir.to_path_buf()));
            }
            Err(error) => return Err(error),
        }
        disk::create_dir(dir).map_err(from_write)?;
        // If we stop between the two, open says that there is no record, and create begins again: facts, whose
        // presence says that a record is here, come last.
        let bodies = Segments::create(dir, Stream::Bodies)?;
        let facts = Segments::create(dir, Stream::Facts)?;
        Ok(Self { facts, bodies, segment_bytes: SEGMENT_BYTES, floor: 0, poisoned: false })
    }

    /// Opens the record in `dir` and cuts what was never acknowledged.
    ///
    /// # Errors
    /// [`RecordError::Missing`], [`RecordError::Damaged`] in the last segment of a stream, [`RecordError::Io`].
    pub fn open(dir: &Path) -> Result<(Self, Opened), RecordError> {
        let (facts, cut_facts) = Segments::open(dir, Stream::Facts)?;
        let (bodies, cut_bodies) = Segments::open(dir, Stream::Bodies).map_err(|error| match error {
            // Facts are created last, so bodies were here.
            RecordError::Missing(lost) => {
                RecordError::Damaged { segment: lost.join(segment_name(0)), offset: 0 }
            }
            other => other,
        })?;
        let record = Self { facts, bodies, segment_bytes: SEGMENT_BYTES, floor: 0, poisoned: false };
        Ok((record, Opened { cut_bytes: cut_facts + cut_bodies }))
    }

    /// The same record with another size for segments begun from now on, in bytes (at most 1 GiB).
    #[must_use]
    pub fn with_segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes.min(SEGMENT_BYTES_MAX);
        self
    }

    /// The same record, which wants so many bytes of its file system free before it calls the room enough.
    #[must_use]
    pub const fn with_floor(mut self, floor: u64) -> Self {
        self.floor = floor;
        self
    }

    fn write(&mut self, batch: &Batch) -> Result<(), RecordError> {
        // If we stop after the first line, bodies stand that no fact names: harmless, the sender sends again.
        self.bodies.append(&batch.bodies, self.segment_bytes)?;
        self.facts.append(&batch.facts, self.segment_bytes)
    }
}

impl Record for FileRecord {
    fn append(&mut self, batch: &Batch) -> Result<Position, RecordError> {
        if self.poisoned {
            return Err(RecordError::Poisoned);
        }
        for frames in [&batch.bodies, &batch.facts] {
            check_size(frames)?;
        }
        let before = (self.facts.tail(), self.bodies.tail());
        match self.write(batch) {
            Ok(()) => Ok(self.end()),
            Err(RecordError::Full) => {
                // Nothing of the batch was promised. If we stop in here, opening cuts the rest or finds bodies
                // that no fact names.
                let undone = self.facts.cut_back(before.0).and_then(|()| self.bodies.cut_back(before.1));
                self.poisoned = undone.is_err();
                undone.map_or_else(|error| Err(error.into()), |()| Err(RecordError::Full))
            }
            Err(error) => {
                self.poisoned = true;
                Err(error)
            }
        }
    }

    fn end(&self) -> Position {
        Position { facts: self.facts.end, bodies: self.bodies.end }
    }

    fn room(&self) -> Room {
        disk::room(&self.facts.dir, self.floor)
    }

    fn erase(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        self.blank_bodies(is_erased)
    }

    fn replay(&self, from: Position, visit: &mut Visit<'_>) -> Result<(), RecordError> {
        let end = self.end();
        if from.facts > end.facts || from.bodies > end.bodies {
            return Err(RecordError::Beyond { asked: from, end });
        }
        if self.bodies.replay(from.bodies, visit)?.is_continue() {
            let _ = self.facts.replay(from.facts, visit)?;
        }
        Ok(())
    }
}

fn from_write(error: io::Error) -> RecordError {
    if disk::is_full(&error) { RecordError::Full } else { RecordError::Io(error) }
}

/// One stream: its segments, the last of them open for writing.
#[derive(Debug)]
struct Segments {
    stream: Stream,
    dir: PathBuf,
    /// Index of the first frame of each segment, ascending.
    firsts: Vec<u64>,
    last: File,
    salt: u32,
    /// Where the next batch goes in the last segment.
    offset: u64,
    /// Frames in the stream.
    end: u64,
}

/// The end of a stream, to return to when the disk is full.
#[derive(Clone, Copy, Debug)]
struct Tail {
    segment_count: usize,
    offset: u64,
    end: u64,
}

impl Segments {
    fn path(&self, first: u64) -> PathBuf {
        self.dir.join(segment_name(first))
    }

    fn create(record: &Path, stream: Stream) -> Result<Self, RecordError> {
        let dir = record.join(stream.name());
        match Self::open(record, stream) {
            Err(RecordError::Missing(_)) => {}
            Ok((empty, _)) if empty.end == 0 => return Ok(empty),
            Ok(_) | Err(RecordError::Damaged { .. }) => return Err(RecordError::AlreadyThere(dir)),
            Err(error) => return Err(error),
        }
        disk::create_dir(&dir).map_err(from_write)?;
        let (last, salt) = begin_segment(&dir, stream, 0)?;
        Ok(Self { stream, dir, firsts: vec![0], last, salt, offset: SEGMENT_HEADER_BYTES as u64, end: 0 })
    }

    fn open(record: &Path, stream: Stream) -> Result<(Self, u64), RecordError> {
        let dir = record.join(stream.name());
        let mut firsts = list_segments(&dir)?;
        while let Some(&first) = firsts.last() {
            let path = dir.join(segment_name(first));
            let damaged = |offset| RecordError::Damaged { segment: path.clone(), offset };
            let mut last = OpenOptions::new().read(true).write(true).open(&path)?;
            disk::settle(&last)?;
            let bytes = last.metadata()?.len();
            let mut header = Vec::new();
            (&last).take(SEGMENT_HEADER_BYTES as u64).read_to_end(&mut header)?;
            let Some(SegmentHeader { salt, .. }) = SegmentHeader::decode(&header, stream, first) else {
                if bytes > SEGMENT_HEADER_BYTES as u64 {
                    return Err(damaged(0));
                }
                // The header is durable before the first frame is written, so this segment was being begun when
                // we stopped, and holds nothing.
                std::fs::remove_file(&path)?;
                sync_dir(&dir)?;
                firsts.pop();
                continue;
            };
            let (offset, count) = scan_last(&mut last, salt, bytes)?.map_err(damaged)?;
            if offset < bytes {
                // If we stop before this is durable, the next opening cuts the same bytes again.
                last.set_len(offset)?;
                last.sync_all()?;
            }
            let end = first.saturating_add(count);
            return Ok((Self { stream, dir, firsts, last, salt, offset, end }, bytes - offset));
        }
        Err(RecordError::Missing(dir))
    }

    /// Appends the frames as one batch, durable on return.
    fn append(&mut self, frames: &[Frame], segment_bytes: u64) -> Result<(), RecordError> {
        if frames.is_empty() {
            return Ok(());
        }
        let batch_bytes = encoded_bytes(frames) as u64;
        if self.offset > SEGMENT_HEADER_BYTES as u64 && self.offset + batch_bytes > segment_bytes {
            // Everything in the old segment is durable, so from here on it must be whole.
            (self.last, self.salt) = begin_segment(&self.dir, self.stream, self.end)?;
            self.firsts.push(self.end);
            self.offset = SEGMENT_HEADER_BYTES as u64;
        }
        // A segment and a batch together stay far below 4 GiB.
        let offset = u32::try_from(self.offset).map_err(io::Error::other)?;
        let bytes = encode_batch(self.salt, offset, frames);
        // If we stop in here, none or some of the batch is on disk: opening keeps it whole or cuts it.
        self.last.write_all_at(&bytes, self.offset).map_err(from_write)?;
        // A sync that fails for want of room has failed like any other: what reached the disk is unknown.
        self.last.sync_data()?;
        self.offset += batch_bytes;
        self.end += frames.len() as u64;
        Ok(())
    }

    const fn tail(&self) -> Tail {
        Tail { segment_count: self.firsts.len(), offset: self.offset, end: self.end }
    }

    /// Takes the stream back to `tail`, durably. A segment begun since stays if it is the one in use: empty.
    fn cut_back(&mut self, tail: Tail) -> io::Result<()> {
        let rolled = self.firsts.len() > tail.segment_count;
        let offset = if rolled { SEGMENT_HEADER_BYTES as u64 } else { tail.offset };
        self.last.set_len(offset)?;
        self.last.sync_all()?;
        (self.offset, self.end) = (offset, tail.end);
        Ok(())
    }

    fn replay(&self, from: u64, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, RecordError> {
        // The last segment that begins at or before `from`.
        let start = self.firsts.partition_point(|&first| first <= from).saturating_sub(1);
        for (place, &first) in self.firsts.iter().enumerate().skip(start) {
            let next = self.firsts.get(place + 1).copied();
            if self.replay_segment(first, next, from, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Replays one segment, which must hold exactly the frames from `first` to `next` (or the stream's end).
    fn replay_segment(
        &self,
        first: u64,
        next: Option<u64>,
        from: u64,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, RecordError> {
        let segment = self.path(first);
        let damaged = |offset| RecordError::Damaged { segment: segment.clone(), offset };
        let file = match File::open(&segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged(0)),
            other => other?,
        };
        let bytes = file.metadata()?.len();
        // Behind the end of the last segment nothing was acknowledged.
        let limit = if next.is_none() { self.offset } else { bytes };
        if bytes < limit {
            return Err(damaged(bytes));
        }
        let mut input = BufReader::with_capacity(64 * 1024, file);
        let mut header = Vec::new();
        (&mut input).take(SEGMENT_HEADER_BYTES as u64).read_to_end(&mut header)?;
        let Some(header) = SegmentHeader::decode(&header, self.stream, first) else { return Err(damaged(0)) };
        let mut scanner = Scanner::new(input, header.salt, limit);
        let mut index = first;
        loop {
            let at = scanner.offset();
            match scanner.step()? {
                Step::Frame { frame, .. } => {
                    if index >= from && visit(self.stream, index, frame).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    index += 1;
                }
                // Whole frames that are too few or too many are a lost or foreign piece of a file.
                Step::End if index == next.unwrap_or(self.end) => return Ok(ControlFlow::Continue(())),
                Step::End | Step::Bad => return Err(damaged(at)),
            }
        }
    }
}

pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// Indices of the first frames of a stream's segments, ascending, from 0.
fn list_segments(dir: &Path) -> Result<Vec<u64>, RecordError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RecordError::Missing(dir.to_path_buf()));
        }
        other => other?,
    };
    let mut firsts = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
        // Other names are not ours and are left alone.
        firsts.extend(first.filter(|&first| name.to_str() == Some(&segment_name(first))));
    }
    firsts.sort_unstable();
    match firsts.first() {
        Some(0) | None => Ok(firsts),
        Some(_) => Err(RecordError::Damaged { segment: dir.join(segment_name(0)), offset: 0 }),
    }
}

/// Creates a segment with nothing in it, durably.
#[allow(
    clippy::disallowed_methods,
    reason = "a segment's salt: it must not be guessable, and nothing else depends on it"
)]
fn begin_segment(dir: &Path, stream: Stream, first: u64) -> Result<(File, u32), RecordError> {
    let path = dir.join(segment_name(first));
    let mut salt = [0; 4];
    getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
    let salt = u32::from_le_bytes(salt);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).map_err(from_write)?;
    // If we stop before the header is durable, opening finds a short or blank file and removes it.
    let written = file.write_all_at(&SegmentHeader { stream, first, salt }.encode(), 0);
    if let Err(error) = written {
        // A leftover would stand in the way of the next try; if it cannot be removed, this is no mere lack of room.
        std::fs::remove_file(&path)?;
        return Err(from_write(error));
    }
    file.sync_data()?;
    sync_dir(dir)?;
    Ok((file, salt))
}

/// Offset behind the last whole batch and frames up to there; or the offset of damage.
fn scan_last(file: &mut File, salt: u32, bytes: u64) -> io::Result<Result<(u64, u64), u64>> {
    file.seek(SeekFrom::Start(SEGMENT_HEADER_BYTES as u64))?;
    let mut scanner = Scanner::new(BufReader::with_capacity(256 * 1024, &*file), salt, bytes);
    let (mut whole, mut count) = (scanner.offset(), 0);
    let mut pending = 0;
    loop {
        match scanner.step()? {
            Step::Frame { ends_batch, .. } => {
                pending += 1;
                if ends_batch {
                    (whole, count) = (scanner.offset(), count + pending);
                    pending = 0;
                }
            }
            Step::End => return Ok(Ok((whole, count))),
            Step::Bad => break,
        }
    }
    let bad = scanner.offset();
    file.seek(SeekFrom::Start(bad))?;
    Ok(if later_batch_follows(&*file, salt, bad, whole)? { Err(bad) } else { Ok((whole, count)) })
}

mod erase;
#[cfg(test)]
mod tests;
