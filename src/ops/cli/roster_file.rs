//! Roster files: CSV with a header row, or JSON. What is wrong is named with its line.

use crate::division::DivisionCode;
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

/// A line that is wrong.
pub(super) struct Problem {
    /// Line of the file, or place in the JSON array, from 1.
    pub(super) line: usize,
    pub(super) problem: RosterProblem,
}

/// What a file says.
#[derive(Default)]
pub(super) struct ReadRoster {
    pub(super) lines: Vec<Duty>,
    /// The line of the file that each of them stands in.
    pub(super) places: Vec<usize>,
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
    let ends = |end: &str| path.extension().is_some_and(|have| have.eq_ignore_ascii_case(end));
    let unreadable =
        |zh: &str, en: &str| Failure::new(5, "bad_roster", format!("{}: {zh} / {en}", path.display()));
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        unreadable("不是 UTF-8 文字；请另存为 CSV UTF-8", "not UTF-8 text; save it as CSV UTF-8")
    })?;
    let rows = match ends("json") {
        true => json_rows(text).ok_or_else(|| {
            unreadable(
                "不是名册：应为对象数组，如 [{\"division\": .., \"agency\": ..}]",
                "not a roster: an array of objects is wanted",
            )
        })?,
        false => csv_rows(text).ok_or_else(|| {
            unreadable(
                "首行表头中没有“机关”一栏，或引号未闭合",
                "the header row has no column for the agency, or a quote is not closed",
            )
        })?,
    };
    Ok(of_rows(rows, own))
}

/// Fields by line.
type Rows = Vec<(usize, [String; 7])>;

fn of_rows(rows: Rows, own: Option<&DivisionCode>) -> ReadRoster {
    let mut read = ReadRoster::default();
    for (line, mut fields) in rows {
        if let ([division, ..], Some(own)) = (&mut fields, own)
            && division.trim().is_empty()
        {
            *division = own.to_string();
        }
        // Codes, days and years are typed on all kinds of keyboards; names stay as they are.
        let tidy = |(at, field): (usize, &String)| if at == 1 { field.clone() } else { narrow(field) };
        let tidy: Vec<String> = fields.iter().enumerate().map(tidy).collect();
        let texts: Vec<&str> = tidy.iter().map(String::as_str).collect();
        let duty = texts.try_into().map_err(|_| RosterProblem::Fields).and_then(Duty::from_fields);
        match duty {
            Ok(duty) => {
                read.lines.push(duty);
                read.places.push(line);
            }
            Err(problem) => read.problems.push(Problem { line, problem }),
        }
        if read.problems.len() == PROBLEM_COUNT_MAX {
            break;
        }
    }
    read
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
        line.as_object().map(|_| (at + 1, HEADS.map(|heads| field(line, heads))))
    };
    lines.iter().enumerate().map(row).collect()
}

/// Rows under a header row that names at least the agency; lines are those of the file.
fn csv_rows(text: &str) -> Option<Rows> {
    let mut records = csv_records(text.trim_start_matches('\u{feff}'))?.into_iter();
    let (_, head) = records.next()?;
    let head: Vec<String> = head.iter().map(|cell| comparable(cell)).collect();
    let place =
        |heads: &&[&str]| head.iter().position(|cell| heads.iter().any(|head| *cell == comparable(head)));
    let places: Vec<Option<usize>> = HEADS.iter().map(place).collect();
    places.get(1).copied().flatten()?;
    let mut rows = Vec::new();
    for (line, record) in records {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let mut fields: [String; 7] = Default::default();
        for (field, place) in fields.iter_mut().zip(&places) {
            if let Some(cell) = place.and_then(|place| record.get(place)) {
                cell.clone_into(field);
            }
        }
        rows.push((line, fields));
    }
    Some(rows)
}

/// RFC 4180 records with the line each begins in; none when a quote is not closed.
fn csv_records(text: &str) -> Option<Vec<(usize, Vec<String>)>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begins, mut quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                record.push(std::mem::take(&mut cell));
                records.push((begins, std::mem::take(&mut record)));
                line += 1;
                begins = line;
            }
            c => {
                line += usize::from(c == '\n');
                cell.push(c);
            }
        }
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        records.push((begins, record));
    }
    (!quoted).then_some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> ReadRoster {
        of_rows(csv_rows(text).unwrap(), "330282".parse().ok().as_ref())
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
        assert_eq!(read.places, [2, 4]);
        assert_eq!(read.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_file_without_a_column_for_the_agency_is_none() {
        assert!(csv_rows("a,b\n1,2\n").is_none());
        assert!(csv_rows("机关\n\"x\n").is_none());
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
