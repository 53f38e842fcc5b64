//! What is shown of a node: its logs, and how it stands with its parent and its children.

use super::node::Node;
use super::release::SKEW_MS_MAX;
use super::session::Peer;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::log::tree::empty_root;
use crate::statement::card::RefusalCode;
use crate::trust::key::PublicKey;
use std::collections::BTreeSet;

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
    /// By how much its clock is ahead of ours, in milliseconds; none while it has not said.
    pub skew_ms: Option<i64>,
}

impl Link {
    /// The state's word in JSON: `up`, `behind`, `skewed` or `down`.
    pub const fn state(&self) -> &'static str {
        if let Some(skew_ms) = self.skew_ms
            && self.up
            && skew_ms.unsigned_abs() >= SKEW_MS_MAX
        {
            return "skewed";
        }
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
        self.link(&parent, |peer| peer == Peer::Above(parent), behind)
    }

    /// The links to the nodes delegated directly by this one, by division.
    pub fn children(&self) -> Vec<Link> {
        self.registry.children(self.own_key()).filter_map(|child| self.link_below(child)).collect()
    }

    /// The link to an ancestor.
    pub fn link_above(&self, key: &PublicKey) -> Option<Link> {
        self.link(key, |peer| peer == Peer::Above(*key), 0)
    }

    /// The link to a node below.
    pub fn link_below(&self, key: &PublicKey) -> Option<Link> {
        let shown = self.attestations.get(key).map_or(0, |attestation| attestation.size);
        let behind = self.root_frontier.size().saturating_sub(shown);
        self.link(key, |peer| peer == Peer::Below(*key), behind)
    }

    /// The nodes below this one, direct or not, whose session is open.
    pub fn connected_below(&self) -> Vec<PublicKey> {
        let below = |session: &super::session::Session| match session.peer {
            Peer::Below(key) if session.open => Some(key),
            _ => None,
        };
        self.sessions.values().filter_map(below).collect()
    }

    fn link(&self, key: &PublicKey, is_it: impl Fn(Peer) -> bool, behind: u64) -> Option<Link> {
        let delegation = self.registry.delegation(key)?;
        let session = self.sessions.values().find(|session| session.open && is_it(session.peer));
        Some(Link {
            code: delegation.division.clone(),
            name: delegation.name.clone(),
            up: session.is_some(),
            behind,
            skew_ms: session.and_then(|session| session.skew_ms),
        })
    }
}

/// What is shown of the node.
impl Node {
    /// The newest root checkpoint with this node's cosignature, and its size; none before the first tail.
    pub fn checkpoint_note(&self) -> Option<(&str, u64)> {
        self.root_note.as_ref().map(|note| (note.text.as_str(), note.size))
    }
    /// Size and root of our own log.
    pub fn own_log(&self) -> (u64, Digest) {
        let log = self.origins.get(self.own_key());
        log.map_or((0, empty_root()), |log| (log.frontier.size(), log.frontier.root()))
    }
    /// Size and root of the root log as verified.
    pub fn root_log(&self) -> (u64, Digest) {
        (self.root_frontier.size(), self.root_frontier.root())
    }
    /// Statements of all origins held with card and bodies except attachments, sequenced or not.
    pub const fn received(&self) -> u64 {
        self.received
    }
    /// Why the root refused our own Delegate, if it did.
    pub const fn own_refusal(&self) -> Option<RefusalCode> {
        self.own_refusal
    }
    /// Keys whose Delegate the root refused, our own among them.
    pub fn refused_keys(&self) -> BTreeSet<PublicKey> {
        let own = self.own_refusal.map(|_| *self.own_key());
        self.refused_keys.iter().copied().chain(own).collect()
    }
    /// True when our view root differs from the root's at the same size.
    pub const fn view_differs(&self) -> bool {
        self.view_differs
    }
    /// Logs of which two histories were seen.
    pub fn stopped(&self) -> impl Iterator<Item = &PublicKey> {
        self.origins.iter().filter(|(_, log)| log.stopped).map(|(key, _)| key)
    }
    /// Statements of our own that the root refused.
    pub fn own_refused_count(&self) -> usize {
        self.own_refused.len()
    }
    /// Entries of our own log that went to an ancestor on a session that is open.
    pub fn sent(&self) -> u64 {
        let sessions = self.ups().into_iter().filter_map(|conn| self.sessions.get(&conn));
        let own = sessions.filter_map(|session| session.climbing.get(self.own_key()));
        own.map(|climbing| climbing.sent).max().unwrap_or(0)
    }
    /// Entries of our own log that the parent's receipt does not cover; none wait at the root.
    pub fn unacknowledged(&self) -> u64 {
        if self.is_root() { 0 } else { self.own_size().saturating_sub(self.receipt_size) }
    }
}
