//! A division's year taken apart: by child, by agency, by layout. Every part is read in the layouts of the whole, so
//! that columns stand under each other.

use super::build::{TableView, ViewQuery, rates, tables};
use super::figures::TableFigures;
use super::provenance::AgencyName;
use super::rate::RateView;
use super::read::{Reader, ViewScope};
use super::sum::{Sum, TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::RevisionState;
use crate::store::{StoreError, layout, prefix_end};
use serde::{Deserialize, Serialize};

/// Most parts of one answer; a district has about a hundred agencies, a province 1,750 divisions.
const PARTS_MAX: usize = 5_000;

/// How a view is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The division's own agencies together, then each division directly below with all under it.
    Child,
    /// Each agency's own package.
    Agency,
    /// Each layout.
    Template,
}

impl By {
    /// From its word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "child" => Some(Self::Child),
            "agency" => Some(Self::Agency),
            "template" => Some(Self::Template),
            _ => None,
        }
    }
}

/// One part of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartOfView {
    /// The division the part belongs to.
    pub division: DivisionCode,
    /// What it is called: a division's name, an agency's, a layout's id.
    pub name: String,
    /// The agency, when it is one package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyName>,
    /// That package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// True for the division's own agencies among its children.
    pub own: bool,
    /// Packages in it.
    pub packages: i64,
    /// Its tables.
    pub tables: Vec<TableView>,
}

/// The parts of a view, in the order of codes, agencies or templates.
///
/// # Errors
/// [`StoreError`].
pub fn parts(reader: &Reader<'_>, query: &ViewQuery, by: By) -> Result<Vec<PartOfView>, StoreError> {
    let (_, whole) = reader.sums(&query.division, query.year, query.scope)?;
    let targets = tables(reader, &whole, query.template.as_deref());
    let read = |sums: &[TableSum]| read_like(reader, &targets, sums);
    let mut parts = Vec::new();
    let division_part = |division: &DivisionCode, name: String, own: bool| {
        let scope = if own { ViewScope::Own } else { ViewScope::All };
        let (tally, sums) = reader.sums(division, query.year, scope)?;
        let (division, tables) = (division.clone(), read(&sums));
        Ok::<_, StoreError>(PartOfView {
            division,
            name,
            agency: None,
            digest: None,
            own,
            packages: tally.own,
            tables,
        })
    };
    match by {
        By::Child => {
            let name = reader.division(&query.division)?.map(|known| known.name).unwrap_or_default();
            parts.push(division_part(&query.division, name, true)?);
            let children =
                if query.scope == ViewScope::All { reader.children(&query.division)? } else { Vec::new() };
            for child in children.into_iter().take(PARTS_MAX) {
                parts.push(division_part(&child.code, child.name, false)?);
            }
        }
        By::Agency => {
            for division in reader.divisions(&query.division, query.scope)? {
                agencies(reader, &division, query.year, &read, &mut parts)?;
                if parts.len() >= PARTS_MAX {
                    break;
                }
            }
        }
        By::Template => {
            for sum in &whole {
                let tables = tables(reader, std::slice::from_ref(sum), None);
                let name =
                    tables.first().and_then(|table| table.template.clone().or(Some(table.name.clone())));
                parts.push(PartOfView {
                    division: query.division.clone(),
                    name: name.unwrap_or_default(),
                    agency: None,
                    digest: None,
                    own: false,
                    packages: sum.packages,
                    tables,
                });
            }
        }
    }
    Ok(parts)
}

/// The rates of one package's figures, as its own layouts define them.
///
/// # Errors
/// [`StoreError`].
pub fn package_rates(reader: &Reader<'_>, package: &Digest) -> Result<Vec<RateView>, StoreError> {
    let Some(part) = reader.part(package)? else { return Ok(Vec::new()) };
    Ok(rates(reader, &tables(reader, &sums_of(&part), None)))
}

/// The tables of one package by the id of the table across layouts, empty for an extra one, and whether every figure in
/// it is zero.
///
/// # Errors
/// [`StoreError`].
pub fn package_tables(reader: &Reader<'_>, package: &Digest) -> Result<Vec<(String, bool)>, StoreError> {
    let Some(part) = reader.part(package)? else { return Ok(Vec::new()) };
    let mark = |table: &TableFigures| {
        let id = match &table.key {
            TableKey::Template(id) => reader.templates.find(id).map(|known| known.table.clone()),
            TableKey::Extra(_) => None,
        };
        let is_zero = table.columns.iter().all(|(_, figure)| figure.sum == Some(Sum(0)));
        (id.unwrap_or_default(), is_zero)
    };
    Ok(part.tables.iter().map(mark).collect())
}

fn sums_of(part: &super::rollup::Part) -> Vec<TableSum> {
    let sum = |table: &TableFigures| {
        let mut sum = TableSum::empty(table.key.clone());
        sum.put(&table.columns, 1);
        sum
    };
    part.tables.iter().map(sum).collect()
}

/// Sums in the layouts that other tables are read in.
fn read_like(reader: &Reader<'_>, like: &[TableView], sums: &[TableSum]) -> Vec<TableView> {
    let mut read = Vec::new();
    for target in like {
        let found = tables(reader, sums, target.template.as_deref());
        let same = |table: &TableView| {
            table.id.split('@').next() == target.id.split('@').next() && table.template == target.template
        };
        read.extend(
            found
                .into_iter()
                .find(|table| same(table))
                .map(|table| TableView { id: target.id.clone(), ..table }),
        );
    }
    read
}

fn agencies(
    reader: &Reader<'_>,
    division: &DivisionCode,
    year: u16,
    read: &dyn Fn(&[TableSum]) -> Vec<TableView>,
    parts: &mut Vec<PartOfView>,
) -> Result<(), StoreError> {
    let prefix = layout::by_division_prefix(division.as_str(), Some(year));
    for (_, value) in reader.store.scan(&prefix, &prefix_end(&prefix), PARTS_MAX)? {
        let Some((digest, [state, ..])) = value.split_first_chunk::<32>() else { continue };
        let digest = Digest::from_bytes(*digest);
        if *state != RevisionState::Released as u8 {
            continue;
        }
        let Some(part) = reader.part(&digest)?.filter(super::rollup::Part::is_summed) else { continue };
        let Some(row) = reader.revision(&digest)? else { continue };
        let sums = sums_of(&part);
        parts.push(PartOfView {
            division: division.clone(),
            name: row.agency_name.clone(),
            agency: Some(AgencyName { id: row.agency_id, name: row.agency_name }),
            digest: Some(digest),
            own: false,
            packages: 1,
            tables: read(&sums),
        });
    }
    Ok(())
}
