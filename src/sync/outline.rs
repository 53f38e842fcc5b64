//! A body by the chunk: its outline (salt, length, leaf hashes) comes first, then chunk after chunk, each checked against
//! the outline alone, so that a hundred megabytes pass through without ever being in memory.
//!
//! Chunks of a body are kept in their order; the body's head comes with the last, so a body is held or it is not.

use super::body::BODY_FRAME;
use super::chunk::unpack_chunk;
use super::limits::ATTACHMENT_BYTES_MAX;
use super::node::Step;
use super::turn::Turn;
use crate::digest::Digest;
use crate::log::tree::root_of;
use crate::package::body::{BODY_CHUNK_BYTES, body_leaf};
use crate::record::{FRAME_BYTES_MAX, Frame};
use crate::store::{Batch, Read, StoreError, layout};
use crate::wire::{self, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Kind of outline frames in the record.
pub const OUTLINE_FRAME: u8 = 2;
/// What every chunk of a body is checked against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The body's salt.
    pub salt: [u8; 32],
    /// Length of the content in bytes.
    pub bytes: u64,
    /// RFC 6962 leaf hashes of the chunks, 32 bytes each.
    #[serde(with = "serde_bytes")]
    pub leaves: Vec<u8>,
}

impl Outline {
    /// The outline of a content that is not in chunks yet.
    pub fn of(salt: [u8; 32], content: &[u8]) -> Self {
        let mut outline = Self { salt, bytes: 0, leaves: Vec::new() };
        content.chunks(BODY_CHUNK_BYTES).for_each(|chunk| outline.push(chunk));
        outline.end();
        outline
    }

    /// Adds the next chunk: all but the last are [`BODY_CHUNK_BYTES`] long.
    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.leaves.extend_from_slice(body_leaf(&self.salt, chunk).as_bytes());
    }

    /// No chunk follows: an empty content is one empty chunk.
    pub fn end(&mut self) {
        if self.leaves.is_empty() {
            self.push(&[]);
        }
    }

    /// Chunks of a content of `bytes`.
    pub fn count_of(bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(BODY_CHUNK_BYTES as u64).max(1)).unwrap_or(u32::MAX)
    }

    /// How many chunks there are.
    pub fn count(&self) -> u32 {
        Self::count_of(self.bytes)
    }

    /// The body's digest; none when there are not as many leaves as the length asks, or it is over the bound.
    pub fn digest(&self) -> Option<Digest> {
        let whole = self.leaves.len() as u64 == u64::from(self.count()) * 32;
        let (leaves, _) = self.leaves.as_chunks::<32>();
        (whole && self.bytes <= ATTACHMENT_BYTES_MAX)
            .then(|| root_of(leaves.iter().map(|leaf| Digest::from_bytes(*leaf))))
    }

    /// Unpacks a chunk; none unless it is the one of this place. Never more than a chunk's bytes are unpacked.
    pub fn unpack(&self, at: u32, packed: &[u8]) -> Option<Vec<u8>> {
        let begins = u64::from(at) * BODY_CHUNK_BYTES as u64;
        let length = usize::try_from(self.bytes.checked_sub(begins)?).ok()?.min(BODY_CHUNK_BYTES);
        let (leaves, _) = self.leaves.as_chunks::<32>();
        let leaf = leaves.get(usize::try_from(at).ok()?)?;
        let chunk = unpack_chunk(packed, length)?;
        (body_leaf(&self.salt, &chunk).as_bytes() == leaf).then_some(chunk)
    }

    /// The outline of a body that is here or on its way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read(store: &dyn Read, body: &Digest) -> Result<Option<Self>, StoreError> {
        let Some(row) = store.get(&layout::body_outline(body))? else { return Ok(None) };
        wire::decode(&row, FRAME_BYTES_MAX)
            .map(Some)
            .map_err(|error| StoreError::Damaged(format!("an outline: {error}")))
    }

    /// Enters a frame of the record into the index.
    ///
    /// # Errors
    /// [`WireError`] when it is no outline.
    pub fn put_frame(payload: &[u8], puts: &mut Batch) -> Result<(), WireError> {
        let (body, outline): (Digest, Self) = wire::decode(payload, FRAME_BYTES_MAX)?;
        puts.put(layout::body_outline(&body), wire::encode(&outline));
        Ok(())
    }

    /// The body that a frame of the record with an outline is of.
    pub fn digest_of(frame: &Frame) -> Option<Digest> {
        let fields: Result<(Digest, Self), _> = wire::decode(&frame.payload, FRAME_BYTES_MAX);
        fields.ok().filter(|_| frame.kind == OUTLINE_FRAME).map(|(body, _)| body)
    }
}

impl Turn<'_> {
    /// Keeps an outline that was checked.
    pub(super) fn keep_outline(&mut self, body: &Digest, outline: &Outline) {
        let payload = wire::encode(&(body, outline));
        // Our own encoding always reads.
        let _ = Outline::put_frame(&payload, &mut self.out.puts);
        self.out.batch.bodies.push(Frame { kind: OUTLINE_FRAME, payload });
    }

    /// Keeps the next chunk of a body if it is the one of its place; false if it is not.
    pub(super) fn keep_chunk(&mut self, body: &Digest, at: u32, packed: &[u8]) -> Step<bool> {
        let Some(outline) = Outline::read(&self.read(), body)? else { return Ok(false) };
        if outline.unpack(at, packed).is_none() {
            return Ok(false);
        }
        let chunk = ByteBuf::from(packed);
        let payload = wire::encode(&(body, outline.salt, outline.bytes, outline.count(), at, chunk));
        let _ = super::body::PackedBody::put_frame(&payload, &mut self.out.puts);
        self.out.batch.bodies.push(Frame { kind: BODY_FRAME, payload });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::body::body_digest;
    use crate::sync::chunk::pack_chunk;

    fn noise(bytes: usize) -> Vec<u8> {
        let blocks = (0..bytes.div_ceil(32) as u64).map(|at| *Digest::of(&[&at.to_be_bytes()]).as_bytes());
        blocks.flatten().take(bytes).collect()
    }

    #[test]
    fn an_outline_gives_the_digest_that_the_whole_content_has() {
        for bytes in [0, 1, BODY_CHUNK_BYTES, BODY_CHUNK_BYTES + 1, 5 * BODY_CHUNK_BYTES] {
            let content = noise(bytes);
            let outline = Outline::of([7; 32], &content);
            assert_eq!(outline.digest(), Some(body_digest(&[7; 32], &content)), "{bytes}");
            let mut again = Vec::new();
            let chunks: Vec<&[u8]> =
                if bytes == 0 { vec![&[]] } else { content.chunks(BODY_CHUNK_BYTES).collect() };
            for (at, chunk) in (0..).zip(chunks) {
                again.extend(outline.unpack(at, &pack_chunk(chunk)).expect("the chunk of its place"));
            }
            assert_eq!(again, content);
        }
    }

    #[test]
    fn a_chunk_of_another_place_or_content_is_refused() {
        let content = noise(3 * BODY_CHUNK_BYTES - 9);
        let outline = Outline::of([7; 32], &content);
        let packed: Vec<Vec<u8>> = content.chunks(BODY_CHUNK_BYTES).map(pack_chunk).collect();
        assert!(outline.unpack(1, &packed[0]).is_none());
        assert!(outline.unpack(2, &packed[1]).is_none());
        assert!(outline.unpack(3, &packed[2]).is_none());
        assert!(outline.unpack(u32::MAX, &packed[2]).is_none());
        assert!(outline.unpack(0, &[]).is_none());
        let mut other = content.clone();
        other[5] ^= 1;
        assert!(outline.unpack(0, &pack_chunk(&other[..BODY_CHUNK_BYTES])).is_none());
    }

    #[test]
    fn attack_38_a_chunk_that_unpacks_to_more_than_its_place_is_refused_without_the_memory() {
        let outline = Outline::of([7; 32], &noise(100));
        for bytes in [1 << 20, 64 << 20] {
            let bomb = zstd::bulk::compress(&vec![0; bytes], 19).expect("compressed");
            assert!(bomb.len() < bytes / 1_000);
            assert!(outline.unpack(0, &bomb).is_none());
        }
    }

    #[test]
    fn fault_21_an_outline_that_claims_more_than_it_has_or_may_have_is_refused() {
        let honest = Outline::of([7; 32], &noise(BODY_CHUNK_BYTES + 1));
        for bytes in [0, 1, ATTACHMENT_BYTES_MAX + 1, 10 << 30, 1 << 63, u64::MAX] {
            let liar = Outline { bytes, ..honest.clone() };
            assert_eq!(liar.digest(), None, "{bytes}");
        }
        let count = usize::try_from(ATTACHMENT_BYTES_MAX / BODY_CHUNK_BYTES as u64).expect("small") + 1;
        let over = Outline { bytes: ATTACHMENT_BYTES_MAX + 1, leaves: vec![0; count * 32], salt: [0; 32] };
        assert_eq!(over.digest(), None);
    }
}
