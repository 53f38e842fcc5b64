//! Cells: what was printed, and the exact figure it stands for.
//!
//! Zero, blank and not applicable are three different things. What can only mean one number is read as that
//! number (full-width digits, thousands separators, the column's own unit after it); everything else is text.

use super::unit::is_mark_for_nothing;
use crate::money::{Exact, ExactError, Unit};
use crate::template::normal::{comparable, narrow};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The one spelling of "no such power here" in a cell.
pub const NOT_APPLICABLE: &str = "不适用";

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A number.
    Value,
    /// Nothing was printed.
    Blank,
    /// 不适用
    NotApplicable,
    /// Words, or something that is not certainly one number.
    Text,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The JSON token or string verbatim; empty for a blank cell.
    pub printed: SmolStr,
    /// The exact figure in base units (宗, 元). Absent unless `state` is a number of a known unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Exact>,
    /// The base unit of `value`; absent exactly when `value` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<SmolStr>,
    /// What it is.
    pub state: State,
}

/// A cell as it stands in a file, before its column's unit is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Nothing.
    Blank,
    /// A number's token: a JSON number, or a number cell of a workbook.
    Number(String),
    /// A string.
    Text(String),
}

/// Why a number cannot be taken as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// It has an exponent: nobody prints a report that way, and 1e3 hides how many digits were meant.
    Exponent,
    /// It has more digits than any figure; it stays as printed, without a value.
    TooLong,
}

impl Raw {
    /// The text as printed.
    pub fn printed(&self) -> &str {
        match self {
            Self::Blank => "",
            Self::Number(text) | Self::Text(text) => text,
        }
    }

    /// The cell in a column of `unit`, and what is wrong with its number, if something is.
    pub fn into_cell(self, unit: Option<&Unit>) -> (Cell, Option<NumberFault>) {
        let plain = |printed: String, state| Cell { printed: printed.into(), value: None, unit: None, state };
        let (printed, number) = match self {
            Self::Blank => return (plain(String::new(), State::Blank), None),
            Self::Text(text) if text.trim().is_empty() => return (plain(String::new(), State::Blank), None),
            Self::Text(text) if is_not_applicable(&text) => {
                return (plain(text, State::NotApplicable), None);
            }
            Self::Number(token) => {
                let number = token.parse::<Exact>();
                if number == Err(ExactError::Malformed) {
                    return (plain(token, State::Text), Some(NumberFault::Exponent));
                }
                (token, number)
            }
            Self::Text(text) => match read_number(&text, unit) {
                Some(number) => (text, number),
                None => return (plain(text, State::Text), None),
            },
        };
        let mut cell = plain(printed, State::Value);
        let Ok(number) = number else { return (cell, Some(NumberFault::TooLong)) };
        let Some(unit) = unit else { return (cell, None) };
        cell.value = number.scaled(unit.factor);
        cell.unit = cell.value.map(|_| SmolStr::new(&unit.base));
        let fault = cell.value.is_none().then_some(NumberFault::TooLong);
        (cell, fault)
    }
}

impl Cell {
    /// The figure for sums within one table: blank and not applicable count 0, a number of unknown unit counts
    /// as printed. `None` for text and for numbers that are too long.
    pub fn amount(&self) -> Option<Exact> {
        match self.state {
            State::Blank | State::NotApplicable => Some(Exact::ZERO),
            State::Text => None,
            State::Value => self.value.or_else(|| read_number(&self.printed, None)?.ok()),
        }
    }

    /// True when the text says "nothing" or "none" without saying whether 0 or 不适用 is meant.
    pub fn is_mark_for_nothing(&self) -> bool {
        self.state == State::Text && is_mark_for_nothing(&self.printed)
    }
}

/// 不适用, also with spaces in it or in traditional characters.
pub(super) fn is_not_applicable(printed: &str) -> bool {
    // Longer texts are not looked into: spaces within three characters are few.
    !printed.is_ascii() && printed.len() <= 64 && comparable(printed) == NOT_APPLICABLE
}

/// The number that a printed text certainly means in a column of `unit`, before scaling; `None` for anything
/// that may mean something else.
fn read_number(printed: &str, unit: Option<&Unit>) -> Option<Result<Exact, ExactError>> {
    let text = narrow(printed);
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, ',' | '.' | '-' | ' '));
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    if !suffix.is_empty() && (unit.is_none() || Unit::parse(suffix).as_ref() != unit) {
        return None;
    }
    let joined = without_separators(number.trim())?;
    match joined.parse() {
        Err(ExactError::Malformed) => None,
        read => Some(read),
    }
}

/// `12,345.6` or `12 345.6` without its separators, when they stand before groups of exactly three digits and
/// are all the same; `None` otherwise (`12,34`, `12 34`: two numbers, or a slip).
fn without_separators(number: &str) -> Option<String> {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest.trim_start()));
    let (whole, decimals) = unsigned.split_at(unsigned.find('.').unwrap_or(unsigned.len()));
    let Some(separator) = whole.chars().find(|c| matches!(c, ',' | ' ')) else {
        return Some(format!("{sign}{unsigned}"));
    };
    let mut groups = whole.split(separator);
    let first = groups.next().unwrap_or_default();
    let fits = (1..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && groups.all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()));
    fits.then(|| format!("{sign}{}{decimals}", whole.replace(separator, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(printed: &str, unit: &str) -> Cell {
        Raw::Text(printed.to_owned()).into_cell(Unit::parse(unit).as_ref()).0
    }

    #[test]
    fn what_can_only_mean_one_number_is_that_number() {
        for (printed, unit, value) in [
            ("12", "宗", "12"),
            (" 12 ", "宗", "12"),
            ("１２", "宗", "12"),
            ("12,345", "宗", "12345"),
            ("12，345", "宗", "12345"),
            ("1 234 567", "宗", "1234567"),
            ("10,050,203.9", "元", "10050203.9"),
            ("12 宗", "宗", "12"),
            ("12宗", "宗", "12"),
            ("1753.790", "万元", "17537900"),
            ("3166万元", "万元", "31660000"),
            ("91.78％", "%", "91.78"),
            ("－5", "宗", "-5"),
        ] {
            let cell = text(printed, unit);
            assert_eq!(cell.state, State::Value, "{printed}");
            assert_eq!(cell.value.unwrap().to_string(), value, "{printed}");
            assert_eq!(cell.printed, printed);
        }
    }

    #[test]
    fn what_may_mean_something_else_stays_text() {
        for printed in [
            "12,34",
            "12 34",
            "1,2345",
            ",123",
            "12 345,678",
            "约100",
            "3166万元",
            "12件",
            "1e3",
            "+5",
            "5.",
            ".5",
            "1/2",
            "①",
            "½",
            "—",
            "无",
            "-",
            "304册",
            "5-6",
            "1.234.567",
            "١٢",
        ] {
            let cell = text(printed, "宗");
            assert_eq!((cell.state, cell.value, cell.unit), (State::Text, None, None), "{printed}");
            assert_eq!(cell.printed, printed);
        }
    }

    #[test]
    fn zero_blank_and_not_applicable_differ() {
        assert_eq!(text("0", "宗").state, State::Value);
        assert_eq!(text(" \u{3000}", "宗").state, State::Blank);
        assert_eq!(text(" \u{3000}", "宗").printed, "");
        for printed in [" 不适用", "不適用", "不 适 用"] {
            assert_eq!(text(printed, "宗").state, State::NotApplicable, "{printed}");
        }
        assert_eq!(Raw::Blank.into_cell(None).0.amount(), Some(Exact::ZERO));
    }

    #[test]
    fn numbers_are_kept_as_printed_and_have_no_value_without_a_unit() {
        let number =
            |token: &str, unit: &str| Raw::Number(token.to_owned()).into_cell(Unit::parse(unit).as_ref());
        let (cell, fault) = number("1753.790", "");
        assert_eq!(
            (cell.printed.as_str(), cell.value, cell.state, fault),
            ("1753.790", None, State::Value, None)
        );
        assert_eq!(number("1e3", "宗").1, Some(NumberFault::Exponent));
        let huge = "9".repeat(400);
        let (cell, fault) = number(&huge, "万元");
        assert_eq!((cell.printed, cell.value, fault), (huge.into(), None, Some(NumberFault::TooLong)));
        assert_eq!(number(&"9".repeat(28), "万元").1, Some(NumberFault::TooLong));
    }
}
