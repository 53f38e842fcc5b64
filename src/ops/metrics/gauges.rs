//! Gauges: what the node is at when somebody asks, from the status document, the disk and the process.

use super::process;
use crate::ops::service::ALARM_CODES;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// A gauge of a floating-point number.
type Number = Gauge<f64, AtomicU64>;
/// Labels of a gauge that belongs to a neighbour; there are as many as there are neighbours, never more.
type Labels = Vec<(&'static str, String)>;

/// Every state of a link.
const LINK_STATES: [&str; 4] = ["up", "behind", "down", "skewed"];

/// What was seen when somebody asked.
pub(in crate::ops) struct Seen<'a> {
    /// The document of `gongshi status --json`; null when the engine did not answer.
    pub(in crate::ops) status: &'a Value,
    /// Age of the root's newest cosignature.
    pub(in crate::ops) checkpoint_age_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub(in crate::ops) wall_ms: u64,
    /// The data directory.
    pub(in crate::ops) data: &'a Path,
    /// Whether readers may be sent here.
    pub(in crate::ops) ready: bool,
}

/// A registry of what is so now; `wire`: UDP bytes sent and received.
pub(super) fn registry(seen: &Seen<'_>, wire: Option<(u64, u64)>) -> Registry {
    let mut to = Registry::with_prefix("gongshi");
    let status = seen.status;
    put(&mut to, "up", "1 while the engine answers", u64::from(status.is_object()));
    put(&mut to, "ready", "1 while readers may be sent here, as /readyz says", u64::from(seen.ready));
    family(
        &mut to,
        "build",
        "What runs",
        Some(Unit::Other("info".to_owned())),
        [(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0)],
    );
    for (name, help, value) in [
        ("log_entries", "Entries of this node's own log", &status["log"]["size"]),
        ("root_log_entries", "Entries of the root log, verified and held", &status["root_log"]["size"]),
        (
            "confirmed_entries",
            "Root-log entries that a quorum of witnesses cosigned",
            &status["confirmed"]["size"],
        ),
        ("statements_received", "Statements of all origins held durably", &status["received"]),
        ("statements_unacknowledged", "Own entries without the parent's receipt", &status["unacknowledged"]),
        ("own_refused", "Own statements that stand refused", &status["refused"]),
        ("packages_held", "Packages that are public", &status["held"]["packages"]),
        ("bodies_missing", "Bodies that are known and not here yet", &status["missing"]),
    ] {
        if let Some(value) = value.as_u64() {
            put(&mut to, name, help, value);
        }
    }
    if let Some(age_ms) = seen.checkpoint_age_ms {
        seconds(&mut to, "checkpoint_age", "Age of the root's newest cosignature", age_ms as f64 / 1000.0);
    }
    if let Some(until_ms) = status["authority"]["until_ms"].as_u64() {
        let left = (until_ms as f64 - seen.wall_ms as f64) / 1000.0;
        seconds(&mut to, "delegation_expiry", "Time until this node's delegation ends", left);
    }
    let ending = status["ending"].as_array().map(Vec::as_slice).unwrap_or_default();
    family(
        &mut to,
        "delegations_ending",
        "Delegations that end within 60 days or have ended: this node's, its children's, its agencies'",
        None,
        ["node", "agency"].map(|kind| {
            let count = ending.iter().filter(|line| line["kind"] == kind).count();
            (vec![("kind", kind.to_owned())], count as f64)
        }),
    );
    links(&mut to, status);
    let standing = |code: &str| {
        status["alarms"].as_array().is_some_and(|alarms| alarms.iter().any(|alarm| alarm["code"] == code))
    };
    family(
        &mut to,
        "alarm",
        "1 while the alarm stands; `gongshi explain CODE`",
        None,
        ALARM_CODES
            .iter()
            .map(|code| (vec![("code", (*code).to_owned())], f64::from(u8::from(standing(code))))),
    );
    if let Some((sent, received)) = wire {
        let way = |way: &str, bytes: u64| (vec![("direction", way.to_owned())], bytes as f64);
        let help = "UDP bytes exchanged with nodes since the start, keep-alives included";
        family(&mut to, "wire", help, Some(Unit::Bytes), [way("out", sent), way("in", received)]);
    }
    machine(&mut to, seen.data);
    to
}

fn links(to: &mut Registry, status: &Value) {
    let children = status["children"].as_array().into_iter().flatten().map(|link| ("child", link));
    let upstream = Some(&status["upstream"]).filter(|link| link.is_object()).map(|link| ("parent", link));
    let links: Vec<(&str, &Value)> = upstream.into_iter().chain(children).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels =
        |relation: &str, link: &Value| vec![("relation", relation.to_owned()), ("code", text(&link["code"]))];
    family(
        to,
        "link_behind_entries",
        "Root-log entries not yet held: by this node, or by a child",
        None,
        links
            .iter()
            .map(|(relation, link)| (labels(relation, link), link["behind"].as_u64().unwrap_or(0) as f64)),
    );
    family(
        to,
        "link_up",
        "1 while a session with the neighbour is open",
        None,
        links
            .iter()
            .map(|(relation, link)| (labels(relation, link), f64::from(u8::from(link["state"] != "down")))),
    );
    let count = |relation: &str, state: &str| {
        links.iter().filter(|(own, link)| *own == relation && link["state"] == state).count() as f64
    };
    let pairs = ["parent", "child"].into_iter().flat_map(|r| LINK_STATES.map(|state| (r, state)));
    family(
        to,
        "links",
        "Links by relation and state",
        None,
        pairs.map(|(relation, state)| {
            (vec![("relation", relation.to_owned()), ("state", state.to_owned())], count(relation, state))
        }),
    );
}

fn machine(to: &mut Registry, data: &Path) {
    bytes(to, "record", "Bytes of the record", process::tree_bytes(&data.join("record")));
    bytes(to, "index", "Bytes of the index, which can be rebuilt", process::tree_bytes(&data.join("index")));
    bytes(to, "disk_free", "Bytes free where the data directory is", process::free_bytes(data).unwrap_or(0));
    if let Some(resident) = process::resident_bytes() {
        bytes(to, "process_resident_memory", "Memory of this process", resident);
    }
    if let Some(cpu) = process::cpu_seconds() {
        seconds(to, "process_cpu", "Processor time of this process since it started", cpu);
    }
    if let Some(files) = process::open_files() {
        put(to, "process_open_files", "File descriptors open", files);
    }
}

fn put(to: &mut Registry, name: &'static str, help: &'static str, value: u64) {
    family(to, name, help, None, [(Vec::new(), value as f64)]);
}

fn bytes(to: &mut Registry, name: &'static str, help: &'static str, value: u64) {
    family(to, name, help, Some(Unit::Bytes), [(Vec::new(), value as f64)]);
}

fn seconds(to: &mut Registry, name: &'static str, help: &'static str, value: f64) {
    family(to, name, help, Some(Unit::Seconds), [(Vec::new(), value)]);
}

fn family(
    to: &mut Registry,
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    values: impl IntoIterator<Item = (Labels, f64)>,
) {
    let family = Family::<Labels, Number>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    match unit {
        Some(unit) => to.register_with_unit(name, help, unit, family),
        None => to.register(name, help, family),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;
    use serde_json::json;

    fn text(status: &Value) -> String {
        let dir = tempfile::TempDir::new().unwrap();
        let seen =
            Seen { status, checkpoint_age_ms: Some(1500), wall_ms: 1_000, data: dir.path(), ready: true };
        Metrics::new().render(&seen)
    }

    #[test]
    fn what_the_status_says_is_what_the_metrics_say() {
        let status = json!({
            "log": {"size": 3}, "root_log": {"size": 25}, "received": 7, "unacknowledged": 2, "refused": 0,
            "held": {"packages": 6}, "confirmed": {"size": 20}, "authority": {"until_ms": 61_000},
            "upstream": {"code": "330000", "state": "behind", "behind": 4},
            "children": [{"code": "330282", "state": "down", "behind": 9}],
            "alarms": [{"code": "stale", "seen": "25"}], "ending": [{"kind": "agency"}],
        });
        let text = text(&status);
        for line in [
            "gongshi_up 1.0",
            "gongshi_root_log_entries 25.0",
            "gongshi_statements_unacknowledged 2.0",
            "gongshi_checkpoint_age_seconds 1.5",
            "gongshi_delegation_expiry_seconds 60.0",
            "gongshi_delegations_ending{kind=\"agency\"} 1.0",
            "gongshi_link_behind_entries{relation=\"child\",code=\"330282\"} 9.0",
            "gongshi_link_up{relation=\"child\",code=\"330282\"} 0.0",
            "gongshi_links{relation=\"parent\",state=\"behind\"} 1.0",
            "gongshi_alarm{code=\"stale\"} 1.0",
            "gongshi_alarm{code=\"swallowed\"} 0.0",
            "gongshi_alarm_events_total{code=\"split_view\"} 0",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn an_engine_that_does_not_answer_is_not_up() {
        let text = text(&Value::Null);
        assert!(text.contains("gongshi_up 0.0") && text.contains("gongshi_disk_free_bytes"), "{text}");
    }
}
