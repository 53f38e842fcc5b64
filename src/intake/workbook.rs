//! Workbooks (.xlsx) to sheets: values as the clerk sees them, formulas beside them, nothing evaluated by anyone
//! else, no link followed.
//!
//! [`super::archive`] has walked the bytes before; what is left to bound here is where cells may stand.

use super::sheet::{Area, Sheet};
use crate::package::cell::Raw;
use crate::package::finding::Finding;
use calamine::{
    DataRef, DataType, Reader, SheetType, SheetVisible, Xlsx, XlsxFormulaMetadata, expand_shared_formula,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

/// Most cells with content, all sheets together: those of a report, and titles.
const CELLS_MAX: usize = 250_000;
/// Most merged areas of a sheet.
const AREAS_MAX: usize = 5000;
/// Longest formula that is filled down over cells: each of them gets a copy.
const SHARED_BYTES_MAX: usize = 256;
/// Most sheets.
const SHEETS_MAX: usize = 300;

/// A workbook: the sheets people see, and the one that our own workbooks hide.
pub(super) struct Workbook {
    pub(super) sheets: Vec<Sheet>,
    pub(super) hidden: Vec<Sheet>,
}

/// Reads a workbook that was walked before.
///
/// # Errors
/// A finding that refuses.
pub(super) fn read(bytes: &[u8]) -> Result<Workbook, Box<Finding>> {
    let damaged = |error: &dyn std::fmt::Display| {
        let zh = format!("工作簿无法读取（{error}）；请用 Excel 或 WPS 打开后另存为新的 .xlsx");
        let en = format!("the workbook cannot be read ({error}); open it and save it as a new .xlsx");
        Finding::must_fix("workbook_damaged", &zh, &en)
    };
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let listed: Vec<(String, bool)> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible))
        .collect();
    if listed.len() > SHEETS_MAX {
        return Err(Box::new(too_many("sheets")));
    }
    let mut read = Workbook { sheets: Vec::new(), hidden: Vec::new() };
    let mut count = 0;
    for (name, visible) in listed {
        let mut sheet = cells(&mut book, &name, &mut count).map_err(|fault| match fault {
            Fault::Damaged(error) => damaged(&error),
            Fault::TooMany => too_many("cells"),
        })?;
        let merged = book.merge_cells_by_sheet_name(&name).map_err(|error| damaged(&error))?;
        if merged.len() > AREAS_MAX {
            return Err(Box::new(too_many("merged cells")));
        }
        sheet.merged = merged.iter().map(|area| Area { first: area.start, last: area.end }).collect();
        if visible { &mut read.sheets } else { &mut read.hidden }.push(sheet);
    }
    Ok(read)
}

enum Fault {
    Damaged(calamine::XlsxError),
    TooMany,
}

impl From<calamine::XlsxError> for Fault {
    fn from(error: calamine::XlsxError) -> Self {
        Self::Damaged(error)
    }
}

fn cells(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, count: &mut usize) -> Result<Sheet, Fault> {
    let mut sheet = Sheet { name: name.to_owned(), ..Sheet::default() };
    let percents = percents(book, name)?;
    let mut shared = BTreeMap::new();
    let mut reader = book.worksheet_cells_reader(name)?;
    while let Some(cell) = reader.next_cell_with_formula_metadata()? {
        let raw = match &cell.value {
            DataRef::Empty => Raw::Blank,
            DataRef::Int(number) => Raw::Number(number.to_string()),
            DataRef::Float(number) if percents.contains(&cell.pos) => {
                Raw::Text(format!("{}%", shown(*number * 100.0)))
            }
            DataRef::Float(number) => Raw::Number(shown(*number)),
            DataRef::String(text) => Raw::Text(text.clone()),
            DataRef::SharedString(text) => Raw::Text((*text).to_owned()),
            DataRef::Bool(truth) => Raw::Text(truth.to_string().to_uppercase()),
            DataRef::DateTime(date) => {
                let (year, month, day, ..) = date.to_ymd_hms_milli();
                Raw::Text(format!("{year}-{month:02}-{day:02}"))
            }
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Raw::Text(text.clone()),
            DataRef::Error(error) => Raw::Text(error.to_string()),
        };
        if let Some(formula) = cell.formula {
            let text = match formula {
                XlsxFormulaMetadata::Shared { shared_index, formula, .. } => {
                    if formula.len() <= SHARED_BYTES_MAX {
                        shared.insert(shared_index, (cell.pos, formula.clone()));
                    }
                    formula
                }
                XlsxFormulaMetadata::SharedDerived { shared_index } => match shared.get(&shared_index) {
                    Some((from, formula)) => expand_shared_formula(formula, *from, cell.pos)?,
                    None => String::new(),
                },
                XlsxFormulaMetadata::Normal { formula } => formula,
                _ => String::new(),
            };
            sheet.formulas.insert(cell.pos, text);
        } else if cell.value.is_empty() || raw == Raw::Blank {
            continue;
        }
        *count += 1;
        if *count > CELLS_MAX {
            return Err(Fault::TooMany);
        }
        sheet.cells.insert(cell.pos, raw);
    }
    Ok(sheet)
}

/// The cells that show a percentage: 0.658 under such a format is printed 65.8%.
fn percents(book: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<BTreeSet<(u32, u32)>, Fault> {
    let mut reader = book.worksheet_cells_reader(name)?;
    let formats: Vec<bool> = reader
        .styles()
        .iter()
        .map(|style| style.number_format.as_ref().is_some_and(|format| format.format_code.contains('%')))
        .collect();
    let mut found = BTreeSet::new();
    if formats.contains(&true) {
        while let Some((row, column, style)) = reader.next_style_id()? {
            if formats.get(style) == Some(&true) {
                found.insert((row, column));
                if found.len() > CELLS_MAX {
                    return Err(Fault::TooMany);
                }
            }
        }
    }
    Ok(found)
}

/// A number as Excel shows it: 15 significant digits, so that 2.2999999999999998, which is how a workbook may
/// store 2.3, is 2.3 again; never with an exponent.
fn shown(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    // What is beyond any figure keeps its exponent, and is refused for it rather than printed as a kilobyte of digits.
    if rounded.abs() >= 1e28 { format!("{rounded:e}") } else { format!("{rounded}") }
}

fn too_many(what: &str) -> Finding {
    let zh = format!("工作簿内容过多（{what}）；明细请作为附件，报送的工作簿只留统计表");
    let en = format!("too many {what}; attach item lists, keep only the tables");
    Finding::must_fix("workbook_too_large", &zh, &en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_excel_shows() {
        for (number, text) in [
            (2.3 - 2e-16, "2.3"),
            (1753.79, "1753.79"),
            (30.0, "30"),
            (-0.5, "-0.5"),
            (0.000_1, "0.0001"),
            (65.8, "65.8"),
            (0.658 * 100.0, "65.8"),
            (28_400_000.0, "28400000"),
        ] {
            assert_eq!(shown(number), text);
        }
        assert!(shown(1e300).contains('e'));
    }
}
