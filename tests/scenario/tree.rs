//! Nodes that move, and keys that ended: who is let in, and who goes on in a division.

use crate::story::{Office, World, code, four_levels};
use gongshi::division::DivisionCode;
use gongshi::statement::card::RefusalCode;
use gongshi::sync::Event;
use gongshi::sync::govern::Vouch;

/// Whom an office takes for its parent.
fn parent_of(office: &Office) -> Option<DivisionCode> {
    let sim = office.sim();
    let node = sim.sites[office.at].node();
    let (parent, _) = node.parent()?;
    node.registry().delegation(&parent).map(|own| own.division.clone())
}

#[test]
fn a_node_that_moved_again_while_it_was_down_is_let_in_by_the_only_parent_it_knows() {
    let world = World::new(650);
    let province = world.province("330000");
    let [first, second, third] = ["330100", "330200", "330300"].map(|code| world.city(code, &province));
    let town = world.town("330282108", &first);
    world.agrees();
    assert!(province.moves(&town, &second));
    world.agrees();
    assert_eq!(parent_of(&town), Some(code("330200")));
    town.crashes();
    assert!(province.moves(&town, &third));
    // Keys change on the way, of the one that lets in too.
    assert!(second.rotates());
    world.settle();
    town.restarts();
    assert_eq!(parent_of(&town), Some(code("330200")), "it has not heard of more");
    world.run(5_000);
    assert_eq!(parent_of(&town), Some(code("330300")), "long before it looks for another way");
    town.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    province.shows(&town, 2024).once();
}

#[test]
fn of_a_machine_that_was_replaced_before_it_said_anything_nothing_stands() {
    let (world, offices) = four_levels(652);
    let [province, _, district, town] = &offices;
    let key_of = |office: &Office| *office.sim().sites[office.at].node().own_key();
    let silent = key_of(town);
    town.crashes();
    world.sim().sites[town.at].lost = true;
    let new = world.replaces(town, district).expect("another machine in its place");
    new.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    province.shows(&new, 2024).once();
    let followed = key_of(&new);
    for office in &offices[..3] {
        let sim = office.sim();
        let registry = sim.sites[office.at].node().ledger().registry();
        assert!(registry.is_beyond(&silent, 0), "{}: whoever has its key now says nothing", office.at);
        assert_eq!(registry.newest(&silent), &followed);
    }
}

#[test]
fn a_key_that_ended_hands_over_to_no_other_and_its_division_is_given_again() {
    let (world, offices) = four_levels(651);
    let [province, city, district, town] = &offices;
    town.publishes("附海镇人民政府", 2023, "处罚 6 宗");
    world.agrees();
    // The city stops the town's key and vouches for more than it holds, while a rotation waits at the district.
    world.cut(city, district);
    assert!(town.rotates());
    world.run(1_000);
    assert!(city.revokes(town, Vouch::UpTo(9)));
    world.run(1_000);
    world.heal(city, district);
    world.settle();
    let refused = |event: &Event| matches!(event, Event::OwnRefused(_, RefusalCode::NoAuthority));
    assert!(town.events().iter().any(refused), "it is told");
    for office in &offices {
        let sim = office.sim();
        let node = sim.sites[office.at].node();
        let division = code("330282108");
        assert_eq!(node.ledger().registry().node(&division), None, "{}", office.at);
        assert_eq!(node.registry().node(&division), None, "{}: what was refused stands nowhere", office.at);
    }
    town.crashes();
    world.sim().sites[town.at].lost = true;
    let new = world.replaces(town, district).expect("another machine in its place");
    world.agrees();
    new.publishes("附海镇人民政府", 2024, "处罚 7 宗");
    world.agrees();
    province.shows(&new, 2024).once();
    province.shows(&new, 2023).once();
}
