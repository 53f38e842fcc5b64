//! Links: how a node stands with its parent and its children, for status, console and metrics.

use super::node::Node;
use super::session::Peer;
use crate::division::DivisionCode;
use crate::trust::key::PublicKey;

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The neighbour's division.
    pub code: DivisionCode,
    /// Its display name.
    pub name: String,
    /// True while a session is open.
    pub up: bool,
    /// Root-log entries not yet held: by us (upstream), or by the child as of its newest attestation.
    pub behind: u64,
}

impl Link {
    /// The state's word in JSON: `up`, `behind` or `down`.
    pub const fn state(&self) -> &'static str {
        match (self.up, self.behind) {
            (false, _) => "down",
            (true, 0) => "up",
            (true, _) => "behind",
        }
    }
}

impl Node {
    /// The link to the parent; none at the root.
    pub fn upstream(&self) -> Option<Link> {
        let (parent, _) = self.parent()?;
        // How far the root log is, as far as we heard: the root's attestation came with the newest checkpoint.
        let root = self.registry.root().and_then(|root| self.attestations.get(root));
        let behind = root.map_or(0, |root| root.size.saturating_sub(self.root_frontier.size()));
        self.link(&parent, |peer| peer == Peer::Parent(parent), behind)
    }

    /// The links to the nodes delegated directly by this one, by division.
    pub fn children(&self) -> Vec<Link> {
        let size = self.root_frontier.size();
        self.registry
            .children(self.own_key())
            .filter_map(|child| {
                let shown = self.attestations.get(child).map_or(0, |attestation| attestation.size);
                self.link(child, |peer| peer == Peer::Below(*child), size.saturating_sub(shown))
            })
            .collect()
    }

    fn link(&self, key: &PublicKey, is_it: impl Fn(Peer) -> bool, behind: u64) -> Option<Link> {
        let delegation = self.registry.delegation(key)?;
        let up = self.sessions.values().any(|session| session.open && is_it(session.peer));
        Some(Link { code: delegation.division.clone(), name: delegation.name.clone(), up, behind })
    }
}
