//! Attachments: they climb to every ancestor by themselves, go on where they were cut, and reach others when asked for.

use crate::story::{Office, World, code, four_levels};
use gongshi::digest::Digest;
use gongshi::package::attachment::Attachment;
use gongshi::package::body::{BODY_CHUNK_BYTES, Body, FORMAT, with_attachments};
use gongshi::record::{Record, Stream};
use gongshi::statement::{Scope, Status};
use gongshi::store::{Batch, Store, layout};
use gongshi::sync::assembly::{Assembled, Assembly};
use gongshi::sync::body::PackedBody;
use gongshi::sync::chunk::{chunks_held, pack_chunk, read_chunk};
use gongshi::sync::erased_by;
use gongshi::sync::fetch::Demand;
use gongshi::sync::outline::Outline;
use gongshi::sync::publish::{Attached, Submission};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// Bytes that do not compress.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let block = |at: u64| *Digest::of(&[&seed.to_be_bytes(), &at.to_be_bytes()]).as_bytes();
    (0..bytes.div_ceil(32) as u64).flat_map(block).take(bytes).collect()
}

/// An office keeps a file, chunk by chunk, and publishes a report that names it.
fn publishes_with(office: &Office, agency: &str, file: &[u8]) -> (Digest, Digest) {
    let sha256 = Digest::of(&[file]);
    let body = office
        .sim()
        .turn(office.at, |node, turn| {
            let outline = Outline::of(node.attachment_salt(&sha256, 0), file);
            let (digest, held) = node.attach(turn, &outline).expect("begun");
            for (at, chunk) in (0..).zip(file.chunks(BODY_CHUNK_BYTES)).skip(held as usize) {
                node.attach_chunk(turn, &digest, at, &pack_chunk(chunk)).expect("kept");
            }
            Ok(digest)
        })
        .expect("the machine runs");
    let bytes = file.len() as u64;
    let plain = Body {
        format: FORMAT.into(),
        tables: Cow::Owned(Vec::new()),
        narrative: Some("见附件".into()),
        source_url: None,
        as_printed: None,
        members: Cow::Owned(Vec::new()),
        notes: None,
        labels: Cow::Owned(Vec::new()),
        attachments: Cow::Owned(Vec::new()),
    };
    let named = Attachment { name: "原表.xlsx".to_owned(), bytes, sha256 };
    let submission = Submission {
        division: code(&office.division()),
        agency_name: agency.to_owned(),
        agency_code: String::new(),
        year: 2024,
        scope: Scope::Own,
        status: Status::Final,
        template: String::new(),
        as_printed: false,
        content: with_attachments(&plain.to_bytes(), &[named]).expect("a content"),
        attachments: vec![Attached { digest: body, bytes }],
    };
    let mut sim = office.sim();
    let published = sim.turn(office.at, |node, turn| Ok(node.publish(turn, &submission)));
    let published = published.expect("the machine runs").expect("published");
    sim.auditor.published.insert(published.digest, office.at);
    (published.digest, body)
}

/// What an office holds of a body, unpacked; none unless it is all there.
fn content(office: &Office, body: &Digest) -> Option<Vec<u8>> {
    let sim = office.sim();
    let store = sim.sites[office.at].store.as_ref();
    if !PackedBody::is_held(store, body).expect("readable") {
        return None;
    }
    let outline = Outline::read(store, body).expect("readable")?;
    let chunk = |at| outline.unpack(at, &read_chunk(store, body, at).expect("readable")?);
    Some((0..outline.count()).map(chunk).collect::<Option<Vec<_>>>()?.concat())
}

fn held(office: &Office, body: &Digest) -> u32 {
    let sim = office.sim();
    chunks_held(sim.sites[office.at].store.as_ref(), body).expect("readable")
}

fn demands(office: &Office, statement: &Digest, body: &Digest) -> Demand {
    let answer = office.sim().turn(office.at, |node, turn| node.demand(turn, statement, body));
    answer.expect("the machine runs")
}

fn chunks_sent(world: &World, office: &Office) -> u64 {
    world.seen().network.chunks_sent.get(&office.at).copied().unwrap_or(0)
}

#[test]
fn an_attachment_climbs_to_every_ancestor_and_reaches_others_when_asked_for() {
    let (world, [province, city, district, town]) = four_levels(110);
    let neighbour = world.town("330282109", &district);
    world.settle();
    let file = noise(1, 20 * BODY_CHUNK_BYTES + 7);
    let (statement, body) = publishes_with(&town, "附海镇人民政府", &file);
    world.agrees();
    for office in [&town, &district, &city, &province] {
        assert_eq!(content(office, &body).as_deref(), Some(file.as_slice()), "{}", office.division());
    }
    assert_eq!(content(&neighbour, &body), None, "nobody else holds what nobody asked for");
    assert_eq!(chunks_sent(&world, &town), 21, "every chunk went up once");
    assert_eq!(demands(&neighbour, &statement, &body), Demand::Coming(0, 21));
    world.settle();
    assert_eq!(content(&neighbour, &body).as_deref(), Some(file.as_slice()));
    assert_eq!(demands(&neighbour, &statement, &body), Demand::Here);
}

#[test]
fn fault_11_a_line_that_is_cut_again_and_again_sends_little_twice() {
    let (world, [province, city, district, town]) = four_levels(111);
    let file = noise(2, 160 * BODY_CHUNK_BYTES);
    let (_, body) = publishes_with(&town, "附海镇人民政府", &file);
    let mut before = 0;
    for _ in 0..5 {
        while held(&district, &body) < before + 20 {
            world.run(20);
        }
        before = held(&district, &body);
        world.cut(&town, &district);
        world.run(1_000);
        world.heal(&town, &district);
    }
    world.agrees();
    for office in [&province, &city, &district] {
        assert_eq!(content(office, &body).as_deref(), Some(file.as_slice()), "{}", office.division());
    }
    let twice = chunks_sent(&world, &town) - 160;
    // What is in flight at a cut: four chunks at most.
    assert!(twice <= 20, "{twice} chunks went twice over 5 cuts");
    println!("fault_11: 5 cuts, {twice} of 160 chunks sent twice");
}

#[test]
fn restarts_of_either_end_go_on_at_the_next_chunk() {
    let (world, [province, city, district, town]) = four_levels(112);
    let file = noise(3, 100 * BODY_CHUNK_BYTES);
    let (_, body) = publishes_with(&town, "附海镇人民政府", &file);
    let crash = |office: &Office, empty: bool| {
        let before = held(&district, &body);
        while held(&district, &body) < before + 15 {
            world.run(20);
        }
        office.crashes();
        world.run(500);
        if empty { office.restarts_with_empty_index() } else { office.restarts() }
    };
    crash(&town, false);
    crash(&district, false);
    crash(&district, true);
    crash(&town, true);
    world.agrees();
    for office in [&province, &city, &district, &town] {
        assert_eq!(content(office, &body).as_deref(), Some(file.as_slice()), "{}", office.division());
    }
    assert!(chunks_sent(&world, &town) <= 100 + 4 * 4, "{}", chunks_sent(&world, &town));
}

#[test]
fn chunks_that_come_twice_are_kept_once() {
    let (world, [province, _, _, town]) = four_levels(113);
    world.sim().network.doubled_percent = 30;
    let file = noise(4, 40 * BODY_CHUNK_BYTES);
    let (_, body) = publishes_with(&town, "附海镇人民政府", &file);
    world.agrees();
    assert_eq!(content(&province, &body).as_deref(), Some(file.as_slice()));
    let mut frames = 0;
    province.sim().sites[province.at]
        .disk
        .replay(Default::default(), &mut |stream, _, frame| {
            frames += u32::from(stream == Stream::Bodies && PackedBody::digest_of(&frame) == Some(body));
            ControlFlow::Continue(())
        })
        .expect("readable");
    assert_eq!(frames, 41, "forty chunks and an outline");
}

#[test]
fn who_sends_wrong_chunks_is_refused_and_nothing_of_it_is_kept() {
    let (world, [_, city, district, town]) = four_levels(114);
    let neighbour = world.town("330282109", &district);
    world.settle();
    let file = noise(5, 10 * BODY_CHUNK_BYTES);
    let (statement, body) = publishes_with(&town, "附海镇人民政府", &file);
    world.agrees();
    world.someone_lies();
    world.sim().network.liars.insert(district.at);
    assert_eq!(demands(&neighbour, &statement, &body), Demand::Coming(0, 10));
    world.run(60_000);
    assert_eq!(held(&neighbour, &body), 0);
    let refused =
        |event: &gongshi::sync::Event| matches!(event, gongshi::sync::Event::PeerFault(_, "bad_chunk"));
    assert!(neighbour.events().iter().any(refused));
    world.sim().network.liars.clear();
    demands(&neighbour, &statement, &body);
    world.run(1_300_000);
    assert_eq!(content(&neighbour, &body).as_deref(), Some(file.as_slice()), "honest again");
    assert_eq!(content(&city, &body).as_deref(), Some(file.as_slice()));
}

#[test]
fn what_is_erased_on_its_way_goes_from_every_machine_and_never_comes_back() {
    let (world, [province, city, district, town]) = four_levels(115);
    let file = noise(6, 60 * BODY_CHUNK_BYTES);
    let (statement, body) = publishes_with(&town, "附海镇人民政府", &file);
    while held(&city, &body) < 10 {
        world.run(10);
    }
    world.cut(&city, &district);
    let said =
        town.sim().turn(town.at, |node, turn| Ok(node.withdraw(turn, &statement, "误传个人信息", true)));
    said.expect("the machine runs").expect("withdrawn");
    world.run(5_000);
    world.heal(&city, &district);
    world.agrees();
    for office in [&province, &city, &district, &town] {
        assert_eq!(held(office, &body), 0, "{}", office.division());
        assert_eq!(demands(office, &statement, &body), Demand::Erased, "{}", office.division());
        let mut frames = 0;
        let sim = office.sim();
        let site = &sim.sites[office.at];
        assert!(erased_by(site.store.as_ref(), &body).expect("readable").is_some());
        site.disk
            .replay(Default::default(), &mut |stream, _, frame| {
                frames += u32::from(stream == Stream::Bodies && PackedBody::digest_of(&frame) == Some(body));
                ControlFlow::Continue(())
            })
            .expect("readable");
        assert_eq!(frames, 0, "{}", office.division());
    }
}

#[test]
fn statements_pass_while_an_attachment_is_on_its_way() {
    let (world, [province, _, district, town]) = four_levels(116);
    let (_, body) = publishes_with(&town, "附海镇人民政府", &noise(7, 200 * BODY_CHUNK_BYTES));
    while held(&district, &body) < 5 {
        world.run(10);
    }
    town.publishes("附海镇综合执法队", 2023, "检查 3 次");
    world.run(2_000);
    province.shows(&town, 2023).once();
    assert!(held(&province, &body) < 200, "the attachment was still on its way");
    world.agrees();
}

#[test]
fn the_same_file_is_kept_once_and_after_an_erasure_under_another_digest() {
    let (world, [province, .., town]) = four_levels(117);
    let file = noise(8, 3 * BODY_CHUNK_BYTES);
    let (statement, body) = publishes_with(&town, "附海镇人民政府", &file);
    let (second, same) = publishes_with(&town, "附海镇综合执法队", &file);
    assert_eq!(body, same);
    assert_ne!(statement, second);
    let (again, _) = publishes_with(&town, "附海镇人民政府", &file);
    assert_eq!(again, statement, "the same content with the same attachment is not said twice");
    world.agrees();
    assert_eq!(content(&province, &body).as_deref(), Some(file.as_slice()));
    let salts = town.sim().turn(town.at, |node, _| {
        let sha256 = Digest::of(&[&file]);
        Ok((node.attachment_salt(&sha256, 0), node.attachment_salt(&sha256, 1)))
    });
    let (first, next) = salts.expect("the machine runs");
    assert_ne!(first, next);
}

#[test]
fn a_body_that_lost_a_chunk_is_fetched_again_from_there_when_it_is_asked_for() {
    let (world, [province, city, _, town]) = four_levels(118);
    let file = noise(9, 12 * BODY_CHUNK_BYTES);
    let (statement, body) = publishes_with(&town, "附海镇人民政府", &file);
    world.agrees();
    let mut lost = Batch::new();
    lost.delete(layout::body_chunk(&body, 7));
    city.sim().sites[city.at].store.commit(&lost).expect("committed");
    assert_eq!(content(&city, &body), None);
    let before = chunks_sent(&world, &province) + chunks_sent(&world, &town);
    assert_eq!(demands(&city, &statement, &body), Demand::Coming(7, 12));
    world.settle();
    assert_eq!(content(&city, &body).as_deref(), Some(file.as_slice()));
    assert_eq!(demands(&city, &statement, &body), Demand::Here);
    assert_eq!(chunks_sent(&world, &province) + chunks_sent(&world, &town), before, "the district has it");
}

#[test]
fn frames_of_bodies_that_come_between_each_other_are_put_together_and_a_wrong_one_is_seen() {
    let (world, [.., town]) = four_levels(119);
    publishes_with(&town, "附海镇人民政府", &noise(10, 5 * BODY_CHUNK_BYTES));
    town.publishes("附海镇综合执法队", 2024, "检查 3 次");
    publishes_with(&town, "附海镇农业农村局", &noise(11, 3 * BODY_CHUNK_BYTES));
    world.agrees();
    let mut frames = Vec::new();
    for office in world.offices() {
        let sim = office.sim();
        frames.clear();
        sim.sites[office.at]
            .disk
            .replay(Default::default(), &mut |stream, _, frame| {
                frames.extend((stream == Stream::Bodies).then_some(frame));
                ControlFlow::Continue(())
            })
            .expect("readable");
        let mut assembly = Assembly::default();
        for frame in &frames {
            assert!(!matches!(assembly.take(frame), Assembled::Bad), "{}", office.division());
        }
    }
    let of_ten = frames.iter().position(|frame| frame.payload.len() > 60_000).expect("a chunk of noise");
    if let Some(last) = frames[of_ten].payload.last_mut() {
        *last ^= 1;
    }
    let mut assembly = Assembly::default();
    let bad = frames.iter().filter(|frame| matches!(assembly.take(frame), Assembled::Bad)).count();
    assert_eq!(bad, 1);
}
