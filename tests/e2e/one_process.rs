//! One process on one store; what the commands say without a daemon, without a node, without sense.

use crate::federation::{Federation, Node};
use crate::program::{command, finish, run};
use crate::reports::report;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

fn assert_has(document: &Value, fields: &[&str]) {
    for field in fields {
        assert!(document.pointer(field).is_some(), "{field} of {document}");
    }
}

#[test]
fn a_second_process_on_one_store_is_refused_with_exit_8_while_status_works() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let mut serve = command();
    serve.args(["serve", "--json", "--data", node.path()]);
    let ended = finish(serve, Duration::from_secs(10)).expect_exit(8);
    assert!(ended.said().contains(&node.pid().to_string()), "names the first process: {ended:#?}");
    assert_eq!(ended.json()["exit"], 8, "a document also on errors");
    let status = node.status();
    assert_eq!(status["schema"], "gongshi.status/1");
    assert_has(
        &status,
        &[
            "/state",
            "/node/code",
            "/node/level",
            "/node/name",
            "/log/size",
            "/log/root_hash",
            "/root_log/size",
            "/root_log/root_hash",
            "/view_root",
            "/upstream",
            "/children",
            "/held/packages",
            "/unacknowledged",
        ],
    );
    assert_eq!(status["upstream"], Value::Null);
    assert_eq!(node.get("/api/v1/node").status, 200, "the first is unharmed");
}

#[test]
fn status_names_the_links_and_goes_on_without_a_daemon() {
    let mut federation = Federation::pair();
    let status = federation.nodes[1].status();
    assert_has(&status, &["/upstream/code", "/upstream/state", "/upstream/behind"]);
    assert_eq!(status["upstream"]["code"], "330000");
    let children = federation.nodes[0].status()["children"].clone();
    assert_eq!(children[0]["code"], "330200");
    assert_has(&children, &["/0/state", "/0/behind"]);
    federation.wait_agreement(10);
    let shown = federation.nodes[1].shown().expect("an answer");
    federation.nodes[1].stop();
    let status = federation.nodes[1].status();
    assert_eq!((status["root_log"].clone(), status["view_root"].clone()), shown);
}

#[test]
fn version_and_rollcall_are_documents_and_unknown_words_are_exit_2() {
    let version = run(["version", "--json"]).expect_exit(0).json();
    assert_has(&version, &["/schema", "/version"]);
    for words in [
        vec!["status", "--no-such-flag"],
        vec!["no-such-command"],
        vec![],
        vec!["publish"],
        vec!["init", "--level", "planet", "--code", "330000", "--name", "x"],
        vec!["init", "--level", "province", "--code", "33", "--name", "x"],
        vec!["publish", "a.json", "--division", "99"],
    ] {
        run(words).expect_exit(2);
    }
    assert_eq!(run(["--help"]).exit, 0);
    let federation = Federation::province();
    let document = federation.nodes[0].run(&["rollcall"]).expect_exit(0).json();
    assert_has(&document, &["/size", "/root_hash", "/view_root", "/nodes"]);
}

#[test]
fn without_a_node_every_command_ends_with_10() {
    let dir = TempDir::new().expect("a directory");
    let data = dir.path().join("nothing").display().to_string();
    let file = dir.path().join("a.json");
    std::fs::write(&file, report("某局", "330000", 2024, 1).to_string()).expect("a file");
    let file = file.to_str().expect("a path");
    let commands: [&[&str]; 6] = [
        &["serve"],
        &["status"],
        &["rollcall"],
        &["publish", file],
        &["verify", "--all"],
        &["invite", "list"],
    ];
    for words in commands {
        let ended = run(words.iter().copied().chain(["--json", "--data", &data])).expect_exit(10);
        assert_eq!(ended.json()["exit"], 10);
        assert!(!std::path::Path::new(&data).exists(), "{words:?} leaves nothing behind");
    }
    run(["check", file, "--json", "--data", &data]).expect_exit(0);
}

#[test]
fn a_file_that_names_no_division_is_checked_without_a_node_and_told_whose_it_will_be() {
    let federation = Federation::province();
    let mut open = report("某局", "330000", 2024, 1);
    open["division_code"] = Value::Null;
    let file = federation.write("open.json", &open.to_string());
    let (file, nowhere) = (file.to_str().expect("a path"), federation.dir.path().join("nowhere"));
    let codes = |ended: &Value| -> Vec<Value> {
        let findings = ended["checked"][0]["findings"].as_array().expect("findings");
        findings.iter().map(|finding| json!([finding["grade"], finding["code"]])).collect()
    };
    let nowhere = nowhere.to_str().expect("a path");
    let alone = run(["check", file, "--json", "--data", nowhere]).expect_exit(0);
    assert_eq!(codes(&alone.json()), [json!(["hint", "division_missing"])]);
    assert!(!alone.said().contains("000000"), "{alone:#?}");
    let given = run(["check", file, "--json", "--data", nowhere, "--division", "330282"]).expect_exit(0);
    assert_eq!(codes(&given.json()), Vec::<Value>::new());
    let node = &federation.nodes[0];
    let own = node.run(&["check", file]).expect_exit(0);
    assert_eq!(codes(&own.json()), [json!(["hint", "division_own"])]);
    let digest = node.publish(&federation.dir.path().join("open.json"));
    assert_eq!(node.api(&format!("/api/v1/packages/{digest}"))["division"]["code"], "330000");
}

#[test]
fn a_directory_is_founded_once() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let before = node.status();
    assert_ne!(node.init("province", "又一个", &[]).exit, 0, "while it runs");
    let mut federation = federation;
    federation.nodes[0].stop();
    let ended = federation.nodes[0].init("province", "又一个", &[]).expect_exit(6);
    assert_eq!(ended.json()["exit"], 6);
    assert_eq!(federation.nodes[0].status()["root_log"], before["root_log"]);
}

#[test]
fn a_very_long_data_directory_works() {
    let dir = TempDir::new().expect("a directory");
    let long = dir.path().join("很长的目录名".repeat(8)).join("x".repeat(120)).join("y".repeat(100));
    assert!(long.display().to_string().len() > 300);
    let mut node = Node::new(&long.join("node"), "330000");
    node.init("province", "浙江省", &[]).expect_exit(0);
    node.serve();
    let file = dir.path().join("a.json");
    std::fs::write(&file, report("某局", "330000", 2024, 1).to_string()).expect("a file");
    let digest = node.publish(&file);
    assert!(node.has(&digest));
    node.status();
    // The same by a relative path.
    let mut status = command();
    status.args(["status", "--json", "--data", "node"]).current_dir(&long);
    let ended = finish(status, Duration::from_secs(10));
    assert_eq!(ended.json()["node"]["code"], "330000");
}

#[test]
fn a_report_published_without_a_daemon_climbs_when_it_serves() {
    let mut federation = Federation::pair();
    federation.nodes[1].stop();
    let file = federation.write("offline.json", &report("某局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&file);
    let status = federation.nodes[1].status();
    assert_eq!(status["unacknowledged"], 1);
    assert_eq!(status["log"]["size"], 1);
    assert!(!federation.nodes[0].has(&digest));
    federation.nodes[1].serve();
    federation.wait_for(&[digest], 10);
    // Also when the parent is down, and the node runs.
    federation.nodes[0].kill();
    let file = federation.write("alone.json", &report("另一局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&file);
    assert_eq!(federation.nodes[1].api("/api/v1/node")["log"]["size"], 2);
    federation.nodes[0].serve();
    federation.wait_for(&[digest], 60);
    federation.wait_agreement(60);
}

#[test]
fn attack_34_a_key_that_anybody_else_may_read_or_owns_is_refused() {
    let mut federation = Federation::province();
    federation.nodes[0].stop();
    let node = &federation.nodes[0];
    for key in ["signing.pem", "transport.pem"] {
        let path = node.data.join("keys").join(key);
        let mode =
            |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        assert_eq!(std::fs::metadata(&path).expect("a key").permissions().mode() & 0o777, 0o600);
        mode(0o644);
        let ended = node.run(&["serve"]);
        assert!(ended.exit != 0 && ended.said().contains(key), "{ended:#?}");
        assert!(ended.said().contains("600"), "says what to do: {ended:#?}");
        mode(0o600);
    }
    // Whatever else the mode says, a single bit for anybody else is one too many.
    let signing = node.data.join("keys/signing.pem");
    for open in 1..=0o77 {
        let mode = std::fs::Permissions::from_mode(0o600 | open);
        std::fs::set_permissions(&signing, mode).expect("chmod");
        let ended = node.run(&["serve"]);
        assert_eq!((ended.exit, &ended.json()["code"]), (10, &json!("bad_key_file")), "{open:o}: {ended:#?}");
    }
    std::fs::set_permissions(&signing, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    // Only root can give a file away to try it.
    if std::os::unix::fs::chown(&signing, Some(12_345), None).is_ok() {
        let ended = node.run(&["serve"]).expect_exit(10);
        assert!(ended.said().contains("chown"), "{ended:#?}");
        std::os::unix::fs::chown(&signing, Some(rustix::process::geteuid().as_raw()), None).expect("chown");
    }
    let anchor = std::fs::read_dir(node.data.join("anchor")).expect("D/anchor").next().expect("a key");
    let anchor = anchor.expect("a key").metadata().expect("metadata");
    assert_eq!(anchor.permissions().mode() & 0o777, 0o600);
    assert_eq!(node.run(&["status"]).exit, 0, "mended");
    // However careless the shell is that makes it, and whatever lies there already.
    let other = federation.dir.path().join("careless");
    let mut init = std::process::Command::new("sh");
    let words = ["init", "--level", "province", "--code", "440000", "--name", "广东省", "--data"];
    init.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gongshi")]).args(words).arg(&other);
    finish(init, Duration::from_secs(40)).expect_exit(0);
    for key in ["keys/signing.pem", "keys/transport.pem"] {
        let mode = std::fs::metadata(other.join(key)).expect("a key").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    let planted = federation.dir.path().join("planted");
    std::fs::create_dir_all(planted.join("keys")).expect("a directory");
    std::fs::copy(other.join("keys/signing.pem"), planted.join("keys/signing.pem")).expect("a key");
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(planted.join("keys/signing.pem"), mode).expect("chmod");
    let ended = run(words.iter().map(std::ffi::OsStr::new).chain([planted.as_os_str()]));
    assert_ne!(ended.exit, 0, "a key that was there before, and is open, is not taken for a new one");
}

#[test]
fn a_broken_configuration_refuses_to_start_and_names_the_key() {
    let mut federation = Federation::province();
    federation.nodes[0].stop();
    let node = &federation.nodes[0];
    let path = node.data.join("gongshi.toml");
    let text = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, format!("{text}\n[portals]\nbase = \"/x\"\n")).expect("written");
    let ended = node.run(&["serve"]).expect_exit(10);
    assert!(ended.said().contains("gongshi.toml") && ended.said().contains("portals"), "{ended:#?}");
    assert_eq!(ended.json()["exit"], json!(10));
}
