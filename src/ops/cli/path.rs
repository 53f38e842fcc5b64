//! `gongshi push`, `pull`, `peers`: whom this node talks to, and asking them now.

use super::args::{Global, Push};
use super::grid::grid;
use super::link::{Link, ask, pause};
use super::packages::{array, text};
use super::{Outcome, UNREACHABLE, runtime};
use crate::net::Rate;
use crate::ops::data_dir::{Clock, DataDir, Opened};
use crate::ops::driver::Driver;
use crate::ops::explain::{Kind, word};
use crate::ops::service::{Failure, Request, is_pulled, is_pushed};
use crate::sync::{Node, Turn};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::watch;

/// How long a peer is waited for: a command that cannot reach one ends within 30 s.
const WITHIN: Duration = Duration::from_secs(25);
/// The same as a number of pauses between two questions to a daemon.
const TRIES: u32 = 250;

pub(super) fn push(global: &Global, push: &Push) -> Result<Outcome, Failure> {
    let via = push.via.clone();
    let begin = {
        let via = via.clone();
        move |node: &mut Node, turn: &mut Turn<'_>| {
            let _ = node.push(turn, via.as_ref());
        }
    };
    let done = {
        let via = via.clone();
        move |node: &Node| node.path(via.as_ref()).is_ok_and(|progress| is_pushed(node, &progress))
    };
    let document = exchange(global, Request::Push(via.clone()), Request::PushProgress(via), begin, done)?;
    let words = match global.english() {
        true => format!(
            "{} entries of our own log have the receipt of {}",
            document["receipted"],
            text(&document["via"])
        ),
        false => format!("{} 已签回执，覆盖本日志 {} 条", text(&document["via"]), document["receipted"]),
    };
    Ok(Outcome::done(document, words))
}

pub(super) fn pull(global: &Global) -> Result<Outcome, Failure> {
    let begin = |node: &mut Node, turn: &mut Turn<'_>| {
        node.pull(turn);
    };
    let document = exchange(global, Request::Pull, Request::PullProgress, begin, is_pulled)?;
    let (size, below) = (&document["root_log"]["size"], &document["asked_below"]);
    let words = match global.english() {
        true => format!("root log {size}; {below} nodes below were asked"),
        false => format!("根日志 {size} 条；已询问 {below} 个下级"),
    };
    Ok(Outcome::done(document, words))
}

/// Begins something and waits until it is done, with a daemon or without one.
fn exchange(
    global: &Global,
    begin: Request,
    progress: Request,
    start: impl FnOnce(&mut Node, &mut Turn<'_>),
    done: impl Fn(&Node) -> bool,
) -> Result<Value, Failure> {
    let runtime = runtime()?;
    let first = runtime.block_on(async {
        match Link::open(&global.data()).await? {
            Link::Offline(opened, _, clock) => Ok(Err((opened, clock))),
            mut daemon => daemon.document(begin.clone()).await.map(Ok),
        }
    })?;
    match first {
        Ok(document) => runtime.block_on(wait(global, document, &progress)),
        Err((opened, clock)) => {
            alone(&runtime, &global.data(), opened, clock, start, &done)?;
            let document = ask(global, progress)?;
            // The session ended with the command, so the word of the run counts.
            Ok(with_done(document))
        }
    }
}

fn with_done(mut document: Value) -> Value {
    document["done"] = Value::Bool(true);
    if document["receipted"].is_number() {
        document["receipted"] = document["log"]["size"].clone();
    }
    document
}

/// Asks the daemon until it is done.
async fn wait(global: &Global, mut document: Value, progress: &Request) -> Result<Value, Failure> {
    for _ in 0..TRIES {
        if document["done"] == true {
            return Ok(document);
        }
        pause().await;
        document = Link::open(&global.data()).await?.document(progress.clone()).await?;
    }
    Err(unreachable())
}

/// Without a daemon the node runs here for as long as it takes; it listens to nobody.
fn alone(
    runtime: &tokio::runtime::Runtime,
    data: &DataDir,
    mut opened: Box<Opened>,
    clock: Clock,
    start: impl FnOnce(&mut Node, &mut Turn<'_>),
    done: &dyn Fn(&Node) -> bool,
) -> Result<(), Failure> {
    opened.engine.turn(clock.now(), |node, turn| {
        start(node, turn);
        Ok(())
    })?;
    let Opened { engine, transport, lock } = *opened;
    let (stop_sender, stop) = watch::channel(false);
    let (driver, _ask) =
        runtime.block_on(Driver::start(engine, data, &transport, None, Rate::default(), clock))?;
    runtime.spawn(stop_later(stop_sender));
    let engine = driver.run(runtime.handle(), stop, done)?;
    let reached = done(engine.node());
    drop(engine);
    drop(lock);
    if reached { Ok(()) } else { Err(unreachable()) }
}

#[allow(clippy::disallowed_methods, reason = "the command line bounds its own waits, at the edge")]
async fn stop_later(stop: watch::Sender<bool>) {
    tokio::time::sleep(WITHIN).await;
    let _ = stop.send(true);
}

fn unreachable() -> Failure {
    let message = "上级未按时答复；数据已安全存放，恢复后自动上报。换一条路径：gongshi push --via 上级区划代码 / no answer in time; everything is safe here and climbs by itself. Another path: gongshi push --via CODE";
    Failure::new(UNREACHABLE, "path_unreachable", message)
}

pub(super) fn peers(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Peers)?;
    let relation = |word: &str| match word {
        "parent" => global.words("上级", "parent"),
        "ancestor" => global.words("更上级", "ancestor"),
        "child" => global.words("下级", "child"),
        _ => global.words("隔级", "below"),
    };
    let row = |peer: &Value| {
        let addresses: Vec<String> = array(&peer["addresses"]).iter().map(text).collect();
        vec![
            relation(&text(&peer["relation"])).to_owned(),
            text(&peer["code"]),
            text(&peer["name"]),
            word(Kind::Link, &text(&peer["state"]), global.english()),
            addresses.join(" "),
        ]
    };
    let rows: Vec<Vec<String>> = array(&document["peers"]).iter().map(row).collect();
    Ok(Outcome::done(document, grid::<&str>(&[], &rows)))
}
