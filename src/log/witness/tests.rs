//! Tests of witnessing: cosignatures, the mark, and evidence that convicts only the guilty.

use super::super::checkpoint::node_origin;
use super::super::tile::{TileId, TileSubtrees, extend};
use super::super::tree::{consistency_proof, leaf_hash, root_at};
use super::*;
use std::collections::BTreeMap;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn signed(size: u64, root: Digest) -> Note {
    let name = node_origin(&key().public());
    let text = Checkpoint { origin: name.clone(), size, root }.to_text();
    let signatures = vec![note::sign(&text, &name, &key()), cosign(&text, &name, &key(), 1_700_000_000)];
    Note { text, signatures }
}

fn vkey(algorithm: u8) -> Vkey {
    Vkey { name: node_origin(&key().public()), algorithm, key: key().public() }
}

#[test]
fn attack_05_whatever_a_witness_is_handed_its_signature_is_a_cosignature() -> Outcome {
    // What its own statement would sign, handed in as a checkpoint.
    let wanted = format!("gongshi/statement/v1\n{}", "a".repeat(107));
    let (_, signature) = parse_blob(&cosign(&wanted, "town", &key(), 1).signature)?;
    assert!(key().public().verify(wanted.as_bytes(), &signature).is_err());
    assert!(key().public().verify(cosigned_message(&wanted, 1).as_bytes(), &signature).is_ok());
    Ok(())
}

// LOG-10.
#[test]
fn a_cosignature_has_the_layout_of_the_specification() -> Outcome {
    let example = Note::parse(include_str!("../../../tests/golden/log/c2sp-cosigned.note"))?;
    let (time, _) = parse_blob(&example.signatures[1].signature)?;
    assert_eq!(time, 1_679_315_147, "the time in the specification's example");
    assert_eq!(
        cosigned_message(&example.text, time).lines().take(3).collect::<Vec<_>>(),
        ["cosignature/v1", "time 1679315147", "example.com/behind-the-sofa"]
    );
    assert!(
        parse_blob(&[0xff; 72]).is_err() && parse_blob(&[0; 71]).is_err() && parse_blob(&[0; 73]).is_err()
    );
    Ok(())
}

// LOG-10.
#[test]
fn the_newest_cosignature_counts_and_a_changed_time_is_no_cosignature() -> Outcome {
    let (public, name) = (key().public(), node_origin(&key().public()));
    let mut note = signed(5, leaf_hash(b"root"));
    note.signatures.push(cosign(&note.text, &name, &key(), 1_700_000_600));
    note.signatures.push(cosign(&note.text, &name, &key(), 1_700_000_300));
    let note = Note::parse(&note.to_text())?;
    assert_eq!(verify_cosignature(&note, &name, &public), Ok(1_700_000_600));
    assert_eq!(note::verify(&note, &name, &public), Ok(()), "the log's own signature stands beside it");
    assert!(matches!(verify_cosignature(&note, "other", &public), Err(NoteError::Unsigned { .. })));

    for byte in 0..72 {
        let mut changed = note.clone();
        changed.signatures[1].signature[byte] ^= 1;
        let result = verify_cosignature(&changed, &name, &public);
        assert!(matches!(result, Err(NoteError::BadSignature { .. })), "byte {byte}");
    }
    let mut moved = note;
    moved.text = moved.text.replace("\n5\n", "\n6\n");
    assert!(verify_cosignature(&moved, &name, &public).is_err());
    Ok(())
}

// LOG-11.
#[test]
fn a_node_never_signs_below_its_mark_nor_another_root_at_it() {
    let (root, other) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let mark = HighMark { size: 5, root };
    assert_eq!(may_sign(None, 0, &other), Ok(()));
    assert_eq!(may_sign(Some(&mark), 4, &root), Err(MarkError::Below { mark: 5, size: 4 }));
    assert_eq!(may_sign(Some(&mark), 5, &root), Ok(()));
    let refused = Err(MarkError::OtherRoot { size: 5, marked: root, offered: other });
    assert_eq!(may_sign(Some(&mark), 5, &other), refused);
    assert_eq!(may_sign(Some(&mark), 6, &other), Ok(()));
}

// LOG-13.
#[test]
fn two_roots_at_one_size_convict_the_key_and_no_other() -> Outcome {
    let split = SplitView::at_same_size(signed(5, leaf_hash(b"a")), signed(5, leaf_hash(b"b")))?;
    let text = split.to_text();
    let read = SplitView::parse(&text)?;
    assert_eq!((&read, read.to_text()), (&split, text));
    for algorithm in [ALGORITHM_ED25519, ALGORITHM_COSIGNATURE] {
        assert_eq!(read.verify(&vkey(algorithm))?.0.size, 5);
        let stranger = Vkey { key: SecretKey::from_seed(&[8; 32]).public(), ..vkey(algorithm) };
        assert!(matches!(read.verify(&stranger), Err(SplitViewError::Note(NoteError::Unsigned { .. }))));
    }
    let same = SplitView::at_same_size(split.first.clone(), split.first)?;
    assert_eq!(same.verify(&vkey(1)), Err(SplitViewError::Consistent));
    let grown = SplitView::at_same_size(signed(5, leaf_hash(b"a")), signed(6, leaf_hash(b"b")))?;
    assert!(matches!(grown.verify(&vkey(1)), Err(SplitViewError::Proof(_))), "growth is no crime");
    let mut elsewhere = signed(5, leaf_hash(b"b"));
    elsewhere.text = elsewhere.text.replace("gongshi/node/", "gongshi/nude/");
    elsewhere.signatures = vec![note::sign(&elsewhere.text, &vkey(1).name, &key())];
    let two = SplitView::at_same_size(signed(5, leaf_hash(b"a")), elsewhere)?;
    assert!(matches!(two.verify(&vkey(1)), Err(SplitViewError::TwoLogs { .. })));
    Ok(())
}

// LOG-13.
#[test]
fn a_head_that_the_later_log_does_not_contain_convicts_too() -> Outcome {
    let leaves: Vec<Digest> = (0..300_u64).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    let tiles: BTreeMap<TileId, Vec<u8>> =
        extend(0, &leaves, &|_| None).ok_or("extend")?.into_iter().collect();
    let subtrees = TileSubtrees::new(|id| tiles.get(&id).cloned());
    let (root, later) = (root_at(&subtrees, 77)?, root_at(&subtrees, 300)?);
    let proof = consistency_proof(&subtrees, 77, 300)?;
    let lie = signed(77, leaf_hash(b"shown to one neighbour only"));
    let split = SplitView { first: lie, second: signed(300, later), root, proof };
    let read = SplitView::parse(&split.to_text())?;
    assert_eq!(read.verify(&vkey(1))?.1.size, 300);

    let honest = SplitView { first: signed(77, root), ..split.clone() };
    assert_eq!(honest.verify(&vkey(1)), Err(SplitViewError::Consistent));
    let invented = SplitView { root: leaf_hash(b"invented"), ..split };
    assert!(matches!(invented.verify(&vkey(1)), Err(SplitViewError::Proof(_))));
    Ok(())
}

#[test]
fn a_split_view_with_anything_added_or_missing_is_refused() -> Outcome {
    let text = SplitView::at_same_size(signed(5, leaf_hash(b"a")), signed(5, leaf_hash(b"b")))?.to_text();
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        // What is cut after a whole signature line is still a split view, with fewer signatures.
        if let Ok(read) = SplitView::parse(&text[..cut]) {
            assert_eq!(read.to_text(), text[..cut]);
        }
    }
    for (from, to) in [("v1", "v2"), ("\nroot ", "\nroot  "), ("first", "First"), ("\nsecond", "\n\nsecond")]
    {
        assert!(SplitView::parse(&text.replacen(from, to, 1)).is_err(), "{from:?} as {to:?}");
    }
    let hash = format!("{}\n", leaf_hash(b"a").base64());
    let with =
        |count| text.replacen("first checkpoint", &format!("{}first checkpoint", hash.repeat(count)), 1);
    assert!(SplitView::parse(&with(63)).is_ok() && SplitView::parse(&with(64)).is_err());
    Ok(())
}
