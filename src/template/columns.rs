//! Which template a table follows: its columns tell, never its name or its year.

use super::normal::header_key;
use super::{Column, Template};
use std::collections::BTreeMap;

/// A header of a table.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// As printed.
    pub printed: &'a str,
    /// True when the column below it can only label rows.
    pub labels: bool,
}

/// Where the columns of a table stand in a template: one entry a header, `None` for labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places(Vec<Option<usize>>);

impl Places {
    /// Place among the template's columns of the header at `at`.
    pub fn of_header(&self, at: usize) -> Option<usize> {
        self.0.get(at).copied().flatten()
    }

    /// Which header stands for the template's column at `place`.
    pub fn header_of(&self, place: usize) -> Option<usize> {
        self.0.iter().position(|mapped| *mapped == Some(place))
    }

    /// How many headers are figures of the template.
    pub fn mapped_count(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// The headers that a template knows, in the form in which they are compared. Made once, at parsing: a report asks
/// every template about every one of its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    places: BTreeMap<String, usize>,
    labels: Vec<String>,
}

impl Known {
    pub(super) fn new(columns: &[Column], labels: &[String]) -> Self {
        let mut places = BTreeMap::new();
        for (place, column) in columns.iter().enumerate() {
            for header in std::iter::once(&column.header).chain(&column.aliases) {
                places.insert(header_key(header), place);
            }
        }
        Self { places, labels: labels.iter().map(|label| header_key(label)).collect() }
    }
}

/// A header beside its form for comparison.
pub(super) type Keyed = (String, bool);

/// The headers of a table as [`Template::places`] takes them.
pub(super) fn keyed(headers: &[Header<'_>]) -> Vec<Keyed> {
    headers.iter().map(|header| (header_key(header.printed), header.labels)).collect()
}

impl Template {
    /// Where a table's columns stand in this template, if it has no others: every header is a column of the template or a
    /// label, and no column stands twice. Order is free.
    pub(super) fn places(&self, headers: &[Keyed]) -> Option<Places> {
        let mut found = vec![false; self.columns.len()];
        let mut places = Vec::with_capacity(headers.len());
        for (key, only_labels) in headers {
            match self.known.places.get(key) {
                Some(place) => {
                    let found = found.get_mut(*place)?;
                    if std::mem::replace(found, true) {
                        return None;
                    }
                    places.push(Some(*place));
                }
                None if *only_labels || self.known.labels.contains(key) => places.push(None),
                None => return None,
            }
        }
        Some(Places(places))
    }

    /// True when a table with its columns at `places` leaves out none but optional ones.
    pub(super) fn is_complete(&self, places: &Places) -> bool {
        let mut columns = self.columns.iter().enumerate();
        columns.all(|(place, column)| column.optional || places.header_of(place).is_some())
    }

    /// Place of the column with this id.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }
}
