//! A turn: what one call of the node may read, and what it wants done.
//!
//! Reads see what earlier steps of the same turn wrote. Writes are a barrier: the driver makes
//! [`Outputs::batch`] durable, raises the guard by [`Outputs::marks`], commits [`Outputs::puts`], and only then
//! does [`Outputs::actions`], so that nothing is announced that a crash could forget.

use super::body::PackedBody;
use super::frame::Frame;
use super::node::ConnId;
use super::path::DetourReason;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::record;
use crate::statement::card::RefusalCode;
use crate::store::{Batch, Overlay, Read, StoreError};
use crate::time::Now;
use crate::trust::key::PublicKey;
use std::cell::RefCell;

/// What a turn wants done, in this order.
#[derive(Default)]
pub struct Outputs {
    /// Bodies and facts for the record.
    pub batch: record::Batch,
    /// Checkpoints signed in this turn: origin, size, root.
    pub marks: Vec<(Digest, u64, Digest)>,
    /// Index writes that follow from the facts.
    pub puts: Batch,
    /// Bodies that the record must forget, once the facts that say so are in it.
    pub erased: Vec<Digest>,
    /// What may happen once all of the above is durable.
    pub actions: Vec<Action>,
}

/// What the driver does after the barrier.
#[derive(Debug)]
pub enum Action {
    /// Send a frame.
    Send(ConnId, Box<Frame>),
    /// Close a connection, with a code for the peer's log.
    Close(ConnId, &'static str),
    /// Dial an ancestor, or a node beside this one.
    Dial {
        /// Addresses to try in order.
        addresses: Vec<String>,
        /// The transport key it must prove.
        key: PublicKey,
        /// Whether it stands above: then it says where it is, as the operator does. A node beside us says so in a
        /// delegation that nobody between checked.
        is_above: bool,
    },
    /// Lift the limits of a stranger that is being enrolled.
    Promote(ConnId),
    /// Connections with this transport key are welcome from now on.
    Admit(PublicKey),
    /// Connections with this transport key are no longer welcome.
    Dismiss(PublicKey),
    /// Something people or metrics want to know.
    Event(Event),
}

/// What happened, for logs, metrics, the console and tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session with a neighbour is up.
    LinkUp(DivisionCode),
    /// A session ended.
    LinkDown(DivisionCode),
    /// The parent's receipt covers this many entries of our own log.
    Receipted(u64),
    /// The root log is held up to here.
    RootLog(u64),
    /// One of our own statements was refused.
    OwnRefused(Digest, RefusalCode),
    /// A node joined.
    Joined(DivisionCode),
    /// A request to join waits for approval.
    JoinPending(DivisionCode, String),
    /// Two statements at one index of one log: kept as evidence, the origin is stopped.
    Equivocation(PublicKey, u64),
    /// A signed root checkpoint does not fit what was verified before.
    SplitView(u64),
    /// Our view root differs from the root's at the same size.
    ViewDiffers(u64),
    /// The root sequenced a leaf that the fold rejects.
    RejectedLeaf(u64, RefusalCode),
    /// A key was replaced, revoked, or its division closed.
    KeyEnded(PublicKey),
    /// An ancestor gave a receipt for this entry of our own log, and the root log goes on without it.
    Swallowed(DivisionCode, u64),
    /// The root's newest cosignature is older than it can be while all is well.
    Stale,
    /// Another ancestor is used beside the parent.
    OtherPath(DetourReason),
    /// A year was released.
    Released(u16),
    /// A release is due and held back: our clock disagrees with the children's by so many milliseconds.
    ReleaseHeldBack(u64),
    /// The last chunk of a body is here.
    BodyHere(Digest),
    /// This node is behind its own signatures, or may be: it signs nothing.
    Recovering,
    /// It holds what it signed again.
    Recovered,
    /// A peer broke the protocol.
    PeerFault(ConnId, &'static str),
}

/// One call of the node.
pub struct Turn<'a> {
    /// The time.
    pub now: Now,
    /// The committed index.
    pub store: &'a dyn Read,
    /// What is to be done.
    pub out: Outputs,
    /// The index holds what follows from the facts of this turn already: what is only written, such as sums, is not
    /// worked out again. Set while a record is replayed.
    pub is_known: bool,
    /// Bodies, by statement and digest, that were read in this turn and are not what their card names.
    pub(super) doubted: RefCell<Vec<(Digest, Digest)>>,
    /// The entry that is recorded now is folded right behind it, or the whole record is replayed: it need not be learned
    /// early, which would verify its delegation twice.
    pub(super) is_sequenced: bool,
}

impl<'a> Turn<'a> {
    /// A turn at `now` over the committed index.
    pub fn new(now: Now, store: &'a dyn Read) -> Self {
        let (out, doubted) = (Outputs::default(), RefCell::default());
        Self { now, store, out, is_known: false, is_sequenced: false, doubted }
    }

    /// The turn in which a record is replayed; [`Node::replayed`](super::Node::replayed) ends it.
    pub fn of_replay(now: Now, store: &'a dyn Read) -> Self {
        Self { is_sequenced: true, ..Self::new(now, store) }
    }

    /// Reads a key, seeing this turn's writes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Overlay::new(self.store, &self.out.puts).get(key)
    }

    /// The index with this turn's writes.
    pub fn read(&self) -> Overlay<'_> {
        Overlay::new(self.store, &self.out.puts)
    }

    /// Writes a body to the record and the index.
    pub fn keep_body(&mut self, digest: &Digest, body: &PackedBody) {
        for frame in body.to_frames(digest) {
            // Our own encoding always reads.
            let _ = PackedBody::put_frame(&frame.payload, &mut self.out.puts);
            self.out.batch.bodies.push(frame);
        }
    }

    /// Sends a frame after the barrier.
    pub fn send(&mut self, conn: ConnId, frame: Frame) {
        self.out.actions.push(Action::Send(conn, Box::new(frame)));
    }

    /// Reports an event after the barrier.
    pub fn event(&mut self, event: Event) {
        self.out.actions.push(Action::Event(event));
    }
}
