//! Who may say what: keys, delegations and the chains they form.

pub mod key;
