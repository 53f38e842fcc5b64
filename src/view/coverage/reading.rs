//! Reading coverage: the short rows of a year against the duties that the rosters name.

use super::{Basis, Counts, Coverage, Line, Reader, Standing};
use crate::division::DivisionCode;
use crate::ledger::roster::{DueDay, Duty};
use crate::ledger::{IndexRow, RevisionState};
use crate::statement::ReportAct;
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::time::WallMs;
use crate::view::scope::Scope;
use std::collections::BTreeMap;

/// How far back an earlier year is looked for where no roster decides.
pub const EARLIER_YEARS: u16 = 5;
/// Rows read at once.
const SCAN_ROWS: usize = 1_024;
const DAY_MS: u64 = 86_400_000;

/// The revisions of one agency's year, oldest first.
#[derive(Debug, Default)]
struct Year {
    division: Option<DivisionCode>,
    rows: Vec<IndexRow>,
}

impl Year {
    /// Every id by which a roster may know it.
    fn ids(&self, agency_id: &str) -> Vec<String> {
        let mut ids = vec![agency_id.to_owned()];
        for row in self.rows.iter().rev() {
            ids.extend(Some(row.agency_code.clone()).filter(|code| !code.is_empty()));
            ids.extend(self.division.as_ref().map(|division| format!("{division}:{}", row.agency_name)));
        }
        ids
    }

    fn line(self, agency_id: String, duty: Option<&Duty>, at: (u16, WallMs)) -> Option<Line> {
        let last = self.rows.last()?;
        let standing = match (last.state, ReportAct::from_kind_code(last.act)) {
            (RevisionState::Withdrawn, _) => Standing::Missing,
            _ if last.returned => Standing::Returned,
            (_, Some(ReportAct::Nil)) => Standing::Nil,
            (_, Some(ReportAct::NotApplicable)) => Standing::NotApplicable,
            _ => Standing::Reported,
        };
        let counted = |row: &&IndexRow| row.state != RevisionState::Withdrawn && !row.returned;
        let received_at = self.rows.iter().find(counted).map(|row| row.received_at);
        let stands = !matches!(standing, Standing::Missing);
        let mut line = Line {
            division: self.division.clone()?,
            agency_id,
            agency_name: last.agency_name.clone(),
            agency_code: last.agency_code.clone(),
            expected: duty.is_some(),
            tables: Vec::new(),
            due: String::new(),
            standing,
            provisional: last.provisional && standing == Standing::Reported,
            corrected: self.rows.iter().filter(counted).count() > 1,
            held: last.state == RevisionState::Held,
            withdrawn: last.state == RevisionState::Withdrawn,
            suspect: last.suspect,
            digest: Some(last.digest).filter(|_| stands && last.state != RevisionState::Returned),
            received_at: received_at.filter(|_| !matches!(standing, Standing::Missing | Standing::Returned)),
            days_late: 0,
        };
        line.owe(duty, at);
        Some(line)
    }
}

impl Line {
    /// An agency that owes a report and gave none that may be told of.
    fn without(duty: &Duty, standing: Standing, at: (u16, WallMs)) -> Self {
        let id = if duty.agency_code.is_empty() { duty.name_id() } else { duty.agency_code.clone() };
        let mut line = Self {
            division: duty.division.clone(),
            agency_id: id,
            agency_name: duty.agency_name.clone(),
            agency_code: duty.agency_code.clone(),
            expected: true,
            tables: Vec::new(),
            due: String::new(),
            standing,
            provisional: false,
            corrected: false,
            held: false,
            withdrawn: false,
            suspect: false,
            digest: None,
            received_at: None,
            days_late: 0,
        };
        line.owe(Some(duty), at);
        line
    }

    fn owe(&mut self, duty: Option<&Duty>, (year, now): (u16, WallMs)) {
        let due = duty.map_or_else(DueDay::default, |duty| duty.due);
        self.tables = duty.map(|duty| duty.tables.clone()).unwrap_or_default();
        self.due = due.date(year);
        let came = self.received_at.unwrap_or(now);
        let late_ms = came.0.checked_sub(due.late_from(year).0);
        self.days_late = match self.standing {
            Standing::NotApplicable | Standing::Undisclosed => 0,
            _ => late_ms.map_or(0, |late_ms| late_ms / DAY_MS + 1),
        };
    }
}

/// The years of all agencies at and below `top`, by agency id.
fn years(
    store: &dyn Read,
    scope: &Scope,
    top: &DivisionCode,
    year: u16,
    reader: Reader,
) -> Result<BTreeMap<String, Year>, StoreError> {
    let open = scope.is_public(year);
    let told = |row: &IndexRow| {
        reader == Reader::Office || row.shown || (open && row.state == RevisionState::Returned)
    };
    let mut found: BTreeMap<String, Year> = BTreeMap::new();
    // The division last met, which the rows of a year stand by, and whether it is wanted.
    let mut at: Option<(DivisionCode, bool)> = None;
    for beginning in scope.tree.beginnings(top) {
        let prefix = layout::by_year_within(year, beginning);
        let (mut from, until) = (prefix.clone(), prefix_end(&prefix));
        loop {
            let rows = store.scan(&from, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            if let Some((key, _)) = rows.last() {
                from = [key.as_slice(), &[0]].concat();
            }
            for (key, value) in rows {
                let Some((division, agency)) = place(&key) else { continue };
                let Some(row) = IndexRow::read(&value).filter(told) else { continue };
                let within = match &at {
                    Some((met, within)) if *met == division => *within,
                    _ => scope.tree.is_within(&division, top),
                };
                at = Some((division.clone(), within));
                if within {
                    let year = found.entry(agency).or_default();
                    year.division = Some(division);
                    year.rows.push(row);
                }
            }
            if last {
                break;
            }
        }
    }
    Ok(found)
}

/// Division and agency id of a key by year.
fn place(key: &[u8]) -> Option<(DivisionCode, String)> {
    let (_, rest) = key.split_at_checked(1 + size_of::<u16>())?;
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let division = str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let rest = parts.next()?;
    // Behind the agency: a zero and the revision's number.
    let agency = rest.get(..rest.len().checked_sub(1 + size_of::<u32>())?)?;
    Some((division, str::from_utf8(agency).ok()?.to_owned()))
}

/// The coverage of `top` and everything below it for a year.
///
/// # Errors
/// [`StoreError`].
pub fn coverage(
    store: &dyn Read,
    scope: &Scope,
    top: &DivisionCode,
    year: u16,
    now: WallMs,
    reader: Reader,
) -> Result<Coverage, StoreError> {
    let withheld = reader == Reader::Public && !scope.is_public(year);
    let owed = scope.duties(store, top, year)?;
    let mut duties = owed.lines;
    let at = (year, now);
    let by_roster = !scope.rosters.is_empty() && scope.decider(top).is_some();
    let some_roster = by_roster || !duties.is_empty();
    let mut reported = match withheld {
        true => BTreeMap::new(),
        false => years(store, scope, top, year, reader)?,
    };
    let mut earlier_year = None;
    if !by_roster {
        for earlier in (year.saturating_sub(EARLIER_YEARS)..year).rev() {
            let found = years(store, scope, top, earlier, reader)?;
            let undecided = found.into_iter().filter_map(|(id, year)| {
                let division = year.division.clone()?;
                let owes = scope.decider(&division).is_none();
                owes.then(|| earlier_duty(id, division, &year)).flatten()
            });
            let undecided: Vec<Duty> = undecided.collect();
            if !undecided.is_empty() {
                duties.extend(undecided);
                earlier_year = Some(earlier);
                break;
            }
        }
    }
    let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
    for (place, duty) in duties.iter().enumerate() {
        by_id.entry(duty.name_id()).or_insert(place);
        if !duty.agency_code.is_empty() {
            by_id.entry(duty.agency_code.clone()).or_insert(place);
        }
    }
    let mut lines: Vec<Line> = Vec::with_capacity(duties.len());
    let mut met = vec![false; duties.len()];
    for (id, year) in std::mem::take(&mut reported) {
        let place = year.ids(&id).iter().find_map(|id| by_id.get(id).copied());
        let place = place.filter(|place| met.get(*place) == Some(&false));
        if let Some(seen) = place.and_then(|place| met.get_mut(place)) {
            *seen = true;
        }
        let duty = place.and_then(|place| duties.get(place));
        let undecided = year.division.as_ref().is_some_and(|division| scope.decider(division).is_none());
        lines.extend(
            year.line(id, duty, at).map(|line| Line { expected: line.expected || undecided, ..line }),
        );
    }
    let unmet = duties.iter().zip(&met).filter(|(_, met)| !**met);
    let standing = if withheld { Standing::Undisclosed } else { Standing::Missing };
    lines.extend(unmet.map(|(duty, _)| Line::without(duty, standing, at)));
    lines.sort_by(|a, b| (&a.division, &a.agency_name).cmp(&(&b.division, &b.agency_name)));
    let basis = match (some_roster, by_roster) {
        (true, true) => Basis::Roster,
        (true, false) => Basis::Mixed,
        _ => Basis::EarlierYear,
    };
    let (division, unread) = (top.clone(), owed.unread);
    let mut coverage = Coverage {
        division,
        year,
        basis,
        earlier_year,
        withheld,
        counts: Counts::default(),
        levels: BTreeMap::new(),
        divisions: Vec::new(),
        lines,
        unread,
    };
    coverage.count(scope);
    Ok(coverage)
}

/// What an agency of an earlier year owes; nothing when it said that it has no such duty, or took its report back.
fn earlier_duty(id: String, division: DivisionCode, year: &Year) -> Option<Duty> {
    let last = year.rows.last()?;
    let none = last.act == ReportAct::NotApplicable.kind_code() || last.state == RevisionState::Withdrawn;
    let agency_code = match (last.agency_code.is_empty(), id.contains(':')) {
        (true, false) => id,
        _ => last.agency_code.clone(),
    };
    (!none).then(|| Duty {
        division,
        agency_name: last.agency_name.clone(),
        from: None,
        until: None,
        agency_code,
        tables: Vec::new(),
        due: DueDay::default(),
    })
}
