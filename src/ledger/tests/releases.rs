//! What is public when: policies, schedules, releases, and the lines they give.

use super::*;
use RefusalCode::BadYear;

fn schedule(federation: &mut Federation, year: u16) -> Verdict {
    federation.says(&root(), Act::Schedule { year, at: WallMs(NOON.0 + 86_400_000) })
}

fn states(federation: &Federation, year: u16) -> Vec<RevisionState> {
    let chain = federation.ledger.disclosures().chain(&government(TOWN), year);
    chain.iter().map(|revision| revision.state).collect()
}

#[test]
fn under_the_open_policy_what_is_accepted_is_public() {
    let mut federation = Federation::founded();
    federation.shows(&[]);
    let first = federation.submits(&town(), 2024);
    let id = government(TOWN);
    federation.shows(&[(&id, 2024, 1, first, "released")]);
    let second = federation.corrects(&town(), 2024);
    federation.shows(&[(&id, 2024, 1, first, "superseded"), (&id, 2024, 2, second, "released")]);
    federation.withdraws(&town(), 2024);
    federation.shows(&[(&id, 2024, 1, first, "superseded"), (&id, 2024, 2, second, "withdrawn")]);
}

#[test]
fn nil_and_not_applicable_have_lines_too() {
    let mut federation = Federation::founded();
    for (author, act) in [(town(), ReportAct::Nil), (other_town(), ReportAct::NotApplicable)] {
        assert_eq!(federation.reports(&author, act, 2024), Verdict::Accept);
    }
    let [one, other] = [6, 5].map(|back| federation.prefix[back].1.digest());
    federation.shows(&[
        (&government(OTHER_TOWN), 2024, 1, one, "released"),
        (&government(TOWN), 2024, 1, other, "released"),
    ]);
}

#[test]
fn held_revisions_have_no_line_until_the_release_of_their_year() {
    let mut federation = Federation::founded();
    federation.holds(true);
    let first = federation.submits(&town(), 2024);
    let second = federation.corrects(&town(), 2024);
    let other = federation.submits(&other_town(), 2024);
    let older = federation.submits(&town(), 2023);
    federation.shows(&[]);
    assert_eq!(states(&federation, 2024), [RevisionState::Held; 2]);
    federation.releases(2024);
    let (town_id, other_id) = (government(TOWN), government(OTHER_TOWN));
    let lines = [
        (town_id.as_str(), 2024, 1, first, "superseded"),
        (town_id.as_str(), 2024, 2, second, "released"),
        (other_id.as_str(), 2024, 1, other, "released"),
    ];
    federation.shows(&lines);
    assert_eq!(states(&federation, 2023), [RevisionState::Held], "another year stays held");
    // After the release, corrections appear as they are sequenced.
    let third = federation.corrects(&other_town(), 2024);
    let after = [
        lines[0],
        lines[1],
        (&other_id, 2024, 1, other, "superseded"),
        (&other_id, 2024, 2, third, "released"),
    ];
    federation.shows(&after);
    federation.releases(2024);
    federation.shows(&after);
    federation.releases(2023);
    let mut all = after.to_vec();
    all.push((&town_id, 2023, 1, older, "released"));
    federation.shows(&all);
}

#[test]
fn a_release_tells_every_row_that_changed_and_no_other() {
    let mut federation = Federation::founded();
    federation.holds(true);
    let digests = [federation.submits(&town(), 2024), federation.corrects(&town(), 2024)];
    federation.submits(&town(), 2023);
    let release = federation.entry(&root(), Act::Release { year: 2024 });
    let mut changed: Vec<_> = federation
        .applies(&release)
        .into_iter()
        .map(|effect| match effect {
            Effect::Revision(one) => (one.revision, one.digest, one.state),
            other => panic!("{other:?}"),
        })
        .collect();
    changed.sort();
    let expected = [(1, digests[0], RevisionState::Superseded), (2, digests[1], RevisionState::Released)];
    assert_eq!(changed, expected);
}

#[test]
fn a_schedule_holds_its_year_and_comes_too_late_for_a_public_one() {
    let mut federation = Federation::founded();
    let open = federation.submits(&town(), 2023);
    assert_eq!(schedule(&mut federation, 2023), refused(BadYear));
    assert_eq!(schedule(&mut federation, 2024), Verdict::Accept);
    assert_eq!(federation.ledger.schedules.get(&2024), Some(&WallMs(NOON.0 + 86_400_000)));
    let held = federation.submits(&town(), 2024);
    let (id, other) = (government(TOWN), government(OTHER_TOWN));
    federation.shows(&[(&id, 2023, 1, open, "released")]);
    assert_eq!(schedule(&mut federation, 2024), Verdict::Accept, "another instant, nothing is public yet");
    let year_2022 = federation.submits(&other_town(), 2022);
    assert_eq!(federation.says(&root(), Act::Release { year: 2024 }), refused(BadYear), "before its instant");
    federation.at = WallMs(NOON.0 + 86_400_000);
    federation.releases(2024);
    federation.shows(&[
        (&id, 2023, 1, open, "released"),
        (&id, 2024, 1, held, "released"),
        (&other, 2022, 1, year_2022, "released"),
    ]);
    assert_eq!(schedule(&mut federation, 2024), refused(BadYear));
}

#[test]
fn no_clock_releases_a_year() {
    let mut federation = Federation::founded();
    assert_eq!(schedule(&mut federation, 2024), Verdict::Accept);
    federation.submits(&town(), 2024);
    federation.at = WallMs(NOON.0 + 900_000_000);
    federation.submits(&other_town(), 2024);
    federation.shows(&[]);
}

#[test]
fn what_is_withdrawn_before_the_release_never_gets_a_line() {
    let mut federation = Federation::founded();
    federation.holds(true);
    federation.submits(&town(), 2024);
    federation.withdraws(&town(), 2024);
    federation.shows(&[]);
    let other = federation.submits(&other_town(), 2024);
    federation.releases(2024);
    let other_id = government(OTHER_TOWN);
    federation.shows(&[(&other_id, 2024, 1, other, "released")]);
    // The chain goes on from the number that nobody saw.
    let second = federation.submits(&town(), 2024);
    let id = government(TOWN);
    federation.shows(&[(&other_id, 2024, 1, other, "released"), (&id, 2024, 2, second, "released")]);
    federation.withdraws(&town(), 2024);
    federation.shows(&[(&other_id, 2024, 1, other, "released"), (&id, 2024, 2, second, "withdrawn")]);
}

#[test]
fn resubmitted_before_the_release_the_last_one_is_shown() {
    let mut federation = Federation::founded();
    federation.holds(true);
    federation.submits(&town(), 2024);
    federation.withdraws(&town(), 2024);
    let second = federation.submits(&town(), 2024);
    federation.releases(2024);
    federation.shows(&[(&government(TOWN), 2024, 2, second, "released")]);
}

#[test]
fn a_policy_governs_what_is_sequenced_after_it() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2024);
    federation.holds(true);
    let second = federation.corrects(&town(), 2024);
    let id = government(TOWN);
    let before = (id.as_str(), 2024, 1, first, "released");
    federation.shows(&[before]);
    let mut released = federation.clone();
    released.releases(2024);
    // One revision of a year is current, however it came to be public.
    let superseded = (id.as_str(), 2024, 1, first, "superseded");
    released.shows(&[superseded, (&id, 2024, 2, second, "released")]);
    assert_eq!(states(&released, 2024), [RevisionState::Superseded, RevisionState::Released]);

    // Back to open: what was held stays so; a correction of it is public.
    federation.holds(false);
    federation.shows(&[before]);
    let mut withdrawn = federation.clone();
    let third = federation.corrects(&town(), 2024);
    federation.shows(&[superseded, (&id, 2024, 3, third, "released")]);
    federation.releases(2024);
    federation.shows(&[superseded, (&id, 2024, 2, second, "superseded"), (&id, 2024, 3, third, "released")]);

    // What was never shown is not shown by being taken back.
    withdrawn.withdraws(&town(), 2024);
    withdrawn.shows(&[before]);
    withdrawn.releases(2024);
    withdrawn.shows(&[before]);
}

#[test]
fn a_released_year_stays_public_under_a_held_policy() {
    let mut federation = Federation::founded();
    federation.holds(true);
    federation.releases(2024);
    let first = federation.submits(&town(), 2024);
    federation.submits(&town(), 2023);
    federation.shows(&[(&government(TOWN), 2024, 1, first, "released")]);
    assert!(federation.ledger.is_public(2024) && !federation.ledger.is_public(2023));
}
