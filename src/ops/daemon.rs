//! The daemon: sockets, clock and the engine, joined. One thread owns the engine; everything else sends it inputs.
//!
//! Inputs that arrived together become one turn, and so one sync of the disk: under load the group commits by
//! itself, alone an input waits for nobody.

use super::control;
use super::data_dir::{Clock, DataDir, DataDirError};
use super::engine::{Engine, EngineError};
use super::portal_source::PortalSource;
use super::service::{Reply, Request, answer};
use super::snapshot::{Current, Snapshot};
use crate::config::Config;
use crate::net::{Admission, Admit, Net, NetConfig, NetError, NetEvent, TransportSecret};
use crate::portal::server::{Limits, serve};
use crate::portal::{PortalConfig, console, router};
use crate::store::StoreError;
use crate::sync::frame::Frame;
use crate::sync::{Action, ConnId, Event, Node, Turn};
use crate::trust::key::{PublicKey, SecretKey};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

/// Inputs joined into one turn: a group commit's worth.
const TURN_INPUT_COUNT_MAX: usize = 256;
/// Bytes of frames joined into one turn: well below what one append to the record takes.
const TURN_BYTES_MAX: usize = 8 << 20;
/// Events of the network that may wait: beyond that peers are throttled by flow control.
const EVENT_COUNT_MAX: usize = 1_024;
/// Requests that may wait.
const REQUEST_COUNT_MAX: usize = 1_024;
/// The code a peer sees when the node closes its connection; the reason says which rule.
const CLOSE_CODE: u32 = 64;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The engine stopped.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// QUIC cannot listen.
    #[error("{0}")]
    Net(#[from] NetError),
    /// A listener cannot be opened.
    #[error(
        "无法监听 {address}（{purpose}）：{error} / cannot listen on {address} for the {purpose}: {error}"
    )]
    Listen {
        /// What for.
        purpose: &'static str,
        /// Where.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// Something else of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A question to the engine's thread.
type Question = (Request, oneshot::Sender<Reply>);

/// Asks the engine from other threads.
#[derive(Clone)]
pub(super) struct Ask(mpsc::Sender<Question>);

impl Ask {
    /// Asks and waits; for threads that may block. None when the engine is gone.
    pub(super) fn call(&self, request: Request) -> Option<Reply> {
        let (answer, reply) = oneshot::channel();
        self.0.blocking_send((request, answer)).ok()?;
        reply.blocking_recv().ok()
    }

    /// Asks; the reply comes when the turn is durable.
    pub(super) async fn send(&self, request: Request) -> Option<oneshot::Receiver<Reply>> {
        let (answer, reply) = oneshot::channel();
        self.0.send((request, answer)).await.ok()?;
        Some(reply)
    }
}

/// Transport keys that may open sessions.
#[derive(Clone, Default)]
struct Known(Arc<RwLock<BTreeSet<PublicKey>>>);

impl Known {
    fn admission(&self) -> Admission {
        let known = self.clone();
        Arc::new(move |key| {
            let keys = known.0.read().unwrap_or_else(PoisonError::into_inner);
            if keys.contains(key) { Admit::Peer } else { Admit::Stranger }
        })
    }

    fn add(&self, key: PublicKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key);
    }
}

/// The engine with its network, ready to be driven.
pub(super) struct Driver {
    engine: Engine,
    net: Net,
    known: Known,
    clock: Clock,
    current: Current,
    events: mpsc::Receiver<NetEvent>,
    questions: mpsc::Receiver<Question>,
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
        transport: &SecretKey,
        listen: Option<SocketAddr>,
        clock: Clock,
    ) -> Result<(Self, Ask), DaemonError> {
        let known = Known::default();
        engine.node().known_transports().into_iter().for_each(|key| known.add(key));
        let secret = TransportSecret::new(transport).map_err(|e| io::Error::other(e.to_string()))?;
        let (event_sender, events) = mpsc::channel(EVENT_COUNT_MAX);
        let net = Net::start(NetConfig::new(listen, secret, known.admission()), event_sender).await?;
        let (ask, questions) = mpsc::channel(REQUEST_COUNT_MAX);
        let current = Current::new(Snapshot::of(engine.node()));
        let driver = Self { engine, net, known, clock, current, events, questions };
        Ok((driver, Ask(ask)))
    }

    /// Runs until `stop` turns true or `done` says so of the node; gives the engine back.
    ///
    /// # Errors
    /// [`EngineError`]: the process must end.
    pub(super) fn run(
        mut self,
        runtime: &tokio::runtime::Handle,
        mut stop: watch::Receiver<bool>,
        done: impl Fn(&Node) -> bool,
    ) -> Result<Engine, EngineError> {
        let mut inputs = vec![Input::Time];
        loop {
            let mut replies = Vec::new();
            let now = self.clock.now();
            let ((), actions) = self.engine.turn(now, |node, turn| {
                for input in inputs.drain(..) {
                    match input {
                        Input::Net(event) => take_event(node, turn, event)?,
                        Input::Question((request, sender)) => {
                            replies.push((sender, answer(node, turn, &request)?));
                        }
                        Input::Time | Input::Stop => {}
                    }
                }
                node.settle(turn)
            })?;
            self.publish();
            // Nobody hears of a turn before it is durable.
            for (sender, reply) in replies {
                let _ = sender.send(reply);
            }
            self.perform(actions);
            if done(self.engine.node()) {
                break;
            }
            let first = runtime.block_on(self.next(&mut stop));
            if matches!(first, Input::Stop) {
                break;
            }
            inputs.push(first);
            self.gather(&mut inputs);
        }
        runtime.block_on(self.net.shutdown());
        Ok(self.engine)
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
        let snapshot = Snapshot::of(self.engine.node());
        if *self.current.get() != snapshot {
            self.current.set(snapshot);
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(ConnId(conn), frame) => {
                    self.net.send(crate::net::ConnId(conn), frame.to_bytes());
                }
                Action::Close(ConnId(conn), why) => self.net.close(crate::net::ConnId(conn), CLOSE_CODE, why),
                Action::Dial { addresses, key } => match addresses.first() {
                    Some(address) => self.net.dial(address, key),
                    None => tracing::warn!("the parent announces no address"),
                },
                Action::Promote(ConnId(conn)) => {
                    self.net.promote(crate::net::ConnId(conn));
                }
                Action::Admit(key) => self.known.add(key),
                Action::Event(event) => log(&event),
            }
        }
    }
}

impl Input {
    fn bytes(&self) -> usize {
        match self {
            Self::Net(NetEvent::Frame { bytes, .. }) => bytes.len(),
            Self::Question((Request::Publish(submission), _)) => submission.content.len(),
            _ => 0,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the driver's timer, at the edge")]
async fn pause(wake: Option<Duration>) {
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

fn log(event: &Event) {
    match event {
        Event::LinkUp(code) => tracing::info!(%code, "link up"),
        Event::LinkDown(code) => tracing::info!(%code, "link down"),
        Event::Receipted(size) => tracing::debug!(size, "receipt"),
        Event::RootLog(size) => tracing::debug!(size, "root log"),
        Event::Joined(code) => tracing::info!(%code, "a node joined"),
        Event::JoinPending(code, digits) => {
            tracing::info!(%code, digits, "a request to join waits for approval")
        }
        Event::OwnRefused(digest, code) => {
            tracing::warn!(%digest, code = code.as_str(), "our statement was refused")
        }
        Event::Equivocation(key, index) => {
            tracing::error!(origin = %key, index, "two statements at one index")
        }
        Event::SplitView(size) => tracing::error!(size, "a root checkpoint does not fit what was verified"),
        Event::ViewDiffers(size) => tracing::error!(size, "our view root differs from the root's"),
        Event::RejectedLeaf(index, code) => {
            tracing::error!(index, code = code.as_str(), "the root sequenced a leaf that the fold rejects");
        }
        Event::PeerFault(conn, why) => tracing::warn!(conn = conn.0, why, "a peer broke the protocol"),
    }
}

/// Serves a data directory until it is told to stop.
///
/// # Errors
/// [`DaemonError`].
pub fn run(data: &DataDir, config: &Config, ready: impl FnOnce()) -> Result<(), DaemonError> {
    let clock = Clock::start();
    let opened = data.open(clock.now())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
    let handle = runtime.handle().clone();
    let (stop_sender, stop) = watch::channel(false);
    let identity = Arc::new(opened.engine.node().identity().clone());
    let store = opened.engine.store();
    let (driver, console_address) = runtime.block_on(async {
        let portal = listener("portal", &config.listen.portal.to_string()).await?;
        let console_listener = listener("console", &config.listen.console.to_string()).await?;
        let peer = resolve(&config.listen.peer.to_string()).await?;
        let (driver, ask) = Driver::start(opened.engine, &opened.transport, Some(peer), clock).await?;
        let source = Arc::new(PortalSource {
            identity,
            store: Arc::clone(&store),
            current: driver.current.clone(),
            ask: ask.clone(),
            clock,
        });
        let base_path = config.portal.base_path.as_str().to_owned();
        let bad = |error: crate::portal::BadBasePath| io::Error::other(error.to_string());
        let pages = router(Arc::clone(&source) as _, &PortalConfig { base_path }).map_err(bad)?;
        let ops = console::router(Arc::clone(&source) as _, source).map_err(bad)?;
        let control = control::listen(data.path(), DataDir::SOCKET)?;
        let address = console_listener.local_addr()?;
        spawn(serve(portal, pages, Limits::default(), stop.clone()));
        spawn(serve(console_listener, ops, Limits::default(), stop.clone()));
        spawn(accept_control(control, ask));
        spawn(wait_for_signals(stop_sender));
        Ok::<_, DaemonError>((driver, address))
    })?;
    tracing::info!(
        code = %driver.engine.node().identity().division, portal = %config.listen.portal,
        console = %console_address, peer = %config.listen.peer, "serving"
    );
    ready();
    let stopped = driver.run(&handle, stop, |_| false);
    let flushed = store.flush();
    runtime.shutdown_timeout(Duration::from_secs(6));
    drop(opened.lock);
    stopped?;
    flushed.map_err(EngineError::from)?;
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "the edge where tasks begin")]
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

async fn listener(purpose: &'static str, address: &str) -> Result<TcpListener, DaemonError> {
    TcpListener::bind(address).await.map_err(|error| DaemonError::Listen {
        purpose,
        address: address.to_owned(),
        error,
    })
}

pub(super) async fn resolve(address: &str) -> Result<SocketAddr, DaemonError> {
    let failed = |error| DaemonError::Listen { purpose: "peers", address: address.to_owned(), error };
    let mut found = tokio::net::lookup_host(address).await.map_err(failed)?;
    found.next().ok_or_else(|| failed(io::Error::from(io::ErrorKind::AddrNotAvailable)))
}

async fn wait_for_signals(stop: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    let _ = stop.send(true);
    // The sender lives until the process ends: dropping it would mean stop to everyone who listens.
    std::future::pending::<()>().await;
}

async fn accept_control(listener: tokio::net::UnixListener, ask: Ask) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(answer_control(stream, ask.clone())),
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept");
                pause(Some(Duration::from_millis(100))).await;
            }
        }
    }
}

/// Answers one client: requests are handed on as they come, answers go back in their order.
async fn answer_control(stream: tokio::net::UnixStream, ask: Ask) {
    let (mut input, mut output) = stream.into_split();
    let (order, mut answers) = mpsc::channel::<oneshot::Receiver<Reply>>(REQUEST_COUNT_MAX);
    let take = async move {
        while let Ok(Some(request)) = control::read::<Request>(&mut input).await {
            let Some(reply) = ask.send(request).await else { return };
            if order.send(reply).await.is_err() {
                return;
            }
        }
    };
    let give = async move {
        while let Some(reply) = answers.recv().await {
            let Ok(reply) = reply.await else { return };
            if control::write(&mut output, &reply).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(take, give);
}
