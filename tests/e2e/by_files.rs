//! Where there is no wire at all: a node joins by files, and drop folders carry what follows.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use serde_json::Value;
use std::path::Path;

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A town that joined its city by files; the city's daemon runs.
fn joined_by_files(federation: &Federation) -> Node {
    let at = |name: &str| federation.dir.path().join(name);
    let (token, request, answer) = (at("token"), at("request"), at("answer"));
    let city = &federation.nodes[1];
    let invite =
        ["invite", "--level", "town", "--code", "330282108", "--name", "附海镇", "-o", plain(&token)];
    city.run(&invite).expect_exit(0);
    let town = Node::new(&at("330282108"), "330282108");
    let argument = format!("@{}", plain(&token));
    let mut words = vec!["join", argument.as_str(), "--request", plain(&request)];
    words.extend(town.address_flags());
    let asked = town.run(&words).expect_exit(0).json();
    assert_eq!(asked["schema"], "gongshi.join.request/1");
    let digits = asked["digits"].as_str().expect("six digits").to_owned();
    // Nothing without the digits, nothing with others, nothing of a damaged request.
    let approve = ["invite", "approve", "--request", plain(&request), "-o", plain(&answer)];
    let wanted = city.run(&approve).expect_exit(6).json();
    assert_eq!(wanted["code"], "digits_wanted");
    let other = if digits == "000000" { "000001" } else { "000000" };
    let mut words = approve.to_vec();
    words.extend(["--digits", other]);
    assert_eq!(city.run(&words).expect_exit(6).json()["code"], "digits_differ");
    let mut damaged = std::fs::read(&request).expect("a request");
    damaged[40] ^= 1;
    std::fs::write(at("damaged"), damaged).expect("a file");
    let damaged = at("damaged");
    let words =
        ["invite", "approve", "--request", plain(&damaged), "-o", plain(&answer), "--digits", &digits];
    assert_eq!(city.run(&words).expect_exit(4).json()["code"], "bad_request_file");
    assert!(!answer.exists());
    let mut words = approve.to_vec();
    words.extend(["--digits", digits.as_str()]);
    let approved = city.run(&words).expect_exit(0).json();
    assert_eq!((&approved["code"], &approved["digits"]), (&Value::from("330282108"), &Value::from(digits)));
    // The answer of somebody else, a damaged one, and the right one.
    let mut damaged = std::fs::read(&answer).expect("an answer");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(at("damaged"), damaged).expect("a file");
    let damaged = at("damaged");
    let mut words = vec!["join", "--answer", plain(&damaged)];
    words.extend(town.address_flags());
    assert_eq!(town.run(&words).expect_exit(4).json()["code"], "bundle_damaged");
    let foreign = Node::new(&at("foreign"), "330282108");
    let mut words = vec!["join", argument.as_str(), "--answer", plain(&answer)];
    words.extend(foreign.address_flags());
    assert_eq!(foreign.run(&words).expect_exit(6).json()["code"], "not_this_answer");
    let mut words = vec!["join", "--answer", plain(&answer)];
    words.extend(town.address_flags());
    let joined = town.run(&words).expect_exit(0).json();
    assert_eq!(
        (&joined["schema"], &joined["code"]),
        (&Value::from("gongshi.join/1"), &Value::from("330282108"))
    );
    assert!(joined["root_log"]["size"].as_u64() > Some(3), "{joined}");
    town
}

#[test]
fn a_node_joins_by_files_alone_and_publishes_by_files_alone() {
    let federation = Federation::pair();
    let town = joined_by_files(&federation);
    let file = federation.write("town.json", &report("附海镇人民政府", "330282108", 2024, 3).to_string());
    let digest = town.publish(&file);
    let (up, down) = (federation.dir.path().join("up"), federation.dir.path().join("down"));
    let [province, city] = federation.nodes.as_slice() else { panic!("two nodes") };
    town.run(&["bundle", "export", "--for", "330200", "-o", plain(&up)]).expect_exit(0);
    city.run(&["bundle", "import", plain(&up)]).expect_exit(0);
    wait_until("the report is at the province", 10, || province.has(&digest).then_some(()));
    wait_until("and at the city", 10, || city.has(&digest).then_some(()));
    city.run(&["bundle", "export", "--for", "330282108", "-o", plain(&down)]).expect_exit(0);
    town.run(&["bundle", "import", plain(&down)]).expect_exit(0);
    let status = town.status();
    assert_eq!(
        (&status["unacknowledged"], &status["root_log"]),
        (&Value::from(0), &city.status()["root_log"])
    );
    town.run(&["verify", "--all"]).expect_exit(0);
}

#[test]
fn drop_folders_carry_bundles_both_ways_and_put_damaged_ones_aside_with_the_reason() {
    let mut federation = Federation::pair();
    let mut town = joined_by_files(&federation);
    let at = |name: &str| federation.dir.path().join(name);
    let (to_city, to_town) = (at("to-city"), at("to-town"));
    // What one writes the other reads: the gateway between them is a directory.
    for (node, inbox, outbox, peer) in
        [(&federation.nodes[1], &to_city, &to_town, "330282108"), (&town, &to_town, &to_city, "330200")]
    {
        for dir in [inbox, outbox] {
            std::fs::create_dir_all(dir).expect("a directory");
        }
        let path = node.data.join("gongshi.toml");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        let text = text
            .replace("inbox = \"\"", &format!("inbox = \"{}\"", plain(inbox)))
            .replace("outbox = \"\"", &format!("outbox = \"{}\"", plain(outbox)))
            .replace("peers = []", &format!("peers = [\"{peer}\"]"));
        std::fs::write(path, text).expect("a configuration");
    }
    let bad = to_city.join("bad.bundle");
    std::fs::write(&bad, b"not a bundle").expect("a file");
    std::fs::write(to_city.join("half.bundle.part"), b"gong").expect("a file");
    // Only one of the two runs at a time, so that no wire can help.
    federation.nodes[1].stop();
    town.serve();
    let file = federation.write("town.json", &report("附海镇人民政府", "330282108", 2024, 3).to_string());
    let digest = town.publish(&file);
    let written = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("to-") && name.ends_with(".bundle")).count()
    };
    wait_until("the town wrote a bundle", 20, || (written(&to_city) > 0).then_some(()));
    town.stop();
    federation.nodes[1].serve();
    wait_until("the report is at the province", 20, || federation.nodes[0].has(&digest).then_some(()));
    wait_until("and at the city", 20, || federation.nodes[1].has(&digest).then_some(()));
    // Once nothing new comes for two looks, everything that there is has been written.
    let mut count = written(&to_town);
    wait_until("the city wrote bundles", 30, || {
        std::thread::sleep(std::time::Duration::from_secs(5));
        let before = std::mem::replace(&mut count, written(&to_town));
        (count > 0 && count == before).then_some(())
    });
    federation.nodes[1].stop();
    town.serve();
    wait_until("the town shows its report", 20, || town.has(&digest).then_some(()));
    assert_eq!(town.status()["unacknowledged"], 0);
    let reason = std::fs::read_to_string(to_city.join("failed/bad.bundle.reason.txt")).expect("a reason");
    assert!(reason.starts_with("bundle_damaged\n"), "{reason}");
    assert!(!bad.exists() && to_city.join("failed/bad.bundle").exists());
    assert!(to_city.join("half.bundle.part").exists(), "what is not complete is left alone");
    assert!(to_city.join("done").read_dir().expect("a directory").next().is_some());
}
