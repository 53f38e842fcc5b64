//! The daemon: portal, console, control socket and the driver, started together and stopped together.

use super::audit::Caller;
use super::console_source::{ConsoleView, settings_document};
use super::control;
use super::data_dir::{Clock, DataDir, DataDirError, Opened};
use super::drafts::Drafts;
use super::driver::{Ask, Driver, REQUEST_COUNT_MAX, pause};
use super::engine::{Engine, EngineError};
use super::gateway;
use super::metrics::counted;
use super::notify;
use super::patrol::patrol;
use super::portal_source::PortalSource;
use super::service::{Reply, Request};
use super::sums::ViewTemplates;
use crate::config::{Config, ReviewMode, Setting};
use crate::console::{self, ConsoleRules};
use crate::net::{NetError, Rate};
use crate::portal::server::{Limits, Trusted, serve};
use crate::portal::{PortalConfig, router};
use crate::record::{Damage, RecordError};
use crate::store::{Store, StoreError};
use crate::trust::key::SecretKey;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

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

/// How long a directory that a command holds is waited for, and how often it is tried: a stream of short commands
/// leaves gaps of milliseconds.
const OPEN_WITHIN_MS: u64 = 4_000;
const OPEN_PAUSE: Duration = Duration::from_millis(5);
/// How often the index is asked whether damage was met.
const INDEX_LOOK: Duration = Duration::from_secs(1);
/// Damage is healed so often in one process; a disk that goes on damaging needs a person.
const HEALINGS_MAX: u32 = 3;

/// Opens the data directory. A command that holds it for a moment is waited for, a daemon is not.
async fn open(data: &DataDir, clock: Clock, checked_bytes: u64) -> Result<Opened, DataDirError> {
    let give_up_ms = clock.now().steady_ms + OPEN_WITHIN_MS;
    loop {
        match data.open_and_heal(clock.now(), checked_bytes) {
            Err(DataDirError::Locked { .. })
                if clock.now().steady_ms < give_up_ms
                    && control::connect(data.path(), DataDir::SOCKET).await.is_none() =>
            {
                pause(Some(OPEN_PAUSE)).await;
            }
            other => return other,
        }
    }
}

/// Serves a data directory until it is told to stop. Damage that is met ends the node and not the process: the node is
/// healed and begins anew. The settings are what the console shows.
///
/// # Errors
/// [`DaemonError`].
pub fn run<'a>(
    data: &DataDir,
    config: &Config,
    settings: impl Iterator<Item = Setting<'a>>,
    ready: impl FnOnce(),
) -> Result<(), DaemonError> {
    let data = &data.clone().with_floor(u64::from(config.store.free_mib_min) << 20);
    data.set_room_aside();
    let clock = Clock::start();
    let set = Set { config, shown: settings_document(settings) };
    let mut ready = Some(ready);
    let mut said = || ready.take().into_iter().for_each(|ready| ready());
    let mut checked_bytes = u64::from(config.store.check_at_start_mib) << 20;
    for _ in 0..HEALINGS_MAX {
        match serve_once(data, &set, clock, checked_bytes, &mut said) {
            Err(DaemonError::Engine(error)) if error.is_damage() => {
                tracing::error!(%error, "damage was met: the node is healed and begins anew");
                if matches!(error, EngineError::Record(_)) {
                    // Opening finds it only where it looks.
                    checked_bytes = u64::MAX;
                } else {
                    data.set_index_aside()?;
                }
            }
            other => return other,
        }
    }
    serve_once(data, &set, clock, checked_bytes, &mut said)
}

/// What is configured, and the document that says where each value came from.
struct Set<'a> {
    config: &'a Config,
    shown: Value,
}

/// Serves until told to stop, or until damage is met. Bodies of more than `checked_bytes` are read meanwhile.
fn serve_once(
    data: &DataDir,
    set: &Set<'_>,
    clock: Clock,
    checked_bytes: u64,
    ready: impl FnOnce(),
) -> Result<(), DaemonError> {
    let config = set.config;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build()?;
    let handle = runtime.handle().clone();
    let mut opened = runtime.block_on(open(data, clock, checked_bytes))?;
    let upstream = config.upstream.address.iter().map(ToString::to_string).collect();
    opened.engine.set_upstream_addresses(upstream);
    if opened.engine.was_behind() {
        tracing::warn!(
            "the record ends before what this node has signed: what is missing is asked of the parent"
        );
    }
    let (stop_sender, stop) = watch::channel(false);
    let (store, met) = (opened.engine.store(), Arc::new(OnceLock::new()));
    if data.body_bytes() > checked_bytes {
        let (record, met, stop, stop_sender) =
            (data.record(), Arc::clone(&met), stop.clone(), stop_sender.clone());
        runtime.spawn_blocking(move || {
            patrol(&record, &stop, &met);
            if met.get().is_some() {
                let _ = stop_sender.send(true);
            }
        });
    }
    let (driver, console_address) = runtime.block_on(start(
        opened.engine,
        &opened.transport,
        data,
        set,
        clock,
        stop_sender,
        stop.clone(),
    ))?;
    tracing::info!(
        code = %driver.engine.node().identity().division, portal = %config.listen.portal,
        console = %console_address, peer = %config.listen.peer, "serving"
    );
    ready();
    notify::ready();
    let stopped = driver.run(&handle, stop, |_| false);
    let sound = store.is_sound();
    let flushed = store.flush();
    runtime.shutdown_timeout(Duration::from_secs(6));
    drop(opened.lock);
    stopped?;
    if !sound {
        return Err(EngineError::Store(StoreError::Damaged("met while reading".to_owned())).into());
    }
    if let Some(Damage { segment, offset, .. }) = met.get().cloned() {
        return Err(EngineError::Record(RecordError::Damaged { segment, offset }).into());
    }
    flushed.map_err(EngineError::from)?;
    Ok(())
}

/// Starts everything around an engine: portal, console, control socket, the driver and its network.
async fn start(
    engine: Engine,
    transport: &SecretKey,
    data: &DataDir,
    set: &Set<'_>,
    clock: Clock,
    stop_sender: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
) -> Result<(Driver, SocketAddr), DaemonError> {
    let config = set.config;
    let (identity, store) = (Arc::new(engine.node().identity().clone()), engine.store());
    let signals = Signals::take()?;
    let portal = listener("portal", &config.listen.portal.to_string()).await?;
    let console_listener = listener("console", &config.listen.console.to_string()).await?;
    let rate = Rate { up: config.sync.up_bytes_per_s, down: config.sync.down_bytes_per_s };
    let peer = resolve(&config.listen.peer.to_string()).await?;
    let (mut driver, ask) = Driver::start(engine, data, transport, Some(peer), rate, clock).await?;
    if let Err(error) = driver.audit.prune(config.log.audit_days, clock.now().wall) {
        tracing::warn!(%error, "old months of the audit log cannot be removed");
    }
    let metrics = Arc::clone(&driver.metrics);
    let source = Arc::new(PortalSource {
        identity,
        store: Arc::clone(&store),
        current: driver.current.clone(),
        ask: ask.clone(),
        clock,
        templates: ViewTemplates::default(),
        directory: Arc::default(),
    });
    let base_path = config.portal.base_path.as_str().to_owned();
    let bad = |error: crate::portal::BadBasePath| io::Error::other(error.to_string());
    let (site, url, known) = (config.site.clone(), config.portal.url.clone(), config.portal.known.clone());
    let mounted = PortalConfig { base_path, site, url, known };
    let pages = router(Arc::clone(&source) as _, &mounted).map_err(bad)?;
    let view = ConsoleView {
        pages: Arc::clone(&source),
        metrics: Arc::clone(&metrics),
        data: data.clone(),
        drafts: Drafts::default(),
        settings: set.shown.clone(),
        by_hand: config.review.mode == ReviewMode::Manual,
    };
    let ops = console::router(source, Arc::new(view), console_rules(config)).map_err(bad)?;
    let control = control::listen(data.path(), DataDir::SOCKET)?;
    let address = console_listener.local_addr()?;
    let networks = config.portal.trusted.clone();
    let trusted = Trusted::new(move |ip| networks.iter().any(|network| network.contains(ip)));
    let (pages, ops) = (counted(pages, &metrics, "portal"), counted(ops, &metrics, "console"));
    spawn(serve(portal, pages, Limits { trusted, ..Limits::default() }, stop.clone()));
    spawn(serve(console_listener, ops, Limits::default(), stop.clone()));
    gateway::start(ask.clone(), config.bundle.clone(), data.clone(), stop.clone());
    spawn(notify::watch(ask.clone()));
    spawn(accept_control(control, ask));
    spawn(watch_index(store, stop_sender.clone()));
    spawn(signals.stop(stop_sender));
    Ok((driver, address))
}

/// Stops the node when a page met damage in the index: pages read it on their own, and the node may not for hours.
async fn watch_index(store: Arc<dyn Store>, stop: watch::Sender<bool>) {
    while store.is_sound() {
        pause(Some(INDEX_LOOK)).await;
    }
    let _ = stop.send(true);
}

#[allow(clippy::disallowed_methods, reason = "the edge where tasks begin")]
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// How operators reach the console, as configured.
fn console_rules(config: &Config) -> ConsoleRules {
    let console = config.console.clone();
    let proxies = console.proxy_trusted;
    ConsoleRules {
        hosts: console.hosts,
        idle_ms: u64::from(console.idle_minutes) * 60_000,
        https: console.https,
        proxy_header: console.proxy_header.to_ascii_lowercase(),
        is_proxy: Arc::new(move |ip| proxies.iter().any(|network| network.contains(ip))),
    }
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

/// Signals that ask for an end. Taken before anything listens, so that whoever can reach the node can stop it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn take() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn stop(mut self, stop: watch::Sender<bool>) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
        notify::stopping();
        let _ = stop.send(true);
        // The sender lives until the process ends: dropping it would mean stop to everyone who listens.
        std::future::pending::<()>().await;
    }
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
    let uid = stream.peer_cred().map(|peer| peer.uid());
    let caller = Caller::at_the_command_line(uid.ok());
    let (mut input, mut output) = stream.into_split();
    let (order, mut answers) = mpsc::channel::<oneshot::Receiver<Reply>>(REQUEST_COUNT_MAX);
    let take = async move {
        while let Ok(Some(request)) = control::read::<Request>(&mut input).await {
            let Some(reply) = ask.send(request, caller.clone()).await else { return };
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
