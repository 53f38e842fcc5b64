//! Attachments for the portal: from the index chunk by chunk, fetched from an ancestor when they are not there.

use super::portal_source::PortalSource;
use super::service::{Attaching, Reply, Request};
use crate::digest::Digest;
use crate::package::attachment::attachments_of;
use crate::portal::source::{AttachmentHead, Found, SourceError};
use crate::statement::{BodyRef, BodyRole, ReportCard};
use crate::sync::chunk::read_chunk;
use crate::sync::outline::Outline;
use crate::sync::{body::PackedBody, erased_by};

impl PortalSource {
    /// What a download begins with; asks for the body if it is not here.
    pub(super) fn attachment_head(
        &self,
        package: &Digest,
        body: &Digest,
    ) -> Result<Found<AttachmentHead>, SourceError> {
        let (card, named) = match self.public_attachment(package, body)? {
            Found::Here(found) => found,
            other => return Ok(other.elsewhere()),
        };
        if !PackedBody::is_held(self.store.as_ref(), body)? && !self.is_coming(package, body) {
            return Ok(Found::BodyMissing);
        }
        let outline = Outline::read(self.store.as_ref(), body)?;
        let name = self.attachment_name(&card, body)?;
        Ok(Found::Here(AttachmentHead {
            name: name.unwrap_or_else(|| format!("{}.bin", body.hex())),
            bytes: named.bytes,
            chunks: Outline::count_of(named.bytes),
            salt: outline.map(|outline| outline.salt).unwrap_or_default(),
        }))
    }

    /// A chunk of an attachment that is public, checked against the card.
    pub(super) fn attachment_bytes(
        &self,
        package: &Digest,
        body: &Digest,
        at: u32,
    ) -> Result<Found<Vec<u8>>, SourceError> {
        match self.public_attachment(package, body)? {
            Found::Here(_) => {}
            other => return Ok(other.elsewhere()),
        }
        let outline = Outline::read(self.store.as_ref(), body)?;
        let packed = read_chunk(self.store.as_ref(), body, at)?;
        let (Some(outline), Some(packed)) = (outline, packed) else {
            if PackedBody::is_held(self.store.as_ref(), body)? {
                // Part of it was lost with a damaged part of the record: asking mends it.
                self.is_coming(package, body);
            }
            return Ok(Found::BodyMissing);
        };
        let chunk = outline.unpack(at, &packed);
        chunk
            .map(Found::Here)
            .ok_or_else(|| SourceError::Unavailable(format!("chunk {at} of {body} is damaged")))
    }

    fn public_attachment(
        &self,
        package: &Digest,
        body: &Digest,
    ) -> Result<Found<(ReportCard, BodyRef)>, SourceError> {
        let card = match self.report(package)? {
            Found::Here((_, card)) => card,
            other => return Ok(other.elsewhere()),
        };
        let attached = |named: &&BodyRef| named.role == BodyRole::Attachment && named.digest == *body;
        let Some(named) = card.bodies.iter().find(attached).copied() else { return Ok(Found::Absent) };
        if let Some(by) = erased_by(self.store.as_ref(), body)? {
            return Ok(Found::Withdrawn { reason: self.why(&by) });
        }
        Ok(Found::Here((card, named)))
    }

    fn is_coming(&self, package: &Digest, body: &Digest) -> bool {
        let fetch = Request::Attach(Box::new(Attaching::Fetch(*package, *body)));
        match self.ask.call(fetch) {
            Some(Reply::Document(text)) => !text.contains("\"nowhere\""),
            _ => false,
        }
    }

    fn attachment_name(&self, card: &ReportCard, body: &Digest) -> Result<Option<String>, SourceError> {
        let Some(package) = card.package() else { return Ok(None) };
        let Some(packed) = PackedBody::read(self.store.as_ref(), &package.digest)? else { return Ok(None) };
        let Ok(content) = packed.unpack(&package.digest, package.bytes) else { return Ok(None) };
        let mut bodies = card.bodies.iter().filter(|named| named.role == BodyRole::Attachment);
        let place = bodies.position(|named| named.digest == *body);
        let named = attachments_of(&content);
        let name = place.and_then(|place| named.get(place)).filter(|named| named.is_harmless());
        Ok(name.map(|named| named.name.clone()))
    }
}
