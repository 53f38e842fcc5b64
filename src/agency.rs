//! Agencies: the 统一社会信用代码 (GB 32100-2015) and the id under which a report's agency is known.
//!
//! An agency exists by being named. Its id is its code where the report gives one, else `division:NAME`; that a
//! later code is an alias of such a name is for the ledger to say.

use crate::bytes::is_plain_text;
use crate::division::DivisionCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// The 31 characters of GB 32100-2015, in the order of their values (no I, O, S, V, Z).
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Longest agency name in bytes of UTF-8: 100 Chinese characters; the longest of the real reports has 29. Two
/// such names leave a card (4 KiB) most of its room.
pub const AGENCY_NAME_BYTES_MAX: usize = 300;

/// Longest agency id in bytes: a division code, a colon, a name.
pub const AGENCY_ID_BYTES_MAX: usize = crate::division::DIVISION_CODE_BYTES_MAX + 1 + AGENCY_NAME_BYTES_MAX;

/// A 统一社会信用代码 whose check digit fits. Positions 3 to 8 may hold a retired division and are not compared
/// with any list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreditCode(String);

/// Why a text is not a credit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreditCodeError {
    /// Not 18 characters of the standard's alphabet.
    #[error("not 18 characters of 0-9 and A-Z without I, O, S, V, Z")]
    Shape,
    /// The last character is not the check digit of the others.
    #[error("the check digit does not fit: expected {expected}, found {found}")]
    CheckDigit {
        /// What GB 32100-2015 computes.
        expected: char,
        /// What stands there.
        found: char,
    },
}

impl CreditCode {
    /// The code's 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CreditCode {
    type Err = CreditCodeError;
    /// Check digit = (31 − Σ value(i) · 3^(i−1) mod 31) mod 31 over the first 17 characters (GB 32100-2015, 5.3).
    fn from_str(text: &str) -> Result<Self, CreditCodeError> {
        let value = |byte: u8| ALPHABET.iter().position(|known| *known == byte);
        let values: Option<Vec<usize>> = text.bytes().map(value).collect();
        let values = values.filter(|values| values.len() == 18).ok_or(CreditCodeError::Shape)?;
        let mut weight = 1;
        let mut sum = 0;
        for value in values.iter().take(17) {
            sum += value * weight;
            weight = weight * 3 % 31;
        }
        let letter = |value: usize| ALPHABET.get(value).map_or('?', |byte| char::from(*byte));
        let expected = letter((31 - sum % 31) % 31);
        let found = values.last().map_or('?', |value| letter(*value));
        if expected == found {
            Ok(Self(text.to_owned()))
        } else {
            Err(CreditCodeError::CheckDigit { expected, found })
        }
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreditCode({})", self.0)
    }
}

/// The id of an agency: its credit code, or `division:NAME` with the name in NFC.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgencyId(String);

/// Why a text cannot be an agency's name or id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgencyError {
    /// Nothing but spaces.
    #[error("an agency's name is empty")]
    Empty,
    /// Over [`AGENCY_NAME_BYTES_MAX`].
    #[error("an agency's name has {bytes} bytes, at most {AGENCY_NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Bytes given.
        bytes: usize,
    },
    /// Control characters or text-direction marks, or not NFC in an id.
    #[error("an agency's name holds control characters or is not in NFC")]
    NotPlain,
    /// Neither a credit code nor `division:NAME`.
    #[error("{0:?} is not an agency id: want a credit code or DIVISION:NAME")]
    NotAnId(String),
}

/// A name as it is kept: outer spaces cut, NFC.
///
/// # Errors
/// [`AgencyError`]: empty, too long, control characters.
pub fn agency_name(printed: &str) -> Result<String, AgencyError> {
    let name: String = printed.trim().nfc().collect();
    if name.is_empty() {
        return Err(AgencyError::Empty);
    }
    if name.len() > AGENCY_NAME_BYTES_MAX {
        return Err(AgencyError::TooLong { bytes: name.len() });
    }
    if is_plain_text(&name) { Ok(name) } else { Err(AgencyError::NotPlain) }
}

impl AgencyId {
    /// The id of an agency with a code.
    pub fn of_code(code: &CreditCode) -> Self {
        Self(code.0.clone())
    }

    /// The id of an agency known by name only.
    ///
    /// # Errors
    /// [`AgencyError`] of the name.
    pub fn of_name(division: &DivisionCode, name: &str) -> Result<Self, AgencyError> {
        Ok(Self(format!("{division}:{}", agency_name(name)?)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code, when the id is one.
    pub fn code(&self) -> Option<CreditCode> {
        self.0.parse().ok()
    }
}

impl FromStr for AgencyId {
    type Err = AgencyError;
    /// Takes exactly what the constructors make: the name must already be in NFC without outer spaces.
    fn from_str(text: &str) -> Result<Self, AgencyError> {
        if let Ok(code) = text.parse::<CreditCode>() {
            return Ok(Self::of_code(&code));
        }
        let not_an_id = || AgencyError::NotAnId(text.chars().take(64).collect());
        let (division, name) = text.split_once(':').ok_or_else(not_an_id)?;
        let division: DivisionCode = division.parse().map_err(|_| not_an_id())?;
        let id = Self::of_name(&division, name)?;
        if id.0 == text { Ok(id) } else { Err(AgencyError::NotPlain) }
    }
}

impl fmt::Display for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgencyId({})", self.0)
    }
}

macro_rules! serde_as_text {
    ($kind:ty) => {
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
serde_as_text!(CreditCode);
serde_as_text!(AgencyId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_codes_of_public_pages_fit_and_the_standards_bad_example_does_not() {
        for good in ["11500000MB1553803Q", "113325000026455663", "113417030032499282"] {
            assert_eq!(good.parse::<CreditCode>().map(|code| code.to_string()), Ok(good.to_owned()));
        }
        assert!(matches!("91350100M000100Y4Z".parse::<CreditCode>(), Err(CreditCodeError::Shape)));
        assert!(matches!(
            "113325000026455664".parse::<CreditCode>(),
            Err(CreditCodeError::CheckDigit { expected: '3', found: '4' })
        ));
        for bad in
            ["", "11500000mb1553803q", "11500000MB1553803", "１13325000026455663", "11500000MB1553803QQ"]
        {
            assert_eq!(bad.parse::<CreditCode>(), Err(CreditCodeError::Shape), "{bad}");
        }
    }

    #[test]
    fn an_agency_without_a_code_is_known_by_division_and_name() {
        let division: DivisionCode = "330282108".parse().unwrap();
        let id = AgencyId::of_name(&division, " 慈溪市附海镇人民政府\u{3000}").unwrap();
        assert_eq!(id.as_str(), "330282108:慈溪市附海镇人民政府");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(AgencyId::of_name(&division, "e\u{301}").unwrap().as_str(), "330282108:\u{e9}");
        assert_eq!(AgencyId::of_name(&division, " "), Err(AgencyError::Empty));
        assert_eq!(AgencyId::of_name(&division, "a\nb"), Err(AgencyError::NotPlain));
        assert!(matches!(AgencyId::of_name(&division, &"局".repeat(101)), Err(AgencyError::TooLong { .. })));
    }

    #[test]
    fn ids_that_no_constructor_makes_are_refused() {
        for bad in [
            "",
            "x",
            "330282108",
            "33:局",
            "330282108:",
            "330282108: 局",
            "330282108:e\u{301}",
            "330282108:\u{202e}",
        ] {
            assert!(bad.parse::<AgencyId>().is_err(), "{bad:?}");
        }
        assert!("11500000MB1553803Q".parse::<AgencyId>().unwrap().code().is_some());
    }
}
