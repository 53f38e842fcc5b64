//! Printed totals against computed sums: consolidated reports are never added, they are compared, cell by cell.
//!
//! A consolidated report is compared with the own reports of the members it names; without a list, with those of its
//! division and all below. Rows that name one agency or one division below are compared with that one's own figures.
//! Where nobody reported a figure there is nothing to compare, and a layout that cannot be read in the printed one is
//! not compared either: what is listed is a difference of figures, never a guess.

use super::build::ViewQuery;
use super::figures::{Reading, readings};
use super::folding::{Layout, group, together};
use super::members::{Counted, Crowd, Members};
use super::provenance::{AgencyName, Parts, first_packages};
use super::read::{Reader, ViewScope};
use super::sum::{ColumnKey, Sum, TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::Revision;
use crate::package::body;
use crate::store::StoreError;
use serde::Serialize;

/// Most consolidated reports of one division's year that are compared: a district has a hundred agencies.
const PACKAGES_MAX: usize = 200;
/// Most differences listed.
const DIFFERENCES_MAX: usize = 500;
/// Packages named beside a computed sum; the provenance of the sum lists them all.
const PARTS_MAX: usize = 50;

/// What a printed figure was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The members that the report names.
    Members,
    /// The division and all below it.
    Subtree,
    /// One row with the agency or division that its label names.
    Row,
}

/// One side of a computed sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartView {
    /// The package; null when it is the sum of a division.
    pub digest: Option<Digest>,
    /// Whose report; null likewise.
    pub agency: Option<AgencyName>,
    /// Of which division.
    pub division: DivisionCode,
    /// What it adds; null when its number cannot be summed.
    pub value: Option<Sum>,
}

/// A printed total that is not what its parts sum to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferenceView {
    /// The consolidated package.
    pub digest: Digest,
    /// Whose it is.
    pub agency: AgencyName,
    /// The table's id in that package.
    pub table: String,
    /// Its name as printed.
    pub table_name: String,
    /// The column's id in that package.
    pub column: String,
    /// Its header as printed.
    pub header: String,
    /// The base unit.
    pub unit: String,
    /// The row's label, where one row was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// What it was compared with.
    pub against: Against,
    /// The printed figure in base units.
    pub printed: Sum,
    /// The sum of the parts.
    pub computed: Sum,
    /// Printed less computed.
    pub difference: Sum,
    /// Packages in the computed sum.
    pub packages: i64,
    /// The first of them.
    pub parts: Vec<PartView>,
    /// Members named that have no own report to sum.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The differences of a division's year.
///
/// # Errors
/// [`StoreError`].
pub(super) fn differences(reader: &Reader<'_>, query: &ViewQuery) -> Result<Vec<DifferenceView>, StoreError> {
    let mut found = Vec::new();
    let consolidated = reader.consolidated(&query.division, query.year)?;
    if consolidated.is_empty() {
        return Ok(found);
    }
    let crowd = Crowd::of(reader, &query.division, query.year)?;
    for digest in consolidated.iter().take(PACKAGES_MAX) {
        let (Some(revision), Some(content)) = (reader.revision(digest)?, (reader.content)(digest)?) else {
            continue;
        };
        let Ok(body) = body::parse(&content) else { continue };
        let members = match body.members.is_empty() {
            true => None,
            false => Some(Members::of(reader, &crowd, &body.members)?),
        };
        let sums = match &members {
            Some(members) => members.sums(),
            None => reader.sums(&query.division, query.year, ViewScope::All)?.1,
        };
        let printed =
            Printed { reader, revision: &revision, crowd: &crowd, members: members.as_ref(), sums: &sums };
        for reading in readings(&body.tables) {
            printed.compare_totals(&reading, &mut found)?;
            printed.compare_rows(&reading, &mut found)?;
        }
    }
    found.truncate(DIFFERENCES_MAX);
    Ok(found)
}

/// A consolidated report and what it is compared with.
struct Printed<'a> {
    reader: &'a Reader<'a>,
    revision: &'a Revision,
    crowd: &'a Crowd,
    members: Option<&'a Members>,
    sums: &'a [TableSum],
}

impl Printed<'_> {
    fn compare_totals(
        &self,
        reading: &Reading<'_>,
        found: &mut Vec<DifferenceView>,
    ) -> Result<(), StoreError> {
        for (at, key) in reading.columns() {
            let Some(printed) = reading.printed_total(at).and_then(|figure| figure.sum) else { continue };
            let Some((computed, packages)) = computed(self.reader, self.sums, &reading.key, &key) else {
                continue;
            };
            if printed == computed {
                continue;
            }
            let against = if self.members.is_some() { Against::Members } else { Against::Subtree };
            let parts = match self.members {
                Some(members) => members.parts(self.reader, &reading.key, &key),
                None => self.subtree_parts(&reading.key, &key)?,
            };
            let missing = self.members.map(|members| members.missing.clone()).unwrap_or_default();
            found.push(DifferenceView {
                against,
                packages,
                parts,
                missing,
                ..self.difference(reading, at, None, printed, computed)
            });
        }
        Ok(())
    }

    fn compare_rows(&self, reading: &Reading<'_>, found: &mut Vec<DifferenceView>) -> Result<(), StoreError> {
        if reading.labels.is_empty() || reading.table.rows.len() < 2 {
            return Ok(());
        }
        for row in 0..reading.table.rows.len() {
            let label = reading.label(row);
            let Some(one) = self.crowd.named(&label) else { continue };
            let sums = one.sums(self.reader, self.crowd.year)?;
            for (at, key) in reading.columns() {
                let cell = reading.table.rows.get(row).and_then(|cells| cells.get(at));
                let Some(printed) = cell.and_then(|cell| cell.value).and_then(Sum::of) else { continue };
                let Some((computed, packages)) = computed(self.reader, &sums, &reading.key, &key) else {
                    continue;
                };
                if printed != computed {
                    let mut difference = self.difference(reading, at, Some(label.clone()), printed, computed);
                    difference.packages = packages;
                    difference.parts = vec![one.part(Some(computed))];
                    found.push(difference);
                }
            }
        }
        Ok(())
    }

    fn difference(
        &self,
        reading: &Reading<'_>,
        at: usize,
        row: Option<String>,
        printed: Sum,
        computed: Sum,
    ) -> DifferenceView {
        let column = reading.table.columns.get(at);
        DifferenceView {
            digest: self.revision.digest,
            agency: AgencyName {
                id: self.revision.agency_id.clone(),
                name: self.revision.agency_name.clone(),
            },
            table: reading.table.id.clone(),
            table_name: reading.table.name.clone(),
            column: column.map(|column| column.id.clone()).unwrap_or_default(),
            header: column.map(|column| column.header.clone()).unwrap_or_default(),
            unit: column.and_then(|column| column.unit.clone()).unwrap_or_default(),
            row,
            against: Against::Row,
            printed,
            computed,
            difference: printed.minus(computed),
            packages: 0,
            parts: Vec::new(),
            missing: Vec::new(),
        }
    }

    fn subtree_parts(&self, table: &TableKey, column: &ColumnKey) -> Result<Vec<PartView>, StoreError> {
        let parts = sources_of(self.reader, self.sums, table, column);
        let (division, year) = (&self.revision.division, self.revision.year);
        let adding = first_packages(self.reader, division, year, ViewScope::All, &parts, PARTS_MAX)?;
        let part = |adding: super::provenance::Adding| PartView {
            digest: Some(adding.revision.digest),
            agency: Some(AgencyName { id: adding.revision.agency_id, name: adding.revision.agency_name }),
            division: adding.revision.division,
            value: adding.sum,
        };
        Ok(adding.into_iter().map(part).collect())
    }
}

/// What a printed column's sum is made of.
fn sources_of(reader: &Reader<'_>, sums: &[TableSum], table: &TableKey, column: &ColumnKey) -> Parts {
    let TableKey::Template(target) = table else {
        return Parts::from([(table.clone(), vec![column.clone()])]);
    };
    let (groups, _) = group(reader.templates, sums);
    let layouts = groups.iter().flat_map(|(_, layouts)| layouts);
    let keys = |layout: &Layout<'_>| {
        let places = super::folding::sources(layout.template, target, &column.id)?;
        let keys = places.into_iter().filter_map(|place| super::folding::column_key(layout.template, place));
        Some((layout.sum.key.clone(), keys.collect()))
    };
    layouts.filter_map(keys).collect()
}

/// A column's sum as the printed layout reads it, and its packages; none when there is nothing to compare.
pub(super) fn computed(
    reader: &Reader<'_>,
    sums: &[TableSum],
    table: &TableKey,
    column: &ColumnKey,
) -> Option<(Sum, i64)> {
    let TableKey::Template(target) = table else {
        let held = sums.iter().find(|sum| sum.key == *table)?.columns.get(column)?;
        return (held.packages > 0).then_some((held.sum, held.packages));
    };
    let kind = &reader.templates.find(target)?.table;
    let (groups, _) = group(reader.templates, sums);
    let (_, layouts) = groups.iter().find(|(table, _)| table == kind)?;
    let layouts: Vec<&Layout<'_>> = layouts.iter().collect();
    let folded = together(&layouts, target, &column.id)?;
    Some((folded.sum?, folded.packages))
}

/// What members add in a column, at most [`PARTS_MAX`] of them.
pub(super) fn member_parts(
    reader: &Reader<'_>,
    counted: &[Counted],
    table: &TableKey,
    column: &ColumnKey,
) -> Vec<PartView> {
    let value = |one: &Counted| {
        let (sum, _) = computed(reader, &one.tables, table, column)?;
        Some(one.part(Some(sum)))
    };
    counted.iter().filter_map(value).take(PARTS_MAX).collect()
}
