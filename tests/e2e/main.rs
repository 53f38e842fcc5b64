//! The product from outside: the real binary and its HTTP API, as the contract describes them.
//!
//! Nothing here knows the code. `program` runs commands, `http` asks portals, `federation` enrols nodes through the
//! command line alone, `reports` writes report files, `browser` drives a real one, `outsider` and `line` are an attacker's; the rest are claims.
#![allow(
    clippy::disallowed_methods,
    reason = "these tests stand outside: they watch processes by the wall clock and poll with deadlines"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at its first surprise, also inside what tests share"
)]

mod attachments;
mod browser;
mod federation;
mod hostile_http;
mod http;
mod keys;
mod line;
mod outsider;
mod program;
mod release;
mod reports;

mod agencies;
mod audit;
mod backups;

mod bundles;
mod by_files;
mod ceremony;
mod commands;
mod damage;
mod demo;
mod disk;
mod embargo;
mod enrolment;
mod every_page;
mod exits;
mod exports;
mod figures;
mod floods;
mod healing;
mod intake;
mod levels;
mod life;
mod load;
mod middle;
mod one_process;
mod operators;
mod pages;
mod paths;
mod portal;
mod promotion;
mod readers;
mod retention;
mod rot;
mod rules;
mod rush;
mod sandbox;
mod scope;
mod store;
mod storm;
mod strangers;
mod surface;
mod template;
mod tokens;
mod transcripts;
mod verifier;
mod view;
mod wire;
mod witness;
