//! The pages of a division's year against a fake node.

use super::fake::{Fake, digest, qingyuan};
use super::tests_api::{Answer, ask};
use super::{PortalConfig, router};
use axum::http::StatusCode;

async fn get(fake: Fake, path: &str) -> Answer {
    ask(router(fake.shared(), &PortalConfig::default()).unwrap(), "GET", path).await
}

fn one() -> Fake {
    Fake::with(vec![qingyuan(1, 1)])
}

#[tokio::test]
async fn a_division_s_year_tells_zero_blank_and_missing_apart_in_both_languages() {
    let html = get(one(), "/331126/2024").await.text();
    for text in [
        "108,156",
        "未填",
        "暂无报告",
        "无案件",
        "应报 5",
        "来自 1 份报告",
        "较上年 +1.00%",
        "逐格对照",
        "无数据",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains(">0</a></td>") && html.contains("/331126/2024/all/penalty/total"));
    let english = get(one(), "/en/331126/2024/own").await.text();
    assert!(
        english.contains("<html lang=\"en\">") && english.contains("no cases") && english.contains("Due 5")
    );
    assert!(english.contains("href=\"/en/331126/2024\""));
    for bad in
        ["/331126/1", "/33/2024", "/331126/2024/x", "/331126/2024/all/penalty/none", "/331126/2024.doc"]
    {
        assert_eq!(get(one(), bad).await.status, StatusCode::NOT_FOUND, "{bad}");
    }
    let empty = get(Fake { empty: true, ..Fake::default() }, "/331126/2024").await;
    assert_eq!(empty.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_same_figures_come_as_csv_json_and_workbook() {
    for (path, kind, text) in [
        ("/331126/2024.csv", "text/csv", "108156"),
        ("/331126/2024.json", "application/json", "\"108156\""),
        ("/331126/2024/own.csv", "text/csv", "108156"),
        ("/331126/2024/all/penalty/total.csv", "text/csv", "331126"),
        ("/331126/2024/all/penalty/a%2Fb.json", "application/json", "331126"),
        ("/en/331126/2024.csv", "text/csv", "division_name"),
    ] {
        let answer = get(one(), path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
    }
    let book = get(one(), "/331126/2024.xlsx").await;
    assert!(book.status == StatusCode::OK && book.body.starts_with(b"PK"));
}

#[tokio::test]
async fn attack_47_a_hostile_name_is_only_text_on_the_pages_of_sums() {
    let payload = "<script>alert(1)</script>\"'\u{202e}";
    let hostile = || {
        let mut doc = qingyuan(1, 1);
        doc.summary.division.name = payload.into();
        Fake { payload: Some(payload.into()), ..Fake::with(vec![doc]) }
    };
    for path in ["/331126/2024", "/331126/2024/own", "/331126/2024/all/penalty/total", "/en/331126/2024"] {
        let html = get(hostile(), path).await.text();
        assert!(
            html.contains("&lt;script") && !html.contains("<script>") && !html.contains('\u{202e}'),
            "{path}"
        );
        assert!(!html.contains(" style=") && !html.contains("href=\"javascript"), "{path}");
    }
    assert!(get(hostile(), &format!("/p/{}", digest(1))).await.status == StatusCode::OK);
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;
    let app = router(one().shared(), &PortalConfig::default()).unwrap();
    let tag = ask(app.clone(), "GET", "/331126/2024").await.header("etag").to_owned();
    let request =
        Request::builder().uri("/331126/2024").header("if-none-match", &tag).body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::NOT_MODIFIED);
}
