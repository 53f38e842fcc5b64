//! Federations enrolled through the command line alone: init, serve, invite, join, serve.

use crate::http::{self, Answer};
use crate::program::{Ended, Process, command, run, wait_until};
use crate::reports::report;
use serde_json::Value;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A port that nothing uses, for UDP and TCP. Below the range from which the system gives ports to outgoing
/// connections: a node that is killed must find its port free when it comes back.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 19_000 + u16::try_from(std::process::id() % 120).unwrap_or(0) * 100;
    for _ in 0..2_000 {
        let port = 19_000 + (first - 19_000 + NEXT.fetch_add(1, Ordering::Relaxed)) % 13_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() && UdpSocket::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no free port");
}

/// One node: its directory, its addresses, and its process while it runs.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) data: PathBuf,
    pub(crate) code: String,
    pub(crate) listen: String,
    pub(crate) portal: String,
    pub(crate) console: String,
    pub(crate) process: Option<Process>,
}

impl Node {
    /// A node to be, with addresses of its own.
    pub(crate) fn new(data: &Path, code: &str) -> Self {
        let (listen, portal, console) = (free_address(), free_address(), free_address());
        Self { data: data.to_owned(), code: code.to_owned(), listen, portal, console, process: None }
    }

    /// `gongshi WORDS --data D --json`.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        run(words.iter().copied().chain(["--json", "--data", self.path()]))
    }

    pub(crate) fn path(&self) -> &str {
        self.data.to_str().expect("a plain path")
    }

    /// The flags of `init` and `join` that give this node its addresses.
    pub(crate) fn address_flags(&self) -> [&str; 6] {
        ["--listen", &self.listen, "--portal", &self.portal, "--console", &self.console]
    }

    /// `gongshi init`.
    pub(crate) fn init(&self, level: &str, name: &str, more: &[&str]) -> Ended {
        let mut words = vec!["init", "--level", level, "--code", &self.code, "--name", name];
        words.extend(self.address_flags());
        words.extend(more);
        self.run(&words)
    }

    /// `gongshi join TOKEN`.
    pub(crate) fn join(&self, token: &str) -> Ended {
        let mut words = vec!["join", token];
        words.extend(self.address_flags());
        self.run(&words)
    }

    /// `gongshi invite ... --auto`; the token.
    pub(crate) fn invite(&self, level: &str, code: &str, name: &str, more: &[&str]) -> String {
        let mut words = vec!["invite", "--level", level, "--code", code, "--name", name];
        words.extend(more);
        let document = self.run(&words).expect_exit(0).json();
        assert_eq!(document["schema"], "gongshi.invite/1");
        document["token"].as_str().expect("a token").to_owned()
    }

    /// Names the portal of another node in the configuration, for readers who compare; before it serves.
    pub(crate) fn knows(&self, other: &Self) {
        let path = self.data.join("gongshi.toml");
        let config = std::fs::read_to_string(&path).expect("a configuration");
        let known = format!("known = [\"{}=http://{}\"]", other.code, other.portal);
        assert!(config.contains("known = []"), "{config}");
        std::fs::write(&path, config.replace("known = []", &known)).expect("written");
    }

    /// Starts `gongshi serve` and waits until it answers; how long that took.
    pub(crate) fn serve(&mut self) -> Duration {
        let begun = Instant::now();
        let log = File::create(self.log_path()).expect("a log file");
        let mut serve = command();
        serve.args(["serve", "--data"]).arg(&self.data).stdout(Stdio::null()).stderr(Stdio::from(log));
        let mut process = Process(serve.spawn().expect("serve starts"));
        wait_until(&format!("{} answers", self.code), 30, || {
            if let Ok(Some(status)) = process.0.try_wait() {
                panic!("{} ended with {status}: {}", self.code, self.log());
            }
            http::try_get(&self.portal, "/api/v1/node").ok().filter(|answer| answer.status == 200)
        });
        self.process = Some(process);
        begun.elapsed()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        drop(self.process.take().expect("a running node"));
    }

    /// An orderly end.
    pub(crate) fn stop(&mut self) {
        let exit = self.process.take().expect("a running node").terminate();
        assert_eq!(exit, 0, "{} ended with {exit} on SIGTERM: {}", self.code, self.log());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running node").id()
    }

    fn log_path(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(&self.portal, path)
    }

    /// A JSON document that must be there.
    pub(crate) fn api(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// `status --json`; exits 0 and 3 are both fine.
    pub(crate) fn status(&self) -> Value {
        let ended = self.run(&["status"]);
        assert!(matches!(ended.exit, 0 | 3), "{ended:#?}");
        ended.json()
    }

    /// Publishes one file that must be accepted; its digest.
    pub(crate) fn publish(&self, file: &Path) -> String {
        self.publish_with(file, &[])
    }

    pub(crate) fn publish_with(&self, file: &Path, more: &[&str]) -> String {
        let mut words = vec!["publish", file.to_str().expect("a plain path")];
        words.extend(more);
        let document = self.run(&words).expect_exit(0).json();
        assert_eq!(document["schema"], "gongshi.publish/1");
        assert_eq!(document["refused"].as_array().map(Vec::len), Some(0), "{document}");
        let published = document["published"].as_array().expect("a list");
        assert_eq!(published.len(), 1, "{document}");
        assert_eq!(published[0]["file"], file.to_str().expect("a plain path"));
        published[0]["digest"].as_str().expect("a digest").to_owned()
    }

    pub(crate) fn has(&self, digest: &str) -> bool {
        let answer = http::try_get(&self.portal, &format!("/api/v1/packages/{digest}"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// What `/api/v1/node` shows of the common set: root log and view root.
    pub(crate) fn shown(&self) -> Option<(Value, Value)> {
        let node = http::try_get(&self.portal, "/api/v1/node").ok()?.json();
        Some((node["root_log"].clone(), node["view_root"].clone()))
    }
}

/// Nodes and where they live; all ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Federation {
    pub(crate) nodes: Vec<Node>,
    pub(crate) dir: TempDir,
}

impl Federation {
    /// A province that serves.
    pub(crate) fn province() -> Self {
        Self::province_with(&[])
    }

    /// A province with more flags for `init`.
    pub(crate) fn province_with(more: &[&str]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let mut node = Node::new(&dir.path().join("330000"), "330000");
        let document = node.init("province", "浙江省", more).expect_exit(0).json();
        assert_eq!(document["schema"], "gongshi.init/1");
        node.serve();
        Self { nodes: vec![node], dir }
    }

    /// Enrols a node under another and serves it; its place.
    pub(crate) fn enrol(&mut self, parent: usize, level: &str, code: &str, name: &str) -> usize {
        let mut node = Node::new(&self.dir.path().join(code), code);
        let token = self.nodes[parent].invite(level, code, name, &["--auto"]);
        node.join(&token).expect_exit(0);
        node.serve();
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Province and city.
    pub(crate) fn pair() -> Self {
        let mut federation = Self::province();
        federation.enrol(0, "city", "330200", "宁波市");
        federation
    }

    /// 浙江省, 宁波市, 慈溪市, 附海镇.
    pub(crate) fn chain() -> Self {
        let mut federation = Self::pair();
        federation.enrol(1, "district", "330282", "慈溪市");
        federation.enrol(2, "town", "330282108", "附海镇");
        federation
    }

    /// Writes a file beside the nodes.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// An agency's report for 2024, published at a node; its digest.
    pub(crate) fn publish(&self, at: usize, agency: &str) -> String {
        let node = &self.nodes[at];
        let text = report(agency, &node.code, 2024, 1).to_string();
        node.publish(&self.write(&format!("{}-{agency}.json", node.code), &text))
    }

    /// Waits until every node shows every one of these packages.
    pub(crate) fn wait_for(&self, digests: &[String], seconds: u64) {
        for node in &self.nodes {
            for digest in digests {
                wait_until(&format!("{digest} at {}", node.code), seconds, || node.has(digest).then_some(()));
            }
        }
    }

    /// Waits until every node shows the same root log and view root; that.
    pub(crate) fn wait_agreement(&self, seconds: u64) -> (Value, Value) {
        wait_until("all levels agree", seconds, || {
            let first = self.nodes.first()?.shown()?;
            self.nodes.iter().all(|node| node.shown().as_ref() == Some(&first)).then_some(first)
        })
    }
}

/// What the nodes were at when a test failed.
impl Drop for Federation {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for node in &self.nodes {
            let status = run(["status", "--json", "--data", node.path()]);
            println!("--- {} {}{}", node.code, status.said(), node.log());
        }
    }
}
