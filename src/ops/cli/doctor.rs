//! `gongshi doctor`: what is or will be trouble, each with the next command. Changes nothing.

use super::args::Global;
use super::link::ask;
use super::packages::{array, text};
use super::{DONE, FINDINGS, Outcome, config, serve};
use crate::ops::data_dir::Clock;
use crate::ops::explain::{Kind, entries};
use crate::ops::service::{Failure, Request};
use crate::record::Guard;
use serde_json::{Value, json};

/// The first year this program can run in: a clock before it is not set.
const YEAR_MIN: u16 = 2026;
/// A clock beyond this is not set either.
const YEAR_MAX: u16 = 2100;
/// Free space below which trouble is near: a province's year with its attachments fits in it.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// One finding: a code that `explain` knows, and what was seen.
struct Ill {
    code: &'static str,
    seen: String,
}

impl Ill {
    fn new(code: &'static str, seen: impl ToString) -> Self {
        Self { code, seen: seen.to_string() }
    }
}

pub(super) fn run(global: &Global) -> Result<Outcome, Failure> {
    let data = global.data();
    if !data.is_initialised() {
        return Err(crate::ops::data_dir::DataDirError::NotInitialised(global.data.clone()).into());
    }
    let mut ills = machine(global);
    // Asking comes last: it opens the store when no daemon runs, which repairs an index that does not fit.
    match ask(global, Request::Status) {
        Ok(status) => ills.extend(node(&status)),
        Err(failure) => ills.push(Ill::new("store_unusable", failure.message)),
    }
    let lang = |code: &str| {
        let entry = entries().find(|entry| entry.kind == Kind::Doctor && entry.code == code);
        entry.map_or(("", ""), |entry| if global.english() { entry.en } else { entry.zh })
    };
    let findings: Vec<Value> = ills
        .iter()
        .map(|ill| {
            let (meaning, next) = lang(ill.code);
            json!({"code": ill.code, "message": meaning, "seen": ill.seen, "next": next})
        })
        .collect();
    let lines: Vec<String> = ills
        .iter()
        .map(|ill| {
            let (meaning, next) = lang(ill.code);
            format!("[{}] {meaning}\n  {}\n  → {next}", ill.code, ill.seen)
        })
        .collect();
    let text = match lines.is_empty() {
        true => global.words("未发现问题", "nothing found").to_owned(),
        false => lines.join("\n"),
    };
    let exit = if ills.is_empty() { DONE } else { FINDINGS };
    let document = json!({"schema": "gongshi.doctor/1", "ok": ills.is_empty(), "findings": findings});
    Ok(Outcome { exit, document, text })
}

/// What can be seen without the node.
fn machine(global: &Global) -> Vec<Ill> {
    let (data, mut ills) = (global.data(), Vec::new());
    let now = Clock::start().now().wall;
    if !(YEAR_MIN..=YEAR_MAX).contains(&now.year()) {
        ills.push(Ill::new("clock_wrong", now));
    }
    match rustix::fs::statvfs(data.path()) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < FREE_BYTES_MIN {
                ills.push(Ill::new("disk_low", format!("{} MiB", free >> 20)));
            }
        }
        Err(error) => ills.push(Ill::new("disk_low", error)),
    }
    for name in ["keys/signing.pem", "keys/transport.pem"] {
        if let Err(error) = data.key(name, false) {
            ills.push(Ill::new("key_unusable", error));
        }
    }
    let anchor = data.path().join("anchor/anchor.pem");
    if anchor.exists() {
        ills.push(Ill::new("anchor_online", anchor.display()));
    }
    if let Err(error) = Guard::open(&data.path().join("guard")) {
        ills.push(Ill::new("guard_unreadable", error));
    }
    let aside = data.set_aside();
    if !aside.is_empty() {
        ills.push(Ill::new("set_aside", aside.join(" ")));
    }
    let running = config::is_running(global);
    if !running {
        ills.push(Ill::new("not_running", data.path().display()));
    }
    match serve::loaded(global) {
        Err(failure) => ills.push(Ill::new("config_unusable", failure.message)),
        Ok(loaded) => {
            let ports =
                config::problems(global, &loaded).into_iter().filter(|line| line.contains(":listen."));
            ills.extend(ports.map(|line| Ill::new("port_unusable", line)));
        }
    }
    ills
}

/// What the node says of itself.
fn node(status: &Value) -> Vec<Ill> {
    let mut ills = Vec::new();
    let upstream = &status["upstream"];
    for alarm in array(&status["alarms"]) {
        let known = entries().find(|entry| entry.kind == Kind::Doctor && alarm["code"] == entry.code);
        ills.extend(known.map(|entry| Ill::new(entry.code, text(&alarm["seen"]))));
    }
    if status["state"] == "unsynced" {
        ills.push(Ill::new("unsynced", &status["root_log"]["size"]));
    }
    match upstream["state"].as_str() {
        Some("down") => ills.push(Ill::new("upstream_down", &upstream["code"])),
        Some("behind") => ills.push(Ill::new("upstream_behind", &upstream["behind"])),
        _ => {}
    }
    let ends = array(&status["ending"]).iter().map(|line| {
        let (code, name, until) = (text(&line["code"]), text(&line["name"]), text(&line["until"]));
        Ill::new("delegation_ends", format!("{code} {name} {until}"))
    });
    ills.extend(ends);
    let down = array(&status["children"]).iter().filter(|link| link["state"] == "down");
    ills.extend(down.map(|link| Ill::new("child_down", format!("{} {}", link["code"], link["name"]))));
    if status["unacknowledged"].as_u64().unwrap_or(0) > 0 {
        ills.push(Ill::new("unacknowledged", &status["unacknowledged"]));
    }
    if status["refused"].as_u64().unwrap_or(0) > 0 {
        ills.push(Ill::new("rejected", &status["refused"]));
    }
    if status["returned"].as_u64().unwrap_or(0) > 0 {
        ills.push(Ill::new("returned", &status["returned"]));
    }
    ills
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_node_is_named_once() {
        let sound = json!({"state": "ok", "upstream": null, "children": [], "unacknowledged": 0});
        assert!(node(&sound).is_empty());
        let ill = json!({
            "alarms": [{"code": "swallowed", "seen": "330282 #0"}],
            "state": "unsynced", "upstream": {"code": "330000", "state": "down"}, "unacknowledged": 2,
            "ending": [{"code": "330282", "name": "慈溪市", "until": "2026-01-01T00:00:00Z"}],
            "children": [{"code": "330282", "name": "慈溪市", "state": "down"}], "root_log": {"size": 0}, "refused": 1, "returned": 1,
        });
        let codes: Vec<_> = node(&ill).iter().map(|ill| ill.code).collect();
        assert_eq!(
            codes,
            [
                "swallowed",
                "unsynced",
                "upstream_down",
                "delegation_ends",
                "child_down",
                "unacknowledged",
                "rejected",
                "returned"
            ]
        );
    }
}
