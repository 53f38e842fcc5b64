//! Frames: what two nodes say to each other on a session stream. Fields are described in PROTOCOL.md.

use super::body::PackedBody;
use super::limits::FRAME_BYTES_MAX;
use super::outline::Outline;
use crate::digest::Digest;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use crate::wire::{self, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Version of the frames below. A peer with another one is told so and closed.
pub const PROTOCOL_VERSION: u16 = 1;

/// A statement and its card, as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedEntry {
    /// 171 bytes.
    pub statement: ByteBuf,
    /// The card.
    pub card: ByteBuf,
}

/// An entry on its way up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClimbingEntry {
    /// The entry.
    pub entry: PackedEntry,
    /// When the first node other than the author stored it; none from the author itself.
    pub received_at: Option<WallMs>,
    /// Its bodies except attachments, in the card's order.
    pub bodies: Vec<PackedBody>,
}

/// A root-log leaf on its way down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailingLeaf {
    /// See [`crate::statement::Leaf`].
    pub sequenced_at: WallMs,
    /// See [`crate::statement::Leaf`].
    pub received_at: WallMs,
    /// Digest of the statement.
    pub statement: Digest,
    /// The entry and its bodies, unless the receiver sent them up on this session.
    pub entry: Option<(PackedEntry, Vec<PackedBody>)>,
}

/// What a joining node sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The token's secret.
    pub secret: Digest,
    /// The new signing key.
    pub signing: PublicKey,
    /// The new transport key, the one this connection is authenticated with.
    pub transport: PublicKey,
    /// Proof of possession of the signing key.
    #[serde(with = "serde_bytes")]
    pub signing_proof: [u8; 64],
    /// Proof of possession of the transport key.
    #[serde(with = "serde_bytes")]
    pub transport_proof: [u8; 64],
    /// Where the new node can be dialled.
    pub addresses: Vec<String>,
}

/// What an approved node gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The anchor's public key.
    pub anchor: PublicKey,
    /// Delegates from the anchor's down to the new node's own.
    pub chain: Vec<PackedEntry>,
    /// Size of the parent's mirror of the root log: the join is done when the child has as much.
    pub root_size: u64,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// First frame of both sides.
    Hello {
        /// [`PROTOCOL_VERSION`].
        protocol: u16,
        /// The federation id.
        federation: Digest,
        /// Root-log leaves held and verified.
        root_size: u64,
    },
    /// Up: a log and its newest checkpoint.
    Propose {
        /// Whose log.
        origin: PublicKey,
        /// Its signed checkpoint, verbatim.
        note: String,
        /// Delegates down to the origin, empty until asked for.
        chain: Vec<PackedEntry>,
    },
    /// Down: what is there of a log.
    Have {
        /// Whose log.
        origin: PublicKey,
        /// Entries held; none when the origin is unknown and a chain is wanted.
        size: Option<u64>,
    },
    /// Up: entries of a log, in order.
    Push {
        /// Whose log.
        origin: PublicKey,
        /// Index of the first entry.
        first: u64,
        /// The entries.
        entries: Vec<ClimbingEntry>,
        /// The checkpoint that ends with the last entry, if it does.
        note: Option<String>,
    },
    /// Down: the receipt. The checkpoint of a log with the receiver's timestamped cosignature.
    Receipt {
        /// Whose log.
        origin: PublicKey,
        /// Checkpoint, the origin's signature and the cosignature.
        note: String,
    },
    /// Down: leaves of the root log, in order.
    Leaves {
        /// Index of the first leaf.
        first: u64,
        /// The leaves.
        leaves: Vec<TailingLeaf>,
        /// A root checkpoint that covers them.
        note: String,
        /// Consistency proof from the end of this pack to the checkpoint; empty when it ends there.
        proof: Vec<Digest>,
    },
    /// Down: the same size, a newer cosignature of the root.
    Renewed {
        /// The root checkpoint.
        note: String,
    },
    /// Up: what is held of the root log. Answers every `Leaves`.
    Held {
        /// Leaves held and verified.
        root_size: u64,
        /// True when entries the sender left out are missing here after all.
        send_all: bool,
    },
    /// Up: a node's newest attestation. Down: the root's.
    Attest {
        /// The signed note.
        note: String,
    },
    /// A stranger asks to join.
    Join(Box<JoinRequest>),
    /// The request waits for approval; both screens show these digits.
    JoinPending {
        /// Six digits.
        digits: String,
    },
    /// The request is approved.
    Joined(Box<Joined>),
    /// A request or frame was not accepted; the connection closes.
    Refused {
        /// A stable code.
        code: String,
        /// Words for the operator.
        message: String,
    },
    /// To an ancestor that is not the parent, before `Hello`: the Delegates below its own, down to the sender's.
    Introduce {
        /// The Delegates, the highest first.
        chain: Vec<PackedEntry>,
    },
    /// To a node that is neither above nor below, alone on its connection: our newest root checkpoint.
    Compare {
        /// The note.
        note: String,
    },
    /// The answer: its own, and what its tree was at our size if it is at least as large.
    Compared {
        /// The note.
        note: String,
        /// Root of the answerer's tree at the size that was shown; zero if it is smaller.
        root: Digest,
        /// Consistency proof from that root to the note's.
        proof: Vec<Digest>,
    },
    /// To the root from a node directly under it, when the policy asks for a quorum: a root checkpoint with the
    /// sender's cosignature alone.
    Cosigned {
        /// The note.
        note: String,
    },
    /// Down: propose every log again.
    Again,
    /// Either way: chunks of a body of a report are wanted.
    WantChunks {
        /// The statement whose card names the body.
        statement: Digest,
        /// The body.
        body: Digest,
        /// The first chunk.
        from: u32,
        /// How many from there, at most [`super::limits::CHUNKS_IN_FLIGHT_MAX`].
        count: u32,
        /// The outline is wanted before them.
        outline: bool,
    },
    /// Either way: salt, length and leaf hashes of a body.
    Outline {
        /// The body.
        body: Digest,
        /// What its chunks are checked against.
        outline: Box<Outline>,
    },
    /// Either way: one chunk of a body.
    Chunk {
        /// The body.
        body: Digest,
        /// Which chunk.
        at: u32,
        /// The chunk, packed.
        packed: ByteBuf,
    },
    /// Either way: the body is not here and not on its way.
    Lack {
        /// The body.
        body: Digest,
    },
    /// Up, when a session opens and with every checkpoint held; answered down: what the sender's clock shows.
    Clock {
        /// The sender's wall clock.
        at: WallMs,
    },
    /// Up: a node asks its parent for its own log, from an index on. Down, without an origin: the root asks a node below
    /// for the root log, which comes as `Leaves` and is answered with `Held`.
    Want {
        /// Whose log; none for the root log.
        origin: Option<PublicKey>,
        /// Index of the first entry or leaf wanted.
        first: u64,
    },
    /// Down: what the sender holds of the receiver's own log.
    Back {
        /// Whose log.
        origin: PublicKey,
        /// Index of the first entry.
        first: u64,
        /// The entries.
        entries: Vec<ClimbingEntry>,
        /// Entries held in all.
        size: u64,
    },
    /// There is no room for what was sent: nothing of it was taken. Send it again after a pause.
    RetryAfter {
        /// The pause in milliseconds.
        ms: u64,
    },
}

impl Frame {
    /// The frame as bytes (bincode, canonical).
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// True for what is said of bodies by the chunk.
    pub const fn is_of_bodies(&self) -> bool {
        self.yields() || matches!(self, Self::WantChunks { .. } | Self::Lack { .. })
    }

    /// True for what yields to everything else on its way.
    pub const fn yields(&self) -> bool {
        matches!(self, Self::Chunk { .. } | Self::Outline { .. })
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        wire::decode(bytes, FRAME_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length as bincode writes it when it does not fit a byte: 253 and eight bytes.
    fn length(bytes: u64) -> Vec<u8> {
        [&[253], bytes.to_le_bytes().as_slice()].concat()
    }

    /// An integer below 251 as bincode would write it if it were larger: every wider form of a byte.
    fn wider(byte: u8) -> [Vec<u8>; 3] {
        [(251, 2), (252, 4), (253, 8)].map(|(mark, bytes)| {
            let mut form = vec![mark, byte];
            form.resize(1 + bytes, 0);
            form
        })
    }

    #[test]
    fn attack_04_a_frame_has_one_encoding() {
        let entry = PackedEntry { statement: ByteBuf::from([1; 5]), card: ByteBuf::from([2; 3]) };
        let (origin, note) = (PublicKey::from_bytes([3; 32]), "note".to_owned());
        let frames = [
            Frame::Hello { protocol: PROTOCOL_VERSION, federation: Digest::ZERO, root_size: 7 },
            Frame::Propose { origin, note: note.clone(), chain: vec![entry.clone()] },
            Frame::Have { origin, size: Some(9) },
            Frame::Introduce { chain: vec![entry.clone(), entry] },
            Frame::Receipt { origin, note },
        ];
        for frame in frames {
            let honest = frame.to_bytes();
            let mut tried = 0;
            for at in 0..honest.len() {
                let (before, byte, after) = (&honest[..at], honest[at], &honest[at + 1..]);
                for form in wider(byte) {
                    let other = [before, &form, after].concat();
                    assert_ne!(Frame::from_bytes(&other).as_ref(), Ok(&frame), "byte {at} as {form:?}");
                    tried += 1;
                }
            }
            assert!(tried >= 3 * honest.len());
            assert!(Frame::from_bytes(&[&honest[..], &[0]].concat()).is_err(), "a byte too many");
            assert!(Frame::from_bytes(&honest[..honest.len() - 1]).is_err(), "a byte too few");
        }
    }

    #[test]
    fn attack_36_a_length_beyond_the_frame_is_refused_without_the_memory() {
        let body = Digest::of(&[b"body"]);
        let outline = Outline { salt: [0; 32], bytes: 0, leaves: Vec::new() };
        let frames = [
            Frame::Chunk { body, at: 0, packed: ByteBuf::new() },
            Frame::Outline { body, outline: Box::new(outline) },
            Frame::Introduce { chain: Vec::new() },
            Frame::Attest { note: String::new() },
        ];
        for frame in frames {
            let honest = frame.to_bytes();
            assert_eq!(Frame::from_bytes(&honest), Ok(frame));
            let (last, before) = honest.split_last().expect("bytes");
            assert_eq!(*last, 0, "the length comes last");
            for claimed in [1, 1 << 32, 1 << 60, u64::MAX] {
                assert!(Frame::from_bytes(&[before, &length(claimed)].concat()).is_err(), "{claimed}");
            }
        }
    }
}
