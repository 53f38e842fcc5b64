//! Rates and changes: exact fractions of sums, printed in per cent with two decimals, half away from zero.

use super::sum::Sum;
use serde::Serialize;

/// A rate of a view. Computed from sums, never averaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RateView {
    /// The rate's id in its template.
    pub id: String,
    /// Its name in Chinese.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
    /// Id of the table it is computed from.
    pub table: String,
    /// Above the line.
    pub numerator: Sum,
    /// Below it.
    pub denominator: Sum,
    /// Per cent with two decimals (`10.88%`); null when there were no cases.
    pub value: Option<String>,
    /// True when the denominator is zero: 无案件, which is not 0 %.
    pub no_cases: bool,
}

/// How a sum compares with the year before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeView {
    /// The sum of the year before.
    pub sum: Sum,
    /// Packages in it.
    pub packages: i64,
    /// This year's sum less that of the year before.
    pub change: Sum,
    /// The same in per cent of the year before, signed (`+4.17%`); null when that was zero.
    pub percent: Option<String>,
}

/// `part` of `whole` in per cent, with two decimals; none of nothing, and where it does not fit.
pub fn percent(part: Sum, whole: Sum) -> Option<String> {
    if whole.0 == 0 {
        return None;
    }
    let negative = (part.0 < 0) != (whole.0 < 0);
    let (part, whole) = (part.0.unsigned_abs(), whole.0.unsigned_abs());
    // Whole units where both are whole, so that the product fits for every real figure.
    let (part, whole) = match (part % 1_000_000, whole % 1_000_000) {
        (0, 0) => (part / 1_000_000, whole / 1_000_000),
        _ => (part, whole),
    };
    let scaled = part.checked_mul(20_000)?.checked_add(whole)? / whole.checked_mul(2)?;
    let sign = if negative && scaled > 0 { "-" } else { "" };
    Some(format!("{sign}{}.{:02}%", scaled / 100, scaled % 100))
}

/// How `now` compares with `before`.
pub fn change(now: Sum, before: Sum, packages: i64) -> ChangeView {
    let change = now.minus(before);
    let sign = if change.0 > 0 { "+" } else { "" };
    let percent = percent(change, Sum(before.0.wrapping_abs())).map(|percent| format!("{sign}{percent}"));
    ChangeView { sum: before, packages, change, percent }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(count: i128) -> Sum {
        Sum(count * 1_000_000)
    }

    #[test]
    fn published_rates_come_out_as_printed() {
        // 滨海新区 2022: 复议撤改率, 调撤率; 湖州商务: 持证率; 宝坻区交通局 2024: 录入率, 处罚增幅.
        for (part, of, printed) in [
            (41, 377, "10.88%"),
            (119, 377, "31.56%"),
            (38, 40, "95.00%"),
            (358, 403, "88.83%"),
            (198, 205, "96.59%"),
        ] {
            assert_eq!(percent(whole(part), whole(of)).as_deref(), Some(printed));
        }
        assert_eq!(percent(whole(0), whole(7)).as_deref(), Some("0.00%"));
        assert_eq!(percent(whole(3), whole(0)), None);
    }

    #[test]
    fn halves_round_away_from_zero_and_signs_stay() {
        assert_eq!(percent(whole(1), whole(20_000)).as_deref(), Some("0.01%"));
        assert_eq!(percent(whole(-1), whole(20_000)).as_deref(), Some("-0.01%"));
        assert_eq!(percent(whole(-1), whole(3_000_000)).as_deref(), Some("0.00%"));
        assert_eq!(change(whole(403), whole(205), 1).percent.as_deref(), Some("+96.59%"));
        assert_eq!(change(whole(3), whole(4), 1).percent.as_deref(), Some("-25.00%"));
        assert_eq!(change(whole(3), whole(0), 1).percent, None);
    }
}
