//! Those who are kept out or kept small: wrong keys, unknown keys, lengths that lie, dead ports.

use super::*;
use std::time::Instant;

#[tokio::test]
async fn a_server_with_another_key_than_the_pinned_one_is_refused() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&parent.address(), key(9));
    assert!(matches!(child.event().await, NetEvent::DialFailed { key: k, .. } if k == key(9)));
    assert!(parent.events.try_recv().is_err());
}

#[tokio::test]
async fn a_refused_key_fails_the_handshake_and_the_dialler_is_told() {
    let mut parent = Node::listening(1, Admit::Refuse).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&parent.address(), key(1));
    match child.event().await {
        NetEvent::DialFailed { .. } => {}
        NetEvent::Connected { .. } => assert!(matches!(child.closed().await, CloseReason::Handshake(_))),
        other => panic!("unexpected {other:?}"),
    }
    assert!(parent.events.try_recv().is_err());
}

#[tokio::test]
async fn a_client_without_a_key_is_refused() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client(loopback()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let connecting = endpoint.connect_with(config, parent.net.local_addr(), "gongshi").unwrap();
    assert!(timeout(PATIENCE, connecting).await.expect("an answer").is_err());
    assert!(parent.events.try_recv().is_err());
}

#[tokio::test]
async fn attack_35_where_a_node_beside_us_says_it_is_nothing_of_this_machine_is_asked() {
    let service = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    let port = service.local_addr().unwrap().port();
    let mut child = Node::dialling(2).await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433"] {
        child.net.dial_within(Reach::OtherMachines, &format!("{host}:{port}"), key(1));
        match child.event().await {
            NetEvent::DialFailed { why, .. } => assert!(why.contains("not another machine"), "{host}: {why}"),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(service.try_recv(&mut [0; 2_048]).is_err(), "not a byte went there");
    child.net.dial(&format!("127.0.0.1:{port}"), key(1));
    timeout(PATIENCE, service.readable()).await.expect("the operator's word counts").unwrap();
}

#[tokio::test]
async fn a_dead_port_fails_within_the_handshake_timeout() {
    let port = std::net::UdpSocket::bind(loopback()).unwrap();
    let address = port.local_addr().unwrap();
    let mut child = Node::dialling(2).await;
    let started = Instant::now();
    child.net.dial(&address.to_string(), key(1));
    match child.event().await {
        NetEvent::DialFailed { key: k, why } => assert!(k == key(1) && why.contains("no answer"), "{why}"),
        other => panic!("unexpected {other:?}"),
    }
    assert!(started.elapsed() < limits::HANDSHAKE_TIMEOUT + Duration::from_secs(2));
}

#[tokio::test]
async fn an_address_that_is_none_fails_at_once() {
    let mut child = Node::dialling(2).await;
    for address in ["", "no port", "[::1]", "127.0.0.1:99999"] {
        child.net.dial(address, key(1));
        assert!(matches!(child.event().await, NetEvent::DialFailed { .. }), "{address}");
    }
}

#[tokio::test]
async fn a_claimed_length_above_the_limit_ends_the_connection() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let (_endpoint, connection) = raw(2, &parent, 1).await;
    let (mut writing, _reading) = connection.open_bi().await.unwrap();
    writing.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert_eq!(close_code(&connection).await, code::FRAME_TOO_LONG);
    parent.connected().await;
    let limit = limits::FRAME_BYTES_MAX;
    assert_eq!(parent.closed().await, CloseReason::FrameTooLong { claimed: u32::MAX as usize, limit });
}

#[tokio::test]
async fn a_stream_that_just_ends_ends_the_session() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let (_endpoint, connection) = raw(2, &parent, 1).await;
    let (mut writing, _reading) = connection.open_bi().await.unwrap();
    writing.write_all(&[0, 0, 0, 9, 1]).await.unwrap();
    writing.finish().unwrap();
    parent.connected().await;
    assert_eq!(parent.closed().await, CloseReason::Ended);
    assert_eq!(close_code(&connection).await, code::NO_SESSION);
}

#[tokio::test]
async fn nobody_gets_a_second_stream() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let (_endpoint, connection) = raw(2, &parent, 1).await;
    let (mut writing, _reading) = connection.open_bi().await.unwrap();
    writing.write_all(&frame::OPENING).await.unwrap();
    parent.connected().await;
    assert!(timeout(Duration::from_millis(100), connection.open_bi()).await.is_err());
    assert!(timeout(Duration::from_millis(100), connection.open_uni()).await.is_err());
    assert!(connection.max_datagram_size().is_none());
}

#[tokio::test]
async fn a_stranger_has_frames_of_4_kib() {
    let mut parent = Node::listening(1, Admit::Stranger).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&parent.address(), key(1));
    let up = child.connected().await;
    parent.connected().await;
    assert!(child.net.send(up, vec![1; 4_096]));
    assert_eq!(parent.frame().await.len(), 4_096);
    assert!(child.net.send(up, vec![1; 4_097]));
    assert_eq!(parent.closed().await, CloseReason::FrameTooLong { claimed: 4_097, limit: 4_096 });
    assert!(matches!(child.closed().await, CloseReason::Peer { code: 3, .. }));
}

#[tokio::test]
async fn a_stranger_has_16_kib_in_all() {
    let mut parent = Node::listening(1, Admit::Stranger).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&parent.address(), key(1));
    let up = child.connected().await;
    parent.connected().await;
    for _ in 0..4 {
        assert!(child.net.send(up, vec![1; 4_096]));
    }
    loop {
        match parent.event().await {
            NetEvent::Frame { bytes, .. } => assert_eq!(bytes.len(), 4_096),
            NetEvent::Closed { why, .. } => break assert_eq!(why, CloseReason::StrangerBytes),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(matches!(child.closed().await, CloseReason::Peer { code: 4, .. }));
}

#[tokio::test]
async fn a_stranger_has_5_seconds_and_a_promoted_one_has_no_limit() {
    let mut parent = Node::listening(1, Admit::Stranger).await;
    let mut joining = Node::dialling(2).await;
    joining.net.dial(&parent.address(), key(1));
    let up = joining.connected().await;
    let promoted = parent.connected().await;
    assert!(parent.net.promote(promoted));

    let mut other = Node::dialling(3).await;
    let started = Instant::now();
    other.net.dial(&parent.address(), key(1));
    other.connected().await;
    parent.connected().await;
    assert_eq!(parent.closed().await, CloseReason::StrangerExpired);
    let (lived, allowed) = (started.elapsed(), limits::STRANGER_LIFETIME);
    assert!(lived >= allowed && lived < allowed + Duration::from_secs(2), "{lived:?}");
    assert!(matches!(other.closed().await, CloseReason::Peer { code: 5, .. }));

    assert!(joining.net.send(up, vec![1; 3_000_000]));
    assert_eq!(parent.frame().await.len(), 3_000_000);
}

#[tokio::test]
async fn strangers_from_one_source_do_not_take_every_place() {
    let mut parent = Node::listening(1, Admit::Stranger).await;
    let mut held = Vec::new();
    for seed in 0..limits::STRANGERS_PER_SOURCE_MAX as u8 {
        let (endpoint, connection) = raw(100 + seed, &parent, 1).await;
        let (mut writing, reading) = connection.open_bi().await.unwrap();
        writing.write_all(&frame::OPENING).await.unwrap();
        parent.connected().await;
        held.push((endpoint, connection, writing, reading));
    }
    let (_endpoint, connection) = raw(99, &parent, 1).await;
    assert_eq!(close_code(&connection).await, code::STRANGERS_FULL);
}
