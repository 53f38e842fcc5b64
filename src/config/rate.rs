//! How fast links may go, as the file, the environment and flags say it.

use serde::{Deserialize, Deserializer, Serialize};

/// How fast each link between nodes may go: one figure for each neighbour, not for all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncRate {
    /// Bytes a second from here to a neighbour; 0 is no limit.
    #[serde(deserialize_with = "bytes_per_s")]
    pub up_bytes_per_s: u64,
    /// Bytes a second from a neighbour to here; 0 is no limit.
    #[serde(deserialize_with = "bytes_per_s")]
    pub down_bytes_per_s: u64,
}

/// Slowest limit in bytes a second: below it a checkpoint takes longer than a session lasts.
pub const BYTES_PER_S_MIN: u64 = 1_000;
/// Fastest limit in bytes a second: no link is as fast.
pub const BYTES_PER_S_MAX: u64 = 1_000_000_000_000;

/// A number, or the text of one as the environment and flags give it: 0, or [`BYTES_PER_S_MIN`] to 10^12.
fn bytes_per_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Text(String),
    }
    let given = match Given::deserialize(deserializer) {
        Ok(Given::Number(number)) => Some(number),
        Ok(Given::Text(text)) => text.parse().ok(),
        Err(_) => None,
    };
    given.filter(|rate| matches!(rate, 0 | BYTES_PER_S_MIN..=BYTES_PER_S_MAX)).ok_or_else(|| {
        serde::de::Error::custom(
            "应为 0（不限）或 1000 以上的字节/秒 / expected 0 (none) or at least 1000 bytes a second",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_or_the_text_of_one_and_not_too_slow_to_work() {
        let read = |text: &str| toml::from_str::<SyncRate>(&format!("up_bytes_per_s = {text}"));
        for (text, rate) in [("0", 0), ("1000", 1_000), ("\"64000\"", 64_000)] {
            assert_eq!(read(text).unwrap().up_bytes_per_s, rate);
        }
        for text in ["1", "999", "-1", "\"fast\"", "1.5", "9000000000000000000"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
