//! Tests of the fold: a small federation in memory, and what its nodes may and may not say.

mod authority;
mod chains;
mod prefixes;
mod releases;
mod tree;

use super::*;
use crate::division::{DivisionCode, Level};
use crate::statement::{BodyRef, BodyRole, ReportAct, ReportCard};
use crate::trust::delegation::{Delegation, Hosting, Kinds, prove_possession};
use crate::trust::key::SecretKey;

/// Noon of 2025-03-01 in China.
const NOON: WallMs = WallMs(1_740_801_600_000);
/// Validity of the delegations of this federation.
const VALID: (WallMs, WallMs) = (WallMs(NOON.0 - 1_000), WallMs(NOON.0 + 1_000_000_000));

const PROVINCE: &str = "330000";
const CITY: &str = "330200";
const DISTRICT: &str = "330282";
const TOWN: &str = "330282108";
const OTHER_TOWN: &str = "330282109";

fn code(text: &str) -> DivisionCode {
    text.parse().expect("a division code")
}

/// A node with its keys, as the delegation that it asks for names it.
#[derive(Clone)]
struct Node {
    seed: u8,
    division: DivisionCode,
    level: Level,
    hosting: Hosting,
    kinds: Kinds,
    valid: (WallMs, WallMs),
    predecessor: Option<(PublicKey, u64)>,
}

impl Node {
    fn new(seed: u8, level: Level, division: &str) -> Self {
        let division = code(division);
        let (hosting, kinds) = (Hosting::Own, Kinds::ALL);
        Self { seed, division, level, hosting, kinds, valid: VALID, predecessor: None }
    }
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
    fn hosts(self, hosting: Hosting) -> Self {
        self.with(|node| node.hosting = hosting)
    }
    fn replaces(self, old: &Self, last: u64) -> Self {
        self.with(|node| node.predecessor = Some((old.key(), last)))
    }
    fn secret(&self) -> SecretKey {
        SecretKey::from_seed(&[self.seed; 32])
    }
    fn transport(&self) -> SecretKey {
        SecretKey::from_seed(&[self.seed + 100; 32])
    }
    fn key(&self) -> PublicKey {
        self.secret().public()
    }
    fn delegation(&self, issuer: &Self) -> Delegation {
        let federation = anchor().key().id();
        let (signing, transport) = (self.secret(), self.transport());
        let proofs = prove_possession(&federation, &issuer.key(), &signing, &transport, &self.division);
        Delegation {
            signing: signing.public(),
            transport: transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            level: self.level,
            division: self.division.clone(),
            name: "办公室".into(),
            addresses: vec!["192.0.2.1:4780".into()],
            hosting: self.hosting.clone(),
            kinds: self.kinds,
            not_before: self.valid.0,
            not_after: self.valid.1,
            predecessor: self.predecessor,
        }
    }
}

fn anchor() -> Node {
    Node::new(1, Level::Province, PROVINCE)
}
fn root() -> Node {
    Node::new(2, Level::Province, PROVINCE).hosts(Hosting::All)
}
fn city() -> Node {
    Node::new(3, Level::City, CITY).hosts(Hosting::Subtree)
}
fn district() -> Node {
    Node::new(4, Level::District, DISTRICT)
}
fn town() -> Node {
    Node::new(5, Level::Town, TOWN)
}
fn other_town() -> Node {
    Node::new(6, Level::Town, OTHER_TOWN)
}

/// The root log, as the root writes it: only what the fold accepts, unless a test says otherwise.
#[derive(Clone)]
struct Federation {
    ledger: Ledger,
    prefix: Vec<(Leaf, Entry)>,
    at: WallMs,
    salts: u8,
}

impl Federation {
    /// No leaf yet.
    fn empty() -> Self {
        Self { ledger: Ledger::new(anchor().key().id()), prefix: Vec::new(), at: NOON, salts: 0 }
    }

    /// Anchor, province, city, district and two towns.
    fn founded() -> Self {
        let mut federation = Self::empty();
        federation.accepts(&anchor(), &root());
        federation.accepts(&root(), &city());
        federation.accepts(&city(), &district());
        federation.accepts(&district(), &town());
        federation.accepts(&district(), &other_town());
        federation
    }

    /// The next entry of a node's own log; every card has a salt of its own.
    fn entry(&mut self, author: &Node, act: Act) -> Entry {
        let index = self.ledger.next_index(&author.key());
        self.entry_at(author, index, act)
    }
    fn entry_at(&mut self, author: &Node, index: u64, act: Act) -> Entry {
        self.salts = self.salts.wrapping_add(1);
        let mut salt = [self.salts; 32];
        salt[..8].copy_from_slice(&self.ledger.size().to_be_bytes());
        Entry::sign(&author.secret(), self.ledger.federation(), index, salt, act).expect("within bounds")
    }

    /// Gives an entry the next place, whatever the fold says to it.
    fn applies(&mut self, entry: &Entry) -> Vec<Effect> {
        let statement = (*entry.statement).clone();
        let leaf = Leaf { sequenced_at: self.at, received_at: self.at, statement };
        self.prefix.push((leaf.clone(), entry.clone()));
        self.ledger.apply(&leaf, entry)
    }

    /// Sequences an entry if the fold accepts it.
    fn sequences(&mut self, entry: &Entry) -> Verdict {
        let verdict = self.ledger.judge(entry, self.at);
        if verdict == Verdict::Accept {
            let effects = self.applies(entry);
            assert!(!effects.iter().any(|effect| matches!(effect, Effect::Rejected(_))), "judged otherwise");
        }
        verdict
    }

    fn says(&mut self, author: &Node, act: Act) -> Verdict {
        let entry = self.entry(author, act);
        self.sequences(&entry)
    }

    fn delegates(&mut self, issuer: &Node, new: &Node) -> Verdict {
        self.says(issuer, delegate(issuer, new))
    }

    /// Delegates where nothing else is asked.
    fn accepts(&mut self, issuer: &Node, new: &Node) {
        assert_eq!(self.delegates(issuer, new), Verdict::Accept);
    }

    /// A report card with the revision and predecessor that are right for the act now.
    fn next_report(&self, act: ReportAct, division: &str, agency: &str, year: u16) -> ReportCard {
        let mut card = report(act, division, agency, year);
        self.number(&mut card);
        card
    }

    fn number(&self, card: &mut ReportCard) {
        let disclosures = self.ledger.disclosures();
        if let Some(last) = disclosures.chain(&disclosures.resolve(card), card.year).last() {
            let step = u32::from(!matches!(card.act, ReportAct::Withdraw | ReportAct::Return));
            (card.revision, card.previous) = (last.revision + step, last.digest);
        }
    }

    /// A node says something about its own division's government and a year.
    fn reports(&mut self, author: &Node, act: ReportAct, year: u16) -> Verdict {
        let card = self.next_report(act, author.division.as_str(), "人民政府", year);
        self.says(author, report_act(card))
    }
    fn submits(&mut self, author: &Node, year: u16) -> Digest {
        assert_eq!(self.reports(author, ReportAct::Submit, year), Verdict::Accept);
        self.newest()
    }
    fn corrects(&mut self, author: &Node, year: u16) -> Digest {
        assert_eq!(self.reports(author, ReportAct::Correct, year), Verdict::Accept);
        self.newest()
    }
    fn withdraws(&mut self, author: &Node, year: u16) {
        assert_eq!(self.reports(author, ReportAct::Withdraw, year), Verdict::Accept);
    }
    fn releases(&mut self, year: u16) {
        assert_eq!(self.says(&root(), Act::Release { year }), Verdict::Accept);
    }
    fn holds(&mut self, held_until_release: bool) {
        let policy = Policy { held_until_release, witness_quorum: 0 };
        assert_eq!(self.says(&root(), Act::Policy(policy)), Verdict::Accept);
    }

    /// Digest of the newest leaf's statement.
    fn newest(&self) -> Digest {
        self.prefix.last().expect("a leaf").1.digest()
    }

    /// Asserts that exactly these lines are public.
    fn shows(&self, lines: &[(&str, u16, u32, Digest, &'static str)]) {
        let mut tree = ViewTree::default();
        for &(agency, year, revision, digest, state) in lines {
            tree.put(ViewLine { agency_id: agency.to_owned(), year, revision, digest, state });
        }
        let states: Vec<_> = lines.iter().map(|line| (line.0, line.1, line.2, line.4)).collect();
        assert_eq!(self.ledger.view_root(), tree.root(), "{states:?}");
    }

    /// What depends on the prefix, to compare two folds.
    fn state(ledger: &Ledger) -> (u64, Digest, String) {
        let rest = (&ledger.registry, &ledger.next_index, &ledger.cards, &ledger.policy, &ledger.schedules);
        let more = (&ledger.released, &ledger.disclosures, &ledger.templates, ledger.sequenced_at);
        let tree = (&ledger.rosters, &ledger.agencies);
        (ledger.size, ledger.view_root(), format!("{rest:?} {more:?} {tree:?}"))
    }
}

fn delegate(issuer: &Node, new: &Node) -> Act {
    Act::Delegate(Box::new(new.delegation(issuer)))
}

fn report_act(card: ReportCard) -> Act {
    Act::Report(Box::new(card))
}

/// Id of a division's government, known by name.
fn government(division: &str) -> String {
    format!("{division}:人民政府")
}

/// A first report.
fn report(act: ReportAct, division: &str, agency: &str, year: u16) -> ReportCard {
    let package = BodyRef { role: BodyRole::Package, digest: Digest::of(&[b"package"]), bytes: 7 };
    ReportCard {
        act,
        reason: u8::from(matches!(act, ReportAct::Correct | ReportAct::Withdraw)),
        bodies: if matches!(act, ReportAct::Submit | ReportAct::Correct) {
            vec![package]
        } else {
            Vec::new()
        },
        ..ReportCard::nil(code(division), agency, year)
    }
}

const fn refused(code: RefusalCode) -> Verdict {
    Verdict::Refuse(code)
}
