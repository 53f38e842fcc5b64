//! Chunks at rest: compressed each on its own, one a key of the index.

use super::node::Step;
use super::turn::Turn;
use crate::digest::Digest;
use crate::package::body::BODY_CHUNK_BYTES;
use crate::store::{Read, StoreError, layout, prefix_end};
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Compression level: 3 is zstd's default; figures in tables compress about four times with it, what is compressed
/// already stays as it is.
const ZSTD_LEVEL: i32 = 3;
/// Longest compressed chunk in bytes: what does not compress grows by less than a hundredth.
pub const PACKED_BYTES_MAX: usize = BODY_CHUNK_BYTES + 1_024;

/// What compresses and what unpacks, with their tables: to make them anew costs as much as a small chunk.
struct Tools {
    pack: Compressor<'static>,
    unpack: Decompressor<'static>,
}

thread_local! {
    static TOOLS: RefCell<Option<Tools>> = RefCell::new(Tools::new().ok());
}

impl Tools {
    fn new() -> std::io::Result<Self> {
        Ok(Self { pack: Compressor::new(ZSTD_LEVEL)?, unpack: Decompressor::new()? })
    }
}

/// Compresses a chunk.
pub fn pack_chunk(chunk: &[u8]) -> Vec<u8> {
    let packed = TOOLS.with_borrow_mut(|tools| tools.as_mut()?.pack.compress(chunk).ok());
    packed.unwrap_or_default()
}

/// Unpacks a chunk that is so long; nothing more is ever unpacked. None when it is not.
pub fn unpack_chunk(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    if packed.len() > PACKED_BYTES_MAX {
        return None;
    }
    let unpacked = TOOLS.with_borrow_mut(|tools| tools.as_mut()?.unpack.decompress(packed, length).ok());
    unpacked.filter(|chunk| chunk.len() == length)
}

/// A compressed chunk from the index.
///
/// # Errors
/// [`StoreError`].
pub fn read_chunk(store: &dyn Read, body: &Digest, at: u32) -> Result<Option<Vec<u8>>, StoreError> {
    store.get(&layout::body_chunk(body, at))
}

/// True when a chunk is in the index.
///
/// # Errors
/// [`StoreError`].
pub fn has_chunk(store: &dyn Read, body: &Digest, at: u32) -> Result<bool, StoreError> {
    Ok(store.get(&layout::body_chunk(body, at))?.is_some())
}

/// How many chunks of a body are here, from the first on without a gap.
///
/// # Errors
/// [`StoreError`].
pub fn chunks_held(store: &dyn Read, body: &Digest) -> Result<u32, StoreError> {
    let mut held = 0;
    while has_chunk(store, body, held)? {
        held += 1;
    }
    Ok(held)
}

/// Takes every chunk of a body out of the index.
pub(super) fn delete_chunks(turn: &mut Turn<'_>, body: &Digest) -> Step {
    let until = prefix_end(&[b"c", body.as_bytes().as_slice()].concat());
    let mut from = layout::body_chunk(body, 0);
    // One at a time: a chunk is read to be found, and they may be many.
    while let Some((key, _)) = turn.read().scan(&from, &until, 1)?.pop() {
        from = [key.as_slice(), &[0]].concat();
        turn.out.puts.delete(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_compress_stays_within_its_bound() {
        let noise: Vec<u8> =
            (0..2_048_u64).flat_map(|at| *Digest::of(&[&at.to_be_bytes()]).as_bytes()).collect();
        assert!(pack_chunk(&noise).len() <= PACKED_BYTES_MAX);
    }
}
