//! The HTTP contract against a fake node: shapes, codes, headers.

use super::fake::{Fake, code, digest, qingyuan};
use super::source::Found;
use super::{PortalConfig, router};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn ask(app: axum::Router, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(fake: Fake, path: &str) -> Answer {
    ask(router(fake.shared(), &PortalConfig::default()).unwrap(), "GET", path).await
}

fn one() -> Fake {
    Fake::with(vec![qingyuan(1, 1)])
}

fn withdrawn() -> Fake {
    Fake {
        packages: vec![Found::Withdrawn { reason: "含个人信息".into() }, Found::BodyMissing],
        digests: vec![digest(7), digest(8)],
        ..Fake::default()
    }
}

#[tokio::test]
async fn the_node_document_is_the_contract_s() {
    let answer = get(one(), "/api/v1/node").await;
    let want = json!({
        "code": "331126", "level": "district", "name": "庆元县", "federation": digest(9).hex(), "version": "0.1.0",
        "log": {"size": 7, "root_hash": digest(1).base64()}, "root_log": {"size": 99, "root_hash": digest(1).base64()},
        "view_root": digest(2).base64(), "received": 12, "confirmed": {"quorum": 2, "size": 12},
    });
    assert_eq!(answer.json(), want);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_package_document_is_the_contract_s() {
    let path = format!("/api/v1/packages/{}", digest(1));
    let doc = get(one(), &path).await.json();
    let name = "庆元县（县本级汇总，县政府站点发布）";
    assert_eq!(doc["agency"], json!({"id": format!("331126:{name}"), "name": name}));
    assert_eq!(doc["division"], json!({"code": "331126", "name": "浙江省丽水市庆元县"}));
    let fields = ["digest", "index", "year", "revision", "state", "status", "template", "scope"];
    let got: Vec<&Value> = fields.iter().map(|field| &doc[field]).collect();
    let want = json!([digest(1).hex(), 41, 2024, 1, "released", "final", "2021", "consolidated"]);
    assert_eq!(json!(got), want);
    let table = &doc["tables"][0];
    assert_eq!(table["columns"][6], json!({"id": "fined", "header": "罚没金额（万元）", "unit": "万元"}));
    assert_eq!(table["rows"][0][2], json!({"printed": "", "state": "blank"}));
    assert_eq!(table["rows"][0][3], json!({"printed": "不适用", "state": "not_applicable"}));
    let fined = json!({"printed": "1753.79", "value": "17537900", "unit": "元", "state": "value"});
    assert_eq!(table["rows"][0][6], fined);
    assert_eq!(doc["tables"][1]["rows"][0][0], json!({"printed": "林业局", "state": "text"}));
    assert!(doc["tables"][1].get("template").is_none() && doc.get("as_printed").is_none());
    assert_eq!(doc["revisions"][0]["revision"], 1);
    assert_eq!(doc["revisions"][0]["sequenced_at"], "2025-01-16T12:00:00+08:00");
}

#[tokio::test]
async fn roll_call_and_identity_have_their_shapes() {
    let roll = get(one(), "/api/v1/rollcall").await.json();
    assert_eq!(roll["view_root"], digest(2).base64());
    let node = json!({"code": "330000", "name": "某地", "size": 99, "agrees": true, "at": "2025-01-16T12:00:00+08:00"});
    assert_eq!(roll["nodes"][0], node);
    let identity = get(one(), "/.well-known/gongshi.json").await.json();
    assert_eq!(identity["root_log"]["origin"], "gongshi/root/x");
    assert_eq!(identity["cosigner"]["name"], "gongshi/node/y");
}

#[tokio::test]
async fn lists_filter_page_and_clamp() {
    let many = || Fake::with((1..=5).map(|seed| qingyuan(seed, 1)).collect());
    let first = get(many(), "/api/v1/packages?limit=2&year=2024&division=331126").await.json();
    assert_eq!(first["packages"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap().to_owned();
    let last =
        get(many(), &format!("/api/v1/packages?limit=9999999999999999999999&after={next}")).await.json();
    assert_eq!(last["packages"].as_array().unwrap().len(), 3);
    assert!(last.get("next").is_none());
    for (query, count) in
        [("limit=0", 1), ("limit=-5", 1), ("limit=", 5), ("year=2023", 0), ("state=withdrawn", 0)]
    {
        let page = get(many(), &format!("/api/v1/packages?{query}")).await.json();
        assert_eq!(page["packages"].as_array().unwrap().len(), count, "{query}");
    }
    let agency = super::text::segment("331126:庆元县（县本级汇总，县政府站点发布）");
    let page = get(many(), &format!("/api/v1/packages?agency={agency}")).await.json();
    assert_eq!(page["packages"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let long = format!("agency={}", "a".repeat(600));
    let cases = [
        "limit=x",
        "year=24",
        "year=0x7e8",
        "state=held",
        "division=33",
        "after=%00zz",
        "limit=1&limit=2",
        &long,
    ];
    for query in cases {
        let answer = get(one(), &format!("/api/v1/packages?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.json()["code"], "bad_parameter", "{query}");
        assert!(answer.header("content-type").starts_with("application/problem+json"));
    }
}

#[tokio::test]
async fn absent_unreleased_and_malformed_are_one_answer() {
    let mut seen = Vec::new();
    let hex = digest(77).hex();
    for path in [&hex, "zz", "..%2f..%2fetc", &hex.to_uppercase(), "%00"] {
        for part in ["", "/proof", "/statement", "/card", "/body", &format!("/attachments/{}", digest(200))] {
            let answer = get(one(), &format!("/api/v1/packages/{path}{part}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}{part}");
            seen.push((answer.headers.clone(), answer.body));
        }
    }
    seen.push({
        let answer = get(one(), "/api/v1/nothing").await;
        (answer.headers, answer.body)
    });
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn withdrawn_is_gone_with_its_reason_and_a_missing_body_says_so() {
    for part in ["", "/body", "/card"] {
        let gone = get(withdrawn(), &format!("/api/v1/packages/{}{part}", digest(7))).await;
        assert_eq!((gone.status, gone.json()["reason"].clone()), (StatusCode::GONE, json!("含个人信息")));
    }
    let missing = get(withdrawn(), &format!("/api/v1/packages/{}", digest(8))).await;
    assert_eq!(missing.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(missing.json()["code"], "body_missing");
    assert_eq!(missing.header("retry-after"), "5");
}

#[tokio::test]
async fn proofs_and_bytes_are_served_with_their_caching() {
    let at = format!("/api/v1/packages/{}", digest(1));
    let immutable = "public, max-age=31536000, immutable";
    let attachment = format!("/attachments/{}", digest(200));
    for (part, body, cache) in [
        ("/proof", "c2sp.org/tlog-proof@v1\n", "no-cache"),
        ("/statement", "leaf", immutable),
        ("/card", "card", immutable),
        ("/body", "body", "public, max-age=300, must-revalidate"),
        (&attachment, "attac", "public, max-age=300, must-revalidate"),
    ] {
        let answer = get(one(), &format!("{at}{part}")).await;
        assert_eq!((answer.text().as_str(), answer.header("cache-control")), (body, cache), "{part}");
    }
    let answer = get(one(), &format!("{at}{attachment}")).await;
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\""));
    assert_eq!(
        (answer.header("content-length"), answer.header("content-type")),
        ("5", "application/octet-stream")
    );
    assert_eq!(answer.header("gongshi-salt"), "09".repeat(32));
    assert_eq!(get(one(), &format!("{at}/attachments/{}", digest(3))).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tiles_have_one_spelling() {
    let tile = get(one(), "/tile/0/000.p/99").await;
    assert_eq!((tile.body.len(), tile.header("content-type")), (99 * 32, "application/octet-stream"));
    assert_eq!(get(one(), "/tile/entries/000.p/99").await.body.len(), 99);
    for bad in [
        "0/000",
        "0/%30%30%30.p/99",
        "00/000.p/99",
        "0/000.p/099",
        "0/000.p%2F99",
        "entries/000",
        "x",
        "0//000",
    ] {
        let answer = get(one(), &format!("/tile/{bad}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{bad}");
    }
}

#[tokio::test]
async fn before_the_first_tail_there_is_no_checkpoint() {
    let empty = || Fake { empty: true, ..Fake::default() };
    assert_eq!(get(empty(), "/checkpoint").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get(empty(), "/api/v1/node").await.json()["root_log"]["size"], 0);
    let checkpoint = get(one(), "/checkpoint").await;
    assert_eq!(checkpoint.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(checkpoint.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn head_works_and_other_methods_and_bodies_do_not() {
    let app = || router(one().shared(), &PortalConfig::default()).unwrap();
    let head = ask(app(), "HEAD", "/api/v1/node").await;
    assert!(head.status.is_success() && head.body.is_empty());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = ask(app(), method, "/api/v1/node").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    let request =
        Request::builder().uri("/").header("content-length", "5").body(Body::from("hello")).unwrap();
    assert_eq!(app().oneshot(request).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_no_detail() {
    for path in
        ["/", "/api/v1/node", "/nothing", "/checkpoint", "/robots.txt", "/tile/x", "/api/v1/packages?limit=x"]
    {
        let answer = get(one(), path).await;
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
    let broken = get(Fake { broken: true, ..one() }, "/api/v1/packages").await;
    assert_eq!(broken.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!broken.text().contains("sled"));
}

#[tokio::test]
async fn the_base_path_is_in_front_of_everything() {
    let config = PortalConfig { base_path: "/gongshi/qy/".into(), ..PortalConfig::default() };
    let app = || router(one().shared(), &config).unwrap();
    for path in ["/gongshi/qy", "/gongshi/qy/", "/gongshi/qy/api/v1/node", "/gongshi/qy/tile/0/000.p/99"] {
        assert_eq!(ask(app(), "GET", path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(ask(app(), "GET", "/").await.status, StatusCode::NOT_FOUND);
    assert!(ask(app(), "GET", "/gongshi/qy/").await.text().contains("href=\"/gongshi/qy/reports\""));
    for bad in ["gongshi", "/a/{b}", "/a//b", "/..", "/a b", "/*"] {
        assert!(
            router(one().shared(), &PortalConfig { base_path: bad.into(), ..PortalConfig::default() })
                .is_err(),
            "{bad}"
        );
    }
    assert_eq!(code("331126").as_str(), "331126");
}
