//! Taking a bundle in: its frames go to the handlers of the wire, one at a time, as if its writer had sent them.

use super::{BUNDLE_CONN, BundleError, Direction, Header};
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::sync::fact::Fact;
use crate::sync::frame::{Frame, PackedEntry};
use crate::sync::node::{Node, Step};
use crate::sync::session::Peer;
use crate::sync::turn::{Action, Turn};
use crate::trust::key::PublicKey;

/// What a frame of a bundle brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Taken {
    /// Entries that were not held.
    pub entries: u64,
    /// Leaves of the root log that were not held.
    pub leaves: u64,
    /// Entries of our own log that a receipt covers now and did not before.
    pub receipted: u64,
    /// Bodies, or chunks of them, that were not here.
    pub pieces: u64,
    /// Attachments of which the last chunk came.
    pub attachments: u64,
    /// Something earlier is lacking: an earlier part, or an earlier bundle.
    pub waits: bool,
}

impl Taken {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            leaves: self.leaves + other.leaves,
            receipted: self.receipted + other.receipted,
            pieces: self.pieces + other.pieces,
            attachments: self.attachments + other.attachments,
            waits: self.waits || other.waits,
        }
    }

    /// True when something new came.
    pub const fn is_news(&self) -> bool {
        self.entries + self.leaves + self.receipted + self.pieces > 0
    }
}

impl Node {
    /// Looks whether a bundle is for this node, by its header and its first frame.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open_bundle(
        &mut self,
        turn: &mut Turn<'_>,
        header: &Header,
        introduction: &[PackedEntry],
    ) -> Result<Direction, BundleError> {
        if header.federation != self.federation() {
            return Err(BundleError::OtherFederation(header.federation));
        }
        let named = |key: &PublicKey| {
            let own = self.registry.delegation(key);
            own.map_or_else(|| key.id().hex(), |own| format!("{} {}", own.division, own.name))
        };
        if header.to != *self.own_key() && self.registry.newest(&header.to) != self.own_key() {
            return Err(BundleError::OtherNode(named(&header.to)));
        }
        // What it shows of itself gives admission and nothing else, as on the wire.
        let _ = self.learn_chain(turn, introduction);
        match self.bundle_peer(&header.from) {
            Some(Peer::Above(_)) => Ok(Direction::Down),
            Some(_) => {
                let (node, root_size) = (header.from, header.root_size);
                if self.heard(turn, &node)? != root_size {
                    self.record(turn, Fact::Heard { node, root_size })?;
                }
                Ok(Direction::Up)
            }
            None => {
                let own = self.registry.delegation(&header.from);
                let name = own.map(|own| format!("{} {}", own.division, own.name));
                Err(BundleError::Stranger(name.unwrap_or_else(|| header.from.id().hex())))
            }
        }
    }

    fn bundle_peer(&self, from: &PublicKey) -> Option<Peer> {
        let own = self.own_key();
        if self.ancestors().contains(from) {
            Some(Peer::Above(*from))
        } else {
            (from != own && self.registry.is_ancestor(own, from)).then_some(Peer::Below(*from))
        }
    }

    /// Takes a frame of a bundle whose header [`Node::open_bundle`] let pass.
    ///
    /// # Errors
    /// [`crate::store::StoreError`]; inside, the code of what does not verify.
    pub fn take_frame(
        &mut self,
        turn: &mut Turn<'_>,
        from: &PublicKey,
        frame: Frame,
    ) -> Step<Result<Taken, &'static str>> {
        let Some(peer) = self.bundle_peer(from) else { return Ok(Err("stranger")) };
        let before = (self.received, self.root_frontier.size(), self.receipt_size);
        let (wanted, pieces) = (self.attachments_missing(), turn.out.batch.bodies.len());
        let said = turn.out.actions.len();
        self.sessions.insert(BUNDLE_CONN, Self::file_session(peer, *from));
        let outcome = self.hand_on(turn, peer, frame);
        self.sessions.remove(&BUNDLE_CONN);
        // What the handlers answer goes nowhere: the next bundle the other way carries it.
        let mut waits = false;
        let answers = turn.out.actions.split_off(said);
        turn.out.actions.extend(answers.into_iter().filter(|action| match action {
            Action::Send(BUNDLE_CONN, frame) => {
                waits |= matches!(&**frame, Frame::Held { send_all: true, .. });
                false
            }
            // Bodies that are said to be erased, while their withdrawal has not come down here yet.
            Action::Close(BUNDLE_CONN, _) => {
                waits = true;
                false
            }
            _ => true,
        }));
        let taken = match outcome? {
            Ok(lacks) => Taken {
                entries: self.received - before.0,
                leaves: self.root_frontier.size() - before.1,
                receipted: self.receipt_size - before.2,
                pieces: turn.out.batch.bodies.len().saturating_sub(pieces) as u64,
                attachments: wanted.saturating_sub(self.attachments_missing()) as u64,
                waits: waits || lacks,
            },
            Err(why) => return Ok(Err(why)),
        };
        Ok(Ok(taken))
    }

    /// The handler of a frame; true when the frame is of later than what is held.
    fn hand_on(&mut self, turn: &mut Turn<'_>, peer: Peer, frame: Frame) -> Step<Result<bool, &'static str>> {
        let conn = BUNDLE_CONN;
        let mut lacks = false;
        let outcome = match (peer, frame) {
            (_, Frame::Introduce { chain }) => self.learn_chain(turn, &chain),
            (Peer::Below(_), Frame::Propose { origin, note, chain }) => {
                self.on_propose(turn, conn, &origin, note, &chain)?
            }
            (Peer::Below(_), Frame::Push { origin, .. }) if !self.may_climb(&origin) => {
                // Two levels may have delegated one division: the others of the bundle are taken.
                lacks = true;
                Ok(())
            }
            (Peer::Below(_), Frame::Push { origin, first, entries, note }) => {
                lacks = first > self.origins.get(&origin).map_or(0, |log| log.frontier.size());
                self.on_push(turn, conn, &origin, first, entries, note)?
            }
            (Peer::Above(_), Frame::Leaves { first, leaves, note, proof }) => {
                self.on_leaves(turn, conn, first, leaves, &note, &proof)?
            }
            (Peer::Above(_), Frame::Renewed { note }) => self.on_renewed(turn, &note)?,
            (Peer::Above(_), Frame::Receipt { origin, note }) => {
                lacks = self.is_beyond_own(&origin, &note);
                if lacks { Ok(()) } else { self.on_receipt(turn, conn, &origin, note)? }
            }
            (Peer::Above(_) | Peer::Below(_), Frame::Attest { note }) => self.on_attest(turn, peer, &note),
            // An outline that nobody here waits for yet comes again with its chunks, from the bundle that is kept.
            (Peer::Below(_), Frame::Outline { body, outline }) => {
                self.on_outline(turn, conn, &body, &outline)?
            }
            (Peer::Below(_), Frame::Chunk { body, at, packed }) => {
                let (outcome, early) = self.take_chunk(turn, &body, at, &packed)?;
                lacks = early;
                outcome
            }
            _ => Err("wrong_direction"),
        };
        Ok(outcome.map(|()| lacks))
    }

    /// True when a receipt covers more than this node holds of a log: its leaves come first.
    fn is_beyond_own(&self, origin: &PublicKey, text: &str) -> bool {
        let checkpoint = Note::parse(text).ok().and_then(|note| Checkpoint::parse(&note.text).ok());
        let held = self.origins.get(origin).and_then(|log| log.note.as_ref()).map_or(0, |note| note.size);
        checkpoint.is_some_and(|checkpoint| checkpoint.size > held)
    }
}
