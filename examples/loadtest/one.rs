//! One report after another, and how long each takes to be seen.

use crate::bed::{self, Bed, until};
use crate::figures::{say, spread, syncs};
use crate::{Size, reports};
use std::time::Instant;

pub(crate) fn run(bed: &mut Bed, size: Size) {
    let (folder, _) = reports::write(bed.dir.path(), "one", &bed.town().code, size.rounds);
    let (mut commands, mut climbs, mut trips) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..size.rounds {
        let file = folder.join(format!("{number:06}.json")).display().to_string();
        let begun = Instant::now();
        let document = bed::run(&["publish", &file], &bed.town().data);
        commands.push(begun.elapsed());
        let digest = document["published"][0]["digest"].as_str().expect("a digest").to_owned();
        // From when it is durable at the town and the command has ended.
        let begun = Instant::now();
        until("at the province", || bed.province().shows(&digest));
        climbs.push(begun.elapsed());
        for node in &bed.nodes {
            until("at every level", || node.shows(&digest));
        }
        trips.push(begun.elapsed());
    }
    say("one", "this disk: 10 KB appended and synced", &spread(&mut syncs(bed.dir.path())));
    say("one", "the publish command, start of its process included", &spread(&mut commands));
    say("one", "P3 then visible at the province, three hops up", &spread(&mut climbs));
    say("one", "P3 then visible at all four levels", &spread(&mut trips));
}
