//! Coming in and going out.

use super::desk::{self, bare};
use super::gate::{self, COOKIE, Stop};
use super::session::Door;
use super::sheet::{Block, Field, Form, Kind, Sheet};
use super::users::{Role, User};
use super::words::Lang;
use super::{Actor, Console, Deed};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use data_encoding::HEXLOWER;
use std::sync::Arc;

/// The page with the door, and why it is shown.
pub(super) async fn page(console: &Console, lang: Lang, status: StatusCode, why: &str) -> Response {
    let nobody = console.source.users().is_ok_and(|users| users.all().is_empty());
    let lead = lang.say(
        "运行人员在此登录。每一次登录和操作都记入审计日志。",
        "Operators log in here. Every login and every act is in the audit log.",
    );
    let mut sheet = Sheet::new(lang, "", lang.say("登录控制台", "Log in to the console"), lead, "");
    let mut blocks = Vec::new();
    if nobody {
        let how =
            "printf '%s' 'PASSWORD' | gongshi console user add NAME --role system --role review --role audit";
        let text = lang.say(
            "还没有可以登录的用户。请在本机运行下面的命令建立第一个用户；口令从标准输入读取，不写在命令行上。",
            "There is no user yet. Run this command on the node's machine to add the first one; the password is read from standard input.",
        );
        blocks.push(Block::Notice("warn", text.to_owned(), how.to_owned()));
    } else if !why.is_empty() {
        blocks.push(Block::Notice("bad", why.to_owned(), String::new()));
    }
    let password = Field::of("password", lang.say("口令", "Password"), Kind::Password, "");
    let digits = lang.say("一次性口令（6 位数字）", "One-time password (6 digits)");
    let hint = lang.say("未启用第二因子的用户留空", "Leave empty without a second factor");
    blocks.push(Block::Form(Form {
        action: lang.to("/login"),
        fields: vec![
            Field::of("user", lang.say("用户名", "User"), Kind::Line, ""),
            password,
            Field::of("digits", digits, Kind::Line, hint).optional(),
        ],
        button: lang.say("登录", "Log in").to_owned(),
        command: String::new(),
        typed_back: None,
        takes_file: false,
    }));
    sheet.put("door", lang.say("身份核验", "Who are you?"), blocks);
    bare(console, sheet, status).await
}

/// `POST /login`
pub(super) async fn login(
    State(console): State<Console>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    let lang = desk::lang_of(&uri);
    let (parts, body) = request.into_parts();
    if let Err(stop) = gate::addressed(&console.rules, &parts) {
        return desk::stopped(&console, lang, stop).await;
    }
    let (from, _) = gate::from(&console.rules, &parts);
    let Some(fields) = desk::fields(parts, body).await else {
        return desk::stopped(&console, lang, Stop::Token).await;
    };
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (name, password, digits) = (field("user"), field("password"), field("digits"));
    let door = Door::new(&name, &from);
    let wait_ms = console.sessions().wait_ms(door, console.source.now());
    if wait_ms > 0 {
        let seconds = wait_ms.div_ceil(1_000);
        let zh = format!("登录失败次数过多，请 {seconds} 秒后再试。");
        let en = format!("Too many failures: try again in {seconds} seconds.");
        let mut response = page(&console, lang, StatusCode::TOO_MANY_REQUESTS, lang.say(&zh, &en)).await;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return response;
    }
    console.sessions().failed(door, console.source.now());
    let is_right = matches_user(&console, name.clone(), password, digits).await;
    let actor = |who: &str| Actor { who: who.to_owned(), from: from.clone() };
    let random = || console.source.random().map(|bytes| HEXLOWER.encode(&bytes));
    let (true, Ok(token), Ok(form_token)) = (is_right, random(), random()) else {
        let tried = Deed::LoginRefused(name.chars().take(64).collect());
        console.act(tried, actor("?")).await.ok();
        let why = lang.say("用户名、口令或一次性口令有误。", "User, password or one-time password is wrong.");
        return page(&console, lang, StatusCode::UNAUTHORIZED, why).await;
    };
    let now = console.source.now();
    console.sessions().succeeded(door, now);
    console.sessions().open(&name, &token, form_token, now);
    console.act(Deed::Login, actor(&name)).await.ok();
    let secure = if console.rules.https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    // Where to is never read from the request: no open redirect.
    let mut response = Redirect::to(&lang.to("/")).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether name, password and one-time password belong together. A name that nobody has costs as much as one that
/// somebody has.
async fn matches_user(console: &Console, name: String, password: String, digits: String) -> bool {
    let Ok(_permit) = Arc::clone(&console.hashes).acquire_owned().await else { return false };
    let (source, sessions) = (Arc::clone(&console.source), Arc::clone(&console.sessions));
    let checked = console.portal.read(move |_| {
        let users = source.users().unwrap_or_default();
        let Some(user) = users.find(&name) else {
            let _as_long = User::new("nobody", &[Role::Audit], "nobody's password", [0; 32], None);
            return Ok(false);
        };
        if !user.has_password(&password) {
            return Ok(false);
        }
        if !user.has_second_factor() {
            return Ok(true);
        }
        let step = user.second_factor(&digits, source.now().wall.0 / 1_000);
        let mut sessions = sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(step.is_some_and(|step| sessions.take_step(&name, step)))
    });
    checked.await.unwrap_or(false)
}

/// `POST /logout`
pub(super) async fn logout(State(console): State<Console>, request: Request) -> Response {
    let lang = Lang { english: false };
    let (visitor, _) = match desk::let_in(&console, lang, request, &Role::ALL).await {
        Ok(let_in) => let_in,
        Err(response) => return *response,
    };
    if let Some(cookie) = &visitor.cookie {
        console.sessions().close(cookie);
    }
    console.act(Deed::Logout, visitor.actor()).await.ok();
    let mut response = Redirect::to("/").into_response();
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(cookie) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
