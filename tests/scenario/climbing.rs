//! Reports climb, the root's log comes back down, and every level shows the same.

use crate::story::{Office, World, four_levels};
use gongshi::statement::Act;
use gongshi::statement::card::Policy;

#[test]
fn a_report_climbs_four_levels_and_comes_back_once() {
    let (world, [province, city, district, town]) = four_levels(1);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2024).once();
        office.shows(&town, 2023).never();
    }
    let again = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    assert!(!again.signed, "the same content is not said twice");
    world.agrees();
    province.shows(&town, 2024).once();
}

#[test]
fn a_correction_follows_its_report_on_every_level() {
    let (world, [province, city, district, town]) = four_levels(2);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    town.corrects("附海镇人民政府", 2024, "处罚 8 宗").expect("a standing report");
    world.agrees();
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2024).at_revision(2);
    }
}

#[test]
fn a_town_directly_under_a_city_is_at_the_province_while_another_district_is_down() {
    let (world, [province, city, district, town]) = four_levels(3);
    let direct = world.town("330203001", &city);
    world.settle();
    district.crashes();
    town.publishes("附海镇人民政府", 2024, "处罚 1 宗");
    direct.publishes("直属街道", 2024, "处罚 2 宗");
    world.settle();
    province.shows(&direct, 2024).once();
    direct.shows(&direct, 2024).once();
    province.shows(&town, 2024).never();
    assert_eq!(direct.unacknowledged(), 0);
    assert!(town.unacknowledged() > 0, "nobody gave the town a receipt");
    district.restarts();
    world.agrees();
    province.shows(&town, 2024).once();
    town.shows(&direct, 2024).once();
}

#[test]
fn a_district_that_was_down_catches_up() {
    let (world, [province, city, district, town]) = four_levels(4);
    district.crashes();
    for year in 2020..2025 {
        city.publishes("市城管局", year, "检查 3 次");
        province.publishes("省司法厅", year, "检查 4 次");
    }
    world.settle();
    world.run(3_600_000);
    district.restarts();
    world.agrees();
    for year in 2020..2025 {
        district.shows(&city, year).once();
        town.shows(&province, year).once();
    }
}

#[test]
fn what_is_published_while_the_parent_is_unreachable_is_durable_and_climbs_later() {
    let (world, [province, city, district, town]) = four_levels(5);
    for ancestor in [&province, &city, &district] {
        world.cut(ancestor, &town);
    }
    let published = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(3_600_000);
    town.crashes();
    town.restarts();
    let again = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    assert_eq!((again.digest, again.signed), (published.digest, false), "it is still there");
    province.shows(&town, 2024).never();
    for ancestor in [&province, &city, &district] {
        world.heal(ancestor, &town);
    }
    world.agrees();
    province.shows(&town, 2024).once();
}

#[test]
fn a_line_that_stalls_one_way_holds_up_and_loses_nothing() {
    let (world, [province, city, district, town]) = four_levels(6);
    for (from, to, year) in [(&city, &district, 2023), (&district, &city, 2024)] {
        world.stall(from, to);
        town.publishes("附海镇人民政府", year, "处罚 7 宗");
        city.publishes("市城管局", year, "检查 3 次");
        world.run(60_000);
        town.shows(&town, year).never();
        world.heal(&city, &district);
        world.agrees();
        province.shows(&town, year).once();
        town.shows(&city, year).once();
    }
}

#[test]
fn a_late_joiner_receives_everything_in_several_packs() {
    let world = World::new(7);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    world.settle();
    world.cut(&province, &city);
    for at in 0..600_u16 {
        let (agency, figures) = (format!("第{}局", at / 10), format!("检查 {at} 次"));
        city.publishes(&agency, 2010 + at % 10, &figures);
    }
    world.heal(&province, &city);
    world.agrees();
    let district = world.district("330282", &city);
    world.agrees();
    assert!(district.root_size() > 600);
    let text = |office: &Office| office.checkpoint_note().split("\n\n").next().map(str::to_owned);
    assert_eq!(text(&district), text(&province), "the same checkpoint");
    district.shows(&city, 2015).times(60);
}

#[test]
fn a_towns_reports_wait_until_its_delegate_is_sequenced_and_are_accepted_then() {
    let world = World::new(8);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    let district = world.district("330282", &city);
    world.settle();
    world.cut(&city, &district);
    let town = world.town("330282108", &district);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.settle();
    assert_eq!(town.unacknowledged(), 0, "the district gave a receipt");
    town.shows(&town, 2024).never();
    world.heal(&city, &district);
    world.agrees();
    for office in world.offices() {
        office.shows(&town, 2024).once();
    }
}

#[test]
fn a_renewed_cosignature_reaches_all_levels_while_idle() {
    let (world, [province, .., town]) = four_levels(9);
    world.agrees();
    let renewed = |office: &Office| {
        let note = office.checkpoint_note();
        office.sim().sites[office.at].node().renewed_at(&note)
    };
    let (before, size) = (renewed(&town), town.root_size());
    world.run(1_300_000);
    assert!(renewed(&town) >= before + 1_200, "two renewals arrived");
    assert_eq!((renewed(&town), town.root_size()), (renewed(&province), size));
    world.agrees();
}

#[test]
fn the_roll_call_at_the_province_lists_every_node_and_all_agree() {
    let (world, [province, _, _, town]) = four_levels(10);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    let sim = province.sim();
    let lines = sim.sites[0].node().roll_call();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.agrees && line.at.is_some() && line.size > 5));
}

#[test]
fn nothing_of_a_held_year_is_public_before_its_release() {
    let world = World::new(11);
    let province = world.province_with("330000", Policy { held_until_release: true, ..Policy::default() });
    let city = world.city("330200", &province);
    let town = world.town("330203001", &city);
    world.settle();
    let before = province.view_root();
    town.publishes("直属街道", 2024, "处罚 2 宗");
    world.agrees();
    assert_eq!(province.view_root(), before, "the view root says nothing of it");
    province.shows(&town, 2024).never();
    province.says(Act::Release { year: 2024 });
    world.agrees();
    assert_ne!(town.view_root(), before);
    for office in world.offices() {
        office.shows(&town, 2024).once();
    }
}
