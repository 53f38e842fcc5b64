//! Salvaging: which frames of a damaged record go into a fresh one, so that what is lost can be asked of neighbours.
//!
//! It is given every sound frame in its order, bodies first, and how many damaged places came before. What it keeps is a
//! record that a node opens: the identity first, an entry only with a valid signature and its governance bodies, a leaf
//! only behind its entry and only while nothing says that a leaf before it was lost. So the fresh record is that of an
//! older moment of the same node, with more beside it; the guard knows that the node has signed more, and everything
//! that recovers an old copy recovers this one.
//!
//! Whether leaves were lost in a gap is told by the next root checkpoint behind it, which names their number and root:
//! if it fits, all are there; if not, that checkpoint and every leaf behind the gap are left out and come from a
//! neighbour. Open invitations are taken back behind a gap, because it may have held that one was used.

use super::assembly::{Assembled, Assembly};
use super::body::{BODY_FRAME, PackedBody};
use super::fact::{Fact, Identity};
use super::frame::PackedEntry;
use super::outline::OUTLINE_FRAME;
use crate::digest::Digest;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::tree::{Frontier, leaf_hash};
use crate::record::{Frame, Stream};
use crate::statement::{Act, Entry, Leaf, Statement};
use crate::trust::key::PublicKey;
use crate::wire;
pub use lineage::Lineage;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};

mod fill;
mod lineage;

/// Most frames of leaves that wait for a checkpoint: a turn of the root has no more.
const PENDING_COUNT_MAX: usize = 1 << 20;

/// What is being salvaged.
#[derive(Debug, Default)]
pub struct Salvage {
    assembly: Assembly,
    /// Frames of a body that came whole, until it is.
    whole: Vec<Frame>,
    /// The next chunk of bodies that come by the chunk.
    next_chunk: BTreeMap<Digest, u32>,
    bodies: BTreeSet<Digest>,
    /// The key that signs here, once the identity was taken.
    own: Option<PublicKey>,
    /// A rotation of our own that the record must speak of.
    rotation: Option<(PublicKey, PackedEntry)>,
    entries: BTreeSet<Digest>,
    /// Statements that have no leaf yet.
    statements: BTreeMap<Digest, Statement>,
    /// Of each log: entries from 0 without a gap, and those beyond.
    logs: BTreeMap<PublicKey, (u64, BTreeSet<u64>)>,
    root: Frontier,
    /// Leaves behind a gap, until a checkpoint says that none is missing.
    pending: Vec<(Frame, Digest)>,
    leaves: Leaves,
    /// The newest root checkpoint that was left out.
    left_out: Option<(Checkpoint, String)>,
    gaps: u64,
    open_invites: BTreeSet<Digest>,
    dropped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leaves {
    #[default]
    Sound,
    /// A gap was passed since the last checkpoint.
    Doubtful,
    /// One is missing: none behind it is taken.
    Ended,
}

/// How much was salvaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Leaves of the root log.
    pub leaves: u64,
    /// Entries of all logs.
    pub entries: u64,
    /// Bodies that are whole.
    pub bodies: u64,
    /// Sound frames that were left out, because something that they build on is lost.
    pub dropped: u64,
}

impl Salvage {
    /// Takes an identity that was put together, because the record's own is lost; the facts are then gone through again.
    pub fn adopt(&mut self, identity: Identity) -> Frame {
        self.own = Some(identity.signing);
        (self.gaps, self.dropped) = (0, 0);
        self.doubt();
        Fact::Identity(Box::new(identity)).to_frame()
    }

    /// True once the identity is known; without it nothing can be salvaged.
    pub const fn has_identity(&self) -> bool {
        self.own.is_some()
    }

    /// Takes the next sound frame; `gaps` places before it in its stream are damaged. What is to be kept goes to `out`.
    pub fn take(&mut self, stream: Stream, frame: &Frame, gaps: u64, out: &mut Vec<Frame>) {
        match stream {
            Stream::Bodies => self.take_body(frame, out),
            Stream::Facts => {
                if gaps > self.gaps {
                    self.gaps = gaps;
                    self.doubt();
                }
                self.take_fact(frame, out);
            }
        }
    }

    // ---- bodies

    fn take_body(&mut self, frame: &Frame, out: &mut Vec<Frame>) {
        type Fields = (Digest, [u8; 32], u64, u32, u32, ByteBuf);
        let fields = || wire::decode::<Fields>(&frame.payload, crate::record::FRAME_BYTES_MAX).ok();
        match self.assembly.take(frame) {
            Assembled::Part if frame.kind == OUTLINE_FRAME => {
                if let Some(digest) = PackedBody::digest_of(frame) {
                    self.next_chunk.entry(digest).or_insert(0);
                    out.push(frame.clone());
                }
            }
            Assembled::Part if frame.kind == BODY_FRAME => {
                let Some((digest, _, _, count, at, _)) = fields() else { return };
                match self.next_chunk.get_mut(&digest) {
                    // Behind a chunk that is lost the rest is asked for with it.
                    Some(next) if *next != at => self.dropped += 1,
                    Some(next) => {
                        *next += 1;
                        if *next == count {
                            self.bodies.insert(digest);
                        }
                        out.push(frame.clone());
                    }
                    None => {
                        if at == 0 {
                            self.dropped += self.whole.drain(..).count() as u64;
                        }
                        self.whole.push(frame.clone());
                    }
                }
            }
            Assembled::Whole(digest, _) => {
                // A body of one chunk, or the last chunk of one that was put together.
                if fields().is_some_and(|fields| fields.4 == 0) {
                    self.dropped += self.whole.drain(..).count() as u64;
                }
                self.bodies.insert(digest);
                out.append(&mut self.whole);
                out.push(frame.clone());
            }
            Assembled::Part | Assembled::Bad => {
                self.dropped += 1 + self.whole.drain(..).count() as u64;
            }
            Assembled::Blank => {}
        }
    }

    // ---- facts

    /// A place was passed where something is lost.
    fn doubt(&mut self) {
        if self.leaves == Leaves::Sound {
            self.leaves = Leaves::Doubtful;
        }
    }

    fn end_leaves(&mut self) {
        self.leaves = Leaves::Ended;
        self.dropped += self.pending.drain(..).count() as u64;
    }

    fn take_fact(&mut self, frame: &Frame, out: &mut Vec<Frame>) {
        let Ok(fact) = Fact::from_frame(frame) else {
            self.dropped += 1;
            self.doubt();
            return;
        };
        let keeps = match &fact {
            Fact::Identity(identity) => {
                let first = self.own.is_none();
                self.own.get_or_insert(identity.signing);
                first
            }
            // Nothing stands before the identity.
            _ if self.own.is_none() => false,
            Fact::Entry { entry, .. } => self.keeps_entry(entry, out),
            Fact::Leaf { sequenced_at, received_at, statement } => {
                let times = (*sequenced_at, *received_at);
                if self.keeps_leaf(times, statement, frame) {
                    out.push(frame.clone());
                }
                return;
            }
            Fact::RootNote { note } => self.keeps_root_note(note, out),
            Fact::OriginNote { origin, note } => {
                let held = self.logs.get(origin).map_or(0, |(held, _)| *held);
                checkpoint_of(note).is_some_and(|checkpoint| checkpoint.size <= held)
            }
            Fact::Rotated { rotate } => {
                let said = self.rotation.as_ref().is_some_and(|(_, own)| own == rotate);
                if let (true, Some((key, _))) = (said, self.rotation.take()) {
                    self.own = Some(key);
                }
                said
            }
            Fact::Invited(invite) => {
                self.open_invites.insert(invite.secret);
                true
            }
            Fact::InviteUsed { secret, .. } | Fact::InviteRevoked { secret } => {
                self.open_invites.remove(secret);
                true
            }
            Fact::Receipt { .. }
            | Fact::Stopped { .. }
            | Fact::Heard { .. }
            | Fact::SplitView { .. }
            | Fact::Reviewed { .. } => true,
        };
        if keeps {
            out.push(frame.clone());
        } else {
            self.dropped += 1;
        }
    }

    fn keeps_entry(&mut self, entry: &Entry, out: &mut Vec<Frame>) -> bool {
        let Ok(entry) = Entry::verify(entry.statement.as_bytes(), &entry.card_bytes) else { return false };
        // A report's body comes by itself when it is asked for; what governs is folded with its bodies.
        let governs = !entry.is_report();
        if governs && entry.card.act.carried_bodies().iter().any(|body| !self.bodies.contains(&body.digest)) {
            return false;
        }
        let (origin, index) = (*entry.statement.key(), entry.statement.index());
        self.say_rotation(&origin, out);
        if let Act::Rotate(rotation) = &entry.card.act
            && self.own == Some(origin)
        {
            self.rotation = Some((rotation.signing, PackedEntry::of(&entry)));
        }
        let digest = entry.digest();
        self.statements.insert(digest, (*entry.statement).clone());
        if !self.entries.insert(digest) {
            return false;
        }
        let (held, beyond) = self.logs.entry(origin).or_default();
        if index == *held {
            *held += 1;
            while beyond.remove(held) {
                *held += 1;
            }
        } else if index > *held {
            beyond.insert(index);
        }
        true
    }

    /// Says that our own key is another, if that was lost: before the first entry of the new one.
    fn say_rotation(&mut self, author: &PublicKey, out: &mut Vec<Frame>) {
        if let Some((key, rotate)) = self.rotation.take_if(|(key, _)| key == author) {
            self.own = Some(key);
            out.push(Fact::Rotated { rotate }.to_frame());
        }
    }

    fn keeps_leaf(
        &mut self,
        (sequenced_at, received_at): (crate::time::WallMs, crate::time::WallMs),
        statement: &Digest,
        frame: &Frame,
    ) -> bool {
        let known = self.statements.get(statement).filter(|_| self.leaves != Leaves::Ended);
        let Some(statement) = known.cloned() else {
            self.end_leaves();
            self.dropped += 1;
            return false;
        };
        let digest = statement.digest();
        let hash = leaf_hash(&Leaf { sequenced_at, received_at, statement }.to_bytes());
        if self.leaves == Leaves::Sound {
            self.statements.remove(&digest);
            self.root.push(hash);
            return true;
        }
        self.pending.push((frame.clone(), hash));
        if self.pending.len() > PENDING_COUNT_MAX {
            self.end_leaves();
        }
        false
    }

    /// A root checkpoint is kept when it is of the leaves kept; behind a gap it decides about those that wait.
    fn keeps_root_note(&mut self, note: &str, out: &mut Vec<Frame>) -> bool {
        let Some(checkpoint) = checkpoint_of(note) else { return false };
        if self.leaves == Leaves::Ended {
            self.left_out = Some((checkpoint, note.to_owned()));
            return false;
        }
        let mut root = self.root.clone();
        self.pending.iter().for_each(|(_, hash)| root.push(*hash));
        if (checkpoint.size, checkpoint.root) != (root.size(), root.root()) {
            self.end_leaves();
            self.left_out = Some((checkpoint, note.to_owned()));
            return false;
        }
        self.root = root;
        self.leaves = Leaves::Sound;
        out.extend(self.pending.drain(..).map(|(frame, _)| frame));
        true
    }

    /// Nothing follows.
    pub fn finish(mut self, out: &mut Vec<Frame>) -> Salvaged {
        self.dropped += (self.whole.len() + self.pending.len()) as u64;
        if let Some((_, rotate)) = self.rotation.take().filter(|_| self.gaps > 0) {
            out.push(Fact::Rotated { rotate }.to_frame());
        }
        let unsure = std::mem::take(&mut self.open_invites).into_iter().filter(|_| self.gaps > 0);
        out.extend(unsure.map(|secret| Fact::InviteRevoked { secret }.to_frame()));
        Salvaged {
            leaves: self.root.size(),
            entries: self.entries.len() as u64,
            bodies: self.bodies.len() as u64,
            dropped: self.dropped,
        }
    }
}

/// The federation that a frame of facts speaks of, if it does.
pub fn federation_of(frame: &Frame) -> Option<Digest> {
    match Fact::from_frame(frame).ok()? {
        Fact::Identity(identity) => Some(identity.federation()),
        Fact::Entry { entry, .. } => Some(*entry.statement.federation()),
        _ => None,
    }
}

fn checkpoint_of(note: &str) -> Option<Checkpoint> {
    Checkpoint::parse(&Note::parse(note).ok()?.text).ok()
}
