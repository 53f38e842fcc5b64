//! The view root: one digest over every public line (PROTOCOL.md "Fold and view root").
//!
//! Lines are put into 4,096 buckets; an update costs one bucket and twelve hashes.

use crate::digest::Digest;
use crate::log::tree::{leaf_hash, node_hash};
use std::collections::BTreeMap;

/// Number of buckets: the first 12 bits of a SHA-256.
const BUCKET_COUNT: usize = 4096;
/// Height of the perfect tree over the buckets.
const HEIGHT: u8 = 12;

/// One line: a public revision and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewLine {
    /// The agency's id as the fold resolves it.
    pub agency_id: String,
    /// Calendar year.
    pub year: u16,
    /// Revision number.
    pub revision: u32,
    /// Digest of the statement.
    pub digest: Digest,
    /// `released`, `superseded` or `withdrawn`.
    pub state: &'static str,
}

impl ViewLine {
    /// `agency id TAB year TAB revision TAB digest TAB state NEWLINE`.
    pub fn to_text(&self) -> String {
        let Self { agency_id, year, revision, digest, state } = self;
        format!("{agency_id}\t{year}\t{revision}\t{digest}\t{state}\n")
    }

    fn bucket(&self) -> u16 {
        let key = Digest::of(&[self.agency_id.as_bytes(), b"\t", self.year.to_string().as_bytes()]);
        let [first, second, ..] = *key.as_bytes();
        u16::from_be_bytes([first, second]) >> 4
    }
}

/// What a line is about: agency id, year, revision, digest.
type LineKey = (String, u16, u32, Digest);

/// The lines and the tree over their buckets.
#[derive(Clone, Debug)]
pub struct ViewTree {
    /// Per bucket: the whole lines.
    buckets: BTreeMap<u16, BTreeMap<LineKey, String>>,
    /// Heap order: node 1 is the root, node n has children 2n and 2n+1; leaves start at 4,096.
    nodes: Vec<Digest>,
}

impl Default for ViewTree {
    fn default() -> Self {
        // An empty bucket is SHA-256(0x00), which is the leaf hash of no bytes.
        let mut nodes = vec![leaf_hash(b""); 2 * BUCKET_COUNT];
        let mut level = leaf_hash(b"");
        for height in (0..HEIGHT).rev() {
            level = node_hash(&level, &level);
            let (from, until) = (1_usize << height, 2_usize << height);
            if let Some(row) = nodes.get_mut(from..until) {
                row.fill(level);
            }
        }
        Self { buckets: BTreeMap::new(), nodes }
    }
}

impl ViewTree {
    /// The tree over lines that are all there from the beginning: each bucket is hashed once.
    pub(super) fn of(lines: impl Iterator<Item = ViewLine>) -> Self {
        let mut tree = Self::default();
        for line in lines {
            tree.enter(line);
        }
        let buckets: Vec<u16> = tree.buckets.keys().copied().collect();
        for bucket in buckets {
            tree.hash(bucket);
        }
        tree
    }

    /// Enters a line, in place of the line with the same agency, year, revision and digest.
    pub fn put(&mut self, line: ViewLine) {
        let bucket = self.enter(line);
        self.hash(bucket);
    }

    fn enter(&mut self, line: ViewLine) -> u16 {
        let (bucket, text) = (line.bucket(), line.to_text());
        let lines = self.buckets.entry(bucket).or_default();
        lines.insert((line.agency_id, line.year, line.revision, line.digest), text);
        bucket
    }

    /// Hashes a bucket, and what stands above it.
    fn hash(&mut self, bucket: u16) {
        let lines = self.buckets.get(&bucket).into_iter().flat_map(BTreeMap::values);
        let mut sorted: Vec<&str> = lines.map(String::as_str).collect();
        sorted.sort_unstable();
        let hash = leaf_hash(sorted.concat().as_bytes());
        let mut at = BUCKET_COUNT + usize::from(bucket);
        self.set(at, hash);
        while at > 1 {
            at /= 2;
            let hash = node_hash(&self.node(2 * at), &self.node(2 * at + 1));
            self.set(at, hash);
        }
    }

    /// The RFC 6962 root over the 4,096 bucket hashes.
    pub fn root(&self) -> Digest {
        self.node(1)
    }

    fn node(&self, at: usize) -> Digest {
        self.nodes.get(at).copied().unwrap_or_default()
    }

    fn set(&mut self, at: usize, hash: Digest) {
        if let Some(node) = self.nodes.get_mut(at) {
            *node = hash;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(agency: &str, revision: u32, state: &'static str) -> ViewLine {
        ViewLine {
            agency_id: agency.into(),
            year: 2024,
            revision,
            digest: Digest::of(&[agency.as_bytes(), &revision.to_be_bytes()]),
            state,
        }
    }

    /// The definition, computed without the tree.
    fn by_definition(lines: &[ViewLine]) -> Digest {
        let mut hashes: Vec<Digest> = (0..4096_u16)
            .map(|bucket| {
                let mut texts: Vec<String> =
                    lines.iter().filter(|l| l.bucket() == bucket).map(ViewLine::to_text).collect();
                texts.sort();
                leaf_hash(texts.concat().as_bytes())
            })
            .collect();
        while hashes.len() > 1 {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        hashes[0]
    }

    #[test]
    fn the_tree_is_its_definition_in_any_order() {
        assert_eq!(ViewTree::default().root(), by_definition(&[]));
        let lines: Vec<ViewLine> =
            (0..300).map(|n| line(&format!("330000:agency {n}"), 1, "released")).collect();
        let (mut forwards, mut backwards) = (ViewTree::default(), ViewTree::default());
        lines.iter().for_each(|l| forwards.put(l.clone()));
        lines.iter().rev().for_each(|l| backwards.put(l.clone()));
        assert_eq!(forwards.root(), by_definition(&lines));
        assert_eq!(forwards.root(), backwards.root());
    }

    #[test]
    fn a_changed_state_replaces_its_line() {
        let mut tree = ViewTree::default();
        tree.put(line("330000:a", 1, "released"));
        tree.put(line("330000:a", 1, "superseded"));
        tree.put(line("330000:a", 2, "released"));
        let want = [line("330000:a", 1, "superseded"), line("330000:a", 2, "released")];
        assert_eq!(tree.root(), by_definition(&want));
    }
}
