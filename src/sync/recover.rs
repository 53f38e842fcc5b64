//! Recovering: a node that is behind its own signatures, or may be, signs nothing until it holds again what it signed.
//!
//! It knows that it is behind when the guard, or a neighbour with proof, says so. When its directory is a copy, the
//! guard may be as old as the rest: then it asks first. The parent is asked for the node's own log; the root, which has
//! no parent, asks the nodes below for the root log. What comes back carries this node's own signature, or the root's,
//! and is verified like anything else.

use super::climb::Outcome;
use super::fact::Fact;
use super::frame::{ClimbingEntry, Frame};
use super::limits::{CLAIM_WITHIN_MS, PACK_BYTES_TARGET, PACK_COUNT_MAX};
use super::node::{ConnId, Node, Step};
use super::session::{Peer, Session};
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::record::Mark;
use crate::statement::Entry;
use crate::trust::key::PublicKey;
use std::collections::BTreeMap;

/// What stands between a node and its next signature.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// By digest of the origin line: the largest size signed or cosigned, as far as the guard and neighbours say.
    floors: BTreeMap<Digest, u64>,
    /// The guard may be as old as the rest.
    unsure: bool,
    /// How much of our own log the parent said it holds, on its newest session.
    own_there: Option<u64>,
    /// The last turn ended without recovering.
    over: bool,
    /// The record was made anew of what was sound in a damaged one.
    healing: bool,
}

/// How far a recovery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovering {
    /// Entries of our own log held, and signed as far as is known.
    pub own: (u64, u64),
    /// Leaves of the root log held, and signed as far as is known.
    pub root: (u64, u64),
    /// The directory is a copy: neighbours are asked first.
    pub unsure: bool,
}

impl Node {
    /// Said by the engine, which keeps the guard: the largest sizes signed, and whether even they may be old.
    pub fn set_floors(&mut self, marks: &BTreeMap<Digest, Mark>, unsure: bool) {
        let floors = marks.iter().map(|(origin, mark)| (*origin, mark.size)).collect();
        self.recovery = Recovery { floors, unsure, over: true, ..Recovery::default() };
    }

    /// Said by whoever made the record anew of what was sound in a damaged one.
    pub const fn set_healing(&mut self) {
        self.recovery.healing = true;
    }

    /// True until everything is here again that a damaged record has lost, as far as the neighbours know.
    pub fn is_repairing(&self) -> bool {
        self.recovery.healing || self.bodies_lacking() > 0
    }

    fn floor(&self, log: &Digest) -> u64 {
        self.recovery.floors.get(log).copied().unwrap_or(0)
    }

    /// How far a recovery has come; none when nothing stands in the way of signing.
    pub fn recovering(&self) -> Option<Recovering> {
        let state = Recovering {
            own: (self.own_size(), self.floor(&self.logs.own)),
            root: (self.root_frontier.size(), self.floor(&self.logs.root)),
            unsure: self.recovery.unsure,
        };
        (state.unsure || state.own.0 < state.own.1 || state.root.0 < state.root.1).then_some(state)
    }

    /// True while this node must not sign.
    pub fn is_recovering(&self) -> bool {
        self.recovering().is_some()
    }

    /// True when a cosignature of a log at this size would not go below an earlier one.
    pub(super) fn may_cosign(&self, origin: &str, size: u64) -> bool {
        size >= self.floor(&Digest::of(&[origin.as_bytes()]))
    }

    // ---- asking

    /// Asks a neighbour whose session has just opened for what may be missing here.
    pub(super) fn ask_back(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let Some(session) = self.sessions.get(&conn) else { return };
        let (peer, theirs) = (session.peer, session.theirs);
        match peer {
            Peer::Above(_) if self.is_parent(&peer) && self.is_recovering() => {
                self.recovery.own_there = None;
                let (own, first) = (*self.own_key(), self.own_size());
                turn.send(conn, Frame::Want { origin: Some(own), first });
            }
            // A larger root log than the root's own: either the claim is empty, or this is an old copy of the root.
            Peer::Below(_) if self.is_root() && theirs > self.root_frontier.size() => {
                if let Some(session) = self.sessions.get_mut(&conn) {
                    session.asked_ms = Some(turn.now.steady_ms);
                }
                turn.send(conn, Frame::Want { origin: None, first: self.root_frontier.size() });
            }
            _ => {}
        }
    }

    /// The parent says that it holds more of our own log than we do: we are an old copy, or another lives.
    pub(super) fn doubt(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        self.recovery.unsure = true;
        self.ask_back(turn, conn);
    }

    fn is_parent(&self, peer: &Peer) -> bool {
        self.parent().is_some_and(|(parent, _)| *peer == Peer::Above(parent))
    }

    // ---- answering

    /// A neighbour asks for the root log, or for its own.
    pub(super) fn on_want(&mut self, conn: ConnId, origin: Option<PublicKey>, first: u64) -> Outcome {
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
        match (origin, session.peer) {
            (None, Peer::Above(_)) => {
                (session.wants, session.send_all) = (true, true);
                (session.tail_sent, session.tail_held) = (first, first);
            }
            (Some(origin), Peer::Below(_)) => session.back_due = Some((origin, first)),
            _ => return Err("wrong_direction"),
        }
        Ok(())
    }

    /// Gives nodes below what they want back, a pack each.
    pub(super) fn give_back(&mut self, turn: &mut Turn<'_>) -> Step {
        let due = |(conn, session): (&ConnId, &mut Session)| Some((*conn, session.back_due.take()?));
        let due: Vec<(ConnId, (PublicKey, u64))> = self.sessions.iter_mut().filter_map(due).collect();
        for (conn, (origin, first)) in due {
            let size = self.origins.get(&origin).map_or(0, |log| log.frontier.size());
            let entries = self.pack_entries(turn, &origin, first, size, PACK_BYTES_TARGET)?;
            turn.send(conn, Frame::Back { origin, first, entries, size });
        }
        Ok(())
    }

    // ---- receiving

    /// Our own log comes back.
    pub(super) fn on_back(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        first: u64,
        entries: Vec<ClimbingEntry>,
        size: u64,
    ) -> Step<Outcome> {
        if origin != self.own_key() {
            return Ok(Err("not_our_log"));
        }
        if entries.len() > PACK_COUNT_MAX {
            return Ok(Err("pack_too_large"));
        }
        let before = self.own_size();
        for (index, climbing) in (first..).zip(entries) {
            let Ok(entry) = Entry::verify(&climbing.entry.statement, &climbing.entry.card) else {
                return Ok(Err("bad_entry"));
            };
            let fits = entry.statement.key() == origin
                && entry.statement.index() == index
                && *entry.statement.federation() == self.federation();
            if !fits || index > self.own_size() {
                return Ok(Err("entry_out_of_place"));
            }
            match self.entry(turn, origin, index)? {
                // Our key signed two statements at one index: nothing more is signed with it.
                Some((_, held)) if held.digest() != entry.digest() => {
                    self.stop(turn, origin, index, entry.statement.as_bytes())?;
                    return Ok(Ok(()));
                }
                Some(_) => {}
                None => {
                    if self.keep_bodies(turn, &entry, &climbing.bodies)?.is_err() {
                        return Ok(Err("bad_body"));
                    }
                    self.record(turn, Fact::Entry { received_at: climbing.received_at, entry })?;
                }
            }
        }
        self.recovery.own_there = Some(size);
        if before < self.own_size() && self.own_size() < size {
            turn.send(conn, Frame::Want { origin: Some(*origin), first: self.own_size() });
        }
        Ok(Ok(()))
    }

    /// The root meets a checkpoint of its own that is larger than what it holds: it is an old copy of itself.
    pub(super) fn learn_floor(&mut self, origin: &str, size: u64) {
        let floor = self.recovery.floors.entry(Digest::of(&[origin.as_bytes()])).or_default();
        *floor = size.max(*floor);
    }

    // ---- ending

    /// Ends a recovery when nobody who may know more is left; said once, when it is over.
    pub(super) fn end_recovery(&mut self, turn: &mut Turn<'_>) {
        self.drop_empty_claims(turn);
        if self.recovery.unsure && self.all_have_said() {
            self.recovery.unsure = false;
        }
        let over = !self.is_recovering();
        if over != self.recovery.over {
            turn.event(if over { Event::Recovered } else { Event::Recovering });
            if over {
                self.begin_anew(turn);
            }
        }
        self.recovery.over = over;
        if over && self.recovery.healing && self.bodies_lacking() == 0 && self.is_level() {
            self.recovery.healing = false;
        }
    }

    /// True when no neighbour that is connected had more of the root log, and the parent is connected.
    fn is_level(&self) -> bool {
        let size = self.root_frontier.size();
        let mut open = self.sessions.values().filter(|session| session.open);
        let parent = self.is_root() || open.clone().any(|session| self.is_parent(&session.peer));
        parent && open.all(|session| session.theirs <= size)
    }

    fn all_have_said(&self) -> bool {
        let (root_size, own_size) = (self.root_frontier.size(), self.own_size());
        let open = || self.sessions.values().filter(|session| session.open);
        if !self.is_root() {
            let parent = open().find(|session| self.is_parent(&session.peer));
            let said = self.recovery.own_there.is_some_and(|there| there <= own_size);
            return said && parent.is_some_and(|parent| parent.theirs <= root_size);
        }
        let children: Vec<&PublicKey> = self.registry.children(self.own_key()).collect();
        let is_child = |key: &PublicKey| children.contains(&key);
        let said = open().filter(|s| matches!(s.peer, Peer::Below(key) if is_child(&key))).count();
        let more = open().any(|s| matches!(s.peer, Peer::Below(_)) && s.theirs > root_size);
        // Most of the children known. A root that knows of none may have had some since: only a person can tell.
        said * 2 > children.len() && !more
    }

    /// Whoever claims to hold more of the root log than the root, and does not show it, is not waited for.
    fn drop_empty_claims(&mut self, turn: &mut Turn<'_>) {
        let size = self.root_frontier.size();
        let due = |asked_ms: u64| turn.now.steady_ms >= asked_ms + CLAIM_WITHIN_MS;
        let empty: Vec<ConnId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.theirs > size && session.asked_ms.is_some_and(due))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in empty {
            turn.out.actions.push(Action::Close(conn, "claim_not_shown"));
            self.disconnected(turn, Some(conn));
        }
    }

    /// What neighbours said meanwhile was not understood, or not answered: new sessions say all of it again.
    fn begin_anew(&mut self, turn: &mut Turn<'_>) {
        let conns: Vec<ConnId> = self.sessions.keys().copied().collect();
        for conn in conns {
            turn.out.actions.push(Action::Close(conn, "recovered"));
            self.disconnected(turn, Some(conn));
        }
    }

    /// When a recovery looks again, on the steady clock.
    pub(super) fn recovery_due_ms(&self) -> Option<u64> {
        let size = self.root_frontier.size();
        let open = self.sessions.values().filter(|session| session.theirs > size);
        open.filter_map(|session| session.asked_ms).map(|asked_ms| asked_ms + CLAIM_WITHIN_MS).min()
    }
}
