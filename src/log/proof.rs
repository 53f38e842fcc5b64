//! Inclusion proofs as files (c2sp.org/tlog-proof), also called spicy signatures: a leaf, this text and the
//! log's key are enough to check offline that the leaf is in the log.
//!
//! Promises: what is parsed prints to the same bytes. How many witnesses are enough is left to the callers, who
//! find their cosignatures on [`TlogProof::checkpoint`].

use super::checkpoint::{Checkpoint, NotACheckpoint, parse_decimal};
use super::note::{self, Note, NoteError};
use super::tree::{PROOF_HASHES_MAX, ProofError, leaf_hash, verify_inclusion};
use crate::digest::Digest;
use crate::trust::key::PublicKey;
use data_encoding::BASE64;
use std::fmt;

/// First line of the format.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest extra data accepted, in bytes: a whole card (4 KiB) with its statement fits twice.
pub const EXTRA_BYTES_MAX: usize = 16 * 1024;

/// A leaf's place in a log and the way from it to a signed checkpoint; not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data that nothing authenticates; the empty extra differs from none.
    pub extra: Option<Vec<u8>>,
    /// Index of the leaf in the log.
    pub index: u64,
    /// Inclusion proof (RFC 6962 §2.1.1), from the leaf's sibling up; at most [`PROOF_HASHES_MAX`].
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, with every cosignature on it.
    pub checkpoint: Note,
}

/// Why a proof is refused. The fault of whoever made it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TlogProofError {
    /// Not the form of a proof.
    #[error("not a log proof: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// The checkpoint is no signed note, or not signed by the log's key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note holds no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] NotACheckpoint),
    /// The proof is of another log.
    #[error("the proof is of the log {got}, not of {want}")]
    OtherLog {
        /// Origin that was asked for.
        want: String,
        /// Origin in the checkpoint.
        got: String,
    },
    /// The hashes do not lead from the leaf to the signed root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// A proof without extra data.
    pub const fn new(index: u64, hashes: Vec<Digest>, checkpoint: Note) -> Self {
        Self { extra: None, index, hashes, checkpoint }
    }

    /// Parses a whole file.
    ///
    /// # Errors
    /// [`TlogProofError::Malformed`] or [`TlogProofError::Note`].
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let wrong = |why| TlogProofError::Malformed { why };
        let (head, checkpoint) = text.split_once("\n\n").ok_or(wrong("no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(wrong("the first line is not c2sp.org/tlog-proof@v1"));
        }
        let mut extra = None;
        if let Some(encoded) = lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            let data = BASE64.decode(encoded.as_bytes()).ok().filter(|data| data.len() <= EXTRA_BYTES_MAX);
            extra = Some(data.ok_or(wrong("the extra data is not base64, or too long"))?);
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let index = index.ok_or(wrong("no index in plain decimal"))?;
        let hashes: Option<Vec<Digest>> = lines.take(PROOF_HASHES_MAX + 1).map(Digest::from_base64).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= PROOF_HASHES_MAX);
        let hashes = hashes.ok_or(wrong("a line that is no hash in base64, or too many"))?;
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(checkpoint)? })
    }

    /// The file's text, as [`TlogProof::parse`] reads it.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// Verifies that `leaf` (its data, not its hash) is in the log `origin`, whose checkpoints `key` signs under
    /// the origin as its name. Gives the checkpoint that it is in.
    ///
    /// # Errors
    /// [`TlogProofError`], by cause.
    pub fn verify(&self, leaf: &[u8], origin: &str, key: &PublicKey) -> Result<Checkpoint, TlogProofError> {
        note::verify(&self.checkpoint, origin, key)?;
        let checkpoint = Checkpoint::parse(&self.checkpoint.text)?;
        if checkpoint.origin != origin {
            return Err(TlogProofError::OtherLog { want: origin.to_owned(), got: checkpoint.origin });
        }
        verify_inclusion(&leaf_hash(leaf), self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", hash.base64()))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::root_origin;
    use super::super::tree::node_hash;
    use super::*;
    use crate::trust::key::SecretKey;

    type Outcome = Result<(), TlogProofError>;

    const GOLDEN: &str = include_str!("../../tests/golden/log/two-leaves.tlog-proof");

    fn key() -> SecretKey {
        SecretKey::from_seed(&[7; 32])
    }

    fn origin() -> String {
        root_origin(&key().public().id())
    }

    fn proof() -> TlogProof {
        let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
        let text = Checkpoint { origin: origin(), size: 2, root: node_hash(&left, &right) }.to_text();
        let signatures = vec![note::sign(&text, &origin(), &key())];
        TlogProof::new(1, vec![left], Note { text, signatures })
    }

    #[test]
    fn the_text_of_a_proof_never_changes() -> Outcome {
        assert_eq!(proof().to_text(), GOLDEN);
        assert_eq!(TlogProof::parse(GOLDEN)?.verify(b"right", &origin(), &key().public())?.size, 2);
        Ok(())
    }

    // LOG-12.
    #[test]
    fn a_proof_shows_its_leaf_in_its_log_under_its_key_only() {
        let (proof, public) = (proof(), key().public());
        assert!(matches!(proof.verify(b"left", &origin(), &public), Err(TlogProofError::Proof(_))));
        assert!(matches!(proof.verify(b"right", "other", &public), Err(TlogProofError::Note(_))));
        let stranger = SecretKey::from_seed(&[8; 32]).public();
        assert!(matches!(proof.verify(b"right", &origin(), &stranger), Err(TlogProofError::Note(_))));
        let moved = TlogProof { index: 0, ..proof.clone() };
        assert!(moved.verify(b"right", &origin(), &public).is_err());
        let mut renamed = proof;
        renamed.checkpoint.signatures = vec![note::sign(&renamed.checkpoint.text, "other", &key())];
        let result = renamed.verify(b"right", "other", &public);
        assert_eq!(result, Err(TlogProofError::OtherLog { want: "other".to_owned(), got: origin() }));
    }

    #[test]
    fn extra_data_is_carried_and_a_proof_may_have_no_hashes() -> Outcome {
        for extra in [None, Some(Vec::new()), Some(b"data".to_vec()), Some(vec![7; EXTRA_BYTES_MAX])] {
            for hashes in [Vec::new(), vec![Digest::ZERO; PROOF_HASHES_MAX]] {
                let proof = TlogProof { extra: extra.clone(), hashes, ..proof() };
                assert_eq!(TlogProof::parse(&proof.to_text())?, proof);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_not_exactly_a_proof_is_refused() {
        let hash = format!("{}\n", Digest::ZERO.base64());
        for (bad, why) in [
            (GOLDEN.replace("@v1", "@v2"), "another version"),
            (GOLDEN.replace("index 1", "index 01"), "a leading zero"),
            (GOLDEN.replace("index 1", "index +1"), "a sign"),
            (GOLDEN.replace("index 1\n", ""), "no index"),
            (GOLDEN.replace("index 1\n", "index 1\nextra AAAA\n"), "extra after index"),
            (GOLDEN.replace("index 1\n", "extra AAA\nindex 1\n"), "extra without padding"),
            (GOLDEN.replace("index 1\n", "extra AAAA\nextra AAAA\nindex 1\n"), "two extras"),
            (GOLDEN.replace("index 1\n", &format!("index 1\n{}", hash.repeat(63))), "64 hashes"),
            (GOLDEN.replace("=\n\n", "\n\n"), "a hash without padding"),
            (GOLDEN.replacen("\n\n", "\n", 1), "no empty line"),
            (GOLDEN.replacen("\n\n", "\n\n\n", 1), "an empty line in front of the checkpoint's origin"),
            (GOLDEN.replace('\n', "\r\n"), "carriage returns"),
            (String::new(), "nothing"),
        ] {
            let verified =
                TlogProof::parse(&bad).and_then(|p| p.verify(b"right", &origin(), &key().public()));
            assert!(verified.is_err(), "{why}");
        }
    }
}
