//! The Merkle tree of RFC 6962 §2.1 over SHA-256: hashing, roots, proofs and their verification.
//!
//! Promises: total functions on values, no storage. A proof made here verifies here, and a proof verifies only
//! with exactly the hashes that RFC 6962 §2.1.1 and §2.1.2 list. Where the hashes of a tree are kept is left to
//! [`Subtrees`] (tiles: [`super::tile`]); what a leaf means and whether a root is signed is left to the callers.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};

/// Most leaves a tree may have, 2^62: proofs then never exceed [`PROOF_HASHES_MAX`] and sizes fit every
/// language's signed 64-bit integer. A province writes two million leaves in ten years.
pub const TREE_SIZE_MAX: u64 = 1 << 62;

/// Most hashes in a proof: a consistency proof within [`TREE_SIZE_MAX`] leaves has one hash a level and one more.
pub const PROOF_HASHES_MAX: usize = 63;

/// Hash of a leaf: SHA-256(0x00 ‖ `data`) (RFC 6962 §2.1).
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest::of(&[&[0], data])
}

/// Hash of an inner node: SHA-256(0x01 ‖ `left` ‖ `right`) (RFC 6962 §2.1).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// Root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// All that appending needs of a tree: its size and the roots of its perfect subtrees.
///
/// Invariant: one root for each set bit of the size, largest subtree first. Reading a stored frontier refuses
/// any other count, and sizes over [`TREE_SIZE_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredFrontier")]
pub struct Frontier {
    size: u64,
    roots: Vec<Digest>,
}

/// A frontier as read, before its invariant is checked.
#[derive(Deserialize)]
struct StoredFrontier {
    size: u64,
    roots: Vec<Digest>,
}

impl TryFrom<StoredFrontier> for Frontier {
    type Error = &'static str;
    fn try_from(stored: StoredFrontier) -> Result<Self, Self::Error> {
        let StoredFrontier { size, roots } = stored;
        if size > TREE_SIZE_MAX || u32::try_from(roots.len()) != Ok(size.count_ones()) {
            return Err("a frontier has one root for each set bit of its size");
        }
        Ok(Self { size, roots })
    }
}

impl Frontier {
    /// The frontier of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves were pushed.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends the leaf with this [`leaf_hash`].
    pub fn push(&mut self, leaf_hash: Digest) {
        let mut node = leaf_hash;
        // Each trailing one of the size is a perfect subtree as large as `node` has grown: merge, from the right.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.roots.push(node);
        self.size = self.size.saturating_add(1);
    }

    /// The root; [`empty_root`] for size 0.
    pub fn root(&self) -> Digest {
        join(&self.roots)
    }
}

/// Root over perfect subtrees, largest first.
fn join(roots: &[Digest]) -> Digest {
    roots.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

/// Root of the tree with these leaf hashes, in order.
pub fn root_of(leaf_hashes: impl IntoIterator<Item = Digest>) -> Digest {
    let mut frontier = Frontier::new();
    for leaf_hash in leaf_hashes {
        frontier.push(leaf_hash);
    }
    frontier.root()
}

/// Where the hashes of a stored tree come from.
pub trait Subtrees {
    /// Why a hash cannot be had.
    type Error;
    /// Root of the perfect subtree over the leaves `[index << level, (index + 1) << level)`.
    ///
    /// # Errors
    /// The implementation's, when it does not hold all that it takes.
    fn subtree(&self, level: u8, index: u64) -> Result<Digest, Self::Error>;
}

/// Root over the leaves `[start, end)`, where `start` is aligned as in every recursion of RFC 6962.
fn range_root<S: Subtrees>(subtrees: &S, start: u64, end: u64) -> Result<Digest, S::Error> {
    let mut roots = Vec::new();
    let mut at = start;
    while at < end {
        // The largest power of two that fits: an integer logarithm below 64.
        let level = (end - at).ilog2();
        roots.push(subtrees.subtree(u8::try_from(level).unwrap_or(u8::MAX), at >> level)?);
        at += 1 << level;
    }
    Ok(join(&roots))
}

/// Largest power of two smaller than `count`, for `count` of at least two: where RFC 6962 splits.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// Root of the first `size` leaves; [`empty_root`] for 0.
///
/// # Errors
/// Those of [`Subtrees::subtree`].
pub fn root_at<S: Subtrees>(subtrees: &S, size: u64) -> Result<Digest, S::Error> {
    range_root(subtrees, 0, size)
}

/// Inclusion proof (RFC 6962 §2.1.1) of the leaf at `index` in the tree of the first `size` leaves, from the
/// leaf's sibling up. Empty when `index` is not below `size`; [`verify_inclusion`] refuses that index.
///
/// # Errors
/// Those of [`Subtrees::subtree`].
pub fn inclusion_proof<S: Subtrees>(subtrees: &S, index: u64, size: u64) -> Result<Vec<Digest>, S::Error> {
    let (mut start, mut end, mut proof) = (0, size, Vec::new());
    while index < size && end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range_root(subtrees, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(subtrees, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Consistency proof (RFC 6962 §2.1.2) from the tree of the first `old` leaves to that of the first `new`.
/// Empty when `old` is 0 or equals `new`, and when `old` is larger, which [`verify_consistency`] refuses.
///
/// # Errors
/// Those of [`Subtrees::subtree`].
pub fn consistency_proof<S: Subtrees>(subtrees: &S, old: u64, new: u64) -> Result<Vec<Digest>, S::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_root(subtrees, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(subtrees, start, middle)?);
            start = middle;
        }
    }
    // A subtree that starts at 0 here is the old tree itself, whose root the verifier has.
    if start != 0 {
        proof.push(range_root(subtrees, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Why a proof does not show what it claims. All are the prover's fault.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ProofError {
    /// A size is over [`TREE_SIZE_MAX`].
    #[error("a tree of {size} leaves is beyond all limits")]
    Size {
        /// The size, in leaves.
        size: u64,
    },
    /// The leaf is not in a tree of that size.
    #[error("leaf {index} cannot be in a tree of {size} leaves")]
    Index {
        /// The leaf's index.
        index: u64,
        /// The tree's size, in leaves.
        size: u64,
    },
    /// The newer tree is smaller than the older one.
    #[error("a log of {old} leaves cannot become one of {new}")]
    Shrunk {
        /// Size of the older tree, in leaves.
        old: u64,
        /// Size of the newer tree, in leaves.
        new: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("the proof has {got} hashes, it must have {want}")]
    Length {
        /// How many these sizes need.
        want: usize,
        /// How many there are.
        got: usize,
    },
    /// The hashes lead to another root than the (newer) one claimed.
    #[error("the proof leads to root {computed}, not to {claimed}")]
    Root {
        /// Where the proof leads.
        computed: Digest,
        /// What was to be proven.
        claimed: Digest,
    },
    /// The hashes lead to another root than the older one claimed.
    #[error("the proof starts from root {computed}, not from {claimed}")]
    OldRoot {
        /// Where the proof leads.
        computed: Digest,
        /// What was to be proven.
        claimed: Digest,
    },
}

/// A proof's hashes in their two parts: `inner` levels below the point where the leaf's path leaves the right
/// edge of the tree, and left siblings along that edge above it.
fn parts(index: u64, size: u64) -> (u32, u32) {
    let inner = u64::BITS - (index ^ size.saturating_sub(1)).leading_zeros();
    (inner, index.checked_shr(inner).unwrap_or(0).count_ones())
}

const fn check_size(size: u64) -> Result<(), ProofError> {
    if size > TREE_SIZE_MAX { Err(ProofError::Size { size }) } else { Ok(()) }
}

fn check_length(want: u32, proof: &[Digest]) -> Result<(), ProofError> {
    let (want, got) = (usize::try_from(want).unwrap_or(usize::MAX), proof.len());
    if want == got { Ok(()) } else { Err(ProofError::Length { want, got }) }
}

/// Walks `hashes` up from `node`: at each of the first `inner` levels the bit of `path` says whether the
/// sibling stands left (1) or right (0); all further siblings stand left. With `old`, right siblings are newer
/// than the tree and left out.
fn climb(node: Digest, path: u64, inner: u32, hashes: &[Digest], old: bool) -> Digest {
    hashes.iter().zip(0_u32..).fold(node, |node, (sibling, level)| {
        if level >= inner || path.checked_shr(level).unwrap_or(0) & 1 == 1 {
            node_hash(sibling, &node)
        } else if old {
            node
        } else {
            node_hash(&node, sibling)
        }
    })
}

fn check_root(computed: Digest, claimed: &Digest) -> Result<(), ProofError> {
    if computed == *claimed { Ok(()) } else { Err(ProofError::Root { computed, claimed: *claimed }) }
}

/// Verifies that the leaf with this hash stands at `index` of the tree with `size` leaves and this root
/// (RFC 6962 §2.1.1, RFC 9162 §2.1.3.2). The size is bound by whoever signed the root with it, not by the proof.
///
/// # Errors
/// [`ProofError`], by cause; never `OldRoot` or `Shrunk`.
pub fn verify_inclusion(
    leaf_hash: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let (inner, border) = parts(index, size);
    check_length(inner + border, proof)?;
    check_root(climb(*leaf_hash, index, inner, proof, false), root)
}

/// Verifies that the tree with `new_size` leaves and `new_root` begins with all leaves of the tree with
/// `old_size` leaves and `old_root` (RFC 6962 §2.1.2, RFC 9162 §2.1.4.2). From size 0, and between equal sizes,
/// the proof is empty and the roots are compared.
///
/// # Errors
/// [`ProofError`], by cause; never `Index`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    check_size(new_size)?;
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    let check_old = |computed: Digest| {
        if computed == *old_root { Ok(()) } else { Err(ProofError::OldRoot { computed, claimed: *old_root }) }
    };
    if old_size == 0 || old_size == new_size {
        check_length(0, proof)?;
        if old_size == 0 {
            check_old(empty_root())?;
        }
        return if new_size == old_size { check_root(*old_root, new_root) } else { Ok(()) };
    }
    // The walk starts at the old tree's last perfect subtree, the one as large as the size's lowest set bit.
    let level = old_size.trailing_zeros();
    let (inner, border) = parts(old_size - 1, new_size);
    let inner = inner.saturating_sub(level);
    let (seed, hashes) = if old_size.is_power_of_two() {
        check_length(inner + border, proof)?;
        (old_root, proof)
    } else {
        check_length(inner + border + 1, proof)?;
        proof.split_first().ok_or(ProofError::Length { want: 1, got: 0 })?
    };
    let path = (old_size - 1) >> level;
    check_old(climb(*seed, path, inner, hashes, true))?;
    check_root(climb(*seed, path, inner, hashes, false), new_root)
}

#[cfg(test)]
mod tests;
