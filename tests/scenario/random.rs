//! Random runs: a random tree, random deeds, random faults; then all heals, and everyone must agree.

use crate::story::{Office, World};
use crate::world::Rng;
use gongshi::digest::Digest;
use gongshi::record::Stop;
use gongshi::trust::delegation::Hosting;
use std::collections::BTreeMap;

/// Seeds of the ordinary test run; GONGSHI_SEEDS asks for more.
const SEEDS: u64 = 60;
/// Deeds and faults of a run.
const DEEDS: u64 = 60;
const NODES: u64 = 8;

const STOPS: [Stop; 4] = [Stop::BodiesWritten, Stop::BodiesSynced, Stop::FactsWritten, Stop::Unanswered];

/// What a run was like.
struct Report {
    steps: u64,
    checks: u64,
    leaves: u64,
    hash: Digest,
    faults: BTreeMap<&'static str, u64>,
}

/// A tree under a province: every new node below any that may have one, so that levels are skipped.
fn grow(world: &World, rng: &mut Rng, offices: &mut Vec<(Office, u8)>) {
    let above: Vec<usize> = (0..offices.len()).filter(|at| offices[*at].1 < 4).collect();
    let (parent, level) = &offices[above[rng.below(above.len() as u64) as usize]];
    let level = level + 1 + rng.below(u64::from(4 - level)) as u8;
    let code = format!("3302{:05}", offices.len());
    let word = ["province", "city", "district", "town"][usize::from(level) - 1];
    let hosting = if rng.below(3) == 0 { Hosting::Subtree } else { Hosting::Own };
    let joined = world.joins(word, &code, &parent.clone(), hosting);
    joined.sim().sites[joined.at].ahead_ms = rng.below(3_000);
    offices.push((joined, level));
}

fn deed(world: &World, rng: &mut Rng, offices: &[(Office, u8)]) {
    let any = |rng: &mut Rng| &offices[rng.below(offices.len() as u64) as usize].0;
    let (one, other) = (any(rng).clone(), any(rng).clone());
    let parent = world.seen().sites[one.at].parent;
    let (agency, year) = (format!("第{}局", rng.below(6)), 2020 + rng.below(5) as u16);
    match rng.below(13) {
        0..=3 if one.is_up() => {
            if rng.below(8) == 0 {
                one.stops_next(STOPS[rng.below(4) as usize]);
            }
            let figures = format!("检查 {} 次", rng.below(3));
            let _ = one.tries_to_publish(&one.division(), &agency, year, &figures);
        }
        4 if one.is_up() => {
            one.corrects(&agency, year, &format!("检查 {} 次", rng.next()));
        }
        5 if one.is_up() && one.at != other.at => {
            let _ = one.tries_to_publish(&other.division(), &agency, year, "代为公布");
        }
        6 | 7 => parent.into_iter().for_each(|parent| world.sim().cut(one.at, parent)),
        8 => parent.into_iter().for_each(|parent| {
            let (from, to) = if rng.below(2) == 0 { (one.at, parent) } else { (parent, one.at) };
            world.sim().stall(from, to);
        }),
        9 => parent.into_iter().for_each(|parent| world.sim().heal(one.at, parent)),
        10 if one.is_up() => one.crashes(),
        11 if !one.is_up() => world.sim().restart(one.at, rng.below(3) > 0),
        12 if one.is_up() => one.stops_next(STOPS[rng.below(4) as usize]),
        _ => {}
    }
}

fn run(seed: u64) -> Report {
    let world = World::new(seed);
    let mut rng = Rng::new(!seed);
    world.sim().network.doubled_percent = 5 * rng.below(3);
    let mut offices = vec![(world.province("330000"), 1)];
    while (offices.len() as u64) < NODES {
        grow(&world, &mut rng, &mut offices);
        if rng.below(2) == 0 {
            world.run(rng.below(2_000));
        }
    }
    for _ in 0..DEEDS {
        deed(&world, &mut rng, &offices);
        world.run([1, 20, 200, 2_000, 20_000][rng.below(5) as usize]);
        if rng.below(20) == 0 {
            world.run(700_000);
        }
    }
    world.sim().heal_all();
    // Whoever was to stop at the next append may do so once more, in the middle of recovering.
    for _ in 0..3 {
        world.settle();
        offices.iter().filter(|(office, _)| !office.is_up()).for_each(|(office, _)| office.restarts());
    }
    world.agrees();
    let leaves = offices[0].0.root_size();
    let sim = world.seen();
    Report {
        steps: sim.steps,
        checks: sim.auditor.checks,
        leaves,
        hash: sim.trace_hash,
        faults: sim.faults.clone(),
    }
}

#[allow(clippy::disallowed_methods, reason = "how many seeds is for whoever runs the tests to say")]
fn seeds() -> u64 {
    std::env::var("GONGSHI_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn random_federations_agree_once_all_heals() {
    let (mut steps, mut checks, mut leaves) = (0, 0, 0);
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..seeds() {
        let report = run(seed);
        steps += report.steps;
        checks += report.checks;
        leaves += report.leaves;
        report.faults.into_iter().for_each(|(kind, count)| *faults.entry(kind).or_default() += count);
    }
    println!("{} seeds, {steps} steps, {checks} checks, {leaves} leaves, faults {faults:?}", seeds());
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [3, 1_000_003] {
        assert_eq!(run(seed).hash, run(seed).hash, "seed {seed}");
    }
}
