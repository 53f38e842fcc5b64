//! The cases of `tests/golden/statement`: valid ones from the code, refused ones from the fields of FORMAT.md
//! written one by one, so that each differs from a valid one in one place.

use super::*;

/// Which reader a case is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Statement,
    Card,
    Leaf,
}

/// One file.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) layout: Layout,
    pub(super) bytes: Vec<u8>,
    /// The field and the cause, for bytes that must be refused.
    pub(super) refused: Option<&'static str>,
}

fn valid(name: &'static str, layout: Layout, bytes: impl AsRef<[u8]>) -> Case {
    Case { name, layout, bytes: bytes.as_ref().to_vec(), refused: None }
}

fn bad(name: &'static str, layout: Layout, bytes: impl AsRef<[u8]>, refused: &'static str) -> Case {
    Case { name, layout, bytes: bytes.as_ref().to_vec(), refused: Some(refused) }
}

/// Fields by name, so that one of them can be put in another's place.
#[derive(Clone)]
struct Fields(Vec<(&'static str, Vec<u8>)>);

impl Fields {
    fn with(&self, name: &str, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut changed = self.clone();
        let mut places = changed.0.iter_mut().filter(|(field, _)| *field == name);
        places.next().expect("a field of that name").1 = bytes.as_ref().to_vec();
        changed.bytes()
    }
    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }
}

fn text(value: &str) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a short text");
    [length.to_be_bytes().as_slice(), value.as_bytes()].concat()
}

fn hosting_list(count: u16) -> Vec<u8> {
    let codes = (0..count).flat_map(|n| text(&format!("{}", 440_000 + u32::from(n))));
    [3].into_iter().chain(count.to_be_bytes()).chain(codes).collect()
}

fn header(kind: u8, signer: &SecretKey) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("version", vec![1]),
        ("salt", vec![0x5a; 32]),
        ("kind", vec![kind]),
        ("key", signer.public().as_bytes().to_vec()),
    ]
}

fn report_fields(report: &ReportCard) -> Fields {
    let mut fields = header(report.act as u8, &town());
    fields.extend([
        ("division", text(report.division.as_str())),
        ("agency name", text(&report.agency_name)),
        ("agency code", text(&report.agency_code)),
        ("year", report.year.to_be_bytes().to_vec()),
        ("revision", report.revision.to_be_bytes().to_vec()),
        ("previous", report.previous.as_bytes().to_vec()),
        ("scope", vec![report.scope as u8]),
        ("status", vec![report.status as u8]),
        ("as printed", vec![u8::from(report.as_printed)]),
        ("template", text(&report.template)),
        ("reason", vec![report.reason]),
        ("bodies", bodies(&report.bodies)),
        ("agency", vec![0]),
    ]);
    Fields(fields)
}

fn bodies(list: &[BodyRef]) -> Vec<u8> {
    let mut out = vec![u8::try_from(list.len()).expect("few bodies")];
    for one in list {
        out.push(one.role as u8);
        out.extend(one.digest.as_bytes());
        out.extend(one.bytes.to_be_bytes());
    }
    out
}

fn delegate_fields(one: &Delegation) -> Fields {
    let mut fields = header(1, &root());
    let addresses: Vec<u8> = one.addresses.iter().flat_map(|address| text(address)).collect();
    let count = u16::try_from(one.addresses.len()).expect("few addresses");
    fields.extend([
        ("signing", one.signing.as_bytes().to_vec()),
        ("transport", one.transport.as_bytes().to_vec()),
        ("signing proof", one.signing_proof.to_vec()),
        ("transport proof", one.transport_proof.to_vec()),
        ("level", vec![one.level as u8]),
        ("division", text(one.division.as_str())),
        ("name", text(&one.name)),
        ("addresses", [count.to_be_bytes().as_slice(), &addresses].concat()),
        ("hosting", vec![0]),
        ("kinds", one.kinds.0.to_be_bytes().to_vec()),
        ("not before", one.not_before.0.to_be_bytes().to_vec()),
        ("not after", one.not_after.0.to_be_bytes().to_vec()),
        ("predecessor", vec![0]),
        ("agency", vec![0]),
    ]);
    Fields(fields)
}

/// A statement with any first three bytes, signed all the same.
fn odd_statement(first: [u8; 3]) -> Vec<u8> {
    let said = entry(&town(), 0, submit());
    let fields = [&first, &said.statement.as_bytes()[3..107]].concat();
    let signature = town().sign(&[b"gongshi/statement/v1\n", fields.as_slice()].concat());
    [fields.as_slice(), signature.as_bytes()].concat()
}

fn card_bytes(signer: &SecretKey, act: Act) -> Vec<u8> {
    card(signer, act).to_bytes().expect("a card within its bounds")
}

/// Every valid case.
pub(super) fn valid_cases() -> Vec<Case> {
    use Layout::{Card, Leaf, Statement};
    let delegate = |hosting| Act::Delegate(Box::new(delegation(hosting)));
    let said = |act| Act::Report(Box::new(report(act)));
    let mut replacing = delegation(Hosting::Own);
    replacing.predecessor = Some((agency().public(), 41));
    replacing.addresses = Vec::new();
    let governance = entry(&root(), 0, delegate(Hosting::Own));
    let reporting = entry(&town(), u64::MAX, submit());
    let refuse = Act::Refuse {
        origin: town().public(),
        index: 7,
        statement: reporting.digest(),
        code: card::RefusalCode::BadYear,
    };
    let mut widest = report(ReportAct::Submit);
    widest.division = division("330282108-a-zone-of-22-letters12");
    widest.agency_name = "局".repeat(100);
    widest.agency_code = "11500000MB1553803Q".into();
    widest.template = "t".repeat(64);
    widest.revision = u32::MAX;
    widest.year = u16::MAX;
    (widest.scope, widest.status) = (Scope::Consolidated, Status::Provisional);
    (widest.as_printed, widest.reason) = (true, u8::MAX);
    widest.bodies = vec![body(BodyRole::Package, 1), body(BodyRole::Members, 3)];
    widest.bodies.extend((2..16).map(|n| body(BodyRole::Attachment, n)));
    let mut signed = card(&town(), said(ReportAct::Nil));
    signed.sign_as_agency(&agency(), &federation()).expect("a card within its bounds");
    let list = |codes: &[&str]| Hosting::List(codes.iter().map(|code| division(code)).collect());
    let many: Vec<String> = (0..300).map(|n| format!("{}", 440_000 + n)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let held = card::Policy { held_until_release: true, witness_quorum: 14 };
    let template =
        card::TemplateCard { id: "penalty-2018".into(), digest: Digest::of(&[b"text"]), bytes: 65_536 };
    let leaf = super::Leaf {
        sequenced_at: NOON,
        received_at: WallMs(NOON.0 - 250),
        statement: (*reporting.statement).clone(),
    };
    vec![
        valid("statement-governance", Statement, governance.statement.as_bytes()),
        valid("statement-report", Statement, reporting.statement.as_bytes()),
        valid("leaf", Leaf, leaf.to_bytes()),
        valid("card-delegate-own", Card, card_bytes(&root(), delegate(Hosting::Own))),
        valid("card-delegate-subtree", Card, card_bytes(&root(), delegate(Hosting::Subtree))),
        valid("card-delegate-all", Card, card_bytes(&root(), delegate(Hosting::All))),
        valid(
            "card-delegate-list",
            Card,
            card_bytes(&root(), delegate(list(&["330282", "330282109", "330100-xihu"]))),
        ),
        valid("card-delegate-list-300", Card, card_bytes(&root(), delegate(list(&many)))),
        valid("card-delegate-predecessor", Card, card_bytes(&root(), Act::Delegate(Box::new(replacing)))),
        valid("card-schedule", Card, card_bytes(&root(), Act::Schedule { year: 2024, at: NOON })),
        valid("card-release", Card, card_bytes(&root(), Act::Release { year: 2024 })),
        valid("card-policy", Card, card_bytes(&root(), Act::Policy(held))),
        valid("card-template", Card, card_bytes(&root(), Act::Template(template))),
        valid("card-rotate", Card, card_bytes(&town(), Act::Rotate(Box::new(rotation())))),
        valid("card-revoke-nothing", Card, card_bytes(&root(), revoke(None, None))),
        valid("card-revoke", Card, card_bytes(&root(), revoke(Some(41), Some(body(BodyRole::Reason, 3))))),
        valid(
            "card-reparent",
            Card,
            card_bytes(&root(), Act::Reparent { node: town().public(), parent: agency().public() }),
        ),
        valid("card-close", Card, card_bytes(&root(), close(&["330282109", "330100-xihu"]))),
        valid("card-roster", Card, card_bytes(&root(), Act::Roster(roster(8 << 20)))),
        valid("card-host", Card, card_bytes(&root(), host(1))),
        valid("card-host-300", Card, card_bytes(&root(), host(300))),
        valid("card-agency", Card, card_bytes(&town(), Act::Agency(Box::new(agency_key())))),
        valid("card-return", Card, card_bytes(&root(), said(ReportAct::Return))),
        valid("card-refuse", Card, card_bytes(&root(), refuse)),
        valid("card-submit", Card, card_bytes(&town(), submit())),
        valid("card-submit-widest", Card, card_bytes(&town(), Act::Report(Box::new(widest)))),
        valid("card-nil", Card, card_bytes(&town(), said(ReportAct::Nil))),
        valid("card-nil-agency", Card, signed.to_bytes().expect("a card within its bounds")),
        valid("card-not-applicable", Card, card_bytes(&town(), said(ReportAct::NotApplicable))),
        valid("card-correct", Card, card_bytes(&town(), said(ReportAct::Correct))),
        valid("card-withdraw", Card, card_bytes(&town(), said(ReportAct::Withdraw))),
    ]
}

/// Every case that must be refused.
pub(super) fn refused_cases() -> Vec<Case> {
    [refused_statements(), refused_reports(), refused_governance()].into_iter().flatten().collect()
}

fn refused_statements() -> Vec<Case> {
    use Layout::{Leaf, Statement};
    let good = odd_statement([1, 1, 2]);
    let early = [(NOON.0 + 1).to_be_bytes(), NOON.0.to_be_bytes()].concat();
    let late = [NOON.0.to_be_bytes(), (NOON.0 + 1).to_be_bytes()].concat();
    let mut tampered = good.clone();
    tampered[74] ^= 1;
    vec![
        bad("bad-statement-trailing-byte", Statement, [good.as_slice(), &[0]].concat(), "1 byte trailing"),
        bad("bad-statement-short-by-one", Statement, &good[..170], "short: signature"),
        bad("bad-statement-empty", Statement, [], "short: version"),
        bad("bad-statement-version-2", Statement, odd_statement([2, 1, 2]), "version"),
        bad("bad-statement-algorithm-2", Statement, odd_statement([1, 2, 2]), "algorithm"),
        bad("bad-statement-kind-0", Statement, odd_statement([1, 1, 0]), "kind"),
        bad("bad-statement-kind-3", Statement, odd_statement([1, 1, 3]), "kind"),
        bad("bad-statement-other-index", Statement, tampered, "signature"),
        bad("bad-leaf-received-after-sequenced", Leaf, [&late, good.as_slice()].concat(), "received at"),
        bad("bad-leaf-trailing-byte", Leaf, [&early, good.as_slice(), &[0]].concat(), "1 byte trailing"),
        bad("bad-leaf-short-by-one", Leaf, [&early, &good[..170]].concat(), "short: signature"),
    ]
}

fn refused_reports() -> Vec<Case> {
    let submit = report_fields(&report(ReportAct::Submit));
    let nil = report_fields(&report(ReportAct::Nil));
    let bytes = submit.bytes();
    let seventeen: Vec<BodyRef> =
        (0..17).map(|n| body(if n == 0 { BodyRole::Package } else { BodyRole::Attachment }, n)).collect();
    let mut too_long = bytes.clone();
    too_long.resize(4097, 0);
    let package = bodies(&[body(BodyRole::Package, 1)]);
    let mut strange_role = package.clone();
    strange_role[1] = 5;
    let case = |name, bytes: Vec<u8>, refused| bad(name, Layout::Card, bytes, refused);
    vec![
        case("bad-card-trailing-byte", [bytes.as_slice(), &[0]].concat(), "1 byte trailing"),
        case("bad-card-short-by-one", bytes[..bytes.len() - 1].to_vec(), "short: agency signature"),
        case("bad-card-4097-bytes", too_long, "4097 bytes"),
        case("bad-card-version-2", submit.with("version", [2]), "version"),
        case("bad-card-kind-unknown", submit.with("kind", [0]), "kind"),
        case("bad-card-kind-38", submit.with("kind", [38]), "kind"),
        case("bad-card-kind-14", submit.with("kind", [14]), "kind"),
        case("bad-return-with-package", submit.with("kind", [37]), "bodies"),
        case("bad-card-agency-flag-2", submit.with("agency", [2]), "agency signature"),
        case("bad-card-agency-short", submit.with("agency", [1; 96]), "short: agency signature"),
        case("bad-report-division", submit.with("division", text("33028")), "division"),
        case("bad-report-scope-0", submit.with("scope", [0]), "scope"),
        case("bad-report-scope-3", submit.with("scope", [3]), "scope"),
        case("bad-report-status-0", submit.with("status", [0]), "status"),
        case("bad-report-status-3", submit.with("status", [3]), "status"),
        case("bad-report-as-printed-2", submit.with("as printed", [2]), "as printed"),
        case("bad-report-17-bodies", submit.with("bodies", bodies(&seventeen)), "bodies"),
        case("bad-report-body-role-5", submit.with("bodies", strange_role), "body role"),
        case("bad-report-name-empty", submit.with("agency name", text("")), "agency name"),
        case("bad-report-name-not-nfc", submit.with("agency name", text("e\u{301}")), "agency name"),
        case("bad-report-name-control", submit.with("agency name", text("甲\n乙")), "agency name"),
        case("bad-report-name-bidi", submit.with("agency name", text("甲\u{202e}乙")), "agency name"),
        case("bad-report-name-line-break", submit.with("agency name", text("甲\u{2028}乙")), "agency name"),
        case("bad-report-name-not-utf8", submit.with("agency name", [0, 2, 0xc0, 0x80]), "agency name"),
        case("bad-report-name-301-bytes", submit.with("agency name", text(&"a".repeat(301))), "agency name"),
        case("bad-report-code-19-bytes", submit.with("agency code", text(&"1".repeat(19))), "agency code"),
        case("bad-report-code-with-colon", submit.with("agency code", text("330282:局")), "agency code"),
        case("bad-report-template-65-bytes", submit.with("template", text(&"t".repeat(65))), "template"),
        case("bad-submit-without-package", submit.with("bodies", [0]), "bodies"),
        case(
            "bad-submit-package-second",
            submit.with("bodies", bodies(&[body(BodyRole::Reason, 2), body(BodyRole::Package, 1)])),
            "bodies",
        ),
        case("bad-nil-with-package", nil.with("bodies", package), "bodies"),
    ]
}

fn refused_governance() -> Vec<Case> {
    let delegate = delegate_fields(&delegation(Hosting::Own));
    let address = |bytes: usize| [&[0, 1], text(&"a".repeat(bytes)).as_slice()].concat();
    let five = [&[0, 5], text("a:1").repeat(5).as_slice()].concat();
    let governance = |kind, fields: &[u8]| {
        let mut all = header(kind, &root());
        all.extend([("fields", fields.to_vec()), ("agency", vec![0])]);
        Fields(all).bytes()
    };
    let template = |id: &str, bytes: u64| [text(id).as_slice(), &[9; 32], &bytes.to_be_bytes()].concat();
    let refuse = |code: u8| governance(12, &[&[7; 32], [0; 8].as_slice(), &[9; 32], &[code]].concat());
    let prose =
        |bytes: u64| [&[7; 32], [0, 1, 1].as_slice(), &[9; 32], bytes.to_be_bytes().as_slice()].concat();
    let successors = |count: u16| {
        let codes = (0..count).flat_map(|n| text(&format!("{}", 440_000 + u32::from(n))));
        let fields = text("330282108").into_iter().chain([0]).chain(count.to_be_bytes()).chain(codes);
        fields.chain([0]).collect::<Vec<u8>>()
    };
    let roster_fields = |bytes: u64| [text("330282").as_slice(), &[9; 32], &bytes.to_be_bytes()].concat();
    let agency_fields = |name: &str, code: &str| {
        [&[7; 96], text("330282108").as_slice(), &text(name), &text(code), &[0; 16]].concat()
    };
    let case = |name, bytes: Vec<u8>, refused| bad(name, Layout::Card, bytes, refused);
    vec![
        case("bad-delegate-level-0", delegate.with("level", [0]), "level"),
        case("bad-delegate-level-5", delegate.with("level", [5]), "level"),
        case("bad-delegate-hosting-4", delegate.with("hosting", [4]), "hosting"),
        case("bad-delegate-hosting-301", delegate.with("hosting", hosting_list(301)), "hosting"),
        case("bad-delegate-address-65-bytes", delegate.with("addresses", address(65)), "address"),
        case("bad-delegate-5-addresses", delegate.with("addresses", five), "addresses"),
        case("bad-delegate-name-201-bytes", delegate.with("name", text(&"a".repeat(201))), "name"),
        case("bad-delegate-name-bidi", delegate.with("name", text("\u{2066}甲")), "name"),
        case("bad-delegate-predecessor-2", delegate.with("predecessor", [2]), "predecessor"),
        case("bad-template-id-empty", governance(6, &template("", 1)), "template"),
        case("bad-template-id-65-bytes", governance(6, &template(&"t".repeat(65), 1)), "template"),
        case("bad-template-text-65537-bytes", governance(6, &template("licence", 65_537)), "body length"),
        case("bad-policy-held-2", governance(11, &[2, 0, 0]), "held until release"),
        case("bad-refuse-code-0", refuse(0), "code"),
        case("bad-refuse-code-14", refuse(14), "code"),
        case("bad-rotate-short-by-one", governance(2, &[7; 191]), "short: agency signature"),
        case("bad-revoke-last-2", governance(3, &[&[7; 32], [2].as_slice(), &[0, 0]].concat()), "last"),
        case(
            "bad-revoke-prose-2",
            governance(3, &[&[7; 32], [0, 1, 2].as_slice()].concat()),
            "reason in prose",
        ),
        case("bad-revoke-prose-65537-bytes", governance(3, &prose(65_537)), "reason length"),
        case("bad-close-65-successors", governance(5, &successors(65)), "successors"),
        case("bad-roster-over-8-mib", governance(7, &roster_fields((8 << 20) + 1)), "body length"),
        case("bad-host-301", governance(10, &[&[7; 32], &hosting_list(301)[1..]].concat()), "divisions"),
        case("bad-agency-name-empty", governance(13, &agency_fields("", "")), "agency name"),
        case("bad-agency-code-with-colon", governance(13, &agency_fields("局", "1:2")), "agency code"),
    ]
}

/// The fields written one by one are the same bytes as the code's.
#[test]
fn fields_written_by_hand_are_the_layouts_of_the_code() {
    for act in [
        ReportAct::Submit,
        ReportAct::Nil,
        ReportAct::NotApplicable,
        ReportAct::Correct,
        ReportAct::Withdraw,
        ReportAct::Return,
    ] {
        let by_code = card_bytes(&town(), Act::Report(Box::new(report(act))));
        assert_eq!(report_fields(&report(act)).bytes(), by_code, "{act:?}");
    }
    let delegate = |hosting| card_bytes(&root(), Act::Delegate(Box::new(delegation(hosting))));
    let fields = delegate_fields(&delegation(Hosting::Own));
    assert_eq!(fields.bytes(), delegate(Hosting::Own));
    assert_eq!(fields.with("hosting", [1]), delegate(Hosting::Subtree));
    let codes = (0..300).map(|n| division(&format!("{}", 440_000 + n))).collect();
    assert_eq!(fields.with("hosting", hosting_list(300)), delegate(Hosting::List(codes)));
}
