//! Divisions and levels: GB/T 2260 (six digits), GB/T 10114 (nine digits), and zones that have neither.
//!
//! A code is a name, never authority: the parent of a division is what a signed delegation says. The embedded
//! registry only supplies names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Longest division code in bytes: nine digits, a hyphen and a slug of 22.
pub const DIVISION_CODE_BYTES_MAX: usize = 32;

/// The four levels of the platform, highest first; a larger value is a lower level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 省级
    Province = 1,
    /// 市级
    City = 2,
    /// 区县级
    District = 3,
    /// 镇街级
    Town = 4,
}

/// The text is not one of the four levels.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a level: want province, city, district or town")]
pub struct NotALevel;

impl Level {
    /// All levels, highest first.
    pub const ALL: [Self; 4] = [Self::Province, Self::City, Self::District, Self::Town];

    /// From the byte of a signed layout (1 to 4).
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as u8 == byte)
    }
    /// The English word of contracts and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::City => "city",
            Self::District => "district",
            Self::Town => "town",
        }
    }
    /// The Chinese word people read.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Province => "省级",
            Self::City => "市级",
            Self::District => "区县级",
            Self::Town => "镇街级",
        }
    }
}

impl FromStr for Level {
    type Err = NotALevel;
    fn from_str(text: &str) -> Result<Self, NotALevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(NotALevel)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A division code: six digits (GB/T 2260), nine digits (GB/T 10114), or a zone: either of them, a hyphen and
/// a slug of `a-z 0-9 -` (`330100-xihu`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DivisionCode(String);

/// The text is not a division code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a division code: want 6 digits, 9 digits, or a zone such as 330100-xihu")]
pub struct NotADivisionCode(pub String);

impl DivisionCode {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The name the embedded registry gives, if it knows the code.
    pub fn registry_name(&self) -> Option<&'static str> {
        registry().find(|(code, _)| *code == self.0).map(|(_, name)| name)
    }
}

/// The embedded registry: codes and names, of Guangdong all (21 cities, 122 districts, 1,610 towns), elsewhere those that
/// real reports name.
pub fn registry() -> impl Iterator<Item = (&'static str, &'static str)> {
    let named = REGISTRY.lines().filter_map(|line| line.split_once(','));
    named.map(|(code, rest)| (code, rest.split_once(',').map_or(rest, |(name, _)| name)))
}

/// Names of divisions that real reports or Guangdong's list name: `code,name` a line (edition 2023 of the
/// National Bureau of Statistics list).
const REGISTRY: &str = include_str!("division/registry.csv");

impl FromStr for DivisionCode {
    type Err = NotADivisionCode;
    fn from_str(text: &str) -> Result<Self, NotADivisionCode> {
        let (digits, slug) = match text.split_once('-') {
            Some((digits, slug)) => (digits, Some(slug)),
            None => (text, None),
        };
        let digits_fit = matches!(digits.len(), 6 | 9) && digits.bytes().all(|b| b.is_ascii_digit());
        let slug_fits = slug.is_none_or(|slug| {
            !slug.is_empty()
                && !slug.starts_with('-')
                && !slug.ends_with('-')
                && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        if digits_fit && slug_fits && text.len() <= DIVISION_CODE_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotADivisionCode(text.to_owned()))
        }
    }
}

impl fmt::Display for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DivisionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DivisionCode({})", self.0)
    }
}

impl Serialize for DivisionCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DivisionCode {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_three_shapes_and_no_others() {
        for good in ["330000", "330282108", "330100-xihu", "330282108-port-2"] {
            assert_eq!(good.parse::<DivisionCode>().map(|c| c.to_string()), Ok(good.to_owned()));
        }
        let long = format!("330000-{}", "a".repeat(40));
        for bad in
            ["", "33", "33000０", "330000-", "330000-X", "330000--a-", "../../etc", "330000-a/b", &long]
        {
            assert!(bad.parse::<DivisionCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_registry_names_what_it_knows() {
        let name = |code: &str| code.parse::<DivisionCode>().ok().and_then(|c| c.registry_name());
        assert_eq!(name("330282108"), Some("附海镇"));
        assert_eq!(name("440000"), Some("广东省"));
        assert_eq!(name("999999"), None);
    }
}
