//! A line that can be cut: it passes the datagrams of a node's neighbours on, and the answers back.

#![allow(clippy::disallowed_methods, reason = "an edge: the demo's own little network")]

use crate::ops::cli::unexpected;
use crate::ops::service::Failure;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::net::UdpSocket;
use tokio::runtime::Runtime;

/// Longest datagram: what UDP can carry.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Callers whose answers are carried back: four nodes with a few sockets each, and room for restarts.
const CALLER_COUNT_MAX: usize = 64;

/// What the line and its tasks share.
#[derive(Default)]
struct Shared {
    cut: AtomicBool,
    target: OnceLock<SocketAddr>,
}

/// A line to one node. It ends with the runtime that it was laid on.
pub(super) struct Line {
    address: String,
    shared: Arc<Shared>,
}

impl Line {
    /// Lays a line that begins at `address`.
    pub(super) fn lay(runtime: &Runtime, address: String) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let listen = runtime.block_on(UdpSocket::bind(&address))?;
        runtime.spawn(carry(Arc::new(listen), Arc::clone(&shared)));
        Ok(Self { address, shared })
    }

    /// What neighbours dial.
    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Where it ends; until then nothing gets through.
    pub(super) fn lead_to(&self, target: &str) -> Result<(), Failure> {
        let target = target.parse().map_err(|_| unexpected())?;
        let _ = self.shared.target.set(target);
        Ok(())
    }

    /// Cuts the line, or joins it.
    pub(super) fn cut(&self, cut: bool) {
        self.shared.cut.store(cut, Ordering::Relaxed);
    }
}

impl Shared {
    fn open(&self) -> Option<SocketAddr> {
        if self.cut.load(Ordering::Relaxed) { None } else { self.target.get().copied() }
    }
}

async fn carry(listen: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut callers: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error is the answer of a port that nobody listens on just now.
        let Ok((length, from)) = listen.recv_from(&mut bytes).await else { continue };
        let Some(target) = shared.open() else { continue };
        if !callers.contains_key(&from) {
            let Ok(line) = open(target).await else { continue };
            if callers.len() >= CALLER_COUNT_MAX {
                callers.pop_first();
            }
            tokio::spawn(carry_back(Arc::clone(&line), Arc::clone(&listen), from, Arc::clone(&shared)));
            callers.insert(from, line);
        }
        if let Some(line) = callers.get(&from) {
            // A datagram that is lost is what a network does; the transport sends it again.
            let _ = line.send(bytes.get(..length).unwrap_or_default()).await;
        }
    }
}

async fn open(target: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let line = UdpSocket::bind("127.0.0.1:0").await?;
    line.connect(target).await?;
    Ok(Arc::new(line))
}

async fn carry_back(line: Arc<UdpSocket>, listen: Arc<UdpSocket>, to: SocketAddr, shared: Arc<Shared>) {
    let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok(length) = line.recv(&mut bytes).await else { continue };
        if shared.open().is_some() {
            let _ = listen.send_to(bytes.get(..length).unwrap_or_default(), to).await;
        }
    }
}
