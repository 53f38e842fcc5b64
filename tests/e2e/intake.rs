//! Clerks' files from outside: invented reports of every layout, blank and marked workbooks, as other programs (openpyxl,
//! LibreOffice) write and open them. `tests/intake` has the other side, which knows nothing of the code.

use crate::federation::{Federation, Node};
use crate::http;
use crate::program::{Ended, command, finish, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const AGENCY: &str = "附海镇综合行政执法队（合成示例）";

/// A script of `tests/intake`; it must end well.
fn script(name: &str, words: &[&str]) -> Ended {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/intake").join(name);
    let mut command = Command::new(std::env::var_os("GONGSHI_PYTHON").unwrap_or_else(|| "python3".into()));
    command.arg(path).args(words).env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = finish(command, Duration::from_secs(240)).expect_exit(0);
    println!("{}", ended.stdout.lines().last().unwrap_or_default());
    ended
}

const BINARY: &str = env!("CARGO_BIN_EXE_gongshi");

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn invented_reports_of_every_layout_come_out_cell_for_cell_and_one_error_is_refused_at_its_cell() {
    let seed = std::env::var("GONGSHI_HUNT_SEED").unwrap_or_else(|_| "20".into());
    let count = std::env::var("GONGSHI_HUNT_COUNT").unwrap_or_else(|_| "2".into());
    script("hunt.py", &[BINARY, &seed, &count]);
}

#[test]
fn the_clerk_gets_the_own_workbook_back_with_its_cells_marked_and_nothing_else_changed() {
    script("marks.py", &[BINARY]);
}

#[test]
fn a_roster_is_taken_from_a_workbook_as_an_office_keeps_it_and_what_is_wrong_is_named_by_sheet_and_cell() {
    let federation = Federation::province();
    let province = &federation.nodes[0];
    let path = |name: &str| federation.dir.path().join(name);
    script("roster.py", &[text(&path("wrong.xlsx")), "wrong"]);
    let refused = province.run(&["roster", "import", text(&path("wrong.xlsx"))]).expect_exit(5);
    let problems = refused.json()["problems"].clone();
    let places: Vec<_> =
        problems.as_array().expect("a list").iter().map(|one| (&one["sheet"], &one["cell"])).collect();
    assert_eq!(places, [(&json!("应报名册"), &json!("C4")), (&json!("乡镇"), &json!("B3"))], "{problems}");
    script("roster.py", &[text(&path("roster.xlsx"))]);
    province.run(&["roster", "import", text(&path("roster.xlsx"))]).expect_exit(0);
    let shown = province.run(&["roster", "show", "--year", "2024"]).expect_exit(0).json();
    let lines: Vec<String> = shown["lines"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| {
            ["division", "agency", "due"]
                .map(|key| line[key].as_str().unwrap_or_default().to_owned())
                .join(" ")
        })
        .collect();
    let expected =
        ["330282 慈溪市交通运输局 01-31", "330282 慈溪市公安局 02-28", "330282108 附海镇人民政府 01-31"];
    assert_eq!(lines, expected, "{shown}");
    std::fs::write(path("no.xlsx"), b"PK\x03\x04 no workbook").expect("a file");
    province.run(&["roster", "import", text(&path("no.xlsx"))]).expect_exit(5);
}

#[test]
fn a_folder_of_workbooks_is_checked_in_one_call_with_a_bar_and_a_rate() {
    let count = std::env::var("GONGSHI_FOLDER_COUNT").unwrap_or_else(|_| "1000".into());
    script("folder.py", &[BINARY, &count]);
}

/// Last year's report of the agency.
fn last_year() -> Value {
    json!({
        "agency_name": AGENCY, "division_code": "330282108", "year": 2023,
        "tables": {"行政许可实施情况统计表": {
            "unit": "宗", "columns": ["申请数量", "受理数量", "许可数量", "不予许可数量", "撤销许可数量"],
            "values": [1204, 1188, 1180, 8, 0],
        }},
    })
}

/// Figures as printed, table by table, row by row.
fn printed(tables: &Value) -> Vec<(String, Vec<Vec<String>>)> {
    let words = |cell: &Value| cell.as_str().or(cell["printed"].as_str()).expect("text").to_owned();
    let row = |row: &Value| row.as_array().expect("a row").iter().map(words).collect();
    let tables = tables.as_array().expect("tables").iter();
    tables
        .map(|table| {
            let name = table["name"].as_str().expect("a name").to_owned();
            (name, table["rows"].as_array().expect("rows").iter().map(row).collect())
        })
        .collect()
}

/// The workbook is at all four levels cell for cell, and the original is fetched at the province byte for byte.
fn is_everywhere(federation: &Federation, digest: &str, written: &Value, original: &Path) {
    federation.wait_for(&[digest.to_owned()], 30);
    let wanted = printed(&written["tables"]);
    assert!(!wanted.is_empty());
    for node in &federation.nodes {
        let document = node.api(&format!("/api/v1/packages/{digest}"));
        assert_eq!(printed(&document["tables"]), wanted, "{}", node.code);
    }
    let province: &Node = &federation.nodes[0];
    let attached = &province.api(&format!("/api/v1/packages/{digest}"))["attachments"][0];
    let name = original.file_name().and_then(|name| name.to_str()).expect("a name");
    assert_eq!(attached["name"], name, "{attached}");
    let address =
        format!("/api/v1/packages/{digest}/attachments/{}", attached["digest"].as_str().expect("a digest"));
    let answer = wait_until("the original is there", 60, || {
        http::try_get(&province.portal, &address).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(answer.body, std::fs::read(original).expect("the original"), "byte for byte");
}

#[test]
fn a_workbook_filled_in_by_a_clerk_is_at_all_four_levels_with_its_original() {
    let federation = Federation::chain();
    let town = &federation.nodes[3];
    let before = town.publish(&federation.write("2023.json", &last_year().to_string()));
    federation.wait_for(&[before], 30);
    let blank = federation.dir.path().join("空白.xlsx");
    let filled = federation.dir.path().join("填好.xlsx");
    let made = town.run(&[
        "template",
        "xlsx",
        "--agency",
        AGENCY,
        "--year",
        "2024",
        "--layout",
        "licence,penalty-2018,staff",
        "-o",
        text(&blank),
    ]);
    assert_eq!(made.expect_exit(0).json()["last_year"], true);
    let beside = json!({"行政许可实施情况统计表": {
        "申请数量": "1204", "受理数量": "1188", "许可数量": "1180", "不予许可数量": "8", "撤销许可数量": "0",
    }});
    let written = script("blank.py", &["fill", text(&blank), text(&filled), &beside.to_string()]).json();
    // LibreOffice computes the sums that are formulas, and what it saves is the same report.
    let saved = federation.dir.path().join("LibreOffice 保存.xlsx");
    script("blank.py", &["soffice", text(&filled), text(&saved)]);
    let computed = script("blank.py", &["computed", text(&saved)]).json();
    let total = written["tables"][1]["rows"][0][8].as_str().expect("合计");
    assert_eq!(computed["行政处罚实施情况统计表!I4"].to_string(), total, "{computed}");
    town.run(&["check", text(&saved)]).expect_exit(0);
    let digest = town.publish_with(&filled, &["--original"]);
    is_everywhere(&federation, &digest, &written, &filled);
    assert_eq!(town.publish_with(&filled, &["--original"]), digest, "the same again is said once");
}

#[test]
fn last_years_figures_stand_beside_the_cells_of_every_unit_also_in_libreoffice() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let before = json!({
        "agency_name": AGENCY, "division_code": "330000", "year": 2023,
        "tables": {"行政许可实施情况统计表": {
            "unit": "宗",
            "columns": ["序号", "单位名称", "申请数量", "受理数量", "许可数量", "不予许可数量", "撤销许可数量"],
            "rows": [["1", "甲中队", 12, 11, 10, 1, 0], ["2", "乙中队", 30, 29, 28, 1, 0], ["", "合计", 42, 40, 38, 2, 0]],
        }},
    });
    node.publish(&federation.write("2023.json", &before.to_string()));
    let dir = federation.dir.path();
    let (blank, saved) = (dir.join("空白.xlsx"), dir.join("LibreOffice 保存.xlsx"));
    let words = ["template", "xlsx", "--agency", AGENCY, "--year", "2024", "--layout", "licence"];
    let units = ["--units", "乙中队,丙中队,甲中队", "-o", text(&blank)];
    assert_eq!(node.run(&[&words[..], &units[..]].concat()).expect_exit(0).json()["last_year"], true);
    script("blank.py", &["soffice", text(&blank), text(&saved)]);
    for file in [&blank, &saved] {
        let shown = script("blank.py", &["shown", text(file)]).json();
        let sheet = &shown["行政许可实施情况统计表"];
        // Three units to fill in, a 合计 row, an empty one; then last year's heading and rows.
        for (cell, last) in
            [("B4", Some("30")), ("D4", Some("28")), ("B5", None), ("B6", Some("12")), ("E6", Some("1"))]
        {
            let says = sheet[cell]["says"].as_str().unwrap_or_else(|| panic!("{cell}: {sheet}"));
            let found = says.split_once("上年：").map(|(_, rest)| rest.trim_end_matches('。'));
            assert_eq!(found, last, "{cell} says {says}");
        }
        let below: Vec<[&str; 2]> = (9..=12)
            .map(|row| {
                ["A", "B"].map(|column| sheet[format!("{column}{row}")]["value"].as_str().unwrap_or_default())
            })
            .collect();
        assert!(below[0][0].starts_with("上年公布数（2023 年"), "{below:?}");
        assert_eq!(below[1..], [["乙中队", "30"], ["甲中队", "12"], ["合计", "42"]]);
    }
    // Without units, the whole of last year stands beside the one row.
    let whole = dir.join("整体.xlsx");
    node.run(&[&words[..], &["-o", text(&whole)]].concat()).expect_exit(0);
    let shown = script("blank.py", &["shown", text(&whole)]).json();
    let says = &shown["行政许可实施情况统计表"]["A4"]["says"];
    assert!(says.as_str().is_some_and(|says| says.contains("上年：42。")), "{says}");
}

#[test]
fn a_workbook_laid_out_freely_is_at_all_four_levels_with_its_original() {
    let federation = Federation::chain();
    let town = &federation.nodes[3];
    let free = federation.dir.path().join("自制表.xlsx");
    let written = script("blank.py", &["free", "4", text(&free)]).json();
    // Where every original is to be attached, the environment says so once.
    let mut publish = command();
    publish.env("GONGSHI_ORIGINAL", "1").args(["publish", text(&free), "--json", "--data", town.path()]);
    let published = finish(publish, Duration::from_secs(40)).expect_exit(0).json();
    let digest = published["published"][0]["digest"].as_str().expect("a digest").to_owned();
    is_everywhere(&federation, &digest, &written, &free);
}
