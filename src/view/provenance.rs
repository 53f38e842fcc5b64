//! Provenance: from a sum down to the signed cells that make it, page by page, in the order of the index's keys.

use super::build::{ViewQuery, other_column_id, other_id, tables};
use super::figures::readings;
use super::folding::{column_key, reaches, sources};
use super::read::{Reader, ViewScope};
use super::sum::{ColumnKey, Sum, TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{Revision, RevisionState};
use crate::package::body;
use crate::store::{StoreError, layout, prefix_end};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most packages on a page: each body is unpacked and read for its cells.
pub const PAGE_PACKAGES_MAX: usize = 500;
/// Rows of the index looked at for one page; a page that finds less says where to go on.
const LOOK_ROWS_MAX: usize = 20_000;
const SCAN_ROWS: usize = 256;

/// Where a sum comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgencyName {
    /// The agency's id.
    pub id: String,
    /// Its name in that package.
    pub name: String,
}

/// A signed cell in a sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CellView {
    /// The package.
    pub digest: Digest,
    /// Whose report it is.
    pub agency: AgencyName,
    /// Of which division.
    pub division: DivisionCode,
    /// The table's id in the package.
    pub table: String,
    /// The column's id in the package.
    pub column: String,
    /// The row, from 1.
    pub row: usize,
    /// As printed.
    pub printed: String,
    /// What it adds, in base units; null when it cannot be summed.
    pub value: Option<Sum>,
}

/// A page of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CellPage {
    /// The cells, by division, agency and revision.
    pub cells: Vec<CellView>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The cursor is not one that a page gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct BadCursor;

/// Which columns of which tables make one sum.
pub(super) type Parts = BTreeMap<TableKey, Vec<ColumnKey>>;

/// A package that adds to a sum: its row and what it adds.
pub(super) struct Adding {
    pub(super) key: Vec<u8>,
    pub(super) revision: Revision,
    pub(super) sum: Option<Sum>,
}

/// What a column of a table of the view is made of; none when the view has no such column.
///
/// # Errors
/// [`StoreError`].
pub(super) fn parts(
    reader: &Reader<'_>,
    query: &ViewQuery,
    table: &str,
    column: &str,
) -> Result<Option<Parts>, StoreError> {
    let (_, sums) = reader.sums(&query.division, query.year, query.scope)?;
    let shown = tables(reader, &sums, query.template.as_deref());
    let Some(shown) = shown.iter().find(|shown| shown.id == table) else { return Ok(None) };
    Ok(parts_of(reader, &sums, shown.template.as_deref(), table, column))
}

fn parts_of(
    reader: &Reader<'_>,
    sums: &[TableSum],
    target: Option<&str>,
    table: &str,
    column: &str,
) -> Option<Parts> {
    let mut parts = Parts::new();
    for sum in sums {
        let template = match &sum.key {
            TableKey::Template(id) => reader.templates.find(id),
            TableKey::Extra(_) => None,
        };
        let keys: Vec<ColumnKey> = match (template, target) {
            (Some(template), Some(target)) => {
                let same = template.table == table.split('@').next().unwrap_or_default();
                if !same || !reaches(template, target) {
                    continue;
                }
                let places = sources(template, target, column)?;
                places.into_iter().filter_map(|place| column_key(template, place)).collect()
            }
            (None, None) if other_id(&sum.key).0 == table => {
                sum.columns.keys().filter(|key| other_column_id(key) == column).cloned().collect()
            }
            _ => continue,
        };
        parts.insert(sum.key.clone(), keys);
    }
    parts.values().any(|keys| !keys.is_empty()).then_some(parts)
}

/// Walks over the packages that add to a sum, from the row after `after`; `take` says whether to go on. Returns where
/// to go on when it stopped early.
///
/// # Errors
/// [`StoreError`].
pub(super) fn walk(
    reader: &Reader<'_>,
    divisions: &[DivisionCode],
    year: u16,
    parts: &Parts,
    after: Option<&[u8]>,
    take: &mut dyn FnMut(Adding) -> Result<bool, StoreError>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut looked = 0;
    for division in divisions {
        let prefix = layout::by_division_prefix(division.as_str(), Some(year));
        let until = prefix_end(&prefix);
        let mut from = match after {
            Some(after) if after >= until.as_slice() => continue,
            Some(after) if after >= prefix.as_slice() => [after, &[0]].concat(),
            _ => prefix,
        };
        loop {
            let rows = reader.store.scan(&from, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                from = [key.as_slice(), &[0]].concat();
                looked += 1;
                let Some((digest, [state, ..])) = value.split_first_chunk::<32>() else { continue };
                if *state == RevisionState::Released as u8
                    && let Some(adding) = adding(reader, &Digest::from_bytes(*digest), &key, parts)?
                    && !take(adding)?
                {
                    return Ok(Some(key));
                }
                if looked >= LOOK_ROWS_MAX {
                    return Ok(Some(key));
                }
            }
            if last {
                break;
            }
        }
    }
    Ok(None)
}

fn adding(
    reader: &Reader<'_>,
    digest: &Digest,
    key: &[u8],
    parts: &Parts,
) -> Result<Option<Adding>, StoreError> {
    let Some(part) = reader.part(digest)?.filter(super::rollup::Part::is_summed) else { return Ok(None) };
    let mut sum = None;
    for table in &part.tables {
        let Some(keys) = parts.get(&table.key) else { continue };
        for (_, figure) in table.columns.iter().filter(|(key, _)| keys.contains(key)) {
            let so_far: Option<Sum> = sum.unwrap_or(Some(Sum(0)));
            sum = Some(so_far.zip(figure.sum).map(|(a, b)| a.plus(b)));
        }
    }
    let (Some(sum), Some(revision)) = (sum, reader.revision(digest)?) else { return Ok(None) };
    Ok(Some(Adding { key: key.to_vec(), revision, sum }))
}

/// The cells that make a column of a table in the view that `query` asks for. None when there is no such division,
/// table or column.
///
/// # Errors
/// [`StoreError`].
pub fn provenance(
    reader: &Reader<'_>,
    query: &ViewQuery,
    table: &str,
    column: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Result<Option<CellPage>, BadCursor>, StoreError> {
    if reader.division(&query.division)?.is_none() {
        return Ok(Ok(None));
    }
    let Some(parts) = parts(reader, query, table, column)? else { return Ok(Ok(None)) };
    let after = match after.map(|after| BASE64URL_NOPAD.decode(after.as_bytes())) {
        Some(Ok(key)) if key.first() == Some(&layout::BY_DIVISION) => Some(key),
        Some(_) => return Ok(Err(BadCursor)),
        None => None,
    };
    let divisions = reader.divisions(&query.division, query.scope)?;
    let limit = limit.clamp(1, PAGE_PACKAGES_MAX);
    let (mut page, mut packages, mut more) = (CellPage::default(), 0, None);
    let stopped = walk(reader, &divisions, query.year, &parts, after.as_deref(), &mut |adding| {
        if packages == limit {
            return Ok(false);
        }
        packages += 1;
        more = Some(adding.key.clone());
        page.cells.extend(cells(reader, &adding.revision, &parts)?);
        Ok(true)
    })?;
    // The row that did not fit is the first of the next page; a look that ended goes on after its last row.
    let next = if packages == limit && stopped.is_some() { more } else { stopped };
    page.next = next.map(|key| BASE64URL_NOPAD.encode(&key));
    Ok(Ok(Some(page)))
}

/// The cells of one package that add to a sum.
fn cells(reader: &Reader<'_>, revision: &Revision, parts: &Parts) -> Result<Vec<CellView>, StoreError> {
    let Some(content) = (reader.content)(&revision.digest)? else { return Ok(Vec::new()) };
    let Ok(body) = body::parse(&content) else { return Ok(Vec::new()) };
    let mut cells = Vec::new();
    for reading in readings(&body.tables) {
        let Some(keys) = parts.get(&reading.key) else { continue };
        for (at, _) in reading.columns().iter().filter(|(_, key)| keys.contains(key)) {
            let column = reading.table.columns.get(*at).map(|column| column.id.clone()).unwrap_or_default();
            cells.extend(reading.cells(*at).map(|counted| CellView {
                digest: revision.digest,
                agency: AgencyName { id: revision.agency_id.clone(), name: revision.agency_name.clone() },
                division: revision.division.clone(),
                table: reading.table.id.clone(),
                column: column.clone(),
                row: counted.row + 1,
                printed: counted.cell.printed.to_string(),
                value: counted.cell.value.and_then(Sum::of),
            }));
        }
    }
    Ok(cells)
}

/// The packages that add to a sum, at most `limit` of them.
pub(super) fn first_packages(
    reader: &Reader<'_>,
    division: &DivisionCode,
    year: u16,
    scope: ViewScope,
    parts: &Parts,
    limit: usize,
) -> Result<Vec<Adding>, StoreError> {
    let divisions = reader.divisions(division, scope)?;
    let mut found = Vec::new();
    walk(reader, &divisions, year, parts, None, &mut |adding| {
        found.push(adding);
        Ok(found.len() < limit)
    })?;
    Ok(found)
}
