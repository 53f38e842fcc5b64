//! Tests of tiles: the counts of the specification, growth by any batches, and the one spelling of paths.

use super::super::tree::{
    Frontier, consistency_proof, inclusion_proof, leaf_hash, root_at, verify_consistency, verify_inclusion,
};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Default)]
struct Log {
    tiles: BTreeMap<TileId, Vec<u8>>,
    frontier: Frontier,
}

impl Log {
    fn append(&mut self, count: u64) -> Option<()> {
        let size = self.frontier.size();
        let hashes: Vec<Digest> = (size..size + count).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        for (id, bytes) in extend(size, &hashes, &|id| self.tiles.get(&id).cloned())? {
            let before = self.tiles.insert(id, bytes.clone()).unwrap_or_default();
            assert!(bytes.starts_with(&before) && bytes.len() > before.len(), "{id:?} only grows");
        }
        hashes.into_iter().for_each(|hash| self.frontier.push(hash));
        Some(())
    }
    fn subtrees(&self) -> TileSubtrees<impl Fn(TileId) -> Option<Vec<u8>>> {
        TileSubtrees::new(|id| self.tiles.get(&id).cloned())
    }
    fn widths(&self) -> Vec<(u8, usize, usize)> {
        let mut levels = BTreeMap::<u8, (usize, usize)>::new();
        for (id, bytes) in &self.tiles {
            let level = levels.entry(id.level).or_default();
            if bytes.len() == TILE_BYTES {
                level.0 += 1;
            } else {
                level.1 = bytes.len() / DIGEST_BYTES;
            }
        }
        levels.into_iter().map(|(level, (full, partial))| (level, full, partial)).collect()
    }
}

#[test]
fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() -> Outcome {
    let mut log = Log::default();
    let mut sizes = Vec::new();
    for batch in [1, 254, 1, 1, 255, 65_000, 23, 1, 1, 4_463] {
        log.append(batch).ok_or("append")?;
        assert_eq!(root_at(&log.subtrees(), log.frontier.size())?, log.frontier.root());
        sizes.push((log.frontier.size(), log.frontier.root()));
        if log.frontier.size() == 256 {
            assert_eq!(log.widths(), [(0, 1, 0), (1, 0, 1)]);
        }
    }
    assert_eq!(log.frontier.size(), 70_000);
    assert_eq!(log.widths(), [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    let (tiles, root) = (log.subtrees(), log.frontier.root());
    for (old, old_root) in &sizes {
        let proof = consistency_proof(&tiles, *old, 70_000)?;
        verify_consistency(*old, old_root, 70_000, &root, &proof)?;
    }
    for index in [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999_u64] {
        let proof = inclusion_proof(&tiles, index, 70_000)?;
        verify_inclusion(&leaf_hash(&index.to_be_bytes()), index, 70_000, &proof, &root)?;
    }
    Ok(())
}

#[test]
fn a_missing_or_short_tile_is_named_and_never_guessed() -> Outcome {
    let mut log = Log::default();
    log.append(300).ok_or("append")?;
    let id = TileId { level: 0, index: 1 };
    let more = [leaf_hash(b"more")];
    assert_eq!(extend(300, &more, &|_| None), None);
    assert_eq!(extend(300, &more, &|_| Some(vec![0; 43 * 32])), None);
    assert_eq!(extend(300, &[], &|_| None), Some(Vec::new()), "nothing is read for nothing");
    assert_eq!(extend(TREE_SIZE_MAX, &more, &|_| Some(vec![0; TILE_BYTES])), None);
    let short = TileSubtrees::new(|_| Some(vec![0; 7 * 32]));
    assert_eq!(short.subtree(3, 32), Err(TileMissing { id, width: 8 }));
    assert!(root_at(&short, 300).is_err());
    let all = TileSubtrees::new(|_| Some(vec![0; TILE_BYTES]));
    assert!(all.subtree(u8::MAX, u64::MAX).is_ok(), "no shift overflows");
    Ok(())
}

// LOG-4.
#[test]
fn a_path_has_one_spelling() {
    let hash = |level, index, width| TilePath { kind: TileKind::Hash(level), index, width };
    for (text, path) in [
        ("0/x001/067", hash(0, 1_067, None)),
        ("0/x001/067.p/5", hash(0, 1_067, Some(5))),
        ("63/000.p/255", hash(63, 0, Some(255))),
        ("1/x001/x234/067", hash(1, 1_234_067, None)),
        ("0/x018/x446/x744/x073/x709/x551/615", hash(0, u64::MAX, None)),
        ("entries/x001/067.p/3", TilePath { kind: TileKind::Entries, index: 1_067, width: Some(3) }),
    ] {
        assert_eq!(TilePath::parse(text), Some(path), "{text}");
        assert_eq!(path.to_string(), text);
    }
    for bad in [
        "",
        "0",
        "0/",
        "0/67",
        "0/x067",
        "0/x000/067",
        "0/0067",
        "0/x1/067",
        "0/001/067",
        "0/x001/x067",
        "00/067",
        "64/067",
        "+1/067",
        "-1/067",
        "256/067",
        "0/+67",
        "0/067/",
        "/0/067",
        "0//067",
        "0/06a",
        "0/067.p/0",
        "0/067.p/256",
        "0/067.p/05",
        "0/067.p/",
        "0/067.p",
        "0/067.p/5/",
        "0/x001.p/5/067",
        "Entries/067",
        "entries",
        "data/067",
        "0/x018/x446/x744/x073/x709/x551/616",
        "0/０67",
        "0/xx01/067",
    ] {
        assert_eq!(TilePath::parse(bad), None, "{bad}");
    }
}

#[test]
fn only_tiles_of_the_tree_exist() {
    let exists = |text: &str, size| TilePath::parse(text).is_some_and(|path| path.exists_in(size));
    assert!(exists("0/273.p/112", 70_000) && !exists("0/273.p/113", 70_000) && !exists("0/273", 70_000));
    assert!(exists("1/000", 70_000) && exists("2/000.p/1", 70_000) && !exists("2/000.p/2", 70_000));
    assert!(!exists("3/000.p/1", 70_000) && !exists("63/000.p/1", u64::MAX));
    assert!(exists("entries/000", 256) && !exists("entries/000.p/1", 0));
    assert!(!exists("0/x018/x446/x744/x073/x709/x551/615", u64::MAX));
}

// LOG-5.
#[test]
fn an_entry_bundle_gives_back_its_leaves_or_nothing() -> Outcome {
    let leaves: [&[u8]; 3] = [b"a", b"", b"statement"];
    let bundle = entry_bundle(leaves).ok_or("bundle")?;
    assert_eq!(bundle, b"\x00\x01a\x00\x00\x00\x09statement");
    assert_eq!(parse_entry_bundle(&bundle).ok_or("parse")?, leaves);
    assert!((0..bundle.len()).all(|cut| parse_entry_bundle(&bundle[..cut]).is_none_or(|l| l.len() < 3)));
    assert_eq!(parse_entry_bundle(&bundle[..bundle.len() - 1]), None);
    assert_eq!(parse_entry_bundle(&[]), None);
    assert_eq!(parse_entry_bundle(&[0; 2 * 256]).map(|leaves| leaves.len()), Some(256));
    assert_eq!(parse_entry_bundle(&[0; 2 * 257]), None);
    assert_eq!(entry_bundle([vec![0; 65_536]]), None);
    assert_eq!(entry_bundle(vec![[0; 1]; 257]), None);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // LOG-3.
    #[test]
    fn tiles_and_frontier_agree_after_any_batches(batches in prop::collection::vec(0_u64..400, 1..12)) {
        let mut log = Log::default();
        for batch in batches {
            let (old, old_root) = (log.frontier.size(), log.frontier.root());
            prop_assert!(log.append(batch).is_some());
            let (new, new_root) = (log.frontier.size(), log.frontier.root());
            prop_assert_eq!(root_at(&log.subtrees(), new), Ok(new_root));
            let proof = consistency_proof(&log.subtrees(), old, new)?;
            prop_assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
        }
    }
}
