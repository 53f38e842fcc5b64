//! Where the tables of a sheet are: titles and units above, one or two header lines, rows, notes below.
//!
//! What is unambiguous is taken: title rows, a unit in its own line, merged and grouped headers, a line of column
//! numbers, empty columns, notes and signatures under the table. What is not is refused with its cell: figures
//! without a header, a figure merged over several cells, something standing outside the table.

use super::headers::{Headers, headers};
use super::sheet::{Area, Place, Sheet, cell_name};
use crate::package::cell::{Raw, State};
use crate::package::finding::Finding;
use crate::template::Templates;
use crate::template::normal::{comparable, shortened};

/// A table of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The title above it.
    pub(super) title: Option<String>,
    /// The unit printed above it.
    pub(super) unit: Option<String>,
    /// Its headers, and the columns and the row where they stand.
    pub(super) headers: Vec<String>,
    pub(super) columns: Vec<u32>,
    pub(super) header_row: u32,
    /// The rows of its data.
    pub(super) rows: Vec<u32>,
}

/// A `KEY：VALUE` or `KEY | VALUE` outside tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// The member of a report file that it gives.
    pub(super) key: &'static str,
    pub(super) value: Raw,
    pub(super) at: Place,
}

/// What a sheet holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) clauses: Vec<Clause>,
    pub(super) tables: Vec<Found>,
    pub(super) titles: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

/// What people write before a value, in comparable form, and the member it gives. `title` and `unit` belong to the
/// table that follows.
const KEYS: [(&str, &str); 26] = [
    ("机关名称", "agency_name"),
    ("填报单位", "agency_name"),
    ("填报机关", "agency_name"),
    ("报送单位", "agency_name"),
    ("执法机关", "agency_name"),
    ("统一社会信用代码", "agency_code"),
    ("区划代码", "division_code"),
    ("行政区划代码", "division_code"),
    ("区划名称", "division_name"),
    ("年度", "year"),
    ("年份", "year"),
    ("统计年度", "year"),
    ("报告年度", "year"),
    ("数据状态", "status"),
    ("统计口径", "scope"),
    ("成员单位", "members"),
    ("总体情况", "narrative"),
    ("情况说明", "narrative"),
    ("总体情况说明", "narrative"),
    ("来源网址", "source_url"),
    ("照原样公布理由", "as_printed"),
    ("说明", "notes"),
    ("标签", "labels"),
    ("表名", "title"),
    ("计量单位", "unit"),
    ("单位", "unit"),
];

/// Finds the tables of a sheet.
pub(super) fn layout(sheet: &Sheet, templates: &Templates) -> Layout {
    let mut found = Layout::default();
    let mut open: Option<Found> = None;
    let (mut title, mut unit): (Option<String>, Option<String>) = (None, None);
    let (mut last_row, mut skipping) = (None::<u32>, false);
    let rows = sheet.rows();
    let mut rows = rows.iter().copied().peekable();
    while let Some(row) = rows.next() {
        let gap = last_row.is_some_and(|last| row > last + 1);
        last_row = Some(row);
        if gap {
            skipping = false;
            found.tables.extend(open.take());
        }
        if skipping {
            continue;
        }
        let used = sheet.used(row);
        let begin = used.first().map(|column| comparable(sheet.text((row, *column)))).unwrap_or_default();
        if begin.starts_with("上年公布数") || begin.starts_with("上年数") {
            found.tables.extend(open.take());
            skipping = true;
            continue;
        }
        if let Some(clauses) = clauses(sheet, row, &used, open.is_some()) {
            found.tables.extend(open.take());
            for clause in clauses {
                match clause.key {
                    "title" => title = Some(clause.value.printed().trim().to_owned()),
                    "unit" => unit = Some(clause.value.printed().trim().to_owned()),
                    _ => found.clauses.push(clause),
                }
            }
            continue;
        }
        if let Some(table) = &mut open
            && belongs(sheet, table, row, &used)
        {
            table.rows.push(row);
            continue;
        }
        found.tables.extend(open.take());
        let single = used.len() == 1 || one_area(sheet, row, &used);
        let first = used.first().map_or("", |column| sheet.text((row, *column)));
        if single && !is_figure(first) {
            found.titles.push(first.to_owned());
            if first.contains('表') || title.is_none() {
                title = Some(first.to_owned());
            }
            continue;
        }
        if is_note(sheet, row, &used) {
            continue;
        }
        match headers(sheet, row, &used, templates) {
            Headers::Are { headers, columns, lines } => {
                for _ in 1..lines {
                    last_row = rows.next();
                }
                open = Some(Found {
                    title: title.take(),
                    unit: unit.take(),
                    headers,
                    columns,
                    header_row: row + lines - 1,
                    rows: Vec::new(),
                });
            }
            Headers::None { at } => {
                let cell = cell_name((row, at));
                let text = shortened(sheet.text((row, at)));
                let zh = format!("{cell} 的“{text}”上方没有表头，不知属于哪一列；请补上表头，或删去");
                let en =
                    format!("{cell} holds {text} without a header above it: add the header, or remove it");
                let mut finding = Finding::must_fix("no_header", &zh, &en);
                finding.cell = Some(cell);
                found.findings.push(finding);
            }
        }
    }
    found.tables.extend(open);
    for table in &mut found.tables {
        // A line of column numbers (甲 | 1 | 2 | 3) is no data.
        if table.rows.first().is_some_and(|row| counts_columns(sheet, table, *row)) {
            table.rows.remove(0);
        }
    }
    let strays: Vec<Finding> = found.tables.iter().flat_map(|table| strays(sheet, table)).collect();
    found.findings.extend(strays);
    found
}

/// The clauses of a row, when it holds nothing else.
fn clauses(sheet: &Sheet, row: u32, used: &[u32], in_table: bool) -> Option<Vec<Clause>> {
    let text = |column: &u32| sheet.text((row, *column));
    let known = |words: &str| {
        let words = comparable(words);
        let words = words.trim_end_matches(':');
        KEYS.iter().find(|(key, _)| *key == words).map(|(_, member)| *member)
    };
    // KEY | VALUE, or KEY alone. In a table a row that begins so is data; 单位 alone is a header.
    if let Some(first) = used.first().filter(|_| used.len() <= 2)
        && let Some(key) = known(text(first))
        && (comparable(text(first)) != "单位" && !in_table || key == "title")
        && (key != "year"
            || used.get(1).is_none_or(|column| text(column).starts_with(|c: char| c.is_numeric())))
    {
        let at = used.get(1).map_or((row, first + 1), |column| (row, *column));
        let value = sheet.cells.get(&at).cloned().unwrap_or(Raw::Blank);
        return Some(vec![Clause { key, value, at }]);
    }
    // 成员单位 | A | B | C
    if let Some(first) = used.first()
        && let Some(key @ ("members" | "labels")) = known(text(first))
    {
        let rest = used.iter().skip(1);
        let clause = |column: &u32| Clause { key, value: Raw::Text(text(column).into()), at: (row, *column) };
        return Some(rest.map(clause).collect());
    }
    let mut found = Vec::new();
    let mut others = 0;
    for column in used {
        let inside = text(column).trim_matches(['(', ')', '（', '）', '【', '】']);
        let before = found.len();
        for part in inside.split(['\u{3000}', '\t', '\n']).flat_map(|part| part.split("  ")) {
            let split = part.split_once(['：', ':']);
            let Some((key, value)) = split.and_then(|(key, value)| Some((known(key)?, value.trim()))) else {
                continue;
            };
            let value = Raw::Text(value.to_owned());
            found.push(Clause { key, value, at: (row, *column) });
        }
        others += usize::from(found.len() == before);
    }
    // A header with its unit behind a space (警告 （单位：宗）) is no clause: a row of clauses is mostly clauses.
    (!found.is_empty() && found.len() > others).then_some(found)
}

/// Whether a row goes on with the table.
fn belongs(sheet: &Sheet, table: &Found, row: u32, used: &[u32]) -> bool {
    if is_note(sheet, row, used) {
        return false;
    }
    // One text in the first column alone is a label whose figures are blank, unless it is merged across.
    let wide = used
        .first()
        .and_then(|column| sheet.area((row, *column)))
        .is_some_and(|area| area.first.1 != area.last.1);
    let inside = used.iter().filter(|column| table.columns.contains(column)).count();
    inside > 0 && !(wide && used.len() == 1 && table.columns.len() > 1)
}

/// Notes and signatures: 注：…, 填表说明, 审核人：… 填报日期：….
fn is_note(sheet: &Sheet, row: u32, used: &[u32]) -> bool {
    let texts: Vec<String> = used.iter().map(|column| comparable(sheet.text((row, *column)))).collect();
    let begins = |text: &String| {
        [
            "注:",
            "注1",
            "备注:",
            "说明:",
            "填表说明",
            "填报说明",
            "审核人",
            "填表人",
            "制表人",
            "填报人",
            "单位负责人",
            "分管领导",
            "联系电话",
            "填报日期",
        ]
        .iter()
        .any(|word| text.starts_with(word))
    };
    texts.first().is_some_and(begins)
        || (!texts.is_empty()
            && texts.iter().all(|text| text.contains(':') && !text.starts_with(|c: char| c.is_ascii_digit())))
}

/// Whether all that a row holds stands in one merged area.
fn one_area(sheet: &Sheet, row: u32, used: &[u32]) -> bool {
    let area = used.first().and_then(|column| sheet.area((row, *column)));
    area.is_some_and(|area| used.iter().all(|column| area.holds((row, *column))))
}

pub(super) fn is_figure(text: &str) -> bool {
    let (cell, _) = Raw::Text(text.to_owned()).into_cell(None);
    matches!(cell.state, State::Value | State::NotApplicable) || cell.is_mark_for_nothing()
}

fn counts_columns(sheet: &Sheet, table: &Found, row: u32) -> bool {
    let texts: Vec<&str> = table.columns.iter().map(|column| sheet.text((row, *column))).collect();
    let labelled = texts.first().is_some_and(|first| matches!(*first, "甲" | "栏次" | "列次"));
    let counted = texts.iter().skip(usize::from(labelled)).enumerate();
    labelled && texts.len() > 2 && counted.into_iter().all(|(at, text)| *text == (at + 1).to_string())
}

/// What stands beside a table's columns, and figures merged over several cells.
fn strays(sheet: &Sheet, table: &Found) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse_at = |code, place: Place, zh: &str, en: &str| {
        let (cell, text) = (cell_name(place), shortened(sheet.text(place)));
        let mut finding =
            Finding::must_fix(code, &format!("{cell} 的“{text}”{zh}"), &format!("{cell} ({text}) {en}"));
        finding.cell = Some(cell);
        findings.push(finding.in_table(table.title.as_deref().unwrap_or(&sheet.name)));
    };
    for row in &table.rows {
        for column in sheet.used(*row) {
            let place = (*row, column);
            if !table.columns.contains(&column) {
                refuse_at(
                    "outside_table",
                    place,
                    "所在列没有表头；请补上表头，或删去",
                    "has no header above it: add one, or remove it",
                );
            } else if let Some(Area { first, last }) = sheet.area(place)
                && first != last
                && is_figure(sheet.text(place))
            {
                let zh = "是合并单元格里的数字，不知属于哪一格；请取消合并，逐格填写";
                refuse_at(
                    "merged_figure",
                    place,
                    zh,
                    "is a figure in merged cells: unmerge them and fill in each one",
                );
            }
        }
    }
    findings
}
