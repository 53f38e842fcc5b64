//! `gongshi verify URL`: the checkpoint that another portal shows against the one held here, and `gongshi verify FILE` for
//! evidence of a split view.

use super::{Glance, NoAnswer};
use crate::digest::Digest;
use crate::log::checkpoint::{Checkpoint, root_origin};
use crate::log::note::{self, ALGORITHM_ED25519, Note, Vkey};
use crate::log::tile::TileSubtrees;
use crate::log::tree;
use crate::log::witness::SplitView;
use crate::ops::service::Failure;
use crate::store::{Read, StoreError};
use crate::sync::lateral::between;
use crate::sync::read_tile;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// First line of a file that is evidence.
pub(super) const EVIDENCE: &str = "gongshi/split-view/v1\n";

/// What another portal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Shown {
    /// Its `/checkpoint`.
    pub(in crate::ops) note: String,
    /// Root of its tree at our size and the proof from there, when its tree is the larger one.
    pub(in crate::ops) ours_there: Option<(Digest, Vec<Digest>)>,
}

/// Compares; the document says `larger` with our size when the other tree's roots are needed to go on.
pub(super) fn compare(store: &dyn Read, glance: &Glance, shown: &Shown) -> Result<Value, NoAnswer> {
    let vkey = vkey(glance)?;
    let Some((text, _)) = &glance.note else { return Err(not_synced().into()) };
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
    let ours = Note::parse(text).map_err(|error| damaged(&error))?;
    let our = Checkpoint::parse(&ours.text).map_err(|error| damaged(&error))?;
    let Ok(theirs) = Note::parse(&shown.note) else { return Ok(broken("not a signed note")) };
    let Ok(their) = Checkpoint::parse(&theirs.text) else { return Ok(broken("not a checkpoint")) };
    if their.origin != vkey.name {
        return Ok(broken("the checkpoint is of another federation"));
    }
    if note::verify(&theirs, &vkey.name, &vkey.key).is_err() {
        return Ok(broken("the checkpoint is not signed by the root of this federation"));
    }
    let split = match &shown.ours_there {
        _ if their.size <= our.size => {
            let then = TileSubtrees::new(|id| read_tile(store, id, their.size));
            let now = TileSubtrees::new(|id| read_tile(store, id, our.size));
            let root = tree::root_at(&then, their.size).map_err(|error| damaged(&error))?;
            let proof =
                tree::consistency_proof(&now, their.size, our.size).map_err(|error| damaged(&error))?;
            between(theirs, ours, root, proof)
        }
        Some((root, proof)) => between(ours, theirs, *root, proof.clone()),
        None => return Ok(json!({"schema": "gongshi.verify/1", "larger": our.size})),
    };
    let sizes = json!({"ours": our.size, "theirs": their.size});
    Ok(match split {
        Err(_) => broken("the portal's tiles do not give the root that its checkpoint claims"),
        Ok(None) => json!({
            "schema": "gongshi.verify/1", "ok": true, "problem_count": 0, "problems": [], "sizes": sizes,
            "checkpoint": {"size": their.size, "root_hash": their.root.base64()},
        }),
        Ok(Some(split)) => json!({
            "schema": "gongshi.verify/1", "ok": false, "problem_count": 1, "sizes": sizes,
            "problems": ["the root signed two histories"], "evidence": split.to_text(),
        }),
    })
}

/// Verifies a file that claims that the root signed two histories.
pub(super) fn evidence(glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let vkey = vkey(glance)?;
    let verified = SplitView::parse(text).and_then(|split| split.verify(&vkey));
    Ok(match verified {
        Err(error) => broken(&error.to_string()),
        Ok((first, second)) => json!({
            "schema": "gongshi.verify/1", "ok": true, "problem_count": 0, "problems": [], "proves": "split_view",
            "first": {"size": first.size, "root_hash": first.root.base64()},
            "second": {"size": second.size, "root_hash": second.root.base64()},
        }),
    })
}

fn broken(why: &str) -> Value {
    json!({"schema": "gongshi.verify/1", "ok": false, "problem_count": 1, "problems": [why]})
}

fn not_synced() -> Failure {
    let message =
        "本节点尚未同步，没有可比较的检查点 / this node is not synced and has no checkpoint to compare";
    Failure::new(3, "not_synced", message)
}

fn vkey(glance: &Glance) -> Result<Vkey, Failure> {
    let key = glance.root.ok_or_else(not_synced)?;
    Ok(Vkey { name: root_origin(&glance.federation), algorithm: ALGORITHM_ED25519, key })
}
