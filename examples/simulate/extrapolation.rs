//! What a run says about the nation, with the arithmetic shown: 44,000 nodes and 2 million packages a year.
//!
//! Everything grows with the entries of the root log, delegations and reports alike: a node keeps each of them once, and
//! hears each once from its parent. So bytes and messages of one node are linear in the entries, and all nodes together
//! in the product.

/// Nodes of all levels in the nation.
const NATION_NODES: u64 = 44_000;
/// Packages a year in the nation.
const NATION_REPORTS: u64 = 2_000_000;
/// Provinces that the nation would be, each with a root log of its own.
const PROVINCES: u64 = 31;
const YEAR_S: f64 = 365.0 * 86_400.0;

/// What was measured.
pub struct Run {
    pub nodes: u64,
    pub reports: u64,
    /// Seconds of one core until all had joined, and from then on.
    pub joined_s: f64,
    pub reports_s: f64,
    /// While the reports were published, at all nodes together.
    pub frames: u64,
    pub wire_bytes: u64,
    /// Of one town, delegations and reports together.
    pub index_bytes: u64,
    pub record_bytes: u64,
}

/// Prints the arithmetic.
pub fn extrapolate(run: &Run) {
    let Run { nodes, reports, .. } = *run;
    let entries = (nodes + reports).max(1);
    let pairs = (nodes * reports).max(1) as f64;
    let index = run.index_bytes as f64 / entries as f64;
    let record = run.record_bytes as f64 / entries as f64;
    let (frames, wire) = (run.frames as f64 / pairs, run.wire_bytes as f64 / pairs);
    let micros = run.reports_s * 1e6 / pairs;
    println!("per entry and node: index {index:.0} bytes, record {record:.0} bytes");
    println!(
        "per report and node: {frames:.1} frames, {wire:.0} bytes on the wire, {micros:.0} us of one core \
         (both ends of every line, and the auditor)"
    );
    let gib = |bytes: f64| bytes / f64::from(1 << 30);
    let year = |name: &str, nodes: u64, reports: u64| {
        let entries = (nodes + reports) as f64;
        println!(
            "{name}: {nodes} nodes x {reports} reports: each node keeps ({nodes} + {reports}) x ({index:.0} + {record:.0}) \
             = {:.2} GiB, hears {reports} x {wire:.0} bytes = {:.2} GiB in a year = {:.1} KB/s if evenly, and works \
             {reports} x {micros:.0} us = {:.0} s of one core in a year",
            gib(entries * (index + record)),
            gib(reports as f64 * wire),
            reports as f64 * wire / YEAR_S / 1000.0,
            reports as f64 * micros / 1e6
        );
    };
    year("this province in a year of 13,000", nodes, 13_000);
    year("a province of the nation", NATION_NODES / PROVINCES, NATION_REPORTS / PROVINCES);
    year("the nation in one root log", NATION_NODES, NATION_REPORTS);
    println!(
        "simulating it: joining {nodes} x {nodes} took {:.0} s; {nodes} x 13,000 reports would take {:.0} min",
        run.joined_s,
        nodes as f64 * 13_000.0 * micros / 60e6
    );
}
