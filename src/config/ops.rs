//! How operators reach the console.

use super::Network;
use serde::{Deserialize, Deserializer, Serialize};

/// Most minutes without use: a screen left alone over lunch.
pub const IDLE_MINUTES_MAX: u16 = 240;
/// Minutes without use when nothing is set.
const IDLE_MINUTES: u16 = 30;

/// How operators reach the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// Names, besides addresses and `localhost`, under which it is reached.
    pub hosts: Vec<String>,
    /// Minutes without use after which one logs in again, 1 to [`IDLE_MINUTES_MAX`].
    #[serde(deserialize_with = "idle_minutes")]
    pub idle_minutes: u16,
    /// A proxy serves it by HTTPS: cookies travel no other way.
    pub https: bool,
    /// The header in which a proxy names the user that it let in; empty for none.
    pub proxy_header: String,
    /// The proxies that are believed.
    pub proxy_trusted: Vec<Network>,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            idle_minutes: IDLE_MINUTES,
            https: false,
            proxy_header: String::new(),
            proxy_trusted: Vec::new(),
        }
    }
}

fn idle_minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let minutes = u16::deserialize(deserializer)?;
    match (1..=IDLE_MINUTES_MAX).contains(&minutes) {
        true => Ok(minutes),
        false => Err(serde::de::Error::custom(format!(
            "{minutes}: 应为 1 至 {IDLE_MINUTES_MAX} / want 1 to {IDLE_MINUTES_MAX}"
        ))),
    }
}
