//! A backlog of reports: parsed, signed and durable at a town that is on its own; then, once it is on the line, received
//! above, and shown by all levels.

use crate::bed::{self, Bed, until};
use crate::figures::{bytes_below, rate, resident, say, time};
use crate::{Size, peers, reports};
use std::path::Path;
use std::time::{Duration, Instant};

/// Publishes so many at the town; their bytes.
pub(crate) fn publish(bed: &Bed, batch: &str, count: usize) -> u64 {
    let (folder, bytes) = reports::write(bed.dir.path(), batch, &bed.town().code, count);
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
    let (town, _) = bed.enrol("330282110", "周巷镇");
    let (folder, bytes) = reports::write(bed.dir.path(), "bulk", &town.code, count);
    let (leaves, received) = (bed.province().size(), bed.nodes[2].received());
    let held: Vec<u64> = bed.nodes.iter().map(|node| bytes_below(&node.data)).collect();
    let begun = Instant::now();
    bed::run(&["publish", &folder.display().to_string()], &town.data);
    let published = begun.elapsed();

    let begun = Instant::now();
    bed.serve(&town);
    until("received", || bed.nodes[2].received() >= received + count as u64);
    let status = || bed::run(&["status"], &town.data);
    until("receipted", || status()["unacknowledged"] == 0);
    let above = begun.elapsed();
    until("all sequenced", || bed.province().size() >= leaves + count as u64);
    let sequenced = begun.elapsed();
    bed.agrees();
    until("back at the town", || town.document()["view_root"] == bed.province().document()["view_root"]);
    let everywhere = begun.elapsed();

    say("bulk", "reports, bytes", &format!("{count}, {bytes}"));
    say(
        "bulk",
        "P13 published: durable at the town",
        &format!("{}, {}", time(published), rate(count, published)),
    );
    say("bulk", "P1 receipted by the district, start of the town's process included", &time(above));
    say("bulk", "sequenced at the province", &time(sequenced));
    say("bulk", "P2 shown at all four levels", &time(everywhere));
    let wire = town.wire() / bytes as f64;
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
    let hop = above.as_secs_f64();
    let ratio = format!("{:.2}", everywhere.as_secs_f64() / hop);
    say("bulk", "ratio of all four levels to one hop", &ratio);
    beside(bed.dir.path(), &folder, published.as_secs_f64(), hop);
}

/// What else carries the same files over one hop, and how our time stands to its.
fn beside(dir: &Path, folder: &Path, published: f64, hop: f64) {
    let ratio = |what: &str, ours: f64, theirs: Duration| {
        let ratio = ours / theirs.as_secs_f64();
        say("bulk", what, &format!("{}; ours is {ratio:.2} of it", time(theirs)));
    };
    if let Some(peer) = peers::rsync(folder, &dir.join("rsync")) {
        ratio("rsync -a --fsync, one hop", hop, peer);
    }
    if let Some((commit, push)) = peers::git::push(folder, dir) {
        ratio("git add and commit, durable; beside publishing", published, commit);
        ratio("git push, durable, one hop", hop, push);
    }
    if let Some((taken, mirrored)) = peers::nats::mirror(folder, dir) {
        ratio("NATS JetStream: acknowledged by a leaf; beside publishing", published, taken);
        ratio("NATS JetStream: mirrored at the hub, and sync", hop, mirrored);
    }
    if let Some(peer) = peers::syncthing::sync(folder, dir) {
        ratio("Syncthing: scanned and sent; beside publishing and one hop", published + hop, peer);
    }
}
