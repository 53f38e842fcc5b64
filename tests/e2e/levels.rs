//! Levels that are down, killed or skipped: what was acknowledged is never missing.

use crate::federation::Federation;
use crate::http;
use crate::program::{run, wait_until};
use crate::reports::report;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_town_under_a_city_reaches_the_province_within_2_s_while_a_district_is_down() {
    let mut federation = Federation::pair();
    let district = federation.enrol(1, "district", "330282", "慈溪市");
    let town = federation.enrol(1, "town", "330201001", "宁波市直属镇");
    federation.nodes[district].kill();
    let report = report("直属镇人民政府", "330201001", 2024, 3).to_string();
    let file = federation.write("town.json", &report);
    let begun = Instant::now();
    let digest = federation.nodes[town].publish(&file);
    wait_until("the town's report is at the province", 2, || federation.nodes[0].has(&digest).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    println!("town under a city, a district down: at the province after {:?}", begun.elapsed());
    let up = federation.nodes[district].serve();
    assert!(up < Duration::from_secs(5), "answers within 5 s of its start: {up:?}");
    federation.wait_for(&[digest], 60);
    federation.wait_agreement(60);
}

#[test]
fn a_district_that_was_down_while_its_town_published_agrees_when_it_is_back() {
    let mut federation = Federation::chain();
    federation.nodes[2].kill();
    let report = report("附海镇人民政府", "330282108", 2024, 3).to_string();
    let file = federation.write("town.json", &report);
    let digest = federation.nodes[3].publish(&file);
    wait_until("the town says what waits", 30, || {
        let status = federation.nodes[3].status();
        (status["unacknowledged"].as_u64() >= Some(1) && status["upstream"]["state"] == "down").then_some(())
    });
    assert!(!federation.nodes[0].has(&digest));
    federation.nodes[2].serve();
    federation.wait_for(&[digest], 60);
    federation.wait_agreement(60);
    wait_until("the receipt is at the town", 10, || {
        (federation.nodes[3].status()["unacknowledged"] == 0).then_some(())
    });
}

/// Publishes until told to stop, at one node; keeps every digest that the program acknowledged.
fn stream(
    data: &str,
    division: &str,
    files: &(dyn Fn(usize, &str) -> PathBuf + Sync),
    stop: &AtomicBool,
    count: &AtomicUsize,
    digests: &Mutex<Vec<String>>,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let file = files(number, division);
        let ended = run(["publish", file.to_str().expect("a path"), "--json", "--data", data]);
        // A node killed in mid-sentence acknowledges nothing (7), one that is just starting holds the lock (8).
        assert!(matches!(ended.exit, 0 | 7 | 8), "{ended:#?}");
        if ended.exit == 0 {
            let document = ended.json();
            let digest = document["published"][0]["digest"].as_str().expect("a digest").to_owned();
            digests.lock().expect("digests").push(digest);
        }
    }
}

#[test]
fn each_node_in_turn_survives_kill_9_during_a_stream_of_publishes() {
    let mut federation = Federation::chain();
    let dir = federation.dir.path().to_owned();
    let make = |number: usize, division: &str| {
        let path = dir.join(format!("report-{number}.json"));
        let report = report(&format!("第{number}执法队"), division, 2023, 5);
        std::fs::write(&path, report.to_string()).expect("a file");
        path
    };
    let (stop, count, digests) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let published = || digests.lock().expect("digests").len();
    let sources: Vec<(String, String)> = [0, 1, 3]
        .map(|at: usize| &federation.nodes[at])
        .iter()
        .map(|n| (n.path().to_owned(), n.code.clone()))
        .collect();
    std::thread::scope(|scope| {
        let stopped = StopOnDrop(&stop);
        for (data, division) in &sources {
            scope.spawn(|| stream(data, division, &make, &stop, &count, &digests));
        }
        for at in 0..federation.nodes.len() {
            let before = published();
            wait_until("the stream runs", 30, || (published() >= before + 5).then_some(()));
            federation.nodes[at].kill();
            let before = published();
            wait_until("the others go on", 30, || (published() >= before + 3).then_some(()));
            // A publish without a daemon may hold the directory for a moment.
            let begun = Instant::now();
            federation.nodes[at].serve();
            let took = begun.elapsed();
            assert!(took < Duration::from_secs(5), "{} answers after {took:?}", federation.nodes[at].code);
            println!(
                "{} killed during a stream: answers {took:?} after its restart",
                federation.nodes[at].code
            );
        }
        let before = published();
        wait_until("the stream runs to the end", 30, || (published() >= before + 5).then_some(()));
        drop(stopped);
    });
    let begun = Instant::now();
    let digests = digests.into_inner().expect("digests");
    federation.wait_for(&digests, 60);
    federation.wait_agreement(60);
    println!("{} acknowledged reports at four levels {:?} after the stream", digests.len(), begun.elapsed());
    for node in &federation.nodes {
        wait_until(&format!("nothing of {} waits", node.code), 10, || {
            (node.status()["unacknowledged"] == 0).then_some(())
        });
        assert_eq!(http::get(&node.portal, "/").status, 200);
    }
}

/// The streams end also when the test fails: a scope waits for its threads.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
