//! Attachments: published at a town, held by every ancestor, downloaded anywhere, without memory growing with them.

use crate::federation::{Federation, Node};
use crate::http;
use crate::program::{Ended, wait_until};
use crate::reports::report;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most that a node's memory may grow by while an attachment passes.
const GROWTH_BYTES_MAX: u64 = 20 << 20;

/// Bytes that do not compress (xorshift64).
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(word).take(bytes.div_ceil(8)).flatten().take(bytes).collect()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Resident memory of a node in bytes.
fn resident(node: &Node) -> u64 {
    let id = node.process.as_ref().expect("it runs").id();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

/// A report file and an attachment beside it.
pub(crate) fn files(federation: &Federation, agency: &str, name: &str, content: &[u8]) -> (PathBuf, PathBuf) {
    let report = federation.write("with.json", &report(agency, "330282108", 2024, 3).to_string());
    let attachment = federation.dir.path().join(name);
    std::fs::write(&attachment, content).expect("a file");
    (report, attachment)
}

pub(crate) fn publish(node: &Node, report: &PathBuf, attachment: &PathBuf) -> Ended {
    let path = |path: &PathBuf| path.to_str().expect("a path").to_owned();
    node.run(&["publish", &path(report), "--attach", &path(attachment)])
}

/// The address of the one attachment of a report at a portal.
pub(crate) fn address(node: &Node, digest: &str) -> String {
    let document = http::get(&node.portal, &format!("/api/v1/packages/{digest}")).json();
    let body = document["attachments"][0]["digest"].as_str().expect("an attachment").to_owned();
    format!("/api/v1/packages/{digest}/attachments/{body}")
}

#[test]
fn a_large_attachment_published_at_a_town_is_the_same_at_all_four_levels_and_memory_does_not_grow_with_it() {
    let megabytes = std::env::var("GONGSHI_ATTACHMENT_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(24);
    let federation = Federation::chain();
    let content = noise(7, megabytes << 20);
    let (report, attachment) = files(&federation, "附海镇人民政府", "原始台账.xlsx", &content);
    let before: Vec<u64> = federation.nodes.iter().map(resident).collect();
    let begun = Instant::now();
    let ended = publish(&federation.nodes[3], &report, &attachment).expect_exit(0);
    let digest = ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned();
    println!("{megabytes} MB kept and published after {:?}", begun.elapsed());
    federation.wait_for(std::slice::from_ref(&digest), 60);
    for node in &federation.nodes {
        let at = address(node, &digest);
        let answer = wait_until("the attachment is there", 120, || {
            http::try_get(&node.portal, &at).ok().filter(|answer| answer.status == 200)
        });
        assert_eq!(answer.body.len(), content.len(), "{}", node.code);
        assert_eq!(sha256(&answer.body), sha256(&content), "{}", node.code);
        let disposition = answer.header("content-disposition");
        assert!(disposition.starts_with("attachment; filename="), "{disposition}");
        assert!(disposition.ends_with("UTF-8''%E5%8E%9F%E5%A7%8B%E5%8F%B0%E8%B4%A6.xlsx"), "{disposition}");
    }
    println!("{megabytes} MB at four portals after {:?}", begun.elapsed());
    for (node, before) in federation.nodes.iter().zip(before) {
        let growth = resident(node).saturating_sub(before);
        println!("{}: memory grew by {} MiB", node.code, growth >> 20);
        assert!(growth < GROWTH_BYTES_MAX, "{} grew by {growth} bytes", node.code);
    }
    let again = publish(&federation.nodes[3], &report, &attachment).expect_exit(0);
    assert_eq!(again.json()["published"][0]["digest"], digest.as_str(), "nothing is said twice");
}

#[test]
fn a_node_beside_the_path_fetches_an_attachment_when_somebody_asks_and_keeps_it() {
    let mut federation = Federation::chain();
    let beside = federation.enrol(2, "town", "330282109", "道林镇");
    let content = noise(8, (1 << 20) + 17);
    let (report, attachment) = files(&federation, "附海镇人民政府", "a.pdf", &content);
    // Without a daemon the file is kept and the report signed as well.
    federation.nodes[3].kill();
    let ended = publish(&federation.nodes[3], &report, &attachment).expect_exit(0);
    let digest = ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned();
    federation.nodes[3].serve();
    federation.wait_for(std::slice::from_ref(&digest), 60);
    let node = &federation.nodes[beside];
    let at = address(node, &digest);
    let listed = node.run(&["attachment", &digest]).expect_exit(0).json();
    assert_eq!(listed["attachments"][0]["held"], false);
    assert_eq!(listed["attachments"][0]["sha256"], sha256(&content).as_str());
    let answer = wait_until("it is fetched", 60, || {
        http::try_get(&node.portal, &at).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(sha256(&answer.body), sha256(&content));
    let out = federation.dir.path().join("out.pdf");
    node.run(&["attachment", &digest, "1", "--out", out.to_str().expect("a path")]).expect_exit(0);
    assert_eq!(sha256(&std::fs::read(&out).expect("written")), sha256(&content));
    let document = http::get(&node.portal, &format!("/api/v1/packages/{digest}")).json();
    assert_eq!(document["attachments"][0]["name"], "a.pdf");
    assert_eq!(document["attachments"][0]["sha256"], sha256(&content).as_str());
    node.run(&["attachment", &digest, "2"]).expect_exit(2);
    assert_eq!(node.run(&["attachment", &digest]).expect_exit(0).json()["attachments"][0]["held"], true);
}

#[test]
fn fault_11_on_a_slow_line_an_attachment_holds_up_no_statement() {
    let mut federation = Federation::chain();
    let file = federation.nodes[3].data.join("gongshi.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    assert!(text.contains("up_bytes_per_s = 0"), "{text}");
    federation.nodes[3].stop();
    std::fs::write(&file, text.replace("up_bytes_per_s = 0", "up_bytes_per_s = 200000")).expect("written");
    federation.nodes[3].serve();
    let content = noise(9, 2 << 20);
    let (large, attachment) = files(&federation, "附海镇人民政府", "a.pdf", &content);
    let begun = Instant::now();
    let ended = publish(&federation.nodes[3], &large, &attachment).expect_exit(0);
    let digest = ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned();
    let small = federation.write("small.json", &report("附海镇综合执法队", "330282108", 2024, 3).to_string());
    let after = Instant::now();
    let statement = federation.nodes[3].publish(&small);
    wait_until("the statement is at the province", 5, || federation.nodes[0].has(&statement).then_some(()));
    println!("a statement behind 2 MB at 200 KB/s: at the province after {:?}", after.elapsed());
    let at = address(&federation.nodes[0], &digest);
    let answer = wait_until("the attachment is there", 60, || {
        http::try_get(&federation.nodes[0].portal, &at).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(sha256(&answer.body), sha256(&content));
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(9), "2 MiB at 200 KB/s in {took:?}: the limit does not hold");
    println!("2 MiB at 200 KB/s: {took:?}");
}

#[test]
fn fault_21_a_file_of_ten_gigabytes_is_refused_before_a_byte_of_it_is_read() {
    let federation = Federation::pair();
    let huge = federation.dir.path().join("huge.bin");
    File::create(&huge).and_then(|file| file.set_len(10 << 30)).expect("a sparse file");
    let file = federation.write("a.json", &report("宁波市城市管理局", "330200", 2024, 3).to_string());
    let ended = publish(&federation.nodes[1], &file, &huge).expect_exit(5);
    assert_eq!(ended.json()["code"], "attachment_too_long");
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    let ended = publish(&federation.nodes[1], &file, &federation.dir.path().to_owned()).expect_exit(2);
    assert_eq!(ended.json()["code"], "no_such_file");
}

#[test]
fn a_report_carries_its_own_file_when_that_is_wanted_and_a_record_with_attachments_is_found_sound() {
    let mut federation = Federation::pair();
    let text = report("宁波市城市管理局", "330200", 2024, 3).to_string();
    let file = federation.write("original.json", &text);
    let digest = federation.nodes[1].publish_with(&file, &["--original"]);
    federation.wait_for(std::slice::from_ref(&digest), 30);
    let at = address(&federation.nodes[0], &digest);
    let answer = wait_until("the file is at the province", 30, || {
        http::try_get(&federation.nodes[0].portal, &at).ok().filter(|answer| answer.status == 200)
    });
    assert_eq!(answer.body, text.as_bytes());
    assert!(answer.header("content-disposition").contains("original.json"), "{answer:?}");
    for node in &mut federation.nodes {
        node.run(&["verify", "--all"]).expect_exit(0);
        node.stop();
        node.run(&["store", "check"]).expect_exit(0);
    }
}
