//! Packages: a report's tables and prose, from a clerk's file to the bytes of a body.
//!
//! Reading a clerk's file: [`document`] (JSON as it stands), [`fields`] and [`report_file`] (a file to a
//! [`report::Report`]), [`cell`], [`mod@unit`] and [`table`] (figures and their units), [`validate`] (which
//! template a table follows, and what does not fit), [`total`] (合计 rows), [`privacy`], [`finding`] (what is wrong,
//! where, what next). Publishing it: [`body`] (content, chunks, digests, fingerprint),
//! [`attachment`] (files beside it). Comparing two: [`difference`].
//! Nothing here does I/O or reads a clock.
#![doc = include_str!("FORMAT.md")]

pub mod attachment;
pub mod body;
pub mod cell;
pub mod difference;
pub mod document;
mod faults;
pub mod fields;
pub mod finding;
pub mod privacy;
pub mod report;
pub mod report_file;
pub mod table;
pub mod total;
pub mod unit;
pub mod validate;

#[cfg(test)]
mod published_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod validate_tests;
