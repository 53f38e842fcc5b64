//! A record that is damaged in its middle heals by serving; a sync that fails ends the process.

use crate::damage::{filled_chain, listed, segments, verify};
use crate::federation::{Federation, Node};
use crate::http;
use crate::program::{Process, run, wait_until};
use crate::reports::report;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// Flips three bytes in the middle of each file of the record.
fn damage(node: &Node) {
    for file in segments(node) {
        let mut bytes = fs::read(&file).expect("a file");
        for part in [40, 50, 60] {
            let at = bytes.len() * part / 100;
            bytes[at] ^= 0x24;
        }
        fs::write(&file, bytes).expect("written");
    }
}

/// Every document of a package that is shown now, with its digest.
fn shown(node: &Node, digests: &[String]) -> Vec<(String, u16, Value)> {
    let document = |digest: &String| {
        let answer = http::try_get(&node.portal, &format!("/api/v1/packages/{digest}")).ok()?;
        Some((digest.clone(), answer.status, answer.json()))
    };
    digests.iter().filter_map(document).collect()
}

#[test]
fn fault_08_a_record_damaged_in_its_middle_heals_by_serving_and_shows_nothing_wrong_meanwhile() {
    let mut federation = filled_chain();
    let mut digests = Vec::new();
    for number in 0..12 {
        let at = number % 4;
        let code = federation.nodes[at].code.clone();
        let made = report(&format!("第{number}局"), &code, 2023, u32::try_from(number).unwrap_or(1));
        let file = federation.write(&format!("{number}.json"), &made.to_string());
        digests.push(federation.nodes[at].publish(&file));
    }
    federation.wait_for(&digests, 20);
    let agreed = federation.wait_agreement(20);
    let whole = listed(&federation.nodes[0]);
    let right = shown(&federation.nodes[0], &digests);
    // A node in the middle, the town, and both at once.
    for victims in [&[1][..], &[3], &[2, 3]] {
        for at in victims {
            federation.nodes[*at].kill();
            damage(&federation.nodes[*at]);
            let refused = verify(&federation.nodes[*at]).expect_exit(9);
            assert!(!refused.said().contains("panicked"));
        }
        for at in victims {
            federation.nodes[*at].serve();
        }
        let begun = std::time::Instant::now();
        while federation.nodes.iter().any(|node| node.shown().as_ref() != Some(&agreed))
            || victims.iter().any(|at| federation.nodes[*at].status()["bodies_missing"] != 0)
        {
            assert!(begun.elapsed().as_secs() < 60, "not healed within 60 s");
            for at in victims {
                for (digest, status, document) in shown(&federation.nodes[*at], &digests) {
                    let expected = right.iter().find(|(known, ..)| *known == digest).expect("known");
                    match status {
                        200 => assert_eq!(document["tables"], expected.2["tables"], "{digest}"),
                        404 | 503 => {}
                        other => panic!("{other} for {digest}: {document}"),
                    }
                }
            }
        }
        println!("{victims:?} healed in {} ms", begun.elapsed().as_millis());
        for at in victims {
            let node = &federation.nodes[*at];
            verify(node).expect_exit(0);
            assert_eq!(listed(node), whole);
            let found = node.run(&["doctor"]).json().to_string();
            assert!(found.contains("set_aside") && found.contains("record.damaged-"), "{found}");
        }
    }
    // What is healed signs again, and its files are sound.
    let made = federation.write("after.json", &report("愈后局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&made);
    federation.wait_for(&[digest], 20);
    for at in 0..4 {
        federation.nodes[at].stop();
        let checked = federation.nodes[at].run(&["store", "check"]).expect_exit(0).json();
        let aside = checked["set_aside"].as_array().expect("a list").len();
        assert_eq!(aside > 0, at > 0, "{checked}");
    }
}

/// None where a process may not be traced.
fn serve_with_failing_sync(node: &Node, nth: u32) -> Option<Process> {
    let mut traced = Command::new("strace");
    let inject = format!("inject=fdatasync:error=EIO:when={nth}");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &inject]);
    traced.arg(env!("CARGO_BIN_EXE_gongshi")).args(["serve", "--data", node.path()]);
    let spawned = traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Some(Process(spawned.ok()?))
}

#[test]
fn fault_06_a_sync_that_fails_once_ends_the_process_without_an_acknowledgement() {
    let tried =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        println!("NOT POSSIBLE HERE: strace; the simulated world has the same fault");
        return;
    }
    let mut federation = Federation::province();
    let mut acknowledged = Vec::new();
    for nth in [1, 2, 4, 7] {
        let made = report(&format!("第{nth}局"), "330000", 2024, 1).to_string();
        acknowledged.push(federation.nodes[0].publish(&federation.write("before.json", &made)));
        federation.nodes[0].stop();
        let mut process = serve_with_failing_sync(&federation.nodes[0], nth).expect("strace starts");
        let portal = federation.nodes[0].portal.clone();
        let answers = || http::try_get(&portal, "/api/v1/node").is_ok_and(|answer| answer.status == 200);
        let mut up = false;
        wait_until("the traced node answers or ends", 60, || {
            up = answers();
            (up || process.0.try_wait().ok().flatten().is_some()).then_some(())
        });
        for number in 0..20 {
            if !up || process.0.try_wait().expect("wait").is_some() {
                break;
            }
            let made = report(&format!("第{nth}之{number}局"), "330000", 2024, 1).to_string();
            let file = federation.write(&format!("{nth}-{number}.json"), &made);
            let ended = run([
                "publish",
                file.to_str().expect("a path"),
                "--json",
                "--data",
                federation.nodes[0].path(),
            ]);
            match ended.exit {
                0 => acknowledged
                    .push(ended.json()["published"][0]["digest"].as_str().expect("a digest").to_owned()),
                _ => break,
            }
        }
        let status = wait_until("the process ends", 20, || process.0.try_wait().ok().flatten());
        assert!(!status.success(), "{status}");
        federation.nodes[0].process = None;
        federation.nodes[0].serve();
        for digest in &acknowledged {
            assert!(federation.nodes[0].has(digest), "{digest} was acknowledged");
        }
        verify(&federation.nodes[0]).expect_exit(0);
    }
    println!("4 failed syncs, {} acknowledged, 0 lost", acknowledged.len());
}
