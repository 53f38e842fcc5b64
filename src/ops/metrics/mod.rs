//! Metrics: counters fed at the edges, and gauges read when somebody asks.
//!
//! The machines below know nothing of this: the driver counts what goes in and out and the events that come back,
//! the HTTP listeners count requests, and `gauges` reads the rest from the status document, the disk and the process.
//! Names are prefixed `gongshi_`, in base units (seconds, bytes), and only ever grow in number.

mod gauges;
mod http;
mod process;
#[cfg(test)]
mod tests;

pub(super) use gauges::Seen;
pub(super) use http::counted;
pub(super) use process::free_bytes;

use crate::net::{Net, NetEvent};
use crate::sync::Event;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One label and its value; values come from fixed sets only, never from a stranger.
type Label = [(&'static str, &'static str); 1];
/// Two of them.
type Labels = [(&'static str, &'static str); 2];

/// From a turn in memory to a disk that hangs, in seconds.
const TURN_SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// From a cached page to what a reader gives up on, in seconds.
const REQUEST_SECONDS: [f64; 10] = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

impl Direction {
    const fn label(self) -> Label {
        match self {
            Self::In => [("direction", "in")],
            Self::Out => [("direction", "out")],
        }
    }
}

/// Everything that is counted while the daemon runs.
pub(super) struct Metrics {
    registry: Registry,
    sessions: Gauge,
    frames: Family<Label, Counter>,
    frame_bytes: Family<Label, Counter>,
    dial_failures: Counter,
    refused: Family<Label, Counter>,
    peer_faults: Family<Label, Counter>,
    alarms: Family<Label, Counter>,
    turns: Family<Label, Histogram, fn() -> Histogram>,
    requests: Family<Labels, Counter>,
    request_seconds: Family<Label, Histogram, fn() -> Histogram>,
    connections: Family<Label, Gauge>,
    log_left_out: Counter,
    net: OnceLock<Net>,
}

impl Metrics {
    pub(super) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("gongshi");
        let turns: Family<Label, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(TURN_SECONDS));
        let request_seconds: Family<Label, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS));
        let metrics = Self {
            sessions: Gauge::default(),
            frames: Family::default(),
            frame_bytes: Family::default(),
            dial_failures: Counter::default(),
            refused: Family::default(),
            peer_faults: Family::default(),
            alarms: Family::default(),
            turns,
            requests: Family::default(),
            request_seconds,
            connections: Family::default(),
            log_left_out: crate::ops::logs::left_out().clone(),
            registry: Registry::default(),
            net: OnceLock::new(),
        };
        let own = &metrics;
        registry.register(
            "sessions",
            "QUIC sessions open, of neighbours and strangers",
            own.sessions.clone(),
        );
        registry.register("frames", "Frames exchanged with neighbours", own.frames.clone());
        registry.register_with_unit(
            "frame",
            "Bytes of frames exchanged with neighbours, without QUIC's own",
            Unit::Bytes,
            own.frame_bytes.clone(),
        );
        registry.register("dial_failures", "Dials that no address answered", own.dial_failures.clone());
        registry.register(
            "statements_refused",
            "Own statements that an ancestor or the root refused, by code",
            own.refused.clone(),
        );
        registry.register("peer_faults", "Peers that broke the protocol, by rule", own.peer_faults.clone());
        registry.register("alarm_events", "Events that raised an alarm, by code", own.alarms.clone());
        registry.register_with_unit(
            "turn_duration",
            "Turns of the engine, durable ones with their sync of the disk",
            Unit::Seconds,
            own.turns.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests answered, by listener and class",
            own.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's header to its response's header",
            Unit::Seconds,
            own.request_seconds.clone(),
        );
        registry.register("http_requests_open", "HTTP requests being answered", own.connections.clone());
        registry.register(
            "log_lines_left_out",
            "Log lines left out because the same cause had just been logged",
            own.log_left_out.clone(),
        );
        for direction in [Direction::In, Direction::Out] {
            drop(own.frames.get_or_create(&direction.label()));
            drop(own.frame_bytes.get_or_create(&direction.label()));
        }
        for code in EVENT_CODES {
            drop(own.alarms.get_or_create(&[("code", code)]));
        }
        for durable in ["no", "yes"] {
            drop(own.turns.get_or_create(&[("durable", durable)]));
        }
        Arc::new(Self { registry, ..metrics })
    }

    /// The network whose bytes are counted.
    pub(super) fn watch(&self, net: Net) {
        let _ = self.net.set(net);
    }

    /// A frame went in or out.
    pub(super) fn frame(&self, direction: Direction, bytes: usize) {
        self.frames.get_or_create(&direction.label()).inc();
        self.frame_bytes.get_or_create(&direction.label()).inc_by(bytes as u64);
    }

    /// Something came from the network.
    pub(super) fn net(&self, event: &NetEvent) {
        match event {
            NetEvent::Connected { .. } => {
                self.sessions.inc();
            }
            NetEvent::Closed { .. } => {
                self.sessions.dec();
            }
            NetEvent::Frame { bytes, .. } => self.frame(Direction::In, bytes.len()),
            NetEvent::DialFailed { .. } => {
                self.dial_failures.inc();
            }
        }
    }

    /// A turn ran; `durable` when it wrote to the record.
    pub(super) fn turn(&self, took: Duration, durable: bool) {
        let label = [("durable", if durable { "yes" } else { "no" })];
        self.turns.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// What came back of a turn.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::OwnRefused(_, code) => {
                self.refused.get_or_create(&[("code", code.as_str())]).inc();
            }
            Event::PeerFault(_, why) => {
                self.peer_faults.get_or_create(&[("code", why)]).inc();
            }
            _ => {}
        }
        if let Some(code) = alarm_code(event) {
            self.alarms.get_or_create(&[("code", code)]).inc();
        }
    }

    /// All of it, and what is `seen` now, in the OpenMetrics text format.
    pub(super) fn render(&self, seen: &Seen) -> String {
        let mut text = String::new();
        let wire = self.net.get().map(Net::wire_bytes);
        // Writing into a string cannot fail; were a metric at fault, what came before it is still true.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &gauges::registry(seen, wire)))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}

/// Codes of [`alarm_code`], present from the start so that a rate can be taken of each.
const EVENT_CODES: [&str; 7] = [
    "equivocation",
    "split_view",
    "view_differs",
    "rejected_leaf",
    "swallowed",
    "stale",
    "release_held_back",
];

fn alarm_code(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Equivocation(..) => "equivocation",
        Event::SplitView(_) => "split_view",
        Event::ViewDiffers(_) => "view_differs",
        Event::RejectedLeaf(..) => "rejected_leaf",
        Event::Swallowed(..) => "swallowed",
        Event::Stale => "stale",
        Event::ReleaseHeldBack(_) => "release_held_back",
        _ => return None,
    })
}
