//! The words and the rows of the circular (通报): coverage as people read it, from its document.

use crate::view::rows::{Field, Tidy, harmless};
use rust_xlsxwriter::{Format, Workbook, XlsxError};
use serde_json::Value;

/// The heads of the rows.
const HEADS: [&str; 11] = [
    "区划代码",
    "区划",
    "机关",
    "机关代码",
    "应报内容",
    "截止日期",
    "状态",
    "说明",
    "收到时间",
    "迟报天数",
    "报告摘要",
];

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Where an agency stands, and what is to be said beside it. Nothing, no duty, missing, provisional and corrected never
/// look alike.
pub(crate) fn standing(line: &Value, english: bool) -> Vec<String> {
    let (zh, en) = match line["standing"].as_str() {
        Some("reported") => ("已报", "reported"),
        Some("nil") => ("零报告", "nil"),
        Some("not_applicable") => ("不适用", "not applicable"),
        Some("returned") => ("退回", "returned"),
        Some("undisclosed") => ("待统一公开", "held until its release"),
        _ => ("未报", "missing"),
    };
    let marks = [
        ("provisional", "预报", "provisional"),
        ("corrected", "有更正", "corrected"),
        ("held", "待统一公开", "held"),
        ("withdrawn", "已撤回", "withdrawn"),
        ("suspect", "待核实", "suspect"),
    ];
    let mut words = vec![if english { en } else { zh }.to_owned()];
    let seen = marks.iter().filter(|(key, ..)| line[*key] == true);
    words.extend(seen.map(|(_, zh, en)| if english { *en } else { *zh }.to_owned()));
    if line["expected"] == false {
        words.push(if english { "not on the roster" } else { "名册外" }.to_owned());
    }
    words
}

/// One agency's cells, in the order of [`HEADS`].
fn cells(document: &Value, line: &Value) -> [String; 11] {
    let divisions = document["divisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let code = text(&line["division"]);
    let name = divisions.binary_search_by(|row| row["code"].as_str().unwrap_or_default().cmp(&code));
    let name = name.ok().and_then(|at| divisions.get(at)).map(|row| text(&row["name"])).unwrap_or_default();
    let tables: Vec<String> =
        line["tables"].as_array().map(|tables| tables.iter().map(text).collect()).unwrap_or_default();
    let mut words = standing(line, false).into_iter();
    let state = words.next().unwrap_or_default();
    [
        code,
        name,
        text(&line["agency_name"]),
        text(&line["agency_code"]),
        tables.join("、"),
        text(&line["due"]),
        state,
        words.collect::<Vec<_>>().join("、"),
        text(&line["received_at"]),
        text(&line["days_late"]),
        text(&line["digest"]),
    ]
}

/// One row an agency.
pub(crate) fn rows(document: &Value) -> Tidy {
    let agencies = document["agencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |line: &Value| cells(document, line).into_iter().map(Field::Text).collect();
    Tidy { heads: HEADS.to_vec(), rows: agencies.iter().map(row).collect() }
}

/// One row an agency, UTF-8 with BOM; what a spreadsheet would run as a formula begins with an apostrophe.
pub(crate) fn csv(document: &Value) -> String {
    rows(document).to_csv()
}

/// The circular as a workbook: counts by division, then one row an agency. None when it cannot be made.
pub(crate) fn workbook(document: &Value) -> Option<Vec<u8>> {
    write(document).ok()
}

/// The heads and keys of the counts.
pub(crate) const COUNTS: [(&str, &str); 8] = [
    ("应报", "expected"),
    ("已报", "reported"),
    ("零报告", "nil"),
    ("不适用", "not_applicable"),
    ("退回", "returned"),
    ("未报", "missing"),
    ("迟报", "late"),
    ("名册外", "unexpected"),
];

fn write(document: &Value) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let list = |key: &str| document[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let sheet = book.add_worksheet();
    sheet.set_name("按区划")?;
    let title =
        format!("{} {} 年度行政执法数据年报报送情况", text(&document["division"]["name"]), document["year"]);
    sheet.write_string_with_format(0, 0, harmless(&title), &bold)?;
    for (at, head) in (0..).zip(["区划代码", "区划"].into_iter().chain(COUNTS.map(|(head, _)| head))) {
        sheet.write_string_with_format(1, at, head, &bold)?;
    }
    let mut all = document["counts"].clone();
    all["code"] = document["division"]["code"].clone();
    all["name"] = Value::from("合计");
    for (row, line) in (2..).zip(list("divisions").iter().chain([&all])) {
        sheet.write_string(row, 0, text(&line["code"]))?;
        sheet.write_string(row, 1, harmless(&text(&line["name"])))?;
        for (at, (_, key)) in (2..).zip(COUNTS) {
            // Counts of agencies: far below what a spreadsheet keeps exactly.
            let count = line[key].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX);
            sheet.write_number(row, at, count)?;
        }
    }
    sheet.set_freeze_panes(2, 2)?;
    let sheet = book.add_worksheet();
    sheet.set_name("按机关")?;
    for (at, head) in (0..).zip(HEADS) {
        sheet.write_string_with_format(0, at, head, &bold)?;
    }
    for (row, line) in (1..).zip(list("agencies")) {
        for (at, cell) in (0..).zip(cells(document, line)) {
            match cell.parse::<u32>().ok().filter(|_| at == DAYS_LATE_AT) {
                Some(days) => sheet.write_number(row, at, days)?,
                None => sheet.write_string(row, at, harmless(&cell))?,
            };
        }
    }
    sheet.set_freeze_panes(1, 3)?;
    book.save_to_buffer()
}

/// The column of days late, the one number of the rows.
const DAYS_LATE_AT: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_two_states_look_alike_and_no_cell_is_a_formula() {
        let states = ["reported", "nil", "not_applicable", "returned", "missing", "undisclosed"];
        let words: Vec<String> =
            states.iter().map(|state| standing(&json!({"standing": state}), false).join("")).collect();
        let mut unique = words.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), states.len(), "{words:?}");
        let document = json!({"divisions": [{"code": "330282", "name": "慈溪市"}], "agencies": [
            {"division": "330282", "agency_name": "=1+1,\"x\"", "standing": "nil", "provisional": true, "expected": false}
        ]});
        let csv = csv(&document);
        assert!(csv.starts_with('\u{feff}') && csv.contains("330282,慈溪市,\"'=1+1,\"\"x\"\"\""), "{csv}");
        assert!(csv.contains("零报告,预报、名册外"), "{csv}");
        assert!(workbook(&document).is_some_and(|book| book.starts_with(b"PK")));
    }
}
