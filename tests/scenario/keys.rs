//! Keys over the years: delegations end and are renewed, keys rotate again and again, agencies sign their own packages, the
//! anchor gives the root another key.

use crate::story::{Office, World, code, four_levels};
use crate::world::Site;
use gongshi::digest::Digest;
use gongshi::ledger::RevisionState;
use gongshi::package::body::{Body, FORMAT, body_digest};
use gongshi::statement::card::RefusalCode;
use gongshi::statement::{Act, BodyRef, BodyRole, Card, Entry, ReportAct, ReportCard};
use gongshi::sync::agency::SignedRefusal;
use gongshi::sync::body::PackedBody;
use gongshi::sync::govern::{AgencyRequest, Governing};
use gongshi::sync::limits::RENEW_MS;
use gongshi::sync::publish::{PublishError, Published};
use gongshi::sync::{Event, SayError};
use gongshi::trust::delegation::agency_key_message;
use gongshi::trust::key::SecretKey;
use std::borrow::Cow;

impl Site {
    /// The machine keeps the newest key alone, as a daemon does once it has rotated.
    pub fn promotes(&mut self) {
        if let Some(new) = self.spare.take() {
            self.past.push(std::mem::replace(&mut self.signing, new));
        }
    }
}

const AGENCY: &str = "市场监督管理局";
const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// Sets every clock so far ahead, and lets the root's time come down.
fn years_later(world: &World, ahead_ms: i64) {
    for office in world.offices() {
        office.sim().sites[office.at].ahead_ms = ahead_ms;
    }
    world.run(RENEW_MS + 5_000);
}

fn refused(answer: Option<Result<Published, PublishError>>, code: RefusalCode) -> bool {
    matches!(answer, Some(Err(PublishError::Say(SayError::Refused(found)))) if found == code)
}

impl Office {
    /// Signs that an agency had no activity, whatever this node thinks of its own authority.
    pub fn insists(&self, agency: &str, year: u16) -> Digest {
        let act = Act::Report(Box::new(ReportCard::nil(code(&self.division()), agency, year)));
        let said = self.sim().turn(self.at, |node, turn| Ok(node.say(turn, act).map(|entry| entry.digest())));
        said.expect("the machine runs").expect("it is signed")
    }

    /// One of several rotations in a row: the machine keeps the newest key alone, as a daemon does.
    fn rotates_again(&self) {
        assert!(self.rotates(), "it rotates");
        self.sim().sites[self.at].promotes();
    }

    fn renews(&self, child: &Self) -> bool {
        self.governs(&Governing::Renew { code: code(&child.division()), life_ms: None })
    }

    /// What the desk of an agency hands in, made for this node's key now.
    fn request(&self, agency: &SecretKey, name: &str) -> AgencyRequest {
        let sim = self.sim();
        let node = sim.sites[self.at].node();
        let division = node.identity().division.clone();
        let message = agency_key_message(&node.federation(), node.own_key(), &agency.public(), &division);
        AgencyRequest {
            key: agency.public(),
            proof: *agency.sign(&message).as_bytes(),
            division,
            agency_name: name.to_owned(),
            agency_code: String::new(),
        }
    }

    fn delegates_to(&self, agency: &SecretKey, name: &str, life_ms: Option<u64>) -> bool {
        let agency = Box::new(self.request(agency, name));
        self.governs(&Governing::Agency { agency, life_ms })
    }

    /// A card that an agency signed for this node's key, and its body.
    fn signed(
        &self,
        agency: &SecretKey,
        name: &str,
        year: u16,
        revision: u32,
        figures: &str,
    ) -> (Vec<u8>, PackedBody) {
        let (key, federation) = {
            let sim = self.sim();
            let node = sim.sites[self.at].node();
            (*node.own_key(), node.federation())
        };
        let content = Body {
            format: Cow::Borrowed(FORMAT),
            tables: Cow::Borrowed(&[]),
            narrative: Some(Cow::Borrowed(figures)),
            source_url: None,
            as_printed: None,
            members: Cow::Borrowed(&[]),
            notes: None,
            labels: Cow::Borrowed(&[]),
            attachments: Cow::Borrowed(&[]),
        }
        .to_bytes();
        let salt = [9; 32];
        let body = BodyRef {
            role: BodyRole::Package,
            digest: body_digest(&salt, &content),
            bytes: content.len() as u64,
        };
        let act = ReportAct::Submit;
        let card = ReportCard::nil(code(&self.division()), name, year);
        let report = ReportCard { act, revision, bodies: vec![body], ..card };
        let mut card = Card { salt: [7; 32], key, act: Act::Report(Box::new(report)), agency: None };
        card.sign_as_agency(agency, &federation).expect("within bounds");
        (card.to_bytes().expect("within bounds"), PackedBody::pack(salt, &content))
    }

    fn submits(&self, (card, body): &(Vec<u8>, PackedBody)) -> Result<Published, PublishError> {
        let bodies = std::slice::from_ref(body);
        let said = self.sim().turn(self.at, |node, turn| Ok(node.submit_signed(turn, card, bodies)));
        said.expect("the machine runs")
    }
}

#[test]
fn a_chain_that_expires_hides_nothing_takes_nothing_new_and_is_renewed_from_the_top() {
    let (world, offices) = four_levels(601);
    let [province, city, district, town] = &offices;
    let before = town.publishes("附海镇人民政府", 2024, "处罚 7 宗").digest;
    world.agrees();
    let shown = |office: &Office| office.view_root();
    let view = shown(town);
    // One day before the end everything goes on; one day after it nothing new is taken.
    years_later(&world, 5 * YEAR_MS - DAY_MS);
    town.publishes("附海镇财政所", 2024, "检查 1 次");
    world.agrees();
    years_later(&world, 5 * YEAR_MS + DAY_MS);
    let late = town.tries_to_publish("330282108", "附海镇农办", 2024, "检查 2 次");
    assert!(refused(late, RefusalCode::OutsideValidity), "the node knows by the root's time");
    let insisted = town.insists("附海镇卫生所", 2024);
    world.run(5_000);
    assert!(town.events().contains(&Event::OwnRefused(insisted, RefusalCode::OutsideValidity)));
    assert!(!district.renews(town), "whose own delegation ended renews nobody's");
    world.agrees();
    // What was published stays shown and valid at every level.
    for office in &offices {
        office.shows(town, 2024).times(2);
        let sim = office.sim();
        let chain =
            sim.sites[office.at].node().ledger().disclosures().chain("330282108:附海镇人民政府", 2024);
        assert_eq!(
            chain.last().map(|row| (row.digest, row.state, row.suspect)),
            Some((before, RevisionState::Released, false))
        );
    }
    assert_ne!(shown(town), view, "a second report came before the end");
    // Renewed from the top down, under the same keys; then the years go on.
    for (above, below) in [(province, city), (city, district), (district, town)] {
        assert!(above.renews(below), "{} renews {}", above.division(), below.division());
        world.agrees();
    }
    town.publishes("附海镇农办", 2024, "检查 2 次");
    world.agrees();
    province.shows(town, 2024).times(3);
}

#[test]
fn only_the_parent_renews_and_never_beyond_itself() {
    let (world, [province, city, district, town]) = four_levels(602);
    years_later(&world, YEAR_MS);
    assert!(!province.renews(&town), "a grandparent is not the parent");
    assert!(!city.renews(&province) && !town.renews(&town), "nobody renews what stands above, or itself");
    // Within its own: the city's ends five years after it joined, so the district's does.
    assert!(city.renews(&district));
    world.agrees();
    let end = |office: &Office| {
        let division = code(&office.division());
        let sim = office.sim();
        let node = sim.sites[0].node();
        let key = *node.registry().node(&division).expect("a live node");
        node.ledger().registry().delegation(&key).expect("a delegation").not_after
    };
    assert!(end(&district) <= end(&city));
    assert!(province.renews(&city));
    world.agrees();
    assert!(city.renews(&district));
    world.agrees();
    assert!(end(&district).0 > end(&town).0, "the district holds longer than the town now");
}

#[test]
fn who_joins_after_renewals_moves_and_rotations_above_finds_its_way_up() {
    let (world, [province, city, district, _]) = four_levels(608);
    years_later(&world, YEAR_MS);
    assert!(province.renews(&city));
    world.agrees();
    assert!(city.renews(&district));
    world.agrees();
    let late = |division: &str| {
        let town = world.town(division, &district);
        world.agrees();
        town.publishes("镇政府", 2024, "处罚 1 宗");
        world.agrees();
        province.shows(&town, 2024).once();
    };
    late("330282111");
    city.rotates_again();
    world.agrees();
    years_later(&world, 2 * YEAR_MS);
    assert!(province.renews(&city));
    world.agrees();
    assert!(city.renews(&district));
    world.agrees();
    late("330282112");
    let other = world.city("330300", &province);
    world.agrees();
    assert!(province.moves(&district, &other));
    world.agrees();
    years_later(&world, 3 * YEAR_MS);
    assert!(province.renews(&other));
    world.agrees();
    assert!(other.renews(&district), "its parent is another now");
    world.agrees();
    late("330282113");
}

#[test]
fn ten_rotations_in_a_row_at_one_node_leave_it_and_those_below_where_they_were() {
    let (world, [province, city, district, town]) = four_levels(603);
    for round in 0..10_u16 {
        district.rotates_again();
        if round % 3 == 0 {
            district.crashes();
            district.restarts();
        }
        let year = 2010 + round;
        town.publishes("附海镇人民政府", year, "处罚 7 宗");
        district.publishes("慈溪市司法局", year, "处罚 8 宗");
        world.agrees();
        province.shows(&town, year).once();
        province.shows(&district, year).once();
    }
    // Whoever joins below it, or comes back after a while, still finds the way up.
    let new = world.town("330282109", &district);
    world.agrees();
    new.publishes("新浦镇人民政府", 2024, "处罚 1 宗");
    city.crashes();
    city.restarts();
    world.agrees();
    province.shows(&new, 2024).once();
}

#[test]
fn ten_rotations_while_the_line_is_cut_arrive_in_order_when_it_heals() {
    let (world, [province, city, district, town]) = four_levels(604);
    world.cut(&city, &district);
    world.settle();
    for round in 0..10_u16 {
        district.rotates_again();
        district.publishes("慈溪市司法局", 2010 + round, "处罚 8 宗");
        // A log must be complete before another follows it: the next rotation waits for the root.
        if round == 0 {
            assert!(!district.rotates(), "entries wait");
            break;
        }
    }
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.heal(&city, &district);
    world.agrees();
    province.shows(&district, 2010).once();
    province.shows(&town, 2024).once();
    // Without anything between them, ten follow each other while nobody can hear it.
    world.cut(&city, &district);
    world.settle();
    for _ in 0..10 {
        district.rotates_again();
    }
    world.heal(&city, &district);
    world.agrees();
    district.publishes("慈溪市司法局", 2021, "处罚 9 宗");
    world.agrees();
    province.shows(&district, 2021).once();
}

#[test]
fn an_agency_signs_its_own_packages_and_a_node_alone_publishes_nothing_for_it_any_more() {
    let (world, [province, city, district, _]) = four_levels(605);
    let (agency, stranger) = (SecretKey::from_seed(&[71; 32]), SecretKey::from_seed(&[72; 32]));
    // Before it is delegated no key of an agency counts; and a request for another node's key is worth nothing.
    let early = district.signed(&agency, AGENCY, 2023, 1, "处罚 1 宗");
    assert!(matches!(district.submits(&early), Err(PublishError::Signed(SignedRefusal::ForeignKey(..)))));
    let foreign = Box::new(district.request(&agency, AGENCY));
    assert!(!city.governs(&Governing::Agency { agency: foreign, life_ms: None }), "made for the district");
    assert!(district.delegates_to(&agency, AGENCY, None));
    world.agrees();
    let signed = district.signed(&agency, AGENCY, 2024, 1, "处罚 7 宗");
    let published = district.submits(&signed).expect("it is submitted");
    assert_eq!(
        district.submits(&signed).expect("it stands").digest,
        published.digest,
        "the same again signs nothing"
    );
    world.agrees();
    province.shows(&district, 2024).once();
    assert!(!district.submits(&signed).expect("it stands").signed);
    // The node alone, a stranger's key, another agency's name, another node.
    let alone = district.tries_to_publish("330282", AGENCY, 2022, "处罚 2 宗");
    assert!(matches!(alone, Some(Err(PublishError::AgencySigns(_)))));
    for (key, name) in [(&stranger, AGENCY), (&agency, "农业农村局")] {
        let wrong = district.signed(key, name, 2022, 1, "处罚 2 宗");
        assert!(matches!(district.submits(&wrong), Err(PublishError::Signed(SignedRefusal::ForeignKey(..)))));
    }
    let elsewhere = district.signed(&agency, AGENCY, 2022, 1, "处罚 2 宗");
    assert!(matches!(city.submits(&elsewhere), Err(PublishError::ForeignDivision(_))));
    // A changed byte of the card, another body, a revision out of turn.
    let mut altered = district.signed(&agency, AGENCY, 2022, 1, "处罚 2 宗");
    let at = altered.0.len() - 100;
    altered.0[at] ^= 1;
    assert!(district.submits(&altered).is_err());
    let other_body = (elsewhere.0.clone(), PackedBody::pack([9; 32], b"other"));
    assert!(matches!(district.submits(&other_body), Err(PublishError::Signed(SignedRefusal::OtherBody(0)))));
    let ahead = district.signed(&agency, AGENCY, 2022, 5, "处罚 2 宗");
    assert!(matches!(
        district.submits(&ahead),
        Err(PublishError::Signed(SignedRefusal::NotNext { found: 5, expected: 1 }))
    ));
    // Insisting does not help: the root knows.
    let insisted = district.insists(AGENCY, 2021);
    world.run(5_000);
    assert!(district.events().contains(&Event::OwnRefused(insisted, RefusalCode::AgencyUnsigned)));
    // What must go goes without the agency.
    district.withdraws(AGENCY, 2024, true);
    world.agrees();
    let sim = province.sim();
    let chain = sim.sites[province.at].node().ledger().disclosures().chain(&format!("330282:{AGENCY}"), 2024);
    assert_eq!(chain.last().map(|row| row.state), Some(RevisionState::Withdrawn));
}

#[test]
fn an_agencys_key_expires_is_renewed_with_the_same_key_and_never_comes_back_once_revoked() {
    let (world, [province, city, district, _]) = four_levels(606);
    let agency = SecretKey::from_seed(&[71; 32]);
    assert!(district.delegates_to(&agency, AGENCY, Some(YEAR_MS as u64)));
    world.agrees();
    let signed = |year| district.signed(&agency, AGENCY, year, 1, "处罚 7 宗");
    district.submits(&signed(2020)).expect("it is valid");
    world.agrees();
    years_later(&world, YEAR_MS + DAY_MS);
    let late = district.submits(&signed(2021));
    assert!(matches!(late, Err(PublishError::Signed(SignedRefusal::OutsideValidity { .. }))), "{late:?}");
    province.shows(&district, 2020).once();
    assert!(district.delegates_to(&agency, AGENCY, Some(YEAR_MS as u64)), "renewed, the same key");
    world.agrees();
    district.submits(&signed(2021)).expect("it is valid again");
    world.agrees();
    // Another agency does not get the same key; one above revokes it, and it stays revoked.
    assert!(!district.delegates_to(&agency, "农业农村局", None));
    let key = agency.public().id().hex();
    let revoke =
        Governing::RevokeAgency { key: key[..16].to_owned(), reason: 2, prose: "密钥失窃".to_owned() };
    assert!(city.governs(&revoke));
    world.agrees();
    let after = district.submits(&signed(2022));
    assert!(matches!(after, Err(PublishError::Signed(SignedRefusal::RevokedKey(_)))), "{after:?}");
    assert!(!district.delegates_to(&agency, AGENCY, None), "it never comes back");
    province.shows(&district, 2020).once();
    province.shows(&district, 2021).once();
    // Without a key in force the node publishes for the agency again, and a new key takes its place.
    district.publishes(AGENCY, 2022, "处罚 3 宗");
    let new = SecretKey::from_seed(&[73; 32]);
    assert!(district.delegates_to(&new, AGENCY, None));
    world.agrees();
    district.submits(&district.signed(&new, AGENCY, 2023, 1, "处罚 4 宗")).expect("the new key signs");
    world.agrees();
}

/// The ceremony's part that the nodes see: the root asks, the anchor signs what it read, the root enters it.
fn anchored(province: &Office, rotates: bool) -> Entry {
    let mut sim = province.sim();
    let seed = sim.random_bytes();
    let transport = sim.sites[province.at].transport();
    if rotates {
        sim.sites[province.at].spare = Some(seed);
    }
    let now = sim.now(province.at).wall;
    let asked = sim.turn(province.at, |node, _| {
        if rotates {
            node.offer_key(SecretKey::from_seed(&seed));
        }
        Ok(node.ask_anchor(now, None, rotates.then_some(&transport)).expect("the root asks"))
    });
    let asked = asked.expect("the machine runs");
    let anchor = sim.anchor();
    let act = Act::Delegate(Box::new(asked.delegation));
    let federation = sim.sites[province.at].node().federation();
    Entry::sign(&anchor, &federation, asked.index, [5; 32], act).expect("within bounds")
}

fn enters(office: &Office, entry: &Entry) -> bool {
    office.sim().turn(office.at, |node, turn| Ok(node.enter_anchor(turn, entry).is_ok())) == Some(true)
}

#[test]
fn the_anchor_renews_the_root_and_gives_it_another_key_and_all_levels_follow() {
    let (world, offices) = four_levels(607);
    let [province, city, district, town] = &offices;
    town.publishes("附海镇人民政府", 2023, "处罚 7 宗");
    world.agrees();
    years_later(&world, YEAR_MS);
    let renewal = anchored(province, false);
    assert!(!enters(city, &renewal), "only the root enters it");
    assert!(enters(province, &renewal) && enters(province, &renewal), "the same again changes nothing");
    world.agrees();
    // Cities are delegated for five years from now within it, so the root's own end moved.
    let key = *province.sim().sites[0].node().own_key();
    let rotation = anchored(province, true);
    assert!(enters(province, &rotation));
    province.sim().sites[province.at].promotes();
    world.agrees();
    for office in &offices {
        let sim = office.sim();
        let node = sim.sites[office.at].node();
        assert_ne!(node.ledger().registry().root(), Some(&key), "{}", office.at);
    }
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    province.publishes("省司法厅", 2024, "处罚 1 宗");
    world.agrees();
    for office in &offices {
        office.shows(town, 2023).once();
        office.shows(town, 2024).once();
        office.shows(province, 2024).once();
    }
    // The root starts again under its new key, is asked by a node that joins, and changes its key once more.
    province.crashes();
    province.restarts();
    world.town("330282110", district);
    world.agrees();
    let again = anchored(province, true);
    assert!(enters(province, &again));
    province.sim().sites[province.at].promotes();
    world.agrees();
    assert!(province.renews(city), "what the new key says counts");
    world.agrees();
    // What an old request asked for is not entered any more.
    assert!(!enters(province, &anchored_at(province, 1)));
}

/// A renewal that the anchor signed as an entry of its log that was there before.
fn anchored_at(province: &Office, index: u64) -> Entry {
    let entry = anchored(province, false);
    let sim = province.sim();
    let anchor = sim.anchor();
    let federation = sim.sites[province.at].node().federation();
    Entry::sign(&anchor, &federation, index, [6; 32], entry.card.act.clone()).expect("within bounds")
}
