//! Quorum: the nodes directly under the root are its witnesses. Each cosigns the checkpoints that it mirrors, the root
//! gathers the cosignatures, and a checkpoint with as many of them as the policy asks for is *confirmed*: two histories
//! cannot both be, unless witnesses collude.
//!
//! Promises: confirmation is shown beside what the root published and hides nothing. Without a quorum in the policy
//! nothing is gathered and nothing more is sent.

use super::climb::Outcome;
use super::fact::Fact;
use super::frame::Frame;
use super::node::{ConnId, Node, Step};
use super::session::Peer;
use super::turn::Turn;
use crate::log::checkpoint::{Checkpoint, node_origin};
use crate::log::note::{Note, NoteSignature};
use crate::log::witness;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;

/// What was gathered of the newest checkpoint, and what is confirmed.
#[derive(Debug, Default)]
pub(super) struct Quorum {
    /// Root: the text that the cosignatures below are over.
    text: String,
    /// Root: the cosignatures of its witnesses over that text.
    cosigned: BTreeMap<PublicKey, NoteSignature>,
    /// A witness: the text that was last sent up.
    sent: String,
    /// The largest size with a quorum, as the notes held say.
    confirmed: u64,
}

impl Quorum {
    fn of(&mut self, text: &str) -> &mut BTreeMap<PublicKey, NoteSignature> {
        if self.text != text {
            text.clone_into(&mut self.text);
            self.cosigned.clear();
        }
        &mut self.cosigned
    }

    /// What is confirmed, as an earlier process knew it.
    pub(super) fn confirm(&mut self, size: u64) {
        self.confirmed = self.confirmed.max(size);
    }

    /// A new session with the root: it may have lost what was sent.
    pub(super) fn send_again(&mut self) {
        self.sent.clear();
    }
}

impl Node {
    /// How many witnesses the policy asks for; 0 for none.
    pub fn quorum(&self) -> usize {
        usize::from(self.ledger.policy().witness_quorum)
    }

    /// The largest size of the root log that a quorum of witnesses cosigned; 0 while there is none, or no quorum.
    pub const fn confirmed_size(&self) -> u64 {
        self.quorum.confirmed
    }

    /// A node directly under the root.
    fn is_witness(&self, key: &PublicKey) -> bool {
        let root = self.registry.root();
        root.is_some() && self.registry.parent(key) == root
    }

    /// A witness tells the root what it cosigned, with its attestation.
    pub(super) fn send_cosignature(&mut self, turn: &mut Turn<'_>) {
        let own = *self.own_key();
        if self.quorum() == 0 || self.is_root() || !self.is_witness(&own) {
            return;
        }
        let Some(note) = self.root_note.as_ref().and_then(|held| Note::parse(&held.text).ok()) else {
            return;
        };
        // At the attestation's pace: under load not every checkpoint is worth a round of the federation.
        let attested = self.attested.as_ref().map(|(_, last)| last.size);
        let open = |conn: &ConnId| self.sessions.get(conn).is_some_and(|session| session.open);
        let Some(conn) = self.parent().and_then(|(root, _)| self.up_to(&root)).filter(open) else { return };
        if note.text == self.quorum.sent || attested != self.root_note.as_ref().map(|held| held.size) {
            return;
        }
        let name = self.own_origin();
        let signatures = note.signatures.iter().filter(|line| line.name == name).cloned().collect();
        self.quorum.sent.clone_from(&note.text);
        turn.send(conn, Frame::Cosigned { note: Note { text: note.text, signatures }.to_string() });
    }

    /// Root: a witness cosigned a checkpoint. With the quorum full it goes down to everyone.
    pub(super) fn on_cosigned(&mut self, turn: &mut Turn<'_>, peer: Peer, text: &str) -> Step<Outcome> {
        let Peer::Below(key) = peer else { return Ok(Err("wrong_direction")) };
        if !self.is_root() || !self.is_witness(&key) {
            return Ok(Ok(()));
        }
        let (Ok(signed), Some(held)) = (Note::parse(text), self.root_note.clone()) else {
            return Ok(Err("bad_note"));
        };
        let name = node_origin(&key);
        if witness::verify_cosignature(&signed, &name, &key).is_err() {
            return Ok(Err("bad_cosignature"));
        }
        // Of an older checkpoint: a newer one is on its way to the witness.
        let Some(mut note) = Note::parse(&held.text).ok().filter(|note| note.text == signed.text) else {
            return Ok(Ok(()));
        };
        let Some(line) = signed.signatures.into_iter().find(|line| line.name == name) else {
            return Ok(Ok(()));
        };
        let (quorum, gathered) = (self.quorum(), self.quorum.of(&note.text));
        gathered.insert(key, line);
        if gathered.len() == quorum {
            note.signatures.extend(gathered.values().cloned());
            let text = note.to_string();
            self.record(turn, Fact::RootNote { note: text.clone() })?;
            self.send_renewed(turn, &text);
        }
        Ok(Ok(()))
    }

    /// Root: the cosignatures gathered over a checkpoint's text, for a renewed note.
    pub(super) fn gathered(&mut self, text: &str) -> Vec<NoteSignature> {
        match self.quorum() {
            0 => Vec::new(),
            quorum => self.quorum.of(text).values().take(quorum).cloned().collect(),
        }
    }

    /// The witnesses' lines of a note that verify; none while the policy asks for no quorum.
    pub(super) fn witnesses(&self, note: &Note) -> Vec<PublicKey> {
        if self.quorum() == 0 {
            return Vec::new();
        }
        let Some(root) = self.registry.root() else { return Vec::new() };
        let cosigned = |key: &&PublicKey| {
            let name = node_origin(key);
            note.signatures.iter().any(|line| line.name == name)
                && witness::verify_cosignature(note, &name, key).is_ok()
        };
        self.registry.children(root).filter(|key| *key != root).filter(cosigned).copied().collect()
    }

    /// True when a note carries as many witnesses as the policy asks for.
    pub(super) fn is_confirmed(&self, note: &Note) -> bool {
        self.quorum() > 0 && self.witnesses(note).len() >= self.quorum()
    }

    /// A root checkpoint is held: is it confirmed? Its lines were verified when it came.
    pub(super) fn count_witnesses(&mut self, text: &str) {
        let quorum = self.quorum();
        let (Some(root), true) = (self.registry.root().copied(), quorum > 0) else { return };
        let Ok(note) = Note::parse(text) else { return };
        let Ok(checkpoint) = Checkpoint::parse(&note.text) else { return };
        let named = |key: &&PublicKey| {
            let name = node_origin(key);
            note.signatures.iter().any(|line| line.name == name)
        };
        if self.registry.children(&root).filter(|key| **key != root).filter(named).count() >= quorum {
            self.quorum.confirmed = self.quorum.confirmed.max(checkpoint.size);
        }
    }

    /// A connection to the root is new: what it gathered may be gone.
    pub(super) fn cosign_again(&mut self, conn: ConnId) {
        let above = self.sessions.get(&conn).map(|session| session.peer);
        if above.is_some_and(|peer| self.registry.root().is_some_and(|root| peer == Peer::Above(*root))) {
            self.quorum.send_again();
        }
    }
}
