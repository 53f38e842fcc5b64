//! Every key of the index in one table. Keys are ordered bytes; integers in them are big-endian.
//!
//! | first byte | rest of the key | value |
//! | --- | --- | --- |
//! | `m` | nothing | position of the record up to which the index is filled |
//! | `e` | origin key 32, index u64 | received_at u64, statement 171, card |
//! | `s` | statement digest 32 | origin key 32, index u64 |
//! | `l` | root-log index u64 | leaf 187 |
//! | `i` | statement digest 32 | root-log index u64 |
//! | `t` | tile level u8, tile index u64 | hashes of the tile, 32 each |
//! | `b` | body digest 32 | salt, length, chunk count |
//! | `c` | body digest 32, chunk u32 | compressed chunk |
//! | `z` | body digest 32 | digest of the statement that erased it |
//! | `n` | nothing | how many erasures the record has done |
//! | `o` | nothing | how many of them this index has never held |
//! | `r` | statement digest 32 | the revision's row |
//! | `x` | root-log index of the entry u64 | refused entry: origin, index, digest, code |
//! | `a` | size of our own log u64 | the parent's first receipt of that size, a signed note |
//! | `h` | signing key 32 | root-log leaves that a node below held when its newest bundle was written, u64 |
//! | `1` | root-log index u64 | index row (all revisions) |
//! | `2` | division, 0, year u16, agency id, 0, revision u32 | index row |
//! | `3` | agency id, 0, year u16, revision u32 | index row |
//! | `4` | year u16, division, 0, agency id, 0, revision u32 | index row |
//!
//! An index row is: digest 32, state u8, act u8, flags u8 (1 shown, 2 provisional, 4 suspect, 8 returned), received_at u64,
//! length u8 of the agency's code, the code, its name.

use crate::digest::Digest;
use crate::trust::key::PublicKey;

/// Position of the record up to which the index is filled.
pub const APPLIED: &[u8] = b"m";
/// How many erasures the record has done.
pub const ERASURES: &[u8] = b"n";
/// How many of them this index was built after, so that its files never held what was erased.
pub const SCRUBBED: &[u8] = b"o";
/// First byte of refused entries.
pub const REFUSED: u8 = b'x';
/// First byte of the parent's receipts.
pub const RECEIPT: u8 = b'a';
/// First byte of the rows of all revisions by root-log index.
pub const BY_INDEX: u8 = b'1';
/// First byte of revisions by division.
pub const BY_DIVISION: u8 = b'2';
/// First byte of revisions by agency.
pub const BY_AGENCY: u8 = b'3';
/// First byte of revisions by year.
pub const BY_YEAR: u8 = b'4';

fn key(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![first];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// An entry by origin and index.
pub fn entry(origin: &PublicKey, index: u64) -> Vec<u8> {
    key(b'e', &[origin.as_bytes(), &index.to_be_bytes()])
}
/// Where a statement stands in its origin's log.
pub fn locator(statement: &Digest) -> Vec<u8> {
    key(b's', &[statement.as_bytes()])
}
/// A leaf of the root log.
pub fn leaf(index: u64) -> Vec<u8> {
    key(b'l', &[&index.to_be_bytes()])
}
/// The root-log index of a statement.
pub fn sequenced(statement: &Digest) -> Vec<u8> {
    key(b'i', &[statement.as_bytes()])
}
/// A tile of the root log.
pub fn tile(level: u8, index: u64) -> Vec<u8> {
    key(b't', &[&[level], &index.to_be_bytes()])
}
/// A body's head.
pub fn body(digest: &Digest) -> Vec<u8> {
    key(b'b', &[digest.as_bytes()])
}
/// A body's chunk.
pub fn body_chunk(digest: &Digest, chunk: u32) -> Vec<u8> {
    key(b'c', &[digest.as_bytes(), &chunk.to_be_bytes()])
}
/// That a body was erased.
pub fn erased(digest: &Digest) -> Vec<u8> {
    key(b'z', &[digest.as_bytes()])
}
/// A revision's row.
pub fn revision(statement: &Digest) -> Vec<u8> {
    key(b'r', &[statement.as_bytes()])
}
/// A refused entry, by the root-log index of its `Refuse`.
pub fn refused(index: u64) -> Vec<u8> {
    key(REFUSED, &[&index.to_be_bytes()])
}
/// The parent's receipt for a log of our own at a size.
pub fn receipt(origin: &PublicKey, size: u64) -> Vec<u8> {
    key(RECEIPT, &[origin.as_bytes(), &size.to_be_bytes()])
}
/// How much of the root log a node below held when it last said so in a bundle.
pub fn heard(node: &PublicKey) -> Vec<u8> {
    key(b'h', &[node.as_bytes()])
}
/// A revision by root-log index.
pub fn by_index(index: u64) -> Vec<u8> {
    key(BY_INDEX, &[&index.to_be_bytes()])
}
/// Prefix of a division's revisions, of one year if given.
pub fn by_division_prefix(division: &str, year: Option<u16>) -> Vec<u8> {
    let year = year.map(u16::to_be_bytes);
    key(BY_DIVISION, &[division.as_bytes(), &[0], year.as_ref().map_or(&[], |year| year.as_slice())])
}
/// A revision by division.
pub fn by_division(division: &str, year: u16, agency: &str, revision: u32) -> Vec<u8> {
    let mut out = by_division_prefix(division, Some(year));
    out.extend_from_slice(agency.as_bytes());
    out.push(0);
    out.extend_from_slice(&revision.to_be_bytes());
    out
}
/// Prefix of an agency's revisions, of one year if given.
pub fn by_agency_prefix(agency: &str, year: Option<u16>) -> Vec<u8> {
    let year = year.map(u16::to_be_bytes);
    key(BY_AGENCY, &[agency.as_bytes(), &[0], year.as_ref().map_or(&[], |year| year.as_slice())])
}
/// A revision by agency.
pub fn by_agency(agency: &str, year: u16, revision: u32) -> Vec<u8> {
    let mut out = by_agency_prefix(agency, Some(year));
    out.extend_from_slice(&revision.to_be_bytes());
    out
}
/// Prefix of a year's revisions.
pub fn by_year_prefix(year: u16) -> Vec<u8> {
    key(BY_YEAR, &[&year.to_be_bytes()])
}
/// A revision by year.
pub fn by_year(year: u16, division: &str, agency: &str, revision: u32) -> Vec<u8> {
    let year = year.to_be_bytes();
    let (division, agency) = (division.as_bytes(), agency.as_bytes());
    key(BY_YEAR, &[&year, division, &[0], agency, &[0], &revision.to_be_bytes()])
}
