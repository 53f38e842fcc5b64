//! Lists that are no reports, such as rosters: the rows of a table file as text, each with its place.

use super::book;
use super::sheet::{Sheet, cell_name};
use crate::package::finding::Finding;

/// A row that holds something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The sheet's name; empty for CSV.
    pub sheet: String,
    /// Its number as Excel or an editor shows it, from 1.
    pub line: usize,
    /// The cells from the first column to the last that holds something, without spaces around them.
    pub cells: Vec<String>,
}

impl Row {
    /// The name of the cell in a column, which counts from 0.
    pub fn cell_name(&self, column: usize) -> String {
        let row = self.line.saturating_sub(1);
        cell_name((u32::try_from(row).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX)))
    }
}

/// The rows of a file by sheet; none for JSON.
///
/// # Errors
/// A finding that refuses: no table file, a damaged one, or one beyond the bounds.
pub fn rows(bytes: &[u8], name: &str) -> Result<Option<Vec<Row>>, Box<Finding>> {
    let Some(book) = book(bytes, name)? else { return Ok(None) };
    Ok(Some(book.sheets.iter().flat_map(rows_of).collect()))
}

fn rows_of(sheet: &Sheet) -> Vec<Row> {
    // Cells that were merged over several rows say the same for each of them.
    let text = |row: u32, column: u32| {
        let first = sheet.area((row, column)).map_or((row, column), |area| area.first);
        sheet.text(first).to_owned()
    };
    let row = |row: u32| Row {
        sheet: sheet.name.clone(),
        line: row as usize + 1,
        cells: (0..=sheet.used(row).last().copied().unwrap_or(0)).map(|column| text(row, column)).collect(),
    };
    sheet.rows().into_iter().map(row).collect()
}
