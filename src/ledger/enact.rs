//! What acts about the tree do to the registry, and the rules for them: keys that follow keys, keys that are
//! stopped, nodes that move, divisions that end.
//!
//! [`Registry::judge`] decides, signatures of possession included, which cost the most; [`Registry::enact`] does what was
//! decided. A mirror that knows an act before it is
//! sequenced may enact it early on a registry of its own: doing it again changes nothing.

use super::authority::{EndCause, Ending, Registry};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::Act;
use crate::statement::card::RefusalCode;
use crate::statement::governance::{Closing, Hosted, Revocation, Rotation};
use crate::trust::chain::Authority;
use crate::trust::delegation::{Delegation, agency_key_message};
use crate::trust::key::{PublicKey, Signature};

/// What an act did to the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeChange {
    /// A key has authority now.
    Delegated(PublicKey),
    /// A key speaks no more, or only up to an index of its log.
    Ended(PublicKey),
    /// A node stands under another parent.
    Moved(PublicKey),
}

impl Registry {
    /// The rules for an act about the tree; others have none here.
    ///
    /// # Errors
    /// The code the root refuses it with.
    pub fn judge(
        &self,
        federation: &Digest,
        author: &PublicKey,
        index: u64,
        act: &Act,
    ) -> Result<(), RefusalCode> {
        match act {
            Act::Delegate(delegation) => self.judge_delegate(federation, author, delegation),
            Act::Rotate(rotation) => {
                let rotated = self.rotated(federation, author, index, rotation)?;
                let proven = rotated.delegation().is_some_and(|own| own.possession_holds(federation, author));
                if proven { Ok(()) } else { Err(RefusalCode::BadDelegation) }
            }
            Act::Revoke(revocation) => {
                let below = self.knows(&revocation.origin) && self.is_above(author, &revocation.origin);
                if below { Ok(()) } else { Err(RefusalCode::UnknownNode) }
            }
            Act::Reparent { node, parent } => self.moved(author, node, parent).map(drop),
            Act::Close(closing) => self.judge_close(author, closing),
            Act::Host(hosted) => self.judge_host(author, hosted),
            Act::Agency(agency) => {
                let proven = agency_key_message(federation, author, &agency.key, &agency.division);
                let holds = agency.key.checked().is_ok()
                    && agency.key.verify(&proven, &Signature::from_bytes(agency.proof)).is_ok();
                let within = self.delegation(author).is_some_and(|own| {
                    own.not_before <= agency.not_before && agency.not_after <= own.not_after
                });
                if !self.may_publish(author, &agency.division) {
                    Err(RefusalCode::ForeignDivision)
                } else if !holds || !within || self.knows(&agency.key) {
                    Err(RefusalCode::BadDelegation)
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// Does what an accepted act says.
    pub fn enact(
        &mut self,
        federation: &Digest,
        author: &PublicKey,
        index: u64,
        act: &Act,
    ) -> Vec<TreeChange> {
        match act {
            Act::Delegate(delegation) => self.delegate(federation, author, index, delegation),
            Act::Rotate(rotation) => self.rotate(federation, author, index, rotation),
            Act::Revoke(revocation) => self.revoke(revocation),
            Act::Reparent { node, parent } => {
                let (node, parent) = (*self.newest(node), *self.newest(parent));
                if let Ok(moved) = self.moved(author, &node, &parent) {
                    let before = self.authorities.insert(node, moved);
                    self.stood.entry(node).or_default().extend(before.as_ref().and_then(Authority::issuer));
                    self.moves.insert(node, (*author, index));
                }
                vec![TreeChange::Moved(node)]
            }
            Act::Close(closing) => self.close(closing),
            Act::Host(hosted) => {
                let node = *self.newest(&hosted.node);
                if let Some(authority) = self.authorities.get_mut(&node) {
                    *authority = authority.hosting_more(&hosted.divisions);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn delegate(
        &mut self,
        federation: &Digest,
        issuer: &PublicKey,
        index: u64,
        delegation: &Delegation,
    ) -> Vec<TreeChange> {
        // Known early, and sequenced now: meanwhile the key may have been followed by another.
        if self.grant(&delegation.signing) == Some((*issuer, index)) {
            return Vec::new();
        }
        if self.is_renewal(delegation) {
            // The entry that first gave the key its authority stays its grant: it is what a chain is made of.
            let Ok(renewed) = self.renewed(federation, issuer, delegation) else { return Vec::new() };
            self.authorities.insert(delegation.signing, renewed);
            self.renewals.insert(delegation.signing, (*issuer, index));
            return vec![TreeChange::Delegated(delegation.signing)];
        }
        let Ok(authority) = self.derive(federation, issuer, delegation) else { return Vec::new() };
        // What was known early is later in the anchor's log than what comes now.
        let newest = self.root.and_then(|root| self.grant(&root)).map(|(_, index)| index);
        if issuer.id() == *federation && newest.is_none_or(|newest| newest < index) {
            self.root = Some(delegation.signing);
        }
        let mut changes = self.seat(authority, delegation, (*issuer, index));
        if let Some((old, last)) = &delegation.predecessor {
            self.replace(old, &delegation.signing, *last);
            changes.push(TreeChange::Ended(*old));
        }
        changes
    }

    fn rotate(
        &mut self,
        federation: &Digest,
        old: &PublicKey,
        index: u64,
        rotation: &Rotation,
    ) -> Vec<TreeChange> {
        let Ok(authority) = self.rotated(federation, old, index, rotation) else { return Vec::new() };
        let Some(delegation) = authority.delegation().cloned() else { return Vec::new() };
        let mut changes = self.seat(authority, &delegation, (*old, index));
        self.replace(old, &rotation.signing, index);
        changes.push(TreeChange::Ended(*old));
        changes
    }

    /// Gives a key its authority and its division.
    fn seat(
        &mut self,
        authority: Authority,
        delegation: &Delegation,
        grant: (PublicKey, u64),
    ) -> Vec<TreeChange> {
        let key = delegation.signing;
        // What was known early may have been followed already by what comes later in the log.
        if self.ended.contains_key(&key) {
            self.by_transport.entry(delegation.transport).or_insert(key);
        } else {
            self.nodes.insert(delegation.division.clone(), key);
            self.closed.remove(&delegation.division);
            self.by_transport.insert(delegation.transport, key);
        }
        self.authorities.insert(key, authority);
        self.by_id.insert(key.id(), key);
        self.grants.insert(key, grant);
        vec![TreeChange::Delegated(key)]
    }

    fn replace(&mut self, old: &PublicKey, new: &PublicKey, last: u64) {
        self.successors.insert(*old, *new);
        if let Some(stood) = self.stood.remove(old) {
            self.stood.entry(*new).or_default().extend(stood);
        }
        self.end(old, Some(last), EndCause::Replaced);
    }

    /// Ends a key, or ends it earlier than it had ended.
    fn end(&mut self, key: &PublicKey, last: Option<u64>, cause: EndCause) {
        let ending = self.ended.get(key).map_or(Ending { last, cause }, |before| Ending {
            // `None` is less than any index: nothing stands.
            last: before.last.min(last),
            // What was revoked stays revoked, whoever takes its place.
            cause: if before.cause == EndCause::Revoked { before.cause } else { cause },
        });
        self.ended.insert(*key, ending);
        self.nodes.retain(|_, live| live != key);
    }

    /// Takes back what an act did that was known early and that the root refused then: `key` was given nothing by it, and
    /// whoever had its place has it again, as the sequenced prefix says. Who it is stays known, so that it hears of it.
    pub fn retract(&mut self, key: &PublicKey, sequenced: &Self) {
        if let Some(authority) = sequenced.authorities.get(key) {
            // It was a renewal.
            self.authorities.insert(*key, authority.clone());
            return;
        }
        self.nodes.retain(|_, live| live != key);
        let replaced = self.successors.extract_if(.., |_, new| new == key).collect::<Vec<_>>();
        for (old, _) in replaced {
            let Some(authority) = sequenced.authorities.get(&old) else { continue };
            self.authorities.insert(old, authority.clone());
            self.stood.extend(sequenced.stood.get(&old).map(|stood| (old, stood.clone())));
            match sequenced.ended.get(&old) {
                Some(ending) => self.ended.insert(old, *ending),
                None => self.ended.remove(&old),
            };
            if sequenced.is_live(&old)
                && let Some(own) = authority.delegation()
            {
                self.nodes.insert(own.division.clone(), old);
            }
        }
    }

    fn rotated(
        &self,
        federation: &Digest,
        old: &PublicKey,
        index: u64,
        rotation: &Rotation,
    ) -> Result<Authority, RefusalCode> {
        // The root log's signer is named by the anchor alone.
        if self.root.as_ref() == Some(old) {
            return Err(RefusalCode::KindNotGiven);
        }
        let authority = self.authorities.get(old).ok_or(RefusalCode::NoAuthority)?;
        // Whoever ended it decides what follows it, also when an entry that is still vouched for says otherwise.
        if self.ended.contains_key(old) {
            return Err(RefusalCode::NoAuthority);
        }
        let keeps_transport = authority.delegation().is_some_and(|own| own.transport == rotation.transport)
            && self.is_unused(federation, &rotation.signing, &rotation.transport);
        if !keeps_transport && !self.are_new(federation, &rotation.signing, &rotation.transport) {
            return Err(RefusalCode::BadDelegation);
        }
        let keys = (&rotation.signing, &rotation.transport);
        let proofs = (&rotation.signing_proof, &rotation.transport_proof);
        authority.rotated(old, index, keys, proofs).map_err(|_| RefusalCode::BadDelegation)
    }

    /// Stops a key beyond the last entry vouched for, and every key that an entry beyond it gave authority to.
    fn revoke(&mut self, revocation: &Revocation) -> Vec<TreeChange> {
        let mut changes = Vec::new();
        let mut open = vec![(revocation.origin, revocation.last)];
        while let Some((key, last)) = open.pop() {
            self.end(&key, last, EndCause::Revoked);
            changes.push(TreeChange::Ended(key));
            let beyond = |index: u64| last.is_none_or(|last| index > last);
            let given = self.grants.iter().filter(|(given, (by, index))| {
                *by == key && beyond(*index) && self.ended.get(*given).is_none_or(|end| end.last.is_some())
            });
            open.extend(given.map(|(given, _)| (*given, None)));
        }
        changes
    }

    fn moved(
        &self,
        author: &PublicKey,
        node: &PublicKey,
        parent: &PublicKey,
    ) -> Result<Authority, RefusalCode> {
        let live = |key: &PublicKey| self.nodes.values().any(|live| live == key);
        let author_above = self.is_above(author, node) && self.is_ancestor(author, parent);
        if !live(node) || !live(parent) || !author_above {
            return Err(RefusalCode::UnknownNode);
        }
        let (Some(own), Some(above)) = (self.authorities.get(node), self.authorities.get(parent)) else {
            return Err(RefusalCode::UnknownNode);
        };
        own.moved(above, parent, &|division| self.in_subtree(parent, division))
            .map_err(|_| RefusalCode::BadDelegation)
    }

    fn judge_close(&self, author: &PublicKey, closing: &Closing) -> Result<(), RefusalCode> {
        let node = self.nodes.get(&closing.division).ok_or(RefusalCode::UnknownNode)?;
        if !self.is_above(author, node) {
            return Err(RefusalCode::UnknownNode);
        }
        if self.children(node).next().is_some() {
            return Err(RefusalCode::LiveBelow);
        }
        let itself = closing.successors.contains(&closing.division);
        if itself { Err(RefusalCode::BadDelegation) } else { Ok(()) }
    }

    fn close(&mut self, closing: &Closing) -> Vec<TreeChange> {
        let Some(node) = self.nodes.get(&closing.division).copied() else { return Vec::new() };
        self.close_node(&node, closing);
        vec![TreeChange::Ended(node)]
    }

    /// A closing ends this node of its division; the division itself goes on where another has taken its place already.
    pub fn close_node(&mut self, node: &PublicKey, closing: &Closing) {
        self.end(node, closing.last, EndCause::Closed);
        if !self.nodes.contains_key(&closing.division) {
            self.closed.insert(closing.division.clone(), closing.successors.clone());
        }
    }

    fn judge_host(&self, author: &PublicKey, hosted: &Hosted) -> Result<(), RefusalCode> {
        if !self.knows(&hosted.node) || !self.is_above(author, &hosted.node) {
            return Err(RefusalCode::UnknownNode);
        }
        let may_give = |division: &DivisionCode| {
            let below = |division: &DivisionCode| self.in_subtree(author, division);
            self.authorities.get(author).is_some_and(|own| own.may_give(division, &below))
        };
        if hosted.divisions.iter().all(may_give) { Ok(()) } else { Err(RefusalCode::BadDelegation) }
    }
}
