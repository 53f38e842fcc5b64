//! Tail: the root log on its way down. Packs of leaves with a checkpoint that covers them and a consistency
//! proof, so that a mirror never holds a leaf that the root did not sign for.

use super::body::PackedBody;
use super::climb::Outcome;
use super::fact::Fact;
use super::frame::{Frame, PackedEntry, TailingLeaf};
use super::limits::{PACK_BYTES_TARGET, PACK_COUNT_MAX, PACKS_IN_FLIGHT_MAX};
use super::node::{ConnId, Node, Step, parse_entry_row, read_tile};
use super::session::Peer;
use super::turn::{Event, Turn};
use crate::digest::Digest;
use crate::log::checkpoint::{Checkpoint, node_origin};
use crate::log::note::{self, Note};
use crate::log::tile::TileSubtrees;
use crate::log::tree::{self, leaf_hash};
use crate::log::witness;
use crate::statement::{Act, Entry, Leaf};
use crate::store::{Read, StoreError, layout};
use crate::trust::key::PublicKey;

impl Node {
    // ---- sending

    pub(super) fn begin_tail(&mut self, turn: &mut Turn<'_>, conn: ConnId, root_size: u64) -> Step {
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
        session.tail_sent = root_size;
        session.tail_held = root_size;
        // A child that holds just as much may still lack the newest checkpoint.
        if let Some(note) = self.root_note.clone().filter(|note| note.size == root_size) {
            turn.send(conn, Frame::Renewed { note: note.text });
            self.send_root_attestation(turn, conn);
        }
        Ok(())
    }

    pub(super) fn on_held(&mut self, conn: ConnId, root_size: u64, send_all: bool) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.send_all |= send_all;
            session.tail_held = root_size;
            // What it says it holds, by whatever way, is not sent: a false claim is nobody's loss but its own.
            session.tail_sent = if send_all { root_size } else { session.tail_sent.max(root_size) };
        }
    }

    /// Sends every child what its window allows.
    pub(super) fn fan_out(&mut self, turn: &mut Turn<'_>) -> Step {
        let Some(note) = self.root_note.clone() else { return Ok(()) };
        let below: Vec<ConnId> = self
            .sessions
            .iter()
            .filter(|(_, s)| {
                s.open && (s.wants || matches!(s.peer, Peer::Below(_))) && s.tail_sent < note.size
            })
            .filter(|(_, s)| s.paused_until_ms.is_none())
            .map(|(conn, _)| *conn)
            .collect();
        for conn in below {
            while let Some(session) = self.sessions.get(&conn) {
                let window = PACKS_IN_FLIGHT_MAX * PACK_COUNT_MAX as u64;
                let first = session.tail_sent;
                if first >= note.size || first >= session.tail_held + window {
                    break;
                }
                let leaves = self.pack_leaves(turn, conn, first, note.size)?;
                let end = first + leaves.len() as u64;
                if end == first {
                    break;
                }
                let proof = {
                    let read = turn.read();
                    let subtrees = TileSubtrees::new(|id| read_tile(&read, id, note.size));
                    tree::consistency_proof(&subtrees, end, note.size)
                        .map_err(|error| StoreError::Damaged(error.to_string()))?
                };
                turn.send(conn, Frame::Leaves { first, leaves, note: note.text.clone(), proof });
                if end == note.size && self.sessions.get(&conn).is_some_and(|s| !s.wants) {
                    self.send_root_attestation(turn, conn);
                }
                if let Some(session) = self.sessions.get_mut(&conn) {
                    session.tail_sent = end;
                }
            }
        }
        Ok(())
    }

    fn pack_leaves(&self, turn: &Turn<'_>, conn: ConnId, first: u64, until: u64) -> Step<Vec<TailingLeaf>> {
        let Some(session) = self.sessions.get(&conn) else { return Ok(Vec::new()) };
        let there = |origin: &PublicKey, index: u64| {
            !session.send_all && session.sent_up.get(origin).is_some_and(|sent| index < *sent)
        };
        self.pack_leaves_for(turn, &there, first, until, PACK_BYTES_TARGET)
    }

    /// A pack of leaves with their entries, except of those that are `there`.
    pub(super) fn pack_leaves_for(
        &self,
        turn: &Turn<'_>,
        there: &dyn Fn(&PublicKey, u64) -> bool,
        first: u64,
        until: u64,
        bytes_target: usize,
    ) -> Step<Vec<TailingLeaf>> {
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for index in (first..until).take(PACK_COUNT_MAX) {
            let Some(leaf) = read_leaf(&turn.read(), index)? else { break };
            let statement = leaf.statement.digest();
            let entry = if there(leaf.statement.key(), leaf.statement.index()) {
                None
            } else {
                let Some((_, entry)) = self.entry_by_digest(turn, &statement)? else { break };
                let Some(bodies) = self.carried_bodies(turn, &entry)? else { break };
                bytes += entry.card_bytes.len() + 200;
                bytes += bodies.iter().map(PackedBody::packed_bytes).sum::<usize>();
                Some((PackedEntry::of(&entry), bodies))
            };
            if bytes > bytes_target && !leaves.is_empty() {
                break;
            }
            let (sequenced_at, received_at) = (leaf.sequenced_at, leaf.received_at);
            leaves.push(TailingLeaf { sequenced_at, received_at, statement, entry });
        }
        Ok(leaves)
    }

    pub(super) fn send_renewed(&self, turn: &mut Turn<'_>, note: &str) {
        for (conn, session) in &self.sessions {
            if session.open && matches!(session.peer, Peer::Below(_)) {
                turn.send(*conn, Frame::Renewed { note: note.to_owned() });
            }
        }
    }

    // ---- receiving

    pub(super) fn on_leaves(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        first: u64,
        mut leaves: Vec<TailingLeaf>,
        text: &str,
        proof: &[Digest],
    ) -> Step<Outcome> {
        let held = self.root_frontier.size();
        if leaves.len() > PACK_COUNT_MAX {
            return Ok(Err("pack_too_large"));
        }
        // After a resend, and on a second path, packs overlap what is held; what is missing is asked for from
        // where we stand.
        let overlap = usize::try_from(held.saturating_sub(first)).unwrap_or(usize::MAX);
        if first > held || (overlap > 0 && overlap >= leaves.len()) {
            turn.send(conn, Frame::Held { root_size: held, send_all: first > held });
            return Ok(Ok(()));
        }
        leaves.drain(..overlap);
        let mut entries = Vec::with_capacity(leaves.len());
        let mut root_keys: Vec<PublicKey> = self.registry.root().copied().into_iter().collect();
        if self.is_root() {
            // Promoted, and behind the nodes below: what they hold, the root before us has signed.
            root_keys.extend(self.ledger.registry().root());
        }
        for leaf in &leaves {
            let (entry, bodies) = match &leaf.entry {
                Some((packed, bodies)) => match Entry::verify(&packed.statement, &packed.card) {
                    Ok(entry) => (entry, Some(bodies)),
                    Err(_) => return Ok(Err("bad_entry")),
                },
                None => match self.entry_by_digest(turn, &leaf.statement)? {
                    Some((_, entry)) => (entry, None),
                    None => {
                        turn.send(conn, Frame::Held { root_size: held, send_all: true });
                        return Ok(Ok(()));
                    }
                },
            };
            let fits = entry.digest() == leaf.statement
                && *entry.statement.federation() == self.federation()
                && leaf.received_at <= leaf.sequenced_at;
            if !fits {
                return Ok(Err("leaf_out_of_place"));
            }
            if let Act::Delegate(delegation) = &entry.card.act
                && entry.statement.key().id() == self.federation()
            {
                root_keys.push(delegation.signing);
            }
            entries.push((leaf, entry, bodies));
        }
        let Some((note, checkpoint)) = self.root_checkpoint(text, &root_keys) else {
            return Ok(Err("bad_checkpoint"));
        };
        let mut frontier = self.root_frontier.clone();
        for (leaf, entry, _) in &entries {
            let leaf = Leaf {
                sequenced_at: leaf.sequenced_at,
                received_at: leaf.received_at,
                statement: (*entry.statement).clone(),
            };
            frontier.push(leaf_hash(&leaf.to_bytes()));
        }
        let (end, root) = (frontier.size(), frontier.root());
        if tree::verify_consistency(end, &root, checkpoint.size, &checkpoint.root, proof).is_err() {
            turn.event(Event::SplitView(checkpoint.size));
            // Whoever holds the other history has the proof of it.
            self.compare_now(turn);
            return Ok(Err("leaves_do_not_fit_checkpoint"));
        }
        if self.is_root() {
            // Signed by this very node: the proof that it is behind itself.
            self.learn_floor(&checkpoint.origin, checkpoint.size);
            if let Some(session) = self.sessions.get_mut(&conn) {
                session.asked_ms = Some(turn.now.steady_ms);
            }
        }
        for (leaf, entry, bodies) in entries {
            if let Some(bodies) = bodies
                && self.keep_bodies(turn, &entry, bodies)?.is_err()
            {
                return Ok(Err("bad_body"));
            }
            let (origin, index) = (*entry.statement.key(), entry.statement.index());
            let held = self.entry(turn, &origin, index)?.map(|(_, held)| held);
            if held.as_ref().is_none_or(|held| held.digest() != leaf.statement) {
                // Of two statements at one place, the one that the root sequenced counts.
                if let Some(other) = held {
                    self.stop(turn, &origin, index, other.statement.as_bytes())?;
                }
                let received_at = Some(leaf.received_at);
                turn.is_sequenced = true;
                let recorded = self.record(turn, Fact::Entry { received_at, entry });
                turn.is_sequenced = false;
                recorded?;
            }
            let (sequenced_at, received_at) = (leaf.sequenced_at, leaf.received_at);
            self.record(turn, Fact::Leaf { sequenced_at, received_at, statement: leaf.statement })?;
        }
        self.end_recovery(turn);
        if end == checkpoint.size && !self.is_root() {
            self.cosign_root(turn, note, &checkpoint)?;
        }
        turn.send(conn, Frame::Held { root_size: end, send_all: false });
        turn.event(Event::RootLog(end));
        Ok(Ok(()))
    }

    pub(super) fn on_renewed(&mut self, turn: &mut Turn<'_>, text: &str) -> Step<Outcome> {
        let root_keys: Vec<PublicKey> = self.registry.root().copied().into_iter().collect();
        let Some((note, checkpoint)) = self.root_checkpoint(text, &root_keys) else {
            return Ok(Err("bad_checkpoint"));
        };
        if checkpoint.size != self.root_frontier.size() {
            return Ok(Ok(()));
        }
        if checkpoint.root != self.root_frontier.root() {
            turn.event(Event::SplitView(checkpoint.size));
            self.convict_at_same_size(turn, &note)?;
            return Ok(Err("leaves_do_not_fit_checkpoint"));
        }
        let newer = self.root_note.as_ref().is_none_or(|held| {
            held.size < checkpoint.size
                || self.renewed_at(&held.text) < self.renewed_at(text)
                || (self.confirmed_size() < checkpoint.size && self.is_confirmed(&note))
        });
        if newer {
            self.cosign_root(turn, note, &checkpoint)?;
            self.send_renewed(turn, text);
        }
        Ok(Ok(()))
    }

    /// A note that is a root checkpoint signed by one of `root_keys`, with the root's cosignature alone: what
    /// passes down is what the root said.
    fn root_checkpoint(&self, text: &str, root_keys: &[PublicKey]) -> Option<(Note, Checkpoint)> {
        let mut note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        let origin = self.root_origin();
        let key = root_keys.iter().rev().find(|key| note::verify(&note, &origin, key).is_ok())?;
        let root_name = node_origin(key);
        let witnesses: Vec<String> = self.witnesses(&note).iter().map(node_origin).collect();
        note.signatures.retain(|signature| {
            [&origin, &root_name].contains(&&signature.name) || witnesses.contains(&signature.name)
        });
        (checkpoint.origin == origin).then_some((note, checkpoint))
    }

    /// When the root last cosigned a checkpoint, in seconds since 1970; zero if it cannot be read.
    pub fn renewed_at(&self, text: &str) -> u64 {
        let Some(root) = self.registry.root() else { return 0 };
        let asked = Digest::of(&[root.as_bytes(), text.as_bytes()]);
        if let Some((_, at)) = self.renewed.get().filter(|(known, _)| *known == asked) {
            return at;
        }
        let Ok(note) = Note::parse(text) else { return 0 };
        let at = witness::verify_cosignature(&note, &node_origin(root), root).unwrap_or(0);
        self.renewed.set(Some((asked, at)));
        at
    }

    /// Keeps a root checkpoint of all the leaves held, with this node's cosignature.
    fn cosign_root(&mut self, turn: &mut Turn<'_>, mut note: Note, checkpoint: &Checkpoint) -> Step {
        if self.is_recovering() || !self.may_cosign(&checkpoint.origin, checkpoint.size) {
            return Ok(());
        }
        turn.out.marks.push((Digest::of(&[checkpoint.origin.as_bytes()]), checkpoint.size, checkpoint.root));
        let (name, seconds) = (self.own_origin(), turn.now.wall.0 / 1000);
        note.signatures.retain(|signature| signature.name != name);
        note.signatures.push(witness::cosign(&note.text, &name, &self.signing, seconds));
        self.freshened(turn.now.steady_ms);
        self.record(turn, Fact::RootNote { note: note.to_string() })
    }
}

/// A leaf of the root log from the index.
///
/// # Errors
/// [`StoreError`].
pub fn read_leaf(store: &dyn Read, index: u64) -> Result<Option<Leaf>, StoreError> {
    let Some(bytes) = store.get(&layout::leaf(index))? else { return Ok(None) };
    Leaf::read(&bytes, crate::statement::Statement::from_record)
        .map(Some)
        .map_err(|error| StoreError::Damaged(error.to_string()))
}

/// An entry from the index by its statement's digest.
///
/// # Errors
/// [`StoreError`].
pub fn read_entry(store: &dyn Read, statement: &Digest) -> Result<Option<Entry>, StoreError> {
    let Some(place) = store.get(&layout::locator(statement))? else { return Ok(None) };
    let key = [b"e", place.as_slice()].concat();
    Ok(store.get(&key)?.map(|row| parse_entry_row(&row)).transpose()?.map(|(_, entry)| entry))
}
