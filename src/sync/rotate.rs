//! Rotation: this node's own signing key follows the one it had. The `Rotate` is the last entry of the old log;
//! children and neighbours learn of it as they learn of everything else.
//!
//! The transport key stays, so that a child that was down when it happened still finds its parent; a machine whose
//! keys are in other hands is revoked and replaced instead.

use super::fact::Fact;
use super::frame::PackedEntry;
use super::node::{Node, SignedLogs, Step};
use super::sequence::SayError;
use super::turn::Turn;
use crate::statement::governance::Rotation;
use crate::statement::{Act, Entry};
use crate::trust::delegation::prove_possession;
use crate::trust::key::SecretKey;

/// Why the key stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Entries of our own log have no answer of the root yet; a log must be complete before another follows it.
    #[error("{0} entries of this node's log have no answer of the root yet")]
    EntriesWait(u64),
    /// The log cannot be signed now: this node catches up, was refused, or its log was stopped.
    #[error("this node's log cannot be signed now")]
    NotNow,
    /// No new key was offered.
    #[error("there is no new key")]
    NoKey,
    /// It cannot be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

impl Node {
    /// Gives the node a second signing key: the one to rotate to, or the one that a rotation in its record names.
    pub fn offer_key(&mut self, key: SecretKey) {
        self.spare = Some(key);
    }

    /// True when the secret key in use is that of the node's newest public key.
    pub fn has_its_key(&self) -> bool {
        self.signing.public() == self.identity.signing
    }

    /// Rotates to the key that was offered. `transport` is the transport key's secret, which proves itself again.
    ///
    /// # Errors
    /// [`RotateError`]. The root's key is the anchor's to change ([`super::anchor`]).
    pub fn rotate(&mut self, turn: &mut Turn<'_>, transport: &SecretKey) -> Result<Entry, RotateError> {
        let open = self.own_size().saturating_sub(self.ledger.next_index(self.own_key()));
        if open > 0 {
            return Err(RotateError::EntriesWait(open));
        }
        if !self.may_sign_own_log() || self.own_refusal.is_some() {
            return Err(RotateError::NotNow);
        }
        let spare = self.spare.as_ref().ok_or(RotateError::NoKey)?;
        let (federation, old) = (self.federation(), *self.own_key());
        let proofs = prove_possession(&federation, &old, spare, transport, &self.identity.division);
        let act = Act::Rotate(Box::new(Rotation {
            signing: spare.public(),
            transport: transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
        }));
        self.registry.judge(&federation, &old, self.own_size(), &act).map_err(SayError::Refused)?;
        let entry = self.say(turn, act)?;
        // The old key signs the log that ends here before the new one takes over.
        self.sign_own_log(turn).map_err(SayError::from)?;
        self.record(turn, Fact::Rotated { rotate: PackedEntry::of(&entry) }).map_err(SayError::from)?;
        self.announce_key(turn);
        Ok(entry)
    }

    /// The new key is the node's own from here on, and its log begins.
    pub(super) fn apply_rotated(&mut self, packed: &PackedEntry) -> Step {
        let Ok(entry) = Entry::from_record(&packed.statement, &packed.card) else { return Ok(()) };
        let signing = match &entry.card.act {
            Act::Rotate(rotation) => {
                self.identity.chain.push(packed.clone());
                rotation.signing
            }
            // The root's new key: its chain is the anchor's Delegate alone.
            Act::Delegate(delegation) => {
                self.identity.chain = vec![packed.clone()];
                delegation.signing
            }
            _ => return Ok(()),
        };
        self.identity.signing = signing;
        self.logs = SignedLogs::of(&self.federation, &signing);
        self.receipt_size = 0;
        if let Some(spare) = self.spare.take_if(|spare| spare.public() == signing) {
            self.signing = spare;
        }
        self.attested = None;
        Ok(())
    }
}
