//! What the node reports, as lines of the log.

use crate::sync::Event;

/// Writes an event to the log, as grave as it is.
pub(super) fn log(event: &Event) {
    match event {
        Event::LinkUp(code) => tracing::info!(%code, "link up"),
        Event::LinkDown(code) => tracing::info!(%code, "link down"),
        Event::Receipted(size) => tracing::debug!(size, "receipt"),
        Event::RootLog(size) => tracing::debug!(size, "root log"),
        Event::Joined(code) => tracing::info!(%code, "a node joined"),
        Event::JoinPending(code, digits) => {
            tracing::info!(%code, digits, "a request to join waits for approval")
        }
        Event::OwnRefused(digest, code) => {
            tracing::warn!(%digest, code = code.as_str(), "our statement was refused")
        }
        Event::KeyEnded(key) => tracing::info!(%key, "a key ended"),
        Event::Equivocation(key, index) => {
            tracing::error!(origin = %key, index, "two statements at one index")
        }
        Event::SplitView(size) => tracing::error!(size, "a root checkpoint does not fit what was verified"),
        Event::ViewDiffers(size) => tracing::error!(size, "our view root differs from the root's"),
        Event::RejectedLeaf(index, code) => {
            tracing::error!(index, code = code.as_str(), "the root sequenced a leaf that the fold rejects");
        }
        Event::Swallowed(code, index) => {
            tracing::error!(%code, index, "a receipt was given and the root log goes on without the statement")
        }
        Event::Stale => tracing::error!("the root log shown here is stale"),
        Event::OtherPath(reason) => {
            tracing::warn!(reason = reason.as_str(), "another ancestor is used beside the parent")
        }
        Event::Released(year) => tracing::info!(year, "a year is released"),
        Event::ReleaseHeldBack(skew_ms) => {
            tracing::error!(
                skew_ms,
                "a release is due and held back: the clock disagrees with the children's"
            )
        }
        Event::BodyHere(body) => tracing::debug!(%body, "an attachment is here"),
        Event::Recovering => {
            tracing::warn!("this node is behind its own signatures, or may be: it signs nothing yet");
        }
        Event::Recovered => tracing::info!("this node holds what it signed: it signs again"),
        Event::PeerFault(conn, why) => tracing::warn!(conn = conn.0, why, "a peer broke the protocol"),
    }
}
