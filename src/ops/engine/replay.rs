//! Replaying a record into a node, and into the index what it lacks.

use super::{EngineError, fills, image, rules};
use crate::digest::Digest;
use crate::record::{Frame, Position, Record, Stream};
use crate::store::{Batch, Store, StoreError, layout};
use crate::sync::body::PackedBody;
use crate::sync::fact::{Fact, FactError, Identity};
use crate::sync::{Node, Turn};
use crate::time::Now;
use crate::trust::key::SecretKey;
use crate::wire;
use std::ops::ControlFlow;

/// Facts between two commits of the index while it is filled.
const COMMIT_FACTS: u64 = 2_000;
/// Bodies between two commits of the index while it is filled: at most a few MiB.
const COMMIT_BODIES: u64 = 200;

/// What a replay gives.
pub(super) struct Replayed {
    pub(super) node: Node,
    /// Facts that an image stood for.
    pub(super) folded: u64,
    /// Bodies that the facts replayed have erased.
    pub(super) erased: Vec<Digest>,
    /// How many erasures there are in the record.
    pub(super) erasures: u64,
    /// True when the index was empty.
    pub(super) is_new: bool,
    /// Digest of the last fact.
    pub(super) last: Digest,
}

/// Replays the record, from an image of the state on if there is one that fits.
pub(super) fn replay(
    keys: Vec<SecretKey>,
    record: &dyn Record,
    store: &dyn Store,
    now: Now,
) -> Result<Replayed, EngineError> {
    let (applied, end) = (applied(store)?, record.end());
    if applied.facts > end.facts || applied.bodies > end.bodies {
        return Err(EngineError::IndexAhead);
    }
    let is_new = applied == Position::default();
    if !is_new && store.get(layout::FOLD)?.as_deref() != Some(rules().as_slice()) {
        return Err(EngineError::OtherRules);
    }
    let turn = Turn::of_replay(now, store);
    // If we stop while the index is filled, the next start goes on from `filled`.
    let (last, facts) = (Digest::ZERO, end.facts);
    let mut replay =
        Replay { store, applied, turn, keys, node: None, filled: applied, is_at_facts: false, facts, last };
    let (mut folded, mut done) = (0, 0);
    if let Some((held, image)) = image::held(store, record, applied)? {
        let mut node = with_keys(image.identity().clone(), std::mem::take(&mut replay.keys))?;
        node.restore(&replay.turn, image)?;
        (replay.node, replay.last) = (Some(node), held.last);
        (folded, done) = (held.facts, held.erasures);
    }
    let mut failed = None;
    record.replay(Position { facts: folded, bodies: applied.bodies }, &mut |stream, index, frame| {
        let step = match stream {
            Stream::Bodies => replay.body(index, &frame),
            Stream::Facts => replay.fact(index, &frame),
        };
        failed = step.err();
        if failed.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let Replay { node, mut turn, last, .. } = replay;
    let mut node = node.ok_or(EngineError::NoIdentity)?;
    if !node.has_its_key() {
        return Err(EngineError::OtherKey);
    }
    node.replayed(&mut turn)?;
    fills(&mut turn.out.puts, end);
    commit(store, &mut turn, end)?;
    let erased = std::mem::take(&mut turn.out.erased);
    Ok(Replayed { node, folded, erasures: done + erased.len() as u64, erased, is_new, last })
}

/// A replay that is under way.
struct Replay<'a> {
    store: &'a dyn Store,
    /// Up to where the index was filled before.
    applied: Position,
    turn: Turn<'a>,
    keys: Vec<SecretKey>,
    node: Option<Node>,
    filled: Position,
    is_at_facts: bool,
    /// Facts of the record.
    facts: u64,
    last: Digest,
}

impl Replay<'_> {
    fn body(&mut self, index: u64, frame: &Frame) -> Result<(), EngineError> {
        PackedBody::enter(frame, &mut self.turn.out.puts).map_err(FactError::from)?;
        self.filled.bodies = index + 1;
        if index.is_multiple_of(COMMIT_BODIES) {
            commit(self.store, &mut self.turn, self.filled)?;
        }
        Ok(())
    }

    fn fact(&mut self, index: u64, frame: &Frame) -> Result<(), EngineError> {
        let fact = Fact::from_frame(frame)?;
        if let Fact::Identity(identity) = &fact {
            self.node = Some(with_keys((**identity).clone(), std::mem::take(&mut self.keys))?);
        }
        let node = self.node.as_mut().ok_or(EngineError::NoIdentity)?;
        if !std::mem::replace(&mut self.is_at_facts, true) {
            // The bodies came before and are all kept; facts the index holds are dropped.
            commit(self.store, &mut self.turn, self.filled)?;
        }
        if index + 1 == self.facts {
            self.last = image::digest_of(frame);
        }
        self.turn.is_known = index < self.applied.facts;
        node.apply(&mut self.turn, &fact)?;
        self.turn.out.actions.clear();
        if self.turn.is_known {
            self.turn.out.puts = Batch::default();
            return Ok(());
        }
        self.filled.facts = index + 1;
        if index.is_multiple_of(COMMIT_FACTS) {
            commit(self.store, &mut self.turn, self.filled)?;
        }
        Ok(())
    }
}

/// A node with the first of the keys that fits, or, when it has rotated since it was enrolled and the old key is gone,
/// with what there is: its record names the one that it must have in the end.
fn with_keys(identity: Identity, mut keys: Vec<SecretKey>) -> Result<Node, EngineError> {
    let fits = keys.iter().position(|key| key.public() == identity.signing).unwrap_or(0);
    if keys.is_empty() {
        return Err(EngineError::OtherKey);
    }
    let mut node = Node::new(identity, keys.swap_remove(fits));
    if let Some(spare) = keys.pop() {
        node.offer_key(spare);
    }
    Ok(node)
}

/// Commits what there is, and in the same batch how far the index is filled with it.
fn commit(store: &dyn Store, turn: &mut Turn<'_>, filled: Position) -> Result<(), StoreError> {
    let mut puts = std::mem::take(&mut turn.out.puts);
    if puts.is_empty() {
        return Ok(());
    }
    fills(&mut puts, filled);
    store.commit(&puts)
}

/// Up to which position of the record the index is filled.
fn applied(store: &dyn Store) -> Result<Position, StoreError> {
    let Some(value) = store.get(layout::APPLIED)? else { return Ok(Position::default()) };
    wire::decode(&value, 64).map_err(|error| StoreError::Damaged(format!("applied position: {error}")))
}
