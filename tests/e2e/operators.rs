//! Operators at the console, in a real browser: a clerk who hands a workbook in, a reviewer who sends it back and then
//! accepts it, and what the pages of the console must be like.

use crate::browser::{Browser, axe};
use crate::every_page::{barriers, sideways};
use crate::federation::{Federation, Node};
use crate::http;
use crate::program::{command, finish, wait_until};
use crate::reports::{broken_report, report};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const PASSWORD: &str = "a long password";
const AGENCY: &str = "慈溪市示范执法局（合成示例）";

/// `gongshi console user add`, the password on standard input; what it printed.
fn add_user(node: &Node, name: &str, roles: &[&str], more: &[&str]) -> serde_json::Value {
    let mut add = command();
    add.args(["console", "user", "add", name, "--json", "--data", node.path()]);
    roles.iter().for_each(|role| {
        add.args(["--role", role]);
    });
    add.args(more).stdin(Stdio::piped());
    let mut child = add.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(PASSWORD.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a page of a node's console says to somebody with every role.
pub(crate) fn shown(node: &Node, path: &str) -> String {
    add_user(node, "reader", &["system", "review", "audit"], &["--no-second-factor"]);
    let origin = format!("http://{}", node.console);
    let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = b"user=reader&password=a+long+password&digits=";
    let within = Duration::from_secs(20);
    let entered = http::send(&node.console, "POST", "/login", &headers, body, within).expect("an answer");
    let cookie = entered.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let page = http::send(&node.console, "GET", path, &[("cookie", &cookie)], b"", within);
    page.expect("an answer").text()
}

fn log_in(browser: &Browser, node: &Node, name: &str) {
    browser.go(&format!("http://{}/", node.console));
    browser.find("input[name=user]").type_in(name);
    browser.find("input[name=password]").type_in(PASSWORD);
    browser.find("form.act button").click();
    wait_until("somebody is in", 10, || browser.text().contains("现在要做的事").then_some(()));
}

/// Chooses a file and sends it.
fn hand_in(browser: &Browser, node: &Node, file: &Path) {
    browser.go(&format!("http://{}/upload", node.console));
    browser.find("input[type=file]").type_in(file.to_str().expect("a plain path"));
    browser.saying("校验并预览").click();
    wait_until("the file is read", 40, || browser.url().contains("/upload/").then_some(()));
}

fn digest_of(browser: &Browser) -> String {
    wait_until("the receipt", 10, || Some(browser.url().split_once("/receipt/")?.1.to_owned()))
}

fn audit(node: &Node) -> String {
    node.run(&["audit", "show"]).expect_exit(0).stdout
}

#[test]
fn a_clerk_hands_a_file_in_mends_it_publishes_it_and_the_province_shows_it() {
    let federation = Federation::pair();
    let [province, city] = [&federation.nodes[0], &federation.nodes[1]];
    add_user(city, "clerk", &["review"], &["--no-second-factor"]);
    let browser = Browser::open();
    log_in(&browser, city, "clerk");
    browser.picture("clerk-1-overview");
    let broken = federation.write("broken.json", &broken_report(AGENCY, "330200", 2024, 5).to_string());
    hand_in(&browser, city, &broken);
    let text = browser.text();
    assert!(text.contains("必须改") && text.contains("合计") && text.contains("35"), "{text}");
    assert!(browser.all("form button").iter().all(|button| !button.text().contains("签名")), "{text}");
    browser.picture("clerk-2-to-fix");
    let mended = federation.write("mended.json", &report(AGENCY, "330200", 2024, 5).to_string());
    hand_in(&browser, city, &mended);
    let text = browser.text();
    assert!(text.contains("公众将看到的内容") && text.contains("18.5"), "{text}");
    assert!(text.contains("gongshi publish"), "the button says its command: {text}");
    browser.picture("clerk-3-preview");
    browser.saying("签名并报送").click();
    let digest = digest_of(&browser);
    browser.picture("clerk-4-receipt");
    wait_until("the receipt follows what the root says", 30, || {
        browser.text().contains("已公开").then_some(())
    });
    browser.picture("clerk-5-public");
    wait_until("the province has it", 20, || province.has(&digest).then_some(()));
    browser.go(&format!("http://{}/p/{digest}", province.portal));
    assert!(browser.text().contains(AGENCY) && browser.text().contains("18.5"), "{}", browser.text());
    let acts = audit(city);
    assert!(
        acts.contains("\"clerk\"") && acts.contains("console 127.0.0.1") && acts.contains("\"publish\""),
        "{acts}"
    );
}

#[test]
fn a_reviewer_sends_a_report_back_with_a_reason_and_accepts_what_comes_again() {
    let federation = Federation::pair();
    let [province, city] = [&federation.nodes[0], &federation.nodes[1]];
    add_user(province, "reviewer", &["review", "system"], &["--no-second-factor"]);
    let mut odd = report(AGENCY, "330200", 2024, 5);
    odd["tables"]["行政处罚实施情况统计表"]["values"][4] = serde_json::json!(0);
    let file = federation.write("odd.json", &odd.to_string());
    let digest = city.publish(&file);
    wait_until("the province has it", 20, || province.has(&digest).then_some(()));
    let browser = Browser::open();
    log_in(&browser, province, "reviewer");
    browser.go(&format!("http://{}/review?all=1", province.console));
    browser.picture("reviewer-1-queue");
    browser.saying("慈溪市示范执法局").click();
    assert!(browser.url().contains(&digest), "{}", browser.url());
    browser.picture("reviewer-2-report");
    browser.find("textarea[name=reason]").type_in("罚没金额与案件数不符，请核实");
    browser.saying("退回修改").click();
    wait_until("it is sent back", 10, || browser.text().contains("已完成").then_some(()));
    assert!(browser.text().contains("gongshi review return"), "{}", browser.text());
    browser.picture("reviewer-3-done");
    // The city is told why, on its own console too.
    add_user(city, "clerk", &["review"], &["--no-second-factor"]);
    wait_until("the city knows", 20, || {
        city.run(&["list", "--state", "returned"]).stdout.contains(&digest).then_some(())
    });
    let again = federation.write("again.json", &report(AGENCY, "330200", 2024, 5).to_string());
    let second = city.publish(&again);
    wait_until("the province has the second", 20, || province.has(&second).then_some(()));
    browser.go(&format!("http://{}/review/{second}", province.console));
    browser.saying("审核通过").click();
    wait_until("it is accepted", 10, || browser.text().contains("已完成").then_some(()));
    browser.go(&format!("http://{}/review/{second}", province.console));
    assert!(browser.text().contains("已审核通过"), "{}", browser.text());
    let acts = audit(province);
    assert!(
        acts.contains("review return") && acts.contains("review accept") && acts.contains("\"reviewer\""),
        "{acts}"
    );
    drop(browser);
    let browser = Browser::open();
    log_in(&browser, city, "clerk");
    browser.go(&format!("http://{}/receipt/{digest}", city.console));
    assert!(browser.text().contains("罚没金额与案件数不符"), "{}", browser.text());
    browser.picture("reviewer-4-told");
}

#[test]
fn every_page_of_the_console_is_accessible_narrow_and_quiet_in_both_languages() {
    let federation = Federation::pair();
    let [province, city] = [&federation.nodes[0], &federation.nodes[1]];
    add_user(province, "all", &["system", "review", "audit"], &["--no-second-factor"]);
    let mut odd = report("<img src=x onerror=alert(1)>局（合成示例）", "330200", 2024, 5);
    odd["narrative"] = serde_json::json!("</p><script>alert(2)</script>");
    let digest = city.publish(&federation.write("odd.json", &odd.to_string()));
    wait_until("the province has it", 20, || province.has(&digest).then_some(()));
    province.invite("city", "330100", "杭州市", &[]);
    let (browser, axe) = (Browser::open(), axe());
    browser.go(&format!("http://{}/", province.console));
    let mut faults = barriers(&browser, &axe);
    browser.picture("console-login-1280");
    log_in(&browser, province, "all");
    let broken = federation.write("broken.json", &broken_report(AGENCY, "330200", 2023, 5).to_string());
    hand_in(&browser, province, &broken);
    let draft = browser.url().split_once("/upload/").expect("a draft").1.to_owned();
    let nav = browser.all("nav a").iter().map(|link| link.attribute("href")).collect::<Vec<_>>();
    assert!(nav.len() >= 10, "{nav:?}");
    let parts = [
        format!("/review/{digest}"),
        format!("/receipt/{digest}"),
        format!("/upload/{draft}"),
        "/releases/2024".to_owned(),
        "/review?all=1".to_owned(),
    ];
    let paths: Vec<String> = nav.into_iter().chain(parts).collect();
    for path in paths.iter().flat_map(|path| [path.clone(), format!("/en{path}")]) {
        browser.go(&format!("http://{}{path}", province.console));
        assert!(
            browser.text().chars().filter(|c| !c.is_whitespace()).count() > 200,
            "{path}: {}",
            browser.text()
        );
        faults.extend(barriers(&browser, &axe).into_iter().map(|barrier| format!("{path}: {barrier}")));
        faults.extend(browser.ran().into_iter().map(|ran| format!("{path}: {ran}")));
        let name = path
            .trim_matches('/')
            .replace(['/', '?', '='], "_")
            .replace(&digest, "digest")
            .replace(&draft, "draft");
        browser.picture(&format!("console-{name}-1280"));
        let beyond = sideways(&browser, 320);
        browser.picture(&format!("console-{name}-320"));
        browser.size(1280, 900);
        if beyond > 0 {
            faults.push(format!("{path}: {beyond} pixels too wide"));
        }
    }
    let own = format!("http://{}/", province.console);
    let foreign =
        browser.requests().into_iter().filter(|url| url.starts_with("http") && !url.starts_with(&own));
    faults.extend(foreign);
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn an_open_page_follows_the_node_by_itself_and_without_scripts_on_demand() {
    let federation = Federation::pair();
    let [province, city] = [&federation.nodes[0], &federation.nodes[1]];
    add_user(province, "all", &["system", "review", "audit"], &["--no-second-factor"]);
    let browser = Browser::open();
    log_in(&browser, province, "all");
    browser.go(&format!("http://{}/review?all=1", province.console));
    assert!(!browser.text().contains(AGENCY), "{}", browser.text());
    city.publish(&federation.write("a.json", &report(AGENCY, "330200", 2024, 5).to_string()));
    wait_until("the page shows it by itself", 30, || browser.text().contains(AGENCY).then_some(()));
    browser.without_scripts();
    browser.go(&format!("http://{}/tree", province.console));
    browser.saying("每 15 秒刷新").click();
    assert!(
        browser.url().ends_with("refresh=15") && browser.text().contains("停止刷新"),
        "{}",
        browser.url()
    );
}

#[test]
fn users_are_made_at_the_command_line_alone_and_a_second_factor_is_asked_for() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    let empty = http::get(&node.console, "/");
    assert_eq!(empty.status, 401);
    assert!(empty.text().contains("gongshi console user add"), "a new node says how to begin");
    let made = add_user(node, "root", &["system"], &[]);
    assert_eq!(made["schema"], "gongshi.console.user/1");
    assert!(
        made["otpauth"].as_str().is_some_and(|url| url.starts_with("otpauth://totp/Gongshi:root?secret=")),
        "{made}"
    );
    let host = node.console.clone();
    let origin = format!("http://{host}");
    let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let login = |digits: &str| {
        let body = format!("user=root&password=a+long+password&digits={digits}");
        let sent = http::send(&host, "POST", "/login", &headers, body.as_bytes(), Duration::from_secs(20));
        sent.expect("an answer").status
    };
    assert_eq!(login(""), 401);
    assert_eq!(login("000000"), 401);
    let short = federation.write("short", "short\n");
    let refused = node.run(&[
        "console",
        "user",
        "add",
        "a",
        "--role",
        "audit",
        "--password-file",
        short.to_str().expect("a path"),
    ]);
    assert_eq!(refused.expect_exit(2).json()["code"], "bad_user");
    let listed = node.run(&["console", "user", "list"]).expect_exit(0).json();
    assert_eq!(listed["users"][0]["second_factor"], true);
    node.run(&["console", "user", "remove", "root"]).expect_exit(0);
    let mut none = command();
    none.args(["console", "user", "add", "b", "--role", "audit", "--data", node.path()]);
    finish(none, Duration::from_secs(40)).expect_exit(2);
    let acts = audit(node);
    for act in ["console user add", "console user remove", "console login refused"] {
        assert!(acts.contains(act), "{act}: {acts}");
    }
}
