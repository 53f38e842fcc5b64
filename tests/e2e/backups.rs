//! `gongshi backup` and `restore`: a copy of what was acknowledged, and a node from it.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn publish(federation: &Federation, at: usize, agency: &str, year: u16) -> String {
    let node = &federation.nodes[at];
    let text = report(agency, &node.code, year, 3).to_string();
    let file = federation.write(&format!("{}-{year}.json", node.code), &text);
    node.publish(&file)
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_backup_of_a_running_node_restores_to_a_node_that_catches_up_and_agrees() {
    let mut federation = Federation::pair();
    let first = publish(&federation, 1, "宁波市司法局", 2023);
    federation.wait_for(std::slice::from_ref(&first), 10);
    let backup = federation.dir.path().join("backup");
    let city = &federation.nodes[1];
    let document = city.run(&["backup", plain(&backup)]).expect_exit(0).json();
    assert_eq!(
        (&document["schema"], &document["code"]),
        (&Value::from("gongshi.backup/1"), &Value::from("330200"))
    );
    assert_eq!(document["bytes"], document["copied"]);
    // Again with a little more: what did not grow is linked.
    let second = publish(&federation, 1, "宁波市司法局", 2024);
    federation.wait_for(std::slice::from_ref(&second), 10);
    federation.nodes[1].stop();
    let city = &federation.nodes[1];
    city.run(&["backup", plain(&backup)]).expect_exit(0);
    let again = city.run(&["backup", plain(&backup)]).expect_exit(0).json();
    let configuration = std::fs::metadata(city.data.join("gongshi.toml")).expect("a file").len();
    assert_eq!(again["copied"], configuration, "{again}");
    // A third report that the backup does not know.
    federation.nodes[1].serve();
    let third = publish(&federation, 1, "宁波市公安局", 2024);
    federation.wait_for(std::slice::from_ref(&third), 10);
    federation.nodes[1].kill();
    let old = federation.nodes[1].data.clone();
    let kept = federation.dir.path().join("kept");
    std::fs::rename(&old, &kept).expect("moved away");
    let city = &federation.nodes[1];
    let restored =
        city.run(&["restore", plain(&backup), "--keys", plain(&kept.join("keys"))]).expect_exit(0).json();
    assert_eq!(
        (&restored["schema"], &restored["has_keys"]),
        (&Value::from("gongshi.restore/1"), &Value::from(true))
    );
    // The guard was kept on another disk.
    std::fs::copy(kept.join("guard"), old.join("guard")).expect("a guard");
    federation.nodes[1].serve();
    federation.wait_for(&[first, second, third], 30);
    federation.wait_agreement(30);
    federation.nodes[1].run(&["verify", "--all"]).expect_exit(0);
    let next = publish(&federation, 1, "宁波市公安局", 2023);
    federation.wait_for(&[next], 10);
}

#[test]
fn a_node_from_an_old_backup_shows_no_body_before_it_knows_what_was_erased_since() {
    let mut federation = Federation::pair();
    let [erased, kept] = ["宁波市司法局", "宁波市公安局"].map(|agency| publish(&federation, 1, agency, 2024));
    federation.wait_for(&[erased.clone(), kept.clone()], 10);
    let backup = federation.dir.path().join("backup");
    let city = &federation.nodes[1];
    city.run(&["backup", plain(&backup)]).expect_exit(0);
    city.run(&["withdraw", &erased, "--reason", "误公示个人信息", "--erase", "--wait", "sequenced"])
        .expect_exit(0);
    // The machine comes back from the backup, and there is nobody to ask.
    federation.nodes[0].stop();
    federation.nodes[1].kill();
    let old = federation.dir.path().join("old");
    std::fs::rename(&federation.nodes[1].data, &old).expect("moved away");
    let city = &mut federation.nodes[1];
    city.run(&["restore", plain(&backup), "--keys", plain(&old.join("keys"))]).expect_exit(0);
    city.serve();
    let listed = city.api("/api/v1/packages?year=2024");
    assert_eq!(listed["packages"].as_array().map(Vec::len), Some(2), "{listed}");
    for (digest, agency) in [(&erased, "宁波市司法局"), (&kept, "宁波市公安局")] {
        for path in [
            format!("/api/v1/packages/{digest}"),
            format!("/api/v1/packages/{digest}/body"),
            format!("/p/{digest}"),
            format!("/a/330200:{agency}/2024"),
        ] {
            assert_eq!(city.get(&path).status, 503, "{path}");
        }
        assert_eq!(city.get(&format!("/api/v1/packages/{digest}/proof")).status, 200);
    }
    federation.nodes[0].serve();
    let city = &federation.nodes[1];
    let status = |digest: &str| city.get(&format!("/api/v1/packages/{digest}/body")).status;
    wait_until("the parent was asked", 30, || (status(&kept) == 200).then_some(()));
    assert_eq!(status(&erased), 410);
    federation.wait_agreement(30);
}

#[test]
fn restore_refuses_what_is_damaged_and_where_something_is() {
    let federation = Federation::pair();
    let digest = publish(&federation, 1, "宁波市司法局", 2023);
    federation.wait_for(&[digest], 10);
    let backup = federation.dir.path().join("backup");
    let city = &federation.nodes[1];
    city.run(&["backup", plain(&backup)]).expect_exit(0);
    // Not over another node's backup, and not among other things.
    let refused = federation.nodes[0].run(&["backup", plain(&backup)]).expect_exit(6).json();
    assert_eq!(refused["code"], "backup_of_other_node");
    let refused = city.run(&["backup", plain(&city.data)]).expect_exit(6).json();
    assert_eq!(refused["code"], "not_empty");
    let refused = city.run(&["restore", plain(&backup)]).expect_exit(6).json();
    assert_eq!(refused["code"], "not_empty");
    let new = Node::new(&federation.dir.path().join("new"), "330200");
    new.run(&["restore", plain(&federation.dir.path().join("absent"))]).expect_exit(2);
    let whole = new.run(&["restore", plain(&backup), "--dry-run"]).expect_exit(0).json();
    assert_eq!(whole["dry_run"], true);
    assert!(!new.data.exists(), "a dry run leaves nothing");
    for file in files(&backup) {
        let sound = std::fs::read(&file).expect("a file");
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, &bytes).expect("a file");
            let refused = new.run(&["restore", plain(&backup)]).expect_exit(4).json();
            assert_eq!(refused["code"], "backup_damaged", "{} at {at}", file.display());
        }
        for bytes in [&sound[..sound.len() - 1], &[sound.as_slice(), b"x"].concat()] {
            std::fs::write(&file, bytes).expect("a file");
            assert_eq!(new.run(&["restore", plain(&backup)]).exit, 4, "{}", file.display());
        }
        std::fs::write(&file, &sound).expect("a file");
    }
    assert!(!new.data.join("record").exists());
    let other = federation.nodes[0].data.join("keys");
    let refused = new.run(&["restore", plain(&backup), "--keys", plain(&other)]).expect_exit(6).json();
    assert_eq!(refused["code"], "other_nodes_key");
    let restored = new.run(&["restore", plain(&backup)]).expect_exit(0).json();
    assert_eq!(restored["has_keys"], false);
}

#[test]
fn attack_59_a_stolen_backup_holds_no_key_and_no_guard_and_starts_nothing() {
    let federation = Federation::pair();
    let backup = federation.dir.path().join("backup");
    for (at, node) in federation.nodes.iter().enumerate() {
        let backup = backup.join(at.to_string());
        std::fs::create_dir_all(&backup).expect("a directory");
        node.run(&["backup", plain(&backup)]).expect_exit(0);
        let held = files(&backup);
        let secrets = files(&node.data.join("keys")).into_iter().chain(files(&node.data.join("anchor")));
        for secret in secrets {
            let pem = std::fs::read_to_string(&secret).expect("a key");
            let line = pem.lines().nth(1).expect("a line of base64");
            // PKCS#8 of RFC 8410: 16 bytes, then the seed, then perhaps the public key.
            let der = data_encoding::BASE64
                .decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>().as_bytes());
            let seed = der.expect("base64")[16..48].to_vec();
            for file in &held {
                let bytes = std::fs::read(file).expect("a file");
                let has = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
                assert!(
                    !has(&seed) && !has(line.as_bytes()),
                    "{} is in {}",
                    secret.display(),
                    file.display()
                );
            }
        }
        let names: Vec<String> = held.iter().map(|file| file.display().to_string()).collect();
        assert!(names.iter().all(|name| !name.ends_with("guard") && !name.ends_with(".pem")), "{names:?}");
    }
    let thief = Node::new(&federation.dir.path().join("thief"), "330200");
    thief.run(&["restore", plain(&backup.join("1"))]).expect_exit(0);
    let ended = thief.run(&["status"]);
    assert_eq!(ended.exit, 10, "without keys there is no node: {ended:#?}");
}
