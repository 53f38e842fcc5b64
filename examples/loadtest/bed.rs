//! The federation that is measured: the four levels of the demonstration, each a process of this same program.

use crate::http;
use serde_json::Value;
use std::io::{BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Between two looks at what is waited for: a hundredth of the time waited so far, within these. To look costs the nodes
/// what they are measured by.
const LOOK: [Duration; 2] = [Duration::from_micros(500), Duration::from_millis(20)];

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) code: String,
    pub(crate) data: PathBuf,
    /// HOST:PORT.
    pub(crate) portal: String,
    pub(crate) console: String,
}

/// All of it; its processes end with it.
pub(crate) struct Bed {
    demo: Child,
    pub(crate) dir: tempfile::TempDir,
    /// From the province to the town.
    pub(crate) nodes: Vec<Node>,
    /// Other nodes' processes.
    pub(crate) more: Vec<Child>,
}

/// This program, to be run as Gongshi.
pub(crate) fn program() -> Command {
    Command::new(std::env::current_exe().expect("this program"))
}

/// Runs a command to its end; its JSON document.
pub(crate) fn run(words: &[&str], data: &Path) -> Value {
    let output = program().args(words).arg("--json").arg("--data").arg(data).output().expect("a process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("a document")
}

/// Waits until something is there; how long that took.
pub(crate) fn until(what: &str, mut is_there: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep((begun.elapsed() / 100).clamp(LOOK[0], LOOK[1]));
    }
    begun.elapsed()
}

impl Bed {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut demo = program()
            .args(["demo", "--json", "--dir"])
            .arg(dir.path().join("demo"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut out = BufReader::new(demo.stdout.take().expect("its output"));
        let document = first_document(&mut out);
        let text = |node: &Value, name: &str| node[name].as_str().expect("a text").to_owned();
        let address = |node: &Value, name: &str| text(node, name).trim_start_matches("http://").to_owned();
        let nodes = document["nodes"].as_array().expect("nodes").iter().map(|node| Node {
            code: text(node, "code"),
            data: text(node, "data").into(),
            portal: address(node, "portal"),
            console: address(node, "console"),
        });
        Self { nodes: nodes.collect(), demo, dir, more: Vec::new() }
    }

    /// Enrols a town below the district, which does not serve yet; and how long that took.
    pub(crate) fn enrol(&self, code: &str, name: &str) -> (Node, Duration) {
        let words = ["invite", "--level", "town", "--code", code, "--name", name, "--auto"];
        let token = run(&words, &self.nodes[2].data)["token"].as_str().expect("a token").to_owned();
        let (portal, console) = (free_address(), free_address());
        let data = self.dir.path().join(code);
        let begun = Instant::now();
        let join = ["join", &token, "--listen", "127.0.0.1:0", "--portal", &portal, "--console", &console];
        run(&join, &data);
        (Node { code: code.to_owned(), data, portal, console }, begun.elapsed())
    }

    /// Starts a node that is not served.
    pub(crate) fn serve(&mut self, node: &Node) {
        let mut serve = program();
        serve.arg("serve").arg("--data").arg(&node.data).stdin(Stdio::null()).stderr(Stdio::null());
        self.more.push(serve.spawn().expect("a process"));
        until("an answer", || http::try_get(&node.portal, "/api/v1/node").is_ok());
    }

    pub(crate) fn province(&self) -> &Node {
        &self.nodes[0]
    }

    pub(crate) fn town(&self) -> &Node {
        &self.nodes[self.nodes.len() - 1]
    }

    /// Waits until all levels show the same; how long that took.
    pub(crate) fn agrees(&self) -> Duration {
        until("agreement", || {
            let mut views = self.nodes.iter().map(|node| {
                let document = node.document();
                (document["root_log"].clone(), document["view_root"].clone())
            });
            let first = views.next();
            views.all(|view| Some(view) == first)
        })
    }
}

/// An address that nobody listens at.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// The document that is printed first, while the program that prints it goes on.
fn first_document(out: &mut impl Read) -> Value {
    let mut documents = serde_json::Deserializer::from_reader(out).into_iter();
    documents.next().expect("a document").expect("JSON")
}

impl Node {
    pub(crate) fn get(&self, path: &str) -> http::Answer {
        http::get(&self.portal, path)
    }

    pub(crate) fn document(&self) -> Value {
        self.get("/api/v1/node").json()
    }

    /// Leaves of the root log that it holds.
    pub(crate) fn size(&self) -> u64 {
        self.document()["root_log"]["size"].as_u64().expect("a size")
    }

    pub(crate) fn received(&self) -> u64 {
        self.document()["received"].as_u64().expect("a count")
    }

    pub(crate) fn shows(&self, digest: &str) -> bool {
        http::try_get(&self.portal, &format!("/api/v1/packages/{digest}/card")).is_ok_and(|a| a.status == 200)
    }

    /// UDP bytes that it sent and heard so far.
    pub(crate) fn wire(&self) -> f64 {
        let text = http::get(&self.console, "/metrics").text();
        let of =
            |line: &str| line.strip_prefix("gongshi_wire_bytes{")?.rsplit_once(' ')?.1.parse::<f64>().ok();
        text.lines().filter_map(of).sum()
    }

    /// The process that serves its directory.
    pub(crate) fn pid(&self) -> u32 {
        let data = self.data.display().to_string();
        let processes = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
        let serves = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            words.contains(&&b"serve"[..]) && words.contains(&data.as_bytes())
        };
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(serves).unwrap_or_else(|| panic!("nobody serves {data}"))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for process in self.more.iter_mut().chain([&mut self.demo]) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
