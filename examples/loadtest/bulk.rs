//! A backlog of reports: parsed, signed and durable at a town that is on its own; then, once it is on the line, received
//! above, and shown by all levels.

use crate::bed::{self, Bed, until};
use crate::figures::{bytes_below, rate, resident, say, time};
use crate::{Size, peers, reports};
use std::path::Path;
use std::process::Command;
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
    let hop = one_hop(bed, size.packages);
    all_levels(bed, size.packages, hop);
}

/// P13 and P1. What the district receives it passes on at once, and all levels share this machine: while the hop is
/// measured the city is held.
fn one_hop(bed: &mut Bed, count: usize) -> Duration {
    let (town, _) = bed.enrol("330282110", "周巷镇");
    let (folder, bytes) = reports::write(bed.dir.path(), "bulk", &town.code, count);
    let received = bed.nodes[2].received();
    let begun = Instant::now();
    bed::run(&["publish", &folder.display().to_string()], &town.data);
    let published = begun.elapsed();
    let city = bed.nodes[1].pid();
    signal(city, "-STOP");
    let begun = Instant::now();
    bed.serve(&town);
    until("received", || bed.nodes[2].received() >= received + count as u64);
    until("receipted", || bed::run(&["status"], &town.data)["unacknowledged"] == 0);
    let hop = begun.elapsed();
    signal(city, "-CONT");
    say("bulk", "reports, bytes", &format!("{count}, {bytes}"));
    let figure = format!("{}, {}", time(published), rate(count, published));
    say("bulk", "P13 published: durable at the town", &figure);
    say("bulk", "P1 receipted by the district, start of the town's process included", &time(hop));
    let wire = town.wire() / bytes as f64;
    say("bulk", "bytes on the town's wire, both ways, per byte of reports", &format!("{wire:.2}"));
    until("back at the town", || town.document()["view_root"] == bed.province().document()["view_root"]);
    bed.agrees();
    beside(bed.dir.path(), &folder, published.as_secs_f64(), hop.as_secs_f64());
    hop
}

/// P2 and P9: as many again, from another town, through all four levels and back.
fn all_levels(bed: &mut Bed, count: usize, hop: Duration) {
    let (town, _) = bed.enrol("330282111", "观海卫镇");
    let (folder, bytes) = reports::write(bed.dir.path(), "climb", &town.code, count);
    let (leaves, received) = (bed.province().size(), bed.nodes[2].received());
    let held: Vec<u64> = bed.nodes.iter().map(|node| bytes_below(&node.data)).collect();
    bed::run(&["publish", &folder.display().to_string()], &town.data);
    let begun = Instant::now();
    bed.serve(&town);
    until("received", || bed.nodes[2].received() >= received + count as u64);
    let above = begun.elapsed();
    until("all sequenced", || bed.province().size() >= leaves + count as u64);
    let sequenced = begun.elapsed();
    bed.agrees();
    until("back at the town", || town.document()["view_root"] == bed.province().document()["view_root"]);
    let everywhere = begun.elapsed();
    say("bulk", "all levels at work: received by the district", &time(above));
    say("bulk", "all levels at work: sequenced at the province", &time(sequenced));
    let ratio = everywhere.as_secs_f64() / hop.as_secs_f64();
    say("bulk", "P2 shown at all four levels", &format!("{}; {ratio:.1} hops", time(everywhere)));
    for (node, before) in bed.nodes.iter().zip(held) {
        let grown = (bytes_below(&node.data) - before) as f64 / bytes as f64;
        let figure = format!("{grown:.2}; {:.0} MiB", resident(node.pid()));
        say("bulk", &format!("P9 {}: disk per byte of reports; resident", node.code), &figure);
    }
}

fn signal(pid: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()));
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
