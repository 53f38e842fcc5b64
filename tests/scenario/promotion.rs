//! The root's machine is lost for good: what a mirror holds goes on as the root's record, under keys that the anchor names.

use crate::healing::frames_of;
use crate::story::{Office, World, four_levels};
use gongshi::log::checkpoint::{Checkpoint, root_origin};
use gongshi::log::note::{self, Note};
use gongshi::record::{Batch, Frame, MemoryRecord, Record, Stream};
use gongshi::statement::{Act, Entry};
use gongshi::sync::Event;
use gongshi::sync::frame;
use gongshi::sync::promote::{Promotion, Standby, root_by};
use gongshi::trust::key::SecretKey;

/// What a mirror's disk holds: bodies, then facts.
type Copy = (Vec<Frame>, Vec<Frame>);

fn copy_of(mirror: &Office) -> Copy {
    mirror.sim().sites[mirror.at].disk.with(|record| frames_of(record)).expect("a sound record")
}

/// The root's machine is gone; another starts from a mirror's copy with a new signing key, and with the transport key if
/// that was kept on paper.
fn promotes(root: &Office, copy: &Copy, paper: bool) {
    if root.is_up() {
        root.crashes();
    }
    let mut sim = root.sim();
    sim.fault("root lost");
    let transport = if paper { sim.sites[root.at].transport } else { sim.random_bytes() };
    let seeds = [sim.random_bytes(), transport];
    let [signing, transport] = seeds.map(|seed| SecretKey::from_seed(&seed));
    let mut standby = Standby::default();
    copy.1.iter().for_each(|frame| standby.take(frame));
    let asked = standby.ask(sim.now(root.at).wall, None, (&signing, &transport), Vec::new());
    let asked = asked.expect("a mirror knows its root");
    let anchor = sim.anchor();
    let act = Act::Delegate(Box::new(asked.delegation));
    let grant = Entry::sign(&anchor, &anchor.public().id(), asked.index, sim.random_bytes(), act);
    let grant = grant.expect("within bounds");
    let other = SecretKey::from_seed(&[1; 32]).public();
    assert!(root_by(&grant, &anchor.public(), other, transport.public()).is_none(), "of these keys alone");
    assert!(root_by(&grant, &other, signing.public(), transport.public()).is_none(), "by this anchor alone");
    let identity = root_by(&grant, &anchor.public(), signing.public(), transport.public());
    let mut batch = Batch::default();
    let mut promotion = Promotion::new(identity.expect("the anchor's word"), grant, &mut batch.facts);
    copy.0.iter().for_each(|frame| promotion.take(Stream::Bodies, frame, &mut batch.bodies));
    copy.1.iter().for_each(|frame| promotion.take(Stream::Facts, frame, &mut batch.facts));
    promotion.finish(&mut batch.facts);
    let mut record = MemoryRecord::new();
    record.append(&batch).expect("appended");
    sim.auditor.forget(root.at);
    let site = &mut sim.sites[root.at];
    site.is_replaced(seeds);
    site.disk.with(|disk| *disk = record);
    sim.restart(root.at, true);
}

/// A world in which a copy of a mirror was made, and what happened after it.
fn lost(seed: u64, mirror: usize) -> (World, [Office; 4], Copy) {
    let (world, offices) = four_levels(seed);
    let [province, city, _, town] = &offices;
    world.city("330100", province);
    province.publishes("省司法厅", 2023, "处罚 1 宗");
    town.publishes("附海镇人民政府", 2023, "处罚 7 宗");
    world.agrees();
    let copy = copy_of(&offices[mirror]);
    province.publishes("省公安厅", 2024, "处罚 2 宗");
    city.publishes("市司法局", 2024, "处罚 3 宗");
    town.publishes("附海镇人民政府", 2024, "处罚 8 宗");
    world.agrees();
    (world, offices, copy)
}

#[test]
fn fault_16_any_mirror_takes_the_lost_roots_place_and_all_follow_with_or_without_its_transport_key() {
    for (n, (mirror, paper)) in
        [(1, true), (1, false), (2, true), (2, false), (3, true), (3, false)].into_iter().enumerate()
    {
        let (world, offices, copy) = lost(900 + n as u64, mirror);
        let [province, city, _, town] = &offices;
        let old = *province.sim().sites[province.at].node().own_key();
        let size = city.root_size();
        promotes(province, &copy, paper);
        world.agrees();
        assert!(province.root_size() > size, "mirror {mirror}: what the copy lacked came from the children");
        town.publishes("甲局", 2024, "处罚 6 宗");
        province.publishes("乙局", 2024, "处罚 9 宗");
        world.agrees();
        for office in world.offices() {
            office.shows(province, 2023).once();
            office.shows(province, 2024).times(2);
            office.shows(city, 2024).once();
            office.shows(town, 2024).times(2);
            let sim = office.sim();
            let registry = sim.sites[office.at].node().ledger().registry();
            assert!(registry.ending(&old).is_some() && registry.root() != Some(&old));
        }
        assert!(province.events().contains(&Event::Recovered));
        // It restarts as any root does, and is lost once more.
        province.crashes();
        province.restarts_with_empty_index();
        world.agrees();
        let copy = copy_of(city);
        promotes(province, &copy, !paper);
        world.agrees();
        town.publishes("丙局", 2024, "处罚 6 宗");
        world.agrees();
    }
}

#[test]
fn a_promoted_root_that_reaches_nobody_signs_nothing_and_a_crash_at_any_point_of_it_is_made_good() {
    let (world, offices, copy) = lost(920, 1);
    let [province, city, ..] = &offices;
    for other in world.offices().iter().filter(|other| other.at != province.at) {
        world.cut(province, other);
    }
    let size = city.root_size();
    promotes(province, &copy, false);
    for _ in 0..5 {
        world.run(120_000);
        assert!(province.sim().sites[province.at].node().is_recovering());
    }
    world.sim().heal_all();
    for ms in [5, 40, 200, 900, 4_000, 11_000] {
        world.run(ms);
        province.crashes();
        province.restarts_with_empty_index();
    }
    world.agrees();
    assert_eq!(city.root_size(), size + 1, "the anchor's Delegate, once");
}

#[test]
fn fault_17_what_the_lost_roots_key_signs_after_its_end_is_refused_at_every_level() {
    let (world, offices, copy) = lost(930, 1);
    let [province, city, district, town] = &offices;
    let old = province.sim().sites[province.at].signing();
    promotes(province, &copy, true);
    world.agrees();
    world.someone_lies();
    let (size, root) = city.sim().sites[city.at].node().root_log();
    let origin = root_origin(&city.sim().sites[city.at].node().federation());
    let forged = |size: u64| {
        let text = Checkpoint { origin: origin.clone(), size, root }.to_text();
        let signatures = vec![note::sign(&text, &origin, &old)];
        Note { text, signatures }.to_string()
    };
    for (from, to) in [(province, city), (city, district), (district, town)] {
        let before = to.checkpoint_note();
        for note in [forged(size), forged(size + 1)] {
            for said in [
                frame::Frame::Renewed { note: note.clone() },
                frame::Frame::Leaves { first: size, leaves: Vec::new(), note, proof: Vec::new() },
            ] {
                let mut sim = world.sim();
                let (conn, end) = sim.network.between(from.at, to.at).expect("a connection");
                sim.send(conn, end, &said);
                sim.run(200);
                drop(sim);
                let faults = to.events();
                assert!(
                    matches!(
                        faults.iter().rev().find(|event| matches!(event, Event::PeerFault(..))),
                        Some(Event::PeerFault(_, "bad_checkpoint"))
                    ),
                    "{faults:?}"
                );
                to.sim().sites[to.at].events.clear();
                world.settle();
            }
        }
        assert_eq!(to.checkpoint_note().lines().nth(1), before.lines().nth(1), "the size stays");
    }
    // What it says of its own log is refused by the fold.
    let own = {
        let sim = city.sim();
        let node = sim.sites[city.at].node();
        node.ledger().next_index(&old.public())
    };
    let federation = city.sim().sites[city.at].node().federation();
    let said = Entry::sign(&old, &federation, own, [3; 32], Act::Release { year: 2024 }).expect("in bounds");
    let now = province.sim().now(province.at).wall;
    let verdict = province.sim().sites[province.at].node().ledger().judge(&said, now);
    assert!(matches!(verdict, gongshi::ledger::Verdict::Refuse(_)), "{verdict:?}");
    world.agrees();
}
