//! What holds of every page a portal leads to, found by following its links: accessible, narrow enough, light enough,
//! nothing from elsewhere, and never a word of a report that runs.

use crate::browser::{Browser, axe};
use crate::federation::{Federation, Node};
use crate::http::Answer;
use crate::pages::{crawl, walk};
use crate::readers::tianjin;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Pages of one kind that are looked at: the first, and another with other contents.
const OF_A_KIND: usize = 2;
/// The budget of a page as a reader's browser receives it, in bytes.
const HTML_MAX: usize = 60 * 1024;
const CSS_MAX: usize = 15 * 1024;
const SCRIPT_MAX: usize = 20 * 1024;

/// What an address is, apart from which division, agency, year or digest it is about.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let code = |part: &str| matches!(part.len(), 6 | 9) && digits(part) || part.starts_with("330100-");
    let mut after_all = 0;
    let parts = path.split('/').map(|part| match part {
        _ if after_all > 0 => {
            after_all += 1;
            "{part}"
        }
        "all" | "own" => {
            after_all = 1;
            part
        }
        part if part.len() == 64 => "{digest}",
        part if code(part) => "{code}",
        part if part.len() == 4 && digits(part) => "{year}",
        part if part.len() > 1 && part.starts_with('v') && digits(&part[1..]) => "{revision}",
        part if part.contains('%') => "{name}",
        part => part,
    });
    let parts: Vec<&str> = parts.collect();
    let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    format!("{}?{}", parts.join("/"), keys.join("&"))
}

/// Two addresses of every kind of page.
pub(crate) fn kinds(pages: &BTreeMap<String, Answer>) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in pages.keys() {
        let of_kind = found.entry(kind(path)).or_default();
        if of_kind.len() < OF_A_KIND {
            of_kind.push(path.clone());
        }
    }
    found.into_values().flatten().collect()
}

/// What the checker finds against the page shown that is serious or worse, one line a finding.
pub(crate) fn barriers(browser: &Browser, axe: &str) -> Vec<String> {
    browser.script(&format!("{axe}; window.axe = axe;"), &[]);
    let run = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations), e => done([{id: String(e), impact: 'critical', nodes: []}]))";
    let found = browser.script_later(run, &[]);
    let serious = |finding: &&Value| matches!(finding["impact"].as_str(), Some("serious" | "critical"));
    let line = |finding: &Value| {
        let nodes: Vec<String> =
            finding["nodes"].as_array().into_iter().flatten().map(|node| node["html"].to_string()).collect();
        format!("{} ({}): {}", finding["id"], finding["impact"], nodes.join("  "))
    };
    found.as_array().expect("findings").iter().filter(serious).map(line).collect()
}

/// How far the page shown can be scrolled sideways at a width, in pixels.
pub(crate) fn sideways(browser: &Browser, width: u32) -> i64 {
    browser.size(width, 900);
    let beyond = browser.script("return document.scrollingElement.scrollWidth - window.innerWidth", &[]);
    beyond.as_i64().expect("pixels")
}

/// Addresses that every node answers and that no link leads to: what is not there, and what was taken back.
fn beside(node: &Node) -> Vec<String> {
    let withdrawn = node.api("/api/v1/packages?state=withdrawn");
    let digest = withdrawn["packages"][0]["digest"].as_str().expect("a withdrawn report").to_owned();
    vec!["/no/such/page".to_owned(), "/en/no/such/page".to_owned(), format!("/p/{digest}")]
}

#[test]
fn every_page_is_accessible_in_both_languages_and_no_wider_than_a_telephone() {
    let federation = tianjin();
    let node = &federation.nodes[0];
    let pages = crawl(node);
    let paths: Vec<String> = kinds(&pages).into_iter().chain(beside(node)).collect();
    assert!(paths.iter().any(|path| path.starts_with("/en/")), "{paths:#?}");
    let (browser, axe) = (Browser::open(), axe());
    let mut faults = Vec::new();
    for path in &paths {
        browser.go(&format!("http://{}{path}", node.portal));
        faults.extend(barriers(&browser, &axe).into_iter().map(|barrier| format!("{path}: {barrier}")));
        let name = kind(path).trim_matches(['/', '?']).replace(['/', '?', '&'], "_");
        browser.picture(&format!("{name}-1280"));
        let beyond = sideways(&browser, 320);
        if beyond > 0 {
            faults.push(format!("{path}: {beyond} pixels too wide"));
        }
        browser.picture(&format!("{name}-320"));
        browser.size(1280, 900);
        faults.extend(browser.ran().into_iter().map(|ran| format!("{path}: {ran}")));
    }
    println!("{} pages of {} looked at", paths.len(), pages.len());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn no_page_asks_a_third_party_for_anything_and_all_stay_within_their_weight() {
    let federation = tianjin();
    let node = &federation.nodes[0];
    let pages = crawl(node);
    let packed = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).expect("compressed").len();
    let heavy: Vec<String> = pages
        .iter()
        .filter(|(_, answer)| packed(&answer.body) > HTML_MAX)
        .map(|(path, answer)| format!("{path}: {}", packed(&answer.body)))
        .collect();
    assert!(heavy.is_empty(), "{heavy:#?}");
    let browser = Browser::open();
    let mut asked = BTreeSet::new();
    for path in kinds(&pages) {
        browser.go(&format!("http://{}{path}", node.portal));
        asked.extend(browser.requests());
    }
    let own = format!("http://{}/", node.portal);
    let is_foreign = |url: &&String| !url.starts_with(&own) && url.starts_with("http");
    let foreign: Vec<&String> = asked.iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(asked.iter().any(|url| url.ends_with(".css")), "the log says what was asked: {asked:#?}");
    for url in &asked {
        let path = url.strip_prefix(own.trim_end_matches('/')).unwrap_or_default();
        let limit = match path.rsplit('.').next() {
            Some("css") => CSS_MAX,
            Some("js") => SCRIPT_MAX,
            _ => continue,
        };
        let weight = packed(&node.get(path).body);
        assert!(weight <= limit, "{path}: {weight} bytes, at most {limit}");
    }
}

/// Strings that would run something, wherever a page put them without care: each of the first inside each of the second.
fn hostile() -> Vec<String> {
    const CORES: [&str; 50] = [
        "<script>alert(1)</script>",
        "<ScRiPt>alert(1)</sCrIpT>",
        "<script src=//evil.example/x.js></script>",
        "<script/xss>alert(1)</script>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<img src=x onerror=alert(1)>",
        "<img/src=x/onerror=alert(1)>",
        "<img src=`x`onerror=alert(1)>",
        "<IMG SRC=javascript:alert(1)>",
        "<image href=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg/onload=alert(1)//",
        "<svg><script>alert(1)</script></svg>",
        "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
        "<svg><a xlink:href=javascript:alert(1)><text y=9>x</text></a></svg>",
        "<math><mi//xlink:href=javascript:alert(1)>x</mi></math>",
        "<body onload=alert(1)>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<object data=javascript:alert(1)></object>",
        "<embed src=javascript:alert(1)>",
        "<link rel=stylesheet href=//evil.example/x.css>",
        "<style>@import '//evil.example/x.css';</style>",
        "<style>*{background:url(javascript:alert(1))}</style>",
        "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
        "<base href=//evil.example/>",
        "<form action=javascript:alert(1)><button>x</button></form>",
        "<input autofocus onfocus=alert(1)>",
        "<select autofocus onfocus=alert(1)>",
        "<textarea autofocus onfocus=alert(1)>",
        "<details open ontoggle=alert(1)>x</details>",
        "<video src=x onerror=alert(1)></video>",
        "<audio src=x onerror=alert(1)></audio>",
        "<marquee onstart=alert(1)>x</marquee>",
        "<a href=javascript:alert(1) id=x>x</a>",
        "<template><script>alert(1)</script></template>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<!--<img src='--><img src=x onerror=alert(1)>'>",
        "<![CDATA[><script>alert(1)</script>]]>",
        "<?xml-stylesheet href='javascript:alert(1)'?>",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "{{constructor.constructor('alert(1)')()}}",
        "${alert(1)}",
        "[x](javascript:alert(1))",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;img src=x onerror=alert(1)&#62;",
        "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
        "＜script＞alert(1)＜/script＞",
        "<b style=position:fixed;inset:0 onmouseover=alert(1)>x</b>",
    ];
    const AROUND: [(&str, &str); 4] =
        [("", ""), ("\">", "<x y=\""), ("'>", "<x y='"), ("</title></td></table>", "")];
    let within = |core: &str| AROUND.map(|(before, after)| format!("{before}{core}{after}"));
    CORES.iter().flat_map(|core| within(core)).collect()
}

/// A report that says one thing in every place where a report says anything.
fn spoken(words: &str, n: usize) -> Value {
    json!({
        "agency_name": format!("{n} {words}"), "division_code": "330200", "year": 2024, "scope": "consolidated",
        "members": [words], "as_printed": words, "narrative": words, "notes": words, "source_url": words,
        "tables": {words: {"unit": words, "columns": [words, "罚款（宗）"], "rows": [[words, 3]]}},
    })
}

#[test]
fn attack_47_two_hundred_hostile_strings_in_every_field_are_text_on_every_page() {
    let strings = hostile();
    assert_eq!(strings.len(), 200);
    let federation = Federation::province_with(&[]);
    let node = &federation.nodes[0];
    for (n, words) in strings.iter().enumerate() {
        federation.write(&format!("hostile/{n:03}.json"), &spoken(words, n).to_string());
    }
    let dir = federation.dir.path().join("hostile");
    let published = node
        .run(&["publish", dir.to_str().expect("a plain path"), "--wait", "sequenced"])
        .expect_exit(0)
        .json();
    let digests: Vec<String> = published["published"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["digest"].as_str().expect("a digest").to_owned())
        .collect();
    assert_eq!(digests.len(), 200, "{}", published["refused"]);
    // Reasons are fields too: of the correction of one, of the withdrawal of another.
    let better = federation.write("better.json", &spoken(&strings[0], 0).to_string().replace('3', "4"));
    node.run(&["correct", better.to_str().expect("a plain path"), "--reason", &strings[5]]);
    node.run(&["withdraw", &digests[1], "--reason", &strings[20]]).expect_exit(0);
    // Two hundred reports of one kind: some of their pages in each language, and every page of every other kind. The
    // pages of all of them by digest come below.
    let others = |link: &str| {
        let of_report = ["/a/", "/p/", "/api/", "/compare/"].iter().any(|part| link.contains(part));
        !of_report || link.contains("330200%3A0%20") || link.contains("330200%3A7%20")
    };
    let data = |link: &str| [".json", ".csv", ".xlsx"].iter().any(|end| link.ends_with(end));
    let pages = walk(node, |link| others(link) && !data(link), |_, _| ());
    let mut paths: BTreeSet<String> = kinds(&pages).into_iter().collect();
    paths.extend(digests.iter().map(|digest| format!("/p/{digest}")));
    let browser = Browser::open();
    let mut ran = Vec::new();
    for path in &paths {
        browser.go(&format!("http://{}{path}", node.portal));
        ran.extend(browser.ran().into_iter().map(|what| format!("{path}: {what}")));
        // Nothing of what a page may be made of can come from a report: no handler, no script of an unknown address,
        // no frame, no element that the templates do not have.
        let strange = browser.script(
            "const all = [...document.querySelectorAll('*')]; \
             return all.filter(e => [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'y' && e.tagName === 'X' || ['href', 'src', 'action', 'formaction', 'data', 'xlink:href'].includes(a.name) && /^\\s*(javascript|data):/i.test(a.value)) \
             || ['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'STYLE', 'MARQUEE', 'VIDEO', 'AUDIO', 'X', 'TEMPLATE', 'MATH'].includes(e.tagName) \
             || e.tagName === 'SCRIPT' && e.type !== 'application/ld+json' && !(e.getAttribute('src') || '').startsWith('/assets/')).map(e => e.outerHTML.slice(0, 200))",
            &[],
        );
        ran.extend(strange.as_array().into_iter().flatten().map(|element| format!("{path}: {element}")));
    }
    assert!(ran.is_empty(), "{} pages, of them\n{}", paths.len(), ran.join("\n"));
    let own = format!("http://{}/", node.portal);
    let asked =
        browser.requests().into_iter().filter(|url| url.starts_with("http") && !url.starts_with(&own));
    let asked: Vec<String> = asked.collect();
    assert!(asked.is_empty(), "{asked:#?}");
    // Text it stays: what was sent is what a reader sees.
    let at =
        digests.iter().position(|digest| node.get(&format!("/p/{digest}")).status == 200).expect("a page");
    browser.go(&format!("http://{}/p/{}", node.portal, digests[at]));
    assert!(browser.text().contains(strings[at].as_str()), "{}", browser.text());
}
