//! What coverage is read against: the tree of divisions, the rosters that stand, the years that are public. A plain
//! value of one moment, cheap to share and to compare.

use super::tree::Tree;
use crate::division::DivisionCode;
use crate::ledger::roster::{Duty, Roster};
use crate::ledger::{Ledger, RosterRow};
use crate::store::{Read, StoreError};
use crate::sync::body::PackedBody;
use crate::time::WallMs;
use std::collections::{BTreeMap, BTreeSet};

/// The scope of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    governed: u64,
    /// The divisions.
    pub tree: Tree,
    /// The rosters that stand, by division.
    pub rosters: BTreeMap<DivisionCode, RosterRow>,
    held_by_default: bool,
    /// When each announced year is to become public.
    pub scheduled: BTreeMap<u16, WallMs>,
    released: BTreeSet<u16>,
}

/// The text of a roster that stands, checked against its digest; none while its body is not held.
///
/// # Errors
/// [`StoreError`].
pub fn roster_text(store: &dyn Read, row: &RosterRow) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(body) = PackedBody::read(store, &row.card.digest)? else { return Ok(None) };
    let text = body.unpack(&row.card.digest, row.card.bytes);
    text.map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
}

impl Scope {
    /// What the fold knows now.
    pub fn of(ledger: &Ledger) -> Self {
        Self {
            governed: ledger.governed(),
            tree: Tree::of(ledger.registry()),
            rosters: ledger.rosters().clone(),
            held_by_default: ledger.policy().held_until_release,
            scheduled: ledger.schedules().collect(),
            released: ledger.released_years().clone(),
        }
    }

    /// True while nothing that it was made of has changed.
    pub const fn is_current(&self, ledger: &Ledger) -> bool {
        self.governed == ledger.governed()
    }

    /// See [`Ledger::governed`].
    pub const fn governed(&self) -> u64 {
        self.governed
    }

    /// True when reports of `year` are public as soon as they are accepted.
    pub fn is_public(&self, year: u16) -> bool {
        self.released.contains(&year) || (!self.held_by_default && !self.scheduled.contains_key(&year))
    }

    /// The division whose roster decides for `code`: its own, else the nearest one's above.
    pub fn decider<'a>(&'a self, code: &'a DivisionCode) -> Option<&'a DivisionCode> {
        self.tree.chain(code).into_iter().find(|code| self.rosters.contains_key(*code))
    }

    /// The duties of `year` at and below `top`. A roster whose body is not here, or that a later version wrote, counts
    /// as absent; `unread` names its division.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn duties(&self, store: &dyn Read, top: &DivisionCode, year: u16) -> Result<Duties, StoreError> {
        let mut duties = Duties::default();
        let above = self.decider(top);
        let wanted =
            self.rosters.iter().filter(|(code, _)| Some(*code) == above || self.tree.is_within(code, top));
        let mut deciders: BTreeMap<DivisionCode, bool> = BTreeMap::new();
        for (code, row) in wanted {
            let text = roster_text(store, row)?;
            let Some(roster) = text.and_then(|text| Roster::parse(&text).ok()) else {
                duties.unread.push(code.clone());
                continue;
            };
            deciders.clear();
            for duty in roster.into_lines().into_iter().filter(|duty| duty.covers(year)) {
                let counts = deciders.entry(duty.division.clone()).or_insert_with(|| {
                    self.decider(&duty.division) == Some(code) && self.tree.is_within(&duty.division, top)
                });
                if *counts {
                    duties.lines.push(duty);
                }
            }
        }
        Ok(duties)
    }
}

/// What is owed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// By roster, in its order.
    pub lines: Vec<Duty>,
    /// Divisions whose roster cannot be read here.
    pub unread: Vec<DivisionCode>,
}
