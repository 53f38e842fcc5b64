//! Who is meant: the members that a consolidated report names, and the units that its rows name.
//!
//! A member is a division code, an agency's id or code, the name of an agency of the report's own division (whole, or
//! its end when that fits only one: 区交通局), or the name of a division directly below. What fits nobody, or several,
//! is said to be missing rather than guessed. A member inside another is counted once.

use super::compare::{PartView, member_parts};
use super::provenance::AgencyName;
use super::read::{DivisionName, Reader, ViewScope};
use super::sum::{ColumnKey, Sum, TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::RevisionState;
use crate::store::{StoreError, layout, prefix_end};
use crate::template::normal::comparable;
use std::collections::{BTreeMap, BTreeSet};

/// Most members of one report that are looked up: Guangdong has 1,750 divisions.
const MEMBERS_MAX: usize = 2_000;
/// Shortest label that may name an agency by the end of its name (区医保局 has four characters).
const LABEL_CHARS_MIN: usize = 3;
/// Agencies of one division that are known by name; a district has about a hundred.
const AGENCIES_MAX: usize = 2_000;

/// An agency's own package, or a division's sums, that a report counts.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) division: DivisionCode,
    /// None for a whole division.
    pub(super) package: Option<(Digest, AgencyName)>,
    pub(super) tables: Vec<TableSum>,
}

/// The agencies of one division and the divisions directly below, by name.
pub(super) struct Crowd {
    division: DivisionCode,
    pub(super) year: u16,
    agencies: Vec<(String, Digest, AgencyName)>,
    children: Vec<DivisionName>,
}

/// Whom a name fits.
pub(super) enum One<'a> {
    Agency(&'a DivisionCode, Digest, &'a AgencyName),
    Division(&'a DivisionCode),
}

impl Crowd {
    pub(super) fn of(reader: &Reader<'_>, division: &DivisionCode, year: u16) -> Result<Self, StoreError> {
        let prefix = layout::by_division_prefix(division.as_str(), Some(year));
        let mut agencies = Vec::new();
        for (_, value) in reader.store.scan(&prefix, &prefix_end(&prefix), AGENCIES_MAX)? {
            let Some((digest, [state, ..])) = value.split_first_chunk::<32>() else { continue };
            let digest = Digest::from_bytes(*digest);
            if *state == RevisionState::Released as u8
                && reader.part(&digest)?.is_some_and(|part| part.is_summed())
                && let Some(row) = reader.revision(&digest)?
            {
                let name = AgencyName { id: row.agency_id, name: row.agency_name };
                agencies.push((comparable(&name.name), digest, name));
            }
        }
        Ok(Self { division: division.clone(), year, agencies, children: reader.children(division)? })
    }

    /// The agency or division below that a label names, if it names one alone.
    pub(super) fn named(&self, label: &str) -> Option<One<'_>> {
        let label = comparable(label);
        let whole = self.agencies.iter().filter(|(name, _, _)| *name == label);
        let ends = self.agencies.iter().filter(|(name, _, _)| {
            label.chars().count() >= LABEL_CHARS_MIN && name.ends_with(label.as_str())
        });
        let agency = alone(whole).or_else(|| alone(ends));
        let below = || alone(self.children.iter().filter(|child| comparable(&child.name) == label));
        match agency {
            Some((_, digest, name)) => Some(One::Agency(&self.division, *digest, name)),
            None => below().map(|child| One::Division(&child.code)),
        }
    }
}

fn alone<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

impl One<'_> {
    /// Its own sums.
    pub(super) fn sums(&self, reader: &Reader<'_>, year: u16) -> Result<Vec<TableSum>, StoreError> {
        match self {
            Self::Agency(_, digest, _) => package_sums(reader, digest),
            Self::Division(code) => Ok(reader.sums(code, year, ViewScope::All)?.1),
        }
    }

    pub(super) fn part(&self, value: Option<Sum>) -> PartView {
        let (division, package) = match self {
            Self::Agency(division, digest, name) => (*division, Some((*digest, (*name).clone()))),
            Self::Division(division) => (*division, None),
        };
        Counted { division: division.clone(), package, tables: Vec::new() }.part(value)
    }
}

impl Counted {
    pub(super) fn part(&self, value: Option<Sum>) -> PartView {
        let (digest, agency) = self.package.clone().unzip();
        PartView { digest, agency, division: self.division.clone(), value }
    }
}

fn package_sums(reader: &Reader<'_>, digest: &Digest) -> Result<Vec<TableSum>, StoreError> {
    let part = reader.part(digest)?.filter(|part| part.is_summed());
    let table = |table: &super::figures::TableFigures| {
        let mut sum = TableSum::empty(table.key.clone());
        sum.put(&table.columns, 1);
        sum
    };
    Ok(part.map(|part| part.tables.iter().map(table).collect()).unwrap_or_default())
}

/// The members of a consolidated report.
pub(super) struct Members {
    counted: Vec<Counted>,
    /// Names that fit nobody with an own report.
    pub(super) missing: Vec<String>,
}

impl Members {
    pub(super) fn of(reader: &Reader<'_>, crowd: &Crowd, names: &[String]) -> Result<Self, StoreError> {
        let mut missing = Vec::new();
        let mut divisions: BTreeSet<DivisionCode> = BTreeSet::new();
        let mut packages: BTreeMap<Digest, (DivisionCode, AgencyName)> = BTreeMap::new();
        for name in names.iter().take(MEMBERS_MAX) {
            if let Ok(code) = name.trim().parse::<DivisionCode>()
                && reader.division(&code)?.is_some()
            {
                divisions.insert(code);
            } else if let Some((digest, division, agency)) = by_id(reader, crowd, name.trim())? {
                packages.insert(digest, (division, agency));
            } else {
                match crowd.named(name) {
                    Some(One::Agency(division, digest, agency)) => {
                        packages.insert(digest, (division.clone(), agency.clone()));
                    }
                    Some(One::Division(code)) => {
                        divisions.insert(code.clone());
                    }
                    None => missing.push(name.clone()),
                }
            }
        }
        let mut counted = Vec::new();
        let inside = |code: &DivisionCode, itself: bool| -> Result<bool, StoreError> {
            let above = reader.above(code)?;
            Ok((itself && divisions.contains(code)) || above.iter().any(|above| divisions.contains(above)))
        };
        for code in &divisions {
            if !inside(code, false)? {
                let tables = reader.sums(code, crowd.year, ViewScope::All)?.1;
                counted.push(Counted { division: code.clone(), package: None, tables });
            }
        }
        for (digest, (division, agency)) in packages {
            if !inside(&division, true)? {
                let tables = package_sums(reader, &digest)?;
                counted.push(Counted { division, package: Some((digest, agency)), tables });
            }
        }
        Ok(Self { counted, missing })
    }

    /// Their sums, table by table.
    pub(super) fn sums(&self) -> Vec<TableSum> {
        let mut sums: BTreeMap<TableKey, TableSum> = BTreeMap::new();
        for table in self.counted.iter().flat_map(|one| &one.tables) {
            let empty = || TableSum::empty(table.key.clone());
            sums.entry(table.key.clone()).or_insert_with(empty).add(table, 1);
        }
        sums.into_values().collect()
    }

    /// What each adds to a column.
    pub(super) fn parts(&self, reader: &Reader<'_>, table: &TableKey, column: &ColumnKey) -> Vec<PartView> {
        member_parts(reader, &self.counted, table, column)
    }
}

/// The own package of the agency that an id, a code, or a name in the report's division means.
fn by_id(
    reader: &Reader<'_>,
    crowd: &Crowd,
    name: &str,
) -> Result<Option<(Digest, DivisionCode, AgencyName)>, StoreError> {
    for id in [name.to_owned(), format!("{}:{name}", crowd.division)] {
        let prefix = layout::by_agency_prefix(&id, Some(crowd.year));
        if prefix.len() > crate::store::KEY_BYTES_MAX {
            continue;
        }
        for (_, value) in reader.store.scan_back(&prefix, &prefix_end(&prefix), 64)? {
            let Some((digest, [state, ..])) = value.split_first_chunk::<32>() else { continue };
            let digest = Digest::from_bytes(*digest);
            if *state == RevisionState::Released as u8
                && reader.part(&digest)?.is_some_and(|part| part.is_summed())
                && let Some(row) = reader.revision(&digest)?
            {
                let agency = AgencyName { id: row.agency_id, name: row.agency_name };
                return Ok(Some((digest, row.division, agency)));
            }
        }
    }
    Ok(None)
}
