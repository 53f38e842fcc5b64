//! Framing of the session stream: `length u32 big-endian ‖ bytes`, the same in both directions.
//!
//! A frame of length zero carries nothing and is skipped; the dialler sends one first, so that the stream
//! exists for the acceptor before the dialler has something to say. A length above the limit is refused when
//! its fourth byte is read, before a byte of memory is set aside; a body's memory grows with what arrived.
//! No I/O here: bytes in, frames out.

use super::limits::FRAME_ALLOCATION_BYTES_MIN;

/// Bytes of the length prefix.
pub(super) const PREFIX_BYTES: usize = 4;

/// The frame that opens a session stream.
pub(super) const OPENING: [u8; PREFIX_BYTES] = [0; PREFIX_BYTES];

/// A peer claimed a frame longer than it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong {
    /// Bytes claimed.
    pub(super) claimed: usize,
    /// Bytes allowed.
    pub(super) limit: usize,
}

/// Takes a stream apart into frames.
#[derive(Default)]
pub(super) struct Deframer {
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    /// The length claimed by a complete prefix; `None` while the prefix is being read.
    claimed: Option<usize>,
    body: Vec<u8>,
}

impl Deframer {
    /// Takes bytes from the front of `input` until a frame is complete or `input` is empty.
    ///
    /// # Errors
    /// [`TooLong`]: the stream must be given up.
    pub(super) fn next(&mut self, input: &mut &[u8], limit: usize) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let Some(claimed) = self.claimed else {
                let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
                *input = rest;
                self.push_prefix(byte, limit)?;
                continue;
            };
            let wanted = claimed.saturating_sub(self.body.len());
            let (taken, rest) = input.split_at(wanted.min(input.len()));
            *input = rest;
            if self.body.capacity() == 0 {
                self.body.reserve_exact(claimed.min(FRAME_ALLOCATION_BYTES_MIN.max(taken.len())));
            }
            self.body.extend_from_slice(taken);
            if self.body.len() < claimed {
                return Ok(None);
            }
            self.claimed = None;
            return Ok(Some(std::mem::take(&mut self.body)));
        }
    }

    /// Whether a frame has begun and is not complete.
    pub(super) const fn is_amid(&self) -> bool {
        self.prefix_len > 0 || self.claimed.is_some()
    }

    fn push_prefix(&mut self, byte: u8, limit: usize) -> Result<(), TooLong> {
        if let Some(place) = self.prefix.get_mut(self.prefix_len) {
            *place = byte;
            self.prefix_len += 1;
        }
        if self.prefix_len == PREFIX_BYTES {
            self.prefix_len = 0;
            let claimed = u32::from_be_bytes(self.prefix) as usize;
            if claimed > limit {
                return Err(TooLong { claimed, limit });
            }
            self.claimed = (claimed > 0).then_some(claimed);
        }
        Ok(())
    }
}

/// The prefix of a frame of `len` bytes; the caller keeps `len` within `FRAME_BYTES_MAX`.
pub(super) fn prefix(len: usize) -> [u8; PREFIX_BYTES] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_claimed_length_above_the_limit_is_refused_before_memory_is_set_aside() {
        let mut deframer = Deframer::default();
        let refused = deframer.next(&mut &[255, 255, 255, 255, 1][..], 4096);
        assert_eq!(refused, Err(TooLong { claimed: u32::MAX as usize, limit: 4096 }));
        assert_eq!(deframer.body.capacity(), 0);
    }

    #[test]
    fn memory_grows_with_what_arrived() -> Result<(), TooLong> {
        let mut deframer = Deframer::default();
        deframer.next(&mut &[0, 255, 255, 255, 1][..], usize::MAX)?;
        assert!(deframer.body.capacity() <= FRAME_ALLOCATION_BYTES_MIN);
        Ok(())
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            cut in 1_usize..50,
        ) {
            let mut stream = OPENING.to_vec();
            for frame in &frames {
                stream.extend_from_slice(&prefix(frame.len()));
                stream.extend_from_slice(frame);
            }
            let mut deframer = Deframer::default();
            let mut out = Vec::new();
            for mut piece in stream.chunks(cut) {
                while let Some(frame) = deframer.next(&mut piece, 200).expect("within the limit") {
                    out.push(frame);
                }
            }
            let sent: Vec<_> = frames.into_iter().filter(|frame| !frame.is_empty()).collect();
            prop_assert_eq!(out, sent);
        }
    }
}
