//! Peers that keep the line alive and let a frame lie (trials.md, faults 22 and 23). Patience is short here; what counts
//! is that it ends, and that nobody who goes on is given up.

use super::*;

const STALL: Duration = Duration::from_secs(1);

/// A client below the edge with its session's streams.
struct Raw {
    writing: quinn::SendStream,
    reading: quinn::RecvStream,
    connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Raw {
    async fn session(seed: u8, parent: &mut Node) -> Self {
        let (_endpoint, connection) = raw(seed, parent, 1).await;
        let (mut writing, reading) = connection.open_bi().await.unwrap();
        writing.write_all(&frame::OPENING).await.unwrap();
        parent.connected().await;
        Self { writing, reading, connection, _endpoint }
    }
}

#[tokio::test]
async fn fault_22_a_frame_that_drips_in_is_given_up_and_one_that_comes_slowly_is_not() {
    let mut parent = impatient(1, STALL).await;
    let mut dripping = Raw::session(2, &mut parent).await;
    dripping.writing.write_all(&frame::prefix(limits::FRAME_BYTES_MAX)).await.unwrap();
    let mut sent = 0_usize;
    while timeout(STALL / 10, dripping.connection.closed()).await.is_err() {
        // An error says that it was given up just now.
        let _ = dripping.writing.write_all(&[7]).await;
        sent += 1;
        assert!(sent < 200, "it drips for ever");
    }
    assert_eq!(close_code(&dripping.connection).await, code::TOO_SLOW);
    assert_eq!(parent.closed().await, CloseReason::TooSlow);

    // Three times as long as the patience in all, never longer for what must move.
    let mut slow = Raw::session(3, &mut parent).await;
    let part = vec![7; limits::PROGRESS_BYTES];
    slow.writing.write_all(&frame::prefix(part.len() * 12)).await.unwrap();
    for _ in 0..12 {
        assert!(timeout(STALL / 4, slow.connection.closed()).await.is_err(), "given up although it went on");
        slow.writing.write_all(&part).await.unwrap();
    }
    assert_eq!(parent.frame().await.len(), part.len() * 12);
    // Between frames it may be silent for as long as it likes.
    assert!(timeout(STALL * 2, slow.connection.closed()).await.is_err());
    slow.writing.write_all(&[0, 0, 0, 1, 9]).await.unwrap();
    assert_eq!(parent.frame().await, [9]);
}

#[tokio::test]
async fn fault_23_peers_that_never_read_are_given_up_and_hold_no_more_than_their_queue_until_then() {
    let mut parent = impatient(1, STALL).await;
    let mut honest = Raw::session(99, &mut parent).await;
    let mut stalled = Vec::new();
    for seed in 2..26 {
        stalled.push(Raw::session(seed, &mut parent).await);
    }
    let everybody = connections(&parent);
    for conn in &everybody {
        for _ in 0..4 {
            assert!(parent.net.send(*conn, vec![1; 1 << 20]));
            assert!(parent.net.queued_bytes(*conn).unwrap() <= limits::SEND_QUEUE_BYTES_MAX);
        }
    }
    let mut got = 0;
    while got < 4 * ((1 << 20) + frame::PREFIX_BYTES) {
        got += honest.reading.read_chunk(usize::MAX, true).await.unwrap().expect("more").bytes.len();
    }
    for one in &stalled {
        assert_eq!(close_code(&one.connection).await, code::TOO_SLOW);
        assert_eq!(parent.closed().await, CloseReason::TooSlow);
    }
    let left: Vec<usize> = everybody.iter().filter_map(|conn| parent.net.queued_bytes(*conn)).collect();
    assert_eq!(left, [0], "only the honest one is left, and nothing is kept of the others");
    honest.writing.write_all(&[0, 0, 0, 1, 9]).await.unwrap();
    assert_eq!(parent.frame().await, [9]);
}

/// Every connection that has a place.
fn connections(node: &Node) -> Vec<ConnId> {
    (1..100).map(ConnId).filter(|conn| node.net.queued_bytes(*conn).is_some()).collect()
}
