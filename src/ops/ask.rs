//! Asking the engine's thread from others: for the portal, for somebody at the console, for a client of the socket.

use super::audit::Caller;
use super::service::{Reply, Request};
use tokio::sync::{mpsc, oneshot};

/// A question to the engine's thread.
pub(super) type Question = (Request, Caller, oneshot::Sender<Reply>);

/// Asks the engine from other threads.
#[derive(Clone)]
pub(super) struct Ask(mpsc::Sender<Question>);

impl Ask {
    /// Asks through a channel to the engine's thread.
    pub(super) const fn new(questions: mpsc::Sender<Question>) -> Self {
        Self(questions)
    }

    /// Asks and waits; for threads that may block. None when the engine is gone.
    pub(super) fn call(&self, request: Request) -> Option<Reply> {
        self.call_for(request, Caller { who: "gongshi".to_owned(), from: "portal".to_owned() })
    }

    /// The same for somebody.
    pub(super) fn call_for(&self, request: Request, caller: Caller) -> Option<Reply> {
        let (answer, reply) = oneshot::channel();
        self.0.blocking_send((request, caller, answer)).ok()?;
        reply.blocking_recv().ok()
    }

    /// Asks for somebody; the reply comes when the turn is durable.
    pub(super) async fn send(&self, request: Request, caller: Caller) -> Option<oneshot::Receiver<Reply>> {
        let (answer, reply) = oneshot::channel();
        self.0.send((request, caller, answer)).await.ok()?;
        Some(reply)
    }
}
