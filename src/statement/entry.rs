//! Entries: a statement together with the card it names.

use super::card::{Act, Card, CardError};
use super::{Coarse, Statement, StatementError};
use crate::bytes::LayoutError;
use crate::digest::Digest;
use crate::trust::key::SecretKey;
use std::sync::Arc;

/// A statement and its card, which fit each other. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The statement.
    pub statement: Arc<Statement>,
    /// The card's bytes as signed.
    pub card_bytes: Arc<[u8]>,
    /// The card, parsed.
    pub card: Arc<Card>,
}

/// Why a statement and a card are not an entry.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EntryError {
    /// The statement is not one.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The card is not one.
    #[error(transparent)]
    Card(#[from] CardError),
    /// SHA-256 of the card is not what the statement names.
    #[error("the card is not the one the statement names")]
    OtherCard,
    /// The card names another signing key, or another coarse kind, than the statement.
    #[error("card and statement name different {0}")]
    Disagree(&'static str),
}

impl From<LayoutError> for EntryError {
    fn from(error: LayoutError) -> Self {
        Self::Statement(error.into())
    }
}

impl Entry {
    /// Signs an act as entry `index` of the signer's own log.
    ///
    /// # Errors
    /// [`CardError`] when a field of the act is over its bound.
    pub fn sign(
        secret: &SecretKey,
        federation: &Digest,
        index: u64,
        salt: [u8; 32],
        act: Act,
    ) -> Result<Self, CardError> {
        Self::of_card(secret, federation, index, Card { salt, key: secret.public(), act, agency: None })
    }

    /// Signs a card, which may carry an agency's signature, as entry `index` of the signer's own log.
    ///
    /// # Errors
    /// [`CardError`] when a field of the card is over its bound.
    pub fn of_card(
        secret: &SecretKey,
        federation: &Digest,
        index: u64,
        card: Card,
    ) -> Result<Self, CardError> {
        let card_bytes: Arc<[u8]> = card.to_bytes()?.into();
        let coarse = card.act.coarse();
        let statement = Statement::sign(secret, coarse, federation, index, &Digest::of(&[&card_bytes]));
        Ok(Self { statement: Arc::new(statement), card_bytes, card: Arc::new(card) })
    }

    /// Parses and verifies bytes from a peer.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn verify(statement: &[u8], card: &[u8]) -> Result<Self, EntryError> {
        let entry = Self::fit(Statement::verify(statement)?, card)?;
        entry.card.verify_agency(entry.statement.federation(), card)?;
        Ok(entry)
    }

    /// Parses bytes of our own record.
    ///
    /// # Errors
    /// [`EntryError`], when the record is damaged.
    pub fn from_record(statement: &[u8], card: &[u8]) -> Result<Self, EntryError> {
        Self::fit(Statement::from_record(statement)?, card)
    }

    fn fit(statement: Statement, card_bytes: &[u8]) -> Result<Self, EntryError> {
        if Digest::of(&[card_bytes]) != *statement.card() {
            return Err(EntryError::OtherCard);
        }
        let card = Card::parse(card_bytes)?;
        if card.key != *statement.key() {
            return Err(EntryError::Disagree("signing keys"));
        }
        if card.act.coarse() != statement.coarse() {
            return Err(EntryError::Disagree("kinds"));
        }
        Ok(Self { statement: Arc::new(statement), card_bytes: card_bytes.into(), card: Arc::new(card) })
    }

    /// The statement's digest.
    pub fn digest(&self) -> Digest {
        self.statement.digest()
    }

    /// True for statements about an agency's year.
    pub fn is_report(&self) -> bool {
        self.statement.coarse() == Coarse::Report
    }
}
