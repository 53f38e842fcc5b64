//! The life of one session: one task reads the stream into frames and events, another writes what is queued.
//!
//! Promises: `Connected`, then `Frame`s in order, then exactly one `Closed`. A driver that does not take events
//! stops the reader, and through flow control the peer; a peer that stalls in the middle of a frame is given up.
//! Whatever ends the session, the peer is told a code.

use super::close::CloseReason;
use super::frame::{Deframer, prefix};
use super::limits::{
    CLOSE_FLUSH_TIMEOUT, COALESCE_BYTES_MAX, READ_CHUNKS, STRANGER_BYTES_MAX, STRANGER_LIFETIME,
    WRITE_BATCH_BYTES,
};
use super::link::{Link, Work};
use super::patience::Patience;
use super::rate::{PIECE_BYTES, Pace};
use super::table::Table;
use super::{EventSender, NetConfig, NetEvent};
use bytes::Bytes;
use quinn::{ReadError, RecvStream, SendStream};
use std::sync::Arc;
use tokio::time::timeout;

/// Runs a session to its end. The link already has its place in the table and loses it here.
pub(super) async fn run(
    table: &Table,
    events: &EventSender,
    link: Arc<Link>,
    (writing, reading): (SendStream, RecvStream),
    config: &NetConfig,
) {
    let (conn, key, dialled, remote) = (link.id, link.key, link.dialled, link.remote);
    tracing::debug!(conn = conn.0, %key, dialled, %remote, "connected");
    if events.send(NetEvent::Connected { conn, key, dialled, remote }).await.is_err() {
        link.cut(CloseReason::Stopped);
    }
    let (pace, patience) = (Pace::new(config.rate.up), Patience::new(config.stall));
    let writer = tokio::spawn(write(link.clone(), writing, pace, patience));
    let (pace, patience) = (Pace::new(config.rate.down), Patience::new(config.stall));
    if let Err(why) = read(&link, reading, events, (pace, patience)).await {
        link.cut(why);
    }
    let why = link.over().await;
    writer.abort();
    table.remove(&link);
    table.count(&link);
    tracing::debug!(conn = conn.0, %key, ?why, "closed");
    // An error means that the driver is gone, and nobody asks any more.
    let _ = events.send(NetEvent::Closed { conn, key, dialled, why }).await;
}

/// Ends a stranger's connection when its time is over, unless somebody vouched for it.
pub(super) async fn expire(link: Arc<Link>) {
    if timeout(STRANGER_LIFETIME, link.quic.closed()).await.is_err() && link.is_stranger() {
        link.cut(CloseReason::StrangerExpired);
    }
}

/// Reads until the connection is over (`Ok`) or should be (`Err`).
async fn read(
    link: &Link,
    mut stream: RecvStream,
    events: &EventSender,
    (mut pace, mut patience): (Pace, Patience),
) -> Result<(), CloseReason> {
    let mut deframer = Deframer::default();
    let mut total = 0_u64;
    let mut chunks: [_; READ_CHUNKS] = std::array::from_fn(|_| Default::default());
    loop {
        let coming = stream.read_chunks(&mut chunks);
        let came = match deframer.is_amid() {
            true => patience.wait(coming).await?,
            false => coming.await,
        };
        let count = match came {
            Ok(Some(count)) => count,
            Err(ReadError::ConnectionLost(_)) => return Ok(()),
            Ok(None) | Err(_) => {
                // The close that follows a polite end says more than the end of the stream does.
                let closed = timeout(CLOSE_FLUSH_TIMEOUT, link.quic.closed()).await;
                return closed.map(|_| ()).map_err(|_| CloseReason::Ended);
            }
        };
        let bytes = chunks.iter().take(count).map(|chunk| chunk.len()).sum();
        patience.moved(bytes);
        tokio::select! { () = pace.pass(bytes) => {}, _ = link.quic.closed() => {} }
        for chunk in chunks.iter_mut().take(count) {
            let chunk = std::mem::take(chunk);
            total = total.saturating_add(chunk.len() as u64);
            if total > STRANGER_BYTES_MAX && link.is_stranger() {
                return Err(CloseReason::StrangerBytes);
            }
            let mut input = chunk.as_ref();
            while let Some(bytes) = deframer.next(&mut input, link.frame_bytes_max())? {
                patience.renew();
                let frame = NetEvent::Frame { conn: link.id, bytes };
                events.send(frame).await.map_err(|_| CloseReason::Stopped)?;
            }
        }
    }
}

/// Writes what is queued, in as few chunks as is sensible, until the link ends.
async fn write(link: Arc<Link>, mut stream: SendStream, mut pace: Pace, mut patience: Patience) {
    let batch = if pace.is_limited() { PIECE_BYTES } else { WRITE_BATCH_BYTES };
    loop {
        match link.work(batch) {
            Work::Frames { frames, bytes } => {
                let mut chunks: Vec<Bytes> = coalesce(frames).into_iter().map(Into::into).collect();
                patience.renew();
                let written = match pace.is_limited() {
                    true => write_slowly(&mut stream, chunks, &mut pace, &mut patience).await,
                    false => write_all(&mut stream, &mut chunks, &mut patience).await,
                };
                if let Err(why) = written {
                    return link.cut(why);
                }
                link.written(bytes);
            }
            Work::Wait => link.woken().await,
            Work::End => {
                // An error here means that the connection is over already.
                let _ = stream.finish();
                let _ = stream.stopped().await;
                link.leave();
                return;
            }
        }
    }
}

/// Writes as fast as the peer takes it.
async fn write_all(
    stream: &mut SendStream,
    mut chunks: &mut [Bytes],
    patience: &mut Patience,
) -> Result<(), CloseReason> {
    while !chunks.is_empty() {
        // An error means that the connection is over, and the reader knows; or that the peer stopped the stream.
        let taken = patience.wait(stream.write_chunks(chunks)).await?.map_err(|_| CloseReason::Ended)?;
        patience.moved(taken.bytes);
        chunks = chunks.get_mut(taken.chunks..).unwrap_or_default();
    }
    Ok(())
}

/// Writes piece by piece, none before its time.
async fn write_slowly(
    stream: &mut SendStream,
    chunks: Vec<Bytes>,
    pace: &mut Pace,
    patience: &mut Patience,
) -> Result<(), CloseReason> {
    for mut chunk in chunks {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(PIECE_BYTES));
            pace.pass(piece.len()).await;
            write_all(stream, &mut [piece], patience).await?;
        }
    }
    Ok(())
}

/// Frames with their prefixes: small ones together, a large one as it is, uncopied.
fn coalesce(frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut small = Vec::new();
    for frame in frames {
        small.extend_from_slice(&prefix(frame.len()));
        if frame.len() <= COALESCE_BYTES_MAX {
            small.extend_from_slice(&frame);
        } else {
            chunks.push(std::mem::take(&mut small));
            chunks.push(frame);
        }
    }
    if !small.is_empty() {
        chunks.push(small);
    }
    chunks
}
