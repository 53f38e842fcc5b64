//! Attacks on authority and history through whole federations, by their numbers in the design's trials. What one rule of
//! the fold refuses is tested beside it; here is what many machines make of it.

use crate::story::{World, code, four_levels};
use crate::world::Rng;
use gongshi::digest::Digest;
use gongshi::ledger::Verdict;
use gongshi::log::tree::{self, leaf_hash};
use gongshi::statement::card::RefusalCode;
use gongshi::statement::{Act, Entry, ReportCard};
use gongshi::sync::Event;
use gongshi::sync::govern::Vouch;
use gongshi::sync::limits::{RENEW_MS, SWALLOWED_AFTER_MS};

fn nil(division: &str, year: u16) -> Act {
    Act::Report(Box::new(ReportCard::nil(code(division), "某局", year)))
}

#[test]
fn attack_06_of_thirty_nodes_none_publishes_for_another() {
    let world = World::new(500);
    let mut offices = vec![world.province("440000")];
    for city in 1..=5_usize {
        let at = world.city(&format!("440{city}00"), &offices[0]);
        offices.push(at.clone());
        for district in 1..=3 {
            let below = world.district(&format!("440{city}0{district}"), &at);
            offices.push(below.clone());
            if district < 3 && offices.len() < 30 {
                offices.push(world.town(&format!("440{city}0{district}001"), &below));
            }
        }
    }
    offices.truncate(30);
    world.settle();
    let top = offices[0].sim();
    let (node, now) = (top.sites[0].node(), top.now(0).wall);
    let (mut own, mut foreign) = (0, 0);
    for author in offices.iter().skip(1).map(|office| &top.sites[office.at]) {
        for owner in offices.iter().map(|office| &top.sites[office.at]) {
            let key = author.signing();
            let next = node.ledger().next_index(&key.public());
            let act = nil(owner.code.as_str(), 2024);
            let entry = Entry::sign(&key, &node.federation(), next, [3; 32], act).expect("in bounds");
            let verdict = node.ledger().judge(&entry, now);
            if author.code == owner.code {
                own += u32::from(verdict == Verdict::Accept);
            } else {
                assert_eq!(
                    verdict,
                    Verdict::Refuse(RefusalCode::ForeignDivision),
                    "{} for {}",
                    author.code,
                    owner.code
                );
                foreign += 1;
            }
        }
    }
    assert_eq!((own, foreign), (offices.len() as u32 - 1, (offices.len() as u32 - 1).pow(2)));
    drop(top);
    world.agrees();
}

#[test]
fn attack_12_a_stolen_key_is_of_no_use_a_minute_after_one_command_and_its_machine_is_replaced() {
    let (world, [province, city, district, town]) = four_levels(501);
    let vouched = town.publishes("附海镇人民政府", 2023, "处罚 6 宗").digest;
    world.agrees();
    // The thief has the machine.
    assert!(district.revokes(&town, Vouch::Held));
    world.run(60_000);
    for office in [&province, &city, &district] {
        let sim = office.sim();
        let key = sim.sites[town.at].signing().public();
        assert!(sim.sites[office.at].node().ledger().registry().ending(&key).is_some());
    }
    let stolen = town.publishes("附海镇人民政府", 2024, "处罚 0 宗").digest;
    world.run(60_000);
    let new = world.replaces(&town, &district).expect("a new machine takes its place");
    town.sim().sites[town.at].lost = true;
    world.settle();
    let again = new.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    assert_ne!(again.digest, stolen);
    world.agrees();
    for office in [&province, &city, &district, &new] {
        office.shows(&new, 2024).once();
        assert_eq!(
            office.newest("330282108", "附海镇人民政府", 2024).map(|(digest, _)| digest),
            Some(again.digest)
        );
        assert_eq!(
            office.newest("330282108", "附海镇人民政府", 2023).map(|(digest, _)| digest),
            Some(vouched)
        );
    }
}

#[test]
fn attack_10_what_was_sent_before_and_after_a_revocation_counts_by_its_index_however_late_it_comes() {
    let (world, [province, city, district, town]) = four_levels(502);
    for year in 2020..2023 {
        town.publishes("附海镇人民政府", year, "处罚 6 宗");
    }
    world.agrees();
    // Three more wait at the district, which vouches for one of them.
    world.cut(&city, &district);
    for year in 2015..2018 {
        town.publishes("附海镇人民政府", year, "处罚 7 宗");
    }
    world.settle();
    assert!(district.revokes(&town, Vouch::UpTo(3)));
    town.sim().sites[town.at].lost = true;
    town.crashes();
    world.run(3_600_000);
    world.heal(&city, &district);
    world.agrees();
    let shown = |year| province.newest("330282108", "附海镇人民政府", year).is_some();
    assert_eq!([2022, 2015, 2016, 2017].map(shown), [true, true, false, false]);
}

#[test]
fn attack_17_older_checkpoints_change_nothing_whenever_they_come() {
    let (world, [province, city, district, town]) = four_levels(503);
    let (mut old, mut leaves) = (Vec::new(), 0);
    for year in 2015..2025 {
        old.push(province.checkpoint_note());
        town.publishes("附海镇人民政府", year, "处罚 7 宗");
        world.settle();
        leaves = province.root_size();
    }
    world.someone_lies();
    for (round, note) in old.into_iter().enumerate() {
        for frame in [
            gongshi::sync::frame::Frame::Renewed { note: note.clone() },
            gongshi::sync::frame::Frame::Leaves { first: 0, leaves: Vec::new(), note, proof: Vec::new() },
        ] {
            let Some((conn, end)) = world.seen().network.between(city.at, district.at) else {
                panic!("the district is back after {round}")
            };
            world.sim().send(conn, end, &frame);
            world.run(2_000);
        }
        if round % 3 == 0 {
            district.crashes();
            district.restarts();
            world.run(5_000);
        }
        assert_eq!(district.root_size(), leaves, "nothing is taken back");
    }
    assert!(!district.events().iter().any(|event| matches!(event, Event::SplitView(_))), "old is no fork");
    world.agrees();
}

#[test]
fn attack_20_a_parent_that_gives_receipts_and_passes_nothing_on_is_named_and_gone_around() {
    let (world, [province, city, district, town]) = four_levels(504);
    district.sim().sites[district.at].swallows = true;
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.run(2_000);
    assert_eq!(town.unacknowledged(), 0, "there is a receipt, which proves that it was taken");
    district.publishes("县司法局", 2024, "检查 1 次");
    for year in 2020..2024 {
        city.publishes("市城管局", year, "检查 3 次");
        world.run(RENEW_MS + SWALLOWED_AFTER_MS);
    }
    assert!(town.events().contains(&Event::Swallowed(code("330282"), 0)), "the alarm names who took it");
    for office in [&province, &city, &district, &town] {
        office.shows(&town, 2024).once();
        office.shows(&district, 2024).once();
    }
    world.agrees();
}

/// The leaf hashes of a tree.
struct Leaves(Vec<Digest>);

impl tree::Subtrees for Leaves {
    type Error = std::num::TryFromIntError;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, Self::Error> {
        let (width, from) = (1_usize << level, usize::try_from(index)? << level);
        Ok(tree::root_of(self.0[from..from + width].iter().copied()))
    }
}

#[test]
fn attack_21_of_a_hundred_thousand_proofs_that_were_made_up_or_changed_none_verifies() {
    let mut rng = Rng::new(505);
    let leaves = Leaves((0..777_u64).map(|n| leaf_hash(&n.to_be_bytes())).collect());
    let root = tree::root_of(leaves.0.iter().copied());
    let mut tried = 0;
    let hash = |rng: &mut Rng| Digest::of(&[&rng.next().to_be_bytes()]);
    for at in 0..777_u64 {
        let proof = tree::inclusion_proof(&leaves, at, 777).expect("a proof");
        let holds = |leaf: &Digest, at, size, proof: &[Digest]| {
            tree::verify_inclusion(leaf, at, size, proof, &root).is_ok()
        };
        assert!(holds(&leaves.0[at as usize], at, 777, &proof));
        for _ in 0..130 {
            let (mut leaf, mut index, mut size, mut other) = (leaves.0[at as usize], at, 777, proof.clone());
            match rng.below(7) {
                0 => leaf = hash(&mut rng),
                1 => index = (at + 1 + rng.below(775)) % 777,
                2 => index = rng.next() | 1 << 40,
                3 => other[rng.below(proof.len() as u64) as usize] = hash(&mut rng),
                4 => other.push(hash(&mut rng)),
                5 => drop(other.pop()),
                _ => other = (0..rng.below(80)).map(|_| hash(&mut rng)).collect(),
            }
            if rng.below(50) == 0 {
                size = rng.next();
            }
            assert!(!holds(&leaf, index, size, &other), "leaf {index} of {size} with {} hashes", other.len());
            tried += 1;
        }
    }
    assert!(tried > 100_000);
}

#[test]
fn attack_22_what_was_shown_is_corrected_beside_it_and_never_in_its_place() {
    let (world, offices) = four_levels(506);
    let town = &offices[3];
    let first = town.publishes("附海镇人民政府", 2024, "处罚 7 宗").digest;
    world.agrees();
    let second = town.corrects("附海镇人民政府", 2024, "处罚 8 宗").expect("a correction");
    world.agrees();
    for office in &offices {
        let sim = office.sim();
        let chain =
            sim.sites[office.at].node().ledger().disclosures().chain("330282108:附海镇人民政府", 2024);
        let digests: Vec<Digest> = chain.iter().map(|revision| revision.digest).collect();
        assert_eq!(digests, [first, second], "both are there, in order");
        let store = sim.sites[office.at].store.as_ref();
        for digest in [first, second] {
            let entry = gongshi::sync::read_entry(store, &digest).expect("readable").expect("held");
            assert_eq!(entry.digest(), digest, "the bytes are those that were signed");
        }
    }
}
