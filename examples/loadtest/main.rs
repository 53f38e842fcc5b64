//! Whole workloads on real processes: four levels on loopback, driven and measured from outside. Figures are printed as
//! `workload | what | figure`; where a program that a user would pick instead is installed, it does the same work in the
//! same run and the ratio stands beside it. `PERFORMANCE.md` beside this file has what it printed, and the goals.
//!
//! ```sh
//! cargo run --release --example loadtest -- all
//! cargo run --release --example loadtest -- bulk --packages 20000
//! ```
//!
//! | workload | row | what it does |
//! | --- | --- | --- |
//! | `bulk` | P1, P2, P9, P13 | a town publishes a folder of reports of about 10 KB; until every level shows them (peers: rsync, git, NATS, Syncthing) |
//! | `one` | P3 | one report after another, from its publication until it is visible at the province and at all levels |
//! | `few` | P4 | ten reports among those that are there: time, and bytes on the wire (peer: rsync) |
//! | `idle` | P5 | processor, memory and wire of nodes that have nothing to do |
//! | `views` | P7 | sums of a division and year over HTTP |
//! | `pages` | P8 | package, tile and page over 64 connections (peer: nginx on the same bytes) |
//! | `restart` | P10 | the province is killed and started again: with its index, and without it |
//! | `late` | P11 | an empty node joins and comes to agree |
//! | `all` | | all of these in this order, on one federation |
//! | `alone` | P7, P9, P10 | a province by itself: start, sums, memory and disk with `--packages 1000000` |
//!
//! | option | meaning | default |
//! | --- | --- | --- |
//! | `--packages` | reports that are published before or while it measures | 2000 |
//! | `--rounds` | repetitions of what is short | 100 |
//! | `--seconds` | how long idle nodes are watched, and pages asked for | 20 |
//!
//! P6 (1,700 children in one minute) is `GONGSHI_CHILDREN=1700 cargo test --release --test e2e rush -- --nocapture`, P12
//! (a whole province) is `cargo run --release --example simulate`.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads the clock, stops at its first surprise, and prints what it is for"
)]

mod alone;
mod bed;
mod bulk;
mod few;
mod figures;
#[path = "../../tests/e2e/http.rs"]
#[allow(dead_code, reason = "the tests ask for more")]
mod http;
mod idle;
mod late;
mod one;
mod pages;
mod peers;
mod reports;
mod restart;
mod views;

use bed::Bed;
use std::process::ExitCode;

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Size {
    packages: usize,
    rounds: usize,
    seconds: u64,
}

type Workload = fn(&mut Bed, Size);

const WORKLOADS: [(&str, Workload); 8] = [
    ("bulk", bulk::run),
    ("one", one::run),
    ("few", few::run),
    ("idle", idle::run),
    ("views", views::run),
    ("pages", pages::run),
    ("restart", restart::run),
    ("late", late::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = arguments.first().map_or("", String::as_str);
    let chosen: Vec<_> = WORKLOADS.iter().filter(|(name, _)| wanted == "all" || wanted == *name).collect();
    if chosen.is_empty() && wanted != "alone" {
        // The nodes are this same program: whatever is no workload is a command of Gongshi's, so no workload has the name
        // of one.
        return ExitCode::from(gongshi::ops::cli::run(std::env::args_os()));
    }
    let option = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        let value = at.and_then(|at| arguments.get(at + 1));
        value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} wants a number")))
    };
    let count = |name: &str, default| usize::try_from(option(name, default)).expect("a count");
    let size = Size {
        packages: count("--packages", 2000),
        rounds: count("--rounds", 100),
        seconds: option("--seconds", 20),
    };
    if wanted == "alone" {
        alone::run(size);
        return ExitCode::SUCCESS;
    }
    let mut bed = Bed::start();
    if wanted != "all" && wanted != "bulk" {
        bulk::fill(&mut bed, size.packages);
    }
    for (name, workload) in chosen {
        eprintln!("{name} ({size:?})");
        workload(&mut bed, size);
    }
    ExitCode::SUCCESS
}
