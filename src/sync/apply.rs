//! Applying facts: what each of them changes in memory and in the index.

use super::fact::Fact;
use super::limits::VIEW_HISTORY_COUNT;
use super::node::{ConnId, InviteState, Node, SignedCheckpoint, Step, read_tile};
use super::session::Peer;

use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::ledger::{Effect, IndexRow, Revision, TreeChange};
use crate::log::tile::{self, TileId};
use crate::log::tree::leaf_hash;
use crate::statement::{Act, Entry, Leaf, STATEMENT_BYTES};
use crate::store::{StoreError, layout};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use crate::wire;

impl Node {
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
                    self.has_news(origin);
                }
            }
            Fact::SplitView { text } => self.lateral.keep(text.clone()),
            Fact::RootNote { note } => {
                self.count_witnesses(note);
                self.root_note = SignedCheckpoint::parse(note);
                let size = self.ledger.size();
                self.views.insert(size, (self.root_frontier.root(), self.ledger.view_root()));
                while self.views.len() > VIEW_HISTORY_COUNT {
                    self.views.pop_first();
                }
            }
            Fact::Receipt { note } => {
                if let Some(note) = SignedCheckpoint::parse(note) {
                    if note.size > self.receipt_size {
                        turn.out.puts.put(layout::receipt(self.own_key(), note.size), note.text);
                    }
                    self.receipt_size = self.receipt_size.max(note.size);
                }
            }
            Fact::Rotated { rotate } => self.apply_rotated(rotate)?,
            Fact::Stopped { origin, .. } => self.origins.entry(*origin).or_default().stopped = true,
            Fact::Heard { node, root_size } => {
                turn.out.puts.put(layout::heard(node), root_size.to_be_bytes().to_vec());
            }
            Fact::Reviewed { statement, at } => self.apply_reviewed(turn, statement, *at),
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
        if !turn.is_sequenced {
            self.learn(turn, entry);
        }
        self.note_attachments(turn, entry)?;
        self.note_lacking(turn, entry)?;
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

    /// Enters a delegation or rotation into the provisional registry, which knows them before they are sequenced. False
    /// when it is neither, or gives nothing as far as is known now.
    pub(super) fn learn(&mut self, turn: &mut Turn<'_>, entry: &Entry) -> bool {
        let (federation, author, index) = (self.federation(), entry.statement.key(), entry.statement.index());
        if !matches!(entry.card.act, Act::Delegate(_) | Act::Rotate(_))
            || self.registry.is_beyond(author, index)
            || self.registry.judge(&federation, author, index, &entry.card.act).is_err()
        {
            return false;
        }
        for change in self.registry.enact(&federation, author, index, &entry.card.act) {
            self.tree_changed(turn, change);
        }
        true
    }

    /// The record was replayed: what is not sequenced is known early again, and what is lacking is asked for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn replayed(&mut self, turn: &mut Turn<'_>) -> Step {
        (turn.is_known, turn.is_sequenced) = (false, false);
        let mut waiting = Vec::new();
        for origin in self.origins.keys() {
            for index in self.ledger.next_index(origin).. {
                let Some((_, entry)) = self.entry(turn, origin, index)? else { break };
                waiting.extend(Some(entry).filter(|entry| !entry.is_report()));
            }
        }
        // What gives a key its place may stand in a log that comes later.
        let mut before = usize::MAX;
        while waiting.len() < before {
            before = waiting.len();
            waiting.retain(|entry| !self.learn(turn, entry));
        }
        self.resume_lacking(turn)
    }

    /// Sessions and the door follow the tree.
    fn tree_changed(&mut self, turn: &mut Turn<'_>, change: TreeChange) {
        match change {
            TreeChange::Delegated(key) => {
                if let Some(delegation) = self.registry.delegation(&key) {
                    turn.out.actions.push(Action::Admit(delegation.transport));
                }
            }
            TreeChange::Ended(key) => self.dismiss(turn, &key),
            TreeChange::Moved(key) => self.follow_move(turn, &key),
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
        let effects = self.ledger.apply(&leaf, &entry);
        if !effects.iter().any(|effect| matches!(effect, Effect::Rejected(_))) {
            // What the fold accepted holds here too, whether it was known early or not.
            self.follow_fold(&entry, &effects);
            self.erase(turn, &entry)?;
        }
        self.roll_up(turn, &entry, &effects)?;
        for effect in effects {
            self.follow(turn, index, effect)?;
        }
        self.no_longer_waiting(&entry);
        Ok(())
    }

    /// The provisional registry does what the fold did.
    fn follow_fold(&mut self, entry: &Entry, effects: &[Effect]) {
        let ended = effects.iter().find_map(|effect| match effect {
            Effect::Tree(TreeChange::Ended(key)) => Some(*key),
            _ => None,
        });
        match (&entry.card.act, ended) {
            // It names a division: who stands there here may be a later node, known before it is sequenced.
            (Act::Close(closing), Some(node)) => self.registry.close_node(&node, closing),
            (act, _) => {
                let (federation, author) = (self.federation(), entry.statement.key());
                self.registry.enact(&federation, author, entry.statement.index(), act);
            }
        }
        for effect in effects {
            if let Effect::Tree(TreeChange::Delegated(key)) = effect {
                self.registry.share(key, self.ledger.registry());
            }
        }
    }

    fn follow(&mut self, turn: &mut Turn<'_>, index: u64, effect: Effect) -> Step {
        match effect {
            Effect::Revision(revision) => put_revision(turn, &revision),
            Effect::Tree(change) => {
                self.tree_changed(turn, change);
                if let TreeChange::Delegated(key) = change {
                    if self.is_root() {
                        self.ready.insert(key);
                    }
                    self.propose_again(&key);
                }
            }
            Effect::Refused { origin, index: own, statement, code } => {
                let row = wire::encode(&(origin, own, statement, code as u8));
                turn.out.puts.put(layout::refused(index), row);
                let own_delegate = self.identity.chain.last().map(|packed| Digest::of(&[&packed.statement]));
                if own_delegate == Some(statement) {
                    self.own_refusal = Some(code);
                    turn.event(Event::OwnRefused(statement, code));
                }
                let Some((_, entry)) = self.entry_by_digest(turn, &statement)? else { return Ok(()) };
                let key = match &entry.card.act {
                    Act::Delegate(delegation) => Some(delegation.signing),
                    Act::Rotate(rotation) => Some(rotation.signing),
                    _ => None,
                };
                for body in entry.card.act.report().into_iter().flat_map(|report| &report.bodies) {
                    self.fetches.forget(&body.digest);
                    turn.out.puts.delete(layout::lacking(&body.digest));
                }
                if let Some(key) = key {
                    self.registry.retract(&key, self.ledger.registry());
                }
                self.refused_keys.extend(key);
                if self.is_root() {
                    self.ready.extend(key);
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

    /// This node moved: it leaves its old parent, which keeps the door open until then.
    fn follow_move(&mut self, turn: &mut Turn<'_>, key: &PublicKey) {
        if key == self.own_key() {
            let parent = self.parent().map(|(parent, _)| parent);
            self.leave(turn, "moved", |peer| matches!(peer, Peer::Above(peer) if Some(peer) != parent));
        }
    }

    /// A key ended: its sessions end, and its transport key opens no more unless a successor goes on with it.
    fn dismiss(&mut self, turn: &mut Turn<'_>, key: &PublicKey) {
        // On the same transport key the session goes on with the key that follows.
        let next = *self.registry.newest(key);
        let transport = self.registry.delegation(&next).map(|own| own.transport);
        for session in self.sessions.values_mut().filter(|session| Some(session.transport) == transport) {
            session.peer = match session.peer {
                Peer::Above(peer) if peer == *key => Peer::Above(next),
                Peer::Below(peer) if peer == *key => Peer::Below(next),
                other => other,
            };
        }
        if next == *key {
            turn.event(Event::KeyEnded(*key));
        }
        self.leave(turn, "key_ended", |peer| match peer {
            Peer::Above(peer) | Peer::Below(peer) => peer == *key,
            Peer::Stranger | Peer::Lateral(_) => false,
        });
        if let Some(transport) = self.registry.delegation(key).map(|own| own.transport)
            && self.registry.by_transport(&transport).is_none()
        {
            turn.out.actions.push(Action::Dismiss(transport));
        }
    }

    /// Ends the sessions with some peers.
    fn leave(&mut self, turn: &mut Turn<'_>, why: &'static str, whom: impl Fn(Peer) -> bool) {
        let left = self.sessions.iter().filter(|(_, session)| whom(session.peer));
        let left: Vec<ConnId> = left.map(|(conn, _)| *conn).collect();
        for conn in left {
            turn.out.actions.push(Action::Close(conn, why));
            self.disconnected(turn, Some(conn));
        }
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
}

fn put_revision(turn: &mut Turn<'_>, revision: &Revision) {
    let Revision { digest, index, division, year, agency_id, revision: number, .. } = revision;
    let short = IndexRow::of(revision).to_value();
    let puts = &mut turn.out.puts;
    let named = format!("{division}:{}", revision.agency_name);
    for alias in
        [&named, &revision.agency_code].into_iter().filter(|alias| !alias.is_empty() && *alias != agency_id)
    {
        puts.put(layout::alias(alias), agency_id.as_bytes().to_vec());
    }
    puts.put(layout::revision(digest), wire::encode(revision));
    puts.put(layout::by_index(*index), short.clone());
    puts.put(layout::by_division(division.as_str(), *year, agency_id, *number), short.clone());
    puts.put(layout::by_agency(agency_id, *year, *number), short.clone());
    puts.put(layout::by_year(*year, division.as_str(), agency_id, *number), short);
}
