//! The consolidated view of a division's year: tables with their folds, rates, changes, coverage, differences.

use super::compare::{DifferenceView, differences};
use super::folding::{Layout, group, reaches, target, together};
use super::rate::{ChangeView, RateView, change, percent};
use super::read::{DivisionName, Reader, ViewScope};
use super::rollup::Tally;
use super::sum::{ColumnKey, Sum, TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::money::Unit;
use crate::store::StoreError;
use crate::template::Template;
use serde::Serialize;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ViewQuery {
    /// Whose year.
    pub division: DivisionCode,
    /// The calendar year.
    pub year: u16,
    /// Own, or with lower levels.
    pub scope: ViewScope,
    /// Read tables in this layout where their own can be; else in the one that tells most.
    pub template: Option<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnView {
    /// The template's id, or the comparable header of an extra table with its unit.
    pub id: String,
    /// The header.
    pub header: String,
    /// The base unit: 元 for money. Empty where an extra table gives none.
    pub unit: String,
    /// The exact sum; null when no package prints a number here (blank is not zero).
    pub sum: Option<Sum>,
    /// Packages in the sum.
    pub packages: i64,
    /// Packages that print a number here which cannot be summed (no unit, another kind of unit, too many digits).
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: i64,
    /// The year before, where it is told in the same layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_year: Option<ChangeView>,
}

/// How many packages of one layout were read in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoldView {
    /// The layout the packages have.
    pub template: String,
    /// How many.
    pub packages: i64,
}

/// A table in one layout, as its packages print it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayoutView {
    /// The layout.
    pub template: String,
    /// Its title.
    pub name: String,
    /// Packages that have it.
    pub packages: i64,
    /// All its columns.
    pub columns: Vec<ColumnView>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableView {
    /// The table's id across layouts (`penalty`), `TABLE@TEMPLATE` for a layout that cannot be read with the others,
    /// `x-` and digits for an extra table.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The layout in which it is read; null for an extra table.
    pub template: Option<String>,
    /// Packages that have it.
    pub packages: i64,
    /// Its columns: those that every layout among the packages tells.
    pub columns: Vec<ColumnView>,
    /// Which layouts were folded, and how many packages of each; empty when all packages have this one.
    pub folded: Vec<FoldView>,
    /// Where something was folded: each layout as printed, for the columns that cannot be.
    pub layouts: Vec<LayoutView>,
}

/// Who reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CoverageView {
    /// Reports that are due.
    pub expected: i64,
    /// Reports with figures that are public.
    pub reported: i64,
    /// Reports of no activity.
    pub nil: i64,
    /// Reports of no such duty.
    pub not_applicable: i64,
    /// Reports that an upper level sent back.
    pub returned: i64,
    /// Reports that are due and not there.
    pub missing: i64,
}

/// A division's year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Whose.
    pub division: DivisionName,
    /// The calendar year.
    pub year: u16,
    /// Own, or with lower levels.
    pub scope: ViewScope,
    /// Packages that are summed.
    pub packages: i64,
    /// Consolidated packages: compared, never added.
    pub consolidated: i64,
    /// Packages in doubt (待核实): shown, not summed.
    pub suspect: i64,
    /// Tables that follow templates in the order of those, then extra tables by name.
    pub tables: Vec<TableView>,
    /// Rates.
    pub rates: Vec<RateView>,
    /// Who reported: as far as packages tell, until a reader of the rosters sets it ([`CoverageView::of`]).
    pub coverage: CoverageView,
    /// Where a printed total is not what its parts sum to.
    pub differences: Vec<DifferenceView>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &i64) -> bool {
    *count == 0
}

impl CoverageView {
    /// The counts of a division's coverage in a scope.
    pub fn of(coverage: &super::coverage::Coverage, scope: ViewScope) -> Self {
        let own =
            || coverage.divisions.iter().find(|one| one.code == coverage.division).map(|one| one.counts);
        let counts = match scope {
            ViewScope::All => coverage.counts,
            ViewScope::Own => own().unwrap_or_default(),
        };
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            expected: count(counts.expected),
            reported: count(counts.reported),
            nil: count(counts.nil),
            not_applicable: count(counts.not_applicable),
            returned: count(counts.returned),
            missing: count(counts.missing),
        }
    }
}

/// Coverage as far as the packages themselves tell it: nobody is known to be missing before a roster says who is due.
fn coverage(tally: &Tally) -> CoverageView {
    let reported = tally.own + tally.consolidated + tally.suspect;
    CoverageView {
        expected: reported + tally.nil + tally.not_applicable,
        reported,
        nil: tally.nil,
        not_applicable: tally.not_applicable,
        returned: tally.returned,
        missing: 0,
    }
}

/// The view of a division's year; none for a division that nothing of this federation names.
///
/// # Errors
/// [`StoreError`].
pub fn view(reader: &Reader<'_>, query: &ViewQuery) -> Result<Option<View>, StoreError> {
    let Some(division) = reader.division(&query.division)? else { return Ok(None) };
    let (tally, sums) = reader.sums(&query.division, query.year, query.scope)?;
    let before = match query.year.checked_sub(1) {
        Some(year) => reader.sums(&query.division, year, query.scope)?.1,
        None => Vec::new(),
    };
    let mut tables = tables(reader, &sums, query.template.as_deref());
    let rates = rates(reader, &tables);
    for table in &mut tables {
        add_last_year(reader, table, &before);
    }
    let differences = differences(reader, query)?;
    Ok(Some(View {
        division,
        year: query.year,
        scope: query.scope,
        packages: tally.own,
        consolidated: tally.consolidated,
        suspect: tally.suspect,
        tables,
        rates,
        coverage: coverage(&tally),
        differences,
    }))
}

/// Sums as tables, each group of layouts read together as far as it can be.
pub(super) fn tables(reader: &Reader<'_>, sums: &[TableSum], wanted: Option<&str>) -> Vec<TableView> {
    let (groups, others) = group(reader.templates, sums);
    let mut tables = Vec::new();
    for (table, layouts) in &groups {
        let asked = wanted
            .and_then(|id| reader.templates.find(id))
            .filter(|template| layouts.iter().any(|layout| reaches(layout.template, &template.id)));
        let weights: Vec<_> = layouts.iter().map(|layout| (layout.template, layout.sum.packages)).collect();
        let Some(target) = asked.or_else(|| target(reader.templates, &weights)) else { continue };
        let (reading, apart): (Vec<_>, Vec<_>) =
            layouts.iter().partition(|layout| reaches(layout.template, &target.id));
        tables.push(folded_table(table, target, &reading));
        let alone = |layout: &Layout<'_>| {
            let id = format!("{table}@{}", layout.template.id);
            TableView { id, ..folded_table(table, layout.template, &[layout]) }
        };
        tables.extend(apart.into_iter().map(alone));
    }
    let mut others: Vec<TableView> = others.into_iter().map(extra_table).collect();
    others.sort_by(|a, b| a.name.cmp(&b.name));
    tables.extend(others);
    tables
}

fn folded_table(table: &str, target: &Template, layouts: &[&Layout<'_>]) -> TableView {
    let folds = layouts.iter().any(|layout| layout.template.id != target.id);
    let of = |layout: &&Layout<'_>| FoldView {
        template: layout.template.id.clone(),
        packages: layout.sum.packages,
    };
    let alone = |layout: &&Layout<'_>| LayoutView {
        template: layout.template.id.clone(),
        name: layout.template.title.clone(),
        packages: layout.sum.packages,
        columns: columns(layout.template, &[*layout]),
    };
    TableView {
        id: table.to_owned(),
        name: target.title.clone(),
        template: Some(target.id.clone()),
        packages: layouts.iter().map(|layout| layout.sum.packages).sum(),
        columns: columns(target, layouts),
        folded: layouts.iter().filter(|_| folds).map(of).collect(),
        layouts: layouts.iter().filter(|_| folds).map(alone).collect(),
    }
}

fn columns(target: &Template, layouts: &[&Layout<'_>]) -> Vec<ColumnView> {
    let column = |column: &crate::template::Column| {
        let folded = together(layouts, &target.id, &column.id)?;
        Some(ColumnView {
            id: column.id.clone(),
            header: column.header.clone(),
            unit: Unit::parse(&column.unit).map_or_else(|| column.unit.clone(), |unit| unit.base),
            sum: folded.sum,
            packages: folded.packages,
            left_out: folded.left_out,
            last_year: None,
        })
    };
    target.columns.iter().filter_map(column).collect()
}

/// The id of a table of sums that follows no template that stands.
pub(super) fn other_id(key: &TableKey) -> (String, String) {
    match key {
        TableKey::Template(id) => (id.clone(), id.clone()),
        TableKey::Extra(name) => (
            format!("x-{}", Digest::of(&[name.as_bytes()]).hex().get(..12).unwrap_or_default()),
            name.clone(),
        ),
    }
}

/// The id of a column of such a table.
pub(super) fn other_column_id(key: &ColumnKey) -> String {
    if key.unit.is_empty() { key.id.clone() } else { format!("{}（{}）", key.id, key.unit) }
}

fn extra_table(sum: &TableSum) -> TableView {
    let (id, name) = other_id(&sum.key);
    let column = |(key, column): (&ColumnKey, &super::sum::ColumnSum)| ColumnView {
        id: other_column_id(key),
        header: key.id.clone(),
        unit: key.unit.clone(),
        sum: (column.packages > 0).then_some(column.sum),
        packages: column.packages,
        left_out: column.left_out,
        last_year: None,
    };
    TableView {
        id,
        name,
        template: None,
        packages: sum.packages,
        columns: sum.columns.iter().map(column).collect(),
        folded: Vec::new(),
        layouts: Vec::new(),
    }
}

/// The rates of the layouts that tables are read in.
pub(super) fn rates(reader: &Reader<'_>, tables: &[TableView]) -> Vec<RateView> {
    let mut rates: Vec<RateView> = Vec::new();
    for table in tables {
        let folded = table.template.as_deref().map(|id| (id, table.columns.as_slice()));
        // A layout may know more than what it is folded into.
        let alone = table.layouts.iter().map(|layout| (layout.template.as_str(), layout.columns.as_slice()));
        for (id, columns) in folded.into_iter().chain(alone) {
            let Some(template) = reader.templates.find(id) else { continue };
            for rate in &template.rates {
                let sum = |places: &[usize]| sum_of(template, columns, places);
                let (Some(numerator), Some(denominator)) = (sum(&rate.numerator), sum(&rate.denominator))
                else {
                    continue;
                };
                let taken = rates.iter().any(|other| other.id == rate.id);
                rates.push(RateView {
                    id: if taken { format!("{}@{id}", rate.id) } else { rate.id.clone() },
                    name: rate.zh.clone(),
                    name_en: rate.en.clone(),
                    table: table.id.clone(),
                    numerator,
                    denominator,
                    value: percent(numerator, denominator),
                    no_cases: denominator == Sum(0),
                });
            }
        }
    }
    rates
}

/// The sum of some columns; blank counts 0, a column that is not told makes none.
fn sum_of(template: &Template, columns: &[ColumnView], places: &[usize]) -> Option<Sum> {
    let mut total = Sum(0);
    for place in places {
        let id = &template.columns.get(*place)?.id;
        let column = columns.iter().find(|column| column.id == *id)?;
        total = total.plus(column.sum.unwrap_or_default());
    }
    Some(total)
}

/// The year before beside each column, read in the same layout.
fn add_last_year(reader: &Reader<'_>, table: &mut TableView, before: &[TableSum]) {
    let earlier = tables(reader, before, table.template.as_deref());
    let same = |other: &&TableView| other.id == table.id && other.template == table.template;
    let Some(earlier) = earlier.iter().find(same) else { return };
    for column in &mut table.columns {
        let last = earlier.columns.iter().find(|other| other.id == column.id);
        column.last_year = last.and_then(|last| Some(change(column.sum?, last.sum?, last.packages)));
    }
}
