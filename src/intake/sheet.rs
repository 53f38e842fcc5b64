//! A sheet as a clerk sees it: cells by row and column, merged areas, and the names of cells (`B7`).
//!
//! Workbooks and CSV both become sheets, so that one reader finds the tables in either.

use crate::package::cell::Raw;
use crate::package::finding;
use std::collections::BTreeMap;

/// A place in a sheet: row and column, both from 0.
pub(super) type Place = (u32, u32);

/// Merged cells; both corners belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) first: Place,
    pub(super) last: Place,
}

impl Area {
    pub(super) fn holds(&self, (row, column): Place) -> bool {
        (self.first.0..=self.last.0).contains(&row) && (self.first.1..=self.last.1).contains(&column)
    }
}

/// A sheet. Blank cells are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Its name; empty for CSV.
    pub(super) name: String,
    /// What stands in the cells.
    pub(super) cells: BTreeMap<Place, Raw>,
    /// Merged areas.
    pub(super) merged: Vec<Area>,
    /// Formulas, without `=`.
    pub(super) formulas: BTreeMap<Place, String>,
}

impl Sheet {
    /// The text of a cell without spaces around it; empty for a blank one.
    pub(super) fn text(&self, place: Place) -> &str {
        self.cells.get(&place).map_or("", |raw| raw.printed().trim())
    }

    /// The columns of a row that hold something.
    pub(super) fn used(&self, row: u32) -> Vec<u32> {
        self.cells
            .range((row, 0)..=(row, u32::MAX))
            .filter(|(_, raw)| !raw.printed().trim().is_empty())
            .map(|((_, column), _)| *column)
            .collect()
    }

    /// The rows that hold something, in order.
    pub(super) fn rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self
            .cells
            .iter()
            .filter(|(_, raw)| !raw.printed().trim().is_empty())
            .map(|((row, _), _)| *row)
            .collect();
        rows.dedup();
        rows
    }

    /// The merged area around a place.
    pub(super) fn area(&self, place: Place) -> Option<&Area> {
        self.merged.iter().find(|area| area.holds(place))
    }
}

/// `A1` for row 0, column 0.
pub(super) fn cell_name((row, column): Place) -> String {
    let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    finding::cell_name(at(row), at(column))
}

/// The place that `B7` or `$B$7` names; `None` for anything else.
pub(super) fn place_of(name: &str) -> Option<Place> {
    let name = name.replace('$', "");
    let digits = name.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = name.split_at(digits);
    if letters.is_empty() || letters.len() > 3 || row.len() > 7 {
        return None;
    }
    let mut column = 0_u32;
    for letter in letters.bytes() {
        let letter = letter.to_ascii_uppercase();
        if !letter.is_ascii_uppercase() {
            return None;
        }
        column = column * 26 + u32::from(letter - b'A') + 1;
    }
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_names_and_places_are_inverse() {
        for (place, name) in [((0, 0), "A1"), ((6, 1), "B7"), ((2, 26), "AA3"), ((0, 701), "ZZ1")] {
            assert_eq!(cell_name(place), name);
            assert_eq!(place_of(name), Some(place));
        }
        assert_eq!(place_of("$B$7"), Some((6, 1)));
        for wrong in ["", "A", "7", "A0", "Sheet1!A1", "ABCD1", "中1"] {
            assert_eq!(place_of(wrong), None, "{wrong}");
        }
    }
}
