//! Leaves of the root log: a statement and the two times the root gives it.

use super::{STATEMENT_BYTES, Statement};
use crate::bytes::{LayoutError, Reader};
use crate::time::WallMs;

/// Length of a root-log leaf: two times and a statement.
pub const LEAF_BYTES: usize = 16 + STATEMENT_BYTES;

/// One entry of the root log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// When the root gave the entry its index; never decreases along the log.
    pub sequenced_at: WallMs,
    /// When the first node other than the author stored it; at most `sequenced_at`.
    pub received_at: WallMs,
    /// What was said.
    pub statement: Statement,
}

impl Leaf {
    /// `sequenced_at_ms` u64 big-endian ‖ `received_at_ms` u64 big-endian ‖ statement.
    pub fn to_bytes(&self) -> [u8; LEAF_BYTES] {
        let mut out = [0; LEAF_BYTES];
        out[..8].copy_from_slice(&self.sequenced_at.0.to_be_bytes());
        out[8..16].copy_from_slice(&self.received_at.0.to_be_bytes());
        out[16..].copy_from_slice(self.statement.as_bytes());
        out
    }

    /// Reads leaf bytes; `statement` decides whether the statement is verified or known from our record.
    ///
    /// # Errors
    /// What `statement` returns, or a layout error.
    pub fn read<E: From<LayoutError>>(
        bytes: &[u8],
        statement: impl FnOnce(&[u8]) -> Result<Statement, E>,
    ) -> Result<Self, E> {
        let mut input = Reader::new(bytes);
        let sequenced_at = WallMs(input.u64("sequenced at")?);
        let received_at = WallMs(input.u64("received at")?);
        if received_at > sequenced_at {
            return Err(LayoutError::invalid("received at", "after sequenced at").into());
        }
        Ok(Self { sequenced_at, received_at, statement: statement(input.rest())? })
    }
}
