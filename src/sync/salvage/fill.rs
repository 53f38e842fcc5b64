//! Filling: what the record lost and the old index still has. Nothing of the index is believed: entries carry their
//! signatures, bodies are checked against the digests that cards name, leaves against the checkpoint that the guard names.

use super::{Leaves, Salvage};
use crate::digest::Digest;
use crate::log::tree::leaf_hash;
use crate::record::{Frame, Mark, Stream};
use crate::statement::{BodyRef, Entry};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::sync::body::{BODY_FRAME, PackedBody};
use crate::sync::chunk::read_chunk;
use crate::sync::erase::erased_by;
use crate::sync::fact::Fact;
use crate::sync::node::parse_entry_row;
use crate::sync::outline::{OUTLINE_FRAME, Outline};
use crate::sync::tail::read_leaf;
use crate::wire;
use serde_bytes::ByteBuf;

/// Rows of entries looked at in one step: with their bodies some MiB.
const ROWS: usize = 64;

impl Salvage {
    /// Takes what the index has of the next entries behind `from`, and moves it on; false when there are no more.
    ///
    /// # Errors
    /// [`StoreError`]: the index cannot be read further.
    pub fn fill(
        &mut self,
        index: &dyn Read,
        from: &mut Vec<u8>,
        bodies: &mut Vec<Frame>,
        facts: &mut Vec<Frame>,
    ) -> Result<bool, StoreError> {
        if from.is_empty() {
            *from = vec![layout::ENTRY];
        }
        let rows = index.scan(from, &prefix_end(&[layout::ENTRY]), ROWS)?;
        let Some((last, _)) = rows.last() else { return Ok(false) };
        *from = [last.as_slice(), &[0]].concat();
        for (_, row) in &rows {
            let Ok((received_at, entry)) = parse_entry_row(row) else { continue };
            let Ok(entry) = Entry::verify(entry.statement.as_bytes(), &entry.card_bytes) else { continue };
            let report = entry.card.act.report();
            let named =
                report.map_or_else(|| entry.card.act.carried_bodies(), |report| report.bodies.clone());
            for body in named {
                if !self.bodies.contains(&body.digest) && erased_by(index, &body.digest)?.is_none() {
                    self.fill_body(index, &body, bodies)?;
                }
            }
            if !self.entries.contains(&entry.digest()) {
                let frame = Fact::Entry { received_at, entry }.to_frame();
                self.take(Stream::Facts, &frame, self.gaps, facts);
            }
        }
        Ok(true)
    }

    fn fill_body(
        &mut self,
        index: &dyn Read,
        body: &BodyRef,
        out: &mut Vec<Frame>,
    ) -> Result<(), StoreError> {
        let digest = body.digest;
        let mut take = |frame: Frame| self.take(Stream::Bodies, &frame, 0, out);
        let Some(outline) = Outline::read(index, &digest)? else {
            if let Some(packed) = PackedBody::read(index, &digest)? {
                packed.to_frames(&digest).into_iter().for_each(take);
            }
            return Ok(());
        };
        // What was kept of it already is passed over.
        take(Frame { kind: OUTLINE_FRAME, payload: wire::encode(&(digest, &outline)) });
        for at in 0..outline.count() {
            let Some(chunk) = read_chunk(index, &digest, at)? else { break };
            let fields = (digest, outline.salt, outline.bytes, outline.count(), at, ByteBuf::from(chunk));
            take(Frame { kind: BODY_FRAME, payload: wire::encode(&fields) });
        }
        Ok(())
    }

    /// Takes the leaves that the index has behind those that were kept, if with them all are there that the guard's
    /// mark names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn fill_leaves(
        &mut self,
        index: &dyn Read,
        signed: Mark,
        facts: &mut Vec<Frame>,
    ) -> Result<(), StoreError> {
        let (mut root, mut found) = (self.root.clone(), Vec::new());
        for at in root.size()..signed.size {
            let Some(leaf) = read_leaf(index, at)? else { return Ok(()) };
            let statement: Digest = leaf.statement.digest();
            if !self.entries.contains(&statement) {
                return Ok(());
            }
            root.push(leaf_hash(&leaf.to_bytes()));
            let (sequenced_at, received_at) = (leaf.sequenced_at, leaf.received_at);
            found.push(Fact::Leaf { sequenced_at, received_at, statement }.to_frame());
        }
        if (root.size(), root.root()) == (signed.size, signed.root) {
            self.root = root;
            self.leaves = Leaves::Sound;
            facts.append(&mut found);
            let newest =
                self.left_out.take().filter(|(note, _)| (note.size, note.root) == (signed.size, signed.root));
            facts.extend(newest.map(|(_, note)| Fact::RootNote { note }.to_frame()));
        }
        Ok(())
    }
}
