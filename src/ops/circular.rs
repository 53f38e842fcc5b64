//! The words and the rows of the circular (通报): coverage as people read it, from its document.

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
pub(super) fn standing(line: &Value, english: bool) -> Vec<String> {
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
pub(super) fn cells(document: &Value, line: &Value) -> [String; 11] {
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

/// A cell of CSV: quoted where needed; what a spreadsheet would run as a formula begins with an apostrophe.
fn csv_cell(cell: &str) -> String {
    let plain = match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        _ => cell.to_owned(),
    };
    match plain.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", plain.replace('"', "\"\"")),
        false => plain,
    }
}

/// One row an agency, UTF-8 with BOM.
pub(super) fn csv(document: &Value) -> String {
    let agencies = document["agencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |cells: Vec<String>| cells.iter().map(|cell| csv_cell(cell)).collect::<Vec<_>>().join(",");
    let mut out = format!("\u{feff}{}\r\n", HEADS.join(","));
    for line in agencies {
        out += &row(cells(document, line).to_vec());
        out += "\r\n";
    }
    out
}

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
    }
}
