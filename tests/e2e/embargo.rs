//! A held year from outside: everything that can be asked of four portals, before and after held content arrives, and every
//! address at which it could be, compared with addresses of nothing.

use crate::federation::{Federation, Node};
use crate::program::wait_until;
use crate::reports::report;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const AGENCY: &str = "机密样例管理局";
/// Words that stand in held content and nowhere else.
const CANARIES: [&str; 4] = [AGENCY, "CANARY7F3A9", "8765432", "attached-canary"];
/// Addresses of the logs' own bytes: what changes there is declared. They are looked through for the canaries all the same.
const DECLARED: [&str; 2] = ["/checkpoint", "/tile/"];
/// Where a crawl begins; it follows every link of every page from there.
const SEEDS: [&str; 27] = [
    "/",
    "/en/",
    "/2024",
    "/330282/2024",
    "/330282108/2024",
    "/330000/2024",
    "/330282/2024.json",
    "/330282/2024.csv",
    "/coverage/2024",
    "/coverage/2024.json",
    "/rollcall",
    "/verify",
    "/corrections",
    "/calendar",
    "/dictionary",
    "/search",
    "/about",
    "/feed.atom",
    "/sitemap.xml",
    "/openapi.json",
    "/robots.txt",
    "/api/v1/node",
    "/api/v1/packages",
    "/api/v1/packages?year=2024",
    "/api/v1/rollcall",
    "/api/v1/view/330282/2024",
    "/checkpoint",
];
/// Addresses of one crawl: more than a small federation has, and an end.
const ADDRESSES_MAX: usize = 400;

/// An answer as it came: status, headers but the date, body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    status: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

fn ask(node: &Node, method: &str, path: &str, more: &str) -> Raw {
    let mut stream = TcpStream::connect(&node.portal).expect("the portal listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).expect("it takes the request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it answers");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let mut lines = head.split("\r\n").map(str::to_owned);
    let status = lines.next().expect("a status line");
    let headers = lines.filter(|line| !line.starts_with("date:")).collect();
    Raw { status, headers, body: bytes[end + 4..].to_vec() }
}

/// Links of a page to the same portal.
fn links(body: &str) -> Vec<String> {
    let after = |mark: &str| {
        body.split(mark).skip(1).filter_map(|rest| rest.split(['"', '#']).next()).map(str::to_owned).collect()
    };
    let mut found: Vec<String> = after("href=\"");
    found.extend(after("src=\""));
    found.retain(|link| link.starts_with('/') && !link.starts_with("//"));
    found.into_iter().map(|link| link.replace("&amp;", "&").replace("&#38;", "&")).collect()
}

/// Everything that can be reached from the seeds.
fn crawl(node: &Node) -> BTreeMap<String, Raw> {
    let mut open: Vec<String> = SEEDS.iter().map(|seed| (*seed).to_owned()).collect();
    let tiles = (0..2).map(|level| format!("/tile/{level}/000"));
    open.extend(tiles.chain(["/tile/entries/000".to_owned()]));
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        if found.len() > ADDRESSES_MAX || found.contains_key(&path) {
            continue;
        }
        let answer = ask(node, "GET", &path, "");
        let is_page = answer.headers.iter().any(|line| line.starts_with("content-type: text/html"));
        if is_page {
            open.extend(links(&String::from_utf8_lossy(&answer.body)));
        }
        found.insert(path, answer);
    }
    assert!(found.len() > SEEDS.len() / 2 && found.len() <= ADDRESSES_MAX, "{}", found.len());
    found
}

/// A text with one mark for every instant (times are declared): a date, and what follows of a time of day and its zone.
fn without_times(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_date = |at: usize| {
        letters.get(at..at + 10).is_some_and(|date| {
            date.iter()
                .enumerate()
                .all(|(place, c)| if matches!(place, 4 | 7) { *c == '-' } else { c.is_ascii_digit() })
        })
    };
    let (mut out, mut at) = (String::new(), 0);
    while at < letters.len() {
        if is_date(at) {
            out.push_str(" {time} ");
            at += 10;
            let is_more =
                |c: &char| c.is_ascii_digit() || matches!(c, 'T' | 'Z' | ':' | '.' | '+' | '-' | ' ');
            while letters.get(at).is_some_and(is_more) {
                at += 1;
            }
        } else {
            out.push(letters[at]);
            at += 1;
        }
    }
    out
}

/// The words of an answer, its status first.
fn words(answer: &Raw) -> Vec<String> {
    let text = without_times(&String::from_utf8_lossy(&answer.body));
    let split = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '+' | '/' | '=')));
    let words = split.filter(|part| !part.is_empty()).map(str::to_owned);
    std::iter::once(answer.status.clone()).chain(words).collect()
}

/// True for a word that everyone may know: a size, count or root of the logs, or the first characters of a root.
fn is_declared(word: &str, known: &BTreeSet<String>) -> bool {
    known.contains(word) || (word.len() >= 8 && known.iter().any(|known| known.starts_with(word)))
}

/// Sizes, roots and counts of the logs, which everyone may know.
fn declared(node: &Node) -> BTreeSet<String> {
    let own = node.api("/api/v1/node");
    let sizes = [&own["log"]["size"], &own["root_log"]["size"], &own["received"]].map(ToString::to_string);
    let roots = [&own["log"]["root_hash"], &own["root_log"]["root_hash"]];
    sizes.into_iter().chain(roots.iter().filter_map(|root| root.as_str().map(str::to_owned))).collect()
}

fn has_canary(bytes: &[u8]) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| bytes.windows(canary.len()).any(|window| window == canary.as_bytes()))
}

/// Four levels of a federation that holds every year until its release.
fn held() -> Federation {
    let mut federation = Federation::province_with(&["--release", "held"]);
    federation.enrol(0, "city", "330200", "宁波市");
    federation.enrol(1, "district", "330282", "慈溪市");
    federation.enrol(2, "town", "330282108", "附海镇");
    federation
}

/// Publishes the held report with an attachment; returns its digest once every node holds it.
fn arrives(federation: &Federation) -> String {
    let mut document = report(AGENCY, "330282108", 2024, 3);
    document["narrative"] = "合成示例：CANARY7F3A9".into();
    document["tables"]["行政处罚实施情况统计表"]["values"][4] = "8765432".into();
    let file = federation.write("held.json", &document.to_string());
    let attached = federation.write("attached-canary.csv", "attached-canary,1\n");
    let words = ["--attach", attached.to_str().expect("a path"), "--wait", "sequenced"];
    let digest = federation.nodes[3].publish_with(&file, &words);
    let size = federation.nodes[0].status()["root_log"]["size"].clone();
    wait_until("every node holds it", 20, || {
        let holds = |node: &Node| node.status()["root_log"]["size"] == size;
        federation.nodes.iter().all(holds).then_some(())
    });
    federation.wait_agreement(10);
    digest
}

#[test]
fn attack_23_no_address_of_a_held_report_answers_otherwise_than_one_of_nothing() {
    let federation = held();
    let digest = arrives(&federation);
    let nothing: String = digest
        .chars()
        .map(|c| if c == 'f' { '0' } else { char::from(c as u8 + 1) })
        .map(|c| if c == ':' { 'a' } else { c })
        .collect();
    let forms = |id: &str| -> Vec<String> {
        let mut paths = Vec::new();
        for end in
            ["", "/", "/card", "/body", "/statement", "/proof", "/attachments/1", ".json", ".csv", ".xlsx"]
        {
            paths.push(format!("/api/v1/packages/{id}{end}"));
            paths.push(format!("/p/{id}{end}"));
        }
        paths.push(format!("/attachments/{id}"));
        paths.push(format!("/api/v1/packages/{}", id.to_uppercase()));
        paths.push(format!("/api/v1/packages/%{:02x}{}", id.as_bytes()[0], &id[1..]));
        paths.push(format!("/api/v1/packages/x/../{id}"));
        paths.push(format!("/api/v1/packages/{id}?state=held"));
        paths.push(format!("/en/p/{id}"));
        paths
    };
    for node in &federation.nodes {
        for (method, more) in [
            ("GET", String::new()),
            ("HEAD", String::new()),
            ("GET", "Range: bytes=0-99\r\n".to_owned()),
            ("GET", format!("If-None-Match: \"{digest}\"\r\n")),
            ("GET", "Accept: application/octet-stream\r\nAccept-Encoding: gzip\r\n".to_owned()),
        ] {
            for (held, absent) in forms(&digest).iter().zip(forms(&nothing)) {
                let (held_answer, absent_answer) =
                    (ask(node, method, held, &more), ask(node, method, &absent, &more));
                assert!(has_canary(&held_answer.body).is_none(), "{} {method} {held}", node.code);
                assert_eq!(held_answer.status, absent_answer.status, "{} {method} {held}", node.code);
                let plain = |answer: &Raw, id: &str| {
                    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
                    (answer.headers.clone(), text.replace(id, "{id}").replace(&id[1..], "{id}"))
                };
                let (held_plain, absent_plain) =
                    (plain(&held_answer, &digest), plain(&absent_answer, &nothing));
                // An identifier of an answer or of an entity is a digest of the text, in which the id stands.
                let loose = |(headers, text): (Vec<String>, String)| {
                    let kept = headers.into_iter().filter(|line| !line.starts_with("etag:"));
                    (kept.collect::<Vec<_>>(), text)
                };
                assert_eq!(loose(held_plain), loose(absent_plain), "{} {method} {held}", node.code);
            }
        }
    }
}

#[test]
fn attack_24_held_content_changes_no_public_byte_but_the_logs_own() {
    let federation = held();
    let first: Vec<_> = federation.nodes.iter().map(crawl).collect();
    let clocks: Vec<_> = federation.nodes.iter().map(crawl).collect();
    let before: Vec<_> = federation.nodes.iter().map(declared).collect();
    let digest = arrives(&federation);
    let after: Vec<_> = federation.nodes.iter().map(declared).collect();
    let mut compared = 0;
    for (at, node) in federation.nodes.iter().enumerate() {
        let now = crawl(node);
        let addresses = |crawled: &BTreeMap<String, Raw>| crawled.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(addresses(&clocks[at]), addresses(&now), "{}: no address more or less", node.code);
        for (path, answer) in &now {
            assert_eq!(has_canary(&answer.body), None, "{} {path}", node.code);
            assert!(has_canary(answer.headers.join("\n").as_bytes()).is_none(), "{} {path}", node.code);
            // A workbook is a zip of what its page and its CSV say, with the time at which it was made.
            if DECLARED.iter().any(|own| path.starts_with(own)) || path.contains(".xlsx") {
                continue;
            }
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains(&digest) && !text.contains(&digest[..16]), "{} {path}", node.code);
            let (old, older) = (words(&clocks[at][path]), words(&first[at][path]));
            let new = words(answer);
            assert_eq!(old.len(), new.len(), "{} {path}: another count of words", node.code);
            for (place, (old, new)) in old.iter().zip(&new).enumerate() {
                // What changes while nothing happens is a time.
                let is_time = older.get(place) != Some(old);
                let known = is_declared(old, &before[at]) && is_declared(new, &after[at]);
                assert!(old == new || is_time || known, "{} {path}: {old} became {new}", node.code);
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn attack_25_a_release_is_one_instant_for_all_levels_and_no_byte_is_early() {
    let federation = held();
    let digest = arrives(&federation);
    wait_until("every node is ready", 20, || {
        (federation.nodes[0].run(&["release", "rehearse", "2024"]).exit == 0).then_some(())
    });
    // Asked all the time from before the release on: never early, and everywhere within a second.
    let path = format!("/api/v1/packages/{digest}");
    std::thread::scope(|scope| {
        let watch = |node: &Node| -> Instant {
            loop {
                let asked = Instant::now();
                let answer = ask(node, "GET", &path, "");
                if answer.status.contains(" 200") {
                    assert!(has_canary(&answer.body).is_some(), "whole when it is there");
                    return asked;
                }
                assert!(answer.status.contains(" 404") && has_canary(&answer.body).is_none(), "{answer:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let watches: Vec<_> = federation.nodes.iter().map(|node| scope.spawn(move || watch(node))).collect();
        std::thread::sleep(Duration::from_millis(300));
        let said = Instant::now();
        federation.nodes[0].run(&["release", "set", "2024", "--at", "now"]).expect_exit(0);
        let seen: Vec<Instant> = watches.into_iter().map(|watch| watch.join().expect("it is seen")).collect();
        let (first, last) = (seen.iter().min().expect("four"), seen.iter().max().expect("four"));
        assert!(
            *last >= said && *first >= said.checked_sub(Duration::from_millis(1)).expect("a moment"),
            "none before it was said"
        );
        assert!(*last - *first < Duration::from_millis(1_000), "{:?}", *last - *first);
        println!("four levels show a released year within {:?} of each other", *last - *first);
    });
}
