//! Pages: text enough, a strict policy, and no broken link anywhere.

use crate::federation::{Federation, Node};
use crate::http::Answer;
use crate::reports::published_file;
use std::collections::{BTreeMap, BTreeSet};

/// The text of a page, without tags, styles and spaces.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('>') else { break };
        let tag = &rest[start..=start + end];
        rest = &rest[start + end + 1..];
        for skipped in ["style", "script"] {
            if tag.starts_with(&format!("<{skipped}")) {
                rest = rest.split_once(&format!("</{skipped}>")).map_or("", |(_, after)| after);
            }
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect()
}

fn assert_page(path: &str, answer: &Answer) {
    let html = answer.text();
    assert!(text(&html).chars().count() > 200, "{path}: {}", text(&html));
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        "{path}: {policy:?}"
    );
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    let lang = if path.starts_with("/en/") { "en" } else { "zh" };
    assert!(html.contains(&format!("<html lang=\"{lang}")), "{path}");
    for foreign in ["src=\"http", "src=\"//", "@import"] {
        assert!(!html.contains(foreign), "{path} loads from elsewhere");
    }
}

/// Addresses a page leads to, on this server.
fn links(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in ["href=\"", "src=\"", "action=\""] {
        for part in html.split(attribute).skip(1) {
            let link = part.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&");
            let link = link.split('#').next().unwrap_or_default().to_owned();
            if link.starts_with('/') && !link.starts_with("//") {
                found.push(link);
            }
        }
    }
    found
}

/// Follows every link from `/`; the pages it comes to.
pub(crate) fn crawl(node: &Node) -> BTreeMap<String, Answer> {
    walk(node, |_| true, assert_page)
}

/// The same along some links only, with another look at each page.
pub(crate) fn walk(
    node: &Node,
    follow: impl Fn(&str) -> bool,
    look: impl Fn(&str, &Answer),
) -> BTreeMap<String, Answer> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut open: BTreeSet<String> = BTreeSet::from(["/".to_owned()]);
    let mut pages = BTreeMap::new();
    while let Some(path) = open.pop_first() {
        assert!(seen.len() < 5_000, "the links do not end");
        let answer = node.get(&path);
        // What was taken back is told of where its history is, and says why at its own address.
        let is_gone = answer.status == 410 && path.contains("/p/");
        assert!(answer.status == 200 || is_gone, "{path}: {}", answer.status);
        seen.insert(path.clone());
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        look(&path, &answer);
        // The large size shows the same pages: it is looked at from the start page alone.
        let small = |link: &String| !link.contains("/large/") || path.len() < 5;
        let wanted = |link: &String| !seen.contains(link) && small(link) && follow(link);
        open.extend(links(&answer.text()).into_iter().filter(wanted));
        pages.insert(path, answer);
    }
    pages
}

#[test]
fn no_link_from_the_start_page_is_broken_at_the_province_and_the_town() {
    let federation = Federation::chain();
    let files = ["zj-qingyuan-county-2024.json", "zj-xinchang-zhzf-2022.json", "zj-huzhou-jianshe-2025.json"];
    let digests: Vec<String> =
        files.iter().map(|file| federation.nodes[0].publish(&published_file(file))).collect();
    federation.wait_for(&digests, 10);
    for at in [0, 3] {
        let node = &federation.nodes[at];
        let pages = crawl(node).len();
        assert!(pages >= 6, "{pages} pages at {}", node.code);
        println!("{}: {pages} pages, no broken link", node.code);
        let page = node.get(&format!("/p/{}", digests[0]));
        assert_page("/p/...", &page);
        let html = page.text();
        assert!(html.contains("108156") && html.contains("1753.79"), "figures copy as printed digits");
        assert!(html.contains("罚没金额（万元）") && html.contains("庆元县"));
        assert!(html.contains("zjqy.gov.cn"), "with its source");
    }
}

#[test]
fn a_portal_with_nothing_to_list_still_says_so() {
    let federation = Federation::pair();
    for node in &federation.nodes {
        crawl(node);
        for path in ["/", "/reports", "/verify", "/rollcall"] {
            let answer = node.get(path);
            assert_eq!(answer.status, 200, "{path}");
            assert_page(path, &answer);
        }
        let missing = node.get("/no/such/page");
        assert_eq!(missing.status, 404);
        assert_page("/no/such/page", &missing);
    }
}

#[test]
fn the_console_is_not_the_portal() {
    let federation = Federation::province();
    let node = &federation.nodes[0];
    for path in ["/healthz", "/readyz"] {
        assert_eq!(crate::http::get(&node.console, path).status, 200, "{path}");
        assert_eq!(node.get(path).status, 404, "{path} on the public port");
    }
    assert_eq!(crate::http::get(&node.console, "/").status, 401, "the console asks who is there");
}
