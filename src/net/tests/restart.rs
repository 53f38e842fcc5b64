//! A node that dies without a word must not stall its peers.

use super::*;
use std::time::Instant;

#[tokio::test]
async fn a_restarted_node_resets_the_connections_of_its_former_life() {
    // The first life has a runtime of its own, so that it can be taken away between two instructions.
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut parent = first.spawn(Node::listening(1, Admit::Peer)).await.unwrap();
    let address = parent.net.local_addr();
    let mut child = Node::dialling(2).await;
    child.net.dial(&address.to_string(), key(1));
    let up = child.connected().await;
    parent.connected().await;
    tokio::task::spawn_blocking(move || first.shutdown_timeout(PATIENCE)).await.unwrap();
    drop(parent);
    assert!(child.events.try_recv().is_err(), "it died without a word");

    let mut parent = Node::start(1, Some(address), Admit::Peer).await;
    let started = Instant::now();
    assert!(child.net.send(up, b"are you there?".to_vec()));
    assert_eq!(child.closed().await, CloseReason::Reset);
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());

    child.net.dial(&address.to_string(), key(1));
    let up = child.connected().await;
    parent.connected().await;
    assert!(child.net.send(up, b"good".to_vec()));
    assert_eq!(parent.frame().await, b"good");
}
