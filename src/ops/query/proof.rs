//! `gongshi proof` and `gongshi verify FILE`: a statement's place in the root log as a file that needs nobody.
//!
//! The file is a C2SP tlog-proof whose extra data are the leaf and the card, so that it verifies offline from the
//! root's key alone; a proof without extra data (from the HTTP API) is verified against the leaf held here.

use super::find;
use super::{Glance, NoAnswer};
use crate::digest::Digest;
use crate::log::checkpoint::{Checkpoint, root_origin};
use crate::log::note::Note;
use crate::log::proof::TlogProof;
use crate::log::tile::TileSubtrees;
use crate::log::tree;
use crate::ops::service::Failure;
use crate::statement::leaf::LEAF_BYTES;
use crate::statement::{Entry, Leaf, Statement, StatementError};
use crate::store::{Read, StoreError};
use crate::sync::{read_leaf, read_tile};
use serde_json::{Value, json};

/// Longest proof file: extra data of 16 KiB in base64, hashes, and a note.
pub(in crate::ops) const PROOF_BYTES_MAX: u64 = 128 << 10;

/// The proof of a sequenced statement in the newest checkpoint.
pub(super) fn prove(
    store: &dyn Read,
    glance: &Glance,
    held: &find::Held,
) -> Result<Option<TlogProof>, StoreError> {
    let (Some((index, leaf)), Some((text, size))) = (&held.leaf, &glance.note) else { return Ok(None) };
    if index >= size {
        return Ok(None);
    }
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
    let subtrees = TileSubtrees::new(|id| read_tile(store, id, *size));
    let hashes = tree::inclusion_proof(&subtrees, *index, *size).map_err(|error| damaged(&error))?;
    let checkpoint = Note::parse(text).map_err(|error| damaged(&error))?;
    let extra = [leaf.to_bytes().as_slice(), &held.entry.card_bytes].concat();
    Ok(Some(TlogProof { extra: Some(extra), ..TlogProof::new(*index, hashes, checkpoint) }))
}

/// The document of `gongshi proof --json`.
pub(super) fn proof(store: &dyn Read, glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let held = find::held(store, text)?;
    let Some(proof) = prove(store, glance, &held)? else {
        let message = format!(
            "{}：尚未编入根日志，没有证明；用 gongshi show 查看进度 / not in the root log yet: see `gongshi show`",
            held.digest
        );
        return Err(Failure::new(3, "not_sequenced", message).into());
    };
    Ok(json!({
        "schema": "gongshi.proof/1", "digest": held.digest, "index": proof.index, "proof": proof.to_text(),
    }))
}

/// Verifies the text of a proof; the document of `gongshi verify FILE --json`.
pub(super) fn verify(store: &dyn Read, glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let broken = |why: &dyn std::fmt::Display| {
        Ok(
            json!({"schema": "gongshi.verify/1", "ok": false, "problem_count": 1, "problems": [why.to_string()]}),
        )
    };
    let proof = match TlogProof::parse(text) {
        Ok(proof) => proof,
        Err(error) => return broken(&error),
    };
    let Some(root) = glance.root else {
        let message =
            "本节点尚未同步，不知道根节点的公钥 / this node is not synced and does not know the root's key";
        return Err(Failure::new(3, "not_synced", message).into());
    };
    let (leaf, card) = match proof.extra.as_deref().and_then(|extra| extra.split_at_checked(LEAF_BYTES)) {
        Some((leaf, card)) => (leaf.to_vec(), Some(card.to_vec())),
        None => match read_leaf(store, proof.index)? {
            Some(leaf) => (leaf.to_bytes().to_vec(), None),
            None => {
                return broken(&format!("entry {} is not held here, and the file has no leaf", proof.index));
            }
        },
    };
    let origin = root_origin(&glance.federation);
    let checkpoint: Checkpoint = match proof.verify(&leaf, &origin, &root) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return broken(&error),
    };
    let leaf = match Leaf::read::<StatementError>(&leaf, Statement::verify) {
        Ok(leaf) => leaf,
        Err(error) => return broken(&error),
    };
    if let Some(card) = card
        && let Err(error) = Entry::verify(leaf.statement.as_bytes(), &card)
    {
        return broken(&error);
    }
    if conflicts(&checkpoint, glance) {
        return broken(
            &"the checkpoint of the file and the one held here show two histories: keep the file as evidence",
        );
    }
    Ok(json!({
        "schema": "gongshi.verify/1", "ok": true, "problem_count": 0, "problems": [],
        "digest": leaf.statement.digest(), "index": proof.index, "author": glance.node_json(leaf.statement.key()),
        "sequenced_at": leaf.sequenced_at.to_string(), "received_at": leaf.received_at.to_string(),
        "checkpoint": {"size": checkpoint.size, "root_hash": checkpoint.root.base64()},
    }))
}

/// True when two signed checkpoints of one size have two roots.
fn conflicts(checkpoint: &Checkpoint, glance: &Glance) -> bool {
    let (size, root): (u64, Digest) = glance.root_log;
    checkpoint.size == size && checkpoint.root != root
}
