//! Fetching bodies by the chunk: attachments go up to every ancestor by themselves, and to anybody else on demand, from
//! the nearest ancestor that has them.
//!
//! Whoever lacks a body asks one neighbour at a time, a few chunks ahead, and keeps each chunk that fits the outline in
//! the record as it comes. So a cut, a restart or another path goes on at the next chunk. A neighbour that does not have
//! it yet but is fetching it answers when the chunk is there; one that cannot says `Lack`.

use super::body::PackedBody;
use super::chunk::chunks_held;
use super::climb::Outcome;
use super::erase::erased_by;
use super::frame::Frame;
use super::limits::{CHUNKS_IN_FLIGHT_MAX, FETCH_DEMAND_TRIES, FETCH_RETRY_MS, FETCH_STALL_MS};
use super::node::{ConnId, Node, Step};
use super::outline::Outline;
use super::session::Peer;
use super::turn::{Event, Turn};
use crate::digest::Digest;
use crate::statement::{BodyRef, BodyRole, Entry};
use crate::store::layout;
use std::collections::BTreeSet;

mod fetches;

use fetches::Fetch;
pub(super) use fetches::Fetches;

/// Where a body that somebody here asked for is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It is here.
    Here,
    /// It is on its way: chunks held, and in all.
    Coming(u32, u32),
    /// No neighbour is connected that may have it.
    Nowhere,
    /// It was erased.
    Erased,
    /// The statement names no such body.
    Unknown,
}

impl Node {
    /// Attachments that this node keeps for good and does not hold yet.
    pub fn attachments_missing(&self) -> usize {
        self.fetches.count()
    }

    /// Notes which attachments of an entry are to be here and are not: those of every node below, and our own.
    pub(super) fn note_attachments(&mut self, turn: &Turn<'_>, entry: &Entry) -> Step {
        let Some(report) = entry.card.act.report() else { return Ok(()) };
        let origin = *entry.statement.key();
        let attached: Vec<BodyRef> =
            report.bodies.iter().filter(|body| body.role == BodyRole::Attachment).copied().collect();
        if attached.is_empty() || !self.registry.is_ancestor(self.own_key(), &origin) {
            return Ok(());
        }
        for body in attached {
            self.begin_fetch(turn, entry, body, true)?;
        }
        Ok(())
    }

    pub(super) fn begin_fetch(
        &mut self,
        turn: &Turn<'_>,
        entry: &Entry,
        body: BodyRef,
        lasting: bool,
    ) -> Step {
        if PackedBody::is_held(&turn.read(), &body.digest)?
            || erased_by(&turn.read(), &body.digest)?.is_some()
            || body.bytes > super::limits::ATTACHMENT_BYTES_MAX
        {
            return Ok(());
        }
        self.fetches.stirred = true;
        let fetch = self.fetches.by_body.entry(body.digest).or_insert(Fetch {
            statement: entry.digest(),
            body,
            origin: *entry.statement.key(),
            lasting,
            demanded: false,
            source: None,
            held: 0,
            asked: 0,
            due_ms: 0,
            tried: BTreeSet::new(),
            rounds: 0,
        });
        fetch.lasting |= lasting;
        fetch.demanded |= !lasting;
        Ok(())
    }

    /// Somebody here wants a body that a statement names.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn demand(&mut self, turn: &mut Turn<'_>, statement: &Digest, body: &Digest) -> Step<Demand> {
        let Some((entry, named)) = self.named_body(turn, statement, body)? else {
            return Ok(Demand::Unknown);
        };
        self.mend(turn, &named)?;
        if PackedBody::is_held(&turn.read(), body)? {
            return Ok(Demand::Here);
        }
        if erased_by(&turn.read(), body)?.is_some() {
            return Ok(Demand::Erased);
        }
        self.begin_fetch(turn, &entry, named, false)?;
        self.fetch(turn)?;
        let neighbours = self
            .sessions
            .values()
            .any(|session| session.open && matches!(session.peer, Peer::Above(_) | Peer::Below(_)));
        // One without a source, and without a pause before the next round, waits for its turn.
        let coming = self.fetches.by_body.get(body);
        let coming = coming.filter(|fetch| fetch.source.is_some() || (neighbours && fetch.due_ms == 0));
        let count = Outline::count_of(named.bytes);
        Ok(coming.map_or(Demand::Nowhere, |fetch| Demand::Coming(fetch.held, count)))
    }

    /// Chooses whom to ask for what is missing. Cheap when nothing changed.
    pub(super) fn fetch(&mut self, turn: &mut Turn<'_>) -> Step {
        let now = turn.now.steady_ms;
        if !self.has_room() {
            // Nothing more is asked for; when there is room again, what is missing is.
            self.fetches.pause(now);
            return Ok(());
        }
        let due = self.fetches.due_ms().is_some_and(|due| due <= now);
        if !std::mem::take(&mut self.fetches.stirred) && !due {
            return Ok(());
        }
        let mut wanted: Vec<(bool, Digest)> = Vec::new();
        let mut given_up = Vec::new();
        for (digest, fetch) in &mut self.fetches.by_body {
            if let Some(source) = fetch.source.filter(|_| fetch.due_ms <= now) {
                // It stalls.
                fetch.tried.extend(self.sessions.get(&source).map(|session| session.transport));
                fetch.source = None;
                fetch.due_ms = 0;
            }
            if fetch.source.is_none() && fetch.due_ms <= now {
                fetch.due_ms = 0;
                wanted.push((!fetch.demanded, *digest));
            }
        }
        wanted.sort_unstable();
        for (_, digest) in wanted {
            match self.source_of(&digest) {
                Source::Ask(conn) => self.ask_for(turn, conn, &digest)?,
                Source::Wait => {}
                Source::Exhausted => {
                    let Some(fetch) = self.fetches.by_body.get_mut(&digest) else { continue };
                    let (least, most) = FETCH_RETRY_MS;
                    fetch.due_ms = now + (least << fetch.rounds.min(10)).min(most);
                    fetch.rounds += 1;
                    fetch.tried.clear();
                    if !fetch.lasting && fetch.rounds >= FETCH_DEMAND_TRIES {
                        self.fetches.by_body.remove(&digest);
                    }
                    given_up.push(digest);
                }
            }
        }
        for digest in given_up {
            self.lack_for_all(turn, &digest);
        }
        Ok(())
    }

    fn source_of(&self, digest: &Digest) -> Source {
        let Some(fetch) = self.fetches.by_body.get(digest) else { return Source::Wait };
        let own = *self.own_key();
        let anywhere = fetch.is_carried();
        let kept_below = fetch.origin != own && self.registry.is_ancestor(&own, &fetch.origin);
        let open = self.sessions.iter().filter(|(_, session)| session.open);
        let (mut above, mut aside, mut tried, mut busy) = (None, None, false, false);
        for (conn, session) in open {
            let toward = match session.peer {
                Peer::Below(key) => kept_below && self.registry.is_ancestor(&key, &fetch.origin),
                Peer::Above(_) => false,
                Peer::Lateral(_) | Peer::Stranger => continue,
            };
            let up = matches!(session.peer, Peer::Above(_));
            if !toward && !up && !anywhere {
                continue;
            }
            if fetch.tried.contains(&session.transport) {
                tried = true;
            } else if self.fetches.busy(*conn) > usize::from(fetch.demanded) {
                busy = true;
            } else if anywhere && !up {
                aside.get_or_insert(*conn);
            } else if toward {
                return Source::Ask(*conn);
            } else if !kept_below || above.is_none() {
                above = Some(*conn);
            }
        }
        match above.or(aside) {
            Some(conn) => Source::Ask(conn),
            None if tried && !busy => Source::Exhausted,
            None => Source::Wait,
        }
    }

    fn ask_for(&mut self, turn: &mut Turn<'_>, conn: ConnId, digest: &Digest) -> Step {
        let outline = turn.get(&layout::body_outline(digest))?.is_none();
        let held = chunks_held(&turn.read(), digest)?;
        let Some(fetch) = self.fetches.by_body.get_mut(digest) else { return Ok(()) };
        let count = Outline::count_of(fetch.body.bytes).saturating_sub(held).min(CHUNKS_IN_FLIGHT_MAX);
        fetch.source = Some(conn);
        fetch.held = held;
        fetch.asked = held + count;
        fetch.due_ms = turn.now.steady_ms + FETCH_STALL_MS;
        let statement = fetch.statement;
        turn.send(conn, Frame::WantChunks { statement, body: *digest, from: held, count, outline });
        Ok(())
    }

    pub(super) fn on_outline(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        body: &Digest,
        outline: &Outline,
    ) -> Step<Outcome> {
        let known = turn.get(&layout::body_outline(body))?.is_some() || !self.has_room();
        let Some(fetch) = self.fetches.by_body.get_mut(body).filter(|_| !known) else { return Ok(Ok(())) };
        if outline.bytes != fetch.body.bytes || outline.digest() != Some(*body) {
            return Ok(self.distrust(conn, body, "bad_outline"));
        }
        fetch.due_ms = turn.now.steady_ms + FETCH_STALL_MS;
        turn.keep_outline(body, outline);
        Ok(Ok(()))
    }

    pub(super) fn on_chunk(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        body: &Digest,
        at: u32,
        packed: &[u8],
    ) -> Step<Outcome> {
        // What is not waited for was given up or erased meanwhile, or came twice.
        let waited = |fetch: &&mut Fetch| fetch.source == Some(conn) && fetch.held == at;
        let expected = self.fetches.by_body.get_mut(body).as_ref().is_some_and(waited);
        if !expected || !self.has_room() {
            return Ok(Ok(()));
        }
        if !turn.keep_chunk(body, at, packed)? {
            return Ok(self.distrust(conn, body, "bad_chunk"));
        }
        let Some(fetch) = self.fetches.by_body.get_mut(body) else { return Ok(Ok(())) };
        fetch.held += 1;
        fetch.rounds = 0;
        fetch.due_ms = turn.now.steady_ms + FETCH_STALL_MS;
        let count = Outline::count_of(fetch.body.bytes);
        if fetch.held == count {
            let statement = fetch.statement;
            self.fetches.forget(body);
            self.body_is_back(turn, &statement, body)?;
            turn.event(Event::BodyHere(*body));
        } else if fetch.asked < count {
            let (statement, from) = (fetch.statement, fetch.asked);
            fetch.asked += 1;
            turn.send(conn, Frame::WantChunks { statement, body: *body, from, count: 1, outline: false });
        }
        Ok(Ok(()))
    }

    /// Whoever sent what is not the body is not asked for it again soon.
    fn distrust(&mut self, conn: ConnId, body: &Digest, why: &'static str) -> Outcome {
        if let (Some(fetch), Some(session)) = (self.fetches.by_body.get_mut(body), self.sessions.get(&conn)) {
            fetch.tried.insert(session.transport);
        }
        Err(why)
    }

    pub(super) fn on_lack(&mut self, conn: ConnId, body: &Digest) {
        let Some(session) = self.sessions.get(&conn) else { return };
        if let Some(fetch) = self.fetches.by_body.get_mut(body).filter(|fetch| fetch.source == Some(conn)) {
            fetch.tried.insert(session.transport);
            fetch.source = None;
            fetch.due_ms = 0;
            self.fetches.stirred = true;
        }
    }
}

/// Whom to ask for a body.
enum Source {
    Ask(ConnId),
    /// Nobody who may have it is there, or all are busy.
    Wait,
    /// All who are there said that they lack it.
    Exhausted,
}
