//! Tiles and entry bundles (c2sp.org/tlog-tiles): how a log's hashes are cut for storage and for HTTP.
//!
//! Promises: a plan, not a write. [`extend`] says which tiles an append changes and what they then hold; a
//! partial tile's bytes are a prefix of every later state of that tile, so a torn or repeated write of a plan
//! heals by planning again from the same size. Keeping the bytes, and their order with the checkpoint, is left
//! to the callers.

use super::tree::{self, Subtrees, TREE_SIZE_MAX};
use crate::bytes::{Reader, Writer};
use crate::digest::{DIGEST_BYTES, Digest};
use std::fmt;

/// Height of a tile in tree levels.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile, and entries in a full bundle: 2^[`TILE_HEIGHT`].
pub const TILE_WIDTH: u64 = 256;

/// Bytes of a full tile.
pub const TILE_BYTES: usize = 8_192;

/// Tile levels that a tree of [`TREE_SIZE_MAX`] leaves can have: 0 to 7.
const TILE_LEVEL_COUNT: u8 = 8;

/// Names a hash tile, full or partial. Level 0 holds leaf hashes; each hash of a higher level is the root of a
/// full tile one level below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Tile level, 0 to 63; tree level divided by [`TILE_HEIGHT`].
    pub level: u8,
    /// Index within the level.
    pub index: u64,
}

/// Every tile that changes when `leaf_hashes` are appended to a tree of `size` leaves, once each, by level and
/// index, with its full bytes afterwards (32 for each hash). `read` gives a stored tile's bytes; it is asked
/// only for the partial tiles at the right edge, and what a stored tile holds beyond `size` is ignored.
///
/// None when a stored tile is missing or shorter than `size` requires, or the tree would exceed
/// [`TREE_SIZE_MAX`]: the local store must then be rebuilt.
pub fn extend(
    size: u64,
    leaf_hashes: &[Digest],
    read: &dyn Fn(TileId) -> Option<Vec<u8>>,
) -> Option<Vec<(TileId, Vec<u8>)>> {
    let grown = u64::try_from(leaf_hashes.len()).ok().and_then(|count| size.checked_add(count))?;
    if grown > TREE_SIZE_MAX {
        return None;
    }
    let mut tiles = Vec::new();
    let mut hashes = leaf_hashes.to_vec();
    for level in 0..TILE_LEVEL_COUNT {
        if hashes.is_empty() {
            break;
        }
        let held = size >> (TILE_HEIGHT * level);
        let mut id = TileId { level, index: held / TILE_WIDTH };
        let mut bytes = stored(id, held % TILE_WIDTH, read)?;
        let mut full_roots = Vec::new();
        for hash in &hashes {
            bytes.extend_from_slice(hash.as_bytes());
            if bytes.len() == TILE_BYTES {
                full_roots.push(tree::root_of(digests(&bytes)));
                tiles.push((id, std::mem::take(&mut bytes)));
                id.index += 1;
            }
        }
        if !bytes.is_empty() {
            tiles.push((id, bytes));
        }
        hashes = full_roots;
    }
    Some(tiles)
}

/// The first `width` hashes of a stored tile; nothing is read for none.
fn stored(id: TileId, width: u64, read: &dyn Fn(TileId) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    if width == 0 {
        return Some(Vec::new());
    }
    let mut bytes = read(id)?;
    let want = usize::try_from(width).ok()? * DIGEST_BYTES;
    if bytes.len() < want {
        return None;
    }
    bytes.truncate(want);
    Some(bytes)
}

/// The hashes of a tile, in order.
fn digests(bytes: &[u8]) -> impl Iterator<Item = Digest> {
    let (hashes, _) = bytes.as_chunks::<DIGEST_BYTES>();
    hashes.iter().copied().map(Digest::from_bytes)
}

/// A tile that a proof or root needs is not stored, or not wide enough. The local store's fault.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("tile {}/{} is missing or has fewer than {width} hashes", id.level, id.index)]
pub struct TileMissing {
    /// Which tile.
    pub id: TileId,
    /// How many hashes of it were needed, 1 to 256.
    pub width: u64,
}

/// The hashes of a tree read from its tiles. `F` is `Fn(TileId) -> Option<Vec<u8>>` and gives a tile's bytes,
/// full or partial; it may keep a cache, as one proof can ask for a tile up to eight times.
pub struct TileSubtrees<F> {
    read: F,
}

impl<F: Fn(TileId) -> Option<Vec<u8>>> TileSubtrees<F> {
    /// Over the tiles that `read` gives.
    pub const fn new(read: F) -> Self {
        Self { read }
    }
}

impl<F: Fn(TileId) -> Option<Vec<u8>>> Subtrees for TileSubtrees<F> {
    type Error = TileMissing;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, TileMissing> {
        // Within its tile the subtree stands on `count` hashes from `offset` on.
        let count = 1_u64 << (level % TILE_HEIGHT);
        let per_tile = TILE_WIDTH / count;
        let id = TileId { level: level / TILE_HEIGHT, index: index / per_tile };
        let offset = index % per_tile * count;
        let missing = TileMissing { id, width: offset + count };
        let bytes = (self.read)(id).ok_or(missing)?;
        let place = |hashes: u64| usize::try_from(hashes).ok()?.checked_mul(DIGEST_BYTES);
        let range = place(offset).zip(place(offset + count)).map(|(start, end)| start..end);
        let hashes = range.and_then(|range| bytes.get(range)).ok_or(missing)?;
        Ok(tree::root_of(digests(hashes)))
    }
}

/// What a tile path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// A hash tile of this level, 0 to 63.
    Hash(u8),
    /// A bundle of entries.
    Entries,
}

/// The part of a tile's URL path after `tile/`: `0/x001/067`, `0/x001/067.p/5`, `entries/x001/067.p/3`.
/// Printed by `Display` exactly as the specification writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// Hashes of a level, or entries.
    pub kind: TileKind,
    /// Index within the level.
    pub index: u64,
    /// Hashes or entries in a partial tile, 1 to 255; None asks for the full 256.
    pub width: Option<u16>,
}

impl TilePath {
    /// Reads a path. None for anything but the one canonical spelling: missing or surplus padding, leading
    /// zeros, a level over 63, a width outside 1 to 255, an index over 64 bits.
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hash(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, Some(width.parse().ok().filter(|w| (1..=255).contains(w))?)),
            None => (rest, None),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index = index.checked_mul(1_000)?.checked_add(digits.parse::<u16>().ok()?.into())?;
        }
        // One value has one spelling: whatever would be printed otherwise was not canonical.
        let parsed = Self { kind, index, width };
        (parsed.to_string() == path).then_some(parsed)
    }

    /// How many hashes or entries are asked for, 1 to 256.
    pub fn count(&self) -> u64 {
        self.width.map_or(TILE_WIDTH, u64::from)
    }

    /// True when a tree of `size` leaves has all that is asked for. Of a tile that has since grown, any
    /// narrower width exists too: it is a prefix.
    pub fn exists_in(&self, size: u64) -> bool {
        let level = match self.kind {
            TileKind::Hash(level) => u32::from(level),
            TileKind::Entries => 0,
        };
        let held = size.checked_shr(level * u32::from(TILE_HEIGHT)).unwrap_or(0);
        let end = self.index.checked_mul(TILE_WIDTH).and_then(|start| start.checked_add(self.count()));
        end.is_some_and(|end| end <= held)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hash(level) => write!(f, "{level}/")?,
            TileKind::Entries => f.write_str("entries/")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        self.width.map_or(Ok(()), |width| write!(f, ".p/{width}"))
    }
}

/// An entry bundle: each leaf's data with a u16 big-endian length before it. None when there are no leaves,
/// more than 256, or one is longer than 65,535 bytes.
pub fn entry_bundle(leaves: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    let mut count = 0_u64;
    for leaf in leaves {
        let leaf = leaf.as_ref();
        writer.u16(u16::try_from(leaf.len()).ok()?).raw(leaf);
        count += 1;
    }
    (1..=TILE_WIDTH).contains(&count).then(|| writer.finish())
}

/// The leaves of an entry bundle. None when it ends inside an entry, or holds none or more than 256.
pub fn parse_entry_bundle(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut reader = Reader::new(bundle);
    let mut leaves = Vec::new();
    while reader.position() < bundle.len() {
        let length = reader.u16("length").ok()?;
        leaves.push(reader.raw("entry", length.into()).ok()?);
        if leaves.len() * DIGEST_BYTES > TILE_BYTES {
            return None;
        }
    }
    (!leaves.is_empty()).then_some(leaves)
}

#[cfg(test)]
mod tests;
