//! One time for all levels: a held year is nowhere public before its instant, and everywhere right after it.

use crate::federation::Federation;
use crate::program::wait_until;
use crate::reports::report;
use std::time::{Duration, Instant};

const AGENCY: &str = "附海镇人民政府";
const FIGURE: &str = "87654";

/// Addresses at which a report could show.
fn addresses(digest: &str) -> Vec<String> {
    let api = format!("/api/v1/packages/{digest}");
    let mut all: Vec<String> =
        ["", "/card", "/body", "/statement", "/proof"].iter().map(|end| format!("{api}{end}")).collect();
    all.extend([
        format!("/p/{digest}"),
        format!("/a/330282108:{AGENCY}/2024"),
        "/".to_owned(),
        "/2024".to_owned(),
        "/330282108/2024".to_owned(),
        "/rollcall".to_owned(),
        "/api/v1/node".to_owned(),
        "/api/v1/packages".to_owned(),
        "/api/v1/packages?year=2024".to_owned(),
        "/api/v1/packages?division=330282108".to_owned(),
        "/api/v1/packages?state=superseded".to_owned(),
        "/api/v1/packages?state=withdrawn".to_owned(),
    ]);
    all
}

#[test]
fn a_held_year_is_public_nowhere_before_its_release_and_everywhere_within_1500_ms_of_it() {
    let mut federation = Federation::province_with(&["--release", "held"]);
    federation.enrol(0, "city", "330200", "宁波市");
    federation.enrol(1, "district", "330282", "慈溪市");
    federation.enrol(2, "town", "330282108", "附海镇");
    let mut document = report(AGENCY, "330282108", 2024, 3);
    document["narrative"] = format!("合成示例：{FIGURE}").into();
    let file = federation.write("town.json", &document.to_string());
    let path = file.to_str().expect("a plain path");
    let first = {
        let done = federation.nodes[3].run(&["publish", path, "--wait", "sequenced"]).expect_exit(0).json();
        done["published"][0]["digest"].as_str().expect("a digest").to_owned()
    };
    assert_eq!(federation.nodes[3].run(&["show", &first]).expect_exit(0).json()["state"], "held");
    let words = ["correct", path, "--reason", "改正"];
    document["tables"]["行政处罚实施情况统计表"]["values"][0] = 4.into();
    document["tables"]["行政处罚实施情况统计表"]["values"][3] = 34.into();
    federation.write("town.json", &document.to_string());
    let corrected = federation.nodes[3].run(&words).expect_exit(0).json();
    let second = corrected["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let size = wait_until("the correction is sequenced", 10, || {
        let shown = federation.nodes[0].run(&["show", &second]);
        (shown.exit == 0 && shown.json()["state"] == "held")
            .then(|| federation.nodes[0].status()["root_log"]["size"].clone())
    });
    wait_until("all hold it", 10, || {
        let holds = |node: &crate::federation::Node| node.status()["root_log"]["size"] == size;
        federation.nodes.iter().all(holds).then_some(())
    });
    let absent = "0".repeat(64);
    for node in &federation.nodes {
        for digest in [&first, &second] {
            for (address, nothing) in addresses(digest).iter().zip(addresses(&absent)) {
                let answer = node.get(address);
                let text = answer.text();
                assert!(
                    !text.contains(AGENCY) || address.starts_with("/a/"),
                    "{} {address}: {text}",
                    node.code
                );
                assert!(
                    !text.contains(FIGURE) && !text.contains(&digest[..16]) || answer.status == 404,
                    "{} {address}: {text}",
                    node.code
                );
                assert_eq!(answer.status, node.get(&nothing).status, "{} {address}", node.code);
            }
        }
    }
    let not_root = federation.nodes[1].run(&["release", "set", "2024", "--at", "now"]).expect_exit(6).json();
    assert_eq!(not_root["code"], "not_root");
    federation.nodes[0].run(&["release", "set", "2024", "--at", "2020-01-01T00:00:00Z"]).expect_exit(2);
    federation.nodes[0].run(&["release", "set", "2024", "--at", "soon"]).expect_exit(2);
    wait_until("every node is ready", 20, || {
        (federation.nodes[0].run(&["release", "rehearse", "2024"]).exit == 0).then_some(())
    });
    let shown = federation.nodes[0].run(&["release", "show", "2024"]).expect_exit(0).json();
    assert_eq!(
        (shown["state"].as_str(), shown["packages"]["held"].as_u64()),
        (Some("held"), Some(1)),
        "{shown}"
    );
    assert_eq!(shown["nodes"].as_array().map(Vec::len), Some(4));
    federation.nodes[0].run(&["release", "set", "2024", "--at", "now", "--dry-run"]).expect_exit(0);
    assert!(!federation.nodes[0].has(&second), "a dry run releases nothing");
    federation.nodes[0].run(&["release", "set", "2024", "--at", "now"]).expect_exit(0);
    let begun = Instant::now();
    for node in &federation.nodes {
        wait_until(&format!("{} shows it", node.code), 2, || node.has(&second).then_some(()));
    }
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    println!("all four levels show the year {:?} after the release", begun.elapsed());
    for node in &federation.nodes {
        let document = node.api(&format!("/api/v1/packages/{second}"));
        let states: Vec<&str> = document["revisions"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|r| r["state"].as_str())
            .collect();
        assert_eq!(states, ["superseded", "released"], "{}", node.code);
    }
    let again = federation.nodes[0].run(&["release", "set", "2024", "--at", "now"]).expect_exit(6).json();
    assert_eq!(again["code"], "year_public");
    federation.wait_agreement(10);
}

#[test]
fn a_scheduled_year_is_released_at_its_instant_by_itself() {
    let federation = Federation::pair();
    let at = wait_until("a whole second", 2, || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        (now.subsec_millis() < 200).then_some(now.as_secs() + 3)
    });
    let text = {
        let (days, seconds) = (at / 86_400, at % 86_400);
        // Days since 1970 to a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let z = days + 719_468;
        let (era, doe) = (z / 146_097, z % 146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let (mp, year) = ((5 * doy + 2) / 153, yoe + era * 400);
        let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
        let year = if month <= 2 { year + 1 } else { year };
        format!(
            "{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    };
    federation.nodes[0].run(&["release", "set", "2024", "--at", &text]).expect_exit(0);
    let file = federation.write("city.json", &report("宁波市司法局", "330200", 2024, 3).to_string());
    let digest = federation.nodes[1].publish_with(&file, &["--wait", "sequenced"]);
    assert!(!federation.nodes[1].has(&digest), "the year is held");
    federation.wait_for(&[digest], 6);
    let shown = federation.nodes[1].run(&["release", "show", "2024"]).expect_exit(0).json();
    assert_eq!(shown["state"], "released", "{shown}");
}
