//! Reading the configuration: defaults, file, environment and command line laid over each other, one key at a time, so
//! that every refusal names the one place to correct and `config show` can say where each value came from.

use super::{Address, Config};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};
use toml::{Table, Value};

/// What every environment variable of ours begins with; two underscores part the section from the key.
const ENV_PREFIX: &str = "GONGSHI_";

/// Where a value came from, and so where it is corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file as it was named to us.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its full name.
        name: String,
    },
    /// A flag.
    CommandLine {
        /// The flag as typed, such as `--listen`.
        flag: String,
    },
}

/// Why there is no configuration. All are the user's to correct; none is retried.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file: nobody ran `init` or `join` here.
    #[error(
        "{}: 没有配置文件，此目录尚未初始化；请先运行 / no configuration, this directory is not initialised; \
         first run: gongshi init 或 / or gongshi join", .path.display()
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("{}: 无法读取 / cannot be read: {reason}；请检查权限 / check its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said, or that it is not UTF-8.
        reason: io::Error,
    },
    /// The file is not TOML.
    #[error(
        "{origin}: 不是有效的 TOML / not valid TOML: {reason}；改正后运行 / correct it, then run: gongshi config check"
    )]
    Syntax {
        /// File and line.
        origin: Origin,
        /// What the parser expected.
        reason: String,
    },
    /// A name that means nothing, which is most often a misspelt one.
    #[error("{origin}:{key}: 没有这个配置项 / no such key{}", suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// `section.key` as found.
        key: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// A value of the wrong shape.
    #[error(
        "{origin}:{key}: 值不可用 / value refused: {reason}；改正后运行 / correct it, then run: gongshi config check"
    )]
    Value {
        /// Where it stands.
        origin: Origin,
        /// `section.key`.
        key: String,
        /// What was expected.
        reason: String,
    },
}

/// A configuration that was read, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    config: Config,
    merged: Table,
    origins: BTreeMap<String, Origin>,
}

/// One line of `config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// `section.key`.
    pub key: String,
    /// The value in force, as TOML writes it.
    pub value: String,
    /// Where it came from.
    pub origin: &'a Origin,
}

/// Longest configuration file in bytes: the longest sample has 3 KiB.
const FILE_BYTES_MAX: u64 = 256 << 10;

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("over {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

impl Config {
    /// Reads the file at `path` and lays `env` (the whole environment; names that are not ours are passed over) on it.
    ///
    /// # Errors
    /// [`ConfigError`]; the first place that must be corrected.
    pub fn load(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<Loaded, ConfigError> {
        let text = read(path).map_err(|reason| match reason.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
            _ => ConfigError::Unreadable { path: path.to_owned(), reason },
        })?;
        Loaded::parse(path, &text, env)
    }
}

impl Loaded {
    /// Lays the file's `text` and `env` over the defaults; `path` is only named in messages. An empty text stands for
    /// no file: what `init` and `join` start from.
    ///
    /// # Errors
    /// [`ConfigError`], except that nothing is read.
    pub fn parse(
        path: &Path,
        text: &str,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let merged = Table::try_from(Config::default()).unwrap_or_default();
        let mut loaded = Self { config: Config::default(), merged, origins: BTreeMap::new() };
        loaded.lay_file(path, text)?;
        for (name, value) in env {
            let Some((section, key)) = name.strip_prefix(ENV_PREFIX).and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let key = format!("{section}.{key}").to_ascii_lowercase();
            loaded.lay_text(Origin::Environment { name }, &key, &value)?;
        }
        loaded.check_together()?;
        Ok(loaded)
    }

    /// Lays the values of flags `(flag, key, value)` over all others, together: two that only fit each other are
    /// fine. Lists are separated by commas.
    ///
    /// # Errors
    /// [`ConfigError::Value`], or [`ConfigError::UnknownKey`] if the program asks for a key that does not exist.
    pub fn set<'a>(
        &mut self,
        flags: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Result<(), ConfigError> {
        for (flag, key, value) in flags {
            self.lay_text(Origin::CommandLine { flag: flag.to_owned() }, key, value)?;
        }
        self.check_together()
    }

    /// The values in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Every key in the order of the file, with its value and origin.
    pub fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        keys(&self.merged).into_iter().map(|key| {
            let value = lookup(&self.merged, &key).map(ToString::to_string).unwrap_or_default();
            let origin = self.origin(&key);
            Setting { key, value, origin }
        })
    }

    /// Where the value of `key` came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    fn lay_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let at = |offset: usize| {
            let before = text.as_bytes().iter().take(offset);
            Origin::File { path: path.to_owned(), line: 1 + before.filter(|byte| **byte == b'\n').count() }
        };
        let syntax = |error: &toml::de::Error| ConfigError::Syntax {
            origin: at(error.span().map_or(0, |span| span.start)),
            reason: error.message().trim().replace('\n', "; "),
        };
        // Twice: once for the places, once for the values.
        let places = toml::de::DeTable::parse(text).map_err(|error| syntax(&error))?;
        let values = text.parse::<Table>().map_err(|error| syntax(&error))?;
        for (section, inside) in places.get_ref() {
            let name: &str = section.get_ref();
            let Some(entries) = inside.get_ref().as_table() else {
                let value = lookup(&values, name).cloned().unwrap_or(Value::Boolean(true));
                self.lay(at(section.span().start), name, value)?;
                continue;
            };
            if !self.merged.contains_key(name) {
                return Err(self.unknown(at(section.span().start), name));
            }
            for entry in entries.keys() {
                let key = format!("{name}.{}", entry.get_ref());
                let value = lookup(&values, &key).cloned().unwrap_or(Value::Boolean(true));
                self.lay(at(entry.span().start), &key, value)?;
            }
        }
        Ok(())
    }

    /// A value that is only a text takes the shape of the default it replaces.
    fn lay_text(&mut self, origin: Origin, key: &str, text: &str) -> Result<(), ConfigError> {
        let value = match lookup(&self.merged, key) {
            Some(Value::Array(_)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        };
        self.lay(origin, key, value)
    }

    /// The one place where a value takes effect: alone in an otherwise default configuration it must be accepted.
    fn lay(&mut self, origin: Origin, key: &str, value: Value) -> Result<(), ConfigError> {
        let Some((section, name)) = key.split_once('.').filter(|_| lookup(&self.merged, key).is_some())
        else {
            if self.merged.contains_key(key) {
                let reason = format!("应写成小节 / expected a section: [{key}]");
                return Err(ConfigError::Value { origin, key: key.to_owned(), reason });
            }
            return Err(self.unknown(origin, key));
        };
        let alone = Table::from_iter([(name.to_owned(), value.clone())]);
        let alone = Table::from_iter([(section.to_owned(), Value::Table(alone))]);
        if let Err(error) = Config::deserialize(alone) {
            let reason = error.message().trim().replace('\n', "; ");
            return Err(ConfigError::Value { origin, key: key.to_owned(), reason });
        }
        if let Some(Value::Table(table)) = self.merged.get_mut(section) {
            table.insert(name.to_owned(), value);
        }
        self.origins.insert(key.to_owned(), origin);
        self.config = Config::deserialize(self.merged.clone()).map_err(|error| ConfigError::Value {
            origin: self.origin(key).clone(),
            key: key.to_owned(),
            reason: error.message().to_owned(),
        })?;
        Ok(())
    }

    /// What only several values together can get wrong.
    fn check_together(&self) -> Result<(), ConfigError> {
        let listen = &self.config.listen;
        // Reviewers log in at the console: it must never be reachable through the public port.
        if listen.console.port() != 0 && shares_port(&listen.console, &listen.portal) {
            let reason = "控制台不能与门户同一端口 / the console must not share the portal's port".to_owned();
            let key = "listen.console";
            let blamed = if *self.origin(key) == Origin::Default { "listen.portal" } else { key };
            return Err(ConfigError::Value {
                origin: self.origin(blamed).clone(),
                key: blamed.to_owned(),
                reason,
            });
        }
        Ok(())
    }

    fn unknown(&self, origin: Origin, key: &str) -> ConfigError {
        let candidates = keys(&self.merged).into_iter().chain(self.merged.keys().cloned());
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let scored = candidates.map(|known| {
            // A key written outside its section: `peer = ...` means `listen.peer`.
            let outside = !key.contains('.') && known.contains('.');
            let distance = if outside { edits(key, &last(&known)) } else { edits(key, &known) };
            (distance, known)
        });
        // Past a third of the name a suggestion is a guess, and a wrong guess costs more than none.
        let nearest = scored.min().filter(|(distance, _)| *distance <= key.chars().count().div_ceil(3));
        ConfigError::UnknownKey { origin, key: key.to_owned(), nearest: nearest.map(|(_, known)| known) }
    }
}

impl fmt::Display for Origin {
    /// The place as error messages begin with it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("默认值 / default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => f.write_str(name),
            Self::CommandLine { flag } => f.write_str(flag),
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("；是否指 / did you mean: {name}?"),
        None => "；全部配置项见 / all keys: gongshi config show".to_owned(),
    }
}

fn shares_port(a: &Address, b: &Address) -> bool {
    a.port() == b.port() && (a.host() == b.host() || a.is_wildcard() || b.is_wildcard())
}

/// Every `section.key`.
fn keys(merged: &Table) -> Vec<String> {
    let sections = merged.iter().filter_map(|(section, inside)| Some((section, inside.as_table()?)));
    sections.flat_map(|(section, inside)| inside.keys().map(move |key| format!("{section}.{key}"))).collect()
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
        None => table.get(key),
    }
}

/// Insertions, deletions and substitutions between two names (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(from != *to)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, cost);
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
