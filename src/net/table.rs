//! The connections of one node: who has one, which is the newest of its key, how many belong to strangers.
//!
//! Promises: per key and direction one connection, the newest; never more strangers than the limits allow.

use super::limits::{STRANGERS_MAX, STRANGERS_PER_SOURCE_MAX};
use super::link::Link;
use super::{ConnId, locked};
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(super) struct Table {
    last_id: AtomicU64,
    state: Mutex<State>,
    /// Bytes on the wire of connections that are over.
    over: (AtomicU64, AtomicU64),
}

#[derive(Default)]
struct State {
    links: BTreeMap<ConnId, Arc<Link>>,
    newest: BTreeMap<(PublicKey, bool), ConnId>,
    stopped: bool,
}

/// Why a connection found no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Strangers enough, in all or from this source.
    StrangersFull,
    /// The node stops.
    Stopped,
}

impl Table {
    /// A number that no other connection of this process has.
    pub(super) fn next_id(&self) -> ConnId {
        ConnId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Gives a connection its place, and hands back the older one that it replaces.
    pub(super) fn insert(&self, link: &Arc<Link>) -> Result<Option<Arc<Link>>, NoPlace> {
        let mut state = locked(&self.state);
        if state.stopped {
            return Err(NoPlace::Stopped);
        }
        if link.is_stranger() {
            let others = state.links.values().filter(|other| other.is_stranger() && other.key != link.key);
            let (mut count, mut same_source) = (0, 0);
            for other in others {
                count += 1;
                same_source += usize::from(source(other.remote.ip()) == source(link.remote.ip()));
            }
            if count >= STRANGERS_MAX || same_source >= STRANGERS_PER_SOURCE_MAX {
                return Err(NoPlace::StrangersFull);
            }
        }
        let older = state.newest.insert((link.key, link.dialled), link.id);
        let older = older.and_then(|id| state.links.remove(&id));
        state.links.insert(link.id, link.clone());
        Ok(older)
    }

    /// Gives the place back; no matter if it is gone already.
    pub(super) fn remove(&self, link: &Link) {
        let mut state = locked(&self.state);
        state.links.remove(&link.id);
        let slot = (link.key, link.dialled);
        if state.newest.get(&slot) == Some(&link.id) {
            state.newest.remove(&slot);
        }
    }

    /// A connection is over: what it carried is not forgotten. Once for each.
    pub(super) fn count(&self, link: &Link) {
        let (sent, received) = link.wire_bytes();
        self.over.0.fetch_add(sent, Ordering::Relaxed);
        self.over.1.fetch_add(received, Ordering::Relaxed);
    }

    /// UDP bytes sent and received by all connections that had a place.
    pub(super) fn wire_bytes(&self) -> (u64, u64) {
        let over = (self.over.0.load(Ordering::Relaxed), self.over.1.load(Ordering::Relaxed));
        let open: Vec<_> = locked(&self.state).links.values().map(|link| link.wire_bytes()).collect();
        open.into_iter().fold(over, |sum, bytes| (sum.0 + bytes.0, sum.1 + bytes.1))
    }

    pub(super) fn find(&self, id: ConnId) -> Option<Arc<Link>> {
        locked(&self.state).links.get(&id).cloned()
    }

    /// From here on nobody gets a place; hands out those who have one.
    pub(super) fn stop(&self) -> Vec<Arc<Link>> {
        let mut state = locked(&self.state);
        state.stopped = true;
        state.links.values().cloned().collect()
    }
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 subscriber has to itself.
fn source(address: IpAddr) -> [u8; 8] {
    let wide = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let mut source = [0; 8];
    // The tail of a mapped IPv4 address is where its four bytes are.
    let from = if address.is_ipv4() { 8 } else { 0 };
    source.iter_mut().zip(wide.iter().skip(from)).for_each(|(to, byte)| *to = *byte);
    source
}
