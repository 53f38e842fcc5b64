//! What verification says of a sound node and of a damaged one; an index that is gone.

use crate::federation::{Federation, Node};
use crate::program::{Ended, run, wait_until};
use crate::reports::{published_file, report};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn verify(node: &Node) -> Ended {
    node.run(&["verify", "--all"])
}

pub(crate) fn filled_chain() -> Federation {
    let federation = Federation::chain();
    let mut digests = vec![federation.nodes[0].publish(&published_file("zj-qingyuan-county-2024.json"))];
    digests.push(federation.nodes[1].publish(&published_file("zj-ningbo-city-2022-2023.json")));
    let made = federation.write("made.json", &report("某局", "330282", 2024, 1).to_string());
    digests.push(federation.nodes[2].publish(&made));
    digests.push(federation.nodes[3].publish(&published_file("zj-cixi-fuhai-town-2021.json")));
    federation.wait_for(&digests, 20);
    federation.wait_agreement(10);
    federation
}

#[test]
fn everything_verifies_on_every_node_with_and_without_its_daemon() {
    let mut federation = filled_chain();
    for node in &mut federation.nodes {
        let with = verify(node).expect_exit(0).json();
        node.stop();
        let without = verify(node).expect_exit(0).json();
        assert_eq!(with, without, "{}", node.code);
    }
}

#[test]
fn an_index_that_is_gone_is_rebuilt_with_the_same_roots() {
    let mut federation = filled_chain();
    let shown = federation.wait_agreement(10);
    for at in [0, 3] {
        let node = &mut federation.nodes[at];
        let package = node.api("/api/v1/packages")["packages"].clone();
        node.stop();
        fs::remove_dir_all(node.data.join("index")).expect("removed");
        node.serve();
        assert_eq!(node.shown().as_ref(), Some(&shown), "{}", node.code);
        assert_eq!(node.api("/api/v1/packages")["packages"], package);
        verify(node).expect_exit(0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (kind, target) = (entry.file_type().expect("a type"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

pub(crate) fn segments(node: &Node) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for kind in ["facts", "bodies"] {
        for entry in fs::read_dir(node.data.join("record").join(kind)).expect("a directory") {
            found.push(entry.expect("an entry").path());
        }
    }
    found
}

/// The lasting state that a node shows of itself.
fn state(data: &Path) -> (Value, Value, Value, Value) {
    let status = run(["status", "--json", "--data", data.to_str().expect("a path")]).json();
    ["log", "root_log", "view_root", "held"].map(|key| status[key].clone()).into()
}

/// Copies the node, flips a byte of a file, and wants the damage found or healed.
fn flip_is_noticed(
    node: &Node,
    file: &Path,
    at: u64,
    intact: &(Value, Value, Value, Value),
    seen: &mut [u32; 3],
) {
    let name = file.strip_prefix(&node.data).expect("inside");
    let scratch = node.data.with_extension("damaged");
    let _ = fs::remove_dir_all(&scratch);
    copy(&node.data, &scratch);
    let mut bytes = fs::read(file).expect("a file");
    bytes[usize::try_from(at).expect("small")] ^= 0x40;
    fs::write(scratch.join(name), &bytes).expect("written");
    let ended = run(["verify", "--all", "--json", "--data", scratch.to_str().expect("a path")]);
    assert!(!ended.said().contains("panicked"), "{ended:#?}");
    let place = format!("{} of {}, byte {at} of {}", name.display(), node.code, bytes.len());
    match ended.exit {
        4 => seen[0] += 1,
        9 => seen[1] += 1,
        0 => {
            seen[2] += 1;
            assert_eq!(&state(&scratch), intact, "accepted, and not what it was: {place}");
        }
        other => panic!("exit {other} for {place}: {ended:#?}"),
    }
}

#[test]
fn a_flipped_byte_at_the_end_of_a_record_is_never_silently_accepted() {
    let mut federation = filled_chain();
    for at in [0, 3] {
        federation.nodes[at].stop();
        let node = &federation.nodes[at];
        let intact = state(&node.data);
        let mut seen = [0; 3];
        for segment in segments(node) {
            let size = fs::metadata(&segment).expect("a file").len();
            let from = size.saturating_sub(1024);
            for at in (from..size).step_by(67).chain([size - 1]) {
                flip_is_noticed(node, &segment, at, &intact, &mut seen);
            }
        }
        println!(
            "{}: record flips: {} not verified, {} damaged, {} healed",
            node.code, seen[0], seen[1], seen[2]
        );
    }
}

/// What the portal lists and shows, by every way there is to a package. A page that meets damage says so, and the node
/// begins anew with an index that is made from the record; and a node that was damaged shows no body before it knows what
/// was erased since.
pub(crate) fn listed(node: &Node) -> Vec<Value> {
    wait_until("everything can be read", 30, || all_listed(node))
}

/// None while something of it cannot be read now.
fn all_listed(node: &Node) -> Option<Vec<Value>> {
    let read = |path: &str| {
        let answer = crate::http::try_get(&node.portal, path).ok()?;
        assert!(matches!(answer.status, 200 | 503), "{path}: {}", answer.text());
        (answer.status == 200).then(|| answer.json())
    };
    let list = read("/api/v1/packages")?;
    let mut seen = vec![list.clone()];
    for package in list["packages"].as_array().expect("packages") {
        let text = |pointer: &str| package.pointer(pointer).and_then(Value::as_str).expect("text").to_owned();
        seen.push(read(&format!("/api/v1/packages/{}", text("/digest")))?);
        let agency = crate::http::encode(&text("/agency/id"));
        for filter in [
            format!("division={}", text("/division/code")),
            format!("agency={agency}"),
            format!("year={}", package["year"]),
        ] {
            seen.push(read(&format!("/api/v1/packages?{filter}"))?);
        }
    }
    Some(seen)
}

#[test]
fn a_flipped_byte_in_the_index_is_never_silently_accepted() {
    let mut federation = filled_chain();
    let whole = listed(&federation.nodes[3]);
    federation.nodes[3].stop();
    let node = &federation.nodes[3];
    let intact = state(&node.data);
    let scratch = node.data.with_extension("damaged");
    let mut served = Node {
        data: scratch,
        code: node.code.clone(),
        listen: node.listen.clone(),
        portal: node.portal.clone(),
        console: node.console.clone(),
        process: None,
    };
    let mut seen = [0; 3];
    let mut wrong = Vec::new();
    for entry in fs::read_dir(node.data.join("index")).expect("a directory") {
        let path = entry.expect("an entry").path();
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        // Only bytes that are in use: the file of the index is mostly empty.
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for at in used.iter().step_by((used.len() / 16).max(1)) {
            let healed = seen[2];
            flip_is_noticed(node, &path, *at as u64, &intact, &mut seen);
            if seen[2] > healed {
                // Verification looked at the evidence; the lists beside it must be whole as well.
                served.serve();
                if listed(&served) != whole {
                    wrong.push(format!("{} at {at}", path.display()));
                }
                served.kill();
            }
        }
    }
    println!("index flips: {} not verified, {} damaged, {} healed", seen[0], seen[1], seen[2]);
    assert!(wrong.is_empty(), "lists differ after flips: {wrong:#?}");
}

#[test]
fn a_record_whose_end_is_missing_is_refused_by_commands_and_made_whole_by_serving() {
    let mut federation = filled_chain();
    let shown = federation.wait_agreement(10);
    federation.nodes[3].stop();
    let node = &mut federation.nodes[3];
    let facts =
        segments(node).into_iter().find(|path| path.to_string_lossy().contains("facts")).expect("facts");
    let bytes = fs::read(&facts).expect("a file");
    fs::write(&facts, &bytes[..bytes.len() - 400]).expect("cut");
    for words in [&["verify", "--all"][..], &["status"]] {
        let ended = node.run(words).expect_exit(9);
        assert_eq!(ended.json()["exit"], 9);
        assert!(ended.said().contains("gongshi serve"), "says what to do: {ended:#?}");
    }
    node.serve();
    assert_eq!(federation.wait_agreement(60), shown);
    verify(&federation.nodes[3]).expect_exit(0);
    federation.nodes[3].stop();
    verify(&federation.nodes[3]).expect_exit(0);
}
