//! Attacks on enrolment: tokens that are guessed, used at once by many, stolen, late, and secrets that lie about.

use crate::federation::{Federation, Node};
use crate::program::{Ended, wait_until};
use std::path::Path;

fn fresh(federation: &Federation, name: &str, code: &str) -> Node {
    Node::new(&federation.dir.path().join(name), code)
}

/// States of a division's invitations.
fn state(node: &Node, code: &str) -> Vec<String> {
    let list = node.run(&["invite", "list"]).expect_exit(0).json();
    let lines = list["invitations"].as_array().expect("a list").iter().filter(|line| line["code"] == code);
    lines.map(|line| line["state"].as_str().expect("a state").to_owned()).collect()
}

#[test]
fn attack_31_of_eight_that_use_one_token_at_once_exactly_one_gets_in() {
    let federation = Federation::province();
    let token = federation.nodes[0].invite("city", "330200", "宁波市", &["--auto"]);
    let nodes: Vec<Node> = (0..8).map(|at| fresh(&federation, &format!("city-{at}"), "330200")).collect();
    let used = token.as_str();
    let ended: Vec<Ended> = std::thread::scope(|scope| {
        let joins: Vec<_> = nodes.iter().map(|node| scope.spawn(move || node.join(used))).collect();
        joins.into_iter().map(|join| join.join().expect("it ends")).collect()
    });
    let exits: Vec<i32> = ended.iter().map(|ended| ended.exit).collect();
    assert_eq!(exits.iter().filter(|exit| **exit == 0).count(), 1, "{exits:?}");
    assert!(exits.iter().all(|exit| matches!(exit, 0 | 6)), "{exits:?}");
    assert_eq!(state(&federation.nodes[0], "330200"), ["used"]);
    let keys = federation.nodes[0].run(&["keys", "list"]).json();
    let of_city = keys["keys"].as_array().expect("a list").iter().filter(|line| line["code"] == "330200");
    assert_eq!(of_city.count(), 1, "one node, one key");
    // A kill between, and the token stays used.
    let mut federation = federation;
    federation.nodes[0].kill();
    federation.nodes[0].serve();
    assert_eq!(fresh(&federation, "late", "330200").join(&token).exit, 6);
}

#[test]
fn attack_32_a_stolen_token_is_worth_nothing_late_taken_back_or_without_approval() {
    let federation = Federation::province();
    let province = &federation.nodes[0];
    // Late.
    let short = province.invite("city", "330200", "宁波市", &["--auto", "--ttl", "1s"]);
    wait_until("the token ends", 10, || (state(province, "330200") == ["expired"]).then_some(()));
    assert_eq!(fresh(&federation, "late", "330200").join(&short).exit, 6);
    // Too long a life is not given at all.
    let words = ["invite", "--level", "city", "--code", "330300", "--name", "温州市", "--ttl", "73h"];
    assert!(matches!(province.run(&words).exit, 2 | 6));
    // Listed while it is open, and taken back.
    let token = province.invite("city", "330300", "温州市", &["--auto"]);
    assert_eq!(state(province, "330300"), ["open"]);
    province.run(&["invite", "revoke", "330300"]).expect_exit(0);
    assert_eq!(fresh(&federation, "revoked", "330300").join(&token).exit, 6);
    assert_eq!(state(province, "330300"), ["revoked"]);
    // Who brings a token of one division gets that division and no other, whatever its directory is called.
    let token = province.invite("city", "330400", "嘉兴市", &["--auto"]);
    let mut thief = fresh(&federation, "thief", "330500");
    thief.join(&token).expect_exit(0);
    thief.serve();
    assert_eq!(thief.status()["node"]["code"], "330400");
    let foreign = federation.write("f.json", &crate::reports::report("某局", "330500", 2024, 1).to_string());
    thief.run(&["publish", foreign.to_str().expect("a path")]).expect_exit(6);
    // And a revocation ends it.
    province
        .run(&["keys", "revoke", "330400", "--reason", "邀请码被盗", "--cause", "stolen", "--last", "none"])
        .expect_exit(0);
    let own = federation.write("o.json", &crate::reports::report("某局", "330400", 2024, 1).to_string());
    thief.run(&["publish", own.to_str().expect("a path")]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(
        province.run(&["list", "--division", "330400"]).json()["packages"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
}

/// Files below a directory, whole.
fn files(dir: &Path, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, out);
        } else if let Ok(bytes) = std::fs::read(&path) {
            out.push((path.display().to_string(), bytes));
        }
    }
}

#[test]
fn attack_33_no_secret_lies_in_arguments_environment_logs_record_backup_or_answers() {
    let federation = Federation::pair();
    let passphrase = federation.write("P", "canary-passphrase-2026\n");
    let mut secrets: Vec<(String, Vec<u8>)> =
        vec![("passphrase".to_owned(), b"canary-passphrase-2026".to_vec())];
    for node in &federation.nodes {
        for name in ["keys/signing.pem", "keys/transport.pem"] {
            let pem = std::fs::read_to_string(node.data.join(name)).expect("a key");
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let der = data_encoding_decode(&body);
            secrets.push((format!("{} {name} as text", node.code), body.into_bytes()));
            // The seed is the last 32 bytes of the first 48 of PKCS#8.
            secrets.push((format!("{} {name}", node.code), der[16..48].to_vec()));
        }
    }
    let token = federation.nodes[0]
        .run(&["invite", "--level", "city", "--code", "330300", "--name", "温州市"])
        .json();
    let token = token["token"].as_str().expect("a token").to_owned();
    secrets.push(("token".to_owned(), token.into_bytes()));
    let escrow = federation.dir.path().join("page.txt");
    let words = [
        "keys",
        "escrow",
        "export",
        "--passphrase-file",
        passphrase.to_str().expect("a path"),
        "-o",
        escrow.to_str().expect("a path"),
    ];
    federation.nodes[0].run(&words).expect_exit(0);
    let backup = federation.dir.path().join("backup");
    federation.nodes[0].run(&["backup", backup.to_str().expect("a path")]).expect_exit(0);
    let mut places: Vec<(String, Vec<u8>)> =
        vec![("page".to_owned(), std::fs::read(&escrow).expect("a page"))];
    files(&backup, &mut places);
    for node in &federation.nodes {
        files(&node.data, &mut places);
        places.push((format!("{} log", node.code), node.log().into_bytes()));
        for file in ["cmdline", "environ"] {
            let path = format!("/proc/{}/{file}", node.pid());
            places.push((path.clone(), std::fs::read(&path).expect("a running process")));
        }
        for path in ["/", "/api/v1/node", "/.well-known/gongshi.json", "/rollcall", "/nothing"] {
            places.push((format!("{} {path}", node.code), node.get(path).body));
        }
        for words in
            [&["status"][..], &["keys", "list"], &["audit", "show"], &["config", "show"], &["invite", "list"]]
        {
            places.push((format!("{} {words:?}", node.code), node.run(words).said().into_bytes()));
        }
    }
    assert!(places.len() > 40, "{}", places.len());
    for (place, bytes) in &places {
        if place.contains("/keys/") {
            continue;
        }
        for (what, secret) in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_slice());
            assert!(!found, "{what} lies in {place}");
        }
    }
}

/// Base64 of a key file's body.
fn data_encoding_decode(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|own| *own == letter).expect("base64") as u32;
        (held, bits) = (held << 6 | value, bits + 6);
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    out
}
