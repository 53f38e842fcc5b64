//! Transparency logs: Merkle trees, tiles, signed checkpoints, cosignatures, proofs and evidence of split views.
//!
//! Promises: pure functions on values and texts, in the formats of RFC 6962 and C2SP, so that the ordinary tools
//! of the transparency world read what a node serves. Storing, sequencing, the guard file of the highest mark
//! and every socket are left to the layers below this one in the code map. The normative text follows.
#![doc = include_str!("LOG.md")]

pub mod checkpoint;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;
