//! What is read of the fold: everything here looks and changes nothing.

use super::{AgencyKeys, Disclosures, Ledger, Registry, RosterRow, TemplateRow};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::card::Policy;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

impl Ledger {
    /// The federation id.
    pub const fn federation(&self) -> &Digest {
        &self.federation
    }
    /// How many leaves are folded.
    pub const fn size(&self) -> u64 {
        self.size
    }
    /// `sequenced_at` of the last leaf; zero before the first.
    pub const fn sequenced_at(&self) -> WallMs {
        self.sequenced_at
    }
    /// Who may say what.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }
    /// Reports, by agency and year.
    pub const fn disclosures(&self) -> &Disclosures {
        &self.disclosures
    }
    /// Size of the log at the newest change of a year's reports, by year: what is counted from them is as old as this
    /// number.
    pub const fn revised(&self) -> &BTreeMap<u16, u64> {
        &self.revised
    }
    /// The templates that stand, in the order in which their ids first came.
    pub fn templates(&self) -> &[TemplateRow] {
        &self.templates
    }
    /// The roster that stands for a division, if it has one of its own.
    pub fn roster(&self, division: &DivisionCode) -> Option<&RosterRow> {
        self.rosters.get(division)
    }
    /// Every roster that stands, by division.
    pub const fn rosters(&self) -> &BTreeMap<DivisionCode, RosterRow> {
        &self.rosters
    }
    /// The keys of agencies that sign their own packages.
    pub const fn agencies(&self) -> &AgencyKeys {
        &self.agencies
    }
    /// Size of the log at the newest change of the tree, a roster, a release or the policy: what is derived from these
    /// is as old as this number.
    pub const fn governed(&self) -> u64 {
        self.governed
    }
    /// The years that were released.
    pub const fn released_years(&self) -> &BTreeSet<u16> {
        &self.released
    }
    /// The view root: what is public, in one digest.
    pub fn view_root(&self) -> Digest {
        self.view.root()
    }
    /// The next index of an origin's log that may be sequenced.
    pub fn next_index(&self, origin: &PublicKey) -> u64 {
        self.next_index.get(origin).copied().unwrap_or(0)
    }
    /// The instant a year is announced for, if it is.
    pub fn schedule(&self, year: u16) -> Option<WallMs> {
        self.schedules.get(&year).copied()
    }
    /// The policy that stands.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }
    /// Every year that is announced, and its instant.
    pub fn schedules(&self) -> impl Iterator<Item = (u16, WallMs)> {
        self.schedules.iter().map(|(year, at)| (*year, *at))
    }
    /// True when a year was released.
    pub fn is_released(&self, year: u16) -> bool {
        self.released.contains(&year)
    }
    /// True when reports of `year` are public as soon as they are accepted.
    pub fn is_public(&self, year: u16) -> bool {
        self.released.contains(&year)
            || (!self.policy.held_until_release && !self.schedules.contains_key(&year))
    }
}
