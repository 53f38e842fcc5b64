//! The accept loop against stalled, slow and many readers.

use super::*;
use axum::routing::get;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn started(limits: Limits) -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let app =
        Router::new().route("/", get(|| async { "好" })).route("/big", get(|| async { vec![0; 8 << 20] }));
    let (stop, stopped) = watch::channel(false);
    (at, stop, tokio::spawn(serve(listener, app, limits, stopped)))
}

async fn ask(at: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

const HONEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn three_hundred_stalled_readers_do_not_delay_an_honest_one() {
    let (at, _stop, _task) = started(Limits::default()).await;
    let mut held = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let sent = match n % 3 {
            0 => "GET / HT",
            1 => "",
            _ => "GET / HTTP/1.1\r\nHost: a\r\n",
        };
        stream.write_all(sent.as_bytes()).await.unwrap();
        held.push(stream);
    }
    for _ in 0..8 {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        held.push(stream);
    }
    let start = Instant::now();
    assert!(ask(at, HONEST).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_header_that_never_ends_is_cut_off_and_one_too_large_is_refused() {
    let limits = Limits { header_timeout: Duration::from_millis(100), ..Limits::default() };
    let (at, _stop, _task) = started(limits).await;
    let start = Instant::now();
    let _ = ask(at, "GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert!(start.elapsed() < Duration::from_secs(3));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    let refused = ask(at, &large).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 431"));
    let _closed_before_we_read_is_fine_too = refused;
    assert!(ask(at, HONEST).await.unwrap().contains("200 OK"));
}

#[tokio::test]
async fn a_response_that_nobody_reads_is_cut_off() {
    let limits = Limits { write_stall: Duration::from_millis(100), ..Limits::default() };
    let (at, _stop, _task) = started(limits).await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    assert!(got.len() < 8 << 20, "{}", got.len());
}

#[tokio::test]
async fn when_all_places_are_taken_the_oldest_idle_one_makes_room() {
    let limits = Limits { connections_max: 3, header_timeout: Duration::from_secs(60), ..Limits::default() };
    let (at, _stop, _task) = started(limits).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(at).await.unwrap());
    }
    assert!(ask(at, HONEST).await.unwrap().contains("200 OK"));
    let first = idle[0].read(&mut [0; 8]).await;
    assert!(matches!(first, Ok(0) | Err(_)), "the oldest was closed");
}

#[test]
fn addresses_are_limited_except_loopback_and_trusted() {
    let limits = Limits {
        per_address_max: 2,
        trusted: Trusted::new(|ip| ip.to_string() == "192.0.2.9"),
        ..Limits::default()
    };
    let table = SharedTable::default();
    let admitted = |ip: &str| admit(&table, SocketAddr::new(ip.parse().unwrap(), 1), &limits);
    let held: Vec<_> = (0..5).filter_map(|_| admitted("192.0.2.1")).collect();
    assert_eq!(held.len(), 2);
    assert_eq!((0..5).filter_map(|_| admitted("192.0.2.9")).count(), 5);
    assert!((0..5).map(|_| admitted("127.0.0.1")).collect::<Vec<_>>().iter().all(Option::is_some));
    let one = admitted("2001:db8::1");
    let two = admitted("::ffff:192.0.2.1");
    assert!(one.is_some() && two.is_none());
    drop(held);
    assert!(admitted("192.0.2.1").is_some());
    assert_eq!(group("2001:db8::1".parse().unwrap()), group("2001:db8::2:0:0:9".parse().unwrap()));
}

#[tokio::test]
async fn shutdown_ends_idle_connections_and_the_server() {
    let (at, stop, task) = started(Limits::default()).await;
    let mut idle = TcpStream::connect(at).await.unwrap();
    assert!(ask(at, HONEST).await.is_ok());
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(2), task).await.unwrap().unwrap();
    assert!(matches!(idle.read(&mut [0; 8]).await, Ok(0) | Err(_)));
}
