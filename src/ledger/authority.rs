//! The registry: which keys may speak for which divisions, as of the newest leaf.
//!
//! Reading and the rules of delegations are here; what acts about the tree do to it is in [`super::enact`].

use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::card::RefusalCode;
use crate::trust::chain::Authority;
use crate::trust::delegation::Delegation;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Keys, divisions and the tree that sequenced delegations form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    pub(super) authorities: BTreeMap<PublicKey, Authority>,
    /// The live node of each division.
    pub(super) nodes: BTreeMap<DivisionCode, PublicKey>,
    pub(super) by_transport: BTreeMap<PublicKey, PublicKey>,
    /// Every key with authority by its id, as notes name it.
    pub(super) by_id: BTreeMap<Digest, PublicKey>,
    /// Keys that no longer speak.
    pub(super) ended: BTreeMap<PublicKey, Ending>,
    /// The key that took the place of another.
    pub(super) successors: BTreeMap<PublicKey, PublicKey>,
    /// Which entry of whose log gave a key its authority.
    pub(super) grants: BTreeMap<PublicKey, (PublicKey, u64)>,
    /// Which entries of whose logs later changed what a key was given: its newest renewal, its newest move.
    pub(super) renewals: BTreeMap<PublicKey, (PublicKey, u64)>,
    pub(super) moves: BTreeMap<PublicKey, (PublicKey, u64)>,
    /// The keys under which a node stood before it moved, by the newest key of the node.
    pub(super) stood: BTreeMap<PublicKey, BTreeSet<PublicKey>>,
    /// Divisions that were closed, and what goes on with their duties.
    pub(super) closed: BTreeMap<DivisionCode, Vec<DivisionCode>>,
    pub(super) root: Option<PublicKey>,
}

/// How a key ended, and what of its log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The last index that stands; none for nothing.
    pub last: Option<u64>,
    /// How it ended last.
    pub cause: EndCause,
}

/// How a key can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndCause {
    /// Another key took its place: a `Rotate`, or a `Delegate` that names it as predecessor.
    Replaced,
    /// An ancestor revoked it, or the entry that gave it its authority.
    Revoked,
    /// Its division was closed.
    Closed,
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
    /// True when the key ended, and `index` of its log lies beyond the last that stands.
    pub fn is_beyond(&self, key: &PublicKey, index: u64) -> bool {
        self.ended.get(key).is_some_and(|end| end.last.is_none_or(|last| index > last))
    }
    /// True when the key was revoked, and `index` of its log lies beyond what the revoker vouches for.
    pub fn is_revoked(&self, key: &PublicKey, index: u64) -> bool {
        self.ended.get(key).is_some_and(|end| end.cause == EndCause::Revoked) && self.is_beyond(key, index)
    }
    /// How a key ended; none while it speaks.
    pub fn ending(&self, key: &PublicKey) -> Option<&Ending> {
        self.ended.get(key)
    }
    /// The newest key of the node that `key` belongs to.
    pub fn newest<'a>(&'a self, key: &'a PublicKey) -> &'a PublicKey {
        // A key follows another once, and no key is used twice, so there is no circle.
        let mut at = key;
        while let Some(next) = self.successors.get(at) {
            at = next;
        }
        at
    }
    /// The keys that this key of a node followed.
    pub fn earlier<'a>(&'a self, key: &'a PublicKey) -> impl Iterator<Item = &'a PublicKey> {
        self.successors.keys().filter(move |old| self.newest(old) == self.newest(key))
    }
    /// The divisions that go on with the duties of a closed one; none when it was not closed.
    pub fn closed(&self, division: &DivisionCode) -> Option<&[DivisionCode]> {
        self.closed.get(division).map(Vec::as_slice)
    }
    /// The delegation of a key.
    pub fn delegation(&self, key: &PublicKey) -> Option<&Delegation> {
        self.authorities.get(key).and_then(Authority::delegation)
    }
    /// The signing key that a transport key belongs to; none when its node ended.
    pub fn by_transport(&self, transport: &PublicKey) -> Option<&PublicKey> {
        self.by_transport.get(transport).filter(|key| !self.ended.contains_key(key))
    }
    /// The signing key with this id, whether it still speaks or not.
    pub fn by_id(&self, id: &Digest) -> Option<&PublicKey> {
        self.by_id.get(id)
    }
    /// True when the key is that of its division's live node.
    pub fn is_live(&self, key: &PublicKey) -> bool {
        self.delegation(key).is_some_and(|own| self.nodes.get(&own.division) == Some(key))
    }
    /// Whose log, and which entry of it, gave a key its authority.
    pub fn grant(&self, key: &PublicKey) -> Option<(PublicKey, u64)> {
        self.grants.get(key).copied()
    }
    /// Whose logs, and which entries of them, changed what a key was given since: its newest renewal and move.
    pub fn changes(&self, key: &PublicKey) -> impl Iterator<Item = (PublicKey, u64)> {
        self.renewals.get(key).into_iter().chain(self.moves.get(key)).copied()
    }
    /// Every delegation there was, by key.
    pub fn delegations(&self) -> impl Iterator<Item = (&PublicKey, &Delegation)> {
        self.authorities.iter().filter_map(|(key, authority)| Some((key, authority.delegation()?)))
    }
    /// The node whose place in a division can be taken: the live one, or the last one when it ended and nobody
    /// followed it.
    pub fn replaceable(&self, division: &DivisionCode) -> Option<&PublicKey> {
        self.node(division).or_else(|| {
            let of_division = self.delegations().filter(|(_, own)| own.division == *division);
            of_division.map(|(key, _)| key).find(|key| !self.successors.contains_key(key))
        })
    }
    /// The live node of a division.
    pub fn node(&self, division: &DivisionCode) -> Option<&PublicKey> {
        self.nodes.get(division)
    }
    /// All live nodes, by division.
    pub fn nodes(&self) -> impl Iterator<Item = (&DivisionCode, &PublicKey)> {
        self.nodes.iter()
    }
    /// Holds what it knows of a key together with another registry that knows the same.
    pub fn share(&mut self, key: &PublicKey, other: &Self) {
        if let (Some(own), Some(theirs)) = (self.authorities.get_mut(key), other.authorities.get(key)) {
            own.share(theirs);
        }
    }
    /// Nodes delegated directly by `key`.
    pub fn children<'a>(&'a self, key: &'a PublicKey) -> impl Iterator<Item = &'a PublicKey> {
        let key = self.newest(key);
        self.nodes.values().filter(move |child| self.parent(child) == Some(key))
    }

    /// The newest key of the node that `key` stands directly under; none for the root and for strangers.
    pub fn parent(&self, key: &PublicKey) -> Option<&PublicKey> {
        let issuer = self.authorities.get(key).and_then(Authority::issuer)?;
        Some(self.newest(issuer))
    }

    /// True when the node of `key` stands at or above the node of `below` in the tree of delegations.
    pub fn is_ancestor(&self, key: &PublicKey, below: &PublicKey) -> bool {
        let key = self.newest(key);
        // Levels fall strictly on the way down, so the way up ends at the anchor.
        let mut at = Some(self.newest(below));
        while let Some(current) = at {
            if current == key {
                return true;
            }
            at = self.parent(current);
        }
        false
    }

    /// True when the node of `below` ever stood under the node of `key`, by whatever way: it may know no other.
    pub fn stood_under(&self, below: &PublicKey, key: &PublicKey) -> bool {
        let key = self.newest(key);
        let (mut open, mut seen) = (vec![self.newest(below)], BTreeSet::new());
        while let Some(current) = open.pop() {
            if current == key {
                return true;
            }
            // Many ways lead to the top.
            if seen.insert(current) {
                let before = self.stood.get(current).into_iter().flatten();
                open.extend(self.parent(current).into_iter().chain(before.map(|key| self.newest(key))));
            }
        }
        false
    }

    /// True when `key` is in force and stands strictly above the node of `below`.
    pub fn is_above(&self, key: &PublicKey, below: &PublicKey) -> bool {
        self.newest(key) != self.newest(below) && self.is_ancestor(key, below)
    }

    /// True when a node below `key` speaks for `division`.
    pub fn in_subtree(&self, key: &PublicKey, division: &DivisionCode) -> bool {
        self.nodes.get(division).is_some_and(|node| self.is_above(key, node))
    }

    /// True when a report of `division` may be published by `author`.
    pub fn may_publish(&self, author: &PublicKey, division: &DivisionCode) -> bool {
        self.authorities.get(author).is_some_and(|authority| {
            authority.may_publish(division, &|division| self.in_subtree(author, division))
        })
    }

    /// The authority a delegation would give to keys that proved possession, which [`Registry::judge`] has seen.
    pub(super) fn derive(
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
            .delegate(issuer, delegation, &|division| self.in_subtree(issuer, division))
            .map_err(|_| RefusalCode::BadDelegation)
    }

    /// That an issuer may give what a delegation gives, whoever sits where: what a chain of delegations alone shows.
    ///
    /// # Errors
    /// The code the root refuses it with.
    pub fn judge_link(
        &self,
        federation: &Digest,
        issuer: &PublicKey,
        delegation: &Delegation,
    ) -> Result<(), RefusalCode> {
        if self.is_renewal(delegation) {
            return self.renewed(federation, issuer, delegation).map(drop);
        }
        if !delegation.possession_holds(federation, issuer) {
            return Err(RefusalCode::BadDelegation);
        }
        self.derive(federation, issuer, delegation).map(drop)
    }

    /// True when a new node may have these keys: no other node has or had one of them.
    pub(super) fn are_new(&self, federation: &Digest, signing: &PublicKey, transport: &PublicKey) -> bool {
        self.is_unused(federation, signing, transport) && !self.by_transport.contains_key(transport)
    }

    /// True when no node has or had this signing key, whatever its transport key is.
    pub(super) fn is_unused(&self, federation: &Digest, signing: &PublicKey, transport: &PublicKey) -> bool {
        !self.knows(signing) && signing.id() != *federation && signing != transport
    }

    /// The rules for a `Delegate`: narrower than the issuer's, new keys, and a division without a live node
    /// unless the issuer stands above that node and names it as the predecessor. A predecessor that is not live any
    /// more must have been the division's, and nobody's before.
    ///
    /// # Errors
    /// The code the root refuses it with.
    pub fn judge_delegate(
        &self,
        federation: &Digest,
        issuer: &PublicKey,
        delegation: &Delegation,
    ) -> Result<(), RefusalCode> {
        if self.is_renewal(delegation) {
            return self.renewed(federation, issuer, delegation).map(drop);
        }
        self.judge_link(federation, issuer, delegation)?;
        let live = self.nodes.get(&delegation.division);
        let named = delegation.predecessor.as_ref().map(|(key, _)| key);
        // Naming a node is not enough: whoever replaces it stands above it.
        let above = |old: &PublicKey| self.root.as_ref() == Some(issuer) || self.is_above(issuer, old);
        let replaces = match (live, named) {
            (None, None) => true,
            (Some(live), named) => named == Some(live) && live != issuer && above(live),
            (None, Some(old)) => {
                let of_division = self.delegation(old).is_some_and(|own| own.division == delegation.division);
                of_division && !self.successors.contains_key(old) && above(old)
            }
        };
        // Who takes a node's place may keep its transport key, so that neighbours go on talking.
        let keeps_transport = named
            .and_then(|old| self.delegation(old))
            .is_some_and(|old| old.transport == delegation.transport);
        let unused = self.are_new(federation, &delegation.signing, &delegation.transport)
            || (keeps_transport && self.is_unused(federation, &delegation.signing, &delegation.transport));
        let new = unused && delegation.signing != *issuer;
        if replaces && new { Ok(()) } else { Err(RefusalCode::BadDelegation) }
    }

    /// True for a `Delegate` of the key that its division's live node has already: it can only say again what stands.
    pub(super) fn is_renewal(&self, delegation: &Delegation) -> bool {
        self.nodes.get(&delegation.division) == Some(&delegation.signing)
    }

    /// What a renewal gives. The node's parent alone may say it, the anchor for the root: who issues a delegation is
    /// who stands above.
    pub(super) fn renewed(
        &self,
        federation: &Digest,
        issuer: &PublicKey,
        delegation: &Delegation,
    ) -> Result<Authority, RefusalCode> {
        let anchor = Authority::anchor();
        let (above, is_parent) = if issuer.id() == *federation {
            (Some(&anchor), self.root == Some(delegation.signing))
        } else {
            let parent = self.parent(&delegation.signing);
            (self.authorities.get(issuer), parent == Some(self.newest(issuer)))
        };
        let own = self.authorities.get(&delegation.signing).filter(|_| is_parent);
        let (own, above) = own.zip(above).ok_or(RefusalCode::UnknownNode)?;
        own.renewed(above, issuer, delegation, &|division| self.in_subtree(issuer, division))
            .map_err(|_| RefusalCode::BadDelegation)
    }
}
