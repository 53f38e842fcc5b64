//! What a report file may hold, and what refuses it.

use super::cell::State;
use super::finding::{Finding, Grade};
use super::report::{Report, Scope, Status};
use super::report_file::{FILE_BYTES_MAX, ReadOptions, read_json};
use crate::template::{Templates, builtin};
use serde_json::{Value, json};

const OPTIONS: ReadOptions<'static> = ReadOptions {
    division_override: None,
    own_division: None,
    current_year: 2026,
    templates: &Templates::NONE,
};

/// A good report with `changes` laid over its members.
fn file(changes: Value) -> Value {
    let mut file = json!({
        "agency_name": "附海镇人民政府", "division_code": "330282108", "year": 2024,
        "tables": {"行政检查": {"unit": "次", "columns": ["检查"], "values": [12]}},
    });
    for (key, value) in changes.as_object().unwrap() {
        file[key] = value.clone();
    }
    file
}

fn penalties(columns: Value, rows: Value) -> Value {
    file(
        json!({"tables": {"2024年行政处罚实施情况统计表": {"unit": "宗;罚没金额为万元", "columns": columns, "rows": rows}}}),
    )
}

fn outcome(file: &Value) -> (Option<Report>, Vec<Finding>) {
    outcome_of(&file.to_string())
}

fn outcome_of(text: &str) -> (Option<Report>, Vec<Finding>) {
    let templates = builtin::templates().unwrap();
    read_json(text.as_bytes(), &ReadOptions { templates: &templates, ..OPTIONS })
}

fn good(file: &Value) -> Report {
    let (report, findings) = outcome(file);
    report.unwrap_or_else(|| panic!("{findings:?}"))
}

/// Codes of the findings of one grade.
fn codes(file: &Value, grade: Grade) -> Vec<String> {
    let (report, findings) = outcome(file);
    assert_eq!(report.is_none(), findings.iter().any(|finding| finding.grade == Grade::MustFix));
    findings.iter().filter(|finding| finding.grade == grade).map(|finding| finding.code.to_string()).collect()
}

#[test]
fn what_a_file_does_not_say_has_a_default() {
    let report = good(&file(json!({})));
    assert_eq!((report.scope, report.status, report.year), (Scope::Own, Status::Final, 2024));
    assert_eq!(good(&file(json!({"year": 2026}))).status, Status::Provisional);
    assert_eq!(good(&file(json!({"status": "provisional"}))).status, Status::Provisional);
    let early = file(json!({"year": 2026, "status": "final"}));
    assert_eq!(codes(&early, Grade::Confirm), ["final_before_year_end"]);
    assert_eq!(good(&early).status, Status::Final);
}

#[test]
fn unknown_keys_and_odd_remarks_only_hint() {
    let odd = file(json!({"foo": 1, "id": 5, "level": [], "template": {}, "notes": 7, "division_name": true,
        "source_url": "javascript:alert(1)"}));
    assert_eq!(codes(&odd, Grade::MustFix), Vec::<String>::new());
    let hints = codes(&odd, Grade::Hint);
    assert_eq!(hints.iter().filter(|code| *code == "wrong_type").count(), 3);
    assert!(hints.contains(&"unknown_key".to_owned()) && hints.contains(&"source_url".to_owned()));
    assert_eq!(good(&odd).source_url, None);
}

#[test]
fn every_fault_is_named_at_once() {
    let bad = json!({"agency_name": " ", "agency_code": "91350100M000100Y4Z", "division_code": "33", "year": 2027,
        "status": "done", "scope": 1, "members": ["a", 2], "tables": {"t": {"columns": ["a", 1], "rows": [[true, {}], 3]}}});
    let found = codes(&bad, Grade::MustFix);
    for code in ["agency_name", "agency_code", "division_code", "year", "unknown_word", "wrong_type"] {
        assert!(found.iter().any(|found| found == code), "{code} in {found:?}");
    }
    assert_eq!(found.iter().filter(|code| *code == "wrong_type").count(), 6);
    let nothing = codes(&json!({}), Grade::MustFix);
    assert_eq!(nothing.iter().filter(|code| *code == "missing").count(), 3);
    assert!(nothing.contains(&"division_missing".to_owned()));
}

#[test]
fn the_division_of_the_command_fills_and_overrides() {
    let zone = "330100-xihu".parse().unwrap();
    let options = ReadOptions { division_override: Some(&zone), ..OPTIONS };
    for code in [Value::Null, json!("330282108"), json!("nonsense")] {
        let text = file(json!({"division_code": code})).to_string();
        let (report, _) = read_json(text.as_bytes(), &options);
        assert_eq!(report.unwrap().division, zone);
    }
    assert_eq!(codes(&file(json!({"division_code": null})), Grade::MustFix), ["division_missing"]);
}

#[test]
fn duplicates_are_refused_by_name() {
    let table = r#"{"unit":"件","columns":["a"],"values":[1]}"#;
    let head = r#""agency_name":"局","division_code":"330282","year":2024"#;
    for (text, code) in [
        (format!(r#"{{{head},"year":2023,"tables":{{"t":{table}}}}}"#), "duplicate_key"),
        (format!(r#"{{{head},"tables":{{"t":{table},"t ":{table}}}}}"#), "duplicate_table"),
        (
            format!(r#"{{{head},"tables":{{"t":{{"columns":["a"],"columns":["b"],"values":[1]}}}}}}"#),
            "duplicate_key",
        ),
        (
            format!(r#"{{{head},"tables":{{"t":{{"columns":["a"],"values":[1],"rows":[[1]]}}}}}}"#),
            "values_or_rows",
        ),
        (format!(r#"{{{head},"tables":{{"t":{{"columns":["a"]}}}}}}"#), "values_or_rows"),
    ] {
        let (report, findings) = read_json(text.as_bytes(), &OPTIONS);
        assert!(report.is_none() && findings[0].code == code, "{text}: {findings:?}");
    }
}

#[test]
fn a_broken_file_says_where() {
    let (report, findings) = read_json(b"{\n\"year\": 2024,,\n}", &OPTIONS);
    assert!(report.is_none() && findings[0].message.contains("line 2, column 14"), "{findings:?}");
    let large = vec![b' '; FILE_BYTES_MAX + 1];
    assert_eq!(read_json(&large, &OPTIONS).1[0].code, "file_too_large");
    let wide =
        file(json!({"tables": {"表": {"columns": vec!["a"; 100_000], "rows": vec![json!([]); 100_000]}}}));
    assert!(codes(&wide, Grade::MustFix).contains(&"too_many".to_owned()));
    assert_eq!(read_json(b"[1]", &OPTIONS).1[0].code, "wrong_type");
}

/// PKG-9.
#[test]
fn the_identity_binds_penalty_tables_row_by_row() {
    let columns = json!(["单位名称", "警告", "罚款", "合计(宗)", "罚没金额(万元)"]);
    let fits = json!([["甲", 1, "２ 宗", 3, 0.5], ["乙", null, "不适用", 0, null], ["合计", 1, 2, 3, 0.5]]);
    assert!(outcome(&penalties(columns.clone(), fits)).1.is_empty());
    let broken =
        penalties(columns.clone(), json!([["甲", 1, 2, 3, 0], ["乙", 1, 1, 3, 0], ["丙", 1, 1, null, 0]]));
    let (report, findings) = outcome(&broken);
    assert!(report.is_none());
    let told: Vec<_> = findings
        .iter()
        .map(|f| (f.cell.as_deref().unwrap(), f.expected.as_deref().unwrap(), f.found.as_deref().unwrap()))
        .collect();
    assert_eq!(told, [("D2", "2", "3"), ("D3", "2", "0")]);
    let mut stated = broken;
    stated["as_printed"] = json!("原文如此");
    assert_eq!(codes(&stated, Grade::Confirm), ["identity_sum", "identity_sum"]);
    let total = penalties(columns, json!([["甲", 1, 2, 3, 0], ["合计", 2, 2, 4, 0]]));
    assert_eq!(codes(&total, Grade::Confirm), ["total_row", "total_row"]);
}

/// PKG-8, PKG-10.
#[test]
fn a_penalty_cell_is_a_count_or_says_what_it_is() {
    let columns = || json!(["警告", "罚款", "合计（宗）", "罚没金额（万元）", "备注"]);
    for (cell, code) in [
        (json!("—"), "zero_or_not_applicable"),
        (json!("无"), "zero_or_not_applicable"),
        (json!("304册"), "not_a_number"),
        (json!("约3"), "not_a_number"),
        (json!(1.5), "not_a_count"),
        (json!(-1), "not_a_count"),
    ] {
        let found = codes(&penalties(columns(), json!([[cell, 2, 2, 0, "见说明"]])), Grade::MustFix);
        assert_eq!(found, [code], "{cell}");
    }
    assert_eq!(
        codes(&penalties(columns(), json!([[0, 2, 2, "无", null]])), Grade::MustFix),
        ["zero_or_not_applicable"]
    );
    let text = penalties(columns(), json!([[1, 2, 3, 0, null]])).to_string();
    for (token, code) in [("1e0", "number_exponent"), ("99999999999999999999999999999", "number_too_long")] {
        let (report, findings) = outcome_of(&text.replace("[1,2,3", &format!("[{token},2,3")));
        let refused = |f: &Finding| f.grade == Grade::MustFix && f.code == code;
        assert!(report.is_none() && findings.iter().any(refused), "{token}: {findings:?}");
    }
}

#[test]
fn spellings_of_other_places_are_the_same_table() {
    let columns = json!(["單位名稱", "警 告", "罰款", "責令停產停業", "合計（ 宗 ）"]);
    let rows = json!([["甲", 1, 1, 1, 4]]);
    let table = json!({"unit": "宗", "columns": columns, "rows": rows});
    let changed = file(json!({"tables": {"某局 行政處罰實施情況統計表": table}}));
    assert_eq!(codes(&changed, Grade::MustFix), ["identity_sum"]);
}

#[test]
fn an_unknown_layout_is_an_extra_table_in_which_nothing_refuses() {
    let hints = |columns, row| codes(&penalties(columns, json!([row])), Grade::Hint);
    let unknown = penalties(json!(["督办数量", "警告", "合计"]), json!([[5, "无", 9]]));
    assert_eq!(codes(&unknown, Grade::MustFix), Vec::<String>::new());
    let unseen = json!(["警告", "罚款", "责令改正", "合计", "罚没金额（万元）", "同比"]);
    assert_eq!(hints(unseen, json!([1, 2, 1, 9, "—", "约100"])), ["sum_differs"]);
    let money = json!(["罚款（万元）", "没收违法所得（万元）", "合计（万元）"]);
    assert_eq!(hints(money, json!([1.5, 1, 3])), ["sum_differs"]);
    let extra = file(
        json!({"tables": {"其他": {"unit": "件", "columns": ["a", "a"], "rows": [["—", "约3"], ["12,34", 1]]}}}),
    );
    assert_eq!(codes(&extra, Grade::Hint), ["duplicate_header"]);
    assert_eq!(good(&extra).tables[0].rows[0][0].state, State::Text);
}

#[test]
fn hostile_names_are_refused_and_plain_markup_is_only_text() {
    for name in ["a\u{0}b", "\u{202e}局", "局\n长", "局\u{2028}长"] {
        assert_eq!(codes(&file(json!({"agency_name": name})), Grade::MustFix), ["agency_name"], "{name:?}");
    }
    assert_eq!(codes(&file(json!({"narrative": "a\u{7}"})), Grade::MustFix), ["control_character"]);
    let report = good(&file(json!({"agency_name": "<b>e\u{301}</b>", "narrative": "第一段\n第二段"})));
    assert_eq!(
        (report.agency_name.as_str(), report.narrative.as_deref()),
        ("<b>\u{e9}</b>", Some("第一段\n第二段"))
    );
}

proptest::proptest! {
    #[test]
    fn reading_never_panics_and_always_says_why(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let (report, findings) = read_json(&bytes, &OPTIONS);
        proptest::prop_assert!(report.is_some() || !findings.is_empty());
    }

    #[test]
    fn any_cells_are_read_or_refused_with_reasons(cells in proptest::collection::vec("[0-9０-９,，. 宗e-]{0,8}|\\PC{0,8}", 1..6)) {
        let columns: Vec<String> = (0..cells.len()).map(|at| format!("列{at}")).collect();
        let file = file(json!({"tables": {"表": {"unit": "宗", "columns": columns, "values": cells.clone()}}}));
        if let (Some(report), _) = outcome(&file) {
            for (cell, printed) in report.tables[0].rows[0].iter().zip(&cells) {
                proptest::prop_assert!(cell.printed == *printed || cell.state == State::Blank);
            }
            proptest::prop_assert!(super::body::parse(&super::body::encode(&report)).is_ok());
        }
    }
}
