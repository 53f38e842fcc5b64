//! Rendering, and every error a person can meet.

use super::Portal;
use super::frame::Frame;
use super::reply::{NO_CACHE, Problem, content};
use super::words::{Lang, Reading};
use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};

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

#[derive(Template)]
#[template(path = "problem.html", config = "src/portal/askama.toml")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    detail: String,
    withdrawn: bool,
}

/// The page about a problem, in the reading of `path`.
pub(super) async fn problem_page(portal: &Portal, path: &str, problem: Problem) -> Response {
    let Ok(node) = portal.read(|source| Ok(source.node())).await else {
        return problem.into_response();
    };
    // What does not exist says nothing of how it was asked for, but for the reading.
    let below = path.strip_prefix(portal.base.as_ref()).unwrap_or(path);
    let (reading, _) = Reading::of(below);
    let mut frame = Frame::new(portal, node, &format!("{}{}/", portal.base, reading.prefix()));
    frame.path = "/".to_owned();
    frame.has_readings = false;
    let title = frame.t(problem.title());
    let detail = match (&problem, reading.lang) {
        (Problem::Withdrawn(reason), _) => reason.clone(),
        (_, Lang::Zh) => problem.detail(),
        (_, Lang::En) => problem.detail_en().to_owned(),
    };
    let (status, withdrawn) = (problem.status().as_u16(), matches!(problem, Problem::Withdrawn(_)));
    let mut response = page(&ProblemPage { frame, status, title, detail, withdrawn });
    *response.status_mut() = problem.status();
    response.headers_mut().extend(problem.headers());
    response
}

/// Every address that is none.
pub(super) async fn not_found(State(portal): State<Portal>, OriginalUri(uri): OriginalUri) -> Response {
    problem_page(&portal, uri.path(), Problem::NotFound).await
}
