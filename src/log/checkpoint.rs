//! Checkpoints (c2sp.org/tlog-checkpoint): which log, how many leaves, which root.
//!
//! Promises: one value, one text. Extension lines, which the specification allows and advises against, are
//! refused: no log of this project writes any. Signatures are left to [`super::note`] and [`super::witness`].

use super::tree::{TREE_SIZE_MAX, empty_root};
use crate::digest::Digest;
use crate::log::note::is_key_name;
use crate::trust::key::PublicKey;
use std::fmt;

/// What the origin of a federation's root log begins with.
pub const ROOT_ORIGIN_PREFIX: &str = "gongshi/root/";

/// What the origin of a node's own log, and the name of a node as cosigner, begins with.
pub const NODE_ORIGIN_PREFIX: &str = "gongshi/node/";

/// The origin of a federation's root log, and the name of the key that signs it: it survives changes of that key.
pub fn root_origin(federation: &Digest) -> String {
    format!("{ROOT_ORIGIN_PREFIX}{federation}")
}

/// The origin of the own log of the node with this signing key, and the node's name in every note: the prefix
/// and the key id.
pub fn node_origin(key: &PublicKey) -> String {
    format!("{NODE_ORIGIN_PREFIX}{}", key.id())
}

/// The head of a log at one size. Unsigned: a note carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a key name ([`is_key_name`]).
    pub origin: String,
    /// How many leaves, at most [`TREE_SIZE_MAX`].
    pub size: u64,
    /// Root of the tree of that size (RFC 6962 §2.1).
    pub root: Digest,
}

/// Why a text is not a checkpoint of this project. The fault of whoever sent it.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("not a checkpoint: {why}")]
pub struct NotACheckpoint {
    /// What is wrong.
    pub why: &'static str,
}

impl Checkpoint {
    /// The text to be signed: origin, size in decimal and root in base64, a line each.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// Parses a note's text.
    ///
    /// # Errors
    /// [`NotACheckpoint`]: not exactly three lines; an origin that is no key name; a size that is not the
    /// shortest decimal or over [`TREE_SIZE_MAX`]; a root that is not 32 bytes of canonical base64, or not the
    /// empty root at size 0.
    pub fn parse(text: &str) -> Result<Self, NotACheckpoint> {
        let wrong = |why| NotACheckpoint { why };
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong("want three lines, extension lines are not accepted"));
        };
        if !is_key_name(origin) {
            return Err(wrong("the origin is empty, too long or holds a space or plus"));
        }
        let size = parse_decimal(size).filter(|size| *size <= TREE_SIZE_MAX);
        let size = size.ok_or(wrong("the size is not a plain decimal within limits"))?;
        let root = Digest::from_base64(root).ok_or(wrong("the root hash is not 32 bytes of base64"))?;
        if size == 0 && root != empty_root() {
            return Err(wrong("a tree without leaves has another root"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root.base64())
    }
}

/// A decimal in its shortest form: no sign, no leading zero.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::note::{Note, NoteError};
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_and_printed_back() -> Result<(), NoteError> {
        let note = Note::parse(include_str!("../../tests/golden/log/c2sp-cosigned.note"))?;
        let checkpoint = Checkpoint::parse(&note.text);
        assert_eq!(
            checkpoint.as_ref().map(|c| (c.origin.as_str(), c.size)),
            Ok(("example.com/behind-the-sofa", 20_852_163))
        );
        assert_eq!(checkpoint.map(|c| c.to_text()), Ok(note.text));
        Ok(())
    }

    // LOG-9.
    #[test]
    fn a_text_that_differs_from_what_would_be_printed_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        let empty = empty_root().base64();
        assert!(Checkpoint::parse(&format!("o\n1\n{root}\n")).is_ok());
        assert!(Checkpoint::parse(&format!("o\n0\n{empty}\n")).is_ok());
        for (bad, why) in [
            (format!("o\n0\n{root}\n"), "a root without leaves"),
            (format!("o\n01\n{root}\n"), "a leading zero"),
            (format!("o\n+1\n{root}\n"), "a sign"),
            (format!("o\n 1\n{root}\n"), "a space"),
            (format!("o\n\n{root}\n"), "no size"),
            (format!("o\n4611686018427387905\n{root}\n"), "one over 2^62"),
            (format!("\n1\n{root}\n"), "no origin"),
            (format!("o o\n1\n{root}\n"), "a space in the origin"),
            (format!("o\n1\n{root}"), "no final newline"),
            (format!("o\n1\n{root}\nextension\n"), "an extension line"),
            (format!("o\n1\n{root}\n\n"), "an empty line"),
            (format!("o\n1\n{}\n", root.replace("2I=", "2J=")), "padding bits"),
            (format!("o\n1\n{}\n", root.replace('=', "")), "no padding"),
            ("o\n1\n".to_owned(), "no root"),
            (String::new(), "nothing"),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{why}");
        }
    }

    #[test]
    fn origins_are_prefix_and_hex() {
        let key = PublicKey::from_bytes([7; 32]);
        assert_eq!(node_origin(&key), format!("gongshi/node/{}", key.id().hex()));
        assert_eq!(root_origin(&Digest::ZERO), format!("gongshi/root/{}", "0".repeat(64)));
        assert!(is_key_name(&node_origin(&key)) && node_origin(&key).len() == 77);
    }
}
