//! The real reports of `tests/published` go in and come out as printed.

use super::body;
use super::cell::{Cell, State};
use super::finding::Grade;
use super::report::Report;
use super::report_file::{ReadOptions, read_json};
use crate::template::builtin;
use serde_json::Value;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/published")
}

fn files() -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

fn read(name: &str, bytes: &[u8]) -> Report {
    let zone = "330100-xihu".parse().unwrap();
    let null_division = bytes.windows(21).any(|window| window == b"\"division_code\": null");
    let options = ReadOptions {
        division_override: null_division.then_some(&zone),
        own_division: None,
        current_year: 2026,
        templates: &builtin::templates().unwrap(),
    };
    let (report, findings) = read_json(bytes, &options);
    assert!(findings.iter().all(|finding| finding.grade != Grade::MustFix), "{name}: {findings:?}");
    report.unwrap()
}

fn published(name: &str) -> Report {
    let (name, bytes) = files().into_iter().find(|(file, _)| file == name).unwrap();
    read(&name, &bytes)
}

/// The cell as an independent reader of the raw file sees it.
fn same(raw: &Value, cell: &Cell) -> bool {
    match raw {
        Value::Null => cell.state == State::Blank && cell.printed.is_empty(),
        Value::Number(token) => cell.state == State::Value && cell.printed == token.as_str(),
        Value::String(text) => cell.printed == *text && (cell.state == State::Text || cell.value.is_some()),
        _ => false,
    }
}

#[test]
fn all_34_come_out_cell_for_cell_as_printed() {
    let files = files();
    assert_eq!(files.len(), 34);
    for (name, bytes) in files {
        let report = read(&name, &bytes);
        let content = body::encode(&report);
        let parsed = body::parse(&content).unwrap();
        assert_eq!(*parsed.tables, report.tables);
        let raw: Value = serde_json::from_slice(&bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut last_name_at = 0;
        for table in parsed.tables.iter() {
            // Order of the file: the names stand in the raw text one after another.
            let name_at = text.find(&format!("  {}: {{", Value::from(table.name.as_str()))).unwrap();
            assert!(name_at > last_name_at);
            last_name_at = name_at;
            let raw = &raw["tables"][&table.name];
            assert_eq!(raw["unit"].as_str(), table.unit.as_deref());
            let headers: Vec<_> =
                raw["columns"].as_array().unwrap().iter().map(|h| h.as_str().unwrap()).collect();
            assert_eq!(
                headers,
                table.columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>()
            );
            let one = [raw["values"].clone()];
            let rows = raw["rows"].as_array().map_or(&one[..], Vec::as_slice);
            assert_eq!(rows.len(), table.rows.len());
            for (raw, row) in rows.iter().zip(&table.rows) {
                let raw = raw.as_array().unwrap();
                assert_eq!(raw.len(), row.len());
                for (raw, cell) in raw.iter().zip(row) {
                    assert!(same(raw, cell), "{name}, {}: {raw} came out as {cell:?}", table.name);
                }
            }
        }
        assert_eq!(raw["tables"].as_object().unwrap().len(), parsed.tables.len());
    }
}

#[test]
fn qingyuan_2024_has_108156_cases_and_17537900_yuan() {
    let report = published("zj-qingyuan-county-2024");
    let penalties = &report.tables[0];
    let cell = |header: &str| {
        let at = penalties.columns.iter().position(|column| column.header == header).unwrap();
        let cell = &penalties.rows[0][at];
        (cell.printed.as_str(), cell.value.unwrap().to_string(), cell.unit.as_deref().unwrap())
    };
    assert_eq!(cell("合计（宗）"), ("108156", "108156".to_owned(), "宗"));
    assert_eq!(cell("罚没金额（万元）"), ("1753.79", "17537900".to_owned(), "元"));
    assert_eq!(cell("罚款"), ("94929", "94929".to_owned(), "宗"));
    assert_eq!(report.agency_id().unwrap().as_str(), "331126:庆元县（县本级汇总，县政府站点发布）");
}

#[test]
fn a_changed_total_of_qingyuan_is_named_with_its_cell() {
    let (_, bytes) = files().into_iter().find(|(name, _)| name == "zj-qingyuan-county-2024").unwrap();
    let text = String::from_utf8(bytes).unwrap().replace("108156, 1753", "108157, 1753");
    let templates = builtin::templates().unwrap();
    let options = ReadOptions {
        division_override: None,
        own_division: None,
        current_year: 2026,
        templates: &templates,
    };
    let (report, findings) = read_json(text.as_bytes(), &options);
    assert!(report.is_none());
    let finding = findings.iter().find(|finding| finding.code == "identity_sum").unwrap();
    assert_eq!((finding.table.as_str(), finding.column.as_str()), ("行政处罚实施情况统计表", "合计（宗）"));
    assert_eq!((finding.row, finding.cell.as_deref()), (Some(1), Some("J1")));
    assert_eq!((finding.expected.as_deref(), finding.found.as_deref()), (Some("108156"), Some("108157")));
}

#[test]
fn blank_zero_label_and_mixed_money_of_real_reports_stay_apart() {
    let westlake = published("zj-hangzhou-xihu-gongan-2022");
    assert_eq!(westlake.tables[0].rows[0].iter().filter(|cell| cell.state == State::Blank).count(), 5);
    let hubei = published("hb-xianan-linyeju-2023");
    assert_eq!(hubei.tables[0].columns[0].unit, None);
    assert_eq!(hubei.tables[0].rows[0][0].state, State::Text);
    assert_eq!(hubei.tables[0].rows[0][16].value.unwrap().to_string(), "1577600");
    let ningbo = published("zj-ningbo-city-2022-2023");
    let row = &ningbo.tables[0].rows[0];
    assert_eq!((row[1].printed.as_str(), row[1].value.unwrap().to_string()), ("18.1", "181000".to_owned()));
    assert_eq!((row[2].printed.as_str(), row[2].state, row[2].value), ("3166万元", State::Text, None));
}

#[test]
fn seven_of_the_34_follow_a_template_and_the_others_travel_as_extra_tables() {
    let mut followed = Vec::new();
    for (name, bytes) in files() {
        let report = read(&name, &bytes);
        let templates: Vec<_> = report.tables.iter().filter_map(|table| table.template.clone()).collect();
        if !templates.is_empty() {
            assert_eq!(report.main_template(), templates[0]);
            followed.push(format!("{name}: {}", templates.join(", ")));
        }
    }
    assert_eq!(
        followed,
        [
            "ha-zhengzhou-chengguan-2020: licence, penalty-zhengzhou-2020",
            "hb-huangshi-shangwuju-2023: penalty-hubei-2023",
            "hb-qingshan-shangwuju-2024: penalty-hubei-2023",
            "hb-xianan-linyeju-2023: penalty-hubei-2023",
            "sx-datong-wenwuju-2021: penalty-shanxi-2021",
            "zj-hangzhou-xihu-gongan-2022: penalty-2018",
            "zj-qingyuan-county-2024: penalty-zhejiang-2024, licence",
        ]
    );
    let hubei = published("hb-xianan-linyeju-2023");
    let ids: Vec<_> = hubei.tables[0].columns.iter().map(|column| column.id.as_str()).collect();
    assert_eq!(
        (hubei.tables[0].id.as_str(), ids[0], ids[1], ids[16]),
        ("penalty", "c1", "warning", "amount")
    );
}
