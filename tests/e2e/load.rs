//! Figures: latency, idle nodes, stalled readers.

use crate::federation::{Federation, Node};
use crate::http;
use crate::program::wait_until;
use crate::reports::report;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Resident memory in MiB and processor time in milliseconds.
pub(crate) fn usage(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = rss.trim().trim_end_matches("kB").trim().parse().expect("a number");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("/proc");
    let after = stat.rsplit_once(')').expect("a name").1;
    let fields: Vec<f64> = after.split_whitespace().skip(11).take(2).filter_map(|f| f.parse().ok()).collect();
    (kib / 1024.0, fields.iter().sum::<f64>() * 10.0)
}

/// UDP bytes that a node has sent, as its metrics say.
fn sent_bytes(node: &Node) -> f64 {
    let text = http::get(&node.console, "/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("gongshi_wire_bytes{direction=\"out\"} "));
    line.expect("the metric").parse().expect("a number")
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn one_report_is_visible_at_four_levels_within_50_ms_of_its_publication() {
    let federation = Federation::chain();
    let (mut commands, mut trips) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let report = report(&format!("第{number}局"), "330282108", 2024, 1);
        let file = federation.write(&format!("{number}.json"), &report.to_string());
        let begun = Instant::now();
        let digest = federation.nodes[3].publish(&file);
        commands.push(begun.elapsed());
        // From the moment that publish returns: the report is durable at the town.
        let begun = Instant::now();
        for node in &federation.nodes {
            wait_until("visible", 10, || node.has(&digest).then_some(()));
        }
        trips.push(begun.elapsed());
    }
    let (command, trip) = (median(&mut commands), median(&mut trips));
    println!(
        "publish: median {command:?}; then visible at four levels: median {trip:?}, worst {:?}",
        trips[19]
    );
    // The way up and down is seven durable turns, a publish command two and the start of a process. On a machine that
    // is busy with other tests both take longer alike, so the way may take what a few such commands take.
    assert!(trip < Duration::from_millis(50).max(command * 4), "{trip:?}, beside {command:?} for a command");
    federation.wait_agreement(10);
}

#[test]
fn four_idle_nodes_rest_and_are_quiet_on_the_wire() {
    let federation = Federation::chain();
    let file = federation.write("a.json", &report("某局", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[3].publish(&file);
    federation.wait_for(&[digest], 20);
    federation.wait_agreement(10);
    // Attestations follow within a second or two; then nothing has anything to say.
    let (windows, window) = (4, Duration::from_secs(5));
    let mut quietest = vec![f64::MAX; federation.nodes.len()];
    let mut wire = f64::MAX;
    for _ in 0..windows {
        let sent = || federation.nodes.iter().map(sent_bytes).sum::<f64>();
        let bytes = sent();
        let before: Vec<f64> = federation.nodes.iter().map(|node| usage(node.pid()).1).collect();
        std::thread::sleep(window);
        for ((node, before), quietest) in federation.nodes.iter().zip(before).zip(&mut quietest) {
            *quietest = quietest.min((usage(node.pid()).1 - before) / (window.as_millis() as f64) * 100.0);
        }
        wire = wire.min((sent() - bytes) / window.as_secs_f64());
    }
    for (node, percent) in federation.nodes.iter().zip(&quietest) {
        let mib = usage(node.pid()).0;
        println!("idle {}: {mib:.1} MiB, {percent:.2} % of a core, quietest of {windows} windows", node.code);
        assert!(mib < 64.0, "{}: {mib} MiB", node.code);
        // Noise of the machine only ever adds, so the quietest window is what the node itself does.
        assert!(*percent < 0.5, "{}: {percent} % of a core", node.code);
    }
    println!("idle: {wire:.0} bytes a second sent by four nodes in all");
    assert!(wire < 1024.0, "{wire} bytes a second");
}

#[test]
fn an_honest_page_answers_within_2_s_beside_300_stalled_readers() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let before = usage(node.pid()).0;
    let stalled: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&node.portal).expect("connects");
            stream.write_all(b"GET / HTTP/1.1\r\nHost: exam").expect("half a header");
            stream
        })
        .collect();
    let mut worst = Duration::ZERO;
    for path in ["/", "/reports", "/api/v1/node", "/rollcall", "/"] {
        let begun = Instant::now();
        assert_eq!(node.get(path).status, 200);
        worst = worst.max(begun.elapsed());
    }
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    let report = report("某局", "330000", 2024, 1).to_string();
    let digest = node.publish(&federation.write("a.json", &report));
    assert!(node.has(&digest));
    let grown = usage(node.pid()).0 - before;
    println!("300 stalled readers: slowest honest answer {worst:?}, memory grew {grown:.1} MiB");
    assert!(grown < 200.0);
    drop(stalled);
}
