//! The consolidated view: what the public reports of a division's year sum to, and where every sum comes from.
//!
//! Two halves, both pure. Writing: [`RollUp`] follows the fold leaf by leaf and keeps sums in the index, one row a
//! division, year, scope and table, at the division and at everything above it; an update costs the depth of the tree
//! times the columns of the report. Reading: [`Reader`] and the functions below; a query reads the rows of one
//! division's year, whatever they were summed from. The same fold and the same bodies give the same view on every node.
//!
//! For pages and programs:
//! - [`view`]: tables with exact sums, folds shown, rates with numerator and denominator, change on last year, counts of
//!   reports, printed totals that differ ([`View`]);
//! - [`parts`]: the same taken apart by child, agency or layout;
//! - [`series`]: one table over the years; [`Reader::years`] says which there are;
//! - [`provenance`]: the signed cells behind a sum, page by page;
//! - [`Reader::division`], [`Reader::children`], [`Reader::above`]: the tree of jurisdictions ([`tree`] decides it).
//!
//! - [`mod@coverage`] who owed a report and who gave one, by the rosters of [`scope`], over the divisions of [`tree`].
//!
//! What counts is decided in [`mod@figures`]: `own` packages are summed, `consolidated` ones only compared ([`compare`]);
//! the newest public revision counts, a withdrawn or doubtful one does not; zero counts as zero, blank and not applicable
//! as nothing. Sums are exact ([`mod@sum`]); rates come from sums and are never averaged ([`rate`]).

#[cfg(test)]
mod tests;

mod build;
mod by;
pub mod compare;
pub mod coverage;
pub mod figures;
mod folding;
mod members;
mod provenance;
pub mod rate;
pub mod read;
mod rollup;
pub mod rows;
pub mod scope;
mod series;
pub mod sum;
pub mod tree;

pub use build::{ColumnView, CoverageView, FoldView, LayoutView, TableView, View, ViewQuery, view};
pub use by::{By, PartOfView, package_rates, package_tables, parts};
pub use compare::{Against, DifferenceView, PartView};
pub use provenance::{AgencyName, BadCursor, CellPage, CellView, PAGE_PACKAGES_MAX, provenance};
pub use rate::{ChangeView, RateView};
pub use read::{Content, DivisionName, Reader, StandingTemplate, ViewScope, standing_templates};
pub use rollup::{RollUp, Tally};
pub use series::{LineView, PointView, SeriesQuery, SeriesView, series};
pub use sum::{ColumnKey, ColumnSum, Figure, Sum, TableKey, TableSum};
