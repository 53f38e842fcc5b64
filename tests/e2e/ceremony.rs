//! The anchor ceremony as src/trust/CEREMONY.md has it, step by step, and keys on paper.

use crate::federation::{Federation, Node};
use crate::program::{run, wait_until};
use crate::reports::report;
use serde_json::Value;
use std::path::Path;

const PASSPHRASE: &str = "保管人的口令 山高水长 2026\n";

/// A machine without a network and without a data directory.
fn offline(words: &[&str]) -> crate::program::Ended {
    run(words.iter().copied().chain(["--json", "--data", "/nonexistent/offline"]))
}

/// A file of a test, which lives as long as the test does.
fn at(dir: &Path, name: &str) -> &'static Path {
    Box::leak(dir.join(name).into_boxed_path())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn findings(node: &Node) -> Vec<String> {
    let document = node.run(&["doctor"]).json();
    let codes = document["findings"].as_array().expect("a list").iter();
    codes.filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

fn root_key(node: &Node) -> Value {
    let keys = node.run(&["keys", "list"]).json();
    let live = |line: &&Value| {
        line["code"] == "330000" && matches!(line["state"].as_str(), Some("live" | "expiring"))
    };
    keys["keys"].as_array().expect("a list").iter().find(live).expect("the root's key").clone()
}

/// Steps that name a command are done with that very command: every command of the page is in this file.
#[test]
fn every_command_of_the_ceremony_is_drilled_here() {
    let page = include_str!("../../src/trust/CEREMONY.md");
    let own = concat!(include_str!("ceremony.rs"), include_str!("promotion.rs"), include_str!("bundles.rs"));
    let joined = page.replace('\n', " ");
    let spans: Vec<&str> =
        joined.split('`').skip(1).step_by(2).filter(|span| span.starts_with("gongshi ")).collect();
    assert!(spans.len() >= 12, "{spans:?}");
    for span in spans {
        let verbs: Vec<&str> = span
            .split_whitespace()
            .skip(1)
            .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase()))
            .collect();
        let drilled = verbs.iter().all(|verb| {
            own.contains(&format!("\"{verb}\""))
                || own.contains(&format!("fn {verb}"))
                || ["init", "serve", "restore", "rollcall"].contains(verb)
        });
        assert!(drilled, "{span}");
    }
}

#[test]
fn the_ceremony_from_the_safe_to_the_new_key_and_the_lost_machine() {
    let mut federation = Federation::pair();
    let dir = federation.dir.path().to_owned();
    let file = |name: &str| at(&dir, name);
    std::fs::write(file("P"), PASSPHRASE).expect("a passphrase");
    let anchor_pem = federation.nodes[0].data.join("anchor/anchor.pem");
    // A3 to A6: on paper twice, tried, and gone from the root.
    assert!(findings(&federation.nodes[0]).contains(&"anchor_online".to_owned()));
    let words =
        ["keys", "escrow", "export", "--key", text(&anchor_pem), "--passphrase-file", text(file("P"))];
    let exported = federation.nodes[0].run(&[&words[..], &["-o", text(file("anchor.txt"))]].concat());
    exported.expect_exit(0);
    let words =
        ["keys", "escrow", "export", "--passphrase-file", text(file("P")), "-o", text(file("root.txt"))];
    federation.nodes[0].run(&words).expect_exit(0);
    let restored = file("anchor.pem");
    let restore = |from: &Path, to: &Path| {
        offline(&[
            "keys",
            "escrow",
            "restore",
            text(from),
            "--passphrase-file",
            text(file("P")),
            "-o",
            text(to),
        ])
    };
    restore(file("anchor.txt"), restored).expect_exit(0);
    std::fs::remove_file(&anchor_pem).expect("the anchor key leaves the root");
    assert!(!findings(&federation.nodes[0]).contains(&"anchor_online".to_owned()));
    let printed = std::fs::read_to_string(file("anchor.txt")).expect("the page");
    assert!(!printed.contains("PRIVATE") && printed.lines().all(|line| line.is_ascii() && line.len() < 100));
    // B: renewal. Looking signs nothing; another key does not sign; what was altered on the way is not signed.
    let before = root_key(&federation.nodes[0]);
    let request = file("request.json");
    federation.nodes[1].run(&["keys", "anchor", "request", "-o", text(request)]).expect_exit(6);
    let words = ["keys", "anchor", "request", "--years", "30", "-o", text(request)];
    let asked = federation.nodes[0].run(&words).expect_exit(0).json();
    let sign = |more: &[&str]| {
        offline(&[&["keys", "anchor", "sign", text(request), "--key", text(restored)][..], more].concat())
    };
    let looked = sign(&[]).expect_exit(0).json();
    assert_eq!(
        (&looked["says"]["signing"], &looked["says"]["not_after"]),
        (&asked["says"]["signing"], &asked["says"]["not_after"])
    );
    assert!(!file("grant.json").exists());
    let wrong = offline(&[
        "keys",
        "anchor",
        "sign",
        text(request),
        "--key",
        text(&federation.nodes[1].data.join("keys/signing.pem")),
    ]);
    assert_eq!(wrong.exit, 6, "{wrong:#?}");
    let mut altered = asked.clone();
    let mut bytes: Vec<char> = altered["delegation"].as_str().expect("base64").chars().collect();
    bytes[40] = if bytes[40] == 'A' { 'B' } else { 'A' };
    altered["delegation"] = bytes.into_iter().collect::<String>().into();
    let damaged = federation.write("damaged.json", &altered.to_string());
    let ended = offline(&[
        "keys",
        "anchor",
        "sign",
        text(&damaged),
        "--key",
        text(restored),
        "-o",
        text(file("no.json")),
    ]);
    assert_eq!(ended.exit, 4, "{ended:#?}");
    sign(&["-o", text(file("grant.json"))]).expect_exit(0);
    let apply = |node: &Node| node.run(&["keys", "anchor", "apply", text(file("grant.json"))]);
    assert_eq!(apply(&federation.nodes[1]).exit, 6);
    apply(&federation.nodes[0]).expect_exit(0);
    apply(&federation.nodes[0]).expect_exit(0);
    for node in &federation.nodes {
        wait_until("the new date at every level", 10, || {
            let now = root_key(node);
            (now["key"] == before["key"] && now["not_after"] != before["not_after"]).then_some(())
        });
    }
    // What stands below is renewed within it, by its parent alone.
    let end = |node: &Node| node.status()["authority"]["until"].clone();
    let first = end(&federation.nodes[1]);
    federation.nodes[1].run(&["keys", "renew", "330200"]).expect_exit(6);
    federation.nodes[0].run(&["keys", "renew", "330200", "--years", "12"]).expect_exit(0);
    wait_until("the city's new end", 10, || (end(&federation.nodes[1]) != first).then_some(()));
    // C: a new signing key; all levels follow, what was public stays.
    let own = federation.write("own.json", &report("省司法厅", "330000", 2023, 1).to_string());
    let own = federation.nodes[0].publish(&own);
    let words = ["keys", "anchor", "request", "--rotate", "-o", text(request)];
    federation.nodes[0].run(&words).expect_exit(0);
    sign(&["-o", text(file("grant.json"))]).expect_exit(0);
    let applied = apply(&federation.nodes[0]).expect_exit(0).json();
    assert_ne!(applied["old"], applied["new"]);
    let city = federation.write("city.json", &report("市司法局", "330200", 2024, 1).to_string());
    let city = federation.nodes[1].publish(&city);
    federation.wait_for(&[own, city.clone()], 20);
    federation.wait_agreement(20);
    federation.enrol(1, "district", "330282", "慈溪市");
    federation.nodes[0].stop();
    federation.nodes[0].serve();
    federation.wait_agreement(30);
    for node in &federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
        assert_eq!(root_key(node)["key"], applied["new"]);
    }
    // D: the machine is lost. Backup and paper bring the root back under its key, and nothing is lost.
    std::fs::remove_file(file("root.txt")).expect("the old page");
    let words =
        ["keys", "escrow", "export", "--passphrase-file", text(file("P")), "-o", text(file("root.txt"))];
    federation.nodes[0].run(&words).expect_exit(0);
    federation.nodes[0].run(&["backup", text(file("backup"))]).expect_exit(0);
    let late = federation.write("late.json", &report("市农业局", "330200", 2024, 1).to_string());
    let late = federation.nodes[1].publish(&late);
    federation.wait_for(std::slice::from_ref(&late), 20);
    federation.nodes[0].kill();
    std::fs::rename(&federation.nodes[0].data, file("lost")).expect("the machine is gone");
    federation.nodes[0].run(&["restore", text(file("backup"))]).expect_exit(0);
    let words = ["keys", "escrow", "restore", text(file("root.txt")), "--passphrase-file", text(file("P"))];
    federation.nodes[0].run(&words).expect_exit(0);
    federation.nodes[0].serve();
    federation.wait_for(&[city, late], 60);
    let next = federation.write("next.json", &report("市商务局", "330200", 2024, 1).to_string());
    let next = federation.nodes[1].publish(&next);
    federation.wait_for(&[next], 60);
    federation.wait_agreement(60);
}

#[test]
fn a_mistyped_page_is_named_by_its_line_and_a_wrong_passphrase_opens_nothing() {
    let dir = tempfile::TempDir::new().expect("a directory");
    let node = Node::new(&dir.path().join("330000"), "330000");
    node.init("province", "浙江省", &[]).expect_exit(0);
    let path = |name: &str| at(dir.path(), name);
    std::fs::write(path("P"), PASSPHRASE).expect("a passphrase");
    std::fs::write(path("other"), "另一个足够长的口令 2026\n").expect("a passphrase");
    std::fs::write(path("short"), "太短\n").expect("a passphrase");
    let export = |pass: &str, out: &str| {
        node.run(&["keys", "escrow", "export", "--passphrase-file", text(path(pass)), "-o", text(path(out))])
    };
    assert_eq!(export("short", "no.txt").expect_exit(2).json()["code"], "passphrase_short");
    export("P", "page.txt").expect_exit(0);
    export("P", "page.txt").expect_exit(2);
    let page = std::fs::read_to_string(path("page.txt")).expect("a page");
    let restore = |page: &str, pass: &str, to: &str| {
        std::fs::write(path("typed.txt"), page).expect("a page");
        let words =
            ["keys", "escrow", "restore", text(path("typed.txt")), "--passphrase-file", text(path(pass))];
        let ended = run(words.iter().copied().chain(["-o", text(path(to)), "--only", "transport", "--json"]));
        (ended.exit, ended.json()["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(restore(&page, "other", "a.pem").0, 4);
    let mistyped: Vec<String> = page
        .lines()
        .map(|line| {
            if line.starts_with("03") {
                line.replace(|c: char| c == line.chars().nth(6).expect("a letter"), "Z")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let (exit, message) = restore(&mistyped.join("\n"), "P", "b.pem");
    assert!(exit == 4 && message.contains("03"), "{message}");
    assert!(!path("a.pem").exists() && !path("b.pem").exists(), "nothing is written");
    // Typed in small letters and without its spaces, it is the very key that stood there.
    let lazy: Vec<String> = page
        .to_lowercase()
        .lines()
        .map(|line| match line.split_once("  ") {
            Some((number, rest)) => format!("{number} {}", rest.replace(' ', "")),
            None => line.to_owned(),
        })
        .collect();
    assert_eq!(restore(&lazy.join("\n"), "P", "c.pem").0, 0);
    let same = |name: &str| std::fs::read_to_string(node.data.join("keys").join(name)).expect("a key");
    assert_eq!(std::fs::read_to_string(path("c.pem")).expect("a key"), same("transport.pem"));
}
