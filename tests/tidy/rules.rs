//! The rules of one file at a time, and of the top level.

use crate::source::{File, Token};

/// Most lines of a file below src/: what one can hold in mind; every god file began as a longer one.
const SRC_LINES_MAX: usize = 400;
/// Most lines of a file of tests, which are read one at a time.
const TEST_LINES_MAX: usize = 600;

/// Third-party names and the only places that may say them: replacing the library is a change there.
const CAGES: &[(&str, &[&str])] = &[
    ("quinn", &["src/net/", "src/net.rs"]),
    ("quinn_proto", &["src/net/", "src/net.rs"]),
    ("rustls", &["src/net/", "src/net.rs"]),
    ("sled", &["src/store/sled.rs", "src/store/sled/lock.rs"]),
    ("ed25519_dalek", &["src/trust/key.rs"]),
    ("pkcs8", &["src/trust/locked.rs", "src/trust/key.rs"]),
    ("bincode", &["src/wire.rs"]),
    ("calamine", &["src/intake/"]),
    ("rust_xlsxwriter", &["src/intake/", "src/portal/workbook.rs", "src/portal/circular.rs"]),
    ("zip", &["src/intake/"]),
    ("smol_str", &["src/package/cell.rs"]),
    ("quick_xml", &["src/intake/"]),
    ("csv", &["src/intake/"]),
    ("encoding_rs", &["src/intake/"]),
    ("argon2", &["src/console/users.rs"]),
    ("totp_rs", &["src/console/users.rs"]),
    ("clap", &["src/ops/", "src/ops.rs", "src/main.rs"]),
    ("clap_complete", &["src/ops/", "src/ops.rs", "src/main.rs"]),
];

/// Names of drawers, into which anything fits.
const DRAWERS: &[&str] =
    &["common", "util", "utils", "helper", "helpers", "manager", "core", "types", "misc"];

/// What may stand beside the source; dotfiles may as well, and `target`, where cargo builds.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "config",
    "deploy",
    "tests",
    "benches",
    "examples",
    "fuzz",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "deny.toml",
    "target",
];

/// What is true on one machine only, or names where packages come from.
const MACHINE_BOUND: &[&str] =
    &["/work/", "/root/", "/home/", "/tmp/", "crates.io", "pypi.org", "localhost:"];

fn word(tokens: &[Token], i: usize) -> &str {
    tokens.get(i).map_or("", |token| &token.text)
}

/// Files that are too long.
pub(crate) fn length(file: &File) -> Vec<String> {
    let limit = if file.path.starts_with("src/") { SRC_LINES_MAX } else { TEST_LINES_MAX };
    let count = file.text.lines().count();
    let long = count >= limit;
    long.then(|| format!("{}: {count} lines, must stay under {limit}", file.path)).into_iter().collect()
}

/// Files that do not open with what they are.
pub(crate) fn opening(file: &File) -> Vec<String> {
    let opens = file.text.starts_with("//! ");
    (!opens).then(|| format!("{}: must open with //!", file.path)).into_iter().collect()
}

/// Third-party names outside their cages. A name counts where a path begins with it or it is imported whole; a module
/// of the same name (`self::sled::Store`) does not.
pub(crate) fn cages(file: &File) -> Vec<String> {
    let tokens = file.tokens();
    let mut offences = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let Some((name, places)) = CAGES.iter().find(|(name, _)| *name == token.text) else { continue };
        let rooted = i < 2 || word(&tokens, i - 1) != ":" || !continues(&tokens, i);
        let path = word(&tokens, i + 1) == ":" && word(&tokens, i + 2) == ":";
        let imported = i > 0 && matches!(word(&tokens, i - 1), "use" | "crate");
        if rooted && (path || imported) && !places.iter().any(|place| file.path.starts_with(place)) {
            offences.push(format!("{}:{}: {name} belongs in {}", file.path, token.line, places.join(" or ")));
        }
    }
    offences
}

/// Whether the `::` before token `i` continues a path: something stands before it that a path can be made of.
fn continues(tokens: &[Token], i: usize) -> bool {
    let before = i.checked_sub(3).map_or("", |at| word(tokens, at));
    let name = before.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !matches!(before, "" | "use" | "as" | "in");
    word(tokens, i.saturating_sub(2)) == ":" && (name || before == ">")
}

/// Modules named like drawers, as files, directories or inline.
pub(crate) fn drawers(file: &File) -> Vec<String> {
    let mut offences = Vec::new();
    for name in file.module().iter().filter(|name| DRAWERS.contains(name)) {
        offences.push(format!("{}: {name} says nothing; name the file for what is in it", file.path));
    }
    for pair in file.tokens().windows(2) {
        if pair[0].text == "mod" && DRAWERS.contains(&pair[1].text.as_str()) {
            offences.push(format!("{}:{}: mod {} says nothing", file.path, pair[1].line, pair[1].text));
        }
    }
    offences
}

/// Notes to do something later, in comments and texts too.
pub(crate) fn leftovers(file: &File) -> Vec<String> {
    let marks = ["TODO", "FIXME", "XXX"];
    let lines = file.text.lines().enumerate();
    let marked = lines.filter(|(_, line)| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| marks.contains(&word))
    });
    marked.map(|(n, line)| format!("{}:{}: {}", file.path, n + 1, line.trim())).collect()
}

/// `unwrap()` outside tests.
pub(crate) fn unwraps(file: &File) -> Vec<String> {
    let tokens = file.shipped();
    let called = tokens.windows(2).filter(|pair| pair[0].text == "unwrap" && pair[1].text == "(");
    called.map(|pair| format!("{}:{}: unwrap() outside tests", file.path, pair[0].line)).collect()
}

/// Where keys sign, each under words of its own in front: nothing that somebody else chose is signed as it stands.
const SIGNERS: &[&str] = &[
    "src/trust/key.rs",
    "src/trust/delegation.rs",
    "src/statement/mod.rs",
    "src/statement/card.rs",
    "src/log/note.rs",
    "src/log/witness.rs",
    "src/sync/bundle/file.rs",
    "src/ops/cli/desk.rs",
];

/// Calls of a key's `sign` elsewhere.
pub(crate) fn signs(file: &File) -> Vec<String> {
    if SIGNERS.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let tokens = file.shipped();
    let called = tokens
        .windows(3)
        .filter(|three| three[0].text == "." && three[1].text == "sign" && three[2].text == "(");
    called.map(|three| format!("{}:{}: signs outside the places that do", file.path, three[0].line)).collect()
}

/// Tests that do not run: `#[ignore]`, the same behind `cfg_attr`, and fenced examples marked `ignore`.
pub(crate) fn ignored(file: &File) -> Vec<String> {
    let tokens = file.tokens();
    let mut offences = Vec::new();
    for i in 0..tokens.len() {
        let attribute = word(&tokens, i) == "#" && word(&tokens, i + 1) == "[";
        let end = (i..tokens.len()).find(|n| word(&tokens, *n) == "]").unwrap_or(tokens.len());
        let skips = match word(&tokens, i + 2) {
            "ignore" => true,
            "cfg_attr" => (i..end).any(|n| word(&tokens, n) == "ignore"),
            _ => false,
        };
        if attribute && skips {
            offences.push(format!("{}:{}: an ignored test", file.path, tokens[i].line));
        }
    }
    for (n, line) in file.text.lines().enumerate() {
        let doc = line.trim_start();
        let fence = doc.strip_prefix("///").or_else(|| doc.strip_prefix("//!")).map(str::trim_start);
        if fence.and_then(|fence| fence.strip_prefix("```")).is_some_and(|info| info.contains("ignore")) {
            offences.push(format!(
                "{}:{}: an ignored example; use text for what is no Rust",
                file.path,
                n + 1
            ));
        }
    }
    offences
}

/// Entries of the top level that were not agreed.
pub(crate) fn top_level(names: &[String]) -> Vec<String> {
    let strangers = names.iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
    strangers.map(|name| format!("{name}: does not belong at the top level")).collect()
}

/// Lines that hold on one machine only.
pub(crate) fn machine_bound(name: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for mark in MACHINE_BOUND.iter().filter(|mark| line.contains(**mark)) {
            offences.push(format!("{name}:{}: {mark}", n + 1));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_planted_long_file_is_found() {
        assert_eq!(length(&file("src/a.rs", &"\n".repeat(400))).len(), 1);
        assert!(length(&file("src/a.rs", &"\n".repeat(399))).is_empty());
        assert!(length(&file("tests/a/main.rs", &"\n".repeat(599))).is_empty());
        assert_eq!(length(&file("tests/a/main.rs", &"\n".repeat(600))).len(), 1);
    }

    #[test]
    fn a_planted_file_without_words_is_found() {
        assert_eq!(opening(&file("src/a.rs", "use std::fmt;\n//! late")).len(), 1);
        assert!(opening(&file("src/a.rs", "//! A.\n")).is_empty());
    }

    #[test]
    fn planted_escapes_from_cages_are_found() {
        for text in [
            "use quinn::Endpoint;",
            "use quinn;",
            "use rustls as tls;",
            "extern crate sled;",
            "fn f(x: ::sled::Db) {}",
            "#[derive(clap::Parser)] struct A;",
            "let x = bincode::serde::encode(a);",
            "use {ed25519_dalek::SigningKey, std::fmt};",
        ] {
            assert_eq!(cages(&file("src/ledger/mod.rs", text)).len(), 1, "{text}");
        }
        for (path, text) in [
            ("src/net/endpoint.rs", "use quinn::Endpoint;"),
            ("src/store/mod.rs", "mod sled; pub use self::sled::Sled; use crate::store::sled::Sled;"),
            ("src/ledger/mod.rs", "// quinn::Endpoint\nlet s = \"rustls::x\"; let quinn = 1; f(quinn);"),
            ("src/ledger/mod.rs", "let x = <A as B>::clap::c(); my_sled::open();"),
        ] {
            assert!(cages(&file(path, text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn planted_drawers_are_found() {
        assert_eq!(drawers(&file("src/log/util.rs", "")).len(), 1);
        assert_eq!(drawers(&file("src/helpers/mod.rs", "")).len(), 1);
        assert_eq!(drawers(&file("src/log/mod.rs", "mod common { }")).len(), 1);
        assert!(drawers(&file("src/log/tree.rs", "use std::fmt; core::mem::swap(a, b);")).is_empty());
    }

    #[test]
    fn planted_leftovers_are_found() {
        assert_eq!(leftovers(&file("src/a.rs", "// TODO: later\nfn f() {} // FIXME\n")).len(), 2);
        assert!(leftovers(&file("src/a.rs", "// mastodon\nconst TODOS: u8 = 1;")).is_empty());
    }

    #[test]
    fn planted_unwraps_are_found() {
        assert_eq!(unwraps(&file("src/a.rs", "fn f() { g().unwrap(); }")).len(), 1);
        assert_eq!(unwraps(&file("src/a.rs", "#[cfg(test)] mod t {} fn f() { Option::unwrap(g) }")).len(), 1);
        assert!(
            unwraps(&file("src/a.rs", "fn f() { g().unwrap_or(1); } #[cfg(test)] mod t { x.unwrap(); }"))
                .is_empty()
        );
    }

    #[test]
    fn planted_signatures_are_found() {
        assert_eq!(signs(&file("src/net/mod.rs", "fn f(k: SecretKey) { k.sign(theirs); }")).len(), 1);
        assert!(signs(&file("src/log/note.rs", "fn f(k: SecretKey) { k.sign(ours); }")).is_empty());
        assert!(
            signs(&file("src/sync/a.rs", "note::sign(text, name, key); self.sign_root_log(turn);"))
                .is_empty()
        );
    }

    #[test]
    fn planted_ignored_tests_are_found() {
        for text in [
            "#[test] #[ignore] fn f() {}",
            "#[ignore = \"slow\"] fn f() {}",
            "# [ ignore ] fn f() {}",
            "#[cfg_attr(miri, ignore)] fn f() {}",
            "/// ```ignore\n/// f()\n/// ```",
        ] {
            assert_eq!(ignored(&file("tests/a.rs", text)).len(), 1, "{text}");
        }
        assert!(ignored(&file("tests/a.rs", "#[test] fn ignore() { ignore([1]) } // #[ignore]")).is_empty());
    }

    #[test]
    fn planted_strangers_at_the_top_are_found() {
        let names = ["src", ".gitignore", "target", "build.rs", "scripts"].map(str::to_owned);
        assert_eq!(top_level(&names).len(), 2);
    }

    #[test]
    fn planted_machine_paths_are_found() {
        assert_eq!(machine_bound("README.md", "ok\nsee /root/x\n"), ["README.md:2: /root/"]);
        assert!(machine_bound("README.md", "target/debug, 127.0.0.1:4780, /var/lib/gongshi").is_empty());
    }
}
