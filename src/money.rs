//! Exact figures: decimals as printed, the units they are printed in, and money in fen.
//!
//! Nothing here rounds and nothing is a floating-point number: an operation whose result does not fit says so.
//! The limits are those of a 96-bit coefficient with at most 28 decimals, far above any figure of a country.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Most digits a printed number may have, leading zeros included; a 96-bit coefficient holds any 28.
pub const DIGITS_MAX: usize = 28;

/// An exact decimal number. Prints canonically: no exponent, no trailing zeros, no negative zero
/// (`17537900`, `65.8`, `-0.5`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(Decimal);

/// Why a text is not an exact decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// Not `-?digits(.digits)?`: an exponent, a separator, a space, another script's digits.
    #[error("not a plain decimal number: want digits, at most one point, perhaps a leading minus")]
    Malformed,
    /// More than [`DIGITS_MAX`] digits.
    #[error("more than {DIGITS_MAX} digits")]
    TooLong,
}

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// `coefficient × 10^-decimals` without trailing zeros; `None` when it does not fit.
    fn from_parts(mut coefficient: i128, mut decimals: u32) -> Option<Self> {
        while decimals > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            decimals -= 1;
        }
        Decimal::try_from_i128_with_scale(coefficient, decimals).ok().map(Self)
    }

    /// A whole number.
    pub fn whole(value: i64) -> Self {
        Self(Decimal::from(value))
    }

    /// The product with a unit's factor; `None` when it does not fit.
    pub fn scaled(self, factor: i64) -> Option<Self> {
        Self::from_parts(self.0.mantissa().checked_mul(i128::from(factor))?, self.0.scale())
    }

    /// The exact sum; `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let decimals = self.0.scale().max(other.0.scale());
        let aligned = |value: Decimal| {
            10_i128
                .checked_pow(decimals - value.scale())
                .and_then(|power| value.mantissa().checked_mul(power))
        };
        Self::from_parts(aligned(self.0)?.checked_add(aligned(other.0)?)?, decimals)
    }

    /// The exact sum of all values, zero for none; `None` when it does not fit.
    pub fn checked_sum(values: impl IntoIterator<Item = Self>) -> Option<Self> {
        values.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The number in millionths, the grain in which figures are summed; `None` when it is finer, or does not fit.
    pub fn millionths(self) -> Option<i128> {
        self.scaled(1_000_000).filter(|scaled| scaled.is_whole()).map(|scaled| scaled.0.mantissa())
    }

    /// The number of a text that is its canonical form; none of any other.
    pub fn from_canonical(text: &str) -> Option<Self> {
        text.parse().ok().filter(|value| is_canonical(text, *value))
    }

    /// True when there is nothing after the point.
    pub fn is_whole(self) -> bool {
        self.0.scale() == 0
    }

    /// True below zero.
    pub fn is_negative(self) -> bool {
        self < Self::ZERO
    }
}

impl FromStr for Exact {
    type Err = ExactError;
    fn from_str(text: &str) -> Result<Self, ExactError> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = unsigned.split_once('.').map_or((unsigned, None), |(w, d)| (w, Some(d)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !decimals.is_none_or(digits) {
            return Err(ExactError::Malformed);
        }
        let decimals = decimals.unwrap_or_default();
        if whole.len() + decimals.len() > DIGITS_MAX {
            return Err(ExactError::TooLong);
        }
        // So few digits always fit.
        let digits = whole.bytes().chain(decimals.bytes());
        let size = digits.fold(0_i128, |size, digit| size * 10 + i128::from(digit - b'0'));
        let signed = if unsigned.len() == text.len() { size } else { -size };
        let scale = u32::try_from(decimals.len()).map_err(|_| ExactError::TooLong)?;
        Self::from_parts(signed, scale).ok_or(ExactError::TooLong)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match i64::try_from(self.0.mantissa()) {
            // Nearly all figures: the decimal's own way is several times slower.
            Ok(whole) if self.is_whole() => write!(f, "{whole}"),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    /// Only the canonical form is taken, so that one number has one text.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Canonical;
        impl serde::de::Visitor<'_> for Canonical {
            type Value = Exact;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Exact, E> {
                let value = Exact::from_canonical(text);
                value.ok_or_else(|| E::custom("not the canonical form of a decimal number"))
            }
        }
        d.deserialize_str(Canonical)
    }
}

/// True when the text that was read as `value` is the one that it is printed as.
fn is_canonical(text: &str, value: Exact) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let has_plain_sign = unsigned.len() == text.len() || value != Exact::ZERO;
    let leads = unsigned.starts_with('0') && !matches!(unsigned.as_bytes(), [b'0'] | [b'0', b'.', ..]);
    has_plain_sign && !leads && !(unsigned.contains('.') && unsigned.ends_with('0'))
}

/// Money in fen (分, 0.01 元), as it is kept inside.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Fen(pub i64);

impl Fen {
    /// An amount in 元, when it is a whole number of fen within i64; otherwise `None`.
    pub fn from_yuan(yuan: Exact) -> Option<Self> {
        let fen = yuan.scaled(100).filter(|fen| fen.is_whole())?;
        i64::try_from(fen.0.mantissa()).ok().map(Self)
    }

    /// The amount in 元.
    pub fn to_yuan(self) -> Exact {
        // An i64 with two decimals always fits 96 bits.
        Exact::from_parts(i128::from(self.0), 2).unwrap_or_default()
    }
}

/// A unit of measure: what one printed unit is worth in its base unit (`万元` is 10,000 `元`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The base unit: `元` for money, otherwise the counted thing (`宗`, `件`, `人`) or `%`.
    pub base: String,
    /// Base units in one printed unit.
    pub factor: i64,
}

/// Longest base unit in characters (`平方公里`).
const UNIT_CHARS_MAX: usize = 4;

/// Multiples that are printed before a unit, longest first.
const MULTIPLES: [(&str, i64); 6] = [
    ("百万", 1_000_000),
    ("千万", 10_000_000),
    ("亿", 100_000_000),
    ("万", 10_000),
    ("千", 1_000),
    ("百", 100),
];

/// Units seen in published reports and their near relations: the closed list for places where a unit is not
/// announced as one, such as the brackets of a header (`（宗）` is a unit, `（合计）` and `（执法科室）` are not).
const KNOWN: [&str; 58] = [
    "元",
    "宗",
    "件",
    "起",
    "次",
    "个",
    "人",
    "家",
    "户",
    "项",
    "份",
    "卷",
    "册",
    "类",
    "条",
    "例",
    "名",
    "批",
    "处",
    "本",
    "张",
    "台",
    "辆",
    "艘",
    "只",
    "头",
    "套",
    "块",
    "枚",
    "场",
    "期",
    "篇",
    "天",
    "日",
    "年",
    "月",
    "小时",
    "人次",
    "家次",
    "户次",
    "件次",
    "场次",
    "车次",
    "批次",
    "班次",
    "辆次",
    "宗次",
    "吨",
    "公斤",
    "千克",
    "克",
    "米",
    "公里",
    "亩",
    "公顷",
    "平方米",
    "%",
    "‰",
];

impl Unit {
    /// A text that is announced as a unit: a money unit, a known unit, or one to four characters that are
    /// neither digits nor separators. `None` for anything else, `宗/次` and `万次等` (mixed) among it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = if text == "％" { "%" } else { text.strip_prefix("人民币").unwrap_or(text) };
        let scaled = MULTIPLES
            .iter()
            .find_map(|(multiple, factor)| text.strip_prefix(multiple).map(|base| (base, *factor)))
            .filter(|(base, _)| !base.is_empty() && !text.starts_with("百分"));
        let (base, factor) = scaled.unwrap_or((text, 1));
        let mixed = base.chars().any(|c| {
            c.is_numeric() || c.is_whitespace() || c.is_control() || "/／、,，;；:：()（）或和等".contains(c)
        });
        let fits = !base.is_empty() && base.chars().count() <= UNIT_CHARS_MAX && !mixed;
        fits.then(|| Self { base: base.to_owned(), factor })
    }

    /// A text that is a unit even where none is announced: [`Unit::parse`] with a base from the closed list.
    pub fn parse_known(text: &str) -> Option<Self> {
        Self::parse(text).filter(|unit| KNOWN.contains(&unit.base.as_str()))
    }

    /// True for money.
    pub fn is_money(&self) -> bool {
        self.base == "元"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn printed_numbers_become_canonical() {
        for (printed, canonical) in [
            ("1753.790", "1753.79"),
            ("0.50", "0.5"),
            ("-0", "0"),
            ("-0.10", "-0.1"),
            ("007", "7"),
            ("108156", "108156"),
            ("9999999999999999999999999999", "9999999999999999999999999999"),
        ] {
            assert_eq!(exact(printed).to_string(), canonical);
        }
    }

    proptest! {
        #[test]
        fn the_canonical_text_of_a_number_is_the_one_it_is_printed_as(text in "-?[0-9]{1,4}([.][0-9]{1,3})?") {
            let value = exact(&text);
            prop_assert_eq!(is_canonical(&text, value), value.to_string() == text);
            prop_assert_eq!(exact(&value.to_string()), value);
        }
    }

    #[test]
    fn anything_else_is_not_a_number() {
        for bad in
            ["", "-", ".5", "5.", "1e3", "+1", "1,000", " 1", "１", "1.2.3", "--1", "0x1", "NaN", "inf"]
        {
            assert_eq!(bad.parse::<Exact>(), Err(ExactError::Malformed), "{bad}");
        }
        assert_eq!("1".repeat(29).parse::<Exact>(), Err(ExactError::TooLong));
        assert_eq!(format!("0.{}", "1".repeat(28)).parse::<Exact>(), Err(ExactError::TooLong));
    }

    #[test]
    fn units_scale_exactly_to_their_base() {
        let unit = |text: &str| Unit::parse(text).map(|unit| (unit.base, unit.factor));
        assert_eq!(unit("万元"), Some(("元".into(), 10_000)));
        assert_eq!(unit("亿元"), Some(("元".into(), 100_000_000)));
        assert_eq!(unit("万宗"), Some(("宗".into(), 10_000)));
        assert_eq!(unit("家次"), Some(("家次".into(), 1)));
        assert_eq!(unit("％"), Some(("%".into(), 1)));
        assert_eq!(unit("百分点"), Some(("百分点".into(), 1)));
        assert_eq!(unit("万"), Some(("万".into(), 1)));
        for mixed in ["", "宗/次", "万次等", "件1", "罚款单位混用", "个;人"] {
            assert_eq!(unit(mixed), None, "{mixed}");
        }
        assert_eq!(exact("1753.79").scaled(10_000).unwrap().to_string(), "17537900");
        assert_eq!(exact("18.1").scaled(10_000).unwrap().to_string(), "181000");
        for remark in ["合计", "执法科室", "不占限额"] {
            assert_eq!(Unit::parse_known(remark), None, "{remark}");
        }
        assert!(Unit::parse_known("万册").is_some());
    }

    #[test]
    fn nothing_is_rounded_silently() {
        let huge = exact("9999999999999999999999999999");
        assert_eq!(huge.scaled(100_000_000), None);
        assert_eq!(huge.checked_add(exact("0.01")), None);
        assert_eq!(Fen::from_yuan(exact("17537900.01")), Some(Fen(1_753_790_001)));
        assert_eq!(Fen::from_yuan(exact("0.001")), None);
        assert_eq!(Fen::from_yuan(huge), None);
        assert_eq!(Fen(-5).to_yuan().to_string(), "-0.05");
    }

    proptest! {
        #[test]
        fn sums_of_fen_are_sums_of_integers(amounts in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 0..50)) {
            let sum = Exact::checked_sum(amounts.iter().map(|fen| Fen(*fen).to_yuan()));
            prop_assert_eq!(sum.and_then(Fen::from_yuan), Some(Fen(amounts.iter().sum())));
        }

        #[test]
        fn canonical_text_reads_back(coefficient in any::<i64>(), decimals in 0_u32..18) {
            let value = Exact::from_parts(i128::from(coefficient), decimals).unwrap();
            prop_assert_eq!(value.to_string().parse(), Ok(value));
        }
    }
}
