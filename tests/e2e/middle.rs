//! What stands between two nodes, or between a reader and a node, and is wrong: caches that keep too much, addresses
//! that belong to somebody else now, lines that go on under another port (faults 27 and 28).

use crate::federation::{Federation, Node};
use crate::http;
use crate::line::Line;
use crate::program::wait_until;
use crate::verifier::script;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A cache in front of a portal that looks at nothing but the path, and never asks again.
fn cache(of: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (here, of) = (listener.local_addr().expect("an address").to_string(), of.to_owned());
    // It ends with the process of the tests: nobody waits for it.
    std::thread::spawn(move || {
        let mut kept: HashMap<String, Vec<u8>> = HashMap::new();
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &of, &mut kept);
        }
    });
    here
}

fn answer(mut stream: TcpStream, of: &str, kept: &mut HashMap<String, Vec<u8>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let path = target.split('?').next().unwrap_or("/").to_owned();
    if !kept.contains_key(&path) {
        let answer = http::try_get(of, &target)?;
        let mut bytes = format!("HTTP/1.1 {} kept\r\nConnection: close\r\n", answer.status);
        bytes += &format!("Content-Length: {}\r\n\r\n", answer.body.len());
        kept.insert(path.clone(), [bytes.as_bytes(), &answer.body].concat());
    }
    stream.write_all(&kept[&path])
}

/// What may be kept for ever, now.
fn immutable(node: &Node, digest: &str) -> Vec<(String, Vec<u8>)> {
    let package = format!("/api/v1/packages/{digest}");
    let paths = [
        format!("{package}/statement"),
        format!("{package}/card"),
        format!("{package}/body"),
        "/tile/entries/000.p/3".to_owned(),
        "/tile/0/000.p/3".to_owned(),
    ];
    let asked = paths.into_iter().map(|path| (node.get(&path), path));
    asked
        .map(|(answer, path)| {
            assert_eq!(answer.status, 200, "{path}");
            let cache = answer.header("cache-control").to_owned();
            assert!(cache.contains("immutable") || cache.contains("must-revalidate"), "{path}: {cache}");
            (path, answer.body)
        })
        .collect()
}

#[test]
fn fault_27_a_cache_that_keeps_too_much_is_reported_and_never_believed() {
    let federation = Federation::pair();
    let (root, city) = (&federation.nodes[0], &federation.nodes[1]);
    let first: Vec<String> = ["甲局", "乙局", "丙局"].map(|agency| federation.publish(1, agency)).into();
    federation.wait_for(&first, 20);
    federation.wait_agreement(20);
    let cached = cache(&root.portal);
    let url = format!("http://{cached}");
    let size = |document: &serde_json::Value| document["sizes"]["theirs"].as_u64().expect("a size");
    let before = size(&city.run(&["verify", &url]).expect_exit(0).json());
    // Its own size and index stand in a proof: it holds whatever the portal shows by now.
    let proof = |digest: &str| http::get(&cached, &format!("/api/v1/packages/{digest}/proof"));
    let old = proof(&first[0]);
    let kept = immutable(root, &first[0]);

    let more: Vec<String> = ["丁局", "戊局"].map(|agency| federation.publish(1, agency)).into();
    federation.wait_for(&more, 20);
    federation.wait_agreement(20);
    let late = city.run(&["verify", &url]).expect_exit(0).json();
    let direct = city.run(&["verify", &format!("http://{}", root.portal)]).expect_exit(0).json();
    assert_eq!(size(&late), before, "the age of what the cache shows is said: {late}");
    assert!(size(&direct) > before, "{direct}");
    assert_eq!(proof(&first[0]), old, "kept");
    let file = federation.write("old.proof", &old.text());
    city.run(&["verify", file.to_str().expect("a path")]).expect_exit(0);
    assert_eq!(immutable(root, &first[0]), kept, "what may be kept for ever never changes");
    for path in ["/checkpoint", "/api/v1/node", "/api/v1/packages?limit=2", "/api/v1/rollcall"] {
        let answer = root.get(path);
        let cache = answer.header("cache-control");
        assert!(matches!(cache, "no-cache" | "no-store"), "{path}: {cache}");
    }
    let verify = |address: &str| {
        let mut command = script("verify.py");
        command.arg(format!("http://{address}"));
        crate::program::finish(command, Duration::from_secs(60))
    };
    verify(&root.portal).expect_exit(0);
    let refused = verify(&cached).expect_exit(1);
    assert!(refused.stdout.starts_with("FAILED: "), "{refused:?}");
}

/// The two take each other's address.
fn swap(federation: &mut Federation, one: usize, other: usize) {
    for at in [one, other] {
        federation.nodes[at].stop();
    }
    let addresses = [one, other].map(|at| federation.nodes[at].listen.clone());
    for (at, address) in [(one, &addresses[1]), (other, &addresses[0])] {
        let node = &mut federation.nodes[at];
        let path = node.data.join("gongshi.toml");
        let text = std::fs::read_to_string(&path).expect("a configuration");
        assert!(text.contains(&node.listen), "{text}");
        std::fs::write(&path, text.replace(&node.listen, address)).expect("written");
        node.listen.clone_from(address);
    }
    for at in [one, other] {
        federation.nodes[at].serve();
    }
}

#[test]
fn fault_28_who_answers_at_an_address_is_nobody_without_its_key() {
    let mut federation = Federation::pair();
    federation.enrol(0, "city", "330100", "杭州市");
    federation.enrol(1, "district", "330282", "慈溪市");
    federation.wait_agreement(20);
    swap(&mut federation, 1, 2);
    // The cities are who they were: they dial, and prove their keys.
    let cities: Vec<String> =
        [(1, "甲局"), (2, "乙局")].map(|(at, agency)| federation.publish(at, agency)).into();
    for node in &federation.nodes[..3] {
        for digest in &cities {
            wait_until("the cities' reports", 20, || node.has(digest).then_some(()));
        }
    }
    // Where the district's parent was, another city answers: it is told nothing.
    let waits = federation.publish(3, "丙局");
    std::thread::sleep(Duration::from_secs(2));
    let status = federation.nodes[3].status();
    assert_eq!(
        (&status["unacknowledged"], &status["upstream"]["state"]),
        (&1.into(), &"down".into()),
        "{status}"
    );
    assert!(!federation.nodes[2].status()["children"].to_string().contains("330282"));
    swap(&mut federation, 1, 2);
    federation.wait_for(&[waits], 30);
    federation.wait_agreement(20);
}

#[test]
fn fault_28_a_child_goes_on_under_another_port() {
    let federation = Federation::province();
    let root = &federation.nodes[0];
    let line = Line::to(&root.listen);
    let token = line.leads(&root.invite("city", "330200", "宁波市", &["--auto"]));
    let mut city = Node::new(&federation.dir.path().join("330200"), "330200");
    city.join(&token).expect_exit(0);
    city.serve();
    let mut federation = federation;
    federation.nodes.push(city);
    let before = federation.publish(1, "甲局");
    federation.wait_for(&[before], 20);
    // Well before the silence after which a connection is dead: nothing is dialled anew.
    for agency in ["乙局", "丙局", "丁局"] {
        line.forgets();
        let digest = federation.publish(1, agency);
        wait_until("it arrives under another port", 20, || federation.nodes[0].has(&digest).then_some(()));
    }
    federation.wait_agreement(20);
}
