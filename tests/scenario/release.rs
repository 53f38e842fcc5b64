//! One time for all levels, in a world with wrong clocks and cut lines.

use crate::climbing::four_levels;
use crate::story::Office;
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
fn a_root_whose_clock_disagrees_with_its_children_does_not_release_until_it_is_set() {
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
