//! The console against a fake node.

use super::{ConsoleSource, Readiness, router};
use crate::portal::Source;
use crate::portal::fake::Fake;
use crate::portal::tests_api::ask;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

impl ConsoleSource for Fake {
    fn status_json(&self) -> Value {
        json!({
            "schema": "gongshi.status/1", "state": "ok", "unacknowledged": 3,
            "root_log": {"size": if self.empty { 0 } else { 5 }},
            "upstream": {"code": "330000", "state": "down", "behind": 12},
            "children": [{"code": "331126100", "state": "up", "behind": 0}],
        })
    }

    fn readiness(&self) -> Readiness {
        Readiness::of(&self.status_json(), Some(1), 1)
    }

    fn metrics(&self) -> String {
        "gongshi_up 1\n# EOF\n".to_owned()
    }
}

fn app(empty: bool) -> axum::Router {
    let fake = Arc::new(Fake { empty, ..Fake::default() });
    let (source, status): (Arc<dyn Source>, Arc<dyn ConsoleSource>) = (fake.clone(), fake);
    router(source, status).unwrap()
}

#[tokio::test]
async fn the_console_shows_the_links_and_answers_probes() {
    assert_eq!(ask(app(true), "GET", "/healthz").await.text(), "ok");
    assert_eq!(ask(app(true), "GET", "/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let ready = ask(app(false), "GET", "/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    let document: Value = serde_json::from_str(&ready.text()).unwrap();
    assert_eq!(document["reasons"], json!(["upstream_down", "upstream_behind"]));
    let html = ask(app(false), "GET", "/").await.text();
    assert!(html.contains("离线") && html.contains("331126100") && html.contains("<strong>3</strong>"));
    let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links.filter(|link| link.starts_with('/')) {
        assert_eq!(ask(app(false), "GET", link).await.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn metrics_are_in_the_text_format_and_change_nothing() {
    assert!(ask(app(false), "GET", "/metrics").await.text().ends_with("# EOF\n"));
    assert_eq!(ask(app(false), "POST", "/metrics").await.status, StatusCode::METHOD_NOT_ALLOWED);
}
