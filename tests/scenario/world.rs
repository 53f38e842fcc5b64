//! Time, the queue of occurrences, and the machines: each runs the daemon's engine over keepers in memory.

use crate::auditor::{Auditor, Verdict};
use crate::network::{Network, Party};
use gongshi::digest::Digest;
use gongshi::division::DivisionCode;
use gongshi::ops::engine::{Engine, EngineError, HighMarks};
use gongshi::pool::Pool;
use gongshi::record::{
    Batch, Frame, GuardError, Mark, MemoryRecord, Position, Record, RecordError, Stop, Visit,
};
use gongshi::store::{MemoryStore, Store, StoreError};
use gongshi::sync::{self, Action, Event, Node, Turn};
use gongshi::time::{Now, WallMs};
use gongshi::trust::key::{PublicKey, SecretKey};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// 2025-01-15T08:00:00Z: the year 2024 is over everywhere.
const BEGINNING_MS: u64 = 1_736_928_000_000;
/// Nothing said for this long means that nothing is left to say: longer than the longest redial pause.
const QUIET_MS: u64 = 60_000;
/// A world that is not quiet by then never will be.
const PATIENCE_MS: u64 = 4 * 3_600_000;
/// How much of the trace is kept to be printed.
const TRACE_LINES: usize = 120;

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

/// A record that outlives its engine, as a disk outlives a process.
#[derive(Clone, Default)]
pub struct Disk(pub Arc<Mutex<MemoryRecord>>);

impl Disk {
    pub fn with<R>(&self, work: impl FnOnce(&mut MemoryRecord) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record for Disk {
    fn append(&mut self, batch: &Batch) -> Result<Position, RecordError> {
        self.with(|record| record.append(batch))
    }
    fn end(&self) -> Position {
        self.with(|record| record.end())
    }
    fn room(&self) -> gongshi::record::Room {
        self.with(|record| record.room())
    }
    fn erase(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        self.with(|record| record.erase(is_erased))
    }
    fn replay(&self, from: Position, visit: &mut Visit<'_>) -> Result<(), RecordError> {
        let copy = self.with(|record| record.clone());
        copy.replay(from, visit)
    }
}

/// The guard: refuses forks, and outlives its engine.
#[derive(Clone, Default)]
pub struct Marks(pub Arc<Mutex<BTreeMap<Digest, Mark>>>, pub Arc<AtomicBool>);

impl HighMarks for Marks {
    fn marks(&self) -> BTreeMap<Digest, Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_unsure(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }

    fn settle_here(&mut self) -> Result<(), GuardError> {
        self.1.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn check(&self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        raise(&mut held, marks)
    }

    fn raise(&mut self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        raise(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), marks)
    }
}

impl Marks {
    /// The mark of an origin.
    pub fn of(&self, origin: &Digest) -> Option<Mark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(origin).copied()
    }
}

fn raise(held: &mut BTreeMap<Digest, Mark>, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
    for &(origin, size, root) in marks {
        let asked = Mark { size, root };
        match held.get(&origin).copied() {
            Some(held) if held != asked && held.size >= size => {
                return Err(GuardError::WouldFork { origin, held, asked });
            }
            _ => held.insert(origin, asked),
        };
    }
    Ok(())
}

/// A machine of the federation.
pub struct Site {
    pub code: DivisionCode,
    pub signing: [u8; 32],
    pub transport: [u8; 32],
    /// The key that a rotation goes to, or went to.
    pub spare: Option<[u8; 32]>,
    /// Keys that it signed with before, of which its machine keeps nothing.
    pub past: Vec<[u8; 32]>,
    transport_public: PublicKey,
    address: String,
    pub disk: Disk,
    pub marks: Marks,
    pub store: Arc<MemoryStore>,
    pub engine: Option<Engine>,
    pub parent: Option<usize>,
    pub events: Vec<Event>,
    /// How far its wall clock is ahead; negative: behind.
    pub ahead_ms: i64,
    /// It gives receipts and passes nothing up that is not its own.
    pub swallows: bool,
    /// Nobody expects it to agree any more: it lied, or its key ended.
    pub lost: bool,
    /// When it last started.
    pub started_ms: u64,
    /// When its root log last grew.
    pub grew_ms: u64,
    life: u64,
    wake_ms: Option<u64>,
}

impl Site {
    pub fn new(code: DivisionCode, seeds: [[u8; 32]; 2], parent: Option<usize>) -> Self {
        Self {
            transport_public: SecretKey::from_seed(&seeds[1]).public(),
            address: format!("{code}:4701"),
            code,
            signing: seeds[0],
            transport: seeds[1],
            spare: None,
            past: Vec::new(),
            disk: Disk::default(),
            marks: Marks::default(),
            store: Arc::new(MemoryStore::new()),
            engine: None,
            parent,
            events: Vec::new(),
            ahead_ms: 0,
            swallows: false,
            lost: false,
            started_ms: 0,
            grew_ms: 0,
            life: 0,
            wake_ms: None,
        }
    }

    /// The node goes on at another machine, under other keys.
    pub fn is_replaced(&mut self, seeds: [[u8; 32]; 2]) {
        self.past.extend([Some(self.signing), self.spare.take()].into_iter().flatten());
        [self.signing, self.transport] = seeds;
        self.transport_public = self.transport().public();
        self.store = Arc::new(MemoryStore::new());
        self.marks = Marks(Arc::default(), Arc::new(AtomicBool::new(true)));
    }

    pub const fn is_up(&self) -> bool {
        self.engine.is_some()
    }

    pub fn node(&self) -> &Node {
        self.engine.as_ref().expect("the node is up").node()
    }

    pub fn signing(&self) -> SecretKey {
        SecretKey::from_seed(&self.signing)
    }

    pub fn transport(&self) -> SecretKey {
        SecretKey::from_seed(&self.transport)
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    pub const fn transport_public(&self) -> &PublicKey {
        &self.transport_public
    }

    /// Its disk and index are empty and share their bytes with others.
    pub fn shares(&mut self, pool: &Pool) {
        self.disk = Disk(Arc::new(Mutex::new(MemoryRecord::sharing(pool))));
        self.store = Arc::new(MemoryStore::sharing(pool));
    }

    /// Every signing key it has: the one it began with, and the one of its rotation.
    pub fn keys(&self) -> Vec<SecretKey> {
        [Some(self.signing), self.spare].iter().flatten().map(SecretKey::from_seed).collect()
    }
}

/// What happens at a moment.
#[derive(Debug)]
pub enum Occurrence {
    /// `copies` of a frame arrive, one after another.
    Frame {
        conn: u64,
        end: usize,
        bytes: Vec<u8>,
        copies: u8,
    },
    Connected {
        conn: u64,
        end: usize,
    },
    Disconnected {
        conn: u64,
        end: usize,
    },
    Unreachable {
        site: usize,
        life: u64,
    },
    Wake {
        site: usize,
        life: u64,
    },
}

/// The simulation.
pub struct Sim {
    pub seed: u64,
    pub anchor: [u8; 32],
    pub rng: Rng,
    pub now_ms: u64,
    pub last_frame_ms: u64,
    pub steps: u64,
    pub sites: Vec<Site>,
    pub network: Network,
    pub auditor: Auditor,
    pub faults: BTreeMap<&'static str, u64>,
    /// True while nobody lies: then any fault or alarm is a bug of ours.
    pub honest: bool,
    /// True once a root shows two histories: then there is no one set to compare with.
    pub two_histories: bool,
    /// Where a large world keeps its bytes once.
    pub pool: Option<Pool>,
    /// At rest one machine in so many is read from its bytes to the end; 1 is all of them.
    pub audit_every: usize,
    queue: BTreeMap<(u64, u64), Occurrence>,
    sequence: u64,
    trace: VecDeque<String>,
    /// How many of its lines are kept.
    pub trace_lines: usize,
    pub trace_hash: Digest,
}

impl Sim {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: Rng::new(seed),
            now_ms: 1_000,
            last_frame_ms: 0,
            steps: 0,
            sites: Vec::new(),
            network: Network::default(),
            auditor: Auditor::default(),
            faults: BTreeMap::new(),
            honest: true,
            two_histories: false,
            pool: None,
            audit_every: 1,
            queue: BTreeMap::new(),
            sequence: 0,
            trace: VecDeque::new(),
            trace_lines: TRACE_LINES,
            trace_hash: Digest::ZERO,
            anchor: [0; 32],
        }
    }

    /// The anchor's key, which lies in a safe.
    pub fn anchor(&self) -> SecretKey {
        SecretKey::from_seed(&self.anchor)
    }

    pub fn now(&self, site: usize) -> Now {
        let ahead = self.sites.get(site).map_or(0, |site| site.ahead_ms);
        let wall = (BEGINNING_MS + self.now_ms).saturating_add_signed(ahead);
        Now { wall: WallMs(wall), steady_ms: self.now_ms }
    }

    pub fn random_bytes(&mut self) -> [u8; 32] {
        *Digest::of(&[&self.rng.next().to_be_bytes()]).as_bytes()
    }

    pub fn schedule(&mut self, at_ms: u64, occurrence: Occurrence) {
        self.sequence += 1;
        self.queue.insert((at_ms.max(self.now_ms), self.sequence), occurrence);
    }

    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub fn line(&mut self, text: String) {
        let line = format!("{:>9} {text}", self.now_ms);
        self.trace_hash = Digest::of(&[self.trace_hash.as_bytes(), line.as_bytes()]);
        self.trace.push_back(line);
        if self.trace.len() > self.trace_lines {
            self.trace.pop_front();
        }
    }

    /// The last lines of the trace.
    pub fn tail_of_trace(&self) -> String {
        let lines: Vec<&str> = self.trace.iter().map(String::as_str).collect();
        format!("seed {}, {} steps\n{}", self.seed, self.steps, lines.join("\n"))
    }

    pub fn fail(&self, what: &str) -> ! {
        panic!("seed {}: {what}", self.seed)
    }

    /// The earliest occurrence happens. False when there is none until `until_ms`.
    pub fn step(&mut self, until_ms: u64) -> bool {
        let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until_ms) else {
            return false;
        };
        let ((at, _), occurrence) = entry.remove_entry();
        self.now_ms = at;
        self.steps += 1;
        match occurrence {
            Occurrence::Frame { conn, end, bytes, copies } => self.on_frame(conn, end, bytes, copies),
            Occurrence::Connected { conn, end } => self.on_connected(conn, end),
            Occurrence::Disconnected { conn, end } => self.on_disconnected(conn, end),
            Occurrence::Unreachable { site, life } => {
                if self.sites[site].life == life {
                    self.turn(site, |node, turn| {
                        node.disconnected(turn, None);
                        Ok(())
                    });
                }
            }
            Occurrence::Wake { site, life } => {
                if self.sites[site].life == life && self.sites[site].wake_ms == Some(at) {
                    self.sites[site].wake_ms = None;
                    self.turn(site, |_, _| Ok(()));
                }
            }
        }
        true
    }

    /// Time passes.
    pub fn run(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.step(until) {}
        self.now_ms = until;
    }

    /// Time passes until nobody has anything to say any more.
    pub fn settle(&mut self) {
        let deadline = self.now_ms + PATIENCE_MS;
        self.last_frame_ms = self.now_ms;
        while self.network.under_way > 0 || self.now_ms < self.last_frame_ms + QUIET_MS {
            let until = if self.network.under_way > 0 { u64::MAX } else { self.last_frame_ms + QUIET_MS };
            if !self.step(until) {
                self.now_ms = self.last_frame_ms + QUIET_MS;
            }
            if self.now_ms > deadline {
                self.fail("the world does not come to rest");
            }
        }
    }

    /// A turn of a node, as the daemon runs it. None when the machine is down or stopped in it.
    pub fn turn<R>(
        &mut self,
        site: usize,
        inputs: impl FnOnce(&mut Node, &mut Turn<'_>) -> Result<R, StoreError>,
    ) -> Option<R> {
        let now = self.now(site);
        let engine = self.sites[site].engine.as_mut()?;
        let ran = engine.turn(now, |node, turn| {
            let result = inputs(node, turn)?;
            node.settle(turn)?;
            Ok(result)
        });
        match ran {
            Ok((result, actions)) => {
                if !self.two_histories {
                    self.look(site);
                }
                actions.into_iter().for_each(|action| self.act(site, action));
                self.wake(site);
                Some(result)
            }
            Err(EngineError::Record(RecordError::Io(_))) => {
                self.line(format!("{} stopped in an append", self.sites[site].code));
                self.crash(site);
                None
            }
            Err(error) => self.fail(&format!("{} must stop: {error}", self.sites[site].code)),
        }
    }

    fn wake(&mut self, site: usize) {
        let due = self.sites[site].engine.as_ref().and_then(|engine| engine.node().wake_at_ms());
        if let Some(due) = due.map(|due| due.max(self.now_ms + 1))
            && self.sites[site].wake_ms.is_none_or(|set| set > due || set <= self.now_ms)
        {
            self.sites[site].wake_ms = Some(due);
            let life = self.sites[site].life;
            self.schedule(due, Occurrence::Wake { site, life });
        }
    }

    fn act(&mut self, site: usize, action: Action) {
        match action {
            Action::Send(conn, frame) => {
                if self.honest {
                    let heard = self.auditor.hear(site, &self.sites[site], conn.0, &frame);
                    self.insist(heard);
                }
                if self.swallowed(site, &frame) {
                    self.fault("push swallowed");
                } else if let Some(end) = self.end_of(conn.0, site) {
                    self.send(conn.0, end, &frame);
                }
            }
            Action::Close(conn, why) => {
                self.line(format!("{} closes {}: {why}", self.sites[site].code, conn.0));
                if let Some(end) = self.end_of(conn.0, site) {
                    self.close(conn.0, end);
                }
            }
            // The simulated network asks the node itself who is welcome.
            Action::Dismiss(_) => {}
            Action::Dial { addresses, key, .. } => {
                // As the driver does: the first address is tried, the next one at the next attempt.
                let there =
                    |other: &Site| other.transport_public == key && addresses.first() == Some(&other.address);
                let target = self.sites.iter().position(there);
                match target.filter(|at| self.sites[*at].is_up()) {
                    Some(at) => {
                        let keys = [self.sites[site].transport_public, key];
                        self.open([Party::Site(site), Party::Site(at)], keys);
                    }
                    None => {
                        let (at, life) = (self.now_ms + self.rng.below(200), self.sites[site].life);
                        self.schedule(at, Occurrence::Unreachable { site, life });
                    }
                }
            }
            Action::Promote(_) | Action::Admit(_) => {}
            Action::Event(event) => {
                self.line(format!("{} {event:?}", self.sites[site].code));
                let alarm = matches!(
                    event,
                    Event::PeerFault(..)
                        | Event::SplitView(_)
                        | Event::Equivocation(..)
                        | Event::ViewDiffers(_)
                        | Event::RejectedLeaf(..)
                );
                if alarm && self.honest && !self.is_expected(site, &event) {
                    self.fail(&format!("{}: {event:?} although nobody lies", self.sites[site].code));
                }
                match event {
                    Event::Receipted(_) => self.auditor.receipt_heard(site, self.now_ms),
                    Event::RootLog(_) => self.sites[site].grew_ms = self.now_ms,
                    _ => {}
                }
                self.sites[site].events.push(event);
            }
        }
    }

    /// A machine whose key ended knocks on, which is no surprise to who knows so; and what an older connection left
    /// behind may come before the first word of a new one.
    fn is_expected(&self, site: usize, event: &Event) -> bool {
        let Event::PeerFault(conn, why) = event else { return false };
        if *why != "stranger" {
            return *why == "no_hello" && self.network.haunted.contains(&conn.0);
        }
        let Some(conn) = self.network.conns.get(&conn.0) else { return false };
        let known = self.sites[site].node().registry();
        conn.parties.iter().any(|party| match party {
            Party::Site(other) if *other != site => {
                let keys = self.sites[*other].keys();
                keys.iter().any(|key| known.ending(&key.public()).is_some() || self.sites[*other].lost)
            }
            _ => false,
        })
    }

    /// A violation of an invariant ends the run.
    pub fn insist(&self, verdict: Verdict) {
        if let Err(what) = verdict {
            self.fail(&what);
        }
    }

    fn look(&mut self, site: usize) {
        let seen = self.auditor.look(site, &self.sites[site]);
        self.insist(seen);
    }

    fn swallowed(&self, site: usize, frame: &sync::frame::Frame) -> bool {
        let site = &self.sites[site];
        match frame {
            sync::frame::Frame::Propose { origin, .. } | sync::frame::Frame::Push { origin, .. } => {
                site.swallows && origin != site.node().own_key()
            }
            _ => false,
        }
    }

    fn end_of(&self, conn: u64, site: usize) -> Option<usize> {
        let parties = self.network.conns.get(&conn)?.parties;
        parties.iter().position(|party| *party == Party::Site(site))
    }

    /// The machine stops at once; what was not synced is gone.
    pub fn crash(&mut self, site: usize) {
        self.fault("crash");
        self.line(format!("{} crashes", self.sites[site].code));
        let it = &mut self.sites[site];
        it.engine = None;
        it.life += 1;
        it.wake_ms = None;
        it.disk.with(MemoryRecord::crash);
        let party = Party::Site(site);
        for conn in self.network.conns.values_mut() {
            let ends = conn.parties.iter().zip(&mut conn.ends);
            ends.filter(|(of, _)| **of == party).for_each(|(_, end)| *end = crate::network::End::Closed);
        }
        self.kill_where(|conn| conn.parties.contains(&party));
    }

    /// The next append of the machine stops at `stop`.
    pub fn stop_next(&mut self, site: usize, stop: Stop) {
        self.sites[site].disk.with(|record| record.stop_next(stop));
    }

    /// The machine starts again, with its index or with an empty one.
    pub fn restart(&mut self, site: usize, keeps_index: bool) {
        if self.sites[site].is_up() {
            return;
        }
        if !keeps_index {
            self.fault("index lost");
            self.sites[site].store = Arc::new(MemoryStore::new());
        }
        self.line(format!("{} starts", self.sites[site].code));
        let now = self.now(site);
        let it = &self.sites[site];
        let store = Arc::clone(&it.store) as Arc<dyn Store>;
        let (disk, marks) = (Box::new(it.disk.clone()), Box::new(it.marks.clone()));
        match Engine::open(it.keys(), disk, marks, store, now) {
            Ok(engine) => {
                self.sites[site].engine = Some(self.with_images(engine));
                self.sites[site].started_ms = self.now_ms;
            }
            Err(error) => self.fail(&format!("{} does not start: {error}", self.sites[site].code)),
        }
        self.turn(site, |_, _| Ok(()));
    }
}
