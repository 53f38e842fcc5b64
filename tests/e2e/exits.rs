//! The table of exit codes: each produced by a real command, each with a code that `explain` knows.

use crate::federation::{Federation, Node};
use crate::program::{Ended, run};
use crate::reports::report;
use std::collections::BTreeSet;
use std::path::Path;

/// The program ended as the table says; the code of its error, if it names one, can be explained.
fn check(exit: i32, what: &str, ended: Ended) {
    assert_eq!(ended.exit, exit, "{what}: {ended:#?}");
    if exit != 2
        && let Ok(document) = serde_json::from_str::<serde_json::Value>(&ended.stdout)
        && document["schema"] == "gongshi.error/1"
    {
        let code = document["code"].as_str().expect("a code");
        assert_eq!(document["exit"], exit, "{what}");
        run(["explain", code]).expect_exit(0);
        assert!(document["message"].as_str().is_some_and(|text| text.contains("/ ")), "{what}: {document}");
    }
}

/// The first segment of the facts, rewritten.
fn rewrite(node: &Node, change: impl Fn(&mut Vec<u8>)) {
    let dir = node.data.join("record/facts");
    let mut segments: Vec<_> =
        std::fs::read_dir(&dir).expect("facts").flatten().map(|entry| entry.path()).collect();
    segments.sort();
    let path =
        segments.iter().find(|path| path.extension().is_some_and(|end| end == "seg")).expect("a segment");
    let mut bytes = std::fs::read(path).expect("a segment");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("a segment");
}

#[test]
fn each_exit_code_means_what_the_contract_says() {
    let mut federation = Federation::province();
    let dir = federation.dir.path().to_owned();
    let path = |name: &str| dir.join(name).to_str().expect("a plain path").to_owned();
    let good = federation.write("good.json", &report("某局", "330000", 2024, 1).to_string());
    let bad = federation.write("bad.json", "{\"agency_name\": \"\"}");
    let other = federation.write("other.json", &report("某局", "330000", 2024, 2).to_string());
    let blocked = federation.write("file", "");
    let words = |path: &Path| path.to_str().expect("a plain path").to_owned();

    let node = &federation.nodes[0];
    let digest = node.publish_with(&good, &["--wait", "sequenced"]);
    check(0, "version", run(["version", "--json"]));
    check(
        1,
        "an unexpected error of the system",
        run(["demo", "--exit", "--json", "--dir", &words(&blocked)]),
    );
    check(2, "usage", run(["publish"]));
    check(2, "a command that is none", run(["levitate"]));
    check(3, "doctor finds the anchor key beside the node", node.run(&["doctor"]));
    let proof = path("proof");
    check(0, "a proof", node.run(&["proof", &digest, "-o", &proof]));
    let text = std::fs::read_to_string(&proof).expect("a proof");
    let (first, rest) = text.split_once("\nindex ").expect("a C2SP proof");
    let rest: String = rest.replacen(|c: char| c.is_ascii_digit(), "9", 1);
    let tampered = federation.write("tampered", &format!("{first}\nindex {rest}"));
    check(4, "a proof in which a byte was changed", node.run(&["verify", &words(&tampered)]));
    check(5, "data that is not valid", node.run(&["publish", &words(&bad)]));
    check(6, "another content where a revision stands", node.run(&["publish", &words(&other)]));
    let token = node.invite("city", "330200", "宁波市", &["--auto"]);
    check(8, "a second process on one store", node.run(&["serve"]));
    federation.nodes[0].stop();
    let city = Node::new(&dir.join("330200"), "330200");
    check(7, "a parent that is away", city.join(&token));
    check(10, "a directory that is none", run(["status", "--json", "--data", &path("nowhere")]));

    let node = &federation.nodes[0];
    // A later program's format: its header is sound and says another version.
    let original = std::cell::RefCell::new(Vec::new());
    rewrite(node, |bytes| {
        *original.borrow_mut() = bytes.clone();
        bytes[5..7].copy_from_slice(b"99");
        let checksum = crc32(&bytes[..20]);
        bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
    });
    for words in [&["status"][..], &["serve"], &["verify", "--all"]] {
        check(11, "a record of a later version", node.run(words));
    }
    let upgrade = node.run(&["upgrade", "check"]);
    assert_eq!((upgrade.exit, &upgrade.json()["code"]), (11, &"incompatible_version".into()));
    rewrite(node, |bytes| *bytes = original.borrow().clone());
    check(0, "the version that wrote it", node.run(&["upgrade", "check"]));
    check(0, "the record as it was", node.run(&["list"]));
    rewrite(node, |bytes| bytes[30] ^= 1);
    check(9, "a record in which a byte was changed", node.run(&["status"]));
}

#[test]
fn the_readme_lists_the_exit_codes_that_the_program_has_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("README.md");
    let (_, table) = readme.split_once("## Exit codes").expect("the table");
    let (table, _) = table.split_once("\n## ").expect("the next section");
    let listed: BTreeSet<u8> =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    let program = std::fs::read_to_string(root.join("src/ops/cli/mod.rs")).expect("the program");
    let mut codes: BTreeSet<u8> = program
        .lines()
        .filter_map(|line| {
            line.strip_prefix("const ")?.split_once(": u8 = ")?.1.strip_suffix(';')?.parse().ok()
        })
        .collect();
    // What goes wrong by our fault or by the words given has no name there.
    codes.extend([1, 2]);
    assert_eq!(listed, codes);
    assert_eq!(listed, (0..=11).collect(), "each of them is produced by a command above");
}

/// CRC-32 (IEEE 802.3), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}
