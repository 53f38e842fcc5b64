//! Every key of the index in one table. Keys are ordered bytes; integers in them are big-endian.
#![doc = include_str!("LAYOUT.md")]

use crate::digest::Digest;
use crate::trust::key::PublicKey;

/// Position of the record up to which the index is filled.
pub const APPLIED: &[u8] = b"m";
/// Version of the keys and rows below: raised when one of them changes, so that an older index is rebuilt.
pub const VERSION: u32 = 1;
/// Versions of the fold and of the layout that filled the index; another's is rebuilt.
pub const FOLD: &[u8] = b"w";
/// How many erasures the record has done.
pub const ERASURES: &[u8] = b"n";
/// How many of them this index was built after, so that its files never held what was erased.
pub const SCRUBBED: &[u8] = b"o";
/// First byte of entries.
pub const ENTRY: u8 = b'e';
/// First byte of bodies' chunks.
pub const BODY_CHUNK: u8 = b'c';
/// First byte of bodies that are lacking here.
pub const LACKING: u8 = b'j';
/// First byte of refused entries.
pub const REFUSED: u8 = b'x';
/// First byte of the parent's receipts.
pub const RECEIPT: u8 = b'a';
/// First byte of the divisions' places.
pub const PLACE: u8 = b'p';
/// First byte of the templates that stand.
pub const TEMPLATE: u8 = b'u';
/// First byte of the rows of all revisions by root-log index.
pub const BY_INDEX: u8 = b'1';
/// First byte of revisions by division.
pub const BY_DIVISION: u8 = b'2';
/// First byte of revisions by agency.
pub const BY_AGENCY: u8 = b'3';
/// First byte of revisions by year.
pub const BY_YEAR: u8 = b'4';

/// True for rows that are written once, or once more when their state changes: entries, leaves, bodies, receipts, revisions
/// and figures. What stands for one of them is then as short as a key.
pub fn is_settled(key: &[u8]) -> bool {
    matches!(key.first(), Some(&ENTRY | &BODY_CHUNK | &RECEIPT | b'l' | b'g' | b'r' | b'f'))
}

fn key(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![first];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// An entry by origin and index.
pub fn entry(origin: &PublicKey, index: u64) -> Vec<u8> {
    key(ENTRY, &[origin.as_bytes(), &index.to_be_bytes()])
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
    key(BODY_CHUNK, &[digest.as_bytes(), &chunk.to_be_bytes()])
}
/// A body's outline.
pub fn body_outline(digest: &Digest) -> Vec<u8> {
    key(b'g', &[digest.as_bytes()])
}
/// That a body which travels with its statement is not here.
pub fn lacking(digest: &Digest) -> Vec<u8> {
    key(LACKING, &[digest.as_bytes()])
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
/// That this node has looked at a report.
pub fn reviewed(statement: &Digest) -> Vec<u8> {
    key(b'k', &[statement.as_bytes()])
}
/// The id that stands for another name or a later code of an agency.
pub fn alias(alias: &str) -> Vec<u8> {
    key(b'y', &[alias.as_bytes()])
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
/// Prefix of a year's revisions of the divisions whose codes begin so.
pub fn by_year_within(year: u16, beginning: &str) -> Vec<u8> {
    key(BY_YEAR, &[&year.to_be_bytes(), beginning.as_bytes()])
}
/// A revision by year.
pub fn by_year(year: u16, division: &str, agency: &str, revision: u32) -> Vec<u8> {
    let year = year.to_be_bytes();
    let (division, agency) = (division.as_bytes(), agency.as_bytes());
    key(BY_YEAR, &[&year, division, &[0], agency, &[0], &revision.to_be_bytes()])
}
/// Figures of a revision.
pub fn figures(statement: &Digest) -> Vec<u8> {
    key(b'f', &[statement.as_bytes()])
}
/// A division's place in the tree of jurisdictions.
pub fn place(division: &str) -> Vec<u8> {
    key(PLACE, &[division.as_bytes()])
}
/// Prefix of the divisions directly below one.
pub fn below_prefix(parent: &str) -> Vec<u8> {
    key(b'q', &[parent.as_bytes(), &[0]])
}
/// That a division stands directly below another.
pub fn below(parent: &str, division: &str) -> Vec<u8> {
    key(b'q', &[parent.as_bytes(), &[0], division.as_bytes()])
}
/// Prefix of all sums of a division.
pub fn sums_of_division(division: &str) -> Vec<u8> {
    key(b'v', &[division.as_bytes(), &[0]])
}
/// Prefix of the sums of a division's year in one scope.
pub fn sums_prefix(division: &str, year: u16, scope: u8) -> Vec<u8> {
    key(b'v', &[division.as_bytes(), &[0], &year.to_be_bytes(), &[scope]])
}
/// Sums of one table.
pub fn sums(division: &str, year: u16, scope: u8, kind: u8, table: &[u8]) -> Vec<u8> {
    key(b'v', &[division.as_bytes(), &[0], &year.to_be_bytes(), &[scope, kind], table])
}
/// Prefix of the consolidated reports of a division's year.
pub fn consolidated_prefix(division: &str, year: u16) -> Vec<u8> {
    key(b'd', &[division.as_bytes(), &[0], &year.to_be_bytes()])
}
/// A consolidated report of a division's year.
pub fn consolidated(division: &str, year: u16, statement: &Digest) -> Vec<u8> {
    key(b'd', &[division.as_bytes(), &[0], &year.to_be_bytes(), statement.as_bytes()])
}
/// A template that stands, by its place among them.
pub fn template(place: u16) -> Vec<u8> {
    key(TEMPLATE, &[&place.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// LA-1: every first byte that a key is made with has one row in LAYOUT.md, and no row is without a key.
    #[test]
    fn every_prefix_has_its_row() {
        let source = include_str!("layout.rs");
        let made = source.split_once("#[cfg(test)]").map_or(source, |(shipped, _)| shipped);
        // A literal of one byte: b, a quote, the byte, the same quote.
        let literal = |four: &[u8]| four[0] == b'b' && matches!(four[1], 34 | 39) && four[1] == four[3];
        let literals = made.as_bytes().windows(4).filter(|four| literal(four));
        let made: BTreeSet<char> = literals.map(|four| char::from(four[2])).collect();
        let rows = include_str!("LAYOUT.md").lines().filter_map(|line| line.strip_prefix("| `"));
        let rows: Vec<char> = rows.filter_map(|rest| rest.chars().next()).collect();
        assert_eq!(rows.iter().copied().collect::<BTreeSet<_>>(), made);
        assert_eq!(rows.len(), made.len(), "a byte stands for one thing");
        assert!(made.len() > 10);
    }
}
