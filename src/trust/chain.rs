//! Chains of delegations: from the anchor to a key, at most five, each narrower than the one above.
//!
//! [`Authority`] can only be made by [`Authority::anchor`] and [`Authority::delegate`], so holding one means
//! that the rules were applied. The walk itself (which delegation is in force as of which index) is the fold's.

use super::delegation::{Delegation, Hosting, Kinds};
use super::key::PublicKey;
use crate::division::{DivisionCode, Level};
use crate::time::WallMs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most delegations between the anchor and a key: province, city, district, town, agency.
pub const CHAIN_LENGTH_MAX: u8 = 5;

/// What a key may say, as the chain of delegations gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    delegation: Option<Arc<Delegation>>,
    issuer: Option<PublicKey>,
    depth: u8,
    /// What `Host` statements added to the delegation's hosting.
    hosted: BTreeSet<DivisionCode>,
}

/// Why a delegation gives nothing.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ChainError {
    /// More than [`CHAIN_LENGTH_MAX`] delegations, or a key below itself.
    #[error("the chain of delegations is longer than five")]
    TooLong,
    /// The level is not strictly lower than the issuer's.
    #[error("the level is not below the issuer's level")]
    LevelNotLower,
    /// Kinds or validity reach beyond the issuer's, or a renewal takes something away.
    #[error("kinds or validity reach beyond the issuer's, or take something away")]
    Wider,
    /// Hosting reaches beyond the issuer's hosting and its delegated subtree.
    #[error("hosting reaches beyond the issuer's hosting and subtree")]
    HostingWider,
    /// A renewal is of other keys, another division or another level.
    #[error("a renewal is of the node's own keys and place")]
    NotTheSame,
}

impl Authority {
    /// The anchor: it delegates to the root node and says nothing else.
    pub const fn anchor() -> Self {
        Self { delegation: None, issuer: None, depth: 0, hosted: BTreeSet::new() }
    }

    /// What `delegation`, issued by the holder of `self` (key `issuer`), gives to keys that proved possession
    /// ([`Delegation::possession_holds`], which the caller has asked once). `in_subtree` tells whether a division is
    /// delegated below the issuer.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn delegate(
        &self,
        issuer: &PublicKey,
        delegation: &Delegation,
        in_subtree: &dyn Fn(&DivisionCode) -> bool,
    ) -> Result<Self, ChainError> {
        let depth = self.depth + 1;
        if depth > CHAIN_LENGTH_MAX {
            return Err(ChainError::TooLong);
        }
        self.covers(delegation, in_subtree)?;
        Ok(Self {
            delegation: Some(Arc::new(delegation.clone())),
            issuer: Some(*issuer),
            depth,
            hosted: BTreeSet::new(),
        })
    }

    /// That a delegation is narrower than what the holder of `self` has.
    fn covers(
        &self,
        delegation: &Delegation,
        in_subtree: &dyn Fn(&DivisionCode) -> bool,
    ) -> Result<(), ChainError> {
        let Some(own) = &self.delegation else { return Ok(()) };
        if delegation.level <= own.level {
            return Err(ChainError::LevelNotLower);
        }
        let valid_within = delegation.not_before >= own.not_before && delegation.not_after <= own.not_after;
        if !valid_within || !delegation.kinds.within(own.kinds) {
            return Err(ChainError::Wider);
        }
        let hosting_within = match (&delegation.hosting, &own.hosting) {
            (Hosting::Own | Hosting::Subtree, _) | (_, Hosting::All) => true,
            (Hosting::All, _) => false,
            (Hosting::List(codes), _) => {
                codes.iter().all(|code| self.may_give(code, in_subtree) || *code == delegation.division)
            }
        };
        if hosting_within { Ok(()) } else { Err(ChainError::HostingWider) }
    }

    /// True when the delegation or a `Host` statement names this very division among those it publishes for.
    pub fn names(&self, division: &DivisionCode) -> bool {
        let listed = self.delegation.as_ref().is_some_and(|own| match &own.hosting {
            Hosting::List(codes) => codes.contains(division),
            _ => false,
        });
        listed || self.hosted.contains(division)
    }

    /// True when the holder may let others publish for a division: it publishes for it, or stands above it.
    pub fn may_give(&self, division: &DivisionCode, in_subtree: &dyn Fn(&DivisionCode) -> bool) -> bool {
        self.may_publish(division, in_subtree) || in_subtree(division)
    }

    /// The same authority under the keys that a `Rotate` names, which proved possession: its issuer, depth and hosting
    /// stay. `old` is the key
    /// that signed the `Rotate`, as entry `last` of its log.
    ///
    /// # Errors
    /// [`ChainError::LevelNotLower`] for the anchor, which does not rotate in the log.
    pub fn rotated(
        &self,
        old: &PublicKey,
        last: u64,
        (signing, transport): (&PublicKey, &PublicKey),
        (signing_proof, transport_proof): (&[u8; 64], &[u8; 64]),
    ) -> Result<Self, ChainError> {
        let mut rotated = self.clone();
        let own = rotated.delegation.as_mut().map(Arc::make_mut).ok_or(ChainError::LevelNotLower)?;
        (own.signing, own.transport) = (*signing, *transport);
        (own.signing_proof, own.transport_proof) = (*signing_proof, *transport_proof);
        own.predecessor = Some((*old, last));
        Ok(rotated)
    }

    /// The same node's authority as its issuer says it again: the keys and their proofs, the level, the division and the
    /// hosting are those that stand, kinds and validity at least as wide, and name and addresses may differ. So what
    /// stands below it stays narrower, and nobody proves again what was proven.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn renewed(
        &self,
        issuer: &Self,
        issuer_key: &PublicKey,
        delegation: &Delegation,
        in_subtree: &dyn Fn(&DivisionCode) -> bool,
    ) -> Result<Self, ChainError> {
        let own = self.delegation.as_ref().ok_or(ChainError::LevelNotLower)?;
        let same_keys = (own.signing, own.transport) == (delegation.signing, delegation.transport)
            && own.signing_proof == delegation.signing_proof
            && own.transport_proof == delegation.transport_proof
            && own.predecessor == delegation.predecessor;
        if !same_keys || own.division != delegation.division || own.level != delegation.level {
            return Err(ChainError::NotTheSame);
        }
        let shorter = delegation.not_before > own.not_before || delegation.not_after < own.not_after;
        if shorter || !own.kinds.within(delegation.kinds) || own.hosting != delegation.hosting {
            return Err(ChainError::Wider);
        }
        issuer.covers(delegation, in_subtree)?;
        Ok(Self { delegation: Some(Arc::new(delegation.clone())), issuer: Some(*issuer_key), ..self.clone() })
    }

    /// The same authority under another parent, which must be as wide as the one before.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn moved(
        &self,
        parent: &Self,
        parent_key: &PublicKey,
        in_subtree: &dyn Fn(&DivisionCode) -> bool,
    ) -> Result<Self, ChainError> {
        let own = self.delegation.as_ref().ok_or(ChainError::LevelNotLower)?;
        parent.covers(own, in_subtree)?;
        let extra_within = self.hosted.iter().all(|code| parent.may_give(code, in_subtree));
        if !extra_within {
            return Err(ChainError::HostingWider);
        }
        Ok(Self { issuer: Some(*parent_key), depth: parent.depth + 1, ..self.clone() })
    }

    /// The same authority, publishing for more divisions.
    #[must_use]
    pub fn hosting_more(&self, divisions: &[DivisionCode]) -> Self {
        let mut wider = self.clone();
        wider.hosted.extend(divisions.iter().cloned());
        wider
    }

    /// True when a report of `division` may be published under this authority.
    pub fn may_publish(&self, division: &DivisionCode, in_subtree: &dyn Fn(&DivisionCode) -> bool) -> bool {
        let Some(own) = &self.delegation else { return false };
        *division == own.division
            || self.hosted.contains(division)
            || match &own.hosting {
                Hosting::Own => false,
                Hosting::Subtree => in_subtree(division),
                Hosting::All => true,
                Hosting::List(codes) => codes.contains(division),
            }
    }

    /// The divisions that are named beside the own one, by the delegation or by `Host` statements.
    pub fn hosts(&self) -> impl Iterator<Item = &DivisionCode> {
        let listed = match self.delegation.as_ref().map(|own| &own.hosting) {
            Some(Hosting::List(codes)) => codes.as_slice(),
            _ => &[],
        };
        listed.iter().chain(&self.hosted)
    }

    /// True when the kind is given and `at` lies within the validity.
    pub fn may_say(&self, kind_code: u8, at: WallMs) -> bool {
        self.delegation.as_ref().is_some_and(|own| own.kinds.has(kind_code) && self.valid_at(at))
    }

    /// True when `at` lies within the validity of the delegation.
    pub fn valid_at(&self, at: WallMs) -> bool {
        self.delegation.as_ref().is_some_and(|own| own.not_before <= at && at < own.not_after)
    }

    /// The delegation; none for the anchor.
    pub fn delegation(&self) -> Option<&Delegation> {
        self.delegation.as_deref()
    }

    /// Holds the same delegation as `other` together with it: most of what an authority weighs.
    pub fn share(&mut self, other: &Self) {
        if self.delegation == other.delegation {
            self.delegation.clone_from(&other.delegation);
        }
    }

    /// The signing key that issued it; none for the anchor.
    pub const fn issuer(&self) -> Option<&PublicKey> {
        self.issuer.as_ref()
    }

    /// Level of the node; none for the anchor.
    pub fn level(&self) -> Option<Level> {
        self.delegation.as_ref().map(|own| own.level)
    }

    /// What the anchor delegates: everything, for as long as it says.
    pub const ROOT_KINDS: Kinds = Kinds::ALL;
}

#[cfg(test)]
mod tests {
    use super::super::delegation::prove_possession;
    use super::super::key::SecretKey;
    use super::*;
    use crate::digest::Digest;

    fn federation() -> Digest {
        SecretKey::from_seed(&[1; 32]).public().id()
    }

    fn delegation(issuer: &PublicKey, seed: u8, level: Level, hosting: Hosting) -> Delegation {
        let (signing, transport) =
            (SecretKey::from_seed(&[seed; 32]), SecretKey::from_seed(&[seed + 100; 32]));
        let division: DivisionCode = "330200".parse().expect("a code");
        let proofs = prove_possession(&federation(), issuer, &signing, &transport, &division);
        Delegation {
            signing: signing.public(),
            transport: transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            level,
            division,
            name: "宁波市".into(),
            addresses: vec!["127.0.0.1:1".into()],
            hosting,
            kinds: Kinds::ALL,
            not_before: WallMs(10),
            not_after: WallMs(1000),
            predecessor: None,
        }
    }

    #[test]
    fn a_delegation_round_trips() -> Result<(), LayoutErrorAlias> {
        let issuer = SecretKey::from_seed(&[1; 32]).public();
        for hosting in [
            Hosting::Own,
            Hosting::Subtree,
            Hosting::All,
            Hosting::List(vec!["330100-xihu".parse().expect("a code")]),
        ] {
            let one = delegation(&issuer, 2, Level::City, hosting);
            let mut writer = crate::bytes::Writer::new();
            one.write(&mut writer)?;
            let bytes = writer.finish();
            let mut reader = crate::bytes::Reader::new(&bytes);
            assert_eq!(Delegation::read(&mut reader)?, one);
            reader.finish()?;
        }
        Ok(())
    }
    type LayoutErrorAlias = crate::bytes::LayoutError;

    #[test]
    fn every_hop_is_narrower() {
        let anchor = SecretKey::from_seed(&[1; 32]).public();
        let none = |_: &DivisionCode| false;
        let given = |from: &Authority, issuer: &PublicKey, to: &Delegation| from.delegate(issuer, to, &none);
        let province = delegation(&anchor, 2, Level::Province, Hosting::All);
        let top = given(&Authority::anchor(), &anchor, &province).expect("the anchor delegates anything");
        let key = province.signing;

        let city = delegation(&key, 3, Level::City, Hosting::Own);
        let below = given(&top, &key, &city).expect("a city below a province");
        assert_eq!(
            given(&top, &key, &delegation(&key, 3, Level::Province, Hosting::Own)).err(),
            Some(ChainError::LevelNotLower)
        );
        assert!(city.possession_holds(&federation(), &key));
        assert!(!city.possession_holds(&federation(), &anchor), "another issuer's proof");

        let town = |f: &dyn Fn(&mut Delegation)| {
            let mut one = delegation(&city.signing, 4, Level::Town, Hosting::Own);
            f(&mut one);
            given(&below, &city.signing, &one).err()
        };
        assert_eq!(town(&|_| ()), None, "a level may be skipped");
        assert_eq!(town(&|d| d.not_after = WallMs(1001)), Some(ChainError::Wider));
        assert_eq!(town(&|d| d.not_before = WallMs(9)), Some(ChainError::Wider));
        assert_eq!(town(&|d| d.hosting = Hosting::All), Some(ChainError::HostingWider));
        let foreign = || Hosting::List(vec!["440100".parse().expect("a code")]);
        assert_eq!(town(&|d| d.hosting = foreign()), Some(ChainError::HostingWider));
        assert!(!below.may_publish(&"440100".parse().expect("a code"), &none));
        assert!(below.valid_at(WallMs(10)) && !below.valid_at(WallMs(1000)));
    }

    #[test]
    fn a_chain_has_at_most_five() {
        let long = Authority { depth: CHAIN_LENGTH_MAX, ..Authority::anchor() };
        let anchor = SecretKey::from_seed(&[1; 32]).public();
        let next = delegation(&anchor, 2, Level::Town, Hosting::Own);
        assert_eq!(long.delegate(&anchor, &next, &|_| false).err(), Some(ChainError::TooLong));
    }
}
