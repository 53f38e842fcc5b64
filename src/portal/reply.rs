//! What every answer has in common: problem documents, caching, security headers, refusal of request bodies.

use super::doc::PackageState;
use super::source::{Found, SourceError};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing is loaded from elsewhere, nothing inline runs, nobody frames us (trials.md, attack 47). The checking script
/// may ask this portal and the configured portals of other levels, nobody else.
pub(super) fn content_security_policy(others: &[String]) -> String {
    let others: String = others.iter().map(|origin| format!(" {origin}")).collect();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'{others}; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )
}

/// First parts of addresses that pages of other portals may read. Everything there is public, is asked for without
/// credentials and changes nothing, so any origin may: a checking script must not depend on a list kept here.
const FOR_ANY_ORIGIN: [&str; 4] = ["/api/v1/", "/checkpoint", "/tile/", "/.well-known/gongshi.json"];

/// Bytes that can never change under their address.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Bytes that never change but may be erased: caches must let go of them within five minutes.
pub(crate) const ERASABLE: HeaderValue = HeaderValue::from_static("public, max-age=300, must-revalidate");
/// May be kept, must be asked for again.
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Never kept.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Does not exist or is not public yet.
    NotFound,
    /// Was public; the reason as stated.
    Withdrawn(String),
    /// Public, but its body has not arrived yet.
    BodyMissing,
    /// Nothing of the root log has been tailed yet.
    NotSynced,
    /// A parameter of the query cannot be read; its name.
    BadParameter(&'static str),
    /// Not GET or HEAD.
    Method,
    /// The request carries a body.
    Body,
    /// The node could not read its store.
    Unavailable,
    /// It stands at another address below the base path.
    Moved(String),
}

impl Problem {
    /// Status, stable code and title.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "没有这项内容"),
            Self::Withdrawn(_) => (StatusCode::GONE, "withdrawn", "已撤回"),
            Self::BodyMissing => (StatusCode::SERVICE_UNAVAILABLE, "body_missing", "正文尚未到达本节点"),
            Self::NotSynced => (StatusCode::SERVICE_UNAVAILABLE, "not_synced", "尚未同步"),
            Self::BadParameter(_) => (StatusCode::BAD_REQUEST, "bad_parameter", "参数有误"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "只接受 GET 和 HEAD"),
            Self::Body => (StatusCode::PAYLOAD_TOO_LARGE, "body_refused", "请求不得带正文"),
            Self::Moved(_) => (StatusCode::PERMANENT_REDIRECT, "not_found", "没有这项内容"),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", "本节点暂时无法读取数据")
            }
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.parts().0
    }

    /// One line for people.
    pub(crate) fn title(&self) -> &'static str {
        self.parts().2
    }

    /// What to do about it, in a sentence; of a withdrawal the reason as stated.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotFound => "地址有误，或者内容不存在、尚未公开。".to_owned(),
            Self::Withdrawn(reason) => reason.clone(),
            Self::BodyMissing => "内容已公开，本节点正在取回或核对正文，请稍后重试。".to_owned(),
            Self::NotSynced => "本节点还没有取得上级的公开日志，请稍后重试。".to_owned(),
            Self::BadParameter(name) => format!("查询参数 {name} 无法识别。"),
            Self::Method => "公示门户只供读取。".to_owned(),
            Self::Body => "公示门户只供读取，请去掉请求正文后重试。".to_owned(),
            Self::Unavailable => "请稍后重试；若持续出现，请联系本节点的运行单位。".to_owned(),
            Self::Moved(to) => to.clone(),
        }
    }

    /// The same in English, for pages; without what was given.
    pub(crate) fn detail_en(&self) -> &'static str {
        match self {
            Self::NotFound => "The address is wrong, or what it names does not exist or is not public yet.",
            Self::Withdrawn(_) => "Withdrawn by the authority concerned.",
            Self::BodyMissing => {
                "The report is public; this node is fetching or checking its content. Please try again shortly."
            }
            Self::NotSynced => "This node does not hold the public log yet. Please try again shortly.",
            Self::BadParameter(_) => "A parameter of the query cannot be read.",
            Self::Method | Self::Body => "This portal is for reading only.",
            Self::Unavailable => "Please try again; if it persists, tell whoever runs this node.",
            Self::Moved(_) => "It stands at another address.",
        }
    }

    /// Headers that belong to the status, whatever the body's format.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        match self.status() {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        headers
    }
}

impl IntoResponse for Problem {
    /// `application/problem+json` (RFC 9457) with the code that `gongshi explain` knows.
    fn into_response(self) -> Response {
        let (status, code, title) = self.parts();
        let mut document = serde_json::json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": self.detail(), "code": code,
        });
        if let Self::Withdrawn(reason) = &self {
            document["reason"] = reason.as_str().into();
            document["state"] = PackageState::Withdrawn.word().into();
        }
        let mut response = (status, document.to_string()).into_response();
        response.headers_mut().extend(self.headers());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json; charset=utf-8"),
        );
        response
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::BadCursor => Self::BadParameter("after"),
            SourceError::Unavailable(evidence) => {
                tracing::warn!(%evidence, "the portal could not read the store");
                Self::Unavailable
            }
        }
    }
}

/// The value, or the problem that stands in its place.
pub(crate) fn here<T>(found: Found<T>) -> Result<T, Problem> {
    match found {
        Found::Here(value) => Ok(value),
        Found::Absent => Err(Problem::NotFound),
        Found::Withdrawn { reason } => Err(Problem::Withdrawn(reason)),
        Found::BodyMissing => Err(Problem::BodyMissing),
    }
}

/// A body with its type and caching.
pub(crate) fn content(bytes: impl Into<Body>, media_type: &'static str, cache: HeaderValue) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

/// A JSON document.
pub(crate) fn json(document: &impl serde::Serialize, cache: HeaderValue) -> Response {
    match serde_json::to_vec(document) {
        Ok(bytes) => content(bytes, "application/json", cache),
        Err(error) => {
            tracing::error!(%error, "a document could not be written as JSON");
            Problem::Unavailable.into_response()
        }
    }
}

/// Around every route of the console: a form may have a body, and carries its origin (under `no-referrer` a browser
/// would send it as if it came from nowhere, with `Origin: null`).
pub(crate) async fn guard_console(request: Request, next: Next) -> Response {
    let policy = HeaderValue::from_str(&content_security_policy(&[]))
        .unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let refused = match *request.method() {
        Method::POST => None,
        _ => refusal(request.method(), request.headers()),
    };
    guarded(refused, request, next, policy, "same-origin").await
}

/// Around every route of the portal: refuses request bodies, and is open to other origins where everything below `base`
/// is public.
pub(super) async fn guard_of(
    State((base, policy)): State<(std::sync::Arc<str>, HeaderValue)>,
    request: Request,
    next: Next,
) -> Response {
    let below = request.uri().path().strip_prefix(base.as_ref()).unwrap_or_default();
    let open = FOR_ANY_ORIGIN.iter().any(|start| below.starts_with(start));
    let refused = refusal(request.method(), request.headers());
    let mut response = guarded(refused, request, next, policy, "no-referrer").await;
    if open {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// Sets the security headers on every answer, also on that to what is refused.
async fn guarded(
    refused: Option<Problem>,
    request: Request,
    next: Next,
    policy: HeaderValue,
    referrer: &'static str,
) -> Response {
    let mut response = match refused {
        Some(problem) => {
            let mut response = problem.into_response();
            // The body is never read, so the connection cannot carry another request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
        None => next.run(request).await,
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(method: &Method, headers: &HeaderMap) -> Option<Problem> {
    let length = headers.get(header::CONTENT_LENGTH);
    let body = headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|value| value != "0");
    match (method, body) {
        (&Method::GET | &Method::HEAD, false) => None,
        (&Method::GET | &Method::HEAD, true) => Some(Problem::Body),
        _ => Some(Problem::Method),
    }
}
