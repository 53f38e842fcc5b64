//! `gongshi store`: figures, check, rebuild.

use crate::federation::Federation;
use crate::reports::published_file;
use std::fs;

#[test]
fn the_store_is_counted_checked_and_rebuilt_to_the_same_rows() {
    let mut federation = Federation::pair();
    let digest = federation.nodes[1].publish(&published_file("zj-ningbo-city-2022-2023.json"));
    federation.wait_for(&[digest], 20);
    let shown = federation.wait_agreement(10);
    for at in [0, 1] {
        let node = &mut federation.nodes[at];
        let stats = node.run(&["store", "stats"]).expect_exit(0).json();
        assert_eq!(stats["schema"], "gongshi.store.stats/1");
        assert!(
            stats["record"]["bytes"].as_u64().expect("bytes") > 1000 && stats["packages"] == 1,
            "{stats}"
        );
        let with = node.run(&["store", "check"]).expect_exit(0).json();
        assert_eq!((&with["ok"], &with["index"]["compared"]), (&true.into(), &false.into()));
        // The daemon has the store: it is stopped first, says the refusal.
        let refused = node.run(&["store", "rebuild"]).expect_exit(8);
        assert!(refused.said().contains("systemctl stop"), "{refused:#?}");
        node.stop();
        let before = node.run(&["store", "check"]).expect_exit(0).json();
        assert_eq!(before["index"]["differing"], 0);
        let rebuilt = node.run(&["store", "rebuild"]).expect_exit(0).json();
        assert_eq!(rebuilt["hash"], before["index"]["hash"], "I18: the record gives the same rows");
        assert_eq!(rebuilt["root_log"]["root_hash"], shown.0["root_hash"]);
        node.run(&["store", "check"]).expect_exit(0);
        let left = fs::read_dir(&node.data).expect("a directory").flatten();
        let left: Vec<_> =
            left.filter(|entry| entry.file_name().to_string_lossy().contains("index")).collect();
        assert_eq!(left.len(), 1, "nothing is left beside the index: {left:?}");
        node.serve();
    }
    assert_eq!(federation.wait_agreement(10), shown);
}

#[test]
fn store_check_names_the_file_and_offset_of_damage_and_changes_nothing() {
    let mut federation = Federation::pair();
    federation.nodes[1].stop();
    let node = &federation.nodes[1];
    let facts = node.data.join("record/facts/00000000000000000000.seg");
    let mut bytes = fs::read(&facts).expect("a segment");
    let place = bytes.len() / 2;
    bytes[place] ^= 0x10;
    fs::write(&facts, &bytes).expect("written");
    let ended = node.run(&["store", "check"]).expect_exit(9);
    let damages = ended.json()["damages"].clone();
    let damage = &damages[0];
    assert_eq!(damage["file"], facts.to_str().expect("a path"));
    let offset = damage["offset"].as_u64().expect("an offset") as usize;
    assert!(offset <= place && place < offset + 4096, "{damage}");
    assert_eq!(fs::read(&facts).expect("a segment"), bytes);
    assert!(ended.said().contains("checking") || ended.said().contains("核对"), "progress on stderr");
}
