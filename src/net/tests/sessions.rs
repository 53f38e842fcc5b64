//! Honest sessions: frames, order, back-pressure, replacement, endings.

use super::*;

#[tokio::test]
async fn frames_travel_both_ways() {
    let (mut parent, down, mut child, up) = pair().await;
    assert!(child.net.send(up, b"up".to_vec()));
    assert_eq!(parent.frame().await, b"up");
    assert!(parent.net.send(down, b"down".to_vec()));
    assert_eq!(child.frame().await, b"down");
}

#[tokio::test]
async fn both_sides_learn_the_key_of_the_other() {
    let mut parent = Node::listening(1, Admit::Peer).await;
    let mut child = Node::dialling(2).await;
    child.net.dial(&format!("localhost:{}", parent.net.local_addr().port()), key(1));
    assert!(
        matches!(parent.event().await, NetEvent::Connected { key: k, dialled: false, .. } if k == key(2))
    );
    assert!(matches!(child.event().await, NetEvent::Connected { key: k, dialled: true, remote, .. }
        if k == key(1) && remote == parent.net.local_addr()));
}

#[tokio::test]
async fn a_thousand_frames_arrive_in_order() {
    let (mut parent, _, child, up) = pair().await;
    for index in 0..1_000_u32 {
        let mut frame = index.to_be_bytes().to_vec();
        frame.resize(4 + (index as usize * 37) % 40_000, 7);
        assert!(child.net.send(up, frame));
    }
    for index in 0..1_000_u32 {
        let frame = parent.frame().await;
        assert_eq!(frame.get(..4), Some(&index.to_be_bytes()[..]));
        assert_eq!(frame.len(), 4 + (index as usize * 37) % 40_000);
    }
}

#[tokio::test]
async fn the_largest_frame_arrives_and_a_larger_one_ends_the_connection() {
    let (mut parent, _, mut child, up) = pair().await;
    let largest: Vec<u8> = (0..limits::FRAME_BYTES_MAX).map(|index| (index % 251) as u8).collect();
    assert!(child.net.send(up, largest.clone()));
    assert!(parent.frame().await == largest);
    assert!(!child.net.send(up, vec![0; limits::FRAME_BYTES_MAX + 1]));
    assert!(matches!(child.closed().await, CloseReason::FrameTooLong { .. }));
    assert!(!child.net.send(up, vec![1]));
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_off_and_holds_no_more_than_the_queue() {
    let (mut parent, _, mut child, up) = pair().await;
    // The parent's driver does not take events: 256 places, then its reader waits, then the window is full.
    let mut sent = 0;
    while child.net.send(up, vec![0; 100_000]) {
        sent += 1;
        assert!(child.net.queued_bytes(up).unwrap() <= limits::SEND_QUEUE_BYTES_MAX);
        assert!(sent < 5_000, "the queue has no bound");
        tokio::task::yield_now().await;
    }
    assert_eq!(child.closed().await, CloseReason::TooSlow);
    loop {
        match parent.event().await {
            NetEvent::Frame { .. } => {}
            NetEvent::Closed { why: CloseReason::Peer { code, .. }, .. } => {
                break assert_eq!(code, u64::from(code::TOO_SLOW));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_newest_connection_of_a_key_replaces_the_older_one() {
    let (mut parent, first, mut child, _) = pair().await;
    let mut again = Node::dialling(2).await;
    again.net.dial(&parent.address(), key(1));
    let up = again.connected().await;
    let mut second = None;
    let mut replaced = false;
    while second.is_none() || !replaced {
        match parent.event().await {
            NetEvent::Connected { conn, .. } => second = Some(conn),
            NetEvent::Closed { conn, why, .. } => {
                assert_eq!((conn, &why), (first, &CloseReason::Replaced));
                replaced = true;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    let told = CloseReason::Peer { code: code::REPLACED.into(), reason: String::new() };
    assert_eq!(child.closed().await, told);
    assert!(!parent.net.send(first, b"old".to_vec()));
    assert!(parent.net.send(second.unwrap(), b"new".to_vec()));
    assert_eq!(again.frame().await, b"new");
    assert!(again.net.send(up, b"up".to_vec()));
    assert_eq!(parent.frame().await, b"up");
}

#[tokio::test]
async fn what_was_queued_before_a_close_arrives_before_it() {
    let (mut parent, down, mut child, up) = pair().await;
    for index in 0..200_u8 {
        assert!(parent.net.send(down, vec![index; 5_000]));
    }
    parent.net.close(down, 77, "sorry\n");
    for index in 0..200_u8 {
        assert_eq!(child.frame().await, vec![index; 5_000]);
    }
    assert_eq!(child.closed().await, CloseReason::Peer { code: 77, reason: "sorry ".to_owned() });
    assert_eq!(parent.closed().await, CloseReason::Local { code: 77 });
    assert!(!child.net.send(up, vec![1]) && !parent.net.send(down, vec![1]));
}

#[tokio::test]
async fn a_shutdown_says_goodbye_and_frees_the_port() {
    let (parent, _, mut child, _) = pair().await;
    let address = parent.net.local_addr();
    let Node { net, mut events } = parent;
    net.shutdown().await;
    assert!(matches!(child.closed().await, CloseReason::Peer { code: 0, .. }));
    assert!(matches!(events.recv().await, Some(NetEvent::Closed { why: CloseReason::Stopped, .. })));
    // The queue of events ends when the last of our tasks is gone; the library's own lets go of the socket next.
    assert_eq!(timeout(PATIENCE, events.recv()).await, Ok(None));
    let freed = async {
        while std::net::UdpSocket::bind(address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the port is free again");
    let mut again = Node::start(1, Some(address), Admit::Peer).await;
    child.net.dial(&address.to_string(), key(1));
    again.connected().await;
}

#[tokio::test]
async fn a_driver_that_is_gone_ends_its_connections() {
    let (parent, _, mut child, up) = pair().await;
    drop(parent.events);
    child.net.send(up, b"anybody?".to_vec());
    assert!(matches!(child.closed().await, CloseReason::Peer { code: 0, .. }));
}

#[tokio::test]
async fn a_thousand_garbage_packets_do_not_disturb_an_honest_session() {
    let (mut parent, _, child, up) = pair().await;
    let socket = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
    let to = parent.net.local_addr();
    for index in 0..1_000_u32 {
        let mut packet = vec![0; 1 + (index as usize * 131) % 1_400];
        getrandom::fill(&mut packet).unwrap();
        if index % 3 == 0 && packet.len() > 5 {
            // The looks of a first packet of QUIC version 1.
            packet.splice(..5, [0xc3, 0, 0, 0, 1]);
        }
        socket.send_to(&packet, to).await.unwrap();
        if index % 100 == 0 {
            assert!(child.net.send(up, index.to_be_bytes().to_vec()));
            assert_eq!(parent.frame().await, index.to_be_bytes());
        }
    }
    assert!(child.net.send(up, b"still here".to_vec()));
    assert_eq!(parent.frame().await, b"still here");
}
