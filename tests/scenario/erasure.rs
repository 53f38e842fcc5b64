//! Illegal personal data was published: it is withdrawn with erasure, goes from every machine, and never comes back.

use crate::story::{Office, World, four_levels};
use gongshi::digest::Digest;
use gongshi::record::{Record, Stream};
use gongshi::store::{Read, layout};
use gongshi::sync::body::PackedBody;
use gongshi::sync::{erased_by, read_entry};
use std::ops::ControlFlow;

/// Body digests of a statement that an office holds.
fn bodies(office: &Office, statement: &Digest) -> Vec<Digest> {
    let sim = office.sim();
    let entry = read_entry(sim.sites[office.at].store.as_ref(), statement).expect("readable").expect("held");
    let report = entry.card.act.report().expect("a report");
    report.bodies.iter().map(|body| body.digest).collect()
}

/// Whether anything of a body is in an office's index or record.
fn has(office: &Office, body: &Digest) -> bool {
    let sim = office.sim();
    let site = &sim.sites[office.at];
    let chunk = site.store.get(&layout::body_chunk(body, 0)).expect("readable").is_some();
    let mut recorded = false;
    site.disk
        .replay(Default::default(), &mut |stream, _, frame| {
            recorded |= stream == Stream::Bodies && PackedBody::digest_of(&frame) == Some(*body);
            ControlFlow::Continue(())
        })
        .expect("readable");
    chunk || recorded || PackedBody::is_held(site.store.as_ref(), body).expect("readable")
}

fn erases(office: &Office, statement: &Digest) {
    let said =
        office.sim().turn(office.at, |node, turn| Ok(node.withdraw(turn, statement, "误公示个人信息", true)));
    said.expect("the machine runs").expect("it is withdrawn");
}

fn is_gone(offices: &[Office], gone: &[Digest]) {
    for office in offices {
        for body in gone {
            assert!(!has(office, body), "{} still has {body}", office.division());
            let sim = office.sim();
            let by = erased_by(sim.sites[office.at].store.as_ref(), body).expect("readable");
            assert!(by.is_some(), "{} says why", office.division());
        }
    }
}

/// Two revisions with personal data at a town, withdrawn with erasure; their bodies.
fn erased_world(seed: u64) -> (World, [Office; 4], Vec<Digest>) {
    let (world, offices) = four_levels(seed);
    let town = &offices[3];
    let first = town.publishes("附海镇人民政府", 2024, "张三 13800000000").digest;
    world.agrees();
    let second = town.corrects("附海镇人民政府", 2024, "李四 13900000000").expect("a revision");
    world.agrees();
    let mut gone = bodies(town, &first);
    gone.extend(bodies(town, &second));
    assert!(offices.iter().all(|office| gone.iter().all(|body| has(office, body))));
    erases(town, &second);
    world.agrees();
    (world, offices, gone)
}

#[test]
fn erased_bodies_go_from_the_index_and_the_record_of_every_node() {
    let (world, offices, gone) = erased_world(90);
    is_gone(&offices, &gone);
    let again = offices[3].publishes("附海镇人民政府", 2024, "处罚 7 宗");
    assert_eq!(again.revision, 3, "the chain goes on");
    world.agrees();
    offices[0].shows(&offices[3], 2024).at_revision(3);
    for office in &offices {
        office.crashes();
        office.restarts_with_empty_index();
    }
    world.agrees();
    is_gone(&offices, &gone);
}

#[test]
fn who_joins_after_an_erasure_receives_the_whole_log_without_the_erased_bodies() {
    let (world, [_, city, ..], gone) = erased_world(91);
    let late = world.district("330203", &city);
    world.agrees();
    is_gone(&[late], &gone);
}

#[test]
fn an_old_backup_brings_nothing_back() {
    let (world, offices) = four_levels(92);
    let [_, city, district, town] = &offices;
    let first = town.publishes("附海镇人民政府", 2024, "张三 13800000000").digest;
    world.agrees();
    let gone = bodies(town, &first);
    let backups: Vec<_> = [city, district, town]
        .map(|office| office.sim().sites[office.at].disk.with(|record| record.clone()))
        .into();
    erases(town, &first);
    world.agrees();
    for (office, backup) in [city, district, town].into_iter().zip(backups) {
        office.crashes();
        office.sim().sites[office.at].disk.with(|record| *record = backup);
        office.restarts_with_empty_index();
        world.agrees();
    }
    is_gone(&offices, &gone);
}

#[test]
fn a_crash_between_withdrawing_and_erasing_is_made_good_at_the_next_start() {
    let (world, offices, gone) = erased_world(93);
    let town = &offices[3];
    // As if the machine had stopped before the record was blanked: the count of erasures done is behind.
    town.crashes();
    {
        let sim = town.sim();
        let store = &sim.sites[town.at].store;
        let mut puts = gongshi::store::Batch::new();
        puts.delete(layout::ERASURES.to_vec());
        gongshi::store::Store::commit(store.as_ref(), &puts).expect("committed");
    }
    town.restarts();
    world.agrees();
    is_gone(&offices, &gone);
}
