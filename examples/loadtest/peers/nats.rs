//! NATS JetStream: a leaf that takes messages, and a hub that mirrors them.

use super::Running;
use crate::bed::{free_address, until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Messages that are not acknowledged yet.
const WINDOW: usize = 512;

/// How long until the leaf has acknowledged all files as messages, and how much longer until the hub's mirror has them and
/// the disks too. None when there is no NATS.
pub(crate) fn mirror(folder: &Path, dir: &Path) -> Option<(Duration, Duration)> {
    let (hub, leafs, leaf) = (free_address(), free_address(), free_address());
    let port = |address: &str| address.rsplit_once(':').map_or_else(String::new, |(_, port)| port.to_owned());
    let configs = [
        ("hub", &hub, format!("leafnodes {{ host: 127.0.0.1, port: {} }}", port(&leafs))),
        ("leaf", &leaf, format!("leafnodes {{ remotes: [ {{ url: \"nats://{leafs}\" }} ] }}")),
    ];
    let mut running = Vec::new();
    for (domain, address, more) in configs {
        let (store, config) = (dir.join(format!("nats-{domain}")), dir.join(format!("nats-{domain}.conf")));
        let text = format!(
            "server_name: {domain}\nlisten: {address}\njetstream {{ store_dir: \"{}\", domain: {domain} }}\n{more}\n",
            store.display()
        );
        std::fs::write(&config, text).ok()?;
        let mut server = Command::new("nats-server");
        server.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        running.push(Running(server.spawn().ok()?));
    }
    let files: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let mut at_leaf = Client::connect(&leaf)?;
    at_leaf.ask(
        "$JS.API.STREAM.CREATE.bulk",
        &json!({"name": "bulk", "subjects": ["bulk.*"], "storage": "file"}),
    )?;
    let begun = Instant::now();
    at_leaf.publish(&files)?;
    let acknowledged = begun.elapsed();
    let mut at_hub = Client::connect(&hub)?;
    let source = json!({"name": "bulk", "external": {"api": "$JS.leaf.API"}});
    at_hub
        .ask("$JS.API.STREAM.CREATE.copy", &json!({"name": "copy", "mirror": source, "storage": "file"}))?;
    let held = |client: &mut Client| {
        let info = client.ask("$JS.API.STREAM.INFO.copy", &Value::Null);
        info.and_then(|info| info["state"]["messages"].as_u64()).unwrap_or_default()
    };
    let begun = Instant::now();
    until("NATS", || held(&mut at_hub) >= files.len() as u64);
    // It acknowledges before it syncs.
    Command::new("sync").arg("-f").arg(dir).status().ok()?;
    Some((acknowledged, begun.elapsed()))
}

/// As much of a client as that takes: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
struct Client {
    lines: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Client {
    fn connect(address: &str) -> Option<Self> {
        let mut stream = None;
        let begun = Instant::now();
        while stream.is_none() && begun.elapsed() < Duration::from_secs(10) {
            stream = TcpStream::connect(address).ok();
            std::thread::sleep(Duration::from_millis(20));
        }
        let stream = stream?;
        stream.set_nodelay(true).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let mut client = Self { lines: BufReader::new(stream.try_clone().ok()?), stream };
        client
            .stream
            .write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB answers 1\r\n")
            .ok()?;
        Some(client)
    }

    /// The next message to us.
    fn answer(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).ok().filter(|read| *read > 0)?;
            if line.starts_with("PING") {
                self.stream.write_all(b"PONG\r\n").ok()?;
            } else if line.starts_with("MSG") {
                let length: usize = line.split_whitespace().next_back()?.parse().ok()?;
                let mut payload = vec![0; length + 2];
                self.lines.read_exact(&mut payload).ok()?;
                payload.truncate(length);
                return serde_json::from_slice(&payload).ok();
            }
        }
    }

    fn ask(&mut self, subject: &str, question: &Value) -> Option<Value> {
        let payload = if question.is_null() { String::new() } else { question.to_string() };
        write!(self.stream, "PUB {subject} answers {}\r\n{payload}\r\n", payload.len()).ok()?;
        self.answer().filter(|answer| answer["error"].is_null())
    }

    /// Publishes each file as a message, and waits until all are acknowledged.
    fn publish(&mut self, files: &[PathBuf]) -> Option<()> {
        let mut waiting = 0;
        for (at, file) in files.iter().enumerate() {
            let content = std::fs::read(file).ok()?;
            let mut message = format!("PUB bulk.{at} answers {}\r\n", content.len()).into_bytes();
            message.extend_from_slice(&content);
            message.extend_from_slice(b"\r\n");
            self.stream.write_all(&message).ok()?;
            waiting += 1;
            if waiting == WINDOW {
                self.answer()?;
                waiting -= 1;
            }
        }
        for _ in 0..waiting {
            self.answer()?;
        }
        Some(())
    }
}
