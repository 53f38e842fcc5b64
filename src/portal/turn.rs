//! From an address to a page or its data: every page of the portal that is a [`Folio`] is one function of the source
//! and what was asked, and this turns it into a page, JSON, CSV or a workbook, in either language.

use super::folio::{Block, Cell, Folio};
use super::pages::Frame;
use super::reply::{NO_CACHE, Problem, content};
use super::words::Lang;
use super::{Portal, Source, pages, workbook};
use crate::digest::Digest;
use askama::Template;
use axum::extract::{Query, RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use std::collections::BTreeMap;

/// Longest part of an address or query that is read, in bytes: a header of a table is at most 240 bytes.
const PART_BYTES_MAX: usize = 1024;

/// What a page is asked for.
pub(super) struct Ask {
    pub(super) lang: Lang,
    parts: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
}

impl Ask {
    /// A part of the address, without the ending that names a format.
    pub(super) fn part(&self, name: &str) -> &str {
        self.parts.get(name).map_or("", String::as_str)
    }

    /// A parameter of the query; empty when absent or too long.
    pub(super) fn query(&self, name: &str) -> &str {
        self.query.get(name).filter(|text| text.len() <= PART_BYTES_MAX).map_or("", String::as_str)
    }

    /// The year of the address.
    pub(super) fn year(&self) -> Result<u16, Problem> {
        super::api::year(self.part("year")).ok_or(Problem::NotFound)
    }
}

/// A page as a function.
pub(super) type Page = fn(&dyn Source, &Ask) -> Result<Folio, Problem>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Page,
    Json,
    Csv,
    Workbook,
}

const ENDINGS: [(&str, Form); 3] = [(".json", Form::Json), (".csv", Form::Csv), (".xlsx", Form::Workbook)];

#[derive(Template)]
#[template(path = "folio.html", config = "src/portal/askama.toml")]
struct FolioPage {
    frame: Frame,
    folio: Folio,
    digest_root: String,
}

/// The route of a page in a language.
pub(super) fn turned(lang: Lang, page: Page) -> MethodRouter<Portal> {
    get(
        move |State(portal): State<Portal>,
              uri: Uri,
              parts: RawPathParams,
              query: Result<Query<BTreeMap<String, String>>, axum::extract::rejection::QueryRejection>,
              headers: HeaderMap| async move {
            let mut parts: BTreeMap<String, String> =
                parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let path = uri.path().to_owned();
            let (form, bare) = ENDINGS
                .iter()
                .find_map(|(ending, form)| Some((*form, path.strip_suffix(ending)?.to_owned())))
                .unwrap_or((Form::Page, path));
            // The ending belongs to the last part of the address, whichever that is.
            if form != Form::Page {
                let ending = ENDINGS.iter().find(|(_, own)| *own == form).map_or("", |(ending, _)| *ending);
                let last = |value: &String| uri.path().ends_with(&super::text::segment(value));
                if let Some(value) = parts.values_mut().find(|value| value.ends_with(ending) && last(value)) {
                    value.truncate(value.len() - ending.len());
                }
            }
            let answer = async {
                let Query(query) = query.map_err(|_| Problem::BadParameter("query"))?;
                if parts.values().any(|part| part.len() > PART_BYTES_MAX) {
                    return Err(Problem::NotFound);
                }
                let ask = Ask { lang, parts, query };
                // A problem is the page's verdict, not the read's.
                let (node, folio) =
                    portal.read(move |source| Ok((source.node(), page(source, &ask)))).await?;
                let mut folio = folio?;
                match form {
                    Form::Page => {
                        let own = bare.as_str();
                        let frame = Frame::new(&portal, node, "").within(lang, own);
                        let digest_root = frame.node.root_log.root_hash.base64();
                        Ok(pages::page(&FolioPage { frame, folio, digest_root }))
                    }
                    Form::Json => Ok(super::reply::json(&folio.json(), NO_CACHE)),
                    Form::Csv => Ok(content(folio.rows(lang).to_csv(), "text/csv; charset=utf-8", NO_CACHE)),
                    Form::Workbook => {
                        let bytes = workbook::tidy(&folio.rows(lang)).ok_or(Problem::Unavailable)?;
                        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
                        Ok(content(bytes, kind, NO_CACHE))
                    }
                }
            };
            match (answer.await, form) {
                (Ok(response), _) => tagged(response, &headers).await,
                (Err(problem), Form::Page) => pages::shown(&portal, Err(problem)).await,
                (Err(problem), _) => problem.into_response(),
            }
        },
    )
}

/// With an entity tag of the content; 304 where the reader has it.
async fn tagged(response: Response, headers: &HeaderMap) -> Response {
    use http_body_util::BodyExt as _;
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Problem::Unavailable.into_response();
    };
    let tag = format!("\"{}\"", &Digest::of(&[&bytes]).hex()[..20]);
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let same = held.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, axum::body::Body::empty());
    }
    Response::from_parts(parts, bytes.into())
}
