//! From an address to a page or its data: every page of the portal is a [`Folio`], one function of the source and what
//! was asked, and this turns it into a page, JSON, CSV or a workbook, in either language and size.

use super::dataset;
use super::folio::{Block, Cell, Folio};
use super::frame::Frame;
use super::reply::{NO_CACHE, Problem, content};
use super::words::{Lang, Reading};
use super::{KnownPortal, Portal, Site, Source, pages, workbook};
use crate::digest::Digest;
use askama::Template;
use axum::extract::{OriginalUri, Query, RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get};
use std::collections::BTreeMap;

/// Longest part of an address or query that is read, in bytes: a header of a table is at most 240 bytes.
const PART_BYTES_MAX: usize = 1024;

/// What a page is asked for.
pub(super) struct Ask {
    pub(super) lang: Lang,
    pub(super) form: Form,
    portal: Portal,
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
        self.query.get(name).filter(|text| text.len() <= PART_BYTES_MAX).map_or("", String::as_str).trim()
    }

    /// The year of the address.
    pub(super) fn year(&self) -> Result<u16, Problem> {
        super::api::year(self.part("year")).ok_or(Problem::NotFound)
    }

    /// Portals of other nodes that this one is told of.
    pub(super) fn known(&self) -> &[KnownPortal] {
        &self.portal.known
    }

    /// Who runs the site.
    pub(super) fn site(&self) -> &Site {
        &self.portal.site
    }

    /// The path in front of every address.
    pub(super) fn base(&self) -> &str {
        &self.portal.base
    }
}

/// A page as a function.
pub(super) type Page = fn(&dyn Source, &Ask) -> Result<Folio, Problem>;

/// In which form a page is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Page,
    Json,
    Csv,
    Workbook,
}

/// Endings of addresses that ask for data.
pub(super) const ENDINGS: [(&str, Form); 3] =
    [(".json", Form::Json), (".csv", Form::Csv), (".xlsx", Form::Workbook)];

#[derive(Template)]
#[template(path = "folio.html", config = "src/portal/askama.toml")]
struct FolioPage {
    frame: Frame,
    folio: Folio,
    digest_root: String,
    dataset: Option<super::escape::DataBlock>,
}

/// The route of a page in a reading.
pub(super) fn turned(reading: Reading, page: Page) -> MethodRouter<Portal> {
    get(
        move |State(portal): State<Portal>,
              OriginalUri(uri): OriginalUri,
              parts: RawPathParams,
              query: Result<Query<BTreeMap<String, String>>, axum::extract::rejection::QueryRejection>,
              headers: HeaderMap| async move {
            let mut parts: BTreeMap<String, String> =
                parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let path = uri.path().to_owned();
            let (ending, form, bare) = ENDINGS
                .iter()
                .find_map(|(ending, form)| Some((*ending, *form, path.strip_suffix(ending)?.to_owned())))
                .unwrap_or(("", Form::Page, path.clone()));
            // The ending belongs to the last part of the address, whichever that is.
            if form != Form::Page {
                let last = |value: &String| path.ends_with(&super::text::segment(value));
                if let Some(value) = parts.values_mut().find(|value| value.ends_with(ending) && last(value)) {
                    value.truncate(value.len() - ending.len());
                }
            }
            let answer = answer(&portal, reading, page, form, &bare, parts, query).await;
            match (answer, form) {
                (Ok(response), _) => tagged(response, &headers).await,
                (Err(Problem::Moved(to)), _) => {
                    Redirect::permanent(&format!("{}{}{to}{ending}", portal.base, reading.prefix()))
                        .into_response()
                }
                (Err(problem), Form::Page) => pages::problem_page(&portal, &path, problem).await,
                (Err(problem), _) => problem.into_response(),
            }
        },
    )
}

async fn answer(
    portal: &Portal,
    reading: Reading,
    page: Page,
    form: Form,
    bare: &str,
    parts: BTreeMap<String, String>,
    query: Result<Query<BTreeMap<String, String>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::BadParameter("query"))?;
    if parts.values().any(|part| part.len() > PART_BYTES_MAX) {
        return Err(Problem::NotFound);
    }
    let lang = reading.lang;
    let ask = Ask { lang, form, portal: portal.clone(), parts, query };
    // A problem is the page's verdict, not the read's.
    let (node, folio) = portal.read(move |source| Ok((source.node(), page(source, &ask)))).await?;
    let mut folio = folio?;
    Ok(match form {
        Form::Page => {
            let frame = Frame::new(portal, node, bare);
            let digest_root = frame.node.root_log.root_hash.base64();
            let dataset = folio.is_dataset.then(|| dataset::described(&frame, &folio));
            pages::page(&FolioPage { frame, folio, digest_root, dataset })
        }
        Form::Json => super::reply::json(&folio.json(), NO_CACHE),
        Form::Csv => {
            file(content(folio.rows(lang).to_csv(), "text/csv; charset=utf-8", NO_CACHE), bare, "csv")
        }
        Form::Workbook => {
            let made = match folio.workbook.take() {
                Some(made) => Some(made),
                None => workbook::tidy(&folio.rows(lang)),
            };
            let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            file(content(made.ok_or(Problem::Unavailable)?, kind, NO_CACHE), bare, "xlsx")
        }
    })
}

/// Named by its address, in plain characters.
fn file(mut response: Response, bare: &str, ending: &str) -> Response {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = bare.chars().map(plain).collect();
    let name = format!("attachment; filename=\"{}.{ending}\"", name.trim_matches('-'));
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// With an entity tag of the content; 304 where the reader has it.
pub(super) async fn tagged(response: Response, headers: &HeaderMap) -> Response {
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
