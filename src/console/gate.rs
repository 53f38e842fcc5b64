//! The way in: which requests are answered at all, for whom, and what may be changed by them (trials.md, attacks 52, 53).
//!
//! A page of somebody else's, open in an operator's browser, can send requests here. So the name under which we are
//! addressed must be one of ours (an address, `localhost`, or a configured name: a rebound name is none of these), what
//! changes something must come from a page of ours (`Origin`, `Sec-Fetch-Site`, and a token that no other page can read),
//! and nothing is ever changed by GET.

use super::session::Session;
use super::users::Role;
use super::words::Lang;
use super::{Console, Visitor};
use axum::extract::ConnectInfo;
use axum::http::header::{self, HeaderMap};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The session's cookie.
pub(super) const COOKIE: &str = "gongshi_console";

/// How the console is reached and by whom.
#[derive(Clone)]
pub struct ConsoleRules {
    /// Names, besides addresses and `localhost`, under which it is reached.
    pub hosts: Vec<String>,
    /// A session that nobody used for so long ends.
    pub idle_ms: u64,
    /// Cookies travel by TLS alone: a proxy ends it in front of us.
    pub https: bool,
    /// The header in which a trusted proxy says who was let in; empty where there is none.
    pub proxy_header: String,
    /// Tells the proxies that are believed.
    pub is_proxy: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
}

impl Default for ConsoleRules {
    /// Nobody in front, half an hour.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            idle_ms: 30 * 60_000,
            https: false,
            proxy_header: String::new(),
            is_proxy: Arc::new(|_| false),
        }
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Addressed by a name that is not ours.
    Host,
    /// Asked for by a page that is not ours.
    Origin,
    /// Without, or with another session's token.
    Token,
    /// Nobody is logged in.
    Login,
    /// Somebody is, without the role.
    Role,
}

impl Stop {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Login => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        }
    }

    pub(super) const fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::Host => lang.say(
                "控制台不以这个名称提供服务。请用本机地址访问，或在 [console] hosts 中写明此名称。",
                "The console is not served under this name. Use an address, or add the name to [console] hosts.",
            ),
            Self::Origin => lang.say(
                "这个请求不是由控制台的页面发出的，没有执行。",
                "This request did not come from a page of the console; nothing was done.",
            ),
            Self::Token => lang.say(
                "页面已过期，没有执行。请返回上一页，刷新后重试。",
                "The page is out of date; nothing was done. Go back, reload, and try again.",
            ),
            Self::Login => lang.say("请先登录。", "Log in first."),
            Self::Role => lang.say(
                "您的角色不含这项权限，没有执行。如确有需要，请系统管理员运行 gongshi console user add。",
                "Your roles do not include this; nothing was done. An administrator can run gongshi console user add.",
            ),
        }
    }
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// What a header says that stands there once; a second one may be somebody else's.
fn only(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// The name of `host:port`, without the port; none where it is not one.
fn name_of(authority: &str) -> Option<&str> {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(name, _)| name),
        None => authority.split(':').next().filter(|name| !name.is_empty()),
    }
}

/// Whether we are addressed by a name of ours. An address cannot be rebound; a name can.
fn is_own_host(headers: &HeaderMap, hosts: &[String]) -> bool {
    only(headers, header::HOST).and_then(name_of).is_some_and(|name| {
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
    })
}

/// Whether a page of ours asks. Browsers say so of every request that changes something.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let same_site = text(headers, "sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = text(headers, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    same_site && origin.is_some_and(|(_, authority)| Some(authority) == text(headers, header::HOST))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Checks the request's name and origin.
pub(super) fn addressed(rules: &ConsoleRules, request: &Parts) -> Result<(), Stop> {
    if !is_own_host(&request.headers, &rules.hosts) {
        return Err(Stop::Host);
    }
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    if !reads && !is_own_origin(&request.headers) {
        return Err(Stop::Origin);
    }
    Ok(())
}

/// Who knocks: the peer's address, or the one that a trusted proxy names last.
pub(super) fn from(rules: &ConsoleRules, request: &Parts) -> (String, bool) {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let by_proxy = peer.is_some_and(|ip| (rules.is_proxy)(ip));
    // Proxies add to the line that came, or a line of their own below it: the end of the last is the proxy's.
    let mut lines = request.headers.get_all("x-forwarded-for").iter();
    let named = lines.next_back().and_then(|line| line.to_str().ok()?.rsplit(',').next());
    let named = named.and_then(|ip| ip.trim().parse::<IpAddr>().ok()).filter(|_| by_proxy);
    let shown = named.or(peer).map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
    (shown, by_proxy)
}

/// Lets somebody in who has one of `roles`, by session or by a trusted proxy's word. `passive` keeps no session alive.
pub(super) fn enter(
    console: &Console,
    request: &Parts,
    roles: &[Role],
    passive: bool,
) -> Result<Visitor, Stop> {
    addressed(&console.rules, request)?;
    let (from, by_proxy) = from(&console.rules, request);
    let named = (by_proxy && !console.rules.proxy_header.is_empty())
        .then(|| only(&request.headers, console.rules.proxy_header.as_str()))
        .flatten();
    let (name, form_token, cookie) = match named {
        Some(name) => (name.to_owned(), console.proxy_token(name).ok_or(Stop::Login)?, None),
        None => {
            let token = cookie(&request.headers).ok_or(Stop::Login)?;
            let found = console.sessions().find(token, console.rules.idle_ms, passive, console.source.now());
            let Session { user, form_token, .. } = found.ok_or(Stop::Login)?;
            (user, form_token, Some(token.to_owned()))
        }
    };
    // Read again each time: whoever was removed is out at once.
    let users = console.source.users().map_err(|_| Stop::Login)?;
    let user = users.find(&name).ok_or(Stop::Login)?;
    if !user.roles.iter().any(|role| roles.contains(role)) {
        return Err(Stop::Role);
    }
    Ok(Visitor { name, roles: user.roles.clone(), from, form_token, cookie })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_rebound_name_is_not_ours_and_an_address_is() {
        for host in
            ["127.0.0.1:4790", "[::1]:4790", "localhost", "LOCALHOST:1", "10.0.0.9", "ops.example.cn:443"]
        {
            assert!(is_own_host(&headers(&[("host", host)]), &["ops.example.cn".to_owned()]), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4790", "", ":4790", "[::1"]
        {
            assert!(!is_own_host(&headers(&[("host", host)]), &["ops.example.cn".to_owned()]), "{host}");
        }
        assert!(!is_own_host(&headers(&[("host", "localhost"), ("host", "evil.example")]), &[]));
        assert!(!is_own_host(&headers(&[]), &[]));
    }

    #[test]
    fn what_changes_something_comes_from_a_page_of_ours() {
        let own =
            [("host", "127.0.0.1:1"), ("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-origin")];
        assert!(is_own_origin(&headers(&own)));
        assert!(is_own_origin(&headers(&own[..2])), "old browsers do not say from which site");
        for list in [
            &own[..1],
            &[("host", "127.0.0.1:1"), ("origin", "http://evil.example")],
            &[("host", "127.0.0.1:1"), ("origin", "null")],
            &[("host", "127.0.0.1:1"), ("origin", "http://127.0.0.1:2")],
            &[own[0], own[1], ("sec-fetch-site", "cross-site")],
            &[own[0], own[1], ("sec-fetch-site", "same-site")],
        ] {
            assert!(!is_own_origin(&headers(list)), "{list:?}");
        }
    }
}
