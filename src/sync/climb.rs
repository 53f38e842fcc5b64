//! Climb: logs on their way up. The sender proposes a checkpoint, the receiver says what it has, packs follow,
//! and the receiver's cosignature over the checkpoint is the receipt.

use super::body::{PackedBody, lacks_bodies};
use super::fact::Fact;
use super::frame::{ClimbingEntry, Frame, PackedEntry};
use super::limits::{CHAIN_COUNT_MAX, PACK_BYTES_TARGET, PACK_COUNT_MAX, PACKS_IN_FLIGHT_MAX};
use super::node::{ConnId, Node, Step};
use super::session::Peer;
use super::turn::{Action, Event, Turn};
use crate::log::checkpoint::{Checkpoint, node_origin};
use crate::log::note::{self, Note};
use crate::log::witness;
use crate::statement::Entry;
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// What a step made of a peer's frame: fine, or the stable code of its fault.
pub(super) type Outcome = Result<(), &'static str>;

impl Node {
    // ---- sending

    /// Moves every log with news as far up as the window allows, on every path.
    pub(super) fn climb(&mut self, turn: &mut Turn<'_>) -> Step {
        let own = *self.own_key();
        for conn in self.ups() {
            let Some(session) = self.sessions.get(&conn) else { continue };
            if session.paused_until_ms.is_some() {
                continue;
            }
            // A node sends its own log first, then every origin it holds.
            let mut origins: Vec<PublicKey> = session.news.iter().copied().collect();
            origins.sort_by_key(|origin| *origin != own);
            for origin in origins {
                self.climb_origin(turn, conn, &origin)?;
            }
        }
        Ok(())
    }

    /// The ancestors may not have the newest checkpoint of this log.
    pub(super) fn has_news(&mut self, origin: &PublicKey) {
        for session in self.sessions.values_mut().filter(|session| matches!(session.peer, Peer::Above(_))) {
            session.news.insert(*origin);
        }
    }

    /// A log that an ancestor did not admit is proposed again: its Delegate is sequenced now.
    pub(super) fn propose_again(&mut self, origin: &PublicKey) {
        for session in self.sessions.values_mut() {
            if session.climbing.get(origin).is_some_and(|climbing| climbing.acked.is_none()) {
                session.climbing.remove(origin);
                session.news.insert(*origin);
            }
        }
    }

    /// Everything is proposed anew on this session, so that the other end says itself what it lacks.
    pub(super) fn propose_all(&mut self, conn: ConnId) {
        let with_note = self.origins.iter().filter(|(_, log)| log.note.is_some()).map(|(key, _)| *key);
        let news = with_note.chain([*self.own_key()]).collect();
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.climbing.clear();
            session.news = news;
        }
    }

    fn climb_origin(&mut self, turn: &mut Turn<'_>, conn: ConnId, origin: &PublicKey) -> Step {
        let held = self.origins.get(origin).and_then(|log| log.note.clone());
        loop {
            let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
            let Some(note) = held.clone() else {
                session.news.remove(origin);
                return Ok(());
            };
            let climbing = session.climbing.entry(*origin).or_default();
            let Some(acked) = climbing.acked else {
                if climbing.offered == 0 {
                    climbing.offered = note.size;
                    turn.send(conn, Frame::Propose { origin: *origin, note: note.text, chain: Vec::new() });
                }
                return Ok(());
            };
            if climbing.sent >= note.size {
                if climbing.receipted >= note.size {
                    session.news.remove(origin);
                } else if climbing.offered < note.size {
                    // The entries are there already, by the tail or an earlier session: the checkpoint is not.
                    climbing.offered = note.size;
                    turn.send(conn, Frame::Propose { origin: *origin, note: note.text, chain: Vec::new() });
                }
                return Ok(());
            }
            let window = PACKS_IN_FLIGHT_MAX * PACK_COUNT_MAX as u64;
            if climbing.sent >= acked + window {
                return Ok(());
            }
            let first = climbing.sent;
            let entries = self.pack_entries(turn, origin, first, note.size, PACK_BYTES_TARGET)?;
            if entries.is_empty() {
                return Ok(());
            }
            let end = first + entries.len() as u64;
            let covering = (end == note.size).then(|| note.text.clone());
            if let Some(climbing) = self.sessions.get_mut(&conn).and_then(|s| s.climbing.get_mut(origin)) {
                climbing.sent = end;
                climbing.offered = if end == note.size { end } else { climbing.offered };
            }
            turn.send(conn, Frame::Push { origin: *origin, first, entries, note: covering });
        }
    }

    pub(super) fn pack_entries(
        &self,
        turn: &Turn<'_>,
        origin: &PublicKey,
        first: u64,
        until: u64,
        bytes_target: usize,
    ) -> Step<Vec<ClimbingEntry>> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for index in (first..until).take(PACK_COUNT_MAX) {
            let Some((received_at, entry)) = self.entry(turn, origin, index)? else { break };
            let Some(bodies) = self.carried_bodies(turn, &entry)? else { break };
            bytes +=
                entry.card_bytes.len() + 200 + bodies.iter().map(PackedBody::packed_bytes).sum::<usize>();
            if bytes > bytes_target && !entries.is_empty() {
                break;
            }
            entries.push(ClimbingEntry { entry: PackedEntry::of(&entry), received_at, bodies });
        }
        Ok(entries)
    }

    pub(super) fn on_have(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        size: Option<u64>,
    ) -> Step<Outcome> {
        let Some(note) = self.origins.get(origin).and_then(|log| log.note.clone()) else {
            return Ok(Err("have_of_unknown_log"));
        };
        if origin == self.own_key() && size.is_some_and(|size| size > self.own_size()) {
            self.doubt(turn, conn);
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(Ok(())) };
        match size {
            Some(size) => {
                let climbing = session.climbing.entry(*origin).or_default();
                // Before the first answer nothing was sent; afterwards an answer never takes sending back.
                climbing.sent = if climbing.acked.is_none() { size } else { climbing.sent.max(size) };
                climbing.acked = Some(size.max(climbing.acked.unwrap_or(0)));
                session.news.insert(*origin);
            }
            None => {
                let chain = self.chain_of(turn, origin)?;
                // Without Delegates it would be the same question, and the same answer, for ever: the log waits here until
                // its Delegate is sequenced.
                if !chain.is_empty() {
                    turn.send(conn, Frame::Propose { origin: *origin, note: note.text, chain });
                }
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn on_receipt(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        text: String,
    ) -> Step<Outcome> {
        let Some(Peer::Above(above)) = self.sessions.get(&conn).map(|session| session.peer) else {
            return Ok(Err("wrong_direction"));
        };
        let Some(held) = self.origins.get(origin).and_then(|log| log.note.clone()) else {
            return Ok(Err("receipt_of_unknown_log"));
        };
        let Ok(receipt) = Note::parse(&text) else { return Ok(Err("bad_note")) };
        let Ok(checkpoint) = Checkpoint::parse(&receipt.text) else { return Ok(Err("bad_checkpoint")) };
        if !self.is_cosigned(&receipt, &above)
            || checkpoint.origin != node_origin(origin)
            || checkpoint.size > held.size
            || (checkpoint.size == held.size && !held.text.starts_with(&receipt.text))
        {
            return Ok(Err("bad_receipt"));
        }
        let size = checkpoint.size;
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.news.insert(*origin);
            let climbing = session.climbing.entry(*origin).or_default();
            climbing.acked = Some(climbing.acked.unwrap_or(0).max(size));
            climbing.sent = climbing.sent.max(size);
            climbing.receipted = climbing.receipted.max(size);
        }
        if origin == self.own_key() && size > self.receipt_size {
            self.record(turn, Fact::Receipt { note: text })?;
            turn.event(Event::Receipted(size));
        }
        Ok(Ok(()))
    }

    /// True when a node cosigned with its newest key, or with one that it had when the note was on its way.
    fn is_cosigned(&self, note: &Note, by: &PublicKey) -> bool {
        let cosigned = |key: &PublicKey| witness::verify_cosignature(note, &node_origin(key), key).is_ok();
        cosigned(by) || self.registry.earlier(by).any(cosigned)
    }

    // ---- receiving

    pub(super) fn on_propose(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        text: String,
        chain: &[PackedEntry],
    ) -> Step<Outcome> {
        if chain.len() > CHAIN_COUNT_MAX {
            return Ok(Err("chain_too_long"));
        }
        if let Err(why) = self.learn_chain(turn, chain) {
            return Ok(Err(why));
        }
        if !self.may_climb(origin) {
            // A chain that gives nothing here is not the sender's fault: two levels may have delegated one
            // division while they could not talk. The log waits where it is; others go on.
            if chain.is_empty() {
                turn.send(conn, Frame::Have { origin: *origin, size: None });
            }
            return Ok(Ok(()));
        }
        let size = self.origins.get(origin).map_or(0, |log| log.frontier.size());
        turn.send(conn, Frame::Have { origin: *origin, size: Some(size) });
        self.take_note(turn, conn, origin, &text)
    }

    pub(super) fn on_push(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        first: u64,
        entries: Vec<ClimbingEntry>,
        text: Option<String>,
    ) -> Step<Outcome> {
        if !self.may_climb(origin) {
            return Ok(Err("unknown_origin"));
        }
        if entries.len() > PACK_COUNT_MAX {
            return Ok(Err("pack_too_large"));
        }
        let mut size = self.origins.get(origin).map_or(0, |log| log.frontier.size());
        if first > size {
            turn.send(conn, Frame::Have { origin: *origin, size: Some(size) });
            return Ok(Ok(()));
        }
        for (index, climbing) in (first..).zip(entries) {
            // Whoever carries a log that was stopped is not at fault: it gets no receipt, and goes on.
            if self.origins.get(origin).is_some_and(|log| log.stopped) {
                return Ok(Ok(()));
            }
            let Ok(entry) = Entry::verify(&climbing.entry.statement, &climbing.entry.card) else {
                return Ok(Err("bad_entry"));
            };
            let fits = entry.statement.key() == origin
                && entry.statement.index() == index
                && *entry.statement.federation() == self.federation();
            if !fits {
                return Ok(Err("entry_out_of_place"));
            }
            if index < size {
                self.compare(turn, origin, index, &entry)?;
                continue;
            }
            if lacks_bodies(turn, &entry, &climbing.bodies)? {
                // Only what is sequenced is erased: it comes down the tail with its withdrawal behind it. Until then
                // the sender tries again.
                turn.out.actions.push(Action::Close(conn, "erased_elsewhere"));
                self.disconnected(turn, Some(conn));
                return Ok(Ok(()));
            }
            if self.keep_bodies(turn, &entry, &climbing.bodies)?.is_err() {
                return Ok(Err("bad_body"));
            }
            let received_at = climbing.received_at.unwrap_or(turn.now.wall).max(WallMs(1));
            self.record(turn, Fact::Entry { received_at: Some(received_at), entry })?;
            size = self.origins.get(origin).map_or(0, |log| log.frontier.size());
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.sent_up.insert(*origin, size);
        }
        match text {
            Some(text) => self.take_note(turn, conn, origin, &text),
            None => {
                turn.send(conn, Frame::Have { origin: *origin, size: Some(size) });
                Ok(Ok(()))
            }
        }
    }

    /// An entry for a place that is taken: the same is ignored, another is equivocation.
    fn compare(&mut self, turn: &mut Turn<'_>, origin: &PublicKey, index: u64, entry: &Entry) -> Step {
        if let Some((_, held)) = self.entry(turn, origin, index)?
            && held.digest() != entry.digest()
        {
            self.stop(turn, origin, index, entry.statement.as_bytes())?;
        }
        Ok(())
    }

    /// Takes nothing more of a log that has two histories, and keeps the other one's evidence.
    pub(super) fn stop(&mut self, turn: &mut Turn<'_>, origin: &PublicKey, index: u64, other: &[u8]) -> Step {
        if self.origins.get(origin).is_some_and(|log| log.stopped) {
            return Ok(());
        }
        turn.event(Event::Equivocation(*origin, index));
        self.record(turn, Fact::Stopped { origin: *origin, index, other: other.to_vec() })
    }

    /// A signed checkpoint of an origin: if it is of what is held, it is kept and a receipt is due.
    fn take_note(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        origin: &PublicKey,
        text: &str,
    ) -> Step<Outcome> {
        let Ok(signed) = Note::parse(text) else { return Ok(Err("bad_note")) };
        let Ok(checkpoint) = Checkpoint::parse(&signed.text) else { return Ok(Err("bad_checkpoint")) };
        let name = node_origin(origin);
        if checkpoint.origin != name || note::verify(&signed, &name, origin).is_err() {
            return Ok(Err("bad_checkpoint"));
        }
        let Some(log) = self.origins.get(origin) else { return Ok(Ok(())) };
        if checkpoint.size != log.frontier.size() || log.stopped {
            return Ok(Ok(()));
        }
        if checkpoint.root != log.frontier.root() {
            self.stop(turn, origin, checkpoint.size, text.as_bytes())?;
            return Ok(Ok(()));
        }
        if log.note.as_ref().is_none_or(|held| held.size < checkpoint.size) {
            self.record(turn, Fact::OriginNote { origin: *origin, note: text.to_owned() })?;
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.receipts_due.insert(*origin);
            session.sent_up.insert(*origin, checkpoint.size);
        }
        Ok(Ok(()))
    }

    /// Cosigns what was taken in this turn, once for each log and session.
    pub(super) fn send_receipts(&mut self, turn: &mut Turn<'_>) {
        if self.is_recovering() {
            return;
        }
        let mut due = Vec::new();
        for (conn, session) in &mut self.sessions {
            due.extend(std::mem::take(&mut session.receipts_due).into_iter().map(|origin| (*conn, origin)));
        }
        for (conn, origin) in due {
            let Some(held) = self.origins.get(&origin).and_then(|log| log.note.clone()) else { continue };
            let Some(note) = self.cosigned(turn, &held.text) else { continue };
            turn.send(conn, Frame::Receipt { origin, note });
        }
    }
}
