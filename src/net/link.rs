//! One connection as the handle and its tasks share it: who, what is queued for it, and how it ends.
//!
//! Promises: the queue is bounded in bytes and frames, and a peer that overflows it is cut off; the first reason
//! to end a connection is the one that is told. The tasks are in `session`.

use super::close::CloseReason;
use super::frame::PREFIX_BYTES;
use super::limits::{
    FRAME_BYTES_MAX, RECEIVE_WINDOW_BYTES, SEND_QUEUE_BYTES_MAX, SEND_QUEUE_FRAMES_MAX,
    STRANGER_FRAME_BYTES_MAX,
};
use super::{ConnId, locked};
use crate::trust::key::PublicKey;
use quinn::VarInt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use tokio::sync::Notify;

/// One authenticated connection.
pub(super) struct Link {
    pub(super) id: ConnId,
    pub(super) key: PublicKey,
    pub(super) dialled: bool,
    pub(super) remote: SocketAddr,
    pub(super) quic: quinn::Connection,
    stranger: AtomicBool,
    queue: Mutex<Queue>,
    wake: Notify,
    farewell: OnceLock<(CloseReason, String)>,
    why: OnceLock<CloseReason>,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Vec<u8>>,
    /// Frames that go when no others are there.
    yielding: VecDeque<Vec<u8>>,
    /// Bytes in both and with the writer, prefixes included.
    bytes: usize,
    ending: bool,
}

/// What the writer finds when it looks.
pub(super) enum Work {
    /// Frames to write; `bytes` is to be given back with [`Link::written`].
    Frames { frames: Vec<Vec<u8>>, bytes: usize },
    /// Nothing now.
    Wait,
    /// Nothing any more.
    End,
}

impl Link {
    pub(super) fn new(
        id: ConnId,
        key: PublicKey,
        dialled: bool,
        stranger: bool,
        quic: quinn::Connection,
    ) -> Self {
        let remote = quic.remote_address();
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        if !stranger {
            quic.set_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES));
        }
        Self {
            id,
            key,
            dialled,
            remote,
            quic,
            stranger: AtomicBool::new(stranger),
            queue: Mutex::default(),
            wake: Notify::new(),
            farewell: OnceLock::new(),
            why: OnceLock::new(),
        }
    }

    pub(super) fn is_stranger(&self) -> bool {
        self.stranger.load(Ordering::Acquire)
    }

    /// UDP payload sent and received so far, in bytes.
    pub(super) fn wire_bytes(&self) -> (u64, u64) {
        let stats = self.quic.stats();
        (stats.udp_tx.bytes, stats.udp_rx.bytes)
    }

    /// Lifts a stranger's limits to those of a peer.
    pub(super) fn promote(&self) {
        if self.stranger.swap(false, Ordering::AcqRel) {
            self.quic.set_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES));
        }
    }

    /// Bytes that one inbound frame may have.
    pub(super) fn frame_bytes_max(&self) -> usize {
        if self.is_stranger() { STRANGER_FRAME_BYTES_MAX } else { FRAME_BYTES_MAX }
    }

    /// Queues a frame, behind all others if it yields; false if the connection is ending, or is cut off by this very frame.
    pub(super) fn send(&self, frame: Vec<u8>, yields: bool) -> bool {
        if frame.is_empty() {
            return true;
        }
        if frame.len() > FRAME_BYTES_MAX {
            self.cut(CloseReason::FrameTooLong { claimed: frame.len(), limit: FRAME_BYTES_MAX });
            return false;
        }
        {
            let mut queue = locked(&self.queue);
            if queue.ending {
                return false;
            }
            let bytes = queue.bytes + frame.len() + PREFIX_BYTES;
            let count = queue.frames.len() + queue.yielding.len();
            if bytes <= SEND_QUEUE_BYTES_MAX && count < SEND_QUEUE_FRAMES_MAX {
                queue.bytes = bytes;
                match yields {
                    true => queue.yielding.push_back(frame),
                    false => queue.frames.push_back(frame),
                }
                drop(queue);
                self.wake.notify_one();
                return true;
            }
        }
        self.cut(CloseReason::TooSlow);
        false
    }

    /// Bytes queued and not yet taken by the transport.
    pub(super) fn queued_bytes(&self) -> usize {
        locked(&self.queue).bytes
    }

    /// The writer's next batch, of about `most` bytes.
    pub(super) fn work(&self, most: usize) -> Work {
        let mut queue = locked(&self.queue);
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while bytes < most {
            // One that yields goes alone: what comes meanwhile goes before the next.
            let yielding =
                |queue: &mut Queue| frames.is_empty().then(|| queue.yielding.pop_front()).flatten();
            let Some(frame) = queue.frames.pop_front().or_else(|| yielding(&mut queue)) else { break };
            bytes += frame.len() + PREFIX_BYTES;
            frames.push(frame);
        }
        match (frames.is_empty(), queue.ending) {
            (false, _) => Work::Frames { frames, bytes },
            (true, false) => Work::Wait,
            (true, true) => Work::End,
        }
    }

    /// The transport took `bytes`.
    pub(super) fn written(&self, bytes: usize) {
        let mut queue = locked(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }

    /// Resolves when [`Link::work`] may have something new.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Ends politely: takes no more frames, and says goodbye when the peer has taken what is queued. The caller
    /// sees to a deadline and then calls [`Link::leave`]. The first goodbye counts.
    pub(super) fn end(&self, why: CloseReason, text: &str) {
        // An error means that another goodbye is under way.
        let _ = self.farewell.set((why, text.to_owned()));
        locked(&self.queue).ending = true;
        self.wake.notify_one();
    }

    /// Says the goodbye given to [`Link::end`].
    pub(super) fn leave(&self) {
        match self.farewell.get() {
            Some((why, text)) => self.close(why.clone(), text),
            None => self.cut(CloseReason::Stopped),
        }
    }

    /// Ends at once, dropping what is queued, and tells the peer the reason's code.
    pub(super) fn cut(&self, why: CloseReason) {
        self.close(why, "");
    }

    /// Ends at once with a text beside the code. The first call decides.
    fn close(&self, why: CloseReason, text: &str) {
        let code = VarInt::from_u32(why.code());
        // Set before the transport hears of it: the reader looks here as soon as the transport says "closed".
        if self.quic.close_reason().is_none() && self.why.set(why).is_ok() {
            self.quic.close(code, text.as_bytes());
        }
        let mut queue = locked(&self.queue);
        queue.ending = true;
        queue.frames.clear();
        queue.yielding.clear();
        drop(queue);
        self.wake.notify_one();
    }

    /// Waits until the connection is over and says why.
    pub(super) async fn over(&self) -> CloseReason {
        let error = self.quic.closed().await;
        match (&error, self.why.get()) {
            (quinn::ConnectionError::LocallyClosed, Some(why)) => why.clone(),
            _ => CloseReason::of(&error),
        }
    }
}
