//! The content, its digest and its fingerprint, against FORMAT.md.

use super::*;
use crate::money::Exact;
use proptest::prelude::*;

const SALT: [u8; SALT_BYTES] = [7; SALT_BYTES];

fn cell() -> impl Strategy<Value = Cell> {
    let value = ("[1-9][0-9]{0,8}(\\.[0-9]{0,2}[1-9])?", "\\PC{1,3}").prop_map(|(printed, unit)| {
        let value: Option<Exact> = printed.parse().ok();
        Cell { printed: printed.into(), value, unit: Some(unit.into()), state: State::Value }
    });
    let text = "[^\u{0}]{1,12}".prop_map(|printed| Cell {
        printed: printed.into(),
        value: None,
        unit: None,
        state: State::Text,
    });
    let blank = Just(Cell { printed: String::new().into(), value: None, unit: None, state: State::Blank });
    prop_oneof![value, text, blank]
}

fn table() -> impl Strategy<Value = Table> {
    (prop::collection::vec(cell(), 1..5), ".{0,9}", prop::option::of(".{0,9}")).prop_map(
        |(row, name, unit)| {
            let column = |(at, cell): (usize, &Cell)| Column {
                id: format!("c{at}"),
                header: name.clone(),
                unit: cell.unit.as_ref().map(ToString::to_string),
            };
            let columns = row.iter().enumerate().map(column).collect();
            Table {
                id: "t1".into(),
                name: name.clone(),
                unit,
                template: None,
                columns,
                rows: vec![row.clone(), row],
            }
        },
    )
}

fn example() -> Body<'static> {
    Body {
        format: FORMAT.into(),
        tables: Cow::Owned(vec![Table {
            id: "t1".into(),
            name: "行政检查".into(),
            unit: Some("万次".into()),
            template: None,
            columns: vec![Column { id: "c1".into(), header: "检查".into(), unit: Some("次".into()) }],
            rows: vec![vec![Cell {
                printed: "1.19".into(),
                value: "11900".parse().ok(),
                unit: Some("次".into()),
                state: State::Value,
            }]],
        }]),
        narrative: None,
        source_url: None,
        as_printed: None,
        members: Cow::Owned(vec![]),
        notes: None,
        labels: Cow::Owned(vec![]),
        attachments: Cow::Borrowed(&[]),
    }
}

#[test]
fn the_example_of_the_format_document_is_what_is_written() {
    let text = String::from_utf8(example().to_bytes()).unwrap();
    let document = include_str!("../FORMAT.md");
    assert!(document.contains(&text), "{text}");
    let salt: [u8; SALT_BYTES] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let digest = body_digest(&salt, text.as_bytes());
    assert!(document.contains(&digest.hex()), "{digest}");
    let fingerprint = content_fingerprint(
        text.as_bytes(),
        "330282108:附海镇人民政府",
        2024,
        Scope::Own,
        Status::Final,
        &[],
    );
    assert!(document.contains(&fingerprint.hex()), "{fingerprint}");
}

/// PKG-3, PKG-4, PKG-5, PKG-6.
#[test]
fn one_content_has_one_form() {
    let text = String::from_utf8(example().to_bytes()).unwrap();
    for (from, to) in [
        ("{\"format\"", "{ \"format\""),
        ("\"11900\"", "\"11900.0\""),
        ("\"state\":\"value\"", "\"state\":\"text\""),
        ("\"state\":\"value\"", "\"state\":\"value\",\"more\":1"),
        ("]]}]}", "]]}],\"members\":[]}"),
        ("]]}]}", "]]}]}\n"),
        ("\"unit\":\"次\",\"state\"", "\"state\""),
        ("[[{", "[[],[{"),
        ("检查\",\"unit\"", "检\\u67e5\",\"unit\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(parse(changed.as_bytes()).is_err(), "{changed}");
    }
    let future = text.replace("package/1", "package/2").replace("\"rows\"", "\"lines\"");
    assert_eq!(parse(future.as_bytes()), Err(BodyError::Format("gongshi.package/2".into())));
    assert!(matches!(parse("[".repeat(2_000_000).as_bytes()), Err(BodyError::TooLarge(_))));
}

/// PKG-1.
#[test]
fn digests_are_rfc_6962_roots_over_salted_chunks() {
    let chunk = |byte: u8, count: usize| vec![byte; count];
    let leaf = |content: &[u8]| Digest::of(&[&[0], &SALT, content]);
    let node = |left: Digest, right: Digest| Digest::of(&[&[1], left.as_bytes(), right.as_bytes()]);
    assert_eq!(body_digest(&SALT, &[]), leaf(&[]));
    assert_eq!(body_digest(&SALT, &chunk(1, BODY_CHUNK_BYTES)), leaf(&chunk(1, BODY_CHUNK_BYTES)));
    let five: Vec<u8> = (0..5).flat_map(|at| chunk(at, if at < 4 { BODY_CHUNK_BYTES } else { 3 })).collect();
    let hash = |at: u8| leaf(&chunk(at, if at < 4 { BODY_CHUNK_BYTES } else { 3 }));
    let four = node(node(hash(0), hash(1)), node(hash(2), hash(3)));
    assert_eq!(body_digest(&SALT, &five), node(four, hash(4)));
    let three = five.get(..3 * BODY_CHUNK_BYTES).unwrap();
    assert_eq!(body_digest(&SALT, three), node(node(hash(0), hash(1)), hash(2)));
    assert_ne!(body_digest(&[8; SALT_BYTES], &five), body_digest(&SALT, &five));
}

#[test]
fn every_part_of_a_fingerprint_counts_and_the_order_of_attachments_does_not() {
    let (a, b) = (Digest::of(&[b"a"]), Digest::of(&[b"b"]));
    let own = |content: &[u8], id: &str, year, list: &[Digest]| {
        content_fingerprint(content, id, year, Scope::Own, Status::Final, list)
    };
    let base = own(b"x", "330282:局", 2024, &[a, b]);
    assert_eq!(base, own(b"x", "330282:局", 2024, &[b, a]));
    let others = [
        own(b"y", "330282:局", 2024, &[a, b]),
        own(b"x", "330282:", 2024, &[a, b]),
        own(b"x", "330282:局", 2023, &[a, b]),
        own(b"x", "330282:局", 2024, &[a]),
        content_fingerprint(b"x", "330282:局", 2024, Scope::Consolidated, Status::Final, &[a, b]),
        content_fingerprint(b"x", "330282:局", 2024, Scope::Own, Status::Provisional, &[a, b]),
    ];
    assert!(others.iter().all(|other| *other != base));
}

proptest! {
    #[test]
    fn bodies_read_back_to_the_same_bytes(
        tables in prop::collection::vec(table(), 0..4),
        narrative in prop::option::of("(?s).{0,40}"),
        members in prop::collection::vec(".{1,9}", 0..3),
    ) {
        let body = Body { tables: Cow::Owned(tables), narrative: narrative.map(Cow::Owned), members: Cow::Owned(members), ..example() };
        let bytes = body.to_bytes();
        let parsed = parse(&bytes);
        prop_assert_eq!(parsed.as_ref(), Ok(&body));
        prop_assert_eq!(parse_any(&bytes), parse(&bytes));
        prop_assert_eq!(canonical::read(&bytes), Some(body));
        prop_assert_eq!(parsed.map(|body| body.to_bytes()), Ok(bytes));
    }

    /// Whatever is changed, added or left out: the quick way takes nothing that the other does not take, as the same.
    #[test]
    fn what_is_read_in_one_pass_is_what_the_parser_reads(
        tables in prop::collection::vec(table(), 1..3),
        narrative in prop::option::of("(?s).{0,9}"),
        at in any::<prop::sample::Index>(),
        (cut, put) in (0..4_usize, "[0-9\\\\\"a-z{}\\[\\],: \n]{0,3}"),
    ) {
        let body = Body { tables: Cow::Owned(tables), narrative: narrative.map(Cow::Owned), ..example() };
        let mut bytes = body.to_bytes();
        let from = at.index(bytes.len());
        bytes.splice(from..(from + cut).min(bytes.len()), put.bytes());
        let (quick, slow) = (canonical::read(&bytes), parse_any(&bytes));
        match slow {
            Ok(body) => prop_assert_eq!(quick, Some(body)),
            // What is in canonical form and contradicts itself is refused by both.
            Err(_) => prop_assert!(quick.is_none_or(|body| body.format != FORMAT || check(&body).is_err())),
        }
    }

    #[test]
    fn parsing_anything_ends(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&bytes).is_err());
    }
}
