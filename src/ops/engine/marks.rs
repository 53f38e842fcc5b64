//! What keeps a node from contradicting its own signatures: the guard on the disk, or one in memory for a simulated run.

use crate::digest::Digest;
use crate::record::{Guard, GuardError, Mark};
use std::collections::BTreeMap;

/// Refuses signatures that would contradict earlier ones.
pub trait HighMarks: Send {
    /// Tells whether [`HighMarks::raise`] would refuse; changes nothing.
    ///
    /// # Errors
    /// [`GuardError`].
    fn check(&self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError>;

    /// The highest marks there are.
    fn marks(&self) -> BTreeMap<Digest, Mark>;

    /// True when the marks may be old: they came here as a copy, or were lost.
    fn is_unsure(&self) -> bool {
        false
    }

    /// The neighbours have said what was signed: the marks are this node's own from here on.
    ///
    /// # Errors
    /// [`GuardError`].
    fn settle_here(&mut self) -> Result<(), GuardError> {
        Ok(())
    }

    /// Raises marks, durably.
    ///
    /// # Errors
    /// [`GuardError`].
    fn raise(&mut self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError>;
}

impl HighMarks for Guard {
    fn check(&self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        Self::check(self, marks).map(|_| ())
    }

    fn raise(&mut self, marks: &[(Digest, u64, Digest)]) -> Result<(), GuardError> {
        Self::raise(self, marks)
    }

    fn marks(&self) -> BTreeMap<Digest, Mark> {
        Self::marks(self).clone()
    }

    fn is_unsure(&self) -> bool {
        Self::is_unsure(self)
    }

    fn settle_here(&mut self) -> Result<(), GuardError> {
        Self::settle_here(self)
    }
}
