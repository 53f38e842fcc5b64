//! `/openapi.json` and `/api/`: the API described once, for programs and as a page without anything from elsewhere.

use super::Portal;
use super::api::Answer;
use super::folio::{Block, Cell, Folio, Grid, Head, Link, home};
use super::reply::{NO_CACHE, Problem, json};
use super::source::Source;
use super::turn::Ask;
use axum::extract::State;
use serde_json::{Value, json as object};
use std::sync::LazyLock;

/// The document, as it stands beside the other assets; the server's address is put in when it is asked for.
pub(super) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("assets/openapi.json")).unwrap_or_default());

/// `GET /openapi.json`
pub(super) async fn document(State(portal): State<Portal>) -> Answer {
    let mut document = DOCUMENT.clone();
    document["servers"] = object!([{"url": format!("{}{}", portal.origin, portal.base)}]);
    if portal.origin.is_empty() && portal.base.is_empty() {
        document["servers"] = object!([{"url": "/"}]);
    }
    Ok(json(&document, NO_CACHE))
}

/// `/api/`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let lead = "公开的数据接口：只读，不需要密钥，任何网站都可以读取。全部接口在 OpenAPI 文件中逐一说明；本页由同一份文件生成，不加载任何外部资源。";
    let mut folio = Folio::new(lang.say("数据接口"), lang.say(lead), "");
    folio.crumbs = vec![home(lang)];
    let newest = source.overview().newest.first().map(|own| own.digest.hex());
    let example = newest.unwrap_or_else(|| "0".repeat(64));
    folio.put("use", lang.say("用法"), vec![
        Block::Text(lang.words("返回 JSON；出错时返回 application/problem+json，其中 code 与命令 gongshi explain 的代码一致。清单每页至多 1,000 条，用 next 接着取；镜像用 changes?since= 只取新的。除此之外，每一页网址加 .json、.csv、.xlsx 就是该页的数据。")),
        Block::Code(lang.words("命令"), format!(
            "P=http://{}{}\ncurl -s \"$P/api/v1/packages?year=2024&limit=10\"\ncurl -s $P/api/v1/packages/{example}\ncurl -s \"$P/api/v1/changes?since=0\"",
            lang.say("本站地址"), ask.base(),
        )),
        Block::Links(vec![
            Link::new("OpenAPI", "/openapi.json"),
            Link::new(lang.say("节点状态"), "/api/v1/node"),
            Link::new(lang.say("报告清单"), "/api/v1/packages"),
            Link::new(lang.say("如何核验"), "/verify"),
        ]),
    ]);
    let paths = DOCUMENT["paths"].as_object();
    let row = |(path, item): (&String, &Value)| {
        let get = &item["get"];
        let parameters = get["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let parameters: Vec<String> = parameters
            .iter()
            .map(|own| {
                let word = |key: &str| own[key].as_str().unwrap_or_default();
                format!("{}: {}", word("name"), word("description"))
            })
            .collect();
        let media = get["responses"]["200"]["content"].as_object();
        let media = media.and_then(|content| content.keys().next()).cloned().unwrap_or_default();
        vec![
            Cell::Head(format!("GET {path}"), None),
            Cell::Text(get["summary"].as_str().unwrap_or_default().to_owned()),
            Cell::Text(parameters.join("; ")),
            Cell::Text(media),
        ]
    };
    folio.put(
        "paths",
        lang.say("全部接口"),
        vec![Block::Grid(Grid {
            id: "paths".to_owned(),
            caption: lang.words("地址、参数与格式"),
            note: "OpenAPI 3.1".to_owned(),
            heads: vec![
                Head::text(lang.say("地址")),
                Head::text(lang.say("内容（英文）")),
                Head::text(lang.say("参数（英文）")),
                Head::text(lang.say("格式")),
            ],
            rows: paths.into_iter().flatten().map(row).collect(),
            stacks: false,
        })],
    );
    Ok(folio)
}
