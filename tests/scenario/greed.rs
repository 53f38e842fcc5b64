//! Neighbours that ask for more than they need: what one of them gets in one turn is bounded, however it asks
//! (attack 42).

use crate::network::Carried;
use crate::story::{Office, World, four_levels};
use gongshi::statement::Act;
use gongshi::statement::card::Policy;
use gongshi::sync::frame::Frame;
use gongshi::sync::limits::{PACK_COUNT_MAX, PACKS_IN_FLIGHT_MAX};
use gongshi::sync::{ConnId, read_entry};

/// What an office sends a neighbour in the turn in which all of this comes from it.
fn answers(world: &World, office: &Office, to: &Office, asked: Vec<Frame>) -> Carried {
    let mut sim = world.sim();
    let line = (office.at, to.at);
    let (conn, _) = sim.network.between(office.at, to.at).expect("a connection");
    let before = sim.network.by_line[&line];
    sim.turn(office.at, |node, turn| {
        asked.into_iter().try_for_each(|frame| node.frame(turn, ConnId(conn), frame))
    });
    let after = sim.network.by_line[&line];
    Carried { frames: after.frames - before.frames, bytes: after.bytes - before.bytes }
}

#[test]
fn attack_42_whoever_asks_forty_times_in_one_turn_gets_what_it_gets_for_asking_once() {
    let (world, [_, _, district, town]) = four_levels(46);
    let statement = town.publishes("附海镇人民政府", 2024, "处罚 7 宗").digest;
    world.agrees();
    let (origin, body) = {
        let sim = town.sim();
        let entry =
            read_entry(sim.sites[town.at].store.as_ref(), &statement).expect("readable").expect("held");
        let body = entry.card.act.report().and_then(|report| report.package()).expect("a body");
        (*sim.sites[town.at].node().own_key(), body.digest)
    };
    for ask in [
        Frame::Want { origin: Some(origin), first: 0 },
        Frame::WantChunks { statement, body, from: 0, count: 1, outline: true },
        Frame::Held { root_size: 0, send_all: true },
    ] {
        let once = answers(&world, &district, &town, vec![ask.clone()]);
        world.run(5_000);
        let often = answers(&world, &district, &town, vec![ask.clone(); 40]);
        world.run(5_000);
        assert!(once.frames > 0, "{ask:?} is answered");
        assert_eq!((often.frames, often.bytes), (once.frames, once.bytes), "{ask:?}");
    }
    world.agrees();
}

#[test]
fn attack_42_whoever_claims_to_hold_more_than_there_is_gets_no_larger_window() {
    let (world, [province, _, district, town]) = four_levels(47);
    world.stall(&town, &district);
    let window = PACKS_IN_FLIGHT_MAX * PACK_COUNT_MAX as u64;
    province.sim().turn(province.at, |node, turn| {
        for _ in 0..window + 76 {
            node.say(turn, Act::Policy(Policy::default())).expect("the root may");
        }
        Ok(())
    });
    world.run(10_000);
    assert_eq!(district.root_size(), province.root_size());
    assert!(town.root_size() < province.root_size(), "the rest waits until it says what it holds");
    let claim = Frame::Held { root_size: u64::MAX - 2 * window, send_all: false };
    let sent = answers(&world, &district, &town, vec![claim]);
    assert_eq!(sent.frames, 0, "{} bytes were sent for a claim", sent.bytes);
    // A new connection begins with what is true.
    world.cut(&town, &district);
    world.heal(&town, &district);
    world.agrees();
}
