//! Machines stop at any point of an append, lose their index, and come back.

use crate::story::{Office, World, four_levels};
use gongshi::record::Stop;
use gongshi::statement::card::RefusalCode;

const STOPS: [Stop; 4] = [Stop::BodiesWritten, Stop::BodiesSynced, Stop::FactsWritten, Stop::Unanswered];

/// A machine stops in its `nth` append from now (the first is 0), if it comes to that.
fn stops_after(world: &World, office: &Office, nth: usize, stop: Stop) -> bool {
    let end = |office: &Office| {
        office.sim().sites[office.at].disk.with(|record| gongshi::record::Record::end(record))
    };
    let (mut appends, mut before) = (0, end(office));
    let until = world.seen().now_ms + 120_000;
    while appends < nth {
        if !world.sim().step(until) {
            return false;
        }
        let now = end(office);
        if now != before {
            (appends, before) = (appends + 1, now);
        }
    }
    office.stops_next(stop);
    true
}

/// One node stops at one point of one of its appends while a report climbs and comes back.
fn a_node_stops(level: usize, stop: Stop, nth: usize, keeps_index: bool) -> bool {
    let seed = 100 + level as u64;
    let (world, offices) = four_levels(seed);
    let [province, .., town] = &offices;
    let victim = &offices[level];
    town.publishes("附海镇人民政府", 2023, "处罚 6 宗");
    world.settle();
    let mut confirmed = None;
    if nth == 0 {
        victim.stops_next(stop);
    }
    let answer = town.tries_to_publish("330282108", "附海镇人民政府", 2024, "处罚 7 宗");
    if let Some(Ok(published)) = answer {
        confirmed = Some(published.digest);
    }
    let armed = nth == 0 || stops_after(&world, victim, nth, stop);
    world.settle();
    let stopped = !victim.is_up();
    world.sim().restart(victim.at, keeps_index);
    world.settle();
    let again = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    if let Some(digest) = confirmed {
        assert_eq!((again.digest, again.signed), (digest, false), "what was confirmed is still there");
    }
    world.agrees();
    for office in &offices {
        office.shows(town, 2024).once();
    }
    assert_eq!(province.root_size(), 8, "policy, template, four delegates, two reports: nothing twice");
    armed && stopped
}

#[test]
fn fault_01_a_crash_of_any_node_at_any_point_of_any_append_loses_nothing_that_was_confirmed() {
    let mut stopped = 0;
    for level in 0..4 {
        for stop in STOPS {
            for nth in 0.. {
                if !a_node_stops(level, stop, nth, true) {
                    break;
                }
                stopped += 1;
            }
        }
    }
    assert!(stopped >= 28, "only {stopped} stops");
}

#[test]
fn a_crash_that_takes_the_index_too_loses_nothing() {
    for level in 0..4 {
        for stop in STOPS {
            a_node_stops(level, stop, 0, false);
        }
    }
}

#[test]
fn a_node_whose_index_is_emptied_rebuilds_it_from_its_record() {
    let (world, offices) = four_levels(21);
    let [_, city, _, town] = &offices;
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    city.publishes("市城管局", 2024, "检查 3 次");
    world.agrees();
    for office in &offices {
        office.crashes();
        office.restarts_with_empty_index();
    }
    world.agrees();
    for office in &offices {
        office.shows(town, 2024).once();
        office.shows(city, 2024).once();
    }
}

#[test]
fn a_crash_in_the_middle_of_starting_again_is_survived() {
    let (world, offices) = four_levels(22);
    let [province, _, district, town] = &offices;
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    for stop in STOPS {
        world.run(30);
        district.crashes();
        district.stops_next(stop);
        district.restarts();
        world.run(2_000);
        if !district.is_up() {
            district.restarts();
        }
    }
    world.agrees();
    province.shows(town, 2024).once();
}

#[test]
fn all_nodes_crash_at_once_and_go_on() {
    let (world, offices) = four_levels(23);
    let [province, .., town] = &offices;
    for (at, pause) in [0, 20, 60, 120, 200, 400].into_iter().enumerate() {
        town.publishes(&format!("第{at}局"), 2024, "处罚 7 宗");
        world.run(pause);
        offices.iter().for_each(Office::crashes);
        offices.iter().for_each(Office::restarts);
    }
    world.agrees();
    province.shows(town, 2024).times(6);
}

#[test]
fn two_levels_that_invite_one_town_hold_up_nobody_else() {
    let world = World::new(24);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    let district = world.district("330282", &city);
    world.settle();
    // Both invite the same town while they cannot talk: the root takes the first and refuses the other.
    world.cut(&city, &district);
    let late = world.town("330282108", &district);
    let first = world.town("330282108", &city);
    world.settle();
    first.publishes("附海镇人民政府", 2023, "处罚 7 宗");
    late.publishes("附海镇人民政府", 2022, "处罚 6 宗");
    world.settle();
    world.heal(&city, &district);
    world.settle();
    district.publishes("县司法局", 2024, "检查 1 次");
    world.settle();
    for office in [&province, &late, &first] {
        office.shows(&first, 2023).once();
        office.shows(&first, 2022).never();
        office.shows(&district, 2024).once();
    }
}

#[test]
fn the_reports_of_a_refused_delegate_are_refused_after_a_restart_of_the_root_too() {
    let (world, [province, city, ..]) = four_levels(25);
    // By the root's clock the city's delegation is over; by the city's it is not.
    province.sim().sites[0].ahead_ms = 6 * 365 * 86_400_000;
    world.cut(&province, &city);
    let town = world.town("330203001", &city);
    world.settle();
    world.cut(&city, &town);
    let published = town.publishes("直属街道", 2024, "处罚 2 宗");
    world.heal(&province, &city);
    world.settle();
    province.crashes();
    province.restarts();
    world.heal(&city, &town);
    world.settle();
    assert_eq!(town.unacknowledged(), 0);
    province.shows(&town, 2024).never();
    let refused = gongshi::sync::Event::OwnRefused(published.digest, RefusalCode::NoAuthority);
    assert!(town.events().contains(&refused), "the town is told");
}

/// A report climbs; the victim stops in its `first` append, and again in the `second` of its recovery.
fn stops_twice(level: usize, (first, second): (usize, usize), stops: [Stop; 2]) -> bool {
    let (world, offices) = four_levels(140 + level as u64);
    let [province, .., town] = &offices;
    let victim = &offices[level];
    world.settle();
    if first == 0 {
        victim.stops_next(stops[0]);
    }
    let answer = town.tries_to_publish("330282108", "附海镇人民政府", 2024, "处罚 7 宗");
    let confirmed = answer.and_then(Result::ok).map(|published| published.digest);
    let once = first == 0 || stops_after(&world, victim, first, stops[0]);
    world.run(5_000);
    if !once || victim.is_up() {
        return false;
    }
    if second == 0 {
        victim.stops_next(stops[1]);
    }
    victim.restarts_with_empty_index();
    let twice = second == 0 || stops_after(&world, victim, second, stops[1]);
    world.run(5_000);
    let twice = twice && !victim.is_up();
    victim.restarts();
    world.settle();
    let again = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    if let Some(digest) = confirmed {
        assert_eq!((again.digest, again.signed), (digest, false), "what was confirmed is still there");
    }
    world.agrees();
    province.shows(town, 2024).once();
    twice
}

#[test]
fn fault_02_a_second_crash_while_the_first_is_recovered_from_loses_nothing() {
    let mut pairs = 0;
    for level in 0..4 {
        for first in 0..4 {
            for second in 0..4 {
                let stops = [STOPS[(first + level) % 4], STOPS[(second + 2 * level + 1) % 4]];
                pairs += u64::from(stops_twice(level, (first, second), stops));
            }
        }
    }
    println!("{pairs} ordered pairs of crashes, 0 lost");
    assert!(pairs >= 8, "only {pairs} pairs came to a second crash");
}

#[test]
fn fault_05_power_cuts_of_all_machines_in_the_middle_of_appends_lose_nothing_acknowledged() {
    let (mut acknowledged, mut cuts) = (Vec::new(), 0);
    let (world, offices) = four_levels(150);
    let mut rng = crate::world::Rng::new(150);
    for round in 0..20_u64 {
        let publisher = &offices[rng.below(4) as usize];
        let armed = &offices[rng.below(4) as usize];
        armed.stops_next(STOPS[rng.below(4) as usize]);
        let (agency, division) = (format!("第{round}局"), publisher.division());
        if let Some(Ok(published)) = publisher.tries_to_publish(&division, &agency, 2024, "处罚 7 宗") {
            acknowledged.push((published.digest, publisher, agency));
        }
        world.run(rng.below(400));
        // What was not synced vanishes everywhere at once; some indexes do too.
        for office in &offices {
            if office.is_up() {
                office.crashes();
            }
            cuts += 1;
        }
        for office in &offices {
            if rng.below(3) == 0 { office.restarts_with_empty_index() } else { office.restarts() }
        }
    }
    world.agrees();
    for (digest, publisher, agency) in &acknowledged {
        let again = publisher.publishes(agency, 2024, "处罚 7 宗");
        assert_eq!((again.digest, again.signed), (*digest, false), "what was acknowledged is still there");
    }
    println!("{cuts} power cuts, {} acknowledged, 0 lost", acknowledged.len());
    assert!(acknowledged.len() > 5);
}

#[test]
fn fault_06_an_append_that_fails_ends_the_process_without_an_answer_and_a_start_is_clean() {
    for stop in STOPS {
        let (world, offices) = four_levels(160);
        let [province, .., town] = &offices;
        world.settle();
        town.stops_next(stop);
        let answer = town.tries_to_publish("330282108", "附海镇人民政府", 2024, "处罚 7 宗");
        assert!(
            answer.is_none() && !town.is_up(),
            "{stop:?}: nobody was told anything, and the process ended"
        );
        town.restarts();
        world.settle();
        town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
        world.agrees();
        province.shows(town, 2024).once();
    }
}
