//! The fold as a function of the prefix: the same on every machine, in one go or leaf by leaf, whatever the
//! root log holds.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;

/// Leaves a mirror must reject: each breaks one rule of the root.
fn rejected(federation: &mut Federation) -> Vec<(Entry, RefusalCode)> {
    let foreign = federation.entry(&town(), report_act(report(ReportAct::Nil, "440100", "局", 2024)));
    let correct = report(ReportAct::Correct, TOWN, "局", 2024);
    let nothing = federation.entry(&town(), report_act(correct));
    let early = federation.entry_at(&town(), 9, report_act(report(ReportAct::Nil, TOWN, "局", 2024)));
    let unknown = Node::new(90, Level::Town, "330282110");
    let stranger = federation.entry(&unknown, report_act(report(ReportAct::Nil, "330282110", "局", 2024)));
    let usurper = federation.entry(&city(), Act::Release { year: 2024 });
    let root_again = federation.entry(&town(), delegate(&town(), &Node::new(91, Level::Town, "330282111")));
    vec![
        (foreign, RefusalCode::ForeignDivision),
        (nothing, RefusalCode::NothingToChange),
        (early, RefusalCode::NoAuthority),
        (stranger, RefusalCode::NoAuthority),
        (usurper, RefusalCode::KindNotGiven),
        (root_again, RefusalCode::BadDelegation),
    ]
}

#[test]
fn a_leaf_that_the_rules_reject_takes_its_place_and_nothing_else() {
    let mut federation = Federation::founded();
    federation.holds(true);
    federation.submits(&town(), 2024);
    federation.submits(&town(), 2023);
    federation.releases(2023);
    for (entry, code) in rejected(&mut federation) {
        let before = federation.ledger.clone();
        assert_eq!(federation.applies(&entry), [Effect::Rejected(code)]);
        assert_eq!(federation.ledger.size(), before.size() + 1);
        assert_eq!(federation.ledger.view_root(), before.view_root());
        assert_eq!(federation.ledger.next_index, before.next_index);
        assert_eq!(Federation::state(&federation.ledger).2, Federation::state(&before).2);
    }
    // The town goes on as if nothing had been.
    federation.submits(&town(), 2022);
}

#[test]
fn the_empty_prefix_shows_nothing_and_knows_nobody() {
    let ledger = Federation::empty().ledger;
    assert_eq!((ledger.size(), ledger.view_root()), (0, ViewTree::default().root()));
    assert!(ledger.registry().root().is_none() && ledger.registry().nodes().next().is_none());
}

/// One act of a random history, by numbers that choose author, act, agency and year.
#[derive(Clone, Copy, Debug)]
struct Deed {
    author: u8,
    act: u8,
    agency: u8,
    year: u16,
    coded: bool,
    /// Out of 16: 0 and 1 spoil the revision, 2 the index, 3 the time; 14 and 15 let anyone govern.
    fault: u8,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = (0..8_u8, 0..20_u8, 0..2_u8, 2023..2025_u16, any::<bool>(), 0..16_u8);
    let deed = deed.prop_map(|(author, act, agency, year, coded, fault)| Deed {
        author,
        act,
        agency,
        year,
        coded,
        fault,
    });
    proptest::collection::vec(deed, 1..100)
}

fn act_of(federation: &Federation, author: &Node, deed: Deed) -> Act {
    let Deed { act, agency, year, coded, .. } = deed;
    let about = match act {
        0 => return Act::Policy(Policy { held_until_release: coded, witness_quorum: 1 }),
        1 => return Act::Schedule { year, at: NOON },
        2 => return Act::Release { year },
        3 => {
            let next = Node::new(40 + agency, Level::Town, ["330282110", OTHER_TOWN][agency as usize]);
            let town = federation.ledger.registry().node(&next.division).copied();
            let predecessor = town.filter(|_| coded).map(|key| (key, u64::from(year % 4)));
            return delegate(author, &next.with(|next| next.predecessor = predecessor));
        }
        4 => {
            let (origin, index) = (town().key(), federation.ledger.next_index(&town().key()));
            let code = RefusalCode::BadRevision;
            return Act::Refuse { origin, index: index + u64::from(coded), statement: Digest::ZERO, code };
        }
        5..=9 => ReportAct::Submit,
        10 => ReportAct::Nil,
        11 => ReportAct::NotApplicable,
        12..=15 => ReportAct::Correct,
        16 | 17 => ReportAct::Withdraw,
        _ => return Act::Policy(Policy { held_until_release: coded, witness_quorum: 0 }),
    };
    let mut card = report(about, author.division.as_str(), ["甲局", "乙局"][agency as usize], year);
    if coded {
        card.agency_code = ["11500000MB1553803Q", "113325000026455663"][agency as usize].into();
    }
    federation.number(&mut card);
    if deed.fault < 2 {
        card.revision ^= 1 << deed.fault;
    }
    report_act(card)
}

/// Does it; the leaf enters the log whether the fold accepts it or not, as a root might do that breaks its rules.
fn does(federation: &mut Federation, deed: Deed) {
    // Mostly who may, else the fold would be asked little.
    let by_rank = [root(), city(), district(), other_town(), town(), town(), town(), town()];
    let governs = matches!(deed.act, 0..=2 | 4 | 18..);
    let author = by_rank[if governs && deed.fault < 14 { 0 } else { usize::from(deed.author) }].clone();
    let act = act_of(federation, &author, deed);
    let index = federation.ledger.next_index(&author.key()) + u64::from(deed.fault == 2);
    let entry = federation.entry_at(&author, index, act);
    federation.at = match deed.fault {
        3 => WallMs(NOON.0 - 1),
        _ => WallMs(federation.at.0 + 1),
    };
    let before = federation.ledger.clone();
    let verdict = before.judge(&entry, federation.at.max(before.sequenced_at()));
    let effects = federation.applies(&entry);
    let rejected = effects.iter().any(|effect| matches!(effect, Effect::Rejected(_)));
    assert_eq!(verdict == Verdict::Accept, !rejected, "judge and apply agree: {deed:?}");
    if rejected {
        assert_eq!(before.view_root(), federation.ledger.view_root());
        assert_eq!(before.next_index, federation.ledger.next_index);
    }
}

/// What a reader of effects alone would show.
fn follow(rows: &mut BTreeMap<Digest, Revision>, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::Revision(revision) = effect {
            rows.insert(revision.digest, *revision);
        }
    }
}

/// I9: numbers without gaps, each naming its predecessor; one current revision at most.
fn audit(ledger: &Ledger) {
    for ((id, year), chain) in &ledger.disclosures.chains {
        let numbers: Vec<u32> = chain.iter().map(|one| one.revision).collect();
        let counted: Vec<u32> = (1..).take(chain.len()).collect();
        assert_eq!(numbers, counted, "{id} {year}");
        let released = chain.iter().filter(|one| one.state == RevisionState::Released).count();
        assert!(released <= 1, "{id} {year}: {released} current revisions");
        let year_is_public = ledger.disclosures.has_public_of(*year);
        let shown = [RevisionState::Released, RevisionState::Superseded];
        assert!(year_is_public || !chain.iter().any(|one| shown.contains(&one.state)), "{id} {year}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(20_250_301),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_prefix_folds_to_one_state(deeds in deeds()) {
        let mut federation = Federation::founded();
        for deed in deeds {
            does(&mut federation, deed);
            audit(&federation.ledger);
        }
        // Two others, one of which is copied half-way.
        let (mut scratch, mut half) = (Federation::empty().ledger, None);
        let mut rows = BTreeMap::new();
        for (n, (leaf, entry)) in federation.prefix.iter().enumerate() {
            if n == federation.prefix.len() / 2 {
                half = Some((n, scratch.clone()));
            }
            follow(&mut rows, scratch.apply(leaf, entry));
        }
        let (at, mut half) = half.expect("a middle");
        for (leaf, entry) in &federation.prefix[at..] {
            half.apply(leaf, entry);
        }
        let want = Federation::state(&federation.ledger);
        prop_assert_eq!(&Federation::state(&scratch), &want);
        prop_assert_eq!(&Federation::state(&half), &want);
        // The effects tell every public line: the view root can be had from them alone.
        let mut tree = ViewTree::default();
        rows.values().filter_map(Revision::view_line).for_each(|line| tree.put(line));
        prop_assert_eq!(tree.root(), federation.ledger.view_root());
    }
}
