//! The demo: from nothing to four portals that agree.

use crate::http;
use crate::program::{Process, command, finish, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

const CHAIN: [(&str, &str, &str); 4] = [
    ("province", "330000", "浙江省"),
    ("city", "330200", "宁波市"),
    ("district", "330282", "慈溪市"),
    ("town", "330282108", "附海镇"),
];

fn check_document(document: &Value) {
    assert_eq!(document["schema"], "gongshi.demo/1");
    assert_eq!(document["agree"], true);
    assert!(document["elapsed_ms"].as_u64().is_some_and(|ms| ms < 30_000), "{document}");
    let nodes = document["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 4);
    for (node, (level, code, name)) in nodes.iter().zip(CHAIN) {
        assert_eq!(
            (&node["level"], &node["code"], &node["name"]),
            (&level.into(), &code.into(), &name.into())
        );
        assert_eq!(node["packages"], 7, "{node}");
        assert!(node["data"].as_str().is_some_and(|data| std::path::Path::new(data).is_dir()), "{node}");
        for url in ["portal", "console"] {
            let url = node[url].as_str().expect("a URL");
            assert!(url.starts_with("http://") && !url.ends_with('/'), "{url}");
        }
        for (field, of_first) in
            ["log_size", "root_hash", "view_root"].map(|field| (&node[field], &nodes[0][field]))
        {
            assert_eq!(field, of_first);
        }
        assert!(node["log_size"].as_u64().is_some_and(|size| size >= 7));
        assert_eq!(node["root_hash"].as_str().map(str::len), Some(44), "base64 of 32 bytes");
        assert_eq!(node["view_root"].as_str().map(str::len), Some(44), "base64 of 32 bytes");
    }
}

/// A demo that keeps running, and its document.
pub(crate) fn running_demo(dir: &TempDir) -> (Process, Value) {
    let mut demo = command();
    demo.args(["demo", "--json", "--dir"]).arg(dir.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process(demo.spawn().expect("the demo starts"));
    let stdout = process.0.stdout.take().expect("stdout");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver.recv_timeout(Duration::from_secs(30)).expect("a document within 30 s");
    (process, serde_json::from_str(&line).expect("one JSON document on a line"))
}

/// `HOST:PORT` of a node's portal.
pub(crate) fn portal(node: &Value) -> String {
    node["portal"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL").to_owned()
}

#[test]
fn a_demo_that_exits_prints_one_document_of_four_agreeing_levels() {
    let dir = TempDir::new().expect("a directory");
    let mut demo = command();
    demo.args(["demo", "--json", "--exit", "--dir"]).arg(dir.path());
    let ended = finish(demo, Duration::from_secs(30)).expect_exit(0);
    let document = ended.json();
    check_document(&document);
    for node in document["nodes"].as_array().expect("nodes") {
        assert!(http::try_get(&portal(node), "/").is_err(), "the nodes end with it");
    }
}

#[test]
fn a_running_demo_keeps_four_portals_up_and_its_nodes_end_when_it_is_killed() {
    let dir = TempDir::new().expect("a directory");
    let (mut process, document) = running_demo(&dir);
    check_document(&document);
    let nodes = document["nodes"].as_array().expect("nodes");
    for node in nodes {
        let seen = http::get(&portal(node), "/api/v1/node").json();
        assert_eq!(seen["root_log"]["size"], node["log_size"]);
        assert_eq!(seen["root_log"]["root_hash"], node["root_hash"]);
        assert_eq!(seen["view_root"], node["view_root"]);
        assert_eq!(seen["code"], node["code"]);
        assert_eq!(http::get(&portal(node), "/").status, 200);
    }
    let list = http::get(&portal(&nodes[3]), "/api/v1/packages").json();
    let divisions: Vec<&str> = list["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|package| package["division"]["code"].as_str())
        .collect();
    for code in ["331126", "330624", "330500", "330100-xihu", "330200", "330282", "330282108"] {
        assert!(divisions.contains(&code), "{code} of {divisions:?}");
    }
    process.kill();
    for node in nodes {
        wait_until("the portal is gone", 5, || http::try_get(&portal(node), "/").is_err().then_some(()));
    }
}

#[test]
fn three_demos_at_once_do_not_take_each_others_ports() {
    let dirs = [(); 3].map(|()| TempDir::new().expect("a directory"));
    std::thread::scope(|scope| {
        for dir in &dirs {
            scope.spawn(|| {
                let mut demo = command();
                demo.args(["demo", "--json", "--exit", "--dir"]).arg(dir.path());
                check_document(&finish(demo, Duration::from_secs(60)).expect_exit(0).json());
            });
        }
    });
}

/// A walk to its end: the document, its steps by name, and what was told meanwhile.
fn walked(walk: &str) -> (TempDir, Value, Vec<String>) {
    let dir = TempDir::new().expect("a directory");
    let mut demo = command();
    demo.args(["demo", walk, "--json", "--exit", "--lang", "en", "--dir"]).arg(dir.path());
    let ended = finish(demo, Duration::from_secs(60)).expect_exit(0);
    let document = ended.json();
    assert_eq!((&document["schema"], &document["walk"]), (&"gongshi.demo/1".into(), &walk.into()));
    assert_eq!(document["agree"], true);
    let steps = document["steps"].as_array().expect("steps");
    for (number, step) in steps.iter().enumerate() {
        let told = format!("{}. {}", number + 1, step["en"].as_str().expect("a sentence"));
        assert!(ended.stderr.contains(&told), "{told} is told while it happens: {}", ended.stderr);
    }
    let names = steps.iter().map(|step| step["step"].as_str().expect("a name").to_owned()).collect();
    (dir, document, names)
}

#[test]
fn demo_cut_walks_through_a_cut_line_after_which_all_levels_agree_on_both_reports() {
    let (dir, document, names) = walked("cut");
    assert_eq!(names, ["agree", "cut", "publish_below", "publish_above", "joined"]);
    let seen = |at: usize| document["steps"][at]["seen"].clone();
    let sizes = |value: &Value| -> Vec<u64> {
        value.as_array().expect("sizes").iter().map(|size| size.as_u64().expect("a size")).collect()
    };
    let (before, during, after) = (sizes(&seen(0)), sizes(&seen(3)["root_log"]), sizes(&seen(4)["root_log"]));
    let size = before[0];
    assert_eq!((before, during), (vec![size; 4], vec![size + 1, size + 1, size, size]));
    assert_eq!(after, vec![size + 2; 4]);
    assert!(seen(4)["ms"].as_u64().is_some_and(|ms| ms < 20_000), "{document}");
    for node in document["nodes"].as_array().expect("nodes") {
        assert_eq!(node["packages"], 9);
    }
    let mut again = command();
    again.args(["demo", "cut", "--json", "--exit", "--dir"]).arg(dir.path());
    let ended = finish(again, Duration::from_secs(30)).expect_exit(2);
    assert_eq!(ended.json()["code"], "demo_dir_used");
}

#[test]
fn demo_tamper_walks_through_a_changed_byte_that_is_found_and_healed() {
    let (dir, document, names) = walked("tamper");
    assert_eq!(names, ["agree", "proof", "proof_changed", "disk_changed", "healed"]);
    let seen = |at: usize, key: &str| document["steps"][at]["seen"][key].clone();
    assert_eq!((seen(1, "exit"), seen(2, "exit"), seen(3, "exit")), (0.into(), 4.into(), 9.into()));
    for node in document["nodes"].as_array().expect("nodes") {
        assert_eq!((&node["packages"], &node["root_hash"]), (&8.into(), &seen(4, "root_hash")));
    }
    // What was healed is whole, also for whoever looks at every byte.
    let data = dir.path().join("district");
    let mut verify = command();
    verify.args(["verify", "--all", "--json", "--data"]).arg(data);
    assert_eq!(finish(verify, Duration::from_secs(30)).expect_exit(0).json()["ok"], true);
}
