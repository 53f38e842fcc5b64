//! Which bodies are on their way here, from where, and when somebody else is asked.

use crate::digest::Digest;
use crate::statement::{BodyRef, BodyRole};
use crate::sync::limits::FETCH_RETRY_MS;
use crate::sync::node::ConnId;
use crate::sync::session::Session;
use crate::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// A body on its way here.
#[derive(Debug)]
pub(in crate::sync) struct Fetch {
    pub(super) statement: Digest,
    pub(super) body: BodyRef,
    pub(super) origin: PublicKey,
    /// False when it is only somebody's wish: then it is given up some time.
    pub(super) lasting: bool,
    pub(super) demanded: bool,
    pub(super) source: Option<ConnId>,
    pub(super) held: u32,
    pub(super) asked: u32,
    /// When the source is given up, or, without one, when the neighbours are asked again.
    pub(super) due_ms: u64,
    /// Transport keys of neighbours that lack it, or sent what is not it.
    pub(super) tried: BTreeSet<PublicKey>,
    pub(super) rounds: u32,
}

impl Fetch {
    /// It travels with its statement to every node, so that any neighbour may have it.
    pub(super) fn is_carried(&self) -> bool {
        self.body.role != BodyRole::Attachment
    }
}

/// All bodies on their way.
#[derive(Debug, Default)]
pub(in crate::sync) struct Fetches {
    pub(super) by_body: BTreeMap<Digest, Fetch>,
    /// Something may have changed who can be asked.
    pub(in crate::sync) stirred: bool,
}

impl Fetches {
    /// When something is due, on the steady clock.
    pub(in crate::sync) fn due_ms(&self) -> Option<u64> {
        let due = |fetch: &&Fetch| fetch.source.is_some() || fetch.due_ms > 0;
        self.by_body.values().filter(due).map(|fetch| fetch.due_ms).min()
    }

    /// Bodies on their way, those waited for included.
    pub(in crate::sync) fn count(&self) -> usize {
        self.by_body.values().filter(|fetch| fetch.lasting && !fetch.is_carried()).count()
    }

    /// Bodies on their way that travel with their statement.
    pub(in crate::sync) fn lacking(&self) -> u64 {
        self.by_body.values().filter(|fetch| fetch.lasting && fetch.is_carried()).count() as u64
    }

    /// What is on its way and travels with its statement: body and statement.
    pub(in crate::sync) fn carried(&self) -> impl Iterator<Item = (Digest, Digest)> {
        self.by_body
            .iter()
            .filter(|(_, fetch)| fetch.is_carried())
            .map(|(body, fetch)| (*body, fetch.statement))
    }

    /// Statements whose attachments are on their way here for good.
    pub(in crate::sync) fn attached(&self) -> BTreeSet<Digest> {
        let fetches = self.by_body.values().filter(|fetch| fetch.lasting && !fetch.is_carried());
        fetches.map(|fetch| fetch.statement).collect()
    }

    /// A body is wanted no longer.
    pub(in crate::sync) fn forget(&mut self, body: &Digest) {
        self.by_body.remove(body);
        self.stirred = true;
    }

    /// A connection is gone: whoever was asked there is asked elsewhere.
    pub(in crate::sync) fn lost(&mut self, conn: ConnId) {
        for fetch in self.by_body.values_mut().filter(|fetch| fetch.source == Some(conn)) {
            fetch.source = None;
            fetch.due_ms = 0;
        }
        self.stirred = true;
    }

    /// A chunk of a body comes on a connection although nobody was asked there; false when the body is not on its way.
    pub(in crate::sync) fn comes_from(&mut self, body: &Digest, conn: ConnId, at: u32) -> bool {
        let fetch = self.by_body.get_mut(body);
        if let Some(fetch) = fetch {
            (fetch.source, fetch.held) = (Some(conn), at);
            return true;
        }
        false
    }

    /// True while a body is on its way.
    pub(in crate::sync) fn awaits(&self, body: &Digest) -> bool {
        self.by_body.contains_key(body)
    }

    /// Somebody who lacks a body too is not asked for it; false when it is asked, or the body is not on its way.
    pub(in crate::sync) fn without(&mut self, body: &Digest, conn: ConnId, asker: Option<&Session>) -> bool {
        let Some(fetch) = self.by_body.get_mut(body).filter(|fetch| fetch.source != Some(conn)) else {
            return false;
        };
        fetch.tried.extend(asker.map(|session| session.transport));
        true
    }

    /// Nobody is asked for a while.
    pub(super) fn pause(&mut self, now: u64) {
        for fetch in self.by_body.values_mut().filter(|fetch| fetch.source.is_some() || fetch.due_ms <= now) {
            fetch.source = None;
            fetch.due_ms = now + FETCH_RETRY_MS.0;
        }
    }

    pub(super) fn busy(&self, conn: ConnId) -> usize {
        self.by_body.values().filter(|fetch| fetch.source == Some(conn)).count()
    }
}
