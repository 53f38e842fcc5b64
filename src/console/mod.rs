//! The ops side of the web: a status page, probes and metrics, on its own listener (loopback by default), never on
//! the portal's port. Read-only: no route here changes any state.
//!
//! - `probe` what `/readyz` says; everything comes through [`ConsoleSource`], which the daemon implements.

mod probe;
#[cfg(test)]
mod tests;

pub use probe::{Check, Readiness};

use crate::portal::doc::NodeDoc;
use crate::portal::pages::page;
use crate::portal::reply::{NO_STORE, Problem, content, guard, json};
use crate::portal::source::OverviewDoc;
use crate::portal::text::age_zh;
use crate::portal::{BadBasePath, Portal, Site, Source, api};
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";
/// The text format of Prometheus' successor, which Prometheus reads too.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the console shows beyond the public [`Source`].
pub trait ConsoleSource: Send + Sync + 'static {
    /// The document of `gongshi status --json` (schema `gongshi.status/1`); null when the engine is gone.
    fn status_json(&self) -> Value;
    /// What stands against sending readers here.
    fn readiness(&self) -> Readiness;
    /// All metrics, in the OpenMetrics text format.
    fn metrics(&self) -> String;
}

#[derive(Clone)]
struct Console {
    portal: Portal,
    status: Arc<dyn ConsoleSource>,
}

/// The console's routes: `/`, `/healthz`, `/readyz`, `/metrics`.
///
/// # Errors
/// [`BadBasePath`] never happens: the console is mounted at the root.
pub fn router(source: Arc<dyn Source>, status: Arc<dyn ConsoleSource>) -> Result<Router, BadBasePath> {
    let portal = Portal::new(source, "", &Site::default())?;
    let assets = Router::new().route("/assets/{file}", get(api::asset)).with_state(portal.clone());
    let routes = Router::new()
        .route("/", get(overview))
        .route("/healthz", get(async || content("ok", TEXT, NO_STORE)))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(api::not_found)
        .with_state(Console { portal, status });
    Ok(routes.merge(assets).layer(axum::middleware::from_fn(guard)))
}

/// 200 when readers may be sent here, 503 otherwise; the checks either way.
async fn ready(State(console): State<Console>) -> Result<Response, Problem> {
    let status = Arc::clone(&console.status);
    let readiness = console.portal.read(move |_| Ok(status.readiness())).await?;
    let mut response = json(&readiness, NO_STORE);
    if !readiness.ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

async fn metrics(State(console): State<Console>) -> Result<Response, Problem> {
    let status = Arc::clone(&console.status);
    let text = console.portal.read(move |_| Ok(status.metrics())).await?;
    Ok(content(text, METRICS, NO_STORE))
}

#[derive(Template)]
#[template(path = "console.html", config = "src/portal/askama.toml")]
struct ConsolePage {
    css: String,
    icon: String,
    node: NodeDoc,
    synced: bool,
    state: String,
    age: Option<String>,
    unacknowledged: String,
    /// Code and what was seen of each alarm.
    alarms: Vec<(String, String)>,
    /// The other ancestor in use and why.
    via: Option<String>,
    links: Vec<Link>,
}

struct Link {
    relation: &'static str,
    code: String,
    state: String,
    behind: String,
}

async fn overview(State(console): State<Console>) -> Result<Response, Problem> {
    let status = Arc::clone(&console.status);
    let read =
        console.portal.read(move |source| Ok((source.node(), source.overview(), status.status_json()))).await;
    let (node, overview, status): (NodeDoc, OverviewDoc, Value) = read?;
    let upstream = status.get("upstream").filter(|link| link.is_object()).map(|link| Link::new("上级", link));
    let alarms = status.get("alarms").and_then(Value::as_array).into_iter().flatten();
    let ending = status.get("ending").and_then(Value::as_array).into_iter().flatten();
    let via = status.get("via").filter(|via| via.is_object());
    let children = status.get("children").and_then(Value::as_array).into_iter().flatten();
    Ok(page(&ConsolePage {
        css: console.portal.asset("css"),
        icon: console.portal.asset("svg"),
        synced: node.root_log.size > 0,
        state: word(&status, "state"),
        age: overview.checkpoint_age_ms.map(age_zh),
        unacknowledged: word(&status, "unacknowledged"),
        alarms: alarms
            .map(|alarm| (word(alarm, "code"), word(alarm, "seen")))
            .chain(ending.map(|line| {
                let seen = format!("{} {} {}", word(line, "code"), word(line, "name"), word(line, "until"));
                ("delegation_ends".to_owned(), seen)
            }))
            .collect(),
        via: via.map(|via| format!("{} {}（{}）", word(via, "code"), word(via, "name"), word(via, "reason"))),
        links: upstream.into_iter().chain(children.map(|link| Link::new("下级", link))).collect(),
        node,
    }))
}

impl Link {
    fn new(relation: &'static str, link: &Value) -> Self {
        Self {
            relation,
            code: word(link, "code"),
            state: state_zh(&word(link, "state")),
            behind: word(link, "behind"),
        }
    }
}

/// A field as text, whether it is a string or a number; 未知 when it is missing.
fn word(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "未知".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The one word for each state of a link.
fn state_zh(state: &str) -> String {
    let zh = match state {
        "up" => "在线",
        "behind" => "落后",
        "down" => "离线",
        "blocked" => "网络不通",
        "pending" => "待批准",
        "skewed" => "时钟偏差",
        "revoked" => "已吊销",
        other => other,
    };
    zh.to_owned()
}
