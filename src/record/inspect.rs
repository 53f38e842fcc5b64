//! Inspecting: everything that is sound in the files of a record, and where the damage is. Writes nothing.
//!
//! Opening a record refuses damage; this reads on behind it. A frame's header carries a checksum over its own place,
//! so the next sound frame is found again by its bytes alone. Leaves to its caller: what a gap means for the frames
//! behind it.

use super::files::segment_name;
use super::segment::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{Frame, RecordError, Stream};
use std::io;
use std::path::{Path, PathBuf};

/// A frame that is as it was written.
#[derive(Clone, Debug)]
pub struct Sound<'a> {
    /// Its stream.
    pub stream: Stream,
    /// The file it stands in.
    pub segment: &'a Path,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many places before it in its stream are damaged: frames were lost there.
    pub gaps: u64,
    /// The frame.
    pub frame: Frame,
}

/// A place that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub segment: PathBuf,
    /// Where in the file, in bytes; 0 is its header.
    pub offset: u64,
    /// Bytes up to the next sound frame.
    pub bytes: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Sound frames of facts.
    pub facts: u64,
    /// Sound frames of bodies.
    pub bodies: u64,
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes at the ends that were never acknowledged, or are just being written.
    pub torn_bytes: u64,
    /// Damage, by stream and place.
    pub damages: Vec<Damage>,
}

/// Reads the record in `dir`, the bodies first, and hands on every sound frame. The files may be in use.
///
/// # Errors
/// [`RecordError::Missing`], [`RecordError::Io`]. Damage is no error.
pub fn inspect(dir: &Path, visit: &mut dyn FnMut(Sound<'_>)) -> Result<Inspection, RecordError> {
    let mut found = Inspection::default();
    for stream in [Stream::Bodies, Stream::Facts] {
        let dir = dir.join(stream.name());
        let firsts = segments(&dir)?;
        let mut walk = Walk { stream, found: &mut found, visit: &mut *visit, gaps: 0 };
        if firsts.first() != Some(&0) {
            walk.damage(&dir.join(segment_name(0)), 0, 0);
        }
        for (place, first) in firsts.iter().enumerate() {
            walk.segment(&dir.join(segment_name(*first)), *first, firsts.get(place + 1).copied())?;
        }
    }
    Ok(found)
}

fn segments(dir: &Path) -> Result<Vec<u64>, RecordError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut firsts = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
        firsts.extend(first.filter(|first| name.to_str() == Some(&segment_name(*first))));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

struct Walk<'a> {
    stream: Stream,
    found: &'a mut Inspection,
    visit: &'a mut dyn FnMut(Sound<'_>),
    gaps: u64,
}

impl Walk<'_> {
    fn damage(&mut self, segment: &Path, offset: u64, bytes: u64) {
        self.found.damages.push(Damage { segment: segment.to_owned(), offset, bytes });
        self.gaps += 1;
    }

    /// Reads a segment; `next` is the index that the following one begins with.
    fn segment(&mut self, path: &Path, first: u64, next: Option<u64>) -> Result<(), RecordError> {
        let bytes = std::fs::read(path)?;
        let end = bytes.len() as u64;
        self.found.segments += 1;
        self.found.bytes += end;
        let Some(salt) = self.salt(&bytes, path, first, next.is_none()) else { return Ok(()) };
        let mut at = SEGMENT_HEADER_BYTES as u64;
        let mut count = 0;
        // Of the batch that is being read: whether it counts is known at its end, or when anything follows.
        let mut pending: Vec<(u64, Frame)> = Vec::new();
        let had_gaps = self.gaps;
        while at < end {
            match frame_at(&bytes, salt, at) {
                Some((header, frame)) => {
                    if u64::from(header.batch) == at {
                        count += self.hand_on(path, &mut pending);
                    }
                    pending.push((at, frame));
                    at += (FRAME_HEADER_BYTES + header.length as usize) as u64;
                    if header.left == 0 {
                        count += self.hand_on(path, &mut pending);
                    }
                }
                None => match next_frame(&bytes, salt, at + 1) {
                    Some(sound) => {
                        count += self.hand_on(path, &mut pending);
                        self.damage(path, at, sound - at);
                        at = sound;
                    }
                    None if next.is_none() => break,
                    None => {
                        count += self.hand_on(path, &mut pending);
                        self.damage(path, at, end - at);
                        break;
                    }
                },
            }
        }
        match next {
            // What is left at the very end was not acknowledged.
            None => {
                self.found.torn_bytes += end.saturating_sub(pending.first().map_or(at, |(begun, _)| *begun));
            }
            Some(next) => {
                count += self.hand_on(path, &mut pending);
                if self.gaps == had_gaps && first + count != next {
                    self.damage(path, end, 0);
                }
            }
        }
        Ok(())
    }

    /// Hands on frames that count; how many.
    fn hand_on(&mut self, segment: &Path, frames: &mut Vec<(u64, Frame)>) -> u64 {
        let count = frames.len() as u64;
        for (offset, frame) in frames.drain(..) {
            let sound = Sound { stream: self.stream, segment, offset, gaps: self.gaps, frame };
            (self.visit)(sound);
        }
        match self.stream {
            Stream::Facts => self.found.facts += count,
            Stream::Bodies => self.found.bodies += count,
        }
        count
    }

    /// The salt of a segment, also when a byte of its header is wrong: the first frame tells. None when nothing in the
    /// segment can be checked.
    fn salt(&mut self, bytes: &[u8], path: &Path, first: u64, is_last: bool) -> Option<u32> {
        let header = bytes.get(..SEGMENT_HEADER_BYTES).unwrap_or_default();
        if let Some(header) = SegmentHeader::decode(header, self.stream, first) {
            return Some(header.salt);
        }
        if is_last && bytes.len() <= SEGMENT_HEADER_BYTES {
            // It was just being begun.
            self.found.torn_bytes += bytes.len() as u64;
            return None;
        }
        let begin = SEGMENT_HEADER_BYTES as u64;
        let stored: Option<[u8; 4]> = bytes.get(16..20).and_then(|salt| salt.try_into().ok());
        let salt = stored.and_then(|stored| {
            let one_byte_off = (0..4).flat_map(|place| {
                (0..=u8::MAX).map(move |byte| {
                    let mut salt = stored;
                    salt[place] = byte;
                    u32::from_le_bytes(salt)
                })
            });
            one_byte_off.into_iter().find(|salt| frame_at(bytes, *salt, begin).is_some())
        });
        // With the salt known nothing but the header is lost.
        let gaps = self.gaps + u64::from(salt.is_none());
        self.damage(path, 0, if salt.is_some() { begin } else { bytes.len() as u64 });
        self.gaps = gaps;
        salt
    }
}

fn frame_at(bytes: &[u8], salt: u32, at: u64) -> Option<(FrameHeader, Frame)> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let header = FrameHeader::decode(rest, salt, at)?;
    let payload = rest.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.length as usize)?;
    let sound = crc32fast::hash(payload) == header.payload_checksum;
    let frame = Frame { kind: header.kind, payload: payload.to_vec() };
    sound.then_some((header, frame))
}

/// The offset of the next sound frame at or behind `at`.
fn next_frame(bytes: &[u8], salt: u32, at: u64) -> Option<u64> {
    (at..bytes.len() as u64).find(|at| frame_at(bytes, salt, *at).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Batch, FileRecord, Record};

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn look(dir: &Path) -> Result<(Vec<(u8, bool)>, Inspection), RecordError> {
        let mut kinds = Vec::new();
        let found = inspect(dir, &mut |sound| {
            if sound.stream == Stream::Facts {
                kinds.push((sound.frame.kind, sound.gaps > 0));
            }
        })?;
        Ok((kinds, found))
    }

    fn filled(dir: &Path, segment_bytes: u64) -> Result<(), RecordError> {
        let mut record = FileRecord::create(dir)?.with_segment_bytes(segment_bytes);
        for number in 0..8 {
            let frame = |number: u8| Frame { kind: number, payload: vec![number; 9] };
            record.append(&Batch {
                bodies: vec![frame(9)],
                facts: vec![frame(2 * number), frame(2 * number + 1)],
            })?;
        }
        Ok(())
    }

    #[test]
    fn a_sound_record_is_read_whole_and_its_torn_end_is_no_damage() -> Tested {
        let dir = tempfile::tempdir()?;
        filled(dir.path(), 200)?;
        let (kinds, found) = look(dir.path())?;
        assert_eq!(kinds, (0..16).map(|kind| (kind, false)).collect::<Vec<_>>());
        assert_eq!((found.facts, found.bodies, found.torn_bytes, found.damages.len()), (16, 8, 0, 0));
        let last = segments(&dir.path().join("facts"))?.pop().unwrap_or(0);
        let last = dir.path().join("facts").join(segment_name(last));
        let whole = std::fs::read(&last)?;
        std::fs::write(&last, &whole[..whole.len() - 3])?;
        let (kinds, found) = look(dir.path())?;
        assert_eq!((kinds.len(), found.damages.len()), (14, 0), "a batch is whole or not there");
        assert!(found.torn_bytes > 3);
        Ok(())
    }

    #[test]
    fn fault_08_every_flipped_byte_of_a_record_is_named_and_costs_the_frames_it_hits_and_no_others() -> Tested
    {
        let dir = tempfile::tempdir()?;
        filled(dir.path(), 200)?;
        let facts = dir.path().join("facts");
        for first in segments(&facts)? {
            let path = facts.join(segment_name(first));
            let whole = std::fs::read(&path)?;
            for place in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[place] ^= 0x40;
                std::fs::write(&path, &bytes)?;
                let (kinds, found) = look(dir.path())?;
                let torn = found.torn_bytes > 0;
                assert!(torn || found.damages.len() == 1, "{place} of {}: {found:?}", path.display());
                assert!(torn || found.damages[0].segment == path);
                assert!(kinds.len() >= if torn { 14 } else { 15 }, "{place}: {kinds:?}");
            }
            std::fs::write(&path, &whole)?;
        }
        // A whole file.
        std::fs::remove_file(facts.join(segment_name(0)))?;
        let (kinds, found) = look(dir.path())?;
        assert!(kinds.iter().all(|(_, after_gap)| *after_gap) && found.damages.len() == 1, "{found:?}");
        Ok(())
    }
}
