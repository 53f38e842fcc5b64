//! The driver: one thread owns the engine; everything else sends it inputs.
//!
//! Inputs that arrived together become one turn, and so one sync of the disk: under load the group commits by
//! itself, alone an input waits for nobody.

pub(super) use super::ask::Ask;
use super::ask::Question;
use super::audit::{self, AuditLog, Caller};
use super::daemon::DaemonError;
use super::data_dir::{Clock, DataDir};
use super::engine::{Engine, EngineError};
use super::events::log;
use super::known::Known;
use super::metrics::{Direction, Metrics};
use super::service::{Answer, Reply, Request, act, answer, disk_full, result};
use super::snapshot::{Current, Snapshot};
use crate::net::{Net, NetConfig, NetEvent, Rate, Reach, TransportSecret};
use crate::record::Room;
use crate::store::StoreError;
use crate::sync::frame::Frame;
use crate::sync::{Action, ConnId, Node, Turn};
use crate::trust::key::SecretKey;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Inputs joined into one turn: a group commit's worth.
const TURN_INPUT_COUNT_MAX: usize = 256;
/// Bytes of frames joined into one turn: well below what one append to the record takes.
const TURN_BYTES_MAX: usize = 8 << 20;
/// Events of the network that may wait: beyond that peers are throttled by flow control.
const EVENT_COUNT_MAX: usize = 1_024;
/// Requests that may wait.
pub(super) const REQUEST_COUNT_MAX: usize = 1_024;
/// Long reads at the same time: they share the disk with the node, which comes first.
const LONG_READ_COUNT_MAX: usize = 2;
/// The code a peer sees when the node closes its connection; the reason says which rule.
const CLOSE_CODE: u32 = 64;

/// The engine with its network, ready to be driven.
pub(super) struct Driver {
    pub(super) engine: Engine,
    pub(super) audit: AuditLog,
    data: DataDir,
    net: Net,
    known: Known,
    clock: Clock,
    pub(super) current: Current,
    events: mpsc::Receiver<NetEvent>,
    questions: mpsc::Receiver<Question>,
    long_reads: Arc<Semaphore>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
    /// Connections that are open, to be closed when the node behind them starts anew.
    conns: BTreeSet<crate::net::ConnId>,
    room: Room,
}

/// What woke the driver.
enum Input {
    Net(NetEvent),
    Question(Question),
    Time,
    Stop,
}

impl Driver {
    /// Starts the network of an engine; `listen` is none for a node that only dials.
    pub(super) async fn start(
        engine: Engine,
        data: &DataDir,
        transport: &SecretKey,
        listen: Option<SocketAddr>,
        rate: Rate,
        clock: Clock,
    ) -> Result<(Self, Ask), DaemonError> {
        let known = Known::default();
        engine.node().known_transports().into_iter().for_each(|key| known.add(key));
        let secret = TransportSecret::new(transport).map_err(|e| io::Error::other(e.to_string()))?;
        let (event_sender, events) = mpsc::channel(EVENT_COUNT_MAX);
        let config = NetConfig { rate, ..NetConfig::new(listen, secret, known.admission()) };
        let net = Net::start(config, event_sender).await?;
        let (ask, questions) = mpsc::channel(REQUEST_COUNT_MAX);
        let current = Current::new(Snapshot::of(engine.node(), None));
        let long_reads = Arc::new(Semaphore::new(LONG_READ_COUNT_MAX));
        let data = data.clone();
        let audit = AuditLog::open(data.path(), clock.now().wall).map_err(io::Error::other)?;
        let (conns, room) = (BTreeSet::new(), Room::Enough);
        let metrics = Metrics::new();
        metrics.watch(net.clone());
        let driver = Self {
            engine,
            audit,
            data,
            net,
            known,
            clock,
            current,
            events,
            questions,
            long_reads,
            metrics,
            conns,
            room,
        };
        Ok((driver, Ask::new(ask)))
    }

    /// Runs until `stop` turns true or `done` says so of the node; gives the engine back.
    ///
    /// # Errors
    /// [`EngineError`]: the process must end.
    #[allow(clippy::disallowed_methods, reason = "how long a turn took is measured at the edge that runs it")]
    pub(super) fn run(
        mut self,
        runtime: &tokio::runtime::Handle,
        mut stop: watch::Receiver<bool>,
        done: impl Fn(&Node) -> bool,
    ) -> Result<Engine, EngineError> {
        let mut waiting = vec![Input::Time];
        loop {
            let (mut replies, mut acts) = (Vec::new(), Vec::new());
            let now = self.clock.now();
            self.note_conns(&waiting);
            let (data, key) = (&self.data, *self.engine.node().own_key());
            let (begun, before) = (Instant::now(), self.engine.position());
            let (net, known, metrics) = (&self.net, &self.known, &self.metrics);
            let inputs = |node: &mut Node, turn: &mut Turn<'_>| {
                for input in waiting.drain(..) {
                    match input {
                        Input::Net(event) => {
                            metrics.net(&event);
                            take_event(node, turn, event)?;
                        }
                        Input::Question((request, caller, sender)) => {
                            let answer = answer(node, turn, &request, data)?;
                            acts.extend(acted(&request, caller, &answer));
                            replies.push((sender, answer));
                        }
                        Input::Time | Input::Stop => {}
                    }
                }
                node.settle(turn)
            };
            // Neighbours hear of a turn when the record holds it; whoever asked here, when the pages show it too.
            match self.engine.turn_and(now, inputs, |actions| perform(net, known, metrics, actions)) {
                Err(EngineError::Full) => {
                    for (sender, _) in replies {
                        let _ = sender.send(Reply::Failure(disk_full()));
                    }
                    self = self.reopen()?;
                    continue;
                }
                other => other?,
            }
            self.metrics.turn(begun.elapsed(), before != self.engine.position());
            self.look_at_room();
            if key != *self.engine.node().own_key() {
                self.keep_key();
            }
            self.publish();
            if let Err(error) = self.audit.append(&acts, now.wall) {
                tracing::error!(%error, "acts could not be written to the audit log");
            }
            for (sender, answer) in replies {
                self.give(runtime, sender, answer);
            }
            if done(self.engine.node()) {
                break;
            }
            let first = runtime.block_on(self.next(&mut stop));
            if matches!(first, Input::Stop) {
                break;
            }
            waiting.push(first);
            self.gather(&mut waiting);
        }
        runtime.block_on(self.net.shutdown());
        self.engine.keep_image();
        Ok(self.engine)
    }

    fn note_conns(&mut self, inputs: &[Input]) {
        for input in inputs {
            match input {
                Input::Net(NetEvent::Connected { conn, .. }) => {
                    self.conns.insert(*conn);
                }
                Input::Net(NetEvent::Closed { conn, .. }) => {
                    self.conns.remove(conn);
                }
                _ => {}
            }
        }
    }

    /// The disk was full in the middle of a turn, of which nothing was announced: what was set aside is given back,
    /// and the node starts anew from what is durable, while the pages go on.
    fn reopen(mut self) -> Result<Self, EngineError> {
        tracing::error!("the disk is full: nothing new is taken until there is room");
        self.data.give_back_room();
        let keys = self.data.signing_keys().map_err(|error| {
            tracing::error!(%error, "the signing key cannot be read");
            EngineError::OtherKey
        })?;
        for conn in std::mem::take(&mut self.conns) {
            self.net.close(conn, CLOSE_CODE, "disk_full");
        }
        let engine = self.engine.reopen(keys, self.clock.now())?;
        Ok(Self { engine, ..self })
    }

    /// Says when room ends and when there is room again. What was set aside is given back at the very end, so that the
    /// index and whatever is begun have something to go on with.
    fn look_at_room(&mut self) {
        let room = self.engine.node().room();
        if room == self.room {
            return;
        }
        match room {
            Room::Enough => tracing::info!("there is room again: new work is taken"),
            Room::Low => tracing::error!("the disk is nearly full: new work is refused, reading goes on"),
            Room::None => {
                tracing::error!("the disk is full: nothing is written, reading goes on");
                self.data.give_back_room();
            }
        }
        if let Err(error) = self.engine.store().flush() {
            tracing::warn!(%error, "the index cannot be flushed");
        }
        self.room = room;
    }

    /// After a rotation the new key takes the old one's place; should that fail, the next start does it.
    fn keep_key(&self) {
        if let Err(error) = self.data.promote_key(self.engine.node().own_key()) {
            tracing::warn!(%error, "the new signing key stays beside the old one until the next start");
        }
    }

    /// Gives an answer; what is long to read is read on a thread that may block.
    fn give(&self, runtime: &tokio::runtime::Handle, sender: oneshot::Sender<Reply>, answer: Answer) {
        let reading = match answer {
            Answer::Now(reply) => {
                let _ = sender.send(reply);
                return;
            }
            Answer::Later(reading) => reading,
        };
        let (store, turns, blocking) = (self.engine.store(), Arc::clone(&self.long_reads), runtime.clone());
        runtime.spawn(async move {
            let _turn = turns.acquire().await;
            let read = blocking.spawn_blocking(move || reading.run(store.as_ref()));
            if let Ok(reply) = read.await {
                let _ = sender.send(reply);
            }
        });
    }

    async fn next(&mut self, stop: &mut watch::Receiver<bool>) -> Input {
        let now = self.clock.now().steady_ms;
        let wake = self.engine.node().wake_at_ms().map(|at| Duration::from_millis(at.saturating_sub(now)));
        tokio::select! {
            Some(event) = self.events.recv() => Input::Net(event),
            Some(question) = self.questions.recv() => Input::Question(question),
            () = pause(wake) => Input::Time,
            _ = stop.wait_for(|stop| *stop) => Input::Stop,
        }
    }

    /// Joins what else is waiting.
    fn gather(&mut self, inputs: &mut Vec<Input>) {
        let mut bytes: usize = inputs.iter().map(Input::bytes).sum();
        while inputs.len() < TURN_INPUT_COUNT_MAX && bytes < TURN_BYTES_MAX {
            let next = match (self.events.try_recv(), inputs.len()) {
                (Ok(event), _) => Input::Net(event),
                (Err(_), _) => match self.questions.try_recv() {
                    Ok(question) => Input::Question(question),
                    Err(_) => return,
                },
            };
            bytes += next.bytes();
            inputs.push(next);
        }
    }

    fn publish(&self) {
        let before = self.current.get();
        let snapshot = Snapshot::of(self.engine.node(), Some(&before));
        if *before != snapshot {
            self.current.set(snapshot);
        }
    }
}

impl Input {
    fn bytes(&self) -> usize {
        match self {
            Self::Net(NetEvent::Frame { bytes, .. }) => bytes.len(),
            Self::Question((request, ..)) => request.bytes(),
            _ => 0,
        }
    }
}

/// Does what a turn wants done.
fn perform(net: &Net, known: &Known, metrics: &Metrics, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::Send(ConnId(conn), frame) => {
                let send = if frame.yields() { Net::send_yielding } else { Net::send };
                let bytes = frame.to_bytes();
                metrics.frame(Direction::Out, bytes.len());
                send(net, crate::net::ConnId(conn), bytes);
            }
            Action::Close(ConnId(conn), why) => net.close(crate::net::ConnId(conn), CLOSE_CODE, why),
            Action::Dial { addresses, key, is_above } => match addresses.first() {
                Some(address) => {
                    let reach = if is_above { Reach::Anywhere } else { Reach::OtherMachines };
                    net.dial_within(reach, address, key);
                }
                None => tracing::warn!("the parent announces no address"),
            },
            Action::Promote(ConnId(conn)) => {
                net.promote(crate::net::ConnId(conn));
            }
            Action::Admit(key) => known.add(key),
            Action::Dismiss(key) => known.remove(&key),
            Action::Event(event) => {
                metrics.event(&event);
                log(&event);
            }
        }
    }
}

/// An act for the audit log, if the request is one.
pub(super) fn acted(request: &Request, caller: Caller, answer: &Answer) -> Option<audit::Act> {
    let (what, about) = act(request)?;
    let result = match answer {
        Answer::Now(reply) => result(reply),
        Answer::Later(_) => "done".to_owned(),
    };
    Some(audit::Act { caller, what: what.to_owned(), about, result })
}

#[allow(clippy::disallowed_methods, reason = "the driver's timer, at the edge")]
pub(super) async fn pause(wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep(wake).await,
        None => std::future::pending().await,
    }
}

fn take_event(node: &mut Node, turn: &mut Turn<'_>, event: NetEvent) -> Result<(), StoreError> {
    match event {
        NetEvent::Connected { conn, key, dialled, .. } => node.connected(turn, ConnId(conn.0), key, dialled),
        NetEvent::Frame { conn, bytes } => match Frame::from_bytes(&bytes) {
            Ok(frame) => node.frame(turn, ConnId(conn.0), frame),
            Err(error) => {
                tracing::debug!(%error, "a frame that cannot be read");
                node.fault(turn, ConnId(conn.0), "bad_frame");
                Ok(())
            }
        },
        NetEvent::Closed { conn, why, .. } => {
            tracing::debug!(?why, "connection closed");
            node.disconnected(turn, Some(ConnId(conn.0)));
            Ok(())
        }
        NetEvent::DialFailed { why, .. } => {
            tracing::debug!(%why, "dialling failed");
            node.disconnected(turn, None);
            Ok(())
        }
    }
}
