//! The tables of a report on a page of the console: cell for cell as printed, zero, blank and not applicable never alike.

use crate::portal::doc::{CellDoc, CellState, TableDoc};
use crate::portal::text::{grouped, same_number};

/// A table.
pub(super) struct TableView {
    pub(super) name: String,
    pub(super) unit: Option<String>,
    /// One row: on a narrow screen it reads as a list of names and figures.
    pub(super) stacks: bool,
    pub(super) columns: Vec<ColumnView>,
    pub(super) rows: Vec<Vec<CellView>>,
}

/// A column's head.
pub(super) struct ColumnView {
    pub(super) header: String,
    pub(super) unit: Option<String>,
    pub(super) numeric: bool,
}

/// A cell.
pub(super) struct CellView {
    pub(super) class: &'static str,
    pub(super) text: String,
    /// The exact value in base units, where it is written differently.
    pub(super) exact: Option<String>,
    pub(super) header: String,
    pub(super) row_head: bool,
}

impl TableView {
    pub(super) fn new(table: &TableDoc) -> Self {
        let numeric = |at: usize| {
            let states = || table.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.state);
            states().any(|state| state == CellState::Value) && states().all(|state| state != CellState::Text)
        };
        let columns = table.columns.iter().enumerate().map(|(at, column)| ColumnView {
            header: column.header.clone(),
            // Said once: not again where the header or the caption says it.
            unit: column.unit.clone().filter(|unit| {
                let common = table.unit.as_deref().and_then(|line| line.split([';', '；', '，', ',']).next());
                !column.header.contains(unit.as_str()) && common != Some(unit)
            }),
            numeric: numeric(at),
        });
        let columns: Vec<ColumnView> = columns.collect();
        let header = |at: usize| columns.get(at).map(|column| column.header.clone()).unwrap_or_default();
        let row = |row: &Vec<CellDoc>| {
            let labelled = row.len() > 1 && row.first().is_some_and(|cell| cell.state == CellState::Text);
            let cells = row.iter().enumerate();
            cells.map(|(at, cell)| CellView::new(cell, header(at), labelled && at == 0)).collect()
        };
        let rows: Vec<Vec<CellView>> = table.rows.iter().map(row).collect();
        Self { name: table.name.clone(), unit: table.unit.clone(), stacks: rows.len() == 1, rows, columns }
    }
}

impl CellView {
    /// Zero, blank and not applicable never look alike.
    fn new(cell: &CellDoc, header: String, row_head: bool) -> Self {
        let (class, text) = match cell.state {
            CellState::Value => ("num", cell.printed.clone()),
            CellState::Blank => ("num empty", "空白".to_owned()),
            CellState::NotApplicable => ("num empty", "不适用".to_owned()),
            CellState::Text => ("", cell.printed.clone()),
        };
        let exact = match (cell.state, &cell.value) {
            (CellState::Value, Some(value)) if !same_number(&cell.printed, value) => {
                let unit = cell.unit.as_deref().unwrap_or_default();
                Some(format!("{} {unit}", grouped(value)).trim_end().to_owned())
            }
            _ => None,
        };
        Self { class, text, exact, header, row_head }
    }
}
