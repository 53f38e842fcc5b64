//! Those who lie: forged leaves, wrong checkpoints, two histories, restored machines.

use crate::story::{Keys, Office, World, code, four_levels};
use gongshi::digest::Digest;
use gongshi::ledger::FOLD_VERSION;
use gongshi::log::checkpoint::{Checkpoint, node_origin, root_origin};
use gongshi::log::note::{self, Note};
use gongshi::log::tree::{Frontier, leaf_hash};
use gongshi::package::body::body_digest;
use gongshi::statement::card::{Policy, RefusalCode};
use gongshi::statement::{Act, BodyRef, BodyRole, Entry, ReportAct, ReportCard};
use gongshi::sync::Event;
use gongshi::sync::body::PackedBody;
use gongshi::sync::frame::{ClimbingEntry, Frame, PackedEntry, TailingLeaf};
use gongshi::sync::{read_entry, read_leaf};
use gongshi::time::WallMs;
use gongshi::trust::key::{PublicKey, SecretKey};

/// `from` says a frame to `to`, on the connection that stands between them.
fn says(world: &World, from: &Office, to: &Office, frame: &Frame) {
    let mut sim = world.sim();
    let (conn, end) = sim.network.between(from.at, to.at).expect("a connection");
    sim.send(conn, end, frame);
    sim.run(200);
}

fn signing(office: &Office) -> SecretKey {
    office.sim().sites[office.at].signing()
}

fn federation(office: &Office) -> Digest {
    office.sim().sites[office.at].node().federation()
}

/// A checkpoint of a log, signed.
fn signed(origin: &str, size: u64, root: Digest, key: &SecretKey) -> String {
    let text = Checkpoint { origin: origin.to_owned(), size, root }.to_text();
    let signatures = vec![note::sign(&text, origin, key)];
    Note { text, signatures }.to_string()
}

fn faults(office: &Office) -> Vec<&'static str> {
    let fault = |event| if let Event::PeerFault(_, why) = event { Some(why) } else { None };
    office.events().into_iter().filter_map(fault).collect()
}

#[test]
fn forged_leaves_from_a_parent_are_refused() {
    let (world, offices) = four_levels(40);
    let [province, city, district, _] = &offices;
    world.someone_lies();
    let (size, root) = district.sim().sites[district.at].node().root_log();
    let federation = federation(city);
    let forge = |key: &SecretKey| {
        let act = Act::Policy(Policy { held_until_release: true, witness_quorum: 0 });
        let own = city.sim().sites[city.at].node().own_size();
        let entry = Entry::sign(key, &federation, own, [9; 32], act).expect("in bounds");
        let at = WallMs(2_000_000_000_000);
        TailingLeaf {
            sequenced_at: at,
            received_at: at,
            statement: entry.digest(),
            entry: Some((PackedEntry::of(&entry), Vec::new())),
        }
    };
    let origin = root_origin(&federation);
    let liar = signing(city);
    let honest = city.checkpoint_note();
    let leaves =
        |note: String| Frame::Leaves { first: size, leaves: vec![forge(&liar)], note, proof: Vec::new() };
    // The root did not sign this one.
    let forged = signed(&origin, size + 1, root, &liar);
    says(&world, city, district, &leaves(forged));
    assert_eq!(faults(district), ["bad_checkpoint"]);
    world.settle();
    // The root signed this one, but not over that leaf.
    let other = signed(&origin, size + 1, Digest::of(&[b"other"]), &signing(province));
    says(&world, city, district, &leaves(other));
    assert_eq!(faults(district), ["bad_checkpoint", "leaves_do_not_fit_checkpoint"]);
    assert!(district.events().contains(&Event::SplitView(size + 1)), "two views of the root's log");
    world.settle();
    says(&world, city, district, &leaves(honest));
    assert_eq!(district.root_size(), size, "nothing of it was taken");
    world.agrees();
}

#[test]
fn a_renewed_checkpoint_of_another_tree_raises_the_alarm() {
    let (world, [province, city, ..]) = four_levels(41);
    world.someone_lies();
    let size = city.root_size();
    let other = signed(&root_origin(&federation(&city)), size, Digest::of(&[b"other"]), &signing(&province));
    says(&world, &province, &city, &Frame::Renewed { note: other });
    assert!(city.events().contains(&Event::SplitView(size)));
    world.agrees();
}

#[test]
fn a_node_whose_view_differs_from_the_roots_stops_attesting() {
    let (world, [province, city, district, _]) = four_levels(42);
    world.someone_lies();
    let key = signing(&province);
    let (size, root) = city.sim().sites[city.at].node().root_log();
    let (wrong, at) = (Digest::of(&[b"another view"]).base64(), 2_000_000_000_000_u64);
    let (federation, root) = (federation(&city), root.base64());
    let text =
        format!("gongshi/attestation/v1\n{federation}\n{size}\n{root}\n{FOLD_VERSION}\n{wrong}\n0\n{at}\n");
    let signatures = vec![note::sign(&text, &node_origin(&key.public()), &key)];
    let lie = Note { text, signatures }.to_string();
    says(&world, &province, &city, &Frame::Attest { note: lie });
    assert!(city.events().contains(&Event::ViewDiffers(size)));
    assert!(district.events().contains(&Event::ViewDiffers(size)), "the lie was passed down");
    city.publishes("市城管局", 2024, "检查 3 次");
    world.settle();
    let lines = province.sim().sites[0].node().roll_call();
    let silent: Vec<_> =
        lines.iter().filter(|line| line.size == size).map(|line| line.code.to_string()).collect();
    assert!(silent.contains(&"330200".to_owned()), "{lines:?}");
    city.shows(&city, 2024).once();
}

/// The town's log as it would be with another last entry.
fn other_history(town: &Office, last: &Entry) -> (Vec<Entry>, String) {
    let key = signing(town).public();
    let own = town.sim().sites[town.at].node().own_size();
    let store = town.sim().sites[town.at].store.clone();
    let row = |index| {
        let key = gongshi::store::layout::entry(&key, index);
        gongshi::store::Read::get(store.as_ref(), &key).expect("readable").expect("an entry")
    };
    let mut entries: Vec<Entry> =
        (0..own - 1).map(|index| gongshi::sync::parse_entry_row(&row(index)).expect("an entry").1).collect();
    entries.push(last.clone());
    let mut frontier = Frontier::new();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry.statement.as_bytes())));
    let note = signed(&node_origin(&key), own, frontier.root(), &signing(town));
    (entries, note)
}

fn push(origin: PublicKey, entries: &[Entry], note: String) -> Frame {
    let climbing = |entry: &Entry| ClimbingEntry {
        entry: PackedEntry::of(entry),
        received_at: None,
        bodies: Vec::new(),
    };
    Frame::Push { origin, first: 0, entries: entries.iter().map(climbing).collect(), note: Some(note) }
}

/// What the root would accept of the town: no activity in a year.
fn nothing(town: &Office, year: u16) -> ReportCard {
    ReportCard::nil(code(&town.division()), "别的机关", year)
}

/// Another statement of the town.
fn some_entry(town: &Office, index: u64, year: u16) -> Entry {
    let act = Act::Report(Box::new(nothing(town, year)));
    Entry::sign(&signing(town), &federation(town), index, [7; 32], act).expect("in bounds")
}

/// PROTOCOL.md SY-26.
#[test]
fn a_statement_whose_bodies_together_would_not_fit_the_next_frame_is_refused() {
    let (world, offices) = four_levels(47);
    let [_, _, district, town] = &offices;
    world.someone_lies();
    let body = |role, bytes: usize| {
        let content = vec![b' '; bytes];
        let digest = body_digest(&[3; 32], &content);
        (BodyRef { role, digest, bytes: bytes as u64 }, PackedBody::pack([3; 32], &content))
    };
    let first = town.sim().sites[town.at].node().own_size();
    let push = |rest: usize| {
        let parts = [body(BodyRole::Package, 8 << 20), body(BodyRole::Reason, rest)];
        let (bodies, packed): (Vec<BodyRef>, Vec<PackedBody>) = parts.into_iter().unzip();
        let card = ReportCard { act: ReportAct::Submit, bodies, ..nothing(town, 2022) };
        let act = Act::Report(Box::new(card));
        let entry = Entry::sign(&signing(town), &federation(town), first, [7; 32], act).expect("in bounds");
        let climbing = ClimbingEntry { entry: PackedEntry::of(&entry), received_at: None, bodies: packed };
        Frame::Push { origin: signing(town).public(), first, entries: vec![climbing], note: None }
    };
    says(&world, town, district, &push(5 << 20));
    assert_eq!(faults(district), ["bad_body"]);
    world.settle();
    says(&world, town, district, &push(4 << 20));
    assert_eq!(faults(district), ["bad_body"], "12 MiB are taken");
}

#[test]
fn attack_15_an_equivocating_origin_is_stopped_and_nobody_else_is() {
    let (world, offices) = four_levels(43);
    let [province, city, district, town] = &offices;
    world.someone_lies();
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.settle();
    let origin = signing(town).public();
    let (entries, note) = other_history(town, &some_entry(town, 0, 2022));
    says(&world, town, district, &push(origin, &entries, note));
    assert!(district.events().contains(&Event::Equivocation(origin, 0)));
    district.crashes();
    district.restarts();
    world.settle();
    town.publishes("附海镇人民政府", 2023, "处罚 6 宗");
    district.publishes("县司法局", 2024, "检查 1 次");
    city.publishes("市城管局", 2024, "检查 3 次");
    world.settle();
    for office in [province, city, district] {
        office.shows(town, 2024).once();
        office.shows(town, 2023).never();
        office.shows(district, 2024).once();
        office.shows(city, 2024).once();
    }
    assert!(town.unacknowledged() > 0, "no receipt for a log that forked");
}

#[test]
fn attack_15_an_origin_that_tells_two_levels_two_histories_stops_no_mirror() {
    let (world, offices) = four_levels(44);
    let [province, city, district, town] = &offices;
    world.someone_lies();
    // The district gets one first entry; the province is dialled directly and gets another.
    world.cut(city, district);
    let (origin, keys) = {
        let sim = town.sim();
        let site = &sim.sites[town.at];
        (site.signing().public(), Keys { signing: site.signing, transport: site.transport })
    };
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.settle();
    let to = province.sim().sites[0].transport().public();
    let (entries, note) = other_history(town, &some_entry(town, 0, 2022));
    let (conn, _) = world.dials(&keys, to);
    let hello = Frame::Hello { protocol: 1, federation: federation(town), root_size: 0 };
    world.sim().send(conn, 0, &hello);
    world.sim().send(conn, 0, &push(origin, &entries, note));
    world.settle();
    world.heal(city, district);
    world.settle();
    district.publishes("县司法局", 2024, "检查 1 次");
    world.settle();
    let log = province.sim().sites[0].node().root_log();
    for office in [city, district] {
        assert_eq!(office.sim().sites[office.at].node().root_log(), log, "{}", office.division());
        office.shows(town, 2022).once();
        office.shows(town, 2024).never();
        office.shows(district, 2024).once();
    }
    assert!(district.events().contains(&Event::Equivocation(origin, 0)), "the district saw both");
}

#[test]
fn what_an_expired_delegation_signs_is_refused_and_told() {
    let (world, [province, _, _, town]) = four_levels(45);
    province.sim().sites[0].ahead_ms = 6 * 365 * 86_400_000;
    let published = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    province.shows(&town, 2024).never();
    let code = RefusalCode::OutsideValidity;
    assert!(town.events().contains(&Event::OwnRefused(published.digest, code)));
}

#[test]
fn a_town_restored_from_an_old_backup_recovers_its_log_before_it_signs() {
    let (world, [province, _, _, town]) = four_levels(46);
    town.publishes("附海镇人民政府", 2020, "处罚 1 宗");
    world.settle();
    let backup = town.sim().sites[town.at].disk.with(|record| record.clone());
    for at in 0..300 {
        town.publishes(&format!("第{at}局"), 2021, "处罚 2 宗");
    }
    world.agrees();
    town.crashes();
    town.sim().sites[town.at].disk.with(|record| *record = backup);
    town.restarts_with_empty_index();
    world.agrees();
    town.publishes("附海镇人民政府", 2023, "处罚 3 宗");
    world.agrees();
    province.shows(&town, 2021).times(300);
    province.shows(&town, 2023).once();
}

#[test]
fn a_district_restored_from_an_old_backup_recovers_from_its_neighbours() {
    let (world, [province, _, district, town]) = four_levels(47);
    let backup = district.sim().sites[district.at].disk.with(|record| record.clone());
    town.publishes("附海镇人民政府", 2021, "处罚 2 宗");
    district.publishes("县司法局", 2021, "检查 1 次");
    world.agrees();
    district.crashes();
    district.sim().sites[district.at].disk.with(|record| *record = backup);
    district.restarts_with_empty_index();
    world.agrees();
    town.publishes("附海镇人民政府", 2022, "处罚 3 宗");
    world.agrees();
    for year in [2021, 2022] {
        province.shows(&town, year).once();
        district.shows(&town, year).once();
    }
}

#[test]
fn a_division_that_is_closed_and_given_again_behind_a_cut_line_answers_the_roll_call() {
    let (world, [province, city, ..]) = four_levels(48);
    let direct = world.town("330203001", &city);
    world.settle();
    world.cut(&province, &city);
    assert!(city.closes(&direct, &[]), "the city closes its town");
    let new = world.replaces(&direct, &city).expect("another machine in its place");
    direct.crashes();
    world.sim().sites[direct.at].lost = true;
    world.run(5_000);
    // The closing and what follows it reach the province together: it ends the machine that stood there then.
    world.heal(&province, &city);
    world.agrees();
    new.publishes("直属街道", 2024, "检查 2 次");
    world.agrees();
    province.shows(&new, 2024).once();
}

/// A leaf of the root log as an office holds it, with what its entry carries.
fn leaf_of(office: &Office, index: u64) -> TailingLeaf {
    let sim = office.sim();
    let store = sim.sites[office.at].store.as_ref();
    let leaf = read_leaf(store, index).expect("readable").expect("held");
    let entry = read_entry(store, &leaf.statement.digest()).expect("readable").expect("held");
    let carried = entry.card.act.carried_bodies();
    let bodies = carried
        .into_iter()
        .map(|body| PackedBody::read(store, &body.digest).expect("readable").expect("held"));
    TailingLeaf {
        sequenced_at: leaf.sequenced_at,
        received_at: leaf.received_at,
        statement: entry.digest(),
        entry: Some((PackedEntry::of(&entry), bodies.collect())),
    }
}

#[test]
fn attack_19_of_a_set_that_is_not_whole_or_mixed_with_another_nothing_is_shown() {
    let (world, offices) = four_levels(45);
    let [province, city, district, town] = &offices;
    let before = province.checkpoint_note();
    world.cut(province, city);
    // What the city is not sent, it has from somewhere else.
    for (year, figures) in
        [(2021, "检查 1 次"), (2022, "检查 2 次"), (2023, "检查 3 次"), (2024, "检查 4 次")]
    {
        province.publishes("省司法厅", year, figures);
    }
    world.run(2_000);
    let (first, size, newest) = (district.root_size(), province.root_size(), province.checkpoint_note());
    let whole: Vec<TailingLeaf> = (first..size).map(|index| leaf_of(province, index)).collect();
    assert_eq!(whole.len(), 4);
    let changed = |change: &dyn Fn(&mut Vec<TailingLeaf>)| {
        let mut leaves = whole.clone();
        change(&mut leaves);
        leaves
    };
    let bodies_of =
        |leaf: &TailingLeaf| leaf.entry.as_ref().map(|(_, bodies)| bodies.clone()).expect("an entry");
    let old = leaf_of(province, first - 1);
    let mixes: [(&str, Vec<TailingLeaf>, &str); 7] = [
        ("one withheld", changed(&|leaves| drop(leaves.remove(1))), &newest),
        ("one of an earlier set", changed(&|leaves| leaves[1] = old.clone()), &newest),
        ("one twice", changed(&|leaves| leaves[2] = leaves[1].clone()), &newest),
        ("another order", changed(&|leaves| leaves.swap(1, 2)), &newest),
        (
            "another time",
            changed(&|leaves| leaves[3].sequenced_at = WallMs(leaves[3].sequenced_at.0 + 1)),
            &newest,
        ),
        ("under the earlier checkpoint", whole.clone(), &before),
        (
            "one statement, the tables of another",
            changed(&|leaves| {
                if let Some((_, bodies)) = &mut leaves[0].entry {
                    *bodies = bodies_of(&whole[3]);
                }
            }),
            &newest,
        ),
    ];
    assert_ne!(bodies_of(&whole[0]).len(), 0, "a report carries its tables");
    world.someone_lies();
    let shown = [district, town].map(|office| (office.root_size(), office.view_root()));
    for (number, (what, leaves, note)) in mixes.into_iter().enumerate() {
        let frame = Frame::Leaves { first, leaves, note: note.to_owned(), proof: Vec::new() };
        says(&world, city, district, &frame);
        let refused = faults(district);
        assert_eq!(refused.len(), number + 1, "{what} was not refused: {refused:?}");
        let now = [district, town].map(|office| (office.root_size(), office.view_root()));
        assert_eq!(now, shown, "{what} changed what is shown");
        world.run(5_000);
    }
    world.heal(province, city);
    world.agrees();
    district.shows(province, 2024).once();
}
