//! Faults of clocks, lines and messages, by their numbers in the design's trials.

use crate::story::{Office, four_levels};
use gongshi::digest::Digest;
use gongshi::statement::card::RefusalCode;
use gongshi::sync::Event;
use gongshi::sync::frame::Frame;
use gongshi::sync::release::YearState;
use gongshi::time::WallMs;

const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
const WEEK_MS: u64 = 7 * 24 * 3_600_000;

fn set_clock(office: &Office, ahead_ms: i64) {
    office.sim().sites[office.at].ahead_ms = ahead_ms;
}

#[test]
fn fault_09_wrong_clocks_below_the_root_change_no_order_and_release_nothing_early() {
    let (world, [province, city, district, town]) = four_levels(400);
    let at = province.sim().now(province.at).wall.0 + 1_800_000;
    let held =
        province.sim().turn(0, |node, turn| Ok(node.schedule(turn, 2024, Some(WallMs(at)), false).is_ok()));
    assert_eq!(held, Some(true));
    for (round, ahead_ms) in [10 * YEAR_MS, -10 * YEAR_MS, 1_000, -HOUR_MS, 0].into_iter().enumerate() {
        for office in [&city, &district] {
            set_clock(office, ahead_ms);
        }
        // Ten years ago there was no 2024 to report.
        set_clock(&town, ahead_ms.max(-HOUR_MS));
        let agency = format!("第{round}局");
        town.publishes(&agency, 2024, "处罚 7 宗");
        world.run(60_000);
        for office in [&province, &city, &district, &town] {
            office.shows(&town, 2024).never();
        }
    }
    world.run(1_800_000);
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2024).times(5);
    }
    world.agrees();
}

#[test]
fn fault_09_a_root_whose_clock_is_set_back_goes_on_in_order_and_is_not_stale() {
    let (world, [province, city, .., town]) = four_levels(401);
    for ahead_ms in [2 * HOUR_MS, 0, -2 * HOUR_MS, HOUR_MS, 1_000] {
        set_clock(&province, ahead_ms);
        town.publishes(&format!("第{}局", ahead_ms / 1_000 + 8_000), 2023, "处罚 7 宗");
        world.run(2 * HOUR_MS as u64);
    }
    for office in [&city, &town] {
        assert!(!office.events().contains(&Event::Stale), "renewals are told from older ones");
    }
    set_clock(&province, 0);
    world.agrees();
    town.shows(&town, 2023).times(5);
}

#[test]
fn fault_09_expiry_is_not_undone_by_setting_the_clock_back() {
    let (world, [province, city, _, town]) = four_levels(402);
    set_clock(&province, 6 * YEAR_MS);
    city.publishes("市城管局", 2023, "检查 3 次");
    world.run(5_000);
    province.publishes("省司法厅", 2024, "检查 4 次");
    world.run(5_000);
    set_clock(&province, 0);
    // The town knows the root's time by now, and says so itself; were it to insist, the root would not take it.
    assert!(
        town.tries_to_publish("330282108", "附海镇人民政府", 2024, "处罚 7 宗")
            .is_some_and(|answer| answer.is_err())
    );
    let late = town.insists("附海镇人民政府", 2024);
    world.run(5_000);
    province.shows(&town, 2024).never();
    assert!(town.events().contains(&Event::OwnRefused(late, RefusalCode::OutsideValidity)));
    province.shows(&province, 2024).once();
    world.agrees();
}

#[test]
fn fault_10_every_line_cut_and_every_direction_stalled_goes_on_without_anybodys_hand() {
    for (line, direction) in (0..3).flat_map(|line| (0..3).map(move |direction| (line, direction))) {
        let (world, offices) = four_levels(410 + 3 * line as u64 + direction);
        let [province, .., town] = &offices;
        let (above, below) = (&offices[line], &offices[line + 1]);
        let before = town.root_size();
        match direction {
            0 => world.cut(above, below),
            1 => world.stall(above, below),
            _ => world.stall(below, above),
        }
        town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
        province.publishes("省司法厅", 2024, "检查 4 次");
        world.run(120_000);
        assert!(province.root_size() > before, "both sides go on");
        province.shows(town, 2024).never();
        for office in &offices {
            assert!(
                office.root_size() >= before && office.checkpoint_note().len() > 100,
                "what was shown is"
            );
        }
        world.heal(above, below);
        world.agrees();
        for office in &offices {
            office.shows(town, 2024).once();
            office.shows(province, 2024).once();
        }
    }
}

#[test]
fn fault_12_frames_that_come_twice_out_of_order_and_a_week_late_change_nothing() {
    let (world, [province, city, district, town]) = four_levels(420);
    world.sim().network.doubled_percent = 30;
    world.sim().network.lost_percent = 10;
    let lines = [(&town, &district), (&district, &city), (&city, &province)];
    for (below, above) in lines {
        world.sim().keep(below.at, above.at);
        world.sim().keep(above.at, below.at);
    }
    for round in 0..20 {
        town.publishes(&format!("第{round}局"), 2023, "处罚 7 宗");
        city.publishes(&format!("第{round}局"), 2022, "检查 3 次");
        world.run([1, 30, 900][round % 3]);
    }
    world.agrees();
    let before = (province.root_size(), province.view_root());
    world.run(WEEK_MS);
    for (below, above) in lines {
        world.cut(below, above);
        world.run(1_000);
        world.heal(below, above);
    }
    world.settle();
    let mut late = 0;
    for (below, above) in lines {
        late += world.sim().bring_kept(below.at, above.at);
        late += world.sim().bring_kept(above.at, below.at);
    }
    assert!(late > 200, "{late} frames of last week");
    world.agrees();
    assert_eq!((province.root_size(), province.view_root()), before);
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2023).times(20);
    }
}

#[test]
fn fault_24_a_poisoned_child_costs_itself_alone() {
    let (world, [province, city, district, town]) = four_levels(430);
    world.someone_lies();
    let key = town.sim().sites[town.at].signing().public();
    let poison = [
        Frame::Push { origin: key, first: u64::MAX, entries: Vec::new(), note: Some("—".repeat(10_000)) },
        Frame::Held { root_size: u64::MAX, send_all: true },
        Frame::Have { origin: key, size: Some(u64::MAX) },
        Frame::Propose { origin: key, note: String::new(), chain: Vec::new() },
        Frame::Attest { note: "\0".to_owned() },
        Frame::Leaves {
            first: u64::MAX,
            leaves: Vec::new(),
            note: String::new(),
            proof: vec![Digest::ZERO; 200],
        },
        Frame::Clock { at: WallMs(u64::MAX) },
        Frame::Receipt { origin: key, note: String::new() },
    ];
    for (round, frame) in poison.iter().enumerate() {
        let open = world.seen().network.between(town.at, district.at);
        let Some((conn, end)) = open else { panic!("the town is back after {round} of them") };
        world.sim().send(conn, end, frame);
        world.run(200);
        city.publishes(&format!("第{round}局"), 2023, "检查 3 次");
        world.run(5_000);
        for office in [&province, &city, &district] {
            assert!(office.is_up(), "{} goes on after {round}", office.division());
            office.shows(&city, 2023).times(round + 1);
        }
    }
    // The sessions that it spoiled are gone; the town itself is none the worse.
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2024).once();
    }
    let now = province.sim().now(0).wall;
    assert_eq!(province.sim().sites[0].node().year_state(2024, now), YearState::Open);
}
