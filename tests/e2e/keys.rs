//! What a federation does to its nodes over the years: stops a key, puts a new machine in a node's place, lets a node
//! publish for others, moves a node, ends a division.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;

const REASON: &str = "密钥文件随旧电脑遗失";

fn key_state(node: &Node, code: &str) -> Vec<String> {
    let document = node.run(&["keys", "list"]).json();
    assert_eq!(document["schema"], "gongshi.keys/1");
    let of_code = |line: &&Value| line["code"] == code;
    let keys = document["keys"].as_array().expect("a list").iter().filter(of_code);
    keys.map(|line| line["state"].as_str().expect("a state").to_owned()).collect()
}

#[test]
fn a_revoked_node_publishes_nothing_more_and_a_new_machine_goes_on_with_its_years() {
    let mut federation = Federation::chain();
    let (district, town) = (2, 3);
    let first = federation.write("a.json", &report("甲局", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[town].publish(&first);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let words = ["keys", "revoke", "330282108", "--reason", REASON, "--cause", "lost"];
    // Neither the node itself nor one beside it may; and a rehearsal says nothing.
    federation.nodes[town].run(&words).expect_exit(6);
    federation.nodes[district].run(&[&words[..], &["--dry-run"]].concat()).expect_exit(0);
    assert_eq!(key_state(&federation.nodes[0], "330282108"), ["live"]);
    let said = federation.nodes[district].run(&words).expect_exit(0).json();
    let act = said["digest"].as_str().expect("a digest").to_owned();
    wait_until("the revocation at the province", 10, || {
        (key_state(&federation.nodes[0], "330282108") == ["revoked"]).then_some(())
    });
    // What was public stays public, and is vouched for.
    let package = federation.nodes[0].api(&format!("/api/v1/packages/{digest}"));
    assert_eq!(package["state"], "released");
    // Everyone can verify the act and read its reason.
    let shown = federation.nodes[0].get(&format!("/api/v1/packages/{act}/statement"));
    assert_eq!(shown.status, 200);
    // The town's next report is durable there and public nowhere.
    let lost = federation.write("b.json", &report("乙局", "330282108", 2024, 1).to_string());
    let lost = federation.nodes[town].publish(&lost);
    federation.nodes[town].stop();
    // A new machine takes its place, and the years go on.
    let token = federation.nodes[district].run(&["invite", "--replace", "330282108", "--auto"]).json();
    let token = token["token"].as_str().expect("a token").to_owned();
    let mut new = Node::new(&federation.dir.path().join("new-town"), "330282108");
    new.join(&token).expect_exit(0);
    new.serve();
    let again = new.publish(&first);
    assert_eq!(again, digest, "the same content stands already");
    let next = federation.write("c.json", &report("甲局", "330282108", 2023, 2).to_string());
    let next = new.publish(&next);
    federation.nodes[town] = new;
    federation.wait_for(std::slice::from_ref(&next), 20);
    federation.wait_agreement(20);
    assert!(federation.nodes.iter().all(|node| !node.has(&lost)));
    let mut states = key_state(&federation.nodes[0], "330282108");
    states.sort();
    assert_eq!(states, ["live", "revoked"]);
    assert_eq!(
        federation.nodes[0].run(&["verify", "--all"]).expect_exit(0).json()["schema"],
        "gongshi.verify/1"
    );
}

#[test]
fn a_node_publishes_for_another_division_once_a_node_above_says_so() {
    let federation = Federation::chain();
    let (district, town) = (&federation.nodes[2], &federation.nodes[3]);
    let foreign = federation.write("a.json", &report("甲局", "330282", 2024, 1).to_string());
    let path = foreign.to_str().expect("a path");
    town.run(&["publish", path]).expect_exit(6);
    town.run(&["host", "add", "330282", "--node", "330282108"]).expect_exit(6);
    district.run(&["host", "add", "440100", "--node", "330282108"]).expect_exit(6);
    district.run(&["host", "add", "330282", "--node", "330282108"]).expect_exit(0);
    let digest = wait_until("the hosting at the town", 10, || {
        let done = town.run(&["publish", path]).json();
        done["published"][0]["digest"].as_str().map(str::to_owned)
    });
    federation.wait_for(&[digest], 10);
}

#[test]
fn a_node_moves_with_all_below_it_and_nothing_is_lost_or_comes_twice() {
    let mut federation = Federation::chain();
    let other = federation.enrol(0, "city", "330300", "温州市司法局");
    let file = federation.write("a.json", &report("甲局", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[3].publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let moves = ["reparent", "330282", "--under", "330300"];
    federation.nodes[1].run(&moves).expect_exit(6);
    federation.nodes[0].run(&moves).expect_exit(0);
    let upstream = |federation: &Federation| federation.nodes[2].status()["upstream"].clone();
    wait_until("the district under its new parent", 40, || {
        let up = upstream(&federation);
        (up["code"] == "330300" && up["state"] == "up").then_some(())
    });
    let next = federation.write("b.json", &report("乙局", "330282108", 2024, 1).to_string());
    let next = federation.nodes[3].publish(&next);
    federation.wait_for(&[digest, next], 20);
    let children = federation.nodes[other].status()["children"].clone();
    assert_eq!(children[0]["code"], "330282", "{children}");
    federation.wait_agreement(20);
}

#[test]
fn a_closed_division_keeps_what_it_published_and_its_code_is_free_again() {
    let mut federation = Federation::chain();
    let file = federation.write("a.json", &report("甲局", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[3].publish(&file);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let close = ["close", "330282108", "--reason", "并入慈溪市区", "--into", "330282109"];
    federation.nodes[1].run(&["close", "330282", "--reason", "下级仍在"]).expect_exit(6);
    federation.nodes[2].run(&close).expect_exit(0);
    wait_until("the end of the division", 10, || {
        (key_state(&federation.nodes[0], "330282108") == ["closed"]).then_some(())
    });
    federation.nodes[3].stop();
    federation.nodes.truncate(3);
    assert!(federation.nodes.iter().all(|node| node.has(&digest)));
    let token = federation.nodes[2].invite("town", "330282108", "附海镇人民政府", &["--auto"]);
    let mut again = Node::new(&federation.dir.path().join("again"), "330282108");
    again.join(&token).expect_exit(0);
    again.serve();
    let file = federation.write("b.json", &report("甲局", "330282108", 2023, 1).to_string());
    let next = again.publish(&file);
    federation.nodes.push(again);
    federation.wait_for(&[digest, next], 20);
}

#[test]
fn old_addresses_of_a_merged_division_and_of_an_agency_that_got_a_code_lead_to_what_goes_on() {
    let mut federation = Federation::pair();
    federation.enrol(1, "district", "330203", "海曙区");
    federation.enrol(1, "district", "330212", "鄞州区");
    const CODE: &str = "11330200MB12345611";
    let publish = |federation: &Federation, at: usize, name: &str, year: u16, code: Option<&str>| {
        let node = &federation.nodes[at];
        let mut document = report(name, &node.code, year, 1);
        code.into_iter().for_each(|code| document["agency_code"] = code.into());
        let file = federation.write(&format!("{at}-{year}.json"), &document.to_string());
        node.publish(&file)
    };
    let old = publish(&federation, 2, "海曙区司法局", 2023, None);
    federation.wait_for(std::slice::from_ref(&old), 10);
    federation.nodes[1]
        .run(&["close", "330203", "--into", "330212", "--reason", "并入鄞州区"])
        .expect_exit(0);
    wait_until("the end of the division", 10, || {
        (key_state(&federation.nodes[0], "330203") == ["closed"]).then_some(())
    });
    federation.nodes[2].stop();
    federation.nodes.remove(2);
    let city = federation.nodes[1].run(&["tree"]).expect_exit(0);
    assert!(!city.said().contains("330203 海曙区  up"));
    let next = publish(&federation, 2, "海曙区司法局", 2024, None);
    // First known by its name alone; from here on by name and code.
    let named = publish(&federation, 1, "宁波市城管局", 2023, None);
    federation.wait_for(&[next, named], 10);
    let coded = publish(&federation, 1, "宁波市城管局", 2024, Some(CODE));
    federation.wait_for(std::slice::from_ref(&coded), 10);
    for node in &federation.nodes {
        let lead = |from: &str| {
            let answer = node.get(from);
            assert_eq!(answer.status, 308, "{} {from}: {}", node.code, answer.text());
            answer.header("location").to_owned()
        };
        // What was published under the old address stays there; what came later is found where it is.
        assert_eq!(node.get("/a/330203:海曙区司法局/2023").status, 200);
        assert_eq!(node.get("/330203/2023").status, 200);
        for (from, to) in [
            ("/a/330203:海曙区司法局/2024".to_owned(), "海曙区司法局"),
            ("/330203/2024".to_owned(), "330212"),
            ("/en/330203/2024/own".to_owned(), "330212"),
            ("/330203/2024.json".to_owned(), "330212"),
            (format!("/a/{CODE}/2023"), "宁波市城管局"),
            (format!("/a/{CODE}/2024"), "宁波市城管局"),
        ] {
            let at = lead(&from);
            let answer = node.get(&at);
            assert_eq!(answer.status, 200, "{from} leads to {at}");
            assert!(answer.text().contains(to), "{from} leads to {at}");
        }
        assert_eq!(node.get("/a/330203:无此机关/2024").status, 404);
    }
}

#[test]
fn a_rotated_key_is_followed_by_all_and_the_node_goes_on_under_it() {
    let mut federation = Federation::chain();
    let before = federation.write("before.json", &report("甲局", "330200", 2024, 1).to_string());
    let before = federation.nodes[1].publish(&before);
    federation.wait_for(std::slice::from_ref(&before), 10);
    federation.nodes[0].run(&["keys", "rotate"]).expect_exit(6);
    let vkey = |node: &Node| node.api("/.well-known/gongshi.json")["cosigner"]["vkey"].clone();
    let old = vkey(&federation.nodes[1]);
    let said = federation.nodes[1].run(&["keys", "rotate"]).expect_exit(0).json();
    assert_ne!(said["old"], said["new"]);
    wait_until("the rotation at the town", 10, || {
        let mut states = key_state(&federation.nodes[3], "330200");
        states.sort();
        (states == ["live", "replaced"]).then_some(())
    });
    assert_ne!(vkey(&federation.nodes[1]), old, "it cosigns under its new name");
    // The node, and those below it, go on; a kill loses nothing of it.
    let own = federation.write("own.json", &report("乙局", "330200", 2024, 1).to_string());
    let town = federation.write("town.json", &report("丙局", "330282108", 2024, 1).to_string());
    let digests = [federation.nodes[1].publish(&own), federation.nodes[3].publish(&town)];
    federation.wait_for(&digests, 20);
    federation.nodes[1].kill();
    federation.nodes[1].serve();
    federation.wait_agreement(30);
    // What stood under the old key is corrected and found under the new one.
    let again = federation.write("again.json", &report("甲局", "330200", 2024, 1).to_string());
    assert_eq!(federation.nodes[1].publish(&again), before);
    // The town rotates without a daemon, and a new node joins below a rotated one.
    federation.nodes[3].stop();
    federation.nodes[3].run(&["keys", "rotate"]).expect_exit(0);
    federation.nodes[3].serve();
    let last = federation.write("last.json", &report("丁局", "330282108", 2023, 1).to_string());
    let last = federation.nodes[3].publish(&last);
    federation.enrol(1, "district", "330281", "余姚市司法局");
    federation.wait_for(&[last], 20);
    federation.wait_agreement(30);
    for node in &federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
    }
}
