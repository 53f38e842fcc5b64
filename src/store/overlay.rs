//! The store as it will be once a batch is committed: so that the second step of a decision sees the first
//! before either is written.

use super::{Batch, Entry, Read, StoreError};

/// `pending` laid over `base`: its puts are seen, its deletes hide.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    base: &'a dyn Read,
    pending: &'a Batch,
}

impl<'a> Overlay<'a> {
    /// Lays `pending` over `base`.
    pub const fn new(base: &'a dyn Read, pending: &'a Batch) -> Self {
        Self { base, pending }
    }

    /// Entries of `page` with the pending operations from `from` to below `until` laid over, ascending.
    fn merge(&self, page: Vec<Entry>, from: &[u8], until: &[u8]) -> Vec<Entry> {
        let mut merged = Vec::with_capacity(page.len());
        let mut page = page.into_iter().peekable();
        for (key, value) in self.pending.range(from, until) {
            while let Some(entry) = page.next_if(|(base, _)| base < key) {
                merged.push(entry);
            }
            page.next_if(|(base, _)| base == key);
            if let Some(value) = value {
                merged.push((key.clone(), value.clone()));
            }
        }
        merged.extend(page);
        merged
    }
}

impl Read for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.pending.get(key) {
            Some(value) => Ok(value.map(<[u8]>::to_vec)),
            None => self.base.get(key),
        }
    }

    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let mut from = from.to_vec();
        // Deletes may hide all of a page, so pages are read until there is enough.
        while found.len() < limit {
            let want = limit - found.len();
            let page = self.base.scan(&from, until, want)?;
            // A full page speaks for the keys up to its last one, a short one for all of the range.
            let next = match page.last() {
                Some((last, _)) if page.len() >= want => Some(after(last)),
                _ => None,
            };
            found.extend(self.merge(page, &from, next.as_deref().unwrap_or(until)));
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let mut until = until.to_vec();
        while found.len() < limit {
            let want = limit - found.len();
            let mut page = self.base.scan_back(from, &until, want)?;
            let next = match page.last() {
                Some((first, _)) if page.len() >= want => Some(first.clone()),
                _ => None,
            };
            page.reverse();
            found.extend(self.merge(page, next.as_deref().unwrap_or(from), &until).into_iter().rev());
            match next {
                Some(next) => until = next,
                None => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

/// The smallest key greater than `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Store};
    use proptest::prelude::*;

    /// Short keys over few letters, so that operations meet.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 255]), 0..4)
    }

    fn batch() -> impl Strategy<Value = Batch> {
        prop::collection::vec((key(), prop::option::of(any::<u8>())), 0..40).prop_map(|operations| {
            let mut batch = Batch::new();
            for (key, value) in operations {
                match value {
                    Some(value) => batch.put(key, [value]),
                    None => batch.delete(key),
                }
            }
            batch
        })
    }

    proptest! {
        #[test]
        fn an_overlay_reads_as_the_store_does_after_the_commit(
            before in batch(), pending in batch(),
            ranges in prop::collection::vec((key(), key(), 0_usize..12), 1..12),
        ) {
            let base = MemoryStore::new();
            prop_assert!(base.commit(&before).is_ok());
            let committed = MemoryStore::new();
            prop_assert!(committed.commit(&before).and_then(|()| committed.commit(&pending)).is_ok());
            let overlay = Overlay::new(&base, &pending);
            for (from, until, limit) in ranges {
                prop_assert_eq!(overlay.get(&from).ok(), committed.get(&from).ok());
                let scans = (overlay.scan(&from, &until, limit).ok(), committed.scan(&from, &until, limit).ok());
                prop_assert_eq!(scans.0, scans.1);
                let back = overlay.scan_back(&from, &until, limit).ok();
                prop_assert_eq!(back, committed.scan_back(&from, &until, limit).ok());
            }
        }
    }

    #[test]
    fn overlays_stand_on_overlays() -> Result<(), StoreError> {
        let base = MemoryStore::new();
        let (mut first, mut second) = (Batch::new(), Batch::new());
        first.put("a", "1");
        first.put("b", "1");
        second.delete("a");
        let below = Overlay::new(&base, &first);
        let above = Overlay::new(&below, &second);
        assert_eq!(above.scan(b"", b"z", 9)?, [(b"b".to_vec(), b"1".to_vec())]);
        Ok(())
    }
}
