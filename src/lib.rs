//! Gongshi (公示): a federated sync daemon for annual administrative-enforcement disclosures.
//!
//! One node a jurisdiction. What is published at one level climbs through its ancestors to the root, is entered
//! once in the root log, and is tailed down by every node; what a node shows is a fold of a prefix of that log.
//!
//! # The map: arrows point down only
//!
//! 0. Words, plain values: [`time`], [`digest`], [`bytes`] (hand-written signed layouts), [`wire`] (frames and index
//!    values; the only file naming bincode), [`division`], [`agency`], [`money`], [`pool`] (bytes kept once, for
//!    simulated worlds).
//! 1. [`trust`]: who may say what. Keys (the only file naming the signature library), delegations, chains.
//! 2. What is said, and the record of it: [`template`] (layouts of tables, as data), [`package`] (a report's figures, validation, body), [`statement`] (171
//!    signed bytes and their card), [`log`] (RFC 6962 trees, C2SP tiles, checkpoints, cosignatures, proofs).
//! 3. Keeping: [`record`] (what an acknowledgement means; the guard), [`store`] (the index, rebuilt from the record).
//! 4. Agreeing: [`ledger`] (the fold: authority, disclosures, view root), [`sync`] (climb and tail, without I/O); and
//!    reading: [`view`] (the tree of divisions, coverage, sums, rates, series, provenance, comparisons).
//! 5. Edges, the only places with sockets and tasks: [`net`] (QUIC), [`portal`] (the public pages and the API),
//!    [`console`] (what operators see and do; probes, metrics); [`intake`] (workbooks and CSV in, blank and marked ones out).
//! 6. Running it: [`config`], [`ops`] (engine, driver, daemon, control socket, command line).
//!
//! # What always holds
//!
//! - What was acknowledged is in the record, synced to the disk, before anyone hears of it.
//! - A checkpoint is signed only over entries in the record, and never below or beside what was signed before.
//! - The root's fold alone decides authority and acceptance, and every mirror repeats it on the same bytes.
//! - Same size and root hash of the root log: same fold, same view root, same bytes shown.
//! - Signed bytes are kept as received and never encoded again to be verified.
//! - Nothing below the edges reads a clock, draws randomness, sleeps, or touches a socket.

pub mod agency;
pub mod bytes;
pub mod digest;
pub mod division;
pub mod money;
pub mod pool;
pub mod time;
pub mod wire;

pub mod trust;

pub mod log;
pub mod package;
pub mod statement;
pub mod template;

pub mod record;
pub mod store;

pub mod ledger;
pub mod sync;
pub mod view;

pub mod console;
pub mod intake;
pub mod net;
pub mod portal;

pub mod config;
pub mod ops;
