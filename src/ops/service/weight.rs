//! What a request weighs: time to read, room on the disk, bytes in a turn.

use super::{Bundling, Keying, Request};
use crate::sync::body::PackedBody;

impl Request {
    /// True when the answer may take as long as there is to read.
    pub(in crate::ops) const fn is_long(&self) -> bool {
        matches!(self, Self::Query(_))
    }

    /// True when answering it takes room on the disk.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Attach(attaching) => attaching.bytes() > 0,
            Self::Keying(keying) => !matches!(**keying, Keying::Desk { .. }),
            Self::Bundle(bundling) => matches!(**bundling, Bundling::Take { .. }),
            Self::Publish(_)
            | Self::Correct(..)
            | Self::Withdraw { dry_run: false, .. }
            | Self::Invite { .. }
            | Self::Replace { .. }
            | Self::Govern(_)
            | Self::AddTemplate { .. }
            | Self::Rotate
            | Self::Approve(_)
            | Self::ApproveFile { .. }
            | Self::RevokeInvite(_)
            | Self::Schedule { dry_run: false, .. } => true,
            _ => false,
        }
    }

    /// Bytes it brings, about: what counts when requests are joined into one turn.
    pub(in crate::ops) fn bytes(&self) -> usize {
        match self {
            Self::Publish(submission) | Self::Correct(submission, _) => submission.content.len(),
            Self::Attach(attaching) => attaching.bytes(),
            Self::Keying(keying) => match &**keying {
                Keying::Submit { bodies, .. } => bodies.iter().map(PackedBody::packed_bytes).sum(),
                _ => 0,
            },
            _ => 0,
        }
    }
}
