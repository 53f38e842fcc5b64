//! Counting HTTP requests around a router: class, time, how many are under way.

#![allow(clippy::disallowed_methods, reason = "an edge: how long an answer took is measured here")]

use super::Metrics;
use axum::Router;
use axum::extract::Request;
use axum::middleware::Next;
use std::sync::Arc;
use std::time::Instant;

/// `app`, counted as `listener`.
pub(in crate::ops) fn counted(app: Router, metrics: &Arc<Metrics>, listener: &'static str) -> Router {
    let metrics = Arc::clone(metrics);
    app.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
        let metrics = Arc::clone(&metrics);
        async move {
            let open = Open::of(metrics, listener);
            let begun = Instant::now();
            let response = next.run(request).await;
            let class = match response.status().as_u16() / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            };
            open.0.requests.get_or_create(&[("listener", listener), ("class", class)]).inc();
            let took = begun.elapsed().as_secs_f64();
            open.0.request_seconds.get_or_create(&[("listener", listener)]).observe(took);
            response
        }
    }))
}

/// A request under way, counted until it is dropped, also when its reader goes away.
struct Open(Arc<Metrics>, &'static str);

impl Open {
    fn of(metrics: Arc<Metrics>, listener: &'static str) -> Self {
        metrics.connections.get_or_create(&[("listener", listener)]).inc();
        Self(metrics, listener)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.get_or_create(&[("listener", self.1)]).dec();
    }
}
