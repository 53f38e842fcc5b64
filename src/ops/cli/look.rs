//! `gongshi status`, `rollcall`, `verify`, `version`: looking without changing.

use super::args::{Global, Verify};
use super::grid::grid;
use super::link::ask;
use super::packages::array;
use super::progress::Progress;
use super::{DONE, FINDINGS, NOT_VERIFIED, Outcome};
use crate::ops::explain::{Kind, word};
use crate::ops::query::{PROOF_BYTES_MAX, Query};
use crate::ops::service::{Failure, Request};
use serde_json::{Value, json};

pub(super) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn roll_call(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::RollCall)?;
    let nodes = document["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let agreeing = nodes.iter().filter(|node| node["agrees"] == true).count();
    let word = |node: &Value| {
        if node["agrees"] == true {
            global.words("一致", "agrees")
        } else {
            global.words("不一致或未到", "differs or absent")
        }
    };
    let mut lines = vec![format!(
        "{agreeing}/{} {} {} {}",
        nodes.len(),
        global.words("个节点一致，根日志", "nodes agree, root log"),
        document["size"],
        text_of(&document["root_hash"])
    )];
    lines.extend(
        nodes.iter().map(|node| format!("  {}  {}  {}", text_of(&node["code"]), node["size"], word(node))),
    );
    Ok(Outcome::done(document, lines.join("\n")))
}

pub(super) fn tree(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Tree)?;
    let row = |node: &Value| {
        let depth = node["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok()).unwrap_or(0);
        let state = match node["state"].as_str() {
            Some("self") => global.words("本节点", "this node").to_owned(),
            Some(state) => word(Kind::Link, state, global.english()),
            None => String::new(),
        };
        let behind = match node["behind"].as_u64() {
            None => global.words("未知", "unknown").to_owned(),
            Some(0) => global.words("一致", "level").to_owned(),
            Some(count) => format!("{} {count}", global.words("落后", "behind")),
        };
        let level = text_of(&node["level"]);
        let level = level.parse::<crate::division::Level>().map_or(level, |level| {
            if global.english() { level.as_str().to_owned() } else { level.zh().to_owned() }
        });
        let name = format!("{}{} {}", "  ".repeat(depth), text_of(&node["code"]), text_of(&node["name"]));
        vec![name, level, state, behind, text_of(&node["at"])]
    };
    let rows: Vec<Vec<String>> = array(&document["nodes"]).iter().map(row).collect();
    let heads = match global.english() {
        true => ["node", "level", "link", "shows", "said at"],
        false => ["节点", "层级", "链路", "所示", "声明时间"],
    };
    Ok(Outcome::done(document, grid(&heads, &rows)))
}

pub(super) fn verify(global: &Global, verify: &Verify) -> Result<Outcome, Failure> {
    let url = verify.what.as_deref().filter(|what| super::portal::is_url(what));
    let document = match url {
        Some(url) => super::portal::compare(global, url)?,
        None => {
            let _seen = Progress::endless(global, "核验中", "verifying");
            ask(global, Request::Query(query_of(verify)?))?
        }
    };
    let sound = document["ok"] == true;
    verdict(global, verify, document, sound)
}

fn query_of(verify: &Verify) -> Result<Query, Failure> {
    Ok(match &verify.what {
        None => Query::VerifyAll,
        Some(what) if std::path::Path::new(what).exists() || !is_digest(what) => {
            Query::VerifyProof(read_proof(what)?)
        }
        Some(digest) => Query::Verify(digest.clone()),
    })
}

fn verdict(global: &Global, verify: &Verify, document: Value, sound: bool) -> Result<Outcome, Failure> {
    let mut lines = vec![match sound {
        true => global.words("核验通过", "verified").to_owned(),
        false => global.words("核验未通过", "verification failed").to_owned(),
    }];
    if verify.all {
        let counts = format!("{} / {} / {}", document["leaves"], document["statements"], document["bodies"]);
        let of = global.words("日志条目 / 声明 / 正文", "leaves / statements / bodies");
        lines.push(format!("{of}  {counts}"));
    }
    let step = |step: &Value| {
        let held = match step["ok"].as_bool() {
            Some(true) => "ok",
            Some(false) => "FAILED",
            None => "-",
        };
        vec![held.to_owned(), text_of(&step["step"]), text_of(&step["seen"])]
    };
    let steps: Vec<Vec<String>> = array(&document["steps"]).iter().map(step).collect();
    if !steps.is_empty() {
        lines.push(grid::<&str>(&[], &steps));
    } else {
        lines.extend(array(&document["problems"]).iter().map(|problem| format!("  {}", text_of(problem))));
    }
    for key in ["digest", "sequenced_at"] {
        lines.extend(document[key].as_str().map(|value| format!("{key}  {value}")));
    }
    let exit = match (sound, document["complete"] == false) {
        (false, _) => NOT_VERIFIED,
        (true, true) => FINDINGS,
        (true, false) => DONE,
    };
    Ok(Outcome { exit, document, text: lines.join("\n") })
}

fn is_digest(text: &str) -> bool {
    text.len() >= 8 && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text of a proof file.
fn read_proof(path: &str) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(PROOF_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let message = format!("{path}: 无法读取：{error} / cannot be read");
            Err(Failure::new(2, "no_such_file", message))
        }
    }
}

pub(super) fn version() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let document = json!({
        "schema": "gongshi.version/1", "version": version,
        "protocol": crate::sync::frame::PROTOCOL_VERSION, "fold": crate::ledger::FOLD_VERSION,
    });
    Outcome::done(document, format!("gongshi {version}"))
}
