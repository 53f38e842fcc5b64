//! The QUIC edge: keys, connections and length-prefixed frames of bytes. It knows nothing of what the frames say.
//!
//! A session is one QUIC connection with one bidirectional stream that the dialler opens, ALPN `gongshi/1`,
//! TLS 1.3 with mutual raw public keys; frames are `length u32 big-endian ‖ bytes`, both ways, none of length
//! zero. An event is `Connected`, then `Frame`s in order, then one `Closed`; or `DialFailed`.
//!
//! Promises: the key in an event was proven by the peer; everything a peer can make this node hold is bounded in
//! [`limits`]; a slow driver slows the peers, a slow peer is cut off and slows nobody; a restarted node resets
//! the connections of its former life at the first packet. It leaves to the driver whom to dial and when again,
//! what a key may do, and the meaning of every byte.
//!
//! - `identity` TLS and keys · `transport` socket and settings · `accept`, `dial` ways into a session ·
//!   `session` its tasks · `link` its shared state · `table` all of them · `frame` the framing · `close` reasons · `rate` limits of bytes a second ·
//!   `reach` where dials may lead · `patience` with peers that stall · `warn` quiet warnings

#![allow(
    clippy::disallowed_methods,
    reason = "an edge: sockets, tasks and timers live here and nowhere below"
)]

mod accept;
mod close;
mod dial;
mod frame;
mod identity;
pub mod limits;
mod link;
mod patience;
mod rate;
mod reach;
mod session;
mod table;
#[cfg(test)]
mod tests;
mod transport;
mod warn;

pub use close::{CloseReason, code};
pub use identity::TransportSecret;
pub use rate::Rate;
pub use reach::Reach;

use crate::trust::key::PublicKey;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// What to do with a key that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// A known neighbour: the limits of a peer.
    Peer,
    /// Unknown, perhaps about to join: 4 KiB frames, 16 KiB in all, 5 s, until [`Net::promote`].
    Stranger,
    /// The handshake fails.
    Refuse,
}

/// Judges a key. Called inside handshakes, perhaps twice for one, so it must be quick and must not block.
pub type Admission = Arc<dyn Fn(&PublicKey) -> Admit + Send + Sync>;

/// Where events go. Bounded by its maker; 64 to 1,024 places are sensible. When it is full, the readers wait.
pub type EventSender = tokio::sync::mpsc::Sender<NetEvent>;

/// How the edge is set up.
pub struct NetConfig {
    /// The UDP address to accept on; `None` only dials, from a port that the kernel chooses.
    pub listen: Option<SocketAddr>,
    /// The node's transport key.
    pub secret: TransportSecret,
    /// Judges the keys of those who connect; keys that are dialled are peers.
    pub admission: Admission,
    /// Let the kernel or the card cut packets; off for cards and VPNs that do it wrongly.
    pub segmentation_offload: bool,
    /// Look for packets larger than 1,200 bytes; off for lines that drop what they should report.
    pub mtu_discovery: bool,
    /// How fast each link may go.
    pub rate: Rate,
    /// How long a peer may stall in the middle of a frame.
    pub stall: Duration,
}

impl NetConfig {
    /// The usual settings.
    pub fn new(listen: Option<SocketAddr>, secret: TransportSecret, admission: Admission) -> Self {
        Self {
            listen,
            secret,
            admission,
            segmentation_offload: true,
            mtu_discovery: true,
            rate: Rate::default(),
            stall: limits::STALL_TIMEOUT,
        }
    }
}

/// A connection of this process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What the edge tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// A session began. For the dialler this says that the server holds its key, not yet that it likes ours:
    /// a refusal comes as `Closed`, so a peer has admitted us when its first frame is here.
    Connected {
        /// The new connection.
        conn: ConnId,
        /// The proven key of the peer.
        key: PublicKey,
        /// Whether this side dialled.
        dialled: bool,
        /// The peer's address when it connected; it may move.
        remote: SocketAddr,
    },
    /// A frame, 1 byte to 16 MiB.
    Frame {
        /// Its connection.
        conn: ConnId,
        /// Its content, without the length.
        bytes: Vec<u8>,
    },
    /// A session ended; no event of this connection follows.
    Closed {
        /// The connection.
        conn: ConnId,
        /// The peer's key.
        key: PublicKey,
        /// Whether this side dialled.
        dialled: bool,
        /// Why.
        why: CloseReason,
    },
    /// No address of a dialled peer answered with its key.
    DialFailed {
        /// The key that was dialled.
        key: PublicKey,
        /// Why the last address failed, for logs and people.
        why: String,
    },
}

/// Why the edge did not start. All of them are local: the operator must act.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The socket cannot be opened: address in use, not of this machine, not permitted.
    #[error("the UDP socket cannot be opened: {0}")]
    Socket(#[from] std::io::Error),
    /// The transport key is unusable.
    #[error("the transport key cannot be used: {0}")]
    Key(String),
    /// The TLS library refuses our settings: a fault of this program.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// A handle on the edge: cheap, cloned at will, usable from any thread. Dropping handles stops nothing;
/// [`Net::shutdown`] does.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    config: NetConfig,
    identity: identity::Identity,
    dialling: Arc<quinn::TransportConfig>,
    endpoint: quinn::Endpoint,
    local: SocketAddr,
    runtime: Handle,
    events: EventSender,
    table: table::Table,
    handshakes: Arc<AtomicUsize>,
    quiet_full: warn::Quiet,
    quiet_strangers: warn::Quiet,
}

impl Net {
    /// Opens the socket and begins to accept. Must be called inside a tokio runtime, which then runs everything.
    ///
    /// # Errors
    /// [`NetError`].
    pub async fn start(config: NetConfig, events: EventSender) -> Result<Self, NetError> {
        let identity = identity::Identity::new(&config.secret)?;
        let endpoint = transport::endpoint(&config, &identity)?;
        let inner = Arc::new(Inner {
            dialling: Arc::new(transport::dialling(&config)),
            local: endpoint.local_addr()?,
            runtime: Handle::current(),
            table: table::Table::default(),
            handshakes: Arc::default(),
            quiet_full: warn::Quiet::default(),
            quiet_strangers: warn::Quiet::default(),
            config,
            identity,
            endpoint,
            events,
        });
        tracing::debug!(local = %inner.local, key = %inner.config.secret.public(), "network edge started");
        if inner.config.listen.is_some() {
            inner.runtime.spawn(accept::run(inner.clone()));
        }
        Ok(Self(inner))
    }

    /// The address of the socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// Dials `HOST:PORT` (an IPv6 address in brackets) and pins `key`. Ends in `Connected` or `DialFailed`, after
    /// at most 5 s to resolve the name and 5 s for each of at most four addresses.
    pub fn dial(&self, address: &str, key: PublicKey) {
        self.dial_within(Reach::Anywhere, address, key);
    }

    /// As [`Net::dial`], where the address is not of the operator's choosing.
    pub fn dial_within(&self, reach: Reach, address: &str, key: PublicKey) {
        self.0.runtime.spawn(dial::run(self.0.clone(), reach, address.to_owned(), key));
    }

    /// Queues a frame of 1 byte to 16 MiB; an empty one is not sent. False if the connection is gone, or goes
    /// because of this frame: 32 MiB or 65,536 frames are queued already, or the frame is too long. True is no
    /// promise of arrival.
    pub fn send(&self, conn: ConnId, frame: Vec<u8>) -> bool {
        self.0.table.find(conn).is_some_and(|link| link.send(frame, false))
    }

    /// As [`Net::send`], for a frame that yields to all that are sent so.
    pub fn send_yielding(&self, conn: ConnId, frame: Vec<u8>) -> bool {
        self.0.table.find(conn).is_some_and(|link| link.send(frame, true))
    }

    /// Bytes queued that the transport has not taken yet, for drivers that pace themselves; `None` if the
    /// connection is gone.
    pub fn queued_bytes(&self, conn: ConnId) -> Option<usize> {
        self.0.table.find(conn).map(|link| link.queued_bytes())
    }

    /// UDP bytes sent and received since the start, in QUIC's packets: what links cost on the wire, keep-alives included.
    pub fn wire_bytes(&self) -> (u64, u64) {
        self.0.table.wire_bytes()
    }

    /// Ends a connection: frames queued before are still delivered if the peer takes them within 1 s, then it is
    /// told `code` (64 or more) and `reason`. `Closed` with [`CloseReason::Local`] follows.
    pub fn close(&self, conn: ConnId, code: u32, reason: &str) {
        let Some(link) = self.0.table.find(conn) else { return };
        link.end(CloseReason::Local { code }, reason);
        self.0.runtime.spawn(async move {
            if timeout(limits::CLOSE_FLUSH_TIMEOUT, link.quic.closed()).await.is_err() {
                link.leave();
            }
        });
    }

    /// Gives a stranger the limits of a peer: somebody vouched for it. False if the connection is gone.
    pub fn promote(&self, conn: ConnId) -> bool {
        self.0.table.find(conn).map(|link| link.promote()).is_some()
    }

    /// Says goodbye to everybody, within 3 s. The port is free moments after the other handles are
    /// dropped too.
    pub async fn shutdown(self) {
        let links = self.0.table.stop();
        for link in &links {
            link.end(CloseReason::Stopped, "");
        }
        let goodbyes = async {
            for link in &links {
                link.quic.closed().await;
            }
        };
        // Who did not take its frames in time is told below, with everybody who is still in a handshake.
        let _ = timeout(limits::CLOSE_FLUSH_TIMEOUT, goodbyes).await;
        self.0.endpoint.close(quinn::VarInt::from_u32(code::STOPPED), b"");
        let _ = timeout(limits::SHUTDOWN_TIMEOUT, self.0.endpoint.wait_idle()).await;
    }
}

/// Locks; a panic elsewhere leaves these plain values as good as they were.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
