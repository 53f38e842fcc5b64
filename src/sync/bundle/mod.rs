//! Bundles: the frames of climb and tail in a file, where there is no wire ([`BUNDLE.md`](self#bundles)).
//!
//! A bundle is one side of a session, written down: [`Node::plan_bundle`] says what the other node lacks,
//! [`Node::pack`] makes its frames one at a time, [`Node::take_frame`] takes them as if they had come from that
//! neighbour, by the same handlers. Reading and writing files, and in which order, is left to the edge.
#![doc = include_str!("../BUNDLE.md")]

mod admit;
mod attached;
mod file;
mod take;

pub use admit::NotAdmitted;
pub use file::{
    BUNDLE_BYTES_MAX, BUNDLE_FRAMES_MAX, ContainerError, HEAD_BYTES, Header, MAGIC, SEAL_BYTES, check_seal,
    seal,
};
pub use take::Taken;

use self::attached::{chunk_of, outline_of};
use super::frame::Frame;
use super::limits::PACK_BYTES_TARGET;
use super::node::{ConnId, Node, Step, read_tile};
use super::session::{Peer, Session};
use super::turn::Turn;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::log::checkpoint::{Checkpoint, node_origin};
use crate::log::note::Note;
use crate::log::tile::TileSubtrees;
use crate::log::tree;
use crate::log::witness;
use crate::store::{StoreError, layout};
use crate::trust::key::{PublicKey, Signature};

/// The connection that frames of a bundle seem to come on; the edge counts up from 0 and never gets here.
const BUNDLE_CONN: ConnId = ConnId(u64::MAX);

/// Which way a bundle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    /// To an ancestor.
    Up,
    /// To a node below.
    Down,
}

/// A stretch of one log that goes into a bundle.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Leg {
    /// Entries of an origin's log; up to the size of its newest checkpoint.
    Log {
        /// Whose log.
        origin: PublicKey,
        /// That checkpoint: the log may grow while the bundle is written.
        note: String,
        /// Index of the first entry.
        first: u64,
        /// Index after the last.
        until: u64,
    },
    /// Leaves of the root log, with their entries.
    Leaves {
        /// Index of the first leaf.
        first: u64,
        /// Index after the last: the size of the root checkpoint.
        until: u64,
    },
    /// Chunks of an attachment.
    Attachment {
        /// The body.
        body: Digest,
        /// The first chunk.
        first: u64,
        /// The chunk after the last.
        until: u64,
    },
}

impl Leg {
    /// First index and the index after the last.
    pub const fn range(&self) -> (u64, u64) {
        match self {
            Self::Log { first, until, .. }
            | Self::Leaves { first, until }
            | Self::Attachment { first, until, .. } => (*first, *until),
        }
    }

    /// The same stretch from a later index on.
    fn from(mut self, begin: u64) -> Self {
        match &mut self {
            Self::Log { first, .. } | Self::Leaves { first, .. } | Self::Attachment { first, .. } => {
                *first = begin;
            }
        }
        self
    }
}

/// What goes into a bundle.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The first part's header.
    pub header: Header,
    /// Which way.
    pub direction: Direction,
    /// The newest root checkpoint, that leaves are proven against; empty going up.
    pub root_note: String,
    /// The stretches of logs, in order.
    pub legs: Vec<Leg>,
    /// Going up: the attachments of their entries, as far as they are held.
    pub attachments: Vec<Leg>,
    /// Frames of every part, first.
    pub opening: Vec<Frame>,
    /// Frames of the last part, last: receipts, attestations.
    pub closing: Vec<Frame>,
    /// How many of them are receipts.
    pub receipts: u64,
    /// Entries of the receiver's log that they cover.
    pub receipted: u64,
}

/// Why there is no bundle, or it is not for this node.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The division has no live node that is known here.
    #[error("division {0} has no live node")]
    NoNode(DivisionCode),
    /// Neither above nor below this node.
    #[error("{0} is neither above nor below this node")]
    NotOnPath(DivisionCode),
    /// Of another federation.
    #[error("it is of another federation: {0}")]
    OtherFederation(Digest),
    /// For another node.
    #[error("it is for another node: {0}")]
    OtherNode(String),
    /// From a node that is neither above nor below this one, as far as is known here.
    #[error("its writer is neither above nor below this node: {0}")]
    Stranger(String),
    /// The index could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// What the node of a division lacks, as far as this one knows. With `since` everything from that index on goes
    /// along: of the root log downwards, of every log upwards.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn plan_bundle(
        &mut self,
        turn: &mut Turn<'_>,
        to: &DivisionCode,
        since: Option<u64>,
    ) -> Result<Plan, BundleError> {
        let key = *self.registry.node(to).ok_or_else(|| BundleError::NoNode(to.clone()))?;
        let own = *self.own_key();
        let header = Header {
            federation: self.federation(),
            from: own,
            to: key,
            created_at: turn.now.wall,
            root_size: self.root_frontier.size(),
            part: 1,
        };
        let chain = self.chain_of(turn, &own)?;
        if self.ancestors().contains(&key) {
            let legs = self.lacking_above(turn, &key, since)?;
            let attachments = self.attachments_of(turn, &legs)?;
            let below = self.attestations.iter().filter(|(key, _)| self.registry.is_ancestor(&own, key));
            let closing = below.map(|(_, said)| Frame::Attest { note: said.note.clone() }).collect();
            let (direction, root_note) = (Direction::Up, String::new());
            let opening = vec![Frame::Introduce { chain }];
            return Ok(Plan {
                header,
                direction,
                root_note,
                legs,
                attachments,
                opening,
                closing,
                receipts: 0,
                receipted: 0,
            });
        }
        if key == own || !self.registry.is_ancestor(&own, &key) {
            return Err(BundleError::NotOnPath(to.clone()));
        }
        // A node that joins by files finds its own Delegate here.
        let chain = self.whole_chain(turn, &key)?;
        let opening = vec![Frame::Introduce { chain }];
        let mut plan = Plan {
            header,
            direction: Direction::Down,
            root_note: String::new(),
            legs: Vec::new(),
            attachments: Vec::new(),
            opening,
            closing: Vec::new(),
            receipts: 0,
            receipted: 0,
        };
        if let Some(note) = self.root_note.clone() {
            let known = match since {
                Some(since) => since,
                None => self.known_below(turn, &key)?,
            };
            if known < note.size {
                plan.legs.push(Leg::Leaves { first: known, until: note.size });
            }
            plan.closing.push(Frame::Renewed { note: note.text.clone() });
            plan.root_note = note.text;
        }
        let root = self.registry.root().and_then(|root| self.attestations.get(root));
        plan.closing.extend(root.map(|said| Frame::Attest { note: said.note.clone() }));
        let receipt = self.receipt_for(turn, &key);
        plan.receipts = u64::from(receipt.is_some());
        let log = self.origins.get(&key).and_then(|log| log.note.as_ref());
        plan.receipted = log.filter(|_| receipt.is_some()).map_or(0, |note| note.size);
        plan.closing.extend(receipt);
        Ok(plan)
    }

    /// How much of the root log a node below is known to hold.
    fn known_below(&self, turn: &Turn<'_>, key: &PublicKey) -> Step<u64> {
        let said = self.attestations.get(key).map_or(0, |attestation| attestation.size);
        Ok(self.heard(turn, key)?.max(said))
    }

    /// What a node below said in its newest bundle.
    fn heard(&self, turn: &Turn<'_>, key: &PublicKey) -> Step<u64> {
        let heard = turn.get(&layout::heard(key))?.and_then(|size| size.try_into().ok());
        Ok(heard.map_or(0, u64::from_be_bytes))
    }

    /// Our cosignature of what is held of a log of a node below.
    fn receipt_for(&self, turn: &mut Turn<'_>, origin: &PublicKey) -> Option<Frame> {
        let log = self.origins.get(origin).filter(|log| !log.stopped)?;
        let note = self.cosigned(turn, &log.note.as_ref()?.text)?;
        Some(Frame::Receipt { origin: *origin, note })
    }

    /// A checkpoint of an origin with our timestamped cosignature.
    pub(super) fn cosigned(&self, turn: &mut Turn<'_>, text: &str) -> Option<String> {
        let mut note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        // After a restore the log comes back first: no cosignature goes below an earlier one.
        if self.is_recovering() || !self.may_cosign(&checkpoint.origin, checkpoint.size) {
            return None;
        }
        let origin = Digest::of(&[checkpoint.origin.as_bytes()]);
        turn.out.marks.push((origin, checkpoint.size, checkpoint.root));
        let (name, seconds) = (self.own_origin(), turn.now.wall.0 / 1000);
        note.signatures.push(witness::cosign(&note.text, &name, &self.signing, seconds));
        Some(note.to_string())
    }

    /// The stretches of logs that an ancestor may not have: what it gave a receipt for, and what has a place in the
    /// root log as it is held here, it has or gets from above.
    fn lacking_above(&self, turn: &Turn<'_>, above: &PublicKey, since: Option<u64>) -> Step<Vec<Leg>> {
        let own = *self.own_key();
        let mut legs = Vec::new();
        for (origin, log) in &self.origins {
            let Some(note) = &log.note else { continue };
            let answered = self.ledger.next_index(origin);
            let receipted = if *origin == own { self.receipted_by(turn, above)? } else { 0 };
            let first = since.unwrap_or(answered.max(receipted)).min(note.size);
            // A log without a receipt is proposed even when all of it is up there by another way.
            if first < note.size || (*origin == own && receipted < note.size) {
                legs.push(Leg::Log { origin: *origin, note: note.text.clone(), first, until: note.size });
            }
        }
        // A node sends its own log first.
        legs.sort_by_key(|leg| !matches!(leg, Leg::Log { origin, .. } if *origin == own));
        Ok(legs)
    }

    /// How much of our own log an ancestor's newest receipt covers, if the newest one is its own.
    fn receipted_by(&self, turn: &Turn<'_>, above: &PublicKey) -> Step<u64> {
        let size = self.receipt_size;
        let receipt = turn.get(&layout::receipt(self.own_key(), size))?;
        let note = receipt.and_then(|text| Note::parse(&String::from_utf8_lossy(&text)).ok());
        let name = node_origin(above);
        let by = note.is_some_and(|note| witness::verify_cosignature(&note, &name, above).is_ok());
        Ok(if by { size } else { 0 })
    }

    /// Frames that go before those of a leg, again in every part: what it is about.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn introduce_leg(&self, turn: &Turn<'_>, leg: &Leg) -> Step<Vec<Frame>> {
        let (origin, note) = match leg {
            Leg::Log { origin, note, .. } => (origin, note),
            Leg::Leaves { .. } => return Ok(Vec::new()),
            Leg::Attachment { body, .. } => return Ok(outline_of(turn, body)?.into_iter().collect()),
        };
        // Our own chain is in the introduction.
        let chain = if origin == self.own_key() { Vec::new() } else { self.chain_of(turn, origin)? };
        Ok(vec![Frame::Propose { origin: *origin, note: note.clone(), chain }])
    }

    /// The next pack of a leg, of about `bytes_target` bytes and never more than on a session, and what is left of the
    /// leg; none when nothing is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pack(
        &self,
        turn: &Turn<'_>,
        root_note: &str,
        leg: &Leg,
        bytes_target: usize,
    ) -> Step<Option<(Frame, Leg)>> {
        let target = bytes_target.min(PACK_BYTES_TARGET);
        let (first, until) = leg.range();
        if first >= until {
            return Ok(None);
        }
        match leg {
            Leg::Log { origin, note, .. } => {
                let entries = self.pack_entries(turn, origin, first, until, target)?;
                let end = first + entries.len() as u64;
                if entries.is_empty() {
                    return Ok(None);
                }
                let note = (end == until).then(|| note.clone());
                Ok(Some((Frame::Push { origin: *origin, first, entries, note }, leg.clone().from(end))))
            }
            Leg::Attachment { body, .. } => {
                Ok(chunk_of(turn, body, first)?.map(|frame| (frame, leg.clone().from(first + 1))))
            }
            Leg::Leaves { .. } => {
                let leaves = self.pack_leaves_for(turn, &|_, _| false, first, until, target)?;
                let end = first + leaves.len() as u64;
                if leaves.is_empty() {
                    return Ok(None);
                }
                let read = turn.read();
                let subtrees = TileSubtrees::new(|id| read_tile(&read, id, until));
                let proof = tree::consistency_proof(&subtrees, end, until)
                    .map_err(|error| StoreError::Damaged(error.to_string()))?;
                let frame = Frame::Leaves { first, leaves, note: root_note.to_owned(), proof };
                Ok(Some((frame, leg.clone().from(end))))
            }
        }
    }

    /// Signs a bundle's digest.
    pub fn seal_bundle(&self, digest: &Digest) -> Signature {
        seal(digest, &self.signing)
    }

    /// The session that frames of a bundle are taken on.
    fn file_session(peer: Peer, transport: PublicKey) -> Session {
        Session { open: true, ..Session::new(peer, transport) }
    }
}
