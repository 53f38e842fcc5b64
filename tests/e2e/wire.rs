//! Attacks on the line between two nodes and on the door to it: somebody in the middle, older protocols, what was heard
//! sent again, guessed tokens (attacks 27 to 30).

use crate::federation::{Federation, Node};
use crate::line::Line;
use crate::outsider::{Outsider, PATIENCE, runtime};
use crate::program::wait_until;
use gongshi::digest::Digest;
use gongshi::net::{Admit, Net, NetConfig, NetEvent, TransportSecret};
use gongshi::sync::frame::{Frame, JoinRequest};
use gongshi::sync::token::Token;
use gongshi::trust::delegation::prove_possession;
use gongshi::trust::key::SecretKey;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A node of our own edge that answers to everybody under a key of its own.
async fn impostor(listen: &str) -> (Net, mpsc::Receiver<NetEvent>) {
    let secret = TransportSecret::new(&SecretKey::from_seed(&[66; 32])).expect("a key");
    let (sender, events) = mpsc::channel(64);
    let listen = Some(listen.parse().expect("an address"));
    let net = Net::start(NetConfig::new(listen, secret, Arc::new(|_| Admit::Peer)), sender).await;
    (net.expect("a socket"), events)
}

/// Bytes of all files below a directory.
fn bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| if path.is_dir() { bytes(&path) } else { path.metadata().map_or(0, |file| file.len()) })
        .sum()
}

fn state_of(node: &Node, code: &str) -> String {
    let list = node.run(&["invite", "list"]).expect_exit(0).json();
    let line = list["invitations"].as_array().expect("a list").iter().find(|line| line["code"] == code);
    line.expect("the invitation")["state"].as_str().expect("a state").to_owned()
}

#[test]
fn attack_27_who_stands_in_the_middle_hears_nothing_at_enrolment_and_after() {
    let mut federation = Federation::pair();
    let runtime = runtime();
    let token = federation.nodes[0].invite("city", "330300", "温州市", &["--auto"]);
    let here = crate::federation::free_address();
    let (net, mut heard) = runtime.block_on(impostor(&here));
    let mut led_away = Token::parse(&token).expect("a token");
    led_away.address.clone_from(&here);
    let node = Node::new(&federation.dir.path().join("330300"), "330300");
    let ended = node.join(&led_away.to_text().expect("a token"));
    assert_eq!(ended.exit, 7, "{ended:#?}");
    assert!(heard.try_recv().is_err(), "no session, so no secret was shown");
    assert_eq!(state_of(&federation.nodes[0], "330300"), "open");
    runtime.block_on(net.shutdown());

    // After: the parent's own address is taken.
    federation.nodes[0].stop();
    let (net, mut heard) = runtime.block_on(impostor(&federation.nodes[0].listen));
    let waits = federation.publish(1, "某局");
    std::thread::sleep(Duration::from_secs(2));
    assert!(heard.try_recv().is_err(), "the child says nothing to another key");
    let unsent = federation.nodes[1].status();
    assert_eq!(unsent["unacknowledged"], 1, "{unsent}");
    runtime.block_on(net.shutdown());
    drop(heard);
    wait_until("the port is free", 10, || std::net::UdpSocket::bind(&federation.nodes[0].listen).ok());
    federation.nodes[0].serve();
    federation.wait_for(&[waits], 30);
    node.join(&token).expect_exit(0);
}

#[test]
fn attack_28_no_older_protocol_is_spoken_and_nobody_falls_back() {
    let federation = Federation::pair();
    let (root, key) = (&federation.nodes[0], SecretKey::from_seed(&[7; 32]));
    runtime().block_on(async {
        let refused = async |outsider: Outsider| match outsider.connect(&root.listen).await {
            Ok(_) => "connected".to_owned(),
            Err(error) => error.to_string(),
        };
        for offer in [&[][..], &["gongshi/0"], &["gongshi/2"], &["h3", "http/1.1"]] {
            let why = refused(Outsider::new(&key, offer)).await;
            assert!(why.contains("120") || why.contains("pplication"), "{offer:?}: {why}");
        }
        for version in [0xff00_001d, 0xff00_0020, 0xff00_0022] {
            let why = refused(Outsider::new(&key, &["gongshi/1"]).speaking(version)).await;
            assert!(why.contains("version"), "{version:x}: {why}");
        }
        let offer = ["gongshi/2", "gongshi/1", "gongshi/0"];
        let (_endpoint, connection) =
            Outsider::new(&key, &offer).connect(&root.listen).await.expect("spoken");
        let agreed = connection.handshake_data().expect("done");
        let agreed = agreed.downcast::<quinn::crypto::rustls::HandshakeData>().expect("TLS");
        assert_eq!(agreed.protocol.as_deref(), Some(&b"gongshi/1"[..]));
    });
    // A server that says it speaks none of our versions: whoever dials does not try another.
    let liar = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let here = liar.local_addr().expect("an address").to_string();
    let answers = std::thread::spawn(move || {
        liar.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        let (mut bytes, mut versions) = ([0; 2048], Vec::new());
        while let Ok((length, from)) = liar.recv_from(&mut bytes) {
            let packet = &bytes[..length];
            versions.push(packet[1..5].to_vec());
            let (to, rest) = packet[6..].split_at(packet[5].into());
            let by = &rest[1..=rest[0].into()];
            // RFC 9000 §17.2.1: version 0, both ids the other way round, then what is spoken.
            let ids = [&[by.len() as u8], by, &[to.len() as u8], to].concat();
            let answer = [&[0xc0, 0, 0, 0, 0][..], &ids, &[0xff, 0, 0, 0x1d]].concat();
            liar.send_to(&answer, from).expect("sent");
        }
        versions
    });
    let mut token = Token::parse(&root.invite("city", "330300", "温州市", &["--auto"])).expect("a token");
    token.address = here;
    let node = Node::new(&federation.dir.path().join("330300"), "330300");
    assert_eq!(node.join(&token.to_text().expect("a token")).exit, 7);
    let versions = answers.join().expect("the liar");
    assert!(!versions.is_empty() && versions.iter().all(|version| version == &[0, 0, 0, 1]), "{versions:?}");
    let digest = federation.publish(1, "某局");
    federation.wait_for(&[digest], 20);
}

#[test]
fn attack_29_what_was_heard_on_the_line_is_worth_nothing_again() {
    let federation = Federation::province();
    let root = &federation.nodes[0];
    let line = Line::to(&root.listen);
    let token = line.leads(&root.invite("city", "330200", "宁波市", &["--auto"]));
    let node = Node::new(&federation.dir.path().join("330200"), "330200");
    node.join(&token).expect_exit(0);
    assert_eq!(state_of(root, "330200"), "used");
    let heard = line.upward();
    assert!(heard.len() > 5, "{} datagrams", heard.len());
    let keys = |node: &Node| node.run(&["keys", "list"]).expect_exit(0).json()["keys"].clone();
    let (before, held) = (keys(root), bytes(&root.data.join("record")));
    for _ in 0..3 {
        let again = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        for datagram in &heard {
            again.send_to(datagram, &root.listen).expect("sent");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // Nor does anybody get to speak before it proved its key anew: there is nothing to resume.
    runtime().block_on(async {
        let outsider = Outsider::new(&SecretKey::from_seed(&[7; 32]), &["gongshi/1"]);
        for _ in 0..3 {
            let (endpoint, connecting) = outsider.connecting(&root.listen);
            let Err(connecting) = connecting.into_0rtt() else { panic!("0-RTT was offered") };
            let connection = connecting.await.expect("a stranger may knock");
            // Tickets come after the handshake, with whatever else the server has to say.
            let _ = tokio::time::timeout(Duration::from_millis(200), connection.closed()).await;
            connection.close(0_u32.into(), b"");
            endpoint.wait_idle().await;
        }
    });
    assert_eq!((keys(root), bytes(&root.data.join("record"))), (before, held), "nothing was written");
    let digest = federation.publish(0, "某局");
    assert!(root.has(&digest));
}

/// One connection that shows secrets, one after the other; what it was told.
async fn guess(to: &str, pinned: &Token, seed: u64, secrets: &[Digest]) -> Vec<Frame> {
    let key = |of: &[u8]| SecretKey::from_seed(Digest::of(&[of, &seed.to_be_bytes()]).as_bytes());
    let (signing, transport) = (key(b"signing"), key(b"transport"));
    let proofs =
        prove_possession(&pinned.federation, &pinned.parent_signing, &signing, &transport, &pinned.division);
    let request = |secret: &Digest| JoinRequest {
        secret: *secret,
        signing: signing.public(),
        transport: transport.public(),
        signing_proof: *proofs.0.as_bytes(),
        transport_proof: *proofs.1.as_bytes(),
        addresses: Vec::new(),
    };
    let own = TransportSecret::new(&transport).expect("a key");
    let (sender, mut events) = mpsc::channel(16);
    let net =
        Net::start(NetConfig::new(None, own, Arc::new(|_| Admit::Refuse)), sender).await.expect("a socket");
    net.dial(to, pinned.parent_transport);
    let mut told = Vec::new();
    loop {
        match tokio::time::timeout(PATIENCE, events.recv()).await.expect("an end in time").expect("an edge") {
            NetEvent::Connected { conn, .. } => {
                for secret in secrets {
                    net.send(conn, Frame::Join(Box::new(request(secret))).to_bytes());
                }
            }
            NetEvent::Frame { bytes, .. } => {
                told.push(Frame::from_bytes(&bytes).expect("a frame"));
                if matches!(told.last(), Some(Frame::Joined(_))) {
                    break;
                }
            }
            NetEvent::Closed { .. } | NetEvent::DialFailed { .. } => break,
        }
    }
    net.shutdown().await;
    told
}

#[test]
fn attack_30_guesses_of_a_token_learn_nothing_and_hold_up_nobody() {
    let federation = Federation::province();
    let root = &federation.nodes[0];
    let text = root.invite("city", "330200", "宁波市", &["--auto"]);
    let token = Token::parse(&text).expect("a token");
    let honest = root.invite("city", "330300", "温州市", &["--auto"]);
    let held = bytes(&root.data.join("record"));
    let node = Node::new(&federation.dir.path().join("330300"), "330300");
    let answers = std::thread::scope(|scope| {
        let (token, listen) = (&token, &root.listen);
        let guesses = scope.spawn(move || {
            runtime().block_on(async move {
                let mut answers = Vec::new();
                for round in 0..16_u64 {
                    let tries = (0..8).map(|number| {
                        let (at, token, listen) = (round * 8 + number, token.clone(), listen.clone());
                        // The nearest there is, the secret with one bit changed; and behind it the right one.
                        let mut wrong = *token.secret.as_bytes();
                        wrong[(at / 4) as usize] ^= 1 << (at % 4 * 2);
                        let secrets = [Digest::from_bytes(wrong), token.secret];
                        tokio::spawn(async move { guess(&listen, &token, at, &secrets).await })
                    });
                    for one in tries.collect::<Vec<_>>() {
                        answers.push(one.await.expect("a guess"));
                    }
                }
                answers
            })
        });
        std::thread::sleep(Duration::from_millis(100));
        node.join(&honest).expect_exit(0);
        guesses.join().expect("the guesses")
    });
    let mut heard = 0;
    for told in &answers {
        // One question for each connection: whoever was wrong once is not heard again.
        assert!(told.len() <= 1, "{told:?}");
        for answer in told {
            assert!(matches!(answer, Frame::Refused { code, .. } if code == "invite_unknown"), "{answer:?}");
            heard += 1;
        }
    }
    assert!(heard > 64, "{heard} of {} were answered", answers.len());
    assert_eq!([state_of(root, "330200"), state_of(root, "330300")], ["open", "used"]);
    let keys = root.run(&["keys", "list"]).expect_exit(0).json();
    assert!(!keys.to_string().contains("330200"), "nobody was delegated: {keys}");
    assert!(bytes(&root.data.join("record")) < held + 64 * 1024, "what guesses leave is nothing");
    // Who is right at once gets in, and then the token is as unknown as any.
    let right = runtime().block_on(guess(&root.listen, &token, 999, &[token.secret]));
    assert!(matches!(right.as_slice(), [Frame::Joined(_)]), "{right:?}");
    let again = runtime().block_on(guess(&root.listen, &token, 1_000, &[token.secret]));
    assert!(matches!(again.as_slice(), [Frame::Refused { .. }]), "{again:?}");
}
