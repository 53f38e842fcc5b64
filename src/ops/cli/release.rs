//! `gongshi release`: one time for all levels.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::sure::sure;
use super::{DONE, FINDINGS, Outcome};
use crate::ops::service::{Failure, Request};
use crate::time::WallMs;
use clap::Subcommand;
use serde_json::Value;

#[derive(Subcommand)]
pub(super) enum ReleaseAction {
    /// 设定某年度的统一公开时间（仅根节点）/ set when a year becomes public (root only)
    Set {
        /// 年度 / year
        year: u16,
        /// 时间（RFC 3339）或 now / instant or now
        #[arg(long)]
        at: String,
        /// 只说明将做什么 / say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// 某年度的公开状态与各节点就绪情况 / where a year stands and which nodes are ready
    Show {
        /// 年度 / year
        year: u16,
    },
    /// 演练：此刻公开会怎样，不改变任何东西 / what would happen now; changes nothing
    Rehearse {
        /// 年度 / year
        year: u16,
    },
}

pub(super) fn run(global: &Global, action: &ReleaseAction) -> Result<Outcome, Failure> {
    match action {
        ReleaseAction::Set { year, at, dry_run } => set(global, *year, at, *dry_run),
        ReleaseAction::Show { year } => show(global, *year),
        ReleaseAction::Rehearse { year } => rehearse(global, *year),
    }
}

fn set(global: &Global, year: u16, at: &str, dry_run: bool) -> Result<Outcome, Failure> {
    let instant = match at {
        "now" => None,
        text => Some(WallMs::parse(text).ok_or_else(|| {
            let message = format!(
                "{text:?} 不是时间：写成 2026-03-31T09:00:00+08:00 或 now / not a time: write 2026-03-31T09:00:00+08:00 or now"
            );
            Failure::new(2, "bad_time", message)
        })?),
    };
    let would = ask(global, Request::Schedule { year, at: instant, dry_run: true })?;
    let held = &would["packages"]["held"];
    let when = instant.map_or_else(|| global.words("立即", "now").to_owned(), |at| at.to_string());
    let zh = format!("{year} 年度 {held} 份报告将于 {when} 在各级统一公开");
    let en = format!("{held} reports of {year} become public at every level: {when}");
    let what = global.words(&zh, &en);
    if dry_run {
        return Ok(Outcome::done(would, what));
    }
    sure(global, what, &year.to_string())?;
    let done = ask(global, Request::Schedule { year, at: instant, dry_run: false })?;
    let next = global.words("就绪情况：gongshi release show", "readiness: gongshi release show");
    let said = format!("{what}\n{next} {year}");
    Ok(Outcome::done(done, said))
}

/// The nodes that are not ready, and the year's own line.
fn lines(global: &Global, document: &Value) -> String {
    let state = match document["state"].as_str().unwrap_or_default() {
        "open" => global.words("即时公开", "public as it is sequenced"),
        "held" => global.words("待统一公开，未定时间", "held, no instant set"),
        "scheduled" => global.words("待统一公开", "held until its instant"),
        "unconfirmed" => global.words("时间已到，尚未确认", "the instant is over, not yet confirmed"),
        _ => global.words("已公开", "released"),
    };
    let nodes = array(&document["nodes"]);
    let late: Vec<Vec<String>> = nodes
        .iter()
        .filter(|node| node["ready"] != true)
        .map(|node| {
            let behind = node["behind"].as_u64().map_or_else(
                || global.words("未报到", "never heard of").to_owned(),
                |count| format!("{} {count}", global.words("落后", "behind")),
            );
            vec![
                text(&node["code"]),
                behind,
                format!("{} {}", global.words("缺正文", "bodies missing"), node["missing"]),
            ]
        })
        .collect();
    let ready = nodes.len() - late.len();
    let packages = &document["packages"];
    let head = format!(
        "{} {state} {}\n{} {}  {} {}\n{} {ready}/{}",
        document["year"],
        text(&document["at"]),
        global.words("待公开", "held"),
        packages["held"],
        global.words("已公开", "public"),
        packages["public"],
        global.words("就绪节点", "nodes ready"),
        nodes.len(),
    );
    let head = match document["unreviewed"].as_u64() {
        None | Some(0) => head,
        Some(count) => {
            format!(
                "{head}\n{} {count}  gongshi review list",
                global.words("下级报送未审核", "not reviewed here")
            )
        }
    };
    if late.is_empty() { head } else { format!("{head}\n{}", grid::<&str>(&[], &late)) }
}

fn show(global: &Global, year: u16) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Release(year))?;
    let said = lines(global, &document);
    Ok(Outcome::done(document, said))
}

fn rehearse(global: &Global, year: u16) -> Result<Outcome, Failure> {
    let would = ask(global, Request::Schedule { year, at: None, dry_run: true })?;
    let exit = if would["ready"] == true { DONE } else { FINDINGS };
    let intro = match exit {
        DONE => global.words(
            "演练通过：此刻公开，各级同时可见",
            "rehearsed: released now, every level would show it at once",
        ),
        _ => global.words("演练未通过：有节点未就绪", "rehearsed: not every node is ready"),
    };
    let said = format!("{intro}\n{}", lines(global, &would));
    Ok(Outcome { exit, document: would, text: said })
}
