//! Climb and tail: the protocol as a plain state machine ([`PROTOCOL.md`](self#the-gongshi-protocol)).
//!
//! A [`Node`] is synchronous and total: no await, no clock, no randomness, no I/O. Each call gets a [`Turn`] to
//! read through and write into; the driver makes the writes durable before it does the actions.
#![doc = include_str!("PROTOCOL.md")]

mod admission;
pub mod agency;
pub mod anchor;
mod apply;
pub mod ask;
pub mod assembly;
pub mod attach;
pub mod attest;
pub mod body;
pub mod bundle;
pub mod chunk;
mod climb;
pub mod enrol;
mod erase;
pub mod fact;
pub mod fetch;
pub mod frame;
mod fresh;
pub mod govern;
pub mod image;
mod lack;
pub mod lateral;
pub mod limits;
mod node;
pub mod outline;
pub mod path;
pub mod promote;
pub mod publish;
mod quorum;
mod recover;
mod redial;
pub mod release;
pub mod review;
mod rollup;
mod room;
pub mod rotate;
pub mod salvage;
pub mod scope;
mod sequence;
mod serve;
mod session;
pub mod status;
mod tail;
pub mod template;
pub mod token;
mod turn;
pub mod withdraw;

pub use erase::erased_by;
pub use node::{ConnId, Node, Step, parse_entry_row, read_tile};
pub use recover::Recovering;
pub use rollup::package_content;
pub use sequence::SayError;
pub use tail::{read_entry, read_leaf};
pub use turn::{Action, Event, Outputs, Turn};
