//! Which template a table follows: its columns tell, never its name or its year.

use super::Template;
use super::normal::header_key;
use std::collections::{BTreeMap, BTreeSet};

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

/// The headers of a template in the form in which they are compared: made once, asked for every table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// Places of columns by header and alias.
    columns: BTreeMap<String, usize>,
    labels: BTreeSet<String>,
}

impl Keys {
    /// Those of a template.
    pub(super) fn of(template: &Template) -> Self {
        let mut columns = BTreeMap::new();
        for (place, column) in template.columns.iter().enumerate() {
            for header in std::iter::once(&column.header).chain(&column.aliases) {
                columns.insert(header_key(header), place);
            }
        }
        Self { columns, labels: template.labels.iter().map(|label| header_key(label)).collect() }
    }
}

/// Headers of a table in the form in which they are compared, and whether the column only labels rows.
pub(super) fn keyed(headers: &[Header<'_>]) -> Vec<(String, bool)> {
    headers.iter().map(|header| (header_key(header.printed), header.labels)).collect()
}

impl Template {
    /// Where a table's columns stand in this template, if the table follows it: every header is a column of the
    /// template or a label, no column stands twice, and none but optional ones is missing. Order is free.
    pub(super) fn places(&self, keys: &Keys, headers: &[(String, bool)]) -> Option<Places> {
        let mut found = vec![false; self.columns.len()];
        let mut places = Vec::with_capacity(headers.len());
        for (key, labels) in headers {
            match keys.columns.get(key) {
                Some(place) => {
                    let found = found.get_mut(*place)?;
                    if std::mem::replace(found, true) {
                        return None;
                    }
                    places.push(Some(*place));
                }
                None if *labels || keys.labels.contains(key) => places.push(None),
                None => return None,
            }
        }
        let complete = self.columns.iter().zip(found).all(|(column, found)| found || column.optional);
        complete.then_some(Places(places))
    }

    /// Place of the column with this id.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.id == id)
    }
}
