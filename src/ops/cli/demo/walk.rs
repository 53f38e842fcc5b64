//! `gongshi demo cut` and `demo tamper`: a visitor is led through a cut line and a changed byte, with real nodes.
//!
//! Every step is told on stderr while it happens and stands in the document; a step that does not show what it should
//! is an error, so that the walk cannot tell what is not so.

use super::chain::SYNTHETIC;
use super::relay::Line;
use super::{Attach, Running, TRIES, agreement, failed, global_of, pause, run_node};
use crate::ops::cli::args::{Check, Global, Proof, Publish, Verify};
use crate::ops::cli::link::Link;
use crate::ops::cli::ports::Ports;
use crate::ops::cli::{Outcome, UNREACHABLE, look, packages, publish, say, unexpected};
use crate::ops::data_dir::Clock;
use crate::ops::service::{Failure, Reply, Request};
use clap::Subcommand;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;

/// Places in the chain.
const CITY: usize = 1;
const DISTRICT: usize = 2;
const TOWN: usize = 3;

/// What a visitor is shown.
#[derive(Subcommand, Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops::cli) enum Walk {
    /// 走一遍：线路切断与恢复 / a line is cut and joined again
    Cut,
    /// 走一遍：改动一个字节、发现、修复 / a byte is changed, found and healed
    Tamper,
}

impl Walk {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Tamper => "tamper",
        }
    }

    /// Reports that the walk publishes.
    pub(super) const fn reports(self) -> u64 {
        match self {
            Self::Cut => 2,
            Self::Tamper => 1,
        }
    }

    /// The line that will be cut. Addresses are part of what a node's parent signed, so the nodes must be new.
    pub(super) fn line(
        self,
        dir: &Path,
        runtime: &Runtime,
        ports: &mut Ports,
    ) -> Result<Option<Line>, Failure> {
        if self != Self::Cut {
            return Ok(None);
        }
        if dir.join("province/record").exists() {
            let message = format!(
                "{}: 此目录已有演示节点，切断线路需要新建的节点：换一个 --dir 目录 / nodes of another demo are here; a line can be cut between new ones: another --dir",
                dir.display()
            );
            return Err(Failure::new(2, "demo_dir_used", message));
        }
        let line = Line::lay(runtime, ports.free(true)?).map_err(|error| failed(dir, &error))?;
        Ok(Some(line))
    }

    /// Leads the visitor; what was seen at each step.
    pub(super) fn run(
        self,
        global: &Global,
        dir: &Path,
        nodes: &mut Vec<Running>,
        runtime: &Runtime,
        line: Option<&Line>,
    ) -> Result<Value, Failure> {
        let mut story = Story { global, dir, runtime, steps: Vec::new() };
        match (self, line) {
            (Self::Cut, Some(line)) => story.cut(nodes, line)?,
            (Self::Cut, None) => return Err(unexpected()),
            (Self::Tamper, _) => story.tamper(nodes)?,
        }
        Ok(Value::Array(story.steps))
    }
}

/// The story so far.
struct Story<'a> {
    global: &'a Global,
    dir: &'a Path,
    runtime: &'a Runtime,
    steps: Vec<Value>,
}

impl Story<'_> {
    fn tell(&mut self, step: &'static str, zh: &str, en: &str, seen: Value) {
        let number = self.steps.len() + 1;
        say(&format!("{number}. {}", self.global.words(zh, en)));
        self.steps.push(json!({"step": step, "zh": zh, "en": en, "seen": seen}));
    }

    /// Fails unless what a step wants to show is so.
    fn must(&self, so: bool, what: &str) -> Result<(), Failure> {
        match so {
            true => Ok(()),
            false => {
                let message = format!("演示未能展示：{what} / the walk could not show it: {what}");
                Err(Failure::new(1, "demo_walk", message))
            }
        }
    }

    /// Root-log sizes, the highest level first.
    fn sizes(&self, nodes: &[Running]) -> Result<Vec<u64>, Failure> {
        let size = |node: &Running| {
            let status = self.runtime.block_on(async {
                match Link::open(&node.data).await?.call(Request::Status).await? {
                    Reply::Document(text) => {
                        Ok::<Value, Failure>(serde_json::from_str(&text).unwrap_or_default())
                    }
                    _ => Err(unexpected()),
                }
            })?;
            Ok(status["root_log"]["size"].as_u64().unwrap_or(0))
        };
        let sizes: Vec<u64> = nodes.iter().map(size).collect::<Result<_, Failure>>()?;
        for (node, size) in nodes.iter().zip(&sizes) {
            let log = self.global.words("公开日志", "root log");
            say(&format!("   {} {}  {log} {size}", node.station.code, node.station.name));
        }
        Ok(sizes)
    }

    /// Waits until a node's root log is larger than `size`.
    fn grown(&self, node: &Running, size: u64) -> Result<(), Failure> {
        self.runtime.block_on(async {
            for _ in 0..TRIES {
                if let Reply::Document(text) = Link::open(&node.data).await?.call(Request::Status).await?
                    && serde_json::from_str::<Value>(&text)
                        .is_ok_and(|status| status["root_log"]["size"].as_u64() > Some(size))
                {
                    return Ok(());
                }
                pause().await;
            }
            Err(Failure::new(UNREACHABLE, "no_agreement", "演示未按时推进 / the demo did not go on in time"))
        })
    }

    /// Publishes a report that says it is made up.
    fn publish_at(&self, node: &Running, agency: &str) -> Result<String, Failure> {
        let text = SYNTHETIC
            .replace("慈溪市示范执法局", agency)
            .replace("\"330282\"", &json!(node.station.code).to_string());
        let path = self.dir.join(format!("{agency}.json"));
        fs::write(&path, text).map_err(|error| failed(&path, &error))?;
        let check = Check { paths: vec![path], division: None, agency: None, year: None, apart: false };
        let words = Publish { check, attach: Attach::default(), wait: None };
        let outcome = publish::publish(&global_of(&node.data), &words)?;
        match outcome.document["published"][0]["digest"].as_str() {
            Some(digest) if outcome.exit == 0 => Ok(digest.to_owned()),
            _ => Err(Failure::new(outcome.exit.max(1), "demo_report_refused", outcome.text)),
        }
    }

    /// The city loses its line to everything below; both sides go on, and find each other again.
    fn cut(&mut self, nodes: &[Running], line: &Line) -> Result<(), Failure> {
        let [province, city, district, town] = nodes else { return Err(unexpected()) };
        let before = self.sizes(nodes)?;
        self.tell("agree", "四级一致。", "Four levels agree.", json!(before));
        line.cut(true);
        self.tell(
            "cut",
            "切断宁波市与慈溪市之间的线路；附海镇仍连着慈溪市。",
            "The line between 宁波市 and 慈溪市 is cut; 附海镇 still reaches 慈溪市.",
            json!([city.station.code, district.station.code]),
        );
        let clock = Clock::start();
        let below = self.publish_at(town, "断网期间示范机关")?;
        self.tell(
            "publish_below",
            "附海镇照常公示一份：命令返回时已安全落盘，上级不必在线。",
            "附海镇 publishes as always: durable when the command returns, no level above need be up.",
            json!({"digest": below, "ms": clock.now().steady_ms}),
        );
        let above = self.publish_at(city, "线路另一侧示范机关")?;
        let size = before.first().copied().unwrap_or(0);
        self.grown(province, size)?;
        self.grown(city, size)?;
        let during = self.sizes(nodes)?;
        let (upper, lower) = (during.get(..=CITY), during.get(DISTRICT..));
        self.must(
            upper == Some(&[size + 1, size + 1]) && lower == Some(&[size, size]),
            "a line that is cut",
        )?;
        self.tell(
            "publish_above",
            "宁波市也公示一份：省、市已有，慈溪市与附海镇还没有，照旧展示已有的一切。",
            "宁波市 publishes too: province and city have it; the two below do not, and go on showing what they hold.",
            json!({"digest": above, "root_log": during}),
        );
        line.cut(false);
        let clock = Clock::start();
        let wanted = super::reports() + Walk::Cut.reports();
        self.runtime.block_on(agreement(nodes, wanted))?;
        let ms = clock.now().steady_ms;
        let after = self.sizes(nodes)?;
        self.must(after == vec![size + 2; nodes.len()], "two reports, each once")?;
        self.tell(
            "joined",
            &format!("线路恢复，{ms} 毫秒后四级重新一致：两份都在，没有丢失，也没有重复。"),
            &format!("The line is back; {ms} ms later four levels agree again: both reports, none lost, none twice."),
            json!({"ms": ms, "root_log": after}),
        );
        Ok(())
    }

    /// A proof and a disk are changed by one byte each; both are found out, and the disk heals.
    fn tamper(&mut self, nodes: &mut Vec<Running>) -> Result<(), Failure> {
        let node = nodes.get(DISTRICT).ok_or_else(unexpected)?;
        let (data, station) = (node.data.clone(), node.station);
        let digest = self.publish_at(node, "被篡改示范机关")?;
        let wanted = super::reports() + Walk::Tamper.reports();
        let before = self.runtime.block_on(agreement(nodes, wanted))?;
        self.tell(
            "agree",
            "慈溪市公示一份，四级一致。",
            "慈溪市 publishes a report; four levels agree.",
            json!(digest),
        );
        let own = global_of(&data);
        let proof = self.dir.join("proof.txt");
        packages::proof(&own, &Proof { digest, output: Some(proof.clone()) })?;
        let verify = |path: &Path| {
            let seen = look::verify(&own, &Verify { what: Some(path.display().to_string()), all: false });
            exit_of(&seen)
        };
        let exit = verify(&proof);
        self.must(exit == 0, "a proof that verifies")?;
        self.tell(
            "proof",
            "取出它的收录证明：核验通过。",
            "Its proof of inclusion is taken out: it verifies.",
            json!({"file": proof.display().to_string(), "exit": exit}),
        );
        let text = fs::read_to_string(&proof).map_err(|error| failed(&proof, &error))?;
        let changed = self.dir.join("proof-changed.txt");
        fs::write(&changed, one_character(&text)).map_err(|error| failed(&changed, &error))?;
        let exit = verify(&changed);
        self.must(exit != 0, "a proof that does not verify")?;
        self.tell(
            "proof_changed",
            &format!("改动其中一个字符：核验不通过（退出码 {exit}）。"),
            &format!("One character of it is changed: it does not verify (exit {exit})."),
            json!({"file": changed.display().to_string(), "exit": exit}),
        );
        drop(nodes.remove(DISTRICT));
        let (file, place) = flip_last(&data.path().join("record/facts"))?;
        let found = look::verify(&own, &Verify { what: None, all: true });
        let exit = exit_of(&found);
        self.must(exit != 0, "a changed byte that is found")?;
        let said = found.map_or_else(|failure| failure.message, |outcome| outcome.text);
        self.tell(
            "disk_changed",
            &format!("停下慈溪市的节点，改动它磁盘上记录的一个字节：verify --all 发现（退出码 {exit}）。"),
            &format!("慈溪市's node is stopped and a byte of its record is changed: verify --all finds it (exit {exit})."),
            json!({"file": file.display().to_string(), "byte": place, "exit": exit, "said": said}),
        );
        let clock = Clock::start();
        nodes.insert(DISTRICT, run_node(data, station)?);
        let after = self.runtime.block_on(agreement(nodes, wanted))?;
        let ms = clock.now().steady_ms;
        let root = |document: &Value| document["nodes"][TOWN]["root_hash"].clone();
        self.must(root(&before) == root(&after), "the same root hash as before")?;
        self.sizes(nodes)?;
        self.tell(
            "healed",
            &format!("重新启动：缺失部分从宁波市取回，{ms} 毫秒后四级一致，根哈希与改动前相同；其他各级从未受影响。"),
            &format!(
                "It starts again and fetches what is missing from 宁波市: {ms} ms later four levels agree on the root hash of before; the others were never touched."
            ),
            json!({"ms": ms, "root_hash": root(&after)}),
        );
        Ok(())
    }
}

fn exit_of(seen: &Result<Outcome, Failure>) -> u8 {
    seen.as_ref().map_or_else(|failure| failure.exit, |outcome| outcome.exit)
}

/// The text with one letter or digit of its last third replaced.
fn one_character(text: &str) -> String {
    let from = text.len() * 2 / 3;
    let place =
        text.char_indices().find(|(at, c)| *at >= from && c.is_ascii_alphanumeric()).map(|(at, _)| at);
    let other = |(at, c): (usize, char)| match (Some(at) == place, c) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, c) => c,
    };
    text.char_indices().map(other).collect()
}

/// Changes a byte of the newest batch of a stream: the file, and which byte.
fn flip_last(dir: &Path) -> Result<(PathBuf, u64), Failure> {
    let io = |error| failed(dir, &error);
    let mut segments: Vec<PathBuf> =
        fs::read_dir(dir).map_err(io)?.flatten().map(|entry| entry.path()).collect();
    segments.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    segments.sort();
    let path = segments.pop().ok_or_else(unexpected)?;
    let mut bytes = fs::read(&path).map_err(io)?;
    let last = bytes.last_mut().ok_or_else(unexpected)?;
    *last ^= 1;
    fs::write(&path, &bytes).map_err(io)?;
    Ok((path, bytes.len() as u64 - 1))
}
