//! Agencies that sign their own packages: three small files between a desk without network and its node.

use crate::federation::{Federation, Node};
use crate::program::{Ended, run, wait_until};
use crate::reports::report;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const AGENCY: &str = "慈溪市市场监督管理局";

/// An agency's desk: a directory, and commands without any data directory.
struct Desk {
    dir: PathBuf,
}

impl Desk {
    fn new(federation: &Federation) -> Self {
        let dir = federation.dir.path().join("desk");
        std::fs::create_dir_all(&dir).expect("a directory");
        std::fs::write(dir.join("passphrase"), "机关专用口令 2026 年\n").expect("a file");
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().expect("a plain path").to_owned()
    }

    fn run(&self, words: &[&str]) -> Ended {
        let nowhere = self.path("no-data-directory");
        let ended = run(words.iter().copied().chain(["--json", "--data", &nowhere]));
        assert!(!Path::new(&nowhere).exists(), "a desk needs no data directory");
        ended
    }

    /// `keys desk` at the node, `keys new` here, `keys delegate` at the node; waits until it is sequenced.
    fn is_delegated(&self, node: &Node) -> String {
        let (desk, key) = (self.path("desk.json"), self.path("clerk.pem"));
        node.run(&["keys", "desk", "--agency", AGENCY, "-o", &desk]).expect_exit(0);
        let made = self
            .run(&["keys", "new", "--desk", &desk, "-o", &key, "--passphrase-file", &self.path("passphrase")])
            .expect_exit(0)
            .json();
        let request = self.path("clerk.pem.request");
        node.run(&["keys", "delegate", "--agency", "另一机关", "--key", &request]).expect_exit(6);
        node.run(&["keys", "delegate", "--agency", AGENCY, "--key", &request, "--years", "3"]).expect_exit(0);
        let id = made["key_id"].as_str().expect("a key id").to_owned();
        wait_until("the key is in force", 10, || (state(node, &id) == Some("live".to_owned())).then_some(()));
        id
    }

    fn sign(&self, node: &Node, words: &[&str], name: &str) -> Ended {
        let (desk, key, out) = (self.path("desk.json"), self.path("clerk.pem"), self.path(name));
        node.run(&["keys", "desk", "--agency", AGENCY, "-o", &desk]).expect_exit(0);
        let passphrase = self.path("passphrase");
        let fixed = ["--desk", &desk, "--key", &key, "--passphrase-file", &passphrase, "-o", &out];
        self.run(&[&["sign"], words, &fixed].concat())
    }
}

fn state(node: &Node, key: &str) -> Option<String> {
    let keys = node.run(&["keys", "list"]).json();
    let line = keys["keys"].as_array()?.iter().find(|line| line["key"] == key)?;
    Some(line["state"].as_str()?.to_owned())
}

/// What a refused file was refused for.
fn refusal(ended: &Ended) -> String {
    ended.json()["refused"][0]["findings"][0]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_clerk_signs_at_a_desk_without_network_and_the_node_publishes_what_was_signed() {
    let federation = Federation::chain();
    let (district, town) = (&federation.nodes[2], &federation.nodes[3]);
    let desk = Desk::new(&federation);
    let key = desk.is_delegated(district);
    let mode = std::fs::metadata(desk.path("clerk.pem")).expect("the key").permissions().mode();
    assert_eq!(mode & 0o077, 0);
    assert!(std::fs::read_to_string(desk.path("clerk.pem")).expect("PEM").contains("ENCRYPTED"));
    // A report with an error does not get signed; a good one does, with its workbook beside it.
    let bad =
        federation.write("bad.json", &crate::reports::broken_report(AGENCY, "330282", 2024, 3).to_string());
    let ended = desk.sign(district, &[bad.to_str().expect("a path")], "bad.gongshi");
    assert_eq!(
        (ended.exit, ended.json()["refused"][0]["findings"][0]["grade"].as_str()),
        (5, Some("must_fix"))
    );
    let file = federation.write("good.json", &report(AGENCY, "330282", 2024, 3).to_string());
    let attachment = federation.write("台账.csv", &"甲,1\n".repeat(40_000));
    let words = [file.to_str().expect("a path"), "--attach", attachment.to_str().expect("a path")];
    let signed = desk.sign(district, &words, "2024.gongshi").expect_exit(0).json();
    assert_eq!((signed["revision"].as_u64(), signed["key"].as_str()), (Some(1), Some(key.as_str())));
    // The node alone no longer publishes for the agency; what was signed it publishes, and twice is once.
    let alone = district.run(&["publish", file.to_str().expect("a path")]).expect_exit(6);
    assert_eq!(refusal(&alone), "agency_unsigned");
    let alone = district.run(&["nil", "--agency", AGENCY, "--year", "2023"]).expect_exit(6).json();
    assert_eq!(alone["code"], "agency_unsigned");
    let package = desk.path("2024.gongshi");
    district.run(&["check", &package]).expect_exit(0);
    let digest = district.publish(Path::new(&package));
    assert_eq!(district.publish(Path::new(&package)), digest);
    federation.wait_for(std::slice::from_ref(&digest), 10);
    let shown = federation.nodes[0].api(&format!("/api/v1/packages/{digest}"));
    assert_eq!((shown["agency"]["name"].as_str(), shown["revision"].as_u64()), (Some(AGENCY), Some(1)));
    wait_until("the attachment at the city", 20, || {
        let list = federation.nodes[1].run(&["attachment", &digest]).json();
        (list["attachments"][0]["held"] == true).then_some(())
    });
    // Another node cannot publish it; an altered, cut or swapped file is refused.
    assert_eq!(refusal(&town.run(&["publish", &package]).expect_exit(6)), "foreign_division");
    let bytes = std::fs::read(&package).expect("the package");
    for (name, altered) in [
        ("cut", bytes[..bytes.len() - 1].to_vec()),
        ("card", flipped(&bytes, 200)),
        ("figures", flipped(&bytes, 800)),
        ("attachment", flipped(&bytes, bytes.len() - 5)),
    ] {
        let path = federation.dir.path().join(format!("{name}.gongshi"));
        std::fs::write(&path, altered).expect("a file");
        let ended = district.run(&["publish", path.to_str().expect("a path")]);
        assert!(matches!(ended.exit, 4 | 5), "{name}: {ended:#?}");
    }
    // A correction, and what must go, from the same desk.
    let file = federation.write("good.json", &report(AGENCY, "330282", 2024, 4).to_string());
    let again = desk.sign(district, &[file.to_str().expect("a path")], "again.gongshi").expect_exit(6).json();
    assert_eq!(again["code"], "already_reported");
    let words = [file.to_str().expect("a path"), "--reason", "数字有误"];
    let corrected = desk.sign(district, &words, "corrected.gongshi").expect_exit(0).json();
    assert_eq!(corrected["revision"], 2);
    let second = district.publish(Path::new(&desk.path("corrected.gongshi")));
    federation.wait_for(std::slice::from_ref(&second), 10);
    assert_eq!(federation.nodes[3].api(&format!("/api/v1/packages/{digest}"))["state"], "superseded");
    desk.sign(district, &["--withdraw", "--year", "2024", "--reason", "误报"], "back.gongshi").expect_exit(0);
    district.run(&["publish", &desk.path("back.gongshi"), "--wait", "sequenced"]).expect_exit(0);
    desk.sign(district, &["--nil", "--year", "2023"], "nil.gongshi").expect_exit(0);
    district.run(&["publish", &desk.path("nil.gongshi"), "--wait", "sequenced"]).expect_exit(0);
    wait_until("it is withdrawn everywhere", 10, || {
        let gone = |node: &Node| node.get(&format!("/api/v1/packages/{second}")).status == 410;
        federation.nodes.iter().all(gone).then_some(())
    });
    federation.nodes[0].run(&["verify", "--all"]).expect_exit(0);
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
fn a_revoked_key_of_an_agency_signs_nothing_more_and_a_rotated_node_asks_for_a_new_file() {
    let federation = Federation::chain();
    let (city, district) = (&federation.nodes[1], &federation.nodes[2]);
    let desk = Desk::new(&federation);
    let key = desk.is_delegated(district);
    let file = federation.write("a.json", &report(AGENCY, "330282", 2024, 3).to_string());
    let path = file.to_str().expect("a path");
    desk.sign(district, &[path], "old.gongshi").expect_exit(0);
    district.run(&["keys", "rotate"]).expect_exit(0);
    // Signed for the key that the node had: the desk takes a new file and signs again, with the same key of its own.
    assert_eq!(
        refusal(&district.run(&["publish", &desk.path("old.gongshi")]).expect_exit(6)),
        "desk_outdated"
    );
    desk.sign(district, &[path], "new.gongshi").expect_exit(0);
    let digest = district.publish(Path::new(&desk.path("new.gongshi")));
    federation.wait_for(std::slice::from_ref(&digest), 20);
    // A key that nobody delegated signs nothing that counts.
    let stranger = desk.path("stranger.pem");
    desk.run(&["keys", "new", "--desk", &desk.path("desk.json"), "-o", &stranger]).expect_exit(0);
    let other = federation.write("b.json", &report(AGENCY, "330282", 2022, 3).to_string());
    let out = desk.path("stranger.gongshi");
    let words = [
        "sign",
        other.to_str().expect("a path"),
        "--desk",
        &desk.path("desk.json"),
        "--key",
        &stranger,
        "-o",
        &out,
    ];
    desk.run(&words).expect_exit(0);
    assert_eq!(refusal(&district.run(&["publish", &out]).expect_exit(6)), "agency_key_unknown");
    // Lost: whoever stands above stops it, and what it signed stays.
    desk.sign(district, &[other.to_str().expect("a path")], "late.gongshi").expect_exit(0);
    let words = ["keys", "revoke", "--agency", &key[..16], "--reason", "密钥遗失", "--cause", "lost"];
    federation.nodes[3].run(&words).expect_exit(6);
    city.run(&words).expect_exit(0);
    wait_until("the revocation", 10, || (state(district, &key) == Some("revoked".to_owned())).then_some(()));
    assert_eq!(
        refusal(&district.run(&["publish", &desk.path("late.gongshi")]).expect_exit(6)),
        "agency_key_revoked"
    );
    let request = desk.path("clerk.pem.request");
    district.run(&["keys", "delegate", "--agency", AGENCY, "--key", &request]).expect_exit(6);
    assert!(federation.nodes.iter().all(|node| node.has(&digest)));
}
