//! What systemd is told: ready, stopping, and that the engine still works. Without systemd nothing happens.
//!
//! The watchdog is fed only by real work: a question goes to the engine, a whole turn runs, its answer comes back.
//! A process that lives while its engine hangs is not fed, and systemd starts it anew.

use super::audit::Caller;
use super::driver::{Ask, pause};
use super::service::{Reply, Request};
use sd_notify::NotifyState;

/// The node answers.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The node was asked to stop and does.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog, if there is one, until the engine is gone.
pub(super) async fn watch(ask: Ask) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    loop {
        // A third of the time allowed leaves room for one lost turn.
        pause(Some(within / 3)).await;
        let caller = Caller { who: "gongshi".to_owned(), from: "watchdog".to_owned() };
        let Some(reply) = ask.send(Request::Status, caller).await else { return };
        match reply.await {
            Ok(Reply::Document(_)) => tell(&[NotifyState::Watchdog]),
            _ => return,
        }
    }
}

/// A manager that does not listen is nothing a node must stop for.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
