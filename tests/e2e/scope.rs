//! Who owes a report: rosters, nothing to report, coverage.

use crate::federation::Federation;
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;

const AGENCY: &str = "附海镇人民政府";

fn counts(document: &Value) -> [u64; 6] {
    ["expected", "reported", "nil", "not_applicable", "returned", "missing"]
        .map(|key| document["counts"][key].as_u64().expect("a count"))
}

/// Who stands how, by name.
fn standing<'a>(document: &'a Value, agency: &str) -> &'a Value {
    let lines = document["agencies"].as_array().expect("a list");
    lines.iter().find(|line| line["agency_name"] == agency).unwrap_or(&Value::Null)
}

#[test]
fn a_roster_says_who_owes_what_and_coverage_says_who_gave_it() {
    let federation = Federation::chain();
    let [province, city, town] = [0, 1, 3].map(|at| &federation.nodes[at]);
    let before = city.run(&["coverage", "--year", "2024"]).expect_exit(0).json();
    assert_eq!((before["basis"].as_str(), counts(&before)), (Some("earlier_year"), [0; 6]), "{before}");
    let bad = federation
        .write("bad.csv", "区划,机关,截止日期\n330282108,附海镇人民政府,\n33,x,\n330282,慈溪市公安局,0230\n");
    let refused = city.run(&["roster", "import", bad.to_str().expect("a plain path")]).expect_exit(5).json();
    let lines: Vec<u64> =
        refused["problems"].as_array().expect("a list").iter().filter_map(|p| p["line"].as_u64()).collect();
    assert_eq!(lines, [3, 4], "{refused}");
    let foreign = federation.write("foreign.csv", "区划,机关\n330282,慈溪市公安局\n331126,庆元县公安局\n");
    let refused = federation.nodes[2]
        .run(&["roster", "import", foreign.to_str().expect("a plain path")])
        .expect_exit(6)
        .json();
    assert_eq!(refused["code"], "roster_foreign");
    let roster = "区划,机关,截止日期,起始年度\n330282108,附海镇人民政府,,\n330282,慈溪市公安局,02-28,2020\n330282,慈溪市交通运输局,,\n330200,宁波市海事局,,\n330282,慈溪市档案局,,2025\n";
    let file = federation.write("roster.csv", roster);
    let path = file.to_str().expect("a plain path");
    let would = city.run(&["roster", "import", path, "--dry-run"]).expect_exit(0).json();
    assert_eq!((would["signed"].as_bool(), would["added_count"].as_u64()), (Some(false), Some(5)), "{would}");
    let done = city.run(&["roster", "import", path]).expect_exit(0).json();
    assert_eq!(done["signed"], true);
    wait_until("the roster is everywhere", 10, || {
        let knows = |node: &crate::federation::Node| {
            let shown = node.run(&["roster", "show", "--division", "330200", "--year", "2024"]).json();
            shown["lines"].as_array().map(Vec::len) == Some(4) && shown["decides"] == "330200"
        };
        federation.nodes.iter().all(knows).then_some(())
    });
    let again = city.run(&["roster", "import", path]).expect_exit(0).json();
    assert_eq!((again["signed"].as_bool(), again["digest"].as_str()), (Some(false), done["digest"].as_str()));
    let missing = city.run(&["coverage", "--year", "2024", "--missing"]).expect_exit(3).json();
    assert_eq!(counts(&missing), [4, 0, 0, 0, 0, 4]);
    assert!(standing(&missing, AGENCY)["days_late"].as_u64() > Some(300), "{missing}");

    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let digest = town.publish(&file);
    let district = &federation.nodes[2];
    let nil = district.run(&["nil", "--agency", "慈溪市公安局", "--year", "2024"]).expect_exit(0).json();
    let nil = nil["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let same = district.run(&["nil", "--agency", " 慈溪市公安局", "--year", "2024"]).expect_exit(0).json();
    assert_eq!(same["published"][0]["digest"], nil.as_str(), "the same again says nothing anew");
    let none = district
        .run(&["not-applicable", "--agency", "慈溪市交通运输局", "--year", "2024"])
        .expect_exit(0)
        .json();
    let none = none["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let other = district.run(&["nil", "--agency", "慈溪市粮食局", "--year", "2024"]).expect_exit(0).json();
    let other = other["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let twice =
        district.run(&["not-applicable", "--agency", "慈溪市公安局", "--year", "2024"]).expect_exit(6).json();
    assert_eq!(twice["code"], "already_reported");
    let abroad =
        town.run(&["nil", "--agency", "x", "--year", "2024", "--division", "330200"]).expect_exit(6).json();
    assert_eq!(abroad["code"], "foreign_division");
    federation.wait_for(&[digest, nil.clone(), none.clone(), other], 10);
    for node in [province, city] {
        let seen = node.run(&["coverage", "--year", "2024", "--division", "330200"]).expect_exit(3).json();
        assert_eq!(counts(&seen), [4, 1, 2, 1, 0, 1], "{seen}");
        assert_eq!(seen["counts"]["unexpected"], 1);
        assert_eq!(standing(&seen, "慈溪市公安局")["standing"], "nil");
        assert_eq!(standing(&seen, "慈溪市交通运输局")["standing"], "not_applicable");
        assert_eq!(standing(&seen, "慈溪市粮食局")["expected"], false);
        assert_eq!(standing(&seen, "宁波市海事局")["standing"], "missing");
        assert_eq!(standing(&seen, AGENCY)["due"], "2025-01-31");
        let below =
            node.run(&["coverage", "--year", "2024", "--division", "330282108"]).expect_exit(0).json();
        assert_eq!(counts(&below), [1, 1, 0, 0, 0, 0], "{below}");
        let document = node.api(&format!("/api/v1/packages/{nil}"));
        assert_eq!(
            (document["kind"].as_str(), document["tables"].as_array().map(Vec::len)),
            (Some("nil"), Some(0))
        );
        assert!(node.get("/a/330282:慈溪市公安局/2024").text().contains("零报告"));
        assert!(node.get(&format!("/p/{none}")).text().contains("不适用"));
    }
    let figures = federation.write("police.json", &report("慈溪市公安局", "330282", 2024, 5).to_string());
    let path = figures.to_str().expect("a plain path");
    district.run(&["publish", path]).expect_exit(6);
    let corrected = district.run(&["correct", path, "--reason", "经核实有执法活动"]).expect_exit(0).json();
    assert_eq!(corrected["published"][0]["revision"], 2);
    federation.wait_for(&[corrected["published"][0]["digest"].as_str().expect("a digest").to_owned()], 10);
    let seen = city.run(&["coverage", "--year", "2024"]).expect_exit(3).json();
    assert_eq!(counts(&seen), [4, 2, 1, 1, 0, 1], "{seen}");
    assert_eq!(standing(&seen, "慈溪市公安局")["corrected"], true);
    federation.wait_agreement(10);
    for node in &federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
    }
}
