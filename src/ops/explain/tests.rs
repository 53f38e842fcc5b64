//! The table against the sources: every code a person can meet, and no other.

use super::*;
use crate::statement::card::RefusalCode;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Calls that carry a code, and which argument it is.
const CALLS: &[(&str, usize, Kind)] = &[
    ("::must_fix(", 0, Kind::Finding),
    ("::confirm(", 0, Kind::Finding),
    ("::hint(", 0, Kind::Finding),
    ("Finding::new(", 1, Kind::Finding),
    ("grade(", 0, Kind::Finding),
    ("unreadable(", 0, Kind::Finding),
    ("refuse_at(", 0, Kind::Finding),
    ("check_text(", 3, Kind::Finding),
    ("text_fault(", 1, Kind::Finding),
    ("Failure::new(", 1, Kind::Failure),
    ("Self::new(", 1, Kind::Failure),
    ("refused(", 0, Kind::Failure),
    ("Ill::new(", 0, Kind::Doctor),
    ("Alarm::new(", 0, Kind::Doctor),
];

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.to_string_lossy().contains("tests")
        {
            out.push(path);
        }
    }
}

/// The arguments of the call whose text begins `text`, cut at the commas between them.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    let mut found = vec![String::new()];
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(c);
    }
    found
}

fn literal(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    let plain = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    plain.then(|| inside.to_owned())
}

/// Codes in the shipped part of a file.
fn codes(text: &str, out: &mut BTreeSet<(&'static str, String)>) {
    let shipped = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    for (call, place, kind) in CALLS {
        for (at, _) in shipped.match_indices(call) {
            let arguments = arguments(&shipped[at + call.len()..]);
            if let Some(code) = arguments.get(*place).and_then(|argument| literal(argument)) {
                out.insert((kind.word(), code));
            }
        }
    }
    // `DataDirError::Locked { .. } => (LOCKED, "locked")`
    for line in shipped.lines().filter(|line| line.contains("DataDirError::")) {
        let code = line.split_once(", \"").and_then(|(_, rest)| rest.split_once("\")"));
        out.extend(code.map(|(code, _)| (Kind::Failure.word(), code.to_owned())));
    }
    // `Self::Phone => ("privacy_phone", "疑似手机号码", "a mobile phone number")`
    for (at, found) in shipped.match_indices("=> (\"privacy_") {
        let code = arguments(&shipped[at + found.len() - "\"privacy_".len()..]).into_iter().next();
        out.extend(code.and_then(|code| literal(&code)).map(|code| (Kind::Finding.word(), code)));
    }
    // `(StatusCode::GONE, "withdrawn", "已撤回")`
    for (at, found) in shipped.match_indices("(StatusCode::") {
        let rest = arguments(&shipped[at + found.len()..]);
        out.extend(rest.get(1).and_then(|code| literal(code)).map(|code| (Kind::Problem.word(), code)));
    }
}

#[test]
fn no_code_lacks_an_entry_and_none_is_stale() {
    let mut files = Vec::new();
    for dir in ["package", "template", "intake", "ops", "portal"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(dir);
        if dir.is_dir() {
            sources(&dir, &mut files);
        }
    }
    let mut used = BTreeSet::new();
    files.iter().for_each(|file| codes(&fs::read_to_string(file).unwrap(), &mut used));
    used.extend(RefusalCode::ALL.iter().map(|code| (Kind::Refusal.word(), code.as_str().to_owned())));
    let states = [Kind::Package, Kind::Link];
    let known: BTreeSet<_> = entries()
        .filter(|entry| !states.contains(&entry.kind))
        .map(|entry| (entry.kind.word(), entry.code.to_owned()))
        .collect();
    let missing: Vec<_> = used.difference(&known).collect();
    let stale: Vec<_> = known.difference(&used).collect();
    assert!(missing.is_empty() && stale.is_empty(), "no entry: {missing:?}; stale: {stale:?}");
}

#[test]
fn every_entry_says_what_and_what_next_in_both_languages() {
    let mut seen = BTreeSet::new();
    for entry in entries() {
        assert!(seen.insert((entry.kind.word(), entry.code)), "{} stands twice", entry.code);
        for text in [entry.zh.0, entry.zh.1, entry.en.0, entry.en.1] {
            assert!(!text.is_empty(), "{}", entry.code);
        }
        assert!(entry.en.0.is_ascii() && entry.en.1.replace("不适用", "").is_ascii(), "{}", entry.code);
        assert!(!entry.zh.0.is_ascii(), "{}", entry.code);
    }
}

#[test]
fn a_planted_code_is_found() {
    let mut found = BTreeSet::new();
    codes("Failure::new(\n 2,\n \"new_code\", format!(\"a, b\"))", &mut found);
    codes("x::must_fix(\"other\", zh, en)", &mut found);
    assert_eq!(found.len(), 2);
}
