//! Running it: the engine, the daemon, the control socket and the command line.

pub mod audit;
mod backup;
mod bundle;
mod circular;
pub mod cli;
mod control;
pub mod daemon;
pub mod data_dir;
mod driver;
pub mod engine;
mod events;
mod explain;
mod inspection;
mod keep;
mod packages;
mod portal_source;
mod query;
mod service;
mod snapshot;
