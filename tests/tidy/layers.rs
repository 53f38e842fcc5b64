//! The layers of the house: a module may name the modules of its own layer and of those below.

use crate::source::{File, Token};

/// Every top-level module and its layer. A new module takes its place here first.
const RANKS: &[(&str, u8)] = &[
    // Words: plain values; no I/O, no clock, no policy.
    ("time", 0),
    ("digest", 0),
    ("bytes", 0),
    ("wire", 0),
    ("division", 0),
    ("agency", 0),
    ("money", 0),
    ("pool", 0),
    // Who may say what.
    ("trust", 1),
    // What is said, and the record of it.
    ("template", 2),
    ("package", 2),
    ("statement", 2),
    ("log", 2),
    // Keeping.
    ("record", 3),
    ("store", 3),
    // Agreeing and reading.
    ("sync", 4),
    ("ledger", 4),
    ("view", 4),
    // Edges.
    ("net", 5),
    ("intake", 5),
    ("portal", 5),
    ("console", 5),
    // Running it.
    ("config", 6),
    ("ops", 6),
];

/// In this layer the modules do not know each other...
const APART: u8 = 2;

/// ...except here: who names whom, and why.
const SIDEWAYS: &[(&str, &str)] = &[
    // Validation is against a template.
    ("package", "template"),
    // A body's digest is an RFC 6962 root over its chunks.
    ("package", "log"),
    // A card lists the digests and lengths of bodies.
    ("statement", "package"),
];

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// What of `file` points up, or sideways without leave. The crate's root and the program may name everything.
pub(crate) fn offences(file: &File) -> Vec<String> {
    let module = file.module();
    let Some((own, own_rank)) = module.first().and_then(|own| Some((*own, rank(own)?))) else {
        return Vec::new();
    };
    let tokens = file.tokens();
    let shipped = file.shipped();
    let climbs = reached_by_super(&shipped, module.len());
    let mut offences = Vec::new();
    for (line, name) in reached_by_crate(&tokens).into_iter().chain(climbs) {
        let place = format!("{}:{line}: {own} names {name}", file.path);
        match rank(&name) {
            _ if name == own => {}
            None => offences.push(format!("{place}, which has no place in tests/tidy/layers.rs")),
            Some(other) if other > own_rank => {
                offences.push(format!("{place}: layer {own_rank} must not know layer {other}"));
            }
            Some(other) if other == own_rank && other == APART && !SIDEWAYS.contains(&(own, &name)) => {
                offences.push(format!("{place}: modules of layer {APART} do not know each other"));
            }
            Some(_) => {}
        }
    }
    offences
}

/// Modules of the tree that have no layer.
pub(crate) fn unranked(files: &[File]) -> Vec<String> {
    let tops = files.iter().filter_map(|file| Some((file, *file.module().first()?)));
    let strangers = tops.filter(|(_, top)| rank(top).is_none());
    strangers
        .map(|(file, top)| format!("{}: {top} has no place in tests/tidy/layers.rs", file.path))
        .collect()
}

fn is(tokens: &[Token], i: usize, word: &str) -> bool {
    tokens.get(i).is_some_and(|token| token.text == word)
}

/// Names that follow `crate::`, groups included. Macros are named through the root whoever defines them.
fn reached_by_crate(tokens: &[Token]) -> Vec<(usize, String)> {
    let starts = (0..tokens.len()).filter(|i| is(tokens, *i, "crate"));
    starts.flat_map(|i| names_after(tokens, i + 1)).collect()
}

/// Names that a chain of `super::` reaches at the crate's root, from a file `depth` modules deep.
fn reached_by_super(tokens: &[Token], depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut chain = 0;
    for i in 0..tokens.len() {
        if is(tokens, i, "super") {
            chain = if i >= 3 && is(tokens, i - 3, "super") { chain + 1 } else { 1 };
            if chain == depth {
                found.extend(names_after(tokens, i + 1));
            }
        }
    }
    found.retain(|(_, name)| rank(name).is_some());
    found
}

/// The first names of the path or group of paths whose `::` stands at `i`.
fn names_after(tokens: &[Token], i: usize) -> Vec<(usize, String)> {
    if !is(tokens, i, ":") || !is(tokens, i + 1, ":") {
        return Vec::new();
    }
    let name = |i: usize| {
        let plain = !is(tokens, i + 1, "!") && !is(tokens, i, "}") && !is(tokens, i, "super");
        tokens.get(i).filter(|_| plain).map(|token| (token.line, token.text.clone()))
    };
    if !is(tokens, i + 2, "{") {
        return name(i + 2).into_iter().collect();
    }
    let (mut found, mut depth) = (Vec::new(), 0);
    for (at, token) in tokens.iter().enumerate().skip(i + 2) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(token.text.as_str(), "{" | ",") {
            found.extend(name(at + 1));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        offences(&File { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn planted_arrows_that_point_up_are_found() {
        for (path, text) in [
            ("src/money.rs", "use crate::trust::key::Key;"),
            ("src/wire.rs", "fn f(s: &crate::store::Store) {}"),
            ("src/store/sled.rs", "use crate::{digest::Digest,\n wire, sync::Node};"),
            ("src/log/tree.rs", "#[cfg(test)] mod tests { use crate::record::Record; }"),
            ("src/money.rs", "use super::ledger::Fold;"),
            ("src/log/tree.rs", "use super::super::sync;"),
            ("src/sync/mod.rs", "use crate::somewhere;"),
            ("src/sync/mod.rs", "use crate::*;"),
        ] {
            assert_eq!(found(path, text).len(), 1, "{path}: {text}: {:?}", found(path, text));
        }
    }

    #[test]
    fn planted_arrows_that_point_sideways_are_found() {
        assert_eq!(found("src/log/tree.rs", "use crate::statement::Card;").len(), 1);
        assert_eq!(found("src/template/mod.rs", "use crate::package::Package;").len(), 1);
        assert!(found("src/package/body.rs", "use crate::log::tree;").is_empty());
    }

    #[test]
    fn arrows_that_point_down_are_free() {
        for (path, text) in [
            ("src/sync/node.rs", "use crate::{log::{tree, tile}, record::Record, view, sync::x};"),
            ("src/money.rs", "// crate::sync\n/// [`crate::ops`]\nconst A: &str = \"crate::net\";"),
            ("src/log/tree.rs", "use super::tile; pub(crate) fn f() { crate::bail!(1) }"),
            ("src/main.rs", "use crate::ops;"),
            ("src/lib.rs", "pub use crate::sync::Node;"),
        ] {
            assert!(found(path, text).is_empty(), "{path}: {text}: {:?}", found(path, text));
        }
    }

    #[test]
    fn a_planted_module_without_a_layer_is_found() {
        let file = |path: &str| File { path: path.to_owned(), text: String::new() };
        assert_eq!(
            unranked(&[file("src/gossip/mod.rs"), file("src/lib.rs"), file("src/log/tree.rs")]).len(),
            1
        );
    }
}
