//! Long reads: what the command line asks of the store, off the engine's thread.
//!
//! A turn takes a [`Glance`] at the node, which is short however much is held; the rest reads the store on a
//! thread of its own, so that listing or verifying everything stops nobody.

mod compare;
mod coverage;
mod diff;
mod find;
mod list;
mod proof;
mod retention;
mod review;
mod show;
mod verify;
mod view;
mod walk;

pub(super) use compare::Shown;
pub(super) use list::Filter;
pub(super) use proof::PROOF_BYTES_MAX;
pub(super) use retention::{Rules as RetentionRules, due};
pub(super) use review::Wanted;
pub(super) use view::{ViewAsk, ViewForm};

use super::service::{Failure, Reply};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::TemplateRow;
use crate::log::checkpoint::node_origin;
use crate::log::note::Note;
use crate::log::witness;
use crate::store::{Read, StoreError, layout};
use crate::sync::Node;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use crate::view::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be read. Digests may be given by their first eight digits or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Query {
    /// Packages, `gongshi.list/1`.
    List(Filter),
    /// One statement with its figures and its exchange, `gongshi.show/1`.
    Show(String),
    /// Two packages cell by cell, `gongshi.diff/1`.
    Diff(String, String),
    /// The C2SP tlog-proof of a statement, `gongshi.proof/1`.
    Proof(String),
    /// One statement from its figures to the checkpoint, `gongshi.verify/1`.
    Verify(String),
    /// The text of a proof, against the root's key and, where the proof has no leaf, against what is held.
    VerifyProof(String),
    /// What another portal shows against what is held, `gongshi.verify/1`.
    Compare(Shown),
    /// Everything held, `gongshi.verify/1`.
    VerifyAll,
    /// A division's year as summed, `gongshi.view/1`.
    View(ViewAsk),
    /// Who owes a report and who gave one, `gongshi.coverage/1`.
    Coverage {
        /// The division at the top; none for the node's own.
        division: Option<DivisionCode>,
        /// The calendar year.
        year: u16,
    },
    /// Reports from below that wait for a look, `gongshi.review/1`.
    ReviewList(Wanted),
    /// One of them with its findings, `gongshi.review/1`.
    ReviewShow(String),
    /// What has been public for as long as it may be, `gongshi.retention/1`.
    Retention(RetentionRules),
    /// Who owes a report, `gongshi.roster/1`.
    Rosters {
        /// The division at the top; none for the node's own.
        division: Option<DivisionCode>,
        /// The calendar year.
        year: u16,
    },
}

/// What a long read needs of the node, of one moment.
pub(super) struct Glance {
    federation: Digest,
    own: PublicKey,
    own_division: DivisionCode,
    root: Option<PublicKey>,
    /// Nodes above this one, the parent first: any of them may give the receipt.
    ancestors: Vec<PublicKey>,
    /// Keys whose Delegate the root refused: nothing they sign is ever sequenced.
    refused_keys: BTreeSet<PublicKey>,
    root_log: (u64, Digest),
    own_log: (u64, Digest),
    view_root: Digest,
    note: Option<(String, u64)>,
    /// Entries of our own log that went up on the open session, and that the parent's receipt covers.
    sent: u64,
    receipted: u64,
    /// Live nodes: division, name, and the index of their log that is sequenced next.
    nodes: BTreeMap<PublicKey, NodeGlance>,
    scope: Scope,
    templates: Vec<TemplateRow>,
    /// Keys that this node had before.
    earlier: BTreeSet<PublicKey>,
    /// The instants for which released years were announced.
    schedules: BTreeMap<u16, WallMs>,
    now: WallMs,
}

impl Query {
    const fn needs_scope(&self) -> bool {
        matches!(
            self,
            Self::Coverage { .. }
                | Self::Rosters { .. }
                | Self::View(_)
                | Self::ReviewList(_)
                | Self::ReviewShow(_)
        )
    }
}

struct NodeGlance {
    code: DivisionCode,
    name: String,
    next_index: u64,
}

/// A query and the glance it is answered from.
pub(super) struct Reading {
    query: Query,
    glance: Glance,
}

/// Why a query has no answer.
enum NoAnswer {
    Store(StoreError),
    Refused(Failure),
}

impl From<StoreError> for NoAnswer {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// The digest that its first digits name, or why none.
///
/// # Errors
/// [`StoreError`].
pub(super) fn named(store: &dyn Read, text: &str) -> Result<Result<Digest, Failure>, StoreError> {
    match find::digest(store, text) {
        Ok(digest) => Ok(Ok(digest)),
        Err(NoAnswer::Refused(failure)) => Ok(Err(failure)),
        Err(NoAnswer::Store(error)) => Err(error),
    }
}

impl Glance {
    /// Looks at the node.
    pub(super) fn of(node: &Node) -> Self {
        let registry = node.registry();
        let refused_keys = node.refused_keys();
        // A node whose Delegate was refused is no live node, and what it signed is listed all the same.
        let named = registry.nodes().map(|(_, key)| key).chain(&refused_keys);
        let mut nodes: BTreeMap<PublicKey, NodeGlance> = named
            .filter_map(|key| {
                let own = registry.delegation(key)?;
                let (code, name) = (own.division.clone(), own.name.clone());
                Some((*key, NodeGlance { code, name, next_index: node.ledger().next_index(key) }))
            })
            .collect();
        let identity = node.identity();
        nodes.entry(*node.own_key()).or_insert_with(|| NodeGlance {
            code: identity.division.clone(),
            name: identity.name.clone(),
            next_index: node.ledger().next_index(node.own_key()),
        });
        Self {
            federation: node.federation(),
            own: *node.own_key(),
            own_division: identity.division.clone(),
            root: registry.root().copied(),
            ancestors: node.ancestors(),
            refused_keys,
            root_log: node.root_log(),
            own_log: node.own_log(),
            view_root: node.ledger().view_root(),
            note: node.checkpoint_note().map(|(text, size)| (text.to_owned(), size)),
            sent: node.sent(),
            receipted: node.own_size().saturating_sub(node.unacknowledged()),
            nodes,
            scope: Scope::default(),
            templates: Vec::new(),
            earlier: BTreeSet::new(),
            schedules: BTreeMap::new(),
            now: WallMs(0),
        }
    }

    /// Looks at what a query needs of the node beside the rest.
    pub(super) fn for_query(node: &Node, query: &Query, now: WallMs) -> Self {
        let scope = if query.needs_scope() { Scope::of(node.ledger()) } else { Scope::default() };
        let (earlier, schedules) = match query {
            Query::Retention(_) => retention::look(node),
            _ => Default::default(),
        };
        let templates = node.ledger().templates().to_vec();
        Self { scope, templates, earlier, schedules, now, ..Self::of(node) }
    }

    /// The tree and the rosters, for the queries that need them.
    const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// This node's division.
    fn own_division(&self) -> DivisionCode {
        self.own_division.clone()
    }

    /// Division code and name of a node by its signing key; none for a key without a live node.
    fn node_json(&self, key: &PublicKey) -> Value {
        self.nodes
            .get(key)
            .map_or(Value::Null, |node| serde_json::json!({"code": node.code, "name": node.name}))
    }

    /// The state of an entry that the root has not sequenced, in the one vocabulary of states.
    fn waiting_state(&self, origin: &PublicKey, index: u64) -> &'static str {
        match index {
            _ if self.refused_keys.contains(origin) => "refused",
            _ if *origin != self.own => "received",
            index if index < self.receipted => "received",
            index if index < self.sent => "sent",
            _ => "signed",
        }
    }

    /// Who cosigned the first receipted checkpoint of our own log that covers `index`, and when.
    fn receipt_of(
        &self,
        store: &dyn Read,
        origin: &PublicKey,
        index: u64,
    ) -> Result<Option<(PublicKey, WallMs)>, StoreError> {
        let from = layout::receipt(origin, index.saturating_add(1));
        let rows = store.scan(&from, &layout::receipt(origin, u64::MAX), 1)?;
        let text = rows.into_iter().next().and_then(|(_, value)| String::from_utf8(value).ok());
        let Some(note) = text.and_then(|text| Note::parse(&text).ok()) else { return Ok(None) };
        let given = |by: &PublicKey| {
            let seconds = witness::verify_cosignature(&note, &node_origin(by), by).ok()?;
            Some((*by, WallMs(seconds.saturating_mul(1000))))
        };
        Ok(self.ancestors.iter().find_map(given))
    }
}

impl Reading {
    pub(super) const fn new(query: Query, glance: Glance) -> Self {
        Self { query, glance }
    }

    /// Reads the answer.
    pub(super) fn run(self, store: &dyn Read) -> Reply {
        let Self { query, glance } = self;
        let document = match &query {
            Query::List(filter) => list::list(store, &glance, filter).map_err(NoAnswer::from),
            Query::Show(digest) => show::show(store, &glance, digest),
            Query::Diff(a, b) => diff::diff(store, a, b),
            Query::Proof(digest) => proof::proof(store, &glance, digest),
            Query::Verify(digest) => walk::walk(store, &glance, digest),
            Query::Compare(shown) => compare::compare(store, &glance, shown),
            Query::VerifyProof(text) if text.starts_with(compare::EVIDENCE) => {
                compare::evidence(&glance, text)
            }
            Query::VerifyProof(text) => proof::verify(store, &glance, text),
            Query::View(ask) => view::view_document(store, &glance, ask),
            Query::Coverage { division, year } => {
                coverage::coverage(store, &glance, division.as_ref(), *year, glance.now)
            }
            Query::ReviewList(wanted) => review::list(store, &glance, wanted),
            Query::Retention(rules) => retention::list(store, &glance, *rules),
            Query::ReviewShow(digest) => review::show(store, &glance, digest),
            Query::Rosters { division, year } => coverage::rosters(store, &glance, division.as_ref(), *year),
            Query::VerifyAll => {
                verify::verify_all(store, &glance).map(|found| found.to_json()).map_err(NoAnswer::from)
            }
        };
        match document {
            Ok(document) => Reply::Document(document.to_string()),
            Err(NoAnswer::Refused(failure)) => Reply::Failure(failure),
            Err(NoAnswer::Store(error)) => Reply::Failure(Failure::new(
                9,
                "damaged",
                format!("存储不可读：{error} / the store cannot be read: {error}"),
            )),
        }
    }
}
