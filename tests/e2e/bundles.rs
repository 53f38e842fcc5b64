//! `gongshi bundle`: files instead of wires, with the daemon and without, whole or damaged.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;
use std::path::PathBuf;

const AGENCY: &str = "附海镇人民政府";

/// `bundle export`; the document.
fn export(node: &Node, to: &str, file: &str, more: &[&str]) -> Value {
    let mut words = vec!["bundle", "export", "--for", to, "-o", file];
    words.extend(more);
    let document = node.run(&words).expect_exit(0).json();
    assert_eq!(document["schema"], "gongshi.bundle.export/1");
    document
}

/// `bundle import` of one file; what became of it.
fn import(node: &Node, file: &str) -> Value {
    let document = node.run(&["bundle", "import", file]).expect_exit(0).json();
    assert_eq!(document["schema"], "gongshi.bundle.import/1");
    document["files"][0].clone()
}

/// A chain whose town has no wire: its daemon is stopped.
fn air_gapped() -> Federation {
    let mut federation = Federation::chain();
    federation.nodes[3].stop();
    federation
}

fn path(federation: &Federation, name: &str) -> String {
    federation.dir.path().join(name).to_str().expect("a plain path").to_owned()
}

#[test]
fn a_town_without_a_wire_publishes_by_bundle_and_sees_its_receipt_and_its_place() {
    let mut federation = air_gapped();
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let digest = federation.nodes[3].publish(&file);
    assert_eq!(federation.nodes[3].status()["unacknowledged"], 1);
    let (up, down) = (path(&federation, "up.bundle"), path(&federation, "down.bundle"));
    let [province, _, district, town] = federation.nodes.as_slice() else { panic!("four nodes") };
    let written = export(town, "330282", &up, &[]);
    assert_eq!((&written["direction"], &written["entries"]), (&Value::from("up"), &Value::from(1)));
    // The district's daemon runs, the town's does not.
    let taken = import(district, &up);
    assert_eq!((&taken["state"], &taken["entries"]), (&Value::from("taken"), &Value::from(1)));
    assert_eq!(import(district, &up)["state"], "again");
    wait_until("the report is at the province", 10, || province.has(&digest).then_some(()));
    wait_until("and back at the district", 10, || district.has(&digest).then_some(()));
    let written = export(district, "330282108", &down, &[]);
    assert_eq!((&written["direction"], &written["receipts"]), (&Value::from("down"), &Value::from(1)));
    let taken = import(town, &down);
    assert_eq!((&taken["state"], &taken["receipted"]), (&Value::from("taken"), &Value::from(1)));
    assert_eq!(import(town, &down)["state"], "again");
    assert_eq!(town.status()["unacknowledged"], 0);
    let shown = town.run(&["show", &digest]).expect_exit(0).json();
    assert_eq!(
        (&shown["state"], &shown["exchange"]["receipt"]["by"]["code"]),
        (&Value::from("released"), &Value::from("330282"))
    );
    town.run(&["verify", "--all"]).expect_exit(0);
    // Later bundles carry what is new since: the parent learned from the first one what the town held.
    assert_eq!(export(town, "330282", &up, &[])["entries"], 0);
    assert_eq!(import(district, &up)["state"], "again");
    assert_eq!(export(district, "330282108", &down, &[])["leaves"], 0);
    // For another node, from nobody known, and what is not there.
    let refused = federation.nodes[1].run(&["bundle", "import", &down]).expect_exit(6).json();
    assert_eq!(refused["code"], "bundle_other_node");
    let refused = federation.nodes[2].run(&["bundle", "export", "--for", "440000", "-o", &up]).expect_exit(6);
    assert_eq!(refused.json()["code"], "unknown_node");
    federation.nodes[2].run(&["bundle", "import", &path(&federation, "absent")]).expect_exit(2);
    federation.nodes[3].serve();
    federation.wait_agreement(20);
}

#[test]
fn a_bundle_damaged_anywhere_ends_with_4_and_nothing_of_it_is_taken() {
    let federation = air_gapped();
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let digest = federation.nodes[3].publish(&file);
    let up = path(&federation, "up.bundle");
    export(&federation.nodes[3], "330282", &up, &[]);
    let whole = std::fs::read(&up).expect("the bundle");
    let district = &federation.nodes[2];
    let received = district.api("/api/v1/node")["received"].clone();
    // Every part of the file: magic, header, lengths, frames, end, digest, seal, and what is cut or added.
    let step = whole.len() / 40;
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .step_by(step)
        .chain([whole.len() - 1, whole.len() - 70, whole.len() - 100])
        .map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            bytes
        })
        .collect();
    damaged.push(whole[..whole.len() - 1].to_vec());
    damaged.push(whole[..whole.len() / 2].to_vec());
    damaged.push(Vec::new());
    damaged.push([whole.as_slice(), b"x"].concat());
    for (number, bytes) in damaged.iter().enumerate() {
        let bad = path(&federation, "bad.bundle");
        std::fs::write(&bad, bytes).expect("a file");
        // In company of a whole one too: all are checked before anything is taken.
        let ended = district.run(&["bundle", "import", &up, &bad]).expect_exit(4);
        assert_eq!(ended.json()["code"], "bundle_damaged", "damage {number}");
    }
    assert_eq!(district.api("/api/v1/node")["received"], received);
    assert_eq!(import(district, &up)["state"], "taken");
    wait_until("the report is public", 10, || district.has(&digest).then_some(()));
}

#[test]
fn attachments_go_up_with_their_entries_in_parts_that_come_in_any_order() {
    let federation = air_gapped();
    let [province, _, district, town] = federation.nodes.as_slice() else { panic!("four nodes") };
    // What does not compress, so that it is spread over several parts.
    let mut state = 0x9e37_79b9_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    });
    let noise: Vec<u8> = noise.take(500_000).collect();
    let attached = federation.dir.path().join("台账.bin");
    std::fs::write(&attached, &noise).expect("a file");
    let file = federation.write("town.json", &report(AGENCY, "330282108", 2024, 3).to_string());
    let digest = town.publish_with(&file, &["--attach", attached.to_str().expect("a plain path")]);
    let written = export(town, "330282", &path(&federation, "up"), &["--split", "128K"]);
    assert_eq!((&written["entries"], &written["attachments"]), (&Value::from(1), &Value::from(1)));
    let parts: Vec<&str> =
        written["files"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(parts.len() > 3, "{written}");
    for (number, part) in parts.iter().enumerate().rev() {
        let ended = district.run(&["bundle", "import", part]);
        assert_eq!(ended.exit, if number == 0 { 0 } else { 3 }, "{ended:#?}");
    }
    let again = district.run(&["bundle", "import", parts[parts.len() - 1]]).expect_exit(0).json();
    assert_eq!(again["files"][0]["state"], "again", "{again}");
    for node in [district, province] {
        let out = path(&federation, &format!("{}.bin", node.code));
        // Who was told that it is not there yet asks again after a while.
        wait_until(&format!("the attachment is at {}", node.code), 60, || {
            (node.run(&["attachment", &digest, "1", "-o", &out]).exit == 0).then_some(())
        });
        assert!(std::fs::read(&out).expect("the attachment") == noise, "{}", node.code);
    }
}

#[test]
fn parts_are_complete_in_themselves_and_come_in_any_order() {
    let federation = air_gapped();
    for year in 2005..2024 {
        // Prose that does not compress, so that parts of 64 KiB are many.
        let mut report = report(AGENCY, "330282108", year, 3);
        let words: Vec<String> =
            (0..2_000).map(|at: u64| (at * at * 2_654_435_761 + u64::from(year)).to_string()).collect();
        report["narrative"] = Value::from(words.join(" "));
        let file = federation.write(&format!("{year}.json"), &report.to_string());
        federation.nodes[3].publish(&file);
    }
    let town = &federation.nodes[3];
    let written = export(town, "330282", &path(&federation, "parts"), &["--split", "64K"]);
    let parts: Vec<PathBuf> = written["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| file.as_str().expect("a path").into())
        .collect();
    assert!(parts.len() > 2, "{written}");
    let district = &federation.nodes[2];
    for (number, part) in parts.iter().enumerate().rev() {
        let ended = district.run(&["bundle", "import", part.to_str().expect("a plain path")]);
        let state = ended.json()["files"][0]["state"].clone();
        match number {
            0 => assert_eq!((ended.exit, state), (0, Value::from("taken"))),
            _ => assert_eq!((ended.exit, state), (3, Value::from("waits"))),
        }
    }
    wait_until("all of them are public", 20, || {
        let document = district.api("/api/v1/packages?division=330282108");
        (document["packages"].as_array().map(Vec::len) == Some(19)).then_some(())
    });
    let down = path(&federation, "down");
    export(district, "330282108", &down, &["--split", "128K"]);
    let files = |name: &str| -> Vec<String> {
        let entries = std::fs::read_dir(federation.dir.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").path().to_str().expect("plain").to_owned());
        names.filter(|path| path.contains(name)).collect()
    };
    let parts = files("/down.");
    assert!(parts.len() > 1, "{parts:?}");
    let mut words = vec!["bundle", "import"];
    let mut backwards: Vec<&str> = parts.iter().map(String::as_str).collect();
    backwards.sort_unstable_by(|a, b| b.cmp(a));
    words.extend(backwards);
    let document = town.run(&words).expect_exit(0).json();
    let states: Vec<&Value> =
        document["files"].as_array().expect("a list").iter().map(|file| &file["state"]).collect();
    assert!(states.iter().all(|state| *state == "taken"), "{document}");
    assert_eq!(town.status()["unacknowledged"], 0);
    assert_eq!(town.status()["root_log"], district.status()["root_log"]);
    town.run(&["verify", "--all"]).expect_exit(0);
}
