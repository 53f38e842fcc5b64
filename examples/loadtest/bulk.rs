//! A folder of reports: parsed, signed and durable at the town, received above, and shown by all levels.

use crate::bed::{self, Bed, until};
use crate::figures::{bytes_below, rate, resident, say, time};
use crate::{Size, peers, reports};
use std::time::Instant;

/// Publishes so many at the town; their bytes.
pub(crate) fn publish(bed: &Bed, batch: &str, count: usize) -> u64 {
    let (folder, bytes) = reports::write(bed.dir.path(), batch, count);
    let folder = folder.display().to_string();
    let document = bed::run(&["publish", &folder], &bed.town().data);
    assert_eq!(document["published"].as_array().map(Vec::len), Some(count));
    bytes
}

/// Publishes so many and waits until all levels have them.
pub(crate) fn fill(bed: &mut Bed, count: usize) {
    let size = bed.province().size() + count as u64;
    publish(bed, "fill", count);
    until("all sequenced", || bed.province().size() >= size);
    bed.agrees();
}

pub(crate) fn run(bed: &mut Bed, size: Size) {
    let count = size.packages;
    let (leaves, received) = (bed.province().size(), bed.nodes[2].received());
    let held: Vec<u64> = bed.nodes.iter().map(|node| bytes_below(&node.data)).collect();
    let wire = bed.town().wire();
    let (folder, bytes) = reports::write(bed.dir.path(), "bulk", count);
    let begun = Instant::now();
    bed::run(&["publish", &folder.display().to_string()], &bed.town().data);
    let published = begun.elapsed();
    until("received", || bed.nodes[2].received() >= received + count as u64);
    let above = begun.elapsed();
    until("all sequenced", || bed.province().size() >= leaves + count as u64);
    let sequenced = begun.elapsed();
    bed.agrees();
    let everywhere = begun.elapsed();
    say("bulk", "reports, bytes", &format!("{count}, {bytes}"));
    say(
        "bulk",
        "P13 published: durable at the town",
        &format!("{}, {}", time(published), rate(count, published)),
    );
    say("bulk", "P1 durable and receipted at the district, publishing included", &time(above));
    say("bulk", "P1 after publishing", &time(above.saturating_sub(published)));
    say("bulk", "sequenced at the province, publishing included", &time(sequenced));
    say("bulk", "P2 the same at all four levels, publishing included", &time(everywhere));
    let wire = (bed.town().wire() - wire) / bytes as f64;
    say("bulk", "bytes on the town's wire, both ways, per byte of reports", &format!("{wire:.2}"));
    for (node, before) in bed.nodes.iter().zip(held) {
        let grown = (bytes_below(&node.data) - before) as f64 / bytes as f64;
        let memory = resident(node.pid());
        say(
            "bulk",
            &format!("P9 {}: disk per byte of reports; resident", node.code),
            &format!("{grown:.2}; {memory:.0} MiB"),
        );
    }
    if let Some(peer) = peers::rsync(&folder, &bed.dir.path().join("rsync")) {
        let ratio = |of: f64| of / peer.as_secs_f64();
        let hop = ratio(above.saturating_sub(published).as_secs_f64());
        let all = ratio(everywhere.as_secs_f64());
        say("bulk", "rsync -a --fsync, one hop", &time(peer));
        say(
            "bulk",
            "ratio to rsync: one hop after publishing; all levels, publishing included",
            &format!("{hop:.2}; {all:.2}"),
        );
    }
}
