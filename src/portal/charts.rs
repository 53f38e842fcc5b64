//! Charts as shapes of whole numbers, drawn by the template as SVG; each has its figures in words or a table beside it.

use super::folio::Grid;

/// Width of the field in which bars are drawn, in SVG units.
pub(super) const FIELD: u64 = 420;
/// Height that a bar has with the space below it.
const STEP: usize = 30;

/// Numbers over the years as lying bars, and the same as a table.
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
    pub(super) grid: Grid,
}

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    /// As it stands beside the bar.
    pub(super) value: String,
    pub(super) width: u64,
    pub(super) y: usize,
    /// There is no number: a hatched stub and its reason.
    pub(super) is_empty: bool,
}

impl Bars {
    /// Height of the whole.
    pub(super) fn height(&self) -> usize {
        self.bars.len() * STEP + 4
    }
}

/// Bars of numbers in millionths, scaled to the largest; the reason stands where there is no number.
pub(super) fn bars(points: Vec<(String, String, Option<i128>)>) -> Vec<Bar> {
    let most = points.iter().filter_map(|(_, _, size)| *size).max().unwrap_or(0).max(1);
    let bar = |(at, (label, value, size)): (usize, (String, String, Option<i128>))| Bar {
        label,
        value,
        width: part(size.unwrap_or(0), most, FIELD),
        y: at * STEP + 4,
        is_empty: size.is_none(),
    };
    points.into_iter().enumerate().map(bar).collect()
}

/// `size` of `whole`, on a scale to `of`; something is never nothing.
pub(super) fn part(size: i128, whole: i128, of: u64) -> u64 {
    if size <= 0 || whole <= 0 {
        return 0;
    }
    let scaled = size / (whole / i128::from(of)).max(1);
    u64::try_from(scaled).unwrap_or(of).clamp(1, of)
}

/// Two numbers beside each other for each of several columns, each pair on its own scale.
pub(super) struct Pairs {
    pub(super) title: String,
    /// Part of the chart: what must be known before it is read.
    pub(super) caveat: String,
    /// What the two are called.
    pub(super) names: [String; 2],
    pub(super) pairs: Vec<Pair>,
}

/// One column of both.
pub(super) struct Pair {
    pub(super) label: String,
    pub(super) bars: Vec<Bar>,
}

impl Pair {
    /// Both scaled to the larger.
    pub(super) fn new(label: String, of: [(String, Option<i128>); 2]) -> Self {
        let points = of.into_iter().map(|(value, size)| (String::new(), value, size));
        Self { label, bars: bars(points.collect()) }
    }
}

/// Parts of a whole beside each other.
pub(super) struct Shares {
    pub(super) title: String,
    pub(super) shares: Vec<Share>,
}

/// One part.
pub(super) struct Share {
    pub(super) name: String,
    pub(super) count: i64,
    /// Of how it is drawn: `s0` to `s4`.
    pub(super) class: &'static str,
    pub(super) x: u64,
    pub(super) width: u64,
}

/// The parts, of a whole 1,000 units wide.
pub(super) fn shares(title: String, counts: Vec<(String, i64, &'static str)>) -> Shares {
    let whole: i64 = counts.iter().map(|(_, count, _)| *count).sum();
    let mut x = 0;
    let mut shares = Vec::new();
    for (name, count, class) in counts {
        let width = part(i128::from(count) * 1_000_000, i128::from(whole) * 1_000_000, 1_000).min(1_000 - x);
        shares.push(Share { name, count, class, x, width });
        x += width;
    }
    Shares { title, shares }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_fills_the_field_and_something_is_never_nothing() {
        let bars = bars(vec![
            ("2023".into(), "1".into(), Some(1_000_000)),
            ("2024".into(), "9".into(), Some(9_000_000_000_000)),
            ("2025".into(), "0".into(), Some(0)),
            ("2026".into(), "-".into(), None),
        ]);
        let widths: Vec<u64> = bars.iter().map(|bar| bar.width).collect();
        assert_eq!(widths, [1, FIELD, 0, 0]);
        assert_eq!(bars.iter().map(|bar| bar.is_empty).collect::<Vec<_>>(), [false, false, false, true]);
    }

    #[test]
    fn shares_never_leave_the_whole() {
        let shares = shares(
            String::new(),
            vec![("a".into(), 999, "s0"), ("b".into(), 1, "s1"), ("c".into(), 1, "s2")],
        );
        assert!(shares.shares.iter().all(|share| share.x + share.width <= 1_000));
    }
}
