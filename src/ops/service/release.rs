//! Releases as the command line and the console see them.

use super::failures::say_failure;
use super::{Failure, Reply, document};
use crate::store::StoreError;
use crate::sync::release::{SKEW_MS_MAX, ScheduleError, YearState};
use crate::sync::{Node, Turn};
use crate::time::WallMs;
use serde_json::{Value, json};

/// Holds a year until an instant; the document of the year afterwards.
pub(super) fn schedule(
    node: &mut Node,
    turn: &mut Turn<'_>,
    year: u16,
    at: Option<WallMs>,
    dry_run: bool,
) -> Result<Reply, StoreError> {
    let now = turn.now.wall;
    Ok(match node.schedule(turn, year, at, dry_run) {
        Ok(()) => {
            let mut document_of_year = release(node, year, now);
            document_of_year["dry_run"] = Value::Bool(dry_run);
            document(&document_of_year)
        }
        Err(ScheduleError::NotRoot) => Reply::Failure(Failure::new(
            6,
            "not_root",
            "只有根节点可以设定统一公开时间 / only the root sets a release",
        )),
        Err(ScheduleError::Past(at)) => {
            Reply::Failure(Failure::new(2, "bad_time", format!("{at} 已经过去 / {at} is over")))
        }
        Err(ScheduleError::Public(year)) => Reply::Failure(Failure::new(
            6,
            "year_public",
            format!("{year} 年度已有内容公开，不能再设定 / something of {year} is public already"),
        )),
        Err(ScheduleError::Skewed(skew)) => Reply::Failure(Failure::new(
            6,
            "clock_skewed",
            format!(
                "本机时钟与下级相差 {skew} 毫秒，暂不公开 / the clock disagrees with the children's by {skew} ms"
            ),
        )),
        Err(ScheduleError::Say(error)) => Reply::Failure(say_failure(error)?),
    })
}

/// The document of `gongshi release show YEAR --json`.
pub(super) fn release(node: &Node, year: u16, now: WallMs) -> Value {
    let state = node.year_state(year, now);
    let at = match state {
        YearState::Scheduled(at) | YearState::Unconfirmed(at) => Some(at.to_string()),
        _ => node.ledger().schedule(year).map(|at| at.to_string()),
    };
    let nodes = node.readiness();
    let lines: Vec<Value> = nodes
        .iter()
        .map(|line| {
            json!({"code": line.code, "ready": line.is_ready(), "behind": line.behind, "missing": line.missing})
        })
        .collect();
    let skew = node.clock_disagreement_ms();
    let public = node.ledger().disclosures().released().get(&year).copied().unwrap_or(0);
    json!({
        "schema": "gongshi.release/1", "year": year, "state": state.as_str(), "at": at,
        "packages": {"held": node.held_count(year), "public": public},
        "clock": {"disagrees_ms": skew, "ok": skew < SKEW_MS_MAX},
        "unreviewed": node.unreviewed_count(year),
        "ready": nodes.iter().all(|line| line.is_ready()) && skew < SKEW_MS_MAX, "nodes": lines,
    })
}
