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
        let document = node.api("/coverage/2024.json?division=330200");
        assert_eq!(counts(&document), [4, 2, 1, 1, 0, 1], "{}: {document}", node.code);
        let shown = node.get("/coverage/2024?division=330200").text();
        for word in ["宁波市海事局", "未报", "零报告", "不适用", "有更正", "名册外"] {
            assert!(shown.contains(word), "{}: {word}", node.code);
        }
        assert!(node.get("/coverage/2024.csv").text().starts_with('\u{feff}'));
        assert!(node.get("/coverage/2024.xlsx").body.starts_with(b"PK"));
        assert_eq!(node.get("/coverage/2024?division=999999").status, 404);
        assert_eq!(node.get("/coverage/x").status, 404);
    }
    let book = federation.dir.path().join("circular.xlsx");
    let words = ["coverage", "--year", "2024", "--xlsx", "-o", book.to_str().expect("a plain path")];
    city.run(&words).expect_exit(3);
    assert!(std::fs::read(&book).expect("the circular").starts_with(b"PK"));
}

/// A figure whose parts do not add up, published as printed: valid, and worth a look.
fn doubtful(warnings: u32) -> Value {
    let mut document = report(AGENCY, "330282108", 2024, warnings);
    document["as_printed"] = "原报告如此".into();
    let values = document["tables"]["行政处罚实施情况统计表"]["values"].as_array_mut().expect("a list");
    values[0] = (warnings + 100).into();
    document
}

#[test]
fn what_a_city_sends_back_a_town_reports_again_and_the_exchange_is_provable() {
    let mut federation = Federation::province_with(&["--release", "held"]);
    federation.enrol(0, "city", "330200", "宁波市");
    federation.enrol(1, "district", "330282", "慈溪市");
    federation.enrol(2, "town", "330282108", "附海镇");
    let [province, city, town] = [0, 1, 3].map(|at| &federation.nodes[at]);
    let roster = federation.write("roster.csv", "区划,机关\n330282108,附海镇人民政府\n");
    province
        .run(&["roster", "import", roster.to_str().expect("a plain path"), "--division", "330282108"])
        .expect_exit(0);
    let file = federation.write("town.json", &doubtful(3).to_string());
    let path = file.to_str().expect("a plain path");
    let first = town.run(&["publish", path, "--wait", "sequenced"]).expect_exit(0).json();
    let first = first["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let held = |node: &crate::federation::Node, digest: &str, state: &str| {
        wait_until(&format!("{} has it {state}", node.code), 10, || {
            let shown = node.run(&["show", digest]);
            (shown.exit == 0 && shown.json()["state"] == state).then_some(())
        });
    };
    held(city, &first, "held");
    let seen = city.run(&["coverage", "--year", "2024"]).expect_exit(0).json();
    assert_eq!(counts(&seen), [1, 1, 0, 0, 0, 0], "{seen}");
    let waiting = city.run(&["review", "list"]).expect_exit(3).json();
    let line = &waiting["packages"][0];
    assert_eq!(
        (waiting["mode"].as_str(), line["digest"].as_str()),
        (Some("automatic"), Some(first.as_str())),
        "{waiting}"
    );
    assert!(
        line["findings"].as_array().is_some_and(|found| found.iter().any(|one| one["cell"].is_string())),
        "{waiting}"
    );
    assert_eq!(city.run(&["release", "show", "2024"]).expect_exit(0).json()["unreviewed"], 1);
    let accepted = city.run(&["review", "accept", &first]).expect_exit(0).json();
    assert_eq!(accepted["accepted"][0]["new"], true);
    assert_eq!(city.run(&["release", "show", "2024"]).expect_exit(0).json()["unreviewed"], 0);
    city.run(&["review", "list"]).expect_exit(0);

    let own = town.run(&["review", "return", &first, "--reason", "x"]).expect_exit(6).json();
    assert_eq!(own["code"], "not_below");
    city.run(&["review", "return", &first, "--reason", ""]).expect_exit(2);
    city.run(&["review", "return", &first, "--reason", "x", "--dry-run"]).expect_exit(0);
    let words =
        ["review", "return", &first[..12], "--reason", "合计与各项之和不符，请核对", "--wait", "sequenced"];
    let returned = city.run(&words).expect_exit(0).json();
    let statement = returned["statement"].as_str().expect("a digest").to_owned();
    held(town, &first, "returned");
    let again = city.run(&words).expect_exit(6).json();
    assert_eq!(again["code"], "nothing_to_change");
    let shown = town.run(&["show", &first]).expect_exit(0).json();
    let said = &shown["review"]["returned"];
    assert_eq!(said["reason"], "合计与各项之和不符，请核对", "{shown}");
    assert_eq!(
        (said["by"]["code"].as_str(), said["digest"].as_str()),
        (Some("330200"), Some(statement.as_str()))
    );
    assert!(said["findings"].as_array().is_some_and(|found| !found.is_empty()), "{shown}");
    town.run(&["verify", &statement]).expect_exit(0);
    let listed = town.run(&["list", "--state", "returned"]).expect_exit(0).json();
    assert_eq!(listed["packages"][0]["digest"], first.as_str());
    assert_eq!(town.status()["returned"], 1);
    let ill = town.run(&["doctor"]).expect_exit(3).json();
    assert!(
        ill["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["code"] == "returned")),
        "{ill}"
    );
    let seen = city.run(&["coverage", "--year", "2024"]).expect_exit(3).json();
    assert_eq!(counts(&seen), [1, 0, 0, 0, 1, 0], "{seen}");
    for node in &federation.nodes {
        for digest in [&first, &statement] {
            for end in ["", "/card", "/body", "/statement", "/proof"] {
                let answer = node.get(&format!("/api/v1/packages/{digest}{end}"));
                assert_eq!(answer.status, 404, "{} {digest}{end}", node.code);
            }
        }
    }

    federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let second = town.run(&["publish", path, "--wait", "sequenced"]).expect_exit(0).json();
    assert_eq!(second["published"][0]["revision"], 2, "{second}");
    let second = second["published"][0]["digest"].as_str().expect("a digest").to_owned();
    held(city, &second, "held");
    assert_eq!(town.status()["returned"], 0);
    let seen = city.run(&["coverage", "--year", "2024"]).expect_exit(0).json();
    assert_eq!(counts(&seen), [1, 1, 0, 0, 0, 0], "{seen}");
    let revisions = city.run(&["show", &first]).expect_exit(0).json()["revisions"].clone();
    let states: Vec<&str> =
        revisions.as_array().expect("a list").iter().filter_map(|r| r["state"].as_str()).collect();
    assert_eq!(states, ["returned", "held"]);
    wait_until("every node is ready", 20, || {
        (province.run(&["release", "rehearse", "2024"]).exit == 0).then_some(())
    });
    province.run(&["release", "set", "2024", "--at", "now"]).expect_exit(0);
    federation.wait_for(std::slice::from_ref(&second), 10);
    assert_eq!(
        province.get(&format!("/api/v1/packages/{first}")).status,
        404,
        "what was sent back is never public"
    );
    // What is public stays until something takes its place, and a return is no barrier to that.
    let words = ["review", "return", &second, "--reason", "口径有误", "--wait", "sequenced"];
    city.run(&words).expect_exit(0);
    held(town, &second, "returned");
    assert!(province.has(&second));
    federation.write("town.json", &report(AGENCY, "330282108", 2024, 4).to_string());
    let third = town.run(&["publish", path]).expect_exit(0).json();
    assert_eq!(third["published"][0]["revision"], 3, "{third}");
    federation.wait_for(&[third["published"][0]["digest"].as_str().expect("a digest").to_owned()], 10);
    federation.wait_agreement(10);
    for node in &mut federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
    }
    let city = &mut federation.nodes[1];
    city.stop();
    let shown = city.run(&["review", "show", &first]).expect_exit(0).json();
    assert!(shown["accepted_at"].is_string(), "what was noted survives a restart: {shown}");
}
