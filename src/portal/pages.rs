//! The plain pages: start, lists, how to verify, the roll call, and every error a person can meet.

use super::api::ListParameters;
use super::doc::{ConfirmedDoc, NodeDoc, PackageSummary, RollcallDoc};
use super::reply::{NO_CACHE, Problem, content};
use super::source::{ChildLink, OverviewDoc, PackageQuery};
use super::text::{age_zh, segment, web_url};
use super::words::Lang;
use super::{Portal, Site};
use crate::digest::Digest;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Characters of a hash that pages show where the full one is a click away.
const HASH_CHARS_SHOWN: usize = 12;

/// What the frame of every page shows.
pub(super) struct Frame {
    pub(super) base: String,
    pub(super) css: String,
    pub(super) icon: String,
    /// Which entry of the navigation is this page.
    pub(super) at: &'static str,
    pub(super) node: NodeDoc,
    pub(super) site: Arc<Site>,
    lang: Lang,
    /// This page in the other language, where it has one.
    pub(super) other: Option<String>,
}

impl Frame {
    pub(super) fn new(portal: &Portal, node: NodeDoc, at: &'static str) -> Self {
        Self {
            base: portal.base.to_string(),
            css: portal.asset("css"),
            icon: portal.asset("svg"),
            at,
            node,
            site: Arc::clone(&portal.site),
            lang: Lang::Zh,
            other: None,
        }
    }
    /// The frame of a page that is there in both languages, at `path` below the base path.
    pub(super) fn within(mut self, lang: Lang, path: &str) -> Self {
        let bare = path.strip_prefix("/en").unwrap_or(path);
        self.other = Some(match lang {
            Lang::Zh => format!("{}/en{path}", self.base),
            Lang::En => format!("{}{bare}", self.base),
        });
        self.lang = lang;
        self
    }
    pub(super) fn t(&self, zh: &'static str) -> &'static str {
        self.lang.say(zh)
    }
    pub(super) fn is_english(&self) -> bool {
        self.lang == Lang::En
    }
    /// The address of a page below the base path: in this page's language where it is there in both.
    pub(super) fn to(&self, link: &str) -> String {
        let both = link.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let lang = if both && self.is_english() { "/en" } else { "" };
        format!("{}{lang}{link}", self.base)
    }
    pub(super) fn synced(&self) -> bool {
        self.node.root_log.size > 0
    }
    pub(super) fn root_short(&self) -> String {
        short(&self.node.root_log.root_hash)
    }
    pub(super) fn view_short(&self) -> String {
        short(&self.node.view_root)
    }
}

fn short(digest: &Digest) -> String {
    digest.base64().chars().take(HASH_CHARS_SHOWN).chain(['…']).collect()
}

/// A package in a list, with the address of its report below the base path.
struct Item {
    summary: PackageSummary,
    link: String,
}

impl From<PackageSummary> for Item {
    /// The year's own address for the current revision; the content's for every other.
    fn from(summary: PackageSummary) -> Self {
        let link = match summary.state {
            super::doc::PackageState::Released => year_link(&summary),
            _ => format!("/p/{}", summary.digest),
        };
        Self { summary, link }
    }
}

/// `/a/{agency}/{year}`, encoded.
pub(super) fn year_link(summary: &PackageSummary) -> String {
    format!("/a/{}/{}", segment(&summary.agency.id), summary.year)
}

/// A rendered page.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => content(html, "text/html; charset=utf-8", NO_CACHE),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Problem::Unavailable.into_response()
        }
    }
}

/// The page, or the page about the problem.
pub(super) async fn shown(portal: &Portal, page: Result<Response, Problem>) -> Response {
    match page {
        Ok(response) => response,
        Err(problem) => problem_page(portal, problem).await,
    }
}

#[derive(Template)]
#[template(path = "problem.html", config = "src/portal/askama.toml")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    detail: String,
    withdrawn: bool,
}

async fn problem_page(portal: &Portal, problem: Problem) -> Response {
    let Ok(node) = portal.read(|source| Ok(source.node())).await else {
        return problem.into_response();
    };
    let mut response = page(&ProblemPage {
        frame: Frame::new(portal, node, ""),
        status: problem.status().as_u16(),
        title: problem.title(),
        detail: problem.detail(),
        withdrawn: matches!(problem, Problem::Withdrawn(_)),
    });
    *response.status_mut() = problem.status();
    response.headers_mut().extend(problem.headers());
    response
}

/// Every address that is none.
pub(super) async fn not_found(State(portal): State<Portal>) -> Response {
    problem_page(&portal, Problem::NotFound).await
}

#[derive(Template)]
#[template(path = "start.html", config = "src/portal/askama.toml")]
struct StartPage {
    frame: Frame,
    overview: OverviewDoc,
    total: u64,
    span: Option<String>,
    age: Option<String>,
    newest: Vec<Item>,
    children: Vec<ChildLink>,
}

/// `/`
pub(super) async fn start(State(portal): State<Portal>) -> Response {
    let read = portal.read(|source| Ok((source.node(), source.overview()))).await;
    let result = read.map(|(node, mut overview)| {
        let years = overview.years.iter().map(|y| y.year);
        let span = years.clone().min().zip(years.max()).map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}–{last}"),
        });
        let mut children = std::mem::take(&mut overview.children);
        for child in &mut children {
            child.portal = child.portal.take().filter(|url| web_url(url).is_some());
        }
        page(&StartPage {
            frame: Frame::new(&portal, node, "start"),
            total: overview.years.iter().map(|y| y.count).sum(),
            span,
            age: overview.checkpoint_age_ms.map(age_zh),
            newest: std::mem::take(&mut overview.newest).into_iter().map(Item::from).collect(),
            children,
            overview,
        })
    });
    shown(&portal, result).await
}

#[derive(Template)]
#[template(path = "reports.html", config = "src/portal/askama.toml")]
struct ReportsPage {
    frame: Frame,
    query: PackageQuery,
    items: Vec<Item>,
    next: Option<String>,
}

/// `/reports?year=&division=&agency=&state=&after=`
pub(super) async fn reports(
    State(portal): State<Portal>,
    parameters: Result<Query<ListParameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let result = async {
        let Query(parameters) = parameters.map_err(|_| Problem::BadParameter("query"))?;
        let query = parameters.query()?;
        let asked = query.clone();
        let (node, list) = portal.read(move |source| Ok((source.node(), source.packages(&asked)?))).await?;
        let next = list.next.map(|cursor| next_link(&query, &cursor));
        let items = list.packages.into_iter().map(Item::from).collect();
        Ok(page(&ReportsPage { frame: Frame::new(&portal, node, "reports"), query, items, next }))
    };
    let result = result.await;
    shown(&portal, result).await
}

fn next_link(query: &PackageQuery, cursor: &str) -> String {
    let mut link =
        format!("/reports?state={}&limit={}&after={}", query.state.word(), query.limit, segment(cursor));
    if let Some(year) = query.year {
        link.push_str(&format!("&year={year}"));
    }
    if let Some(division) = &query.division {
        link.push_str(&format!("&division={}", segment(division.as_str())));
    }
    if let Some(agency) = &query.agency {
        link.push_str(&format!("&agency={}", segment(agency)));
    }
    link
}

#[derive(Template)]
#[template(path = "verify.html", config = "src/portal/askama.toml")]
struct VerifyPage {
    frame: Frame,
    example: String,
}

/// `/verify`: with the newest package's digest as the example, so that the commands run as they stand.
pub(super) async fn verify(State(portal): State<Portal>) -> Response {
    let read = portal.read(|source| Ok((source.node(), source.overview()))).await;
    let result = read.map(|(node, overview)| {
        let newest = overview.newest.first().map(|package| package.digest.hex());
        let example = newest.unwrap_or_else(|| "报告摘要".to_owned());
        page(&VerifyPage { frame: Frame::new(&portal, node, "verify"), example })
    });
    shown(&portal, result).await
}

#[derive(Template)]
#[template(path = "rollcall.html", config = "src/portal/askama.toml")]
struct RollcallPage {
    frame: Frame,
    roll: RollcallDoc,
    agreeing: usize,
    confirmed: ConfirmedDoc,
}

/// `/rollcall`
pub(super) async fn rollcall(State(portal): State<Portal>) -> Response {
    let read = portal.read(|source| Ok((source.node(), source.rollcall()))).await;
    let result = read.map(|(node, roll)| {
        let agreeing = roll.nodes.iter().filter(|node| node.agrees).count();
        let confirmed = node.confirmed.clone();
        page(&RollcallPage { frame: Frame::new(&portal, node, "rollcall"), roll, agreeing, confirmed })
    });
    shown(&portal, result).await
}
