//! The image of a node's state beside the index: written now and then, read at a start.
//!
//! It begins with a digest of the rest. The rest says which program wrote it, up to where it has folded the record, and which
//! fact was the last: an image of another record, of another version, beyond what the index has applied, or in pieces is
//! as good as none.

use super::EngineError;
use crate::digest::Digest;
use crate::record::{Frame, Position, Record, Stream};
use crate::store::{Store, StoreError, layout};
use crate::sync::Node;
use crate::sync::image::Image;
use crate::wire;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Raised when anything in an image is written in another way; a test of its bytes says when.
const VERSION: u32 = 1;
/// Bytes of the digest in front.
const DIGEST_BYTES: usize = 32;
/// So many facts are replayed rather than that an image is written.
const FACTS_MIN: u64 = 5_000;

/// What an image is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    version: u32,
    program: String,
    rules: [u8; 8],
    /// Facts that are folded into it.
    facts: u64,
    /// Digest of the last of them.
    last: Digest,
    /// Erasures that the index has noted as done by then.
    erasures: u64,
}

/// What an image that fits the record stands for.
pub(super) struct Held {
    /// Facts that are folded into it.
    pub(super) facts: u64,
    /// Erasures that are done by then.
    pub(super) erasures: u64,
    /// Digest of the last of the facts.
    pub(super) last: Digest,
}

/// The image that is kept in `store`, if it is of this record up to a place that the index has reached.
pub(super) fn held(
    store: &dyn Store,
    record: &dyn Record,
    applied: Position,
) -> Result<Option<(Held, Image<'static>)>, EngineError> {
    let Some(bytes) = store.image()? else { return Ok(None) };
    let Some((digest, rest)) = bytes.split_first_chunk::<DIGEST_BYTES>() else { return Ok(None) };
    if Digest::of(&[rest]) != Digest::from_bytes(*digest) {
        return Ok(None);
    }
    let Ok(head) = wire::decode_own::<Head>(rest) else { return Ok(None) };
    let ours = Head { facts: head.facts, last: head.last, erasures: head.erasures, ..head_of_this_program() };
    let fits = head == ours && (1..=applied.facts).contains(&head.facts);
    if !fits
        || last_fact(record, head.facts)? != Some(head.last)
        || super::count(store, layout::ERASURES)? < head.erasures
    {
        return Ok(None);
    }
    let body = rest.get(wire::encode(&head).len()..).unwrap_or_default();
    let image = wire::decode_own::<Image<'static>>(body).ok().and_then(Image::sound);
    let held = Held { facts: head.facts, erasures: head.erasures, last: head.last };
    Ok(image.map(|image| (held, image)))
}

fn head_of_this_program() -> Head {
    let (program, rules) = (env!("CARGO_PKG_VERSION").to_owned(), super::rules());
    Head { version: VERSION, program, rules, facts: 0, last: Digest::ZERO, erasures: 0 }
}

/// The digest of the last of so many facts of the record: for that one segment is read up to there.
fn last_fact(record: &dyn Record, facts: u64) -> Result<Option<Digest>, EngineError> {
    let (mut last, end) = (None, record.end());
    if facts == 0 || facts > end.facts {
        return Ok(None);
    }
    let from = Position { facts: facts - 1, bodies: end.bodies };
    record.replay(from, &mut |stream, _, frame| {
        last = (stream == Stream::Facts).then(|| digest_of(&frame));
        ControlFlow::Break(())
    })?;
    Ok(last)
}

/// The digest by which a fact is known again.
pub(super) fn digest_of(fact: &Frame) -> Digest {
    Digest::of(&[&[fact.kind], &fact.payload])
}

/// The images of one engine: what the newest fact is, and when the next image is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Images {
    /// Least facts between two images.
    pub(super) every: u64,
    /// Facts in the newest image.
    kept: u64,
    /// Facts of the record, and the digest of the last of them.
    newest: (u64, Digest),
}

impl Images {
    /// After a replay: facts that an image stood for, facts in all, and the digest of the last.
    pub(super) const fn new(kept: u64, newest: (u64, Digest)) -> Self {
        Self { every: FACTS_MIN, kept, newest }
    }

    /// The record has so many facts now, and this is the last.
    pub(super) fn follow(&mut self, facts: u64, last: &Frame) {
        self.newest = (facts, digest_of(last));
    }

    /// True when the facts that would be replayed are many, as such and beside what the image has: so the writing of images
    /// stays a fraction of the writing of facts.
    pub(super) const fn is_due(&self) -> bool {
        let more = self.newest.0.saturating_sub(self.kept);
        more >= self.every && more >= self.kept / 8
    }

    /// Writes the image of a node that has folded all facts of its record, if there is one to write. An image that cannot be
    /// written is missed by nobody: it is tried again with as many facts more.
    pub(super) fn keep(&mut self, node: &Node, store: &dyn Store) {
        if self.kept == self.newest.0 {
            return;
        }
        self.kept = self.newest.0;
        if let Err(error) = self.write(node, store) {
            tracing::warn!(%error, "the image of the state cannot be written");
        }
    }

    fn write(&self, node: &Node, store: &dyn Store) -> Result<(), StoreError> {
        let Some(image) = node.image() else { return Ok(()) };
        let ((facts, last), erasures) = (self.newest, super::count(store, layout::ERASURES)?);
        // It may be large: it is in memory once.
        let mut bytes = vec![0; DIGEST_BYTES];
        wire::encode_onto(&Head { facts, last, erasures, ..head_of_this_program() }, &mut bytes);
        wire::encode_onto(&image, &mut bytes);
        if let Some((digest, rest)) = bytes.split_first_chunk_mut::<DIGEST_BYTES>() {
            *digest = *Digest::of(&[rest]).as_bytes();
        }
        store.keep_image(&bytes)
    }
}
