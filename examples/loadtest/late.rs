//! An empty node joins late.

use crate::Size;
use crate::bed::{Bed, until};
use crate::figures::{say, time};
use std::time::Instant;

pub(crate) fn run(bed: &mut Bed, _: Size) {
    let held = bed.province().size();
    let begun = Instant::now();
    let (late, enrolled) = bed.enrol("330282109", "桥头镇");
    bed.serve(&late);
    until("the same view", || {
        let (shown, wanted) = (late.document(), bed.province().document());
        shown["view_root"] == wanted["view_root"] && shown["root_log"] == wanted["root_log"]
    });
    let figure = format!("{}; {}", time(enrolled), time(begun.elapsed()));
    say("late", &format!("P11 an empty town with {held} leaves to come: enrolled; shows the same"), &figure);
}
