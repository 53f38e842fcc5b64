//! The registry: which keys may speak for which divisions, as of the newest leaf.

use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::card::RefusalCode;
use crate::trust::chain::Authority;
use crate::trust::delegation::Delegation;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;

/// Keys, divisions and the tree that sequenced delegations form.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    authorities: BTreeMap<PublicKey, Authority>,
    /// The live node of each division.
    nodes: BTreeMap<DivisionCode, PublicKey>,
    by_transport: BTreeMap<PublicKey, PublicKey>,
    /// Keys that another took the place of, and the last index of their logs that stands.
    replaced: BTreeMap<PublicKey, u64>,
    root: Option<PublicKey>,
}

impl Registry {
    /// The root node's signing key: that of the anchor's newest Delegate.
    pub const fn root(&self) -> Option<&PublicKey> {
        self.root.as_ref()
    }
    /// What a key may say.
    pub fn authority(&self, key: &PublicKey) -> Option<&Authority> {
        self.authorities.get(key)
    }
    /// True when a delegation of the key is sequenced.
    pub fn knows(&self, key: &PublicKey) -> bool {
        self.authorities.contains_key(key)
    }
    /// True when the key was replaced, and `index` of its log lies beyond the last that its successor's
    /// delegation lets stand.
    pub fn is_beyond(&self, key: &PublicKey, index: u64) -> bool {
        self.replaced.get(key).is_some_and(|last| index > *last)
    }
    /// The delegation of a key.
    pub fn delegation(&self, key: &PublicKey) -> Option<&Delegation> {
        self.authorities.get(key).and_then(Authority::delegation)
    }
    /// The signing key that belongs to a transport key.
    pub fn by_transport(&self, transport: &PublicKey) -> Option<&PublicKey> {
        self.by_transport.get(transport)
    }
    /// The live node of a division.
    pub fn node(&self, division: &DivisionCode) -> Option<&PublicKey> {
        self.nodes.get(division)
    }
    /// All live nodes, by division.
    pub fn nodes(&self) -> impl Iterator<Item = (&DivisionCode, &PublicKey)> {
        self.nodes.iter()
    }
    /// Nodes delegated directly by `key`.
    pub fn children<'a>(&'a self, key: &'a PublicKey) -> impl Iterator<Item = &'a PublicKey> {
        self.nodes.values().filter(move |child| self.issuer(child) == Some(key))
    }

    fn issuer(&self, key: &PublicKey) -> Option<&PublicKey> {
        self.authorities.get(key).and_then(Authority::issuer)
    }

    /// True when `key` stands at or above `below` in the tree of delegations.
    pub fn is_ancestor(&self, key: &PublicKey, below: &PublicKey) -> bool {
        // At most five steps: a chain has no repeats and ends at the anchor.
        let mut at = Some(below);
        while let Some(current) = at {
            if current == key {
                return true;
            }
            at = self.issuer(current);
        }
        false
    }

    /// True when a node below `key` speaks for `division`.
    pub fn in_subtree(&self, key: &PublicKey, division: &DivisionCode) -> bool {
        self.nodes.get(division).is_some_and(|node| node != key && self.is_ancestor(key, node))
    }

    /// True when a report of `division` may be published by `author`.
    pub fn may_publish(&self, author: &PublicKey, division: &DivisionCode) -> bool {
        self.authorities.get(author).is_some_and(|authority| {
            authority.may_publish(division, &|division| self.in_subtree(author, division))
        })
    }

    /// The authority a delegation would give.
    fn derive(
        &self,
        federation: &Digest,
        issuer: &PublicKey,
        delegation: &Delegation,
    ) -> Result<Authority, RefusalCode> {
        let anchor = Authority::anchor();
        let authority = if issuer.id() == *federation {
            &anchor
        } else {
            self.authorities.get(issuer).ok_or(RefusalCode::NoAuthority)?
        };
        authority
            .delegate(federation, issuer, delegation, &|division| self.in_subtree(issuer, division))
            .map_err(|_| RefusalCode::BadDelegation)
    }

    /// The rules for a `Delegate`: narrower than the issuer's, new keys, and a division without a live node
    /// unless the issuer stands above that node and names it as the predecessor.
    ///
    /// # Errors
    /// The code the root refuses it with.
    pub fn judge_delegate(
        &self,
        federation: &Digest,
        issuer: &PublicKey,
        delegation: &Delegation,
    ) -> Result<(), RefusalCode> {
        self.derive(federation, issuer, delegation)?;
        let live = self.nodes.get(&delegation.division);
        let named = delegation.predecessor.as_ref().map(|(key, _)| key);
        // Naming a node is not enough: whoever replaces it stands above it.
        let replaces = live.is_none_or(|live| {
            let above = self.root.as_ref() == Some(issuer) || self.is_ancestor(issuer, live);
            named == Some(live) && live != issuer && above
        });
        let reused = self.knows(&delegation.signing)
            || self.by_transport.contains_key(&delegation.transport)
            || delegation.signing == *issuer
            || delegation.signing.id() == *federation
            || delegation.signing == delegation.transport;
        if !replaces || reused { Err(RefusalCode::BadDelegation) } else { Ok(()) }
    }

    /// Enters an accepted delegation.
    pub fn delegate(&mut self, federation: &Digest, issuer: &PublicKey, delegation: &Delegation) {
        let Ok(authority) = self.derive(federation, issuer, delegation) else { return };
        if issuer.id() == *federation {
            self.root = Some(delegation.signing);
        }
        let replaced = self.nodes.insert(delegation.division.clone(), delegation.signing);
        if let Some((key, last)) = delegation.predecessor.filter(|(key, _)| replaced == Some(*key)) {
            self.replaced.insert(key, last);
        }
        self.by_transport.insert(delegation.transport, delegation.signing);
        self.authorities.insert(delegation.signing, authority);
    }
}
