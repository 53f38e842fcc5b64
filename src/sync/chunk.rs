//! Chunks as they travel and rest: packed each on its own ("Packed chunks" in src/package/FORMAT.md), one a key of the
//! index.

use super::node::Step;
use super::turn::Turn;
use crate::digest::Digest;
use crate::package::body::BODY_CHUNK_BYTES;
use crate::package::body::short::{lengthen, shorten};
use crate::store::{Read, StoreError, layout, prefix_end};
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};

/// Compression level: what is left of figures once they are written short is as small with the first as with the third.
const ZSTD_LEVEL: i32 = 1;
/// First byte of a packed chunk: a zstd frame of the chunk follows.
const AS_IT_IS: u8 = 0;
/// First byte of a packed chunk: a zstd frame of its short form follows.
const SHORT: u8 = 1;
/// Longest packed chunk in bytes: what does not compress grows by less than a hundredth.
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

/// Packs a chunk.
pub fn pack_chunk(chunk: &[u8]) -> Vec<u8> {
    let short = shorten(chunk);
    let (form, bytes) = short.as_ref().map_or((AS_IT_IS, chunk), |short| (SHORT, short.as_slice()));
    let zstd = TOOLS.with_borrow_mut(|tools| tools.as_mut()?.pack.compress(bytes).ok());
    zstd.map(|zstd| [&[form], zstd.as_slice()].concat()).unwrap_or_default()
}

/// Unpacks a chunk that is so long; nothing more is ever unpacked. None when it is not.
pub fn unpack_chunk(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let (form, zstd) = packed.split_first()?;
    if packed.len() > PACKED_BYTES_MAX || length > BODY_CHUNK_BYTES {
        return None;
    }
    let bytes = TOOLS.with_borrow_mut(|tools| tools.as_mut()?.unpack.decompress(zstd, length).ok())?;
    match *form {
        AS_IT_IS => (bytes.len() == length).then_some(bytes),
        SHORT => lengthen(&bytes, length),
        _ => None,
    }
}

/// A packed chunk from the index.
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
    fn chunks_come_back_in_either_form() {
        let cells = r#"{"printed":"12","value":"12","unit":"宗","state":"value"},"#.repeat(300);
        for (chunk, form) in [(cells.as_bytes(), SHORT), (b"no cells", AS_IT_IS), (b"", AS_IT_IS)] {
            let packed = pack_chunk(chunk);
            assert_eq!(packed.first(), Some(&form));
            assert_eq!(unpack_chunk(&packed, chunk.len()).as_deref(), Some(chunk));
            assert_eq!(unpack_chunk(&packed, chunk.len() + 1), None);
            let other_form = [&[2], packed.get(1..).unwrap_or_default()].concat();
            assert_eq!(unpack_chunk(&other_form, chunk.len()), None);
        }
        assert_eq!(unpack_chunk(&[], 0), None);
    }

    #[test]
    fn what_does_not_compress_stays_within_its_bound() {
        let noise: Vec<u8> =
            (0..2_048_u64).flat_map(|at| *Digest::of(&[&at.to_be_bytes()]).as_bytes()).collect();
        assert!(pack_chunk(&noise).len() <= PACKED_BYTES_MAX);
    }
}
