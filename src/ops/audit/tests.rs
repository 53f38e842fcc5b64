//! The audit log: one chain over restarts and months, and what is noticed of those who would rewrite it.

use super::*;
use crate::config::AUDIT_DAYS;

/// 2026-01-05T09:00:00+08:00.
const NOW: WallMs = WallMs(1_767_574_800_000);

fn act(about: &str) -> Act {
    let caller = Caller { who: "root".to_owned(), from: "command line".to_owned() };
    Act { caller, what: "publish".to_owned(), about: about.to_owned(), result: "done".to_owned() }
}

fn written(count: u64) -> (tempfile::TempDir, Head) {
    let data = tempfile::tempdir().unwrap();
    let mut log = AuditLog::open(data.path(), NOW).unwrap();
    for at in 0..count {
        log.append(&[act(&format!("第 {at} 件"))], WallMs(NOW.0 + at)).unwrap();
    }
    (data, log.head())
}

fn lines(data: &Path) -> Result<Vec<Line>, AuditError> {
    let mut found = Vec::new();
    read(data, |line| found.push(line)).map(|_| found)
}

#[test]
fn what_was_written_reads_back_in_one_chain_over_restarts_and_months() {
    let (data, head) = written(3);
    let mut log = AuditLog::open(data.path(), NOW).unwrap();
    assert_eq!(log.head(), head);
    log.append(&[act("次月"), act("次月二")], WallMs(NOW.0 + 40 * DAY_MS)).unwrap();
    let found = lines(data.path()).unwrap();
    assert_eq!(found.iter().map(|line| line.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(files(&data.path().join("audit")).unwrap().len(), 2);
    assert_eq!(found.last().unwrap().hash, log.head().hash);
}

#[test]
fn any_changed_byte_a_line_taken_out_or_put_in_is_noticed() {
    let (data, _) = written(4);
    let file = data.path().join("audit/2026-01.jsonl");
    let sound = fs::read(&file).unwrap();
    for at in (0..sound.len()).step_by(7) {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert!(lines(data.path()).is_err(), "byte {at}");
    }
    let text = String::from_utf8(sound).unwrap();
    let all: Vec<&str> = text.lines().collect();
    for without in 1..3 {
        let rest: Vec<&str> =
            all.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, l)| *l).collect();
        fs::write(&file, format!("{}\n", rest.join("\n"))).unwrap();
        assert!(lines(data.path()).is_err(), "without line {without}");
    }
    fs::write(&file, format!("{text}{}\n", all[1])).unwrap();
    assert!(lines(data.path()).is_err(), "a line twice");
}

#[test]
fn a_torn_line_is_cut_and_the_cut_is_said() {
    let (data, _) = written(2);
    let file = data.path().join("audit/2026-01.jsonl");
    let mut torn = fs::read(&file).unwrap();
    torn.extend_from_slice(b"{\"seq\":3,\"at\"");
    fs::write(&file, torn).unwrap();
    AuditLog::open(data.path(), NOW).unwrap();
    let found = lines(data.path()).unwrap();
    assert_eq!((found.len(), found[2].what.as_str(), found[2].about.as_str()), (3, "audit cut", "13 bytes"));
}

#[test]
fn a_long_month_is_opened_by_its_end_alone_whatever_a_power_cut_left_there() {
    let (data, head) = written(300);
    let file = data.path().join("audit/2026-01.jsonl");
    let mut torn = fs::read(&file).unwrap();
    assert!(torn.len() as u64 > 4 * LINE_BYTES_MAX);
    // Only the end is read: nobody sees here that the beginning is not what was written; `audit verify` does.
    torn[0] = b'?';
    torn.extend_from_slice(&[0; 100_000]);
    fs::write(&file, torn).unwrap();
    assert_eq!(AuditLog::open(data.path(), NOW).unwrap().head().seq, head.seq + 1, "and the cut is said");
    assert!(lines(data.path()).is_err());
}

#[test]
fn what_people_write_stays_on_its_line() {
    let data = tempfile::tempdir().unwrap();
    let mut log = AuditLog::open(data.path(), NOW).unwrap();
    log.append(&[act(&format!("a\n{{\"seq\":9}}\u{1b}[31m{}", "长".repeat(5_000)))], NOW).unwrap();
    let found = lines(data.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].about.chars().count(), 500);
}

#[test]
fn months_are_kept_at_least_180_days_and_the_rest_still_chains() {
    let (data, _) = written(2);
    let mut log = AuditLog::open(data.path(), NOW).unwrap();
    let later = WallMs(NOW.0 + 150 * DAY_MS);
    log.append(&[act("六月")], later).unwrap();
    assert_eq!(log.prune(1, later).unwrap(), 0, "the law's days");
    assert_eq!(log.prune(AUDIT_DAYS, WallMs(NOW.0 + 300 * DAY_MS)).unwrap(), 0);
    assert_eq!(log.prune(AUDIT_DAYS, WallMs(NOW.0 + 450 * DAY_MS)).unwrap(), 1);
    let found = lines(data.path()).unwrap();
    assert_eq!((found[0].seq, found.last().unwrap().what.as_str()), (3, "audit prune"));
}
