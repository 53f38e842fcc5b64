//! The root's machine is lost for good, its backups with it: a mirror takes its place with the anchor's word
//! (src/trust/CEREMONY.md, E).

use crate::federation::{Federation, Node, free_address};
use crate::program::{run, wait_until};
use crate::reports::report;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// The path of a file of a test, which lives as long as the test does.
fn at(dir: &Path, name: &str) -> &'static str {
    Box::leak(dir.join(name).to_str().expect("a plain path").to_owned().into_boxed_str())
}

fn publish(federation: &Federation, at: usize, agency: &str) -> String {
    let code = federation.nodes[at].code.clone();
    let name = format!("{code}-{agency}.json");
    let file = federation.write(&name, &report(agency, &code, 2024, 3).to_string());
    federation.nodes[at].publish(&file)
}

/// The signing keys that the root's division has had, with their states.
fn root_keys(node: &Node) -> Vec<(String, String)> {
    let listed = node.run(&["keys", "list"]).json();
    let keys = listed["keys"].as_array().expect("a list").iter().filter(|key| key["code"] == "330000");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    keys.map(|key| (word(&key["key"]), word(&key["state"]))).collect()
}

/// On the new machine, the offline one, and the new machine again: the root stands in a directory of its own.
fn promotes(federation: &mut Federation, mirror: usize, announce: bool) {
    let dir = federation.dir.path().to_owned();
    let file = |name: &str| at(&dir, name);
    let (request, grant, anchor) = (file("request.json"), file("grant.json"), file("anchor.pem"));
    let backup = file(&format!("mirror-{mirror}"));
    let root = &federation.nodes[0];
    let mut words = vec!["root", "request", backup, "-o", request];
    if announce {
        words.extend(["--announce", &root.listen]);
    }
    root.run(&words).expect_exit(0);
    let words = ["keys", "anchor", "sign", request, "--key", anchor, "-o", grant];
    run(words.iter().copied().chain(["--json", "--data", "/nonexistent/offline"])).expect_exit(0);
    let mut words = vec!["root", "promote", backup, "--grant", grant];
    words.extend(root.address_flags());
    let promoted = root.run(&words).expect_exit(0).json();
    assert_eq!(promoted["schema"], "gongshi.promote/1");
    assert_eq!(root.run(&words).expect_exit(6).json()["code"], "already_initialised");
    federation.nodes[0].serve();
}

#[test]
fn fault_16_a_lost_root_is_replaced_from_a_mirror_and_everybody_follows() {
    let mut federation = Federation::pair();
    federation.enrol(0, "city", "330100", "杭州市");
    federation.enrol(1, "district", "330282", "慈溪市");
    let dir = federation.dir.path().to_owned();
    let file = |name: &str| at(&dir, name);
    std::fs::write(file("P"), "保管人的口令 山高水长 2026\n").expect("a passphrase");
    let words = ["keys", "escrow", "export", "--passphrase-file", file("P"), "-o", file("root.txt")];
    federation.nodes[0].run(&words).expect_exit(0);
    let anchor = federation.nodes[0].data.join("anchor/anchor.pem");
    std::fs::rename(anchor, file("anchor.pem")).expect("the anchor key leaves the root");
    let first = publish(&federation, 3, "慈溪市司法局");
    federation.wait_for(std::slice::from_ref(&first), 20);
    federation.nodes[1].run(&["backup", file("mirror-1")]).expect_exit(0);
    let late = publish(&federation, 2, "杭州市司法局");
    federation.wait_for(&[first.clone(), late.clone()], 20);
    let old = root_keys(&federation.nodes[1]);
    assert_eq!(old.len(), 1);

    // Lost, with a page on which its transport key is: the children find the new machine where the old one was.
    let begun = Instant::now();
    federation.nodes[0].kill();
    std::fs::rename(&federation.nodes[0].data, file("lost")).expect("the machine is gone");
    let keys = federation.nodes[0].data.join("keys");
    std::fs::create_dir_all(&keys).expect("a directory");
    let restore = |only: &str| {
        let words = ["keys", "escrow", "restore", file("root.txt"), "--passphrase-file"];
        let more = [file("P"), "--only", only, "-o", at(&keys, &format!("{only}.pem")), "--json"];
        run(words.iter().copied().chain(more)).expect_exit(0);
    };
    restore("signing");
    let words = ["root", "request", file("mirror-1"), "-o", file("no.json")];
    assert_eq!(federation.nodes[0].run(&words).expect_exit(6).json()["code"], "old_root_key");
    std::fs::remove_file(keys.join("signing.pem")).expect("the old key is put away");
    restore("transport");
    promotes(&mut federation, 1, false);
    federation.wait_for(&[first.clone(), late.clone()], 60);
    let next = publish(&federation, 3, "慈溪市公安局");
    federation.wait_for(std::slice::from_ref(&next), 60);
    federation.wait_agreement(60);
    println!("with the transport key: {} ms from the loss to agreement", begun.elapsed().as_millis());
    for node in &federation.nodes {
        let keys = root_keys(node);
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys.contains(&(old[0].0.clone(), "replaced".to_owned())), "{keys:?}");
        node.run(&["verify", "--all"]).expect_exit(0);
    }
    federation.enrol(0, "city", "330300", "温州市");

    // Lost again, without any page and at another address: the new root finds its children.
    let begun = Instant::now();
    federation.nodes[3].run(&["backup", file("mirror-3")]).expect_exit(0);
    federation.nodes[0].kill();
    std::fs::rename(&federation.nodes[0].data, file("lost again")).expect("the machine is gone");
    federation.nodes[0].listen = free_address();
    promotes(&mut federation, 3, true);
    federation.wait_agreement(90);
    let last = publish(&federation, 4, "温州市司法局");
    federation.wait_for(&[first, late, next, last], 60);
    federation.wait_agreement(60);
    println!("with new keys only: {} ms from the loss to agreement", begun.elapsed().as_millis());
    for node in &federation.nodes {
        let keys = root_keys(node);
        assert_eq!(keys.iter().filter(|(_, state)| state == "replaced").count(), 2, "{keys:?}");
        node.run(&["verify", "--all"]).expect_exit(0);
    }
    wait_until("every child is connected", 30, || {
        let children = federation.nodes[0].status()["children"].clone();
        let up = children.as_array()?.iter().filter(|child| child["state"] != "down").count();
        (up == 3).then_some(())
    });
}
