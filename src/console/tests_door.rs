//! Who comes in from where: proxies that are trusted, and strangers who make others wait.

use super::ConsoleRules;
use super::tests::{FORM, NO_RANDOMNESS, OWN, ask, console_with};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;

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
