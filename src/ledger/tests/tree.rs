//! Acts about the tree: keys that follow keys, keys that are stopped, nodes that move, divisions that end, agencies
//! that sign for themselves.

use super::*;
use crate::statement::governance::{AgencyKey, Closing, Hosted, Revocation, Rotation};
use crate::trust::delegation::agency_key_message;
use RefusalCode::{
    AgencyUnsigned, BadDelegation, ForeignDivision, KindNotGiven, LiveBelow, NoAuthority, NothingToChange,
    UnknownNode,
};

/// The same node with other keys.
fn successor(node: &Node, seed: u8) -> Node {
    node.clone().with(|node| node.seed = seed)
}

fn rotate(old: &Node, new: &Node) -> Act {
    let federation = anchor().key().id();
    let proofs = prove_possession(&federation, &old.key(), &new.secret(), &new.transport(), &old.division);
    Act::Rotate(Box::new(Rotation {
        signing: new.key(),
        transport: new.transport().public(),
        signing_proof: *proofs.0.as_bytes(),
        transport_proof: *proofs.1.as_bytes(),
    }))
}

fn revoke(node: &Node, last: Option<u64>) -> Act {
    Act::Revoke(Box::new(Revocation { origin: node.key(), last, reason: 1, prose: None }))
}

fn reparent(node: &Node, parent: &Node) -> Act {
    Act::Reparent { node: node.key(), parent: parent.key() }
}

fn close(node: &Node, last: Option<u64>, successors: &[&str]) -> Act {
    let successors = successors.iter().map(|text| code(text)).collect();
    Act::Close(Box::new(Closing { division: node.division.clone(), last, successors, prose: None }))
}

fn host(node: &Node, divisions: &[&str]) -> Act {
    let divisions = divisions.iter().map(|text| code(text)).collect();
    Act::Host(Box::new(Hosted { node: node.key(), divisions }))
}

#[test]
fn a_rotated_key_goes_on_where_the_old_one_stops() {
    let mut federation = Federation::founded();
    let new = successor(&district(), 70);
    federation.submits(&town(), 2024);
    assert_eq!(federation.says(&district(), rotate(&district(), &new)), Verdict::Accept);
    let registry = federation.ledger.registry().clone();
    assert_eq!(registry.node(&code(DISTRICT)), Some(&new.key()));
    assert_eq!(registry.parent(&town().key()), Some(&new.key()), "children follow");
    assert_eq!(registry.parent(&new.key()), Some(&city().key()));
    assert!(registry.is_ancestor(&new.key(), &town().key()));
    assert!(registry.is_above(&city().key(), &new.key()));
    assert_eq!(registry.children(&district().key()).count(), 2, "asked by either key");
    // The old key has said its last word; the new one speaks for the division and its children.
    assert_eq!(federation.reports(&district(), ReportAct::Nil, 2024), refused(NoAuthority));
    assert_eq!(federation.reports(&new, ReportAct::Nil, 2024), Verdict::Accept);
    let third = Node::new(71, Level::Town, "330282110");
    assert_eq!(federation.delegates(&new, &third), Verdict::Accept);
    // Town's authority stands as it was.
    federation.corrects(&town(), 2024);
}

#[test]
fn a_rotation_may_keep_the_transport_key_and_proves_both() {
    let mut federation = Federation::founded();
    let (old, new) = (town(), successor(&town(), 72));
    let Act::Rotate(mut rotation) = rotate(&old, &new) else { unreachable!() };
    let federation_id = anchor().key().id();
    let keeps = prove_possession(&federation_id, &old.key(), &new.secret(), &old.transport(), &old.division);
    rotation.transport = old.transport().public();
    (rotation.signing_proof, rotation.transport_proof) = (*keeps.0.as_bytes(), *keeps.1.as_bytes());
    for spoilt in 0..2 {
        let mut bad = rotation.clone();
        [&mut bad.signing_proof, &mut bad.transport_proof][spoilt][5] ^= 1;
        assert_eq!(federation.says(&old, Act::Rotate(bad)), refused(BadDelegation));
    }
    assert_eq!(federation.says(&old, Act::Rotate(rotation)), Verdict::Accept);
    assert_eq!(federation.ledger.registry().by_transport(&old.transport().public()), Some(&new.key()));
    // Another node's keys, and keys that were used before, are nobody's to take.
    for taken in [other_town(), old.clone()] {
        let taken = taken.with(|node| node.division = code(TOWN));
        assert_eq!(federation.says(&new, rotate(&new, &taken)), refused(BadDelegation));
    }
}

#[test]
fn the_roots_key_is_the_anchors_to_change() {
    let mut federation = Federation::founded();
    let new = successor(&root(), 73);
    assert_eq!(federation.says(&root(), rotate(&root(), &new)), refused(KindNotGiven));
    let last = federation.ledger.next_index(&root().key()) - 1;
    assert_eq!(federation.delegates(&anchor(), &new.clone().replaces(&root(), last)), Verdict::Accept);
    let registry = federation.ledger.registry();
    assert_eq!(registry.parent(&city().key()), Some(&new.key()), "its children follow");
    assert!(registry.is_above(&new.key(), &town().key()));
}

// Attack 10, attack 12.
#[test]
fn attack_10_a_revocation_holds_from_its_index_and_marks_what_it_does_not_vouch_for() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2022);
    let second = federation.submits(&town(), 2023);
    let late = federation.entry_at(
        &town(),
        2,
        report_act(federation.next_report(ReportAct::Nil, TOWN, "人民政府", 2024)),
    );
    for stranger in [town(), other_town()] {
        assert_eq!(federation.says(&stranger, revoke(&town(), Some(0))), refused(UnknownNode));
    }
    assert_eq!(federation.says(&city(), revoke(&town(), Some(0))), Verdict::Accept, "any ancestor");
    let town_id = government(TOWN);
    federation
        .shows(&[(&town_id, 2022, 1, first, "released"), (&town_id, 2023, 1, second, "released+suspect")]);
    assert_eq!(federation.sequences(&late), refused(NoAuthority));
    let registry = federation.ledger.registry();
    assert_eq!(
        (registry.node(&code(TOWN)), registry.by_transport(&town().transport().public())),
        (None, None)
    );
    // A new machine for the division names the one before it, and goes on with its years.
    let new = successor(&town(), 74).replaces(&town(), 0);
    assert_eq!(federation.delegates(&district(), &new), Verdict::Accept);
    federation.corrects(&new, 2023);
}

#[test]
fn entries_that_the_revoker_vouches_for_still_enter() {
    let mut federation = Federation::founded();
    let early =
        federation.entry(&town(), report_act(federation.next_report(ReportAct::Nil, TOWN, "人民政府", 2024)));
    assert_eq!(federation.says(&district(), revoke(&town(), Some(0))), Verdict::Accept);
    assert_eq!(federation.sequences(&early), Verdict::Accept, "index 0 is vouched for");
    assert_eq!(federation.reports(&town(), ReportAct::Nil, 2023), refused(NoAuthority));
}

#[test]
fn what_a_thief_delegated_or_rotated_to_falls_with_the_revocation() {
    let mut federation = Federation::founded();
    federation.submits(&district(), 2024);
    let vouched = federation.ledger.next_index(&district().key()) - 1;
    let thief = Node::new(75, Level::Town, "330282111");
    assert_eq!(federation.delegates(&district(), &thief), Verdict::Accept);
    let stolen = federation.submits(&thief, 2024);
    let rotated = successor(&district(), 76);
    assert_eq!(federation.says(&district(), rotate(&district(), &rotated)), Verdict::Accept);
    assert_eq!(federation.says(&city(), revoke(&district(), Some(vouched))), Verdict::Accept);
    for fallen in [&thief, &rotated, &district()] {
        assert_eq!(federation.reports(fallen, ReportAct::Nil, 2021), refused(NoAuthority));
    }
    let chain = federation.ledger.disclosures().chain(&government("330282111"), 2024);
    assert!(chain[0].suspect && chain[0].digest == stolen);
    // What was delegated before stands, and the city may put a new district above it.
    federation.submits(&town(), 2024);
    let new = successor(&district(), 77).replaces(&rotated, 0);
    assert_eq!(federation.delegates(&city(), &new), Verdict::Accept);
    assert_eq!(federation.ledger.registry().parent(&town().key()), Some(&new.key()));
}

// ST-14.
#[test]
fn a_key_that_has_ended_hands_over_to_no_other_whatever_is_vouched_for() {
    let replaced = delegate(&district(), &successor(&town(), 91).replaces(&town(), 9));
    for (why, ends) in [
        ("revoked", revoke(&town(), Some(9))),
        ("closed", close(&town(), Some(9), &[])),
        ("replaced", replaced),
    ] {
        let mut federation = Federation::founded();
        assert_eq!(federation.says(&district(), ends), Verdict::Accept, "{why}");
        federation.submits(&town(), 2024);
        let before = federation.ledger.registry().clone();
        assert_eq!(federation.says(&town(), rotate(&town(), &successor(&town(), 90))), refused(NoAuthority));
        // A root that breaks the rule changes nothing on a mirror.
        let leaf = federation.entry(&town(), rotate(&town(), &successor(&town(), 90)));
        assert_eq!(federation.applies(&leaf), [Effect::Rejected(NoAuthority)], "{why}");
        let after = federation.ledger.registry();
        assert_eq!(format!("{after:?}"), format!("{before:?}"), "{why}");
    }
}

#[test]
fn a_node_has_stood_under_every_parent_it_ever_had_and_whatever_stands_above_them() {
    let mut federation = Federation::founded();
    let cities = [Node::new(80, Level::City, "330100"), Node::new(81, Level::City, "330300")];
    for city in &cities {
        federation.accepts(&root(), city);
        assert_eq!(federation.says(&root(), reparent(&district(), city)), Verdict::Accept);
    }
    let rotated = successor(&district(), 82);
    assert_eq!(federation.says(&district(), rotate(&district(), &rotated)), Verdict::Accept);
    let moved = successor(&cities[0], 83);
    assert_eq!(federation.says(&cities[0], rotate(&cities[0], &moved)), Verdict::Accept);
    let registry = federation.ledger.registry();
    for below in [&district(), &rotated, &town()] {
        for above in [&root(), &city(), &cities[0], &moved, &cities[1]] {
            assert!(registry.stood_under(&below.key(), &above.key()), "{} {}", below.seed, above.seed);
            assert!(!registry.stood_under(&above.key(), &below.key()), "{} {}", above.seed, below.seed);
        }
    }
    assert!(!registry.stood_under(&town().key(), &other_town().key()));
    assert!(
        registry.is_above(&cities[1].key(), &town().key())
            && !registry.is_above(&city().key(), &town().key())
    );
}

#[test]
fn a_node_moves_under_another_parent_with_all_below_it() {
    let mut federation = Federation::founded();
    let other_city = Node::new(80, Level::City, "330100");
    federation.accepts(&root(), &other_city);
    federation.submits(&town(), 2024);
    for author in [city(), other_city.clone(), district()] {
        assert_eq!(federation.says(&author, reparent(&district(), &other_city)), refused(UnknownNode));
    }
    assert_eq!(federation.says(&root(), reparent(&city(), &district())), refused(BadDelegation), "levels");
    assert_eq!(federation.says(&root(), reparent(&district(), &other_city)), Verdict::Accept);
    let registry = federation.ledger.registry();
    assert!(registry.is_above(&other_city.key(), &town().key()));
    assert!(!registry.is_above(&city().key(), &town().key()));
    assert!(registry.in_subtree(&other_city.key(), &code(TOWN)));
    // Nothing is lost and nothing comes twice.
    assert_eq!(federation.reports(&town(), ReportAct::Submit, 2024), refused(RefusalCode::AlreadyReported));
    federation.corrects(&town(), 2024);
}

#[test]
fn a_closed_division_ends_at_its_last_entry_and_names_what_follows_it() {
    let mut federation = Federation::founded();
    let kept = federation.submits(&town(), 2023);
    assert_eq!(federation.says(&city(), close(&district(), None, &[])), refused(LiveBelow));
    assert_eq!(federation.says(&town(), close(&town(), None, &[])), refused(UnknownNode));
    assert_eq!(federation.says(&district(), close(&town(), None, &[TOWN])), refused(BadDelegation));
    assert_eq!(federation.says(&district(), close(&town(), Some(0), &[OTHER_TOWN])), Verdict::Accept);
    assert_eq!(federation.reports(&town(), ReportAct::Nil, 2024), refused(NoAuthority));
    assert_eq!(federation.ledger.registry().closed(&code(TOWN)), Some(&[code(OTHER_TOWN)][..]));
    federation.shows(&[(&government(TOWN), 2023, 1, kept, "released")]);
    // The code is free again.
    assert_eq!(federation.delegates(&district(), &successor(&town(), 81)), Verdict::Accept);
    assert_eq!(federation.ledger.registry().closed(&code(TOWN)), None);
}

#[test]
fn an_ancestor_lets_a_node_publish_for_more_divisions_within_what_is_its_own_to_give() {
    let mut federation = Federation::founded();
    let foreign = federation.next_report(ReportAct::Nil, TOWN, "人民政府", 2024);
    assert_eq!(federation.says(&other_town(), report_act(foreign.clone())), refused(ForeignDivision));
    assert_eq!(federation.says(&other_town(), host(&other_town(), &[TOWN])), refused(UnknownNode));
    assert_eq!(federation.says(&district(), host(&other_town(), &["440100"])), refused(BadDelegation));
    assert_eq!(federation.says(&district(), host(&other_town(), &[TOWN])), Verdict::Accept);
    assert_eq!(federation.says(&other_town(), report_act(foreign)), Verdict::Accept);
}

fn agency_key(giver: &Node, seed: u8, division: &str, valid: (WallMs, WallMs)) -> (SecretKey, Act) {
    let secret = SecretKey::from_seed(&[seed; 32]);
    let message = agency_key_message(&anchor().key().id(), &giver.key(), &secret.public(), &code(division));
    let act = Act::Agency(Box::new(AgencyKey {
        key: secret.public(),
        proof: *secret.sign(&message).as_bytes(),
        division: code(division),
        agency_name: "人民政府".into(),
        agency_code: String::new(),
        not_before: valid.0,
        not_after: valid.1,
    }));
    (secret, act)
}

impl Federation {
    /// The town's report about a year, signed by an agency's key too.
    fn signed_report(&mut self, year: u16, agency: Option<&SecretKey>) -> Entry {
        let act = report_act(self.next_report(ReportAct::Nil, TOWN, "人民政府", year));
        let plain = self.entry(&town(), act);
        let mut card = (*plain.card).clone();
        if let Some(secret) = agency {
            card.sign_as_agency(secret, self.ledger.federation()).expect("within bounds");
        }
        let index = plain.statement.index();
        Entry::of_card(&town().secret(), self.ledger.federation(), index, card).expect("within bounds")
    }
}

#[test]
fn an_agency_that_has_a_key_signs_its_own_packages() {
    let mut federation = Federation::founded();
    let (secret, act) = agency_key(&district(), 90, TOWN, VALID);
    let stranger = SecretKey::from_seed(&[91; 32]);
    let early = federation.signed_report(2020, Some(&secret));
    assert_eq!(federation.sequences(&early), refused(AgencyUnsigned), "no key of that agency yet");
    assert_eq!(federation.says(&other_town(), act.clone()), refused(ForeignDivision));
    let (_, own) = agency_key(&town(), 90, TOWN, VALID);
    assert_eq!(federation.says(&town(), own), Verdict::Accept);
    for (signed_by, verdict) in [
        (None, refused(AgencyUnsigned)),
        (Some(&stranger), refused(AgencyUnsigned)),
        (Some(&secret), Verdict::Accept),
    ] {
        let entry = federation.signed_report(2024, signed_by);
        assert_eq!(federation.sequences(&entry), verdict);
    }
    // Revoked by whoever stands above: then the node signs alone again.
    assert_eq!(
        federation.says(
            &other_town(),
            Act::Revoke(Box::new(Revocation { origin: secret.public(), last: None, reason: 1, prose: None }))
        ),
        refused(UnknownNode)
    );
    let revoked = Revocation { origin: secret.public(), last: None, reason: 1, prose: None };
    assert_eq!(federation.says(&district(), Act::Revoke(Box::new(revoked))), Verdict::Accept);
    let with_key = federation.signed_report(2023, Some(&secret));
    assert_eq!(federation.sequences(&with_key), refused(AgencyUnsigned));
    let alone = federation.signed_report(2023, None);
    assert_eq!(federation.sequences(&alone), Verdict::Accept);
}

#[test]
fn what_is_sent_back_before_its_release_is_never_public_and_is_reported_again() {
    let mut federation = Federation::founded();
    federation.holds(true);
    federation.submits(&town(), 2024);
    for author in [town(), other_town()] {
        let back = federation.next_report(ReportAct::Return, TOWN, "人民政府", 2024);
        assert_eq!(federation.says(&author, report_act(back)), refused(ForeignDivision));
    }
    let mut back = federation.next_report(ReportAct::Return, TOWN, "人民政府", 2024);
    (back.revision, back.reason) = (1, 4);
    assert_eq!(federation.says(&district(), report_act(back.clone())), Verdict::Accept);
    assert_eq!(federation.says(&district(), report_act(back)), refused(NothingToChange), "once");
    federation.releases(2024);
    federation.shows(&[]);
    let again = federation.submits(&town(), 2024);
    federation.shows(&[(&government(TOWN), 2024, 2, again, "released")]);
}

#[test]
fn what_is_public_and_sent_back_stays_until_it_is_corrected() {
    let mut federation = Federation::founded();
    let first = federation.submits(&town(), 2024);
    let mut back = federation.next_report(ReportAct::Return, TOWN, "人民政府", 2024);
    (back.revision, back.reason) = (1, 4);
    assert_eq!(federation.says(&root(), report_act(back)), Verdict::Accept);
    federation.shows(&[(&government(TOWN), 2024, 1, first, "released")]);
    assert!(federation.ledger.disclosures().chain(&government(TOWN), 2024)[0].returned.is_some());
    let second = federation.corrects(&town(), 2024);
    federation.shows(&[
        (&government(TOWN), 2024, 1, first, "superseded"),
        (&government(TOWN), 2024, 2, second, "released"),
    ]);
}

#[test]
fn a_roster_is_set_from_its_own_division_or_above() {
    use crate::statement::governance::RosterCard;
    let mut federation = Federation::founded();
    let roster = |division: &str, bytes| {
        Act::Roster(RosterCard { division: code(division), digest: Digest::of(&[b"roster"]), bytes })
    };
    assert_eq!(federation.says(&town(), roster(DISTRICT, 1)), refused(ForeignDivision));
    assert_eq!(federation.says(&district(), roster(DISTRICT, 1)), Verdict::Accept);
    assert_eq!(federation.says(&root(), roster(DISTRICT, 2)), Verdict::Accept, "the newest stands");
    let row = federation.ledger.roster(&code(DISTRICT)).expect("a roster");
    assert_eq!((row.card.bytes, row.statement), (2, federation.newest()));
    assert_eq!(federation.ledger.roster(&code(CITY)), None);
}
