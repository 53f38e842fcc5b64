//! Sums in the index are what counting everything again gives, after every deed: publish, correct, withdraw, erase,
//! hold and release, move, close, host, revoke.

use crate::story::{Office, World, code};
use crate::world::{Rng, Sim};
use gongshi::division::DivisionCode;
use gongshi::ledger::RevisionState;
use gongshi::package::body;
use gongshi::package::cell::Raw;
use gongshi::package::finding::Findings;
use gongshi::package::report::Scope;
use gongshi::package::table::{RawTable, Table};
use gongshi::package::validate::check_tables;
use gongshi::statement::Act;
use gongshi::statement::card::Policy;
use gongshi::store::Read;
use gongshi::sync::govern::{Governing, Vouch};
use gongshi::sync::package_content;
use gongshi::template::{Templates, builtin};
use gongshi::time::WallMs;
use gongshi::trust::delegation::Hosting;
use gongshi::view::figures::figures;
use gongshi::view::{Reader, TableKey, TableSum, ViewQuery, ViewScope, provenance, tree, view};
use std::collections::BTreeMap;

/// Seeds and deeds of the ordinary run.
const SEEDS: u64 = 6;
const DEEDS: u64 = 45;
const YEARS: [u16; 3] = [2021, 2022, 2023];

/// Sums by division, year, scope and table, without the index.
pub type Counted = BTreeMap<(DivisionCode, u16, ViewScope, TableKey), TableSum>;

/// Counts all public packages of a node's fold again, from their bodies.
pub fn counted_again(sim: &Sim, site: usize) -> Counted {
    let (node, store) = (sim.sites[site].node(), sim.sites[site].store.as_ref());
    let (registry, mut counted) = (node.ledger().registry(), Counted::new());
    for year in 2015..=2030 {
        for revision in node.ledger().disclosures().year(year).flatten() {
            let counts = revision.state == RevisionState::Released && !revision.suspect;
            if !counts || revision.scope != Scope::Own {
                continue;
            }
            let Some(content) = package_content(store, &revision.digest).expect("readable") else { continue };
            let body = body::parse(&content).expect("a body");
            let above = tree::ancestors(registry, &revision.division);
            let mut places = vec![(revision.division.clone(), ViewScope::Own)];
            places.extend(
                [revision.division.clone()].into_iter().chain(above).map(|code| (code, ViewScope::All)),
            );
            for table in figures(&body.tables) {
                for (code, scope) in &places {
                    let key = (code.clone(), year, *scope, table.key.clone());
                    let sum = counted.entry(key).or_insert_with(|| TableSum::empty(table.key.clone()));
                    sum.packages += 1;
                    for (column, figure) in &table.columns {
                        let column = sum.columns.entry(column.clone()).or_default();
                        match figure.sum {
                            Some(figure) => {
                                (column.sum, column.packages) = (column.sum.plus(figure), column.packages + 1)
                            }
                            None => column.left_out += 1,
                        }
                    }
                }
            }
        }
    }
    counted
}

/// What a node's index holds.
pub fn held(sim: &Sim, site: usize) -> Counted {
    let store = sim.sites[site].store.as_ref();
    let rows = store.scan(b"v", b"w", usize::MAX).expect("readable");
    let mut held = Counted::new();
    let nothing = |_: &_| Ok(None);
    let reader = Reader { store, templates: &Templates::NONE, content: &nothing };
    for (key, _) in rows {
        let code = key[1..].split(|byte| *byte == 0).next().expect("a code");
        let code: DivisionCode = std::str::from_utf8(code).expect("a code").parse().expect("a code");
        let at = 2 + code.as_str().len();
        let year = u16::from_be_bytes([key[at], key[at + 1]]);
        let scope = if key[at + 2] == 0 { ViewScope::Own } else { ViewScope::All };
        for sum in reader.sums(&code, year, scope).expect("readable").1 {
            held.insert((code.clone(), year, scope, sum.key.clone()), sum);
        }
    }
    held
}

impl Sim {
    /// On every node that is up, the sums of the index are what counting again gives.
    pub fn audit_sums(&self) {
        let some = (0..self.sites.len()).step_by(self.audit_every);
        for site in some.filter(|site| self.sites[*site].is_up()) {
            let (again, held) = (counted_again(self, site), held(self, site));
            let other = again.iter().find(|(key, sum)| held.get(*key) != Some(*sum));
            let more = held.keys().find(|key| !again.contains_key(*key));
            assert!(
                again == held,
                "seed {} at {}: counted {other:?}, more {more:?}",
                self.seed,
                self.sites[site].code
            );
        }
    }
}

/// A report with a penalty table in one of two layouts and an extra table, from a few numbers.
pub fn content(seed: u64, consolidated: bool) -> Vec<u8> {
    let templates = builtin::templates().expect("templates");
    let id = ["penalty-2018", "penalty-zhejiang-2024", "staff"][(seed % 3) as usize];
    let template = templates.find(id).expect("a template");
    let mut findings = Findings::new();
    let identity = template.identities.first();
    let mut values: Vec<u64> = (0..template.columns.len() as u64).map(|at| (seed / (at + 3)) % 50).collect();
    if let Some(identity) = identity {
        values[identity.equals] = identity.sum.iter().map(|at| values[*at]).sum();
    }
    let raw = RawTable {
        name: template.title.clone(),
        unit: Some("宗;罚没金额为万元".into()),
        headers: template.columns.iter().map(|column| column.header.clone()).collect(),
        rows: vec![values.iter().map(|value| Raw::Number(value.to_string())).collect()],
    };
    let extra = RawTable {
        name: format!("{}年行政检查", 2020 + seed % 4),
        unit: Some("次".into()),
        headers: vec!["检查".into(), "问题".into()],
        rows: vec![vec![
            Raw::Number(format!("{}.5", seed % 100)),
            if seed.is_multiple_of(5) { Raw::Blank } else { Raw::Number("3".into()) },
        ]],
    };
    let mut tables: Vec<Table> = [raw, extra]
        .into_iter()
        .enumerate()
        .map(|(at, raw)| Table::assemble(at, raw, &mut findings))
        .collect();
    check_tables(&mut tables, &templates, true, &mut findings);
    let members = if consolidated { vec!["第0局".to_owned(), "330200".to_owned()] } else { Vec::new() };
    let body = body::Body {
        format: body::FORMAT.into(),
        tables: tables.into(),
        narrative: None,
        source_url: None,
        as_printed: None,
        members: members.into(),
        notes: None,
        labels: Vec::new().into(),
        attachments: Vec::new().into(),
    };
    body.to_bytes()
}

fn governs(office: &Office, governing: Governing) -> bool {
    // What the rules do not allow at this moment is not said.
    office.sim().turn(office.at, |node, turn| Ok(node.govern(turn, &governing).is_ok())) == Some(true)
}

/// Does something at random; returns the office whose node it ended, if it did.
fn deed(rng: &mut Rng, offices: &[Office], now: u64) -> Option<Office> {
    let any = |rng: &mut Rng| offices[rng.below(offices.len() as u64) as usize].clone();
    let (root, one, other) = (&offices[0], any(rng), any(rng));
    if !one.is_up() {
        return None;
    }
    let (agency, year) = (format!("第{}局", rng.below(4)), YEARS[rng.below(3) as usize]);
    let scope = if rng.below(5) == 0 { Scope::Consolidated } else { Scope::Own };
    let content = content(rng.next(), scope == Scope::Consolidated);
    let hosted = ["330282109", "330200-port", "330399", "331100"][rng.below(4) as usize];
    match rng.below(16) {
        0..=4 => drop(one.tries_to_publish_content(&one.division(), &agency, year, scope, content)),
        5 => drop(root.tries_to_publish_content(hosted, &agency, year, scope, content)),
        6 | 7 => drop(one.corrects_content(&agency, year, scope, content)),
        8 => one.withdraws(&agency, year, rng.below(2) == 0),
        9 => root.tries_to_say(Act::Schedule { year, at: WallMs(now + 1 + rng.below(90_000)) }),
        10 => root.tries_to_say(Act::Release { year }),
        11 => {
            let governing =
                Governing::Reparent { code: code(&one.division()), under: code(&other.division()) };
            governs(root, governing);
        }
        12 => {
            let into = if rng.below(3) == 0 { Vec::new() } else { vec![code(&other.division())] };
            let closing = Governing::Close { code: code(&one.division()), into, prose: String::new() };
            return governs(root, closing).then_some(one);
        }
        13 => {
            let hosting = Governing::Host { node: code(&one.division()), divisions: vec![code(hosted)] };
            governs(root, hosting);
        }
        14 if rng.below(3) == 0 => {
            let vouch = if rng.below(2) == 0 { Vouch::Held } else { Vouch::UpTo(rng.below(4)) };
            let (code, prose) = (code(&one.division()), String::new());
            return governs(root, Governing::Revoke { code, vouch, reason: 1, prose }).then_some(one);
        }
        _ => {}
    }
    None
}

fn run(seed: u64) -> usize {
    let world = World::new(seed);
    world.someone_lies();
    let mut rng = Rng::new(!seed);
    let held = Policy { held_until_release: rng.below(3) == 0, ..Policy::default() };
    let root = world.province_with("330000", held);
    let city = world.joins("city", "330200", &root, Hosting::Own);
    let other = world.joins("city", "330300", &root, Hosting::Own);
    let district = world.joins("district", "330282", &city, Hosting::Subtree);
    let late = world.joins("district", "330382", &other, Hosting::Own);
    let town = world.joins("town", "330282108", &district, Hosting::Own);
    let offices = [root, city, other, district, late, town];
    for _ in 0..DEEDS {
        let now = world.sim().now(0).wall.0;
        let ended = deed(&mut rng, &offices, now);
        world.run([50, 200, 1_000][rng.below(3) as usize]);
        world.seen().audit_sums();
        // What ended is switched off: it would ask its old parent for ever.
        ended.filter(Office::is_up).iter().for_each(Office::crashes);
    }
    world.run(2_000);
    let sim = world.seen();
    sim.audit_sums();
    sim.audit_index();
    cells_add_up(&sim)
}

/// Every sum that the province's view shows is the sum of its signed cells, page by page.
fn cells_add_up(sim: &Sim) -> usize {
    let store = sim.sites[0].store.as_ref() as &dyn Read;
    let content = |digest: &_| package_content(store, digest);
    let templates = builtin::templates().expect("templates");
    let reader = Reader { store, templates: &templates, content: &content };
    let mut checked = 0;
    for (year, scope) in YEARS.into_iter().flat_map(|year| [(year, ViewScope::Own), (year, ViewScope::All)]) {
        let query = ViewQuery { division: code("330000"), year, scope, template: None };
        let shown = view(&reader, &query).expect("readable").expect("known");
        for table in &shown.tables {
            for column in table.columns.iter().filter(|column| column.packages > 0) {
                let (mut sum, mut after) = (gongshi::view::Sum(0), None);
                loop {
                    let page = provenance(&reader, &query, &table.id, &column.id, after.as_deref(), 2);
                    let page = page.expect("readable").expect("a cursor").expect("a column");
                    sum = page.cells.iter().filter_map(|cell| cell.value).fold(sum, gongshi::view::Sum::plus);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(Some(sum), column.sum, "{} {} {year} {scope:?}", table.id, column.id);
                checked += 1;
            }
        }
    }
    checked
}

#[test]
fn sums_are_what_counting_everything_again_gives_after_every_deed() {
    let checked: usize = (0..SEEDS).map(run).sum();
    assert!(checked > 100, "the runs published next to nothing: {checked} columns");
}
