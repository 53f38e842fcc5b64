//! What programs read: the API as described, feeds, data sets, other origins.

use super::fake::{Fake, digest, qingyuan};
use super::openapi::DOCUMENT;
use super::routes::FOR_PROGRAMS;
use super::tests_api::{Answer, ask};
use super::{KnownPortal, PortalConfig, router};
use axum::http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;

fn one() -> Fake {
    Fake::with(vec![qingyuan(1, 1)])
}

async fn get(path: &str) -> Answer {
    ask(router(one().shared(), &PortalConfig::default()).unwrap(), "GET", path).await
}

/// The address of a described path, with an example in every place.
fn address(path: &str, operation: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        let example = match (name, parameter["example"].as_str()) {
            ("digest", _) => digest(1).hex(),
            ("body", _) => digest(200).hex(),
            (_, Some(example)) => example.to_owned(),
            _ => continue,
        };
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &example),
            _ => query.push(format!("{name}={example}")),
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// Where `value` is not what `schema` says.
fn offences(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let found = &DOCUMENT["components"]["schemas"][name];
        assert!(found.is_object(), "{reference} is described nowhere");
        return offences(found, value, at);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().flat_map(|one| offences(one, value, at)).collect();
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => value.is_null(),
    };
    if !types.iter().any(|kind| is(kind)) {
        return vec![format!("{at}: {value} is not {types:?}")];
    }
    let mut found = Vec::new();
    if let (Some(words), Some(word)) = (schema["enum"].as_array(), value.as_str())
        && !words.iter().any(|own| own == word)
    {
        found.push(format!("{at}: {word}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{at}/{name} is missing"));
        }
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, field) in fields.iter().filter(|(name, _)| properties.contains_key(*name)) {
            found.extend(offences(&properties[name.as_str()], field, &format!("{at}/{name}")));
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(offences(&schema["items"], item, &format!("{at}/{number}")));
    }
    found
}

#[tokio::test]
async fn every_route_for_programs_is_described_and_answers_as_described() {
    let described: BTreeSet<String> = DOCUMENT["paths"].as_object().unwrap().keys().cloned().collect();
    let routed: BTreeSet<String> = FOR_PROGRAMS.iter().map(|(path, _)| (*path).to_owned()).collect();
    let tiles = ["/tile/{level}/{index}", "/tile/entries/{index}"].map(str::to_owned);
    let folded: BTreeSet<String> = described
        .iter()
        .map(|path| if tiles.contains(path) { "/tile/{*path}".to_owned() } else { path.clone() })
        .collect();
    assert_eq!(folded, routed);
    for path in described {
        let operation = &DOCUMENT["paths"][&path]["get"];
        let address = address(&path, operation);
        let answer = get(&address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        let content = operation["responses"]["200"]["content"].as_object().unwrap();
        let (media, described) = content.iter().next().unwrap();
        assert!(answer.header("content-type").starts_with(media.as_str()), "{address}");
        if media == "application/json" {
            let value: Value = serde_json::from_slice(&answer.body).unwrap();
            let found = offences(&described["schema"], &value, "");
            assert!(found.is_empty(), "{address}: {found:#?}");
        }
        // What the document says of failures holds as well.
        if operation["responses"].get("404").is_some() && address.contains(&digest(1).hex()) {
            let absent = get(&address.replace(&digest(1).hex(), &digest(77).hex())).await;
            assert_eq!(absent.status, StatusCode::NOT_FOUND, "{address}");
            let value: Value = serde_json::from_slice(&absent.body).unwrap();
            assert!(offences(&DOCUMENT["components"]["schemas"]["Problem"], &value, "").is_empty());
        }
    }
}

#[tokio::test]
async fn mirrors_read_only_what_is_new() {
    let all: Value = serde_json::from_slice(&get("/api/v1/changes?since=0&limit=2").await.body).unwrap();
    assert_eq!((all["size"].clone(), all["next"].clone()), (3.into(), 2.into()));
    let rest: Value = serde_json::from_slice(&get("/api/v1/changes?since=2").await.body).unwrap();
    assert_eq!(rest["changes"].as_array().unwrap().len(), 1);
    assert!(rest.get("next").is_none());
    for bad in ["since=x", "since=-1", "limit=x"] {
        assert_eq!(get(&format!("/api/v1/changes?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn any_origin_reads_the_api_and_no_page() {
    for path in ["/api/v1/node", "/checkpoint", "/tile/0/000.p/99", "/.well-known/gongshi.json"] {
        assert_eq!(get(path).await.header("access-control-allow-origin"), "*", "{path}");
    }
    for path in ["/", "/331126/2024", "/assets/x", "/nothing"] {
        assert_eq!(get(path).await.header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn the_policy_names_the_configured_portals_and_no_others() {
    let known = KnownPortal::try_from("330000=http://127.0.0.1:17331/x".to_owned()).unwrap();
    let config = PortalConfig { base_path: "/b".into(), known: vec![known], ..PortalConfig::default() };
    let app = router(one().shared(), &config).unwrap();
    let page = ask(app.clone(), "GET", &format!("/b/p/{}", digest(1))).await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("connect-src 'self' http://127.0.0.1:17331;") && !policy.contains("unsafe"));
    let html = page.text();
    assert!(html.contains(&format!("http://127.0.0.1:17331/x/p/{}", digest(1))), "the same digest elsewhere");
    assert!(html.contains("data-url=\"http://127.0.0.1:17331/x\"") && html.contains("data-api=\"/b/api/v1/"));
    assert_eq!(ask(app, "GET", "/b/api/v1/node").await.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn feed_and_sitemap_name_whole_addresses() {
    let config = PortalConfig {
        url: "https://a.example.cn/".into(),
        base_path: "/b".into(),
        ..PortalConfig::default()
    };
    let app = router(Fake::with(vec![qingyuan(1, 1), qingyuan(2, 2)]).shared(), &config).unwrap();
    let feed = ask(app.clone(), "GET", "/b/feed.atom").await.text();
    assert!(feed.contains(
        "<link rel=\"self\" type=\"application/atom+xml\" href=\"https://a.example.cn/b/feed.atom\"/>"
    ));
    assert!(
        feed.contains("更正：")
            && feed.contains("理由：原表合计有误")
            && feed.matches("<entry>").count() == 2
    );
    let sitemap = ask(app.clone(), "GET", "/b/sitemap.xml").await.text();
    assert!(sitemap.contains("<loc>https://a.example.cn/b/331126/2024</loc>"));
    assert!(sitemap.contains("href=\"https://a.example.cn/b/en/331126/2024\""));
    let html = ask(app, "GET", "/b/331126/2024").await.text();
    assert!(html.contains("<link rel=\"canonical\" href=\"https://a.example.cn/b/331126/2024\">"));
    let block = html
        .split_once("<script type=\"application/ld+json\">")
        .unwrap()
        .1
        .split_once("</script>")
        .unwrap()
        .0;
    let dataset: Value = serde_json::from_str(block).unwrap();
    assert_eq!(dataset["@type"], "Dataset");
    assert_eq!(dataset["distribution"][0]["contentUrl"], "https://a.example.cn/b/331126/2024.csv");
}

#[tokio::test]
async fn the_chosen_language_and_size_stay_on_every_link() {
    for (prefix, word) in [("/large", "标准字号"), ("/en", "Large text"), ("/en/large", "Standard text")]
    {
        for path in ["", "/", "/331126/2024", "/reports", "/dictionary"] {
            let html = get(&format!("{prefix}{path}")).await.text();
            assert!(html.contains(word), "{prefix}{path}");
            assert_eq!(html.contains("class=\"large\""), prefix.contains("large"), "{prefix}{path}");
            let calendar = format!("href=\"{prefix}/calendar\"");
            assert!(html.contains(&calendar), "{prefix}{path}");
        }
    }
}

#[tokio::test]
async fn every_page_with_data_gives_it_in_every_form() {
    for path in [
        "/index",
        "/reports",
        "/search",
        "/corrections",
        "/calendar",
        "/dictionary",
        "/rollcall",
        "/coverage",
        "/coverage/2024",
        "/331126/2024",
        "/t/penalty/2024",
        "/compare/331126/2023/331126/2024",
        "/en/calendar",
    ] {
        for (ending, media) in [
            (".json", "application/json"),
            (".csv", "text/csv"),
            (".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ] {
            let answer = get(&format!("{path}{ending}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}{ending}");
            assert!(answer.header("content-type").starts_with(media), "{path}{ending}");
        }
    }
}

#[tokio::test]
async fn what_an_agency_gave_in_each_table_never_looks_like_something_else() {
    let html = get("/coverage/2024").await.text();
    for text in ["有数", "全为零", "无此表", "按时", "未收到", "迟报", "未报"] {
        assert!(html.contains(text), "{text}");
    }
    let classes = ["<span class=\"good\">有数", "<span class=\"zero\">全为零", "class=\"num empty\""];
    assert!(classes.iter().all(|class| html.contains(class)));
}

#[tokio::test]
async fn a_correction_is_shown_cell_by_cell_with_its_reason() {
    let mut second = qingyuan(2, 2);
    second.revisions[0].digest = digest(1);
    let app = router(Fake::with(vec![qingyuan(1, 1), second]).shared(), &PortalConfig::default()).unwrap();
    let html = ask(app.clone(), "GET", &format!("/p/{}", digest(2))).await.text();
    for text in [
        "94930",
        "94929",
        "第 2 版相对第 1 版的改动",
        "原表合计有误",
        "第 2 版（有更正）",
        "无此格",
        "无案件",
    ] {
        assert!(html.contains(text), "{text}");
    }
    let list = ask(app, "GET", "/corrections").await.text();
    assert!(list.contains("原表合计有误") && list.contains("/v2\""));
}
