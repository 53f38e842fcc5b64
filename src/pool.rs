//! A pool of byte strings: what many keep alike is kept once.
//!
//! For simulated worlds, where thousands of nodes hold the same statements in one process: their stores and records share
//! the bytes there, as machines cannot. Nothing is taken out of a pool; it goes with the last that shares it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Byte strings kept once. Clones are the same pool.
#[derive(Clone, Debug, Default)]
pub struct Pool(Arc<Mutex<HashSet<Arc<[u8]>>>>);

impl Pool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// These bytes, shared with everyone who kept the same.
    pub fn keep(&self, bytes: &[u8]) -> Arc<[u8]> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = held.get(bytes) {
            return Arc::clone(same);
        }
        let new: Arc<[u8]> = bytes.into();
        held.insert(Arc::clone(&new));
        new
    }
}

/// These bytes: shared through the pool if there is one, else a copy of one's own.
pub fn keep(pool: Option<&Pool>, bytes: &[u8]) -> Arc<[u8]> {
    pool.map_or_else(|| bytes.into(), |pool| pool.keep(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_one_allocation_through_every_clone_of_a_pool() {
        let (pool, other) = (Pool::new(), Pool::new());
        let first = pool.keep(b"a statement");
        assert!(Arc::ptr_eq(&first, &pool.clone().keep(b"a statement")));
        assert!(!Arc::ptr_eq(&first, &pool.keep(b"another")));
        assert!(!Arc::ptr_eq(&first, &other.keep(b"a statement")));
        assert_eq!(*keep(None, b"a statement"), *first);
    }
}
