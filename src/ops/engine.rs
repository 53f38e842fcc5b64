//! The engine: a node together with what keeps its state. It runs turns in the one order that is safe.
//!
//! Record first (durable), then the guard, then the index, then the actions: if we stop anywhere in between, the
//! record says what happened and a restart finishes it. The simulator and the daemon run the same engine over
//! different keepers.

mod image;
mod marks;
mod replay;

pub use marks::HighMarks;

use image::Images;
use replay::Replayed;

use crate::digest::Digest;
use crate::record::{GuardError, Position, Record, RecordError, Room};
use crate::store::{Batch, Store, StoreError, layout};
use crate::sync::body::PackedBody;
use crate::sync::fact::{FactError, Identity};
use crate::sync::{Action, Node, Turn};
use crate::time::Now;
use crate::trust::key::SecretKey;
use crate::wire;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long nothing is tried after the record was full although it had said that there is room, in milliseconds.
const FULL_PAUSE_MS: u64 = 10_000;

/// Why the engine stops. After any of these the process must end: memory may be ahead of the disk.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The record failed.
    #[error(transparent)]
    Record(RecordError),
    /// The guard refused or failed.
    #[error(transparent)]
    Guard(GuardError),
    /// The index failed; it can be rebuilt from the record.
    #[error(transparent)]
    Store(StoreError),
    /// The record holds something that is not a fact.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The record has no identity: nothing was founded or joined here.
    #[error("the record does not say who this node is")]
    NoIdentity,
    /// The index was filled by another version of the fold, or its rows have another layout: it must be rebuilt.
    #[error("the index was filled by another version of the rules and must be rebuilt")]
    OtherRules,
    /// The index has applied more than the record holds: it must be rebuilt.
    #[error("the index is ahead of the record and must be rebuilt")]
    IndexAhead,
    /// The disk is full. Nothing was announced; [`Engine::reopen`] goes on from what is durable.
    #[error("the disk is full")]
    Full,
    /// The key files are not those of the identity.
    #[error("the signing key is not the one this node was enrolled with")]
    OtherKey,
}

impl From<RecordError> for EngineError {
    fn from(error: RecordError) -> Self {
        if matches!(error, RecordError::Full) { Self::Full } else { Self::Record(error) }
    }
}

impl From<GuardError> for EngineError {
    fn from(error: GuardError) -> Self {
        if matches!(error, GuardError::Full) { Self::Full } else { Self::Guard(error) }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Full) { Self::Full } else { Self::Store(error) }
    }
}

/// A node and its keepers.
pub struct Engine {
    node: Node,
    record: Box<dyn Record>,
    marks: Box<dyn HighMarks>,
    store: Arc<dyn Store>,
    behind: bool,
    images: Images,
    /// The record has said that the disk is full: until then, on the steady clock, nothing is tried.
    full_until_ms: u64,
}

impl Engine {
    /// A node that was just founded or enrolled; its first facts are recorded by `begin`.
    pub fn create(
        identity: Identity,
        signing: SecretKey,
        record: Box<dyn Record>,
        marks: Box<dyn HighMarks>,
        store: Arc<dyn Store>,
    ) -> Self {
        let node = Node::new(identity, signing);
        let images = Images::new(0, (0, Digest::ZERO));
        Self { node, record, marks, store, behind: false, images, full_until_ms: 0 }
    }

    /// Opens what `create` began: replays the record into the node, and into the index what it lacks. `keys` are the
    /// signing keys there are: the one in use, and beside it one that a rotation goes to.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn open(
        keys: Vec<SecretKey>,
        mut record: Box<dyn Record>,
        mut marks: Box<dyn HighMarks>,
        store: Arc<dyn Store>,
        now: Now,
    ) -> Result<Self, EngineError> {
        let replayed = replay::replay(keys, record.as_ref(), store.as_ref(), now)?;
        if count(store.as_ref(), layout::ERASURES)? < replayed.erasures {
            let blanked = forget(record.as_mut(), store.as_ref(), &replayed.erased, replayed.erasures)?;
            if replayed.is_new && blanked == 0 {
                // They were gone from the record before this index was begun.
                scrubbed(store.as_ref())?;
            }
        }
        let Replayed { mut node, folded, last, .. } = replayed;
        let behind = marks.check(&shown(&node)).is_err();
        node.set_floors(&marks.marks(), marks.is_unsure());
        if !node.is_recovering() {
            // If we stopped between the record and the guard, what the record says was signed is not guarded yet.
            marks.raise(&shown(&node))?;
        }
        let images = Images::new(folded, (record.end().facts, last));
        let mut engine = Self { node, record, marks, store, behind, images, full_until_ms: 0 };
        engine.keep_image_when_due();
        Ok(engine)
    }

    /// Writes the image of the state, which the next start begins with, when there are many facts since the one before.
    fn keep_image_when_due(&mut self) {
        if self.images.is_due() {
            self.keep_image();
        }
    }

    /// Writes the image of the state, if there is anything new: said when the process ends.
    pub fn keep_image(&mut self) {
        self.images.keep(&self.node, self.store.as_ref());
    }

    /// Least facts between two images, for a simulated run.
    pub const fn set_image_every(&mut self, facts: u64) {
        self.images.every = facts;
    }

    /// Goes on after [`EngineError::Full`], as after a restart: what was not durable is forgotten, sessions too. For a
    /// while nothing new is taken, whatever the record says of room.
    ///
    /// # Errors
    /// [`EngineError`]; the process must end.
    pub fn reopen(self, keys: Vec<SecretKey>, now: Now) -> Result<Self, EngineError> {
        let addresses = self.node.upstream_addresses().to_vec();
        let mut engine = Self::open(keys, self.record, self.marks, self.store, now)?;
        engine.set_upstream_addresses(addresses);
        engine.full_until_ms = now.steady_ms + FULL_PAUSE_MS;
        Ok(engine)
    }

    /// True when the record, as it was opened, ended before what this node has signed: its end was damaged, or it
    /// is an old copy. The neighbours may still have the rest.
    pub const fn was_behind(&self) -> bool {
        self.behind
    }

    /// The record was made anew of what was sound in a damaged one: the node says so until it is whole again.
    pub const fn set_healing(&mut self) {
        self.node.set_healing();
    }

    /// True when the index's files never held what was erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_scrubbed(&self) -> Result<bool, StoreError> {
        Ok(count(self.store.as_ref(), layout::ERASURES)? == count(self.store.as_ref(), layout::SCRUBBED)?)
    }

    /// Notes that the index was built after all erasures.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scrubbed(&self) -> Result<(), StoreError> {
        scrubbed(self.store.as_ref())
    }

    /// The node, to look at.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Where the operator says the parent is, `HOST:PORT`.
    pub fn set_upstream_addresses(&mut self, addresses: Vec<String>) {
        self.node.set_upstream_addresses(addresses);
    }

    /// The index.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The end of the record.
    pub fn position(&self) -> Position {
        self.record.end()
    }

    /// Runs a turn: `inputs` work on the node, then everything they wrote is made durable; the actions that may
    /// follow are returned.
    ///
    /// # Errors
    /// [`EngineError`]; the engine must not be used any more.
    pub fn turn<R>(
        &mut self,
        now: Now,
        inputs: impl FnOnce(&mut Node, &mut Turn<'_>) -> Result<R, StoreError>,
    ) -> Result<(R, Vec<Action>), EngineError> {
        let mut kept = Vec::new();
        Ok((self.turn_and(now, inputs, |actions| kept = actions)?, kept))
    }

    /// As [`Engine::turn`], but hands the actions to `act` as soon as the record and the guard hold the turn: neighbours
    /// need not wait for the index, which is rebuilt from the record if we stop here.
    ///
    /// # Errors
    /// As [`Engine::turn`]; `act` may have been called.
    pub fn turn_and<R>(
        &mut self,
        now: Now,
        inputs: impl FnOnce(&mut Node, &mut Turn<'_>) -> Result<R, StoreError>,
        act: impl FnOnce(Vec<Action>),
    ) -> Result<R, EngineError> {
        let full = now.steady_ms < self.full_until_ms;
        self.node.set_room(if full { Room::None } else { self.record.room() });
        let mut turn = Turn::new(now, self.store.as_ref());
        let result = inputs(&mut self.node, &mut turn)?;
        let mut out = std::mem::take(&mut turn.out);
        drop(turn);
        // A node that was restored from an old copy would sign what contradicts its own signatures: it must not
        // even record it, or it could never start again.
        self.marks.check(&out.marks)?;
        if !out.batch.facts.is_empty() || !out.batch.bodies.is_empty() {
            let end = self.record.append(&out.batch)?;
            fills(&mut out.puts, end);
            if let Some(last) = out.batch.facts.last() {
                self.images.follow(end.facts, last);
            }
        }
        // If we stop here, the facts stand and nothing was signed for outside: a restart signs the same.
        self.marks.raise(&out.marks)?;
        act(std::mem::take(&mut out.actions));
        if !out.puts.is_empty() {
            self.store.commit(&out.puts)?;
        }
        if !out.erased.is_empty() {
            // If we stop before this, opening sees that there is something left to erase.
            let done = count(self.store.as_ref(), layout::ERASURES)? + out.erased.len() as u64;
            forget(self.record.as_mut(), self.store.as_ref(), &out.erased, done)?;
        }
        if self.marks.is_unsure() && !self.node.is_recovering() {
            // If we stop before this, the neighbours are asked once more.
            self.marks.raise(&shown(&self.node))?;
            self.marks.settle_here()?;
        }
        self.keep_image_when_due();
        Ok(result)
    }
}

/// The logs whose sizes only ever grow.
fn shown(node: &Node) -> [(Digest, u64, Digest); 2] {
    let mark = |origin: String, (size, root)| (Digest::of(&[origin.as_bytes()]), size, root);
    [mark(node.own_origin(), node.own_log()), mark(node.root_origin(), node.root_log())]
}

/// Says up to where the index is filled, and by which rules.
fn fills(puts: &mut Batch, filled: Position) {
    puts.put(layout::APPLIED.to_vec(), wire::encode(&filled));
    puts.put(layout::FOLD.to_vec(), rules().to_vec());
}

/// Blanks bodies in the record, and notes that it is done; how many frames there were.
fn forget(
    record: &mut dyn Record,
    store: &dyn Store,
    erased: &[Digest],
    done: u64,
) -> Result<u64, EngineError> {
    let erased: BTreeSet<&Digest> = erased.iter().collect();
    let is_erased = |frame: &_| PackedBody::digest_of(frame).is_some_and(|digest| erased.contains(&digest));
    let blanked = record.erase(&is_erased)?;
    let mut puts = Batch::new();
    puts.put(layout::ERASURES.to_vec(), done.to_be_bytes().to_vec());
    store.commit(&puts)?;
    Ok(blanked)
}

/// Notes that the files of an index never held what was erased.
fn scrubbed(store: &dyn Store) -> Result<(), StoreError> {
    let mut puts = Batch::new();
    puts.put(layout::SCRUBBED.to_vec(), store.get(layout::ERASURES)?.unwrap_or_default());
    store.commit(&puts)
}

/// The versions of the fold and of the rows' layout, as the index keeps them.
fn rules() -> [u8; 8] {
    (u64::from(crate::ledger::FOLD_VERSION) << 32 | u64::from(layout::VERSION)).to_be_bytes()
}

/// A count that the index keeps under `key`.
fn count(store: &dyn Store, key: &[u8]) -> Result<u64, StoreError> {
    let count = store.get(key)?.and_then(|count| count.try_into().ok());
    Ok(count.map_or(0, u64::from_be_bytes))
}
