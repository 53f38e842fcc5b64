//! Real figures go in as they were printed and come out at every level as they were printed.

use crate::federation::{Federation, Node};
use crate::reports::{published, published_file};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A table as text: headers, then rows.
type Printed = (Vec<String>, Vec<Vec<String>>);

/// What a report file says, cell for cell: number tokens and texts verbatim, null as nothing.
fn in_file(report: &Value) -> BTreeMap<String, Printed> {
    let cell = |cell: &Value| match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("a cell that is {other}"),
    };
    let row = |row: &Value| -> Vec<String> { row.as_array().expect("a row").iter().map(cell).collect() };
    let table = |table: &Value| {
        let rows = match table.get("values") {
            Some(values) => vec![row(values)],
            None => table["rows"].as_array().expect("rows").iter().map(row).collect(),
        };
        (row(&table["columns"]), rows)
    };
    let tables = report["tables"].as_object().expect("tables");
    tables.iter().map(|(name, value)| (name.clone(), table(value))).collect()
}

/// What the API shows, in the same form.
fn in_api(package: &Value) -> BTreeMap<String, Printed> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} in {package}")).to_owned();
    let table = |table: &Value| {
        let headers = table["columns"].as_array().expect("columns").iter().map(|c| text(&c["header"]));
        let cells =
            |row: &Value| row.as_array().expect("a row").iter().map(|c| text(&c["printed"])).collect();
        (headers.collect(), table["rows"].as_array().expect("rows").iter().map(cells).collect())
    };
    let tables = package["tables"].as_array().expect("tables");
    let found: BTreeMap<_, _> = tables.iter().map(|t| (text(&t["name"]), table(t))).collect();
    assert_eq!(found.len(), tables.len(), "two tables of one name");
    found
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

fn package(node: &Node, digest: &str) -> Value {
    node.api(&format!("/api/v1/packages/{digest}"))
}

#[test]
fn the_figures_of_qingyuan_2024_are_the_printed_ones_at_all_four_levels() {
    let federation = Federation::chain();
    let digest = federation.nodes[0].publish(&published_file("zj-qingyuan-county-2024.json"));
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let shown: Vec<Value> = federation.nodes.iter().map(|node| package(node, &digest)).collect();
    for (node, package) in federation.nodes.iter().zip(&shown) {
        assert_eq!(package, &shown[0], "{} shows something else", node.code);
    }
    let package = &shown[0];
    assert_eq!(package["digest"], *digest);
    assert_eq!(package["division"]["code"], "331126");
    assert_eq!(package["year"], 2024);
    assert_eq!(package["revision"], 1);
    assert_eq!(package["state"], "released");
    assert_eq!(package["status"], "final");
    let tables = package["tables"].as_array().expect("tables");
    let penalties = tables.iter().find(|t| t["name"] == "行政处罚实施情况统计表").expect("the table");
    let column = |header: &str| {
        let columns = penalties["columns"].as_array().expect("columns");
        columns.iter().position(|column| column["header"] == header).expect("the column")
    };
    let total = &penalties["rows"][0][column("合计（宗）")];
    assert_eq!(total["printed"], "108156");
    assert_eq!(total["value"], "108156");
    assert_eq!(total["unit"], "宗");
    assert_eq!(total["state"], "value");
    let money = &penalties["rows"][0][column("罚没金额（万元）")];
    assert_eq!(money["printed"], "1753.79");
    assert_eq!(money["value"], "17537900");
    assert_eq!(money["unit"], "元");
}

#[test]
fn every_published_report_comes_out_at_the_town_cell_for_cell() {
    let federation = Federation::chain();
    let files = published();
    assert_eq!(files.len(), 34);
    let province = &federation.nodes[0];
    let mut digests = Vec::new();
    for file in &files {
        let nowhere = read(file)["division_code"].is_null();
        let division: &[&str] = if nowhere { &["--division", "330100-xihu"] } else { &[] };
        digests.push(province.publish_with(file, division));
    }
    federation.wait_for(&digests, 30);
    federation.wait_agreement(10);
    let mut cells = 0;
    for (file, digest) in files.iter().zip(&digests) {
        let report = read(file);
        let package = package(&federation.nodes[3], digest);
        let wanted = in_file(&report);
        assert_eq!(in_api(&package), wanted, "{}", file.display());
        assert_eq!(package["agency"]["name"], report["agency_name"], "{}", file.display());
        assert_eq!(package["year"], report["year"], "{}", file.display());
        let division = report["division_code"].as_str().unwrap_or("330100-xihu");
        assert_eq!(package["division"]["code"], division, "{}", file.display());
        if report["narrative"].is_string() {
            assert_eq!(package["narrative"], report["narrative"], "{}", file.display());
        }
        check_states(&package);
        cells += wanted.values().flat_map(|(_, rows)| rows).flatten().count();
    }
    println!("{} reports, {cells} cells, the same at the town as in the files", files.len());
}

/// Blank is blank, text has no value, a value is exact digits.
fn check_states(package: &Value) {
    for cell in package["tables"].as_array().expect("tables").iter().flat_map(|table| {
        table["rows"].as_array().expect("rows").iter().flat_map(|row| row.as_array().expect("a row"))
    }) {
        let printed = cell["printed"].as_str().expect("printed");
        let state = cell["state"].as_str().expect("state");
        assert!(["value", "blank", "not_applicable", "text"].contains(&state), "{cell}");
        assert_eq!(state == "blank", printed.is_empty(), "{cell}");
        if let Some(value) = cell.get("value") {
            assert_eq!(state, "value", "{cell}");
            let digits = value.as_str().expect("a string");
            assert!(digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-'), "{cell}");
            assert!(cell["unit"].is_string(), "{cell}");
        }
    }
}
