//! The list of commands: every one that is promised is there, speaks both languages, and the small ones do what they say.

use crate::federation::{Federation, Node};
use crate::program::{run, wait_until};
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Every command that people are promised, a line a group.
const PROMISED: &str = "
    demo; demo cut; demo tamper; init; invite; invite list; invite approve; invite revoke; join; serve; host add
    template xlsx; template csv; template json; template add; template list; template show
    check; publish; correct; withdraw; nil; not-applicable; attachment
    review list; review show; review return; review accept; roster import; roster show; coverage
    release set; release show; release rehearse
    status; tree; list; show; diff; view
    verify; proof; rollcall; compare; evidence
    peers; pull; push; bundle export; bundle import; net check
    doctor; backup; restore; store stats; store check; store rebuild; keys list; keys rotate; keys revoke
    config check; config show; config explain; upgrade check; policy set; policy show
    audit show; audit verify; audit export; reparent; close
    explain; completions; man; version
";

#[test]
fn every_promised_command_is_there_and_its_help_speaks_both_languages() {
    for words in PROMISED.split([';', '\n']).map(str::trim).filter(|words| !words.is_empty()) {
        let ended = run(words.split(' ').chain(["--help"])).expect_exit(0);
        let first = ended.stdout.lines().next().unwrap_or_default();
        assert!(!first.is_ascii() && first.contains("/ "), "{words}: {first}");
        assert!(ended.stdout.contains(&format!("gongshi {words}")), "{words}: {}", ended.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completions", shell]).expect_exit(0).stdout;
        assert!(script.contains("gongshi") && script.contains("rollcall"), "{shell}");
    }
}

#[test]
fn net_check_tells_a_parent_that_answers_from_one_that_does_not_and_disturbs_no_session() {
    let mut federation = Federation::pair();
    federation.wait_agreement(10);
    let dials = |node: &Node| node.log().matches("link up").count();
    wait_until("the session is in the log", 10, || (dials(&federation.nodes[1]) > 0).then_some(()));
    let before = dials(&federation.nodes[1]);
    let document = federation.nodes[1].run(&["net", "check"]).expect_exit(0).json();
    assert_eq!((&document["schema"], &document["ok"]), (&"gongshi.net/1".into(), &true.into()));
    assert_eq!(document["listen"]["state"], "listening");
    assert_eq!(document["above"][0]["reached"], true, "{document}");
    assert_eq!(federation.nodes[1].status()["upstream"]["state"], "up");
    assert_eq!(dials(&federation.nodes[1]), before, "the node's own session stays");
    let root = federation.nodes[0].run(&["net", "check"]).expect_exit(0).json();
    assert_eq!(root["above"].as_array().map(Vec::len), Some(0), "nobody stands above the root");
    federation.nodes[0].stop();
    let ended = federation.nodes[1].run(&["net", "check"]).expect_exit(7);
    assert_eq!(ended.json()["above"][0]["reached"], false);
    let text = run(["net", "check", "--lang", "en", "--data", federation.nodes[1].path()]).expect_exit(7);
    assert!(text.stdout.contains("bundle export"), "says what to do: {}", text.stdout);
}

#[test]
fn config_check_opens_ports_reads_keys_and_tests_writing() {
    let mut federation = Federation::province();
    federation.nodes[0].run(&["config", "check"]).expect_exit(0);
    federation.nodes[0].stop();
    let node = &federation.nodes[0];
    node.run(&["config", "check"]).expect_exit(0);
    let problems = |what: &str| {
        let document = node.run(&["config", "check"]).expect_exit(10).json();
        let problems = document["problems"].as_array().expect("a list").clone();
        assert!(
            problems.iter().any(|line| line.as_str().is_some_and(|line| line.contains(what))),
            "{document}"
        );
    };
    {
        let _held = UdpSocket::bind(&node.listen).expect("a socket");
        problems("gongshi.toml:");
        problems("listen.peer");
    }
    let key = node.data.join("keys/signing.pem");
    let pem = fs::read(&key).expect("a key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("permissions");
    problems("chmod 600");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("permissions");
    fs::write(&key, "x".repeat(1 << 20)).expect("written");
    problems("signing.pem");
    fs::write(&key, pem).expect("written");
    // Root writes wherever it likes; a file in the place of the probe stops it too.
    let probe = node.data.join(".write-test");
    fs::create_dir(&probe).expect("a directory");
    problems("cannot be written");
    fs::remove_dir(&probe).expect("removed");
    node.run(&["config", "check"]).expect_exit(0);
}

#[test]
fn a_setting_is_explained_with_or_without_a_node() {
    let nowhere = Path::new("/nonexistent");
    let words = ["config", "explain", "sync.up_bytes_per_s", "--json", "--data"];
    let document = run(words.iter().map(AsRef::as_ref).chain([nowhere.as_os_str()])).expect_exit(0).json();
    assert_eq!(document["settings"][0]["key"], "sync.up_bytes_per_s");
    let ended = run(["config", "explain", "listen.pear", "--lang", "en"]).expect_exit(2);
    assert!(ended.stderr.contains("listen.peer"), "names what is near: {ended:#?}");
    let dir = tempfile::tempdir().expect("a directory");
    let node = Node::new(&dir.path().join("330000"), "330000");
    node.init("province", "浙江省", &[]).expect_exit(0);
    let shown = node.run(&["config", "explain", "listen.portal"]).expect_exit(0).json();
    assert!(
        shown["settings"][0]["value"].as_str().is_some_and(|value| value.contains(&node.portal)),
        "{shown}"
    );
    assert!(
        shown["settings"][0]["origin"].as_str().is_some_and(|from| from.contains("gongshi.toml:")),
        "{shown}"
    );
}
