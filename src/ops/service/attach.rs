//! Attachments over the control socket: kept chunk by chunk before a report names them, fetched and read chunk by chunk.

use super::{Failure, Reply, document};
use crate::digest::Digest;
use crate::ops::query::named;
use crate::package::attachment::attachments_of;
use crate::statement::{BodyRole, ReportCard};
use crate::store::{Read, StoreError};
use crate::sync::attach::AttachError;
use crate::sync::body::PackedBody;
use crate::sync::chunk::read_chunk;
use crate::sync::fetch::Demand;
use crate::sync::outline::Outline;
use crate::sync::{Node, Turn, read_entry};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::json;

/// What is asked of attachments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Attaching {
    /// The salt for a file with this SHA-256; attempts count its erasures.
    Salt(Digest, u32),
    /// Begin a body, or go on with it.
    Begin(Outline),
    /// Its next chunk, compressed.
    Chunk(Digest, u32, ByteBuf),
    /// The attachments of a statement, named by the first digits of its digest.
    List(String),
    /// See that a statement's body is here, or on its way.
    Fetch(Digest, Digest),
    /// A chunk of a body that is here.
    Read(Digest, u32),
}

impl Attaching {
    /// Bytes it brings.
    pub(in crate::ops) fn bytes(&self) -> usize {
        match self {
            Self::Begin(outline) => outline.leaves.len(),
            Self::Chunk(_, _, packed) => packed.len(),
            _ => 0,
        }
    }
}

pub(super) fn attach(
    node: &mut Node,
    turn: &mut Turn<'_>,
    attaching: &Attaching,
) -> Result<Reply, StoreError> {
    Ok(match attaching {
        Attaching::Salt(sha256, attempt) => Reply::Bytes(node.attachment_salt(sha256, *attempt).to_vec()),
        Attaching::Begin(outline) => match node.attach(turn, outline) {
            Ok((digest, held)) => document(&json!({"digest": digest, "held": held})),
            Err(error) => Reply::Failure(attach_failure(error)?),
        },
        Attaching::Chunk(digest, at, packed) => match node.attach_chunk(turn, digest, *at, packed) {
            Ok(()) => Reply::Bytes(Vec::new()),
            Err(error) => Reply::Failure(attach_failure(error)?),
        },
        Attaching::List(digits) => match named(&turn.read(), digits)? {
            Ok(digest) => list(&turn.read(), &digest)?,
            Err(failure) => Reply::Failure(failure),
        },
        Attaching::Fetch(statement, body) => match node.demand(turn, statement, body)? {
            Demand::Here => document(&json!({"state": "here"})),
            Demand::Coming(held, count) => {
                document(&json!({"state": "coming", "held": held, "count": count}))
            }
            Demand::Nowhere => document(&json!({"state": "nowhere"})),
            Demand::Erased => Reply::Failure(erased()),
            Demand::Unknown => Reply::Failure(unknown()),
        },
        Attaching::Read(body, at) => {
            let store = turn.read();
            let chunk = match (Outline::read(&store, body)?, read_chunk(&store, body, *at)?) {
                (Some(outline), Some(packed)) => outline.unpack(*at, &packed),
                _ => None,
            };
            chunk.map_or_else(|| Reply::Failure(unknown()), Reply::Bytes)
        }
    })
}

/// `gongshi.attachments/1`: what a report's card and content say of its attachments.
fn list(store: &dyn Read, digest: &Digest) -> Result<Reply, StoreError> {
    let entry = read_entry(store, digest)?;
    let Some(card) = entry.as_ref().and_then(|entry| entry.card.act.report()) else {
        return Ok(Reply::Failure(unknown()));
    };
    let content = content(store, card)?;
    let named = attachments_of(&content);
    let bodies = card.bodies.iter().filter(|body| body.role == BodyRole::Attachment);
    let mut rows = Vec::new();
    for (at, body) in bodies.enumerate() {
        let named = named.get(at);
        rows.push(json!({
            "digest": body.digest, "bytes": body.bytes, "held": PackedBody::is_held(store, &body.digest)?,
            "name": named.map(|named| &named.name), "sha256": named.map(|named| named.sha256),
        }));
    }
    Ok(document(&json!({"schema": "gongshi.attachments/1", "digest": digest, "attachments": rows})))
}

fn content(store: &dyn Read, card: &ReportCard) -> Result<Vec<u8>, StoreError> {
    let Some(package) = card.package() else { return Ok(Vec::new()) };
    let packed = PackedBody::read(store, &package.digest)?;
    Ok(packed.and_then(|packed| packed.unpack(&package.digest, package.bytes).ok()).unwrap_or_default())
}

fn attach_failure(error: AttachError) -> Result<Failure, StoreError> {
    Ok(match error {
        AttachError::Store(error) => return Err(error),
        AttachError::Erased => erased(),
        AttachError::BadOutline => Failure::new(
            5,
            "attachment_too_long",
            "附件超过 100 MB，或大小与内容不符 / an attachment over 100 MB, or not as long as it says",
        ),
        AttachError::BadChunk(at) => Failure::new(
            5,
            "attachment_changed",
            format!(
                "读取期间附件变了（第 {at} 块）：请重新运行 / the file changed while it was read (chunk {at}): run again"
            ),
        ),
    })
}

fn erased() -> Failure {
    Failure::new(5, "attachment_erased", "附件已随撤回删除 / the attachment was erased with a withdrawal")
}

fn unknown() -> Failure {
    Failure::new(2, "no_such_attachment", "没有这个附件 / there is no such attachment")
}
