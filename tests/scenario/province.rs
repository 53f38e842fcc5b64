//! A whole province: every division that the embedded registry lists below it has a node of its own, all of them join,
//! publish in January, and show the same. Cities without districts have their towns directly under them.

use crate::story::{Answer, Office, World};
use crate::sums::content;
use crate::world::{Rng, Sim};
use gongshi::digest::Digest;
use gongshi::division::{DivisionCode, Level, registry};
use gongshi::pool::Pool;
use gongshi::statement::Scope;
use gongshi::trust::delegation::Hosting;
use std::collections::BTreeMap;

/// How long everyone is waited for, in milliseconds of the world's time: levels agree within a minute of any restart.
const AGREEMENT_MS: u64 = 1_800_000;
/// How exactly the moment of agreement is found, in milliseconds.
const LOOK_MS: u64 = 200;
/// Reports that a node has to publish in relation to others: a province's organs are forty, a town's five.
const SHARES: [(Level, u64); 4] =
    [(Level::Province, 40), (Level::City, 40), (Level::District, 30), (Level::Town, 5)];
/// What arrives on each day of January: nothing for the first weeks, most of it on the last days before the deadline.
const JANUARY: [u64; 31] =
    [0, 1, 1, 0, 0, 2, 2, 2, 2, 2, 0, 0, 3, 3, 3, 3, 4, 0, 0, 6, 7, 8, 9, 10, 2, 2, 18, 24, 34, 52, 80];

/// A division of the province and where it stands.
pub struct Place {
    pub code: DivisionCode,
    pub name: &'static str,
    pub level: Level,
    /// The place directly above, in the same list; none at the top.
    pub above: Option<usize>,
}

/// The province `top` and all below it, the higher levels first; of some cities only when `cities` names any.
pub fn places(top: &str, cities: &[&str]) -> Vec<Place> {
    let within = |code: &str| {
        let chosen = cities.is_empty() || cities.iter().any(|city| city[..4] == code[..4]);
        code == top || (code[..2] == top[..2] && chosen)
    };
    let mut listed: Vec<_> = registry().filter(|(code, _)| within(code)).collect();
    let level = |code: &str| match (code.len(), code.ends_with("0000"), code.ends_with("00")) {
        (9, ..) => Level::Town,
        (_, true, _) => Level::Province,
        (_, _, true) => Level::City,
        _ => Level::District,
    };
    listed.sort_by(|(one, _), (other, _)| (level(one), *one).cmp(&(level(other), *other)));
    let at: BTreeMap<&str, usize> = listed.iter().enumerate().map(|(at, (code, _))| (*code, at)).collect();
    let above = |code: &str| {
        let [district, city] = [code[..6].to_owned(), format!("{}00", &code[..4])];
        let above = [district.as_str(), city.as_str(), top]
            .into_iter()
            .find_map(|above| at.get(above).copied().filter(|_| above != code));
        above.filter(|_| code != top)
    };
    let place = |(code, name): &(&str, &'static str)| Place {
        code: code.parse().expect("a code"),
        name,
        level: level(code),
        above: above(code),
    };
    listed.iter().map(place).collect()
}

/// A federation of all those places.
pub struct Province {
    pub world: World,
    pub places: Vec<Place>,
    pub offices: Vec<Office>,
    rng: Rng,
    /// Reports published, by day of January.
    pub days: [u64; 31],
}

/// What a level looks like in the end; all but the first three are means over its nodes.
pub struct Figures {
    pub level: Level,
    pub nodes: u64,
    pub published: u64,
    /// From the last report to the last node of the level that holds it, in milliseconds.
    pub agreed_ms: u64,
    pub index_bytes: u64,
    pub record_bytes: u64,
    /// Sent and received.
    pub frames: u64,
    pub wire_bytes: u64,
}

impl Province {
    /// Founds the province, and lets everyone join: each level at once, as soon as the one above is there.
    pub fn founded(seed: u64, places: Vec<Place>, audit_every: usize) -> Self {
        let world = World::new(seed);
        (world.sim().pool, world.sim().audit_every) = (Some(Pool::new()), audit_every);
        let offices = vec![world.province(places[0].code.as_str())];
        let mut province = Self { world, places, offices, rng: Rng::new(!seed), days: [0; 31] };
        for level in [Level::City, Level::District, Level::Town] {
            province.join(level);
            province.come_to_agree();
        }
        province
    }

    fn join(&mut self, level: Level) {
        let wanted = self.places.iter().filter(|place| place.level == level);
        let mut asked = Vec::new();
        for place in wanted {
            let parent = self.offices[place.above.expect("a place above")].clone();
            let token = parent.invites(level.as_str(), place.code.as_str(), Hosting::Own, true);
            let (token, keys) = (token.expect("an invitation"), self.world.keys());
            let (conn, outsider) = self.world.knocks(&keys, &token.parent_transport);
            asked.push((parent, token, keys, conn, outsider));
        }
        self.world.run(500);
        for (_, token, keys, conn, _) in &asked {
            let request = self.world.request(token, keys);
            self.world.sim().send(*conn, 0, &gongshi::sync::frame::Frame::Join(Box::new(request)));
        }
        self.world.run(500);
        for (parent, token, keys, conn, outsider) in asked {
            let answer = self.world.answer(&token, &keys, outsider);
            self.world.sim().close(conn, 0);
            let Answer::Joined(identity) = answer else { panic!("{} was not enrolled", token.division) };
            self.offices.push(self.world.starts(*identity, &keys, &parent));
        }
    }

    /// Publishes so many reports in `window_ms`, each at a node drawn by how much its level has to say, at a time drawn
    /// by how January goes.
    pub fn publishes(&mut self, reports: u64, window_ms: u64) {
        let began_ms = self.world.seen().now_ms;
        let all: u64 = JANUARY.iter().sum();
        let mut times: Vec<u64> = (0..reports).map(|_| self.moment(all, window_ms)).collect();
        times.sort_unstable();
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for at in times {
            let now_ms = self.world.seen().now_ms - began_ms;
            self.world.run(at.saturating_sub(now_ms));
            self.days[((at * 31) / window_ms.max(1)).min(30) as usize] += 1;
            let who = self.publisher();
            let count = counts.entry(who).or_default();
            *count += 1;
            let (agency, seed) = (format!("第{count}局"), self.rng.next());
            let office = &self.offices[who];
            let content = content(seed, false);
            let said =
                office.tries_to_publish_content(&office.division(), &agency, 2024, Scope::Own, content);
            let digest = said.expect("the machine runs").expect("the report is published").digest;
            self.world.sim().auditor.published.insert(digest, office.at);
        }
    }

    fn moment(&mut self, all: u64, window_ms: u64) -> u64 {
        let mut die = self.rng.below(all);
        let day = JANUARY.iter().position(|weight| {
            let here = die < *weight;
            die = die.saturating_sub(*weight);
            here
        });
        let day_ms = window_ms / 31;
        day.unwrap_or(30) as u64 * day_ms + self.rng.below(day_ms)
    }

    fn publisher(&mut self) -> usize {
        let of = |level| self.places.iter().filter(|place| place.level == level).count() as u64;
        let weights = SHARES.map(|(level, share)| (level, share * of(level)));
        let mut die = self.rng.below(weights.iter().map(|(_, weight)| weight).sum());
        let mut chosen = Level::Town;
        for (level, weight) in weights {
            if die < weight {
                chosen = level;
                break;
            }
            die -= weight;
        }
        let nodes: Vec<usize> =
            (0..self.places.len()).filter(|at| self.places[*at].level == chosen).collect();
        nodes[self.rng.below(nodes.len() as u64) as usize]
    }

    /// Cuts so many lines between a node and its parent.
    pub fn cuts(&mut self, lines: u64) {
        for _ in 0..lines.min(self.offices.len() as u64 - 1) {
            let at = 1 + self.rng.below(self.offices.len() as u64 - 1) as usize;
            let above = self.places[at].above.expect("a place above");
            self.world.cut(&self.offices[at], &self.offices[above]);
        }
    }

    /// Time passes until everyone shows what the root shows and every roll call says so; how long it took.
    pub fn come_to_agree(&self) -> u64 {
        let began_ms = self.world.seen().now_ms;
        // The cheap look first: what is asked of every node grows with the square of their number.
        while !self.world.seen().root_is_held_by_all() || self.world.seen().converged().is_err() {
            self.world.run(LOOK_MS);
            if self.world.seen().now_ms > began_ms + AGREEMENT_MS {
                let verdict = self.world.sim().converged();
                self.world.sim().insist(verdict);
                self.world.sim().fail("the roll call never came to agree");
            }
        }
        self.world.seen().now_ms - began_ms
    }

    /// What each level looks like, after reports of which the last was published at `last_ms`.
    pub fn figures(&self, last_ms: u64) -> Vec<Figures> {
        let sim = self.world.seen();
        let mut carried: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
        for ((from, to), line) in &sim.network.by_line {
            for end in [from, to] {
                let sum = carried.entry(*end).or_default();
                *sum = (sum.0 + line.frames, sum.1 + line.bytes);
            }
        }
        let level = |level| {
            let at: Vec<usize> =
                (0..self.places.len()).filter(|at| self.places[*at].level == level).collect();
            let sites = || at.iter().map(|at| (*at, &sim.sites[*at]));
            let nodes = at.len() as u64;
            let mean = |of: &dyn Fn(usize) -> u64| at.iter().map(|at| of(*at)).sum::<u64>() / nodes.max(1);
            let published = sim.auditor.published.values().filter(|at| self.places[**at].level == level);
            Figures {
                level,
                nodes,
                published: published.count() as u64,
                agreed_ms: sites().map(|(_, site)| site.grew_ms.saturating_sub(last_ms)).max().unwrap_or(0),
                index_bytes: mean(&|at| sim.sites[at].store.bytes()),
                record_bytes: mean(&|at| sim.sites[at].disk.with(|record| record.bytes())),
                frames: mean(&|at| carried.get(&at).map_or(0, |sum| sum.0)),
                wire_bytes: mean(&|at| carried.get(&at).map_or(0, |sum| sum.1)),
            }
        };
        Level::ALL.map(level).into_iter().collect()
    }
}

impl Sim {
    /// True when all machines hold the root's log, its view, and nothing of their own waits, and the root has heard so.
    fn root_is_held_by_all(&self) -> bool {
        let shown = |site: &crate::world::Site| -> (u64, Digest, Digest) {
            let (size, root) = site.node().root_log();
            (size, root, site.node().ledger().view_root())
        };
        let top = shown(&self.sites[0]);
        self.sites.iter().all(|site| shown(site) == top && site.node().unacknowledged() == 0)
            && self.sites[0].node().roll_call().iter().all(|line| line.agrees && line.size == top.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cities without districts, one with districts and towns, and the province above them.
    #[test]
    fn a_province_with_towns_directly_under_cities_comes_to_show_the_same() {
        let places = places("440000", &["445100", "441900", "442000"]);
        assert_eq!(places.len(), 108);
        let under = |code: &str| places.iter().position(|place| place.code.as_str() == code);
        assert!(places.iter().any(|place| place.level == Level::Town && place.above == under("441900")));
        let mut province = Province::founded(700, places, 9);
        province.cuts(5);
        province.publishes(30, 62_000);
        province.world.sim().heal_all();
        let last_ms = province.world.seen().now_ms;
        province.come_to_agree();
        province.world.sim().audit_converged();
        let figures = province.figures(last_ms);
        assert_eq!(figures.iter().map(|level| level.published).sum::<u64>(), 30);
        for Figures { level, nodes, agreed_ms, index_bytes, record_bytes, frames, wire_bytes, .. } in figures
        {
            assert!(agreed_ms < 60_000, "{level}: {nodes} nodes agree only after {agreed_ms} ms");
            let least = index_bytes.min(record_bytes).min(wire_bytes);
            assert!(least > 100_000 && frames > 100, "{level}: a node kept and heard everything");
        }
        let dongguan = province.places.iter().position(|place| place.code.as_str() == "441900");
        let towns = province.places.iter().filter(|place| place.above == dongguan);
        let names: Vec<&str> = towns.map(|town| town.name).collect();
        assert!(names.len() == 32 && names.contains(&"虎门镇"), "{names:?}");
    }

    #[test]
    fn guangdong_is_there_as_it_is() {
        let places = places("440000", &[]);
        let count = |level| places.iter().filter(|place| place.level == level).count();
        assert_eq!(Level::ALL.map(count), [1, 21, 122, 1_610]);
        let skipping = |place: &&Place| {
            place.level == Level::Town && place.above.is_some_and(|above| places[above].level == Level::City)
        };
        assert_eq!(places.iter().filter(skipping).count(), 32 + 23);
    }
}
