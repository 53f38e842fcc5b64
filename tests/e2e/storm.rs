//! kill -9 on all four nodes at random while reports are published and corrected: nothing acknowledged is lost.

use crate::federation::{Federation, Node};
use crate::program::{command, run, wait_until};
use crate::reports::report;
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the storm lasts in an ordinary run, in seconds; GONGSHI_STORM_SECONDS asks for another time.
const SECONDS: u64 = 10;

#[allow(clippy::disallowed_methods, reason = "how long it lasts is for whoever runs the tests to say")]
fn seconds() -> u64 {
    std::env::var("GONGSHI_STORM_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS)
}

/// xorshift: which node, and how long.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
    fn pause(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(self.below(ms)));
    }
}

/// Publishes and corrects at all nodes until told to stop; the digests that were acknowledged.
fn publishes(nodes: &[(String, String)], files: &Path, over: &AtomicBool) -> Vec<String> {
    let (mut dice, mut acknowledged, mut number) = (Dice(0x9e37), Vec::new(), 0_u32);
    let mut standing: Vec<(usize, String)> = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let correct = !standing.is_empty() && dice.below(3) == 0;
        let place = dice.below(standing.len().max(1) as u64) as usize;
        let (at, agency) = match standing.get(place).filter(|_| correct) {
            Some(stands) => stands.clone(),
            None => (dice.below(4) as usize, format!("第{number}局")),
        };
        number += 1;
        let file = files.join(format!("storm-{number}.json"));
        std::fs::write(&file, report(&agency, &nodes[at].1, 2024, number).to_string()).expect("written");
        let verb: &[&str] = if correct { &["correct", "--reason", "风暴更正"] } else { &["publish"] };
        let file = file.to_str().expect("a path");
        let ended = run(verb.iter().copied().chain([file, "--json", "--data", &nodes[at].0]));
        if ended.exit != 0 {
            continue;
        }
        let digest = &ended.json()["published"][0]["digest"];
        acknowledged.push(digest.as_str().expect("a digest").to_owned());
        if !correct {
            standing.push((at, agency));
        }
    }
    acknowledged
}

/// Kills nodes until the time is over; how often, and the longest restart.
fn kills(nodes: &mut [Node], until: Instant) -> (u32, Duration) {
    let (mut dice, mut count, mut worst) = (Dice(0x51ed), 0, Duration::ZERO);
    while Instant::now() < until {
        let node = &mut nodes[dice.below(4) as usize];
        node.kill();
        count += 1;
        // Sometimes it is killed again while it starts.
        for _ in 0..dice.below(3) {
            let mut serve = command();
            serve.args(["serve", "--data", node.path()]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut starting = crate::program::Process(serve.spawn().expect("serve starts"));
            dice.pause(250);
            starting.kill();
            count += 1;
        }
        worst = worst.max(node.serve());
        dice.pause(150);
    }
    (count, worst)
}

fn agree(federation: &Federation) -> bool {
    let rollcall = federation.nodes[0].api("/api/v1/rollcall");
    let lines = rollcall["nodes"].as_array().expect("nodes");
    lines.len() == 4 && lines.iter().all(|line| line["agrees"] == true && line["size"] == rollcall["size"])
}

/// The state of every one of these packages, as a node shows it.
fn states(node: &Node, digests: &[String]) -> Vec<Value> {
    let state = |digest: &String| node.api(&format!("/api/v1/packages/{digest}"))["state"].clone();
    digests.iter().map(state).collect()
}

#[test]
fn a_storm_of_kills_on_all_four_nodes_under_load_loses_nothing_acknowledged() {
    let mut federation = Federation::chain();
    let over = AtomicBool::new(false);
    let paths: Vec<(String, String)> =
        federation.nodes.iter().map(|node| (node.path().to_owned(), node.code.clone())).collect();
    let files = federation.dir.path().to_owned();
    let until = Instant::now() + Duration::from_secs(seconds());
    let (acknowledged, (count, worst)) = std::thread::scope(|scope| {
        let publisher = scope.spawn(|| publishes(&paths, &files, &over));
        let killed = kills(&mut federation.nodes, until);
        over.store(true, Ordering::Relaxed);
        (publisher.join().expect("the publisher"), killed)
    });
    federation.wait_for(&acknowledged, 60);
    federation.wait_agreement(60);
    wait_until("the roll call agrees", 60, || agree(&federation).then_some(()));
    let first = states(&federation.nodes[0], &acknowledged);
    assert!(first.iter().all(|state| state.is_string()), "{first:?}");
    for node in &federation.nodes {
        assert_eq!(states(node, &acknowledged), first, "{}", node.code);
        node.run(&["verify", "--all"]).expect_exit(0);
    }
    println!(
        "storm of {} s: {count} kills, {} acknowledged, 0 lost, worst restart {} ms",
        seconds(),
        acknowledged.len(),
        worst.as_millis()
    );
    assert!(count > 3 && !acknowledged.is_empty(), "{count} kills, {} acknowledged", acknowledged.len());
    assert!(worst < Duration::from_secs(5), "{worst:?}");
}
