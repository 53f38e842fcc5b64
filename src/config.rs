//! Configuration: `gongshi.toml` in the data directory, written by `init` and `join`, read by `serve`.
//!
//! A value comes from the command line, else from `GONGSHI_SECTION__KEY` in the environment, else from the file, else
//! from the defaults; [`Loaded`] remembers which. The types here are the only list of keys: what they do not name is
//! refused with its place and the nearest name. Whether a port opens or a directory can be written is `config check`'s
//! to find out; nothing here touches more than the one file.

mod load;
mod ops;
mod rate;
mod text;
mod value;

pub use crate::portal::{KnownPortal, Site};
pub use load::{ConfigError, Loaded, Origin, Setting};
pub use ops::{Console, IDLE_MINUTES_MAX};
pub use rate::{BYTES_PER_S_MAX, BYTES_PER_S_MIN, SyncRate};
pub use value::{ADDRESS_BYTES_MAX, Address, BasePath, Network, ValueError};

use crate::division::DivisionCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The file's name in the data directory.
pub const FILE_NAME: &str = "gongshi.toml";

/// Most addresses a node announces: a delegation card has room for four (protocol, Trust).
pub const ADDRESSES_MAX: usize = 4;

/// Fewest days for which the audit log is kept (网络安全法 Article 21 asks for six months of logs).
pub const AUDIT_DAYS_MIN: u16 = 180;
/// Days for which it is kept when nothing is set: a year's report and what followed it.
pub const AUDIT_DAYS: u16 = 400;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where this node listens.
    pub listen: Listen,
    /// What children dial.
    pub announce: Announce,
    /// Whom this node dials.
    pub upstream: Upstream,
    /// How fast each link between nodes may go.
    pub sync: SyncRate,
    /// The public pages.
    pub portal: Portal,
    /// How operators reach the console.
    pub console: Console,
    /// Who runs the site: what its footer must say.
    pub site: Site,
    /// Drop folders for bundles.
    pub bundle: Gateway,
    /// What is kept on the disk.
    pub store: Store,
    /// How reports from below are looked at.
    pub review: Review,
    /// What the daemon writes about itself.
    pub log: Log,
}

/// Where this node listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Children and other nodes, QUIC over UDP.
    pub peer: Address,
    /// The public portal, HTTP.
    pub portal: Address,
    /// The console, metrics and health, HTTP; loopback unless someone decides otherwise.
    pub console: Address,
}

/// What children dial, as invitations and delegations carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Announce {
    /// At most [`ADDRESSES_MAX`]; empty stands for `listen.peer`, see [`Config::announced`].
    #[serde(deserialize_with = "dialable")]
    pub addresses: Vec<Address>,
}

/// Whom this node dials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// The parent, tried before the addresses of its delegation; empty at the root.
    #[serde(serialize_with = "or_empty", deserialize_with = "empty_is_none")]
    pub address: Option<Address>,
}

/// The public pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Portal {
    /// Path under which a proxy mounts the portal.
    pub base_path: BasePath,
    /// Proxies and mirrors that are exempt from per-address limits; loopback always is.
    pub trusted: Vec<Network>,
    /// Scheme and host of the site, for feeds, site maps and search engines; empty where it is not known.
    pub url: String,
    /// Portals of other nodes, `CODE=URL`: where a reader compares the same digest.
    pub known: Vec<KnownPortal>,
}

/// Drop folders for bundles, where files are moved by others: a one-way gateway, a courier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Directory whose files are imported; empty for none.
    pub inbox: String,
    /// Directory that bundles are written to; empty for none.
    pub outbox: String,
    /// Divisions of the nodes that bundles are written for.
    pub peers: Vec<DivisionCode>,
}

/// What is kept on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Under so many MiB of free space nothing new is taken, and reading goes on. 0 stands for 64, or an eighth of the
    /// file system if that is less.
    pub free_mib_min: u32,
    /// Up to so many MiB of bodies are read again whenever the node starts; more are read while it serves. 256 is half a
    /// second.
    pub check_at_start_mib: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self { free_mib_min: 0, check_at_start_mib: 256 }
    }
}

/// How reports from below are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Review {
    /// By the templates alone, or by people too.
    pub mode: ReviewMode,
}

/// Who looks at reports from below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewMode {
    /// The templates: `review list` names what they find something in.
    #[default]
    Automatic,
    /// People: `review list` names everything that nobody has looked at.
    Manual,
}

impl ReviewMode {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
        }
    }
}

/// What the daemon writes about itself, on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// The least serious events that are written.
    pub level: LogLevel,
    /// Days for which the audit log is kept, at least 180.
    #[serde(deserialize_with = "audit_days")]
    pub audit_days: u16,
}

/// Lines for people or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text an event.
    #[default]
    Text,
    /// A JSON object an event.
    Json,
}

/// Seriousness of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What a person must act on.
    Error,
    /// And what may become that.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: LogLevel::default(), audit_days: AUDIT_DAYS }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            peer: Address::wildcard(4701),
            portal: Address::loopback(4780),
            console: Address::loopback(4790),
        }
    }
}

impl Config {
    /// What children are told to dial: `announce.addresses`, else `listen.peer` when it names one machine. Empty when
    /// neither does; then `invite` cannot make a token and names the key to set.
    pub fn announced(&self) -> Vec<Address> {
        if !self.announce.addresses.is_empty() {
            self.announce.addresses.clone()
        } else if self.listen.peer.is_dialable() {
            vec![self.listen.peer.clone()]
        } else {
            Vec::new()
        }
    }
}

/// TOML has no null: an address that is not set is an empty text.
fn or_empty<S: Serializer>(address: &Option<Address>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&address.as_ref().map(ToString::to_string).unwrap_or_default())
}

fn empty_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let address = Address::try_from(text).and_then(Address::dialable);
    address.map(Some).map_err(serde::de::Error::custom)
}

/// Days that the law allows.
fn audit_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let days = u16::deserialize(deserializer)?;
    if days < AUDIT_DAYS_MIN {
        return Err(serde::de::Error::custom(ValueError::AuditDays(days)));
    }
    Ok(days)
}

/// A list of at most [`ADDRESSES_MAX`] addresses that someone can dial.
fn dialable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let addresses = Vec::<Address>::deserialize(deserializer)?;
    if addresses.len() > ADDRESSES_MAX {
        return Err(serde::de::Error::custom(ValueError::TooManyAddresses));
    }
    let dialable: Result<_, _> = addresses.into_iter().map(Address::dialable).collect();
    dialable.map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
