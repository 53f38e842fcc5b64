//! Running it: the engine, the daemon, the control socket and the command line.

mod attachments;
pub mod audit;
mod backup;
mod bundle;
pub mod cli;
mod console_source;
mod control;
pub mod daemon;
pub mod data_dir;
mod driver;
pub mod engine;
mod events;
mod explain;
mod gateway;
mod inspection;
mod keep;
mod known;
mod logs;
mod marks;
mod metrics;
mod notify;
mod packages;
mod portal_source;
mod query;
mod service;
mod snapshot;
mod sums;
