//! Chains of revisions: their numbers, their predecessors, the agency they belong to, the years there are.

use super::*;
use RefusalCode::{AlreadyReported, BadRevision, BadYear, NothingToChange};

const REPORTS: [ReportAct; 3] = [ReportAct::Submit, ReportAct::Nil, ReportAct::NotApplicable];
const CHANGES: [ReportAct; 2] = [ReportAct::Correct, ReportAct::Withdraw];

#[test]
fn the_first_report_is_revision_1_and_names_no_predecessor() {
    for act in REPORTS {
        let mut federation = Federation::founded();
        for (revision, previous) in
            [(0, Digest::ZERO), (2, Digest::ZERO), (u32::MAX, Digest::ZERO), (1, Digest::of(&[b"something"]))]
        {
            let mut card = report(act, TOWN, "人民政府", 2024);
            (card.revision, card.previous) = (revision, previous);
            assert_eq!(federation.says(&town(), report_act(card)), refused(BadRevision), "{revision}");
        }
        assert_eq!(federation.reports(&town(), act, 2024), Verdict::Accept);
    }
}

#[test]
fn what_is_reported_is_corrected_not_reported_again() {
    for first in REPORTS {
        for again in REPORTS {
            let mut federation = Federation::founded();
            assert_eq!(federation.reports(&town(), first, 2024), Verdict::Accept);
            assert_eq!(federation.reports(&town(), again, 2024), refused(AlreadyReported));
            assert_eq!(federation.reports(&town(), again, 2023), Verdict::Accept, "another year");
            let other_agency = report(again, TOWN, "城管局", 2024);
            assert_eq!(federation.says(&town(), report_act(other_agency)), Verdict::Accept);
        }
    }
}

#[test]
fn there_must_be_something_to_change() {
    let mut federation = Federation::founded();
    for act in CHANGES {
        assert_eq!(federation.reports(&town(), act, 2024), refused(NothingToChange));
    }
    federation.submits(&town(), 2024);
    federation.withdraws(&town(), 2024);
    for act in CHANGES {
        assert_eq!(federation.reports(&town(), act, 2024), refused(NothingToChange), "withdrawn");
    }
}

#[test]
fn attack_14_a_correction_is_exactly_the_next_revision() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2024);
    let second = federation.corrects(&town(), 2024);
    for (revision, previous) in [
        (0, second),
        (1, second),
        (2, second),
        (4, second),
        (u32::MAX, second),
        (3, first),
        (3, Digest::ZERO),
        (3, Digest::of(&[b"something"])),
    ] {
        let mut card = report(ReportAct::Correct, TOWN, "人民政府", 2024);
        (card.revision, card.previous) = (revision, previous);
        assert_eq!(federation.says(&town(), report_act(card)), refused(BadRevision), "{revision}");
    }
    federation.corrects(&town(), 2024);
    let chain = federation.ledger.disclosures().chain(&government(TOWN), 2024);
    assert_eq!(chain.iter().map(|one| one.revision).collect::<Vec<_>>(), [1, 2, 3]);
}

// ST-11.
#[test]
fn a_withdrawal_repeats_the_number_of_what_it_takes_back() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2024);
    let second = federation.corrects(&town(), 2024);
    for (revision, previous) in [(1, first), (3, second), (2, first), (2, Digest::ZERO), (u32::MAX, second)] {
        let mut card = report(ReportAct::Withdraw, TOWN, "人民政府", 2024);
        (card.revision, card.previous) = (revision, previous);
        assert_eq!(federation.says(&town(), report_act(card)), refused(BadRevision), "{revision}");
    }
    federation.withdraws(&town(), 2024);
    let last = federation.ledger.disclosures().chain(&government(TOWN), 2024).last().expect("a revision");
    assert_eq!((last.revision, last.state), (2, RevisionState::Withdrawn));
    assert_eq!(last.withdrawn, Some((NOON, federation.newest(), 1)));
}

#[test]
fn attack_14_no_revision_follows_the_last_number_there_is() {
    let mut federation = Federation::founded();
    federation.submits(&town(), 2024);
    let key = (government(TOWN), 2024);
    let chain = federation.ledger.disclosures.chains.get_mut(&key).expect("a chain");
    chain[0].revision = u32::MAX;
    let previous = chain[0].digest;
    for revision in [0, 1, u32::MAX] {
        let mut card = report(ReportAct::Correct, TOWN, "人民政府", 2024);
        (card.revision, card.previous) = (revision, previous);
        assert_eq!(federation.says(&town(), report_act(card)), refused(BadRevision));
    }
    federation.withdraws(&town(), 2024);
    let mut card = report(ReportAct::Submit, TOWN, "人民政府", 2024);
    (card.revision, card.previous) = (0, previous);
    assert_eq!(federation.says(&town(), report_act(card)), refused(BadRevision));
}

#[test]
fn after_a_withdrawal_a_report_continues_the_chain() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2024);
    federation.withdraws(&town(), 2024);
    let fresh = report(ReportAct::Submit, TOWN, "人民政府", 2024);
    assert_eq!(federation.says(&town(), report_act(fresh)), refused(BadRevision), "revision 1 again");
    let second = federation.submits(&town(), 2024);
    let town_id = government(TOWN);
    let lines =
        [(town_id.as_str(), 2024, 1, first, "withdrawn"), (town_id.as_str(), 2024, 2, second, "released")];
    federation.shows(&lines);
    let third = federation.corrects(&town(), 2024);
    federation.shows(&[
        lines[0],
        (&town_id, 2024, 2, second, "superseded"),
        (&town_id, 2024, 3, third, "released"),
    ]);
}

#[test]
fn attack_13_an_old_revision_is_not_taken_again() {
    let mut federation = Federation::founded();
    federation.submits(&town(), 2024);
    for _ in 0..20 {
        federation.corrects(&town(), 2024);
    }
    let view = federation.ledger.view_root();
    for (_, entry) in federation.prefix.clone() {
        let Some(old) = entry.card.act.report() else { continue };
        assert!(matches!(federation.sequences(&entry), Verdict::NotNext { .. }));
        // The same content signed anew, by the same author, at the next index.
        let again = federation.says(&town(), report_act(old.clone()));
        assert!(matches!(again, Verdict::Refuse(BadRevision | AlreadyReported)), "{again:?}");
    }
    assert_eq!(federation.ledger.view_root(), view);
}

/// The id of the government's chain after reports with these codes, in order, and their lines' number.
fn ids(codes: [&str; 3]) -> (String, usize) {
    let mut federation = Federation::founded();
    let mut id = String::new();
    for (n, code) in codes.into_iter().enumerate() {
        let act = if n == 0 { ReportAct::Submit } else { ReportAct::Correct };
        let mut card = report(act, TOWN, "人民政府", 2024);
        card.agency_code = code.into();
        federation.number(&mut card);
        assert_eq!(federation.says(&town(), report_act(card.clone())), Verdict::Accept);
        id = federation.ledger.disclosures().resolve(&card);
    }
    let count = federation.ledger.disclosures().chain(&id, 2024).len();
    (id, count)
}

// SY-12.
#[test]
fn an_agency_keeps_the_id_under_which_it_was_first_known() {
    let code = "11500000MB1553803Q";
    assert_eq!(ids(["", code, ""]), (government(TOWN), 3), "name first, code later");
    assert_eq!(ids([code, "", code]), (code.to_owned(), 3), "code first, then the name");
    assert_eq!(ids(["", "", code]), (government(TOWN), 3));
}

#[test]
fn a_known_code_stands_for_its_agency_under_a_new_name_and_in_other_years() {
    let mut federation = Federation::founded();
    let mut card = report(ReportAct::Submit, TOWN, "人民政府", 2023);
    card.agency_code = "11500000MB1553803Q".into();
    assert_eq!(federation.says(&town(), report_act(card.clone())), Verdict::Accept);
    let first = federation.newest();
    (card.agency_name, card.year) = ("新人民政府".into(), 2024);
    assert_eq!(federation.says(&town(), report_act(card.clone())), Verdict::Accept);
    let second = federation.newest();
    federation.shows(&[
        ("11500000MB1553803Q", 2023, 1, first, "released"),
        ("11500000MB1553803Q", 2024, 1, second, "released"),
    ]);
    card.agency_code = String::new();
    assert_eq!(federation.says(&town(), report_act(card)), refused(AlreadyReported), "by its new name alone");
}

#[test]
fn the_same_name_in_another_division_is_another_agency() {
    let mut federation = Federation::founded();
    let (one, other) = (federation.submits(&town(), 2024), federation.submits(&other_town(), 2024));
    federation.shows(&[
        (&government(TOWN), 2024, 1, one, "released"),
        (&government(OTHER_TOWN), 2024, 1, other, "released"),
    ]);
}

#[test]
fn years_go_from_1949_to_this_year_in_china() {
    // 2025-12-31T16:00:00Z is midnight in China.
    const NEW_YEAR: WallMs = WallMs(1_767_196_800_000);
    let always = |node: Node| node.with(|node| node.valid = (WallMs(0), WallMs(u64::MAX)));
    let mut federation = Federation::empty();
    let root = always(root());
    let town = always(town());
    federation.accepts(&anchor(), &root);
    federation.accepts(&root, &town);
    for (at, year, good) in [
        (NOON, 0, false),
        (NOON, 1948, false),
        (NOON, 1949, true),
        (NOON, 2025, true),
        (NOON, 2026, false),
        (NOON, u16::MAX, false),
        (WallMs(NEW_YEAR.0 - 1), 2026, false),
        (NEW_YEAR, 2026, true),
        (NEW_YEAR, 2027, false),
    ] {
        let entry = federation.entry(&town, report_act(report(ReportAct::Nil, TOWN, "局", year)));
        let expected = if good { Verdict::Accept } else { refused(BadYear) };
        assert_eq!(federation.ledger.judge(&entry, at), expected, "{year} at {at}");
    }
}
