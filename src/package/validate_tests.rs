//! Tables against templates: ids, identities, warnings, 合计 rows, units, prose.

use super::finding::{Finding, Grade};
use super::report::Report;
use super::report_file::{ReadOptions, read_json};
use crate::template::{Template, builtin};
use serde_json::{Value, json};

fn outcome(changes: Value) -> (Option<Report>, Vec<Finding>) {
    let mut file =
        json!({"agency_name": "附海镇人民政府", "division_code": "330282108", "year": 2024, "tables": {}});
    for (key, value) in changes.as_object().unwrap() {
        file[key] = value.clone();
    }
    let templates = builtin::templates().unwrap();
    let options = ReadOptions {
        division_override: None,
        own_division: None,
        current_year: 2026,
        templates: &templates,
    };
    read_json(file.to_string().as_bytes(), &options)
}

fn table(name: &str, unit: &str, columns: &[&str], rows: Value) -> Value {
    json!({"tables": {name: {"unit": unit, "columns": columns, "rows": rows}}})
}

/// Grade, code and cell of every finding.
fn told(changes: Value) -> Vec<(Grade, String, String)> {
    let place = |f: Finding| (f.grade, f.code.into_owned(), f.cell.unwrap_or_default());
    outcome(changes).1.into_iter().map(place).collect()
}

fn one(grade: Grade, code: &str, cell: &str) -> Vec<(Grade, String, String)> {
    vec![(grade, code.to_owned(), cell.to_owned())]
}

const LICENCE: [&str; 6] = ["单位名称", "申请数量", "受理数量", "许可数量", "不予许可数量", "撤销许可数量"];

/// The headers of a built-in template, after 单位名称.
fn per_unit(id: &str) -> Vec<String> {
    let templates = builtin::templates().unwrap();
    let columns = &templates.find(id).unwrap().columns;
    std::iter::once("单位名称".to_owned()).chain(columns.iter().map(|column| column.header.clone())).collect()
}

fn rows_of(id: &str, rows: &[(&str, &[(&str, i64)])]) -> Value {
    let template: Template = builtin::templates().unwrap().find(id).unwrap().clone();
    let cell = |figures: &[(&str, i64)], column: &str| -> i64 {
        figures.iter().find(|(named, _)| *named == column).map_or(0, |(_, value)| *value)
    };
    let row = |(unit, figures): &(&str, &[(&str, i64)])| -> Value {
        let cells = template.columns.iter().map(|column| json!(cell(figures, &column.id)));
        std::iter::once(json!(unit)).chain(cells).collect()
    };
    rows.iter().map(row).collect()
}

#[test]
fn a_table_takes_the_ids_of_its_template_whatever_it_is_called() {
    let licence = json!({"unit": "宗", "columns": LICENCE, "rows": [["甲", 3, 3, 2, 1, 0]]});
    let changes = json!({"tables": {"附表二": licence, "另一张": licence, "附表三": {"columns": ["计划"], "values": [1]}}});
    let report = outcome(changes).0.unwrap();
    let ids: Vec<_> = report.tables.iter().map(|t| (t.id.as_str(), t.template.as_deref())).collect();
    assert_eq!(ids, [("licence", Some("licence")), ("t2", None), ("t3", Some("licence"))]);
    let columns: Vec<_> = report.tables[0].columns.iter().map(|column| column.id.as_str()).collect();
    assert_eq!(columns, ["c1", "applied", "accepted", "granted", "refused", "revoked"]);
    assert_eq!(report.main_template(), "licence");
}

/// PKG-9: both identities of Chongqing bind, in every row.
#[test]
fn every_identity_of_a_template_refuses_by_its_cell() {
    let id = "penalty-chongqing-2022";
    let headers = per_unit(id);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let good: &[(&str, i64)] = &[("fine", 2), ("warning", 1), ("total", 3), ("simple_procedure", 3)];
    let bad: &[(&str, i64)] = &[("fine", 2), ("total", 2), ("ordinary_procedure", 1)];
    let fits = rows_of(id, &[("甲局", good), ("审计局", good)]);
    assert_eq!(told(table("表", "件;罚没金额为万元", &headers, fits)), []);
    let breaks = rows_of(id, &[("甲局", good), ("乙局", bad)]);
    let changes = table("表", "件;罚没金额为万元", &headers, breaks);
    assert_eq!(told(changes.clone()), one(Grade::MustFix, "identity_sum", "O2"));
    let (_, findings) = outcome(changes.clone());
    assert_eq!((findings[0].expected.as_deref(), findings[0].found.as_deref()), (Some("1"), Some("2")));
    let mut stated = changes;
    stated["as_printed"] = json!("原文如此");
    assert_eq!(told(stated), one(Grade::Confirm, "identity_sum", "O2"));
}

#[test]
fn a_total_row_is_checked_first_or_last_and_asks_when_it_differs() {
    let licence = |rows| told(table("表", "宗", &LICENCE, rows));
    let (a, b) = (json!(["统计局", 3, 3, 2, 1, 0]), json!(["审计局", 1, 1, 1, 0, 0]));
    assert_eq!(licence(json!([a, b, ["合 计", 4, 4, 3, 1, 0]])), []);
    assert_eq!(licence(json!([["合計", 4, 4, 3, 1, 0], a, b])), []);
    assert_eq!(licence(json!([a, b, ["合计", 5, 4, 3, 1, 0]])), one(Grade::Confirm, "total_row", "B3"));
    assert_eq!(licence(json!([a, ["小计", 3, 3, 2, 1, 0], b, ["合计", 9, 4, 3, 1, 0]])), []);
    assert_eq!(licence(json!([["合计", 4, 4, 3, 1, 0]])), []);
}

#[test]
fn warnings_ask_and_never_refuse() {
    let (report, findings) = outcome(table("表", "宗", &LICENCE, json!([["甲", 3, 4, 2, 1, null]])));
    assert!(report.is_some());
    let only = &findings[0];
    assert_eq!(
        (only.grade, only.code.as_ref(), only.cell.as_deref()),
        (Grade::Confirm, "unusual", Some("C1"))
    );
    assert_eq!((only.expected.as_deref(), only.found.as_deref()), (Some("3"), Some("4")));
    let id = "penalty-shandong-2021";
    let headers = per_unit(id);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let rows = rows_of(id, &[("曲阜", &[("filed", 10), ("concluded", 10), ("fine", 20), ("warning", 3)])]);
    let told = told(table("表", "件;金额为万元", &headers, rows));
    assert_eq!(told, one(Grade::Confirm, "unusual", "D1"));
}

/// PKG-10.
#[test]
fn figures_of_a_template_are_figures_with_a_likely_unit() {
    let licence = |unit, cell: Value| told(table("表", unit, &LICENCE, json!([["甲", cell, 0, 0, 0, 0]])));
    assert_eq!(licence("宗", json!("—")), one(Grade::MustFix, "zero_or_not_applicable", "B1"));
    assert_eq!(licence("宗", json!("约3")), one(Grade::MustFix, "not_a_number", "B1"));
    assert_eq!(licence("宗", json!(1.5)), one(Grade::MustFix, "not_a_count", "B1"));
    assert_eq!(licence("万宗", json!(1.5)), []);
    assert_eq!(licence("宗", json!("不适用")), []);
    assert!(
        licence("", json!(3)).iter().all(|(grade, code, _)| *grade == Grade::Hint && code == "unit_missing")
    );
    let columns = [
        "警告",
        "罚款",
        "没收违法所得、没收非法财物",
        "暂扣许可证、执照",
        "责令停产停业",
        "吊销许可证、执照",
        "行政拘留",
        "其他行政处罚",
        "合计",
        "罚没金额",
    ];
    let changes = table("表", "宗", &columns, json!([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0.5]]));
    assert_eq!(told(changes), one(Grade::Confirm, "unit_unlikely", ""));
}

/// PKG-12 and what an extra table may hold.
#[test]
fn without_a_template_only_penalty_sums_refuse_and_other_sums_hint() {
    let columns = ["警告", "罚款", "合计（宗）"];
    let broken = json!([[1, 2, 4]]);
    let refused = one(Grade::MustFix, "identity_sum", "C1");
    assert_eq!(told(table("2023年行政处罚实施情况统计表", "宗", &columns, broken.clone())), refused);
    assert_eq!(told(table("别的", "宗", &columns, broken)), one(Grade::Hint, "sum_differs", "C1"));
    let columns = ["警告", "罚款", "合计（宗）", "罚没金额（万元）", "备注"];
    let penalty = |row: Value| told(table("行政处罚实施情况统计表", "宗", &columns, json!([row])));
    assert_eq!(penalty(json!([1, 2, 3, 0.5, "无"])), []);
    assert_eq!(penalty(json!([1, 2, 3, "—", ""])), one(Grade::MustFix, "zero_or_not_applicable", "D1"));
    assert_eq!(penalty(json!([1, "—", 1, 1, ""])), one(Grade::MustFix, "zero_or_not_applicable", "B1"));
    let rows = json!([["一季度", 3], ["二季度", 4], ["合计", 8]]);
    assert_eq!(told(table("别的", "件", &["季度", "案件"], rows)), one(Grade::Hint, "total_row", "B3"));
    let rate = table("别的", "件;%", &["案件", "录入率"], json!([[3, 658]]));
    assert_eq!(told(rate), one(Grade::Hint, "rate_over_100", "B1"));
}

#[test]
fn prose_with_personal_data_and_members_out_of_place_only_ask() {
    let narrative = json!({"narrative": "王某，身份证号11010519491231002X，电话13800138000。"});
    let codes: Vec<_> = told(narrative).into_iter().map(|(grade, code, _)| (grade, code)).collect();
    let confirm = |code: &str| (Grade::Confirm, code.to_owned());
    assert_eq!(codes, [confirm("privacy_id_number"), confirm("privacy_phone")]);
    let cell = table("表", "件", &["备注", "案件"], json!([["患病2人", 1]]));
    assert_eq!(told(cell), one(Grade::Confirm, "privacy_health", "A1"));
    let members = json!({"narrative": "汇总", "scope": "consolidated"});
    assert_eq!(told(members), one(Grade::Hint, "members", ""));
    let members = json!({"narrative": "汇总", "scope": "consolidated", "members": ["甲局", "乙局"]});
    assert_eq!(told(members), []);
}
