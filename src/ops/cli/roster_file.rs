//! Roster files: a workbook or CSV with a header row, or JSON. What is wrong is named with its sheet, line and cell.

use crate::division::DivisionCode;
use crate::intake::list::{self, Row};
use crate::ledger::roster::{Duty, LINE_COUNT_MAX, RosterProblem};
use crate::ops::service::Failure;
use crate::template::normal::{comparable, narrow};
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest file in bytes: a roster of 8 MiB with its header and quotes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Problems that are named; who has more has another kind of file.
const PROBLEM_COUNT_MAX: usize = 50;
/// Rows of a sheet among which its header row stands: there may be a title above it.
const TITLE_ROWS: usize = 10;

/// Where a line stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Line of the file or sheet, or place in the JSON array, from 1.
    pub(super) line: usize,
    /// The sheet; empty where there are none.
    pub(super) sheet: String,
    /// Names of the cells that the fields stand in; empty for a field without a column, and in JSON.
    cells: [String; 7],
}

/// A line that is wrong.
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) problem: RosterProblem,
}

impl Problem {
    /// The cell that is wrong, where one is.
    pub(super) fn cell(&self) -> Option<&str> {
        let field = match &self.problem {
            RosterProblem::Division(_) => 0,
            RosterProblem::Name | RosterProblem::Twice(_) => 1,
            RosterProblem::Code(_) => 2,
            RosterProblem::Table(_) => 3,
            RosterProblem::Due(_) => 4,
            RosterProblem::Years => 5,
            _ => return None,
        };
        self.place.cells.get(field).map(String::as_str).filter(|cell| !cell.is_empty())
    }

    /// `:4`, or `:名册!C4` where it is known.
    pub(super) fn shown(&self) -> String {
        match (self.place.sheet.as_str(), self.cell()) {
            ("", None) => format!(":{}", self.place.line),
            ("", Some(cell)) => format!(":{} {cell}", self.place.line),
            (sheet, cell) => format!(":{sheet}!{}", cell.map_or(self.place.line.to_string(), str::to_owned)),
        }
    }
}

/// What a file says.
#[derive(Default)]
pub(super) struct ReadRoster {
    pub(super) lines: Vec<Duty>,
    /// Where each of them stands.
    pub(super) places: Vec<Place>,
    pub(super) problems: Vec<Problem>,
}

/// The heads that a column may have, in the order of the fields.
const HEADS: [&[&str]; 7] = [
    &["区划", "区划代码", "行政区划代码", "division", "division_code"],
    &["机关", "机关名称", "单位", "单位名称", "执法机关", "agency", "agency_name"],
    &["机关代码", "统一社会信用代码", "agency_code", "code"],
    &["职责", "报送内容", "报表", "duties", "tables"],
    &["截止日期", "报送截止", "次年截止", "due"],
    &["起始年度", "起始年", "from"],
    &["终止年度", "终止年", "until"],
];

/// What is wrong, in Chinese.
pub(super) fn problem_zh(problem: &RosterProblem) -> String {
    match problem {
        RosterProblem::FirstLine | RosterProblem::Text => "不是名册文件".to_owned(),
        RosterProblem::Fields => "缺少“机关”一栏，或列数与表头不符".to_owned(),
        RosterProblem::Division(code) => format!("区划代码“{code}”不对"),
        RosterProblem::Name => "机关名称为空、过长或含控制字符".to_owned(),
        RosterProblem::Code(code) => format!("统一社会信用代码“{code}”不对"),
        RosterProblem::Table(table) => format!("职责“{table}”不对，应为模板代号"),
        RosterProblem::Due(due) => format!("截止日期“{due}”不对，应为 01-31 这样的月日"),
        RosterProblem::Years => "年度不对，应为四位年份且终止不早于起始".to_owned(),
        RosterProblem::Twice(line) => format!("同一机关在第 {line} 行已列，年度重叠"),
        RosterProblem::TooLong => format!("超过 {LINE_COUNT_MAX} 行"),
        RosterProblem::NotCanonical => "次序或写法不合规定".to_owned(),
    }
}

/// Reads a file. A line that names no division is about `own`.
pub(super) fn read(path: &Path, own: Option<&DivisionCode>) -> Result<ReadRoster, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(2, "no_such_file", format!("{}: 无法读取：{error} / cannot be read", path.display()))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("{}: 文件超过 16 MiB / over 16 MiB", path.display());
        return Err(Failure::new(5, "bad_roster", message));
    }
    let unreadable =
        |zh: &str, en: &str| Failure::new(5, "bad_roster", format!("{}: {zh} / {en}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let listed = list::rows(&bytes, &name).map_err(|finding| {
        Failure::new(5, "bad_roster", format!("{}: {}", path.display(), finding.message))
    })?;
    let rows = match listed {
        None => std::str::from_utf8(&bytes).ok().and_then(json_rows).ok_or_else(|| {
            unreadable(
                "不是名册：应为对象数组，如 [{\"division\": .., \"agency\": ..}]",
                "not a roster: an array of objects is wanted",
            )
        })?,
        Some(listed) => table_rows(&listed).ok_or_else(|| {
            unreadable("没有一行表头含“机关”一栏", "no header row has a column for the agency")
        })?,
    };
    Ok(of_rows(rows, own))
}

/// Fields and where they stand.
type Rows = Vec<(Place, [String; 7])>;

fn of_rows(rows: Rows, own: Option<&DivisionCode>) -> ReadRoster {
    let mut read = ReadRoster::default();
    for (place, mut fields) in rows {
        if let ([division, ..], Some(own)) = (&mut fields, own)
            && division.trim().is_empty()
        {
            *division = own.to_string();
        }
        // Codes, days and years are typed on all kinds of keyboards; names stay as they are.
        let tidy = |(at, field): (usize, &String)| match at {
            1 => field.clone(),
            4 => day(&narrow(field)),
            _ => narrow(field).into_owned(),
        };
        let tidy: Vec<String> = fields.iter().enumerate().map(tidy).collect();
        let texts: Vec<&str> = tidy.iter().map(String::as_str).collect();
        let duty = texts.try_into().map_err(|_| RosterProblem::Fields).and_then(Duty::from_fields);
        match duty {
            Ok(duty) => {
                read.lines.push(duty);
                read.places.push(place);
            }
            Err(problem) => read.problems.push(Problem { place, problem }),
        }
        if read.problems.len() == PROBLEM_COUNT_MAX {
            break;
        }
    }
    read
}

/// A spreadsheet makes a date of `02-28`, with whatever year it was typed in.
fn day(text: &str) -> String {
    let date = text.trim().split_once('-').filter(|(year, day)| year.len() == 4 && day.len() == 5);
    date.map_or(text, |(_, day)| day).to_owned()
}

fn json_rows(text: &str) -> Option<Rows> {
    let document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let lines = document.get("lines").unwrap_or(&document).as_array()?;
    let field = |line: &Value, heads: &[&str]| {
        let value = heads.iter().find_map(|head| line.get(head));
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            _ => String::new(),
        }
    };
    let row = |(at, line): (usize, &Value)| {
        let place = Place { line: at + 1, ..Place::default() };
        line.as_object().map(|_| (place, HEADS.map(|heads| field(line, heads))))
    };
    lines.iter().enumerate().map(row).collect()
}

/// Rows under the header row of each sheet that has one: it names at least the agency. None when no sheet has.
fn table_rows(listed: &[Row]) -> Option<Rows> {
    let mut rows = None;
    for sheet in listed.chunk_by(|a, b| a.sheet == b.sheet) {
        let columns = |row: &Row| {
            let cells: Vec<String> = row.cells.iter().map(|cell| comparable(cell)).collect();
            let column = |heads: &&[&str]| {
                cells.iter().position(|cell| heads.iter().any(|head| *cell == comparable(head)))
            };
            let columns: Vec<Option<usize>> = HEADS.iter().map(column).collect();
            columns.get(1).copied().flatten().map(|_| columns)
        };
        let header =
            sheet.iter().take(TITLE_ROWS).enumerate().find_map(|(at, row)| Some((at, columns(row)?)));
        let Some((at, columns)) = header else { continue };
        let rows = rows.get_or_insert_with(Rows::new);
        for row in sheet.iter().skip(at + 1) {
            let mut place = Place { line: row.line, sheet: row.sheet.clone(), ..Place::default() };
            let mut fields: [String; 7] = Default::default();
            for ((field, cell), column) in fields.iter_mut().zip(&mut place.cells).zip(&columns) {
                let Some(column) = *column else { continue };
                *cell = row.cell_name(column);
                row.cells.get(column).map(String::as_str).unwrap_or_default().clone_into(field);
            }
            if fields.iter().any(|field| !field.is_empty()) {
                rows.push((place, fields));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> ReadRoster {
        let listed = list::rows(text.as_bytes(), "roster.csv").unwrap().unwrap();
        of_rows(table_rows(&listed).unwrap(), "330282".parse().ok().as_ref())
    }

    #[test]
    fn a_table_of_a_clerk_is_read_with_its_line_numbers() {
        let read = of(
            "\u{feff}机关名称,行政区划代码,报送截止\r\n慈溪市公安局,,\r\n\r\n\"附海镇\"\"人民\"\"政府\",３３０２８２１０８,０２-２８\r\n,330282,\r\n",
        );
        assert_eq!(read.lines.len(), 2);
        assert_eq!(read.lines[0].division.as_str(), "330282");
        assert_eq!(
            (read.lines[1].agency_name.as_str(), read.lines[1].due.to_string().as_str()),
            ("附海镇\"人民\"政府", "02-28")
        );
        assert_eq!(read.places.iter().map(|place| place.line).collect::<Vec<_>>(), [2, 4]);
        let wrong: Vec<String> = read.problems.iter().map(Problem::shown).collect();
        assert_eq!(wrong, [":5 A5"]);
    }

    #[test]
    fn a_title_may_stand_above_the_header_and_a_date_is_a_day() {
        let read = of("2024 年度名册\n机关,截止日期\n慈溪市公安局,2025-02-28\n慈溪市档案局,0228\n");
        assert_eq!(read.lines[0].due.to_string(), "02-28");
        assert_eq!((read.problems.len(), read.problems[0].cell()), (1, Some("B4")));
    }

    #[test]
    fn a_file_without_a_column_for_the_agency_is_none() {
        let listed = list::rows(b"a,b\n1,2\n", "roster.csv").unwrap().unwrap();
        assert!(table_rows(&listed).is_none());
    }

    #[test]
    fn json_is_read_as_an_array_or_as_show_prints_it() {
        let text = r#"{"lines": [{"division": "330282", "agency": "x", "duties": ["penalty", "permit"], "from": 2020}]}"#;
        let read = of_rows(json_rows(text).unwrap(), None);
        assert_eq!(read.lines[0].tables, ["penalty", "permit"]);
        assert_eq!(read.lines[0].from, Some(2020));
        assert!(json_rows("[1]").is_none());
    }
}
