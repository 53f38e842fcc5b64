//! Parents that are gone, swallow or freeze: what was sent reaches the root by another ancestor, and the alarm is
//! raised where the sender sits.

use crate::story::{Office, World, code, four_levels};
use gongshi::statement::card::RefusalCode;
use gongshi::sync::Event;
use gongshi::sync::ask::PathError;
use gongshi::sync::limits::{OTHER_PATH_AFTER_MS, STALE_AFTER_MS, SWALLOWED_AFTER_MS};
use gongshi::sync::path::DetourReason;

/// Another ancestor that an office talks to beside its parent.
fn detour(office: &Office) -> Option<DetourReason> {
    let sim = office.sim();
    let (reason, used) = sim.sites[office.at].node().detour()?;
    used.map(|_| reason)
}

fn swallowed_by(office: &Office) -> Option<String> {
    let sim = office.sim();
    sim.sites[office.at].node().swallowed().map(|alarm| alarm.by.to_string())
}

#[test]
fn after_ten_minutes_without_its_parent_a_town_talks_to_its_city_until_the_parent_is_back() {
    let (world, [province, city, district, town]) = four_levels(60);
    district.crashes();
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(OTHER_PATH_AFTER_MS - 60_000);
    province.shows(&town, 2024).never();
    world.run(120_000);
    province.shows(&town, 2024).once();
    town.shows(&town, 2024).once();
    assert_eq!((town.unacknowledged(), detour(&town)), (0, Some(DetourReason::Unreachable)));
    city.publishes("市城管局", 2024, "检查 3 次");
    world.settle();
    town.shows(&city, 2024).once();
    district.restarts();
    world.run(120_000);
    assert_eq!(detour(&town), None, "it is back with its parent");
    world.agrees();
    district.shows(&town, 2024).once();
}

#[test]
fn a_parent_that_swallows_is_named_and_gone_around() {
    let (world, [province, city, district, town]) = four_levels(61);
    // The district takes everything and nothing of it goes up, while the root log still comes down.
    world.stall(&district, &city);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(SWALLOWED_AFTER_MS + 10_000);
    assert_eq!(town.unacknowledged(), 0, "there is a receipt");
    for year in [2022, 2023] {
        assert_eq!(swallowed_by(&town), None, "the root log was not seen to go on for long enough");
        city.publishes("市城管局", year, "检查 3 次");
        world.run(SWALLOWED_AFTER_MS + 10_000);
    }
    assert_eq!(swallowed_by(&town).as_deref(), Some("330282"));
    assert!(town.events().contains(&Event::Swallowed(code("330282"), 0)));
    world.run(60_000);
    province.shows(&town, 2024).once();
    town.shows(&town, 2024).once();
    world.heal(&city, &district);
    world.agrees();
    assert_eq!(detour(&town), None, "what waited is answered, so the parent is enough again");
    town.publishes("附海镇人民政府", 2023, "处罚 6 宗");
    world.agrees();
    assert_eq!(swallowed_by(&town), None, "the parent's path works again");
}

#[test]
fn attack_18_a_frozen_view_is_stale_and_gone_around_with_all_that_waits_below() {
    let (world, [province, city, district, town]) = four_levels(62);
    world.stall(&district, &city);
    world.stall(&city, &district);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(STALE_AFTER_MS - 120_000);
    assert!(!town.events().contains(&Event::Stale));
    world.run(120_000);
    assert!(district.events().contains(&Event::Stale), "its view is frozen");
    assert!(!city.events().contains(&Event::Stale) && !province.events().contains(&Event::Stale));
    world.run(60_000);
    province.shows(&town, 2024).once();
    town.shows(&town, 2024).once();
    assert!(!town.events().contains(&Event::Stale), "the district hears it in time");
    assert_eq!(swallowed_by(&town), None, "nobody knows that anything was swallowed");
    world.heal(&city, &district);
    world.agrees();
    assert_eq!(detour(&town), None);
}

#[test]
fn the_operator_pushes_by_the_city_at_once_and_by_no_one_who_is_not_above() {
    let (world, [province, _, district, town]) = four_levels(63);
    district.crashes();
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    let push = |via: &str| {
        let via = code(via);
        let said = town.sim().turn(town.at, |node, turn| Ok(node.push(turn, Some(&via))));
        said.expect("the machine runs")
    };
    assert_eq!(push("330203"), Err(PathError::NotAbove(code("330203"))));
    push("330200").expect("the city is above");
    world.run(30_000);
    province.shows(&town, 2024).once();
    assert_eq!(town.unacknowledged(), 0);
    district.restarts();
    world.agrees();
    assert_eq!(detour(&town), None);
}

#[test]
fn an_ancestor_that_never_heard_of_a_town_takes_it_in_by_its_delegates() {
    let world = World::new(64);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    let district = world.district("330282", &city);
    world.settle();
    world.cut(&city, &district);
    let town = world.town("330282108", &district);
    world.run(1_000);
    district.crashes();
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(OTHER_PATH_AFTER_MS + 120_000);
    assert_eq!(town.unacknowledged(), 0, "the city took it");
    province.shows(&town, 2024).never();
    district.restarts();
    world.heal(&city, &district);
    world.agrees();
    province.shows(&town, 2024).once();
}

#[test]
fn a_parent_that_asks_again_hears_every_log_again() {
    let (world, [province, city, district, town]) = four_levels(65);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    let asked = city.sim().turn(city.at, |node, turn| Ok(node.pull(turn)));
    assert_eq!(asked, Some(2), "its parent and its district");
    world.agrees();
    for office in [&province, &city, &district] {
        office.shows(&town, 2024).once();
    }
}

#[test]
fn a_node_whose_delegate_is_refused_hears_that_its_reports_are_too() {
    let world = World::new(66);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    let district = world.district("330282", &city);
    world.settle();
    // Two levels delegate one division while they cannot talk.
    world.cut(&city, &district);
    let first = world.town("330282108", &city);
    world.settle();
    let second = world.town("330282108", &district);
    let published = second.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.heal(&city, &district);
    world.settle();
    let outcome = second.sim().turn(second.at, |node, turn| node.outcome(turn, &published.digest));
    assert_eq!(outcome.flatten(), Some(Err(RefusalCode::NoAuthority)));
    assert_eq!(swallowed_by(&second), None, "that is an answer");
    first.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.settle();
    province.shows(&first, 2024).once();
}

#[test]
fn an_ancestor_beside_the_parent_that_rotates_is_talked_to_on_one_session() {
    let (world, [province, city, district, town]) = four_levels(68);
    // Its new key is not sequenced: the town hears of it from the city alone.
    world.cut(&province, &city);
    assert!(city.rotates());
    district.crashes();
    world.run(OTHER_PATH_AFTER_MS + 120_000);
    assert_eq!(detour(&town), Some(DetourReason::Unreachable));
    let before = world.seen().steps;
    world.run(60_000);
    let steps = world.seen().steps - before;
    assert!(steps < 500, "{steps} steps in a minute in which nothing happens");
    district.restarts();
    world.heal(&province, &city);
    world.agrees();
}
