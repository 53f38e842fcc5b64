//! How long a peer is waited for in the middle of a frame, in either direction.
//!
//! Between frames silence is fine: an idle session costs nothing. Inside one, whoever keeps the line alive and lets
//! bytes drip, or takes none, would hold a buffer for as long as it likes. So each [`PROGRESS_BYTES`] have a time of
//! their own, of which only the waiting counts, never our own work between two waits.

use super::close::CloseReason;
use super::limits::PROGRESS_BYTES;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What is left of the time for the next bytes.
pub(super) struct Patience {
    bound: Duration,
    left: Duration,
    moved_bytes: usize,
}

impl Patience {
    pub(super) const fn new(bound: Duration) -> Self {
        Self { bound, left: bound, moved_bytes: 0 }
    }

    /// Begins anew: nothing is owed.
    pub(super) const fn renew(&mut self) {
        *self = Self::new(self.bound);
    }

    /// Waits for the peer.
    ///
    /// # Errors
    /// [`CloseReason::TooSlow`] when its time is over.
    pub(super) async fn wait<T>(&mut self, coming: impl Future<Output = T>) -> Result<T, CloseReason> {
        let begun = Instant::now();
        let came = timeout(self.left, coming).await.map_err(|_| CloseReason::TooSlow);
        self.left = self.left.saturating_sub(begun.elapsed());
        came
    }

    /// The peer brought or took so many bytes.
    pub(super) const fn moved(&mut self, bytes: usize) {
        self.moved_bytes = self.moved_bytes.saturating_add(bytes);
        if self.moved_bytes >= PROGRESS_BYTES {
            self.renew();
        }
    }
}
