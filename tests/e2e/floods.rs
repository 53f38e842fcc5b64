//! Floods at the QUIC port: first packets of connections that nobody goes on with, and streams with a hole in front
//! (attacks 41 and 42).

use crate::federation::{Federation, Node};
use crate::line::Line;
use crate::load::usage;
use crate::outsider::{Outsider, PATIENCE, runtime};
use crate::program::wait_until;
use gongshi::net::{code, limits};
use gongshi::trust::key::SecretKey;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

/// First packets in an ordinary run; GONGSHI_INITIALS asks for another number.
const INITIALS: usize = 600;
/// Sources that they come from.
const SOURCES: usize = 30;

fn initials() -> usize {
    std::env::var("GONGSHI_INITIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(INITIALS)
}

/// First datagrams of as many connections, each as good as an honest child's.
fn first_datagrams(count: usize) -> Vec<Vec<u8>> {
    let catcher = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    catcher.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let to = catcher.local_addr().expect("an address").to_string();
    let outsider = Outsider::new(&SecretKey::from_seed(&[7; 32]), &["gongshi/1"]);
    let (runtime, mut caught, mut bytes) = (runtime(), Vec::new(), [0; 2048]);
    while caught.len() < count {
        let _dialling = runtime.block_on(async { outsider.connecting(&to) });
        let (length, _) = catcher.recv_from(&mut bytes).expect("a first packet");
        caught.push(bytes[..length].to_vec());
    }
    caught
}

/// A retry packet (RFC 9000 §17.2.5): prove your address first.
fn is_retry(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0xf0 == 0xf0)
}

/// For which of the connections a packet of a handshake is (RFC 9000 §17.2).
fn destination(packet: &[u8]) -> Option<&[u8]> {
    let is_long = packet.first()? & 0x80 != 0;
    packet.get(6..)?.get(..usize::from(*packet.get(5)?)).filter(|_| is_long)
}

/// An honest report still climbs.
fn works(federation: &Federation, agency: &str) {
    let digest = federation.publish(1, agency);
    wait_until("an honest report arrives", 20, || federation.nodes[0].has(&digest).then_some(()));
}

#[test]
fn attack_41_first_packets_that_nobody_goes_on_with_are_asked_for_their_address_and_hold_up_nobody() {
    let federation = Federation::pair();
    let root = &federation.nodes[0];
    let token = root.invite("city", "330300", "温州市", &["--auto"]);
    let packets = first_datagrams(initials());
    let before = usage(root.pid()).0;
    let sources: Vec<UdpSocket> =
        (0..SOURCES).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    let mut sent_bytes = 0;
    for (at, packet) in packets.iter().enumerate() {
        sent_bytes += sources[at % SOURCES].send_to(packet, &root.listen).expect("sent");
    }
    works(&federation, "甲局");
    let joining = Node::new(&federation.dir.path().join("330300"), "330300");
    joining.join(&token).expect_exit(0);
    // By now whoever was answered at all was answered again, too.
    std::thread::sleep(Duration::from_secs(1));
    let (mut heard_bytes, mut retries, mut begun, mut bytes) = (0, 0, BTreeSet::new(), [0; 2048]);
    for source in &sources {
        source.set_nonblocking(true).expect("a socket");
        while let Ok((length, _)) = source.recv_from(&mut bytes) {
            heard_bytes += length;
            match is_retry(&bytes[..length]) {
                true => retries += 1,
                false => begun.extend(destination(&bytes[..length]).map(<[u8]>::to_vec)),
            }
        }
    }
    let grown = usage(root.pid()).0 - before;
    println!(
        "{} first packets, {sent_bytes} bytes: {retries} were asked for their address, {heard_bytes} bytes came back, \
         memory grew {grown:.1} MiB",
        packets.len()
    );
    // A socket that is full drops some of them; the others are more than are answered at once.
    assert!(retries > limits::HANDSHAKES_RETRY_MIN, "{retries} retries for {} packets", packets.len());
    assert!(begun.len() <= limits::HANDSHAKES_RETRY_MIN, "{} handshakes begun", begun.len());
    assert!(heard_bytes <= 3 * sent_bytes, "{heard_bytes} bytes for {sent_bytes}");
    assert!(grown < 64.0, "{grown} MiB");
    works(&federation, "乙局");
}

/// Settings of somebody who never takes a datagram for lost.
fn never_again() -> quinn::TransportConfig {
    let mut transport = quinn::TransportConfig::default();
    transport.packet_threshold(u32::MAX).time_threshold(1e6);
    transport
}

/// A session whose first bytes never come; how much could be sent behind them.
async fn with_a_hole(line: &Line, key: &SecretKey) -> (quinn::Endpoint, quinn::Connection, usize) {
    let outsider = Outsider::new(key, &["gongshi/1"]).with(never_again());
    let (endpoint, connection) = outsider.connect(&line.address).await.expect("a session");
    assert!(connection.max_datagram_size().is_none(), "no datagrams");
    let blocked = Duration::from_millis(200);
    let (mut stream, _reading) = connection.open_bi().await.expect("the session's stream");
    assert!(tokio::time::timeout(blocked, connection.open_bi()).await.is_err(), "a second stream");
    assert!(tokio::time::timeout(blocked, connection.open_uni()).await.is_err(), "a stream one way");
    line.holds_back(true);
    let mut sent = stream.write(&[0; 4]).await.expect("written");
    while line.held_back() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    line.holds_back(false);
    while let Ok(written) = tokio::time::timeout(blocked, stream.write(&[9; 1_000])).await {
        let Ok(written) = written else { break };
        sent += written;
        assert!(sent < 64 << 20, "there is no window");
    }
    line.holds_back(true);
    (endpoint, connection, sent)
}

#[test]
fn attack_42_streams_with_a_hole_in_front_hold_no_more_than_their_window() {
    let mut federation = Federation::pair();
    federation.enrol(0, "city", "330100", "杭州市");
    let pem = std::fs::read_to_string(federation.nodes[2].data.join("keys/transport.pem")).expect("a key");
    let enrolled = SecretKey::from_pkcs8_pem(&pem).expect("a key");
    federation.nodes[2].stop();
    let root = &federation.nodes[0];
    let before = usage(root.pid()).0;
    let runtime = runtime();
    let lines: Vec<Line> = (0..12).map(|_| Line::to(&root.listen)).collect();
    let (mut held, mut most) = (Vec::new(), 0);
    for (at, line) in lines.iter().enumerate() {
        let stranger = SecretKey::from_seed(&[100 + at as u8; 32]);
        let (endpoint, connection, sent) = runtime.block_on(with_a_hole(line, &stranger));
        assert!(sent <= limits::STRANGER_WINDOW_BYTES as usize, "an unknown key could send {sent} bytes");
        most = most.max(sent);
        held.push((endpoint, connection));
    }
    assert!(most > limits::STRANGER_WINDOW_BYTES as usize / 2, "the window was never filled: {most}");
    let line = Line::to(&root.listen);
    let (_endpoint, peer, sent) = runtime.block_on(with_a_hole(&line, &enrolled));
    assert!(sent > limits::STRANGER_WINDOW_BYTES as usize, "an enrolled key could send {sent} bytes only");
    assert!(sent <= limits::RECEIVE_WINDOW_BYTES as usize, "an enrolled key could send {sent} bytes");
    let grown = usage(root.pid()).0 - before;
    println!("12 strangers held back up to {most} bytes, a peer {sent}: memory grew {grown:.1} MiB");
    assert!(grown < 32.0, "{grown} MiB");
    works(&federation, "甲局");
    for (_, connection) in &held {
        let closed = async { tokio::time::timeout(PATIENCE, connection.closed()).await };
        match runtime.block_on(closed).expect("a stranger's time ends") {
            quinn::ConnectionError::ApplicationClosed(close) => {
                assert_eq!(close.error_code.into_inner(), u64::from(code::STRANGER_EXPIRED));
            }
            other => panic!("{other}"),
        }
    }
    drop(peer);
}
