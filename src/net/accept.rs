//! Accepting: from a first packet to a session, under the bounds that keep strangers small.
//!
//! Order of the doors: an address that proves itself when many handshakes are open; a key that the admission hook
//! does not refuse (inside the handshake); a place among strangers if it is one; a session stream in time.

use super::close::{CloseReason, code};
use super::identity::peer_key;
use super::limits::{HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, HANDSHAKES_RETRY_MIN};
use super::link::Link;
use super::session;
use super::table::NoPlace;
use super::{Admit, Inner};
use quinn::{Incoming, VarInt};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::timeout;

/// Accepts until the endpoint is closed.
pub(super) async fn run(inner: Arc<Inner>) {
    while let Some(incoming) = inner.endpoint.accept().await {
        let open = inner.handshakes.load(Ordering::Relaxed);
        if open >= HANDSHAKES_MAX {
            if let Some(left_out) = inner.quiet_full.ask() {
                tracing::warn!(open, left_out, "too many handshakes under way, refusing more");
            }
            incoming.refuse();
        } else if open >= HANDSHAKES_RETRY_MIN && !incoming.remote_address_validated() && incoming.may_retry()
        {
            // An error is only possible for addresses that are validated already.
            let _ = incoming.retry();
        } else {
            let slot = Slot::take(&inner);
            tokio::spawn(accept(inner.clone(), incoming, slot));
        }
    }
}

async fn accept(inner: Arc<Inner>, incoming: Incoming, slot: Slot) {
    let Ok(connecting) = incoming.accept() else { return };
    // Giving up drops the half-open connection, and the transport forgets it.
    let Ok(Ok(quic)) = timeout(HANDSHAKE_TIMEOUT, connecting).await else { return };
    let Some(key) = peer_key(&quic) else { return };
    let stranger = match (inner.config.admission)(&key) {
        Admit::Peer => false,
        Admit::Stranger => true,
        // Revoked in the milliseconds since the handshake asked.
        Admit::Refuse => return quic.close(VarInt::from_u32(code::REFUSED), b""),
    };
    let link = Arc::new(Link::new(inner.table.next_id(), key, false, stranger, quic));
    match inner.table.insert(&link) {
        Ok(Some(older)) => older.cut(CloseReason::Replaced),
        Ok(None) => {}
        Err(NoPlace::StrangersFull) => {
            if let Some(left_out) = inner.quiet_strangers.ask() {
                tracing::warn!(remote = %link.remote, left_out, "too many unknown keys at once, refusing more");
            }
            return link.quic.close(VarInt::from_u32(code::STRANGERS_FULL), b"");
        }
        Err(NoPlace::Stopped) => return link.cut(CloseReason::Stopped),
    }
    if stranger {
        tokio::spawn(session::expire(link.clone()));
    }
    match timeout(HANDSHAKE_TIMEOUT, link.quic.accept_bi()).await {
        Ok(Ok(streams)) => {
            drop(slot);
            session::run(&inner.table, &inner.events, link, streams, &inner.config).await;
        }
        Ok(Err(_)) | Err(_) => {
            link.cut(CloseReason::Ended);
            inner.table.remove(&link);
        }
    }
}

/// One handshake under way, counted until dropped.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(inner: &Inner) -> Self {
        inner.handshakes.fetch_add(1, Ordering::Relaxed);
        Self(inner.handshakes.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
