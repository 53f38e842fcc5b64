//! The snapshot: what every page needs of the node, changed as a whole after each durable turn.

use crate::digest::Digest;
use crate::sync::Node;
use crate::trust::key::PublicKey;
use crate::view::scope::Scope;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Sizes, roots and the served checkpoint, of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Own log: size and root.
    pub(super) own: (u64, Digest),
    /// Root log as verified and shown: size and root.
    pub(super) root_log: (u64, Digest),
    /// View root at that size.
    pub(super) view_root: Digest,
    /// Statements held with card and bodies.
    pub(super) received: u64,
    /// Witnesses that the policy asks for, and the largest size that so many cosigned.
    pub(super) confirmed: (usize, u64),
    /// The tree of divisions, the rosters, the years that are public.
    pub(super) scope: Arc<Scope>,
    /// Size of the root log at the newest change of a year's reports, by year.
    pub(super) revised: BTreeMap<u16, u64>,
    /// Public packages by year.
    pub(super) released: BTreeMap<u16, u64>,
    /// The newest checkpoint, with this node's cosignature, and its size.
    pub(super) note: Option<(String, u64)>,
    /// When the root last cosigned it, seconds since 1970.
    pub(super) renewed_at: u64,
    /// This node's signing key.
    pub(super) own_key: PublicKey,
    /// The root node's signing key.
    pub(super) root_key: Option<PublicKey>,
    /// This node may be an old copy of itself, which does not know what was erased since.
    pub(super) is_recovering: bool,
}

impl Snapshot {
    /// `before` lends what has not changed since.
    pub(super) fn of(node: &Node, before: Option<&Self>) -> Self {
        let scope = before.map(|before| &before.scope).filter(|scope| scope.is_current(node.ledger()));
        let note = node.checkpoint_note().map(|(text, size)| (text.to_owned(), size));
        Self {
            own: node.own_log(),
            own_key: *node.own_key(),
            root_log: node.root_log(),
            view_root: node.ledger().view_root(),
            received: node.received(),
            confirmed: (node.quorum(), node.confirmed_size()),
            scope: scope.map_or_else(|| Arc::new(Scope::of(node.ledger())), Arc::clone),
            revised: node.ledger().revised().clone(),
            released: node.ledger().disclosures().released().clone(),
            renewed_at: note.as_ref().map_or(0, |(text, _)| node.renewed_at(text)),
            root_key: node.registry().root().copied(),
            is_recovering: node.is_recovering(),
            note,
        }
    }
}

/// The newest snapshot, shared with the portal.
#[derive(Clone)]
pub(super) struct Current(Arc<Shared>);

struct Shared {
    newest: RwLock<Arc<Snapshot>>,
    edition: AtomicU64,
}

impl Current {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self(Arc::new(Shared { newest: RwLock::new(Arc::new(snapshot)), edition: AtomicU64::new(0) }))
    }

    pub(super) fn get(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, snapshot: Snapshot) {
        *self.0.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        // After it: what is made of the old one never counts as the new edition.
        self.0.edition.fetch_add(1, Ordering::Release);
    }

    /// Another number after each change.
    pub(super) fn edition(&self) -> u64 {
        self.0.edition.load(Ordering::Acquire)
    }
}
