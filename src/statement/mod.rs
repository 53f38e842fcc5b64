//! Statements and cards: what is said, in signed bytes ([`FORMAT.md`](self#gongshi-statement-format)).
//!
//! A [`Statement`] is 171 public bytes that never change; its [`Card`] says what is meant; bodies
//! are named by the card. Bytes are kept as received and never re-encoded to verify.
#![doc = include_str!("FORMAT.md")]

pub mod card;
pub mod entry;
pub mod governance;
pub mod leaf;
pub mod refusal;
pub mod report;
pub mod signed;

pub use crate::package::report::{Scope, Status};
pub use card::{Act, Card};
pub use entry::{Entry, EntryError};
pub use leaf::Leaf;
pub use report::{BodyRef, BodyRole, ReportAct, ReportCard};

use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::trust::key::{KeyError, PublicKey, SecretKey, Signature};

/// Length of a statement.
pub const STATEMENT_BYTES: usize = 171;
/// The domain line that every statement signature stands over.
const STATEMENT_DOMAIN: &[u8] = b"gongshi/statement/v1\n";
/// Layout version of statements.
const VERSION: u8 = 1;
/// Algorithm byte: Ed25519 with SHA-256. The byte exists so that SM2 can stand beside it.
const ED25519: u8 = 1;

/// The coarse kind a statement shows to everyone before its card is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coarse {
    /// About authority, time, templates.
    Governance = 1,
    /// About an agency's year.
    Report = 2,
}

/// A statement whose signature has been verified (or that comes from our own record, where nothing
/// unverified ever enters).
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    bytes: [u8; STATEMENT_BYTES],
    coarse: Coarse,
    federation: Digest,
    key: PublicKey,
    index: u64,
    card: Digest,
}

/// Why bytes are not a statement.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum StatementError {
    /// The layout is not that of a statement.
    #[error("not a statement: {0}")]
    Layout(#[from] LayoutError),
    /// The signature does not verify.
    #[error("statement: {0}")]
    Signature(#[from] KeyError),
}

impl Statement {
    /// Signs a statement: entry `index` of the signer's own log, saying `card`.
    pub fn sign(secret: &SecretKey, coarse: Coarse, federation: &Digest, index: u64, card: &Digest) -> Self {
        let key = secret.public();
        let mut writer = Writer::new();
        writer.u8(VERSION).u8(ED25519).u8(coarse as u8).digest(federation).raw(key.as_bytes());
        writer.u64(index).digest(card);
        let signature = secret.sign(&signed_message(writer.so_far()));
        writer.raw(signature.as_bytes());
        let mut bytes = [0; STATEMENT_BYTES];
        bytes.copy_from_slice(&writer.finish());
        Self { bytes, coarse, federation: *federation, key, index, card: *card }
    }

    /// Parses and verifies bytes from a peer: the one door for statements from outside.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn verify(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement = Self::from_record(bytes)?;
        let (signed, signature) = statement.bytes.split_at(STATEMENT_BYTES - 64);
        let signature: [u8; 64] =
            signature.try_into().map_err(|_| LayoutError::invalid("signature", "not 64 bytes"))?;
        statement.key.verify(&signed_message(signed), &Signature::from_bytes(signature))?;
        Ok(statement)
    }

    /// Parses bytes of our own record, into which only verified statements enter.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn from_record(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut input = Reader::new(bytes);
        if input.u8("version")? != VERSION {
            return Err(LayoutError::invalid("version", "not 1"));
        }
        if input.u8("algorithm")? != ED25519 {
            return Err(LayoutError::invalid("algorithm", "not 1 (Ed25519)"));
        }
        let coarse = match input.u8("kind")? {
            1 => Coarse::Governance,
            2 => Coarse::Report,
            _ => return Err(LayoutError::invalid("kind", "not 1 or 2")),
        };
        let federation = input.digest("federation")?;
        let key = PublicKey::from_bytes(input.array("signing key")?);
        let index = input.u64("index")?;
        let card = input.digest("card digest")?;
        input.array::<64>("signature")?;
        input.finish()?;
        let bytes = bytes.try_into().map_err(|_| LayoutError::invalid("statement", "not 171 bytes"))?;
        Ok(Self { bytes, coarse, federation, key, index, card })
    }

    /// The digest of a statement, and of the package it publishes: SHA-256 of all 171 bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.bytes])
    }
    /// The bytes as signed.
    pub const fn as_bytes(&self) -> &[u8; STATEMENT_BYTES] {
        &self.bytes
    }
    /// The coarse kind.
    pub const fn coarse(&self) -> Coarse {
        self.coarse
    }
    /// The federation id: the anchor's key id.
    pub const fn federation(&self) -> &Digest {
        &self.federation
    }
    /// The signing key, which names the own log (the origin).
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }
    /// Index in the own log, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }
    /// Digest of the card.
    pub const fn card(&self) -> &Digest {
        &self.card
    }
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Statement({} #{})", self.key, self.index)
    }
}

fn signed_message(fields: &[u8]) -> Vec<u8> {
    [STATEMENT_DOMAIN, fields].concat()
}

#[cfg(test)]
mod tests;
