//! A connection that gives up on a peer that does not read.
//!
//! hyper bounds the time a header may take, not the time a response may take. [`Stall`] does: once a write has to
//! wait, the peer must take [`PROGRESS_BYTES`], or all that is left, within the bound; then the next bound begins.

#![allow(
    clippy::disallowed_methods,
    reason = "an edge: sockets, tasks and timers live here and nowhere below"
)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What a waiting peer must take within one bound: 16 KiB in 30 s is half a kilobyte a second, slower than any
/// modem still in use, and keeps a peer that sips single bytes from holding a response for hours.
const PROGRESS_BYTES: usize = 16 * 1024;

/// Where a connection stands, for the choice of what to drop when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Waiting for a request's header.
    Idle = 0,
    /// The request is being answered.
    Answering = 1,
    /// The response is on its way out.
    Writing = 2,
}

/// A [`Phase`] that the connection's task writes and the accept loop reads.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPhase(Arc<AtomicU8>);

impl SharedPhase {
    pub(super) fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }
    pub(super) fn is(&self, phase: Phase) -> bool {
        self.0.load(Ordering::Relaxed) == phase as u8
    }
}

/// The wrapped connection.
pub(super) struct Stall<S> {
    inner: S,
    bound: Duration,
    /// Running while the peer owes us reading.
    deadline: Option<Pin<Box<Sleep>>>,
    moved_bytes: usize,
    phase: SharedPhase,
}

impl<S> Stall<S> {
    pub(super) fn new(inner: S, bound: Duration, phase: SharedPhase) -> Self {
        Self { inner, bound, deadline: None, moved_bytes: 0, phase }
    }

    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.moved_bytes += bytes;
                if self.moved_bytes >= PROGRESS_BYTES {
                    self.deadline = None;
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => {
                let bound = self.bound;
                if self.deadline.is_none() {
                    self.moved_bytes = 0;
                }
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(bound)));
                match deadline.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Poll::Pending => Poll::Pending,
                }
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.after_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        // hyper flushes only when nothing is left to write: the peer owes nothing any more.
        if result.is_ready() {
            self.deadline = None;
            if self.phase.is(Phase::Writing) {
                self.phase.set(Phase::Idle);
            }
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_peer_that_never_reads_is_given_up_and_one_that_reads_is_not() {
        let bound = Duration::from_millis(40);
        let (ours, _theirs) = tokio::io::duplex(1_024);
        let mut stalled = Stall::new(ours, bound, SharedPhase::default());
        let error = stalled.write_all(&[0; 4_096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (ours, mut theirs) = tokio::io::duplex(1_024);
        let reader = tokio::spawn(async move { theirs.read_to_end(&mut Vec::new()).await });
        let mut honest = Stall::new(ours, bound, SharedPhase::default());
        honest.write_all(&vec![0; 1 << 20]).await.unwrap();
        honest.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), 1 << 20);
    }
}
