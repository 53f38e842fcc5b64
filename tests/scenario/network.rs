//! The network: connections are reliable and ordered, as QUIC's are; loss is a connection that is cut.

use crate::world::{Occurrence, Sim};
use gongshi::sync::ConnId;
use gongshi::sync::frame::Frame;
use gongshi::sync::limits::FRAME_BYTES_MAX;
use gongshi::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who stands at one end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A machine of the federation.
    Site(usize),
    /// Someone who speaks raw frames: a node that joins, or an attacker.
    Outsider(usize),
}

/// What one end knows of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Dialling,
    Open,
    Closed,
}

/// A connection; end 0 dialled.
#[derive(Debug)]
pub struct Conn {
    pub parties: [Party; 2],
    pub ends: [End; 2],
    keys: [PublicKey; 2],
    /// When the last thing sent to each end arrives.
    arrival: [u64; 2],
    /// Frames that a one-way stall holds back, by receiving end.
    held: [VecDeque<Vec<u8>>; 2],
    dead: bool,
}

/// An outsider: everything it was told.
#[derive(Debug, Default)]
pub struct Outsider {
    pub heard: Vec<Frame>,
    pub closed: bool,
}

/// All connections and what is wrong with the lines.
#[derive(Default)]
pub struct Network {
    pub conns: BTreeMap<u64, Conn>,
    pub outsiders: Vec<Outsider>,
    cut: BTreeSet<(usize, usize)>,
    /// From, to: frames wait.
    stalled: BTreeSet<(usize, usize)>,
    /// Of a hundred frames, how many arrive twice.
    pub doubled_percent: u64,
    next: u64,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Network {
    fn is_cut(&self, parties: [Party; 2]) -> bool {
        matches!(parties, [Party::Site(a), Party::Site(b)] if self.cut.contains(&pair(a, b)))
    }

    fn is_stalled(&self, conn: &Conn, to: usize) -> bool {
        let ends = (conn.parties[1 - to], conn.parties[to]);
        matches!(ends, (Party::Site(a), Party::Site(b)) if self.stalled.contains(&(a, b)))
    }

    /// The open connection between two machines, if there is one, and the end at `a`.
    pub fn between(&self, a: usize, b: usize) -> Option<(u64, usize)> {
        self.conns.iter().rev().filter(|(_, conn)| !conn.dead && conn.ends == [End::Open; 2]).find_map(
            |(id, conn)| match conn.parties {
                [Party::Site(x), Party::Site(y)] if (x, y) == (a, b) => Some((*id, 0)),
                [Party::Site(x), Party::Site(y)] if (x, y) == (b, a) => Some((*id, 1)),
                _ => None,
            },
        )
    }
}

impl Sim {
    fn arrival(&mut self, id: u64, to: usize) -> u64 {
        let latency = 1 + self.rng.below(40);
        let now = self.now_ms;
        let conn = self.network.conns.get_mut(&id).expect("a connection");
        conn.arrival[to] = conn.arrival[to].max(now + latency);
        conn.arrival[to]
    }

    /// Opens a connection: the far end hears first, the dialler a latency later.
    pub fn open(&mut self, parties: [Party; 2], keys: [PublicKey; 2]) -> u64 {
        let id = self.network.next;
        self.network.next += 1;
        let conn = Conn {
            parties,
            ends: [End::Dialling; 2],
            keys,
            arrival: [self.now_ms; 2],
            held: [VecDeque::new(), VecDeque::new()],
            dead: false,
        };
        self.network.conns.insert(id, conn);
        let at = self.arrival(id, 1);
        self.schedule(at, Occurrence::Connected { conn: id, end: 1 });
        id
    }

    pub fn on_connected(&mut self, id: u64, end: usize) {
        let Some(conn) = self.network.conns.get(&id) else { return };
        let (parties, peer) = (conn.parties, conn.keys[1 - end]);
        let waits = !conn.dead && conn.ends[end] == End::Dialling && !self.network.is_cut(parties);
        let reachable = match parties[end] {
            Party::Site(site) => self.sites[site].is_up(),
            Party::Outsider(_) => true,
        };
        if !waits || !reachable {
            self.kill(id);
            return;
        }
        if let Some(conn) = self.network.conns.get_mut(&id) {
            conn.ends[end] = End::Open;
        }
        if end == 1 {
            let at = self.arrival(id, 0);
            self.schedule(at, Occurrence::Connected { conn: id, end: 0 });
        }
        if let Party::Site(site) = parties[end] {
            self.line(format!("{} connected {id}", self.sites[site].code));
            self.turn(site, |node, turn| node.connected(turn, ConnId(id), peer, end == 0));
        }
    }

    /// The line of a connection is gone: both ends find out after a while.
    pub fn kill(&mut self, id: u64) {
        let Some(conn) = self.network.conns.get_mut(&id) else { return };
        if std::mem::replace(&mut conn.dead, true) {
            return;
        }
        if conn.ends[1] == End::Dialling {
            conn.ends[1] = End::Closed;
        }
        for (end, state) in conn.ends.into_iter().enumerate() {
            if state != End::Closed {
                let at = self.now_ms + self.rng.below(3_000);
                self.schedule(at, Occurrence::Disconnected { conn: id, end });
            }
        }
    }

    /// One end closes: what it sent before still arrives.
    pub fn close(&mut self, id: u64, end: usize) {
        let Some(conn) = self.network.conns.get_mut(&id) else { return };
        if conn.ends[end] == End::Closed {
            return;
        }
        conn.ends[end] = End::Closed;
        if !conn.dead {
            let at = self.arrival(id, 1 - end);
            self.schedule(at, Occurrence::Disconnected { conn: id, end: 1 - end });
        }
    }

    pub fn on_disconnected(&mut self, id: u64, end: usize) {
        let Some(conn) = self.network.conns.get_mut(&id) else { return };
        let before = std::mem::replace(&mut conn.ends[end], End::Closed);
        let party = conn.parties[end];
        if before == End::Closed {
            return;
        }
        match party {
            Party::Site(site) => {
                self.line(format!("{} disconnected {id}", self.sites[site].code));
                // A connection that was never up is a failed dial.
                let conn = (before == End::Open).then_some(ConnId(id));
                self.turn(site, |node, turn| {
                    node.disconnected(turn, conn);
                    Ok(())
                });
            }
            Party::Outsider(outsider) => self.network.outsiders[outsider].closed = true,
        }
    }

    /// Sends a frame from an end of a connection.
    pub fn send(&mut self, id: u64, from: usize, frame: &Frame) {
        let bytes = frame.to_bytes();
        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
        let Some(conn) = self.network.conns.get(&id) else { return };
        if conn.dead || conn.ends[from] != End::Open {
            return;
        }
        let doubled = !matches!(frame, Frame::Hello { .. } | Frame::Join(_))
            && self.rng.below(100) < self.network.doubled_percent;
        for _ in 0..=usize::from(doubled) {
            let at = self.arrival(id, 1 - from);
            self.schedule(at, Occurrence::Frame { conn: id, end: 1 - from, bytes: bytes.clone() });
        }
        if doubled {
            self.fault("frame doubled");
        }
    }

    pub fn on_frame(&mut self, id: u64, end: usize, bytes: Vec<u8>) {
        let Some(conn) = self.network.conns.get(&id) else { return };
        if conn.dead || conn.ends[end] == End::Closed {
            return;
        }
        let (party, stalled) = (conn.parties[end], self.network.is_stalled(conn, end));
        if stalled || !conn.held[end].is_empty() {
            if let Some(conn) = self.network.conns.get_mut(&id) {
                conn.held[end].push_back(bytes);
            }
            return;
        }
        self.deliver(id, party, &bytes);
    }

    fn deliver(&mut self, id: u64, party: Party, bytes: &[u8]) {
        let frame = match Frame::from_bytes(bytes) {
            Ok(frame) => frame,
            Err(error) => self.fail(&format!("a frame that does not decode: {error}")),
        };
        self.last_frame_ms = self.now_ms;
        match party {
            Party::Site(site) => {
                self.line(format!("{} <- {id} {}", self.sites[site].code, brief(&frame)));
                self.turn(site, |node, turn| node.frame(turn, ConnId(id), frame));
            }
            Party::Outsider(outsider) => self.network.outsiders[outsider].heard.push(frame),
        }
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        self.fault("line cut");
        self.line(format!("cut {} {}", self.sites[a].code, self.sites[b].code));
        self.network.cut.insert(pair(a, b));
        let both = [Party::Site(a), Party::Site(b)];
        self.kill_where(|conn| both.contains(&conn.parties[0]) && both.contains(&conn.parties[1]));
    }

    pub fn kill_where(&mut self, which: impl Fn(&Conn) -> bool) {
        let ids: Vec<u64> =
            self.network.conns.iter().filter(|(_, c)| !c.dead && which(c)).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.kill(id));
        self.network.conns.retain(|_, conn| !(conn.dead && conn.ends == [End::Closed; 2]));
    }

    pub fn heal(&mut self, a: usize, b: usize) {
        self.line(format!("heal {} {}", self.sites[a].code, self.sites[b].code));
        self.network.cut.remove(&pair(a, b));
        self.network.stalled.retain(|line| *line != (a, b) && *line != (b, a));
        self.release_held();
    }

    pub fn heal_all(&mut self) {
        self.line("heal all".to_owned());
        self.network.cut.clear();
        self.network.stalled.clear();
        self.release_held();
    }

    /// From now on nothing from `from` reaches `to`, and nobody notices.
    pub fn stall(&mut self, from: usize, to: usize) {
        self.fault("line stalled one way");
        self.line(format!("stall {} {}", self.sites[from].code, self.sites[to].code));
        self.network.stalled.insert((from, to));
    }

    fn release_held(&mut self) {
        let ids: Vec<u64> = self.network.conns.keys().copied().collect();
        for id in ids {
            for end in [0, 1] {
                let Some(conn) = self.network.conns.get(&id) else { continue };
                if self.network.is_stalled(conn, end) {
                    continue;
                }
                let Some(conn) = self.network.conns.get_mut(&id) else { continue };
                // At once: what is still under way was sent later.
                for bytes in std::mem::take(&mut conn.held[end]) {
                    self.on_frame(id, end, bytes);
                }
            }
        }
    }
}

/// A frame in a few words, for the trace.
fn brief(frame: &Frame) -> String {
    match frame {
        Frame::Hello { root_size, .. } => format!("Hello {root_size}"),
        Frame::Propose { origin, note, chain } => {
            let size = note.lines().nth(1).unwrap_or_default();
            format!("Propose {} {size} chain {}", short(origin), chain.len())
        }
        Frame::Have { origin, size } => format!("Have {} {size:?}", short(origin)),
        Frame::Push { origin, first, entries, note } => {
            format!("Push {} {first}+{} note {}", short(origin), entries.len(), note.is_some())
        }
        Frame::Receipt { origin, note } => {
            format!("Receipt {} {}", short(origin), note.lines().nth(1).unwrap_or_default())
        }
        Frame::Leaves { first, leaves, note, .. } => {
            format!("Leaves {first}+{} of {}", leaves.len(), note.lines().nth(1).unwrap_or_default())
        }
        Frame::Renewed { note } => format!("Renewed {}", note.lines().nth(1).unwrap_or_default()),
        Frame::Held { root_size, send_all } => format!("Held {root_size} all {send_all}"),
        Frame::Attest { note } => format!("Attest {}", note.lines().nth(2).unwrap_or_default()),
        Frame::Join(_) => "Join".to_owned(),
        Frame::JoinPending { digits } => format!("JoinPending {digits}"),
        Frame::Joined(joined) => format!("Joined at {}", joined.root_size),
        Frame::Introduce { chain } => format!("Introduce {}", chain.len()),
        Frame::Clock { .. } => "Clock".to_owned(),
        Frame::Again => "Again".to_owned(),
        Frame::RetryAfter { ms } => format!("RetryAfter {ms}"),
        Frame::Compare { .. } => "Compare".to_owned(),
        Frame::Compared { proof, .. } => format!("Compared {}", proof.len()),
        Frame::Cosigned { .. } => "Cosigned".to_owned(),
        Frame::Refused { code, .. } => format!("Refused {code}"),
    }
}

fn short(key: &PublicKey) -> String {
    key.id().hex()[..6].to_owned()
}
