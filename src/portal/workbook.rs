//! A view as a workbook: one sheet of tidy rows, figures as numbers where a spreadsheet holds them exactly.

use crate::view::View;
use crate::view::rows::{Field, Tidy, harmless};
use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// Most digits that a spreadsheet's number keeps exactly; longer ones are written as text.
const DIGITS_MAX: usize = 15;

/// The workbook's bytes; none when a spreadsheet cannot hold the rows.
pub fn workbook(tidy: &Tidy, view: &View) -> Option<Vec<u8>> {
    write(tidy, &format!("{} {}", view.division.code, view.year).replace(['/', '\\'], " ")).ok()
}

/// The same for any rows.
pub(crate) fn tidy(tidy: &Tidy) -> Option<Vec<u8>> {
    write(tidy, "data").ok()
}

fn write(tidy: &Tidy, name: &str) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name(name)?;
    let bold = Format::new().set_bold();
    for (at, head) in (0..).zip(&tidy.heads) {
        sheet.write_string_with_format(0, at, *head, &bold)?;
    }
    for (row, fields) in (1..).zip(&tidy.rows) {
        for (at, field) in (0..).zip(fields) {
            match field {
                Field::Text(text) => sheet.write_string(row, at, harmless(text))?,
                Field::Number(number) => match exactly(number) {
                    Some(figure) => sheet.write_number(row, at, figure)?,
                    None => sheet.write_string(row, at, number)?,
                },
            };
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    book.save_to_buffer()
}

/// The number as a spreadsheet keeps it, when it keeps all its digits. The only float of the view: it leaves the
/// program as it is, and nothing is computed with it.
fn exactly(number: &str) -> Option<f64> {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || digits > DIGITS_MAX {
        return None;
    }
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_a_spreadsheet_would_round_are_text() {
        assert_eq!(exactly("1917"), Some(1917.0));
        assert_eq!(exactly("-270.95"), Some(-270.95));
        assert_eq!(exactly("1234567890123456"), None);
        assert_eq!(exactly(""), None);
    }
}
