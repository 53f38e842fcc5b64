//! Attachments in bundles: they go up with the entries that name them, outline and chunks as on a session, because every
//! ancestor keeps the attachments of the nodes below it.

use super::{BUNDLE_CONN, Leg};
use crate::digest::Digest;
use crate::statement::BodyRole;
use crate::sync::body::PackedBody;
use crate::sync::chunk::{has_chunk, read_chunk};
use crate::sync::climb::Outcome;
use crate::sync::erase::erased_by;
use crate::sync::frame::Frame;
use crate::sync::node::{Node, Step};
use crate::sync::outline::Outline;
use crate::sync::turn::Turn;

/// What the chunks of an attachment are checked against.
pub(super) fn outline_of(turn: &Turn<'_>, body: &Digest) -> Step<Option<Frame>> {
    let outline = Outline::read(&turn.read(), body)?;
    Ok(outline.map(|outline| Frame::Outline { body: *body, outline: Box::new(outline) }))
}

/// A chunk of an attachment.
pub(super) fn chunk_of(turn: &Turn<'_>, body: &Digest, at: u64) -> Step<Option<Frame>> {
    let Ok(at) = u32::try_from(at) else { return Ok(None) };
    let packed = read_chunk(&turn.read(), body, at)?;
    Ok(packed.map(|packed| Frame::Chunk { body: *body, at, packed: packed.into() }))
}

impl Node {
    /// The attachments that entries of these stretches name and that are held here.
    pub(super) fn attachments_of(&self, turn: &Turn<'_>, legs: &[Leg]) -> Step<Vec<Leg>> {
        let mut attachments = Vec::new();
        for leg in legs {
            let Leg::Log { origin, first, until, .. } = leg else { continue };
            for index in *first..*until {
                let Some((_, entry)) = self.entry(turn, origin, index)? else { continue };
                let bodies =
                    entry.card.act.report().map(|report| report.bodies.as_slice()).unwrap_or_default();
                for body in bodies.iter().filter(|body| body.role == BodyRole::Attachment) {
                    if PackedBody::is_held(&turn.read(), &body.digest)? {
                        let until = u64::from(Outline::count_of(body.bytes));
                        attachments.push(Leg::Attachment { body: body.digest, first: 0, until });
                    }
                }
            }
        }
        Ok(attachments)
    }

    /// Takes a chunk that is wanted here; true when it comes before what it follows, or before the entry that names it.
    pub(super) fn take_chunk(
        &mut self,
        turn: &mut Turn<'_>,
        body: &Digest,
        at: u32,
        packed: &[u8],
    ) -> Step<(Outcome, bool)> {
        let is_done = has_chunk(&turn.read(), body, at)? || PackedBody::is_held(&turn.read(), body)?;
        if is_done || erased_by(&turn.read(), body)?.is_some() {
            return Ok((Ok(()), false));
        }
        let follows = match at.checked_sub(1) {
            Some(before) => has_chunk(&turn.read(), body, before)?,
            None => true,
        };
        if !follows || !self.fetches.comes_from(body, BUNDLE_CONN, at) {
            return Ok((Ok(()), true));
        }
        let outcome = self.on_chunk(turn, BUNDLE_CONN, body, at, packed)?;
        self.fetches.lost(BUNDLE_CONN);
        Ok((outcome, false))
    }
}
