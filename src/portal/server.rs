//! The accept loop: honest readers are served whatever strangers do (trials.md, attack 43).
//!
//! `axum::serve` can set none of these limits, and hyper drops the header timeout silently when it has no timer. A
//! request's header, first byte to last and the wait before it, has [`Limits::header_timeout`]; so an idle
//! connection lives no longer than that. A peer that does not read is dropped by `stall`. When all places are
//! taken, the oldest idle connection makes room, else the oldest that is slow to read, else the newcomer goes away
//! at once: nobody waits in a queue. Addresses with too many connections are refused, except loopback and trusted
//! ones (a proxy in front of the portal).

#![allow(
    clippy::disallowed_methods,
    reason = "an edge: sockets, tasks and timers live here and nowhere below"
)]

use super::stall::{Phase, SharedPhase, Stall};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

/// Pause after accept failed for want of descriptors or memory: short enough that nobody notices the recovery.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What open responses have to finish once a shutdown was asked for.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// What strangers may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all (the contract promises at least 1,024).
    pub connections_max: usize,
    /// Connections of one address (of one /64 in IPv6).
    pub per_address_max: usize,
    /// Time for a request's header, including the wait for its first byte.
    pub header_timeout: Duration,
    /// Time in which a peer must take the next part of a response.
    pub write_stall: Duration,
    /// Largest request header in bytes; at least 8,192, which is hyper's floor.
    pub header_bytes_max: usize,
    /// Addresses without a limit of their own, besides loopback.
    pub trusted: Trusted,
}

/// Tells which addresses are trusted, as the configuration names them.
#[derive(Clone)]
pub struct Trusted(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Trusted {
    /// Addresses for which `is_trusted` says so.
    pub fn new(is_trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_trusted))
    }
}

impl std::fmt::Debug for Trusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trusted")
    }
}

impl Default for Limits {
    /// The figures of trials.md, attack 43; 2,048 connections cost about 40 MB when all are open.
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            per_address_max: 64,
            header_timeout: Duration::from_secs(5),
            write_stall: Duration::from_secs(30),
            header_bytes_max: 16 * 1024,
            trusted: Trusted::new(|_| false),
        }
    }
}

/// One open connection.
struct Open {
    group: IpAddr,
    phase: SharedPhase,
    task: Option<AbortHandle>,
}

/// All open connections, oldest first.
#[derive(Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Open>,
    per_group: HashMap<IpAddr, usize>,
}

impl Table {
    fn add(&mut self, group: IpAddr, phase: SharedPhase) -> u64 {
        let id = self.next;
        self.next += 1;
        *self.per_group.entry(group).or_default() += 1;
        self.open.insert(id, Open { group, phase, task: None });
        id
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(count) = self.per_group.get_mut(&open.group) {
            *count -= 1;
            if *count == 0 {
                self.per_group.remove(&open.group);
            }
        }
        Some(open)
    }

    /// Drops the oldest idle connection, else the oldest that is writing; false when all are being answered.
    fn make_room(&mut self) -> bool {
        let oldest = |phase| self.open.iter().find(|(_, open)| open.phase.is(phase)).map(|(id, _)| *id);
        let Some(id) = oldest(Phase::Idle).or_else(|| oldest(Phase::Writing)) else {
            return false;
        };
        if let Some(task) = self.remove(id).and_then(|open| open.task) {
            task.abort();
        }
        true
    }
}

/// The table, shared with the connections that leave it.
#[derive(Clone, Default)]
struct SharedTable(Arc<Mutex<Table>>);

impl SharedTable {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // No code panics while it holds the lock; if it did, the counts would still be sound enough to serve.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place: given back when its task ends, however it ends.
struct Place {
    table: SharedTable,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().remove(self.id);
    }
}

/// Serves `app` until `shutdown` turns true or its sender is gone; open responses then have five seconds.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, mut shutdown: watch::Receiver<bool>) {
    let limits = Arc::new(limits);
    let table = SharedTable::default();
    let mut tasks = JoinSet::new();
    let stop = shutdown.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut shutdown) => break,
            Some(_) = tasks.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some((place, phase)) = admit(&table, peer, &limits) {
                    let id = place.id;
                    let connection = connection(
                        (stream, peer),
                        app.clone(),
                        Arc::clone(&limits),
                        phase,
                        stop.clone(),
                        place,
                    );
                    let task = tasks.spawn(connection);
                    if let Some(open) = table.lock().open.get_mut(&id) {
                        open.task = Some(task);
                    }
                }
            }
            // The peer went away between its knock and our answer; nothing to wait for.
            Err(error) if peer_left(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed; making room");
                table.lock().make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_done = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, all_done).await.is_err() {
        tracing::info!("dropping connections that did not finish in time");
    }
    tasks.shutdown().await;
}

/// Ends when a shutdown was asked for, or nobody can ask any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // The guard over the value is dropped here, so that the caller's future can move between threads.
    let _ = shutdown.wait_for(|stop| *stop).await.map(|stop| *stop);
}

fn peer_left(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A place for the newcomer, or none: then its socket is closed.
fn admit(table: &SharedTable, peer: SocketAddr, limits: &Limits) -> Option<(Place, SharedPhase)> {
    let address = peer.ip().to_canonical();
    let group = group(address);
    let exempt = address.is_loopback() || (limits.trusted.0)(address);
    let mut guard = table.lock();
    if !exempt && guard.per_group.get(&group).is_some_and(|count| *count >= limits.per_address_max) {
        return None;
    }
    if guard.open.len() >= limits.connections_max && !guard.make_room() {
        return None;
    }
    let phase = SharedPhase::default();
    let id = guard.add(group, phase.clone());
    drop(guard);
    Some((Place { table: table.clone(), id }, phase))
}

/// An IPv4 address, or the /64 of an IPv6 address: one subscriber has a whole /64.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        other => other,
    }
}

/// One connection, from its first request to its last.
async fn connection(
    (stream, peer): (TcpStream, SocketAddr),
    app: Router,
    limits: Arc<Limits>,
    phase: SharedPhase,
    mut shutdown: watch::Receiver<bool>,
    _place: Place,
) {
    // Small responses must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Stall::new(stream, limits.write_stall, phase.clone()));
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        let phase = phase.clone();
        async move {
            phase.set(Phase::Answering);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = app.oneshot(request).await;
            phase.set(Phase::Writing);
            response
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes_max.max(8_192))
        .half_close(false);
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
    tokio::select! {
        ended = connection.as_mut() => { trace_end(&ended); }
        () = stopped(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            trace_end(&connection.await);
        }
    }
}

fn trace_end(ended: &hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
