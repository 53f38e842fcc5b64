//! Inspecting: everything that is sound in the files of a record, and where the damage is. Writes nothing.
//!
//! Opening a record refuses damage; this reads on behind it. A frame's header carries a checksum over its own place,
//! so the next sound frame is found again by its bytes alone. Leaves to its caller: what a gap means for the frames
//! behind it.

use super::files::segment_name;
use super::segment::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{Frame, RecordError, Stream};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a segment that are held at once: a frame and its header fit.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;

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

/// Reads the record in `dir`, the bodies first, and hands on every sound frame; `Break` ends it with what was found by
/// then. The files may be in use. Holds a few MiB of a segment at once.
///
/// # Errors
/// [`RecordError::Missing`], [`RecordError::Io`]. Damage is no error.
pub fn inspect(
    dir: &Path,
    visit: &mut dyn FnMut(Sound<'_>) -> ControlFlow<()>,
) -> Result<Inspection, RecordError> {
    let mut found = Inspection::default();
    for stream in [Stream::Bodies, Stream::Facts] {
        let dir = dir.join(stream.name());
        let firsts = segments(&dir)?;
        let mut walk = Walk { stream, found: &mut found, visit: &mut *visit, gaps: 0 };
        if firsts.first() != Some(&0) {
            walk.damage(&dir.join(segment_name(0)), 0, 0);
        }
        for (place, first) in firsts.iter().enumerate() {
            let next = firsts.get(place + 1).copied();
            if walk.segment(&dir.join(segment_name(*first)), *first, next)?.is_break() {
                return Ok(found);
            }
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

/// A segment's bytes, as many of them at a time as anybody looks at together.
struct Bytes {
    file: File,
    /// Where they end: what is written behind that meanwhile is not looked at.
    end: u64,
    /// Where in the file the held ones begin.
    from: u64,
    held: Vec<u8>,
}

impl Bytes {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        Ok(Self { file, end, from: 0, held: Vec::new() })
    }

    /// `count` bytes from `at` on; fewer at the end.
    fn at(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let to = self.end.min(at.saturating_add(count as u64));
        if at < self.from || to > self.from + self.held.len() as u64 {
            let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            self.held.resize(count.max(WINDOW_BYTES).min(left), 0);
            self.from = at;
            let mut read = 0;
            while let Some(rest) = self.held.get_mut(read..).filter(|rest| !rest.is_empty()) {
                match self.file.read_at(rest, at + read as u64)? {
                    // The end was cut meanwhile.
                    0 => {
                        self.end = at + read as u64;
                        self.held.truncate(read);
                    }
                    more => read += more,
                }
            }
        }
        let begin = usize::try_from(at - self.from).unwrap_or(usize::MAX);
        let rest = self.held.get(begin..).unwrap_or_default();
        Ok(rest.get(..count).unwrap_or(rest))
    }

    /// The frame at `at`, if a sound one stands there.
    fn frame(&mut self, salt: u32, at: u64) -> io::Result<Option<(FrameHeader, Frame)>> {
        let Some(header) = FrameHeader::decode(self.at(at, FRAME_HEADER_BYTES)?, salt, at) else {
            return Ok(None);
        };
        let bytes = self.at(at, FRAME_HEADER_BYTES + header.length as usize)?;
        let payload = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let sound =
            payload.len() == header.length as usize && crc32fast::hash(payload) == header.payload_checksum;
        let frame = Frame { kind: header.kind, payload: payload.to_vec() };
        Ok(sound.then_some((header, frame)))
    }

    /// The offset of the next sound frame at or behind `at`.
    fn next_frame(&mut self, salt: u32, at: u64) -> io::Result<Option<u64>> {
        for at in at..self.end {
            if self.frame(salt, at)?.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

struct Walk<'a> {
    stream: Stream,
    found: &'a mut Inspection,
    visit: &'a mut dyn FnMut(Sound<'_>) -> ControlFlow<()>,
    gaps: u64,
}

impl Walk<'_> {
    fn damage(&mut self, segment: &Path, offset: u64, bytes: u64) {
        self.found.damages.push(Damage { segment: segment.to_owned(), offset, bytes });
        self.gaps += 1;
    }

    /// Reads a segment; `next` is the index that the following one begins with.
    fn segment(
        &mut self,
        path: &Path,
        first: u64,
        next: Option<u64>,
    ) -> Result<ControlFlow<()>, RecordError> {
        let mut bytes = Bytes::open(path)?;
        self.found.segments += 1;
        self.found.bytes += bytes.end;
        let Some(salt) = self.salt(&mut bytes, path, first, next.is_none())? else {
            return Ok(ControlFlow::Continue(()));
        };
        let mut at = SEGMENT_HEADER_BYTES as u64;
        let mut count = 0;
        // At the very end of a stream a batch counts when its end is there or anything follows: until then the places of
        // its frames are kept. Before that everything was acknowledged.
        let mut pending: Vec<u64> = Vec::new();
        let had_gaps = self.gaps;
        while at < bytes.end {
            match bytes.frame(salt, at)? {
                Some((header, frame)) => {
                    let behind = at + (FRAME_HEADER_BYTES + header.length as usize) as u64;
                    let mut flow = ControlFlow::Continue(());
                    if u64::from(header.batch) == at || header.left == 0 {
                        flow = self.hand_on_all(path, &mut bytes, salt, &mut pending)?;
                    }
                    if flow.is_continue() && (next.is_some() || header.left == 0) {
                        count += 1;
                        flow = self.hand_on(path, at, frame);
                    } else {
                        pending.push(at);
                    }
                    if flow.is_break() {
                        return Ok(flow);
                    }
                    at = behind;
                }
                None => {
                    let sound = bytes.next_frame(salt, at + 1)?;
                    if sound.is_none() && next.is_none() {
                        break;
                    }
                    if self.hand_on_all(path, &mut bytes, salt, &mut pending)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    let to = sound.unwrap_or(bytes.end);
                    self.damage(path, at, to - at);
                    at = to;
                }
            }
        }
        match next {
            // What is left at the very end was not acknowledged.
            None => self.found.torn_bytes += bytes.end - pending.first().copied().unwrap_or(at),
            Some(next) if self.gaps == had_gaps && first + count != next => self.damage(path, bytes.end, 0),
            Some(_) => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Hands on frames that count now.
    fn hand_on_all(
        &mut self,
        segment: &Path,
        bytes: &mut Bytes,
        salt: u32,
        places: &mut Vec<u64>,
    ) -> Result<ControlFlow<()>, RecordError> {
        for at in places.drain(..) {
            if let Some((_, frame)) = bytes.frame(salt, at)?
                && self.hand_on(segment, at, frame).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn hand_on(&mut self, segment: &Path, offset: u64, frame: Frame) -> ControlFlow<()> {
        match self.stream {
            Stream::Facts => self.found.facts += 1,
            Stream::Bodies => self.found.bodies += 1,
        }
        (self.visit)(Sound { stream: self.stream, segment, offset, gaps: self.gaps, frame })
    }

    /// The salt of a segment, also when a byte of its header is wrong: the first frame tells. None when nothing in the
    /// segment can be checked.
    fn salt(
        &mut self,
        bytes: &mut Bytes,
        path: &Path,
        first: u64,
        is_last: bool,
    ) -> Result<Option<u32>, RecordError> {
        let begin = SEGMENT_HEADER_BYTES as u64;
        let header = bytes.at(0, SEGMENT_HEADER_BYTES)?;
        if let Some(header) = SegmentHeader::decode(header, self.stream, first) {
            return Ok(Some(header.salt));
        }
        let stored: Option<[u8; 4]> = header.get(16..20).and_then(|salt| salt.try_into().ok());
        if is_last && bytes.end <= begin {
            // It was just being begun.
            self.found.torn_bytes += bytes.end;
            return Ok(None);
        }
        let one_byte_off = stored.into_iter().flat_map(|stored| {
            (0..4).flat_map(move |place| {
                (0..=u8::MAX).map(move |byte| {
                    let mut salt = stored;
                    salt[place] = byte;
                    u32::from_le_bytes(salt)
                })
            })
        });
        let mut salt = None;
        for tried in one_byte_off {
            if bytes.frame(tried, begin)?.is_some() {
                salt = Some(tried);
                break;
            }
        }
        // With the salt known nothing but the header is lost.
        let gaps = self.gaps + u64::from(salt.is_none());
        self.damage(path, 0, if salt.is_some() { begin } else { bytes.end });
        self.gaps = gaps;
        Ok(salt)
    }
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
            ControlFlow::Continue(())
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
