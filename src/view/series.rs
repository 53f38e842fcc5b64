//! Series: one column over the years, in the layout in which most of them can be read.

use super::build::{TableView, tables};
use super::folding::{group, target};
use super::rate::{ChangeView, change};
use super::read::{DivisionName, Reader, ViewScope};
use super::sum::{Sum, TableSum};
use crate::division::DivisionCode;
use crate::store::StoreError;
use serde::Serialize;

/// Most years of a series: reports began in 2018, and rules ask for five years online.
const YEARS_MAX: usize = 60;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct SeriesQuery {
    /// Whose figures.
    pub division: DivisionCode,
    /// Own, or with lower levels.
    pub scope: ViewScope,
    /// The table's id in the view.
    pub table: String,
    /// The column's id; every column of the table without one.
    pub column: Option<String>,
    /// The layout to read in.
    pub template: Option<String>,
}

/// One year of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PointView {
    /// The calendar year.
    pub year: u16,
    /// The sum; null when nobody prints a number, or the year's layouts cannot tell.
    pub sum: Option<Sum>,
    /// Packages in it.
    pub packages: i64,
    /// The year before, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_year: Option<ChangeView>,
}

/// A column over the years.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineView {
    /// The column's id.
    pub id: String,
    /// Its header.
    pub header: String,
    /// Its unit.
    pub unit: String,
    /// Its years, ascending, without gaps between the first and the last.
    pub points: Vec<PointView>,
}

/// A table over the years.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesView {
    /// Whose.
    pub division: DivisionName,
    /// Own, or with lower levels.
    pub scope: ViewScope,
    /// The table's id.
    pub table: String,
    /// Its name.
    pub name: String,
    /// The layout all years are read in; null for an extra table.
    pub template: Option<String>,
    /// Its columns.
    pub lines: Vec<LineView>,
}

/// A table over the years; none when there is no such division, table or column.
///
/// # Errors
/// [`StoreError`].
pub fn series(reader: &Reader<'_>, query: &SeriesQuery) -> Result<Option<SeriesView>, StoreError> {
    let Some(division) = reader.division(&query.division)? else { return Ok(None) };
    let mut years = Vec::new();
    let held = reader.years(&query.division, query.scope)?;
    for year in held.into_iter().rev().take(YEARS_MAX) {
        years.push((year, reader.sums(&query.division, year, query.scope)?.1));
    }
    years.reverse();
    let wanted = query.template.clone().or_else(|| best(reader, &query.table, &years));
    let shown = |sums: &[TableSum]| {
        tables(reader, sums, wanted.as_deref()).into_iter().find(|table| table.id == query.table)
    };
    let tables: Vec<(u16, Option<TableView>)> =
        years.iter().map(|(year, sums)| (*year, shown(sums))).collect();
    // A year whose layouts read in another one cannot be put beside the others.
    let template = match tables.iter().rev().find_map(|(_, table)| table.as_ref()) {
        Some(newest) => newest.template.clone(),
        None => return Ok(None),
    };
    let table_of = |year: u16| {
        let found = tables.iter().find(|(of, _)| *of == year).and_then(|(_, table)| table.as_ref());
        found.filter(|table| table.template == template)
    };
    let told: Vec<&TableView> = tables.iter().filter_map(|(year, _)| table_of(*year)).collect();
    let (Some(first), Some(last)) = (tables.first(), tables.last()) else { return Ok(None) };
    let span = first.0..=last.0;
    let mut lines: Vec<LineView> = Vec::new();
    for column in told.iter().rev().flat_map(|table| &table.columns) {
        let wanted = query.column.as_ref().is_none_or(|id| *id == column.id);
        if !wanted || lines.iter().any(|line| line.id == column.id) {
            continue;
        }
        let mut points: Vec<PointView> = Vec::new();
        for year in span.clone() {
            let own = table_of(year).and_then(|table| table.columns.iter().find(|own| own.id == column.id));
            let (sum, packages) = own.map_or((None, 0), |own| (own.sum, own.packages));
            let last = points.last().and_then(|last| Some((last.sum?, last.packages)));
            let last_year = sum.zip(last).map(|(sum, (before, packages))| change(sum, before, packages));
            points.push(PointView { year, sum, packages, last_year });
        }
        let (id, header, unit) = (column.id.clone(), column.header.clone(), column.unit.clone());
        lines.push(LineView { id, header, unit, points });
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let name = told.last().map(|table| table.name.clone()).unwrap_or_default();
    Ok(Some(SeriesView { division, scope: query.scope, table: query.table.clone(), name, template, lines }))
}

/// The layout in which most packages of all years can be read.
fn best(reader: &Reader<'_>, table: &str, years: &[(u16, Vec<TableSum>)]) -> Option<String> {
    let mut layouts = Vec::new();
    for (_, sums) in years {
        let (groups, _) = group(reader.templates, sums);
        for (_, of) in groups.iter().filter(|(id, _)| *id == table) {
            layouts.extend(of.iter().map(|layout| (layout.template, layout.sum.packages)));
        }
    }
    target(reader.templates, &layouts).map(|template| template.id.clone())
}
