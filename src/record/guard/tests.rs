//! What the guard promises, after crashes as well.

use super::*;

type Tested = Result<(), Box<dyn std::error::Error>>;

fn digest(seed: u64) -> Digest {
    Digest::of(&[&seed.to_le_bytes()])
}

#[test]
fn a_lower_size_or_another_root_at_the_same_size_is_refused_and_nothing_is_raised() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    let mut guard = Guard::create(&path)?;
    guard.raise(&[(digest(1), 10, digest(100))])?;
    let before = std::fs::metadata(&path)?.len();
    for (size, root) in [(9, digest(100)), (10, digest(101))] {
        let refused = guard.raise(&[(digest(2), 5, digest(7)), (digest(1), size, root)]);
        let Err(GuardError::WouldFork { origin, held, asked }) = refused else {
            return Err("let pass".into());
        };
        assert_eq!((origin, held.size, asked), (digest(1), 10, Mark { size, root }));
        assert_eq!(guard.mark(&digest(2)), None, "all or none");
    }
    // Two roots for one size within one call are a fork as well.
    let twice = guard.raise(&[(digest(3), 5, digest(1)), (digest(3), 5, digest(2))]);
    assert!(matches!(twice, Err(GuardError::WouldFork { .. })));
    guard.raise(&[(digest(1), 10, digest(100))])?;
    assert_eq!(std::fs::metadata(&path)?.len(), before, "nothing higher, nothing written");
    Ok(())
}

#[test]
fn marks_are_there_after_opening_again() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    assert!(matches!(Guard::open(&path), Err(GuardError::NotFound(_))));
    let mut guard = Guard::create(&path)?;
    guard.raise(&[(digest(1), 1, digest(11)), (digest(2), 2, digest(22))])?;
    guard.raise(&[(digest(1), 3, digest(33))])?;
    drop(guard);
    assert!(matches!(Guard::create(&path), Err(GuardError::AlreadyThere(_))));
    let guard = Guard::open(&path)?;
    assert_eq!(guard.mark(&digest(1)), Some(Mark { size: 3, root: digest(33) }));
    assert_eq!(guard.mark(&digest(2)), Some(Mark { size: 2, root: digest(22) }));
    assert_eq!(guard.mark(&digest(3)), None);
    Ok(())
}

#[test]
fn a_raise_cut_anywhere_is_gone_whole_and_all_earlier_ones_stand() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    let mut guard = Guard::create(&path)?;
    guard.raise(&[(digest(1), 1, digest(11))])?;
    let kept = std::fs::metadata(&path)?.len();
    guard.raise(&[(digest(1), 2, digest(12)), (digest(2), 2, digest(22)), (digest(3), 2, digest(32))])?;
    let whole = std::fs::read(&path)?;
    for end in usize::try_from(kept)?..whole.len() {
        std::fs::write(&path, &whole[..end])?;
        let mut guard = Guard::open(&path)?;
        assert_eq!(guard.mark(&digest(1)), Some(Mark { size: 1, root: digest(11) }), "cut at {end}");
        assert_eq!(guard.mark(&digest(2)), None);
        guard.raise(&[(digest(2), 9, digest(9))])?;
        assert_eq!(Guard::open(&path)?.mark(&digest(2)).map(|m| m.size), Some(9));
    }
    // Pages may reach the disk in any order: every set of cells of the interrupted raise but the whole.
    let first = usize::try_from(kept)?;
    for lost in 1..8 {
        let mut torn = whole.clone();
        for cell in (0..3).filter(|cell| lost >> cell & 1 == 1) {
            torn[first + cell * CELL_BYTES..][..CELL_BYTES].fill(0);
        }
        std::fs::write(&path, &torn)?;
        assert_eq!(Guard::open(&path)?.mark(&digest(1)).map(|m| m.size), Some(1), "lost {lost:03b}");
    }
    Ok(())
}

#[test]
fn any_flipped_bit_is_damage_and_never_a_lower_mark() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    let mut guard = Guard::create(&path)?;
    for size in 1..4 {
        guard.raise(&[(digest(1), size, digest(size))])?;
    }
    let whole = std::fs::read(&path)?;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&path, &bytes)?;
        let opened = Guard::open(&path);
        assert!(
            matches!(opened, Err(GuardError::Damaged { offset, .. }) if offset as usize == place / 128 * 128)
        );
    }
    let mut zeroed = whole.clone();
    zeroed[2 * CELL_BYTES..3 * CELL_BYTES].fill(0);
    std::fs::write(&path, &zeroed)?;
    assert!(
        matches!(Guard::open(&path), Err(GuardError::Damaged { offset: 256, .. })),
        "a later raise stands"
    );
    Ok(())
}

#[test]
fn rewriting_keeps_every_mark_and_raising_goes_on() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    let mut guard = Guard::create(&path)?;
    guard.compact_bytes = 2048;
    guard.raise(&[(digest(2), 7, digest(77)), (digest(3), 8, digest(88))])?;
    let mut longest = 0;
    for size in 1..=40 {
        guard.raise(&[(digest(1), size, digest(size))])?;
        guard.compact_bytes = 2048;
        longest = longest.max(std::fs::metadata(&path)?.len());
        assert_eq!(Guard::open(&path)?.mark(&digest(1)).map(|m| m.size), Some(size));
    }
    assert!(longest <= 2048 + 128, "{longest}");
    let guard = Guard::open(&path)?;
    assert_eq!(guard.mark(&digest(2)), Some(Mark { size: 7, root: digest(77) }));
    assert_eq!(guard.mark(&digest(3)), Some(Mark { size: 8, root: digest(88) }));
    Ok(())
}

#[test]
fn an_interrupted_rewriting_leaves_the_old_file_in_force() -> Tested {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("guard");
    Guard::create(&path)?.raise(&[(digest(1), 5, digest(5))])?;
    std::fs::write(beside(&path), b"half of a")?;
    assert_eq!(Guard::open(&path)?.mark(&digest(1)).map(|m| m.size), Some(5));
    assert!(!beside(&path).exists());
    Ok(())
}

#[test]
fn a_copy_of_a_guard_is_unsure_until_it_is_settled_and_a_moved_one_is_not()
-> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (path, copy, moved) = (dir.path().join("guard"), dir.path().join("copy"), dir.path().join("moved"));
    let origin = Digest::of(&[b"a log"]);
    let mut guard = Guard::create(&path)?;
    guard.raise(&[(origin, 3, origin)])?;
    assert!(!guard.is_unsure() && !Guard::open(&path)?.is_unsure());
    std::fs::copy(&path, &copy)?;
    let mut found = Guard::open(&copy)?;
    assert!(found.is_unsure() && found.mark(&origin).is_some_and(|mark| mark.size == 3));
    found.settle_here()?;
    found.raise(&[(origin, 4, origin)])?;
    assert!(
        !Guard::open(&copy)?.is_unsure()
            && Guard::open(&copy)?.mark(&origin).is_some_and(|mark| mark.size == 4)
    );
    std::fs::rename(&path, &moved)?;
    assert!(!Guard::open(&moved)?.is_unsure());
    assert!(
        Guard::create_unsure(&path)?.is_unsure() && Guard::open(&path)?.is_unsure(),
        "over a restart too"
    );
    Ok(())
}
