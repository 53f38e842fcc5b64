//! At most so many lines a minute of one cause.

#![allow(clippy::disallowed_methods, reason = "an edge: the minute of the log is the machine's")]

use prometheus_client::metrics::counter::Counter;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Seconds of one window.
const WINDOW_SECONDS: u64 = 60;
/// Lines of one cause in a window: enough to see what goes on. With some sixty causes in the program and 200 bytes a
/// line, a day of the worst flood is below 10 MiB an hour, and a flood of one cause below 300 KiB a day.
const LINES_MAX: u32 = 10;

/// Lets the first lines of each cause through in every window. A cause is a place in the code. An error that comes a
/// thousand times a second says no more than its first ten lines; what is asked for with `debug` or `trace` is never left
/// out.
pub(super) struct PerCause {
    windows: Mutex<HashMap<Identifier, (u64, u32)>>,
    begun: Instant,
    left_out: Counter,
}

impl PerCause {
    pub(super) fn new(left_out: Counter) -> Self {
        Self { windows: Mutex::default(), begun: Instant::now(), left_out }
    }

    /// True when a line of `cause` may be written at `second`.
    fn admits(&self, cause: Identifier, second: u64) -> bool {
        let window = second / WINDOW_SECONDS;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        // One entry a place in the code: bounded by the program itself.
        let (at, lines) = windows.entry(cause).or_insert((window, 0));
        if *at != window {
            (*at, *lines) = (window, 0);
        }
        *lines = lines.saturating_add(1);
        let admitted = *lines <= LINES_MAX;
        if !admitted {
            self.left_out.inc();
        }
        admitted
    }
}

fn is_limited(level: &Level) -> bool {
    matches!(*level, Level::ERROR | Level::WARN | Level::INFO)
}

impl<S: Subscriber> Filter<S> for PerCause {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        !is_limited(metadata.level()) || self.admits(metadata.callsite(), self.begun.elapsed().as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn attack_46_a_million_faults_of_one_cause_grow_the_log_by_kilobytes() {
        let (kept, left_out) = (Kept::default(), Counter::default());
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_ansi(false);
        let log = tracing_subscriber::registry().with(lines.with_filter(PerCause::new(left_out.clone())));
        tracing::subscriber::with_default(log, || {
            for number in 0..1_000_000 {
                tracing::warn!(number, "a peer broke the protocol");
            }
            for number in 0..1_000 {
                tracing::error!(number, "another cause");
            }
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.len() < 1 << 20, "{}", text.len());
        assert_eq!(text.matches("another cause").count(), 10, "errors are seen, and flood nothing either");
        assert!(left_out.get() >= 1_000_000 - 100, "{}", left_out.get());
    }

    #[test]
    fn each_window_and_each_cause_begins_anew() {
        let limit = PerCause::new(Counter::default());
        // Two places of this very file stand for two causes.
        let causes = Mutex::new(Vec::new());
        struct Names<'a>(&'a Mutex<Vec<Identifier>>);
        impl<S: Subscriber> Filter<S> for Names<'static> {
            fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
                self.0.lock().unwrap().push(metadata.callsite());
                true
            }
        }
        let causes: &'static Mutex<Vec<Identifier>> = Box::leak(Box::new(causes));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(Names(causes));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::warn!("one");
            tracing::warn!("two");
        });
        let found = causes.lock().unwrap();
        let (one, two) = (found[0].clone(), found.last().unwrap().clone());
        assert_ne!(one, two);
        let admitted =
            |cause: &Identifier, second| (0..100).filter(|_| limit.admits(cause.clone(), second)).count();
        assert_eq!(admitted(&one, 0), 10);
        assert_eq!(admitted(&two, 1), 10);
        assert_eq!(admitted(&one, 59), 0);
        assert_eq!(admitted(&one, 60), 10);
    }
}
