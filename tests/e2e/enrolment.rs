//! Tokens: used once, by whom they name, with the same six digits on both screens.

use crate::federation::{Federation, Node};
use crate::program::{Process, command, wait_until};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_used_an_altered_and_a_taken_back_token_are_refused() {
    let federation = Federation::province();
    let province = &federation.nodes[0];
    let token = province.invite("city", "330200", "宁波市", &["--auto"]);
    let fresh = |name: &str, code: &str| Node::new(&federation.dir.path().join(name), code);
    // Altered at several places: a character replaced, cut, or added.
    for at in [0, token.len() / 3, token.len() / 2, token.len() - 1] {
        let mut altered: Vec<char> = token.chars().collect();
        altered[at] = if altered[at] == 'a' { 'b' } else { 'a' };
        let altered: String = altered.into_iter().collect();
        let ended = fresh(&format!("altered-{at}"), "330200").join(&altered);
        assert!(matches!(ended.exit, 2 | 6), "{at}: {ended:#?}");
        assert_eq!(ended.json()["exit"], ended.exit);
    }
    assert!(matches!(fresh("cut", "330200").join(&token[..token.len() - 4]).exit, 2 | 6));
    fresh("first", "330200").join(&token).expect_exit(0);
    let again = fresh("second", "330200").join(&token);
    assert_eq!(again.exit, 6, "{again:#?}");
    let token = province.invite("city", "330300", "温州市", &["--auto"]);
    province.run(&["invite", "revoke", "330300"]).expect_exit(0);
    let revoked = fresh("revoked", "330300").join(&token);
    assert_eq!(revoked.exit, 6, "{revoked:#?}");
}

#[test]
fn a_parent_that_is_down_is_exit_7_within_30_s_and_joining_again_later_works() {
    let mut federation = Federation::province();
    let token = federation.nodes[0].invite("city", "330200", "宁波市", &["--auto"]);
    federation.nodes[0].kill();
    let mut city = Node::new(&federation.dir.path().join("330200"), "330200");
    let ended = city.join(&token);
    assert_eq!(ended.exit, 7, "{ended:#?}");
    assert!(ended.took < Duration::from_secs(30), "{:?}", ended.took);
    assert_eq!(ended.json()["exit"], 7);
    federation.nodes[0].serve();
    city.join(&token).expect_exit(0);
    city.serve();
    federation.nodes.push(city);
    federation.wait_agreement(10);
}

/// The first run of six digits in a text.
fn six_digits(text: &str, besides: &str) -> Option<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| run.len() == 6 && *run != besides).map(str::to_owned).next()
}

#[test]
fn without_auto_a_join_waits_for_approval_and_both_sides_show_the_same_six_digits() {
    let mut federation = Federation::province();
    let token = federation.nodes[0].invite("city", "330200", "宁波市", &[]);
    let mut city = Node::new(&federation.dir.path().join("330200"), "330200");
    let mut join = command();
    join.args(["join", &token, "--json", "--data", city.path()]).args(city.address_flags());
    let mut join = Process(join.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("join starts"));
    let mut stderr = join.0.stderr.take().expect("stderr");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), [0; 512]);
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            all.extend_from_slice(&buffer[..count]);
            if let Some(digits) = six_digits(&String::from_utf8_lossy(&all), "330200") {
                let _ = sender.send(digits);
                break;
            }
        }
    });
    let shown = receiver.recv_timeout(Duration::from_secs(20)).expect("six digits on the joining side");
    let list = federation.nodes[0].run(&["invite", "list"]).expect_exit(0).json();
    assert!(list.to_string().contains(&shown), "{list}");
    assert!(join.0.try_wait().expect("wait").is_none(), "it waits");
    let approved = federation.nodes[0].run(&["invite", "approve", "330200"]).expect_exit(0).json();
    assert_eq!(approved["digits"], shown);
    let status = wait_until("the join ends", 20, || join.0.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    city.serve();
    federation.nodes.push(city);
    federation.wait_agreement(10);
}

#[test]
fn invitations_reach_lower_levels_and_unused_codes_only() {
    let federation = Federation::pair();
    let city = &federation.nodes[1];
    let invite = |node: &Node, level: &str, code: &str| {
        node.run(&["invite", "--level", level, "--code", code, "--name", "某地"]).exit
    };
    assert_eq!(invite(city, "city", "330300"), 6, "not a lower level");
    assert_eq!(invite(city, "province", "340000"), 6, "not a lower level");
    assert_eq!(invite(&federation.nodes[0], "city", "330200"), 6, "used");
    assert_eq!(invite(city, "town", "330281101"), 0, "levels may be skipped");
    assert_eq!(invite(city, "district", "440106"), 0, "any unused code");
    assert_eq!(invite(city, "district", "330200-port"), 0, "a zone");
}

#[test]
fn a_node_that_hosts_others_publishes_for_them() {
    let mut federation = Federation::province();
    let mut city = Node::new(&federation.dir.path().join("330200"), "330200");
    let token =
        federation.nodes[0].invite("city", "330200", "宁波市", &["--auto", "--hosts", "330282,330281"]);
    city.join(&token).expect_exit(0);
    city.serve();
    federation.nodes.push(city);
    let report = |division: &str| crate::reports::report("某局", division, 2024, 1).to_string();
    let hosted = federation.write("hosted.json", &report("330282"));
    let digest = federation.nodes[1].publish(&hosted);
    federation.wait_for(&[digest], 10);
    let foreign = federation.write("foreign.json", &report("330283"));
    federation.nodes[1].run(&["publish", foreign.to_str().expect("a path")]).expect_exit(6);
}
