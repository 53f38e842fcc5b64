//! The consolidated view from outside: sums, folds, rates, differences, provenance, and an independent count.

use crate::federation::{Federation, Node};
use crate::program::{command, finish, run, wait_until};
use crate::reports::{published, report};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Packages of the synthetic province; GONGSHI_PACKAGES asks for more.
const PACKAGES: usize = 240;

fn publish_all(federation: &Federation, folder: &str, reports: &[Value]) {
    let node = &federation.nodes[0];
    let dir = PathBuf::from(node.path()).parent().expect("a parent").join(folder);
    std::fs::create_dir_all(&dir).expect("a folder");
    for (at, report) in reports.iter().enumerate() {
        std::fs::write(dir.join(format!("{at:06}.json")), report.to_string()).expect("a file");
    }
    let mut publish = command();
    publish.args(["publish", "--json", "--wait", "sequenced", "--data", node.path()]).arg(&dir);
    let ended = finish(publish, Duration::from_secs(600)).expect_exit(0);
    assert_eq!(ended.json()["published"].as_array().expect("published").len(), reports.len());
}

/// What a command prints for people.
fn text(node: &Node, words: &[&str]) -> String {
    run(words.iter().copied().chain(["--data", node.path()])).expect_exit(0).stdout
}

fn view(node: &Node, code: &str, year: u16, more: &str) -> Value {
    node.api(&format!("/api/v1/view/{code}/{year}?{more}"))
}

fn table<'a>(view: &'a Value, id: &str) -> &'a Value {
    let tables = view["tables"].as_array().expect("tables");
    tables
        .iter()
        .find(|table| table["id"] == id || table["name"] == id)
        .unwrap_or_else(|| panic!("{id}: {view}"))
}

fn sum(table: &Value, header: &str) -> Value {
    let columns = table["columns"].as_array().expect("columns");
    let found = columns.iter().find(|column| column["header"] == header || column["id"] == header);
    found.unwrap_or_else(|| panic!("{header}: {table}"))["sum"].clone()
}

fn real(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/published").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// A member's own report made of one printed row.
fn member(agency: &str, division: &str, year: u16, table: &str, columns: &[&str], values: Value) -> Value {
    json!({
        "agency_name": agency, "division_code": division, "year": year, "scope": "own",
        "tables": {table: {"unit": "件", "columns": columns, "values": values}},
    })
}

#[test]
fn departments_and_towns_make_the_printed_district_total_and_nothing_counts_twice() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let cases = ["行政处罚", "执法检查"];
    let mut baodi = real("tj-baodi-district-2024.json");
    baodi["members"] = json!(["区直部门", "街镇", "天津市宝坻区交通局"]);
    let per_unit = "执法活动总量（分单位）";
    let reports = [
        member("区直部门", "120115", 2024, "行政执法案件", &cases, json!([1395, 25918])),
        member("街镇", "120115", 2024, "行政执法案件", &cases, json!([522, 31700])),
        // Its own report has 2,061 checks and 358 penalties on the platform: 2,419; the district's says 2,158.
        member("天津市宝坻区交通局", "120115", 2024, per_unit, &["执法活动总量"], json!([2419])),
        baodi.clone(),
    ];
    publish_all(&federation, "baodi", &reports);
    let shown = view(node, "120115", 2024, "scope=all");
    assert_eq!(shown["packages"], 3);
    assert_eq!(shown["consolidated"], 1);
    let cases = table(&shown, "行政执法案件");
    assert_eq!((sum(cases, "行政处罚"), sum(cases, "执法检查")), (json!("1917"), json!("57618")));
    let differences = shown["differences"].as_array().expect("differences");
    let of = |name: &str| differences.iter().filter(|d| d["table_name"] == name).collect::<Vec<_>>();
    assert!(of("行政执法案件").is_empty(), "the printed totals are the sums: {differences:?}");
    let rows = of(per_unit);
    let row = rows.iter().find(|d| d["row"] == "区交通局").expect("two official totals for one unit");
    assert_eq!(
        (&row["printed"], &row["computed"], &row["difference"]),
        (&json!("2158"), &json!("2419"), &json!("-261"))
    );
    assert_eq!(row["parts"][0]["agency"]["name"], "天津市宝坻区交通局");
    // Correcting one member by one makes the printed total differ, with both sides named.
    let file = federation.write(
        "later.json",
        &member("街镇", "120115", 2024, "行政执法案件", &["行政处罚", "执法检查"], json!([523, 31700]))
            .to_string(),
    );
    node.run(&["correct", &file.display().to_string(), "--reason", "漏计一件", "--wait", "sequenced"])
        .expect_exit(0);
    let shown = view(node, "120115", 2024, "scope=own");
    let differences = shown["differences"].as_array().expect("differences");
    let differs = differences.iter().find(|d| d["header"] == "行政处罚").expect("a difference");
    assert_eq!((&differs["printed"], &differs["computed"]), (&json!("1917"), &json!("1918")));
    assert_eq!(differs["parts"].as_array().expect("parts").len(), 2, "{differs}");
    assert!(differs["digest"].as_str().is_some_and(|digest| digest.len() == 64));
}

#[test]
fn a_vertical_total_is_compared_with_its_members_and_added_to_nothing() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let mut water = real("tj-city-shuiwuju-2025.json");
    water["members"] = json!(["市级水行政执法部门", "120115:各区水行政执法部门"]);
    let reports = [
        member("市级水行政执法部门", "120000", 2025, "行政处罚", &["立案查处"], json!([302])),
        member("各区水行政执法部门", "120115", 2025, "行政处罚", &["立案查处"], json!([353])),
        member("区农业农村委", "120115", 2025, "行政处罚", &["立案查处"], json!([7])),
        water,
    ];
    publish_all(&federation, "water", &reports);
    let district = view(node, "120115", 2025, "");
    assert_eq!(sum(table(&district, "行政处罚"), "立案查处"), "360", "the district has its 353 and 7");
    let city = view(node, "120000", 2025, "");
    assert_eq!(city["differences"], json!([]), "302 + 353 = 655 is what is printed");
    assert_eq!(city["consolidated"], 1);
    let whole = view(node, "330000", 2025, "scope=all");
    assert_eq!(
        sum(table(&whole, "行政处罚"), "立案查处"),
        "662",
        "302 + 353 + 7, and 655 is added to nothing"
    );
}

#[test]
fn rates_come_from_sums_and_no_cases_is_not_zero_per_cent() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let review = |agency: &str, year: u16, values: Value| {
        let columns = [
            "行政复议审结",
            "行政复议维持",
            "行政复议驳回",
            "行政复议终止",
            "行政复议撤销",
            "行政复议变更",
            "行政复议确认违法",
            "行政复议责令履职",
            "一审诉讼审结",
            "一审判决撤销或变更",
            "一审判决确认违法或无效",
            "一审判决责令履行",
        ];
        member(agency, "330000", year, "行政复议与行政诉讼情况统计表", &columns, values)
    };
    // 滨海新区 2022 as printed: 377 concluded, 119 terminated, 41 rectified; here in two halves.
    let reports = [
        review("甲局", 2022, json!([300, 100, 50, 100, 20, 0, 10, 1, 0, 0, 0, 0])),
        review("乙局", 2022, json!([77, 20, 10, 19, 6, 0, 3, 1, 0, 0, 0, 0])),
    ];
    publish_all(&federation, "rates", &reports);
    let shown = view(node, "330000", 2022, "scope=own");
    let rates: BTreeMap<&str, &Value> = shown["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .map(|rate| (rate["id"].as_str().expect("an id"), rate))
        .collect();
    let rectified = rates["review_rectification"];
    assert_eq!(
        (&rectified["numerator"], &rectified["denominator"], &rectified["value"]),
        (&json!("41"), &json!("377"), &json!("10.88%"))
    );
    assert_eq!(rates["review_termination"]["value"], "31.56%");
    let lost = rates["suits_lost"];
    assert_eq!((&lost["value"], &lost["no_cases"]), (&Value::Null, &json!(true)));
    let shown = text(node, &["view", "2022"]);
    assert!(shown.contains("无案件") && shown.contains("10.88%"), "{shown}");
}

fn count_again(node: &Node, parents: &BTreeMap<String, String>) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(std::env::var_os("GONGSHI_PYTHON").unwrap_or_else(|| "python3".into()));
    python.arg(root.join("tests/verifier/sums.py")).arg(root.join("config/templates"));
    python
        .arg(format!("http://{}", node.portal))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = python.spawn().expect("python");
    let tree = json!(parents).to_string();
    child.stdin.take().expect("stdin").write_all(tree.as_bytes()).expect("written");
    let ended = child.wait_with_output().expect("python ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    String::from_utf8_lossy(&ended.stdout).trim().to_owned()
}

#[test]
fn all_real_reports_sum_to_what_an_independent_count_gives() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let mut reports = Vec::new();
    for path in published() {
        let mut report: Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
        if report["division_code"].is_null() {
            report["division_code"] = json!("330100-xihu");
        }
        reports.push(report);
    }
    publish_all(&federation, "real", &reports);
    let parents: BTreeMap<String, String> = reports
        .iter()
        .filter_map(|report| report["division_code"].as_str())
        .filter(|code| *code != "330000")
        .map(|code| (code.to_owned(), "330000".to_owned()))
        .collect();
    println!("real reports: {}", count_again(node, &parents));
}

#[allow(
    clippy::disallowed_methods,
    reason = "how large the province is, is for whoever runs the tests to say"
)]
fn packages() -> usize {
    std::env::var("GONGSHI_PACKAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(PACKAGES)
}

#[test]
fn a_synthetic_province_sums_to_what_an_independent_count_gives_and_exports_are_safe() {
    let mut federation = Federation::province();
    federation.enrol(0, "city", "330200", "宁波市");
    let node = &federation.nodes[0];
    let divisions = ["330000", "330200", "330282", "330282108", "330299", "331126", "330200-port"];
    let zhejiang = [
        "警告、通报批评",
        "罚款",
        "没收违法所得、没收非法财物",
        "暂扣许可证、执照，降低资质等级",
        "吊销许可证、执照",
        "限制开展生产经营活动",
        "责令停产停业、责令关闭、限制从业",
        "行政拘留",
        "其他行政处罚",
        "合计（宗）",
        "罚没金额（万元）",
    ];
    let old = [
        "警告",
        "罚款",
        "没收违法所得、没收非法财物",
        "暂扣许可证、执照",
        "责令停产停业",
        "吊销许可证、执照",
        "行政拘留",
        "其他行政处罚",
        "合计（宗）",
        "罚没金额（万元）",
    ];
    let reports: Vec<Value> = (0..packages())
        .map(|at| {
            let kinds = |count: usize| (0..count).map(|kind| (at * 7 + kind * 13) % 40).collect::<Vec<_>>();
            let row = |count: usize| {
                let parts = kinds(count);
                let whole: usize = parts.iter().sum();
                let money = format!("{}.{:04}", at % 97, at % 10_000);
                let mut row: Vec<Value> = parts.into_iter().map(Value::from).collect();
                row.extend([json!(whole), serde_json::from_str(&money).expect("a number")]);
                row
            };
            let (columns, row) = if (at / 3).is_multiple_of(3) { (&zhejiang[..], row(9)) } else { (&old[..], row(8)) };
            json!({
                "agency_name": format!("=合成示例{at}局"), "division_code": divisions[at % divisions.len()],
                "year": 2021 + at % 3, "scope": if at.is_multiple_of(11) { "consolidated" } else { "own" },
                "tables": {"行政处罚实施情况统计表": {"unit": "宗;罚没金额为万元", "columns": columns, "values": row}},
            })
        })
        .collect();
    publish_all(&federation, "synthetic", &reports);
    let parent = [
        ("330200", "330000"),
        ("330282", "330200"),
        ("330282108", "330200"),
        ("330299", "330200"),
        ("331126", "330000"),
        ("330200-port", "330200"),
    ];
    let parents = parent.iter().map(|(code, above)| ((*code).to_owned(), (*above).to_owned())).collect();
    println!("synthetic province: {}", count_again(node, &parents));
    federation.wait_agreement(60);
    for more in ["scope=all", "scope=own", "by=child", "by=agency&scope=own", "by=template"] {
        let shown: Vec<Value> =
            federation.nodes.iter().map(|node| view(node, "330000", 2022, more)).collect();
        assert_eq!(shown[0], shown[1], "the same view at every level, {more}");
    }
    let penalty = view(node, "330000", 2022, "");
    let folded = table(&penalty, "penalty");
    assert_eq!(folded["template"], "penalty-2018");
    assert_eq!(folded["folded"].as_array().map(Vec::len), Some(2), "the fold is shown");
    let series = node.api("/api/v1/series/330000?table=penalty&column=fine");
    assert_eq!(series["lines"][0]["points"].as_array().map(Vec::len), Some(3), "{series}");
    exports_are_safe(node, &penalty);
    for (path, status) in [
        ("/api/v1/view/999999/2022", 404),
        ("/api/v1/view/x/2022", 404),
        ("/api/v1/view/330000/22", 404),
        ("/api/v1/view/330000/2022?scope=none", 400),
        ("/api/v1/view/330000/2022/provenance?table=penalty", 400),
        ("/api/v1/view/330000/2022/provenance?table=penalty&column=fine&after=zz", 400),
        ("/api/v1/view/330000/2022/provenance?table=penalty&column=none", 404),
        ("/api/v1/view/330200/1999", 200),
    ] {
        assert_eq!(node.get(path).status, status, "{path}");
    }
}

fn exports_are_safe(node: &Node, view: &Value) {
    let csv = text(node, &["view", "2022", "--csv", "--by", "agency"]);
    assert!(csv.starts_with('\u{feff}'));
    for line in csv.trim_start_matches('\u{feff}').lines() {
        for field in line.split(',') {
            assert!(!field.trim_matches('"').starts_with(['=', '+', '@']), "{line}");
        }
    }
    let file = PathBuf::from(node.path()).join("view.xlsx");
    text(node, &["view", "2022", "--xlsx", "-o", &file.display().to_string()]);
    assert!(std::fs::read(&file).expect("a workbook").starts_with(b"PK"));
    let said = node.run(&["view", "2022"]).json();
    assert_eq!((&said["tables"], &said["rates"]), (&view["tables"], &view["rates"]));
    node.run(&["view", "2022", "--division", "999999"]).expect_exit(2);
    node.run(&["view", "2022", "--template", "none"]).expect_exit(2);
}

#[test]
fn what_is_withdrawn_or_held_is_in_no_sum() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let file = federation.write("a.json", &report("甲局", "330000", 2022, 5).to_string());
    let digest = node.publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let cases = |year| view(node, "330000", year, "scope=own")["packages"].clone();
    assert_eq!(cases(2022), 1);
    let coverage = view(node, "330000", 2022, "scope=own")["coverage"].clone();
    assert_eq!(
        (&coverage["expected"], &coverage["reported"], &coverage["missing"]),
        (&json!(1), &json!(1), &json!(0))
    );
    node.run(&["withdraw", &digest, "--reason", "误报", "--wait", "sequenced"]).expect_exit(0);
    assert_eq!(cases(2022), 0);
    node.run(&["release", "set", "2023", "--at", "2099-01-01T00:00:00+08:00"]).expect_exit(0);
    let file = federation.write("b.json", &report("乙局", "330399", 2023, 5).to_string());
    node.publish_with(&file, &["--wait", "sequenced"]);
    assert_eq!(cases(2023), 0);
    assert_eq!(node.get("/api/v1/view/330399/2023").status, 404, "a held report names no division");
    node.run(&["release", "set", "2023", "--at", "now"]).expect_exit(0);
    wait_until("the year is released", 10, || {
        (node.get("/api/v1/view/330399/2023").status == 200).then_some(())
    });
    assert_eq!(view(node, "330000", 2023, "")["packages"], 1);
}
