//! Files instead of wires: a bundle is one side of a session, carried by hand.

use crate::story::{Office, World, code, four_levels};
use gongshi::store::layout;
use gongshi::sync::bundle::{BundleError, Header, Leg, Taken};
use gongshi::sync::frame::{Frame, PackedEntry};
use gongshi::sync::parse_entry_row;
use gongshi::time::WallMs;

/// A bundle on its way.
#[derive(Clone)]
struct Carried {
    header: Header,
    legs: Vec<Leg>,
    frames: Vec<Frame>,
}

impl Carried {
    fn introduction(&self) -> Vec<PackedEntry> {
        match self.frames.first() {
            Some(Frame::Introduce { chain }) => chain.clone(),
            other => panic!("the first frame is {other:?}"),
        }
    }
}

/// What `from` writes for `to`.
fn writes(from: &Office, to: &Office, since: Option<u64>) -> Carried {
    let to = code(&to.division());
    let written = from.sim().turn(from.at, |node, turn| {
        let plan = node.plan_bundle(turn, &to, since).expect("a neighbour");
        let mut frames = plan.opening.clone();
        for leg in plan.legs.iter().chain(&plan.attachments) {
            frames.extend(node.introduce_leg(turn, leg)?);
            let mut rest = leg.clone();
            while let Some((frame, left)) = node.pack(turn, &plan.root_note, &rest, usize::MAX)? {
                frames.push(frame);
                rest = left;
            }
        }
        frames.extend(plan.closing);
        Ok(Carried { header: plan.header, legs: plan.legs, frames })
    });
    written.expect("the machine runs")
}

/// `to` takes a bundle, a turn a frame, as the command does.
fn takes(to: &Office, bundle: &Carried) -> Result<Taken, &'static str> {
    let introduction = bundle.introduction();
    let opened = to.sim().turn(to.at, |node, turn| Ok(node.open_bundle(turn, &bundle.header, &introduction)));
    opened.expect("the machine runs").expect("it is for this node");
    let mut taken = Taken::default();
    for frame in &bundle.frames {
        let frame = Frame::from_bytes(&frame.to_bytes()).expect("a frame reads back");
        let one = to.sim().turn(to.at, |node, turn| node.take_frame(turn, &bundle.header.from, frame));
        taken = taken.and(one.expect("the machine runs")?);
    }
    Ok(taken)
}

fn is_refused(at: &Office, header: &Header, introduction: &[PackedEntry]) -> BundleError {
    let opened = at.sim().turn(at.at, |node, turn| Ok(node.open_bundle(turn, header, introduction)));
    opened.expect("the machine runs").expect_err("it is not for this node")
}

/// Four levels, and no wire to the town.
fn air_gapped(seed: u64) -> (World, [Office; 4]) {
    let (world, offices) = four_levels(seed);
    world.agrees();
    offices.iter().take(3).for_each(|office| world.cut(office, &offices[3]));
    (world, offices)
}

/// The wire is there again, and everything agrees.
fn heals(world: &World, offices: [&Office; 4]) {
    offices.iter().take(3).for_each(|office| world.heal(office, offices[3]));
    world.agrees();
}

#[test]
fn an_air_gapped_town_publishes_by_bundle_and_sees_its_receipt_and_its_place_in_the_root_log() {
    let (world, [province, city, district, town]) = air_gapped(1);
    let published = town.publishes("附海镇人民政府", 2024, "1 宗");
    world.run(60_000);
    province.shows(&town, 2024).never();
    let up = writes(&town, &district, None);
    world.run(3_600_000);
    let imported_at = WallMs(district.sim().now(district.at).wall.0);
    let taken = takes(&district, &up).expect("it verifies");
    assert_eq!((taken.entries, taken.waits), (1, false));
    world.run(60_000);
    province.shows(&town, 2024).once();
    town.shows(&town, 2024).never();
    let row = {
        let sim = district.sim();
        let locator = layout::entry(&up.header.from, 0);
        gongshi::store::Read::get(sim.sites[district.at].store.as_ref(), &locator).expect("readable")
    };
    let (received_at, _) = parse_entry_row(&row.expect("held")).expect("readable");
    assert_eq!(received_at, Some(imported_at), "[BU-5] the time of the import is when it was received");

    assert_eq!(town.unacknowledged(), 1);
    let down = writes(&district, &town, None);
    let taken = takes(&town, &down).expect("it verifies");
    assert_eq!((taken.receipted, taken.waits), (1, false));
    assert_eq!((town.unacknowledged(), town.root_size()), (0, province.root_size()));
    town.shows(&town, 2024).once();
    assert_eq!(town.view_root(), province.view_root());
    let place = town.sim().turn(town.at, |node, turn| node.outcome(turn, &published.digest));
    assert!(matches!(place, Some(Some(Ok(_)))), "{place:?}");
    assert!(writes(&town, &district, None).legs.is_empty(), "nothing is lacking any more");
    heals(&world, [&province, &city, &district, &town]);
}

#[test]
fn bu_4_bundles_in_any_order_and_again_come_to_the_same_as_in_order() {
    let (world, [province, city, district, town]) = air_gapped(2);
    let mut ups = Vec::new();
    for year in 2015..2020 {
        town.publishes("附海镇人民政府", year, "1 宗");
        ups.push(writes(&town, &district, None));
    }
    // Each carries what the ones before it carry: nobody has said yet that it arrived.
    for at in [2, 0, 4, 1, 3, 4, 0] {
        takes(&district, &ups[at]).expect("it verifies");
    }
    world.run(60_000);
    let mut downs = vec![writes(&district, &town, None)];
    province.publishes("浙江省司法厅", 2024, "2 宗");
    world.run(60_000);
    downs.push(writes(&district, &town, None));
    for at in [1, 0, 1] {
        let taken = takes(&town, &downs[at]).expect("it verifies");
        assert!(!taken.waits);
    }
    assert_eq!((town.unacknowledged(), town.root_size()), (0, province.root_size()));
    for year in 2015..2020 {
        town.shows(&town, year).once();
        province.shows(&town, year).once();
    }
    heals(&world, [&province, &city, &district, &town]);
}

#[test]
fn a_bundle_that_begins_behind_what_is_held_waits_and_harms_nothing() {
    let (world, [province, city, district, town]) = air_gapped(3);
    for year in 2015..2018 {
        town.publishes("附海镇人民政府", year, "1 宗");
    }
    let all = writes(&town, &district, None);
    let late = writes(&town, &district, Some(2));
    assert!(takes(&district, &late).expect("it verifies").waits);
    world.run(60_000);
    province.shows(&town, 2017).never();
    assert_eq!(takes(&district, &all).expect("it verifies").entries, 3);
    let root_size = town.root_size();
    province.publishes("浙江省司法厅", 2024, "2 宗");
    world.run(60_000);
    let late = writes(&district, &town, Some(root_size + 2));
    let taken = takes(&town, &late).expect("it verifies");
    assert_eq!((taken.leaves, taken.waits), (0, true));
    takes(&town, &writes(&district, &town, None)).expect("it verifies");
    assert_eq!(town.root_size(), province.root_size());
    heals(&world, [&province, &city, &district, &town]);
}

#[test]
fn bu_2_a_bundle_of_another_federation_for_another_node_or_from_a_stranger_is_refused() {
    let (world, [province, city, district, town]) = air_gapped(4);
    let other = world.district("330225", &city);
    let up = writes(&town, &district, None);
    let introduction = up.introduction();
    let federation = gongshi::digest::Digest::of(&[b"another"]);
    let refused = is_refused(&district, &Header { federation, ..up.header.clone() }, &introduction);
    assert!(matches!(refused, BundleError::OtherFederation(_)), "{refused}");
    let refused = is_refused(&other, &up.header, &introduction);
    assert!(matches!(refused, BundleError::OtherNode(_)), "{refused}");
    // The neighbour's town is neither above nor below the district.
    let stranger = writes(&other, &city, None);
    let header = Header { to: up.header.to, ..stranger.header.clone() };
    let refused = is_refused(&district, &header, &stranger.introduction());
    assert!(matches!(refused, BundleError::Stranger(_)), "{refused}");
    let sideways = district.sim().turn(district.at, |node, turn| {
        Ok(node.plan_bundle(turn, &code("330225"), None).expect_err("neither above nor below"))
    });
    assert!(matches!(sideways, Some(BundleError::NotOnPath(_))));
    // Levels may be skipped, as on a wire.
    let published = town.publishes("附海镇人民政府", 2024, "1 宗");
    let far = writes(&town, &province, None);
    assert_eq!(takes(&province, &far).expect("it verifies").entries, 1);
    world.run(60_000);
    province.shows(&town, 2024).once();
    let back = writes(&province, &town, None);
    assert_eq!(takes(&town, &back).expect("it verifies").receipted, 1);
    let place = town.sim().turn(town.at, |node, turn| node.outcome(turn, &published.digest));
    assert!(matches!(place, Some(Some(Ok(_)))), "{place:?}");
    heals(&world, [&province, &city, &district, &town]);
}

#[test]
fn bu_3_a_frame_that_does_not_verify_is_not_taken_from_a_bundle_either() {
    let (world, [province, _, district, town]) = air_gapped(5);
    world.someone_lies();
    town.publishes("附海镇人民政府", 2024, "1 宗");
    let mut up = writes(&town, &district, None);
    for frame in &mut up.frames {
        if let Frame::Push { entries, .. } = frame {
            entries[0].entry.statement[120] ^= 1;
        }
    }
    assert_eq!(takes(&district, &up), Err("bad_entry"));
    let mut down = writes(&district, &town, Some(0));
    for frame in &mut down.frames {
        if let Frame::Leaves { first, leaves, .. } = frame {
            *first = 0;
            let _ = leaves.remove(0);
        }
    }
    let before = town.root_size();
    let _ = takes(&town, &down);
    assert_eq!(town.root_size(), before);
    // Frames that go the other way say nothing here.
    let mut crossed = writes(&town, &district, None);
    crossed.frames.push(Frame::Leaves {
        first: 0,
        leaves: Vec::new(),
        note: String::new(),
        proof: Vec::new(),
    });
    assert_eq!(takes(&district, &crossed), Err("wrong_direction"));
    world.run(60_000);
    province.shows(&town, 2024).once();
}
