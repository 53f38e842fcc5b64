//! The HTTP contract, document by document, and what is held back.

use crate::federation::{Federation, Node};
use crate::http::{Answer, encode};
use crate::program::wait_until;
use crate::reports::{published_file, report};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{:?}", answer.headers);
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["code"].is_string(), "{problem}");
}

fn assert_fields(document: &Value, fields: &[&str]) {
    for field in fields {
        assert!(document.pointer(field).is_some(), "{field} of {document}");
    }
}

#[test]
fn the_node_document_has_the_contract_fields_and_is_never_cached() {
    let federation = Federation::pair();
    let file = federation.write("a.json", &report("某局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish(&file);
    federation.wait_for(&[digest], 10);
    federation.wait_agreement(10);
    for node in &federation.nodes {
        let answer = node.get("/api/v1/node");
        assert!(answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
        assert!(answer.header("content-type").starts_with("application/json"));
        let document = answer.json();
        assert_fields(
            &document,
            &[
                "/code",
                "/level",
                "/name",
                "/federation",
                "/version",
                "/log/size",
                "/log/root_hash",
                "/root_log/size",
                "/root_log/root_hash",
                "/view_root",
                "/received",
            ],
        );
        assert_eq!(document["code"], node.code);
        assert_eq!(document["received"], document["root_log"]["size"]);
    }
    assert_eq!(federation.nodes[1].api("/api/v1/node")["log"]["size"], 1);
}

fn digests(page: &Value) -> Vec<String> {
    let packages = page["packages"].as_array().expect("packages").iter();
    packages.map(|package| package["digest"].as_str().expect("a digest").to_owned()).collect()
}

/// All packages of a query, page by page.
fn walk(node: &Node, query: &str, limit: u32) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = node.api(&format!("/api/v1/packages?limit={limit}{query}{after}"));
        let found = digests(&page);
        assert!(found.len() <= limit as usize);
        all.extend(found);
        match page.get("next") {
            Some(next) => {
                let next = next.as_str().expect("text");
                assert_eq!(next, encode(next), "URL-safe as it is");
                after = format!("&after={next}");
            }
            None => return all,
        }
    }
}

#[test]
fn packages_are_filtered_limited_and_paged_without_gaps_or_repeats() {
    let federation = Federation::pair();
    let mut files = Vec::new();
    for number in 0..23 {
        let year = 2022 + number % 3;
        let report = report(&format!("第{number}局"), ["330282", "330281"][number % 2], year as u16, 1);
        files.push(federation.write(&format!("many/{number:02}.json"), &report.to_string()));
    }
    let dir = files[0].parent().expect("a directory").to_str().expect("a path");
    let document = federation.nodes[0].run(&["publish", dir]).expect_exit(0).json();
    let published: Vec<String> = document["published"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["digest"].as_str().expect("a digest").to_owned())
        .collect();
    assert_eq!(published.len(), 23);
    federation.wait_for(&published, 10);
    let wanted: BTreeSet<String> = published.into_iter().collect();
    for node in &federation.nodes {
        for limit in [1, 5, 23, 1000] {
            let all = walk(node, "", limit);
            assert_eq!(all.len(), 23, "each once with limit {limit}");
            assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), wanted);
        }
        assert_eq!(walk(node, "&division=330282", 3).len(), 12);
        assert_eq!(walk(node, "&year=2023", 3).len(), 8);
        assert_eq!(walk(node, "&division=330281&year=2023", 2).len(), 4);
        let first = node.api("/api/v1/packages?limit=1")["packages"][0].clone();
        assert_fields(
            &first,
            &[
                "/digest",
                "/index",
                "/agency/id",
                "/agency/name",
                "/division/code",
                "/division/name",
                "/year",
                "/revision",
                "/state",
                "/status",
                "/template",
            ],
        );
        let agency = first["agency"]["id"].as_str().expect("an id");
        assert_eq!(
            walk(node, &format!("&agency={}", encode(agency)), 5),
            [first["digest"].as_str().expect("text")]
        );
        for none in
            ["&division=330299", "&year=1999", "&agency=nobody", "&state=superseded", "&state=withdrawn"]
        {
            assert_eq!(walk(node, none, 10), Vec::<String>::new(), "{none}");
        }
        assert_eq!(walk(node, "&state=released", 10).len(), 23);
        for clamped in ["999999", "99999999999999999999", "1001"] {
            assert_eq!(
                digests(&node.api(&format!("/api/v1/packages?limit={clamped}"))).len(),
                23,
                "{clamped}"
            );
        }
        assert_eq!(digests(&node.api("/api/v1/packages?limit=0")).len(), 1, "clamped upwards as well");
        for bad in ["after=nonsense", "year=abc", "state=maybe", "division=x", "limit=many"] {
            assert_problem(&node.get(&format!("/api/v1/packages?{bad}")), 400);
        }
    }
    assert_eq!(
        federation.nodes[0].api("/api/v1/packages?limit=1000"),
        federation.nodes[1].api("/api/v1/packages?limit=1000"),
        "the same list at both levels"
    );
}

#[test]
fn a_package_comes_with_proof_statement_card_and_body_the_same_on_every_node() {
    let federation = Federation::chain();
    let digest = federation.nodes[0].publish(&published_file("zj-qingyuan-county-2024.json"));
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let shown = federation.wait_agreement(10);
    let base = format!("/api/v1/packages/{digest}");
    let index = federation.nodes[0].api(&base)["index"].as_u64().expect("an index");
    for part in ["statement", "card", "body"] {
        let bytes: BTreeSet<Vec<u8>> = federation
            .nodes
            .iter()
            .map(|node| {
                let answer = node.get(&format!("{base}/{part}"));
                assert_eq!(answer.status, 200, "{part}: {}", node.code);
                answer.body
            })
            .collect();
        assert_eq!(bytes.len(), 1, "{part}");
    }
    for node in &federation.nodes {
        let proof = node.get(&format!("{base}/proof")).text();
        assert!(proof.starts_with("c2sp.org/tlog-proof@v1\n"), "{proof}");
        assert!(proof.contains(&format!("index {index}\n")), "{proof}");
        let checkpoint = node.get("/checkpoint").text();
        let mut lines = checkpoint.lines();
        let origin = lines.next().expect("an origin").to_owned();
        let size: u64 = lines.next().expect("a size").parse().expect("a number");
        assert_eq!((json!(size), lines.next()), (shown.0["size"].clone(), shown.0["root_hash"].as_str()));
        let identity = node.api("/.well-known/gongshi.json");
        assert_eq!(identity["root_log"]["origin"], origin.as_str());
        assert_fields(
            &identity,
            &["/federation", "/anchor_key", "/root_log/vkey", "/code", "/cosigner/name", "/cosigner/vkey"],
        );
        let name = identity["cosigner"]["name"].as_str().expect("a name");
        assert!(checkpoint.contains(&format!("— {name} ")), "cosigned by this node: {checkpoint}");
        assert!(checkpoint.contains(&format!("— {origin} ")), "signed by the root: {checkpoint}");
        // The statement is the entry of the tiles, byte for byte.
        let entries = node.get(&format!("/tile/entries/000.p/{size}"));
        assert_eq!(entries.status, 200);
        let statement = node.get(&format!("{base}/statement")).body;
        assert!(entries.body.windows(statement.len()).any(|window| window == statement));
        let hashes = node.get(&format!("/tile/0/000.p/{size}"));
        assert_eq!((hashes.status, hashes.body.len() as u64), (200, size * 32));
        assert_eq!(node.get(&format!("/tile/0/000.p/{}", size - 1)).body.len() as u64, (size - 1) * 32);
        for absent in
            [format!("/tile/0/000.p/{}", size + 1), "/tile/0/000".to_owned(), "/tile/9/000".to_owned()]
        {
            assert_eq!(node.get(&absent).status, 404, "{absent}");
        }
    }
}

#[test]
fn what_does_not_exist_is_404_problem_json() {
    let federation = Federation::pair();
    for node in &federation.nodes {
        for part in ["", "/proof", "/statement", "/card", "/body"] {
            assert_problem(&node.get(&format!("/api/v1/packages/{UNKNOWN}{part}")), 404);
        }
        for path in ["/api/v1/packages/xyz", "/api/v1/nothing", "/api/v2/node"] {
            assert_problem(&node.get(path), 404);
        }
        assert_eq!(node.get("/no/such/page").status, 404);
        assert_eq!(node.get(&format!("/p/{UNKNOWN}")).status, 404);
    }
}

#[test]
fn after_a_while_the_roll_call_has_every_node_agreeing() {
    let federation = Federation::chain();
    let file = federation.write("a.json", &report("某局", "330282108", 2024, 1).to_string());
    let digest = federation.nodes[3].publish(&file);
    federation.wait_for(&[digest], 10);
    for (at, node) in federation.nodes.iter().enumerate() {
        // Attestations travel up, and the root's comes down: all are listed at the province, the others list
        // themselves, their subtree and the root.
        let wanted = if at == 0 { 4 } else { 5 - at };
        let document = wait_until(&format!("all agree at {}", node.code), 30, || {
            let document = node.api("/api/v1/rollcall");
            let nodes = document["nodes"].as_array().expect("nodes");
            let agreed = nodes.iter().filter(|line| line["agrees"] == true).count();
            (nodes.len() == wanted && agreed == wanted).then_some(document)
        });
        assert_fields(
            &document,
            &["/size", "/root_hash", "/view_root", "/nodes/0/code", "/nodes/0/size", "/nodes/0/at"],
        );
        let printed = node.run(&["rollcall"]).expect_exit(0).json();
        assert_eq!(printed["root_hash"], document["root_hash"]);
        assert_eq!(printed["nodes"].as_array().map(Vec::len), Some(wanted));
    }
}

#[test]
fn what_is_held_answers_exactly_as_what_does_not_exist() {
    let mut federation = Federation::province_with(&["--release", "held"]);
    let empty = federation.nodes[0].api("/api/v1/node")["view_root"].clone();
    federation.enrol(0, "city", "330200", "宁波市");
    let before = federation.wait_agreement(10);
    let file = federation.write("held.json", &report("某局", "330200", 2024, 1).to_string());
    let digest = federation.nodes[1].publish_with(&file, &["--wait", "sequenced"]);
    let after = federation.wait_agreement(10);
    assert_ne!(before.0, after.0, "it is sequenced");
    for node in &federation.nodes {
        assert_eq!(node.api("/api/v1/node")["view_root"], empty, "not in the view");
        for list in ["/api/v1/packages", "/api/v1/packages?year=2024", "/api/v1/packages?division=330200"] {
            assert_eq!(node.api(list), json!({"packages": []}), "{list}");
        }
        for part in ["", "/proof", "/statement", "/card", "/body"] {
            let held = node.get(&format!("/api/v1/packages/{digest}{part}"));
            let unknown = node.get(&format!("/api/v1/packages/{UNKNOWN}{part}"));
            let same = |answer: &Answer| {
                let text = answer.text().replace(&digest, "DIGEST").replace(UNKNOWN, "DIGEST");
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| name != "date");
                (answer.status, headers, text)
            };
            assert_eq!(same(&held), same(&unknown), "{part}");
            assert_eq!(held.status, 404);
        }
        let page = node.get(&format!("/p/{digest}"));
        assert_eq!(page.status, 404);
        for path in ["/", "/reports"] {
            assert!(!node.get(path).text().contains("某局"), "{path} of {}", node.code);
        }
    }
}
