//! Running it: the engine, the daemon, the control socket and the command line.

mod bundle;
pub mod cli;
mod control;
pub mod daemon;
pub mod data_dir;
mod driver;
pub mod engine;
mod explain;
mod packages;
mod portal_source;
mod query;
mod service;
mod snapshot;
