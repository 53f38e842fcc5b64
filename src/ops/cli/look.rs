//! `gongshi status`, `rollcall`, `verify`, `version`: looking without changing.

use super::args::{Global, Verify};
use super::link::Link;
use super::{DONE, FINDINGS, NOT_VERIFIED, Outcome, runtime};
use crate::ops::service::{Failure, Request};
use serde_json::{Value, json};

fn ask(global: &Global, request: Request) -> Result<Value, Failure> {
    runtime()?.block_on(async { Link::open(&global.data()).await?.document(request).await })
}

pub(super) fn status(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Status)?;
    let state = document["state"].as_str().unwrap_or_default();
    let (zh, en) = match state {
        "ok" => ("一切正常", "all is well"),
        "unsynced" => {
            ("尚未同步：请确认上级在线，或查看 gongshi serve 的日志", "not synced yet: is the parent up?")
        }
        "upstream_down" => (
            "上级离线：数据已安全存放，恢复后自动上报",
            "the parent is down: data is safe here and will climb by itself",
        ),
        _ => ("正在上报，等待上级回执", "on its way up, waiting for the receipt"),
    };
    let upstream = match &document["upstream"] {
        Value::Null => global.words("无（本节点为根）", "none (this is the root)").to_owned(),
        link => link_line(link),
    };
    let children = document["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    let children: Vec<String> = children.iter().map(|link| format!("  {}", link_line(link))).collect();
    let label = |zh, en| global.words(zh, en).to_owned();
    let text = [
        format!(
            "{}  {} {}",
            global.words(zh, en),
            text_of(&document["node"]["code"]),
            text_of(&document["node"]["name"])
        ),
        format!(
            "{}  {}  {}",
            label("根日志", "root log"),
            document["root_log"]["size"],
            text_of(&document["root_log"]["root_hash"])
        ),
        format!("{}  {}", label("视图根", "view root"), text_of(&document["view_root"])),
        format!(
            "{}  {}  {} {}",
            label("本日志", "own log "),
            document["log"]["size"],
            label("未获回执", "unacknowledged"),
            document["unacknowledged"]
        ),
        format!("{}  {}", label("已公开", "public"), document["held"]["packages"]),
        format!("{}  {upstream}", label("上级", "upstream")),
        format!("{}  {}", label("下级", "children"), children.len()),
    ];
    let text = text.into_iter().chain(children).collect::<Vec<_>>().join("\n");
    let exit = if state == "ok" { DONE } else { FINDINGS };
    Ok(Outcome { exit, document, text })
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn link_line(link: &Value) -> String {
    format!("{} {} {}", text_of(&link["code"]), text_of(&link["state"]), link["behind"])
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

pub(super) fn verify(global: &Global, _all: &Verify) -> Result<Outcome, Failure> {
    let document = ask(global, Request::VerifyAll)?;
    let sound = document["ok"] == true;
    let counts = format!("{} / {} / {}", document["leaves"], document["statements"], document["bodies"]);
    let text = if sound {
        let (zh, en) = ("全部核验通过：日志条目 / 声明 / 正文", "all verified: leaves / statements / bodies");
        format!("{} {counts}", global.words(zh, en))
    } else {
        let problems = document["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {}", text_of(problem))).collect();
        format!("{}\n{}", global.words("核验未通过", "verification failed"), lines.join("\n"))
    };
    Ok(Outcome { exit: if sound { DONE } else { NOT_VERIFIED }, document, text })
}

pub(super) fn version() -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let document = json!({
        "schema": "gongshi.version/1", "version": version,
        "protocol": crate::sync::frame::PROTOCOL_VERSION, "fold": crate::ledger::FOLD_VERSION,
    });
    Outcome::done(document, format!("gongshi {version}"))
}
