//! What lies in a data directory, by size.

use super::data_dir::DataDir;
use crate::record::free_bytes;
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of the files under a directory, and how many there are.
fn size(path: &Path) -> (u64, u64) {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::metadata(path).map_or((0, 0), |file| (file.len(), 1));
    };
    entries.flatten().map(|entry| size(&entry.path())).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// The document of `gongshi store stats --json`, with the counts of a status document where there is one.
pub(super) fn sizes(data: &DataDir, status: &Value) -> Value {
    let of = |name: &str| size(&data.path().join(name));
    let (facts, bodies, index, guard, ballast) =
        (of("record/facts"), of("record/bodies"), of("index"), of("guard"), of("ballast"));
    let aside = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().contains(".damaged-");
    let set_aside = std::fs::read_dir(data.path()).into_iter().flatten().flatten().filter(aside);
    let set_aside: u64 = set_aside.map(|entry| size(&entry.path()).0).sum();
    let free = free_bytes(data.path()).unwrap_or(0);
    json!({
        "schema": "gongshi.store.stats/1",
        "record": {
            "bytes": facts.0 + bodies.0, "segments": facts.1 + bodies.1,
            "facts_bytes": facts.0, "bodies_bytes": bodies.0,
        },
        "index": {"bytes": index.0}, "guard": {"bytes": guard.0}, "ballast": {"bytes": ballast.0},
        "set_aside": {"bytes": set_aside}, "free_bytes": free,
        "log": status["log"]["size"], "root_log": status["root_log"]["size"],
        "received": status["received"], "packages": status["held"]["packages"],
    })
}
