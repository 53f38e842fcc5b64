//! The lasting state of a node as an image: what replaying its facts up to a position gives, in one piece. A start reads it
//! and replays only what came after: without it a province of a million leaves would fold for most of a minute.
//!
//! Promises: restoring gives the state that replaying the same facts gives, or nothing. An image is a cache: it is written by
//! this version of the program for itself, and any doubt about it means a replay of everything. Leaves to its keeper
//! (`ops::engine`): which record it is of, up to where, and whether its bytes are whole.

use super::fact::Identity;
use super::node::{InviteState, Node, OriginLog, SignedCheckpoint, Step};
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::Ledger;
use crate::log::tree::Frontier;
use crate::statement::card::RefusalCode;
use crate::trust::key::PublicKey;
use crate::wire;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that facts change in memory.
#[derive(Serialize, Deserialize)]
pub struct Image<'a> {
    identity: Cow<'a, Identity>,
    ledger: Cow<'a, Ledger>,
    /// The view root of the ledger, whose tree is made anew.
    view_root: Digest,
    origins: Cow<'a, BTreeMap<PublicKey, OriginLog>>,
    root_frontier: Cow<'a, Frontier>,
    root_note: Option<Cow<'a, SignedCheckpoint>>,
    received: u64,
    receipt_size: u64,
    waiting: Cow<'a, BTreeMap<(String, u16), BTreeSet<u64>>>,
    own_refused: Cow<'a, BTreeMap<Digest, RefusalCode>>,
    own_refusal: Option<RefusalCode>,
    invites: Cow<'a, BTreeMap<Digest, InviteState>>,
    reviewed: Cow<'a, BTreeSet<Digest>>,
    refused_keys: Cow<'a, BTreeSet<PublicKey>>,
    views: Cow<'a, BTreeMap<u64, (Digest, Digest)>>,
    confirmed: u64,
    evidence: Cow<'a, [String]>,
    attached: BTreeSet<Digest>,
}

impl Image<'_> {
    /// The image that was read, with the tree over the ledger's public lines made anew; none when it contradicts itself.
    #[must_use]
    pub fn sound(self) -> Option<Self> {
        let ledger = self.ledger.into_owned().with_view();
        let fits = ledger.view_root() == self.view_root && ledger.size() == self.root_frontier.size();
        fits.then_some(Self { ledger: Cow::Owned(ledger), ..self })
    }

    /// Names of the parts in which two images differ.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = |image: &Self| {
            [
                ("identity", wire::encode(&image.identity)),
                ("ledger", wire::encode(&(&image.ledger, image.view_root))),
                ("origins", wire::encode(&image.origins)),
                ("root log", wire::encode(&(&image.root_frontier, &image.root_note, &image.views))),
                ("receipts", wire::encode(&(image.received, image.receipt_size))),
                ("waiting", wire::encode(&(&image.waiting, &image.own_refused, image.own_refusal))),
                ("invites", wire::encode(&image.invites)),
                ("reviewed", wire::encode(&image.reviewed)),
                ("refused keys", wire::encode(&image.refused_keys)),
                ("confirmed", wire::encode(&image.confirmed)),
                ("evidence", wire::encode(&image.evidence)),
                ("attached", wire::encode(&image.attached)),
            ]
        };
        let pairs = parts(self).into_iter().zip(parts(other));
        pairs.filter(|(one, other)| one != other).map(|((name, _), _)| name).collect()
    }

    /// Who the node is, with the key that it has now.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Node {
    /// The state as an image. None while delegations are known that are not sequenced, which a replay learns last.
    pub fn image(&self) -> Option<Image<'_>> {
        (self.registry == *self.ledger.registry()).then(|| Image {
            identity: Cow::Borrowed(&self.identity),
            ledger: Cow::Borrowed(&self.ledger),
            view_root: self.ledger.view_root(),
            origins: Cow::Borrowed(&self.origins),
            root_frontier: Cow::Borrowed(&self.root_frontier),
            root_note: self.root_note.as_ref().map(Cow::Borrowed),
            received: self.received,
            receipt_size: self.receipt_size,
            waiting: Cow::Borrowed(&self.waiting),
            own_refused: Cow::Borrowed(&self.own_refused),
            own_refusal: self.own_refusal,
            invites: Cow::Borrowed(&self.invites),
            reviewed: Cow::Borrowed(&self.reviewed),
            refused_keys: Cow::Borrowed(&self.refused_keys),
            views: Cow::Borrowed(&self.views),
            confirmed: self.confirmed_size(),
            evidence: Cow::Borrowed(self.evidence()),
            attached: self.fetches.attached(),
        })
    }

    /// Takes over the state of a sound image; `self` was just made of its identity. [`Node::replayed`] ends it, after what
    /// came later was applied.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn restore(&mut self, turn: &Turn<'_>, image: Image<'_>) -> Step {
        self.ledger = image.ledger.into_owned();
        self.registry = self.ledger.registry().clone();
        self.origins = image.origins.into_owned();
        self.root_frontier = image.root_frontier.into_owned();
        self.root_note = image.root_note.map(Cow::into_owned);
        self.received = image.received;
        self.receipt_size = image.receipt_size;
        self.waiting = image.waiting.into_owned();
        self.own_refused = image.own_refused.into_owned();
        self.own_refusal = image.own_refusal;
        self.invites = image.invites.into_owned();
        self.reviewed = image.reviewed.into_owned();
        if self.is_root() {
            // As after a replay: whose turn it is not is found out by looking.
            self.ready.extend(self.origins.keys());
        }
        self.refused_keys = image.refused_keys.into_owned();
        self.views = image.views.into_owned();
        self.quorum.confirm(image.confirmed);
        for evidence in image.evidence.into_owned() {
            self.lateral.keep(evidence);
        }
        for statement in image.attached {
            if let Some((_, entry)) = self.entry_by_digest(turn, &statement)? {
                self.note_attachments(turn, &entry)?;
            }
        }
        Ok(())
    }
}
