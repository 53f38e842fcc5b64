//! A checker that cannot fail is worth nothing: every invariant is broken here, and the auditor must say which.

use super::law::Law;
use super::{Auditor, Edition, Verdict};
use crate::story::{Keys, Office, World, code, four_levels};
use gongshi::digest::Digest;
use gongshi::log::checkpoint::Checkpoint;
use gongshi::statement::{Act, Entry, Leaf, ReportAct, ReportCard};
use gongshi::store::{Batch, Read, Store, layout};
use gongshi::sync::frame::Frame;
use gongshi::sync::{read_entry, read_leaf};
use gongshi::time::WallMs;
use gongshi::trust::key::SecretKey;

fn breaks(verdict: Verdict, invariant: &str) {
    let what = verdict.expect_err("the auditor must notice");
    assert!(what.starts_with(invariant), "{invariant} was broken, and the auditor says: {what}");
}

/// What the auditor says of the newest turn of an office.
fn look(office: &Office) -> Verdict {
    let sim = &mut *office.sim();
    if let Some(seen) = sim.auditor.seen.get_mut(&office.at) {
        seen.started_ms = 1;
    }
    sim.auditor.look(office.at, &sim.sites[office.at])
}

fn at_rest(world: &World) -> Verdict {
    world.sim().at_rest()
}

/// Writes something to an office's index behind its back; none deletes.
fn tampers(office: &Office, key: Vec<u8>, value: Option<Vec<u8>>) {
    let mut puts = Batch::new();
    match value {
        Some(value) => puts.put(key, value),
        None => puts.delete(key),
    }
    Store::commit(office.sim().sites[office.at].store.as_ref(), &puts).expect("committed");
}

fn own_key(office: &Office) -> gongshi::trust::key::PublicKey {
    *office.sim().sites[office.at].node().own_key()
}

/// A federation with one report of the town.
fn reported(seed: u64) -> (World, [Office; 4], Digest) {
    let (world, offices) = four_levels(seed);
    let digest = offices[3].publishes("附海镇人民政府", 2024, "处罚 7 宗").digest;
    world.agrees();
    (world, offices, digest)
}

#[test]
fn i1_a_receipt_for_what_is_not_held_any_more() {
    let (world, [_, _, district, town], digest) = reported(300);
    tampers(&district, layout::entry(&own_key(&town), 0), None);
    breaks(at_rest(&world), "I1 ");
    let (world, [.., town], _) = reported(301);
    tampers(&town, layout::locator(&digest), None);
    world.sim().auditor.published.insert(Digest::of(&[b"never said"]), town.at);
    breaks(at_rest(&world), "I1 ");
}

#[test]
fn i2_two_roots_of_one_size() {
    let mut auditor = Auditor::default();
    let checkpoint =
        |root: &[u8]| Checkpoint { origin: "a log".to_owned(), size: 7, root: Digest::of(&[root]) };
    auditor.one_history("one", &checkpoint(b"a root")).expect("the first");
    auditor.one_history("another", &checkpoint(b"a root")).expect("the same");
    breaks(auditor.one_history("a third", &checkpoint(b"another root")), "I2 ");
}

#[test]
fn i3_a_guard_that_forgets_and_a_log_that_shrinks() {
    let (_world, [_, city, ..], _) = reported(302);
    look(&city).expect("nothing happened");
    city.sim().sites[city.at].marks.0.lock().expect("a guard").clear();
    breaks(look(&city), "I3 ");
    let (_world, [_, city, ..], _) = reported(303);
    city.sim().auditor.seen.entry(city.at).or_default().root_log += 1;
    breaks(look(&city), "I3 ");
}

#[test]
fn i4_a_leaf_that_is_not_what_was_signed() {
    let (world, [_, city, ..], _) = reported(304);
    let key = layout::leaf(3);
    let mut leaf = city.sim().sites[city.at].store.get(&key).expect("readable").expect("a leaf");
    leaf[20] ^= 1;
    tampers(&city, key.clone(), Some(leaf));
    breaks(at_rest(&world), "I4 ");
    tampers(&city, key, None);
    city.sim().auditor.seen.remove(&city.at);
    breaks(look(&city), "I4 ");
}

#[test]
fn i5_and_i6_another_set_for_the_same_size_and_half_a_set() {
    let mut auditor = Auditor::default();
    let [root, view, other] = [b"root", b"view", b"what"].map(|bytes| Digest::of(&[bytes]));
    let edition = Edition { size: 5, root, folded: 5, view };
    auditor.edition("one", &edition).expect("the first");
    breaks(auditor.edition("another", &Edition { view: other, ..edition }), "I5 ");
    breaks(auditor.edition("another", &Edition { folded: 4, ..edition }), "I6 ");
}

/// The law as it stands after the root log of a federation.
fn law_of(office: &Office) -> (Law, WallMs) {
    let sim = office.sim();
    let site = &sim.sites[0];
    let mut law = Law::new(site.node().federation());
    let mut last = WallMs(0);
    for index in 0..site.node().root_log().0 {
        let leaf = read_leaf(site.store.as_ref(), index).expect("readable").expect("a leaf");
        let entry = read_entry(site.store.as_ref(), &leaf.statement.digest()).expect("readable");
        law.next(&leaf, &entry.expect("an entry")).expect("a lawful log");
        last = leaf.sequenced_at;
    }
    (law, last)
}

fn report(act: ReportAct, division: &str, revision: u32, previous: Digest) -> Act {
    Act::Report(Box::new(ReportCard {
        act,
        revision,
        previous,
        ..ReportCard::nil(code(division), "别的机关", 2023)
    }))
}

/// A leaf that no honest root would write.
fn forged(office: &Office, seed: [u8; 32], index: u64, at: [u64; 2], act: Act) -> (Leaf, Entry) {
    let federation = office.sim().sites[0].node().federation();
    let entry =
        Entry::sign(&SecretKey::from_seed(&seed), &federation, index, [7; 32], act).expect("in bounds");
    let [sequenced_at, received_at] = at.map(WallMs);
    (Leaf { sequenced_at, received_at, statement: (*entry.statement).clone() }, entry)
}

#[test]
fn i7_a_leaf_without_authority() {
    let (world, [province, _, _, town], _) = reported(305);
    let (_, WallMs(last)) = law_of(&province);
    let seed = town.sim().sites[town.at].signing;
    let nil = |division| report(ReportAct::Nil, division, 1, Digest::ZERO);
    let years = 6 * 365 * 86_400_000;
    for (who, at, act) in [
        (seed, last, nil("330282")),
        ([9; 32], last, nil("330282108")),
        (seed, last + years, nil("330282108")),
    ] {
        let (leaf, entry) = forged(&province, who, 1, [at, at], act);
        breaks(law_of(&province).0.next(&leaf, &entry), "I7 ");
    }
    drop(world);
}

#[test]
fn i8_a_release_before_its_instant_and_a_report_that_does_not_wait() {
    let (_world, [province, _, _, town], _) = reported(315);
    let (_, WallMs(last)) = law_of(&province);
    let waits_until = |instant| {
        let mut law = law_of(&province).0;
        law.held.insert(2023, WallMs(instant));
        law
    };
    let [root, seed] = [&province, &town].map(|office| office.sim().sites[office.at].signing);
    let index = province.sim().sites[0].node().own_log().0;
    let (leaf, entry) = forged(&province, root, index, [last, last], Act::Release { year: 2023 });
    breaks(waits_until(last + 1).next(&leaf, &entry), "I8 ");
    waits_until(last).next(&leaf, &entry).expect("in time");
    let nil = report(ReportAct::Nil, "330282108", 1, Digest::ZERO);
    let (leaf, entry) = forged(&province, seed, 1, [last, last], nil);
    breaks(waits_until(last + 1).next(&leaf, &entry), "I8 ");
}

#[test]
fn i9_revisions_that_do_not_follow() {
    let (_world, [province, _, _, town], _) = reported(306);
    let (_, WallMs(last)) = law_of(&province);
    let seed = town.sim().sites[town.at].signing;
    for (revision, previous) in [(2, Digest::ZERO), (1, Digest::of(&[b"some"])), (u32::MAX, Digest::ZERO)] {
        let act = report(ReportAct::Nil, "330282108", revision, previous);
        let (leaf, entry) = forged(&province, seed, 1, [last, last], act);
        breaks(law_of(&province).0.next(&leaf, &entry), "I9 ");
    }
}

#[test]
fn i10_a_body_that_is_not_what_its_card_names() {
    let (world, [_, city, ..], digest) = reported(307);
    let entry = read_entry(city.sim().sites[city.at].store.as_ref(), &digest).expect("readable");
    let body = entry.and_then(|entry| entry.card.act.report()?.package().map(|body| body.digest));
    tampers(&city, layout::body_chunk(&body.expect("a body"), 0), Some(vec![0; 40]));
    breaks(at_rest(&world), "I10 ");
    let (world, [_, city, ..], digest) = reported(308);
    tampers(&city, layout::sequenced(&digest), None);
    breaks(at_rest(&world), "I10 ");
}

#[test]
fn i11_a_receipt_without_an_answer_or_an_alarm() {
    let (world, [_, city, district, town]) = four_levels(309);
    world.stall(&district, &city);
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(30_000);
    at_rest(&world).expect("there is time");
    // As if its node did not watch: hours go by without a turn of it.
    world.sim().now_ms += 4 * 3_600_000;
    breaks(at_rest(&world), "I11 ");
}

#[test]
fn i12_times_that_go_back() {
    let (_world, [province, _, _, town], _) = reported(310);
    let (_, WallMs(last)) = law_of(&province);
    let seed = town.sim().sites[town.at].signing;
    for at in [[last - 1, last - 1], [last, last + 1]] {
        let act = report(ReportAct::Nil, "330282108", 1, Digest::ZERO);
        let (leaf, entry) = forged(&province, seed, 1, at, act);
        breaks(law_of(&province).0.next(&leaf, &entry), "I12 ");
    }
    let mut auditor = Auditor::default();
    auditor.times(1_000, 999).expect("in order");
    breaks(auditor.times(999, 0), "I12 ");
    breaks(auditor.times(1_001, 1_002), "I12 ");
}

#[test]
fn i13_a_frame_that_counts_twice() {
    let mut auditor = Auditor::default();
    let [one, other] = [b"one", b"two"].map(|bytes| Some([Digest::of(&[bytes]); 2]));
    auditor.again(one, one).expect("the same");
    breaks(auditor.again(one, other), "I13 ");
}

#[test]
fn i14_a_node_that_lags() {
    let (world, [_, city, district, _], _) = reported(311);
    world.cut(&city, &district);
    city.publishes("市城管局", 2024, "检查 3 次");
    world.settle();
    breaks(world.sim().converged(), "I14 ");
    world.heal(&city, &district);
    world.agrees();
}

#[test]
fn i15_a_token_that_lets_two_in() {
    let (world, [province, ..]) = four_levels(312);
    let token = province.invites("city", "330300", gongshi::trust::delegation::Hosting::Own, true);
    let token = token.expect("an invitation");
    let [one, other] = [world.keys(), world.keys()];
    let mut auditor = Auditor::default();
    let key = |keys: &Keys| SecretKey::from_seed(&keys.signing).public();
    for (conn, keys) in [(1, &one), (2, &one), (3, &other)] {
        auditor.asks_to_join(conn, &world.request(&token, keys));
    }
    auditor.token_once(1, key(&one)).expect("the first");
    auditor.token_once(2, key(&one)).expect("the same asks again");
    breaks(auditor.token_once(2, key(&other)), "I15 ");
    breaks(auditor.token_once(3, key(&other)), "I15 ");
}

#[test]
fn i16_more_on_its_way_than_a_window() {
    let auditor = Auditor::default();
    auditor.in_flight(1 << 20).expect("a pack");
    breaks(auditor.in_flight(1 << 30), "I16 ");
}

#[test]
fn i17_a_cosignature_over_what_is_not_held() {
    let (world, [_, city, district, town], _) = reported(313);
    let key = own_key(&town);
    let note = {
        let sim = town.sim();
        let site = &sim.sites[town.at];
        let (size, root) = site.node().own_log();
        Checkpoint { origin: site.node().own_origin(), size, root }
    };
    let hears = |office: &Office, checkpoint: &Checkpoint| {
        let sim = &mut *office.sim();
        let text = checkpoint.to_text();
        let signature = gongshi::log::note::sign(&text, &checkpoint.origin, &sim.sites[town.at].signing());
        let note = gongshi::log::note::Note { text, signatures: vec![signature] }.to_string();
        sim.auditor.hear(office.at, &sim.sites[office.at], 0, &Frame::Receipt { origin: key, note })
    };
    hears(&district, &note).expect("it holds that");
    breaks(hears(&city, &Checkpoint { size: note.size + 1, ..note.clone() }), "I17 ");
    tampers(&city, layout::entry(&key, 0), None);
    city.sim().auditor.seen.remove(&city.at);
    breaks(hears(&city, &note), "I17 ");
    drop(world);
}

#[test]
fn i18_an_index_that_the_record_does_not_give() {
    let (world, [_, city, ..], _) = reported(314);
    tampers(&city, layout::erased(&Digest::of(&[b"some body"])), Some(vec![0; 32]));
    breaks(at_rest(&world), "I18 ");
}
