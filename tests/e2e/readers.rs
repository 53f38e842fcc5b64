//! People at the portal, in a real browser: a citizen who looks for one town's figures, one who has only a keyboard, one
//! who has turned scripts off.

use crate::browser::{Browser, ENTER, TAB};
use crate::federation::{Federation, Node};
use crate::pages::crawl;
use crate::program::{finish, wait_until};
use crate::reports::{published, published_file, report};
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A report that is corrected, one that is taken back, one whose agency had nothing to report.
fn more(federation: &Federation, node: &Node) {
    let file = |name: &str, agency: &str, warnings: u32| {
        let mut made = report(agency, "120116", 2025, warnings);
        made["notes"] = json!("合成示例");
        let path = federation.write(name, &made.to_string());
        path.to_str().expect("a plain path").to_owned()
    };
    let first = file("a.json", "滨海新区示范执法局（合成示例）", 3);
    node.publish(first.as_ref());
    let better = file("b.json", "滨海新区示范执法局（合成示例）", 4);
    node.run(&["correct", &better, "--reason", "漏报一宗"]).expect_exit(0);
    let other = node.publish(file("c.json", "滨海新区另一执法局（合成示例）", 1).as_ref());
    node.run(&["withdraw", &other, "--reason", "重复报送"]).expect_exit(0);
    node.run(&["nil", "--agency", "滨海新区档案局（合成示例）", "--year", "2025", "--division", "120116"])
        .expect_exit(0);
}

/// 天津市 with the real reports of its city, districts, towns and streets, and some history; 宝坻区 has a portal of its
/// own, and each names the other's.
pub(crate) fn tianjin() -> Federation {
    let dir = TempDir::new().expect("a directory");
    let [mut city, mut district] = ["120000", "120115"].map(|code| Node::new(&dir.path().join(code), code));
    city.init("province", "天津市", &[]).expect_exit(0);
    city.knows(&district);
    city.serve();
    let token = city.invite("district", "120115", "宝坻区", &["--auto"]);
    district.join(&token).expect_exit(0);
    district.knows(&city);
    district.serve();
    let federation = Federation { nodes: vec![city, district], dir };
    let node = &federation.nodes[0];
    let is_own = |name: &str| name.starts_with("tj-") && name.ends_with("-2025.json");
    let real = published().into_iter();
    let real = real.filter(|path| path.file_name().is_some_and(|name| is_own(&name.to_string_lossy())));
    for file in real {
        node.publish(&file);
    }
    more(&federation, node);
    federation.wait_agreement(30);
    federation
}

/// The lines of the check in the page, once it has ended: how each went, and what it says.
fn checked(browser: &Browser) -> Vec<(String, String)> {
    let lines = "return [...document.querySelectorAll('#check li')].map(e => [e.className, e.innerText])";
    let ended =
        "return !document.querySelector('#check button').disabled && !!document.querySelector('#check li')";
    wait_until("the check ends", 30, || browser.script(ended, &[]).as_bool().filter(|ended| *ended));
    serde_json::from_value(browser.script(lines, &[])).expect("lines")
}

#[test]
fn a_stranger_finds_last_years_inspections_of_a_town_downloads_and_checks_them_in_under_two_minutes() {
    let federation = tianjin();
    let node = &federation.nodes[0];
    let browser = Browser::open();
    let downloads = browser.downloads();
    let begun = Instant::now();
    browser.go(&format!("http://{}/", node.portal));
    browser.picture("citizen-1-start");
    browser.find("input[name=q]").type_in("大口屯");
    browser.find("form.find button").click();
    browser.picture("citizen-2-search");
    browser.saying("大口屯镇").click();
    // The search leads to the newest year, which is last year.
    wait_until("the town's page", 10, || browser.url().ends_with("/120115101/2025").then_some(()));
    browser.picture("citizen-3-town");
    assert!(browser.text().contains("行政检查") && browser.text().contains("1,530"), "{}", browser.text());
    browser.saying("CSV").click();
    let file = wait_until("the download ends", 20, || {
        let mut files = std::fs::read_dir(&downloads).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        files.find(|path| path.extension().is_some_and(|end| end == "csv"))
    });
    let text = std::fs::read_to_string(file).expect("the download");
    assert!(text.starts_with('\u{feff}') && text.contains("行政检查") && text.contains("1530"), "{text}");
    // The figure leads to the cells that it is made of, and from there to the signed report.
    browser.find("a[href*='%E8%A1%8C%E6%94%BF%E6%A3%80%E6%9F%A5']").click();
    browser.picture("citizen-4-origin");
    browser.saying("大口屯镇人民政府").click();
    browser.find("#check button").click();
    let lines = checked(&browser);
    browser.picture("citizen-5-checked");
    let took = begun.elapsed();
    // Digest, card, figures, inclusion here and at the other level, the same root hash at both. Whether the browser can
    // check signatures is the browser's.
    let agree = lines.iter().filter(|(how, _)| how == "yes").count();
    assert!(
        agree >= 6 && lines.iter().all(|(how, said)| how != "no" && (how == "yes" || said.contains("签名"))),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|(how, said)| how == "yes" && said.contains("根哈希相同")), "{lines:#?}");
    assert!(took < Duration::from_secs(120), "{took:?}");
    println!("found, downloaded and checked in {took:?}");
    let script = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/verifier/verify.py");
    let python = std::env::var_os("GONGSHI_PYTHON").unwrap_or_else(|| "python3".into());
    let mut check = Command::new(python);
    check.arg(script).arg(format!("http://{}", node.portal));
    finish(check, Duration::from_secs(120)).expect_exit(0);
}

#[test]
fn the_check_in_the_page_says_what_differs_and_what_it_did_not_prove() {
    let federation = tianjin();
    let node = &federation.nodes[0];
    let browser = Browser::open();
    let digest = node.api("/api/v1/packages?division=120115101")["packages"][0]["digest"].clone();
    let page = format!("http://{}/p/{}", node.portal, digest.as_str().expect("a digest"));
    // A byte of what the page fetches is changed on its way: the step that it breaks says so, and those after it.
    for (part, step) in [("/body", "正文"), ("/card", "卡片"), ("/statement", "声明"), ("/proof", "包含证明")]
    {
        browser.go(&page);
        browser.script(
            "const real = window.fetch, part = arguments[0]; \
             window.fetch = async (url, how) => { \
               const answer = await real(url, how); \
               if (!String(url).startsWith('/') || !String(url).endsWith(part)) return answer; \
               const bytes = new Uint8Array(await answer.arrayBuffer()), at = part === '/proof' ? 50 : bytes.length - 80; \
               bytes[at] = bytes[at] === 65 ? 66 : 65; \
               return new Response(bytes); \
             };",
            &[json!(part)],
        );
        browser.find("#check button").click();
        let lines = checked(&browser);
        assert!(lines.iter().any(|(how, said)| how != "yes" && said.contains(step)), "{part}: {lines:#?}");
        if part == "/body" {
            browser.picture("check-differs");
            assert!(lines.iter().any(|(how, said)| how == "no" && said.contains("不符")), "{lines:#?}");
        }
    }
    // Without another level's portal, the page says that it has only agreed with itself.
    browser.go(&page);
    browser.script("document.querySelectorAll('#check select option').forEach(e => e.remove())", &[]);
    browser.find("#check button").click();
    let lines = checked(&browser);
    let (how, said) = lines.last().expect("a line");
    assert!(how == "open" && said.contains("不能说明本站没有作假"), "{lines:#?}");
}

#[test]
fn the_keyboard_alone_leads_from_the_start_page_to_a_report_and_never_gets_stuck() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    node.publish(&published_file("zj-qingyuan-county-2024.json"));
    let browser = Browser::open();
    browser.go(&format!("http://{}/", node.portal));
    browser.press(TAB);
    assert_eq!(browser.focused(), "跳到正文", "the first stop skips the navigation");
    let outline = browser.script("return getComputedStyle(document.activeElement).outlineStyle", &[]);
    assert_ne!(outline, "none", "the focus is visible");
    browser.press(ENTER);
    let at_main = browser.script("return document.activeElement.id", &[]);
    assert_eq!(at_main, "main");
    let mut stops = 0;
    while !browser.focused().contains("庆元县") {
        browser.press(TAB);
        stops += 1;
        assert!(stops < 60, "the report is not reached");
    }
    let seen = browser.script(
        "const box = document.activeElement.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight",
        &[],
    );
    assert_eq!(seen, true, "what has the focus is in view");
    browser.press(ENTER);
    wait_until("the report is open", 10, || browser.url().contains("/a/").then_some(()));
    // Once around: every stop is another one, and the end leads back to the top.
    let count = browser.script(
        "return document.querySelectorAll('a[href],button,input,select,textarea,[tabindex=\"0\"]').length",
        &[],
    );
    for _ in 0..count.as_u64().expect("a count") + 2 {
        browser.press(TAB);
    }
    let stuck = browser.focused();
    browser.press(TAB);
    assert_ne!(browser.focused(), stuck, "the keyboard is stuck");
}

#[test]
fn every_page_reads_without_javascript() {
    let federation = tianjin();
    let node = &federation.nodes[0];
    let browser = Browser::open();
    browser.without_scripts();
    browser.go("data:text/html,<title>off</title><script>document.title = 'on'</script>");
    assert_eq!(browser.script("return document.title", &[]), "off");
    for path in crate::every_page::kinds(&crawl(node)) {
        browser.go(&format!("http://{}{path}", node.portal));
        let text = browser.text();
        assert!(text.chars().filter(|c| !c.is_whitespace()).count() > 200, "{path}: {text}");
    }
    browser.go(&format!("http://{}/reports", node.portal));
    browser.find("form.filter input[name=year]").type_in("2025");
    browser.find("form.filter button").click();
    wait_until("the form is answered", 20, || browser.url().contains("year=2025").then_some(()));
    assert!(browser.text().contains("大口屯镇人民政府"));
}
