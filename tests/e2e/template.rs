//! Templates live in the log: every node has them from there, and a layout nobody has seen is a file.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use serde_json::{Value, json};

/// Liaoning prints the money first and leaves some kinds out; nobody wrote code for it.
const LAYOUT: &str = r#"format = "gongshi.template/1"
id = "penalty-liaoning-2025"
table = "penalty"
title = "行政处罚实施情况统计表"
source = "辽宁省 2025 年度行政执法统计报表"
labels = ["备注"]
columns = [
  { id = "amount", header = "罚没款数额", unit = "万元", kind = "money" },
  { id = "warning", header = "警告", unit = "件" },
  { id = "fine", header = "罚款", unit = "件" },
  { id = "total", header = "处罚案件总数", unit = "件" },
]

[[identities]]
sum = ["warning", "fine"]
equals = "total"
"#;

fn report(total: u32) -> Value {
    json!({
        "agency_name": "沈阳市示范执法局", "division_code": "330282108", "year": 2024,
        "tables": {"2024年度行政处罚统计表": {
            "unit": "件",
            "columns": ["序号", "罚没款数额（万元）", "警 告", "罚款", "处罚案件总数", "备注"],
            "values": ["1", "12.3456", "3", "４", total.to_string(), "无"]
        }}
    })
}

fn templates(node: &Node) -> Vec<Value> {
    let document = node.run(&["template", "list"]).expect_exit(0).json();
    assert_eq!(document["schema"], "gongshi.templates/1");
    document["templates"].as_array().expect("a list").clone()
}

#[test]
fn a_layout_that_nobody_has_seen_is_added_as_a_file_and_holds_at_every_level() {
    let federation = Federation::chain();
    let (province, town) = (&federation.nodes[0], &federation.nodes[3]);
    assert_eq!(templates(province).len(), 13, "what the program brings along is in the log from the start");
    let layout = federation.write("liaoning.toml", LAYOUT);
    let layout = layout.to_str().expect("a path");
    let wrong = federation.write("wrong.json", &report(8).to_string());
    let wrong = wrong.to_str().expect("a path");
    // As an extra table nothing of it refuses.
    town.run(&["check", wrong]).expect_exit(0);
    town.run(&["template", "add", layout]).expect_exit(6);
    let bad = federation.write("bad.toml", &LAYOUT.replace("equals = \"total\"", "equals = \"sum\""));
    let refused = province.run(&["template", "add", bad.to_str().expect("a path")]).expect_exit(5).json();
    let message = refused["message"].as_str().expect("a message");
    assert!(message.contains("bad.toml:") && message.contains("sum"), "file, line and key: {message}");
    let added = province.run(&["template", "add", layout]).expect_exit(0).json();
    assert_eq!(added["signed"], true);
    let again = province.run(&["template", "add", layout]).expect_exit(0).json();
    assert_eq!((&again["signed"], &again["digest"]), (&json!(false), &added["digest"]));
    wait_until("the template at the town", 10, || (templates(town).len() == 14).then_some(()));
    let shown = town.run(&["template", "show", "penalty-liaoning-2025"]).expect_exit(0).json();
    assert_eq!(shown["text"].as_str().map(str::trim), Some(LAYOUT.trim()));
    // Now it is a table of that layout, and its sum is a hard identity.
    let document = town.run(&["publish", wrong]).expect_exit(5).json();
    let finding = &document["refused"][0]["findings"][0];
    assert_eq!(
        [&finding["grade"], &finding["column"], &finding["expected"], &finding["found"]],
        ["must_fix", "处罚案件总数", "7", "8"],
        "{finding}"
    );
    let right = federation.write("right.json", &report(7).to_string());
    let digest = town.publish(&right);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    for node in &federation.nodes {
        let table = &node.api(&format!("/api/v1/packages/{digest}"))["tables"][0];
        assert_eq!((&table["template"], &table["id"]), (&json!("penalty-liaoning-2025"), &json!("penalty")));
        assert_eq!(table["columns"][1]["id"], "amount");
        assert_eq!(table["rows"][0][1]["value"], "123456", "{table}");
        assert_eq!(table["rows"][0][3]["printed"], "４");
    }
    // Its text is public, as the statement names it.
    let added = added["digest"].as_str().expect("a digest");
    let body = town.get(&format!("/api/v1/packages/{added}/body"));
    assert_eq!((body.status, &body.body[32..]), (200, LAYOUT.as_bytes()));
}
