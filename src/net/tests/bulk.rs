//! Bulk over loopback: the windows in `limits` must not be what slows a transfer down.

use super::*;
use std::time::Instant;

/// Two runtimes, as two processes would have; frames like packs, through queue, stream, deframer and events.
#[test]
fn bulk_is_not_held_up_by_windows() {
    let megabytes: usize = std::env::var("GONGSHI_BULK_MB").ok().and_then(|n| n.parse().ok()).unwrap_or(32);
    let frame_bytes =
        std::env::var("GONGSHI_BULK_FRAME").ok().and_then(|n| n.parse().ok()).unwrap_or(256 * 1024);
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (parents, children) = (runtime(), runtime());
    let mut parent = parents.block_on(Node::listening(1, Admit::Peer));
    let mut child = children.block_on(Node::dialling(2));
    child.net.dial(&parent.address(), key(1));
    let up = children.block_on(child.connected());
    let count = megabytes * 1_000_000 / frame_bytes;
    let started = Instant::now();
    let sending = children.spawn(async move {
        for _ in 0..count {
            while child.net.queued_bytes(up).unwrap() > 4 * 1024 * 1024 {
                tokio::task::yield_now().await;
            }
            assert!(child.net.send(up, vec![5; frame_bytes]));
        }
        child
    });
    let bytes = parents.block_on(async move {
        parent.connected().await;
        let mut bytes = 0;
        for _ in 0..count {
            bytes += parent.frame().await.len();
        }
        bytes
    });
    let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    tracing::info!(rate, "megabytes a second");
    if std::env::var_os("GONGSHI_BULK_MB").is_some() {
        std::fs::write(std::env::temp_dir().join("gongshi-bulk"), format!("{rate:.0} MB/s\n")).unwrap();
    }
    drop(children.block_on(sending));
    // A window that stalls shows as less than a tenth of this; a busy machine does not.
    assert!(rate > 20.0, "{rate:.0} MB/s");
}
