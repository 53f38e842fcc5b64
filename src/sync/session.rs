//! Sessions: one authenticated connection to a neighbour, and what was said on it.

use super::frame::{Frame, PROTOCOL_VERSION};
use super::node::{ConnId, Node, Step};
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An ancestor, which this node dialled: the parent, or another beside it; its signing key.
    Above(PublicKey),
    /// A node delegated below this one; its signing key.
    Below(PublicKey),
    /// A node that is neither: it compares checkpoints and nothing else; its signing key.
    Lateral(PublicKey),
    /// A key without a delegation, which may ask to join and nothing else.
    Stranger,
}

/// How far one log has climbed on a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Climbing {
    /// Size of the newest checkpoint sent, alone or with the entries it covers.
    pub(super) offered: u64,
    /// What the ancestor said it has; none before its first answer.
    pub(super) acked: Option<u64>,
    /// Index after the last entry sent.
    pub(super) sent: u64,
    /// Size that the ancestor's receipt covers.
    pub(super) receipted: u64,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: Peer,
    pub(super) transport: PublicKey,
    /// Both sides said hello.
    pub(super) open: bool,
    /// Root-log leaves that the other side had when it said hello.
    pub(super) theirs: u64,
    /// When an ancestor last showed a checkpoint that was current, on the steady clock; kept while a detour lasts.
    pub(super) fresh_ms: Option<u64>,
    /// By how much the neighbour's clock is ahead of ours, in milliseconds; none before it said.
    pub(super) skew_ms: Option<i64>,
    /// To an ancestor: logs on their way up.
    pub(super) climbing: BTreeMap<PublicKey, Climbing>,
    /// Logs whose newest checkpoint the ancestor may not have.
    pub(super) news: BTreeSet<PublicKey>,
    /// To a child: leaves sent and leaves it said it holds.
    pub(super) tail_sent: u64,
    pub(super) tail_held: u64,
    /// From a child: logs it sent up on this session, and how far; their entries need not go down again.
    pub(super) sent_up: BTreeMap<PublicKey, u64>,
    /// A child asked for everything.
    pub(super) send_all: bool,
    /// Origins whose receipts are due at the end of the turn.
    pub(super) receipts_due: BTreeSet<PublicKey>,
    /// Chunks of bodies that the neighbour waits for; no number stands for the outline.
    pub(super) chunk_wants: VecDeque<(Digest, Option<u32>)>,
    /// A node below wants a log back, from this index on: answered once a turn, however often it asks.
    pub(super) back_due: Option<(PublicKey, u64)>,
    /// The other end has no room until then, on the steady clock: nothing is sent that it would have to keep.
    pub(super) paused_until_ms: Option<u64>,
    /// An ancestor asked for the root log.
    pub(super) wants: bool,
    /// When a node below was last asked for a larger root log that it claims to hold, on the steady clock.
    pub(super) asked_ms: Option<u64>,
}

impl Session {
    /// A session on which nothing was said yet.
    pub(super) const fn new(peer: Peer, transport: PublicKey) -> Self {
        Self {
            peer,
            transport,
            open: false,
            theirs: 0,
            fresh_ms: None,
            skew_ms: None,
            climbing: BTreeMap::new(),
            news: BTreeSet::new(),
            tail_sent: 0,
            tail_held: 0,
            sent_up: BTreeMap::new(),
            send_all: false,
            receipts_due: BTreeSet::new(),
            chunk_wants: VecDeque::new(),
            back_due: None,
            paused_until_ms: None,
            wants: false,
            asked_ms: None,
        }
    }
}

impl Node {
    /// A connection is up. `dialled` is true when this node opened it.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn connected(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        transport: PublicKey,
        dialled: bool,
    ) -> Step {
        let target = if dialled { self.redial.end() } else { None };
        let below = self.registry.by_transport(&transport).filter(|key| self.is_ours(key));
        let named = self.registry.by_transport(&transport).copied();
        let above = named.filter(|key| self.ancestors().contains(key));
        let peer = match (dialled, above, below) {
            (true, Some(key), _) => Peer::Above(key),
            (false, _, Some(key)) => Peer::Below(*key),
            (false, _, None) if named.is_none() => Peer::Stranger,
            (true, None, _) if named.is_some_and(|key| self.is_asked(&key)) => {
                named.map_or(Peer::Stranger, Peer::Lateral)
            }
            (false, None, None) => named.map_or(Peer::Stranger, Peer::Lateral),
            _ => {
                turn.out.actions.push(Action::Close(conn, "no_business_here"));
                // Without a session nothing else would hold the next dial back.
                target.into_iter().for_each(|key| self.redial.lost(key, turn.now.steady_ms, true));
                return Ok(());
            }
        };
        // The newest authenticated connection of a key replaces the older one: a peer that restarted must not
        // wait for its own ghost to time out.
        let older: Vec<ConnId> =
            self.sessions.iter().filter(|(_, s)| s.transport == transport).map(|(id, _)| *id).collect();
        for old in older {
            self.sessions.remove(&old);
            self.fetches.lost(old);
            turn.out.actions.push(Action::Close(old, "replaced"));
        }
        let session = Session::new(peer, transport);
        self.sessions.insert(conn, session);
        if let (true, Peer::Lateral(key)) = (dialled, peer) {
            self.show_checkpoint(turn, conn, key);
        }
        if let Peer::Above(key) = peer {
            // An ancestor that was restored from an old copy may not know us any more, the parent neither.
            turn.send(conn, self.introduction(&key));
            self.say_hello(turn, conn);
        }
        Ok(())
    }

    fn say_hello(&mut self, turn: &mut Turn<'_>, conn: ConnId) {
        let (federation, root_size) = (self.federation(), self.root_frontier.size());
        turn.send(conn, Frame::Hello { protocol: PROTOCOL_VERSION, federation, root_size });
    }

    /// A connection ended, or dialling failed (then `conn` is none).
    pub fn disconnected(&mut self, turn: &mut Turn<'_>, conn: Option<ConnId>) {
        let session = conn.and_then(|conn| self.sessions.remove(&conn));
        conn.into_iter().for_each(|conn| self.fetches.lost(conn));
        let lost = match session.as_ref().map(|session| session.peer) {
            Some(Peer::Above(key)) => Some(key),
            Some(_) => None,
            None if conn.is_none() => self.redial.end(),
            None => None,
        };
        if let Some(division) = session.as_ref().filter(|s| s.open).and_then(|s| self.division_of(&s.peer)) {
            turn.event(Event::LinkDown(division));
        }
        if let Some(key) = lost {
            let turned_away = session.is_some_and(|session| !session.open);
            self.redial.lost(key, turn.now.steady_ms, turned_away);
        }
    }

    pub(super) fn division_of(&self, peer: &Peer) -> Option<crate::division::DivisionCode> {
        match peer {
            Peer::Above(key) | Peer::Below(key) | Peer::Lateral(key) => {
                self.registry.delegation(key).map(|d| d.division.clone())
            }
            Peer::Stranger => None,
        }
    }

    /// The parent's signing and transport keys; none at the root.
    pub fn parent(&self) -> Option<(PublicKey, PublicKey)> {
        let parent = *self.ancestors().first()?;
        Some((parent, self.registry.delegation(&parent)?.transport))
    }

    /// Where the operator says the parent is, `HOST:PORT`.
    pub fn set_upstream_addresses(&mut self, addresses: Vec<String>) {
        self.upstream_addresses = addresses;
    }

    /// Where the operator says the parent is.
    pub fn upstream_addresses(&self) -> &[String] {
        &self.upstream_addresses
    }

    /// When the node next wants a turn of its own, on the steady clock; none while only others can move it.
    pub fn wake_at_ms(&self) -> Option<u64> {
        let renew = self.is_root().then_some(self.renew_due_ms);
        let own = [renew, self.release_due_ms]
            .into_iter()
            .flatten()
            .min()
            .filter(|_| self.has_room() && !self.is_recovering());
        let more = [self.room_due_ms(), self.recovery_due_ms(), self.fetches.due_ms()];
        [self.path_due_ms(), self.lateral_due_ms(), own, self.attest_due_ms()]
            .into_iter()
            .chain(more)
            .flatten()
            .min()
    }

    /// A frame arrived.
    ///
    /// # Errors
    /// [`crate::store::StoreError`]. A peer's fault is no error: its connection is closed and an event says why.
    pub fn frame(&mut self, turn: &mut Turn<'_>, conn: ConnId, frame: Frame) -> Step {
        let Some(session) = self.sessions.get(&conn) else { return Ok(()) };
        let (peer, open) = (session.peer, session.open);
        let (asked, wants) = (session.asked_ms.is_some(), session.wants);
        if self.sends_away(turn, conn, &frame) {
            return Ok(());
        }
        let outcome = match (peer, frame) {
            // Not only from strangers: a node whose answer was lost asks again, and its key is known by then.
            (Peer::Stranger | Peer::Below(_), Frame::Join(request)) => {
                self.on_join(turn, conn, &request)?;
                Ok(())
            }
            (Peer::Stranger | Peer::Below(_), Frame::Introduce { chain }) => {
                self.on_introduce(turn, conn, &chain)
            }
            // An ancestor that rotated goes on with a key that may not be sequenced yet.
            (Peer::Above(_), Frame::Introduce { chain }) => self.learn_chain(turn, &chain),
            (Peer::Lateral(_), Frame::Compare { note }) => self.on_compare(turn, conn, &note)?,
            (Peer::Lateral(key), Frame::Compared { note, root, proof }) => {
                self.on_compared(turn, (conn, key), &note, root, proof)?
            }
            (Peer::Lateral(_), _) | (Peer::Stranger | Peer::Below(_), Frame::Compare { .. }) => {
                // A node that moved here before its move is known here, moved away, or is new here: it tries again.
                turn.out.actions.push(Action::Close(conn, "no_business_here"));
                self.disconnected(turn, Some(conn));
                Ok(())
            }
            (Peer::Stranger, _) => Err("stranger"),
            (_, Frame::Hello { protocol, federation, root_size }) => {
                self.on_hello(turn, conn, protocol, &federation, root_size)?
            }
            _ if !open => Err("no_hello"),
            (Peer::Below(_), Frame::Propose { origin, note, chain }) => {
                self.on_propose(turn, conn, &origin, note, &chain)?
            }
            (Peer::Below(_), Frame::Push { origin, first, entries, note }) => {
                self.on_push(turn, conn, &origin, first, entries, note)?
            }
            (_, Frame::Want { origin, first }) => self.on_want(conn, origin, first),
            (Peer::Above(_), Frame::Back { origin, first, entries, size }) => {
                self.on_back(turn, conn, &origin, first, entries, size)?
            }
            (Peer::Below(_), Frame::Leaves { first, leaves, note, proof }) if asked => {
                self.on_leaves(turn, conn, first, leaves, &note, &proof)?
            }
            (Peer::Above(_), Frame::Held { root_size, send_all }) if wants => {
                self.on_held(conn, root_size, send_all);
                Ok(())
            }
            (Peer::Below(_), Frame::Held { root_size, send_all }) => {
                self.on_held(conn, root_size, send_all);
                Ok(())
            }
            (Peer::Above(_), Frame::Have { origin, size }) => self.on_have(turn, conn, &origin, size)?,
            (Peer::Above(_), Frame::Receipt { origin, note }) => {
                self.on_receipt(turn, conn, &origin, note)?
            }
            (Peer::Above(_), Frame::Leaves { first, leaves, note, proof }) => {
                let outcome = self.on_leaves(turn, conn, first, leaves, &note, &proof)?;
                self.hears_checkpoint(turn, conn, &note);
                outcome
            }
            (Peer::Above(_), Frame::Renewed { note }) => {
                turn.send(conn, Frame::Clock { at: turn.now.wall });
                let outcome = self.on_renewed(turn, &note)?;
                self.hears_checkpoint(turn, conn, &note);
                outcome
            }
            (Peer::Above(_), Frame::Again) => {
                self.propose_all(conn);
                Ok(())
            }
            (_, Frame::Clock { at }) => {
                self.on_clock(turn, conn, at);
                Ok(())
            }
            (_, frame) if frame.is_of_bodies() => self.on_body_frame(turn, conn, frame)?,
            (_, Frame::RetryAfter { ms }) => {
                self.on_retry_after(turn, conn, ms);
                Ok(())
            }
            (_, Frame::Cosigned { note }) => self.on_cosigned(turn, peer, &note)?,
            (_, Frame::Attest { note }) => self.on_attest(turn, peer, &note),
            (_, Frame::Refused { .. }) => Err("refused_by_peer"),
            _ => Err("wrong_direction"),
        };
        if let Err(why) = outcome {
            self.fault(turn, conn, why);
        }
        Ok(())
    }

    /// Closes a connection whose peer broke the protocol.
    pub fn fault(&mut self, turn: &mut Turn<'_>, conn: ConnId, why: &'static str) {
        turn.event(Event::PeerFault(conn, why));
        turn.out.actions.push(Action::Close(conn, why));
        self.disconnected(turn, Some(conn));
    }

    fn on_hello(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        protocol: u16,
        federation: &Digest,
        root_size: u64,
    ) -> Step<Result<(), &'static str>> {
        if protocol != PROTOCOL_VERSION {
            return Ok(Err("other_protocol_version"));
        }
        if *federation != self.federation() {
            return Ok(Err("other_federation"));
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(Ok(())) };
        if session.open {
            return Ok(Err("second_hello"));
        }
        session.open = true;
        self.fetches.stirred = true;
        session.theirs = root_size;
        let peer = session.peer;
        if let Some(division) = self.division_of(&peer) {
            turn.event(Event::LinkUp(division));
        }
        match peer {
            Peer::Below(_) => {
                self.say_hello(turn, conn);
                if !self.ledger.registry().knows(self.own_key()) {
                    turn.send(conn, self.own_chain());
                }
                self.begin_tail(turn, conn, root_size)?;
                self.ask_back(turn, conn);
            }
            Peer::Above(key) => {
                // The ancestor may have been restored from an older copy.
                self.propose_all(conn);
                self.ask_back(turn, conn);
                self.redial.reached(&key);
                self.attested = None;
                self.cosign_again(conn);
                self.forward_attestations(turn, conn);
                turn.send(conn, Frame::Clock { at: turn.now.wall });
            }
            Peer::Stranger | Peer::Lateral(_) => {}
        }
        Ok(Ok(()))
    }

    /// What follows from a batch of inputs: sequencing, signing, climbing, tailing, attesting, dialling.
    /// The driver calls it once after the inputs of a turn.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn settle(&mut self, turn: &mut Turn<'_>) -> Step {
        self.resume(turn);
        self.end_recovery(turn);
        if self.has_room() && !self.is_recovering() {
            self.release_due(turn)?;
            self.sequence(turn)?;
            self.sign_root_log(turn)?;
        }
        self.sign_own_log(turn)?;
        self.send_receipts(turn);
        self.give_back(turn)?;
        self.climb(turn)?;
        self.fan_out(turn)?;
        self.look_into_doubts(turn)?;
        self.fetch(turn)?;
        self.serve_wants(turn)?;
        self.attest(turn);
        self.send_cosignature(turn);
        self.choose_paths(turn);
        self.plan_lateral(turn);
        self.dial(turn);
        Ok(())
    }
}
