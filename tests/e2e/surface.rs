//! The operating surface: metrics, probes, what systemd is told, an orderly end, and what the portal keeps to itself.

use crate::federation::{Federation, Node};
use crate::http;
use crate::program::{Process, command, wait_until};
use crate::reports::report;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn metrics(node: &Node) -> String {
    let answer = http::get(&node.console, "/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    answer.text()
}

/// The value of a sample, named with its labels.
fn value(metrics: &str, sample: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn metrics_follow_what_happens_and_readiness_says_why() {
    let mut federation = Federation::pair();
    let file = federation.write("a.json", &report("某局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&file);
    federation.wait_for(&[digest], 20);
    federation.wait_agreement(20);
    let (root, city) = (metrics(&federation.nodes[0]), metrics(&federation.nodes[1]));
    for (text, sample, least) in [
        (&root, "gongshi_up", 1.0),
        (&root, "gongshi_ready", 1.0),
        (&root, "gongshi_packages_held", 1.0),
        (&root, "gongshi_link_up{relation=\"child\",code=\"330200\"}", 1.0),
        (&root, "gongshi_frames_total{direction=\"in\"}", 1.0),
        (&city, "gongshi_frame_bytes_total{direction=\"out\"}", 100.0),
        (&city, "gongshi_turn_duration_seconds_count{durable=\"yes\"}", 1.0),
        (&city, "gongshi_http_requests_total{listener=\"portal\",class=\"2xx\"}", 1.0),
        (&city, "gongshi_record_bytes", 100.0),
        (&city, "gongshi_process_resident_memory_bytes", 1e6),
        (&city, "gongshi_delegation_expiry_seconds", 1e6),
    ] {
        let found = value(text, sample);
        assert!(found.is_some_and(|found| found >= least), "{sample}: {found:?} in\n{text}");
    }
    assert_eq!(value(&city, "gongshi_statements_unacknowledged"), Some(0.0));
    let ready = http::get(&federation.nodes[1].console, "/readyz");
    assert_eq!((ready.status, &ready.json()["reasons"]), (200, &serde_json::json!([])));
    federation.nodes[0].stop();
    // A goodbye, not a timeout: the child knows at once.
    wait_until("the child says that its parent is away", 10, || {
        let ready = http::get(&federation.nodes[1].console, "/readyz");
        assert_eq!(ready.status, 200, "a node without its parent shows what it holds");
        ready.json()["reasons"].as_array()?.contains(&"upstream_down".into()).then_some(())
    });
}

#[test]
fn attack_54_the_portal_tells_nothing_of_its_inside() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    for path in ["/metrics", "/readyz", "/healthz", "/debug", "/debug/pprof", "/console", "/admin", "/.env"] {
        assert_eq!(node.get(path).status, 404, "{path}");
    }
    let long = format!("/{}", "a".repeat(9_000));
    let paths =
        ["/", "/nothing", "/api/v1/packages/xyz", "/api/v1/packages?limit=x", "/p/%ff", "/tile/9/9", &long];
    for path in paths {
        let answer = node.get(path);
        assert_eq!(answer.header("server"), "", "{path}");
        assert_eq!(answer.header("x-powered-by"), "", "{path}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        for inside in ["panicked", "src/", ".rs:", "backtrace", "gongshi_frames", "sled", node.path()] {
            assert!(!text.contains(inside), "{path} shows {inside}");
        }
    }
}

#[test]
fn systemd_hears_ready_and_stopping_and_the_watchdog_is_fed_by_a_working_engine_only() {
    let mut federation = Federation::province();
    federation.nodes[0].stop();
    let address = federation.dir.path().join("notify");
    let notify = UnixDatagram::bind(&address).expect("a socket");
    notify.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let hear = |what: &str| {
        let begun = Instant::now();
        let mut bytes = [0; 256];
        while begun.elapsed() < Duration::from_secs(10) {
            let Ok(length) = notify.recv(&mut bytes) else { break };
            if String::from_utf8_lossy(&bytes[..length]).contains(what) {
                return;
            }
        }
        panic!("{what} was not heard");
    };
    let mut serve = command();
    serve.args(["serve", "--data", federation.nodes[0].path()]);
    serve.env("NOTIFY_SOCKET", &address).env("WATCHDOG_USEC", "600000").env_remove("WATCHDOG_PID");
    let mut process =
        Process(serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("serve starts"));
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    let begun = Instant::now();
    assert_eq!(process.terminate(), 0);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    hear("STOPPING=1");
}

fn signal(node: &Node, signal: rustix::process::Signal) {
    let pid = i32::try_from(node.pid()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, signal).expect("a signal");
}

#[test]
fn fault_26_a_node_that_was_stopped_for_a_while_goes_on_where_it_was() {
    let federation = Federation::pair();
    let (root, city) = (&federation.nodes[0], &federation.nodes[1]);
    signal(city, rustix::process::Signal::STOP);
    let before = root.publish(&federation.write("a.json", &report("某局", "330000", 2024, 1).to_string()));
    assert!(root.has(&before), "a stopped child holds nobody up");
    std::thread::sleep(Duration::from_secs(3));
    signal(city, rustix::process::Signal::CONT);
    let after = city.publish(&federation.write("b.json", &report("某局", "330200", 2024, 1).to_string()));
    federation.wait_for(&[before, after], 20);
    federation.wait_agreement(20);
}

#[test]
fn fault_25_a_node_without_file_descriptors_recovers_when_the_strangers_leave() {
    let mut federation = Federation::province();
    federation.nodes[0].stop();
    let node = &federation.nodes[0];
    let mut serve = Command::new("sh");
    serve.args([
        "-c",
        "ulimit -n 64; exec \"$0\" serve --data \"$1\"",
        env!("CARGO_BIN_EXE_gongshi"),
        node.path(),
    ]);
    let mut process =
        Process(serve.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("serve starts"));
    let answers = || http::try_get(&node.portal, "/api/v1/node").ok().filter(|answer| answer.status == 200);
    wait_until("the node answers", 20, answers);
    // More than it can hold; the accept loop meets EMFILE again and again.
    let held: Vec<_> = (0..200).filter_map(|_| std::net::TcpStream::connect(&node.portal).ok()).collect();
    assert!(held.len() > 64, "{}", held.len());
    std::thread::sleep(Duration::from_secs(1));
    assert!(process.0.try_wait().expect("wait").is_none(), "it lives");
    drop(held);
    wait_until("an honest page is answered again", 10, answers);
    let digest = node.publish(&federation.write("a.json", &report("某局", "330000", 2024, 1).to_string()));
    assert!(node.has(&digest));
    assert_eq!(process.terminate(), 0);
}
