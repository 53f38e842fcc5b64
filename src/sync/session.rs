//! Sessions: one authenticated connection to a neighbour, and what was said on it.

use super::frame::{Frame, PROTOCOL_VERSION};
use super::limits::{REDIAL_LATER_MS, REDIAL_MS, REDIAL_SHORT_FOR_MS};
use super::node::{ConnId, Node, Step};
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::time::Now;
use crate::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The parent, which this node dialled; its signing key.
    Parent(PublicKey),
    /// A node delegated below this one; its signing key.
    Below(PublicKey),
    /// A key without a delegation, which may ask to join and nothing else.
    Stranger,
}

/// How far one log has climbed on a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Climbing {
    /// Size of the newest checkpoint sent, alone or with the entries it covers.
    pub(super) offered: u64,
    /// What the parent said it has; none before its first answer.
    pub(super) acked: Option<u64>,
    /// Index after the last entry sent.
    pub(super) sent: u64,
    /// Size that the parent's receipt covers.
    pub(super) receipted: u64,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: Peer,
    pub(super) transport: PublicKey,
    /// Both sides said hello.
    pub(super) open: bool,
    /// To the parent: logs on their way up.
    pub(super) climbing: BTreeMap<PublicKey, Climbing>,
    /// To a child: leaves sent and leaves it said it holds.
    pub(super) tail_sent: u64,
    pub(super) tail_held: u64,
    /// From a child: logs it sent up on this session, and how far; their entries need not go down again.
    pub(super) sent_up: BTreeMap<PublicKey, u64>,
    /// A child asked for everything.
    pub(super) send_all: bool,
    /// Origins whose receipts are due at the end of the turn.
    pub(super) receipts_due: BTreeSet<PublicKey>,
}

/// When to dial the parent.
pub(super) struct Redial {
    secret: Zeroizing<[u8; 32]>,
    dialling: bool,
    pub(super) lost_since: Option<u64>,
    attempts: u32,
    due_ms: u64,
}

impl Redial {
    pub(super) fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret, dialling: false, lost_since: None, attempts: 0, due_ms: 0 }
    }

    fn connected(&mut self) {
        self.dialling = false;
        self.lost_since = None;
        self.attempts = 0;
    }

    /// 50 ms growing to 500 ms with jitter for ten minutes, 30 s after that.
    fn lost(&mut self, now: Now) {
        self.dialling = false;
        let since = *self.lost_since.get_or_insert(now.steady_ms);
        let pause = if now.steady_ms.saturating_sub(since) > REDIAL_SHORT_FOR_MS {
            REDIAL_LATER_MS
        } else {
            (REDIAL_MS.0 << self.attempts.min(8)).min(REDIAL_MS.1)
        };
        self.attempts = self.attempts.saturating_add(1);
        // Jitter from our own secret, so that a thousand children of one parent do not return in step and a
        // simulated run still replays.
        let roll = Digest::of(&[self.secret.as_slice(), &self.attempts.to_be_bytes()]);
        let jitter = u64::from(roll.as_bytes()[0]) * pause / 512;
        self.due_ms = now.steady_ms + pause / 2 + jitter;
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
        let below = self
            .registry
            .by_transport(&transport)
            .filter(|key| *key != self.own_key() && self.registry.is_ancestor(self.own_key(), key));
        let peer = match (dialled, self.parent(), below) {
            (true, Some((parent, key)), _) if key == transport => Peer::Parent(parent),
            (false, _, Some(key)) => Peer::Below(*key),
            (false, _, None) if self.registry.by_transport(&transport).is_none() => Peer::Stranger,
            _ => {
                turn.out.actions.push(Action::Close(conn, "no_business_here"));
                return Ok(());
            }
        };
        // The newest authenticated connection of a key replaces the older one: a peer that restarted must not
        // wait for its own ghost to time out.
        let older: Vec<ConnId> =
            self.sessions.iter().filter(|(_, s)| s.transport == transport).map(|(id, _)| *id).collect();
        for old in older {
            self.sessions.remove(&old);
            turn.out.actions.push(Action::Close(old, "replaced"));
        }
        if matches!(peer, Peer::Parent(_)) {
            self.redial.connected();
        }
        let session = Session {
            peer,
            transport,
            open: false,
            climbing: BTreeMap::new(),
            tail_sent: 0,
            tail_held: 0,
            sent_up: BTreeMap::new(),
            send_all: false,
            receipts_due: BTreeSet::new(),
        };
        self.sessions.insert(conn, session);
        if matches!(peer, Peer::Parent(_)) {
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
        let lost_parent = match session.as_ref().map(|session| session.peer) {
            Some(Peer::Parent(_)) => true,
            Some(_) => false,
            None => conn.is_none(),
        };
        if let Some(division) = session.as_ref().filter(|s| s.open).and_then(|s| self.division_of(&s.peer)) {
            turn.event(Event::LinkDown(division));
        }
        if lost_parent && self.up().is_none() {
            self.redial.lost(turn.now);
        }
    }

    pub(super) fn division_of(&self, peer: &Peer) -> Option<crate::division::DivisionCode> {
        match peer {
            Peer::Parent(key) | Peer::Below(key) => self.registry.delegation(key).map(|d| d.division.clone()),
            Peer::Stranger => None,
        }
    }

    /// The parent's signing and transport keys; none at the root.
    pub fn parent(&self) -> Option<(PublicKey, PublicKey)> {
        if self.is_root() {
            return None;
        }
        let issuer = *self.registry.authority(self.own_key())?.issuer()?;
        Some((issuer, self.registry.delegation(&issuer)?.transport))
    }

    /// The open session to the parent.
    pub(super) fn up(&self) -> Option<ConnId> {
        let mut up = self.sessions.iter().filter(|(_, s)| matches!(s.peer, Peer::Parent(_)));
        up.next().map(|(conn, _)| *conn)
    }

    /// Where the operator says the parent is, `HOST:PORT`.
    pub fn set_upstream_addresses(&mut self, addresses: Vec<String>) {
        self.upstream_addresses = addresses;
    }

    /// Dials the parent if it is time to.
    pub(super) fn dial(&mut self, turn: &mut Turn<'_>) {
        let Some((parent, key)) = self.parent() else { return };
        if self.up().is_some() || self.redial.dialling || turn.now.steady_ms < self.redial.due_ms {
            return;
        }
        self.redial.dialling = true;
        self.redial.lost_since.get_or_insert(turn.now.steady_ms);
        let mut addresses = self.upstream_addresses.clone();
        addresses.extend(self.registry.delegation(&parent).into_iter().flat_map(|d| d.addresses.clone()));
        if !addresses.is_empty() {
            // Each attempt begins with the next address.
            let first = self.redial.attempts as usize % addresses.len();
            addresses.rotate_left(first);
        }
        turn.out.actions.push(Action::Dial { addresses, key });
    }

    /// When the node next wants a turn of its own, on the steady clock; none while only others can move it.
    pub fn wake_at_ms(&self) -> Option<u64> {
        let dial = (self.parent().is_some() && self.up().is_none() && !self.redial.dialling)
            .then_some(self.redial.due_ms);
        let renew = self.is_root().then_some(self.renew_due_ms);
        [dial, renew, self.attest_due_ms()].into_iter().flatten().min()
    }

    /// A frame arrived.
    ///
    /// # Errors
    /// [`crate::store::StoreError`]. A peer's fault is no error: its connection is closed and an event says why.
    pub fn frame(&mut self, turn: &mut Turn<'_>, conn: ConnId, frame: Frame) -> Step {
        let Some(session) = self.sessions.get(&conn) else { return Ok(()) };
        let (peer, open) = (session.peer, session.open);
        let outcome = match (peer, frame) {
            // Not only from strangers: a node whose answer was lost asks again, and its key is known by then.
            (Peer::Stranger | Peer::Below(_), Frame::Join(request)) => {
                self.on_join(turn, conn, &request)?;
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
            (Peer::Below(_), Frame::Held { root_size, send_all }) => {
                self.on_held(conn, root_size, send_all);
                Ok(())
            }
            (Peer::Parent(_), Frame::Have { origin, size }) => self.on_have(turn, conn, &origin, size)?,
            (Peer::Parent(_), Frame::Receipt { origin, note }) => {
                self.on_receipt(turn, conn, &origin, note)?
            }
            (Peer::Parent(_), Frame::Leaves { first, leaves, note, proof }) => {
                self.on_leaves(turn, conn, first, leaves, &note, &proof)?
            }
            (Peer::Parent(_), Frame::Renewed { note }) => self.on_renewed(turn, &note)?,
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
        let peer = session.peer;
        if let Some(division) = self.division_of(&peer) {
            turn.event(Event::LinkUp(division));
        }
        match peer {
            Peer::Below(_) => {
                self.say_hello(turn, conn);
                self.begin_tail(turn, conn, root_size)?;
            }
            Peer::Parent(_) => {
                // The parent may have been restored from an older copy: everything is proposed anew, so that
                // it says itself what it lacks.
                let own = *self.own_key();
                self.dirty =
                    self.origins.iter().filter(|(_, log)| log.note.is_some()).map(|(k, _)| *k).collect();
                self.dirty.insert(own);
                self.attested = None;
                self.forward_attestations(turn, conn);
            }
            Peer::Stranger => {}
        }
        Ok(Ok(()))
    }

    /// What follows from a batch of inputs: sequencing, signing, climbing, tailing, attesting, dialling.
    /// The driver calls it once after the inputs of a turn.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn settle(&mut self, turn: &mut Turn<'_>) -> Step {
        self.sequence(turn)?;
        self.sign_root_log(turn)?;
        self.sign_own_log(turn)?;
        self.send_receipts(turn);
        self.climb(turn)?;
        self.fan_out(turn)?;
        self.attest(turn);
        self.dial(turn);
        Ok(())
    }
}
