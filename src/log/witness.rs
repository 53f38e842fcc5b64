//! Witnessing: timestamped cosignatures (c2sp.org/tlog-cosignature, Ed25519), the rule of what a node may still
//! sign, and portable evidence that a key signed two views of one log.
//!
//! Promises: pure. Keeping the [`HighMark`] on disk before a signature leaves, checking consistency before a
//! mark moves, and the clock are left to the callers.

use super::checkpoint::{Checkpoint, NotACheckpoint};
use super::note::{self, ALGORITHM_COSIGNATURE, ALGORITHM_ED25519, Note, NoteError, NoteSignature, Vkey};
use super::tree::{PROOF_HASHES_MAX, ProofError, verify_consistency};
use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::trust::key::{PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Latest time a cosignature may carry: 2^63 - 1 seconds.
const TIMESTAMP_S_MAX: u64 = i64::MAX.unsigned_abs();

/// What a cosignature signs.
fn cosigned_message(checkpoint_text: &str, timestamp_s: u64) -> String {
    format!("cosignature/v1\ntime {timestamp_s}\n{checkpoint_text}")
}

/// Cosigns a checkpoint's text as `name` at `timestamp_s` (seconds since 1970; what exceeds 2^63 - 1 is signed
/// as that). It says: this is the largest consistent tree that I have seen of this log. [`may_sign`] comes first.
pub fn cosign(checkpoint_text: &str, name: &str, key: &SecretKey, timestamp_s: u64) -> NoteSignature {
    let timestamp_s = timestamp_s.min(TIMESTAMP_S_MAX);
    let signature = key.sign(cosigned_message(checkpoint_text, timestamp_s).as_bytes());
    let mut blob = Writer::new();
    blob.u64(timestamp_s).raw(signature.as_bytes());
    NoteSignature {
        name: name.to_owned(),
        key_hash: note::key_hash(name, ALGORITHM_COSIGNATURE, &key.public()),
        signature: blob.finish(),
    }
}

/// The newest time, in seconds since 1970, at which exactly this name and key cosigned the note's text.
/// Signatures of other keys are ignored; if several claim this key, all must verify.
///
/// # Errors
/// [`NoteError::Unsigned`] or [`NoteError::BadSignature`].
pub fn verify_cosignature(note: &Note, name: &str, key: &PublicKey) -> Result<u64, NoteError> {
    let mut newest = None;
    for line in note.signatures_by(name, ALGORITHM_COSIGNATURE, key) {
        let bad = || NoteError::BadSignature { name: name.to_owned() };
        let (timestamp_s, signature) = parse_blob(&line.signature).map_err(|_| bad())?;
        let message = cosigned_message(&note.text, timestamp_s);
        key.verify(message.as_bytes(), &signature).map_err(|_| bad())?;
        newest = newest.max(Some(timestamp_s));
    }
    newest.ok_or_else(|| NoteError::Unsigned { name: name.to_owned() })
}

/// `timestamped_signature`: seconds u64, signature 64 bytes.
fn parse_blob(blob: &[u8]) -> Result<(u64, Signature), LayoutError> {
    let mut reader = Reader::new(blob);
    let timestamp_s = reader.u64("timestamp")?;
    let signature = Signature::from_bytes(reader.array("signature")?);
    reader.finish()?;
    if timestamp_s > TIMESTAMP_S_MAX {
        return Err(LayoutError::invalid("timestamp", "over 2^63 - 1"));
    }
    Ok((timestamp_s, signature))
}

/// The largest head of one log that a node ever signed or cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighMark {
    /// Tree size, in leaves.
    pub size: u64,
    /// Root at that size.
    pub root: Digest,
}

/// Why a head must not be signed. The signer stops; nothing is retried.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum MarkError {
    /// The head is smaller than one already signed: this node is behind its own signatures.
    #[error("signed this log at {mark} leaves before, will not sign {size}")]
    Below {
        /// Size of the mark, in leaves.
        mark: u64,
        /// Size that was to be signed, in leaves.
        size: u64,
    },
    /// The head has the size of the mark and another root.
    #[error("signed this log at {size} leaves with root {marked}, will not sign {offered}")]
    OtherRoot {
        /// The size, in leaves.
        size: u64,
        /// Root of the mark.
        marked: Digest,
        /// Root that was to be signed.
        offered: Digest,
    },
}

/// Whether a head may be signed or cosigned after `mark`: never a smaller one, never another root at the same
/// size. For a larger one the caller has verified consistency with the mark, and stores the new mark durably
/// before the signature leaves.
///
/// # Errors
/// [`MarkError`].
pub fn may_sign(mark: Option<&HighMark>, size: u64, root: &Digest) -> Result<(), MarkError> {
    match mark {
        Some(mark) if size < mark.size => Err(MarkError::Below { mark: mark.size, size }),
        Some(mark) if size == mark.size && *root != mark.root => {
            Err(MarkError::OtherRoot { size, marked: mark.root, offered: *root })
        }
        _ => Ok(()),
    }
}

/// First line of a split view's text.
const SPLIT_VIEW_HEADER: &str = "gongshi/split-view/v1";

/// Line before the first note. It holds a space, so it cannot be a hash.
const FIRST_LINE: &str = "first checkpoint";

/// Line before the second note. It holds a space and no em dash, so it can be no line of a checkpoint's note.
const SECOND_LINE: &str = "second checkpoint";

/// Evidence that one key signed two checkpoints of one log that do not fit together.
///
/// `second` is at least as large as `first`. `proof` shows that the tree of `second` begins with a tree of the
/// size of `first` whose root is `root`, another one than `first` claims. At equal sizes `root` is the root in
/// `second` and the proof is empty. Nothing is proven until [`SplitView::verify`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitView {
    /// The smaller checkpoint, signed.
    pub first: Note,
    /// The larger checkpoint, signed.
    pub second: Note,
    /// Root that the tree of `second` had at the size of `first`.
    pub root: Digest,
    /// Consistency proof (RFC 6962 §2.1.2) from `root` to the root of `second`.
    pub proof: Vec<Digest>,
}

/// Why a file is no evidence. The fault of whoever made it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SplitViewError {
    /// Not the form of a split view.
    #[error("not a split view: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// One of the two is not a signed note, or not signed by the key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// One of the two notes holds no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] NotACheckpoint),
    /// The proof does not show what the tree of the second was.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The checkpoints are of two logs.
    #[error("the checkpoints are of two logs, {first} and {second}")]
    TwoLogs {
        /// Origin of the first.
        first: String,
        /// Origin of the second.
        second: String,
    },
    /// The checkpoints fit together: nothing is wrong with this log.
    #[error("the checkpoints fit together")]
    Consistent,
}

impl SplitView {
    /// Evidence from two notes at the same size.
    ///
    /// # Errors
    /// [`SplitViewError::Checkpoint`].
    pub fn at_same_size(first: Note, second: Note) -> Result<Self, SplitViewError> {
        let root = Checkpoint::parse(&second.text)?.root;
        Ok(Self { first, second, root, proof: Vec::new() })
    }

    /// Verifies offline that the key signed both and that they do not fit. A vkey of type 0x01 convicts the log
    /// that signed, one of type 0x04 the witness that cosigned. Gives the two checkpoints.
    ///
    /// # Errors
    /// [`SplitViewError`], by cause.
    pub fn verify(&self, vkey: &Vkey) -> Result<(Checkpoint, Checkpoint), SplitViewError> {
        for note in [&self.first, &self.second] {
            match vkey.algorithm {
                ALGORITHM_ED25519 => note::verify(note, &vkey.name, &vkey.key)?,
                _ => verify_cosignature(note, &vkey.name, &vkey.key).map(|_| ())?,
            }
        }
        let (first, second) = (Checkpoint::parse(&self.first.text)?, Checkpoint::parse(&self.second.text)?);
        if first.origin != second.origin {
            return Err(SplitViewError::TwoLogs { first: first.origin, second: second.origin });
        }
        verify_consistency(first.size, &self.root, second.size, &second.root, &self.proof)?;
        if first.root == self.root { Err(SplitViewError::Consistent) } else { Ok((first, second)) }
    }

    /// The evidence as a file, as [`SplitView::parse`] reads it.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// Parses the file.
    ///
    /// # Errors
    /// [`SplitViewError::Malformed`] or [`SplitViewError::Note`].
    pub fn parse(text: &str) -> Result<Self, SplitViewError> {
        let wrong = |why| SplitViewError::Malformed { why };
        let rest = text.strip_prefix(SPLIT_VIEW_HEADER).and_then(|rest| rest.strip_prefix("\nroot "));
        let rest = rest.ok_or(wrong("want the header and a root"))?;
        let (head, notes) =
            rest.split_once(&format!("\n{FIRST_LINE}\n")).ok_or(wrong("the first checkpoint is missing"))?;
        let (first, second) = notes
            .split_once(&format!("\n{SECOND_LINE}\n"))
            .ok_or(wrong("the second checkpoint is missing"))?;
        let mut hashes = head.split('\n').map(Digest::from_base64);
        let root = hashes.next().flatten().ok_or(wrong("the root is not a hash in base64"))?;
        let proof: Option<Vec<Digest>> = hashes.take(PROOF_HASHES_MAX + 1).collect();
        let proof = proof.filter(|proof| proof.len() <= PROOF_HASHES_MAX);
        let proof = proof.ok_or(wrong("the proof is not hashes in base64, or has too many"))?;
        let first = Note::parse(&format!("{first}\n"))?;
        Ok(Self { first, second: Note::parse(second)?, root, proof })
    }
}

impl fmt::Display for SplitView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SPLIT_VIEW_HEADER}\nroot {}", self.root.base64())?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", hash.base64()))?;
        write!(f, "{FIRST_LINE}\n{}{SECOND_LINE}\n{}", self.first, self.second)
    }
}

#[cfg(test)]
mod tests;
