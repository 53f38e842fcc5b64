//! Signed notes and verifier keys (c2sp.org/signed-note), Ed25519 only.
//!
//! Promises: what is parsed prints to the same bytes; text and signatures are bounded; a note is only as good as
//! [`verify`] says for a key that the caller already trusts. What the text means is left to
//! [`super::checkpoint`] and the callers, and so is never signing a text that a peer chose.

use crate::trust::key::{PublicKey, SecretKey, Signature};
use data_encoding::{BASE64, HEXLOWER};
use std::fmt;

/// Longest note accepted, in bytes: some 400 cosignatures of ours, and far below a frame's limit.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Most signatures accepted: 21 cities, the root twice, and room; the specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;

/// Longest key name accepted, in bytes: the longest of ours is 77.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Signature type of plain Ed25519 over the note text.
pub const ALGORITHM_ED25519: u8 = 0x01;

/// Signature type of a timestamped Ed25519 cosignature (c2sp.org/tlog-cosignature): see [`super::witness`].
pub const ALGORITHM_COSIGNATURE: u8 = 0x04;

/// A text and signatures over it, not yet verified.
///
/// Invariant of a parsed note: the text ends in a newline, has no other control character, and at least one
/// signature follows. Whoever builds one by hand keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final newline.
    pub text: String,
    /// The signatures in their order, of keys known and unknown.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key, without spaces or plus signs.
    pub name: String,
    /// Key id: see [`key_hash`]. An identifier, not a proof.
    pub key_hash: [u8; 4],
    /// The signature, in the form that its type defines; at least one byte.
    pub signature: Vec<u8>,
}

/// A verifier key: a key, its name and what type of signature it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    /// Name of the key.
    pub name: String,
    /// [`ALGORITHM_ED25519`] or [`ALGORITHM_COSIGNATURE`].
    pub algorithm: u8,
    /// The key, checked ([`PublicKey::checked`]).
    pub key: PublicKey,
}

/// Why a note, signature or verifier key is refused. All are the fault of whoever sent it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    /// The note is over [`NOTE_BYTES_MAX`].
    #[error("a note of {bytes} bytes is too long")]
    TooLong {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// The note has more than [`NOTE_SIGNATURES_MAX`] signatures.
    #[error("a note with {count} signatures has too many")]
    TooManySignatures {
        /// How many.
        count: usize,
    },
    /// Not the form of a note.
    #[error("not a signed note: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// Not the form of a verifier key.
    #[error("not a verifier key: {why}")]
    NotAVkey {
        /// What is wrong.
        why: &'static str,
    },
    /// No signature claims to be by this key.
    #[error("no signature by {name}")]
    Unsigned {
        /// Name of the key asked for.
        name: String,
    },
    /// A signature that claims to be by this key does not verify; the whole note is refused.
    #[error("a signature in the name of {name} does not verify")]
    BadSignature {
        /// Name of the key.
        name: String,
    },
}

/// True when `name` may stand in a signature line: not empty, no Unicode space, control character or plus sign,
/// at most [`KEY_NAME_BYTES_MAX`] bytes.
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= KEY_NAME_BYTES_MAX
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl Note {
    /// Parses a whole note.
    ///
    /// # Errors
    /// [`NoteError::TooLong`], [`NoteError::TooManySignatures`] or [`NoteError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let malformed = |why| NoteError::Malformed { why };
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong { bytes: note.len() });
        }
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(malformed("a control character"));
        }
        // The last empty line separates: the text may hold others.
        let blank = note.rfind("\n\n").ok_or(malformed("no empty line before signatures"))?;
        let (text, lines) = note.split_at(blank + 1);
        let lines = lines
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(malformed("no signature line that ends in a newline"))?;
        let count = lines.split('\n').count();
        if count > NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures { count });
        }
        let signatures = lines
            .split('\n')
            .map(|line| NoteSignature::parse(line).ok_or(malformed("a line that is no signature")))
            .collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The note's bytes, as [`Note::parse`] reads them.
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    /// The signatures that claim to be by this key.
    pub(super) fn signatures_by(
        &self,
        name: &str,
        algorithm: u8,
        key: &PublicKey,
    ) -> impl Iterator<Item = &NoteSignature> {
        let key_hash = key_hash(name, algorithm, key);
        self.signatures.iter().filter(move |line| line.name == name && line.key_hash == key_hash)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl NoteSignature {
    /// Parses one line, without its newline.
    fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
        let blob = BASE64.decode(blob.as_bytes()).ok()?;
        let (key_hash, signature) = blob.split_first_chunk::<4>()?;
        let whole = is_key_name(name) && !signature.is_empty();
        whole.then(|| Self { name: name.to_owned(), key_hash: *key_hash, signature: signature.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [self.key_hash.as_slice(), &self.signature].concat();
        write!(f, "— {} {}", self.name, BASE64.encode(&blob))
    }
}

/// The key id of a named key: the first four bytes of SHA-256(`name` ‖ newline ‖ `algorithm` ‖ key).
pub fn key_hash(name: &str, algorithm: u8, key: &PublicKey) -> [u8; 4] {
    let digest = crate::digest::Digest::of(&[name.as_bytes(), b"\n", &[algorithm], key.as_bytes()]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// The verifier key as text: `<name>+<hex key id>+<base64 of algorithm ‖ key>`.
pub fn vkey(name: &str, algorithm: u8, key: &PublicKey) -> String {
    let material = [[algorithm].as_slice(), key.as_bytes()].concat();
    format!("{name}+{}+{}", HEXLOWER.encode(&key_hash(name, algorithm, key)), BASE64.encode(&material))
}

impl Vkey {
    /// Parses what [`vkey`] prints; the key id must match and the key must be a good point.
    ///
    /// # Errors
    /// [`NoteError::NotAVkey`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let wrong = |why| NoteError::NotAVkey { why };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("want a name, a key id and a key joined by +"));
        };
        if !is_key_name(name) {
            return Err(wrong("the name is empty, too long or holds a space"));
        }
        let material = BASE64.decode(material.as_bytes()).map_err(|_| wrong("the key is not base64"))?;
        let (&algorithm, key) = material.split_first().ok_or(wrong("the key is empty"))?;
        if ![ALGORITHM_ED25519, ALGORITHM_COSIGNATURE].contains(&algorithm) {
            return Err(wrong("an algorithm other than Ed25519"));
        }
        let key: [u8; 32] = key.try_into().map_err(|_| wrong("the key is not 32 bytes"))?;
        let key = PublicKey::from_bytes(key).checked().map_err(|_| wrong("a bad Ed25519 key"))?;
        let parsed = Self { name: name.to_owned(), algorithm, key };
        if parsed.to_string() == text { Ok(parsed) } else { Err(wrong("the key id does not match")) }
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey(&self.name, self.algorithm, &self.key))
    }
}

/// Signs `text`, which ends in a newline, as `name`. The text is signed as it stands: it must begin with a line
/// of this project's own (`gongshi/...`), never with one that a peer chose.
pub fn sign(text: &str, name: &str, key: &SecretKey) -> NoteSignature {
    NoteSignature {
        name: name.to_owned(),
        key_hash: key_hash(name, ALGORITHM_ED25519, &key.public()),
        signature: key.sign(text.as_bytes()).as_bytes().to_vec(),
    }
}

/// Verifies that the note is signed by exactly this name and key (type 0x01). Signatures of other keys are
/// ignored; if several claim this key, all must verify.
///
/// # Errors
/// [`NoteError::Unsigned`] or [`NoteError::BadSignature`].
pub fn verify(note: &Note, name: &str, key: &PublicKey) -> Result<(), NoteError> {
    let mut result = Err(NoteError::Unsigned { name: name.to_owned() });
    for line in note.signatures_by(name, ALGORITHM_ED25519, key) {
        let bad = || NoteError::BadSignature { name: name.to_owned() };
        let bytes: [u8; 64] = line.signature.as_slice().try_into().map_err(|_| bad())?;
        result = Ok(key.verify(note.text.as_bytes(), &Signature::from_bytes(bytes)).map_err(|_| bad())?);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), NoteError>;

    const EXAMPLE: &str = include_str!("../../tests/golden/log/c2sp-example.note");
    const EXAMPLE_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const POEM: &str = include_str!("../../tests/golden/log/c2sp-poem.note");

    // LOG-7.
    #[test]
    fn the_example_of_the_specification_verifies_with_its_vkey() -> Outcome {
        let (note, vkey) = (Note::parse(EXAMPLE)?, Vkey::parse(EXAMPLE_VKEY)?);
        assert_eq!((note.to_text().as_str(), vkey.to_string().as_str()), (EXAMPLE, EXAMPLE_VKEY));
        assert_eq!(note.text, "This is an example message.\n");
        assert_eq!(verify(&note, &vkey.name, &vkey.key), Ok(()));

        let mut other = note.clone();
        other.text.insert(0, ' ');
        let bad = Err(NoteError::BadSignature { name: vkey.name.clone() });
        assert_eq!(verify(&other, &vkey.name, &vkey.key), bad);
        let mut doubled = note;
        doubled.signatures.push(NoteSignature { signature: vec![0; 64], ..doubled.signatures[0].clone() });
        assert_eq!(verify(&doubled, &vkey.name, &vkey.key), bad, "one false line spoils the note");
        let none = Err(NoteError::Unsigned { name: "example.com/fo".to_owned() });
        assert_eq!(verify(&doubled, "example.com/fo", &vkey.key), none);
        Ok(())
    }

    #[test]
    fn the_last_empty_line_ends_the_text() -> Outcome {
        let note = Note::parse(POEM)?;
        assert!(note.text.ends_with("\n\ned è subito sera.\n"));
        assert_eq!(note.signatures[0].name, "quasimodo.example/salvatore");
        assert_eq!(note.to_text(), POEM);
        Ok(())
    }

    #[test]
    fn go_signs_the_same_bytes() -> Outcome {
        // golang.org/x/mod/sumdb/note: the key of its examples.
        let seed = BASE64.decode(b"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz");
        let seed: Option<[u8; 32]> = seed.ok().and_then(|bytes| bytes.get(1..)?.try_into().ok());
        let key = SecretKey::from_seed(&seed.unwrap_or_default());
        let go = include_str!("../../tests/golden/log/go-neumann.note");
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let signatures = vec![sign(text, "PeterNeumann", &key)];
        assert_eq!(Note { text: text.to_owned(), signatures }.to_text(), go);
        assert_eq!(
            vkey("PeterNeumann", ALGORITHM_ED25519, &key.public()),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
        Ok(())
    }

    // LOG-6.
    #[test]
    fn what_is_not_exactly_a_note_is_refused() {
        for (bad, why) in [
            ("", "empty"),
            ("text\n", "no signature"),
            ("text\n\n", "no line"),
            ("\n— a AAAAAAA=\n", "no text"),
            ("text\n— a AAAAAAA=\n", "no empty line"),
            ("text\n\n— a AAAAAAA=", "no final newline"),
            ("text\n\n— a AAAAAAA=\n\n", "an empty line more"),
            ("text\n\n- a AAAAAAA=\n", "a hyphen"),
            ("text\n\n—  AAAAAAA=\n", "no name"),
            ("text\n\n— a+b AAAAAAA=\n", "a plus in the name"),
            ("text\n\n— a\u{a0}b AAAAAAA=\n", "a space in the name"),
            ("text\n\n— a AAAAAA==\n", "no signature bytes"),
            ("text\n\n— a AAAAAAA\n", "no padding"),
            ("text\n\n— a AAAAAAB=\n", "padding bits"),
            ("text\n\n— a AAAAAAA= \n", "a space after"),
            ("te\txt\n\n— a AAAAAAA=\n", "a tab"),
            ("text\r\n\n— a AAAAAAA=\r\n", "carriage returns"),
        ] {
            assert!(matches!(Note::parse(bad), Err(NoteError::Malformed { .. })), "{why}");
        }
        let lines = |count| format!("text\n\n{}", "— a AAAAAAA=\n".repeat(count));
        assert!(Note::parse(&lines(64)).is_ok());
        assert_eq!(Note::parse(&lines(65)), Err(NoteError::TooManySignatures { count: 65 }));
        let long = format!("{}\n\n— a AAAAAAA=\n", "x".repeat(NOTE_BYTES_MAX));
        assert!(matches!(Note::parse(&long), Err(NoteError::TooLong { .. })));
    }

    #[test]
    fn a_vkey_with_anything_changed_is_refused() {
        for at in 0..EXAMPLE_VKEY.len() {
            let mut changed = EXAMPLE_VKEY.as_bytes().to_vec();
            changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
            let parsed = Vkey::parse(&String::from_utf8_lossy(&changed));
            assert!(matches!(parsed, Err(NoteError::NotAVkey { .. })), "byte {at}");
        }
        for bad in [
            "",
            "+",
            "++",
            "a+530d903a",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        ] {
            assert!(Vkey::parse(bad).is_err(), "{bad}");
        }
    }
}
