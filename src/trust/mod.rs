//! Who may say what: keys, delegations, and the chains they form from the anchor down.
//!
//! Authority comes from the delegation chain and from nothing else: not from an address, not from a code
//! prefix, not from a connection.
#![doc = include_str!("CEREMONY.md")]

pub mod chain;
pub mod delegation;
pub mod key;
pub mod locked;
pub mod printed;
