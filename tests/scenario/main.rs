//! A simulated world: whole federations in one thread, with a virtual clock, a network that is cut and heals, machines
//! that crash, and an auditor who checks after every step. One seed, one run.
//!
//! - `world` time, the queue of occurrences, machines and their turns
//! - `network` connections with latency, cuts, stalls; outsiders who speak raw frames
//! - `story` the words of the tests: offices that join, publish, show
//! - `deeds` what offices say about each other and about what stands
//! - `province` a tree of real divisions, for the tests and for `examples/simulate`
//! - `auditor` the invariants of a federation
//!
//! Faults, attacks and invariants have the numbers of the design's trials: `fault_09`, `attack_13`, `I7`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at its first surprise"
)]
#![allow(unreachable_pub, reason = "one binary; pub means outside the module")]

mod auditor;
mod deeds;
mod network;
mod story;
mod world;

mod attachments;
mod attacks;
mod bundles;
mod climbing;
mod crashes;
mod enrolment;
mod erasure;
mod faults;
mod full;
mod greed;
mod healing;
mod images;
mod keys;
mod paths;
mod promotion;
mod province;
mod random;
mod release;
mod restore;
mod sums;
mod tree;
mod trust;
mod upgrades;
mod witnesses;
