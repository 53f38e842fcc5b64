//! Readiness: whether readers may be sent to this node, and what else stands against it.
//!
//! A node whose parent is away is ready: it shows what it holds, and says how old that is. It is not ready while it
//! has nothing to show, cannot write, or its engine does not answer.

use serde::Serialize;
use serde_json::Value;

/// The document of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// `gongshi.ready/1`.
    pub schema: &'static str,
    /// True when every check that is required holds.
    pub ready: bool,
    /// Codes of the checks that do not hold, required or not; `gongshi explain CODE` says what to do.
    pub reasons: Vec<&'static str>,
    /// Every check.
    pub checks: Vec<Check>,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was asked.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// Whether the node is unready without it.
    pub required: bool,
    /// The code of what is wrong when it does not hold.
    pub code: &'static str,
    /// What was seen.
    pub seen: String,
}

impl Readiness {
    /// Judges the status document (null when the engine did not answer) and the disk: bytes free, none when it
    /// cannot be written, and how many must be.
    pub fn of(status: &Value, free_bytes: Option<u64>, free_bytes_min: u64) -> Self {
        let size = status["root_log"]["size"].as_u64().unwrap_or(0);
        let upstream = &status["upstream"];
        let behind = upstream["behind"].as_u64().unwrap_or(0);
        let link = upstream["state"].as_str().unwrap_or("none");
        let check = |name, ok, required, code, seen: String| Check { name, ok, required, code, seen };
        let checks = vec![
            check("engine", status.is_object(), true, "engine", seen(&status["state"])),
            check("synced", size > 0, true, "unsynced", size.to_string()),
            check(
                "store_writable",
                free_bytes.is_some_and(|free| free >= free_bytes_min),
                true,
                "disk_low",
                free_bytes.map_or_else(|| "not writable".to_owned(), |free| format!("{free} bytes free")),
            ),
            check("parent_link", link != "down", false, "upstream_down", link.to_owned()),
            check("caught_up", behind == 0, false, "upstream_behind", behind.to_string()),
        ];
        let failing = || checks.iter().filter(|check| !check.ok);
        Self {
            schema: "gongshi.ready/1",
            ready: failing().all(|check| !check.required),
            reasons: failing().map(|check| check.code).collect(),
            checks,
        }
    }
}

fn seen(value: &Value) -> String {
    value.as_str().unwrap_or("no answer").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(status: &Value, free: Option<u64>) -> (bool, Vec<&'static str>) {
        let readiness = Readiness::of(status, free, 100);
        (readiness.ready, readiness.reasons)
    }

    #[test]
    fn a_node_without_its_parent_is_ready_and_one_that_cannot_write_is_not() {
        let sound = json!({"state": "ok", "root_log": {"size": 5}, "upstream": null});
        assert_eq!(of(&sound, Some(100)), (true, vec![]));
        assert_eq!(of(&sound, Some(99)), (false, vec!["disk_low"]));
        assert_eq!(of(&sound, None), (false, vec!["disk_low"]));
        let alone = json!({"state": "upstream_down", "root_log": {"size": 5}, "upstream": {"state": "down", "behind": 2}});
        assert_eq!(of(&alone, Some(100)), (true, vec!["upstream_down", "upstream_behind"]));
        let empty = json!({"state": "unsynced", "root_log": {"size": 0}});
        assert_eq!(of(&empty, Some(100)), (false, vec!["unsynced"]));
        assert_eq!(of(&Value::Null, Some(100)), (false, vec!["engine", "unsynced"]));
    }
}
