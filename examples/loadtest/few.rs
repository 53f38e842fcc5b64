//! Ten reports among all that are there.

use crate::bed::{Bed, until};
use crate::figures::{say, spread};
use crate::{Size, bulk, peers, reports};
use std::time::Instant;

const FEW: usize = 10;

pub(crate) fn run(bed: &mut Bed, size: Size) {
    let (mut times, mut bytes, mut wire) = (Vec::new(), 0, 0.0);
    let rounds = (size.rounds / FEW).max(1);
    for round in 0..rounds {
        let leaves = bed.province().size() + FEW as u64;
        let before = bed.town().wire();
        bytes += bulk::publish(bed, &format!("few-{round}"), FEW);
        let begun = Instant::now();
        until("sequenced", || bed.province().size() >= leaves);
        until("back at the town", || bed.town().size() >= leaves);
        times.push(begun.elapsed());
        bed.agrees();
        wire += bed.town().wire() - before;
    }
    let held = bed.province().size();
    say(
        "few",
        &format!("P4 ten among {held}: published, then at the province and back"),
        &spread(&mut times),
    );
    let each = wire / (rounds * FEW) as f64;
    let ratio = wire / bytes as f64;
    say(
        "few",
        "bytes on the town's wire, both ways, a report; per byte of reports",
        &format!("{each:.0}; {ratio:.2}"),
    );
    let (all, copy) = (bed.dir.path().join("reports-fill"), bed.dir.path().join("few-rsync"));
    if !all.exists() || peers::rsync(&all, &copy).is_none() {
        return;
    }
    let (new, _) = reports::write(bed.dir.path(), "few-peer", &bed.town().code, FEW);
    for entry in std::fs::read_dir(new).expect("a folder").filter_map(Result::ok) {
        std::fs::copy(entry.path(), all.join(format!("new-{}", entry.file_name().display())))
            .expect("a copy");
    }
    if let Some(time) = peers::rsync(&all, &copy) {
        say("few", &format!("rsync -a --fsync, ten among {}", size.packages), &spread(&mut [time]));
    }
}
