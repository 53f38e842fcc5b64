//! Reading: what the fold and the public bodies add up to. Pure over the index and the registry; nothing here is signed.
//!
//! - [`scope`] the rosters that stand and the years that are public
//! - [`tree`] the divisions and what stands above what
//! - [`coverage`] who owed a report and who gave one

pub mod coverage;
pub mod scope;
pub mod tree;
