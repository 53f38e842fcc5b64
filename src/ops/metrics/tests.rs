//! What deploy/ watches is what the program tells.

use super::{Direction, Metrics, Seen};
use crate::digest::Digest;
use crate::statement::card::RefusalCode;
use crate::sync::{ConnId, Event};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// A scrape in which every family has a value.
fn full() -> String {
    let metrics = Metrics::new();
    metrics.frame(Direction::In, 1);
    metrics.sessions.inc();
    metrics.turn(Duration::from_millis(2), true);
    let code = RefusalCode::NoAuthority;
    metrics.event(&Event::OwnRefused(Digest::ZERO, code));
    metrics.event(&Event::PeerFault(ConnId(1), "bad_frame"));
    metrics.event(&Event::Stale);
    metrics.requests.get_or_create(&[("listener", "portal"), ("class", "2xx")]).inc();
    metrics.request_seconds.get_or_create(&[("listener", "portal")]).observe(0.1);
    metrics.connections.get_or_create(&[("listener", "portal")]).inc();
    let status = json!({
        "log": {"size": 3}, "root_log": {"size": 25}, "received": 7, "unacknowledged": 2, "refused": 0,
        "held": {"packages": 6}, "confirmed": {"size": 20}, "authority": {"until_ms": 61_000}, "alarms": [],
        "missing": 0, "upstream": {"code": "330000", "state": "up", "behind": 0},
        "children": [{"code": "330282", "state": "down", "behind": 9}],
    });
    let dir = tempfile::TempDir::new().unwrap();
    let seen =
        Seen { status: &status, checkpoint_age_ms: Some(1), wall_ms: 1, data: dir.path(), ready: true };
    metrics.render(&seen)
}

/// Names of samples: what stands before the labels or the value.
fn samples(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// Every name that begins with the prefix, in any text.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("gongshi_")).collect()
}

#[test]
fn every_metric_that_an_alert_or_a_dashboard_names_is_told() {
    let text = full();
    let told = samples(&text);
    for (file, content) in [
        ("gongshi.rules.yml", include_str!("../../../deploy/monitoring/gongshi.rules.yml")),
        ("grafana-node.json", include_str!("../../../deploy/monitoring/grafana-node.json")),
        ("grafana-federation.json", include_str!("../../../deploy/monitoring/grafana-federation.json")),
    ] {
        let named = named(content);
        assert!(named.len() > 5, "{file} names {named:?}");
        let unknown: Vec<_> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "{file} names what nobody tells: {unknown:?}\n{text}");
    }
}

#[test]
fn every_metric_has_a_sentence_and_no_name_is_told_twice() {
    let text = full();
    let helps: Vec<_> = text.lines().filter(|line| line.starts_with("# HELP ")).collect();
    let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(helps.len(), types);
    assert_eq!(helps.iter().collect::<BTreeSet<_>>().len(), helps.len());
    assert!(helps.iter().all(|help| help.starts_with("# HELP gongshi_") && help.len() > 30));
}
