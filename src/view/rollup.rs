//! Roll-ups: what one change of the fold does to the sums of the index.
//!
//! Every package that is public, its division's own and not in doubt adds its figures to its division and to every
//! division above it: O(depth × columns) an update, whatever else there is. A row a package (`f`) remembers what it
//! added, so that applying an act again, or late, changes nothing. When the tree changes, the own sums of the divisions
//! concerned move from their old ancestors to their new ones. What the index holds is a function of the fold and the
//! bodies, never of the order of events.

use super::figures::TableFigures;
use super::sum::{TableKey, TableSum};
use super::tree::{self, significant};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{Registry, Revision, RevisionState, TreeChange};
use crate::statement::{ReportAct, Scope};
use crate::store::{Batch, Overlay, Read, StoreError, layout, prefix_end};
use crate::wire;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A row of sums: at most 200 columns of a template with their ids.
const ROW_BYTES_MAX: usize = 1 << 20;

/// Scope byte of a division's own sums.
pub(super) const OWN: u8 = 0;
/// Scope byte of the sums of a division and all below it.
pub(super) const ALL: u8 = 1;
/// Kind byte of the tally.
pub(super) const TALLY: u8 = 0;

/// Where a division stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The divisions above it, nearest first.
    pub(super) above: Vec<DivisionCode>,
    /// A delegation or hosting names it, whether it reports or not.
    pub(super) named: bool,
    /// It has or had a node of its own.
    pub(super) delegated: bool,
    /// Public packages of its own, of any year.
    pub(super) packages: u64,
    /// The name of its newest node; empty without one.
    pub(super) name: String,
}

/// How many public packages there are, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Own reports with figures.
    pub own: i64,
    /// Consolidated reports: compared, never added.
    pub consolidated: i64,
    /// Reports of no activity.
    pub nil: i64,
    /// Reports of no such duty.
    pub not_applicable: i64,
    /// Own or consolidated reports in doubt (待核实): shown, not summed.
    pub suspect: i64,
    /// Public reports that an upper level sent back.
    pub returned: i64,
}

impl Tally {
    fn add(&mut self, other: &Self, by: i64) {
        self.own += by * other.own;
        self.consolidated += by * other.consolidated;
        self.nil += by * other.nil;
        self.not_applicable += by * other.not_applicable;
        self.suspect += by * other.suspect;
        self.returned += by * other.returned;
    }

    /// What one revision counts as; nothing when it is not public now.
    fn of(revision: &Revision) -> Self {
        let mut tally = Self::default();
        if revision.state != RevisionState::Released || !revision.shown {
            return tally;
        }
        tally.returned = i64::from(revision.returned.is_some());
        match (ReportAct::from_kind_code(revision.act), revision.scope) {
            _ if revision.suspect => tally.suspect = 1,
            (Some(ReportAct::Nil), _) => tally.nil = 1,
            (Some(ReportAct::NotApplicable), _) => tally.not_applicable = 1,
            (_, Scope::Own) => tally.own = 1,
            (_, Scope::Consolidated) => tally.consolidated = 1,
        }
        tally
    }
}

/// What a revision adds to sums, and its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// What it counts as now.
    pub(super) tally: Tally,
    /// Its figures, whether they are in sums now or wait for a release.
    pub(super) tables: Vec<TableFigures>,
}

impl Part {
    /// True when its figures are in sums.
    pub(super) const fn is_summed(&self) -> bool {
        self.tally.own == 1
    }
}

/// Sums of one division's year and scope that changed.
#[derive(Default)]
struct Change {
    tables: BTreeMap<TableKey, TableSum>,
    tally: Tally,
}

/// What changes, until it is written.
pub struct RollUp<'a> {
    read: Overlay<'a>,
    registry: &'a Registry,
    changes: BTreeMap<(DivisionCode, u16, u8), Change>,
    places: BTreeMap<DivisionCode, Place>,
    puts: Batch,
}

fn damaged(what: &str) -> impl Fn(wire::WireError) -> StoreError {
    move |error| StoreError::Damaged(format!("{what}: {error}"))
}

pub(super) fn read_row<T>(read: &dyn Read, key: &[u8], what: &str) -> Result<Option<T>, StoreError>
where
    T: Serialize + serde::de::DeserializeOwned,
{
    let row = read.get(key)?;
    row.map(|row| wire::decode(&row, ROW_BYTES_MAX).map_err(damaged(what))).transpose()
}

pub(super) fn parse_row<T>(row: &[u8], what: &str) -> Result<T, StoreError>
where
    T: Serialize + serde::de::DeserializeOwned,
{
    wire::decode(row, ROW_BYTES_MAX).map_err(damaged(what))
}

impl<'a> RollUp<'a> {
    /// Nothing yet; `read` is the index as it is, `registry` the tree as it is after the act.
    pub fn new(read: Overlay<'a>, registry: &'a Registry) -> Self {
        let (changes, places) = (BTreeMap::new(), BTreeMap::new());
        Self { read, registry, changes, places, puts: Batch::new() }
    }

    /// Follows a revision whose row is new or changed. `figures` reads its body, and is asked only when the revision
    /// is new or its figures were not seen before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revise(
        &mut self,
        revision: &Revision,
        figures: &dyn Fn(&Digest) -> Result<Vec<TableFigures>, StoreError>,
    ) -> Result<(), StoreError> {
        let key = layout::figures(&revision.digest);
        let before: Option<Part> = read_row(&self.read, &key, "figures")?;
        // What waits for its release is read when it comes, so that a release only adds.
        let matters =
            matches!(revision.state, RevisionState::Held | RevisionState::Released) && !revision.suspect;
        let tally = Tally::of(revision);
        let mut after = Part { tally, tables: Vec::new() };
        if matters {
            after.tables = match &before {
                Some(part) if !part.tables.is_empty() => part.tables.clone(),
                _ => figures(&revision.digest)?,
            };
        }
        if let Some(part) = &before {
            self.count(revision, part, -1)?;
        }
        self.count(revision, &after, 1)?;
        if matters || tally != Tally::default() {
            self.puts.put(key, wire::encode(&after));
        } else {
            self.puts.delete(key);
        }
        Ok(())
    }

    /// Adds or takes away a package in its division and all above.
    fn count(&mut self, revision: &Revision, part: &Part, by: i64) -> Result<(), StoreError> {
        if part.tally == Tally::default() {
            return Ok(());
        }
        let (division, year) = (&revision.division, revision.year);
        let place = self.place(division)?;
        for (code, scope) in scopes(division, &place.above) {
            let change = self.changes.entry((code.clone(), year, scope)).or_default();
            change.tally.add(&part.tally, by);
            for table in part.tables.iter().filter(|_| part.is_summed()) {
                let sum = || TableSum::empty(table.key.clone());
                change.tables.entry(table.key.clone()).or_insert_with(sum).put(&table.columns, by);
            }
        }
        let packages = place.packages.saturating_add_signed(by);
        self.put_place(division, Place { packages, ..place });
        if part.tally.consolidated == 1 {
            let key = layout::consolidated(division.as_str(), year, &revision.digest);
            if by > 0 { self.puts.put(key, Vec::new()) } else { self.puts.delete(key) }
        }
        Ok(())
    }

    /// The place of a division, found when nobody has asked for it before.
    fn place(&mut self, division: &DivisionCode) -> Result<Place, StoreError> {
        if let Some(place) = self.places.get(division) {
            return Ok(place.clone());
        }
        let held: Option<Place> = read_row(&self.read, &layout::place(division.as_str()), "a place")?;
        let found = || Place { above: tree::ancestors(self.registry, division), ..Place::default() };
        let place = held.unwrap_or_else(found);
        self.places.insert(division.clone(), place.clone());
        Ok(place)
    }

    fn put_place(&mut self, division: &DivisionCode, place: Place) {
        let (key, above) = (layout::place(division.as_str()), place.above.first());
        let link = above.map(|above| layout::below(above.as_str(), division.as_str()));
        if place.packages == 0 && !place.named {
            self.puts.delete(key);
            link.into_iter().for_each(|link| self.puts.delete(link));
        } else {
            self.puts.put(key, wire::encode(&place));
            link.into_iter().for_each(|link| self.puts.put(link, Vec::new()));
        }
        self.places.insert(division.clone(), place);
    }

    /// Follows a change of the tree. `hosted` are divisions that the act names as hosted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn follow_tree(
        &mut self,
        change: Option<TreeChange>,
        hosted: &[DivisionCode],
    ) -> Result<(), StoreError> {
        let mut named: Vec<DivisionCode> = hosted.to_vec();
        let seated = match change {
            Some(TreeChange::Delegated(key)) => self.registry.delegation(&key),
            _ => None,
        };
        if let Some(delegation) = seated {
            let before = self.place(&delegation.division)?;
            if !before.delegated {
                // A first node: beside itself it concerns hosted divisions that its digits name, and those it hosts.
                self.settle(&delegation.division, true, true)?;
                let prefix = layout::place(significant(&delegation.division));
                for division in self.divisions(&prefix)? {
                    self.settle(&division, false, false)?;
                }
                if let crate::trust::delegation::Hosting::List(codes) = &delegation.hosting {
                    named.extend(codes.iter().cloned());
                }
                return named.iter().try_for_each(|division| self.settle(division, true, false));
            }
        }
        for division in self.divisions(&[layout::PLACE])? {
            self.settle(&division, false, false)?;
        }
        named.iter().try_for_each(|division| self.settle(division, true, false))
    }

    /// Divisions with a place whose row begins so.
    fn divisions(&self, prefix: &[u8]) -> Result<Vec<DivisionCode>, StoreError> {
        let rows = self.read.scan(prefix, &prefix_end(prefix), usize::MAX)?;
        let code = |(key, _): &(Vec<u8>, Vec<u8>)| str::from_utf8(key.get(1..)?).ok()?.parse().ok();
        Ok(rows.iter().filter_map(code).collect())
    }

    /// Puts a division where the tree now says, and moves its own sums with it.
    fn settle(&mut self, division: &DivisionCode, named: bool, delegated: bool) -> Result<(), StoreError> {
        let before = self.place(division)?;
        let mut place = before.clone();
        let above = tree::ancestors(self.registry, division);
        if above != place.above {
            if place.packages > 0 {
                self.carry(division, &place.above, -1)?;
                self.carry(division, &above, 1)?;
            }
            if let Some(parent) = place.above.first() {
                self.puts.delete(layout::below(parent.as_str(), division.as_str()));
            }
            place.above = above;
        }
        if delegated
            && let Some(own) = self.registry.node(division).and_then(|key| self.registry.delegation(key))
        {
            place.name.clone_from(&own.name);
        }
        place.named |= named;
        place.delegated |= delegated;
        if place != before {
            self.put_place(division, place);
        }
        Ok(())
    }

    /// Adds a division's own sums of all years to the divisions above, or takes them away.
    fn carry(&mut self, division: &DivisionCode, above: &[DivisionCode], by: i64) -> Result<(), StoreError> {
        let prefix = layout::sums_of_division(division.as_str());
        let mut from = prefix.clone();
        let until = prefix_end(&prefix);
        // Year by year: the own rows of a year stand before those of the wider scope.
        while let Some((key, _)) = self.read.scan(&from, &until, 1)?.into_iter().next() {
            let Some(year) = year_of(&key, &prefix) else { break };
            let own = layout::sums_prefix(division.as_str(), year, OWN);
            for (key, row) in self.read.scan(&own, &prefix_end(&own), usize::MAX)? {
                let tally = key.get(own.len()) == Some(&TALLY);
                for code in above {
                    let change = self.changes.entry((code.clone(), year, ALL)).or_default();
                    if tally {
                        change.tally.add(&parse_row(&row, "a tally")?, by);
                    } else {
                        let sum: TableSum = parse_row(&row, "sums")?;
                        let empty = || TableSum::empty(sum.key.clone());
                        change.tables.entry(sum.key.clone()).or_insert_with(empty).add(&sum, by);
                    }
                }
            }
            let Some(next) = year.checked_add(1) else { break };
            from = layout::sums_prefix(division.as_str(), next, OWN);
        }
        Ok(())
    }

    /// What is to be written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish(mut self) -> Result<Batch, StoreError> {
        for ((division, year, scope), change) in std::mem::take(&mut self.changes) {
            for (table, delta) in change.tables {
                let (kind, name) = table.to_key();
                let key = layout::sums(division.as_str(), year, scope, kind, &name);
                let held: Option<TableSum> = read_row(&self.read, &key, "sums")?;
                let mut sum = held.unwrap_or_else(|| TableSum::empty(table));
                sum.add(&delta, 1);
                if sum.is_empty() { self.puts.delete(key) } else { self.puts.put(key, wire::encode(&sum)) }
            }
            let key = layout::sums(division.as_str(), year, scope, TALLY, &[]);
            let mut tally: Tally = read_row(&self.read, &key, "a tally")?.unwrap_or_default();
            tally.add(&change.tally, 1);
            if tally == Tally::default() {
                self.puts.delete(key);
            } else {
                self.puts.put(key, wire::encode(&tally));
            }
        }
        Ok(self.puts)
    }
}

/// Where a package of a division counts: there, and with lower levels there and above.
fn scopes<'a>(
    division: &'a DivisionCode,
    above: &'a [DivisionCode],
) -> impl Iterator<Item = (&'a DivisionCode, u8)> {
    [(division, OWN), (division, ALL)].into_iter().chain(above.iter().map(|code| (code, ALL)))
}

/// The year in a key of sums.
pub(super) fn year_of(key: &[u8], prefix: &[u8]) -> Option<u16> {
    key.strip_prefix(prefix)?.first_chunk().copied().map(u16::from_be_bytes)
}
