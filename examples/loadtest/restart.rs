//! The province is killed and started again.

use crate::Size;
use crate::bed::{Bed, until};
use crate::figures::{resident, say, time};
use crate::http;
use std::process::Command;
use std::time::Instant;

pub(crate) fn run(bed: &mut Bed, _: Size) {
    let province = bed.province().clone();
    let held = province.size();
    for (what, index) in [("after kill -9", true), ("after kill -9, its index gone", false)] {
        let pid = province.pid().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().is_ok_and(|ended| ended.success()));
        until("its end", || http::try_get(&province.portal, "/api/v1/node").is_err());
        if !index {
            std::fs::remove_dir_all(province.data.join("index")).expect("the index");
        }
        let begun = Instant::now();
        bed.serve(&province);
        let answered = begun.elapsed();
        until("all it held", || province.size() >= held);
        let figure =
            format!("{}, {}; {:.0} MiB", time(answered), time(begun.elapsed()), resident(province.pid()));
        say("restart", &format!("P10 {held} leaves, {what}: answers, shows all; resident"), &figure);
        bed.agrees();
    }
}
