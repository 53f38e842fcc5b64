//! The public portal: the HTTP contract and the pages, for people and programs.
//!
//! Everything is read through [`Source`]; nothing here changes any state. Pages are rendered on the server, need no
//! JavaScript and load nothing from elsewhere. The routes stand on one screen below.
//!
//! - [`source`] the trait the node implements; [`doc`] the documents of the API
//! - `api_view` the API of the consolidated view
//! - `api` the API's handlers, tiles and checkpoint; `reply` problems, caching, security headers
//! - `download` attachments, chunk by chunk
//! - `pages` start page, lists, verify, roll call, errors; `report` a report's page; templates/ and assets/
//! - `folio` a page as data, `turn` from an address to a page, JSON, CSV or workbook, `words` the two languages;
//!   `division`, `division_tables` a division's year, `origin` what a sum is made of, `charts` shapes
//! - [`escape`] the one way text enters a page; `text` small words
//! - [`server`] the accept loop with its limits

pub mod doc;
pub mod escape;
pub mod server;
pub mod source;

pub(crate) mod api;
mod api_view;
mod charts;
pub(crate) mod circular;
mod coverage;
mod division;
mod division_tables;
mod download;
mod folio;
mod kind;
mod origin;
pub(crate) mod pages;
pub(crate) mod reply;
pub(crate) mod report;
mod stall;
pub(crate) mod text;
mod turn;
mod words;
pub mod workbook;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod fake_view;
#[cfg(test)]
pub(crate) mod tests_api;
#[cfg(test)]
mod tests_division;
#[cfg(test)]
mod tests_pages;

pub use source::Source;

use crate::digest::Digest;
use axum::Router;
use axum::routing::get;
use reply::Problem;
use serde::{Deserialize, Serialize};
use source::SourceError;
use std::sync::Arc;
use tokio::sync::Semaphore;
use turn::turned;
use words::Lang;

/// Reads of the store running at once: enough for two cores and a disk, few enough to bound memory.
const READS_AT_ONCE: usize = 64;

/// Downloads waiting at once for what is not here: each asks the node ten times a second.
const WAITS_AT_ONCE: usize = 64;

/// How a portal is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalConfig {
    /// Path in front of every address, as the proxy passes it on: empty, or like `/gongshi`.
    pub base_path: String,
    /// What the inspection of government sites looks for in the footer.
    pub site: Site,
}

/// What the inspection of government sites looks for in the footer; empty entries are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// 主办单位
    pub owner: String,
    /// 联系方式
    pub contact: String,
    /// ICP 备案号
    pub icp: String,
    /// 公安备案号
    pub gongan: String,
    /// 网站标识码
    pub identification_code: String,
}

/// The base path is not one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a base path: want nothing, or segments of a-z A-Z 0-9 - _ . such as /gongshi")]
pub struct BadBasePath(pub String);

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Portal {
    source: Arc<dyn Source>,
    reads: Arc<Semaphore>,
    waits: Arc<Semaphore>,
    /// Base path without a trailing slash.
    base: Arc<str>,
    assets: Arc<[Asset]>,
    site: Arc<Site>,
}

/// A file compiled into the program, served under a name that contains its digest.
struct Asset {
    file: String,
    bytes: &'static [u8],
    media_type: &'static str,
}

impl Portal {
    pub(crate) fn new(source: Arc<dyn Source>, base_path: &str, site: &Site) -> Result<Self, BadBasePath> {
        let base = base_path.trim_end_matches('/');
        let plain =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let segments =
            base.strip_prefix('/').map(|rest| rest.split('/').all(|s| plain(s) && s != "." && s != ".."));
        if !base.is_empty() && segments != Some(true) {
            return Err(BadBasePath(base_path.to_owned()));
        }
        let asset = |stem: &str, end: &str, bytes: &'static [u8], media_type| Asset {
            file: format!("{stem}-{}.{end}", &Digest::of(&[bytes]).hex()[..12]),
            bytes,
            media_type,
        };
        let assets = Arc::new([
            asset("portal", "css", include_bytes!("assets/portal.css"), "text/css; charset=utf-8"),
            asset("icon", "svg", include_bytes!("assets/icon.svg"), "image/svg+xml"),
        ]);
        Ok(Self {
            source,
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            waits: Arc::new(Semaphore::new(WAITS_AT_ONCE)),
            base: base.into(),
            assets,
            site: Arc::new(site.clone()),
        })
    }

    /// The file name of the asset with this ending.
    pub(crate) fn asset(&self, end: &str) -> String {
        self.assets
            .iter()
            .find(|asset| asset.file.ends_with(end))
            .map(|asset| asset.file.clone())
            .unwrap_or_default()
    }

    /// Runs a read of the source off the async threads.
    #[allow(clippy::disallowed_methods, reason = "an edge: reads of the disk leave the async threads here")]
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Source) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| Problem::Unavailable)?;
        let source = Arc::clone(&self.source);
        let task = tokio::task::spawn_blocking(move || {
            let _held_while_reading = permit;
            read(source.as_ref())
        });
        match task.await {
            Ok(result) => Ok(result?),
            Err(error) => {
                tracing::error!(%error, "a read for the portal did not end");
                Err(Problem::Unavailable)
            }
        }
    }
}

/// The public portal's routes.
pub fn router(source: Arc<dyn Source>, config: &PortalConfig) -> Result<Router, BadBasePath> {
    let portal = Portal::new(source, &config.base_path, &config.site)?;
    let package = Router::new()
        .route("/", get(api::package))
        .route("/proof", get(api::proof))
        .route("/statement", get(api::statement))
        .route("/card", get(api::card))
        .route("/body", get(api::body))
        .route("/attachments/{body}", get(download::attachment));
    let api = Router::new()
        .route("/v1/node", get(api::node))
        .route("/v1/packages", get(api::packages))
        .nest("/v1/packages/{digest}", package)
        .route("/v1/rollcall", get(api::rollcall))
        .route("/v1/view/{code}/{year}", get(api_view::view))
        .route("/v1/view/{code}/{year}/provenance", get(api_view::provenance))
        .route("/v1/series/{code}", get(api_view::series))
        // Written as a route, so that no page's address of several parts takes what is unknown here.
        .route("/{*unknown}", get(api::not_found))
        .fallback(api::not_found);
    let sums = |lang: Lang| {
        Router::new()
            .route("/{code}/{year}", turned(lang, division::page))
            .route("/{code}/{year}/{scope}", turned(lang, division::page))
            .route("/{code}/{year}/{scope}/{table}/{column}", turned(lang, origin::page))
    };
    let routes = Router::new()
        .route("/", get(pages::start))
        .merge(sums(Lang::Zh))
        .nest("/en", sums(Lang::En))
        .route("/reports", get(pages::reports))
        .route("/a/{agency}/{year}", get(report::current))
        .route("/a/{agency}/{year}/{revision}", get(report::revision))
        .route("/p/{digest}", get(report::by_digest))
        .route("/verify", get(pages::verify))
        .route("/rollcall", get(pages::rollcall))
        .route("/coverage/{year}", get(coverage::coverage))
        .nest("/api", api)
        .route("/.well-known/gongshi.json", get(api::identity))
        .route("/checkpoint", get(api::checkpoint))
        .route("/tile/{*path}", get(api::tile))
        .route("/assets/{file}", get(api::asset))
        .route("/robots.txt", get(api::robots))
        .fallback(pages::not_found);
    let mounted = if portal.base.is_empty() {
        routes
    } else {
        let slash = format!("{}/", portal.base);
        Router::new().nest(&portal.base, routes).route(&slash, get(pages::start)).fallback(pages::not_found)
    };
    Ok(mounted.layer(axum::middleware::from_fn(reply::guard)).with_state(portal))
}
