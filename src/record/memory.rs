//! The record in memory, for the simulator and for tests: the same promises, and crashes on command.
//!
//! It tells what was written from what was synced, so that a crash between the two steps of an append loses
//! exactly what a power cut would lose. Clones are independent.

use super::segment::FRAME_HEADER_BYTES;
use super::{BLANK_KIND, Batch, Frame, Position, Record, RecordError, Room, Stream, Visit, check_size};
use crate::pool::{self, Pool};
use std::io;
use std::sync::Arc;

/// Where the next append stops as if the machine did; see [`MemoryRecord::stop_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Bodies are written, not synced.
    BodiesWritten,
    /// Bodies are durable, facts are not written.
    BodiesSynced,
    /// Facts are written, not synced.
    FactsWritten,
    /// All is durable, nobody was told.
    Unanswered,
}

/// A frame whose payload may be shared.
#[derive(Clone, Debug)]
struct Kept {
    kind: u8,
    payload: Arc<[u8]>,
}

impl Kept {
    fn frame(&self) -> Frame {
        Frame { kind: self.kind, payload: self.payload.to_vec() }
    }
}

#[derive(Clone, Debug, Default)]
struct Memory {
    frames: Vec<Kept>,
    synced: usize,
}

impl Memory {
    const fn sync(&mut self) {
        self.synced = self.frames.len();
    }

    fn write(&mut self, frames: &[Frame], pool: Option<&Pool>) {
        let kept = |frame: &Frame| Kept { kind: frame.kind, payload: pool::keep(pool, &frame.payload) };
        self.frames.extend(frames.iter().map(kept));
    }

    fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| (FRAME_HEADER_BYTES + frame.payload.len()) as u64).sum()
    }
}

/// The record in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryRecord {
    facts: Memory,
    bodies: Memory,
    stop: Option<Stop>,
    full: bool,
    poisoned: bool,
    pool: Option<Pool>,
}

impl MemoryRecord {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty record that shares its bytes with others through a pool.
    pub fn sharing(pool: &Pool) -> Self {
        Self { pool: Some(pool.clone()), ..Self::default() }
    }

    /// What the frames take on a disk, in bytes, shared or not.
    pub fn bytes(&self) -> u64 {
        self.facts.bytes() + self.bodies.bytes()
    }

    /// The next append stops at `stop` with [`RecordError::Io`]; [`MemoryRecord::crash`] makes it usable again.
    pub const fn stop_next(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// From now on the disk is full, or no longer.
    pub const fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// Power is cut and comes back: what was not synced is gone, and the record is as if opened anew.
    pub fn crash(&mut self) {
        for memory in [&mut self.facts, &mut self.bodies] {
            memory.frames.truncate(memory.synced);
        }
        self.poisoned = false;
        self.stop = None;
    }

    fn stops(&self, at: Stop) -> Result<(), RecordError> {
        if self.stop == Some(at) { Err(io::Error::other("stopped on command").into()) } else { Ok(()) }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), RecordError> {
        self.bodies.write(&batch.bodies, self.pool.as_ref());
        self.stops(Stop::BodiesWritten)?;
        self.bodies.sync();
        self.stops(Stop::BodiesSynced)?;
        self.facts.write(&batch.facts, self.pool.as_ref());
        self.stops(Stop::FactsWritten)?;
        self.facts.sync();
        self.stops(Stop::Unanswered)
    }
}

impl Record for MemoryRecord {
    fn append(&mut self, batch: &Batch) -> Result<Position, RecordError> {
        if self.poisoned {
            return Err(RecordError::Poisoned);
        }
        check_size(&batch.bodies)?;
        check_size(&batch.facts)?;
        if self.full {
            return Err(RecordError::Full);
        }
        let written = self.write(batch);
        self.poisoned = written.is_err();
        written.map(|()| self.end())
    }

    fn end(&self) -> Position {
        Position { facts: self.facts.synced as u64, bodies: self.bodies.synced as u64 }
    }

    fn room(&self) -> Room {
        if self.full { Room::None } else { Room::Enough }
    }

    fn erase(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        let mut count = 0;
        for frame in self.bodies.frames.iter_mut().filter(|frame| is_erased(&frame.frame())) {
            *frame = Kept { kind: BLANK_KIND, payload: vec![0; frame.payload.len()].into() };
            count += 1;
        }
        Ok(count)
    }

    fn replay(&self, from: Position, visit: &mut Visit<'_>) -> Result<(), RecordError> {
        let end = self.end();
        if from.facts > end.facts || from.bodies > end.bodies {
            return Err(RecordError::Beyond { asked: from, end });
        }
        let streams = [(Stream::Bodies, &self.bodies, from.bodies), (Stream::Facts, &self.facts, from.facts)];
        for (stream, memory, from) in streams {
            for (index, frame) in (0_u64..).zip(memory.frames.iter().take(memory.synced)) {
                if index >= from && visit(stream, index, frame.frame()).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let frame = |kind| Frame { kind, payload: vec![kind] };
        Batch { bodies: vec![frame(1), frame(2)], facts: vec![frame(3)] }
    }

    #[test]
    fn a_crash_loses_what_was_not_synced_and_never_a_body_that_a_fact_names() -> Result<(), RecordError> {
        let kept = [
            (Stop::BodiesWritten, (1, 2)),
            (Stop::BodiesSynced, (1, 4)),
            (Stop::FactsWritten, (1, 4)),
            (Stop::Unanswered, (2, 4)),
        ];
        for (stop, (facts, bodies)) in kept {
            let mut record = MemoryRecord::new();
            record.append(&batch())?;
            record.stop_next(stop);
            assert!(matches!(record.append(&batch()), Err(RecordError::Io(_))));
            assert!(matches!(record.append(&batch()), Err(RecordError::Poisoned)));
            record.crash();
            assert_eq!(record.end(), Position { facts, bodies }, "{stop:?}");
            assert_eq!(record.append(&batch())?, Position { facts: facts + 1, bodies: bodies + 2 });
        }
        Ok(())
    }

    #[test]
    fn a_full_disk_takes_nothing_and_works_again_when_there_is_room() -> Result<(), RecordError> {
        let mut record = MemoryRecord::new();
        record.set_full(true);
        assert!(matches!(record.append(&batch()), Err(RecordError::Full)));
        assert_eq!(record.end(), Position::default());
        record.set_full(false);
        record.append(&batch())?;
        Ok(())
    }
}
