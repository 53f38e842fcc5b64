//! `gongshi demo`: four real nodes on this machine, from nothing to four portals that agree.
//!
//! Everything goes through the real paths: the same `init`, `invite`, `join`, `serve` and `publish` that an
//! operator runs, real QUIC, a process, a record and an index for each node. `chain` says who they are; `walk` leads a visitor through a cut line and a changed byte, over the `relay`.

mod chain;
mod relay;
mod walk;

use super::args::{Addresses, Check, Demo, Global, Init, Publish};
use super::attach::Attach;
use super::join::Join;
use super::link::{Link, pause};
use super::ports::{PORT, Ports};
use super::{Outcome, UNREACHABLE, init, join, publish, runtime, say, serve, unexpected};
use crate::config::KnownPortal;
use crate::division::Level;
use crate::ops::control;
use crate::ops::data_dir::{Clock, DataDir};
use crate::ops::service::{Failure, Reply, Request};
use crate::trust::delegation::Hosting;
use chain::{CHAIN, Station};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
pub(super) use walk::Walk;

/// How long a node may take to answer, and all levels to agree: 300 tries of 100 ms.
const TRIES: u32 = 300;

/// A node of the running demo. Its process ends when this is dropped, or when the demo is killed: its standard
/// input is a pipe of ours.
struct Running {
    station: &'static Station,
    data: DataDir,
    portal: String,
    console: String,
    login: (String, String),
    process: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a visitor's demo belongs in the temporary directory, as a whole"
)]
pub(super) fn run(global: &Global, demo: &Demo) -> Result<Outcome, Failure> {
    let clock = Clock::start();
    let dir = match &demo.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("gongshi-demo-{}", std::process::id())),
    };
    fs::create_dir_all(&dir).map_err(|error| failed(&dir, &error))?;
    let dir = fs::canonicalize(&dir).map_err(|error| failed(&dir, &error))?;
    let mut ports = Ports::claim(PORT)?;
    let runtime = runtime()?;
    // A line that can be cut stands before the city; without a walk nothing stands between.
    let line = demo.walk.map(|walk| walk.line(&dir, &runtime, &mut ports)).transpose()?.flatten();
    let mut nodes: Vec<Running> = Vec::new();
    let mut rooms = Vec::new();
    for _ in &CHAIN {
        rooms.push(Room {
            listen: ports.free(true)?,
            portal: ports.free(false)?,
            console: ports.free(false)?,
            announce: Vec::new(),
        });
    }
    let known: Vec<KnownPortal> = CHAIN
        .iter()
        .zip(&rooms)
        .filter_map(|(station, room)| format!("{}=http://{}", station.code, room.portal).try_into().ok())
        .collect();
    for (station, room) in CHAIN.iter().zip(rooms) {
        say(&format!("{} {} {}", global.words("启动", "starting"), station.code, station.name));
        let announce = line.iter().filter(|_| station.level == Level::City).map(relay::Line::address);
        let room = Room { announce: announce.collect(), ..room };
        let node = start(&dir, station, nodes.last(), room, &known)?;
        if let (Some(line), Level::City) = (&line, station.level) {
            line.lead_to(&serve::load(&global_of(&node.data))?.listen.peer.to_string())?;
        }
        nodes.push(node);
    }
    for node in &nodes {
        publish_reports(&dir, node)?;
    }
    let mut document = runtime.block_on(agreement(&nodes, reports()))?;
    if let Some(walk) = demo.walk {
        let steps = walk.run(global, &dir, &mut nodes, &runtime, line.as_ref())?;
        document = runtime.block_on(agreement(&nodes, reports() + walk.reports()))?;
        document["walk"] = json!(walk.word());
        document["steps"] = steps;
    }
    document["elapsed_ms"] = json!(clock.now().steady_ms);
    let text = summary(global, &document, demo.exit);
    if demo.exit {
        drop(nodes);
        clean_up(demo, &dir);
        return Ok(Outcome::done(document, text));
    }
    let first = if global.json { document.to_string() } else { text };
    super::print(&format!("{first}\n"));
    runtime.block_on(async {
        let _ = tokio::signal::ctrl_c().await;
    });
    drop(nodes);
    clean_up(demo, &dir);
    Ok(Outcome::said_already())
}

/// How many reports the demo itself publishes.
fn reports() -> u64 {
    CHAIN.iter().map(|station| station.reports.len() as u64).sum()
}

fn clean_up(demo: &Demo, dir: &Path) {
    if demo.dir.is_none() {
        let _ = fs::remove_dir_all(dir);
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(1, "io", format!("{}: 无法读写：{error} / cannot be read or written", path.display()))
}

/// The addresses of one node.
struct Room {
    listen: String,
    portal: String,
    console: String,
    /// What the node tells those below to dial, where that is another address.
    announce: Vec<String>,
}

/// The options a command of this node would be run with.
fn global_of(data: &DataDir) -> Global {
    Global {
        data: data.path().to_path_buf(),
        config: None,
        json: true,
        lang: "zh".into(),
        no_input: true,
        manner: super::global::Manner::default(),
    }
}

/// Founds or joins a node if it is new, and serves it.
fn start(
    dir: &Path,
    station: &'static Station,
    parent: Option<&Running>,
    room: Room,
    known: &[KnownPortal],
) -> Result<Running, Failure> {
    let data = DataDir::new(&dir.join(station.dir));
    let code = station.code.parse().map_err(|_| unexpected())?;
    if !data.is_initialised() {
        let addresses = Addresses {
            listen: Some(room.listen),
            portal: Some(room.portal),
            console: Some(room.console),
            announce: room.announce,
        };
        let name = station.name.to_owned();
        match parent {
            None => {
                let init = Init { level: station.level, code, name, addresses, release: "open".into() };
                init::run(&global_of(&data), &init)?;
            }
            Some(parent) => {
                let (level, hosting) = (station.level, Hosting::Own);
                let invite =
                    Request::Invite { level, code, name, hosting, ttl_ms: None, auto: true, by_file: false };
                let document =
                    runtime()?.block_on(async { Link::open(&parent.data).await?.document(invite).await })?;
                let token = document["token"].as_str().ok_or_else(unexpected)?.to_owned();
                join::run(
                    &global_of(&data),
                    &Join { token: Some(token), addresses, request: None, answer: None },
                )?;
            }
        }
        // Each level's pages lead to the same digest on the other three.
        let mut config = serve::load(&global_of(&data))?;
        config.portal.known = known.to_vec();
        data.write_config(&config.to_toml()).map_err(|error| Failure::new(1, "io", error.to_string()))?;
    }
    run_node(data, station)
}

/// Runs the node of a data directory.
fn run_node(data: DataDir, station: &'static Station) -> Result<Running, Failure> {
    let login = super::console::demo_user(&data)?;
    let config = serve::load(&global_of(&data))?;
    let program = std::env::current_exe().map_err(|error| failed(data.path(), &error))?;
    let log = data.path().join("serve.log");
    let log = fs::File::create(&log).map_err(|error| failed(&log, &error))?;
    let mut process = Command::new(program)
        .arg("serve")
        .arg("--until-stdin-closes")
        .arg("--data")
        .arg(data.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(|error| failed(data.path(), &error))?;
    let ready = runtime()?.block_on(async {
        for _ in 0..TRIES {
            if control::connect(data.path(), DataDir::SOCKET).await.is_some() {
                return true;
            }
            if process.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            pause().await;
        }
        false
    });
    let portal = format!("http://{}", config.listen.portal);
    let console = format!("http://{}", config.listen.console);
    let node = Running { station, data, portal, console, login, process };
    if ready {
        return Ok(node);
    }
    let log = fs::read_to_string(node.data.path().join("serve.log")).unwrap_or_default();
    let message = format!("{} 未能启动 / did not start: {}", station.name, log.trim());
    Err(Failure::new(UNREACHABLE, "node_not_started", message))
}

fn publish_reports(dir: &Path, node: &Running) -> Result<(), Failure> {
    let reports = dir.join("reports").join(node.station.dir);
    fs::create_dir_all(&reports).map_err(|error| failed(&reports, &error))?;
    for (file, division, text) in node.station.reports {
        let path: PathBuf = reports.join(file);
        let written = fs::File::create(&path).and_then(|mut out| out.write_all(text.as_bytes()));
        written.map_err(|error| failed(&path, &error))?;
        let division = division.map(str::parse).transpose().map_err(|_| unexpected())?;
        let check = Check { paths: vec![path.clone()], division, agency: None, year: None, apart: false };
        let publish = Publish { check, attach: Attach::default(), wait: None };
        let outcome = publish::publish(&global_of(&node.data), &publish)?;
        if outcome.exit != 0 {
            let message = format!("{}: {}", path.display(), outcome.text);
            return Err(Failure::new(outcome.exit, "demo_report_refused", message));
        }
    }
    Ok(())
}

/// Waits until all nodes show the same set with so many reports in it.
async fn agreement(nodes: &[Running], wanted: u64) -> Result<Value, Failure> {
    for _ in 0..TRIES {
        let mut seen = Vec::new();
        for node in nodes {
            let status = match Link::open(&node.data).await?.call(Request::Status).await? {
                Reply::Document(text) => serde_json::from_str::<Value>(&text).unwrap_or_default(),
                _ => Value::Null,
            };
            seen.push(status);
        }
        let shown = |status: &Value| (status["root_log"].clone(), status["view_root"].clone());
        let same = seen.iter().all(|status| Some(shown(status)) == seen.first().map(shown));
        let whole =
            seen.iter().all(|s| s["held"]["packages"] == json!(wanted) && s["unacknowledged"] == json!(0));
        if same && whole {
            return Ok(report(nodes, &seen));
        }
        pause().await;
    }
    let message = "各级未能在 30 秒内一致，请查看各节点 serve.log / the levels did not agree within 30 s";
    Err(Failure::new(UNREACHABLE, "no_agreement", message))
}

fn report(nodes: &[Running], seen: &[Value]) -> Value {
    let node = |(node, status): (&Running, &Value)| {
        json!({
            "level": node.station.level, "code": node.station.code, "name": node.station.name,
            "data": node.data.path().display().to_string(), "portal": node.portal, "console": node.console,
            "log_size": status["root_log"]["size"], "root_hash": status["root_log"]["root_hash"],
            "view_root": status["view_root"], "packages": status["held"]["packages"],
            "console_user": node.login.0, "console_password": node.login.1,
        })
    };
    let nodes: Vec<Value> = nodes.iter().zip(seen).map(node).collect();
    json!({"schema": "gongshi.demo/1", "agree": true, "nodes": nodes})
}

fn summary(global: &Global, document: &Value, exit: bool) -> String {
    let nodes = document["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    if let Some(first) = nodes.first() {
        let (zh, en) = ("四级一致", "four levels agree");
        lines.push(format!(
            "{}  {}  {}  {}  ({} ms)",
            global.words(zh, en),
            first["log_size"],
            text(&first["root_hash"]),
            text(&first["view_root"]),
            document["elapsed_ms"]
        ));
    }
    for node in nodes {
        let (packages, unit) = (&node["packages"], global.words("份", "reports"));
        lines.push(format!(
            "  {} {}  {packages} {unit}  {}",
            text(&node["code"]),
            text(&node["name"]),
            text(&node["portal"])
        ));
    }
    if let Some(first) = nodes.first() {
        let (console, user) =
            (global.words("控制台", "console"), global.words("用户与口令", "user and password"));
        let login = format!("{} {}", text(&first["console_user"]), text(&first["console_password"]));
        lines.push(format!("  {console}  {}  {user} {login}", text(&first["console"])));
    }
    if !exit {
        lines.push(global.words("按 Ctrl-C 结束", "Ctrl-C ends it").to_owned());
    }
    lines.join("\n")
}
