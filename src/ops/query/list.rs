//! `gongshi list`: own and all held packages, newest first, each with its one state.

use super::Glance;
use super::find::{self, SCAN_ROWS};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{Revision, RevisionState};
use crate::ops::packages::division_name;
use crate::statement::card::RefusalCode;
use crate::statement::{Entry, ReportAct};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::sync::{parse_entry_row, read_entry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which packages to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Filter {
    /// Exactly this division.
    pub(in crate::ops) division: Option<DivisionCode>,
    /// Exactly this year.
    pub(in crate::ops) year: Option<u16>,
    /// Agencies whose name, id or code contains this.
    pub(in crate::ops) agency: Option<String>,
    /// `waiting`, `held`, `released`, `superseded`, `withdrawn` or `refused`.
    pub(in crate::ops) state: Option<String>,
    /// At most so many.
    pub(in crate::ops) limit: usize,
}

/// One line.
struct Line {
    digest: Digest,
    state: &'static str,
    agency: [String; 3],
    division: DivisionCode,
    year: u16,
    revision: u32,
    act: ReportAct,
    own: bool,
    index: Option<u64>,
    refusal: Option<&'static str>,
}

/// The word of an act.
pub(super) const fn act_word(act: ReportAct) -> &'static str {
    match act {
        ReportAct::Submit => "submit",
        ReportAct::Nil => "nil",
        ReportAct::NotApplicable => "not_applicable",
        ReportAct::Correct => "correct",
        ReportAct::Withdraw => "withdraw",
        ReportAct::Return => "return",
    }
}

/// The word of an accepted revision's state.
pub(super) const fn state_word(state: RevisionState) -> &'static str {
    match state {
        RevisionState::Held => "held",
        RevisionState::Released => "released",
        RevisionState::Superseded => "superseded",
        RevisionState::Withdrawn => "withdrawn",
        RevisionState::Returned => "returned",
    }
}

/// The word for an accepted revision: one that was sent back and nothing has taken the place of is returned, whether
/// it was public by then or not.
pub(super) fn line_state(row: &Revision) -> &'static str {
    match (row.state, row.returned) {
        (RevisionState::Released | RevisionState::Held, Some(_)) => "returned",
        (state, _) => state_word(state),
    }
}

/// The document of `gongshi list --json`: first what waits, then what was refused, then what was accepted.
pub(super) fn list(store: &dyn Read, glance: &Glance, filter: &Filter) -> Result<Value, StoreError> {
    let mut lines = Vec::new();
    let state = filter.state.as_deref();
    // One more than asked for says that there are more.
    let enough = filter.limit.saturating_add(1);
    if state.is_none_or(|state| matches!(state, "waiting" | "refused")) {
        waiting(store, glance, filter, enough, &mut lines)?;
    }
    if state.is_none_or(|state| state == "refused") {
        for refused in find::refused(store)?.into_iter().rev() {
            // A node holds what it refused or passed on; of the rest only the refusal is known.
            let Some(entry) = read_entry(store, &refused.statement)? else { continue };
            let line = Line::of_entry(&entry, "refused", refused.origin == glance.own);
            lines.extend(
                line.map(|line| Line { refusal: Some(refused.code), ..line })
                    .filter(|line| line.fits(filter)),
            );
        }
    }
    if state.is_none_or(|state| !matches!(state, "waiting" | "refused")) {
        accepted(store, glance, filter, enough, &mut lines)?;
    }
    let more = lines.len() > filter.limit;
    lines.truncate(filter.limit);
    let packages: Vec<Value> = lines.iter().map(Line::to_json).collect();
    Ok(json!({"schema": "gongshi.list/1", "packages": packages, "more": more}))
}

fn waiting(
    store: &dyn Read,
    glance: &Glance,
    filter: &Filter,
    enough: usize,
    lines: &mut Vec<Line>,
) -> Result<(), StoreError> {
    for (origin, node) in &glance.nodes {
        let mut from = layout::entry(origin, node.next_index);
        let until = prefix_end(&[b"e".as_slice(), origin.as_bytes()].concat());
        loop {
            let rows = store.scan(&from, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            for (key, row) in rows {
                let (_, entry) = parse_entry_row(&row)?;
                // The node may have moved on since the glance.
                if store.get(&layout::sequenced(&entry.digest()))?.is_none() {
                    let state = glance.waiting_state(origin, entry.statement.index());
                    let refusal = (state == "refused").then_some(RefusalCode::NoAuthority.as_str());
                    let wanted = match filter.state.as_deref() {
                        Some("refused") => refusal.is_some(),
                        Some(_) => refusal.is_none(),
                        None => true,
                    };
                    let line = Line::of_entry(&entry, state, *origin == glance.own);
                    let line = line.map(|line| Line { refusal, ..line });
                    lines.extend(line.filter(|line| wanted && line.fits(filter)));
                }
                from = [key.as_slice(), &[0]].concat();
            }
            if last || lines.len() >= enough {
                break;
            }
        }
    }
    Ok(())
}

fn accepted(
    store: &dyn Read,
    glance: &Glance,
    filter: &Filter,
    enough: usize,
    lines: &mut Vec<Line>,
) -> Result<(), StoreError> {
    let prefix = match (&filter.division, filter.year) {
        (Some(division), year) => layout::by_division_prefix(division.as_str(), year),
        (None, Some(year)) => layout::by_year_prefix(year),
        (None, None) => vec![layout::BY_INDEX],
    };
    let mut until = prefix_end(&prefix);
    loop {
        let rows = store.scan_back(&prefix, &until, SCAN_ROWS)?;
        let last = rows.len() < SCAN_ROWS;
        for (key, value) in rows {
            if let Some(digest) = value.first_chunk().copied().map(Digest::from_bytes)
                && let Some(revision) = find::revision(store, &digest)?
            {
                let line = Line::of_revision(&revision, revision.author == glance.own);
                let wanted = filter.state.as_ref().is_none_or(|state| state == line.state);
                lines.extend(Some(line).filter(|line| wanted && line.fits(filter)));
            }
            until = key;
        }
        if last || lines.len() >= enough {
            return Ok(());
        }
    }
}

impl Line {
    fn of_entry(entry: &Entry, state: &'static str, own: bool) -> Option<Self> {
        let report = entry.card.act.report()?;
        Some(Self {
            digest: entry.digest(),
            state,
            agency: [report.agency_id(), report.agency_name.clone(), report.agency_code.clone()],
            division: report.division.clone(),
            year: report.year,
            revision: report.revision,
            act: report.act,
            own,
            index: None,
            refusal: None,
        })
    }

    fn of_revision(row: &Revision, own: bool) -> Self {
        Self {
            digest: row.digest,
            state: line_state(row),
            agency: [row.agency_id.clone(), row.agency_name.clone(), row.agency_code.clone()],
            division: row.division.clone(),
            year: row.year,
            revision: row.revision,
            act: ReportAct::from_kind_code(row.act).unwrap_or(ReportAct::Submit),
            own,
            index: Some(row.index),
            refusal: None,
        }
    }

    fn fits(&self, filter: &Filter) -> bool {
        let named = |part: &String| self.agency.iter().any(|name| name.contains(part.as_str()));
        filter.division.as_ref().is_none_or(|division| *division == self.division)
            && filter.year.is_none_or(|year| year == self.year)
            && filter.agency.as_ref().is_none_or(named)
    }

    fn to_json(&self) -> Value {
        let [id, name, code] = &self.agency;
        let code = Some(code).filter(|code| !code.is_empty());
        json!({
            "digest": self.digest, "state": self.state, "own": self.own, "act": act_word(self.act),
            "agency": {"id": id, "name": name, "code": code},
            "division": {"code": self.division, "name": division_name(&self.division)},
            "year": self.year, "revision": self.revision, "index": self.index, "refusal": self.refusal,
        })
    }
}
