//! The log and its neighbourhood as the portal shows them: proofs, tiles, entries, the children, the age of it all.

use super::portal_source::PortalSource;
use super::service::{Reply, Request};
use crate::digest::Digest;
use crate::log::note::Note;
use crate::log::proof::TlogProof;
use crate::log::tile::{TileId, TileSubtrees, entry_bundle};
use crate::log::tree;
use crate::portal::source::{ChildLink, Found, SourceError};
use crate::sync::{read_leaf, read_tile};

impl PortalSource {
    /// Age of the root's newest cosignature; none before the first tail.
    pub(super) fn checkpoint_age_ms(&self) -> Option<u64> {
        let snapshot = self.current.get();
        let now = self.clock.now().wall.0;
        snapshot.note.as_ref().map(|_| now.saturating_sub(snapshot.renewed_at * 1000))
    }

    fn checkpoint_size(&self) -> u64 {
        self.current.get().note.as_ref().map_or(0, |(_, size)| *size)
    }

    pub(super) fn children(&self) -> Vec<ChildLink> {
        let status: serde_json::Value = match self.ask.call(Request::Status) {
            Some(Reply::Document(text)) => serde_json::from_str(&text).unwrap_or_default(),
            _ => return Vec::new(),
        };
        let children = status["children"].as_array().map(Vec::as_slice).unwrap_or_default();
        let child = |child: &serde_json::Value| {
            let name = child["name"].as_str()?.to_owned();
            Some(ChildLink { code: child["code"].as_str()?.parse().ok()?, name, portal: None })
        };
        children.iter().filter_map(child).collect()
    }

    pub(super) fn proof_of(&self, digest: &Digest) -> Result<Found<String>, SourceError> {
        let snapshot = self.current.get();
        let (Some((index, _)), Some((text, size))) = (self.public_entry(digest)?, &snapshot.note) else {
            return Ok(Found::Absent);
        };
        if index >= *size {
            return Ok(Found::Absent);
        }
        let subtrees = TileSubtrees::new(|id| read_tile(self.store.as_ref(), id, *size));
        let hashes = tree::inclusion_proof(&subtrees, index, *size)
            .map_err(|error| SourceError::Unavailable(error.to_string()))?;
        let checkpoint = Note::parse(text).map_err(|error| SourceError::Unavailable(error.to_string()))?;
        Ok(Found::Here(TlogProof::new(index, hashes, checkpoint).to_text()))
    }

    pub(super) fn tile_of(
        &self,
        level: u8,
        index: u64,
        width: Option<u16>,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let size = self.checkpoint_size();
        let Some(mut hashes) = read_tile(self.store.as_ref(), TileId { level, index }, size) else {
            return Ok(None);
        };
        let wanted = usize::from(width.unwrap_or(256)) * 32;
        if hashes.len() < wanted {
            return Ok(None);
        }
        hashes.truncate(wanted);
        Ok(Some(hashes))
    }

    pub(super) fn entries_of(&self, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError> {
        let size = self.checkpoint_size();
        let (Some(first), count) = (index.checked_mul(256), u64::from(width.unwrap_or(256))) else {
            return Ok(None);
        };
        if first.checked_add(count).is_none_or(|end| end > size) {
            return Ok(None);
        }
        let mut leaves = Vec::new();
        for index in first..first + count {
            match read_leaf(self.store.as_ref(), index)? {
                Some(leaf) => leaves.push(leaf.to_bytes()),
                None => return Ok(None),
            }
        }
        Ok(entry_bundle(leaves))
    }
}
