//! Agencies that sign their own packages: which keys, given by whom, and when a report needs one.

use crate::division::DivisionCode;
use crate::statement::card::RefusalCode;
use crate::statement::governance::AgencyKey;
use crate::statement::{ReportAct, ReportCard};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The keys of agencies: those in force, and those that were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgencyKeys {
    /// Each key: what it is for, and who gave it.
    keys: BTreeMap<PublicKey, Given>,
    /// Keys in force by every id the agency may be known by.
    by_id: BTreeMap<String, BTreeSet<PublicKey>>,
}

/// An agency's key as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What it is for.
    pub agency: AgencyKey,
    /// The signing key of the node that gave it.
    pub giver: PublicKey,
    /// The index of the entry of that key's log that gave it.
    pub index: u64,
    /// True once it was revoked: it never comes back.
    pub revoked: bool,
}

/// Every id that the agency of a name, division and code may be known by.
fn ids(division: &DivisionCode, name: &str, code: &str) -> Vec<String> {
    let code = Some(code.to_owned()).filter(|code| !code.is_empty());
    std::iter::once(format!("{division}:{name}")).chain(code).collect()
}

impl AgencyKeys {
    /// Who gave a key; none when it is not in force.
    pub fn giver(&self, key: &PublicKey) -> Option<&PublicKey> {
        self.keys.get(key).filter(|given| !given.revoked).map(|given| &given.giver)
    }

    /// Every key that was given, in force or not.
    pub fn all(&self) -> impl Iterator<Item = &Given> {
        self.keys.values()
    }

    /// The keys in force of the agency that is known by this name in this division, or by this code (may be empty).
    pub fn of(&self, division: &DivisionCode, name: &str, code: &str) -> Vec<&Given> {
        let found = ids(division, name, code);
        let keys: BTreeSet<&PublicKey> = found.iter().filter_map(|id| self.by_id.get(id)).flatten().collect();
        keys.into_iter().filter_map(|key| self.keys.get(key)).collect()
    }

    /// A key is one agency's, and given once; the same again, for longer say, is a renewal. What was revoked never
    /// comes back.
    pub(super) fn judge_given(&self, agency: &AgencyKey) -> Result<(), RefusalCode> {
        let same = |given: &Given| {
            let own = &given.agency;
            !given.revoked
                && (&own.division, &own.agency_name, &own.agency_code)
                    == (&agency.division, &agency.agency_name, &agency.agency_code)
        };
        match self.keys.get(&agency.key) {
            Some(given) if !same(given) => Err(RefusalCode::BadDelegation),
            _ => Ok(()),
        }
    }

    pub(super) fn give(&mut self, agency: &AgencyKey, giver: &PublicKey, index: u64) {
        for id in ids(&agency.division, &agency.agency_name, &agency.agency_code) {
            self.by_id.entry(id).or_default().insert(agency.key);
        }
        self.keys.insert(agency.key, Given { agency: agency.clone(), giver: *giver, index, revoked: false });
    }

    /// The log of `giver` stands up to `last` only: keys given beyond it end with it.
    pub(super) fn end_beyond(&mut self, giver: &PublicKey, last: Option<u64>) {
        let beyond = |given: &&Given| given.giver == *giver && last.is_none_or(|last| given.index > last);
        let keys: Vec<PublicKey> = self.keys.values().filter(beyond).map(|given| given.agency.key).collect();
        keys.iter().for_each(|key| self.end(key));
    }

    pub(super) fn end(&mut self, key: &PublicKey) {
        let Some(given) = self.keys.get_mut(key) else { return };
        given.revoked = true;
        let own = &given.agency;
        for id in ids(&own.division, &own.agency_name, &own.agency_code) {
            if let Some(keys) = self.by_id.get_mut(&id) {
                keys.remove(key);
            }
        }
    }

    /// A report of an agency that has keys is signed by one that is valid at `at`; one of an agency that has none is
    /// signed by none. A return is said by an upper level, which has no agency's key; and what must go, personal data
    /// say, is withdrawn without waiting for a clerk: a withdrawal may be signed by none.
    ///
    /// # Errors
    /// [`RefusalCode::AgencyUnsigned`].
    pub fn judge(
        &self,
        report: &ReportCard,
        signed_by: Option<&PublicKey>,
        at: WallMs,
    ) -> Result<(), RefusalCode> {
        let keys = self.of(&report.division, &report.agency_name, &report.agency_code);
        let fits = match signed_by {
            None => keys.is_empty() || report.act == ReportAct::Withdraw,
            Some(signer) => keys.into_iter().any(|Given { agency, .. }| {
                agency.key == *signer && agency.not_before <= at && at < agency.not_after
            }),
        };
        if fits { Ok(()) } else { Err(RefusalCode::AgencyUnsigned) }
    }
}
