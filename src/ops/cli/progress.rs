//! Progress of long work: a bar on standard error, only where a person watches. It says how far, how fast, how long.

use super::args::Global;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Work that is shorter needs no bar.
const SHOWN_FROM: u64 = 20;
/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// A bar, or nothing: off a terminal, with `--quiet` or `--json`, or when there is little to do.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of `total` pieces of work.
    pub(super) fn of(global: &Global, total: u64, zh: &'static str, en: &'static str) -> Self {
        if total < SHOWN_FROM || is_silent(global) {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec} {eta}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(global.words(zh, en));
        Self(bar)
    }

    /// Of work whose end is not known.
    pub(super) fn endless(global: &Global, zh: &'static str, en: &'static str) -> Self {
        if is_silent(global) {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style.tick_chars("|/-\\ "));
        }
        bar.set_message(global.words(zh, en));
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// One piece more is done.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    /// Nothing of the bar is left on the screen.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// True where nobody watches. The draw target itself is silent off a terminal.
fn is_silent(global: &Global) -> bool {
    global.manner.quiet || global.json
}
