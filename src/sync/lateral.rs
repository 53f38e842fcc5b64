//! Lateral comparison: once a checkpoint period a node shows its newest root checkpoint to two nodes that are neither
//! above nor below it, and sees theirs. A root, or a parent, that shows two histories to two subtrees is caught by
//! whoever holds the larger tree, and what was signed is kept as evidence that verifies offline.
//!
//! The first of the two stands under another child of the root wherever there is one: two such nodes share no path but
//! the root itself. Promises: nothing a neighbour says here changes what is held or shown. Leaves to `path` when
//! ancestors are dialled: they come first.

use super::climb::Outcome;
use super::fact::Fact;
use super::frame::Frame;
use super::limits::{CALL_MS, EVIDENCE_COUNT_MAX, LATERAL_COUNT, RENEW_MS};
use super::node::{ConnId, Node, SignedCheckpoint, Step, read_tile};
use super::session::Peer;
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::{self, ALGORITHM_ED25519, Note, Vkey};
use crate::log::tile::TileSubtrees;
use crate::log::tree::{self, verify_consistency};
use crate::log::witness::{SplitView, SplitViewError};
use crate::store::StoreError;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Whom to compare with, and what was found.
pub(super) struct Lateral {
    secret: Zeroizing<[u8; 32]>,
    /// When the next comparison begins, on the steady clock; none before the first turn.
    due_ms: Option<u64>,
    rounds: u64,
    /// Still to be dialled in this period.
    targets: Vec<PublicKey>,
    /// Dialled in this period, and what was shown to them since the connection is up.
    asked: BTreeMap<PublicKey, Option<SignedCheckpoint>>,
    /// Nodes whose checkpoint fitted since the start, and when, on the steady clock.
    compared: u64,
    /// What proves that the root signed two histories, as files.
    evidence: Vec<String>,
}

impl Lateral {
    pub(super) const fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self {
            secret,
            due_ms: None,
            rounds: 0,
            targets: Vec::new(),
            asked: BTreeMap::new(),
            compared: 0,
            evidence: Vec::new(),
        }
    }

    /// A number that nobody else foresees, the same in every run of a simulated world.
    fn roll(&self, what: &str, below: usize) -> usize {
        let digest = Digest::of(&[self.secret.as_slice(), what.as_bytes(), &self.rounds.to_be_bytes()]);
        let roll = digest.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        usize::try_from(roll % (below as u64).max(1)).unwrap_or(0)
    }

    pub(super) fn keep(&mut self, evidence: String) {
        self.evidence.push(evidence);
    }
}

impl Node {
    // ---- choosing

    /// Begins a comparison when its time has come.
    pub(super) fn plan_lateral(&mut self, turn: &Turn<'_>) {
        let now_ms = turn.now.steady_ms;
        if self.is_root() {
            return self.plan_calls(now_ms);
        }
        if self.root_note.is_none() {
            return;
        }
        // Spread over the period, so that a province does not compare in one second.
        let first = now_ms + self.lateral.roll("first", RENEW_MS as usize) as u64;
        let due_ms = *self.lateral.due_ms.get_or_insert(first);
        if now_ms < due_ms {
            return;
        }
        self.lateral.due_ms = Some(now_ms + RENEW_MS);
        self.lateral.rounds += 1;
        self.lateral.targets = self.lateral_targets();
        self.lateral.asked.clear();
    }

    /// A root that was promoted on another transport key is not found by its children: it dials those that are not
    /// connected and shows them the anchor's Delegate, so that they dial it from then on.
    fn plan_calls(&mut self, now_ms: u64) {
        if !self.calls_below() || self.lateral.due_ms.is_some_and(|due_ms| now_ms < due_ms) {
            return;
        }
        self.lateral.due_ms = Some(now_ms + CALL_MS);
        let connected = |key: &&PublicKey| self.sessions.values().any(|one| one.peer == Peer::Below(**key));
        let has_address =
            |key: &&PublicKey| self.registry.delegation(key).is_some_and(|own| !own.addresses.is_empty());
        let children = self.registry.children(self.own_key());
        self.lateral.targets = children.filter(|key| !connected(key)).filter(has_address).copied().collect();
        self.lateral.asked.clear();
    }

    /// True for a root whose predecessor had another transport key, by which nodes below may still look for it.
    fn calls_below(&self) -> bool {
        let own = self.registry.delegation(self.own_key()).filter(|_| self.is_root());
        let before = own.and_then(|own| self.registry.delegation(&own.predecessor.as_ref()?.0));
        own.zip(before).is_some_and(|(own, before)| own.transport != before.transport)
    }

    /// Compare as soon as possible: the operator asks, or something did not fit.
    pub fn compare_now(&mut self, turn: &Turn<'_>) {
        self.lateral.due_ms = Some(turn.now.steady_ms);
    }

    /// Nodes that are neither above nor below and can be dialled: one under another child of the root, then any.
    fn lateral_targets(&self) -> Vec<PublicKey> {
        let own = *self.own_key();
        let (above, branch) = (self.ancestors(), self.branch(&own));
        let beside = |key: &&PublicKey| {
            **key != own
                && !above.contains(key)
                && !self.registry.is_ancestor(&own, key)
                && self.registry.delegation(key).is_some_and(|other| !other.addresses.is_empty())
        };
        let mut all: Vec<PublicKey> =
            self.registry.nodes().map(|(_, key)| key).filter(beside).copied().collect();
        let mut chosen = Vec::new();
        let apart: Vec<PublicKey> = all.iter().filter(|key| self.branch(key) != branch).copied().collect();
        if let Some(key) = apart.get(self.lateral.roll("apart", apart.len())) {
            chosen.push(*key);
            all.retain(|other| other != key);
        }
        while chosen.len() < LATERAL_COUNT && !all.is_empty() {
            let at = self.lateral.roll(&format!("any {}", chosen.len()), all.len());
            chosen.push(all.swap_remove(at));
        }
        chosen
    }

    /// The child of the root that a node is, or stands under.
    fn branch(&self, key: &PublicKey) -> Option<PublicKey> {
        let root = self.registry.root()?;
        let mut at = *key;
        // A chain of delegations has at most five steps and no repeats.
        while let Some(above) = self.registry.parent(&at) {
            if above == root {
                return Some(at);
            }
            at = *above;
        }
        None
    }

    /// Dials the next one, when no ancestor wants to be dialled.
    pub(super) fn dial_lateral(&mut self, turn: &mut Turn<'_>) {
        while let Some(target) = self.lateral.targets.pop() {
            let Some(delegation) = self.registry.delegation(&target) else { continue };
            let (addresses, key) = (delegation.addresses.clone(), delegation.transport);
            self.redial.begin(target, turn.now.steady_ms);
            self.lateral.asked.insert(target, None);
            turn.out.actions.push(Action::Dial { addresses, key, is_above: false });
            return;
        }
    }

    /// When a comparison next wants a turn, on the steady clock.
    pub(super) fn lateral_due_ms(&self) -> Option<u64> {
        let plans = if self.is_root() { self.calls_below() } else { self.root_note.is_some() };
        self.lateral.due_ms.filter(|_| plans)
    }

    // ---- comparing

    /// True when this is the node that was dialled to compare.
    pub(super) fn is_asked(&self, key: &PublicKey) -> bool {
        self.lateral.asked.contains_key(key)
    }

    /// The connection to the node beside us is up: shows our checkpoint; or, to a child of a promoted root, who we are.
    pub(super) fn show_checkpoint(&mut self, turn: &mut Turn<'_>, conn: ConnId, to: PublicKey) {
        if self.is_root() {
            turn.send(conn, self.own_chain());
            return;
        }
        let Some(held) = self.root_note.clone() else { return };
        turn.send(conn, Frame::Compare { note: held.text.clone() });
        self.lateral.asked.insert(to, Some(held));
    }

    /// Somebody beside us shows its checkpoint: shows ours and, where our tree is at least as large, what it was at
    /// that size.
    pub(super) fn on_compare(&mut self, turn: &mut Turn<'_>, conn: ConnId, text: &str) -> Step<Outcome> {
        let Some((theirs, checkpoint)) = self.signed_by_root(text) else { return Ok(Err("bad_checkpoint")) };
        let Some(ours) = self.root_note.clone() else {
            turn.out.actions.push(Action::Close(conn, "nothing_to_compare"));
            return Ok(Ok(()));
        };
        let (root, proof) = match checkpoint.size <= ours.size {
            true => self.tree_at(turn, checkpoint.size, ours.size)?,
            false => (Digest::ZERO, Vec::new()),
        };
        turn.send(conn, Frame::Compared { note: ours.text.clone(), root, proof: proof.clone() });
        if checkpoint.size <= ours.size
            && root != checkpoint.root
            && let Ok(second) = Note::parse(&ours.text)
        {
            self.convict(turn, SplitView { first: theirs, second, root, proof })?;
        }
        Ok(Ok(()))
    }

    /// The node beside us answers.
    pub(super) fn on_compared(
        &mut self,
        turn: &mut Turn<'_>,
        (conn, from): (ConnId, PublicKey),
        text: &str,
        root: Digest,
        proof: Vec<Digest>,
    ) -> Step<Outcome> {
        let shown = self.lateral.asked.remove(&from).flatten();
        let Some(shown) = shown else { return Ok(Err("wrong_direction")) };
        let Some((theirs, checkpoint)) = self.signed_by_root(text) else { return Ok(Err("bad_checkpoint")) };
        let Ok(ours) = Note::parse(&shown.text) else { return Ok(Ok(())) };
        let split = if checkpoint.size < shown.size {
            let (root, proof) = self.tree_at(turn, checkpoint.size, shown.size)?;
            between(theirs, ours, root, proof).unwrap_or(None)
        } else {
            match between(ours, theirs, root, proof) {
                Ok(split) => split,
                Err(_) => return Ok(Err("bad_comparison")),
            }
        };
        match split {
            Some(split) => self.convict(turn, split)?,
            None => self.lateral.compared += 1,
        }
        turn.out.actions.push(Action::Close(conn, "compared"));
        self.disconnected(turn, Some(conn));
        Ok(Ok(()))
    }

    /// The root that our tree of `size` leaves had at `earlier` leaves, and the proof of it.
    fn tree_at(&self, turn: &Turn<'_>, earlier: u64, size: u64) -> Step<(Digest, Vec<Digest>)> {
        let read = turn.read();
        let damaged = |error: crate::log::tile::TileMissing| StoreError::Damaged(error.to_string());
        // Tiles are asked for as they were at either size: what a tile held then is its beginning now.
        let then = TileSubtrees::new(|id| read_tile(&read, id, earlier));
        let now = TileSubtrees::new(|id| read_tile(&read, id, size));
        let root = tree::root_at(&then, earlier).map_err(damaged)?;
        let proof = tree::consistency_proof(&now, earlier, size).map_err(damaged)?;
        Ok((root, proof))
    }

    /// A checkpoint of the root log that the root signed.
    fn signed_by_root(&self, text: &str) -> Option<(Note, Checkpoint)> {
        let note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        let vkey = self.root_vkey()?;
        let signed = note::verify(&note, &vkey.name, &vkey.key).is_ok();
        (signed && checkpoint.origin == self.root_origin()).then_some((note, checkpoint))
    }

    fn root_vkey(&self) -> Option<Vkey> {
        let key = *self.registry.root()?;
        Some(Vkey { name: self.root_origin(), algorithm: ALGORITHM_ED25519, key })
    }

    /// Keeps what proves that the root signed two histories; what proves nothing is dropped.
    pub(super) fn convict(&mut self, turn: &mut Turn<'_>, split: SplitView) -> Step {
        let Some(vkey) = self.root_vkey() else { return Ok(()) };
        let Ok((first, _)) = split.verify(&vkey) else { return Ok(()) };
        turn.event(Event::SplitView(first.size));
        let text = split.to_text();
        if self.lateral.evidence.len() >= EVIDENCE_COUNT_MAX || self.lateral.evidence.contains(&text) {
            return Ok(());
        }
        self.record(turn, Fact::SplitView { text })
    }

    /// Two checkpoints of one size that do not fit: the root's new one, and the one held.
    pub(super) fn convict_at_same_size(&mut self, turn: &mut Turn<'_>, other: &Note) -> Step {
        let held = self.root_note.as_ref().and_then(|held| Note::parse(&held.text).ok());
        match held.and_then(|held| SplitView::at_same_size(held, other.clone()).ok()) {
            Some(split) => self.convict(turn, split),
            None => Ok(()),
        }
    }

    /// What proves that the root signed two histories, as files that verify offline.
    pub fn evidence(&self) -> &[String] {
        &self.lateral.evidence
    }

    /// How many nodes beside this one showed a checkpoint that fits, since the start.
    pub const fn compared_count(&self) -> u64 {
        self.lateral.compared
    }
}

/// What two signed checkpoints of one log prove, where `root` is what the tree of `larger` was at the size of `smaller`,
/// and `proof` leads from there to its root. None when they fit.
///
/// # Errors
/// [`SplitViewError`] when the proof does not show that.
pub fn between(
    smaller: Note,
    larger: Note,
    root: Digest,
    proof: Vec<Digest>,
) -> Result<Option<SplitView>, SplitViewError> {
    let (first, second) = (Checkpoint::parse(&smaller.text)?, Checkpoint::parse(&larger.text)?);
    verify_consistency(first.size, &root, second.size, &second.root, &proof)?;
    Ok((root != first.root).then_some(SplitView { first: smaller, second: larger, root, proof }))
}
