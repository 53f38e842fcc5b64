//! Figures of one package: which cells of a body count, in which table and column, and what is left out and why.
//!
//! A table that follows a template counts with the sum of its rows, 合计 rows apart: they are recognised and never
//! added. An extra table, whose rows may mean anything (years, of-which rows, shares), counts only where one row says
//! it all: its only row, or the one labelled 合计, 全区 and the like. Rates and shares are no sums and stay out. Of two
//! tables of one layout in a report the first counts: the second may show the same cases in another breakdown.

use super::sum::{ColumnKey, Figure, NAME_BYTES_MAX, Sum, TableKey};
use crate::package::cell::{Cell, State};
use crate::package::table::Table;
use crate::package::total::{plain_rows, total_row};
use crate::package::unit::labels_rows;
use crate::template::normal::{comparable, header_key};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most extra tables of a package that count; the fullest real report has seven.
pub const EXTRA_TABLES_MAX: usize = 40;
/// Most columns of an extra table that count; the widest known layout has 27.
pub const EXTRA_COLUMNS_MAX: usize = 60;

/// Units that are no amounts.
const RATIOS: [&str; 3] = ["%", "‰", "百分点"];
/// Ends of headers whose figures are no amounts.
const RATIO_ENDS: [&str; 6] = ["率", "占比", "比例", "比重", "同比", "环比"];
/// Words of headers that compare with another year.
const OTHER_YEARS: [&str; 4] = ["上年", "上一年", "同期", "同比"];
/// Labels of columns that tell years: their rows are not parts of one sum.
const YEARS: [&str; 2] = ["年度", "年份"];

/// One table's figures in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFigures {
    /// Which table.
    pub key: TableKey,
    /// Columns that hold a number, by key.
    pub columns: Vec<(ColumnKey, Figure)>,
}

/// A cell that counts.
#[derive(Clone, Copy, Debug)]
pub struct CountedCell<'a> {
    /// Row, from 0.
    pub row: usize,
    /// The cell.
    pub cell: &'a Cell,
}

/// How a table of a body is read: its key, its label columns, and the rows that count.
pub struct Reading<'a> {
    /// The table.
    pub table: &'a Table,
    /// Which table it is.
    pub key: TableKey,
    /// Places of the columns that label rows.
    pub labels: Vec<usize>,
    /// Rows that count, by place; empty when none does.
    pub rows: Vec<usize>,
}

/// The tables of a body that count, in its order.
pub fn readings(tables: &[Table]) -> Vec<Reading<'_>> {
    let mut seen = BTreeSet::new();
    let mut extras = 0;
    let mut readings = Vec::new();
    for table in tables {
        let Some(reading) = Reading::of(table) else { continue };
        let extra = matches!(reading.key, TableKey::Extra(_));
        if (extra && extras == EXTRA_TABLES_MAX) || !seen.insert(reading.key.clone()) {
            continue;
        }
        extras += usize::from(extra);
        readings.push(reading);
    }
    readings
}

/// The figures of a body's tables.
pub fn figures(tables: &[Table]) -> Vec<TableFigures> {
    let read = readings(tables).into_iter();
    read.map(|reading| TableFigures { columns: reading.figures(), key: reading.key })
        .filter(|table| !table.columns.is_empty())
        .collect()
}

impl<'a> Reading<'a> {
    fn of(table: &'a Table) -> Option<Self> {
        let key = match &table.template {
            Some(template) => TableKey::Template(template.clone()),
            None => TableKey::Extra(extra_name(&table.name)?),
        };
        let printed = |at: usize| {
            table.rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.printed.as_str())
        };
        let labels: Vec<usize> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| match &key {
                TableKey::Template(_) => is_position(&column.id),
                TableKey::Extra(_) => labels_rows(&column.header, printed(*at)),
            })
            .map(|(at, _)| at)
            .collect();
        let rows = match &key {
            TableKey::Template(_) => plain_rows(table, &labels),
            TableKey::Extra(_) => total_of(table, &labels).into_iter().collect(),
        };
        let several_years = rows.len() > 1
            && labels
                .iter()
                .filter_map(|at| table.columns.get(*at))
                .any(|column| YEARS.contains(&comparable(&column.header).as_str()));
        let rows = if several_years { Vec::new() } else { rows };
        Some(Self { table, key, labels, rows })
    }

    /// Columns that count: place and key. Two columns under one key cannot be told apart, and neither counts.
    pub fn columns(&self) -> Vec<(usize, ColumnKey)> {
        let extra = matches!(self.key, TableKey::Extra(_));
        let mut found: Vec<(usize, ColumnKey)> = Vec::new();
        for (at, column) in self.table.columns.iter().enumerate() {
            let unit = column.unit.as_deref().unwrap_or_default();
            let ratio = RATIOS.contains(&unit) || (extra && is_ratio(&column.header));
            if self.labels.contains(&at) || ratio {
                continue;
            }
            let key = if extra {
                ColumnKey { id: header_key(&column.header), unit: unit.to_owned() }
            } else {
                let money = if unit == "元" { "元" } else { "" };
                ColumnKey { id: column.id.clone(), unit: money.to_owned() }
            };
            if key.id.len() <= NAME_BYTES_MAX && !key.id.is_empty() {
                found.push((at, key));
            }
        }
        let mut count: BTreeMap<ColumnKey, usize> = BTreeMap::new();
        for (_, key) in &found {
            *count.entry(key.clone()).or_default() += 1;
        }
        found.retain(|(_, key)| count.get(key) == Some(&1));
        found.truncate(if extra { EXTRA_COLUMNS_MAX } else { usize::MAX });
        found
    }

    /// The cells of a column that count: those with a number.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = CountedCell<'a>> {
        let table = self.table;
        let cells =
            self.rows.iter().map(move |row| (*row, table.rows.get(*row).and_then(|cells| cells.get(column))));
        cells
            .filter_map(|(row, cell)| Some(CountedCell { row, cell: cell? }))
            .filter(|counted| counted.cell.state == State::Value)
    }

    /// The figure of a column; none when no cell of it holds a number.
    pub fn figure(&self, column: usize) -> Option<Figure> {
        sum_of(self.cells(column).map(|counted| counted.cell))
    }

    fn figures(&self) -> Vec<(ColumnKey, Figure)> {
        let columns = self.columns().into_iter();
        let mut figures: Vec<_> = columns.filter_map(|(at, key)| Some((key, self.figure(at)?))).collect();
        figures.sort_by(|(a, _), (b, _)| a.cmp(b));
        figures
    }

    /// What the row says of itself: its label cells.
    pub fn label(&self, row: usize) -> String {
        let cells = self.labels.iter().filter_map(|at| self.table.rows.get(row)?.get(*at));
        cells
            .map(|cell| comparable(&cell.printed))
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The figure that the table itself prints for a column as the whole: that of its 合计 row, else as it counts.
    pub fn printed_total(&self, column: usize) -> Option<Figure> {
        match total_of(self.table, &self.labels) {
            Some(row) => {
                let cell = self.table.rows.get(row).and_then(|cells| cells.get(column));
                sum_of(cell.into_iter().filter(|cell| cell.state == State::Value))
            }
            None => self.figure(column),
        }
    }
}

/// The figure that cells with numbers make; none for no cell, no sum when one of them has no exact value.
pub fn sum_of<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<Figure> {
    let mut figure = Figure { sum: Some(Sum(0)), cells: 0 };
    for cell in cells {
        let value = cell.value.and_then(Sum::of);
        figure.sum = figure.sum.zip(value).map(|(sum, value)| sum.plus(value));
        figure.cells += 1;
    }
    (figure.cells > 0).then_some(figure)
}

/// The one row that says it all: the only one, the one labelled 合计, or the one of the whole jurisdiction (全区).
fn total_of(table: &Table, labels: &[usize]) -> Option<usize> {
    if table.rows.len() == 1 {
        return Some(0);
    }
    if let Some(total) = total_row(table, labels) {
        return Some(total);
    }
    let whole = |row: &Vec<Cell>| {
        let cells = labels.iter().filter_map(|at| row.get(*at));
        cells.filter(|cell| cell.printed.contains(WHOLE)).any(|cell| is_whole(&comparable(&cell.printed)))
    };
    let mut wholes = (0..table.rows.len()).filter(|at| table.rows.get(*at).is_some_and(whole));
    wholes.next().filter(|_| wholes.next().is_none())
}

/// The character that every such label begins with, as it may be printed: the second is the first's compatibility form.
const WHOLE: [char; 2] = ['全', '\u{fa72}'];

/// 全区, 全市, 全系统 and the like.
fn is_whole(label: &str) -> bool {
    const OF: [&str; 11] = ["省", "市", "区", "县", "州", "旗", "镇", "乡", "街道", "系统", "局"];
    label.strip_prefix('全').is_some_and(|of| OF.contains(&of))
}

/// True for `c1`, `c2`: the id of a column that the template does not name.
fn is_position(id: &str) -> bool {
    id.strip_prefix('c')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_ratio(header: &str) -> bool {
    let header = header_key(header);
    RATIO_ENDS.iter().any(|end| header.ends_with(end)) || OTHER_YEARS.iter().any(|word| header.contains(word))
}

/// The name under which extra tables of several years and places meet: comparable, without a year in front.
fn extra_name(name: &str) -> Option<String> {
    let name = comparable(name);
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if digits == 4 { name.get(4..).and_then(|rest| rest.strip_prefix('年')) } else { None };
    let rest = rest.map(|rest| rest.strip_prefix('度').unwrap_or(rest));
    let name = rest.filter(|rest| !rest.is_empty()).unwrap_or(&name);
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_of_the_whole_is_passed_over_for_its_spelling() {
        let made_of = |c: &char| comparable(c.encode_utf8(&mut [0; 4])).contains('全');
        let found: Vec<char> = ('\0'..=char::MAX).filter(made_of).collect();
        assert_eq!(found, WHOLE);
        assert!(is_whole("全市") && !is_whole("市"));
    }
}
