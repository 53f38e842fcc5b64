//! Strangers on the wire: they cost neither memory nor an honest child's time (attacks 42, 43).

use crate::federation::Federation;
use crate::load::usage;
use crate::program::wait_until;
use crate::reports::report;
use gongshi::net::{Admit, Net, NetConfig, TransportSecret};
use gongshi::sync::token::Token;
use gongshi::trust::key::{PublicKey, SecretKey};
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Datagrams that are nothing: long headers, short headers, noise, of every length a path carries.
fn garbage(address: &str, count: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for number in 0..count {
        let length = usize::try_from(number % 1_400).unwrap_or(0) + 1;
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        let _ = socket.send_to(&bytes, address);
    }
}

/// Sessions of keys that nobody knows, which say nothing and come again when they are sent away.
async fn unknown_keys(address: String, key: PublicKey, count: u8) {
    let mut nets = Vec::new();
    for number in 0..count {
        let secret = TransportSecret::new(&SecretKey::from_seed(&[number; 32])).expect("a key");
        let (sender, mut events) = tokio::sync::mpsc::channel(64);
        let net = Net::start(NetConfig::new(None, secret, Arc::new(|_| Admit::Refuse)), sender)
            .await
            .expect("a socket");
        net.dial(&address, key);
        let (again, address) = (net.clone(), address.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if !matches!(event, gongshi::net::NetEvent::Connected { .. }) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    again.dial(&address, key);
                }
            }
        });
        nets.push(net);
    }
    std::future::pending::<()>().await;
}

#[test]
fn attack_43_strangers_cost_neither_memory_nor_an_honest_childs_time() {
    let federation = Federation::pair();
    let (root, city) = (&federation.nodes[0], &federation.nodes[1]);
    let token = root.invite("city", "330300", "温州市", &[]);
    let key = Token::parse(&token).expect("a token").parent_transport;
    let before = usage(root.pid()).0;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
    runtime.spawn(unknown_keys(root.listen.clone(), key, 50));
    let stalled: Vec<TcpStream> = (0..300)
        .map(|number| {
            let mut stream = TcpStream::connect(&root.portal).expect("connects");
            let half: &[u8] = match number % 3 {
                0 => b"GET / HTTP/1.1\r\nHost: exam",
                1 => b"",
                // Asks and never reads.
                _ => b"GET /reports HTTP/1.1\r\nHost: a\r\n\r\n",
            };
            stream.write_all(half).expect("half a request");
            stream
        })
        .collect();
    let listen = root.listen.clone();
    let noise = std::thread::spawn(move || garbage(&listen, 20_000));
    let mut slowest = Duration::ZERO;
    for path in ["/", "/reports", "/api/v1/node", "/rollcall"] {
        let begun = Instant::now();
        assert_eq!(root.get(path).status, 200, "{path}");
        slowest = slowest.max(begun.elapsed());
    }
    let begun = Instant::now();
    let digest = city.publish(&federation.write("a.json", &report("某局", "330200", 2024, 1).to_string()));
    wait_until("an honest report is at the province", 15, || root.has(&digest).then_some(()));
    let climbed = begun.elapsed();
    noise.join().expect("noise");
    let grown = usage(root.pid()).0 - before;
    println!(
        "300 stalled readers, 50 unknown keys, 20000 garbage datagrams: slowest page {slowest:?}, report {climbed:?}, \
         memory grew {grown:.1} MiB"
    );
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(climbed < Duration::from_secs(15), "{climbed:?}");
    assert!(grown < 200.0, "{grown} MiB");
    drop(stalled);
    runtime.shutdown_background();
}
