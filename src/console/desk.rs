//! The desk: from an address to a page, from a form to a deed, each for those who have a role it takes.
//!
//! The tables here are the only way a page or a deed gets an address, and neither can be written down without its roles
//! (trials.md, attack 53).

use super::deed::{Fields, VERBS, Verb};
use super::gate::{self, Stop};
use super::sheet::{Asked, Block, Field, Kind, Sheet};
use super::users::Role;
use super::words::Lang;
use super::{
    Actor, Console, ConsoleSource, Deed, Refused, TEXT, Visitor, door, machine, overview, queue, upload,
};
use crate::digest::Digest;
use crate::portal::doc::NodeDoc;
use crate::portal::pages::page;
use crate::portal::reply::{NO_STORE, content};
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form as Fielded, FromRequest as _, OriginalUri, Query, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Within this time a form must be here, as long as a request's header may take: it has a few kilobytes.
const FORM_ARRIVES_WITHIN: Duration = Duration::from_secs(5);

/// A page: where it is, who sees it, what it is called in the navigation, and how it is made.
pub(super) struct Page {
    path: &'static str,
    roles: &'static [Role],
    name: Option<(&'static str, &'static str)>,
    make: fn(&dyn ConsoleSource, &Asked) -> Result<Sheet, Refused>,
}

use Role::{Audit, Review, System};

const PAGES: &[Page] = &[
    Page { path: "/", roles: &Role::ALL, name: Some(("总览", "Overview")), make: overview::page },
    Page { path: "/tree", roles: &Role::ALL, name: Some(("各级节点", "Tree")), make: overview::tree },
    Page { path: "/upload", roles: &[Review], name: Some(("报送", "Hand in")), make: upload::page },
    Page { path: "/upload/{part}", roles: &[Review], name: None, make: upload::draft },
    Page { path: "/review", roles: &[Review, Audit], name: Some(("审核", "Review")), make: queue::list },
    Page { path: "/review/{part}", roles: &[Review, Audit], name: None, make: queue::one },
    Page {
        path: "/returned",
        roles: &Role::ALL,
        name: Some(("退回与拒收", "Returned")),
        make: queue::returned,
    },
    Page { path: "/receipt/{part}", roles: &[Review, Audit], name: None, make: upload::receipt },
    Page {
        path: "/releases",
        roles: &Role::ALL,
        name: Some(("统一公开", "Releases")),
        make: overview::releases,
    },
    Page { path: "/releases/{part}", roles: &Role::ALL, name: None, make: overview::release },
    Page {
        path: "/peers",
        roles: &[System, Audit],
        name: Some(("链路与邀请", "Peers")),
        make: machine::peers,
    },
    Page { path: "/keys", roles: &[System, Audit], name: Some(("密钥", "Keys")), make: machine::keys },
    Page {
        path: "/storage",
        roles: &[System, Audit],
        name: Some(("存储与备份", "Storage")),
        make: machine::storage,
    },
    Page {
        path: "/settings",
        roles: &[System, Audit],
        name: Some(("设置", "Settings")),
        make: machine::settings,
    },
    Page { path: "/audit", roles: &[Audit], name: Some(("审计日志", "Audit")), make: machine::audit },
];

/// Every page and who sees it, for tests: addresses with a part that is filled in, and roles.
#[cfg(test)]
pub(super) fn every_page() -> impl Iterator<Item = (&'static str, &'static [Role])> {
    PAGES.iter().map(|page| (page.path, page.roles))
}

/// The two languages' addresses of one.
fn in_both(path: &str) -> [String; 2] {
    [path.to_owned(), format!("/en{path}")]
}

/// The pages.
pub(super) fn pages() -> Router<Console> {
    let add = |router: Router<Console>, page: &'static Page| {
        in_both(page.path).iter().fold(router, |router, path| router.route(path, shown(page)))
    };
    PAGES.iter().fold(Router::new(), add)
}

/// What forms ask for.
pub(super) fn deeds() -> Router<Console> {
    let taking =
        in_both("/upload").iter().fold(Router::new(), |router, path| router.route(path, upload::taking()));
    let add = |router: Router<Console>, verb: &'static Verb| {
        let paths = in_both(&format!("/do/{}", verb.name));
        paths.iter().fold(router, |router, path| router.route(path, done(verb)))
    };
    VERBS.iter().fold(taking.layer(upload::limit()), add)
}

/// The language of an address.
pub(super) fn lang_of(uri: &Uri) -> Lang {
    Lang { english: uri.path() == "/en" || uri.path().starts_with("/en/") }
}

impl Console {
    /// Does something off the async threads.
    pub(super) async fn act(&self, deed: Deed, actor: Actor) -> Result<Value, Refused> {
        let source = Arc::clone(&self.source);
        self.reads(move || source.act(&deed, &actor)).await
    }

    /// Runs what may block off the async threads.
    pub(super) async fn reads<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let gone = |_| Refused {
            code: "store_unavailable".to_owned(),
            message: "节点暂时不能答复 / the node cannot answer now".to_owned(),
        };
        self.portal.read(move |_| Ok(read())).await.map_err(gone)?
    }
}

fn shown(of: &'static Page) -> MethodRouter<Console> {
    get(
        move |State(console): State<Console>,
              OriginalUri(uri): OriginalUri,
              params: RawPathParams,
              query: Result<Query<Fields>, QueryRejection>,
              request: Request| async move {
            let lang = lang_of(&uri);
            let (parts, _) = request.into_parts();
            let passive = parts.headers.contains_key("x-passive");
            let visitor = match gate::enter(&console, &parts, of.roles, passive) {
                Ok(visitor) => visitor,
                Err(stop) => return stopped(&console, lang, stop).await,
            };
            let part = params.iter().next().map(|(_, part)| part.to_owned()).unwrap_or_default();
            let query = query.map_or_else(|_| Fields::new(), |Query(query)| query);
            let refreshes = query.get("refresh").is_some_and(|seconds| seconds == "15");
            let source = Arc::clone(&console.source);
            let made = console.reads(move || (of.make)(source.as_ref(), &Asked { lang, part, query })).await;
            match made {
                Ok(sheet) => {
                    let mut response = rendered(&console, Some(&visitor), sheet, &uri, StatusCode::OK).await;
                    if refreshes {
                        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("15"));
                    }
                    response
                }
                Err(refused) => {
                    let sheet = refusal(lang, &refused, "");
                    rendered(&console, Some(&visitor), sheet, &uri, StatusCode::NOT_FOUND).await
                }
            }
        },
    )
}

/// Lets somebody in who sends a form; its fields. What is wrong is answered with its own page.
pub(super) async fn let_in(
    console: &Console,
    lang: Lang,
    request: Request,
    roles: &[Role],
) -> Result<(Visitor, Fields), Box<Response>> {
    let (parts, body) = request.into_parts();
    let visitor = match gate::enter(console, &parts, roles, false) {
        Ok(visitor) => visitor,
        Err(stop) => return Err(Box::new(stopped(console, lang, stop).await)),
    };
    // Nothing of the body is read before its sender is known.
    let fields = fields(parts, body).await;
    match fields.filter(|fields| fields.get("token") == Some(&visitor.form_token)) {
        Some(fields) => Ok((visitor, fields)),
        None => Err(Box::new(stopped(console, lang, Stop::Token).await)),
    }
}

/// The fields of a form; none when they are too many, cannot be read, or do not come in time.
pub(super) async fn fields(parts: Parts, body: Body) -> Option<Fields> {
    let request = Request::from_parts(parts, body);
    let coming = Fielded::<Fields>::from_request(request, &());
    #[allow(clippy::disallowed_methods, reason = "an edge: a body that never ends is cut off here")]
    let came = tokio::time::timeout(FORM_ARRIVES_WITHIN, coming).await;
    came.ok()?.ok().map(|Fielded(fields)| fields)
}

fn done(verb: &'static Verb) -> MethodRouter<Console> {
    post(move |State(console): State<Console>, OriginalUri(uri): OriginalUri, request: Request| async move {
        let lang = lang_of(&uri);
        let (visitor, fields) = match let_in(&console, lang, request, verb.roles).await {
            Ok(let_in) => let_in,
            Err(response) => return *response,
        };
        let Some(deed) = verb.deed(&fields) else {
            let why = lang.say("表单中有未填或无法识别的内容。", "A field is empty or cannot be read.");
            let refused = Refused { code: "usage".to_owned(), message: why.to_owned() };
            let sheet = refusal(lang, &refused, "");
            return rendered(&console, Some(&visitor), sheet, &uri, StatusCode::UNPROCESSABLE_ENTITY).await;
        };
        let typed = fields.get("typed").map(|text| text.trim());
        if deed.typed_back().is_some_and(|back| typed != Some(back.as_str())) {
            let why = "确认文字与要求不符，什么也没有做 / what was typed is not what was asked for: nothing was done";
            let refused = Refused { code: "not_confirmed".to_owned(), message: why.to_owned() };
            let sheet = refusal(lang, &refused, &deed.command());
            return rendered(&console, Some(&visitor), sheet, &uri, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        let command = deed.command();
        let published = matches!(deed, Deed::Publish(_) | Deed::Correct(..));
        match console.act(deed, visitor.actor()).await {
            Ok(document) if published => {
                let digest = super::word(&document, "digest");
                Redirect::to(&lang.to(&format!("/receipt/{digest}"))).into_response()
            }
            Ok(document) => {
                let sheet = told(lang, &command, &document);
                rendered(&console, Some(&visitor), sheet, &uri, StatusCode::OK).await
            }
            Err(refused) => {
                let sheet = refusal(lang, &refused, &command);
                rendered(&console, Some(&visitor), sheet, &uri, StatusCode::UNPROCESSABLE_ENTITY).await
            }
        }
    })
}

/// The page after a deed: what the command would have printed.
fn told(lang: Lang, command: &str, document: &Value) -> Sheet {
    let lead = lang.say("操作已完成，并已记入审计日志。", "It is done, and in the audit log.");
    let mut sheet = Sheet::new(lang, "", lang.say("已完成", "Done"), lead, command);
    let mut blocks = Vec::new();
    if let Some(token) = document["token"].as_str() {
        let how = lang.say(
            "把下面的邀请码交给下级运行人员，只能使用一次：",
            "Give this to the operator below; it works once:",
        );
        blocks.push(Block::Notice("good", how.to_owned(), format!("gongshi join {token}")));
    }
    let known = |key: &str| match key {
        "digest" => lang.say("摘要", "digest").to_owned(),
        "statement" => lang.say("声明", "statement").to_owned(),
        "digits" => lang.say("六位核对码（两边应相同）", "six digits (the same on both sides)").to_owned(),
        "code" => lang.say("区划", "division").to_owned(),
        "year" => lang.say("年度", "year").to_owned(),
        "revision" => lang.say("版本", "revision").to_owned(),
        "state" => lang.say("状态", "state").to_owned(),
        "at" => lang.say("时间", "time").to_owned(),
        "kind" => lang.say("操作", "act").to_owned(),
        other => other.to_owned(),
    };
    let plain = |value: &Value| value.is_string() || value.is_number();
    let facts = document.as_object().into_iter().flatten();
    let facts = facts.filter(|(key, value)| plain(value) && *key != "schema" && *key != "token");
    let facts: Vec<_> = facts.map(|(key, _)| (known(key), super::word(document, key))).collect();
    blocks.push(Block::Facts(facts));
    blocks.push(Block::Links(vec![(lang.say("返回总览", "Back to the overview").to_owned(), lang.to("/"))]));
    sheet.put("told", lang.say("结果", "Result"), blocks);
    sheet
}

/// The page about what was not done or not found.
fn refusal(lang: Lang, refused: &Refused, command: &str) -> Sheet {
    let lead = lang.say("没有执行，节点的状态没有变化。", "Nothing was done, and nothing has changed.");
    let mut sheet = Sheet::new(lang, "", lang.say("未能完成", "Not done"), lead, command);
    let explain = format!("gongshi explain {}", refused.code);
    let back = (lang.say("返回总览", "Back to the overview").to_owned(), lang.to("/"));
    let blocks = vec![Block::Notice("bad", lang.half(&refused.message), explain), Block::Links(vec![back])];
    sheet.put("why", lang.say("原因与下一步", "Why, and what next"), blocks);
    sheet
}

/// The answer to somebody who is not let in.
pub(super) async fn stopped(console: &Console, lang: Lang, stop: Stop) -> Response {
    if stop == Stop::Login {
        return door::page(console, lang, StatusCode::UNAUTHORIZED, "").await;
    }
    let mut sheet = Sheet::new(lang, "", lang.say("请求被拒绝", "Refused"), stop.say(lang), "");
    let back = (lang.say("返回总览", "Back to the overview").to_owned(), lang.to("/"));
    sheet.put("why", lang.say("可以做什么", "What next"), vec![Block::Links(vec![back])]);
    bare(console, sheet, stop.status()).await
}

#[derive(Template)]
#[template(path = "console.html", config = "src/portal/askama.toml")]
struct ConsolePage {
    css: String,
    icon: String,
    node: NodeDoc,
    sheet: Sheet,
    user: Option<String>,
    roles: String,
    token: String,
    other: String,
    nav: Vec<(String, String)>,
    refresh: bool,
}

/// A page for nobody in particular.
pub(super) async fn bare(console: &Console, sheet: Sheet, status: StatusCode) -> Response {
    let uri = Uri::from_static(if sheet.lang.english { "/en/" } else { "/" });
    rendered(console, None, sheet, &uri, status).await
}

pub(super) async fn rendered(
    console: &Console,
    visitor: Option<&Visitor>,
    sheet: Sheet,
    uri: &Uri,
    status: StatusCode,
) -> Response {
    let lang = sheet.lang;
    let node = match console.portal.read(|portal| Ok(portal.node())).await {
        Ok(node) => node,
        Err(problem) => return problem.into_response(),
    };
    let sees =
        |page: &&Page| visitor.is_some_and(|who| who.roles.iter().any(|role| page.roles.contains(role)));
    let nav = PAGES.iter().filter(sees).filter_map(|page| {
        let (zh, en) = page.name?;
        Some((lang.say(zh, en).to_owned(), lang.to(page.path)))
    });
    let bare_path = uri.path().strip_prefix("/en").filter(|_| lang.english).unwrap_or(uri.path());
    // What was asked for by a form cannot be asked for again by a link.
    let bare_path = if bare_path.starts_with("/do/") || bare_path.is_empty() { "/" } else { bare_path };
    let roles = visitor.map(|who| who.roles.iter().map(|role| lang.say(role.zh(), role.as_str())).collect());
    let mut response = page(&ConsolePage {
        css: console.portal.asset("css"),
        icon: console.portal.asset("svg"),
        node,
        user: visitor.map(|visitor| visitor.name.clone()),
        roles: roles.map(|roles: Vec<&str>| roles.join(" · ")).unwrap_or_default(),
        token: visitor.map(|visitor| visitor.form_token.clone()).unwrap_or_default(),
        other: Lang { english: !lang.english }.to(bare_path),
        nav: nav.collect(),
        refresh: uri.query().is_some_and(|query| query.contains("refresh=15")),
        sheet,
    });
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// Changes whenever the node does.
fn pulse_of(status: &Value) -> String {
    let moved =
        ["state", "log", "root_log", "upstream", "children", "alarms", "received", "refused", "returned"];
    let seen: Vec<&Value> = moved.iter().map(|key| &status[*key]).collect();
    Digest::of(&[format!("{seen:?}").as_bytes()]).hex().chars().take(16).collect()
}

/// `/pulse`: asked again and again by an open page, which keeps no session alive.
pub(super) async fn pulse(State(console): State<Console>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Err(stop) = gate::enter(&console, &parts, &Role::ALL, true) {
        return (stop.status(), content("", TEXT, NO_STORE)).into_response();
    }
    let source = Arc::clone(&console.source);
    match console.reads(move || Ok(pulse_of(&source.status_json()))).await {
        Ok(pulse) => content(pulse, TEXT, NO_STORE),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A reason, asked for in a form.
pub(super) fn reason(lang: Lang, public: bool) -> Field {
    let hint = match public {
        true => lang.say("理由对外公开", "The reason is public"),
        false => lang
            .say("理由告知报送单位，不在门户公开", "Told to the node that published it, not on the portal"),
    };
    Field::of("reason", lang.say("理由", "Reason"), Kind::Area, hint)
}
