//! The console's view of the node: its status, whether readers may come, its metrics.

use super::data_dir::DataDir;
use super::metrics::{Metrics, Seen, free_bytes};
use super::portal_source::PortalSource;
use super::service::{Reply, Request};
use crate::console::{ConsoleSource, Readiness};
use serde_json::Value;
use std::sync::Arc;

/// Free space without which a node must not take more in: four of the record's largest batches.
const FREE_BYTES_MIN: u64 = 64 << 20;

/// What the console reads.
pub(super) struct ConsoleView {
    pub(super) pages: Arc<PortalSource>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) data: DataDir,
}

impl ConsoleSource for ConsoleView {
    fn status_json(&self) -> Value {
        match self.pages.ask.call(Request::Status) {
            Some(Reply::Document(text)) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Value::Null,
        }
    }

    fn readiness(&self) -> Readiness {
        Readiness::of(&self.status_json(), free_bytes(self.data.path()), FREE_BYTES_MIN)
    }

    fn metrics(&self) -> String {
        let status = self.status_json();
        let ready = Readiness::of(&status, free_bytes(self.data.path()), FREE_BYTES_MIN).ready;
        let checkpoint_age_ms = self.pages.checkpoint_age_ms();
        let wall_ms = self.pages.clock.now().wall.0;
        self.metrics.render(&Seen {
            status: &status,
            checkpoint_age_ms,
            wall_ms,
            data: self.data.path(),
            ready,
        })
    }
}
