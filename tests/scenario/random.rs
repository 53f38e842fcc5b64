//! Random runs: a random tree, random deeds, random faults; then all heals, and everyone must agree.

use crate::story::{Office, World};
use crate::world::{Rng, Sim};
use gongshi::digest::Digest;
use gongshi::ledger::EndCause;
use gongshi::record::Stop;
use gongshi::sync::govern::Vouch;
use gongshi::sync::limits::STALE_AFTER_MS;
use gongshi::time::WallMs;
use gongshi::trust::delegation::Hosting;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seeds of the ordinary test run. GONGSHI_SEEDS asks for more, GONGSHI_SEED for one of them with its whole trace, both
/// together for so many from that one on.
const SEEDS: u64 = 500;
/// Seeds beyond those that once found something; they run always.
const PINNED: [u64; 3] = [1483, 1566, 1964];
/// One seed in so many runs twice, and must leave the same trace.
const TWICE_EVERY: u64 = 100;
/// Deeds and faults of a run.
const DEEDS: u64 = 45;
const NODES: u64 = 7;

const STOPS: [Stop; 4] = [Stop::BodiesWritten, Stop::BodiesSynced, Stop::FactsWritten, Stop::Unanswered];

/// What runs were like.
#[derive(Default)]
struct Report {
    seeds: u64,
    simulated_ms: u64,
    steps: u64,
    checks: u64,
    leaves: u64,
    hash: Digest,
    deeds: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.simulated_ms += other.simulated_ms;
        self.steps += other.steps;
        self.checks += other.checks;
        self.leaves += other.leaves;
        for (kind, count) in &other.deeds {
            *self.deeds.entry(kind).or_default() += count;
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

/// One run: the world, who is in it, and a die.
struct Run {
    world: World,
    rng: Rng,
    offices: Vec<(Office, u8)>,
    deeds: BTreeMap<&'static str, u64>,
    /// Machines whose key ended are switched off in the end; else they knock on.
    switches_off: bool,
}

impl Run {
    fn sim(&self) -> std::cell::RefMut<'_, Sim> {
        self.world.sim()
    }

    fn one_of(&mut self) -> (Office, u8) {
        let at = self.rng.below(self.offices.len() as u64) as usize;
        self.offices[at].clone()
    }

    fn parent_of(&self, office: &Office) -> Option<Office> {
        let parent = self.world.seen().sites[office.at].parent?;
        self.offices.iter().map(|(office, _)| office).find(|office| office.at == parent).cloned()
    }

    /// A tree under a province: every new node below any that may have one, so that levels are skipped.
    fn grow(&mut self) {
        let above: Vec<usize> = (0..self.offices.len()).filter(|at| self.offices[*at].1 < 4).collect();
        let (parent, level) = self.offices[above[self.rng.below(above.len() as u64) as usize]].clone();
        let level = level + 1 + self.rng.below(u64::from(4 - level)) as u8;
        let code = format!("3302{:05}", self.offices.len());
        let word = ["province", "city", "district", "town"][usize::from(level) - 1];
        let hosting = if self.rng.below(3) == 0 { Hosting::Subtree } else { Hosting::Own };
        let joined = self.world.joins(word, &code, &parent, hosting);
        self.sim().sites[joined.at].ahead_ms = self.rng.below(3_000) as i64;
        self.offices.push((joined, level));
    }

    /// Something that people do.
    fn deed(&mut self) {
        let ((one, level), (other, _)) = (self.one_of(), self.one_of());
        let (agency, year) = (format!("第{}局", self.rng.below(2)), 2023 + self.rng.below(2) as u16);
        let die = self.rng.below(40);
        let parent = self.parent_of(&one);
        if !one.is_up() {
            return;
        }
        let kind = match die {
            0..=13 => {
                if self.rng.below(8) == 0 {
                    one.stops_next(STOPS[self.rng.below(4) as usize]);
                }
                let figures = format!("检查 {} 次", self.rng.below(3));
                one.tries_to_publish(&one.division(), &agency, year, &figures).map(|_| "publish")
            }
            14..=17 => {
                one.corrects(&agency, year, &format!("检查 {} 次", self.rng.next())).map(|_| "correct")
            }
            18..=20 => {
                let erase = self.rng.below(2) == 0;
                let newest = one.newest(&one.division(), &agency, year);
                let taken = newest.and_then(|(digest, _)| one.takes_back(&digest, erase));
                taken.map(|_| if erase { "erase" } else { "withdraw" })
            }
            21..=23 => {
                let newest = one.newest(&other.division(), &agency, year);
                newest.and_then(|(digest, _)| one.sends_back(&digest)).map(|_| "send back")
            }
            24..=26 if one.at != other.at => one
                .tries_to_publish(&other.division(), &agency, year, "代为公布")
                .map(|_| "publish for another"),
            27 | 28 => one.rotates().then_some("rotate"),
            29 if level > 1 => {
                let vouch = [Vouch::Held, Vouch::UpTo(self.rng.below(4)), Vouch::Nothing];
                let vouch = vouch[self.rng.below(3) as usize];
                // A third of the federation at most, or nothing would be left to look at.
                let few = self.offices.len() > 5;
                parent.filter(|parent| few && parent.is_up() && parent.revokes(&one, vouch)).map(|_| "revoke")
            }
            30 => {
                let top = self.offices[0].0.clone();
                (top.is_up() && top.moves(&one, &other)).then(|| {
                    self.sim().sites[one.at].parent = Some(other.at);
                    "move"
                })
            }
            31 if level > 2 => {
                parent.filter(|parent| parent.is_up() && parent.closes(&one, &[])).map(|_| "close")
            }
            32 if level > 1 => parent.filter(Office::is_up).and_then(|parent| {
                let new = self.world.replaces(&one, &parent)?;
                one.crashes();
                let at = self.offices.iter().position(|(office, _)| office.at == one.at)?;
                self.offices[at].0 = new;
                Some("replace")
            }),
            33 => {
                let top = self.offices[0].0.clone();
                let at = (self.rng.below(2) == 0).then(|| {
                    let now = self.sim().now(top.at).wall.0;
                    WallMs(now + self.rng.below(600_000))
                });
                let said =
                    self.sim().turn(top.at, |node, turn| Ok(node.schedule(turn, year, at, false).is_ok()));
                (said == Some(true)).then_some("schedule")
            }
            34 => {
                let (_, text) = gongshi::template::builtin::FILES[self.rng.below(2) as usize];
                let top = self.offices[0].0.clone();
                let said = self.sim().turn(top.at, |node, turn| {
                    Ok(node.add_template(turn, "a template", text.as_bytes()).is_ok())
                });
                (said == Some(true)).then_some("template")
            }
            35 => {
                let code = other.division();
                parent.filter(|above| above.is_up() && above.hosts(&one, &[&code])).map(|_| "host")
            }
            36 | 37 => one.pushes(&other.division()).and_then(Result::ok).map(|()| "push another way"),
            38 => {
                one.pulls();
                Some("pull")
            }
            _ => None,
        };
        if let Some(kind) = kind {
            let line = format!("{} did: {kind}", self.sim().sites[one.at].code);
            self.sim().line(line);
            *self.deeds.entry(kind).or_default() += 1;
        }
    }

    /// Something that nobody wants.
    fn mishap(&mut self) {
        let (one, _) = self.one_of();
        let parent = self.parent_of(&one);
        match self.rng.below(14) {
            0..=2 => {
                if let Some(parent) = &parent {
                    if self.rng.below(2) == 0 {
                        self.sim().keep(one.at, parent.at);
                        self.sim().keep(parent.at, one.at);
                    }
                    self.world.cut(&one, parent);
                }
            }
            3 => {
                if let Some(parent) = &parent {
                    let up = self.rng.below(2) == 0;
                    let (from, to) = if up { (&one, parent) } else { (parent, &one) };
                    self.world.stall(from, to);
                }
            }
            4 | 5 => {
                if let Some(parent) = &parent {
                    self.world.heal(&one, parent);
                    let pause = self.rng.below(2_000);
                    self.world.run(pause);
                    self.sim().bring_kept(one.at, parent.at);
                    self.sim().bring_kept(parent.at, one.at);
                }
            }
            6 | 7 if one.is_up() => one.crashes(),
            8 | 9 if !one.is_up() => {
                let keeps_index = self.rng.below(3) > 0;
                self.sim().restart(one.at, keeps_index);
            }
            10 if one.is_up() => one.stops_next(STOPS[self.rng.below(4) as usize]),
            11 => {
                // Hours for the root, whose time is the log's; days for others.
                let most: u64 = if one.at == 0 { 7_200_000 } else { 864_000_000 };
                let ahead = self.rng.below(2 * most) as i64 - most as i64;
                self.sim().fault("clock set");
                self.sim().sites[one.at].ahead_ms = ahead;
            }
            12 if one.is_up() && one.at != 0 => {
                let swallows = !self.sim().sites[one.at].swallows;
                self.sim().sites[one.at].swallows = swallows;
                if !swallows {
                    one.crashes();
                    one.restarts();
                }
            }
            13 => {
                let lost = 10 * self.rng.below(3);
                self.sim().network.lost_percent = lost;
            }
            _ => {}
        }
    }

    /// All heals; whoever was to stop at the next append may do so once more, in the middle of recovering.
    fn heal(&mut self) {
        self.sim().heal_all();
        self.sim().network.lost_percent = 0;
        for (office, _) in &self.offices {
            if std::mem::take(&mut self.sim().sites[office.at].swallows) && office.is_up() {
                office.crashes();
            }
        }
        self.come_up();
        while self.who_is_lost() {
            // Whose parent is gone for good goes another way after a while; whoever stops on that way begins anew.
            self.world.run(STALE_AFTER_MS + 120_000);
            self.world.settle();
            if !self.come_up() {
                self.who_is_lost();
                break;
            }
        }
    }

    /// Rest, with every machine up that is not lost: an armed stop may wait for an append that recovery itself brings.
    /// True when some had to be started.
    fn come_up(&self) -> bool {
        self.world.settle();
        for round in 0..8 {
            let down = |office: &&Office| !office.is_up() && !self.sim().sites[office.at].lost;
            let down: Vec<&Office> = self.offices.iter().map(|(office, _)| office).filter(down).collect();
            if down.is_empty() {
                return round > 0;
            }
            down.into_iter().for_each(Office::restarts);
            self.world.settle();
        }
        self.sim().fail("machines stop again and again")
    }

    /// Whose key ended in the root log, and whose Delegate never came there because its giver's key ended before.
    /// Most are switched off then. False when there is none.
    fn who_is_lost(&self) -> bool {
        let mut sim = self.sim();
        for _ in 0..4 {
            for at in 1..sim.sites.len() {
                let site = &sim.sites[at];
                let replaced = !self.offices.iter().any(|(office, _)| office.at == at);
                let ended = site.engine.as_ref().is_some_and(|engine| {
                    let (key, registry) = (engine.node().own_key(), sim.sites[0].node().ledger().registry());
                    let orphan = site.parent.is_some_and(|parent| sim.sites[parent].lost);
                    let ended = site.keys().into_iter().any(|key| {
                        let ending = registry.ending(&key.public());
                        ending.is_some_and(|ending| ending.cause != EndCause::Replaced)
                    });
                    ended || registry.ending(key).is_some() || (!registry.knows(key) && orphan)
                });
                let refused =
                    site.engine.as_ref().is_some_and(|engine| engine.node().own_refusal().is_some());
                sim.sites[at].lost |= replaced || ended || refused;
            }
        }
        let lost: Vec<usize> = (0..sim.sites.len()).filter(|at| sim.sites[*at].lost).collect();
        for at in lost.iter().filter(|_| self.switches_off) {
            if sim.sites[*at].is_up() {
                sim.crash(*at);
            }
        }
        !lost.is_empty()
    }
}

fn run(seed: u64) -> Report {
    let world = World::new(seed);
    let alone = asked("GONGSHI_SEED").is_some() && asked("GONGSHI_SEEDS").is_none();
    if alone {
        world.sim().trace_lines = usize::MAX;
    }
    let mut rng = Rng::new(!seed);
    world.sim().network.doubled_percent = 5 * rng.below(3);
    let offices = vec![(world.province("330000"), 1)];
    let switches_off = rng.below(4) > 0;
    let mut run = Run { world, rng, offices, deeds: BTreeMap::new(), switches_off };
    while (run.offices.len() as u64) < NODES {
        run.grow();
        if run.rng.below(2) == 0 {
            run.world.run(run.rng.below(2_000));
        }
    }
    for _ in 0..DEEDS {
        if run.rng.below(5) < 3 {
            run.deed();
        } else {
            run.mishap();
        }
        run.world.run([1, 20, 200, 2_000, 20_000][run.rng.below(5) as usize]);
        if run.rng.below(80) == 0 {
            run.world.run(700_000);
        }
    }
    run.heal();
    run.world.agrees();
    if alone {
        eprintln!("{}", run.world.seen().tail_of_trace());
    }
    let leaves = run.offices[0].0.root_size();
    let sim = run.world.seen();
    Report {
        seeds: 1,
        simulated_ms: sim.now_ms,
        steps: sim.steps,
        checks: sim.auditor.checks,
        leaves,
        hash: sim.trace_hash,
        deeds: run.deeds.clone(),
        faults: sim.faults.clone(),
    }
}

#[allow(clippy::disallowed_methods, reason = "how many seeds is for whoever runs the tests to say")]
fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "each world lives in one thread: their order changes nothing")]
fn random_federations_agree_once_all_heals() {
    let seeds: Vec<u64> = match (asked("GONGSHI_SEED"), asked("GONGSHI_SEEDS")) {
        (Some(first), count) => (first..first + count.unwrap_or(1)).collect(),
        (None, count) => {
            let count = count.unwrap_or(SEEDS);
            (0..count).chain(PINNED.into_iter().filter(|seed| *seed >= count)).collect()
        }
    };
    let (next, mut total, mut broken) = (AtomicUsize::new(0), Report::default(), Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            let (mut sum, mut broken) = (Report::default(), Vec::new());
            while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                // Whatever one seed finds, the others are looked at too.
                let Ok(report) = std::panic::catch_unwind(|| run(seed)) else {
                    broken.push(seed);
                    continue;
                };
                if seed % TWICE_EVERY == TWICE_EVERY / 2 {
                    assert_eq!(report.hash, run(seed).hash, "seed {seed} is not the same run twice");
                }
                sum.add(&report);
            }
            (sum, broken)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (sum, found) = worker.join().expect("the same run twice");
            total.add(&sum);
            broken.extend(found);
        }
    });
    assert!(broken.is_empty(), "seeds that break an invariant, each with its trace above: {broken:?}");
    let Report { seeds, simulated_ms, steps, checks, leaves, deeds, faults, .. } = total;
    let figures = format!(
        "\n{seeds} seeds, {:.1} simulated days, {steps} steps, {checks} checks, {leaves} leaves, {} faults, 0 violations\n\
         deeds {deeds:?}\nfaults {faults:?}\n",
        simulated_ms as f64 / 86_400_000.0,
        faults.values().sum::<u64>()
    );
    // Not through `print!`, which a test that passes keeps to itself.
    std::io::stdout().write_all(figures.as_bytes()).expect("printed");
}
