//! Other ways up: a district is gone, and what the town signed reaches the province by the city.

use crate::federation::Federation;
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;
use std::time::Duration;

#[test]
fn push_via_the_city_brings_a_towns_report_to_the_province_while_its_district_is_stopped() {
    let mut federation = Federation::chain();
    federation.nodes[2].stop();
    let file = federation.write("town.json", &report("附海镇人民政府", "330282108", 2024, 3).to_string());
    let digest = federation.nodes[3].publish(&file);
    let refused = federation.nodes[3].run(&["push", "--via", "330203"]).expect_exit(6).json();
    assert_eq!(refused["code"], "not_above");
    let pushed = federation.nodes[3].run(&["push", "--via", "330200"]).expect_exit(0).json();
    assert_eq!((pushed["schema"].as_str(), pushed["done"].as_bool()), (Some("gongshi.push/1"), Some(true)));
    for at in [0, 1, 3] {
        let node = &federation.nodes[at];
        wait_until("the report is public", 10, || node.has(&digest).then_some(()));
    }
    let town = &federation.nodes[3];
    let shown = town.run(&["show", &digest]).expect_exit(0).json();
    assert_eq!(
        (shown["state"].as_str(), shown["exchange"]["receipt"]["by"]["code"].as_str()),
        (Some("released"), Some("330200"))
    );
    assert_eq!(town.status()["via"]["code"], "330200", "{}", town.status());
    let peers = town.run(&["peers"]).expect_exit(0).json();
    let relation = |code: &str| {
        let peers = peers["peers"].as_array().expect("a list");
        let peer = peers.iter().find(|peer| peer["code"] == code).expect("an ancestor");
        (peer["relation"].clone(), peer["state"].clone())
    };
    assert_eq!(relation("330282"), (Value::from("parent"), Value::from("down")));
    assert_eq!(relation("330200"), (Value::from("ancestor"), Value::from("up")));
    federation.nodes[2].serve();
    wait_until("the town is back with its district", 60, || {
        federation.nodes[3].status()["via"].is_null().then_some(())
    });
    federation.wait_for(&[digest], 60);
    federation.wait_agreement(60);
}

#[test]
fn push_and_pull_work_without_a_daemon_and_end_with_7_within_30_s_when_nobody_answers() {
    let mut federation = Federation::chain();
    federation.nodes[3].stop();
    let file = federation.write("town.json", &report("附海镇人民政府", "330282108", 2024, 3).to_string());
    let digest = federation.nodes[3].publish(&file);
    federation.nodes[3].run(&["push"]).expect_exit(0);
    let province = &federation.nodes[0];
    wait_until("the report is at the province", 10, || province.has(&digest).then_some(()));
    let size = province.status()["root_log"]["size"].clone();
    wait_until("it is at the district", 10, || federation.nodes[2].has(&digest).then_some(()));
    let pulled = federation.nodes[3].run(&["pull"]).expect_exit(0).json();
    assert_eq!(pulled["root_log"]["size"], size);
    let shown = federation.nodes[3].run(&["show", &digest]).expect_exit(0).json();
    assert_eq!(shown["state"], "released");
    assert!(shown["exchange"]["sequenced"]["index"].is_u64());
    assert_eq!(federation.nodes[0].run(&["push"]).expect_exit(6).json()["code"], "is_root");
    federation.nodes[0].run(&["pull"]).expect_exit(0);
    federation.nodes[2].stop();
    let ended = federation.nodes[3].run(&["pull"]).expect_exit(7);
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
}

#[test]
fn a_town_whose_delegation_the_root_refused_is_told_so_and_its_reports_are_refused_in_words() {
    let mut federation = Federation::pair();
    let district = federation.enrol(1, "district", "330282", "慈溪市");
    // The province and the district delegate one town while the city between them is gone.
    federation.nodes[1].kill();
    federation.enrol(0, "town", "330282108", "附海镇");
    let mut second = crate::federation::Node::new(&federation.dir.path().join("second"), "330282108");
    let token = federation.nodes[district].invite("town", "330282108", "附海镇", &["--auto"]);
    second.join(&token).expect_exit(0);
    second.serve();
    let file = federation.write("town.json", &report("附海镇人民政府", "330282108", 2024, 3).to_string());
    let digest = second.publish(&file);
    wait_until("the district gave a receipt", 10, || {
        let shown = second.run(&["show", &digest]).expect_exit(0).json();
        (shown["state"] == "received" && shown["exchange"]["receipt"]["by"]["code"] == "330282").then_some(())
    });
    let waiting = second.run(&["list", "--state", "waiting"]).expect_exit(0).json();
    assert_eq!(waiting["packages"][0]["state"], "received");
    federation.nodes[1].serve();
    for node in [&second, &federation.nodes[district]] {
        wait_until(&format!("{} says refused", node.code), 30, || {
            let listed = node.run(&["list", "--state", "refused"]).expect_exit(0).json();
            let line = &listed["packages"][0];
            (line["digest"] == digest.as_str() && line["refusal"] == "no_authority").then_some(())
        });
        let shown = node.run(&["show", &digest]).expect_exit(0).json();
        assert_eq!(
            (shown["state"].as_str(), shown["exchange"]["refused"]["code"].as_str()),
            (Some("refused"), Some("no_authority")),
            "{}",
            node.code
        );
    }
    let ended = second.run(&["status"]).expect_exit(3).json();
    assert_eq!(
        (ended["state"].as_str(), ended["alarms"][0]["code"].as_str()),
        (Some("alarm"), Some("delegate_refused"))
    );
    let console = crate::operators::shown(&second, "/");
    assert!(console.contains("delegate_refused"), "{console}");
    let doctor = second.run(&["doctor"]).expect_exit(3).json();
    assert!(doctor["findings"].to_string().contains("delegate_refused"), "{doctor}");
    let more = federation.write("more.json", &report("附海镇人民政府", "330282108", 2023, 3).to_string());
    let refused = second.run(&["publish", more.to_str().expect("a plain path")]).expect_exit(6).json();
    assert_eq!(refused["refused"][0]["findings"][0]["code"], "no_authority");
}
