//! Requests that two readers take apart differently, and requests that cost more than they look (attacks 44 and 45).

use crate::federation::{Federation, Node};
use crate::http;
use crate::load::usage;
use crate::program::wait_until;
use crate::reports::report;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What would have to come back if somebody took the second request for one.
const SMUGGLED: &str = "GET /.well-known/gongshi.json HTTP/1.1\r\nHost: a\r\n\r\n";

/// Sends bytes as they are; what comes back until the connection is over, or nothing more comes.
fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(Duration::from_millis(700))).expect("a timeout");
    // Whoever refuses at the first line may have closed already.
    let _ = stream.write_all(bytes);
    let (mut heard, mut chunk) = (Vec::new(), [0; 1 << 14]);
    while let Ok(length @ 1..) = stream.read(&mut chunk) {
        heard.extend_from_slice(&chunk[..length]);
    }
    let _ = stream.shutdown(Shutdown::Both);
    String::from_utf8_lossy(&heard).into_owned()
}

/// Framings that some proxies and some servers read differently: everything before what is smuggled.
const FRAMINGS: [(&str, &str); 14] = [
    (
        "CL.TE",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE.CL",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\nZ\r\n0\r\n\r\n",
    ),
    ("two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n"),
    ("a list of lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 5\r\n\r\n"),
    ("a length with a sign", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n"),
    ("a negative length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("a length beyond 64 bits", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"),
    ("an encoding nobody knows", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    ("chunked and then more", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"),
    ("a space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n"),
    ("a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    ("NUL in a header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    ("a bare CR", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n"),
    ("a body with GET", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
];

/// Frames of HTTP/2: a settings frame, and what its floods are made of.
fn http2(frame: &[u8], times: usize) -> Vec<u8> {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings, &frame.repeat(times)].concat()
}

#[test]
fn attack_44_no_request_hides_behind_another_and_no_frame_of_http_2_is_read() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let before = usage(node.pid()).0;
    for address in [&node.portal, &node.console] {
        for (what, framing) in FRAMINGS {
            let heard = exchange(address, format!("{framing}{SMUGGLED}").as_bytes());
            assert!(heard.matches("HTTP/1.1 ").count() <= 1, "{what} at {address}: {heard}");
            assert!(!heard.contains("\"federation\""), "{what} at {address}: {heard}");
            assert!(
                !heard.starts_with("HTTP/1.1 2"),
                "{what} at {address} is no request to be served: {heard}"
            );
        }
        let reset =
            [&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82][..], &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]].concat();
        let continuation = [0, 0, 1, 9, 0, 0, 0, 0, 1, 0x82];
        let empty_data = [0, 0, 0, 0, 0, 0, 0, 0, 1];
        for frame in [&reset[..], &continuation, &empty_data] {
            let heard = exchange(address, &http2(frame, 20_000));
            assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{heard}");
        }
    }
    // The honest neighbour of all that: two requests, one after the other, on one connection.
    let two = "GET /api/v1/node HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2);
    assert_eq!(exchange(&node.portal, two.as_bytes()).matches("HTTP/1.1 200").count(), 2);
    assert!(usage(node.pid()).0 - before < 32.0);
    assert!(node.has(&federation.publish(0, "某局")));
}

/// A number that the kernel says of a process.
fn threads(node: &Node) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a number")
}

#[test]
fn attack_45_two_hundred_of_the_dearest_questions_at_once_cost_a_bounded_share() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    for number in 0..120 {
        let text = report(&format!("第{number}局"), "330000", 2024, number + 1).to_string();
        federation.write(&format!("all/{number}.json"), &text);
    }
    let all = federation.dir.path().join("all");
    node.run(&["publish", all.to_str().expect("a path")]).expect_exit(0);
    wait_until("all are shown", 30, || {
        let page = node.api("/api/v1/packages?limit=1000");
        (page["packages"].as_array().map(Vec::len) == Some(120)).then_some(())
    });
    let (before, rest) = (usage(node.pid()).0, threads(node));
    let dearest = [
        "/api/v1/packages?limit=4294967295".to_owned(),
        "/api/v1/changes?limit=4294967295".to_owned(),
        format!("/search?q={}", http::encode("局")),
        "/330000/2024/own.xlsx".to_owned(),
        "/330000/2024".to_owned(),
        "/reports?limit=4294967295".to_owned(),
        "/coverage/2024".to_owned(),
        "/api/v1/series/330000".to_owned(),
        "/sitemap.xml".to_owned(),
        "/feed.atom".to_owned(),
    ];
    let (over, most_threads, most_mib) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let begin = Barrier::new(200);
    let (slowest, answered) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most_threads.fetch_max(threads(node), Ordering::Relaxed);
                most_mib.fetch_max(usage(node.pid()).0 as usize, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let questions: Vec<_> = (0..200)
            .map(|number| {
                let (path, begin) = (&dearest[number % dearest.len()], &begin);
                scope.spawn(move || {
                    begin.wait();
                    let within = Duration::from_secs(60);
                    http::send(&node.portal, "GET", path, &[], b"", within).map(|answer| answer.status)
                })
            })
            .collect();
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let begun = Instant::now();
            assert_eq!(node.get("/api/v1/node").status, 200);
            slowest = slowest.max(begun.elapsed());
        }
        let answers: Vec<_> = questions.into_iter().map(|one| one.join().expect("a question")).collect();
        over.store(true, Ordering::Relaxed);
        (slowest, answers)
    });
    let grown = most_mib.load(Ordering::Relaxed) as f64 - before;
    let threads = most_threads.load(Ordering::Relaxed);
    println!(
        "200 dear questions: an honest one waited {slowest:?}, {threads} threads at most (at rest {rest}), \
         memory grew {grown:.0} MiB"
    );
    for (number, answer) in answered.iter().enumerate() {
        let path = &dearest[number % dearest.len()];
        let answer = answer.as_ref().unwrap_or_else(|error| panic!("{path} was not answered: {error}"));
        assert!(matches!(answer, 200 | 400 | 404), "{path}: {answer}");
    }
    // 64 that may block, and those that the engine of the index starts for its files.
    assert!(threads <= rest + 64 + 32, "{threads} threads");
    assert!(grown < 128.0, "{grown} MiB");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    let page = node.api("/api/v1/packages?limit=4294967295");
    assert_eq!(page["packages"].as_array().map(Vec::len), Some(120));
}
