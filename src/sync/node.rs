//! The node's state, and how facts change it.
//!
//! Every change of state is the application of a fact ([`Node::apply`]); live handlers check, then record the
//! fact and apply it; recovery applies the same facts from the record. So a restart is the normal path run again.

use super::attest::Attestation;
use super::fact::{Fact, Identity, Invite};
use super::session::{Redial, Session};
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::ledger::{Effect, Ledger, Registry, Revision};
use crate::log::checkpoint::{Checkpoint, node_origin, root_origin};
use crate::log::note::Note;
use crate::log::tile::{self, TileId};
use crate::log::tree::{Frontier, leaf_hash};
use crate::statement::card::RefusalCode;
use crate::statement::{Act, Entry, Leaf, STATEMENT_BYTES};
use crate::store::{StoreError, layout};
use crate::time::WallMs;
use crate::trust::key::{PublicKey, SecretKey};
use crate::wire;
use std::collections::{BTreeMap, BTreeSet};

/// A connection, as the edge numbers them; never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A signed checkpoint that was parsed.
#[derive(Clone, Debug)]
pub(super) struct SignedCheckpoint {
    pub(super) text: String,
    pub(super) size: u64,
}

/// What is held of one origin's log.
#[derive(Clone, Debug, Default)]
pub(super) struct OriginLog {
    /// The entries held without a gap from index 0.
    pub(super) frontier: Frontier,
    /// The newest checkpoint that fits them.
    pub(super) note: Option<SignedCheckpoint>,
    /// True when entries beyond a gap are held.
    beyond: bool,
    /// Two statements at one index were seen: nothing more is taken from it.
    pub(super) stopped: bool,
}

/// An invitation and what became of it.
#[derive(Clone, Debug)]
pub(super) struct InviteState {
    pub(super) invite: Invite,
    pub(super) used: Option<PublicKey>,
    pub(super) revoked: bool,
}

/// A node of the federation: a state machine without I/O, clock or randomness.
pub struct Node {
    pub(super) identity: Identity,
    pub(super) signing: SecretKey,
    pub(super) ledger: Ledger,
    /// The ledger's registry and the delegations that are not sequenced yet: for admission and local authority.
    pub(super) registry: Registry,
    pub(super) origins: BTreeMap<PublicKey, OriginLog>,
    pub(super) root_frontier: Frontier,
    pub(super) root_note: Option<SignedCheckpoint>,
    pub(super) received: u64,
    /// Entries of our own log that the parent's receipt covers.
    pub(super) receipt_size: u64,
    /// Own reports that are not sequenced, by agency name id or code, and year.
    pub(super) waiting: BTreeMap<(String, u16), BTreeSet<u64>>,
    pub(super) own_refused: BTreeMap<Digest, RefusalCode>,
    pub(super) invites: BTreeMap<Digest, InviteState>,
    /// Root: origins that may have an entry to sequence.
    pub(super) ready: BTreeSet<PublicKey>,
    /// Root: keys whose Delegate was refused.
    pub(super) refused_keys: BTreeSet<PublicKey>,
    pub(super) sessions: BTreeMap<ConnId, Session>,
    /// Origins whose newest checkpoint the parent may not have.
    pub(super) dirty: BTreeSet<PublicKey>,
    pub(super) attestations: BTreeMap<PublicKey, Attestation>,
    /// Root hash and view root by size, the newest sizes only.
    pub(super) views: BTreeMap<u64, (Digest, Digest)>,
    pub(super) view_differs: bool,
    pub(super) attested: Option<(u64, Attestation)>,
    /// Requests to join that wait for approval.
    pub(super) pending: BTreeMap<Digest, (ConnId, super::frame::JoinRequest)>,
    pub(super) redial: Redial,
    pub(super) renew_due_ms: u64,
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
                && let Act::Delegate(delegation) = &entry.card.act
            {
                registry.delegate(&federation, entry.statement.key(), delegation);
            }
        }
        let redial = Redial::new(signing.derive("redial"));
        Self {
            ledger: Ledger::new(federation),
            registry,
            origins: BTreeMap::new(),
            root_frontier: Frontier::new(),
            root_note: None,
            received: 0,
            receipt_size: 0,
            waiting: BTreeMap::new(),
            own_refused: BTreeMap::new(),
            invites: BTreeMap::new(),
            ready: BTreeSet::new(),
            refused_keys: BTreeSet::new(),
            sessions: BTreeMap::new(),
            dirty: BTreeSet::new(),
            attestations: BTreeMap::new(),
            views: BTreeMap::new(),
            view_differs: false,
            attested: None,
            pending: BTreeMap::new(),
            redial,
            renew_due_ms: 0,
            identity,
            signing,
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
    pub fn federation(&self) -> Digest {
        self.identity.federation()
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

    /// Applies a fact: the only way the lasting state changes.
    ///
    /// # Errors
    /// [`StoreError`] when the index cannot be read.
    pub fn apply(&mut self, turn: &mut Turn<'_>, fact: &Fact) -> Step {
        match fact {
            Fact::Identity(_) => {}
            Fact::Entry { received_at, entry } => self.apply_entry(turn, *received_at, entry)?,
            Fact::Leaf { sequenced_at, received_at, statement } => {
                self.apply_leaf(turn, *sequenced_at, *received_at, statement)?;
            }
            Fact::OriginNote { origin, note } => {
                if let Some(note) = SignedCheckpoint::parse(note) {
                    self.origins.entry(*origin).or_default().note = Some(note);
                    self.dirty.insert(*origin);
                }
            }
            Fact::RootNote { note } => {
                self.root_note = SignedCheckpoint::parse(note);
                let size = self.ledger.size();
                self.views.insert(size, (self.root_frontier.root(), self.ledger.view_root()));
                while self.views.len() > super::limits::VIEW_HISTORY_COUNT {
                    self.views.pop_first();
                }
            }
            Fact::Receipt { note } => {
                if let Some(note) = SignedCheckpoint::parse(note) {
                    self.receipt_size = self.receipt_size.max(note.size);
                }
            }
            Fact::Stopped { origin, .. } => self.origins.entry(*origin).or_default().stopped = true,
            Fact::Invited(invite) => {
                let state = InviteState { invite: invite.clone(), used: None, revoked: false };
                self.invites.insert(invite.secret, state);
            }
            Fact::InviteUsed { secret, signing } => {
                if let Some(state) = self.invites.get_mut(secret) {
                    state.used = Some(*signing);
                }
            }
            Fact::InviteRevoked { secret } => {
                if let Some(state) = self.invites.get_mut(secret) {
                    state.revoked = true;
                }
            }
        }
        Ok(())
    }

    fn apply_entry(&mut self, turn: &mut Turn<'_>, received_at: Option<WallMs>, entry: &Entry) -> Step {
        let (origin, index, digest) = (*entry.statement.key(), entry.statement.index(), entry.digest());
        let mut row = received_at.map_or(0, |at| at.0).to_be_bytes().to_vec();
        row.extend_from_slice(entry.statement.as_bytes());
        row.extend_from_slice(&entry.card_bytes);
        turn.out.puts.put(layout::entry(&origin, index), row);
        let place = [origin.as_bytes().as_slice(), &index.to_be_bytes()].concat();
        turn.out.puts.put(layout::locator(&digest), place);
        self.received += 1;

        let log = self.origins.entry(origin).or_default();
        if log.frontier.size() == index {
            log.frontier.push(leaf_hash(entry.statement.as_bytes()));
            while log.beyond {
                match turn.get(&layout::entry(&origin, log.frontier.size()))? {
                    Some(row) => {
                        log.frontier.push(leaf_hash(row.get(8..8 + STATEMENT_BYTES).unwrap_or_default()))
                    }
                    None => break,
                }
            }
        } else {
            log.beyond = true;
        }
        if let Act::Delegate(delegation) = &entry.card.act {
            self.learn(turn, &origin, delegation);
        }
        if let (Some(report), true) = (entry.card.act.report(), origin == *self.own_key()) {
            for id in report.ids() {
                self.waiting.entry((id, report.year)).or_default().insert(index);
            }
        }
        if self.is_root() {
            self.ready.insert(origin);
        }
        Ok(())
    }

    /// Enters a delegation into the provisional registry.
    pub(super) fn learn(
        &mut self,
        turn: &mut Turn<'_>,
        issuer: &PublicKey,
        delegation: &crate::trust::delegation::Delegation,
    ) {
        if self.registry.judge_delegate(&self.identity.federation(), issuer, delegation).is_ok() {
            self.registry.delegate(&self.identity.federation(), issuer, delegation);
            turn.out.actions.push(Action::Admit(delegation.transport));
        }
    }

    fn apply_leaf(
        &mut self,
        turn: &mut Turn<'_>,
        sequenced_at: WallMs,
        received_at: WallMs,
        statement: &Digest,
    ) -> Step {
        let Some((_, entry)) = self.entry_by_digest(turn, statement)? else {
            return Err(StoreError::Damaged(format!("no entry for leaf {statement}")));
        };
        let leaf = Leaf { sequenced_at, received_at, statement: (*entry.statement).clone() };
        let (index, bytes) = (self.root_frontier.size(), leaf.to_bytes());
        let hash = leaf_hash(&bytes);
        let tiles = {
            let read = turn.read();
            let stored = |id: TileId| read_tile(&read, id, index);
            tile::extend(index, &[hash], &stored)
        };
        let Some(tiles) = tiles else {
            return Err(StoreError::Damaged(format!("a tile is missing at leaf {index}")));
        };
        for (id, hashes) in tiles {
            turn.out.puts.put(layout::tile(id.level, id.index), hashes);
        }
        self.root_frontier.push(hash);
        turn.out.puts.put(layout::leaf(index), bytes.to_vec());
        turn.out.puts.put(layout::sequenced(statement), index.to_be_bytes().to_vec());
        for effect in self.ledger.apply(&leaf, &entry) {
            self.follow(turn, index, effect)?;
        }
        self.no_longer_waiting(&entry);
        Ok(())
    }

    fn follow(&mut self, turn: &mut Turn<'_>, index: u64, effect: Effect) -> Step {
        match effect {
            Effect::Revision(revision) => put_revision(turn, &revision),
            Effect::Delegated(key) => {
                if let Some(authority) = self.ledger.registry().authority(&key).cloned()
                    && let (Some(issuer), Some(delegation)) = (authority.issuer(), authority.delegation())
                {
                    self.registry.delegate(&self.identity.federation(), issuer, delegation);
                    turn.out.actions.push(Action::Admit(delegation.transport));
                }
                if self.is_root() {
                    self.ready.insert(key);
                }
            }
            Effect::Refused { origin, index: own, statement, code } => {
                let row = wire::encode(&(origin, own, statement, code as u8));
                turn.out.puts.put(layout::refused(index), row);
                let Some((_, entry)) = self.entry_by_digest(turn, &statement)? else { return Ok(()) };
                if let (Act::Delegate(delegation), true) = (&entry.card.act, self.is_root()) {
                    self.refused_keys.insert(delegation.signing);
                    self.ready.insert(delegation.signing);
                }
                if origin == *self.own_key() {
                    self.no_longer_waiting(&entry);
                    self.own_refused.insert(statement, code);
                    turn.event(Event::OwnRefused(statement, code));
                }
            }
            Effect::Rejected(code) => turn.event(Event::RejectedLeaf(index, code)),
        }
        Ok(())
    }

    fn no_longer_waiting(&mut self, entry: &Entry) {
        let Some(report) = entry.card.act.report().filter(|_| entry.statement.key() == self.own_key()) else {
            return;
        };
        for id in report.ids() {
            if let Some(indexes) = self.waiting.get_mut(&(id.clone(), report.year)) {
                indexes.remove(&entry.statement.index());
                if indexes.is_empty() {
                    self.waiting.remove(&(id, report.year));
                }
            }
        }
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

fn put_revision(turn: &mut Turn<'_>, revision: &Revision) {
    let Revision { digest, index, division, year, agency_id, revision: number, .. } = revision;
    let mut short = digest.as_bytes().to_vec();
    short.push(revision.state as u8);
    let puts = &mut turn.out.puts;
    puts.put(layout::revision(digest), wire::encode(revision));
    puts.put(layout::by_index(*index), short.clone());
    puts.put(layout::by_division(division.as_str(), *year, agency_id, *number), short.clone());
    puts.put(layout::by_agency(agency_id, *year, *number), short.clone());
    puts.put(layout::by_year(*year, division.as_str(), agency_id, *number), short);
}

impl SignedCheckpoint {
    /// Parses a note whose text is a checkpoint.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        Some(Self { text: text.to_owned(), size: checkpoint.size })
    }
}

/// What is shown of the node.
impl Node {
    /// The newest root checkpoint with this node's cosignature; none before the first tail.
    pub fn checkpoint_note(&self) -> Option<&str> {
        self.root_note.as_ref().map(|note| note.text.as_str())
    }
    /// Size and root of our own log.
    pub fn own_log(&self) -> (u64, Digest) {
        let log = self.origins.get(self.own_key());
        log.map_or((0, crate::log::tree::empty_root()), |log| (log.frontier.size(), log.frontier.root()))
    }
    /// Size and root of the root log as verified.
    pub fn root_log(&self) -> (u64, Digest) {
        (self.root_frontier.size(), self.root_frontier.root())
    }
    /// Statements of all origins held with card and bodies except attachments, sequenced or not.
    pub const fn received(&self) -> u64 {
        self.received
    }
    /// Entries of our own log that the parent's receipt does not cover; none wait at the root.
    pub fn unacknowledged(&self) -> u64 {
        if self.is_root() { 0 } else { self.own_size().saturating_sub(self.receipt_size) }
    }
}
