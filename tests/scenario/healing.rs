//! Damage: flipped bits of a record, frames that are gone, bodies that rot in the index. A node heals from its
//! neighbours or refuses to start; it never shows, sends or signs what is not so.

use crate::story::{Office, World, four_levels};
use crate::world::{Rng, Sim};
use gongshi::digest::Digest;
use gongshi::log::checkpoint::root_origin;
use gongshi::ops::engine::{Engine, HighMarks};
use gongshi::ops::heal::{Aids, SalvageError, salvage};
use gongshi::package::report::Scope;
use gongshi::record::{
    Batch, FileRecord, Frame, MemoryRecord, Position, Record, RecordError, Stream, inspect,
};
use gongshi::store::{MemoryStore, Read, Store, layout};
use gongshi::sync::Event;
use gongshi::sync::body::PackedBody;
use gongshi::sync::read_entry;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Worlds of the ordinary run, one damaged record each; GONGSHI_SEEDS asks for more.
const WORLDS: u64 = 16;
/// Damaged copies of one record that are opened without their world.
const FLIPS: u64 = 100;

#[allow(clippy::disallowed_methods, reason = "how many seeds is for whoever runs the tests to say")]
fn worlds() -> u64 {
    std::env::var("GONGSHI_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(WORLDS)
}

pub(crate) fn frames_of(record: &dyn Record) -> Result<(Vec<Frame>, Vec<Frame>), RecordError> {
    let (mut bodies, mut facts) = (Vec::new(), Vec::new());
    record.replay(Position::default(), &mut |stream, _, frame| {
        if stream == Stream::Facts {
            facts.push(frame)
        } else {
            bodies.push(frame)
        }
        ControlFlow::Continue(())
    })?;
    Ok((bodies, facts))
}

/// The record of a machine as files, in segments of 16 KiB and batches of a few frames.
pub(crate) fn on_disk(sim: &Sim, at: usize, rng: &mut Rng) -> TempDir {
    let dir = TempDir::new().expect("a directory");
    let (bodies, facts) = sim.sites[at].disk.with(|record| frames_of(record)).expect("a sound record");
    let mut record = FileRecord::create(dir.path()).expect("a record").with_segment_bytes(16 << 10);
    let mut put = |mut rest: &[Frame], make: fn(Vec<Frame>) -> Batch| {
        while !rest.is_empty() {
            let (part, more) = rest.split_at((1 + rng.below(9) as usize).min(rest.len()));
            record.append(&make(part.to_vec())).expect("appended");
            rest = more;
        }
    };
    put(&bodies, |bodies| Batch { bodies, ..Batch::default() });
    put(&facts, |facts| Batch { facts, ..Batch::default() });
    dir
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let of = |name: &str| std::fs::read_dir(dir.join(name)).expect("a directory");
    let mut found: Vec<PathBuf> =
        of("facts").chain(of("bodies")).map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    found
}

/// Flips `bits` bits at random places of random files.
fn flip(dir: &Path, bits: u64, rng: &mut Rng) {
    let files = segments(dir);
    for _ in 0..bits {
        let file = &files[rng.below(files.len() as u64) as usize];
        let mut bytes = std::fs::read(file).expect("a file");
        let at = rng.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << rng.below(8);
        std::fs::write(file, bytes).expect("written");
    }
}

/// What a start makes of the files: the record to go on with, and whether it was damaged. None: it is refused.
fn opened(sim: &Sim, at: usize, dir: &Path, with_index: bool) -> Option<(MemoryRecord, bool)> {
    let site = &sim.sites[at];
    let mut fresh = MemoryRecord::new();
    let sound = inspect(dir, &mut |_| ControlFlow::Continue(())).expect("readable").damages.is_empty();
    if sound && let Ok((bodies, facts)) = FileRecord::open(dir).and_then(|(record, _)| frames_of(&record)) {
        fresh.append(&Batch { bodies, facts }).expect("appended");
        return Some((fresh, false));
    }
    let federation = site.engine.as_ref().map(|engine| engine.node().federation());
    let origin = federation.map(|federation| Digest::of(&[root_origin(&federation).as_bytes()]));
    let aids = Aids {
        keys: (
            site.keys().iter().map(gongshi::trust::key::SecretKey::public).collect(),
            site.transport().public(),
        ),
        index: with_index.then_some(site.store.as_ref() as &dyn Read),
        signed: origin.and_then(|origin| site.marks.of(&origin)),
    };
    match salvage(dir, &aids, &mut fresh) {
        Ok(_) => Some((fresh, true)),
        Err(SalvageError::NoIdentity) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The machine stops and starts from another record, with an empty index.
fn starts_from(office: &Office, record: MemoryRecord) {
    let mut sim = office.sim();
    sim.crash(office.at);
    sim.fault("record damaged");
    let site = &mut sim.sites[office.at];
    site.disk.with(|own| *own = record);
    site.store = Arc::new(MemoryStore::new());
    sim.restart(office.at, true);
}

fn busy(seed: u64) -> (World, [Office; 4]) {
    let (world, offices) = four_levels(seed);
    for (at, office) in offices.iter().enumerate() {
        for year in 2021..2024 {
            office.publishes(&format!("第{at}局"), year, "处罚 6 宗");
            world.run(300);
        }
        office.corrects(&format!("第{at}局"), 2022, "处罚 7 宗");
    }
    world.agrees();
    (world, offices)
}

#[test]
fn fault_08_flipped_bits_of_a_record_are_healed_from_neighbours_or_refused() {
    let (mut healed, mut refused, mut untouched) = (0, 0, 0);
    for seed in 0..worlds() {
        let (world, offices) = busy(800 + seed);
        let mut rng = Rng::new(seed ^ 0xf108);
        let victim = &offices[seed as usize % 4];
        let dir = on_disk(&world.seen(), victim.at, &mut rng);
        flip(dir.path(), 1 + rng.below(4), &mut rng);
        let with_index = rng.below(2) == 0;
        let found = opened(&world.seen(), victim.at, dir.path(), with_index);
        let Some((record, damaged)) = found else {
            refused += 1;
            continue;
        };
        starts_from(victim, record);
        world.run(120_000);
        assert!(!victim.sim().sites[victim.at].node().is_recovering(), "seed {seed}: not healed");
        victim.publishes("新局", 2024, "处罚 9 宗");
        world.agrees();
        offices[0].shows(victim, 2024).once();
        assert_eq!(victim.sim().sites[victim.at].node().bodies_lacking(), 0);
        if damaged { healed += 1 } else { untouched += 1 }
    }
    println!("record flips: {healed} healed, {refused} refused, {untouched} cut at the end, 0 silent");
    assert!(healed > worlds() / 2);
}

#[test]
fn fault_08_whatever_bits_are_flipped_a_node_opens_and_knows_what_it_lacks() {
    let (world, offices) = busy(850);
    let (mut known, mut same) = (0, 0);
    for (level, victim) in offices.iter().enumerate() {
        let sim = world.seen();
        let site = &sim.sites[victim.at];
        let whole = (site.node().own_log(), site.node().root_log(), site.node().ledger().view_root());
        let dir = on_disk(&sim, victim.at, &mut Rng::new(level as u64));
        let files: Vec<(PathBuf, Vec<u8>)> = segments(dir.path())
            .into_iter()
            .map(|path| (path.clone(), std::fs::read(path).expect("a file")))
            .collect();
        for flips in 0..FLIPS {
            let mut rng = Rng::new(flips * 4 + level as u64);
            files.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("written"));
            flip(dir.path(), 1 + rng.below(3), &mut rng);
            let Some((record, _)) = opened(&sim, victim.at, dir.path(), rng.below(3) == 0) else { continue };
            let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
            let (record, marks) = (Box::new(record), Box::new(site.marks.clone()));
            let engine = Engine::open(site.keys(), record, marks, store, sim.now(victim.at));
            let engine = engine.unwrap_or_else(|error| panic!("level {level}, {flips}: {error}"));
            let node = engine.node();
            let shown = (node.own_log(), node.root_log(), node.ledger().view_root());
            if node.is_recovering() {
                known += 1;
            } else {
                assert_eq!(shown, whole, "level {level}, {flips}: silent");
                same += 1;
            }
        }
    }
    println!("{known} opened behind their guard, {same} with everything, 0 silent");
    assert!(known > 0 && same > 0);
}

/// A report of the town: its statement and its package's digest.
fn a_body(office: &Office, town: &Office) -> (Digest, Digest) {
    let published = town.tries_to_publish(&town.division(), "腐坏局", 2020, "处罚 12 宗");
    let statement = published.expect("up").expect("published").digest;
    town.sim().settle();
    let sim = office.sim();
    let entry = read_entry(sim.sites[office.at].store.as_ref(), &statement).expect("readable").expect("held");
    (statement, entry.card.act.carried_bodies()[0].digest)
}

#[test]
fn fault_08_a_body_that_rots_in_the_index_is_neither_shown_nor_sent_and_comes_back() {
    for level in 0..4 {
        let (world, offices) = busy(860 + level as u64);
        let victim = &offices[level];
        let (statement, body) = a_body(victim, &offices[3]);
        {
            let sim = victim.sim();
            let store = sim.sites[victim.at].store.as_ref();
            let mut chunk = store.get(&layout::body_chunk(&body, 0)).expect("readable").expect("held");
            let middle = chunk.len() / 2;
            chunk[middle] ^= 0x10;
            let mut puts = gongshi::store::Batch::new();
            puts.put(layout::body_chunk(&body, 0), chunk);
            store.commit(&puts).expect("committed");
        }
        if level == 1 {
            // A new node below reads everything through the damaged one: it gets the right bytes or none.
            let late = world.district("330283", victim);
            world.run(120_000);
            late.shows(&offices[3], 2020).once();
        } else {
            // A page reads it, and says so.
            victim.sim().turn(victim.at, |node, turn| node.doubt_body(turn, &statement, &body).map(|_| ()));
            let held =
                PackedBody::is_held(victim.sim().sites[victim.at].store.as_ref(), &body).expect("readable");
            assert!(!held, "what is not so is not shown");
            world.run(30_000);
        }
        assert_eq!(victim.sim().sites[victim.at].node().bodies_lacking(), 0, "level {level}");
        assert!(victim.events().contains(&Event::BodyHere(body)));
        world.agrees();
    }
}

#[test]
fn a_body_that_comes_back_late_enters_the_sums_and_a_restart_goes_on_asking() {
    let (world, offices) = busy(870);
    let [_, city, district, town] = &offices;
    let content = crate::sums::content(7, false);
    let said = town.tries_to_publish_content(&town.division(), "表局", 2019, Scope::Own, content);
    let published = said.expect("up").expect("published").digest;
    world.agrees();
    let (figures, body) = {
        let sim = district.sim();
        let store = sim.sites[district.at].store.as_ref();
        let entry = read_entry(store, &published).expect("readable").expect("held");
        let figures = store.get(&layout::figures(&published)).expect("readable").expect("counted");
        (figures, entry.card.act.carried_bodies()[0].digest)
    };
    let figures_now = || {
        let sim = district.sim();
        sim.sites[district.at].store.get(&layout::figures(&published)).expect("readable")
    };
    let record = {
        let sim = district.sim();
        let (mut bodies, facts) =
            sim.sites[district.at].disk.with(|record| frames_of(record)).expect("a sound record");
        bodies.retain(|frame| PackedBody::digest_of(frame) != Some(body));
        let mut record = MemoryRecord::new();
        record.append(&Batch { bodies, facts }).expect("appended");
        record
    };
    for other in [city, town] {
        world.cut(district, other);
    }
    starts_from(district, record);
    assert_eq!(district.sim().sites[district.at].node().bodies_lacking(), 1);
    assert_ne!(figures_now().as_ref(), Some(&figures));
    // Nobody could be asked yet; the row in the index remembers.
    world.run(60_000);
    district.crashes();
    district.restarts();
    assert_eq!(district.sim().sites[district.at].node().bodies_lacking(), 1);
    world.sim().heal_all();
    world.run(60_000);
    assert_eq!(district.sim().sites[district.at].node().bodies_lacking(), 0);
    assert_eq!(figures_now().as_ref(), Some(&figures));
    let sim = world.seen();
    assert_eq!(crate::sums::counted_again(&sim, district.at), crate::sums::held(&sim, district.at));
    drop(sim);
    world.agrees();
}

#[test]
fn open_invitations_behind_a_gap_are_taken_back() {
    let (world, offices) = busy(880);
    let district = &offices[2];
    let hosting = gongshi::trust::delegation::Hosting::Own;
    district.invites("town", "330282109", hosting, true).expect("an invitation");
    district.publishes("末局", 2024, "处罚 1 宗");
    world.agrees();
    let mut rng = Rng::new(9);
    let dir = on_disk(&world.seen(), district.at, &mut rng);
    let first = dir.path().join("facts/00000000000000000000.seg");
    let mut bytes = std::fs::read(&first).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&first, bytes).expect("written");
    let (record, damaged) = opened(&world.seen(), district.at, dir.path(), false).expect("an identity");
    assert!(damaged);
    starts_from(district, record);
    let now = world.seen().now(district.at).wall;
    let lines = district.sim().sites[district.at].node().invitations(now);
    assert!(
        lines.iter().all(|line| line.state != "open"),
        "{:?}",
        lines.iter().map(|l| l.state).collect::<Vec<_>>()
    );
    world.run(60_000);
    world.agrees();
}

#[test]
fn a_root_alone_heals_from_its_index() {
    let world = World::new(890);
    let province = world.province("330000");
    province.publishes("省厅", 2023, "处罚 3 宗");
    world.settle();
    let mut rng = Rng::new(3);
    let dir = on_disk(&world.seen(), province.at, &mut rng);
    for file in segments(dir.path()) {
        let mut bytes = std::fs::read(&file).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(&file, bytes).expect("written");
    }
    let (record, _) = opened(&world.seen(), province.at, dir.path(), true).expect("an identity");
    starts_from(&province, record);
    assert!(!province.sim().sites[0].node().is_recovering());
    assert!(!province.sim().sites[0].marks.is_unsure());
    province.publishes("省厅", 2024, "处罚 4 宗");
    world.settle();
    province.shows(&province, 2023).once();
    province.shows(&province, 2024).once();
}
