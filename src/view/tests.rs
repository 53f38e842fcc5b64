//! What an update and a query cost, and that they do not know how many packages there are.

use super::figures::TableFigures;
use super::{ColumnKey, Figure, Reader, RollUp, Sum, TableKey, ViewQuery, ViewScope, view};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{Registry, Revision, RevisionState};
use crate::statement::{Scope, Status};
use crate::store::{Batch, Entry, MemoryStore, Overlay, Read, Store, StoreError};
use crate::template::{Templates, builtin};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store that counts what is read of it.
#[derive(Default)]
struct Counting {
    held: MemoryStore,
    rows: AtomicUsize,
    bytes: AtomicUsize,
}

impl Counting {
    fn count(&self, rows: &[Entry]) {
        self.rows.fetch_add(rows.len().max(1), Ordering::Relaxed);
        self.bytes.fetch_add(rows.iter().map(|(_, value)| value.len()).sum(), Ordering::Relaxed);
    }

    fn taken(&self) -> (usize, usize) {
        (self.rows.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

impl Read for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.held.get(key)?;
        self.count(&found.iter().map(|value| (Vec::new(), value.clone())).collect::<Vec<_>>());
        Ok(found)
    }
    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.held.scan(from, until, limit)?;
        self.count(&rows);
        Ok(rows)
    }
    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.held.scan_back(from, until, limit)?;
        self.count(&rows);
        Ok(rows)
    }
}

fn code(text: &str) -> DivisionCode {
    text.parse().unwrap()
}

/// A public revision of the `at`-th agency of a division.
fn revision(at: usize, state: RevisionState) -> Revision {
    Revision {
        digest: Digest::of(&[b"package", &at.to_be_bytes()]),
        index: at as u64,
        act: 32,
        agency_id: format!("330000:第{at}局"),
        agency_name: format!("第{at}局"),
        agency_code: String::new(),
        division: code("330000"),
        year: 2024,
        revision: 1,
        state,
        shown: true,
        status: Status::Final,
        scope: Scope::Own,
        template: "penalty-2018".into(),
        as_printed: false,
        author: PublicKey::from_bytes([7; 32]),
        own_index: at as u64,
        suspect: false,
        sequenced_at: WallMs(1),
        received_at: WallMs(1),
        withdrawn: None,
        returned: None,
    }
}

fn figures(at: usize, templates: &Templates) -> Vec<TableFigures> {
    let template = templates.find("penalty-2018").unwrap();
    let column = |column: &crate::template::Column| {
        let unit = if column.unit == "万元" { "元" } else { "" };
        let key = ColumnKey { id: column.id.clone(), unit: unit.into() };
        (key, Figure { sum: Some(Sum(at as i128 * 1_000_000)), cells: 1 })
    };
    let columns = template.columns.iter().map(column).collect();
    vec![TableFigures { key: TableKey::Template("penalty-2018".into()), columns }]
}

/// Enters one revision as a turn of its own would; returns rows read, rows written.
fn enter(
    store: &Counting,
    registry: &Registry,
    at: usize,
    state: RevisionState,
    templates: &Templates,
) -> (usize, usize) {
    let nothing = Batch::new();
    let mut rollup = RollUp::new(Overlay::new(store, &nothing), registry);
    rollup.revise(&revision(at, state), &|_| Ok(figures(at, templates))).unwrap();
    let puts = rollup.finish().unwrap();
    store.held.commit(&puts).unwrap();
    (store.taken().0, puts.len())
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the figures printed are for people; what is asserted is counted"
)]
fn an_update_and_a_query_cost_the_same_however_many_packages_there_are() {
    let templates = builtin::templates().unwrap();
    let registry = Registry::default();
    let store = Counting::default();
    let content = |_: &Digest| Ok(None);
    let reader = Reader { store: &store, templates: &templates, content: &content };
    let query = ViewQuery { division: code("330000"), year: 2024, scope: ViewScope::All, template: None };
    let mut costs = Vec::new();
    let mut held = 0;
    for size in [10_usize, 100, 1_000, 10_000] {
        let begun = std::time::Instant::now();
        let entered = size - held;
        for at in held..size {
            enter(&store, &registry, at, RevisionState::Released, &templates);
        }
        let update = begun.elapsed() / u32::try_from(entered).unwrap();
        held = size;
        // A correction: what stood is taken out again.
        let one = enter(&store, &registry, 3, RevisionState::Superseded, &templates);
        let again = enter(&store, &registry, 3, RevisionState::Released, &templates);
        let begun = std::time::Instant::now();
        let shown = view(&reader, &query).unwrap().unwrap();
        let asked = begun.elapsed();
        let (rows, _) = store.taken();
        println!(
            "{size} packages: update {update:?}, query {asked:?}, {rows} rows read, {one:?} rows an update"
        );
        assert_eq!(shown.packages, i64::try_from(size).unwrap());
        let sum = (size * (size - 1) / 2) as i128 * 1_000_000;
        assert!(shown.tables[0].columns.iter().all(|column| column.sum == Some(Sum(sum))));
        costs.push((one, again, rows));
    }
    assert!(costs.windows(2).all(|pair| pair[0] == pair[1]), "rows grow with the packages: {costs:?}");
}

#[test]
fn entering_a_revision_again_changes_nothing_and_taking_it_out_leaves_nothing() {
    let templates = builtin::templates().unwrap();
    let (registry, store) = (Registry::default(), Counting::default());
    for _ in 0..3 {
        enter(&store, &registry, 1, RevisionState::Held, &templates);
        enter(&store, &registry, 1, RevisionState::Released, &templates);
        enter(&store, &registry, 1, RevisionState::Released, &templates);
    }
    let sums = store.held.scan(b"v", b"w", 99).unwrap();
    assert_eq!(sums.len(), 4, "a tally and one table, own and with lower levels");
    enter(&store, &registry, 1, RevisionState::Withdrawn, &templates);
    assert_eq!(store.held.scan(&[], &[0xff], 99).unwrap(), []);
}
