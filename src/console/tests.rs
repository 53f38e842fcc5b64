//! The console against a fake node: who is let in, what may change something, what a button does (trials.md, attacks 48
//! to 55 where they meet the console).

use super::deed::VERBS;
use super::desk::every_page;
use super::users::{Role, User, Users};
use super::{Actor, ConsoleRules, ConsoleSource, Deed, HandedIn, Look, Readiness, Refused, router};
use crate::portal::Source;
use crate::portal::fake::Fake;
use crate::time::{Now, WallMs};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;

const PASSWORD: &str = "correct horse";
const DIGEST: &str = "abababababababababababababababababababababababababababababababab";

/// The first draw of a node whose kernel gives none.
pub(super) const NO_RANDOMNESS: u8 = 0;

/// A node of which everything is remembered that was done to it.
pub(super) struct Ops {
    users: Users,
    done: Mutex<Vec<(Deed, Actor)>>,
    drawn: AtomicU8,
    now_ms: Mutex<u64>,
}

impl ConsoleSource for Ops {
    fn status_json(&self) -> Value {
        json!({
            "schema": "gongshi.status/1", "state": "ok", "unacknowledged": 3, "root_log": {"size": 5},
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
    fn look(&self, look: &Look) -> Result<Value, Refused> {
        let line = json!({
            "digest": DIGEST, "state": "released", "agency": {"name": "<script>alert(1)</script>"}, "year": 2024,
            "revision": 1, "division": {"code": "330282", "name": "慈溪市"}, "findings": [],
            "tables": [], "exchange": {"own": true},
        });
        Ok(match look {
            Look::Draft(7) => json!({"file": "a.xlsx", "findings": [], "report": line}),
            Look::Draft(_) => return Err(Refused { code: "no_draft".into(), message: "无 / none".into() }),
            Look::Review(_) | Look::Show(_) => line,
            _ => json!({"packages": [line]}),
        })
    }
    fn act(&self, deed: &Deed, actor: &Actor) -> Result<Value, Refused> {
        self.done.lock().unwrap().push((deed.clone(), actor.clone()));
        Ok(json!({"digest": DIGEST}))
    }
    fn take_in(&self, file: HandedIn) -> Result<u64, Refused> {
        Ok(u64::from(file.name == "a.xlsx" && file.bytes == b"PK") * 7)
    }
    fn users(&self) -> std::io::Result<Users> {
        Ok(self.users.clone())
    }
    fn now(&self) -> Now {
        Now { wall: WallMs(1_764_000_000_000), steady_ms: *self.now_ms.lock().unwrap() }
    }
    fn random(&self) -> std::io::Result<[u8; 32]> {
        match self.drawn.fetch_add(1, Ordering::Relaxed) {
            NO_RANDOMNESS => Err(std::io::ErrorKind::Other.into()),
            drawn => Ok([drawn; 32]),
        }
    }
}

/// A console under the usual rules.
fn console() -> (axum::Router, Arc<Ops>) {
    console_with(ConsoleRules::default(), 1)
}

/// Users `all`, `system`, `review` and `audit` with their roles and one password.
pub(super) fn console_with(rules: ConsoleRules, first_draw: u8) -> (axum::Router, Arc<Ops>) {
    let mut users = Users::default();
    let mut put = |name: &str, roles: &[Role]| {
        users.put(User::new(name, roles, PASSWORD, [1; 32], None).unwrap());
    };
    put("all", &Role::ALL);
    Role::ALL.into_iter().for_each(|role| put(role.as_str(), &[role]));
    let (done, drawn, now_ms) = (Mutex::default(), AtomicU8::new(first_draw), Mutex::new(0));
    let ops = Arc::new(Ops { users, done, drawn, now_ms });
    let source: Arc<dyn Source> = Arc::new(Fake::default());
    (router(source, ops.clone(), rules).unwrap(), ops)
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: header::HeaderMap,
    text: String,
}

pub(super) async fn ask(
    app: &axum::Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:4790");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: parts.status, headers: parts.headers, text }
}

pub(super) const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4790");
pub(super) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Logs somebody in; the cookie and the token of forms.
async fn log_in(app: &axum::Router, user: &str) -> (String, String) {
    let body = format!("user={user}&password=correct+horse&digits=");
    let answer = ask(app, "POST", "/login", &[OWN, FORM], &body).await;
    assert_eq!((answer.status, answer.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = ask(app, "GET", "/", &[("cookie", &cookie)], "").await;
    let token =
        page.text.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (cookie, token)
}

/// Every address of the console, its parts filled in, and who may ask: pages, deeds, the upload, the way out.
fn every_route() -> Vec<(&'static str, String, Vec<Role>)> {
    let fill = |path: &str| match path {
        path if path.starts_with("/upload/") => "/upload/7".to_owned(),
        path if path.starts_with("/releases/") => "/releases/2024".to_owned(),
        path => path.replace("{part}", DIGEST),
    };
    let pages = every_page().map(|(path, roles)| ("GET", fill(path), roles.to_vec()));
    let deeds = VERBS.iter().map(|verb| ("POST", format!("/do/{}", verb.name), verb.roles.to_vec()));
    let mut routes: Vec<_> = pages.chain(deeds).collect();
    routes.push(("POST", "/upload".to_owned(), vec![Role::Review]));
    routes.push(("POST", "/logout".to_owned(), Role::ALL.to_vec()));
    routes.push(("GET", "/pulse".to_owned(), Role::ALL.to_vec()));
    let english = routes.clone().into_iter().filter(|(_, path, _)| path != "/logout" && path != "/pulse");
    let english: Vec<_> =
        english.map(|(method, path, roles)| (method, format!("/en{path}"), roles)).collect();
    routes.into_iter().chain(english).collect()
}

#[tokio::test]
async fn attack_52_every_route_is_closed_without_login_by_a_wrong_name_and_from_a_foreign_page() {
    let (app, ops) = console();
    let (cookie, token) = log_in(&app, "all").await;
    let before = ops.done.lock().unwrap().len();
    let form =
        format!("token={token}&digest={DIGEST}&reason=x&typed=abababab&draft=7&code=330200&year=2024&at=now");
    for (method, path, _) in every_route() {
        let cookie = ("cookie", cookie.as_str());
        let bare = ask(&app, method, &path, &[OWN, FORM], &form).await;
        assert_eq!(bare.status, StatusCode::UNAUTHORIZED, "{method} {path} without login");
        let rebound = [("host", "evil.example"), ("origin", "http://evil.example"), FORM, cookie];
        let rebound = ask(&app, method, &path, &rebound, &form).await;
        assert_eq!(rebound.status, StatusCode::FORBIDDEN, "{method} {path} under a rebound name");
        if method == "POST" {
            for foreign in ["http://evil.example", "null", "https://127.0.0.1:4791"] {
                let answer = ask(&app, method, &path, &[("origin", foreign), FORM, cookie], &form).await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {foreign}");
            }
            let simple = ask(&app, method, &path, &[FORM, cookie], &form).await;
            assert_eq!(simple.status, StatusCode::FORBIDDEN, "{path} by a simple form");
            let wrong = form.replace(&token, &"0".repeat(64));
            let answer = ask(&app, method, &path, &[OWN, FORM, cookie], &wrong).await;
            let closed = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE);
            assert!(closed, "{path} without its token: {}", answer.status);
            let read = ask(&app, "GET", &path, &[cookie], "").await.status;
            let is_page = every_route().iter().any(|(method, page, _)| *method == "GET" && *page == path);
            assert!(
                is_page || read == StatusCode::METHOD_NOT_ALLOWED,
                "{path} changes nothing by GET: {read}"
            );
        }
    }
    for path in ["/metrics"] {
        let answer = ask(&app, "GET", path, &[("host", "evil.example")], "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(ops.done.lock().unwrap().len(), before, "nothing was done");
}

#[tokio::test]
async fn attack_53_every_role_gets_what_is_declared_for_it_and_no_more() {
    let (app, _) = console();
    for role in Role::ALL {
        let (cookie, token) = log_in(&app, role.as_str()).await;
        for (method, path, roles) in every_route().into_iter().filter(|(_, path, _)| path != "/logout") {
            assert!(!roles.is_empty(), "{path} is for nobody");
            let form = format!("token={token}");
            let answer = ask(&app, method, &path, &[OWN, FORM, ("cookie", &cookie)], &form).await;
            let refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(refused, !roles.contains(&role), "{method} {path} for {role:?}: {}", answer.status);
        }
        let page = ask(&app, "GET", "/", &[("cookie", &cookie)], "").await.text;
        assert_eq!(page.contains("href=\"/audit\""), role == Role::Audit, "no link to a closed page");
    }
}

#[tokio::test]
async fn a_button_does_what_its_command_says_once_the_name_is_typed_back() {
    let (app, ops) = console();
    let (cookie, token) = log_in(&app, "all").await;
    let headers = [OWN, FORM, ("cookie", cookie.as_str())];
    let sent = format!("token={token}&digest={DIGEST}&reason=%E5%90%88%E8%AE%A1");
    let answer = ask(&app, "POST", "/do/review-return", &headers, &sent).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(
        answer.text.contains(&format!("gongshi review return {DIGEST} --reason &#39;合计&#39;")),
        "{}",
        answer.text
    );
    let (deed, actor) = ops.done.lock().unwrap().last().cloned().unwrap();
    assert_eq!(deed, Deed::Return(DIGEST.parse().unwrap(), "合计".to_owned()));
    assert_eq!(actor.who, "all");
    let count = ops.done.lock().unwrap().len();
    let answer = ask(&app, "POST", "/do/withdraw", &headers, &sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "not typed back");
    assert_eq!(ops.done.lock().unwrap().len(), count);
    let answer = ask(&app, "POST", "/do/withdraw", &headers, &format!("{sent}&typed=abababab")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = ask(&app, "POST", "/do/publish", &headers, &format!("token={token}&draft=7")).await;
    assert_eq!(answer.headers["location"], format!("/receipt/{DIGEST}"));
}

#[tokio::test]
async fn logging_in_is_slow_for_who_guesses_and_ends_after_idleness_and_on_leaving() {
    let (app, ops) = console();
    let wrong = "user=all&password=wrong+wrong+wrong&digits=";
    let mut last = StatusCode::OK;
    for _ in 0..5 {
        last = ask(&app, "POST", "/login", &[OWN, FORM], wrong).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = "user=all&password=correct+horse&digits=";
    let answer = ask(&app, "POST", "/login", &[OWN, FORM], right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "not even with the right password");
    assert!(ops.done.lock().unwrap().iter().any(|(deed, _)| *deed == Deed::LoginRefused("all".to_owned())));
    *ops.now_ms.lock().unwrap() += 60_000;
    let (cookie, token) = log_in(&app, "all").await;
    let cookie = ("cookie", cookie.as_str());
    *ops.now_ms.lock().unwrap() += 29 * 60_000;
    assert_eq!(ask(&app, "GET", "/pulse", &[cookie], "").await.status, StatusCode::OK);
    *ops.now_ms.lock().unwrap() += 2 * 60_000;
    let status = ask(&app, "GET", "/", &[cookie], "").await.status;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "an open page keeps nobody in");
    let _ = token;
    let (cookie, token) = log_in(&app, "all").await;
    let cookie = ("cookie", cookie.as_str());
    let out = ask(&app, "POST", "/logout", &[OWN, FORM, cookie], &format!("token={token}")).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(ask(&app, "GET", "/", &[cookie], "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn attack_54_answers_say_nothing_of_the_inside_to_who_is_not_let_in() {
    let (app, _) = console();
    for path in
        ["/", "/tree", "/audit", "/nothing", "/en/keys", "/do/push", "/debug", "/.env", "/upload/../keys"]
    {
        let answer = ask(&app, "GET", path, &[], "").await;
        for inside in ["331126100", "panicked", "/src/", "RUST_BACKTRACE", "users.json", "argon2"] {
            assert!(!answer.text.contains(inside), "{path} says {inside}");
        }
    }
    let missing = ask(&app, "POST", "/login", &[OWN, FORM], "user=nobody&password=x&digits=").await;
    let wrong = ask(&app, "POST", "/login", &[OWN, FORM], "user=audit&password=x&digits=").await;
    let pulse = |text: &str| text.replace("audit", "nobody");
    assert_eq!(pulse(&missing.text), pulse(&wrong.text), "who exists is not said");
}

#[tokio::test]
async fn attack_55_no_page_is_framed_cached_or_leads_where_the_request_says() {
    let (app, _) = console();
    let (cookie, _) = log_in(&app, "all").await;
    for (method, path, _) in every_route().into_iter().filter(|(method, ..)| *method == "GET") {
        let answer =
            ask(&app, method, &path, &[("cookie", &cookie), ("x-forwarded-host", "evil.example")], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        // Not `no-referrer`: browsers would send our own forms with `Origin: null`.
        assert_eq!(answer.headers["referrer-policy"], "same-origin");
        assert!(!answer.text.contains("evil.example") && !answer.text.contains("<script>"), "{path}");
    }
    for to in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let body = format!("user=all&password=correct+horse&digits=&next={to}&to={to}");
        let answer = ask(&app, "POST", &format!("/login?next={to}"), &[OWN, FORM], &body).await;
        assert_eq!(answer.headers["location"], "/", "{to}");
    }
}

#[tokio::test]
async fn attack_50_no_name_of_a_file_and_no_address_is_a_path() {
    let (app, ops) = console();
    let (cookie, token) = log_in(&app, "all").await;
    for name in
        ["../../etc/passwd", "..\\..\\x", "/etc/passwd", "%2e%2e%2fx", "CON", ".", "~root", "a/../../b"]
    {
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--b\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\nPK\r\n--b--\r\n"
        );
        let headers = [OWN, ("content-type", "multipart/form-data; boundary=b"), ("cookie", cookie.as_str())];
        let answer = ask(&app, "POST", "/upload", &headers, &body).await;
        assert_eq!(answer.headers["location"], "/upload/0", "{name} is a label: the draft has a number");
    }
    assert!(
        ops.done.lock().unwrap().iter().all(|(deed, _)| *deed == Deed::Login),
        "and nothing else was done"
    );
    let long = "a".repeat(4_096);
    for part in ["..", "%2e%2e", "..%2f..%2fusers.json", "%00", "a%5cb", "%2fetc%2fpasswd", long.as_str()] {
        for page in ["review", "receipt", "upload", "releases"] {
            let path = format!("/{page}/{part}");
            let answer = ask(&app, "GET", &path, &[("cookie", &cookie)], "").await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn attack_49_and_51_names_at_the_door_stay_on_their_line_and_names_of_agencies_stand_beside_codes() {
    let (app, ops) = console();
    for name in ["a%0D%0Ab", "a%1B%5B31m", "a%E2%80%A8b", &"x".repeat(65_536)] {
        let body = format!("user={name}&password=x&digits=");
        let answer = ask(&app, "POST", "/login", &[OWN, FORM], &body).await;
        let kept_out = matches!(answer.status.as_u16(), 401 | 429);
        assert!(kept_out && answer.headers.get("set-cookie").is_none(), "{}", answer.status);
    }
    for (deed, _) in ops.done.lock().unwrap().iter() {
        assert!(matches!(deed, Deed::LoginRefused(name) if name.chars().count() <= 64), "{deed:?}");
    }
    *ops.now_ms.lock().unwrap() += 600_000;
    let (cookie, _) = log_in(&app, "all").await;
    for path in ["/review", "/returned", "/upload/7"] {
        let text = ask(&app, "GET", path, &[("cookie", &cookie)], "").await.text;
        assert!(text.contains("330282"), "{path} shows whose name it is");
    }
}

#[tokio::test]
async fn probes_and_metrics_answer_without_a_login_and_change_nothing() {
    let (app, _) = console();
    assert_eq!(ask(&app, "GET", "/healthz", &[("host", "anything")], "").await.text, "ok");
    let ready = ask(&app, "GET", "/readyz", &[], "").await;
    let document: Value = serde_json::from_str(&ready.text).unwrap();
    assert_eq!(document["reasons"], json!(["upstream_down", "upstream_behind"]));
    assert!(ask(&app, "GET", "/metrics", &[], "").await.text.ends_with("# EOF\n"));
    assert_eq!(ask(&app, "POST", "/metrics", &[], "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_file_is_taken_from_a_form() {
    let (app, _) = console();
    let (cookie, token) = log_in(&app, "review").await;
    let part = |name: &str, more: &str, body: &str| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n{body}\r\n")
    };
    let body =
        format!("{}{}--b--\r\n", part("token", "", &token), part("file", "; filename=\"a.xlsx\"", "PK"));
    let headers = [OWN, ("content-type", "multipart/form-data; boundary=b"), ("cookie", cookie.as_str())];
    let answer = ask(&app, "POST", "/upload", &headers, &body).await;
    assert_eq!(answer.headers["location"], "/upload/7", "{}", answer.text);
}
