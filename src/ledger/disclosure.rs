//! Disclosures: the chain of revisions of each agency and year, and which of them are public.

use super::view_root::ViewLine;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::card::RefusalCode;
use crate::statement::{Entry, Leaf, ReportAct, ReportCard};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// State of an accepted revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevisionState {
    /// 待统一公开: accepted, the year is not released.
    Held,
    /// 已公开: the newest public revision.
    Released,
    /// 已被更正: a newer public revision stands.
    Superseded,
    /// 已撤回: taken back with a reason.
    Withdrawn,
    /// 退回: an upper level sent it back before it was public.
    Returned,
}

/// One accepted revision, as pages and indexes need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Digest of the statement: the package's digest.
    pub digest: Digest,
    /// Index in the root log.
    pub index: u64,
    /// Code of the act (32 submit, 33 nil, 34 not applicable, 35 correct).
    pub act: u8,
    /// The agency's id as the fold resolves it.
    pub agency_id: String,
    /// The agency's name in this revision.
    pub agency_name: String,
    /// The agency's code in this revision, or empty.
    pub agency_code: String,
    /// Whose agency it is.
    pub division: DivisionCode,
    /// Calendar year.
    pub year: u16,
    /// 1, 2, 3 ...
    pub revision: u32,
    /// State as of the newest leaf.
    pub state: RevisionState,
    /// It is public, or was: what is withdrawn or sent back before its release is never shown.
    pub shown: bool,
    /// `provisional` or `final`.
    pub status: crate::statement::Status,
    /// `own` or `consolidated`.
    pub scope: crate::statement::Scope,
    /// Template id, or empty.
    pub template: String,
    /// Published as printed.
    pub as_printed: bool,
    /// Who said it.
    pub author: PublicKey,
    /// Its index in the author's own log.
    pub own_index: u64,
    /// 待核实: its author's key was revoked, and the revoker does not vouch for it.
    pub suspect: bool,
    /// When it was sequenced.
    pub sequenced_at: WallMs,
    /// When the first node other than the author stored it: what lateness is judged by.
    pub received_at: WallMs,
    /// When it was withdrawn, by which statement, and the reason code.
    pub withdrawn: Option<(WallMs, Digest, u8)>,
    /// When an upper level sent it back, by which statement, and the reason code. What was public by then stays so
    /// until something takes its place.
    pub returned: Option<(WallMs, Digest, u8)>,
}

impl RevisionState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Held, Self::Released, Self::Superseded, Self::Withdrawn, Self::Returned];
}

impl Revision {
    fn show_as(&mut self, state: RevisionState) {
        (self.state, self.shown) = (state, true);
    }

    /// Its line in the view root, if it is public.
    pub fn view_line(&self) -> Option<ViewLine> {
        let state = match (self.state, self.suspect) {
            _ if !self.shown => return None,
            (RevisionState::Held | RevisionState::Returned, _) => return None,
            (RevisionState::Released, false) => "released",
            (RevisionState::Released, true) => "released+suspect",
            (RevisionState::Superseded, false) => "superseded",
            (RevisionState::Superseded, true) => "superseded+suspect",
            (RevisionState::Withdrawn, false) => "withdrawn",
            (RevisionState::Withdrawn, true) => "withdrawn+suspect",
        };
        Some(ViewLine {
            agency_id: self.agency_id.clone(),
            year: self.year,
            revision: self.revision,
            digest: self.digest,
            state,
        })
    }
}

/// Chains of revisions by agency and year; names that a later code has become the id of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disclosures {
    pub(super) chains: BTreeMap<(String, u16), Vec<Revision>>,
    /// `division:NAME` to the id that stands for it: the first id under which the agency was known.
    aliases: BTreeMap<String, String>,
    /// Division of the newest accepted report of each agency.
    divisions: BTreeMap<String, DivisionCode>,
    public_years: BTreeSet<u16>,
    /// Packages that are public now, by year: the newest revision of each agency, unless it was withdrawn.
    released: BTreeMap<u16, u64>,
    /// Chains whose newest revision was sent back.
    sent_back: BTreeSet<(String, u16)>,
}

impl Disclosures {
    /// The agency's id: the id known for its code, else the one known for its name, else new. An agency keeps
    /// the id under which it was first known, so that lines already in the view root never move.
    pub fn resolve(&self, report: &ReportCard) -> String {
        let known = |id: &String| self.aliases.get(id).cloned();
        let by_code = Some(&report.agency_code).filter(|code| !code.is_empty()).and_then(known);
        by_code.or_else(|| known(&report.agency_name_id())).unwrap_or_else(|| report.agency_id())
    }

    /// The division that last reported for the agency: a code is a name, not authority, so who changes an
    /// agency's year speaks for that division too.
    pub fn division(&self, report: &ReportCard) -> Option<&DivisionCode> {
        self.divisions.get(&self.resolve(report))
    }

    /// Newest revisions that were sent back, and that nothing has taken the place of.
    pub fn sent_back(&self) -> impl Iterator<Item = &Revision> {
        self.sent_back.iter().filter_map(|key| self.chains.get(key)?.last())
    }

    /// All accepted revisions of an agency's year, oldest first.
    pub fn chain(&self, agency_id: &str, year: u16) -> &[Revision] {
        self.chains.get(&(agency_id.to_owned(), year)).map_or(&[], Vec::as_slice)
    }

    /// Packages that are public now, by year: the newest revision of each agency, unless it was withdrawn.
    pub const fn released(&self) -> &BTreeMap<u16, u64> {
        &self.released
    }

    fn count(&mut self, year: u16, before: u64, after: u64) {
        let count = self.released.entry(year).or_default();
        *count = (*count + after).saturating_sub(before);
        if *count == 0 {
            self.released.remove(&year);
        }
    }

    /// The chains of a year.
    pub fn year(&self, year: u16) -> impl Iterator<Item = &[Revision]> {
        self.chains.iter().filter(move |((_, of), _)| *of == year).map(|(_, chain)| chain.as_slice())
    }

    /// True when a revision of `year` is public.
    pub fn has_public_of(&self, year: u16) -> bool {
        self.public_years.contains(&year)
    }

    /// The rules of the revision chain.
    pub(super) fn judge(&self, report: &ReportCard) -> Result<(), RefusalCode> {
        let id = self.resolve(report);
        let last = self.chain(&id, report.year).last();
        let standing = last.filter(|last| last.state != RevisionState::Withdrawn);
        let returned = standing.is_some_and(|last| last.returned.is_some());
        let (revision, previous) = match (report.act, last, standing) {
            // What was sent back is reported again: it is no barrier, whether it was public or not.
            (ReportAct::Submit | ReportAct::Nil | ReportAct::NotApplicable, Some(last), _) if returned => {
                (last.revision.checked_add(1).ok_or(RefusalCode::BadRevision)?, last.digest)
            }
            (ReportAct::Return, _, Some(standing)) if standing.returned.is_some() => {
                return Err(RefusalCode::NothingToChange);
            }
            (ReportAct::Submit | ReportAct::Nil | ReportAct::NotApplicable, _, Some(_)) => {
                return Err(RefusalCode::AlreadyReported);
            }
            (ReportAct::Correct | ReportAct::Withdraw | ReportAct::Return, _, None) => {
                return Err(RefusalCode::NothingToChange);
            }
            (ReportAct::Withdraw | ReportAct::Return, _, Some(standing)) => {
                (standing.revision, standing.digest)
            }
            (_, None, _) => (1, Digest::ZERO),
            (_, Some(last), _) => {
                (last.revision.checked_add(1).ok_or(RefusalCode::BadRevision)?, last.digest)
            }
        };
        if (report.revision, report.previous) == (revision, previous) {
            Ok(())
        } else {
            Err(RefusalCode::BadRevision)
        }
    }

    /// Enters an accepted report; returns every revision whose row changed.
    pub(super) fn accept(
        &mut self,
        index: u64,
        leaf: &Leaf,
        entry: &Entry,
        report: &ReportCard,
        public: bool,
    ) -> Vec<Revision> {
        let id = self.resolve(report);
        self.aliases.entry(report.agency_name_id()).or_insert_with(|| id.clone());
        if !report.agency_code.is_empty() {
            self.aliases.entry(report.agency_code.clone()).or_insert_with(|| id.clone());
        }
        self.divisions.insert(id.clone(), report.division.clone());
        let place = (id.clone(), report.year);
        match report.act {
            ReportAct::Return => self.sent_back.insert(place.clone()),
            _ => self.sent_back.remove(&place),
        };
        let chain = self.chains.entry(place).or_default();
        if report.act == ReportAct::Return {
            let Some(standing) = chain.last_mut() else { return Vec::new() };
            standing.returned = Some((leaf.sequenced_at, entry.digest(), report.reason));
            if standing.state == RevisionState::Held {
                standing.state = RevisionState::Returned;
            }
            return vec![standing.clone()];
        }
        if report.act == ReportAct::Withdraw {
            let Some(standing) = chain.last_mut() else { return Vec::new() };
            let was_public = u64::from(standing.state == RevisionState::Released);
            standing.state = RevisionState::Withdrawn;
            standing.withdrawn = Some((leaf.sequenced_at, entry.digest(), report.reason));
            let changed = vec![standing.clone()];
            self.count(report.year, was_public, 0);
            return changed;
        }
        let (mut changed, mut were_public) = (Vec::new(), 0);
        if public {
            self.public_years.insert(report.year);
            for older in chain.iter_mut().filter(|older| older.state == RevisionState::Released) {
                were_public += 1;
                older.show_as(RevisionState::Superseded);
                changed.push(older.clone());
            }
        }
        let revision = Revision {
            digest: entry.digest(),
            index,
            act: report.act.kind_code(),
            agency_id: id,
            agency_name: report.agency_name.clone(),
            agency_code: report.agency_code.clone(),
            division: report.division.clone(),
            year: report.year,
            revision: report.revision,
            state: if public { RevisionState::Released } else { RevisionState::Held },
            shown: public,
            status: report.status,
            scope: report.scope,
            template: report.template.clone(),
            as_printed: report.as_printed,
            author: *entry.statement.key(),
            own_index: entry.statement.index(),
            suspect: false,
            sequenced_at: leaf.sequenced_at,
            received_at: leaf.received_at,
            withdrawn: None,
            returned: None,
        };
        // Most chains stay as long as they begin: a vector grows to four by itself.
        chain.reserve_exact(1);
        chain.push(revision.clone());
        self.count(report.year, were_public, u64::from(public));
        changed.push(revision);
        changed
    }

    /// Makes a year public: the newest held revision of each chain is released, older ones superseded.
    pub(super) fn release(&mut self, year: u16) -> Vec<Revision> {
        let (mut changed, mut superseded) = (Vec::new(), 0);
        for ((_, _), chain) in self.chains.iter_mut().filter(|((_, of), _)| *of == year) {
            // What was sent back waits for what takes its place, and so does what it was to correct.
            if chain.last().is_some_and(|last| last.state == RevisionState::Returned) {
                continue;
            }
            let (mut newest, mut released) = (true, false);
            for revision in chain.iter_mut().rev() {
                match revision.state {
                    RevisionState::Held => {
                        let state = if newest { RevisionState::Released } else { RevisionState::Superseded };
                        revision.show_as(state);
                        released |= newest;
                        newest = false;
                        changed.push(revision.clone());
                    }
                    // Public before the year was held, and corrected since.
                    RevisionState::Released if released => {
                        revision.show_as(RevisionState::Superseded);
                        superseded += 1;
                        changed.push(revision.clone());
                    }
                    // What was withdrawn or sent back before the release was never public and stays so.
                    RevisionState::Withdrawn
                    | RevisionState::Returned
                    | RevisionState::Released
                    | RevisionState::Superseded => newest = false,
                }
            }
        }
        if !changed.is_empty() {
            self.public_years.insert(year);
        }
        let released = changed.iter().filter(|revision| revision.state == RevisionState::Released).count();
        self.count(year, superseded, released as u64);
        changed
    }

    /// Marks the revisions whose author and own index are no longer vouched for; returns what changed.
    pub(super) fn suspect(&mut self, is_revoked: impl Fn(&PublicKey, u64) -> bool) -> Vec<Revision> {
        let all = self.chains.values_mut().flatten();
        let found = all.filter(|one| !one.suspect && is_revoked(&one.author, one.own_index));
        found
            .map(|revision| {
                revision.suspect = true;
                revision.clone()
            })
            .collect()
    }
}
