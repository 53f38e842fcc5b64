//! Exact sums: figures in millionths of their base unit, sums of a table's columns, and the key of a table.
//!
//! A figure that is finer than a millionth or beyond [`FIGURE_MAX`] is not summed but counted as left out. What remains
//! adds up in an i128 for more packages than any log holds, so adding and taking away are exact inverses and no order of
//! events leaves another sum.

use crate::digest::Digest;
use crate::money::Exact;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Largest figure of one package in base units: far above the GDP in fen, and 10^10 packages of it fit a sum.
pub const FIGURE_MAX: i128 = 1_000_000_000_000_000_000_000;
const MILLION: i128 = 1_000_000;
/// Longest name of an extra table or of its column in bytes; longer ones are left out of sums.
pub const NAME_BYTES_MAX: usize = 240;

/// An exact sum, in millionths of the base unit. Prints canonically, as a plain decimal number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct Sum(pub i128);

impl Sum {
    /// A figure; `None` when it is finer than a millionth or beyond [`FIGURE_MAX`].
    pub fn of(figure: Exact) -> Option<Self> {
        let millionths = figure.millionths()?;
        (millionths.abs() <= FIGURE_MAX * MILLION).then_some(Self(millionths))
    }

    /// The sum of both. Wraps at the ends of an i128, which sums of admitted figures do not reach.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// What is left without `other`; wraps likewise.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, rest) = (size / MILLION.unsigned_abs(), size % MILLION.unsigned_abs());
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        write!(f, "{sign}{whole}.{}", format!("{rest:06}").trim_end_matches('0'))
    }
}

impl Serialize for Sum {
    /// For people and programs a decimal string; in the index the integer.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { s.serialize_i128(self.0) }
    }
}

/// Which table figures belong to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TableKey {
    /// The layout with this template id.
    Template(String),
    /// An extra table, by its name in comparable form without the year.
    Extra(String),
}

impl TableKey {
    /// Kind byte and name bytes of its rows' keys; names of extra tables are hashed, so that keys stay short.
    pub(super) fn to_key(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Template(id) => (1, id.as_bytes().to_vec()),
            Self::Extra(name) => {
                let digest = Digest::of(&[name.as_bytes()]);
                (2, digest.as_bytes().iter().take(16).copied().collect())
            }
        }
    }
}

/// Which column of a table: its id in a template, the comparable header in an extra table; and what it counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnKey {
    /// Id or comparable header.
    pub id: String,
    /// The base unit; in a template, `元` for money and nothing for counts, whatever a report calls them.
    pub unit: String,
}

/// One package's figure in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// The sum of its cells; absent when the column holds a number that cannot be summed.
    pub sum: Option<Sum>,
    /// How many cells that are.
    pub cells: u32,
}

/// The sum of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSum {
    /// The sum.
    pub sum: Sum,
    /// Packages in it.
    pub packages: i64,
    /// Packages that print a number here which cannot be summed: no unit, mixed units, too long.
    pub left_out: i64,
}

/// Sums of a table's columns over packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// Which table.
    pub key: TableKey,
    /// Packages that have the table.
    pub packages: i64,
    /// Its columns that any of them has a number in.
    pub columns: BTreeMap<ColumnKey, ColumnSum>,
}

impl TableSum {
    /// Nothing of a table.
    pub const fn empty(key: TableKey) -> Self {
        Self { key, packages: 0, columns: BTreeMap::new() }
    }

    /// Adds (`by` 1) or takes away (`by` -1) a package's figures.
    pub(super) fn put(&mut self, columns: &[(ColumnKey, Figure)], by: i64) {
        self.packages += by;
        for (key, figure) in columns {
            let one = match figure.sum {
                Some(sum) => ColumnSum { sum, packages: 1, left_out: 0 },
                None => ColumnSum { sum: Sum(0), packages: 0, left_out: 1 },
            };
            self.put_column(key, &one, by);
        }
    }

    /// Adds or takes away another sum of the same table.
    pub fn add(&mut self, other: &Self, by: i64) {
        self.packages += by * other.packages;
        for (key, column) in &other.columns {
            self.put_column(key, column, by);
        }
    }

    fn put_column(&mut self, key: &ColumnKey, other: &ColumnSum, by: i64) {
        let column = self.columns.entry(key.clone()).or_default();
        column.sum = if by < 0 { column.sum.minus(other.sum) } else { column.sum.plus(other.sum) };
        column.packages += by * other.packages;
        column.left_out += by * other.left_out;
        // What nobody counts any more leaves no trace: the index is what the packages make it, not how they came.
        if *column == ColumnSum::default() {
            self.columns.remove(key);
        }
    }

    /// True when there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.packages == 0 && self.columns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_print_as_plain_decimals() {
        for (millionths, text) in
            [(0, "0"), (1_917_000_000, "1917"), (-500_000, "-0.5"), (1, "0.000001"), (270_950_000, "270.95")]
        {
            assert_eq!(Sum(millionths).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_summed_exactly_is_left_out() {
        let of = |text: &str| Sum::of(text.parse().unwrap());
        assert_eq!(of("17537900.000001"), Some(Sum(17_537_900_000_001)));
        assert_eq!(of("0.0000001"), None);
        assert_eq!(of("1000000000000000000000"), Some(Sum(FIGURE_MAX * MILLION)));
        assert_eq!(of("1000000000000000000001"), None);
    }

    proptest! {
        #[test]
        fn taking_away_undoes_adding(figures in prop::collection::vec(prop::option::of(-1_000_000_i128..1_000_000), 1..20)) {
            let key = |at: usize| ColumnKey { id: format!("c{}", at % 3), unit: String::new() };
            let rows: Vec<_> = figures.iter().enumerate()
                .map(|(at, sum)| vec![(key(at), Figure { sum: sum.map(Sum), cells: 1 })]).collect();
            let mut sum = TableSum::empty(TableKey::Template("t".into()));
            rows.iter().for_each(|row| sum.put(row, 1));
            prop_assert_eq!(sum.packages, rows.len() as i64);
            rows.iter().for_each(|row| sum.put(row, -1));
            prop_assert!(sum.is_empty());
        }
    }
}
