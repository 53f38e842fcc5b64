//! Temporary.
#![allow(missing_docs)]
pub mod layout;
use std::collections::BTreeMap;
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("damaged {0}")]
    Damaged(String),
}
pub trait Read: Send + Sync {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError>;
}
pub trait Store: Read {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;
    fn flush(&self) -> Result<(), StoreError>;
}
#[derive(Default, Clone)]
pub struct Batch(BTreeMap<Vec<u8>, Option<Vec<u8>>>);
impl Batch {
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, Some(value));
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
pub struct Overlay<'a>(&'a dyn Read, &'a Batch);
impl<'a> Overlay<'a> {
    pub fn new(a: &'a dyn Read, b: &'a Batch) -> Self {
        Self(a, b)
    }
}
impl Read for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.1.0.get(key) {
            Some(v) => Ok(v.clone()),
            None => self.0.get(key),
        }
    }
    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.0.scan(from, until, limit)
    }
}
