//! Warnings that a stranger can cause, kept from flooding the log.

use super::limits::WARNING_INTERVAL;
use super::locked;
use std::sync::Mutex;
use tokio::time::Instant;

/// Lets one warning through per interval and counts the others.
#[derive(Default)]
pub(super) struct Quiet(Mutex<(Option<Instant>, u64)>);

impl Quiet {
    /// `Some(n)`: warn now, `n` were left out before; `None`: leave this one out.
    pub(super) fn ask(&self) -> Option<u64> {
        let mut state = locked(&self.0);
        let (last, left_out) = &mut *state;
        if last.is_some_and(|last| last.elapsed() < WARNING_INTERVAL) {
            *left_out += 1;
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(left_out))
    }
}
