//! Images of a node's state: a start with one gives what a start without one gives, and one that does not fit is none.

use crate::story::World;
use crate::world::Sim;
use gongshi::digest::Digest;
use gongshi::ops::engine::Engine;
use gongshi::record::{Batch, Frame, Position, Record, RecordError, Stream, Visit};
use gongshi::store::{MemoryStore, Store};
use gongshi::trust::delegation::Hosting;
use gongshi::wire;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A record that counts the facts that are read from it.
struct Counted {
    inner: Box<dyn Record>,
    facts: Arc<AtomicU64>,
}

impl Record for Counted {
    fn append(&mut self, batch: &Batch) -> Result<Position, RecordError> {
        self.inner.append(batch)
    }
    fn end(&self) -> Position {
        self.inner.end()
    }
    fn erase(&mut self, is_erased: &dyn Fn(&Frame) -> bool) -> Result<u64, RecordError> {
        self.inner.erase(is_erased)
    }
    fn replay(&self, from: Position, visit: &mut Visit<'_>) -> Result<(), RecordError> {
        self.inner.replay(from, &mut |stream, index, frame| {
            self.facts.fetch_add(u64::from(stream == Stream::Facts), Ordering::Relaxed);
            visit(stream, index, frame)
        })
    }
}

/// A machine started from its record and a store; and how many facts it read for that.
fn start(sim: &Sim, at: usize, store: Arc<dyn Store>) -> (Engine, u64) {
    let site = &sim.sites[at];
    let facts = Arc::new(AtomicU64::new(0));
    let record = Counted { inner: Box::new(site.disk.clone()), facts: Arc::clone(&facts) };
    let engine =
        Engine::open(site.keys(), Box::new(record), Box::new(site.marks.clone()), store, sim.now(at));
    (engine.expect("it starts"), facts.load(Ordering::Relaxed))
}

fn same(one: &Engine, other: &Engine) -> bool {
    let images = one.node().image().zip(other.node().image()).expect("nothing is known early");
    images.0.differences(&images.1).is_empty()
}

/// A province with a city, and some of everything that a state is made of.
fn world() -> World {
    let world = World::new(2_200);
    let province = world.province("330000");
    let city = world.joins("city", "330200", &province, Hosting::Own);
    for number in 0..30 {
        city.publishes(&format!("第{number}局"), 2023, "检查 1 次");
    }
    world.settle();
    city.corrects("第3局", 2023, "检查 2 次").expect("corrected");
    city.withdraws("第4局", 2023, true);
    province.publishes("省司法厅", 2024, "检查 3 次");
    world.settle();
    world
}

#[test]
fn a_start_with_an_image_replays_what_came_after_and_gives_the_same_state() {
    let world = world();
    let sim = world.seen();
    for at in 0..sim.sites.len() {
        let (anew, all) = start(&sim, at, Arc::new(MemoryStore::new()));
        let (again, some) = start(&sim, at, sim.sites[at].store.clone());
        assert!(some < all / 2, "{some} of {all} facts were read");
        assert!(same(&anew, &again));
        assert!(same(&anew, sim.sites[at].engine.as_ref().expect("it runs")));
    }
}

#[test]
fn an_image_that_does_not_fit_is_none() {
    let world = world();
    let sim = world.seen();
    let (anew, all) = start(&sim, 0, Arc::new(MemoryStore::new()));
    let (store, other) = (&sim.sites[0].store, &sim.sites[1].store);
    let own = store.image().expect("readable").expect("an image");
    let mut wrong = vec![Vec::new(), b"no image".to_vec(), own[..own.len() - 1].to_vec()];
    wrong.push(other.image().expect("readable").expect("an image"));
    for at in [0, 31, 32, 40, own.len() / 2, own.len() - 1] {
        let mut flipped = own.clone();
        flipped[at] ^= 1;
        wrong.push(flipped);
    }
    for (number, image) in wrong.iter().enumerate() {
        store.keep_image(image).expect("kept");
        let (again, read) = start(&sim, 0, store.clone());
        assert!(same(&anew, &again), "image {number}");
        // The last fact of another's image is looked for too.
        assert!((all..=all + 1).contains(&read), "image {number}: {read} of {all} facts were read");
    }
    // An index that lost what it had applied: the image knows more than it does.
    let empty = Arc::new(MemoryStore::new());
    empty.keep_image(&own).expect("kept");
    let (again, read) = start(&sim, 0, empty);
    assert!(same(&anew, &again) && read == all);
}

/// An image says nothing of its layout: whoever changes what is in one raises its version in src/ops/engine/image.rs, and
/// then the digest here.
#[test]
fn the_bytes_of_an_image_change_with_its_version_only() {
    let world = World::new(2_201);
    let province = world.province("330000");
    province.publishes("省司法厅", 2024, "检查 3 次");
    world.settle();
    let sim = world.seen();
    let image = wire::encode(&sim.sites[province.at].node().image().expect("nothing is known early"));
    assert_eq!(
        Digest::of(&[&image]).to_string(),
        "2bd59c28de71560e8fb1dc635e99931b66ee027d20531be4f11a52b9cf49d9ec"
    );
}
