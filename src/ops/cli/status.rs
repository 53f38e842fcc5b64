//! `gongshi status`: one screen that leads with the one thing to do; `--check` is one line for monitoring.

use super::args::{Global, Status};
use super::grid::grid;
use super::link::ask;
use super::look::text_of;
use super::packages::array;
use super::{DONE, FINDINGS, Outcome};
use crate::ops::explain::{Kind, entries, word};
use crate::ops::service::{Failure, Request};
use serde_json::{Value, json};

/// Children shown by name: the screen has 24 lines. Those that need someone come first.
const CHILDREN_SHOWN: usize = 8;

pub(super) fn run(global: &Global, status: &Status) -> Result<Outcome, Failure> {
    if status.check {
        return Ok(check(global));
    }
    let document = ask(global, Request::Status)?;
    let text = screen(global, &document);
    let exit = if document["state"] == "ok" { DONE } else { FINDINGS };
    Ok(Outcome { exit, document, text })
}

/// The one thing to know, and what to do.
fn lead(global: &Global, document: &Value) -> String {
    let children = array(&document["children"]);
    let down = children.iter().filter(|link| link["state"] == "down").count();
    let waiting = &document["unacknowledged"];
    match document["state"].as_str().unwrap_or_default() {
        "unsynced" => global
            .words("尚未同步。请确认上级在线：gongshi tree", "Not synced yet. Is the parent up? gongshi tree")
            .to_owned(),
        "alarm" => alarm(global, document),
        "upstream_down" => match global.english() {
            true => format!(
                "The parent is down; {waiting} statements are safe here and climb by themselves. Look at: gongshi doctor"
            ),
            false => format!("上级离线；{waiting} 份声明已安全存放，恢复后自动上报。请查看：gongshi doctor"),
        },
        "ok" if down > 0 => match global.english() {
            true => format!("{down} of {} children are down. Look at: gongshi tree", children.len()),
            false => format!("{} 个下级中 {down} 个离线。请查看：gongshi tree", children.len()),
        },
        "ok" if !array(&document["ending"]).is_empty() => ends(global, &document["ending"][0]),
        "ok" => global.words("一切正常，无需处理", "All is well, nothing to do").to_owned(),
        _ => match global.english() {
            true => {
                format!("{waiting} statements are on their way up. Look at: gongshi list --state waiting")
            }
            false => format!("{waiting} 份声明正在上报。请查看：gongshi list --state waiting"),
        },
    }
}

/// The delegation that ends first, and what to do.
fn ends(global: &Global, first: &Value) -> String {
    let (code, name, days) = (text_of(&first["code"]), text_of(&first["name"]), &first["days_left"]);
    match (global.english(), first["state"] == "expired") {
        (true, true) => format!("The delegation of {code} {name} has ended. Look at: gongshi keys list"),
        (true, false) => {
            format!("The delegation of {code} {name} ends in {days} days. Look at: gongshi keys list")
        }
        (false, true) => format!("{code} {name} 的授权已到期。请查看：gongshi keys list"),
        (false, false) => format!("{code} {name} 的授权还有 {days} 天到期。请查看：gongshi keys list"),
    }
}

/// The gravest alarm, what was seen and what to do.
fn alarm(global: &Global, document: &Value) -> String {
    let alarm = &document["alarms"][0];
    let code = text_of(&alarm["code"]);
    let entry = entries().find(|entry| entry.kind == Kind::Doctor && entry.code == code);
    let (what, next) = entry.map_or(("", ""), |entry| if global.english() { entry.en } else { entry.zh });
    let intro = global.words("警报", "ALARM");
    format!("{intro} [{code}] {what} {}\n→ {next} (gongshi doctor)", text_of(&alarm["seen"]))
}

fn screen(global: &Global, document: &Value) -> String {
    let say = |zh, en| global.words(zh, en).to_owned();
    let log = |log: &Value| format!("{}  {}", log["size"], text_of(&log["root_hash"]));
    let link = |link: &Value| {
        let state = word(Kind::Link, &text_of(&link["state"]), global.english());
        let behind = match link["behind"].as_u64().unwrap_or(0) {
            0 => String::new(),
            count => format!("{} {count}", global.words("落后", "behind")),
        };
        format!("{} {}  {state}  {behind}", text_of(&link["code"]), text_of(&link["name"]))
            .trim_end()
            .to_owned()
    };
    let mut children: Vec<&Value> = array(&document["children"]).iter().collect();
    children.sort_by_key(|link| link["state"] == "up");
    let node = &document["node"];
    let mut rows = vec![
        vec![say("节点", "node"), format!("{} {}", text_of(&node["code"]), text_of(&node["name"]))],
        vec![say("根日志", "root log"), log(&document["root_log"])],
        vec![say("视图根", "view root"), text_of(&document["view_root"])],
        vec![say("本日志", "own log"), log(&document["log"])],
        vec![say("已公开", "public"), document["held"]["packages"].to_string()],
        vec![say("未获回执", "no receipt"), document["unacknowledged"].to_string()],
        vec![
            say("上级", "upstream"),
            if document["upstream"].is_null() {
                say("无（本节点为根）", "none: this is the root")
            } else {
                link(&document["upstream"])
            },
        ],
        vec![say("下级", "children"), children.len().to_string()],
    ];
    if let Some(reason) = document["via"]["reason"].as_str() {
        let used = format!("{} {}", text_of(&document["via"]["code"]), text_of(&document["via"]["name"]));
        rows.insert(
            rows.len() - 1,
            vec![say("另一路径", "other path"), format!("{}  {reason}", used.trim())],
        );
    }
    if document["returned"].as_u64().unwrap_or(0) > 0 {
        rows.push(vec![
            say("退回", "returned"),
            format!("{}  gongshi list --state returned", document["returned"]),
        ]);
    }
    rows.extend(children.iter().take(CHILDREN_SHOWN).map(|child| vec![String::new(), link(child)]));
    if children.len() > CHILDREN_SHOWN {
        rows.push(vec![String::new(), say("其余见 gongshi tree", "the rest: gongshi tree")]);
    }
    format!("{}\n\n{}", lead(global, document), grid::<&str>(&[], &rows))
}

/// The Nagios convention: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, one line with figures after a bar.
fn check(global: &Global) -> Outcome {
    let (exit, word, line, status) = match ask(global, Request::Status) {
        Err(failure) if failure.exit == super::DAMAGED => (2, "CRITICAL", failure.message, Value::Null),
        Err(failure) => (3, "UNKNOWN", failure.message, Value::Null),
        Ok(status) => {
            let (exit, word) = grade(&status, super::config::is_running(global));
            let figures = format!(
                "{} | root_log={} unacknowledged={} packages={}",
                lead(global, &status),
                status["root_log"]["size"],
                status["unacknowledged"],
                status["held"]["packages"]
            );
            (exit, word, figures, status)
        }
    };
    let text = format!("GONGSHI {word} - {}", line.replace('\n', " "));
    Outcome {
        exit,
        document: json!({"schema": "gongshi.check/1", "result": word, "line": text, "status": status}),
        text,
    }
}

fn grade(status: &Value, running: bool) -> (u8, &'static str) {
    let child_down = array(&status["children"]).iter().any(|link| link["state"] == "down");
    match status["state"].as_str() {
        _ if !running => (2, "CRITICAL"),
        Some("unsynced" | "alarm") => (2, "CRITICAL"),
        Some("ok") if !child_down && array(&status["ending"]).is_empty() => (0, "OK"),
        _ => (1, "WARNING"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, children: usize, child: &str) -> Value {
        let child = json!({"code": "330282", "name": "慈溪市", "state": child, "behind": 0});
        json!({
            "state": state, "node": {"code": "330200", "name": "宁波市"}, "log": {"size": 1, "root_hash": "A="},
            "root_log": {"size": 2, "root_hash": "B="}, "view_root": "C=", "upstream": null,
            "children": vec![child; children], "held": {"packages": 3}, "unacknowledged": 4,
            "alarms": [{"code": "swallowed", "seen": "330282 #0"}], "via": {"reason": "swallowed", "code": "330200"},
        })
    }

    fn global(lang: &str) -> Global {
        Global {
            data: "x".into(),
            config: None,
            json: false,
            lang: lang.into(),
            no_input: true,
            manner: super::super::global::Manner::default(),
        }
    }

    #[test]
    fn the_screen_leads_with_the_one_thing_to_do_and_fits() {
        for lang in ["zh", "en"] {
            for state in ["ok", "unsynced", "upstream_down", "sending", "alarm"] {
                let text = screen(&global(lang), &status(state, 200, "down"));
                assert!(text.lines().count() <= 24, "{text}");
                assert!(text.lines().take(2).any(|line| line.contains("gongshi ")), "{text}");
            }
            let text = screen(&global(lang), &status("ok", 1, "up"));
            assert!(!text.lines().next().unwrap().contains("gongshi "), "{text}");
        }
    }

    #[test]
    fn what_ends_within_sixty_days_leads_the_screen_and_warns_monitoring() {
        let mut status = status("ok", 1, "up");
        status["ending"] =
            json!([{"code": "330282", "name": "慈溪市", "state": "expiring", "days_left": 59}]);
        for lang in ["zh", "en"] {
            let first = screen(&global(lang), &status).lines().next().unwrap().to_owned();
            assert!(first.contains("59") && first.contains("gongshi keys list"), "{first}");
        }
        assert_eq!(grade(&status, true).0, 1);
    }

    #[test]
    fn monitoring_gets_the_four_words_of_its_convention() {
        assert_eq!(grade(&status("ok", 1, "up"), true).0, 0);
        assert_eq!(grade(&status("ok", 1, "down"), true).0, 1);
        assert_eq!(grade(&status("upstream_down", 0, "up"), true).0, 1);
        assert_eq!(grade(&status("unsynced", 0, "up"), true).0, 2);
        assert_eq!(grade(&status("ok", 0, "up"), false).0, 2);
    }
}
