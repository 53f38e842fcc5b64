//! Joining: tokens, approval, and who may publish for whom.

use crate::network::Outsider;
use crate::story::{Answer, World, code, four_levels};
use gongshi::sync::enrol::InviteError;
use gongshi::sync::frame::Frame;
use gongshi::sync::limits::INVITE_MS;
use gongshi::sync::publish::PublishError;
use gongshi::trust::delegation::Hosting;

fn refused(answer: &Answer) -> &str {
    match answer {
        Answer::Refused(code) => code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_token_is_used_once_and_the_same_keys_may_ask_again() {
    let (world, [province, ..]) = four_levels(30);
    let token = province.invites("city", "330300", Hosting::Own, true).expect("an invitation");
    let (first, second) = (world.keys(), world.keys());
    let Answer::Joined(identity) = world.asks(&token, &first) else { panic!("the first joins") };
    assert_eq!(refused(&world.asks(&token, &second)), "invite_unknown");
    // The answer was lost: the same keys ask again and get the same.
    let Answer::Joined(again) = world.asks(&token, &first) else { panic!("the first asks again") };
    assert_eq!(identity, again);
    let city = world.starts(*again, &first, &province);
    world.agrees();
    assert_eq!(city.root_size(), province.root_size());
    assert!(matches!(province.invites("city", "330300", Hosting::Own, true), Err(InviteError::Taken(_))));
}

#[test]
fn a_token_that_expired_or_was_taken_back_is_refused() {
    let (world, [province, ..]) = four_levels(31);
    let token = province.invites("city", "330300", Hosting::Own, true).expect("an invitation");
    world.run(INVITE_MS);
    assert_eq!(refused(&world.asks(&token, &world.keys())), "invite_unknown");
    let token = province.invites("city", "330400", Hosting::Own, true).expect("an invitation");
    let taken = province.sim().turn(0, |node, turn| Ok(node.revoke_invite(turn, &code("330400"))));
    assert!(taken.is_some_and(|taken| taken.is_ok()));
    province.crashes();
    province.restarts();
    assert_eq!(refused(&world.asks(&token, &world.keys())), "invite_unknown");
    world.agrees();
    let known: Vec<_> = world.offices().iter().map(crate::story::Office::division).collect();
    assert_eq!(known, ["330000", "330200", "330282", "330282108"], "nobody joined");
}

#[test]
fn wrong_keys_are_refused() {
    let (world, [province, ..]) = four_levels(32);
    let token = province.invites("city", "330300", Hosting::Own, true).expect("an invitation");
    let (ours, others) = (world.keys(), world.keys());
    // A request with the proofs of other keys, and one that names a transport key it does not speak with.
    let mut unproven = world.request(&token, &ours);
    unproven.signing_proof = world.request(&token, &others).signing_proof;
    let mut elsewhere = world.request(&token, &ours);
    elsewhere.transport = world.request(&token, &others).transport;
    for (request, code) in [(unproven, "no_possession"), (elsewhere, "invite_unknown")] {
        let (conn, outsider) = world.dials(&ours, token.parent_transport);
        world.sim().send(conn, 0, &Frame::Join(Box::new(request)));
        world.run(500);
        assert_eq!(refused(&world.answer(&token, &ours, outsider)), code);
    }
    assert!(matches!(world.asks(&token, &ours), Answer::Joined(_)), "the token is still good");
}

#[test]
fn a_stranger_may_say_nothing_but_join() {
    let (world, [province, ..]) = four_levels(33);
    world.someone_lies();
    let token = province.invites("city", "330300", Hosting::Own, true).expect("an invitation");
    for frame in [
        Frame::Held { root_size: 0, send_all: true },
        Frame::Hello { protocol: 1, federation: token.federation, root_size: 0 },
        Frame::Attest { note: String::new() },
    ] {
        let (conn, outsider) = world.dials(&world.keys(), token.parent_transport);
        world.sim().send(conn, 0, &frame);
        world.run(500);
        let Outsider { heard, closed } = &world.seen().network.outsiders[outsider];
        assert!(heard.is_empty() && *closed, "{frame:?} was answered with {heard:?}");
    }
    world.agrees();
}

#[test]
fn without_auto_a_person_approves_and_both_see_the_same_digits() {
    let (world, [province, ..]) = four_levels(34);
    let token = province.invites("city", "330300", Hosting::Own, false).expect("an invitation");
    let keys = world.keys();
    let Answer::Pending(digits) = world.asks(&token, &keys) else { panic!("it must wait") };
    assert_eq!(digits, gongshi::sync::enrol::six_digits(&world.request(&token, &keys)));
    let size = province.root_size();
    world.settle();
    assert_eq!(province.root_size(), size, "nothing is delegated before a person said so");
    let division = code("330300");
    let shown = province.sim().turn(0, |node, turn| Ok(node.approve(turn, &division)));
    assert_eq!(shown.and_then(Result::ok).as_deref(), Some(digits.as_str()));
    world.run(500);
    let outsider = world.seen().network.outsiders.len() - 1;
    let Answer::Joined(identity) = world.answer(&token, &keys, outsider) else { panic!("approved") };
    let city = world.starts(*identity, &keys, &province);
    world.agrees();
    city.publishes("市城管局", 2024, "检查 3 次");
    world.agrees();
    province.shows(&city, 2024).once();
}

#[test]
fn an_invitation_stays_below_its_giver() {
    let (world, [_, city, district, town]) = four_levels(35);
    let level = |office: &crate::story::Office, level: &str| {
        office.invites(level, "330300", Hosting::Own, true).err().map(|error| error.to_string())
    };
    for (office, above) in [(&city, "city"), (&district, "city"), (&town, "town")] {
        assert!(level(office, above).is_some_and(|why| why.contains("not below")), "{above}");
    }
    let wider = district.invites("town", "330282109", Hosting::All, true);
    assert!(matches!(wider, Err(InviteError::HostingWider)));
    world.agrees();
}

#[test]
fn a_foreign_division_is_refused_at_the_publisher() {
    let (world, [province, city, district, town]) = four_levels(36);
    for (office, division) in [(&town, "330282"), (&district, "330282108"), (&city, "330100")] {
        let answer = office.tries_to_publish(division, "某局", 2024, "检查 1 次").expect("it runs");
        assert!(matches!(answer, Err(PublishError::ForeignDivision(_))), "{division}");
    }
    let year = town.tries_to_publish("330282108", "某局", 2026, "检查 1 次").expect("it runs");
    assert!(matches!(year, Err(PublishError::Say(_))), "a year that has not begun");
    let size = province.root_size();
    world.agrees();
    assert_eq!(province.root_size(), size);
}

#[test]
fn a_district_with_hosting_publishes_for_its_towns_and_the_second_report_of_one_agency_is_refused() {
    let world = World::new(37);
    let province = world.province("330000");
    let district = world.joins("district", "330282", &province, Hosting::Subtree);
    let town = world.town("330282108", &district);
    world.settle();
    world.cut(&district, &town);
    let own = town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    let hosted = district.tries_to_publish("330282108", "附海镇人民政府", 2024, "处罚 9 宗");
    assert!(hosted.is_some_and(|hosted| hosted.is_ok()));
    world.settle();
    world.heal(&district, &town);
    world.agrees();
    for office in world.offices() {
        office.shows(&town, 2024).once();
    }
    let told = town
        .events()
        .into_iter()
        .any(|event| matches!(event, gongshi::sync::Event::OwnRefused(digest, _) if digest == own.digest));
    assert!(told, "the town hears that its report was the second");
}
