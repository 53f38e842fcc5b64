//! The pages against a fake node: every link resolves, nothing hostile gets out, nobody meets an empty page.

use super::doc::{CellState, PackageDoc, PackageState};
use super::fake::{Fake, cell, digest, qingyuan};
use super::source::Found;
use super::tests_api::{Answer, ask};
use super::text::segment;
use super::{PortalConfig, router};
use axum::http::StatusCode;
use std::collections::BTreeSet;

async fn get(fake: Fake, path: &str) -> Answer {
    ask(router(fake.shared(), &PortalConfig::default()).unwrap(), "GET", path).await
}

/// Two revisions of one report.
fn two() -> Fake {
    let mut first = qingyuan(1, 1);
    first.summary.state = PackageState::Superseded;
    let mut second = qingyuan(2, 2);
    second.revisions[0].digest = digest(1);
    first.revisions = second.revisions.clone();
    Fake::with(vec![first, second])
}

fn report_path() -> String {
    format!("/a/{}/2024", segment("331126:庆元县（县本级汇总，县政府站点发布）"))
}

/// What a reader sees: the page without its tags.
fn visible(html: &str) -> String {
    let body = html.split_once("<body>").map_or(html, |(_, body)| body);
    let mut inside = false;
    let text = body.chars().filter(|c| match c {
        '<' => {
            inside = true;
            false
        }
        '>' => !std::mem::take(&mut inside),
        c => !inside && !c.is_whitespace(),
    });
    text.collect()
}

fn links(html: &str) -> BTreeSet<String> {
    let values = html.split("href=\"").chain(html.split("src=\"")).skip(1);
    let values = values.filter_map(|rest| rest.split_once('"').map(|(value, _)| value));
    values.filter(|value| value.starts_with('/')).map(|value| value.replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn every_link_on_every_page_resolves_under_any_base_path() {
    for base in ["", "/gongshi"] {
        let app = router(two().shared(), &PortalConfig { base_path: base.into(), ..PortalConfig::default() })
            .unwrap();
        let mut waiting = vec![
            format!("{base}/"),
            format!("{base}/p/{}", digest(1)),
            format!("{base}/compare/331126/2023/331126/2024"),
            format!("{base}/nothing"),
        ];
        let mut seen = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let answer = ask(app.clone(), "GET", &path).await;
            if !path.ends_with("nothing") {
                assert_eq!(answer.status, StatusCode::OK, "{path}");
            }
            if answer.header("content-type").starts_with("text/html") {
                let found = links(&answer.text());
                // The large size has the same links: one way down is enough.
                let large = |link: &String| link.contains("/large") && seen.len() > 60;
                waiting.extend(found.into_iter().filter(|link| !large(link)));
            }
        }
        assert!(seen.len() > 60, "{seen:?}");
    }
}

#[tokio::test]
async fn pages_with_nothing_to_list_say_what_is_missing() {
    let paths = [
        "/",
        "/reports",
        "/reports?year=1999",
        "/rollcall",
        "/verify",
        "/nothing",
        "/a/x/2024",
        "/p/zz",
        "/search",
        "/search?q=none",
        "/corrections",
        "/calendar",
        "/dictionary",
        "/coverage",
        "/coverage/1999",
        "/compare",
        "/about",
        "/accessibility",
        "/api/",
        "/t/none/2024",
        "/large",
        "/large/",
    ];
    for path in paths {
        for fake in [Fake { empty: true, ..Fake::default() }, Fake::default()] {
            let empty = fake.empty;
            let html = get(fake, path).await.text();
            let main = html.split_once("<main").unwrap().1.split_once("</main>").unwrap().0;
            assert!(visible(&html).chars().count() > 200, "{path}: {}", visible(&html));
            assert!(visible(&format!("<{main}")).chars().count() > 60, "{path}");
            assert_eq!(html.contains("尚未同步"), empty, "{path}");
        }
    }
}

#[tokio::test]
async fn a_report_shows_its_figures_as_printed() {
    let html = get(two(), &report_path()).await.text();
    for text in
        ["庆元县（县本级汇总", "第 2 版", "正式", "1753.79", "= 17,537,900 元", "空白", "不适用", "108156"]
    {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("<span>0</span>") && html.contains(&digest(2).hex()));
    assert!(html.contains("单位：宗;罚没金额为万元") && html.contains("原表合计有误"));
    assert!(html.contains("rel=\"noopener noreferrer nofollow\""));
    assert!(!html.contains("合成示例") && !html.contains("= 108,156"));
    let old = get(two(), &format!("{}/v1", report_path())).await.text();
    assert!(old.contains("这一版已被更正") && old.contains(&digest(1).hex()));
    for bad in ["/v0", "/v3", "/v01", "/1", "/v+1", "/v"] {
        assert_eq!(
            get(two(), &format!("{}{bad}", report_path())).await.status,
            StatusCode::NOT_FOUND,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn labels_of_unusual_reports_are_seen() {
    let mut doc = qingyuan(1, 1);
    doc.notes = Some("合成示例：用于演示".into());
    doc.as_printed = Some("原表如此".into());
    doc.summary.status = super::doc::ReportStatus::Provisional;
    doc.summary.suspect = true;
    let html = get(Fake::with(vec![doc]), &report_path()).await.text();
    for label in ["<li class=\"bad\">合成示例</li>", "预报", "按原样公布", "原表如此", "待核实"]
    {
        assert!(html.contains(label), "{label}");
    }
}

#[tokio::test]
async fn withdrawn_and_absent_reports_have_pages() {
    let fake = Fake {
        packages: vec![Found::Withdrawn { reason: "<b>含个人信息</b>".into() }],
        digests: vec![digest(7)],
        ..Fake::default()
    };
    let gone = get(fake, &format!("/p/{}", digest(7))).await;
    assert_eq!(gone.status, StatusCode::GONE);
    assert!(gone.text().contains("&lt;b&gt;含个人信息"));
    let absent = get(two(), &format!("/p/{}", digest(77))).await;
    let never = get(two(), "/a/nobody/2024").await;
    assert_eq!((absent.status, absent.body), (never.status, never.body));
}

fn hostile(payload: &str) -> PackageDoc {
    let mut doc = qingyuan(1, 1);
    doc.summary.agency.name = payload.into();
    doc.summary.agency.id = payload.into();
    doc.summary.agency.code = Some(payload.into());
    doc.summary.division.name = payload.into();
    doc.summary.template = Some(payload.into());
    doc.narrative = Some(payload.into());
    doc.notes = Some(payload.into());
    doc.as_printed = Some(payload.into());
    doc.source_url = Some(payload.into());
    doc.members = vec![payload.into()];
    doc.revisions[0].reason = Some(payload.into());
    let table = &mut doc.tables[0];
    table.name = payload.into();
    table.unit = Some(payload.into());
    table.columns[0].header = payload.into();
    table.columns[1].unit = Some(payload.into());
    table.rows[0][0] = cell(payload, Some(payload), Some(payload), CellState::Value);
    table.rows[0][1] = cell(payload, None, None, CellState::Text);
    doc
}

#[tokio::test]
async fn hostile_text_is_only_ever_text() {
    let payloads = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "javascript:alert(1)",
        "http://x/\" onclick=\"alert(1)",
        "https://x/<svg/onload=alert(1)>",
        "{{7*7}}</title></textarea><iframe>",
        "a\u{202e}b\u{200b}c\u{0}",
        "..",
        "/../../etc/passwd",
    ];
    let tags = |html: &str| {
        let mut found: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for rest in html.split('<').skip(1) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
            *found.entry(name).or_default() += 1;
        }
        found
    };
    let fake = |payload: &str| Fake { payload: Some(payload.into()), ..Fake::with(vec![hostile(payload)]) };
    let paths = [
        "/".to_owned(),
        "/reports".to_owned(),
        format!("/p/{}", digest(1)),
        "/corrections".to_owned(),
        "/331126/2024".to_owned(),
        "/coverage/2024".to_owned(),
        "/t/penalty/2024".to_owned(),
        "/compare/331126/2023/331126/2024".to_owned(),
        "/feed.atom".to_owned(),
        "/en/".to_owned(),
    ];
    for path in &paths {
        let plain = tags(&get(fake("x"), path).await.text());
        for payload in payloads {
            let html = get(fake(payload), path).await.text();
            for raw in ["<img src=x", "<iframe", "onerror=alert(1)>", "='alert", "=\"alert"] {
                assert!(!html.contains(raw), "{path} {payload}: {raw}");
            }
            assert!(!html.contains("href=\"javascript"), "{path} {payload}");
            assert!(!html.contains(['\u{202e}', '\u{200b}', '\0']), "{path} {payload}");
            // No payload adds an element: the same tags as with a harmless text, but for the source link.
            let mut found = tags(&html);
            if path.starts_with("/p/") && payload.starts_with("http") && !payload.contains(' ') {
                for (name, less) in [("a", 1), ("/a", 1), ("bdi", 0), ("/bdi", 0)] {
                    *found.entry(name.to_owned()).or_default() -= less;
                }
            }
            assert_eq!(found, plain, "{path} {payload}");
        }
    }
}

#[tokio::test]
async fn an_agency_id_of_any_text_is_linked_and_found() {
    for id in ["331126:甲/乙", "331126:a?b#c%2F", "331126:空 格&\"'", "11331126MB1234567X"] {
        let mut doc = qingyuan(1, 1);
        doc.summary.agency.id = id.into();
        let app = router(Fake::with(vec![doc]).shared(), &PortalConfig::default()).unwrap();
        let start = ask(app.clone(), "GET", "/").await.text();
        let link = links(&start).into_iter().find(|link| link.starts_with("/a/")).unwrap();
        assert_eq!(ask(app, "GET", &link).await.status, StatusCode::OK, "{id}");
    }
}

#[tokio::test]
async fn pages_carry_no_inline_code_and_the_style_is_small() {
    for path in ["/".to_owned(), "/verify".to_owned(), report_path()] {
        let html = get(two(), &path).await.text();
        for script in html.split("<script").skip(1) {
            let ours = script.starts_with(" src=\"/assets/verify-")
                || script.starts_with(" type=\"application/ld+json\">{");
            assert!(ours, "{path}: {script}");
        }
        assert!(!html.contains("<style") && !html.contains(" style="), "{path}");
        assert_eq!(html.matches("<h1").count(), 1, "{path}");
        assert!(html.contains("class=\"skip\"") && html.contains("<main id=\"main\""));
    }
    assert!(include_str!("assets/portal.css").len() < 15_000);
    assert!(include_str!("assets/verify.js").len() < 20_000);
}
