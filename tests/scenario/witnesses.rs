//! Witnesses: a root that shows two histories is caught from the side, with evidence that verifies offline; a quorum
//! of its children confirms what it published.

use crate::story::{Office, World, code};
use crate::world::{Disk, Marks, Site};
use gongshi::log::checkpoint::root_origin;
use gongshi::log::note::{ALGORITHM_ED25519, Vkey};
use gongshi::log::witness::SplitView;
use gongshi::ops::engine::Engine;
use gongshi::statement::card::Policy;
use gongshi::store::{MemoryStore, Store};
use gongshi::sync::Event;
use gongshi::sync::limits::RENEW_MS;
use std::sync::{Arc, Mutex};

/// A province with two cities and a town under each.
fn two_branches(seed: u64) -> (World, Office, [Office; 2], [Office; 2]) {
    let world = World::new(seed);
    let province = world.province("330000");
    let cities = [world.city("330100", &province), world.city("330200", &province)];
    let towns = [world.town("330110001", &cities[0]), world.town("330282108", &cities[1])];
    world.agrees();
    (world, province, cities, towns)
}

/// The province's machine is doubled, and the second one serves one city only: the same keys, another history from
/// here on.
fn lies_to(world: &World, province: &Office, deceived: &Office, others: &[&Office]) {
    world.someone_lies();
    let mut sim = world.sim();
    sim.two_histories = true;
    let now = sim.now(province.at);
    let honest = &sim.sites[province.at];
    let mut twin = Site::new(code("330001"), [honest.signing, honest.transport], None);
    twin.disk = Disk(Arc::new(Mutex::new(honest.disk.with(|record| record.clone()))));
    twin.marks = Marks(Arc::new(Mutex::new(honest.marks.0.lock().expect("marks").clone())), Arc::default());
    twin.store = Arc::new(MemoryStore::new());
    let keepers = (Box::new(twin.disk.clone()), Box::new(twin.marks.clone()));
    let store = Arc::clone(&twin.store) as Arc<dyn Store>;
    let engine = Engine::open(vec![twin.signing()], keepers.0, keepers.1, store, now);
    twin.engine = Some(engine.expect("the copy opens"));
    let address = twin.address();
    sim.sites.push(twin);
    let twin = sim.sites.len() - 1;
    sim.cut(deceived.at, province.at);
    others.iter().for_each(|other| sim.cut(other.at, twin));
    let engine = sim.sites[deceived.at].engine.as_mut().expect("the city is up");
    engine.set_upstream_addresses(vec![address]);
}

fn evidence(office: &Office) -> Vec<String> {
    office.sim().sites[office.at].node().evidence().to_vec()
}

fn confirmed(office: &Office) -> u64 {
    office.sim().sites[office.at].node().confirmed_size()
}

#[test]
fn attack_16_split_view_by_the_root_is_detected_within_a_checkpoint_period() {
    for seed in 160..170 {
        let (world, province, cities, towns) = two_branches(seed);
        lies_to(&world, &province, &cities[1], &[&cities[0], &towns[0], &towns[1]]);
        world.run(60_000);
        towns[0].publishes("甲镇人民政府", 2024, "处罚 7 宗");
        towns[1].publishes("乙镇人民政府", 2024, "处罚 9 宗");
        world.run(60_000);
        towns[0].shows(&towns[0], 2024).once();
        towns[1].shows(&towns[0], 2024).never();
        world.run(RENEW_MS);
        let found: Vec<String> = cities.iter().chain(&towns).flat_map(evidence).collect();
        let text = found.first().unwrap_or_else(|| panic!("seed {seed}: nobody noticed"));
        // Whoever has the root's key needs nothing else.
        let key = province.sim().sites[province.at].signing().public();
        let name = root_origin(&province.sim().sites[province.at].node().federation());
        let vkey = Vkey { name, algorithm: ALGORITHM_ED25519, key };
        let split = SplitView::parse(text).expect("evidence is a file");
        let (first, second) = split.verify(&vkey).expect("it verifies offline");
        assert!(first.size <= second.size);
        assert!(
            cities
                .iter()
                .chain(&towns)
                .any(|office| { office.events().iter().any(|event| matches!(event, Event::SplitView(_))) })
        );
        // Nobody gives up what it holds.
        towns[0].shows(&towns[0], 2024).once();
    }
}

#[test]
fn evidence_outlives_a_restart() {
    let (world, province, cities, towns) = two_branches(171);
    lies_to(&world, &province, &cities[1], &[&cities[0], &towns[0], &towns[1]]);
    towns[0].publishes("甲镇人民政府", 2024, "处罚 7 宗");
    towns[1].publishes("乙镇人民政府", 2024, "处罚 9 宗");
    world.run(2 * RENEW_MS);
    let holder = cities.iter().chain(&towns).find(|office| !evidence(office).is_empty()).expect("someone");
    let before = evidence(holder);
    holder.crashes();
    holder.restarts();
    assert_eq!(evidence(holder), before);
}

#[test]
fn honest_nodes_compare_and_find_nothing() {
    let (world, _province, cities, towns) = two_branches(172);
    towns[0].publishes("甲镇人民政府", 2024, "处罚 7 宗");
    world.run(3 * RENEW_MS);
    world.agrees();
    let compared = |office: &Office| office.sim().sites[office.at].node().compared_count();
    assert!(cities.iter().chain(&towns).all(|office| compared(office) > 0), "everyone has someone beside it");
    assert!(cities.iter().chain(&towns).all(|office| evidence(office).is_empty()));
}

#[test]
fn a_quorum_of_cities_confirms_what_the_province_published() {
    let world = World::new(173);
    let province = world.province_with("330000", Policy { held_until_release: false, witness_quorum: 2 });
    let cities = ["330100", "330200", "330300"].map(|division| world.city(division, &province));
    let town = world.town("330110001", &cities[0]);
    town.publishes("甲镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    let size = province.root_size();
    for office in cities.iter().chain([&province, &town]) {
        assert_eq!(confirmed(office), size, "{} knows that it is confirmed", office.division());
    }
    // With one city left there is no quorum: what is published is shown all the same.
    world.cut(&cities[1], &province);
    world.cut(&cities[2], &province);
    town.publishes("甲镇人民政府", 2023, "处罚 6 宗");
    world.run(120_000);
    town.shows(&town, 2023).once();
    assert_eq!(confirmed(&town), size);
    world.heal(&cities[1], &province);
    world.run(120_000);
    assert_eq!(confirmed(&town), province.root_size());
    world.heal(&cities[2], &province);
    world.agrees();
}

#[test]
fn two_histories_are_never_both_confirmed() {
    let world = World::new(174);
    let province = world.province_with("330000", Policy { held_until_release: false, witness_quorum: 2 });
    let cities = ["330100", "330200", "330300"].map(|division| world.city(division, &province));
    world.agrees();
    lies_to(&world, &province, &cities[2], &[&cities[0], &cities[1]]);
    world.run(60_000);
    let before = confirmed(&cities[2]);
    cities[0].publishes("甲市城管局", 2024, "处罚 7 宗");
    cities[2].publishes("丙市城管局", 2024, "处罚 9 宗");
    world.run(120_000);
    cities[2].shows(&cities[2], 2024).once();
    assert!(confirmed(&cities[0]) > before, "two of three cities saw this history");
    assert_eq!(confirmed(&cities[2]), before, "one of three saw that one");
}
