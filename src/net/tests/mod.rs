//! Tests of the edge over real sockets on loopback. Each waits for events, with a deadline far above what it
//! needs; none sleeps to let something happen.

mod bulk;
mod refusals;
mod restart;
mod sessions;
mod stalls;

use super::limits::ALPN;
use super::*;
use crate::trust::key::SecretKey;
use std::time::Duration;
use tokio::sync::mpsc;

/// Long enough for anything that is not broken.
const PATIENCE: Duration = Duration::from_secs(15);

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A node whose patience with peers that stall is short.
async fn impatient(seed: u8, stall: Duration) -> Node {
    let config = NetConfig { stall, ..config(seed, Some(loopback()), Admit::Peer) };
    let (sender, events) = mpsc::channel(256);
    Node { net: Net::start(config, sender).await.unwrap(), events }
}

fn config(seed: u8, listen: Option<SocketAddr>, admit: Admit) -> NetConfig {
    let secret = TransportSecret::new(&secret(seed)).unwrap();
    NetConfig::new(listen, secret, Arc::new(move |_| admit))
}

/// A node with its queue of events.
struct Node {
    net: Net,
    events: mpsc::Receiver<NetEvent>,
}

impl Node {
    async fn start(seed: u8, listen: Option<SocketAddr>, admit: Admit) -> Self {
        let (sender, events) = mpsc::channel(256);
        Self { net: Net::start(config(seed, listen, admit), sender).await.unwrap(), events }
    }
    async fn listening(seed: u8, admit: Admit) -> Self {
        Self::start(seed, Some(loopback()), admit).await
    }
    async fn dialling(seed: u8) -> Self {
        Self::start(seed, None, Admit::Refuse).await
    }
    fn address(&self) -> String {
        self.net.local_addr().to_string()
    }
    async fn event(&mut self) -> NetEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a running edge")
    }
    async fn connected(&mut self) -> ConnId {
        match self.event().await {
            NetEvent::Connected { conn, .. } => conn,
            other => panic!("expected Connected, got {other:?}"),
        }
    }
    async fn frame(&mut self) -> Vec<u8> {
        match self.event().await {
            NetEvent::Frame { bytes, .. } => bytes,
            other => panic!("expected Frame, got {other:?}"),
        }
    }
    async fn closed(&mut self) -> CloseReason {
        match self.event().await {
            NetEvent::Closed { why, .. } => why,
            other => panic!("expected Closed, got {other:?}"),
        }
    }
}

/// A parent that admits everybody as a peer, and a child connected to it.
async fn pair() -> (Node, ConnId, Node, ConnId) {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&parent.address(), key(1));
    let (down, up) = (parent.connected().await, child.connected().await);
    (parent, down, child, up)
}

/// A client below the edge, for peers that do not keep to the rules.
async fn raw(seed: u8, to: &Node, pinned: u8) -> (quinn::Endpoint, quinn::Connection) {
    let identity = identity::Identity::new(&TransportSecret::new(&secret(seed)).unwrap()).unwrap();
    let config = quinn::ClientConfig::new(identity.client(key(pinned)).unwrap());
    let endpoint = quinn::Endpoint::client(loopback()).unwrap();
    let connection = endpoint.connect_with(config, to.net.local_addr(), "gongshi").unwrap().await.unwrap();
    (endpoint, connection)
}

/// The application close code that a raw client was given.
async fn close_code(connection: &quinn::Connection) -> u32 {
    match timeout(PATIENCE, connection.closed()).await.expect("a close in time") {
        quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner().try_into().unwrap(),
        other => panic!("expected an application close, got {other:?}"),
    }
}

#[tokio::test]
async fn the_protocol_is_negotiated_by_name() {
    let parent = Node::listening(1, Admit::Peer).await;
    let (_endpoint, connection) = raw(2, &parent, 1).await;
    let data =
        connection.handshake_data().unwrap().downcast::<quinn::crypto::rustls::HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(ALPN));
    assert_eq!(data.server_name, None);
}
