//! Running it: the engine, the daemon, the control socket and the command line.

pub mod data_dir;
pub mod engine;
