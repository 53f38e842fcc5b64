//! The QUIC endpoint and its settings: the socket, the transport parameters of both sides, and the keys that let
//! a restarted node reset the connections of its former life.

use super::identity::{Identity, connection_id_key, reset_key};
use super::limits::{
    HANDSHAKE_TIMEOUT, IDLE_TIMEOUT_MS, INCOMING_BYTES_MAX, INCOMING_BYTES_TOTAL_MAX, INCOMING_MAX,
    INITIAL_RTT, KEEP_ALIVE, QUIC_VERSION, RECEIVE_WINDOW_BYTES, SEND_WINDOW_BYTES, SOCKET_BUFFER_BYTES,
    STRANGER_WINDOW_BYTES,
};
use super::{NetConfig, NetError};
use quinn::{EndpointConfig, ServerConfig, TransportConfig, ValidationTokenConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

/// Opens the socket and puts QUIC on it.
pub(super) fn endpoint(config: &NetConfig, identity: &Identity) -> Result<quinn::Endpoint, NetError> {
    let socket = socket(config.listen)?;
    let mut endpoint = EndpointConfig::new(Arc::new(reset_key(&config.secret)));
    // Not the drafts that the library still speaks.
    endpoint.supported_versions(vec![QUIC_VERSION]);
    let connection_id_key = connection_id_key(&config.secret);
    endpoint.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(connection_id_key)));
    let server = match config.listen {
        Some(_) => Some(server(config, identity)?),
        None => None,
    };
    let runtime = Arc::new(quinn::TokioRuntime);
    Ok(quinn::Endpoint::new(endpoint, server, socket, runtime)?)
}

fn server(config: &NetConfig, identity: &Identity) -> Result<ServerConfig, NetError> {
    let crypto = identity.server(config.admission.clone())?;
    let mut server = ServerConfig::with_crypto(crypto);
    // No NEW_TOKEN: an address proves itself anew each time, and a token is one more thing that can be replayed.
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    server
        .transport_config(Arc::new(accepting(config)))
        .validation_token_config(tokens)
        .retry_token_lifetime(HANDSHAKE_TIMEOUT)
        // A child behind a NAT gets a new port now and then; the path is validated anew (RFC 9000 §9).
        .migration(true)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BYTES_TOTAL_MAX);
    Ok(server)
}

/// What both sides have in common: every figure is set, so that no default of the library decides.
fn common(config: &NetConfig) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_TIMEOUT_MS).into()))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .allow_spin(false)
        .enable_segmentation_offload(config.segmentation_offload);
    if !config.mtu_discovery {
        transport.mtu_discovery_config(None);
    }
    transport
}

/// One stream, the session's, and a stranger's window: the window grows when the key turns out to be a peer's.
fn accepting(config: &NetConfig) -> TransportConfig {
    let mut transport = common(config);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES));
    transport
}

/// No streams from the other side, which is known before it says a word.
pub(super) fn dialling(config: &NetConfig) -> TransportConfig {
    let mut transport = common(config);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT);
    transport
}

fn socket(listen: Option<SocketAddr>) -> io::Result<UdpSocket> {
    let socket = match listen {
        Some(address) => UdpSocket::bind(address)?,
        // IPv6 and IPv4 through one socket; a kernel without IPv6 has IPv4 alone.
        None => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
            .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))?,
    };
    let state = quinn::udp::UdpSocketState::new((&socket).into())?;
    for (name, done) in [
        ("receive", state.set_recv_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES)),
        ("send", state.set_send_buffer_size((&socket).into(), SOCKET_BUFFER_BYTES)),
    ] {
        if let Err(error) = done {
            tracing::debug!(%error, "the {name} buffer of the socket keeps its size");
        }
    }
    Ok(socket)
}
