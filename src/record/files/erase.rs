//! Erasing: frames of the bodies stream are blanked in place, so that every index and offset stays.
//!
//! A segment is copied with its blanked frames, synced, and put in the place of the old one: if we stop in
//! between, the old segment stands and erasing is done again.

use super::{FileRecord, SEGMENT_HEADER_BYTES, Segments, from_write, sync_dir};
use crate::record::segment::{Scanner, SegmentHeader, Step, blank};
use crate::record::{Frame, RecordError};
use std::fs::OpenOptions;
use std::io::Write;

impl FileRecord {
    pub(super) fn blank_bodies(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        let mut count = 0;
        for place in 0..self.bodies.firsts.len() {
            count += self.bodies.blank_in(place, is_erased)?;
        }
        Ok(count)
    }
}

impl Segments {
    /// Blanks the frames of one segment; how many.
    fn blank_in(&mut self, place: usize, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        let Some(&first) = self.firsts.get(place) else { return Ok(0) };
        let is_last = place + 1 == self.firsts.len();
        let path = self.path(first);
        let damaged = |offset| RecordError::Damaged { segment: path.clone(), offset };
        let mut bytes = std::fs::read(&path)?;
        if is_last {
            // Behind the end nothing was acknowledged.
            bytes.truncate(usize::try_from(self.offset).unwrap_or(usize::MAX));
        }
        let header = bytes.get(..SEGMENT_HEADER_BYTES).unwrap_or_default();
        let Some(header) = SegmentHeader::decode(header, self.stream, first) else { return Err(damaged(0)) };
        let frames = bytes.get(SEGMENT_HEADER_BYTES..).unwrap_or_default();
        let mut scanner = Scanner::new(frames, header.salt, bytes.len() as u64);
        let mut found = Vec::new();
        loop {
            let at = scanner.offset();
            match scanner.step()? {
                Step::Frame { frame, .. } if is_erased(&frame) => found.push(at),
                Step::Frame { .. } => {}
                Step::End => break,
                Step::Bad => return Err(damaged(at)),
            }
        }
        if found.is_empty() {
            return Ok(0);
        }
        for at in &found {
            blank(&mut bytes, header.salt, *at);
        }
        let copy = path.with_extension("erasing");
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(true).open(&copy)?;
        file.write_all(&bytes).map_err(from_write)?;
        file.sync_all()?;
        std::fs::rename(&copy, &path)?;
        sync_dir(&self.dir)?;
        if is_last {
            self.last = file;
        }
        Ok(found.len() as u64)
    }
}
