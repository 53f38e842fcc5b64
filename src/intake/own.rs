//! Our own blank workbooks know what they were made for: a hidden sheet says agency, year, and the columns of every
//! sheet. So an old layout, another year and an inserted column each have their own message.

use super::draft::{Draft, in_sheet};
use super::sheet::{Sheet, cell_name};
use crate::package::finding::Finding;
use crate::template::normal::{header_key, shortened};
use crate::template::{Template, Templates};

/// Name of the hidden sheet.
pub(super) const SHEET: &str = "_gongshi";
/// What stands in its first cell. Another format is not ours.
pub(super) const FORMAT: &str = "gongshi.workbook/1";

/// What a workbook was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    year: String,
    /// Sheet, template id, headers as they were.
    sheets: Vec<(String, String, Vec<String>)>,
}

/// How the headers of a layout are written down.
pub(super) fn signature(template: &Template) -> String {
    let headers: Vec<&str> = template.columns.iter().map(|column| column.header.as_str()).collect();
    headers.join("|")
}

impl Origin {
    /// From the hidden sheets of a workbook; `None` when it is not ours.
    pub(super) fn of(hidden: &[Sheet]) -> Option<Self> {
        let sheet = hidden.iter().find(|sheet| sheet.name == SHEET && sheet.text((0, 0)) == FORMAT)?;
        let sheets = sheet.rows().into_iter().skip_while(|row| *row < 2).map(|row| {
            let headers = sheet.text((row, 2)).split('|').map(str::to_owned).collect();
            (sheet.text((row, 0)).to_owned(), sheet.text((row, 1)).to_owned(), headers)
        });
        Some(Self { year: sheet.text((1, 1)).to_owned(), sheets: sheets.collect() })
    }

    /// Compares what is filled in with what the workbook was made for.
    pub(super) fn check(&self, draft: &mut Draft, templates: &Templates) {
        let mut findings = Vec::new();
        if let Some(year) = draft.text("year").filter(|year| *year != self.year) {
            let made = &self.year;
            let zh = format!(
                "这份工作簿是 {made} 年度的，填写的年度是 {year}；请用 {year} 年度的空白工作簿，或改回年度"
            );
            let en = format!(
                "this workbook is for {made}, the year filled in is {year}: take the blank one for {year}, or correct the year"
            );
            findings.push(Finding::must_fix("workbook_year", &zh, &en).in_column("year").figures(made, year));
        }
        for placed in &draft.placed {
            let Some((_, id, made)) = self.sheets.iter().find(|(sheet, ..)| *sheet == placed.sheet) else {
                continue;
            };
            let found = &placed.found;
            let refuse_at = |code, zh: &str, en: &str| {
                in_sheet(Finding::must_fix(code, zh, en).in_table(&placed.name), &placed.sheet)
            };
            let current = templates.find(id).map(signature);
            if current.as_deref() != Some(made.join("|").as_str()) {
                let zh = format!(
                    "此表用的是旧版表式（{id}），现行表式已变；请用 gongshi template xlsx 重新生成空白工作簿"
                );
                let en = format!(
                    "this sheet follows an older {id}: make a new blank workbook with gongshi template xlsx"
                );
                findings.push(refuse_at("workbook_old_template", &zh, &en));
                continue;
            }
            let keys: Vec<String> = made.iter().map(|header| header_key(header)).collect();
            for (header, column) in found.headers.iter().zip(&found.columns) {
                if !keys.contains(&header_key(header)) && !crate::package::unit::is_label_header(header) {
                    let short = shortened(header);
                    let zh = format!("“{short}”不是本表式的栏目，疑为插入或改名的列；请删去或改回");
                    let en = format!(
                        "\"{short}\" is no column of this layout: an inserted or renamed column; remove it or restore its name"
                    );
                    let mut finding = refuse_at("column_inserted", &zh, &en).in_column(header);
                    finding.cell = Some(cell_name((found.header_row, *column)));
                    findings.push(finding);
                }
            }
            for header in made.iter().filter(|header| {
                let key = header_key(header);
                !found.headers.iter().any(|found| header_key(found) == key)
            }) {
                let short = shortened(header);
                let zh = format!("缺少栏目“{short}”，疑被删去；请恢复该列，没有此项职权的填“不适用”");
                let en = format!(
                    "the column \"{short}\" is missing: restore it, and write 不适用 where there is no such power"
                );
                findings.push(refuse_at("column_removed", &zh, &en).in_column(header));
            }
        }
        draft.findings.extend(findings);
    }
}
