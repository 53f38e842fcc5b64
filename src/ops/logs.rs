//! The log: structured events on stderr, as text or JSON; one event is one line, and no cause floods it.
//!
//! Names of events and fields are English and stable. Every cause (the place in the code that says it) is let through a
//! few times a minute; the rest is counted in `gongshi_log_lines_left_out_total`. Control and bidirectional characters of any field are escaped, so that nobody writes a second line.

mod limit;
mod plain;

use crate::config::{Log, LogFormat};
use limit::PerCause;
use plain::Plain;
use prometheus_client::metrics::counter::Counter;
use std::sync::OnceLock;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines left out since the process started.
pub(super) fn left_out() -> &'static Counter {
    static LEFT_OUT: OnceLock<Counter> = OnceLock::new();
    LEFT_OUT.get_or_init(Counter::default)
}

/// Begins to write the log as the configuration says.
pub(super) fn start(log: &Log) {
    let filter = tracing_subscriber::EnvFilter::try_new(format!("gongshi={}", log.level.as_str()));
    let filter = filter.unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(Plain::stderr).with_ansi(false);
    let lines = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.boxed(),
    };
    // A second subscriber in one process changes nothing; that is all that can go wrong here.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(PerCause::new(left_out().clone())).with_filter(filter))
        .try_init();
}
