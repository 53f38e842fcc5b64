//! Agencies that sign their own packages: which keys, given by whom, and when a report needs one.

use crate::statement::ReportCard;
use crate::statement::card::RefusalCode;
use crate::statement::governance::AgencyKey;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// The keys of agencies that are in force.
#[derive(Clone, Debug, Default)]
pub struct AgencyKeys {
    /// Each key: what it is for, and who gave it.
    keys: BTreeMap<PublicKey, (AgencyKey, PublicKey)>,
    /// Keys by every id the agency may be known by.
    by_id: BTreeMap<String, BTreeSet<PublicKey>>,
}

fn ids(agency: &AgencyKey) -> Vec<String> {
    let code = Some(agency.agency_code.clone()).filter(|code| !code.is_empty());
    std::iter::once(format!("{}:{}", agency.division, agency.agency_name)).chain(code).collect()
}

impl AgencyKeys {
    /// Who gave a key; none when it is not in force.
    pub fn giver(&self, key: &PublicKey) -> Option<&PublicKey> {
        self.keys.get(key).map(|(_, giver)| giver)
    }

    pub(super) fn give(&mut self, agency: &AgencyKey, giver: &PublicKey) {
        for id in ids(agency) {
            self.by_id.entry(id).or_default().insert(agency.key);
        }
        self.keys.insert(agency.key, (agency.clone(), *giver));
    }

    pub(super) fn end(&mut self, key: &PublicKey) {
        let Some((agency, _)) = self.keys.remove(key) else { return };
        for id in ids(&agency) {
            if let Some(keys) = self.by_id.get_mut(&id) {
                keys.remove(key);
            }
        }
    }

    /// A report of an agency that has keys is signed by one that is valid at `at`; one of an agency that has none is
    /// signed by none. A return is said by an upper level, which has no agency's key.
    pub(super) fn judge(
        &self,
        report: &ReportCard,
        signed_by: Option<&PublicKey>,
        at: WallMs,
    ) -> Result<(), RefusalCode> {
        let mut keys = report.ids().into_iter().filter_map(|id| self.by_id.get(&id)).flatten().peekable();
        let fits = match signed_by {
            None => keys.peek().is_none(),
            Some(signer) => keys.any(|key| {
                key == signer
                    && self.keys.get(key).is_some_and(|(own, _)| own.not_before <= at && at < own.not_after)
            }),
        };
        if fits { Ok(()) } else { Err(RefusalCode::AgencyUnsigned) }
    }
}
