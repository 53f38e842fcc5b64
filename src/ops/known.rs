//! Which transport keys may open sessions: shared between the driver, which is told by the node, and the handshakes.

use crate::net::{Admission, Admit};
use crate::trust::key::PublicKey;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

/// Transport keys that may open sessions.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<RwLock<BTreeSet<PublicKey>>>);

impl Known {
    /// Judges a key that connects.
    pub(super) fn admission(&self) -> Admission {
        let known = self.clone();
        Arc::new(move |key| {
            let keys = known.0.read().unwrap_or_else(PoisonError::into_inner);
            if keys.contains(key) { Admit::Peer } else { Admit::Stranger }
        })
    }

    /// No longer welcome.
    pub(super) fn remove(&self, key: &PublicKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Welcome from now on.
    pub(super) fn add(&self, key: PublicKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
}
