//! The layout of segment files, how they are read, and what is a torn tail and what is damage.
//!
//! A segment is named by the index of its first frame in the stream, `{:020}.seg`. Integers are little-endian;
//! checksums are CRC-32 (IEEE 802.3).
//!
//! | offset | bytes | the segment's header, [`SEGMENT_HEADER_BYTES`] |
//! | ---: | ---: | --- |
//! | 0 | 7 | `GSREC01`, the format and its version |
//! | 7 | 1 | stream: 0 facts, 1 bodies |
//! | 8 | 8 | index of the first frame |
//! | 16 | 4 | salt, random |
//! | 20 | 4 | checksum of bytes 0..20 |
//!
//! Then frames without gaps, each:
//!
//! | offset | bytes | frame |
//! | ---: | ---: | --- |
//! | 0 | 4 | `GSF1` |
//! | 4 | 4 | length of the payload, at most [`FRAME_BYTES_MAX`] |
//! | 8 | 4 | offset in this segment of the first frame of the batch |
//! | 12 | 4 | frames of the batch still to come |
//! | 16 | 1 | kind |
//! | 17 | 4 | checksum of the payload |
//! | 21 | 4 | checksum of the salt, this frame's offset (u64) and bytes 0..21 |
//! | 25 | .. | payload |
//!
//! A batch lies in one segment and is written only when the one before it is durable. So a crash can spoil
//! nothing but the last batch, in any order of its pages, and whatever is wrong there was never acknowledged:
//! it is cut, whole. A frame of a *later* batch behind a wrong place proves that the place was durable once:
//! that is damage. Salt and offset in the checksum keep bytes inside a payload, which a peer may have chosen,
//! from being taken for such a proof.
//!
//! A frame that was erased stays in its place, with kind 0 and zeros for a payload of the same length.
//!
//! What this cannot tell: damage within the last batch looks like a torn one. It is cut and reported
//! ([`super::Opened`]), and the guard and the index, which have seen more, then contradict the record.

use super::{BLANK_KIND, FRAME_BYTES_MAX, Frame, Stream};
use crate::bytes::{LayoutError, Reader};
use std::io::{self, Read};

/// Length of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 24;
/// Length of a frame's header.
pub const FRAME_HEADER_BYTES: usize = 25;

const SEGMENT_MAGIC: &[u8; 7] = b"GSREC01";
const FRAME_MAGIC: &[u8; 4] = b"GSF1";
/// Bytes read at once while looking behind a wrong place.
const SEARCH_BYTES: usize = 1024 * 1024;

/// The start of every segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whose frames these are.
    pub stream: Stream,
    /// Index in the stream of the first frame.
    pub first: u64,
    /// Enters every frame's checksum.
    pub salt: u32,
}

impl SegmentHeader {
    /// The header as it stands on disk.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        out.extend_from_slice(SEGMENT_MAGIC);
        out.push(self.stream.code());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The header if `bytes` are one of this stream and first index.
    pub fn decode(bytes: &[u8], stream: Stream, first: u64) -> Option<Self> {
        let salt = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let header = Self { stream, first, salt };
        (header.encode() == bytes).then_some(header)
    }
}

/// The bytes that frames take on disk.
pub fn encoded_bytes(frames: &[Frame]) -> usize {
    frames.iter().fold(0, |sum, frame| sum.saturating_add(FRAME_HEADER_BYTES + frame.payload.len()))
}

/// A batch as it stands on disk at `offset` of a segment with `salt`. The caller has checked the limits.
pub fn encode_batch(salt: u32, offset: u32, frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded_bytes(frames));
    for (index, frame) in frames.iter().enumerate() {
        let header = FrameHeader {
            length: saturated(frame.payload.len()),
            batch: offset,
            left: saturated(frames.len() - 1 - index),
            kind: frame.kind,
            payload_checksum: crc32fast::hash(&frame.payload),
        };
        let at = u64::from(offset) + out.len() as u64;
        out.extend_from_slice(&header.encode(salt, at));
        out.extend_from_slice(&frame.payload);
    }
    out
}

/// Within [`super::BATCH_BYTES_MAX`] every length and count fits.
fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) struct FrameHeader {
    pub(super) length: u32,
    pub(super) batch: u32,
    pub(super) left: u32,
    pub(super) kind: u8,
    pub(super) payload_checksum: u32,
}

impl FrameHeader {
    fn encode(&self, salt: u32, at: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_HEADER_BYTES);
        out.extend_from_slice(FRAME_MAGIC);
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.batch.to_le_bytes());
        out.extend_from_slice(&self.left.to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(&self.payload_checksum.to_le_bytes());
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&salt.to_le_bytes());
        hasher.update(&at.to_le_bytes());
        hasher.update(&out);
        out.extend_from_slice(&hasher.finalize().to_le_bytes());
        out
    }

    /// The header if `bytes` start with a valid one for this place; its length is then within the limit.
    pub(super) fn decode(bytes: &[u8], salt: u32, at: u64) -> Option<Self> {
        if !bytes.starts_with(FRAME_MAGIC) {
            return None;
        }
        let header = Self::fields(bytes).ok()?;
        let valid = bytes.get(..FRAME_HEADER_BYTES)? == header.encode(salt, at);
        (valid && header.length as usize <= FRAME_BYTES_MAX).then_some(header)
    }

    fn fields(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.raw("magic", FRAME_MAGIC.len())?;
        Ok(Self {
            length: u32::from_le_bytes(reader.array("length")?),
            batch: u32::from_le_bytes(reader.array("batch")?),
            left: u32::from_le_bytes(reader.array("left")?),
            kind: reader.u8("kind")?,
            payload_checksum: u32::from_le_bytes(reader.array("payload checksum")?),
        })
    }
}

/// Blanks the frame at offset `at` of a segment's bytes: kind 0, a payload of zeros, the same length. The scanner has
/// found a frame there.
pub fn blank(segment: &mut [u8], salt: u32, at: u64) {
    let Some(frame) = usize::try_from(at).ok().and_then(|at| segment.get_mut(at..)) else { return };
    let Some(header) = FrameHeader::decode(frame, salt, at) else { return };
    let Some(payload) = frame.get_mut(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + header.length as usize) else {
        return;
    };
    payload.fill(0);
    let payload_checksum = crc32fast::hash(payload);
    let blank = FrameHeader { kind: BLANK_KIND, payload_checksum, ..header }.encode(salt, at);
    if let Some(bytes) = frame.get_mut(..FRAME_HEADER_BYTES) {
        bytes.copy_from_slice(&blank);
    }
}

/// What stands at a scanner's place.
#[derive(Debug)]
pub enum Step {
    /// A whole, valid frame.
    Frame {
        /// The frame.
        frame: Frame,
        /// True for the last frame of its batch.
        ends_batch: bool,
    },
    /// The end of the file, and nothing is missing from the last batch.
    End,
    /// Not a valid frame, or the file ends inside a batch. The scanner does not go on.
    Bad,
}

/// Reads the frames of one segment in order, from behind its header.
pub struct Scanner<R> {
    input: R,
    salt: u32,
    at: u64,
    limit: u64,
    /// Batch offset of the last frame read, and frames of that batch still to come.
    batch: u32,
    left: u32,
}

impl<R: Read> Scanner<R> {
    /// A scanner over `input`, which stands behind the header and is read up to `limit` (offset in the file).
    pub const fn new(input: R, salt: u32, limit: u64) -> Self {
        Self { input, salt, at: SEGMENT_HEADER_BYTES as u64, limit, batch: 0, left: 0 }
    }

    /// Offset behind the last valid frame: where the next one, or the wrong place, begins.
    pub const fn offset(&self) -> u64 {
        self.at
    }

    /// The next frame, end or wrong place. Allocates no more than [`FRAME_BYTES_MAX`], and that only for a
    /// length under a valid checksum.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn step(&mut self) -> io::Result<Step> {
        let rest = self.limit.saturating_sub(self.at);
        if rest == 0 && self.left == 0 {
            return Ok(Step::End);
        }
        if rest < FRAME_HEADER_BYTES as u64 {
            return Ok(Step::Bad);
        }
        let mut bytes = [0; FRAME_HEADER_BYTES];
        self.input.read_exact(&mut bytes)?;
        let Some(header) = FrameHeader::decode(&bytes, self.salt, self.at) else { return Ok(Step::Bad) };
        let follows = match self.left {
            0 => u64::from(header.batch) == self.at,
            left => header.batch == self.batch && header.left == left - 1,
        };
        let whole = FRAME_HEADER_BYTES as u64 + u64::from(header.length);
        if !follows || whole > rest {
            return Ok(Step::Bad);
        }
        let mut payload = vec![0; header.length as usize];
        self.input.read_exact(&mut payload)?;
        if crc32fast::hash(&payload) != header.payload_checksum {
            return Ok(Step::Bad);
        }
        self.at += whole;
        (self.batch, self.left) = (header.batch, header.left);
        Ok(Step::Frame { frame: Frame { kind: header.kind, payload }, ends_batch: header.left == 0 })
    }
}

/// True when anywhere in `input`, which stands at offset `at` of its segment, a frame of a batch later than
/// the one at offset `batch` begins: proof that the batch at `batch` was durable.
///
/// # Errors
/// The input cannot be read.
pub fn later_batch_follows(mut input: impl Read, salt: u32, mut at: u64, batch: u64) -> io::Result<bool> {
    let mut window: Vec<u8> = Vec::new();
    loop {
        let read = (&mut input).take(SEARCH_BYTES as u64).read_to_end(&mut window)?;
        for place in 0..window.len().saturating_sub(FRAME_HEADER_BYTES - 1) {
            let found = window.get(place..).and_then(|b| FrameHeader::decode(b, salt, at + place as u64));
            if found.is_some_and(|header| u64::from(header.batch) > batch) {
                return Ok(true);
            }
        }
        if read == 0 {
            return Ok(false);
        }
        // A header may lie across two windows: its beginning is kept.
        let gone = window.len().saturating_sub(FRAME_HEADER_BYTES - 1);
        window.drain(..gone);
        at += gone as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(count: u8) -> Vec<Frame> {
        (0..count).map(|i| Frame { kind: i, payload: vec![i; usize::from(i)] }).collect()
    }

    /// The example of FORMAT.md is what is written.
    #[test]
    fn the_example_of_the_format_holds() {
        let salt = 0x0102_0304;
        let header = SegmentHeader { stream: Stream::Facts, first: 0, salt }.encode();
        let batch = encode_batch(salt, 24, &[Frame { kind: 7, payload: b"abc".to_vec() }]);
        for bytes in [header, batch] {
            let line = data_encoding::HEXLOWER.encode(&bytes);
            assert!(include_str!("FORMAT.md").lines().any(|own| own == line), "{line}");
        }
    }

    #[test]
    fn a_header_of_another_stream_or_place_is_refused() {
        let bytes = SegmentHeader { stream: Stream::Facts, first: 7, salt: 9 }.encode();
        assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES);
        assert_eq!(SegmentHeader::decode(&bytes, Stream::Facts, 7).map(|h| h.salt), Some(9));
        assert_eq!(SegmentHeader::decode(&bytes, Stream::Bodies, 7), None);
        assert_eq!(SegmentHeader::decode(&bytes, Stream::Facts, 8), None);
        assert_eq!(SegmentHeader::decode(&bytes[..23], Stream::Facts, 7), None);
    }

    #[test]
    fn the_layout_of_a_frame_stays_as_it_is() {
        let bytes = encode_batch(1, 24, &[Frame { kind: 5, payload: b"abc".to_vec() }]);
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        assert_eq!(&hex[..34], "4753463103000000180000000000000005", "magic, length, batch, left, kind");
        assert_eq!(&hex[34..42], "c2412435", "CRC-32 of abc is 352441c2");
        assert_eq!(&hex[50..], "616263");
    }

    #[test]
    fn an_absurd_length_is_bad_before_it_is_allocated() -> io::Result<()> {
        let header =
            FrameHeader { length: u32::MAX, batch: 24, left: 0, kind: 0, payload_checksum: 0 }.encode(1, 24);
        let mut scanner = Scanner::new(&header[..], 1, u64::MAX);
        assert!(matches!(scanner.step()?, Step::Bad));
        Ok(())
    }

    #[test]
    fn a_file_that_ends_inside_a_batch_is_bad_at_its_end() -> io::Result<()> {
        let bytes = encode_batch(1, 24, &frames(3));
        let cut = bytes.len() - FRAME_HEADER_BYTES - 2;
        let mut scanner = Scanner::new(&bytes[..cut], 1, 24 + cut as u64);
        for kind in 0..2 {
            let step = scanner.step()?;
            assert!(
                matches!(&step, Step::Frame { frame, ends_batch: false } if frame.kind == kind),
                "{step:?}"
            );
        }
        assert!(matches!(scanner.step()?, Step::Bad));
        assert_eq!(scanner.offset(), 24 + cut as u64);
        Ok(())
    }

    #[test]
    fn only_a_frame_of_a_later_batch_at_its_own_place_is_proof() -> io::Result<()> {
        let batch = encode_batch(1, 5000, &frames(3));
        let mut bytes = vec![0; 5000];
        bytes.extend_from_slice(&batch);
        assert!(later_batch_follows(&bytes[100..], 1, 100, 24)?);
        assert!(!later_batch_follows(&bytes[100..], 1, 100, 5000)?, "the same batch proves nothing");
        assert!(!later_batch_follows(&bytes[100..], 2, 100, 24)?, "another salt");
        assert!(!later_batch_follows(&bytes[100..], 1, 101, 24)?, "another place");
        Ok(())
    }

    #[test]
    fn proof_is_found_across_the_edge_of_a_window() -> io::Result<()> {
        for shift in 0..FRAME_HEADER_BYTES + 2 {
            let at = SEARCH_BYTES - shift;
            let mut bytes = vec![0; at];
            bytes.extend_from_slice(&encode_batch(1, u32::try_from(at + 24).unwrap_or(0), &frames(1)));
            assert!(later_batch_follows(&bytes[..], 1, 24, 24)?, "{shift} bytes before the edge");
        }
        Ok(())
    }
}
