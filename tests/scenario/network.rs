//! The network: connections are reliable and ordered, as QUIC's are. So a lost datagram is a frame that comes a
//! retransmission later, with everything behind it on that connection; a line that loses all of them stalls, and the
//! connection dies when somebody notices. Frames of two connections overtake each other, and what was sent on one that
//! is gone may still come, on the one that took its place.

use crate::world::{Occurrence, Sim};
use gongshi::digest::Digest;
use gongshi::statement::{Act, Entry};
use gongshi::sync::ConnId;
use gongshi::sync::frame::{Frame, PackedEntry};
use gongshi::sync::limits::FRAME_BYTES_MAX;
use gongshi::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a sender waits before it sends again what was lost.
const RETRANSMISSION_MS: u64 = 250;

/// Longest latency of a line, one way, when nothing else is said.
const LATENCY_MS: u64 = 40;

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
    /// Bytes on their way to each end.
    pub flying: [u64; 2],
    dead: bool,
}

/// An outsider: everything it was told.
#[derive(Debug, Default)]
pub struct Outsider {
    pub heard: Vec<Frame>,
    pub closed: bool,
}

/// What one line carried in one direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    pub frames: u64,
    pub bytes: u64,
}

/// All connections and what is wrong with the lines.
#[derive(Default)]
pub struct Network {
    pub conns: BTreeMap<u64, Conn>,
    pub outsiders: Vec<Outsider>,
    cut: BTreeSet<(usize, usize)>,
    /// From, to: frames wait.
    stalled: BTreeSet<(usize, usize)>,
    /// So much longer than usual the latency may be.
    pub farther_ms: u64,
    /// Of a hundred frames, how many arrive twice.
    pub doubled_percent: u64,
    /// Machines that send other chunks of bodies than they hold.
    pub liars: BTreeSet<usize>,
    /// Chunks of bodies that were sent, by machine.
    pub chunks_sent: BTreeMap<usize, u64>,
    /// Of a hundred frames, how many are lost and sent again after [`RETRANSMISSION_MS`], once or several times.
    pub lost_percent: u64,
    /// From, to: copies of what was sent are kept, to come again later.
    kept: BTreeMap<(usize, usize), Vec<Vec<u8>>>,
    /// Connections on which frames of older ones came, perhaps before the first of their own.
    pub haunted: BTreeSet<u64>,
    /// Frames and bytes that were delivered.
    pub frames: u64,
    pub bytes: u64,
    /// By from and to: what was sent.
    pub by_line: BTreeMap<(usize, usize), Carried>,
    /// Frames on their way.
    pub under_way: u64,
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
        let latency = 1 + self.rng.below(LATENCY_MS + self.network.farther_ms);
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
            flying: [0; 2],
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
        let mut bytes = frame.to_bytes();
        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
        let Some(conn) = self.network.conns.get(&id) else { return };
        if conn.dead || conn.ends[from] != End::Open {
            return;
        }
        if let (Frame::Chunk { .. }, Party::Site(sender)) = (frame, conn.parties[from]) {
            *self.network.chunks_sent.entry(sender).or_default() += 1;
            if let Some(last) = bytes.last_mut().filter(|_| self.network.liars.contains(&sender)) {
                *last ^= 1;
            }
        }
        let again = !matches!(frame, Frame::Hello { .. } | Frame::Join(_) | Frame::Introduce { .. });
        if let [Party::Site(a), Party::Site(b)] = conn.parties {
            let line = if from == 0 { (a, b) } else { (b, a) };
            let carried = self.network.by_line.entry(line).or_default();
            (carried.frames, carried.bytes) = (carried.frames + 1, carried.bytes + bytes.len() as u64);
            if let Some(kept) = self.network.kept.get_mut(&line).filter(|_| again) {
                kept.push(bytes.clone());
            }
        }
        let mut copies = 1;
        if again && self.network.doubled_percent > 0 && self.rng.below(100) < self.network.doubled_percent {
            copies = 2;
            self.fault("frame doubled");
        }
        let mut lost_ms = 0;
        while self.network.lost_percent > 0 && self.rng.below(100) < self.network.lost_percent {
            lost_ms += RETRANSMISSION_MS;
            self.fault("datagram lost");
        }
        self.fly(id, 1 - from, bytes, copies, lost_ms);
    }

    fn fly(&mut self, id: u64, end: usize, bytes: Vec<u8>, copies: u8, late_ms: u64) {
        if let Some(conn) = self.network.conns.get_mut(&id) {
            conn.arrival[end] = conn.arrival[end].max(self.now_ms + late_ms);
            conn.flying[end] += bytes.len() as u64;
            let flying = conn.flying[end];
            let bounded = self.auditor.in_flight(flying);
            self.insist(bounded);
        }
        self.network.under_way += 1;
        let at = self.arrival(id, end);
        self.schedule(at, Occurrence::Frame { conn: id, end, bytes, copies });
    }

    pub fn on_frame(&mut self, id: u64, end: usize, bytes: Vec<u8>, copies: u8) {
        self.network.under_way -= 1;
        let Some(conn) = self.network.conns.get_mut(&id) else { return };
        conn.flying[end] -= bytes.len() as u64;
        if conn.dead || conn.ends[end] == End::Closed {
            return;
        }
        let conn = &self.network.conns[&id];
        let (party, stalled) = (conn.parties[end], self.network.is_stalled(conn, end));
        if stalled || !conn.held[end].is_empty() {
            if let Some(conn) = self.network.conns.get_mut(&id) {
                conn.held[end].push_back(bytes);
            }
            return;
        }
        self.deliver(id, party, &bytes);
        let before = self.state_of(party);
        for _ in 1..copies {
            self.deliver(id, party, &bytes);
            let after = self.state_of(party);
            let same = self.auditor.again(before, after);
            self.insist(same);
        }
    }

    /// The lasting state of a machine.
    fn state_of(&self, party: Party) -> Option<[Digest; 2]> {
        let Party::Site(site) = party else { return None };
        let site = &self.sites[site];
        let engine = site.engine.as_ref()?;
        let (node, end) = (engine.node(), engine.position());
        let words = format!("{:?} {:?} {} {end:?}", node.root_log(), node.own_log(), node.received());
        Some([Digest::of(&[words.as_bytes()]), node.ledger().view_root()])
    }

    fn deliver(&mut self, id: u64, party: Party, bytes: &[u8]) {
        let frame = match Frame::from_bytes(bytes) {
            Ok(frame) => frame,
            Err(error) => self.fail(&format!("a frame that does not decode: {error}")),
        };
        // Clocks are asked for while a release waits, and who is not known knocks on: nothing comes of it.
        let idle = matches!(
            frame,
            Frame::Hello { .. } | Frame::Introduce { .. } | Frame::Renewed { .. } | Frame::Clock { .. }
        );
        if !idle {
            self.last_frame_ms = self.now_ms;
        }
        if let Frame::Join(request) = &frame {
            self.auditor.asks_to_join(id, request);
        }
        self.network.frames += 1;
        self.network.bytes += bytes.len() as u64;
        match party {
            Party::Site(site) => {
                self.line(format!("{} <- {id} {}", self.sites[site].code, brief(&frame)));
                self.turn(site, |node, turn| node.frame(turn, ConnId(id), frame));
            }
            Party::Outsider(outsider) => self.network.outsiders[outsider].heard.push(frame),
        }
    }

    /// From now on copies of what `from` sends to `to` are kept.
    pub fn keep(&mut self, from: usize, to: usize) {
        self.network.kept.entry((from, to)).or_default();
    }

    /// What was kept comes once more, in any order, on the connection that stands now.
    pub fn bring_kept(&mut self, from: usize, to: usize) -> usize {
        let mut kept = self.network.kept.remove(&(from, to)).unwrap_or_default();
        let Some((id, end)) = self.network.between(from, to) else { return 0 };
        let count = kept.len();
        self.network.haunted.insert(id);
        while !kept.is_empty() {
            let at = self.rng.below(kept.len() as u64) as usize;
            self.fault("frame of an older connection");
            self.fly(id, 1 - end, kept.swap_remove(at), 1, 0);
        }
        count
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
                    self.network.under_way += 1;
                    if let Some(conn) = self.network.conns.get_mut(&id) {
                        conn.flying[end] += bytes.len() as u64;
                    }
                    self.on_frame(id, end, bytes, 1);
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
            let acts: Vec<String> = entries.iter().map(|climbing| act_of(&climbing.entry)).collect();
            format!("Push {} {first} {} note {}", short(origin), acts.join(" "), note.is_some())
        }
        Frame::Receipt { origin, note } => {
            format!("Receipt {} {}", short(origin), note.lines().nth(1).unwrap_or_default())
        }
        Frame::Leaves { first, leaves, note, .. } => {
            format!("Leaves {first}+{} of {}", leaves.len(), note.lines().nth(1).unwrap_or_default())
        }
        Frame::Renewed { note } => format!("Renewed {}", note.lines().nth(1).unwrap_or_default()),
        Frame::Held { root_size, send_all } => format!("Held {root_size} all {send_all}"),
        Frame::WantChunks { from, count, outline, .. } => {
            format!("WantChunks {from}+{count} outline {outline}")
        }
        Frame::Outline { outline, .. } => format!("Outline of {} bytes", outline.bytes),
        Frame::Chunk { at, .. } => format!("Chunk {at}"),
        Frame::Lack { .. } => "Lack".to_owned(),
        Frame::Attest { note } => format!("Attest {}", note.lines().nth(2).unwrap_or_default()),
        Frame::Join(_) => "Join".to_owned(),
        Frame::JoinPending { digits } => format!("JoinPending {digits}"),
        Frame::Joined(joined) => format!("Joined at {}", joined.root_size),
        Frame::Introduce { chain } => {
            format!("Introduce {}", chain.iter().map(act_of).collect::<Vec<_>>().join(" "))
        }
        Frame::Clock { .. } => "Clock".to_owned(),
        Frame::Again => "Again".to_owned(),
        Frame::Want { origin, first } => format!("Want {:?} {first}", origin.as_ref().map(short)),
        Frame::Back { first, entries, size, .. } => format!("Back {first}+{} of {size}", entries.len()),
        Frame::RetryAfter { ms } => format!("RetryAfter {ms}"),
        Frame::Compare { .. } => "Compare".to_owned(),
        Frame::Compared { proof, .. } => format!("Compared {}", proof.len()),
        Frame::Cosigned { .. } => "Cosigned".to_owned(),
        Frame::Refused { code, .. } => format!("Refused {code}"),
    }
}

/// What an entry says, as far as it is about keys.
fn act_of(packed: &PackedEntry) -> String {
    let Ok(entry) = Entry::from_record(&packed.statement, &packed.card) else { return "?".to_owned() };
    match &entry.card.act {
        Act::Delegate(own) => {
            let instead = own.predecessor.map(|(key, last)| format!("<{}@{last}", short(&key)));
            format!("Delegate({}={}{})", own.division, short(&own.signing), instead.unwrap_or_default())
        }
        Act::Rotate(rotation) => format!("Rotate({})", short(&rotation.signing)),
        Act::Revoke(revocation) => format!("Revoke({}@{:?})", short(&revocation.origin), revocation.last),
        Act::Report(report) => format!("{:?}", report.act),
        other => format!("kind {}", other.kind_code()),
    }
}

fn short(key: &PublicKey) -> String {
    key.id().hex()[..6].to_owned()
}
