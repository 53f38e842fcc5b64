//! The node's state, and how facts change it.
//!
//! Every change of state is the application of a fact ([`Node::apply`]); live handlers check, then record the
//! fact and apply it; recovery applies the same facts from the record. So a restart is the normal path run again.

use super::attest::Attestation;
use super::fact::{Fact, Identity, Invite};
use super::fetch::Fetches;
use super::fresh::Fresh;
use super::lateral::Lateral;
use super::path::Paths;
use super::quorum::Quorum;
use super::recover::Recovery;
use super::redial::Redial;
use super::session::Session;
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::{Ledger, Registry};
use crate::log::checkpoint::{Checkpoint, node_origin, root_origin};
use crate::log::note::Note;
use crate::log::tile::TileId;
use crate::log::tree::Frontier;
use crate::record::Room;
use crate::statement::card::RefusalCode;
use crate::statement::{Act, Entry, STATEMENT_BYTES};
use crate::store::{StoreError, layout};
use crate::time::WallMs;
use crate::trust::key::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// A connection, as the edge numbers them; never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A signed checkpoint that was parsed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SignedCheckpoint {
    pub(super) text: String,
    pub(super) size: u64,
}

/// What is held of one origin's log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OriginLog {
    /// The entries held without a gap from index 0.
    pub(super) frontier: Frontier,
    /// The newest checkpoint that fits them.
    pub(super) note: Option<SignedCheckpoint>,
    /// True when entries beyond a gap are held.
    pub(super) beyond: bool,
    /// Two statements at one index were seen: nothing more is taken from it.
    pub(super) stopped: bool,
}

/// An invitation and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InviteState {
    pub(super) invite: Invite,
    pub(super) used: Option<PublicKey>,
    pub(super) revoked: bool,
}

/// How the guard knows the two logs that this node signs: SHA-256 of their origin lines. Asked for in every turn, and
/// the same until the key changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedLogs {
    pub(super) own: Digest,
    pub(super) root: Digest,
}

impl SignedLogs {
    pub(super) fn of(federation: &Digest, signing: &PublicKey) -> Self {
        let id = |origin: String| Digest::of(&[origin.as_bytes()]);
        Self { own: id(node_origin(signing)), root: id(root_origin(federation)) }
    }
}

/// A node of the federation: a state machine without I/O, clock or randomness.
pub struct Node {
    pub(super) identity: Identity,
    /// SHA-256 of the anchor's key.
    pub(super) federation: Digest,
    pub(super) logs: SignedLogs,
    pub(super) signing: SecretKey,
    /// A signing key to rotate to.
    pub(super) spare: Option<SecretKey>,
    pub(super) ledger: Ledger,
    /// The ledger's registry and the delegations that are not sequenced yet: for admission and local authority.
    pub(super) registry: Registry,
    pub(super) origins: BTreeMap<PublicKey, OriginLog>,
    pub(super) root_frontier: Frontier,
    pub(super) root_note: Option<SignedCheckpoint>,
    /// The checkpoint that was last asked when the root renewed it, with the root's key, and the answer: every report that
    /// is published asks, and a signature is a tenth of a report.
    pub(super) renewed: Cell<Option<(Digest, u64)>>,
    pub(super) received: u64,
    /// Entries of our own log that the parent's receipt covers.
    pub(super) receipt_size: u64,
    /// Own reports that are not sequenced, by agency name id or code, and year.
    pub(super) waiting: BTreeMap<(String, u16), BTreeSet<u64>>,
    pub(super) own_refused: BTreeMap<Digest, RefusalCode>,
    pub(super) invites: BTreeMap<Digest, InviteState>,
    /// Statements that this node has looked at.
    pub(super) reviewed: BTreeSet<Digest>,
    /// Root: origins that may have an entry to sequence.
    pub(super) ready: BTreeSet<PublicKey>,
    /// Keys whose Delegate was refused, as far as the Delegate is held.
    pub(super) refused_keys: BTreeSet<PublicKey>,
    pub(super) sessions: BTreeMap<ConnId, Session>,
    pub(super) attestations: BTreeMap<PublicKey, Attestation>,
    /// Root hash and view root by size, the newest sizes only.
    pub(super) views: BTreeMap<u64, (Digest, Digest)>,
    pub(super) view_differs: bool,
    pub(super) attested: Option<(u64, Attestation)>,
    /// Requests to join that wait for approval.
    pub(super) pending: BTreeMap<Digest, (ConnId, super::frame::JoinRequest)>,
    /// Where the operator says the parent is; tried before its delegation's addresses.
    pub(super) upstream_addresses: Vec<String>,
    pub(super) redial: Redial,
    pub(super) paths: Paths,
    /// What was just looked at.
    pub(super) fresh: Fresh,
    /// Bodies on their way here.
    pub(super) fetches: Fetches,
    pub(super) lateral: Lateral,
    pub(super) quorum: Quorum,
    pub(super) recovery: Recovery,
    pub(super) room: Room,
    pub(super) room_looked_ms: u64,
    /// Why the root refused our own Delegate, if it did: then nothing we sign is ever answered.
    pub(super) own_refusal: Option<RefusalCode>,
    pub(super) renew_due_ms: u64,
    pub(super) release_due_ms: Option<u64>,
    pub(super) release_held_back: bool,
}

/// A step went wrong locally: the store could not be read. Peers' faults are not errors of the node.
pub type Step<T = ()> = Result<T, StoreError>;

impl Node {
    /// A node of the given identity, before any fact but that is applied.
    pub fn new(identity: Identity, signing: SecretKey) -> Self {
        let federation = identity.federation();
        let mut registry = Registry::default();
        for packed in &identity.chain {
            if let Ok(entry) = Entry::from_record(&packed.statement, &packed.card)
                && matches!(entry.card.act, Act::Delegate(_) | Act::Rotate(_) | Act::Reparent { .. })
            {
                registry.enact(&federation, entry.statement.key(), entry.statement.index(), &entry.card.act);
            }
        }
        let redial = Redial::new(signing.derive("redial"));
        let lateral = Lateral::new(signing.derive("lateral"));
        Self {
            federation,
            logs: SignedLogs::of(&federation, &identity.signing),
            ledger: Ledger::new(federation),
            registry,
            origins: BTreeMap::new(),
            root_frontier: Frontier::new(),
            root_note: None,
            renewed: Cell::new(None),
            received: 0,
            receipt_size: 0,
            waiting: BTreeMap::new(),
            own_refused: BTreeMap::new(),
            invites: BTreeMap::new(),
            reviewed: BTreeSet::new(),
            ready: BTreeSet::new(),
            refused_keys: BTreeSet::new(),
            sessions: BTreeMap::new(),
            attestations: BTreeMap::new(),
            views: BTreeMap::new(),
            view_differs: false,
            attested: None,
            pending: BTreeMap::new(),
            upstream_addresses: Vec::new(),
            redial,
            paths: Paths::default(),
            fresh: Fresh::default(),
            fetches: Fetches::default(),
            lateral,
            quorum: Quorum::default(),
            recovery: Recovery::default(),
            room: Room::Enough,
            room_looked_ms: 0,
            own_refusal: None,
            renew_due_ms: 0,
            release_due_ms: None,
            release_held_back: false,
            identity,
            signing,
            spare: None,
        }
    }

    /// Who this node is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
    /// The fold of the leaves held.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// Known delegations, sequenced or not.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }
    /// True for the node whose log is the root log.
    pub fn is_root(&self) -> bool {
        self.registry.root() == Some(&self.identity.signing)
    }
    /// The federation id.
    pub const fn federation(&self) -> Digest {
        self.federation
    }
    /// This node's signing key, the origin of its own log.
    pub const fn own_key(&self) -> &PublicKey {
        &self.identity.signing
    }
    /// Origin line of this node's own log, and the name of its cosignatures.
    pub fn own_origin(&self) -> String {
        node_origin(self.own_key())
    }
    /// Origin line of the root log.
    pub fn root_origin(&self) -> String {
        root_origin(&self.federation())
    }
    /// Transport keys that may open sessions.
    pub fn known_transports(&self) -> Vec<PublicKey> {
        self.registry
            .nodes()
            .filter_map(|(_, key)| self.registry.delegation(key))
            .map(|own| own.transport)
            .collect()
    }
    /// Size of our own log.
    pub fn own_size(&self) -> u64 {
        self.origins.get(self.own_key()).map_or(0, |log| log.frontier.size())
    }

    /// Records a fact and applies it.
    pub(super) fn record(&mut self, turn: &mut Turn<'_>, fact: Fact) -> Step {
        turn.out.batch.facts.push(fact.to_frame());
        self.apply(turn, &fact)
    }

    /// An entry by origin and index: when it was received, and the entry.
    pub(super) fn entry(
        &self,
        turn: &Turn<'_>,
        origin: &PublicKey,
        index: u64,
    ) -> Step<Option<(Option<WallMs>, Entry)>> {
        turn.get(&layout::entry(origin, index))?.map(|row| parse_entry_row(&row)).transpose()
    }

    /// An entry by the digest of its statement.
    pub(super) fn entry_by_digest(
        &self,
        turn: &Turn<'_>,
        statement: &Digest,
    ) -> Step<Option<(Option<WallMs>, Entry)>> {
        match turn.get(&layout::locator(statement))? {
            Some(place) => {
                let key = [b"e", place.as_slice()].concat();
                turn.get(&key)?.map(|row| parse_entry_row(&row)).transpose()
            }
            None => Ok(None),
        }
    }
}

/// Reads an entry's row of the index.
///
/// # Errors
/// [`StoreError::Damaged`].
pub fn parse_entry_row(row: &[u8]) -> Result<(Option<WallMs>, Entry), StoreError> {
    let damaged = || StoreError::Damaged("an entry's row".to_owned());
    let (received_at, rest) = row.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (statement, card) = rest.split_at_checked(STATEMENT_BYTES).ok_or_else(damaged)?;
    let entry =
        Entry::from_record(statement, card).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let received_at = Some(WallMs(u64::from_be_bytes(*received_at))).filter(|at| at.0 != 0);
    Ok((received_at, entry))
}

/// A tile's hashes as they were when the tree had `size` leaves.
pub fn read_tile(store: &dyn crate::store::Read, id: TileId, size: u64) -> Option<Vec<u8>> {
    let mut hashes = store.get(&layout::tile(id.level, id.index)).ok().flatten()?;
    let at_level = size.checked_shr(8 * u32::from(id.level)).unwrap_or(0);
    let width = at_level.saturating_sub(id.index.saturating_mul(256)).min(256);
    hashes.truncate(usize::try_from(width).ok()? * 32);
    Some(hashes)
}

impl SignedCheckpoint {
    /// Parses a note whose text is a checkpoint.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        Some(Self { text: text.to_owned(), size: checkpoint.size })
    }
}
