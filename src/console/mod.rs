//! The ops side of the web: what an operator sees and does, on its own listener (loopback by default), never on the
//! portal's port. Probes and metrics stand here too.
//!
//! - `gate` which requests are answered, for whom; `session` who is in; [`users`] who may come in; `door` login, logout
//! - `deed` what can be done and the command that does the same; `desk` does it
//! - `sheet` a page as data, `figures` the tables of a report, `words` the two languages; `overview`, `queue`, `upload`, `machine` the pages
//! - `probe` what `/readyz` says; everything comes through [`ConsoleSource`], which the daemon implements.

mod deed;
mod desk;
mod door;
mod figures;
mod gate;
mod machine;
mod overview;
mod probe;
mod queue;
mod session;
mod sheet;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_door;
mod upload;
pub mod users;
mod words;

pub use deed::Deed;
pub use gate::ConsoleRules;
pub use probe::{Check, Readiness};

use crate::digest::Digest;
use crate::portal::reply::{NO_STORE, Problem, content, guard_console, json};
use crate::portal::{BadBasePath, Portal, Site, Source, api};
use crate::time::Now;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use session::Sessions;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use users::{Role, Users};

const TEXT: &str = "text/plain; charset=utf-8";
/// The text format of Prometheus' successor, which Prometheus reads too.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Passwords looked at at once: each takes 20 MB.
const HASHES_AT_ONCE: usize = 2;

/// Something to look at, each the document of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// `gongshi tree`
    Tree,
    /// `gongshi review list`, with those looked at or sent back
    Reviews(bool),
    /// `gongshi review show`
    Review(Digest),
    /// `gongshi show`
    Show(Digest),
    /// `gongshi list --state`
    List(&'static str),
    /// `gongshi release show`
    Release(u16),
    /// `gongshi peers`
    Peers,
    /// `gongshi invite list`
    Invitations,
    /// `gongshi keys list`
    Keys,
    /// `gongshi store stats`
    Storage,
    /// `gongshi audit show`
    Audit,
    /// `gongshi config show`
    Settings,
    /// A file that was handed in and waits for a decision.
    Draft(u64),
}

/// Why something was not shown or not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code for `explain`.
    pub code: String,
    /// Chinese, ` / `, English.
    pub message: String,
}

/// A file handed in, with what its name and cells may not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedIn {
    /// The file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The agency, where the file does not name it.
    pub agency: Option<String>,
    /// The year, where the file does not say it.
    pub year: Option<u16>,
}

/// Who acts, as the audit log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user's name.
    pub who: String,
    /// The address.
    pub from: String,
}

/// What the console shows and does beyond the public [`Source`]. Calls may block.
pub trait ConsoleSource: Send + Sync + 'static {
    /// The document of `gongshi status --json` (schema `gongshi.status/1`); null when the engine is gone.
    fn status_json(&self) -> Value;
    /// What stands against sending readers here.
    fn readiness(&self) -> Readiness;
    /// All metrics, in the OpenMetrics text format.
    fn metrics(&self) -> String;
    /// Looks at something.
    fn look(&self, look: &Look) -> Result<Value, Refused>;
    /// Does something; the command's document.
    fn act(&self, deed: &Deed, actor: &Actor) -> Result<Value, Refused>;
    /// Reads a file apart; the number of its draft.
    fn take_in(&self, file: HandedIn) -> Result<u64, Refused>;
    /// Who may use the console.
    fn users(&self) -> std::io::Result<Users>;
    /// Both clocks.
    fn now(&self) -> Now;
    /// 32 random bytes.
    fn random(&self) -> std::io::Result<[u8; 32]>;
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Visitor {
    name: String,
    roles: Vec<Role>,
    from: String,
    form_token: String,
    cookie: Option<String>,
}

impl Visitor {
    fn actor(&self) -> Actor {
        Actor { who: self.name.clone(), from: self.from.clone() }
    }
}

#[derive(Clone)]
struct Console {
    portal: Portal,
    source: Arc<dyn ConsoleSource>,
    rules: Arc<ConsoleRules>,
    sessions: Arc<Mutex<Sessions>>,
    hashes: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    /// What the form tokens of visitors of a proxy are made from; without randomness nobody comes in by one.
    secret: Option<Digest>,
}

impl Console {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        // No code panics while it holds the lock; if it did, sessions would still be whole.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proxy_token(&self, name: &str) -> Option<String> {
        let secret = self.secret?;
        Some(Digest::of(&[b"gongshi/console-form\n", secret.as_bytes(), name.as_bytes()]).hex())
    }
}

/// The console's routes.
///
/// # Errors
/// [`BadBasePath`] never happens: the console is mounted at the root.
pub fn router(
    source: Arc<dyn Source>,
    ops: Arc<dyn ConsoleSource>,
    rules: ConsoleRules,
) -> Result<Router, BadBasePath> {
    let portal = Portal::new(source, "", &Site::default())?;
    let assets = Router::new().route("/assets/{file}", get(api::asset)).with_state(portal.clone());
    let secret = ops.random().ok().map(Digest::from_bytes);
    let console = Console {
        portal,
        source: ops,
        rules: Arc::new(rules),
        sessions: Arc::default(),
        hashes: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
        uploads: Arc::new(upload::places()),
        secret,
    };
    let routes = Router::new()
        .merge(desk::pages())
        .merge(desk::deeds())
        .route("/login", post(door::login))
        .route("/en/login", post(door::login))
        .route("/logout", post(door::logout))
        .route("/pulse", get(desk::pulse))
        .route(
            "/console.css",
            get(async || content(include_str!("console.css"), "text/css; charset=utf-8", NO_STORE)),
        )
        .route(
            "/console.js",
            get(async || content(include_str!("console.js"), "text/javascript; charset=utf-8", NO_STORE)),
        )
        .route("/healthz", get(async || content("ok", TEXT, NO_STORE)))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(api::not_found)
        .with_state(console);
    Ok(routes.merge(assets).layer(axum::middleware::from_fn(guard_console)))
}

/// 200 when readers may be sent here, 503 otherwise; the checks either way.
async fn ready(State(console): State<Console>) -> Result<Response, Problem> {
    let status = Arc::clone(&console.source);
    let readiness = console.portal.read(move |_| Ok(status.readiness())).await?;
    let mut response = json(&readiness, NO_STORE);
    if !readiness.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// Metrics need no session, and answer nobody who was led here by a name that is not ours.
async fn metrics(State(console): State<Console>, request: Request) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    if let Err(stop) = gate::addressed(&console.rules, &parts) {
        return Ok((stop.status(), content("not served under this name\n", TEXT, NO_STORE)).into_response());
    }
    let source = Arc::clone(&console.source);
    let text = console.portal.read(move |_| Ok(source.metrics())).await?;
    Ok(content(text, METRICS, NO_STORE))
}

/// A field as text, whether it is a string or a number; empty when it is missing.
fn word(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// The lines of a list; none when it is missing.
fn lines<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
