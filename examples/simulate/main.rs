//! A whole province in one process: every division below it has a node, all join, publish in January, and agree. The
//! world is that of `tests/scenario`: the daemon's own engine over a virtual clock and a simulated network, with the
//! auditor of its tests looking on.
//!
//! ```sh
//! cargo run --release --example simulate -- --province guangdong --reports 500 --seed 1
//! ```
//!
//! | option | meaning | default |
//! | --- | --- | --- |
//! | `--province` | `guangdong`, or a code of the embedded registry | `guangdong` |
//! | `--cities` | only these cities, codes separated by commas | all |
//! | `--reports` | reports that are published | 500 |
//! | `--minutes` | minutes of virtual time that January lasts | 10 |
//! | `--seed` | the same seed is the same run | 1 |
//! | `--lost` | of a hundred frames, how many are lost and sent again | 0 |
//! | `--latency` | longest latency of a line, in milliseconds | 40 |
//! | `--cut` | lines that are cut during January | 0 |
//! | `--audit-every` | one node in so many is read from its bytes to the end | 100 |
//!
//! What `--province guangdong --reports 200 --minutes 1 --seed 1` gave on a machine of two cores that was busy with other work, so
//! that its times are upper bounds: all 1,754 nodes agree 600 ms of virtual time after the last report; a town holds 2,179 KiB of
//! index and 1,405 KiB of record, and sent and heard 858 frames and 1,447 KiB, joining included; 1,698,694 frames in all; 9,247 MiB
//! resident; 1,007 s of one core; no violation. So an entry is 1,142 + 736 bytes at each node, and a report 4.5 frames and 2,651 bytes on the wire for
//! each. A year of 2,000,000 packages in one root log of 44,000 nodes is then (44,000 + 2,000,000) x 1,878 bytes = 3.6 GiB at each
//! node, and 2,000,000 x 2,651 bytes = 4.9 GiB heard.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a simulation stops at its first surprise, and prints what it is for"
)]
#![allow(dead_code, unreachable_pub, reason = "the tests of the same world use more of it")]

#[path = "../../tests/scenario/auditor/mod.rs"]
mod auditor;
#[path = "../../tests/scenario/deeds.rs"]
mod deeds;
mod extrapolation;
#[path = "../../tests/scenario/network.rs"]
mod network;
#[path = "../../tests/scenario/province.rs"]
mod province;
#[path = "../../tests/scenario/story.rs"]
mod story;
#[path = "../../tests/scenario/sums.rs"]
mod sums;
#[path = "../../tests/scenario/world.rs"]
mod world;

use extrapolation::{Run, extrapolate};
use province::{Province, places};
use std::collections::BTreeMap;
use std::time::Instant;

const OPTIONS: [&str; 9] = [
    "--province",
    "--cities",
    "--reports",
    "--minutes",
    "--seed",
    "--lost",
    "--latency",
    "--cut",
    "--audit-every",
];

/// The words after the command, in pairs.
struct Options(BTreeMap<String, String>);

impl Options {
    fn read() -> Result<Self, String> {
        let mut words = std::env::args().skip(1);
        let mut options = BTreeMap::new();
        while let Some(word) = words.next() {
            if !OPTIONS.contains(&word.as_str()) {
                return Err(format!("unknown option {word}; there are {}", OPTIONS.join(" ")));
            }
            let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
            options.insert(word, value);
        }
        Ok(Self(options))
    }

    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        let Some(text) = self.0.get(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("{name} wants a number, not {text}"))
    }
}

/// Resident memory of this process in bytes, as the kernel says.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// What this process has worked so far, in seconds of one core, as the kernel says: the simulation is one thread.
fn worked_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok());
    nanos.unwrap_or(0) as f64 / 1e9
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[allow(clippy::disallowed_methods, reason = "how long a simulation takes is one of its figures")]
fn simulate(options: &Options) -> Result<(), String> {
    let began = Instant::now();
    let top = match options.text("--province", "guangdong") {
        "guangdong" => "440000",
        code => code,
    };
    let cities: Vec<&str> = options.text("--cities", "").split(',').filter(|code| code.len() == 6).collect();
    let places = places(top, &cities);
    if places.is_empty() || places[0].code.as_str() != top {
        return Err(format!("the registry lists no province {top}"));
    }
    let (reports, seed) = (options.number("--reports", 500)?, options.number("--seed", 1)?);
    let (minutes, cut) = (options.number("--minutes", 10)?.max(1), options.number("--cut", 0)?);
    let audit_every = options.number("--audit-every", 100)?.max(1) as usize;
    println!("{} {}: {} nodes, seed {seed}", places[0].code, places[0].name, places.len());

    let mut province = Province::founded(seed, places, audit_every);
    let joined = (worked_s(), resident_bytes(), province.world.seen().network.bytes);
    println!(
        "joined and agreed: {} entries of the root log, {} s of virtual time, {:.0} s of one core, {:.0} MiB",
        province.offices[0].root_size(),
        province.world.seen().now_ms / 1000,
        joined.0,
        mib(joined.1)
    );
    province.world.sim().network.lost_percent = options.number("--lost", 0)?.min(90);
    province.world.sim().network.farther_ms = options.number("--latency", 40)?.max(40) - 40;
    let frames_before = province.world.seen().network.frames;
    province.cuts(cut);
    province.publishes(reports, minutes * 60_000);
    let last_ms = province.world.seen().now_ms;
    province.world.sim().heal_all();
    let agreed_ms = province.come_to_agree();
    let (worked, memory) = (worked_s(), resident_bytes());
    province.world.sim().audit_converged();
    let audited = worked_s() - worked;

    println!("reports by day of January: {:?}", province.days);
    println!(
        "all {} nodes agree {agreed_ms} ms of virtual time after the last report",
        province.places.len()
    );
    println!(
        "level     nodes  reports  agree ms  index KiB  record KiB  frames  wire KiB   (means of a node)"
    );
    for figures in province.figures(last_ms) {
        println!(
            "{:<9} {:>5} {:>8} {:>9} {:>10} {:>11} {:>7} {:>9}",
            figures.level.as_str(),
            figures.nodes,
            figures.published,
            figures.agreed_ms,
            figures.index_bytes / 1024,
            figures.record_bytes / 1024,
            figures.frames,
            figures.wire_bytes / 1024
        );
    }
    let sim = province.world.seen();
    println!(
        "{} frames, {:.0} MiB on the wire, {} steps, {} checks of the auditor, 0 violations, faults {:?}",
        sim.network.frames,
        mib(sim.network.bytes),
        sim.steps,
        sim.auditor.checks,
        sim.faults
    );
    println!(
        "{worked:.0} s of one core, and {audited:.0} s for the audit at rest, {:.0} s of wall time; resident {:.0} MiB, \
         {:.2} MiB a node",
        began.elapsed().as_secs_f64(),
        mib(memory),
        mib(memory) / province.places.len() as f64
    );
    let figures = province.figures(last_ms);
    let town = figures.last().expect("a level");
    extrapolate(&Run {
        nodes: province.places.len() as u64,
        reports,
        joined_s: joined.0,
        reports_s: worked - joined.0,
        frames: sim.network.frames - frames_before,
        wire_bytes: sim.network.bytes - joined.2,
        index_bytes: town.index_bytes,
        record_bytes: town.record_bytes,
    });
    Ok(())
}

fn main() -> std::process::ExitCode {
    match Options::read().and_then(|options| simulate(&options)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            std::process::ExitCode::from(2)
        }
    }
}
