//! Figures: latency, idle nodes, stalled readers.

use crate::federation::Federation;
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

#[test]
fn one_report_is_visible_at_four_levels_within_a_second_and_idle_nodes_rest() {
    let federation = Federation::chain();
    let mut times = Vec::new();
    for number in 0..20 {
        let report = report(&format!("第{number}局"), "330282108", 2024, 1);
        let file = federation.write(&format!("{number}.json"), &report.to_string());
        // From the moment that publish returns: the report is durable at the town.
        let digest = federation.nodes[3].publish(&file);
        let begun = Instant::now();
        for node in &federation.nodes {
            wait_until("visible", 10, || node.has(&digest).then_some(()));
        }
        times.push(begun.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!(
        "town to visible at four levels after publish returned: median {median:?}, worst {:?}",
        times[19]
    );
    assert!(median < Duration::from_millis(1000), "{times:?}");
    federation.wait_agreement(10);
    let window = 10_u32;
    let before: Vec<_> = federation.nodes.iter().map(|node| usage(node.pid())).collect();
    std::thread::sleep(Duration::from_secs(window.into()));
    for (node, (_, cpu)) in federation.nodes.iter().zip(before) {
        let (mib, after) = usage(node.pid());
        let percent = (after - cpu) / (f64::from(window) * 10.0);
        println!("idle {}: {mib:.1} MiB, {percent:.2} % of a core over {window} s", node.code);
        assert!(mib < 256.0 && percent < 20.0, "{mib} MiB, {percent} %");
    }
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
