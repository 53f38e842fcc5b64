//! Another version of the program: an index that was filled by other rules, or only half filled, is filled from the record
//! until it holds what the record says, wherever a start is killed.

use crate::healing::on_disk;
use crate::story::{World, code};
use crate::sums;
use crate::world::{Rng, Sim};
use gongshi::ops::data_dir::DataDir;
use gongshi::ops::engine::{Engine, EngineError};
use gongshi::statement::{Scope, Status};
use gongshi::store::{Batch, Entry, MemoryStore, Read, SledStore, Store, StoreError, layout};
use gongshi::sync::publish::Submission;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reports of one node: enough that filling its index takes several commits of facts and of bodies.
const REPORTS: u64 = 1_300;

/// An index whose process is killed before its commit number `left` from now.
struct Killed {
    inner: Arc<MemoryStore>,
    left: AtomicU64,
}

impl Read for Killed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn scan(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(from, until, limit)
    }
    fn scan_back(&self, from: &[u8], until: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan_back(from, until, limit)
    }
}

impl Store for Killed {
    fn keep_image(&self, image: &[u8]) -> Result<(), StoreError> {
        self.inner.keep_image(image)
    }

    fn image(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.image()
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(io::Error::other("killed").into());
        }
        self.inner.commit(batch)
    }
    fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush()
    }
}

fn rows(store: &dyn Read) -> Vec<Entry> {
    store.scan(&[], &[0xff; 8], usize::MAX).expect("readable")
}

/// A root with many reports.
fn full_world(seed: u64) -> World {
    let world = World::new(seed);
    let province = world.province("330000");
    let mut sim = world.sim();
    for group in 0..REPORTS / 100 {
        let published = sim.turn(province.at, |node, turn| {
            for n in group * 100..(group + 1) * 100 {
                let submission = Submission {
                    division: code("330000"),
                    agency_name: format!("第{}局", n % 400),
                    agency_code: String::new(),
                    year: 2020 + (n / 400) as u16,
                    scope: Scope::Own,
                    status: Status::Final,
                    template: String::new(),
                    as_printed: false,
                    content: sums::content(n, false),
                    attachments: Vec::new(),
                };
                node.publish(turn, &submission).expect("published");
            }
            Ok(())
        });
        published.expect("the machine runs");
    }
    drop(sim);
    world
}

fn open(sim: &Sim, store: Arc<dyn Store>) -> Result<Engine, EngineError> {
    let site = &sim.sites[0];
    Engine::open(site.keys(), Box::new(site.disk.clone()), Box::new(site.marks.clone()), store, sim.now(0))
}

#[test]
fn fault_19_filling_an_index_that_is_killed_before_any_commit_and_again_ends_in_the_same_rows() {
    let world = full_world(1_900);
    let sim = world.seen();
    let whole = Arc::new(MemoryStore::new());
    open(&sim, whole.clone()).expect("filled");
    let whole = rows(whole.as_ref());
    assert!(whole.len() > 3 * REPORTS as usize);
    let mut kills = 0;
    for first in 0.. {
        let inner = Arc::new(MemoryStore::new());
        let start = |left: u64| open(&sim, Arc::new(Killed { inner: inner.clone(), left: left.into() }));
        let Err(error) = start(first) else { break };
        assert!(matches!(error, EngineError::Store(StoreError::Io(_))), "{error}");
        // Killed once more while it goes on, and then left alone.
        let again = start(1).is_err();
        kills += 1 + u64::from(again);
        start(u64::MAX).expect("it goes on where it was");
        assert!(rows(inner.as_ref()) == whole, "killed before commit {first}");
    }
    println!("{kills} kills while an index was filled, the same {} rows each time", whole.len());
    assert!(kills >= 12, "{kills}");
}

#[test]
fn fault_19_an_index_of_other_rules_or_another_layout_is_built_anew_by_itself() {
    let world = World::new(1_901);
    let province = world.province("330000");
    province.publishes("省司法厅", 2024, "检查 1 次");
    world.settle();
    let mut sim = world.sim();
    let dir = on_disk(&sim, province.at, &mut Rng::new(5));
    let data = dir.path().join("data");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data.join("keys")).expect("a directory");
    std::fs::create_dir(data.join("record")).expect("a directory");
    for stream in ["facts", "bodies"] {
        std::fs::rename(dir.path().join(stream), data.join("record").join(stream)).expect("moved");
    }
    let keys = [("signing", sim.sites[0].signing()), ("transport", sim.sites[0].transport())];
    for (name, key) in keys {
        let path = data.join("keys").join(format!("{name}.pem"));
        std::fs::write(&path, key.to_pkcs8_pem().expect("a key").as_bytes()).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its own");
    }
    let now = sim.now(0);
    let opened = |data: &Path| {
        let opened = DataDir::new(data).open(now).expect("it opens");
        let held = (opened.engine.node().root_log(), opened.engine.node().ledger().view_root());
        (held, rows(opened.engine.store().as_ref()))
    };
    let first = opened(&data);
    let mut rules = first.1.iter().find(|(key, _)| key == layout::FOLD).expect("its rules").1.clone();
    assert_eq!(rules.len(), 8);
    let mut others: Vec<Option<Vec<u8>>> = vec![None, Some(rules[..4].to_vec())];
    for at in [3, 7] {
        rules[at] += 1;
        others.push(Some(rules.clone()));
        rules[at] -= 1;
    }
    for other in others {
        let index = SledStore::open(&data.join("index")).expect("an index");
        let mut batch = Batch::new();
        match &other {
            Some(other) => batch.put(layout::FOLD.to_vec(), other.clone()),
            None => batch.delete(layout::FOLD.to_vec()),
        }
        // A row that only the other rules would have written.
        batch.put(b"zz".to_vec(), b"another layout".to_vec());
        index.commit(&batch).expect("committed");
        drop(index);
        assert!(opened(&data) == first, "{other:?}");
    }
    sim.fault("other rules");
}
