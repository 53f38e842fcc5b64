//! Who comes in from where: proxies that are trusted, and strangers who make others wait.

use super::ConsoleRules;
use super::tests::{FORM, NO_RANDOMNESS, OWN, ask, console_with};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::ServiceExt as _;

/// The same console, asked from an address.
fn from(app: &axum::Router, ip: &str) -> axum::Router {
    let peer: SocketAddr = format!("{ip}:1").parse().unwrap();
    app.clone().layer(axum::Extension(ConnectInfo(peer)))
}

fn behind_a_proxy() -> ConsoleRules {
    ConsoleRules {
        proxy_header: "x-user".to_owned(),
        is_proxy: Arc::new(|ip| ip.to_string() == "10.0.0.9"),
        ..ConsoleRules::default()
    }
}

#[tokio::test]
async fn a_proxy_that_is_trusted_names_its_user() {
    let (app, _) = console_with(behind_a_proxy(), 1);
    let named = [("x-user", "audit")];
    let ask = async |ip, page| ask(&from(&app, ip), "GET", page, &named, "").await.status;
    assert_eq!(ask("10.0.0.9", "/audit").await, StatusCode::OK);
    assert_eq!(ask("10.0.0.8", "/audit").await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("10.0.0.9", "/upload").await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_second_word_of_who_it_is_lets_nobody_in() {
    let (app, _) = console_with(behind_a_proxy(), 1);
    let named = [("x-user", "audit"), ("x-user", "all")];
    let answer = ask(&from(&app, "10.0.0.9"), "GET", "/audit", &named, "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "one of the two may be the visitor's own");
}

#[tokio::test]
async fn without_randomness_a_proxys_word_lets_nobody_in() {
    let (app, _) = console_with(behind_a_proxy(), NO_RANDOMNESS);
    let answer = ask(&from(&app, "10.0.0.9"), "GET", "/audit", &[("x-user", "audit")], "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "the token of its forms could be guessed");
}

#[tokio::test]
async fn a_stranger_makes_nobody_wait_where_they_came_in_before() {
    let (app, _) = console_with(ConsoleRules::default(), 1);
    let log_in = async |ip, password| {
        let body = format!("user=all&password={password}&digits=");
        ask(&from(&app, ip), "POST", "/login", &[OWN, FORM], &body).await.status
    };
    assert_eq!(log_in("192.0.2.1", "correct+horse").await, StatusCode::SEE_OTHER);
    while log_in("198.51.100.7", "a+guess").await != StatusCode::TOO_MANY_REQUESTS {}
    let elsewhere = log_in("203.0.113.5", "correct+horse").await;
    assert_eq!(elsewhere, StatusCode::TOO_MANY_REQUESTS, "guesses from many addresses count together");
    assert_eq!(log_in("192.0.2.1", "correct+horse").await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_visitor_says_of_its_own_address_is_not_counted() {
    let (app, _) = console_with(behind_a_proxy(), 1);
    let proxy = from(&app, "10.0.0.9");
    let mut tried = 0_u8;
    loop {
        // Each guess under another name and another claim: in the proxy's line, and in one above it.
        let claim = format!("203.0.113.{tried}");
        let passed_on = [("x-forwarded-for", claim.as_str()), ("x-forwarded-for", "198.51.100.7")];
        let appended = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
        let claims: &[_] = if tried.is_multiple_of(2) { &passed_on } else { &appended };
        let headers = [&[OWN, FORM], claims].concat();
        let body = format!("user=user{tried}&password=a+guess&digits=");
        match ask(&proxy, "POST", "/login", &headers, &body).await.status {
            StatusCode::TOO_MANY_REQUESTS => break,
            status => assert_eq!(status, StatusCode::UNAUTHORIZED),
        }
        tried += 1;
        assert!(tried < 10, "an address of its own choosing for every guess");
    }
}

/// A body of which nothing comes.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn attack_43_a_form_that_never_comes_holds_no_place_for_long() {
    let (app, _) = console_with(ConsoleRules::default(), 1);
    let request = Request::builder().method("POST").uri("/login").header("host", "127.0.0.1:4790");
    let request = request.header(OWN.0, OWN.1).header(FORM.0, FORM.1).body(Body::new(Never)).unwrap();
    #[allow(clippy::disallowed_methods, reason = "what is tested is an edge's own wait")]
    let answer = tokio::time::timeout(Duration::from_secs(30), app.oneshot(request)).await;
    assert_eq!(answer.expect("it is given up").unwrap().status(), StatusCode::FORBIDDEN);
}
