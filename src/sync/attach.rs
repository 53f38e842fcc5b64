//! Attaching: a file becomes a body of our own, chunk by chunk, before the statement that names it is signed.
//!
//! The same file has the same salt, so that attaching goes on where it stopped and keeps nothing twice; after an erasure
//! the next attempt has another salt, because an erased body never comes back.

use super::body::PackedBody;
use super::chunk::{chunks_held, has_chunk};
use super::erase::erased_by;
use super::limits::ATTACHMENT_BYTES_MAX;
use super::node::{Node, Step};
use super::outline::Outline;
use super::publish::{Attached, PublishError};
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::package::attachment::{ATTACHMENT_COUNT_MAX, attachments_of};
use crate::store::StoreError;

/// Why a file is not attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The outline's leaves do not fit its length, or it is over the bound.
    #[error("no outline of a body of at most {ATTACHMENT_BYTES_MAX} bytes")]
    BadOutline,
    /// The chunk is not the next one, or not the outline's.
    #[error("chunk {0} is not the next of this body")]
    BadChunk(u32),
    /// The body was erased: it is attached with another salt.
    #[error("a body that was erased does not come back")]
    Erased,
    /// The index could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// The salt under which a file with this SHA-256 is attached; `attempt` counts the erasures it had.
    pub fn attachment_salt(&self, sha256: &Digest, attempt: u32) -> [u8; 32] {
        *self.signing.derive(&format!("attachment salt {} {attempt}", sha256.hex()))
    }

    /// Begins a body, or goes on with it: its digest, and how many chunks are here.
    ///
    /// # Errors
    /// [`AttachError`].
    pub fn attach(&self, turn: &mut Turn<'_>, outline: &Outline) -> Result<(Digest, u32), AttachError> {
        let digest = outline.digest().ok_or(AttachError::BadOutline)?;
        if erased_by(&turn.read(), &digest)?.is_some() {
            return Err(AttachError::Erased);
        }
        if Outline::read(&turn.read(), &digest)?.is_none() {
            turn.keep_outline(&digest, outline);
        }
        let held = chunks_held(&turn.read(), &digest)?;
        Ok((digest, held))
    }

    /// Keeps the next chunk of a body that was begun; chunks that are here are passed over.
    ///
    /// # Errors
    /// [`AttachError`].
    pub fn attach_chunk(
        &self,
        turn: &mut Turn<'_>,
        digest: &Digest,
        at: u32,
        packed: &[u8],
    ) -> Result<(), AttachError> {
        if erased_by(&turn.read(), digest)?.is_some() {
            return Err(AttachError::Erased);
        }
        if has_chunk(&turn.read(), digest, at)? {
            return Ok(());
        }
        let follows = match at.checked_sub(1) {
            Some(before) => has_chunk(&turn.read(), digest, before)?,
            None => true,
        };
        if !follows || !turn.keep_chunk(digest, at, packed)? {
            return Err(AttachError::BadChunk(at));
        }
        Ok(())
    }

    /// Every attachment is here whole, and the content names as many, as long.
    pub(super) fn check_attachments(
        &self,
        turn: &Turn<'_>,
        content: &[u8],
        attached: &[Attached],
    ) -> Result<(), PublishError> {
        if attached.len() > ATTACHMENT_COUNT_MAX {
            return Err(PublishError::TooManyAttachments(attached.len()));
        }
        if attached.is_empty() {
            return Ok(());
        }
        let named = attachments_of(content);
        for (at, Attached { digest, bytes }) in attached.iter().enumerate() {
            let fits = named.len() == attached.len()
                && named.get(at).is_some_and(|named| named.bytes == *bytes)
                && self.attachment_bytes(turn, digest).map_err(SayError::from)? == Some(*bytes);
            if !fits {
                return Err(PublishError::NoAttachment(*digest));
            }
        }
        Ok(())
    }

    fn attachment_bytes(&self, turn: &Turn<'_>, digest: &Digest) -> Step<Option<u64>> {
        if !PackedBody::is_held(&turn.read(), digest)? {
            return Ok(None);
        }
        Ok(Outline::read(&turn.read(), digest)?.map(|outline| outline.bytes))
    }
}
