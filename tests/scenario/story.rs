//! The words of the tests: a world, its offices, and what they do.

use crate::network::{Outsider, Party};
use crate::world::{Sim, Site};
use gongshi::digest::Digest;
use gongshi::division::{DivisionCode, Level};
use gongshi::ops::engine::Engine;
use gongshi::package::body::{Body, FORMAT, body_digest};
use gongshi::record::Stop;
use gongshi::statement::card::Policy;
use gongshi::statement::{Act, BodyRef, BodyRole, ReportAct, ReportCard, Scope, Status};
use gongshi::store::Store;
use gongshi::sync::Event;
use gongshi::sync::body::PackedBody;
use gongshi::sync::enrol::{Founding, InviteError, check_joined};
use gongshi::sync::fact::{Identity, Invite};
use gongshi::sync::frame::{Frame, JoinRequest};
use gongshi::sync::limits::INVITE_MS;
use gongshi::sync::publish::{PublishError, Published, Submission};
use gongshi::sync::token::Token;
use gongshi::time::WallMs;
use gongshi::trust::delegation::{Hosting, prove_possession};
use gongshi::trust::key::SecretKey;
use std::borrow::Cow;
use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

impl Sim {
    /// An engine that writes an image of its state every few facts, so that most restarts begin with one; a large world has
    /// no room for them.
    pub fn with_images(&self, mut engine: Engine) -> Engine {
        engine.set_image_every(if self.pool.is_some() { u64::MAX } else { 20 });
        engine
    }
}

/// A simulated world.
pub struct World(Rc<RefCell<Sim>>);

/// An office of the federation: a node on a machine of its own.
#[derive(Clone)]
pub struct Office {
    sim: Rc<RefCell<Sim>>,
    pub at: usize,
}

/// What an office shows of another's year.
pub struct Shown {
    revisions: Vec<u32>,
    words: String,
}

impl Shown {
    pub fn once(self) {
        assert_eq!(self.revisions.len(), 1, "{}", self.words);
    }
    pub fn never(self) {
        assert_eq!(self.revisions.len(), 0, "{}", self.words);
    }
    pub fn times(self, count: usize) {
        assert_eq!(self.revisions.len(), count, "{}", self.words);
    }
    pub fn at_revision(self, revision: u32) {
        assert_eq!(self.revisions, [revision], "{}", self.words);
    }
}

/// The keys of a machine that wants to join, drawn from the world's seed.
pub struct Keys {
    pub signing: [u8; 32],
    pub transport: [u8; 32],
}

/// What a parent answers to a request to join.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Joined(Box<Identity>),
    Pending(String),
    Refused(String),
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(sim) = self.0.try_borrow()
        {
            eprintln!("{}", sim.tail_of_trace());
        }
    }
}

/// A province with a city, a district and a town, joined one after another.
pub fn four_levels(seed: u64) -> (World, [Office; 4]) {
    let world = World::new(seed);
    let province = world.province("330000");
    let city = world.city("330200", &province);
    let district = world.district("330282", &city);
    let town = world.town("330282108", &district);
    world.settle();
    (world, [province, city, district, town])
}

pub fn code(text: &str) -> DivisionCode {
    text.parse().expect("a division code")
}

fn level_of(text: &str) -> Level {
    match text {
        "province" => Level::Province,
        "city" => Level::City,
        "district" => Level::District,
        _ => Level::Town,
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(Sim::new(seed))))
    }

    pub fn sim(&self) -> RefMut<'_, Sim> {
        self.0.borrow_mut()
    }

    pub fn seen(&self) -> Ref<'_, Sim> {
        self.0.borrow()
    }

    fn office(&self, at: usize) -> Office {
        Office { sim: Rc::clone(&self.0), at }
    }

    pub fn offices(&self) -> Vec<Office> {
        (0..self.seen().sites.len()).map(|at| self.office(at)).collect()
    }

    /// From here on someone lies: faults and alarms are what the test is about.
    pub fn someone_lies(&self) {
        self.sim().honest = false;
    }

    pub fn province(&self, division: &str) -> Office {
        self.province_with(division, Policy::default())
    }

    pub fn province_with(&self, division: &str, policy: Policy) -> Office {
        let mut sim = self.sim();
        let seeds = [sim.random_bytes(), sim.random_bytes()];
        sim.anchor = sim.random_bytes();
        let anchor = sim.anchor();
        let site = Site::new(code(division), seeds, None);
        let founding = Founding {
            anchor: &anchor,
            signing: &site.signing(),
            transport: &site.transport(),
            level: Level::Province,
            division: code(division),
            name: division.to_owned(),
            addresses: vec![site.address()],
        };
        let (identity, delegate) = founding.identity(sim.now(0).wall).expect("in bounds");
        let at = self.begin(&mut sim, site, identity);
        sim.turn(at, |node, turn| {
            node.found(turn, delegate, policy, &gongshi::template::builtin::FILES[..1])
                .expect("a federation is founded");
            Ok(())
        });
        drop(sim);
        self.office(at)
    }

    fn begin(&self, sim: &mut Sim, mut site: Site, identity: Identity) -> usize {
        if let Some(pool) = &sim.pool {
            site.shares(pool);
        }
        let store = Arc::clone(&site.store) as Arc<dyn Store>;
        let keepers = (Box::new(site.disk.clone()), Box::new(site.marks.clone()));
        let engine = Engine::create(identity, site.signing(), keepers.0, keepers.1, store);
        site.engine = Some(sim.with_images(engine));
        sim.sites.push(site);
        sim.sites.len() - 1
    }

    pub fn city(&self, division: &str, parent: &Office) -> Office {
        self.joins("city", division, parent, Hosting::Own)
    }
    pub fn district(&self, division: &str, parent: &Office) -> Office {
        self.joins("district", division, parent, Hosting::Own)
    }
    pub fn town(&self, division: &str, parent: &Office) -> Office {
        self.joins("town", division, parent, Hosting::Own)
    }

    /// A node joins through a token, on a connection of a stranger.
    pub fn joins(&self, level: &str, division: &str, parent: &Office, hosting: Hosting) -> Office {
        let token = parent.invites(level, division, hosting, true).expect("an invitation");
        let keys = self.keys();
        match self.asks(&token, &keys) {
            Answer::Joined(identity) => self.starts(*identity, &keys, parent),
            other => panic!("{division} was not enrolled: {other:?}"),
        }
    }

    pub fn keys(&self) -> Keys {
        let mut sim = self.sim();
        Keys { signing: sim.random_bytes(), transport: sim.random_bytes() }
    }

    /// The machine of an enrolled node starts.
    pub fn starts(&self, identity: Identity, keys: &Keys, parent: &Office) -> Office {
        let mut sim = self.sim();
        let seeds = [keys.signing, keys.transport];
        let site = Site::new(identity.division.clone(), seeds, Some(parent.at));
        let at = self.begin(&mut sim, site, identity);
        sim.turn(at, |node, turn| node.enrolled(turn));
        drop(sim);
        self.office(at)
    }

    pub fn request(&self, token: &Token, keys: &Keys) -> JoinRequest {
        let (signing, transport) =
            (SecretKey::from_seed(&keys.signing), SecretKey::from_seed(&keys.transport));
        let (federation, parent) = (&token.federation, &token.parent_signing);
        let proofs = prove_possession(federation, parent, &signing, &transport, &token.division);
        JoinRequest {
            secret: token.secret,
            signing: signing.public(),
            transport: transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            addresses: vec![format!("{}:4701", token.division)],
        }
    }

    /// A stranger asks to join, and hears an answer.
    pub fn asks(&self, token: &Token, keys: &Keys) -> Answer {
        self.tries(token, keys).expect("an answer")
    }

    /// A stranger asks to join; the machine that it asks may stop in it.
    pub fn tries(&self, token: &Token, keys: &Keys) -> Option<Answer> {
        let request = self.request(token, keys);
        let (conn, outsider) = self.dials(keys, token.parent_transport);
        self.sim().send(conn, 0, &Frame::Join(Box::new(request)));
        self.sim().run(500);
        if self.seen().network.outsiders[outsider].heard.is_empty() {
            self.sim().close(conn, 0);
            return None;
        }
        let answer = self.answer(token, keys, outsider);
        // A pending request keeps its connection.
        if !matches!(answer, Answer::Pending(_)) {
            self.sim().close(conn, 0);
            self.sim().run(500);
        }
        Some(answer)
    }

    /// The newest answer that a stranger heard.
    pub fn answer(&self, token: &Token, keys: &Keys, outsider: usize) -> Answer {
        let sim = self.seen();
        let Outsider { heard, .. } = &sim.network.outsiders[outsider];
        match heard.last().expect("an answer") {
            Frame::Joined(joined) => {
                let (signing, transport) =
                    (SecretKey::from_seed(&keys.signing), SecretKey::from_seed(&keys.transport));
                let checked = check_joined(joined, &token.federation, &signing.public(), &transport.public());
                Answer::Joined(Box::new(checked.expect("a chain from the anchor")))
            }
            Frame::JoinPending { digits } => Answer::Pending(digits.clone()),
            Frame::Refused { code, .. } => Answer::Refused(code.clone()),
            other => panic!("an unexpected answer: {other:?}"),
        }
    }

    /// Someone outside opens a connection with these keys.
    pub fn dials(&self, keys: &Keys, to: gongshi::trust::key::PublicKey) -> (u64, usize) {
        let opened = self.knocks(keys, &to);
        self.run(200);
        opened
    }

    /// The same, before any time has passed.
    pub fn knocks(&self, keys: &Keys, to: &gongshi::trust::key::PublicKey) -> (u64, usize) {
        let mut sim = self.sim();
        sim.network.outsiders.push(Outsider::default());
        let outsider = sim.network.outsiders.len() - 1;
        let at = sim.sites.iter().position(|site| site.transport_public() == to).expect("a parent");
        let transport = SecretKey::from_seed(&keys.transport).public();
        (sim.open([Party::Outsider(outsider), Party::Site(at)], [transport, *to]), outsider)
    }

    pub fn cut(&self, a: &Office, b: &Office) {
        self.sim().cut(a.at, b.at);
    }
    pub fn heal(&self, a: &Office, b: &Office) {
        self.sim().heal(a.at, b.at);
    }
    pub fn stall(&self, from: &Office, to: &Office) {
        self.sim().stall(from.at, to.at);
    }
    pub fn run(&self, ms: u64) {
        self.sim().run(ms);
    }
    pub fn settle(&self) {
        self.sim().settle();
    }

    /// All lines are up: everything must agree in the end.
    pub fn agrees(&self) {
        let mut sim = self.sim();
        sim.settle();
        sim.audit_converged();
    }
}

impl Office {
    pub fn sim(&self) -> RefMut<'_, Sim> {
        self.sim.borrow_mut()
    }

    pub fn division(&self) -> String {
        self.sim().sites[self.at].code.to_string()
    }

    pub fn events(&self) -> Vec<Event> {
        self.sim().sites[self.at].events.clone()
    }

    pub fn unacknowledged(&self) -> u64 {
        self.sim().sites[self.at].node().unacknowledged()
    }

    pub fn root_size(&self) -> u64 {
        self.sim().sites[self.at].node().root_log().0
    }

    pub fn checkpoint_note(&self) -> String {
        self.sim().sites[self.at].node().checkpoint_note().expect("a checkpoint").0.to_owned()
    }

    pub fn view_root(&self) -> Digest {
        self.sim().sites[self.at].node().ledger().view_root()
    }

    pub fn invites(
        &self,
        level: &str,
        division: &str,
        hosting: Hosting,
        auto: bool,
    ) -> Result<Token, InviteError> {
        let mut sim = self.sim();
        let secret = Digest::from_bytes(sim.random_bytes());
        let expires = WallMs(sim.now(self.at).wall.0 + INVITE_MS);
        let (division, level) = (code(division), level_of(level));
        let site = &sim.sites[self.at];
        let token = Token {
            address: site.address(),
            parent_transport: site.transport().public(),
            parent_signing: *site.node().own_key(),
            federation: site.node().federation(),
            secret,
            level,
            division: division.clone(),
            name: division.to_string(),
            expires,
        };
        let secret = Digest::of(&[secret.as_bytes()]);
        let invite = Invite {
            secret,
            level,
            name: division.to_string(),
            division,
            hosting,
            expires,
            auto,
            replaces: None,
        };
        sim.turn(self.at, |node, turn| Ok(node.invite(turn, invite))).expect("the node is up")?;
        // As people carry it.
        Ok(Token::parse(&token.to_text().expect("in bounds")).expect("a token"))
    }

    /// What `publish` answers; none when the machine stopped before it could.
    pub fn tries_to_publish(
        &self,
        division: &str,
        agency: &str,
        year: u16,
        figures: &str,
    ) -> Option<Result<Published, PublishError>> {
        let submission = Submission {
            division: code(division),
            agency_name: agency.to_owned(),
            agency_code: String::new(),
            year,
            scope: Scope::Own,
            status: Status::Final,
            template: String::new(),
            as_printed: false,
            content: content(figures),
            attachments: Vec::new(),
        };
        let mut sim = self.sim();
        let answer = sim.turn(self.at, |node, turn| Ok(node.publish(turn, &submission)));
        if let Some(Ok(published)) = &answer {
            sim.auditor.published.insert(published.digest, self.at);
            let line = format!("{} publishes {agency} {year} {}", submission.division, published.digest);
            sim.line(line);
        }
        answer
    }

    /// The same with content of a scope.
    pub fn tries_to_publish_content(
        &self,
        division: &str,
        agency: &str,
        year: u16,
        scope: Scope,
        content: Vec<u8>,
    ) -> Option<Result<Published, PublishError>> {
        let submission = Submission {
            division: code(division),
            agency_name: agency.to_owned(),
            agency_code: String::new(),
            year,
            scope,
            status: Status::Final,
            template: String::new(),
            as_printed: false,
            content,
            attachments: Vec::new(),
        };
        self.sim().turn(self.at, |node, turn| Ok(node.publish(turn, &submission)))
    }

    /// The next revision with content of a scope; false when there is none to correct.
    pub fn corrects_content(&self, agency: &str, year: u16, scope: Scope, content: Vec<u8>) -> bool {
        let submission = Submission {
            division: code(&self.division()),
            agency_name: agency.to_owned(),
            agency_code: String::new(),
            year,
            scope,
            status: Status::Final,
            template: String::new(),
            as_printed: false,
            content,
            attachments: Vec::new(),
        };
        let said =
            self.sim().turn(self.at, |node, turn| Ok(node.correct(turn, &submission, "数字有误").is_ok()));
        said == Some(true)
    }

    /// Takes an agency's year back, if it stands.
    pub fn withdraws(&self, agency: &str, year: u16, erase: bool) {
        let id = format!("{}:{agency}", self.division());
        let mut sim = self.sim();
        let last =
            sim.sites[self.at].node().ledger().disclosures().chain(&id, year).last().map(|last| last.digest);
        if let Some(digest) = last {
            sim.turn(self.at, |node, turn| Ok(node.withdraw(turn, &digest, "撤回", erase).is_ok()));
        }
    }

    /// Says an act of government, if the rules allow it now.
    pub fn tries_to_say(&self, act: Act) {
        self.sim().turn(self.at, |node, turn| Ok(node.say(turn, act).is_ok()));
    }

    pub fn publishes(&self, agency: &str, year: u16, figures: &str) -> Published {
        let division = self.division();
        let answer = self.tries_to_publish(&division, agency, year, figures);
        answer.expect("the machine runs").expect("the report is published")
    }

    /// The next revision of a report; none if no report stands as far as this office knows.
    pub fn corrects(&self, agency: &str, year: u16, figures: &str) -> Option<Digest> {
        let (division, content) = (code(&self.division()), content(figures));
        let mut sim = self.sim();
        let salt = sim.random_bytes();
        let said = sim.turn(self.at, |node, turn| {
            let package = BodyRef {
                role: BodyRole::Package,
                digest: body_digest(&salt, &content),
                bytes: content.len() as u64,
            };
            let disclosures = node.ledger().disclosures();
            let chain = disclosures.chain(&format!("{division}:{agency}"), year);
            let Some(last) = chain.last() else { return Ok(None) };
            let card = ReportCard {
                act: ReportAct::Correct,
                revision: last.revision + 1,
                previous: last.digest,
                reason: 1,
                bodies: vec![package],
                ..ReportCard::nil(division.clone(), agency, year)
            };
            turn.keep_body(&package.digest, &PackedBody::pack(salt, &content));
            Ok(node.say(turn, Act::Report(Box::new(card))).ok().map(|entry| entry.digest()))
        });
        let digest = said.flatten();
        if let Some(digest) = digest {
            sim.auditor.published.insert(digest, self.at);
        }
        digest
    }

    /// The root says an act of government.
    pub fn says(&self, act: Act) {
        let mut sim = self.sim();
        let said = sim.turn(self.at, |node, turn| Ok(node.say(turn, act).map(|_| ())));
        said.expect("the machine runs").expect("the fold accepts it");
    }

    pub fn shows(&self, owner: &Self, year: u16) -> Shown {
        let (division, own) = (owner.division(), self.division());
        let revisions = self.sim().shown(self.at, &division, year);
        let words = format!("{own} shows {revisions:?} of {division} in {year}");
        Shown { revisions, words }
    }

    pub fn crashes(&self) {
        self.sim().crash(self.at);
    }
    pub fn stops_next(&self, stop: Stop) {
        self.sim().stop_next(self.at, stop);
    }
    pub fn is_up(&self) -> bool {
        self.sim().sites[self.at].is_up()
    }
    pub fn restarts(&self) {
        self.sim().restart(self.at, true);
    }
    pub fn restarts_with_empty_index(&self) {
        self.sim().restart(self.at, false);
    }
}

fn content(figures: &str) -> Vec<u8> {
    let body = Body {
        format: FORMAT.into(),
        tables: Cow::Owned(Vec::new()),
        narrative: Some(figures.into()),
        source_url: None,
        as_printed: None,
        members: Cow::Owned(Vec::new()),
        notes: None,
        labels: Cow::Owned(Vec::new()),
        attachments: Cow::Owned(Vec::new()),
    };
    body.to_bytes()
}
