//! The store in memory: the reference that the other engines are held to, and the simulator's.

use super::{Batch, Entry, Read, Store, StoreError};
use crate::pool::{self, Pool};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

type Entries = BTreeMap<Arc<[u8]>, Arc<[u8]>>;

/// A store that lives as long as the value.
#[derive(Debug, Default)]
pub struct MemoryStore {
    entries: RwLock<Entries>,
    image: RwLock<Option<Vec<u8>>>,
    pool: Option<Pool>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that shares its bytes with others through a pool.
    pub fn sharing(pool: &Pool) -> Self {
        Self { pool: Some(pool.clone()), ..Self::default() }
    }

    /// Keys and values together, in bytes, shared or not.
    pub fn bytes(&self) -> u64 {
        self.read().iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        // Nothing in here panics half way through a batch, so a poisoned lock still guards whole batches.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The range, never crossed: BTreeMap panics on that.
fn bounds<'a>(from: &'a [u8], until: &'a [u8]) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
    (Bound::Included(from), Bound::Excluded(until.max(from)))
}

impl Read for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().get(key).map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let entries = self.read();
        let range = entries.range::<[u8], _>(bounds(from, until)).take(limit);
        Ok(range.map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
    }

    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let entries = self.read();
        let range = entries.range::<[u8], _>(bounds(from, until)).rev().take(limit);
        Ok(range.map(|(key, value)| (key.to_vec(), value.to_vec())).collect())
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => {
                    let pool = self.pool.as_ref();
                    entries.insert(pool::keep(pool, key), pool::keep(pool, value))
                }
                None => entries.remove(key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn keep_image(&self, image: &[u8]) -> Result<(), StoreError> {
        *self.image.write().unwrap_or_else(PoisonError::into_inner) = Some(image.to_vec());
        Ok(())
    }

    fn image(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.image.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn memory_is_a_store() -> Result<(), StoreError> {
        conformance::run(&MemoryStore::new())
    }
}
