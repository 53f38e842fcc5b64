//! Why a connection ended, as the driver is told, and the application close codes that travel (RFC 9000 §19.19).
//!
//! Codes below 64 belong to this edge; the layers above use 64 and more.

use super::frame::TooLong;
use super::limits::REASON_BYTES_MAX;
use quinn::ConnectionError;

/// Close codes of this edge, as a peer may read them in [`CloseReason::Peer`].
pub mod code {
    /// The node stops or its driver is gone; dial again later.
    pub const STOPPED: u32 = 0;
    /// A newer connection of the same key took over.
    pub const REPLACED: u32 = 1;
    /// The peer let too much gather in the send queue, or let a frame lie in the middle.
    pub const TOO_SLOW: u32 = 2;
    /// A frame was longer than allowed.
    pub const FRAME_TOO_LONG: u32 = 3;
    /// A stranger sent more than strangers may.
    pub const STRANGER_BYTES: u32 = 4;
    /// A stranger's time was over before anybody vouched for it.
    pub const STRANGER_EXPIRED: u32 = 5;
    /// There are strangers enough; dial again later.
    pub const STRANGERS_FULL: u32 = 6;
    /// The key is not, or no longer, welcome.
    pub const REFUSED: u32 = 7;
    /// No session stream was opened in time, or it was ended without a word.
    pub const NO_SESSION: u32 = 8;
}

/// Why a connection ended. Whose fault: the peer's for `FrameTooLong`, `StrangerBytes`; the line's or nobody's
/// for the rest. Every one may be answered by dialling again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// `Net::close` was called with this code.
    Local {
        /// The code given.
        code: u32,
    },
    /// The peer closed; `reason` is its text: untrusted, at most 256 bytes, without control characters.
    Peer {
        /// A value of [`code`] or one of the layers above.
        code: u64,
        /// What the peer wrote beside it.
        reason: String,
    },
    /// A newer connection of the same key and direction took over.
    Replaced,
    /// The peer did not take what was queued for it, or did not go on with a frame that it had begun.
    TooSlow,
    /// The peer claimed, or the driver tried to send, a frame above the limit.
    FrameTooLong {
        /// Bytes claimed.
        claimed: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A stranger sent more than 16 KiB.
    StrangerBytes,
    /// A stranger was not promoted in time.
    StrangerExpired,
    /// The session stream ended although the connection did not.
    Ended,
    /// The peer no longer knows this connection: it was restarted (stateless reset).
    Reset,
    /// Nothing was heard for the idle timeout.
    TimedOut,
    /// The peer refused our key, or TLS failed after our side of the handshake was done.
    Handshake(String),
    /// The QUIC layer gave up.
    Transport(String),
    /// This node stops.
    Stopped,
}

impl CloseReason {
    /// What the peer is told.
    pub(super) fn code(&self) -> u32 {
        match self {
            Self::Local { code } => *code,
            Self::Replaced => code::REPLACED,
            Self::TooSlow => code::TOO_SLOW,
            Self::FrameTooLong { .. } => code::FRAME_TOO_LONG,
            Self::StrangerBytes => code::STRANGER_BYTES,
            Self::StrangerExpired => code::STRANGER_EXPIRED,
            Self::Ended => code::NO_SESSION,
            Self::Peer { .. }
            | Self::Reset
            | Self::TimedOut
            | Self::Handshake(_)
            | Self::Transport(_)
            | Self::Stopped => code::STOPPED,
        }
    }

    /// Reads the transport's verdict on a connection that we did not close ourselves.
    pub(super) fn of(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Self::Peer { code: close.error_code.into_inner(), reason: plain(&close.reason) }
            }
            ConnectionError::ConnectionClosed(close) if is_tls(close.error_code) => {
                Self::Handshake(plain(close.to_string().as_bytes()))
            }
            ConnectionError::TransportError(error) if is_tls(error.code) => {
                Self::Handshake(plain(error.to_string().as_bytes()))
            }
            ConnectionError::Reset => Self::Reset,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Stopped,
            other => Self::Transport(plain(other.to_string().as_bytes())),
        }
    }
}

impl From<TooLong> for CloseReason {
    fn from(TooLong { claimed, limit }: TooLong) -> Self {
        Self::FrameTooLong { claimed, limit }
    }
}

/// CRYPTO_ERROR, 0x100 to 0x1ff (RFC 9000 §20.1): a TLS alert.
fn is_tls(code: quinn::TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

/// A peer's text made fit for one line of a log.
pub(super) fn plain(bytes: &[u8]) -> String {
    let bytes = bytes.get(..REASON_BYTES_MAX).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
