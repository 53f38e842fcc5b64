//! Tables: columns with stable ids and units, rows of cells, in the order of the file.

use super::cell::{Cell, NumberFault, Raw};
use super::finding::{Finding, Findings};
use super::unit::{TableUnit, labels_rows};
use crate::template::normal::{comparable, hostile_char, shortened};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most tables in a report; the fullest real one has seven.
pub const TABLES_MAX: usize = 200;
/// Most columns in a table; the widest known layout (Shandong) has 27.
pub const COLUMNS_MAX: usize = 200;
/// Most rows in a table: item lists are attachments, not tables.
pub const ROWS_MAX: usize = 20_000;
/// Most cells in a report, all tables together.
pub const CELLS_MAX: usize = 200_000;
/// Longest name, header, unit or cell in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 4096;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Stable id within the table: the template's, or `c1`, `c2`, .. by position in an extra table.
    pub id: String,
    /// The header as printed.
    pub header: String,
    /// The base unit of its values (宗, 元, %); `None` (JSON null) for labels and where no single unit is known.
    pub unit: Option<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Stable id within the report: the template's, or `t1`, `t2`, .. by position among all tables.
    pub id: String,
    /// The name as printed.
    pub name: String,
    /// The unit as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The template that its columns match; `None` for an extra table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Its columns, at least one.
    pub columns: Vec<Column>,
    /// Its rows, each with one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// A table as a file holds it: printed texts only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawTable {
    /// The name as printed.
    pub name: String,
    /// The unit as printed, if there is one.
    pub unit: Option<String>,
    /// The headers as printed.
    pub headers: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<Raw>>,
}

impl Table {
    /// The table at `index` (from 0) of a report, with units found and values computed; what is wrong with it
    /// goes to `findings`. The result is meaningful only if nothing refuses.
    pub fn assemble(index: usize, raw: RawTable, findings: &mut Findings) -> Self {
        let RawTable { name, unit, mut headers, mut rows } = raw;
        check_text(&name, &name, "", "table_name", findings);
        if name.trim().is_empty() {
            findings.push(Finding::must_fix(
                "table_name",
                "表没有名称，请写上表名",
                "a table has no name; give it one",
            ));
        }
        if let Some(unit) = &unit {
            check_text(unit, &name, "unit", "unit_text", findings);
        }
        check_shape(&name, &headers, &rows, findings);
        // What is refused for its size is not looked into: headers times rows would be without bound.
        headers.truncate(COLUMNS_MAX);
        rows.truncate(ROWS_MAX);
        let table_unit = unit.as_deref().map(TableUnit::parse).unwrap_or_default();
        let units: Vec<_> = headers
            .iter()
            .enumerate()
            .map(|(at, header)| {
                let printed = rows.iter().filter_map(|row| row.get(at)).map(Raw::printed);
                if labels_rows(header, printed) { None } else { table_unit.of_column(header) }
            })
            .collect();
        let mut kept = Vec::with_capacity(rows.len());
        for (row_at, row) in rows.into_iter().enumerate() {
            let mut cells = Vec::with_capacity(row.len());
            for (at, raw) in row.into_iter().enumerate() {
                let place = |finding: Finding| {
                    let header = headers.get(at).map_or("", String::as_str);
                    finding.in_table(&name).in_column(header).in_cell(row_at, at)
                };
                if let Some(finding) = text_fault(raw.printed(), "cell_text") {
                    findings.push(place(finding));
                }
                let (cell, fault) = raw.into_cell(units.get(at).and_then(Option::as_ref));
                if let Some(fault) = fault {
                    findings.push(place(number_finding(fault, &cell.printed)));
                }
                cells.push(cell);
            }
            kept.push(cells);
        }
        let columns = headers
            .into_iter()
            .zip(units)
            .enumerate()
            .map(|(at, (header, unit))| Column {
                id: format!("c{}", at + 1),
                header,
                unit: unit.map(|unit| unit.base),
            })
            .collect();
        Self { id: format!("t{}", index + 1), name, unit, template: None, columns, rows: kept }
    }
}

/// Bounds, row lengths, headers.
fn check_shape(name: &str, headers: &[String], rows: &[Vec<Raw>], findings: &mut Findings) {
    if headers.is_empty() {
        findings.push(
            Finding::must_fix(
                "no_columns",
                "表没有列，请填写表头",
                "the table has no columns; give its headers",
            )
            .in_table(name),
        );
    }
    if rows.is_empty() {
        let zh = "表没有数据行；没有此项职权的，请不要列此表";
        findings.push(
            Finding::must_fix(
                "no_rows",
                zh,
                "the table has no rows; leave out a table you have no power for",
            )
            .in_table(name),
        );
    }
    for (what, count, most) in [("columns", headers.len(), COLUMNS_MAX), ("rows", rows.len(), ROWS_MAX)] {
        if count > most {
            let zh = format!("{what} 共 {count}，最多 {most}；明细请作为附件");
            let en = format!("{count} {what}, at most {most}; attach item lists instead");
            findings.push(Finding::must_fix("too_many", &zh, &en).in_table(name));
        }
    }
    let mut seen = BTreeSet::new();
    for header in headers {
        check_text(header, name, header, "header_text", findings);
        if !seen.insert(comparable(header)) {
            let short = shortened(header);
            let zh = format!("表头“{short}”重复，请核对是否抄错");
            let en = format!("the header \"{short}\" stands twice; check whether it was copied wrongly");
            findings.push(Finding::hint("duplicate_header", &zh, &en).in_table(name).in_column(header));
        }
    }
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.len() != headers.len()) {
        let zh = format!(
            "第 {} 行有 {} 格，表头有 {} 列；请补齐或删去多余的格（空白写 null）",
            at + 1,
            row.len(),
            headers.len()
        );
        let en = format!(
            "row {} has {} cells, the header has {}; add or remove cells (null is blank)",
            at + 1,
            row.len(),
            headers.len()
        );
        let finding = Finding::must_fix("row_length", &zh, &en).in_table(name).in_row(at);
        findings.push(finding.figures(headers.len(), row.len()));
    }
}

fn check_text(text: &str, table: &str, column: &str, code: &'static str, findings: &mut Findings) {
    if let Some(finding) = text_fault(text, code) {
        findings.push(finding.in_table(table).in_column(column));
    }
}

/// What is wrong with a printed text of a table.
fn text_fault(text: &str, code: &'static str) -> Option<Finding> {
    if text.len() > TEXT_BYTES_MAX {
        let zh = format!("文字有 {} 字节，最多 {TEXT_BYTES_MAX}；请移到情况说明", text.len());
        let en =
            format!("a text of {} bytes, at most {TEXT_BYTES_MAX}; move it to the narrative", text.len());
        return Some(Finding::must_fix(code, &zh, &en));
    }
    let found = hostile_char(text, true)?;
    let zh = format!("含有不可见的控制字符 U+{:04X}，请删去", u32::from(found));
    let en = format!("it holds the control character U+{:04X}; remove it", u32::from(found));
    Some(Finding::must_fix(code, &zh, &en))
}

fn number_finding(fault: NumberFault, printed: &str) -> Finding {
    let short = shortened(printed);
    match fault {
        NumberFault::Exponent => Finding::must_fix(
            "number_exponent",
            &format!("数字“{short}”带指数，请写成普通数字"),
            &format!("the number {short} has an exponent; write it out"),
        ),
        NumberFault::TooLong => Finding::hint(
            "number_too_long",
            &format!("数字“{short}”位数过多，照原样公布，不参与汇总"),
            &format!("the number {short} has too many digits; it is shown as printed and not summed"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::cell::State;

    fn raw(unit: Option<&str>, headers: &[&str], rows: Vec<Vec<Raw>>) -> RawTable {
        let headers = headers.iter().map(|header| (*header).to_owned()).collect();
        RawTable { name: "表".into(), unit: unit.map(str::to_owned), headers, rows }
    }

    fn number(token: &str) -> Raw {
        Raw::Number(token.to_owned())
    }

    fn text(printed: &str) -> Raw {
        Raw::Text(printed.to_owned())
    }

    fn codes(raw: RawTable) -> Vec<(String, bool)> {
        let mut findings = Findings::new();
        Table::assemble(0, raw, &mut findings);
        let refuses = |finding: &Finding| finding.grade == crate::package::finding::Grade::MustFix;
        findings.into_list().iter().map(|finding| (finding.code.to_string(), refuses(finding))).collect()
    }

    #[test]
    fn figures_get_the_base_unit_of_their_column_and_labels_none() {
        let mut findings = Findings::new();
        let rows = vec![vec![text("简易程序"), number("18.1"), text("3166万元")]];
        let table =
            Table::assemble(2, raw(Some("万件;罚款为万元"), &["程序", "案件", "罚款"], rows), &mut findings);
        assert_eq!((table.id.as_str(), table.template.is_none()), ("t3", true));
        let units: Vec<_> = table.columns.iter().map(|column| column.unit.as_deref()).collect();
        assert_eq!(units, [None, Some("件"), Some("元")]);
        let values: Vec<_> =
            table.rows[0].iter().map(|cell| cell.value.map(|value| value.to_string())).collect();
        assert_eq!(values, [None, Some("181000".into()), Some("31660000".into())]);
        assert_eq!(table.rows[0][0].state, State::Text);
        assert!(findings.into_list().is_empty());
    }

    #[test]
    fn rows_that_do_not_fit_the_header_refuse() {
        let short = raw(None, &["a", "b"], vec![vec![number("1"), number("2")], vec![number("1")]]);
        let mut findings = Findings::new();
        Table::assemble(0, short, &mut findings);
        let list = findings.into_list();
        assert_eq!((list[0].code.as_ref(), list[0].row), ("row_length", Some(2)));
        assert_eq!((list[0].expected.as_deref(), list[0].found.as_deref()), (Some("2"), Some("1")));
        assert_eq!(codes(raw(None, &[], vec![])), [("no_columns".into(), true), ("no_rows".into(), true)]);
    }

    #[test]
    fn duplicate_headers_and_endless_numbers_only_hint() {
        let twice = raw(Some("件"), &["案件", "案 件"], vec![vec![number("1"), number(&"9".repeat(99))]]);
        assert_eq!(codes(twice), [("duplicate_header".into(), false), ("number_too_long".into(), false)]);
    }

    #[test]
    fn exponents_and_control_characters_refuse() {
        assert_eq!(codes(raw(None, &["a"], vec![vec![number("1e3")]])), [("number_exponent".into(), true)]);
        for hostile in ["\u{0}", "\u{1b}[31m", "\u{202e}12", "\u{feff}", "\u{85}"] {
            assert_eq!(
                codes(raw(None, &["a"], vec![vec![text(hostile)]])),
                [("cell_text".into(), true)],
                "{hostile:?}"
            );
            assert_eq!(codes(raw(None, &[hostile], vec![vec![text("x")]])), [("header_text".into(), true)]);
        }
        assert_eq!(codes(raw(None, &["a"], vec![vec![text("<script>\n=1+1")]])), []);
        assert_eq!(
            codes(raw(None, &["a"], vec![vec![text(&"长".repeat(2000))]])),
            [("cell_text".into(), true)]
        );
    }
}
