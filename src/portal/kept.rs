//! Answers kept for the next reader: on the day of a release many ask for the same few pages.
//!
//! Promises: an answer is given again for exactly its address and host, only while the node shows the edition under which
//! it was made ([`super::Source::edition`]), and for [`AGE_MAX`] at most, because ages stand on pages. So nothing is shown
//! later than it would have been, and nothing that is withdrawn or erased outlives its edition. Takes [`BYTES_MAX`] of
//! memory at most, whatever is asked for. Keeps no refusal, no redirect, nothing that says `no-store`, nothing that streams.

#![allow(clippy::disallowed_methods, reason = "an edge: the age of an answer is the server's own business")]

use super::source::Source;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An answer is made anew after this.
const AGE_MAX: Duration = Duration::from_secs(2);
/// Memory for all that is kept, in bytes; when it is full, all is let go.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest answer that is kept, in bytes: a page has 60 KB at most, a list of a thousand packages about 400.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// What an answer costs beside its content and its address: headers and the table's own.
const ANSWER_COST: usize = 1024;

/// The answers of one portal.
#[derive(Clone)]
pub(super) struct Answers {
    source: Arc<dyn Source>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    edition: u64,
    bytes: usize,
    answers: HashMap<String, Answer>,
}

#[derive(Clone)]
struct Answer {
    made: Instant,
    headers: HeaderMap,
    content: Bytes,
}

impl Answers {
    pub(super) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, kept: Arc::default() }
    }

    /// What is kept of an edition: nothing of another.
    fn of(&self, edition: u64) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.edition != edition {
            *kept = Kept { edition, ..Kept::default() };
        }
        kept
    }

    fn find(&self, key: &str, edition: u64, now: Instant) -> Option<Answer> {
        let found = self.of(edition).answers.get(key).cloned();
        found.filter(|answer| now.saturating_duration_since(answer.made) < AGE_MAX)
    }

    fn keep(&self, key: String, edition: u64, answer: Answer) {
        let cost = key.len() + answer.content.len() + ANSWER_COST;
        let mut kept = self.of(edition);
        if kept.bytes + cost > BYTES_MAX {
            *kept = Kept { edition, ..Kept::default() };
        }
        kept.bytes += cost;
        if let Some(before) = kept.answers.insert(key.clone(), answer) {
            kept.bytes -= key.len() + before.content.len() + ANSWER_COST;
        }
    }
}

/// Under which an answer may be kept: addresses in it may be made of the host that was asked for. None for what is asked
/// for in any special way.
fn key(request: &Request) -> Option<String> {
    let headers = request.headers();
    let special = [header::RANGE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    if request.method() != Method::GET || special.iter().any(|name| headers.contains_key(name)) {
        return None;
    }
    let host = headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok())?;
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
    Some(format!("{host} {address}"))
}

/// The answer as it was made, or that the reader has it.
fn again(answer: Answer, asked: Option<&str>) -> Response {
    let tag = answer.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let has =
        asked.unwrap_or_default().split(',').any(|one| Some(one.trim().trim_start_matches("W/")) == tag);
    let mut response = Response::new(if has { Body::empty() } else { answer.content.into() });
    *response.headers_mut() = answer.headers;
    if has {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

/// Around every route of the portal.
pub(super) async fn kept(State(answers): State<Answers>, request: Request, next: Next) -> Response {
    let Some(key) = key(&request) else { return next.run(request).await };
    // Before the answer is made: what changes meanwhile makes it another's.
    let (edition, now) = (answers.source.edition(), Instant::now());
    if let Some(answer) = answers.find(&key, edition, now) {
        let asked = request.headers().get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        return again(answer, asked);
    }
    let response = next.run(request).await;
    let headers = response.headers();
    let stored = headers.get(header::CACHE_CONTROL).is_some_and(|cache| cache != "no-store");
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if response.status() != StatusCode::OK || !stored || length.is_none_or(|length| length > ANSWER_BYTES_MAX)
    {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(content) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return super::reply::Problem::Unavailable.into_response();
    };
    answers.keep(
        key,
        edition,
        Answer { made: now, headers: parts.headers.clone(), content: content.clone() },
    );
    Response::from_parts(parts, content.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::fake::Fake;

    fn answer(content: &'static str, made: Instant) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, axum::http::HeaderValue::from_static("\"tag\""));
        headers.insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static("text/plain"));
        Answer { made, headers, content: Bytes::from_static(content.as_bytes()) }
    }

    #[test]
    fn an_answer_is_given_again_in_its_edition_and_time_and_to_its_address_alone() {
        let (answers, now) = (Answers::new(Fake::default().shared()), Instant::now());
        answers.keep("h /a".to_owned(), 1, answer("one", now));
        let found = |key, edition, at| answers.find(key, edition, at).map(|answer| answer.content);
        assert_eq!(found("h /a", 1, now), Some(Bytes::from_static(b"one")));
        assert_eq!(found("g /a", 1, now), None);
        assert_eq!(found("h /a", 1, now + AGE_MAX), None);
        assert_eq!(found("h /a", 2, now), None);
        assert_eq!(found("h /a", 1, now), None, "let go of with its edition");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (answers, now) = (Answers::new(Fake::default().shared()), Instant::now());
        for number in 0..20_000 {
            answers.keep(format!("h /{number}"), 1, answer("one", now));
            answers.keep(format!("h /{number}"), 1, answer("another", now));
            let kept = answers.of(1);
            let bytes: usize =
                kept.answers.iter().map(|(key, answer)| key.len() + answer.content.len() + ANSWER_COST).sum();
            assert_eq!(kept.bytes, bytes);
            assert!(bytes <= BYTES_MAX);
        }
    }

    #[test]
    fn a_reader_that_has_it_is_told_so() {
        let now = Instant::now();
        let status = |asked| again(answer("one", now), asked).status();
        assert_eq!(status(None), StatusCode::OK);
        assert_eq!(status(Some("\"other\"")), StatusCode::OK);
        assert_eq!(status(Some("\"other\", W/\"tag\"")), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn what_is_asked_for_in_a_special_way_is_not_kept() {
        let request = |method: &str, name: &'static str| {
            let request = axum::http::Request::builder().method(method).uri("/a?b").header(name, "x");
            request.body(Body::empty()).expect("a request")
        };
        assert_eq!(key(&request("GET", "host")).as_deref(), Some("x /a?b"));
        assert_eq!(key(&request("HEAD", "host")), None);
        assert_eq!(key(&request("GET", "range")), None);
        assert_eq!(key(&request("GET", "content-length")), None);
    }
}
