//! Disks that are full: nothing new is taken, nothing is lost, and all goes on by itself.

use crate::story::{Office, four_levels};

fn full(office: &Office, is_full: bool) {
    office.sim().sites[office.at].disk.with(|record| record.set_full(is_full));
}

#[test]
fn a_full_disk_at_any_level_holds_up_what_passes_it_and_loses_nothing() {
    for level in 0..4 {
        let (world, offices) = four_levels(300 + level as u64);
        let [_, city, _, town] = &offices;
        town.publishes("附海镇人民政府", 2022, "处罚 6 宗");
        world.agrees();
        full(&offices[level], true);
        // Both ways: from below and from above.
        if level != 3 {
            town.publishes("附海镇人民政府", 2023, "处罚 7 宗");
        }
        if level > 1 {
            city.publishes("市城管局", 2023, "检查 3 次");
        }
        world.run(120_000);
        for office in &offices {
            office.shows(town, 2022).once();
        }
        offices[level].shows(town, 2023).never();
        // Killed and started again while it is full.
        offices[level].crashes();
        offices[level].restarts();
        world.run(60_000);
        offices[level].shows(town, 2022).once();
        full(&offices[level], false);
        world.agrees();
        for office in &offices {
            office.shows(town, 2023).times(usize::from(level != 3));
            office.shows(city, 2023).times(usize::from(level > 1));
        }
    }
}
