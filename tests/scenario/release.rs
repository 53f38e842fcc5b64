//! One time for all levels, in a world with wrong clocks and cut lines.

use crate::story::{Office, four_levels};
use gongshi::ledger::RevisionState;
use gongshi::record::{Record, Stop};
use gongshi::sync::Event;
use gongshi::sync::release::{ScheduleError, YearState};
use gongshi::time::WallMs;

fn now(office: &Office) -> WallMs {
    office.sim().now(office.at).wall
}

/// The root holds 2024 until `ahead_ms` from now, by its own clock; none: now.
fn schedules(root: &Office, ahead_ms: Option<u64>) -> Result<(), ScheduleError> {
    let at = ahead_ms.map(|ahead| WallMs(now(root).0 + ahead));
    root.sim().turn(root.at, |node, turn| Ok(node.schedule(turn, 2024, at, false))).expect("the machine runs")
}

fn state(office: &Office) -> YearState {
    let now = now(office);
    office.sim().sites[office.at].node().year_state(2024, now)
}

#[test]
fn a_year_is_released_at_its_instant_and_a_node_that_is_cut_off_says_that_it_cannot_know() {
    let (world, [province, city, district, town]) = four_levels(80);
    schedules(&province, Some(600_000)).expect("the year is held");
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(60_000);
    for office in [&province, &city, &district, &town] {
        assert!(matches!(state(office), YearState::Scheduled(_)), "{}", office.division());
        office.shows(&town, 2024).never();
    }
    for ancestor in [&province, &city, &district] {
        world.cut(ancestor, &town);
    }
    world.run(545_000);
    for office in [&province, &city, &district] {
        assert_eq!(state(office), YearState::Released);
        office.shows(&town, 2024).once();
    }
    assert!(matches!(state(&town), YearState::Unconfirmed(_)));
    town.shows(&town, 2024).never();
    for ancestor in [&province, &city, &district] {
        world.heal(ancestor, &town);
    }
    world.agrees();
    town.shows(&town, 2024).once();
}

#[test]
fn attack_25_60_a_root_whose_clock_disagrees_with_its_children_does_not_release_until_it_is_set() {
    let (world, [province, city, _, town]) = four_levels(81);
    town.publishes("附海镇人民政府", 2023, "处罚 7 宗");
    world.agrees();
    province.sim().sites[0].ahead_ms = 2_500;
    // A child says what its clock shows when it connects.
    world.cut(&province, &city);
    world.heal(&province, &city);
    world.run(5_000);
    assert!(matches!(schedules(&province, None), Err(ScheduleError::Skewed(2_400..))));
    schedules(&province, Some(30_000)).expect("an instant that is ahead may be set");
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(300_000);
    assert!(matches!(state(&province), YearState::Unconfirmed(_)));
    assert!(province.events().iter().any(|event| matches!(event, Event::ReleaseHeldBack(2_400..))));
    province.shows(&town, 2024).never();
    province.sim().sites[0].ahead_ms = 0;
    world.run(60_000);
    assert_eq!(state(&province), YearState::Released);
    world.agrees();
    town.shows(&town, 2024).once();
}

#[test]
fn a_year_that_is_partly_public_is_not_held_and_only_the_root_schedules() {
    let (world, [province, city, _, town]) = four_levels(82);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    assert!(matches!(schedules(&province, Some(1_000)), Err(ScheduleError::Public(2024))));
    let said = city.sim().turn(city.at, |node, turn| Ok(node.schedule(turn, 2023, None, false)));
    assert!(matches!(said, Some(Err(ScheduleError::NotRoot))));
}

/// How many of the year's reports an office shows to the public.
fn released(office: &Office) -> usize {
    let sim = office.sim();
    let year = sim.sites[office.at].node().ledger().disclosures().year(2024);
    year.flatten().filter(|revision| revision.state == RevisionState::Released).count()
}

#[test]
fn fault_03_a_crash_at_any_point_of_a_release_shows_no_half_year_at_any_level() {
    let stops = [Stop::BodiesWritten, Stop::BodiesSynced, Stop::FactsWritten, Stop::Unanswered];
    let mut stopped = 0;
    for (level, stop, nth) in
        (0..4).flat_map(|level| stops.map(|stop| [(level, stop, 0), (level, stop, 1)])).flatten()
    {
        let (world, offices) = four_levels(130 + level as u64);
        let ([province, .., town], victim) = (&offices, &offices[level]);
        schedules(province, Some(120_000)).expect("the year is held");
        for agency in ["甲局", "乙局", "丙局"] {
            town.publishes(agency, 2024, "处罚 7 宗");
        }
        world.run(119_000);
        let end = || victim.sim().sites[victim.at].disk.with(|record| record.end());
        let (mut appends, mut before, mut armed) = (0, end(), nth == 0);
        if armed {
            victim.stops_next(stop);
        }
        let until = world.seen().now_ms + 30_000;
        while world.sim().step(until) {
            let now = end();
            appends += usize::from(std::mem::replace(&mut before, now) != now);
            if !armed && appends == nth {
                victim.stops_next(stop);
                armed = true;
            }
            for office in offices.iter().filter(|office| office.is_up()) {
                let shown = released(office);
                assert!([0, 3].contains(&shown), "{} shows {shown} of three", office.division());
                assert!(shown == 0 || now_is_past(province), "nothing is shown before its instant");
            }
        }
        stopped += usize::from(!victim.is_up());
        victim.restarts();
        world.agrees();
        assert!(offices.iter().all(|office| released(office) == 3));
    }
    assert!(stopped >= 16, "only {stopped} machines stopped in a release");
}

/// The root's own clock says that the year may be public.
fn now_is_past(root: &Office) -> bool {
    matches!(state(root), YearState::Released) || !root.is_up()
}
