//! `gongshi store`: what lies on the disk, whether it is as it was written, and the index built anew.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::array;
use super::sure::sure;
use super::{DAMAGED, DONE, LOCKED, Outcome, REFUSED, config, say, unexpected};
use crate::ops::data_dir::{Clock, DataDir, DataDirError};
use crate::ops::inspection::inspect_record;
use crate::ops::keep::dump;
use crate::ops::query::{Glance, Query, Reading};
use crate::ops::service::{Failure, Reply, Request};
use crate::ops::sizes::sizes;
use crate::record::RecordError;
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum StoreAction {
    /// 各部分大小、条数与剩余空间 / sizes, counts, free space
    Stats,
    /// 逐字节核对记录与索引，不作改动（退出码 9：有损坏）/ check record and index from the bytes (exit 9: damaged)
    Check,
    /// 由记录重建索引 / build the index anew from the record
    Rebuild,
    /// 确认此副本为最新，之后没有其他副本签署过（无法向相邻节点核实时）/ vouch that no other copy has signed since
    Accept,
}

pub(super) fn run(global: &Global, action: &StoreAction) -> Result<Outcome, Failure> {
    let data = global.data();
    if !data.is_initialised() {
        return Err(DataDirError::NotInitialised(global.data.clone()).into());
    }
    match action {
        StoreAction::Stats => stats(global, &data),
        StoreAction::Check => check(global, &data),
        StoreAction::Rebuild => rebuild(global, &data),
        StoreAction::Accept => accept(global, &data),
    }
}

fn stats(global: &Global, data: &DataDir) -> Result<Outcome, Failure> {
    // A store that does not open has sizes all the same.
    let status = ask(global, Request::Status).unwrap_or_default();
    let document = sizes(data, &status);
    let of = |name: &str| document["record"][name].as_u64().unwrap_or(0);
    let bytes = |name: &str| document[name]["bytes"].as_u64().unwrap_or(0);
    let row = |zh, en, value: String| vec![global.words(zh, en).to_owned(), value];
    let mib = |bytes: u64| format!("{}.{:02} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 100) >> 20);
    let rows = [
        row("记录", "record", format!("{}  {}", mib(of("bytes")), of("segments"))),
        row("  事实", "  facts", mib(of("facts_bytes"))),
        row("  正文", "  bodies", mib(of("bodies_bytes"))),
        row("索引", "index", mib(bytes("index"))),
        row("隔离", "set aside", mib(bytes("set_aside"))),
        row("预留", "ballast", mib(bytes("ballast"))),
        row("剩余空间", "free", mib(document["free_bytes"].as_u64().unwrap_or(0))),
        row("根日志", "root log", document["root_log"].to_string()),
        row("本日志", "own log", document["log"].to_string()),
        row("声明", "statements", document["received"].to_string()),
        row("已公开", "public", document["packages"].to_string()),
    ];
    Ok(Outcome::done(document, grid::<&str>(&[], &rows)))
}

fn check(global: &Global, data: &DataDir) -> Result<Outcome, Failure> {
    let begins = |file: &Path| say(&format!("{} {}", global.words("核对", "checking"), file.display()));
    let records = inspect_record(&data.path().join("record"), begins).map_err(record_failure)?;
    let mut wrong: Vec<Value> = records
        .wrong
        .iter()
        .map(|wrong| json!({"file": wrong.file, "offset": wrong.offset, "what": wrong.what}))
        .collect();
    let (mut index, mut rows) = (json!({"compared": false}), Value::Null);
    if wrong.is_empty() {
        let clock = Clock::start();
        if config::is_running(global) {
            rows = ask(global, Request::Query(Query::VerifyAll))?;
        } else {
            let opened = data.open(clock.now())?;
            let compared = data.compare(&opened, clock.now())?;
            index = json!({
                "compared": true, "rows": compared.whole.rows, "hash": compared.whole.hash,
                "differing": compared.differing,
            });
            if let Some(first) = compared.first {
                wrong.push(json!({
                    "file": data.path().join("index"), "offset": Value::Null,
                    "what": format!("{} rows differ from the record, the first {}", compared.differing,
                        data_encoding::HEXLOWER.encode(&first)),
                }));
            }
            // Not through a turn, in which the node might sign: checking changes nothing.
            let glance = Glance::of(opened.engine.node());
            let store = opened.engine.store();
            match Reading::new(Query::VerifyAll, glance).run(store.as_ref()) {
                Reply::Document(text) => rows = serde_json::from_str(&text).map_err(|_| unexpected())?,
                Reply::Failure(failure) => return Err(failure),
                _ => return Err(unexpected()),
            }
        }
        let problem = |what: &Value| json!({"file": Value::Null, "offset": Value::Null, "what": what});
        wrong.extend(array(&rows["problems"]).iter().map(problem));
    }
    let document = json!({
        "schema": "gongshi.store.check/1", "ok": wrong.is_empty(),
        "record": {
            "facts": records.found.facts, "bodies": records.found.bodies, "segments": records.found.segments,
            "bytes": records.found.bytes, "torn_bytes": records.found.torn_bytes,
        },
        "set_aside": data.set_aside(), "index": index, "verified": {"leaves": rows["leaves"], "statements": rows["statements"], "bodies": rows["bodies"]},
        "damages": wrong,
    });
    let line = |wrong: &Value| {
        let place = match (wrong["file"].as_str(), wrong["offset"].as_u64()) {
            (Some(file), Some(offset)) => format!("{file}:{offset}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        };
        format!("{place}{}", wrong["what"].as_str().unwrap_or_default())
    };
    let mut lines: Vec<String> = wrong.iter().map(line).collect();
    let aside = data.set_aside();
    if !aside.is_empty() {
        lines.push(format!("{} {}", global.words("隔离", "set aside"), aside.join(" ")));
    }
    lines.push(match (wrong.is_empty(), global.english()) {
        (true, true) => format!("{} facts, {} bodies: sound", records.found.facts, records.found.bodies),
        (true, false) => format!("{} 条事实、{} 段正文：完好", records.found.facts, records.found.bodies),
        (false, true) => "damaged: gongshi serve heals a record from its neighbours and rebuilds an index; without neighbours gongshi restore, or the parent replaces the machine (gongshi invite --replace)".to_owned(),
        (false, false) => "有损坏：运行 gongshi serve，自动由相邻节点修复记录、重建索引；没有相邻节点时用 gongshi restore 恢复备份，或由上级 gongshi invite --replace 换机".to_owned(),
    });
    Ok(Outcome { exit: if wrong.is_empty() { DONE } else { DAMAGED }, document, text: lines.join("\n") })
}

fn rebuild(global: &Global, data: &DataDir) -> Result<Outcome, Failure> {
    if config::is_running(global) {
        let message = "守护进程正在运行：请先停止（systemctl stop gongshi），再运行 gongshi store rebuild / the daemon is running: stop it first, then run this again";
        return Err(Failure::new(LOCKED, "locked", message));
    }
    let clock = Clock::start();
    say(global.words("正在由记录重建索引", "building the index anew from the record"));
    let opened = data.rebuild(clock.now())?;
    let store = opened.engine.store();
    let damaged = |error: crate::store::StoreError| DataDirError::Damaged(error.to_string());
    let dump = dump(store.as_ref()).map_err(damaged)?;
    store.flush().map_err(damaged)?;
    let node = opened.engine.node();
    let (root_log, position) = (node.root_log(), opened.engine.position());
    let document = json!({
        "schema": "gongshi.store.rebuild/1", "facts": position.facts, "bodies": position.bodies,
        "rows": dump.rows, "hash": dump.hash,
        "root_log": {"size": root_log.0, "root_hash": root_log.1.base64()},
        "view_root": node.ledger().view_root().base64(),
    });
    let text = match global.english() {
        true => {
            format!("index rebuilt: {} facts, {} rows, root log {}", position.facts, dump.rows, root_log.0)
        }
        false => format!("索引已重建：{} 条事实，{} 行，根日志 {}", position.facts, dump.rows, root_log.0),
    };
    Ok(Outcome::done(document, text))
}

/// A person says what no neighbour can: that nothing was signed since this copy was made.
fn accept(global: &Global, data: &DataDir) -> Result<Outcome, Failure> {
    let done = data.accept_guard(|| {
        let what = global.words(
            "确认此副本之后没有任何签署；若有，日志将分叉且无法挽回",
            "vouches that nothing was signed since this copy was made; if something was, the log forks for good",
        );
        sure(global, what, "accept")
    })?;
    if !done {
        let message = "签署记录属于本目录，无需确认 / the guard belongs to this directory: nothing to accept";
        return Err(Failure::new(REFUSED, "guard_sure", message));
    }
    let text = global.words("已确认", "accepted");
    Ok(Outcome::done(json!({"schema": "gongshi.store.accept/1", "accepted": true}), text))
}

fn record_failure(error: RecordError) -> Failure {
    match error {
        RecordError::Missing(path) => DataDirError::NotInitialised(path).into(),
        other => DataDirError::Damaged(other.to_string()).into(),
    }
}
