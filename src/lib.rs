//! Gongshi (公示): a federated sync daemon for annual administrative-enforcement disclosures.

pub mod agency;
pub mod bytes;
pub mod digest;
pub mod division;
pub mod money;
pub mod time;
pub mod wire;

pub mod trust;

pub mod log;
pub mod package;
pub mod statement;

pub mod record;
pub mod store;

pub mod ledger;
pub mod sync;

pub mod net;
pub mod portal;

pub mod config;

pub mod ops;
