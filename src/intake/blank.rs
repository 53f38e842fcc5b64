//! Blank files to fill in: a workbook per agency and year, and the same as CSV.
//!
//! A workbook has one sheet for the agency's data, one for the prose, one a table. Only cells to fill in are
//! unlocked; each says its counting rule when it is selected, takes a figure or 不适用 and nothing else, and sums
//! are formulas that `check` computes again. Last year's figures stand under the table, for comparison only.

mod page;

use super::own;
use crate::package::total::is_total_label;
use crate::template::normal::comparable;
use crate::template::{Column, Kind, Template};
use rust_xlsxwriter::{Workbook, XlsxError};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a blank file is for.
#[derive(Clone, Debug)]
pub struct Blank<'a> {
    /// The agency's name.
    pub agency_name: &'a str,
    /// Its credit code, or empty.
    pub agency_code: &'a str,
    /// Its division's code, or empty.
    pub division: &'a str,
    /// The year of the figures.
    pub year: u16,
    /// The layouts, each a table.
    pub layouts: Vec<&'a Template>,
    /// Units with a row each and a 合计 row below them; none for tables of one row.
    pub units: &'a [String],
    /// What it published for the year before.
    pub last_year: LastYear,
}

/// Last year's figures as printed.
#[derive(Clone, Debug, Default)]
pub struct LastYear {
    /// By table id, unit in comparable form (empty for the table as a whole), and column id.
    figures: BTreeMap<(String, String, String), String>,
}

impl LastYear {
    /// Adds a figure of a row. Its label names the unit; that of a 合计 row, like no label, stands for the whole.
    pub fn put(&mut self, table: &str, label: &str, column: &str, printed: &str) {
        let unit = if is_total_label(label) { String::new() } else { comparable(label) };
        self.figures.insert((table.to_owned(), unit, column.to_owned()), printed.to_owned());
    }

    /// True when nothing is known of the year before.
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// The figure of a unit, of the table as a whole for an empty name.
    fn of(&self, template: &Template, unit: &str, column: &Column) -> Option<&str> {
        let key = (template.table.clone(), comparable(unit), column.id.clone());
        self.figures.get(&key).map(String::as_str)
    }
}

/// The blank workbook.
///
/// # Errors
/// In words, when a layout cannot be written as a sheet.
pub fn workbook(blank: &Blank<'_>) -> Result<Vec<u8>, String> {
    let mut book = Workbook::new();
    let said = |error: XlsxError| error.to_string();
    let names = sheet_names(&blank.layouts);
    page::agency(book.add_worksheet(), blank).map_err(said)?;
    page::prose(book.add_worksheet(), blank).map_err(said)?;
    for (template, name) in blank.layouts.iter().zip(&names) {
        page::table(book.add_worksheet(), blank, template, name).map_err(said)?;
    }
    let hidden = book.add_worksheet();
    let mut write = || -> Result<(), XlsxError> {
        hidden.set_name(own::SHEET)?.set_very_hidden(true);
        hidden.write_string(0, 0, own::FORMAT)?;
        hidden.write_string(1, 0, blank.agency_name)?.write_string(1, 1, blank.year.to_string())?;
        for ((template, name), row) in blank.layouts.iter().zip(&names).zip(2_u32..) {
            hidden.write_string(row, 0, name)?.write_string(row, 1, &template.id)?;
            hidden.write_string(row, 2, own::signature(template))?;
        }
        Ok(())
    };
    write().map_err(said)?;
    book.save_to_buffer().map_err(said)
}

/// The same as CSV: lines of data above, then a table a block; UTF-8 with a byte order mark, as Excel wants it.
pub fn separated(blank: &Blank<'_>) -> String {
    let mut text = String::from("\u{feff}");
    for (key, value) in [
        ("机关名称", blank.agency_name),
        ("统一社会信用代码", blank.agency_code),
        ("区划代码", blank.division),
        ("年度", &blank.year.to_string()),
        ("总体情况", ""),
    ] {
        let _ = writeln!(text, "{key},{}", field(value));
    }
    for (template, name) in blank.layouts.iter().zip(sheet_names(&blank.layouts)) {
        let headers: Vec<String> = headers(template).iter().map(|header| field(header)).collect();
        let blanks = ",".repeat(headers.len().saturating_sub(1));
        let _ = writeln!(text, "\n表名,{}\n计量单位,{}", field(&name), field(&unit(template)));
        if blank.units.is_empty() {
            let _ = writeln!(text, "{}\n{blanks}", headers.join(","));
        } else {
            let _ = writeln!(text, "单位名称,{}", headers.join(","));
            for unit in blank.units.iter().map(String::as_str).chain(["合计"]) {
                let _ = writeln!(text, "{},{blanks}", field(unit));
            }
        }
    }
    text
}

/// A CSV field (RFC 4180). Quotes where they are needed.
fn field(text: &str) -> String {
    let needs = text.contains([',', '"', '\n', '\r', ';', '\t']);
    if needs { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The headers of a layout as they are printed in a blank file.
pub fn headers(template: &Template) -> Vec<String> {
    template.columns.iter().map(|column| header(template, column)).collect()
}

/// The unit of most columns: that of the first one that counts.
pub fn unit(template: &Template) -> String {
    let counts = template.columns.iter().find(|column| column.kind == Kind::Count);
    counts.or(template.columns.first()).map_or_else(String::new, |column| column.unit.clone())
}

/// The header with its unit in brackets where it is not the table's.
fn header(template: &Template, column: &Column) -> String {
    match column.unit == unit(template) {
        true => column.header.clone(),
        false => format!("{}（{}）", column.header, column.unit),
    }
}

/// Names of sheets: the titles, at most 31 characters, none twice, none of the characters that Excel forbids.
fn sheet_names(layouts: &[&Template]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for template in layouts {
        let allowed = |text: &str| -> String {
            text.chars()
                .filter(|c| !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\''))
                .take(31)
                .collect()
        };
        let mut name = allowed(&template.title);
        if name.is_empty() || names.contains(&name) {
            name = allowed(&template.id);
        }
        names.push(name);
    }
    names
}
