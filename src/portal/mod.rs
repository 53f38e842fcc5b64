//! The public portal: the HTTP contract and the pages, for people and programs.
//!
//! Everything is read through [`Source`]; nothing here changes any state. Pages are rendered on the server, need no
//! JavaScript and load nothing from elsewhere. The routes stand on one screen below.
//!
//! - [`source`] the trait the node implements; [`doc`] the documents of the API
//! - `api_view` the API of the consolidated view
//! - `api` the API's handlers, tiles and checkpoint; `reply` problems, caching, security headers
//! - `download` attachments, chunk by chunk
//! - `folio` a page as data, `turn` from an address to a page, JSON, CSV or workbook, `words` the two languages,
//!   `frame` what stands around it, `pages` rendering and errors, templates/ and assets/
//! - a page a file: `start`, `listing`, `search`, `division` (with `headlines`, `division_tables`, `charts`), `origin` (what a sum is
//!   made of), `across` (a table across agencies), `beside` (two side by side), `report` (with `report_tables`,
//!   `report_proof`), `coverage` (with `coverage_grid`, `circular`), `corrections`, `calendar`, `dictionary`, `verify`,
//!   `rollcall`, `about`
//! - `openapi` the API described, `changes` the log for mirrors, `feed` Atom and sitemap, `dataset` JSON-LD
//! - [`escape`] the one way text enters a page; `text` small words; [`known`] portals of other nodes
//! - `kept` answers given again while nothing changed; [`server`] the accept loop with its limits

pub mod doc;
pub mod escape;
pub mod server;
pub mod source;

mod about;
mod across;
pub(crate) mod api;
mod api_view;
mod beside;
mod calendar;
pub mod changes;
mod charts;
pub(crate) mod circular;
mod corrections;
mod coverage;
mod coverage_grid;
mod dataset;
mod dictionary;
mod division;
mod division_tables;
mod download;
mod feed;
mod folio;
mod frame;
mod headlines;
mod kept;
mod kind;
pub mod known;
mod listing;
mod openapi;
mod origin;
pub(crate) mod pages;
pub(crate) mod reply;
mod report;
mod report_proof;
mod report_tables;
mod rollcall;
mod routes;
mod search;
mod stall;
mod start;
pub(crate) mod text;
mod turn;
mod verify;
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
mod tests_documents;
#[cfg(test)]
mod tests_pages;

pub use known::KnownPortal;
pub use routes::router;
pub use source::Source;

use crate::digest::Digest;
use reply::Problem;
use serde::{Deserialize, Serialize};
use source::SourceError;
use std::sync::Arc;
use tokio::sync::Semaphore;

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
    /// The site's address with scheme and host, without the base path; empty where it is not configured.
    pub url: String,
    /// Portals of other nodes.
    pub known: Vec<KnownPortal>,
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
    /// Scheme and host of the site; empty where it is not configured.
    origin: Arc<str>,
    known: Arc<[KnownPortal]>,
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
            asset("verify", "js", include_bytes!("assets/verify.js"), "text/javascript; charset=utf-8"),
            asset("icon", "svg", include_bytes!("assets/icon.svg"), "image/svg+xml"),
        ]);
        Ok(Self {
            source,
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            waits: Arc::new(Semaphore::new(WAITS_AT_ONCE)),
            base: base.into(),
            assets,
            site: Arc::new(site.clone()),
            origin: Arc::default(),
            known: Arc::default(),
        })
    }

    /// As configured.
    fn of(source: Arc<dyn Source>, config: &PortalConfig) -> Result<Self, BadBasePath> {
        let portal = Self::new(source, &config.base_path, &config.site)?;
        let origin = text::web_url(&config.url).unwrap_or_default().trim_end_matches('/').into();
        Ok(Self { origin, known: config.known.clone().into(), ..portal })
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
