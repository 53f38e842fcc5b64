//! The public API (`/api/v1/...`, tiles, checkpoint, identity): one short handler a document.

use super::Portal;
use super::doc::PackageState;
use super::reply::{ERASABLE, IMMUTABLE, NO_CACHE, NO_STORE, Problem, content, here, json};
use super::source::{Found, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, PackageQuery, Source, SourceError};
use crate::digest::Digest;
use crate::log::tile::{TileKind, TilePath};
use axum::extract::{Path, Query, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";
/// Longest `agency` or `after` accepted, in bytes: an agency name is at most 200 bytes, a cursor far shorter.
const PARAMETER_BYTES_MAX: usize = 512;

/// An answer or the problem document in its place.
pub(super) type Answer = Result<Response, Problem>;

/// `GET /api/v1/node`
pub(super) async fn node(State(portal): State<Portal>) -> Answer {
    let document = portal.read(|source| Ok(source.node())).await?;
    Ok(json(&document, NO_STORE))
}

/// `GET /.well-known/gongshi.json`
pub(super) async fn identity(State(portal): State<Portal>) -> Answer {
    let document = portal.read(|source| Ok(source.identity())).await?;
    Ok(json(&document, NO_CACHE))
}

/// `GET /api/v1/rollcall`
pub(super) async fn rollcall(State(portal): State<Portal>) -> Answer {
    let document = portal.read(|source| Ok(source.rollcall())).await?;
    Ok(json(&document, NO_STORE))
}

/// Query parameters of lists, as text: what cannot be read is our problem document, not the framework's.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct ListParameters {
    division: Option<String>,
    agency: Option<String>,
    year: Option<String>,
    state: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

impl ListParameters {
    /// The query meant; empty parameters count as absent.
    pub(super) fn query(self) -> Result<PackageQuery, Problem> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let bounded = |text: Option<String>, name| match given(text) {
            Some(text) if text.len() > PARAMETER_BYTES_MAX => Err(Problem::BadParameter(name)),
            text => Ok(text),
        };
        let division = given(self.division).map(|text| text.parse()).transpose();
        let year =
            given(self.year).map(|text| year(&text).ok_or(Problem::BadParameter("year"))).transpose()?;
        let state = given(self.state)
            .map(|text| PackageState::from_word(&text).ok_or(Problem::BadParameter("state")))
            .transpose()?;
        let limit =
            given(self.limit).map(|text| limit(&text).ok_or(Problem::BadParameter("limit"))).transpose()?;
        Ok(PackageQuery {
            division: division.map_err(|_| Problem::BadParameter("division"))?,
            agency: bounded(self.agency, "agency")?,
            year,
            state: state.unwrap_or_default(),
            limit: limit.unwrap_or(LIST_LIMIT_DEFAULT),
            after: bounded(self.after, "after")?,
        })
    }
}

/// A year as four digits.
pub(super) fn year(text: &str) -> Option<u16> {
    (text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Any whole number, clamped; numbers too large to hold are clamped like the rest.
pub(super) fn limit(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = if text.starts_with('-') { 0 } else { digits.parse().unwrap_or(usize::MAX) };
    Some(value.clamp(1, LIST_LIMIT_MAX))
}

/// `GET /api/v1/packages`
pub(super) async fn packages(
    State(portal): State<Portal>,
    parameters: Result<Query<ListParameters>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(parameters) = parameters.map_err(|_| Problem::BadParameter("query"))?;
    let query = parameters.query()?;
    let page = portal.read(move |source| source.packages(&query)).await?;
    Ok(json(&page, NO_CACHE))
}

/// `GET /api/v1/packages/{digest}`
pub(super) async fn package(State(portal): State<Portal>, Path(digest): Path<String>) -> Answer {
    let document = found(&portal, &digest, |source, digest| source.package(digest)).await?;
    Ok(json(&document, NO_CACHE))
}

/// `GET /api/v1/packages/{digest}/proof`
pub(super) async fn proof(State(portal): State<Portal>, Path(digest): Path<String>) -> Answer {
    let text = found(&portal, &digest, |source, digest| source.proof(digest)).await?;
    Ok(content(text, TEXT, NO_CACHE))
}

/// `GET /api/v1/packages/{digest}/statement`
pub(super) async fn statement(State(portal): State<Portal>, Path(digest): Path<String>) -> Answer {
    let bytes = found(&portal, &digest, |source, digest| source.leaf(digest)).await?;
    Ok(content(bytes, BYTES, IMMUTABLE))
}

/// `GET /api/v1/packages/{digest}/card`
pub(super) async fn card(State(portal): State<Portal>, Path(digest): Path<String>) -> Answer {
    let bytes = found(&portal, &digest, |source, digest| source.card(digest)).await?;
    Ok(content(bytes, BYTES, IMMUTABLE))
}

/// `GET /api/v1/packages/{digest}/body`
pub(super) async fn body(State(portal): State<Portal>, Path(digest): Path<String>) -> Answer {
    let bytes = found(&portal, &digest, |source, digest| source.body(digest)).await?;
    Ok(content(bytes, BYTES, ERASABLE))
}

/// Reads something addressed by a package digest; what is no digest names nothing.
async fn found<T: Send + 'static>(
    portal: &Portal,
    digest: &str,
    read: impl FnOnce(&dyn Source, &Digest) -> Result<Found<T>, SourceError> + Send + 'static,
) -> Result<T, Problem> {
    let digest: Digest = digest.parse().map_err(|_| Problem::NotFound)?;
    here(portal.read(move |source| read(source, &digest)).await?)
}

/// `GET /checkpoint`
pub(super) async fn checkpoint(State(portal): State<Portal>) -> Answer {
    let note = portal.read(|source| Ok(source.checkpoint())).await?.ok_or(Problem::NotSynced)?;
    Ok(content(note, TEXT, NO_CACHE))
}

/// `GET /tile/...`: the raw path is read, so that an encoded spelling is no second name of a tile.
pub(super) async fn tile(State(portal): State<Portal>, uri: Uri) -> Answer {
    let path = uri.path().split_once("/tile/").map_or("", |(_, rest)| rest);
    let tile = TilePath::parse(path).ok_or(Problem::NotFound)?;
    let bytes = portal
        .read(move |source| match tile.kind {
            TileKind::Hash(level) => source.tile(level, tile.index, tile.width),
            TileKind::Entries => source.entries(tile.index, tile.width),
        })
        .await?
        .ok_or(Problem::NotFound)?;
    Ok(content(bytes, BYTES, IMMUTABLE))
}

/// `GET /assets/{file}`: files whose names contain the digest of their content.
pub(crate) async fn asset(
    State(portal): State<Portal>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let asset = portal.assets.iter().find(|asset| asset.file == file).ok_or(Problem::NotFound)?;
    let tag = format!("\"{}\"", asset.file);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == tag.as_str()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = content(asset.bytes, asset.media_type, IMMUTABLE);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// `GET /robots.txt`: everything here is public and meant to be found.
pub(super) async fn robots() -> Response {
    content("User-agent: *\nAllow: /\n", TEXT, NO_CACHE)
}

/// Unknown addresses below `/api`.
pub(crate) async fn not_found() -> Problem {
    Problem::NotFound
}
