//! Bodies on the wire and at rest: salted content in chunks, each packed on its own.
//!
//! A chunk is at most 64 KiB unpacked; unpacking is bounded by that, so that a few bytes never become many.

use super::chunk::{delete_chunks, pack_chunk, read_chunk, unpack_chunk};
use super::climb::Outcome;
use super::erase::erased_by;
use super::limits::{BODY_BYTES_MAX, CARRIED_BYTES_MAX};
use super::node::{Node, Step};
use super::outline::{OUTLINE_FRAME, Outline};
use super::turn::Turn;
use crate::digest::Digest;
use crate::package::body::BODY_CHUNK_BYTES;
use crate::package::body::body_digest;
use crate::record::{FRAME_BYTES_MAX, Frame};
use crate::statement::{BodyRef, BodyRole, Entry};
use crate::store::{Batch, Read, StoreError, layout};
use crate::wire::{self, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Kind of body frames in the record.
pub const BODY_FRAME: u8 = 1;

/// A body as it travels and rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedBody {
    /// The body's own salt.
    pub salt: [u8; 32],
    /// Length of the content in bytes.
    pub bytes: u64,
    /// Packed chunks.
    pub chunks: Vec<ByteBuf>,
}

/// Why a body is not the one a card names.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than allowed, or another length than the card says.
    #[error("a body of {0} bytes where the card says {1}")]
    Length(u64, u64),
    /// A chunk cannot be unpacked, or is not as long as its place asks.
    #[error("chunk {0} of a body cannot be unpacked")]
    Chunk(usize),
    /// The digest differs.
    #[error("a body does not have the digest the card names")]
    Digest,
}

impl PackedBody {
    /// Packs content.
    pub fn pack(salt: [u8; 32], content: &[u8]) -> Self {
        let chunks = chunks_of(content).map(|chunk| ByteBuf::from(pack_chunk(chunk))).collect();
        Self { salt, bytes: content.len() as u64, chunks }
    }

    /// Unpacks the content and checks it against the digest and length a card names.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn unpack(&self, digest: &Digest, bytes: u64) -> Result<Vec<u8>, BodyError> {
        let count = bytes.div_ceil(BODY_CHUNK_BYTES as u64).max(1);
        if self.bytes != bytes || bytes > BODY_BYTES_MAX || self.chunks.len() as u64 != count {
            return Err(BodyError::Length(self.bytes, bytes));
        }
        let (mut content, mut left) = (Vec::new(), bytes as usize);
        for (at, chunk) in self.chunks.iter().enumerate() {
            let length = left.min(BODY_CHUNK_BYTES);
            let unpacked = unpack_chunk(chunk, length);
            let unpacked = unpacked.ok_or(BodyError::Chunk(at))?;
            left -= length;
            if content.is_empty() {
                content = unpacked;
            } else {
                content.extend_from_slice(&unpacked);
            }
        }
        if body_digest(&self.salt, &content) != *digest {
            return Err(BodyError::Digest);
        }
        Ok(content)
    }

    /// A digest of the packed bytes: of one content there are several packings.
    pub fn packing(&self) -> Digest {
        let chunks = self.chunks.iter().map(|chunk| chunk.as_slice());
        let parts: Vec<&[u8]> = std::iter::once(self.salt.as_slice()).chain(chunks).collect();
        Digest::of(&parts)
    }

    /// Bytes on the wire, about.
    pub fn packed_bytes(&self) -> usize {
        48 + self.chunks.iter().map(|chunk| chunk.len() + 4).sum::<usize>()
    }

    /// The body as frames of the record, one a chunk, so that none is long.
    pub fn to_frames(&self, digest: &Digest) -> Vec<Frame> {
        let count = self.chunks.len() as u32;
        let frame = |(at, chunk): (u32, &ByteBuf)| Frame {
            kind: BODY_FRAME,
            payload: wire::encode(&(digest, self.salt, self.bytes, count, at, chunk)),
        };
        (0..count).zip(&self.chunks).map(frame).collect()
    }

    /// Enters a frame of the record into the index. The head comes with the last chunk: a body without a head
    /// is not held.
    ///
    /// # Errors
    /// [`WireError`] when the frame is not one of [`PackedBody::to_frames`].
    pub fn put_frame(payload: &[u8], puts: &mut Batch) -> Result<(), WireError> {
        let (digest, salt, bytes, count, at, chunk): (Digest, [u8; 32], u64, u32, u32, ByteBuf) =
            wire::decode(payload, FRAME_BYTES_MAX)?;
        puts.put(layout::body_chunk(&digest, at), chunk.into_vec());
        if at + 1 == count {
            puts.put(layout::body(&digest), wire::encode(&(salt, bytes, count)));
        }
        Ok(())
    }

    /// Reads a body from the index.
    ///
    /// # Errors
    /// [`StoreError`]; a damaged head reads as damage.
    pub fn read(store: &dyn Read, digest: &Digest) -> Result<Option<Self>, StoreError> {
        let Some(head) = store.get(&layout::body(digest))? else { return Ok(None) };
        let (salt, bytes, count): ([u8; 32], u64, u32) =
            wire::decode(&head, 64).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut chunks = Vec::new();
        for at in 0..count {
            match read_chunk(store, digest, at)? {
                Some(chunk) => chunks.push(ByteBuf::from(chunk)),
                None => return Ok(None),
            }
        }
        Ok(Some(Self { salt, bytes, chunks }))
    }

    /// What travels in the place of a body that was erased.
    pub const fn erased() -> Self {
        Self { salt: [0; 32], bytes: 0, chunks: Vec::new() }
    }

    /// True for what travels in the place of an erased body: a body has at least one chunk.
    pub const fn is_erased(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The digest that a frame of the record belongs to; none when it is no body's.
    pub fn digest_of(frame: &Frame) -> Option<Digest> {
        type Fields = (Digest, [u8; 32], u64, u32, u32, ByteBuf);
        match frame.kind {
            BODY_FRAME => wire::decode::<Fields>(&frame.payload, FRAME_BYTES_MAX).ok().map(|fields| fields.0),
            OUTLINE_FRAME => Outline::digest_of(frame),
            _ => None,
        }
    }

    /// Enters a frame of the record's bodies into the index; other kinds are none of ours.
    ///
    /// # Errors
    /// [`WireError`] when the frame is damaged.
    pub fn enter(frame: &Frame, puts: &mut Batch) -> Result<(), WireError> {
        match frame.kind {
            BODY_FRAME => Self::put_frame(&frame.payload, puts),
            OUTLINE_FRAME => Outline::put_frame(&frame.payload, puts),
            _ => Ok(()),
        }
    }

    /// Takes a body out of the index.
    pub(super) fn delete(turn: &mut Turn<'_>, digest: &Digest) -> Step {
        delete_chunks(turn, digest)?;
        turn.out.puts.delete(layout::body(digest));
        turn.out.puts.delete(layout::body_outline(digest));
        Ok(())
    }

    /// True when the index holds the body.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_held(store: &dyn Read, digest: &Digest) -> Result<bool, StoreError> {
        Ok(store.get(&layout::body(digest))?.is_some())
    }
}

impl Node {
    /// The bodies that travel with an entry; none when one of them is not held. One that is not what the card names is
    /// doubted, and never sent.
    pub(super) fn carried_bodies(&self, turn: &Turn<'_>, entry: &Entry) -> Step<Option<Vec<PackedBody>>> {
        let read = turn.read();
        let carried = |body: &BodyRef| match PackedBody::read(&read, &body.digest)? {
            Some(packed)
                if !self.fresh.is_checked(&body.digest, &packed.packing())
                    && packed.unpack(&body.digest, body.bytes).is_err() =>
            {
                turn.doubted.borrow_mut().push((entry.digest(), body.digest));
                Ok(None)
            }
            None if erased_by(&read, &body.digest)?.is_some() => Ok(Some(PackedBody::erased())),
            held => Ok(held),
        };
        entry.card.act.carried_bodies().iter().map(carried).collect()
    }

    /// Checks and keeps the bodies that came with an entry.
    pub(super) fn keep_bodies(
        &mut self,
        turn: &mut Turn<'_>,
        entry: &Entry,
        bodies: &[PackedBody],
    ) -> Step<Outcome> {
        let named = entry.card.act.carried_bodies();
        let bytes = named.iter().fold(0_u64, |sum, body| sum.saturating_add(body.bytes));
        if named.len() != bodies.len() || bytes > CARRIED_BYTES_MAX {
            return Ok(Err("bad_body"));
        }
        for (name, body) in named.iter().zip(bodies) {
            // Bodies of reports alone are erased. What was erased here does not come back.
            if (body.is_erased() && entry.is_report()) || erased_by(&turn.read(), &name.digest)?.is_some() {
                continue;
            }
            if name.bytes > BODY_BYTES_MAX {
                return Ok(Err("bad_body"));
            }
            let Ok(content) = body.unpack(&name.digest, name.bytes) else { return Ok(Err("bad_body")) };
            if !PackedBody::is_held(&turn.read(), &name.digest)? {
                turn.keep_body(&name.digest, body);
                self.fresh.note_checked(&name.digest, body.packing());
                if entry.is_report() && name.role == BodyRole::Package {
                    self.fresh.figure(&name.digest, &content);
                }
            }
        }
        Ok(Ok(()))
    }
}

/// True when bodies that came with an entry are said to be erased, and nothing here says so: then its withdrawal is
/// still to come down.
pub(super) fn lacks_bodies(turn: &Turn<'_>, entry: &Entry, bodies: &[PackedBody]) -> Step<bool> {
    for (name, body) in entry.card.act.carried_bodies().iter().zip(bodies) {
        if body.is_erased() && erased_by(&turn.read(), &name.digest)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn chunks_of(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = content.is_empty().then_some(content);
    empty.into_iter().chain(content.chunks(BODY_CHUNK_BYTES))
}
