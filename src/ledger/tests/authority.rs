//! Who may say what: delegations, the acts of the root alone, validity, hosting.

use super::*;
use RefusalCode::{
    BadDelegation, BadRevision, DuplicateCard, ForeignDivision, KindNotGiven, NoAuthority, OutsideValidity,
};

fn hosts(codes: &[&str]) -> Hosting {
    Hosting::List(codes.iter().map(|text| code(text)).collect())
}

#[test]
fn leaf_0_delegates_the_root_and_nobody_else_can() {
    let mut federation = Federation::empty();
    assert_eq!(federation.delegates(&root(), &city()), Verdict::Park);
    assert_eq!(federation.delegates(&anchor(), &root()), Verdict::Accept);
    assert_eq!(federation.ledger.registry().root(), Some(&root().key()));
    assert_eq!(federation.ledger.next_index(&anchor().key()), 1);
}

#[test]
fn the_anchor_says_nothing_but_delegations() {
    let mut federation = Federation::founded();
    let origin = town().key();
    let refuse = Act::Refuse { origin, index: 0, statement: Digest::ZERO, code: NoAuthority };
    for act in [
        Act::Policy(Policy::default()),
        template("licence", 1),
        Act::Schedule { year: 2024, at: NOON },
        Act::Release { year: 2024 },
        refuse,
        report_act(report(ReportAct::Submit, PROVINCE, "人民政府", 2024)),
    ] {
        assert_eq!(federation.says(&anchor(), act), refused(KindNotGiven));
    }
}

#[test]
fn a_new_root_replaces_the_old_one_at_once() {
    let mut federation = Federation::founded();
    let second = Node::new(20, Level::Province, PROVINCE);
    assert_eq!(federation.delegates(&anchor(), &second), refused(BadDelegation));
    let last = federation.ledger.next_index(&root().key()) - 1;
    assert_eq!(federation.delegates(&anchor(), &second.clone().replaces(&root(), last)), Verdict::Accept);
    assert_eq!(federation.says(&root(), Act::Release { year: 2024 }), refused(NoAuthority));
    assert_eq!(federation.says(&second, Act::Release { year: 2024 }), Verdict::Accept);
    let city = Node::new(21, Level::City, CITY).replaces(&city(), 0);
    assert_eq!(federation.delegates(&second, &city), Verdict::Accept, "the root replaces any node");
}

#[test]
fn an_unknown_author_waits_until_its_delegate_is_sequenced() {
    let mut federation = Federation::empty();
    federation.accepts(&anchor(), &root());
    federation.accepts(&root(), &city());
    let act = report_act(report(ReportAct::Submit, TOWN, "人民政府", 2024));
    let early = federation.entry(&town(), act);
    assert_eq!(federation.sequences(&early), Verdict::Park);
    federation.accepts(&city(), &town());
    assert_eq!(federation.sequences(&early), Verdict::Accept);
}

#[test]
fn attack_06_no_node_publishes_for_another_division() {
    let mut federation = Federation::founded();
    let (mut city, mut root) = (city(), root());
    (city.hosting, root.hosting) = (Hosting::Own, Hosting::Own);
    let nodes = [root, city, district(), town(), other_town()];
    let mut narrow = Federation::empty();
    narrow.accepts(&anchor(), &nodes[0]);
    narrow.accepts(&nodes[0], &nodes[1]);
    narrow.accepts(&nodes[1], &nodes[2]);
    narrow.accepts(&nodes[2], &nodes[3]);
    narrow.accepts(&nodes[2], &nodes[4]);
    for author in &nodes {
        for owner in &nodes {
            let entry =
                narrow.entry(author, report_act(report(ReportAct::Nil, owner.division.as_str(), "局", 2024)));
            let own = author.division == owner.division;
            let expected = if own { Verdict::Accept } else { refused(ForeignDivision) };
            assert_eq!(narrow.ledger.judge(&entry, narrow.at), expected, "{}", author.division);
        }
    }
    let foreign = report(ReportAct::Submit, "440100", "局", 2024);
    assert_eq!(federation.says(&town(), report_act(foreign)), refused(ForeignDivision));
}

// A code is a name: it must not open the chain of an agency of another division.
#[test]
fn attack_06_an_agencys_code_gives_no_other_division_power_over_it() {
    let mut federation = Federation::founded();
    let coded = |federation: &Federation, act, division, agency: &str| {
        let mut card = report(act, division, agency, 2024);
        card.agency_code = "11500000MB1553803Q".into();
        federation.number(&mut card);
        report_act(card)
    };
    let submit = coded(&federation, ReportAct::Submit, TOWN, "人民政府");
    assert_eq!(federation.says(&town(), submit), Verdict::Accept);
    let view = federation.ledger.view_root();
    for act in [ReportAct::Correct, ReportAct::Withdraw, ReportAct::Submit] {
        for agency in ["人民政府", "城管局"] {
            let act = coded(&federation, act, OTHER_TOWN, agency);
            assert_eq!(federation.says(&other_town(), act), refused(ForeignDivision));
        }
    }
    let mut next_year = report(ReportAct::Submit, OTHER_TOWN, "人民政府", 2023);
    next_year.agency_code = "11500000MB1553803Q".into();
    assert_eq!(federation.says(&other_town(), report_act(next_year)), refused(ForeignDivision));
    assert_eq!(federation.ledger.view_root(), view);
    // Who speaks for both divisions may move it.
    let moved = coded(&federation, ReportAct::Correct, OTHER_TOWN, "人民政府");
    assert_eq!(federation.says(&city(), moved), Verdict::Accept);
}

#[test]
fn attack_11_a_delegation_is_narrower_than_its_issuers_or_refused() {
    let mut federation = Federation::founded();
    let kinds = Kinds(Kinds::ALL.0 & !(1 << 36));
    let county = Node::new(30, Level::District, "330225").with(|node| node.kinds = kinds);
    federation.accepts(&city(), &county);
    let below = || Node::new(31, Level::Town, "330225100").with(|node| node.kinds = kinds);
    for (why, node) in [
        ("same level", below().with(|node| node.level = Level::District)),
        ("higher level", below().with(|node| node.level = Level::City)),
        ("earlier", below().with(|node| node.valid.0 = WallMs(VALID.0.0 - 1))),
        ("later", below().with(|node| node.valid.1 = WallMs(VALID.1.0 + 1))),
        ("another kind", below().with(|node| node.kinds = Kinds::ALL)),
        ("all divisions", below().hosts(Hosting::All)),
        ("a foreign division", below().hosts(hosts(&["440100"]))),
        ("one foreign division", below().hosts(hosts(&["330225", "330225100", TOWN]))),
    ] {
        assert_eq!(federation.delegates(&county, &node), refused(BadDelegation), "{why}");
    }
    assert_eq!(federation.delegates(&county, &below().hosts(hosts(&["330225"]))), Verdict::Accept);
    assert_eq!(federation.reports(&below(), ReportAct::Submit, 2024), Verdict::Accept);
    assert_eq!(federation.reports(&below(), ReportAct::Withdraw, 2024), refused(KindNotGiven));
}

#[test]
fn possession_is_proved_for_this_issuer() {
    let mut federation = Federation::founded();
    let new = Node::new(31, Level::Town, "330282110");
    assert_eq!(federation.says(&district(), delegate(&city(), &new)), refused(BadDelegation));
    let mut unproved = new.delegation(&district());
    unproved.transport_proof = unproved.signing_proof;
    assert_eq!(
        federation.says(&district(), Act::Delegate(Box::new(unproved))),
        refused(BadDelegation),
        "one proof for both keys"
    );
    assert_eq!(federation.delegates(&district(), &new), Verdict::Accept);
}

#[test]
fn hosting_may_be_given_within_the_own_subtree() {
    let mut federation = Federation::founded();
    // The district hosts its own division only, and still lets one town publish for another.
    let county_town = Node::new(31, Level::Town, "330282110").hosts(hosts(&[TOWN]));
    assert_eq!(federation.delegates(&district(), &county_town), Verdict::Accept);
    let for_town = report(ReportAct::Submit, TOWN, "人民政府", 2024);
    assert_eq!(federation.says(&county_town, report_act(for_town)), Verdict::Accept);
    let for_other = report(ReportAct::Submit, OTHER_TOWN, "人民政府", 2024);
    assert_eq!(federation.says(&county_town, report_act(for_other)), refused(ForeignDivision));
}

#[test]
fn hosting_own_list_subtree_and_all_are_what_they_say() {
    let mut federation = Federation::empty();
    let county = Node::new(40, Level::District, "330225").hosts(hosts(&["330226", "330227-zone"]));
    let outside = Node::new(41, Level::City, "330100");
    for (issuer, node) in
        [(anchor(), root()), (root(), city()), (root(), outside), (city(), district()), (district(), town())]
    {
        federation.accepts(&issuer, &node);
    }
    assert_eq!(federation.delegates(&city(), &county), refused(BadDelegation), "beyond the city's subtree");
    federation.accepts(&root(), &county);
    let may = |node: &Node| {
        [PROVINCE, CITY, DISTRICT, TOWN, "330100", "330225", "330226", "330227-zone", "999999"]
            .map(|division| federation.ledger.registry().may_publish(&node.key(), &code(division)))
    };
    assert_eq!(may(&root()), [true; 9]);
    assert_eq!(may(&city()), [false, true, true, true, false, false, false, false, false]);
    assert_eq!(may(&district()), [false, false, true, false, false, false, false, false, false]);
    assert_eq!(may(&county), [false, false, false, false, false, true, true, true, false]);
    assert_eq!(may(&other_town()), [false; 9], "no delegation");
}

#[test]
fn levels_may_be_skipped_and_a_districts_parent_may_be_a_province() {
    let mut federation = Federation::empty();
    // 东莞: a town under the city. 天津: a district under the province-level city.
    federation.accepts(&anchor(), &root());
    federation.accepts(&root(), &city());
    federation.accepts(&city(), &town());
    let tianjin_district = Node::new(50, Level::District, "120115");
    federation.accepts(&root(), &tianjin_district);
    federation.submits(&town(), 2024);
    federation.submits(&tianjin_district, 2024);
    assert!(federation.ledger.registry().is_ancestor(&city().key(), &town().key()));
    assert!(!federation.ledger.registry().is_ancestor(&city().key(), &tianjin_district.key()));
}

#[test]
fn a_division_with_a_live_node_is_replaced_by_name_and_from_above_only() {
    let mut federation = Federation::founded();
    let again = || Node::new(60, Level::Town, TOWN);
    assert_eq!(federation.delegates(&district(), &again()), refused(BadDelegation));
    let wrong = again().replaces(&other_town(), 0);
    assert_eq!(federation.delegates(&district(), &wrong), refused(BadDelegation), "names another node");
    federation.submits(&town(), 2024);
    federation.submits(&town(), 2023);
    // Attack 7: a district that is not above the town.
    let stranger = Node::new(61, Level::District, "330225");
    federation.accepts(&city(), &stranger);
    let stolen = again().replaces(&town(), 0);
    assert_eq!(federation.delegates(&stranger, &stolen), refused(BadDelegation));
    let own_place = Node::new(62, Level::Town, DISTRICT).replaces(&district(), 0);
    assert_eq!(federation.delegates(&district(), &own_place), refused(BadDelegation), "in its own place");
    assert_eq!(federation.delegates(&city(), &again().replaces(&town(), 2)), Verdict::Accept);
    assert_eq!(federation.ledger.registry().node(&code(TOWN)), Some(&again().key()));
    // Attack 12: the old key's log stands up to index 2 and no further.
    assert_eq!(federation.reports(&town(), ReportAct::Submit, 2022), Verdict::Accept, "index 2");
    assert_eq!(federation.reports(&town(), ReportAct::Submit, 2021), refused(NoAuthority), "index 3");
    assert_eq!(federation.reports(&again(), ReportAct::Correct, 2024), Verdict::Accept);
}

#[test]
fn a_key_is_delegated_once() {
    let mut federation = Federation::founded();
    for (why, issuer, node) in [
        ("another's signing key", district(), Node::new(5, Level::Town, "330282110")),
        ("the issuer's own key", district(), Node::new(4, Level::Town, "330282110")),
        ("the anchor's key", district(), Node::new(1, Level::Town, "330282110")),
        ("its own key, again", district(), town().replaces(&town(), 0)),
    ] {
        assert_eq!(federation.delegates(&issuer, &node), refused(BadDelegation), "{why}");
    }
    // A new signing key with another's transport key.
    let new = Node::new(70, Level::Town, "330282110");
    let mut mixed = new.delegation(&district());
    mixed.transport = town().transport().public();
    let federation_id = anchor().key().id();
    for transport in [town().transport(), new.secret()] {
        let proofs =
            prove_possession(&federation_id, &district().key(), &new.secret(), &transport, &new.division);
        mixed.transport = transport.public();
        (mixed.signing_proof, mixed.transport_proof) = (*proofs.0.as_bytes(), *proofs.1.as_bytes());
        let act = Act::Delegate(Box::new(mixed.clone()));
        assert_eq!(federation.says(&district(), act), refused(BadDelegation));
    }
    assert_eq!(federation.delegates(&district(), &new), Verdict::Accept);
}

#[test]
fn attack_07_what_only_the_root_says_nobody_else_does() {
    let mut federation = Federation::founded();
    let refuse = Act::Refuse { origin: town().key(), index: 0, statement: Digest::ZERO, code: NoAuthority };
    let acts = [
        Act::Policy(Policy::default()),
        template("licence", 1),
        Act::Schedule { year: 2024, at: NOON },
        Act::Release { year: 2024 },
        refuse,
    ];
    for author in [city(), district(), town()] {
        for act in &acts {
            assert_eq!(federation.says(&author, act.clone()), refused(KindNotGiven));
        }
    }
    for act in acts {
        assert_eq!(federation.says(&root(), act), Verdict::Accept);
    }
    let mute = Node::new(70, Level::City, "330100").with(|node| node.kinds = Kinds(1 << 32));
    federation.accepts(&root(), &mute);
    assert_eq!(federation.delegates(&mute, &Node::new(71, Level::Town, "330100001")), refused(KindNotGiven));
}

#[test]
fn attack_09_validity_is_judged_at_sequenced_at_to_the_millisecond() {
    let mut federation = Federation::founded();
    let (from, until) = (NOON.0 + 10, NOON.0 + 20);
    let brief = Node::new(70, Level::Town, "330282110");
    let brief = brief.with(|node| node.valid = (WallMs(from), WallMs(until)));
    federation.accepts(&district(), &brief);
    let act = report_act(report(ReportAct::Submit, "330282110", "人民政府", 2024));
    let entry = federation.entry(&brief, act);
    for (at, valid) in
        [(from - 1, false), (from, true), (until - 1, true), (until, false), (until + 1, false)]
    {
        let expected = if valid { Verdict::Accept } else { refused(OutsideValidity) };
        assert_eq!(federation.ledger.judge(&entry, WallMs(at)), expected, "{}", at - NOON.0);
    }
    // A leaf is never earlier than the one before it: an old time does not revive a delegation.
    federation.at = WallMs(until);
    federation.submits(&town(), 2024);
    federation.at = WallMs(from);
    assert_eq!(federation.applies(&entry), [Effect::Rejected(OutsideValidity)]);
    assert_eq!(federation.ledger.sequenced_at(), WallMs(until));
}

#[test]
fn attack_08_every_hop_goes_down_so_that_chains_end() {
    let mut federation = Federation::founded();
    // Anchor, province, city, district, town: nothing stands below a town.
    for level in Level::ALL {
        let below = Node::new(80, level, "330282110");
        assert_eq!(federation.delegates(&town(), &below), refused(BadDelegation), "{level}");
    }
    let cyclic = Node::new(3, Level::Town, "330282110");
    assert_eq!(federation.delegates(&district(), &cyclic), refused(BadDelegation), "the city's key below it");
}

#[test]
fn entries_of_an_origin_enter_once_and_in_order() {
    let mut federation = Federation::founded();
    let first = federation.entry(&town(), report_act(report(ReportAct::Submit, TOWN, "甲局", 2024)));
    let second = federation.entry_at(&town(), 1, report_act(report(ReportAct::Submit, TOWN, "乙局", 2024)));
    assert_eq!(federation.sequences(&second), Verdict::NotNext { next: 0 });
    assert_eq!(federation.sequences(&first), Verdict::Accept);
    assert_eq!(federation.sequences(&first), Verdict::NotNext { next: 1 });
    // Attack 15: another statement at the same index.
    let fork = federation.entry_at(&town(), 0, report_act(report(ReportAct::Submit, TOWN, "丙局", 2024)));
    assert_eq!(federation.sequences(&fork), Verdict::NotNext { next: 1 });
    assert_eq!(federation.sequences(&second), Verdict::Accept);
    let last = federation.entry_at(&town(), u64::MAX, report_act(report(ReportAct::Nil, TOWN, "丁局", 2024)));
    assert_eq!(federation.sequences(&last), Verdict::NotNext { next: 2 });
}

#[test]
fn a_refusal_takes_the_place_of_the_entry() {
    let mut federation = Federation::founded();
    let bad = federation.entry(&town(), report_act(report(ReportAct::Submit, "440100", "局", 2024)));
    assert_eq!(federation.sequences(&bad), refused(ForeignDivision));
    let next = federation.entry_at(&town(), 1, report_act(report(ReportAct::Submit, TOWN, "局", 2024)));
    assert_eq!(federation.sequences(&next), Verdict::NotNext { next: 0 });
    let (origin, statement) = (town().key(), bad.digest());
    let refuse = Act::Refuse { origin, index: 0, statement, code: ForeignDivision };
    let said = federation.entry(&root(), refuse);
    assert_eq!(federation.ledger.judge(&said, NOON), Verdict::Accept);
    let effect = Effect::Refused { origin, index: 0, statement, code: ForeignDivision };
    assert_eq!(federation.applies(&said), [effect]);
    assert_eq!(federation.sequences(&bad), Verdict::NotNext { next: 1 });
    assert_eq!(federation.sequences(&next), Verdict::Accept);
}

#[test]
fn a_refusal_of_an_entry_that_is_not_next_is_refused() {
    let mut federation = Federation::founded();
    let good = federation.entry(&town(), report_act(report(ReportAct::Submit, TOWN, "局", 2024)));
    assert_eq!(federation.sequences(&good), Verdict::Accept);
    let statement = good.digest();
    for (origin, index) in [(town().key(), 0), (town().key(), 2), (town().key(), u64::MAX), (root().key(), 9)]
    {
        let refuse = Act::Refuse { origin, index, statement, code: ForeignDivision };
        assert_eq!(federation.says(&root(), refuse), refused(BadRevision), "{index}");
    }
    assert_eq!(federation.ledger.next_index(&town().key()), 1);
}

#[test]
fn a_card_is_accepted_once() {
    let mut federation = Federation::founded();
    let first = federation.entry(&town(), report_act(report(ReportAct::Submit, TOWN, "局", 2024)));
    assert_eq!(federation.sequences(&first), Verdict::Accept);
    let act = report_act(report(ReportAct::Submit, TOWN, "局", 2024));
    let again = Entry::sign(&town().secret(), federation.ledger.federation(), 1, first.card.salt, act)
        .expect("within bounds");
    assert_eq!(again.statement.card(), first.statement.card());
    assert_eq!(federation.sequences(&again), refused(DuplicateCard));
}

#[test]
fn a_later_template_with_the_same_id_takes_its_place_from_its_index_on() {
    let mut federation = Federation::founded();
    for (id, text) in [("licence", 1), ("penalty-2018", 2), ("licence", 3)] {
        assert_eq!(federation.says(&root(), template(id, text)), Verdict::Accept);
    }
    let newest = (federation.newest(), federation.ledger.size() - 1);
    let standing: Vec<_> =
        federation.ledger.templates().iter().map(|row| (row.card.id.as_str(), row.card.bytes)).collect();
    assert_eq!(standing, [("licence", 3), ("penalty-2018", 2)]);
    let row = &federation.ledger.templates()[0];
    assert_eq!((row.statement, row.index), newest);
}

/// A template whose text has a length of its own.
fn template(id: &str, bytes: u64) -> Act {
    Act::Template(TemplateCard { id: id.into(), digest: Digest::of(&[&bytes.to_be_bytes()]), bytes })
}
