//! The anchor's word about the root: its delegation renewed, or given to a new signing key.
//!
//! The anchor key is offline. The root writes down what is to be signed, somebody carries it to where the anchor key is and
//! back (src/trust/CEREMONY.md), and the root enters it: one entry of the anchor's log, in one turn with its leaf.

use super::fact::Fact;
use super::frame::PackedEntry;
use super::limits::ROOT_DELEGATION_MS;
use super::node::{Node, Step};
use super::sequence::SayError;
use super::turn::Turn;
use crate::statement::card::RefusalCode;
use crate::statement::{Act, Entry};
use crate::time::WallMs;
use crate::trust::delegation::{Delegation, prove_possession};
use crate::trust::key::{PublicKey, SecretKey};

/// What the anchor is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The delegation.
    pub delegation: Delegation,
    /// The index of the entry in the anchor's log.
    pub index: u64,
}

/// Why the anchor's word is not asked for or not entered.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// This node is not the root: its own parent renews and replaces it.
    #[error("this node is not the root")]
    NotRoot,
    /// The entry is not the anchor's, or not about this root.
    #[error("it is not a delegation of this root by the anchor of this federation")]
    NotOurs,
    /// Another entry of the anchor's log comes next.
    #[error("entry {found} of the anchor's log was signed where {expected} comes next")]
    NotNext {
        /// Index that was signed.
        found: u64,
        /// Index that comes next.
        expected: u64,
    },
    /// The new signing key is not on this machine.
    #[error("the new signing key is not here")]
    NoKey,
    /// The rules refuse it.
    #[error("{}", .0.as_str())]
    Refused(RefusalCode),
    /// The index could not be read, or nothing can be signed now.
    #[error(transparent)]
    Say(#[from] SayError),
}

impl Node {
    /// What the anchor is to sign: this root's delegation for `life_ms` from now (none: twenty years), under the same
    /// keys, or under the signing key that was offered, whose possession `transport` and it prove.
    ///
    /// # Errors
    /// [`AnchorError::NotRoot`], [`AnchorError::NoKey`].
    pub fn ask_anchor(
        &self,
        now: WallMs,
        life_ms: Option<u64>,
        transport: Option<&SecretKey>,
    ) -> Result<Asked, AnchorError> {
        let own = self.registry.delegation(self.own_key()).filter(|_| self.is_root());
        let own = own.ok_or(AnchorError::NotRoot)?;
        let life_ms = life_ms.unwrap_or(ROOT_DELEGATION_MS);
        // A renewal takes nothing away.
        let not_after = WallMs(now.0.saturating_add(life_ms)).max(own.not_after);
        let mut delegation = Delegation { not_after, ..own.clone() };
        if let Some(transport) = transport {
            let spare = self.spare.as_ref().ok_or(AnchorError::NoKey)?;
            let (federation, anchor) = (self.federation(), self.identity.anchor);
            let proofs = prove_possession(&federation, &anchor, spare, transport, &own.division);
            delegation.signing = spare.public();
            delegation.transport = transport.public();
            delegation.signing_proof = *proofs.0.as_bytes();
            delegation.transport_proof = *proofs.1.as_bytes();
            delegation.predecessor = Some((own.signing, self.own_size().saturating_sub(1)));
        }
        Ok(Asked { delegation, index: self.ledger.next_index(&self.identity.anchor) })
    }

    /// Enters what the anchor signed. The same again changes nothing.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn enter_anchor(&mut self, turn: &mut Turn<'_>, entry: &Entry) -> Result<Delegation, AnchorError> {
        let anchor = *entry.statement.key();
        let Act::Delegate(delegation) = &entry.card.act else { return Err(AnchorError::NotOurs) };
        if anchor != self.identity.anchor || *entry.statement.federation() != self.federation() {
            return Err(AnchorError::NotOurs);
        }
        if !self.is_root() {
            return Err(AnchorError::NotRoot);
        }
        if delegation.division != self.identity.division {
            return Err(AnchorError::NotOurs);
        }
        let held = self.entry(turn, &anchor, entry.statement.index()).map_err(SayError::from)?;
        if held.is_some_and(|(_, held)| held.digest() == entry.digest()) {
            return Ok((**delegation).clone());
        }
        let (found, expected) = (entry.statement.index(), self.ledger.next_index(&anchor));
        if found != expected {
            return Err(AnchorError::NotNext { found, expected });
        }
        if !self.may_sign_own_log() {
            return Err(SayError::Recovering.into());
        }
        self.registry
            .judge(&self.federation(), &anchor, found, &entry.card.act)
            .map_err(AnchorError::Refused)?;
        let rotates = delegation.signing != *self.own_key();
        if rotates && self.spare.as_ref().map(SecretKey::public) != Some(delegation.signing) {
            return Err(AnchorError::NoKey);
        }
        self.enter(turn, entry, rotates).map_err(SayError::from)?;
        Ok((**delegation).clone())
    }

    fn enter(&mut self, turn: &mut Turn<'_>, entry: &Entry, rotates: bool) -> Step {
        // The old key signs the log that ends here before the new one takes over.
        self.sign_own_log(turn)?;
        self.record(turn, Fact::Entry { received_at: None, entry: entry.clone() })?;
        if rotates {
            // Before the leaf: whoever gives the anchor's entry its place is the root by the new key already.
            self.record(turn, Fact::Rotated { rotate: PackedEntry::of(entry) })?;
        }
        self.ready.insert(*entry.statement.key());
        self.sequence(turn)
    }

    /// The anchor's public key.
    pub const fn anchor_key(&self) -> &PublicKey {
        &self.identity.anchor
    }
}
