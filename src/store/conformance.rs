//! What every engine must do, run on each of them by its own file.

use super::{Batch, Entry, KEY_BYTES_MAX, MemoryStore, Read, Store, StoreError, prefix_end};
use std::collections::BTreeMap;

/// Runs the suite on an empty store.
pub(super) fn run(store: &dyn Store) -> Result<(), StoreError> {
    puts_are_read_and_deletes_hide(store)?;
    values_of_any_length_are_read(store)?;
    scans_are_ordered_bounded_and_exclusive(store)?;
    a_refused_batch_changes_nothing(store)?;
    readers_see_whole_batches(store)?;
    it_reads_as_the_reference_does(store)
}

fn entry(key: &str, value: &str) -> Entry {
    (key.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn puts_are_read_and_deletes_hide(store: &dyn Store) -> Result<(), StoreError> {
    assert_eq!(store.get(b"a")?, None);
    let mut batch = Batch::new();
    batch.put("a", "1");
    batch.put("empty", "");
    batch.delete("never there");
    store.commit(&batch)?;
    assert_eq!(store.get(b"a")?.as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get(b"empty")?.as_deref(), Some(&b""[..]), "an empty value is a value");
    let mut batch = Batch::new();
    batch.delete("a");
    batch.delete("empty");
    store.commit(&batch)?;
    store.commit(&Batch::new())?;
    assert_eq!((store.get(b"a")?, store.get(b"empty")?), (None, None));
    store.flush()
}

fn values_of_any_length_are_read(store: &dyn Store) -> Result<(), StoreError> {
    let lengths = [0, 1, 8_192, 16_384, 16_385, 66_000, 1 << 20];
    for replaced in [1_u8, 2] {
        let mut batch = Batch::new();
        for (at, length) in (0_u8..).zip(lengths) {
            batch.put([b'v', at], vec![replaced + at; length]);
        }
        store.commit(&batch)?;
        let rows = store.scan(b"v", &prefix_end(b"v"), 99)?;
        let mut back = store.scan_back(b"v", &prefix_end(b"v"), 99)?;
        back.reverse();
        assert_eq!(rows, back);
        for ((at, length), (key, value)) in (0_u8..).zip(lengths).zip(&rows) {
            assert_eq!(*key, [b'v', at]);
            assert!(*value == vec![replaced + at; length], "{length}");
            assert!(store.get(key)?.as_ref() == Some(value), "{length}");
        }
    }
    clear(store)
}

fn scans_are_ordered_bounded_and_exclusive(store: &dyn Store) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for key in ["s/c", "s/a", "s0", "s/b", "r"] {
        batch.put(key, "1");
    }
    let all = prefix_end(b"");
    batch.put(vec![u8::MAX; KEY_BYTES_MAX], "last");
    store.commit(&batch)?;
    let until = prefix_end(b"s/");
    assert_eq!(store.scan(b"s/", &until, 9)?, ["s/a", "s/b", "s/c"].map(|k| entry(k, "1")));
    assert_eq!(store.scan(b"s/", &until, 2)?, ["s/a", "s/b"].map(|k| entry(k, "1")));
    assert_eq!(store.scan(b"s/a", b"s/c", 9)?, ["s/a", "s/b"].map(|k| entry(k, "1")));
    assert_eq!(store.scan_back(b"s/", &until, 2)?, ["s/c", "s/b"].map(|k| entry(k, "1")));
    assert_eq!(store.scan_back(b"s/a", b"s/c", 9)?, ["s/b", "s/a"].map(|k| entry(k, "1")));
    assert_eq!(store.scan(b"", &all, 99)?.len(), 6, "the longest and greatest key lies below the end of all");
    for (from, until, limit) in [(&b"s/"[..], &until[..], 0), (b"s/b", b"s/b", 9), (b"s/c", b"s/a", 9)] {
        assert_eq!(store.scan(from, until, limit)?, []);
        assert_eq!(store.scan_back(from, until, limit)?, []);
    }
    clear(store)
}

fn a_refused_batch_changes_nothing(store: &dyn Store) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    batch.put("a", "1");
    batch.put(vec![b'b'; KEY_BYTES_MAX + 1], "1");
    let refused = store.commit(&batch);
    assert!(matches!(refused, Err(StoreError::KeyTooLong { bytes }) if bytes == KEY_BYTES_MAX + 1));
    assert_eq!(store.get(b"a")?, None);
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "readers beside a writer are what is tested")]
fn readers_see_whole_batches(store: &dyn Store) -> Result<(), StoreError> {
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<(), StoreError> {
            for round in 0..200_u32 {
                let mut batch = Batch::new();
                for key in 0..8_u8 {
                    batch.put([b'w', key], round.to_be_bytes());
                }
                store.commit(&batch)?;
            }
            Ok(())
        });
        while !writer.is_finished() {
            for found in [store.scan(b"w", b"x", 9)?, store.scan_back(b"w", b"x", 9)?] {
                let mut values = found.iter().map(|(_, value)| value);
                let first = values.next();
                assert!(
                    values.all(|value| Some(value) == first),
                    "a scan shows parts of two batches: {found:?}"
                );
            }
        }
        writer.join().unwrap_or(Ok(()))
    })?;
    clear(store)
}

fn it_reads_as_the_reference_does(store: &dyn Store) -> Result<(), StoreError> {
    let reference = MemoryStore::new();
    let mut seed = 7_u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for round in 0..60_u32 {
        let mut batch = Batch::new();
        for _ in 0..40 {
            let key = format!("k{:03}", random(400)).into_bytes();
            if random(3) == 0 {
                expected.remove(&key);
                batch.delete(key);
            } else {
                let value = round.to_be_bytes().repeat(1 + random(300) as usize);
                expected.insert(key.clone(), value.clone());
                batch.put(key, value);
            }
        }
        store.commit(&batch)?;
        Store::commit(&reference, &batch)?;
        let from = format!("k{:03}", random(400)).into_bytes();
        let until = format!("k{:03}", random(400)).into_bytes();
        let limit = random(50) as usize;
        assert_eq!(store.scan(&from, &until, limit)?, Read::scan(&reference, &from, &until, limit)?);
        let back = Read::scan_back(&reference, &from, &until, limit)?;
        assert_eq!(store.scan_back(&from, &until, limit)?, back);
    }
    assert_eq!(store.scan(b"", &prefix_end(b""), 1000)?, expected.into_iter().collect::<Vec<_>>());
    clear(store)
}

fn clear(store: &dyn Store) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for (key, _) in store.scan(b"", &prefix_end(b""), 10_000)? {
        batch.delete(key);
    }
    store.commit(&batch)
}
