//! Alarms: what a node noticed that someone must look at, each with a code that `explain` knows.

use crate::record::Room;
use crate::sync::{Node, Recovering};
use crate::time::WallMs;
use serde_json::{Value, json};

/// Every code that [`alarms`] may name, the gravest first.
pub(in crate::ops) const ALARM_CODES: [&str; 12] = [
    "recovering",
    "repairing",
    "record_behind",
    "disk_full",
    "delegate_refused",
    "delegation_expired",
    "split_view",
    "view_differs",
    "swallowed",
    "release_held_back",
    "stale",
    "log_stopped",
];

/// One alarm.
pub(super) struct Alarm {
    code: &'static str,
    seen: String,
}

impl Alarm {
    fn new(code: &'static str, seen: impl ToString) -> Self {
        Self { code, seen: seen.to_string() }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"code": self.code, "seen": self.seen})
    }
}

/// What stands now, the gravest first.
pub(super) fn alarms(node: &Node, now: WallMs) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    if let Some(Recovering { own, root, unsure }) = node.recovering() {
        let seen = format!("{}/{} {}/{}", own.0, own.1.max(own.0), root.0, root.1.max(root.0));
        alarms.push(match unsure {
            true => Alarm::new("recovering", seen),
            false => Alarm::new("record_behind", seen),
        });
    }
    if node.is_repairing() {
        alarms.push(Alarm::new("repairing", format!("{} bodies", node.bodies_lacking())));
    }
    if node.room() != Room::Enough {
        alarms.push(Alarm::new("disk_full", node.own_log().0));
    }
    if let Some(code) = node.own_refusal() {
        alarms.push(Alarm::new("delegate_refused", code.as_str()));
    }
    if let Some(own) = node.registry().delegation(node.own_key())
        && own.not_after <= now
    {
        alarms.push(Alarm::new("delegation_expired", own.not_after));
    }
    if let Some(text) = node.evidence().first() {
        alarms.push(Alarm::new("split_view", format!("{} bytes", text.len())));
    }
    if node.view_differs() {
        alarms.push(Alarm::new("view_differs", node.root_log().0));
    }
    if let Some(swallowed) = node.swallowed() {
        let seen = format!("{} #{} {}", swallowed.by, swallowed.index, swallowed.at);
        alarms.push(Alarm::new("swallowed", seen));
    }
    if node.is_release_held_back() {
        alarms.push(Alarm::new("release_held_back", format!("{} ms", node.clock_disagreement_ms())));
    }
    if node.is_stale() {
        alarms.push(Alarm::new("stale", node.root_log().0));
    }
    alarms.extend(node.stopped().map(|origin| Alarm::new("log_stopped", origin)));
    alarms
}

#[cfg(test)]
mod tests {
    use super::ALARM_CODES;

    #[test]
    fn every_alarm_has_its_metric() {
        let own = include_str!("alarms.rs");
        let made = own.split("Alarm::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let made: Vec<&str> = made.filter(|code| !code.is_empty()).collect();
        assert!(made.len() >= ALARM_CODES.len());
        assert!(made.iter().all(|code| ALARM_CODES.contains(code)), "{made:?}");
    }
}
