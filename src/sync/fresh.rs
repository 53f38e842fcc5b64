//! What this process has just looked at: packed bodies that it found to be what their cards name, and the figures of those that
//! the root log does not have yet. A body's content is at hand, and checked, when it is taken in; without this it would be
//! unpacked and hashed again when it is sent on, and again when it is summed.
//!
//! Promises: what is remembered is what would be worked out anew. Nothing is lost with it: what is forgotten, or was there
//! before the process began, is read and checked from the index.

use crate::digest::Digest;
use crate::package::body;
use crate::view::figures::{TableFigures, figures};
use std::collections::{BTreeMap, VecDeque};

/// Bodies that are known to be checked, at most: half a megabyte.
const CHECKED_COUNT_MAX: usize = 8_192;
/// Figures that wait, at most: a hundred bytes each, a few to a few hundred a report.
const FIGURE_COUNT_MAX: usize = 65_536;

/// See above.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// The packing, a tenth of the content, by body.
    checked: BTreeMap<Digest, Digest>,
    checked_order: VecDeque<Digest>,
    figured: BTreeMap<Digest, Vec<TableFigures>>,
    figured_order: VecDeque<Digest>,
    figure_count: usize,
}

impl Fresh {
    /// A packing was unpacked and found to be the body.
    pub(super) fn note_checked(&mut self, body: &Digest, packing: Digest) {
        if self.checked.insert(*body, packing).is_some() {
            return;
        }
        self.checked_order.push_back(*body);
        if self.checked_order.len() > CHECKED_COUNT_MAX
            && let Some(oldest) = self.checked_order.pop_front()
        {
            self.checked.remove(&oldest);
        }
    }

    /// True when this packing was found to be the body not long ago.
    pub(super) fn is_checked(&self, body: &Digest, packing: &Digest) -> bool {
        self.checked.get(body) == Some(packing)
    }

    /// Works out the figures of a report's content, which was checked, for when its leaf comes.
    pub(super) fn figure(&mut self, body: &Digest, content: &[u8]) {
        let tables = figures_of_content(content);
        self.figure_count += count(&tables);
        self.figured_order.push_back(*body);
        if let Some(before) = self.figured.insert(*body, tables) {
            self.figure_count = self.figure_count.saturating_sub(count(&before));
        }
        // Of what was taken meanwhile only the name is left in the order.
        while self.figure_count > FIGURE_COUNT_MAX || self.figured_order.len() > CHECKED_COUNT_MAX {
            let Some(oldest) = self.figured_order.pop_front() else { return };
            self.take_figures(&oldest);
        }
    }

    /// The figures of a body, once.
    pub(super) fn take_figures(&mut self, body: &Digest) -> Option<Vec<TableFigures>> {
        let tables = self.figured.remove(body)?;
        self.figure_count = self.figure_count.saturating_sub(count(&tables));
        Some(tables)
    }

    /// A body is doubted: nothing of it counts as looked at.
    pub(super) fn forget(&mut self, body: &Digest) {
        self.checked.remove(body);
        self.take_figures(body);
    }
}

/// The figures of a report's content; none for content that is no report of the format: it is shown as it is, and counts
/// nothing.
pub(super) fn figures_of_content(content: &[u8]) -> Vec<TableFigures> {
    body::parse(content).map(|body| figures(&body.tables)).unwrap_or_default()
}

/// A table counts too, so that reports without figures are not kept for ever.
fn count(tables: &[TableFigures]) -> usize {
    1 + tables.iter().map(|table| 1 + table.columns.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &[u8] = r#"{"format":"gongshi.package/1","tables":[{"id":"t1","name":"行政检查","columns":[{"id":"c1","header":"检查","unit":"次"}],"rows":[[{"printed":"12","value":"12","unit":"次","state":"value"}]]}]}"#.as_bytes();

    fn body(number: u32) -> Digest {
        Digest::of(&[&number.to_be_bytes()])
    }

    #[test]
    fn figures_are_given_once_and_are_those_of_the_content() {
        let mut fresh = Fresh::default();
        fresh.figure(&body(1), REPORT);
        let expected = figures_of_content(REPORT);
        assert_eq!(expected.len(), 1);
        assert_eq!(fresh.take_figures(&body(1)), Some(expected));
        assert_eq!(fresh.take_figures(&body(1)), None);
        assert_eq!(fresh.figure_count, 0);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut fresh = Fresh::default();
        for number in 0..CHECKED_COUNT_MAX as u32 + 10 {
            fresh.note_checked(&body(number), body(0));
            fresh.note_checked(&body(number), body(1));
            fresh.figure(&body(number), if number % 2 == 0 { REPORT } else { b"no report" });
        }
        assert_eq!((fresh.checked.len(), fresh.checked_order.len()), (CHECKED_COUNT_MAX, CHECKED_COUNT_MAX));
        assert!(fresh.figure_count <= FIGURE_COUNT_MAX && fresh.figured.len() <= CHECKED_COUNT_MAX);
        assert!(!fresh.is_checked(&body(9), &body(1)) && fresh.is_checked(&body(10), &body(1)));
        assert!(!fresh.is_checked(&body(10), &body(0)), "another packing");
        assert_eq!(fresh.take_figures(&body(9)), None);
        assert_eq!(fresh.take_figures(&body(11)), Some(Vec::new()));
        fresh.forget(&body(12));
        assert!(!fresh.is_checked(&body(12), &body(1)));
        assert_eq!(fresh.take_figures(&body(12)), None);
    }
}
