//! A view as tidy rows: one row a figure, every column one thing, for spreadsheets and programs.
//!
//! Texts that a spreadsheet would take for a formula get an apostrophe in front, as do those that begin with a tab or a
//! line break; figures are written by us and are numbers only.

use super::build::{ColumnView, TableView, View};
use super::by::PartOfView;
use super::sum::Sum;

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// Words from anywhere.
    Text(String),
    /// A plain decimal number, or nothing.
    Number(String),
}

/// Heads and rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tidy {
    /// One head a column.
    pub heads: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<Field>>,
}

const HEADS: [(&str, &str); 16] = [
    ("区划代码", "division"),
    ("区划", "division_name"),
    ("年度", "year"),
    ("范围", "scope"),
    ("部分", "part"),
    ("报告摘要", "digest"),
    ("表", "table"),
    ("表名", "table_name"),
    ("表式", "template"),
    ("栏目", "column"),
    ("栏目名", "header"),
    ("单位", "unit"),
    ("合计", "sum"),
    ("报告数", "packages"),
    ("上年合计", "last_year"),
    ("变动", "change"),
];

/// A view, or where it was taken apart its parts, as rows; rates and differences stand in documents of their own.
pub fn tidy(view: &View, parts: Option<&[PartOfView]>, english: bool) -> Tidy {
    let heads = HEADS.iter().map(|(zh, en)| if english { *en } else { *zh }).collect();
    let mut rows = Vec::new();
    let mut put = |code: &str, name: &str, part: &str, digest: String, tables: &[TableView]| {
        for table in tables {
            for column in &table.columns {
                let about = [code, name].map(|text| Field::Text(text.to_owned()));
                let year = Field::Number(view.year.to_string());
                let scope = Field::Text(view.scope.as_str().to_owned());
                let part = [Field::Text(part.to_owned()), Field::Text(digest.clone())];
                let row = about.into_iter().chain([year, scope]).chain(part);
                rows.push(row.chain(figure(table, column)).collect());
            }
        }
    };
    match parts {
        None => put(view.division.code.as_str(), &view.division.name, "", String::new(), &view.tables),
        Some(parts) => {
            for part in parts {
                let digest = part.digest.map(|digest| digest.hex()).unwrap_or_default();
                let word = if part.own && english { "own" } else { "本级" };
                let what = if part.own { word } else { part.name.as_str() };
                put(part.division.as_str(), &part.name, what, digest, &part.tables);
            }
        }
    }
    Tidy { heads, rows }
}

fn figure(table: &TableView, column: &ColumnView) -> impl Iterator<Item = Field> {
    let text = |text: &str| Field::Text(text.to_owned());
    let number = |sum: Option<Sum>| Field::Number(sum.map(|sum| sum.to_string()).unwrap_or_default());
    let last = column.last_year.as_ref();
    [
        text(&table.id),
        text(&table.name),
        text(table.template.as_deref().unwrap_or_default()),
        text(&column.id),
        text(&column.header),
        text(&column.unit),
        number(column.sum),
        Field::Number(column.packages.to_string()),
        number(last.map(|last| last.sum)),
        number(last.map(|last| last.change)),
    ]
    .into_iter()
}

/// The text a spreadsheet shows and does not compute.
pub fn harmless(text: &str) -> String {
    let risky =
        text.trim_start_matches([' ', '\u{3000}']).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if risky || text.starts_with(['\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

impl Tidy {
    /// RFC 4180 with CRLF, UTF-8 with a byte order mark, so that spreadsheets read Chinese.
    pub fn to_csv(&self) -> String {
        let quoted = |text: &str| {
            let plain = !text.contains([',', '"', '\r', '\n']);
            if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
        };
        let line = |fields: Vec<String>| format!("{}\r\n", fields.join(","));
        let field = |field: &Field| match field {
            Field::Text(text) => quoted(&harmless(text)),
            Field::Number(number) => number.clone(),
        };
        let heads = line(self.heads.iter().map(|head| quoted(head)).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(field).collect()));
        std::iter::once(format!("\u{feff}{heads}")).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_48_no_text_of_a_report_is_computed_by_a_spreadsheet() {
        let hostile =
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "=HYPERLINK(\"http://a\",\"b\")"];
        let rows = hostile.map(|text| vec![Field::Text(text.into()), Field::Number("-5".into())]).to_vec();
        let csv = Tidy { heads: vec!["a", "b"], rows }.to_csv();
        assert!(csv.starts_with('\u{feff}'));
        for line in csv.split("\r\n").skip(1).filter(|line| !line.is_empty()) {
            let first = line.trim_start_matches('"');
            assert!(first.starts_with('\''), "{line:?}");
            assert!(line.ends_with(",-5"), "{line:?}");
        }
        assert!(csv.contains("\"'=HYPERLINK(\"\"http://a\"\",\"\"b\"\")\""));
    }
}
