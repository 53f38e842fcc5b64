//! The life of a report after it is public: corrected, withdrawn; every level says the same of it.

use crate::federation::Federation;
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;

const AGENCY: &str = "附海镇人民政府";

/// Corrects a town's report; the new digest.
fn correct(federation: &Federation, warnings: u32, reason: &str) -> String {
    let file = federation.write("correct.json", &report(AGENCY, "330282108", 2024, warnings).to_string());
    let words = ["correct", file.to_str().expect("a plain path"), "--reason", reason];
    let document = federation.nodes[federation.nodes.len() - 1].run(&words).expect_exit(0).json();
    document["published"][0]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn corrections_make_a_chain_that_every_level_shows_with_its_reasons() {
    let federation = Federation::chain();
    let town = &federation.nodes[3];
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let path = file.to_str().expect("a plain path");
    let nothing = town.run(&["correct", path, "--reason", "尚未公示"]).expect_exit(6).json();
    assert_eq!(nothing["refused"][0]["findings"][0]["code"], "nothing_to_change", "{nothing}");
    let first = town.publish(&file);
    // The second goes out before the first is answered, the third after.
    let second = correct(&federation, 4, "警告漏计一宗");
    federation.wait_for(std::slice::from_ref(&second), 10);
    let third = correct(&federation, 5, "复核后再增一宗");
    assert_eq!(correct(&federation, 5, "同样的内容"), third, "the same content is not said twice");
    federation.wait_for(std::slice::from_ref(&third), 10);
    for node in &federation.nodes {
        let document = node.api(&format!("/api/v1/packages/{third}"));
        let revisions = document["revisions"].as_array().expect("a list");
        let seen: Vec<(&Value, &Value, &Value)> =
            revisions.iter().map(|r| (&r["revision"], &r["state"], &r["digest"])).collect();
        let (one, two, three) = (Value::from(1), Value::from(2), Value::from(3));
        let superseded = Value::from("superseded");
        let digests = [Value::from(first.clone()), Value::from(second.clone()), Value::from(third.clone())];
        assert_eq!(seen[0], (&one, &superseded, &digests[0]), "{}", node.code);
        assert_eq!(seen[1], (&two, &superseded, &digests[1]), "{}", node.code);
        assert_eq!(seen[2], (&three, &Value::from("released"), &digests[2]), "{}", node.code);
        assert_eq!(revisions[2]["reason"], "复核后再增一宗", "{}", node.code);
        let page = node.get(&format!("/a/330282108:{AGENCY}/2024")).text();
        assert!(page.contains("警告漏计一宗"), "{}", node.code);
    }
    let diff = town.run(&["diff", &first, &third]).expect_exit(0).json();
    assert_eq!(diff["same"], false);
    let changed = diff["changes"].to_string();
    assert!(changed.contains("\"3\"") && changed.contains("\"5\""), "{changed}");
    federation.wait_agreement(10);
}

#[test]
fn what_is_withdrawn_is_410_with_the_reason_at_every_level_and_its_proof_still_holds() {
    let federation = Federation::chain();
    let town = &federation.nodes[3];
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let digest = town.publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let would = town.run(&["withdraw", &digest, "--reason", "误报", "--dry-run"]).expect_exit(0).json();
    assert!(would["statement"].is_null());
    assert!(town.has(&digest), "a dry run changes nothing");
    town.run(&["withdraw", &digest, "--reason", ""]).expect_exit(2);
    assert_eq!(federation.nodes[1].run(&["withdraw", &digest, "--reason", "越权"]).exit, 6);
    let done = town.run(&["withdraw", &digest[..12], "--reason", "误报，另行公示"]).expect_exit(0).json();
    assert_eq!(done["digest"], digest.as_str());
    for node in &federation.nodes {
        let answer = wait_until(&format!("{} says 410", node.code), 10, || {
            Some(node.get(&format!("/api/v1/packages/{digest}"))).filter(|answer| answer.status == 410)
        });
        assert!(answer.text().contains("误报，另行公示"), "{}", answer.text());
        assert_eq!(node.get(&format!("/p/{digest}")).status, 410, "{}", node.code);
        let listed = node.api("/api/v1/packages?year=2024&state=withdrawn");
        assert_eq!(listed["packages"][0]["digest"], digest.as_str(), "{}", node.code);
        assert_eq!(node.api("/api/v1/packages?year=2024")["packages"].as_array().map(Vec::len), Some(0));
        assert_eq!(node.get(&format!("/api/v1/packages/{digest}/proof")).status, 200, "{}", node.code);
    }
    assert_eq!(
        town.run(&["withdraw", &digest, "--reason", "再次"]).expect_exit(6).json()["code"],
        "nothing_to_change"
    );
    let again = town.run(&["publish", file.to_str().expect("a plain path")]).expect_exit(0).json();
    assert_eq!(again["published"][0]["revision"], 2, "the chain goes on");
    federation.wait_agreement(10);
    for node in &federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
    }
}

/// Every file below a directory that contains these bytes.
fn files_with(dir: &std::path::Path, bytes: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).is_ok_and(|held| held.windows(bytes.len()).any(|part| part == bytes)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_is_withdrawn_with_erasure_is_gone_from_every_record_and_every_proof_still_verifies() {
    let mut federation = Federation::chain();
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let first = federation.nodes[3].publish(&file);
    federation.wait_for(std::slice::from_ref(&first), 10);
    let second = correct(&federation, 4, "仍含个人信息");
    federation.wait_for(std::slice::from_ref(&second), 10);
    let town = &federation.nodes[3];
    let salts: Vec<Vec<u8>> = [&first, &second]
        .map(|digest| {
            let answer = town.get(&format!("/api/v1/packages/{digest}/body"));
            assert_eq!(answer.status, 200);
            answer.body[..32].to_vec()
        })
        .into();
    assert!(!files_with(&town.data.join("record"), &salts[0]).is_empty(), "the salt is in the record");
    // A record that was damaged and set aside holds it too.
    federation.nodes[2].stop();
    let facts = federation.nodes[2].data.join("record/facts/00000000000000000000.seg");
    let mut bytes = std::fs::read(&facts).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&facts, bytes).expect("written");
    federation.nodes[2].serve();
    federation.wait_agreement(60);
    let holders = files_with(&federation.nodes[2].data, &salts[1]);
    assert!(holders.iter().any(|path| path.to_string_lossy().contains("record.damaged-")), "{holders:?}");
    let town = &federation.nodes[3];
    town.run(&["withdraw", &second, "--reason", "误公示个人信息", "--erase", "--wait", "sequenced"])
        .expect_exit(0);
    for node in &federation.nodes {
        for digest in [&first, &second] {
            for end in ["", "/body"] {
                let answer = wait_until(&format!("{} says 410", node.code), 10, || {
                    let answer = node.get(&format!("/api/v1/packages/{digest}{end}"));
                    Some(answer).filter(|answer| answer.status == 410)
                });
                assert!(answer.text().contains("误公示个人信息"), "{}", answer.text());
            }
            assert_eq!(node.get(&format!("/api/v1/packages/{digest}/proof")).status, 200, "{}", node.code);
            node.run(&["verify", digest]).expect_exit(0);
        }
    }
    federation.wait_agreement(10);
    for node in &mut federation.nodes {
        node.stop();
        let verified = node.run(&["verify", "--all"]).expect_exit(0).json();
        assert!(verified["erased"].as_u64() >= Some(2), "{verified}");
        node.serve();
        for salt in &salts {
            assert_eq!(files_with(&node.data, salt), Vec::<std::path::PathBuf>::new(), "{}", node.code);
        }
    }
    federation.enrol(1, "district", "330203", "海曙区");
    let late = federation.nodes.last().expect("the newcomer");
    assert_eq!(late.get(&format!("/api/v1/packages/{first}/body")).status, 410);
    late.run(&["verify", "--all"]).expect_exit(0);
    let again =
        federation.nodes[3].run(&["publish", file.to_str().expect("a plain path")]).expect_exit(0).json();
    assert_eq!(again["published"][0]["revision"], 3, "the chain goes on");
    federation.wait_agreement(20);
}
