//! Nodes that have nothing to do.

use crate::Size;
use crate::bed::Bed;
use crate::figures::{processor, resident, say};
use std::time::Duration;

/// What follows a change by itself has ended then.
const REST: Duration = Duration::from_secs(8);

pub(crate) fn run(bed: &mut Bed, size: Size) {
    bed.agrees();
    std::thread::sleep(REST);
    let look = |bed: &Bed| -> Vec<(f64, f64)> {
        bed.nodes.iter().map(|node| (processor(node.pid()), node.wire())).collect()
    };
    let before = look(bed);
    std::thread::sleep(Duration::from_secs(size.seconds));
    let held = bed.province().size();
    for ((node, before), after) in bed.nodes.iter().zip(before).zip(look(bed)) {
        let share = (after.0 - before.0) / (size.seconds as f64 * 1000.0) * 100.0;
        let wire = (after.1 - before.1) * 60.0 / size.seconds as f64;
        let what =
            format!("P5 {} with {held} leaves: processor; resident; wire, both ways, a minute", node.code);
        say("idle", &what, &format!("{share:.2} %; {:.0} MiB; {wire:.0} bytes", resident(node.pid())));
    }
}
