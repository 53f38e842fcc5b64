//! Dialling: from HOST:PORT and a key to a session, or to a reason why not.

use super::close::{CloseReason, plain};
use super::frame::OPENING;
use super::identity::peer_key;
use super::limits::{DIAL_ADDRESSES_MAX, HANDSHAKE_TIMEOUT, RESOLVE_TIMEOUT};
use super::link::Link;
use super::{Inner, NetEvent, Reach, session};
use crate::trust::key::PublicKey;
use quinn::{ClientConfig, RecvStream, SendStream};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::timeout;

/// The name that TLS wants and nobody sees: SNI is off.
const SERVER_NAME: &str = "gongshi";

/// Dials until an address answers with the key, then runs the session to its end.
pub(super) async fn run(inner: Arc<Inner>, reach: Reach, address: String, key: PublicKey) {
    let (quic, streams) = match connect(&inner, reach, &address, key).await {
        Ok(connected) => connected,
        Err(why) => {
            tracing::debug!(%key, address, why, "dialling failed");
            // An error means that the driver is gone, and nobody asks any more.
            let _ = inner.events.send(NetEvent::DialFailed { key, why }).await;
            return;
        }
    };
    let link = Arc::new(Link::new(inner.table.next_id(), key, true, false, quic));
    match inner.table.insert(&link) {
        Ok(Some(older)) => older.cut(CloseReason::Replaced),
        Ok(None) => {}
        Err(_) => return link.cut(CloseReason::Stopped),
    }
    session::run(&inner.table, &inner.events, link, streams, &inner.config).await;
}

type Connected = (quinn::Connection, (SendStream, RecvStream));

async fn connect(inner: &Inner, reach: Reach, address: &str, key: PublicKey) -> Result<Connected, String> {
    let crypto = inner.identity.client(key).map_err(|error| error.to_string())?;
    let mut config = ClientConfig::new(crypto);
    config.transport_config(inner.dialling.clone()).token_store(Arc::new(quinn_proto::NoneTokenStore));
    let found = match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(address)).await {
        Ok(found) => found.map_err(|error| format!("{address} cannot be resolved: {error}"))?,
        Err(_) => return Err(format!("{address} was not resolved in {} s", RESOLVE_TIMEOUT.as_secs())),
    };
    let mut why = format!("{address} has no addresses");
    let own = inner.config.listen.map(|own| own.ip());
    for address in found.take(DIAL_ADDRESSES_MAX) {
        if !reach.allows(address.ip(), own) {
            why = format!("{address}: not another machine, and not the operator's word");
            continue;
        }
        match timeout(HANDSHAKE_TIMEOUT, handshake(inner, &config, address, key)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => why = format!("{address}: {}", plain(error.as_bytes())),
            Err(_) => why = format!("{address}: no answer in {} s", HANDSHAKE_TIMEOUT.as_secs()),
        }
    }
    Err(why)
}

async fn handshake(
    inner: &Inner,
    config: &ClientConfig,
    address: SocketAddr,
    key: PublicKey,
) -> Result<Connected, String> {
    let connecting = inner.endpoint.connect_with(config.clone(), address, SERVER_NAME);
    let quic = connecting.map_err(|error| error.to_string())?.await.map_err(|error| error.to_string())?;
    // The verifier has seen to this; it is cheap to be sure.
    if peer_key(&quic) != Some(key) {
        return Err("the peer holds another key".to_owned());
    }
    let (mut writing, reading) = quic.open_bi().await.map_err(|error| error.to_string())?;
    // Without a first byte the acceptor would not learn of the stream.
    writing.write_all(&OPENING).await.map_err(|error| error.to_string())?;
    Ok((quic, (writing, reading)))
}
