//! Facts: what the record keeps. A node's state is the fold of its facts; recovery replays them.
//!
//! Facts are ours, never signed and never sent, so they may be encoded with [`crate::wire`].

use super::frame::PackedEntry;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::record::Frame;
use crate::statement::{Entry, EntryError};
use crate::time::WallMs;
use crate::trust::delegation::Hosting;
use crate::trust::key::PublicKey;
use crate::wire::{self, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Who this node is: its first fact, written by `init` or `join` and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The anchor's public key; its id is the federation.
    pub anchor: PublicKey,
    /// This node's signing key.
    pub signing: PublicKey,
    /// This node's transport key.
    pub transport: PublicKey,
    /// Level.
    pub level: Level,
    /// Own division.
    pub division: DivisionCode,
    /// Display name.
    pub name: String,
    /// Delegates from the anchor's down to this node's own.
    pub chain: Vec<PackedEntry>,
}

impl Identity {
    /// The federation id.
    pub fn federation(&self) -> Digest {
        self.anchor.id()
    }
}

/// An invitation, as the parent keeps it: the secret itself is in the token alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// SHA-256 of the token's secret.
    pub secret: Digest,
    /// Level of the new node.
    pub level: Level,
    /// Its division.
    pub division: DivisionCode,
    /// Its display name.
    pub name: String,
    /// What else it will publish for.
    pub hosting: Hosting,
    /// When the token ends.
    pub expires: WallMs,
    /// True: no person has to approve.
    pub auto: bool,
    /// The key whose place the new node takes, and the last index of its log that is vouched for.
    pub replaces: Option<(PublicKey, u64)>,
}

/// One fact.
#[derive(Clone, Debug)]
pub enum Fact {
    /// Who this node is.
    Identity(Box<Identity>),
    /// An entry of some origin's log is held, with its bodies.
    Entry {
        /// When the first node other than the author stored it; none while it is only at its author.
        received_at: Option<WallMs>,
        /// The entry.
        entry: Entry,
    },
    /// The next leaf of the root log.
    Leaf {
        /// See [`crate::statement::Leaf`].
        sequenced_at: WallMs,
        /// See [`crate::statement::Leaf`].
        received_at: WallMs,
        /// Digest of the statement; its entry is held.
        statement: Digest,
    },
    /// The newest signed checkpoint of an origin's log.
    OriginNote {
        /// Whose log.
        origin: PublicKey,
        /// The note, verbatim.
        note: String,
    },
    /// The newest root checkpoint, with this node's cosignature.
    RootNote {
        /// The note.
        note: String,
    },
    /// The parent's cosignature over a checkpoint of our own log.
    Receipt {
        /// The note.
        note: String,
    },
    /// Two histories of one log were seen: nothing more of it is taken until its parent decides.
    Stopped {
        /// Whose log.
        origin: PublicKey,
        /// Where they part, as far as it is known.
        index: u64,
        /// The evidence: the other statement's bytes, or the signed checkpoint of the other log.
        other: Vec<u8>,
    },
    /// Our own signing key is another from here on.
    Rotated {
        /// The `Rotate` that says so, or the anchor's `Delegate` of the root.
        rotate: PackedEntry,
    },
    /// What a node below said in a bundle that it holds of the root log.
    Heard {
        /// Its signing key.
        node: PublicKey,
        /// Leaves.
        root_size: u64,
    },
    /// The root signed two histories: the evidence, as a file (LOG.md).
    SplitView {
        /// The file's text.
        text: String,
    },
    /// An invitation was given out.
    Invited(Invite),
    /// An invitation was used, by these keys.
    InviteUsed {
        /// SHA-256 of the token's secret.
        secret: Digest,
        /// The new node's signing key.
        signing: PublicKey,
    },
    /// This node looked at a report from below and has nothing against it.
    Reviewed {
        /// Digest of its statement.
        statement: Digest,
        /// When.
        at: WallMs,
    },
    /// An invitation was taken back.
    InviteRevoked {
        /// SHA-256 of the token's secret.
        secret: Digest,
    },
}

/// A frame of the record that is not a fact: damage, or a newer version.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// The frame's kind is not one of ours.
    #[error("a record frame of unknown kind {0}")]
    UnknownKind(u8),
    /// The payload is not of its kind.
    #[error("a record frame cannot be read: {0}")]
    Malformed(#[from] WireError),
    /// A statement or card in the record is damaged.
    #[error("a record frame holds a damaged entry: {0}")]
    Entry(#[from] EntryError),
}

/// Facts are as long as their longest field, a note or a card.
const FACT_BYTES_MAX: usize = 1 << 20;

impl Fact {
    /// The fact as a frame of the record.
    pub fn to_frame(&self) -> Frame {
        let (kind, payload) = match self {
            Self::Identity(identity) => (1, wire::encode(identity)),
            Self::Entry { received_at, entry } => {
                let statement = ByteBuf::from(entry.statement.as_bytes().as_slice());
                let card = ByteBuf::from(entry.card_bytes.to_vec());
                (2, wire::encode(&(received_at, PackedEntry { statement, card })))
            }
            Self::Leaf { sequenced_at, received_at, statement } => {
                (3, wire::encode(&(sequenced_at, received_at, statement)))
            }
            Self::OriginNote { origin, note } => (4, wire::encode(&(origin, note))),
            Self::RootNote { note } => (5, wire::encode(note)),
            Self::Receipt { note } => (6, wire::encode(note)),
            Self::Invited(invite) => (7, wire::encode(invite)),
            Self::InviteUsed { secret, signing } => (8, wire::encode(&(secret, signing))),
            Self::InviteRevoked { secret } => (9, wire::encode(secret)),
            Self::Reviewed { statement, at } => (20, wire::encode(&(statement, at))),
            Self::SplitView { text } => (13, wire::encode(text)),
            Self::Rotated { rotate } => (11, wire::encode(rotate)),
            Self::Heard { node, root_size } => (16, wire::encode(&(node, root_size))),
            Self::Stopped { origin, index, other } => {
                (10, wire::encode(&(origin, index, ByteBuf::from(other.as_slice()))))
            }
        };
        Frame { kind, payload }
    }

    /// Reads a frame of the record.
    ///
    /// # Errors
    /// [`FactError`].
    pub fn from_frame(frame: &Frame) -> Result<Self, FactError> {
        let bytes = frame.payload.as_slice();
        let limit = FACT_BYTES_MAX;
        Ok(match frame.kind {
            1 => Self::Identity(Box::new(wire::decode(bytes, limit)?)),
            2 => {
                let (received_at, packed): (Option<WallMs>, PackedEntry) = wire::decode(bytes, limit)?;
                Self::Entry { received_at, entry: Entry::from_record(&packed.statement, &packed.card)? }
            }
            3 => {
                let (sequenced_at, received_at, statement) = wire::decode(bytes, limit)?;
                Self::Leaf { sequenced_at, received_at, statement }
            }
            4 => {
                let (origin, note) = wire::decode(bytes, limit)?;
                Self::OriginNote { origin, note }
            }
            5 => Self::RootNote { note: wire::decode(bytes, limit)? },
            6 => Self::Receipt { note: wire::decode(bytes, limit)? },
            7 => Self::Invited(wire::decode(bytes, limit)?),
            8 => {
                let (secret, signing) = wire::decode(bytes, limit)?;
                Self::InviteUsed { secret, signing }
            }
            9 => Self::InviteRevoked { secret: wire::decode(bytes, limit)? },
            10 => {
                let (origin, index, other): (PublicKey, u64, ByteBuf) = wire::decode(bytes, limit)?;
                Self::Stopped { origin, index, other: other.into_vec() }
            }
            20 => {
                let (statement, at) = wire::decode(bytes, limit)?;
                Self::Reviewed { statement, at }
            }
            13 => Self::SplitView { text: wire::decode(bytes, limit)? },
            11 => Self::Rotated { rotate: wire::decode(bytes, limit)? },
            16 => {
                let (node, root_size) = wire::decode(bytes, limit)?;
                Self::Heard { node, root_size }
            }
            kind => return Err(FactError::UnknownKind(kind)),
        })
    }
}

impl PackedEntry {
    /// The bytes of an entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            statement: ByteBuf::from(entry.statement.as_bytes().as_slice()),
            card: ByteBuf::from(entry.card_bytes.to_vec()),
        }
    }
}
