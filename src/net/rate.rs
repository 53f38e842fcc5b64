//! How fast a link may go: a line that a site shares with its people is not filled by the node.
//!
//! Only the tasks of one link wait; what the engine queues meanwhile is bounded as ever, and what is not read is held
//! back at the peer by flow control.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What may gather while a link is idle: short frames of a conversation never wait.
const BURST: Duration = Duration::from_millis(200);
/// Bytes written at once on a link with a limit, so that the line is filled evenly.
pub(super) const PIECE_BYTES: usize = 8 * 1024;

/// Bytes a second that each link may carry, without the overhead of QUIC (3 to 6 %); 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// From here to the neighbour.
    pub up: u64,
    /// From the neighbour to here.
    pub down: u64,
}

/// One direction of one link.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_s: u64,
    free_at: Instant,
}

impl Pace {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { bytes_per_s, free_at: Instant::now() }
    }

    /// True when there is a limit.
    pub(super) const fn is_limited(&self) -> bool {
        self.bytes_per_s > 0
    }

    /// Waits until `bytes` more may pass.
    pub(super) async fn pass(&mut self, bytes: usize) {
        if let Some(until) = self.after(bytes, Instant::now()) {
            sleep_until(until).await;
        }
    }

    fn after(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        if !self.is_limited() {
            return None;
        }
        let took = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64);
        self.free_at = self.free_at.max(now.checked_sub(BURST).unwrap_or(now)) + took;
        (self.free_at > now).then_some(self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_at_the_rate_after_a_short_burst_and_without_a_limit_at_once() {
        let now = Instant::now();
        let mut free = Pace::new(0);
        assert_eq!(free.after(1 << 30, now), None);
        let mut pace = Pace::new(10_000);
        assert_eq!(pace.after(1_000, now + Duration::from_secs(9)), None, "within the burst");
        let mut last = None;
        for _ in 0..50 {
            last = pace.after(1_000, now + Duration::from_secs(9));
        }
        let waited = last.expect("it waits") - (now + Duration::from_secs(9));
        assert_eq!(waited, Duration::from_millis(4_900), "51 KB at 10 KB/s less the burst");
    }
}
