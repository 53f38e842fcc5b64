//! What the record promises, shown on files: torn, flipped, rolled over, opened again.

use super::*;
use crate::record::FRAME_BYTES_MAX;
use crate::record::segment::FRAME_HEADER_BYTES;
use tempfile::TempDir;

type Tested = Result<(), Box<dyn std::error::Error>>;

fn frame(number: u8) -> Frame {
    Frame { kind: number, payload: vec![number; 3 + usize::from(number)] }
}

fn facts(numbers: &[u8]) -> Batch {
    Batch { bodies: Vec::new(), facts: numbers.iter().map(|&n| frame(n)).collect() }
}

fn seen(record: &FileRecord, from: Position) -> Result<Vec<(Stream, u64, u8)>, RecordError> {
    let mut seen = Vec::new();
    record.replay(from, &mut |stream, index, frame| {
        seen.push((stream, index, frame.kind));
        ControlFlow::Continue(())
    })?;
    Ok(seen)
}

fn kinds(record: &FileRecord) -> Result<Vec<u8>, RecordError> {
    Ok(seen(record, Position::default())?.into_iter().map(|(_, _, kind)| kind).collect())
}

/// A record of one-frame batches with the facts 0..6, and the bytes of its segment.
fn six_facts() -> Result<(TempDir, PathBuf, Vec<u8>), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?;
    for number in 0..6 {
        record.append(&facts(&[number]))?;
    }
    let path = dir.path().join("facts").join(segment_name(0));
    let bytes = std::fs::read(&path)?;
    Ok((dir, path, bytes))
}

fn starts(count: u8) -> Vec<usize> {
    let sizes = (0..count).map(|n| FRAME_HEADER_BYTES + frame(n).payload.len());
    let mut at = SEGMENT_HEADER_BYTES;
    let mut starts = Vec::new();
    for size in sizes {
        starts.push(at);
        at += size;
    }
    starts
}

#[test]
fn cut_at_every_byte_of_the_last_three_frames_all_earlier_frames_are_there() -> Tested {
    let (dir, path, whole) = six_facts()?;
    let starts = starts(6);
    for end in starts[3]..whole.len() {
        std::fs::write(&path, &whole[..end])?;
        let (mut record, opened) = FileRecord::open(dir.path())?;
        let kept = (0_u8..6).filter(|&n| starts.get(usize::from(n) + 1).is_some_and(|&s| s <= end));
        let kept: Vec<u8> = kept.collect();
        assert_eq!(kinds(&record)?, kept, "cut at {end}");
        assert_eq!(opened.cut_bytes as usize, end - starts[kept.len()]);
        assert_eq!(record.append(&facts(&[9]))?.facts, kept.len() as u64 + 1);
        drop(record);
        let (record, opened) = FileRecord::open(dir.path())?;
        assert_eq!((kinds(&record)?.last(), opened), (Some(&9), Opened::default()));
    }
    Ok(())
}

#[test]
fn a_torn_batch_is_gone_whole_in_whatever_order_its_sectors_arrived() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?;
    record.append(&facts(&[1, 2]))?;
    let path = dir.path().join("facts").join(segment_name(0));
    let kept = std::fs::read(&path)?.len();
    record.append(&facts(&[3, 4, 5, 6]))?;
    let whole = std::fs::read(&path)?;
    for lost in kept..whole.len() {
        let mut torn = whole.clone();
        let end = whole.len().min(lost + 8);
        torn[lost..end].fill(0);
        if torn == whole {
            continue;
        }
        std::fs::write(&path, &torn)?;
        let (record, opened) = FileRecord::open(dir.path())?;
        assert_eq!(kinds(&record)?, [1, 2], "lost at {lost}");
        assert_eq!(opened.cut_bytes as usize, whole.len() - kept);
    }
    Ok(())
}

#[test]
fn a_flipped_bit_in_a_middle_frame_is_damage_at_opening_and_on_replay() -> Tested {
    let (dir, path, whole) = six_facts()?;
    let (open, _) = FileRecord::open(dir.path())?;
    let starts = starts(6);
    for place in starts[2]..starts[3] {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            std::fs::write(&path, &bytes)?;
            let at = starts[2] as u64;
            assert!(matches!(kinds(&open), Err(RecordError::Damaged { offset, .. }) if offset == at));
            let opened = FileRecord::open(dir.path());
            assert!(matches!(opened, Err(RecordError::Damaged { offset, .. }) if offset == at), "{place}");
            assert_eq!(std::fs::read(&path)?, bytes, "damage is left as it is");
        }
    }
    Ok(())
}

#[test]
fn a_flipped_bit_in_an_earlier_segment_is_damage_on_replay() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?.with_segment_bytes(80);
    for number in 0..6 {
        record.append(&facts(&[number]))?;
    }
    let path = dir.path().join("facts").join(segment_name(0));
    let whole = std::fs::read(&path)?;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&path, &bytes)?;
        let (record, _) = FileRecord::open(dir.path())?;
        let replayed = kinds(&record);
        assert!(
            matches!(&replayed, Err(RecordError::Damaged { segment, .. }) if *segment == path),
            "{place}"
        );
    }
    // Whole frames missing, or the whole file.
    std::fs::write(&path, &whole[..SEGMENT_HEADER_BYTES])?;
    assert!(matches!(kinds(&record), Err(RecordError::Damaged { .. })));
    std::fs::remove_file(&path)?;
    assert!(matches!(kinds(&record), Err(RecordError::Damaged { .. })));
    assert!(matches!(FileRecord::open(dir.path()), Err(RecordError::Damaged { .. })));
    Ok(())
}

#[test]
fn frames_that_a_peer_hid_in_a_payload_do_not_make_a_torn_tail_damage() -> Tested {
    for (knows_the_salt, taken_for_proof) in [(false, false), (true, true)] {
        let (dir, path, whole) = six_facts()?;
        let mut record = FileRecord::open(dir.path())?.0;
        // The peer even guessed the place at which its bytes will stand. It cannot know the salt.
        let salt = record.facts.salt ^ u32::from(!knows_the_salt);
        let place = u32::try_from(whole.len() + FRAME_HEADER_BYTES)?;
        let payload = encode_batch(salt, place, &[frame(1)]);
        record.append(&Batch { facts: vec![Frame { kind: 7, payload }], ..Batch::default() })?;
        let mut torn = std::fs::read(&path)?;
        torn[whole.len()] ^= 1;
        std::fs::write(&path, &torn)?;
        let opened = FileRecord::open(dir.path());
        assert_eq!(matches!(opened, Err(RecordError::Damaged { .. })), taken_for_proof);
        assert_eq!(opened.is_ok_and(|(record, _)| record.end().facts == 6), !taken_for_proof);
    }
    Ok(())
}

#[test]
fn segments_roll_and_positions_go_on_after_opening_again() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?.with_segment_bytes(120);
    for number in 0..10 {
        record.append(&facts(&[number, number]))?;
        drop(record);
        record = FileRecord::open(dir.path())?.0.with_segment_bytes(120);
        assert_eq!(record.end(), Position { facts: u64::from(number) * 2 + 2, bodies: 0 });
    }
    assert!(record.facts.firsts.len() > 3, "{:?}", record.facts.firsts);
    for from in 0..=20 {
        let seen = seen(&record, Position { facts: from, bodies: 0 })?;
        let expected = (from..20).map(|index| (Stream::Facts, index, u8::try_from(index / 2).unwrap_or(0)));
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }
    let beyond = Position { facts: 21, bodies: 0 };
    assert!(matches!(seen(&record, beyond), Err(RecordError::Beyond { asked, .. }) if asked == beyond));
    Ok(())
}

#[test]
fn all_bodies_are_replayed_before_all_facts_and_a_visitor_may_stop() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?;
    for number in 0..2 {
        let batch = Batch { bodies: vec![frame(10 + number)], facts: vec![frame(number)] };
        assert_eq!(record.append(&batch)?, record.end());
    }
    use Stream::{Bodies, Facts};
    let all = [(Bodies, 0, 10), (Bodies, 1, 11), (Facts, 0, 0), (Facts, 1, 1)];
    assert_eq!(seen(&record, Position::default())?, all);
    let mut count = 0;
    record.replay(Position::default(), &mut |_, _, _| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    assert_eq!(count, 2);
    // Facts that were not written take no body with them.
    OpenOptions::new().write(true).open(dir.path().join("facts").join(segment_name(0)))?.set_len(24)?;
    assert_eq!(FileRecord::open(dir.path())?.0.end(), Position { facts: 0, bodies: 2 });
    Ok(())
}

#[test]
fn a_segment_that_was_just_being_begun_is_begun_again() -> Tested {
    for leftover in [0, 10, SEGMENT_HEADER_BYTES] {
        let (dir, path, _) = six_facts()?;
        std::fs::write(path.with_file_name(segment_name(6)), vec![0; leftover])?;
        let mut record = FileRecord::open(dir.path())?.0.with_segment_bytes(0);
        assert_eq!(record.append(&facts(&[6]))?.facts, 7);
        assert_eq!(kinds(&record)?, [0, 1, 2, 3, 4, 5, 6]);
    }
    Ok(())
}

#[test]
fn only_create_makes_a_record_and_never_over_one() -> Tested {
    let dir = tempfile::tempdir()?;
    assert!(matches!(FileRecord::open(dir.path()), Err(RecordError::Missing(_))));
    // An interrupted create is finished, whichever file it stopped at.
    std::fs::create_dir(dir.path().join("bodies"))?;
    std::fs::write(dir.path().join("bodies").join(segment_name(0)), b"GSR")?;
    FileRecord::create(dir.path())?;
    std::fs::remove_dir_all(dir.path().join("facts"))?;
    let mut record = FileRecord::create(dir.path())?;
    record.append(&Batch { bodies: vec![frame(1)], facts: vec![frame(2)] })?;
    assert!(matches!(FileRecord::create(dir.path()), Err(RecordError::AlreadyThere(_))));
    std::fs::remove_dir_all(dir.path().join("bodies"))?;
    assert!(matches!(FileRecord::open(dir.path()), Err(RecordError::Damaged { .. })));
    Ok(())
}

#[test]
fn what_is_too_large_is_refused_and_the_record_works_on() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?;
    let large = Frame { kind: 0, payload: vec![0; FRAME_BYTES_MAX + 1] };
    let refused = record.append(&Batch { bodies: vec![frame(1)], facts: vec![large] });
    assert!(matches!(refused, Err(RecordError::TooLarge { limit: FRAME_BYTES_MAX, .. })));
    assert_eq!(record.end(), Position::default());
    let largest = Frame { kind: 0, payload: vec![0; FRAME_BYTES_MAX] };
    assert_eq!(record.append(&Batch { facts: vec![largest], ..Batch::default() })?.facts, 1);
    Ok(())
}

#[test]
fn cutting_back_leaves_the_stream_as_it_was_even_across_a_roll() -> Tested {
    for segment_bytes in [0, SEGMENT_BYTES] {
        let (dir, _, _) = six_facts()?;
        let mut record = FileRecord::open(dir.path())?.0;
        let tail = record.facts.tail();
        record.facts.append(&[frame(6), frame(7)], segment_bytes)?;
        record.facts.cut_back(tail)?;
        assert_eq!(kinds(&record)?, [0, 1, 2, 3, 4, 5]);
        record.append(&facts(&[8]))?;
        drop(record);
        assert_eq!(kinds(&FileRecord::open(dir.path())?.0)?, [0, 1, 2, 3, 4, 5, 8]);
    }
    Ok(())
}

#[test]
fn after_a_failed_write_nothing_more_is_taken() -> Tested {
    let (dir, path, _) = six_facts()?;
    let mut record = FileRecord::open(dir.path())?.0;
    // A handle that cannot write stands for a disk that fails.
    record.facts.last = File::open(&path)?;
    assert!(matches!(record.append(&facts(&[6])), Err(RecordError::Io(_))));
    assert!(matches!(record.append(&facts(&[6])), Err(RecordError::Poisoned)));
    assert_eq!(record.end().facts, 6);
    Ok(())
}

#[test]
fn an_erased_body_is_gone_from_the_disk_and_everything_else_stands() -> Tested {
    let dir = tempfile::tempdir()?;
    let body = |number: u8| Frame { kind: number, payload: [b"secret".as_slice(), &[number; 40]].concat() };
    // Small segments, so that one in the middle, and the one in use, are blanked.
    let mut record = FileRecord::create(dir.path())?.with_segment_bytes(300);
    for number in 1..9 {
        record
            .append(&Batch { bodies: vec![body(number), body(number + 100)], facts: vec![frame(number)] })?;
    }
    let gone = |frame: &Frame| matches!(frame.kind, 3 | 108);
    assert_eq!(record.erase(&gone)?, 2);
    assert_eq!(record.erase(&gone)?, 0, "once is enough");
    record.append(&Batch { bodies: vec![body(9)], facts: Vec::new() })?;
    let end = record.end();
    drop(record);
    let (record, opened) = FileRecord::open(dir.path())?;
    assert_eq!((opened.cut_bytes, record.end()), (0, end));
    let mut bodies = Vec::new();
    record.replay(Position::default(), &mut |stream, _, frame| {
        bodies.extend((stream == Stream::Bodies).then_some((frame.kind, frame.payload)));
        ControlFlow::Continue(())
    })?;
    let kinds: Vec<u8> = bodies.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [1, 101, 2, 102, 0, 103, 4, 104, 5, 105, 6, 106, 7, 107, 8, 0, 9]);
    assert!(bodies.iter().all(|(kind, payload)| *kind != 0 || payload.iter().all(|byte| *byte == 0)));
    let left = std::fs::read_dir(dir.path().join("bodies"))?.map(|entry| std::fs::read(entry?.path()));
    for bytes in left {
        let bytes = bytes?;
        assert!(!bytes.windows(40).any(|part| part == [3; 40] || part == [108; 40]));
    }
    Ok(())
}

/// F4: every sector of the last three frames, torn: a sector that never arrived is zeros. In the last batch it was never
/// acknowledged and is cut whole; before it, it is damage and nothing is cut.
#[test]
fn fault_04_torn_write() -> Tested {
    let dir = tempfile::tempdir()?;
    let mut record = FileRecord::create(dir.path())?;
    let path = dir.path().join("facts").join(segment_name(0));
    let mut ends = Vec::new();
    for number in 1..7 {
        let payload = (0..2_500_usize).map(|at| number ^ u8::try_from(at % 251).unwrap_or(1) | 1).collect();
        record.append(&Batch { bodies: Vec::new(), facts: vec![Frame { kind: number, payload }] })?;
        ends.push(std::fs::read(&path)?.len());
    }
    drop(record);
    let whole = std::fs::read(&path)?;
    let (third_last, last) = (ends[2], ends[4]);
    let (mut cut, mut damaged) = (0, 0);
    for sector in (third_last / 512)..whole.len().div_ceil(512) {
        let (from, until) = (sector * 512, (sector * 512 + 512).min(whole.len()));
        let mut torn = whole.clone();
        // A sector that was not written keeps what it held: in the one with the last batch's beginning, that is the
        // end of the acknowledged batch before it.
        let blank = if (from..until).contains(&last) { last } else { from };
        torn[blank..until].fill(0);
        std::fs::write(&path, &torn)?;
        match FileRecord::open(dir.path()) {
            Ok((record, opened)) => {
                assert_eq!(torn[..last], whole[..last], "acknowledged: {sector}");
                assert_eq!(opened.cut_bytes as usize, whole.len() - last);
                assert_eq!(kinds(&record)?, [1, 2, 3, 4, 5]);
                cut += 1;
            }
            Err(RecordError::Damaged { .. }) => {
                assert!(from < last, "the last batch was never acknowledged: {sector}");
                assert_eq!(std::fs::read(&path)?.len(), whole.len(), "nothing is cut of what is damaged");
                damaged += 1;
            }
            Err(error) => return Err(error.into()),
        }
        // Lengths torn at the same boundaries: the file ends there.
        std::fs::write(&path, &whole[..from])?;
        let (record, _) = FileRecord::open(dir.path())?;
        let kept = ends.iter().filter(|end| **end <= from).count();
        assert_eq!(kinds(&record)?.len(), kept);
    }
    assert!(cut >= 4 && damaged >= 9, "{cut} cut, {damaged} damaged");
    Ok(())
}
