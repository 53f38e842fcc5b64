//! Sums of divisions and years over HTTP.

use crate::Size;
use crate::bed::Bed;
use crate::figures::{say, spread};
use std::time::Instant;

pub(crate) fn run(bed: &mut Bed, size: Size) {
    let held = bed.province().size();
    for more in ["scope=all", "scope=own", "scope=all&by=child"] {
        for code in ["330000", "330282108"] {
            let mut times = Vec::new();
            for round in 0..size.rounds {
                let begun = Instant::now();
                // Another address each time, so that no answer is one that was kept.
                let answer = bed.province().get(&format!("/api/v1/view/{code}/2024?{more}&round={round}"));
                times.push(begun.elapsed());
                assert_eq!(answer.status, 200);
            }
            say(
                "views",
                &format!("P7 {code} 2024 {more} among {held} leaves, a connection each"),
                &spread(&mut times),
            );
        }
    }
}
