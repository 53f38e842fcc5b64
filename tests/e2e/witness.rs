//! Witnesses with real processes: portals compared by URL, a quorum, and a root that runs twice.

use crate::federation::{Federation, Node, free_address};
use crate::program::wait_until;
use crate::reports::report;
use std::path::Path;

fn url(node: &Node) -> String {
    format!("http://{}", node.portal)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type") {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            // A stale socket is no part of a copy.
            kind if kind.is_file() => std::fs::copy(entry.path(), target).map(|_| ()).expect("a copy"),
            _ => {}
        }
    }
}

/// A province and two cities.
fn two_cities() -> Federation {
    let mut federation = Federation::province();
    federation.enrol(0, "city", "330200", "宁波市");
    federation.enrol(0, "city", "330100", "杭州市");
    federation.wait_agreement(20);
    federation
}

fn publish(federation: &Federation, at: usize, agency: &str, figures: u32) -> String {
    let code = federation.nodes[at].code.clone();
    let file = federation.write(&format!("{code}.json"), &report(agency, &code, 2024, figures).to_string());
    federation.nodes[at].publish(&file)
}

#[test]
fn a_portal_is_compared_by_its_address_whichever_of_the_two_is_ahead() {
    let mut federation = two_cities();
    let digest = publish(&federation, 1, "宁波市城管局", 3);
    federation.wait_for(&[digest], 20);
    federation.nodes[2].stop();
    let digest = publish(&federation, 1, "宁波市交通局", 4);
    wait_until("the city shows it", 10, || federation.nodes[1].has(&digest).then_some(()));
    // The stopped city reads its own store; the other tree is the larger one.
    let behind = federation.nodes[2].run(&["verify", &url(&federation.nodes[1])]).expect_exit(0).json();
    assert!(behind["sizes"]["theirs"].as_u64() > behind["sizes"]["ours"].as_u64(), "{behind}");
    let same = federation.nodes[1].run(&["verify", &url(&federation.nodes[0])]).expect_exit(0).json();
    assert_eq!(same["ok"], true);
    let nobody = format!("http://{}", free_address());
    assert_eq!(
        federation.nodes[1].run(&["verify", &nobody]).expect_exit(7).json()["code"],
        "portal_unreachable"
    );
    assert_eq!(federation.nodes[1].run(&["verify", "https://a"]).expect_exit(2).json()["code"], "https_url");
    let other = Federation::province();
    let ended = federation.nodes[1].run(&["verify", &url(&other.nodes[0])]).expect_exit(4).json();
    assert!(ended["problems"].to_string().contains("another federation"), "{ended}");
}

#[test]
fn a_quorum_is_set_by_the_root_and_confirms_what_the_cities_cosigned() {
    let federation = two_cities();
    assert_eq!(
        federation.nodes[1].run(&["policy", "set", "--quorum", "2"]).expect_exit(6).json()["code"],
        "not_root"
    );
    let policy = federation.nodes[0].run(&["policy", "set", "--quorum", "2"]).expect_exit(0).json();
    assert_eq!((policy["quorum"].as_u64(), policy["release"].as_str()), (Some(2), Some("open")));
    publish(&federation, 1, "宁波市城管局", 3);
    for node in &federation.nodes {
        wait_until(&format!("{} sees it confirmed", node.code), 20, || {
            let status = node.status();
            (status["confirmed"]["size"] == status["root_log"]["size"] && status["confirmed"]["quorum"] == 2)
                .then_some(())
        });
    }
    // The cosignatures stand under the checkpoint that any tool reads.
    let note = federation.nodes[2].get("/checkpoint").text();
    assert!(note.lines().filter(|line| line.starts_with("— gongshi/node/")).count() >= 3, "{note}");
}

#[test]
fn a_root_that_runs_twice_is_convicted_by_a_file_that_verifies_elsewhere() {
    let mut federation = two_cities();
    let digest = publish(&federation, 1, "宁波市城管局", 3);
    federation.wait_for(&[digest], 20);
    federation.nodes[2].stop();
    federation.nodes[0].stop();
    // The province's directory, copied with its guard and its keys, on other ports.
    let mut twin = Node::new(&federation.dir.path().join("twin"), "330000");
    copy(&federation.nodes[0].data, &twin.data);
    let settings = std::fs::read_to_string(twin.data.join("gongshi.toml")).expect("settings");
    let honest = &federation.nodes[0];
    let settings = settings
        .replace(&honest.listen, &twin.listen)
        .replace(&honest.portal, &twin.portal)
        .replace(&honest.console, &twin.console);
    std::fs::write(twin.data.join("gongshi.toml"), settings).expect("settings");
    let deceived = federation.nodes[2].data.join("gongshi.toml");
    let settings = std::fs::read_to_string(&deceived).expect("settings");
    std::fs::write(&deceived, settings.replace(&honest.listen, &twin.listen)).expect("settings");
    // A copied directory signs nothing by itself: whoever runs the root twice says so.
    twin.run(&["store", "accept"]).expect_exit(0);
    federation.nodes[0].serve();
    twin.serve();
    federation.nodes[2].serve();
    let here = publish(&federation, 1, "宁波市交通局", 4);
    let there = publish(&federation, 2, "杭州市交通局", 5);
    wait_until("each city shows its own history", 30, || {
        (federation.nodes[1].has(&here) && federation.nodes[2].has(&there)).then_some(())
    });
    assert!(!federation.nodes[1].has(&there));
    let ended = federation.nodes[1].run(&["verify", &url(&federation.nodes[2])]).expect_exit(4).json();
    let file = federation.write("evidence.txt", ended["evidence"].as_str().expect("evidence"));
    // The nodes find out by themselves too, from the side.
    federation.nodes[1].run(&["compare"]).expect_exit(0);
    let dir = federation.dir.path().join("kept");
    wait_until("the city keeps evidence", 30, || {
        let ended = federation.nodes[1].run(&["evidence", "-o", dir.to_str().expect("a plain path")]);
        (ended.exit == 3).then_some(())
    });
    let status = federation.nodes[1].status();
    assert_eq!(status["alarms"][0]["code"], "split_view", "{status}");
    let kept = dir.join("split-view-1.txt");
    for (node, file) in [(1, &kept), (2, &kept), (2, &file)] {
        let words = ["verify", file.to_str().expect("a plain path")];
        let verified = federation.nodes[node].run(&words).expect_exit(0).json();
        assert_eq!(verified["proves"], "split_view");
    }
    let text = std::fs::read_to_string(&kept).expect("evidence");
    let harmless = federation.write("harmless.txt", &text.replacen("root ", "root A", 1));
    federation.nodes[2].run(&["verify", harmless.to_str().expect("a plain path")]).expect_exit(4);
    // What each held before stays.
    assert!(federation.nodes[1].has(&here) && federation.nodes[2].has(&there));
}
