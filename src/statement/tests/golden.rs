//! The golden vectors: committed bytes that no later version may read or write otherwise.
//!
//! `GONGSHI_WRITE_GOLDEN=1` writes the files of cases that have none yet; a file that stands is never changed.

use super::cases::{Case, Layout, refused_cases, valid_cases};
use super::*;
use crate::statement::card::CardError;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "statement"].iter().collect()
}

fn lines_of_hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|chunk| HEXLOWER.encode(chunk) + "\n");
    lines.collect()
}

fn committed(name: &str) -> Vec<u8> {
    let text = fs::read_to_string(folder().join(format!("{name}.hex"))).expect(name);
    HEXLOWER.decode(text.replace('\n', "").as_bytes()).expect(name)
}

/// What a reader finds: the bytes written again, or the cause in the words of the cases.
fn read(layout: Layout, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match layout {
        Layout::Statement => {
            Statement::verify(bytes).map(|one| one.as_bytes().to_vec()).map_err(|error| cause(&error))
        }
        Layout::Leaf => Leaf::read(bytes, Statement::verify)
            .map(|leaf| leaf.to_bytes().to_vec())
            .map_err(|error| cause(&error)),
        Layout::Card => match Card::parse(bytes) {
            Ok(card) => {
                card.verify_agency(&federation(), bytes).expect("the agency's signature");
                Ok(card.to_bytes().expect("what was read can be written"))
            }
            Err(CardError::TooLong(count)) => Err(format!("{count} bytes")),
            Err(CardError::Agency(_)) => Err("agency".to_owned()),
            Err(CardError::Layout(error)) => Err(of_layout(&error)),
        },
    }
}

fn cause(error: &StatementError) -> String {
    match error {
        StatementError::Layout(error) => of_layout(error),
        StatementError::Signature(_) => "signature".to_owned(),
    }
}

fn of_layout(error: &LayoutError) -> String {
    match error {
        LayoutError::Short { field, .. } => format!("short: {field}"),
        LayoutError::Trailing { count } => format!("{count} byte trailing"),
        LayoutError::Invalid { field, .. } => (*field).to_owned(),
    }
}

/// What is pinned of a case: SHA-256 of valid bytes, the cause of refused ones.
fn verdict(case: &Case) -> String {
    match case.refused {
        Some(cause) => format!("refused: {cause}"),
        None => Digest::of(&[&case.bytes]).hex(),
    }
}

fn index() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("index.json")).expect("the index of the vectors");
    serde_json::from_str(&text).expect("an object of texts")
}

fn all_cases() -> Vec<Case> {
    valid_cases().into_iter().chain(refused_cases()).collect()
}

#[test]
fn vectors_are_written_on_demand_and_never_over_old_ones() {
    #[allow(clippy::disallowed_methods, reason = "a person asks for new vectors")]
    let wanted = std::env::var_os("GONGSHI_WRITE_GOLDEN").is_some();
    if !wanted {
        return;
    }
    fs::create_dir_all(folder()).expect("the folder");
    for case in all_cases() {
        let path = folder().join(format!("{}.hex", case.name));
        if !path.exists() {
            fs::write(&path, lines_of_hex(&case.bytes)).expect("a writable tree");
        }
    }
    let index: BTreeMap<_, _> = all_cases().iter().map(|case| (case.name, verdict(case))).collect();
    let text = serde_json::to_string_pretty(&index).expect("texts");
    fs::write(folder().join("index.json"), text + "\n").expect("a writable tree");
}

#[test]
fn the_folder_holds_every_case_and_nothing_else() {
    let of_code: BTreeMap<String, String> =
        all_cases().iter().map(|case| (case.name.to_owned(), verdict(case))).collect();
    assert_eq!(of_code.len(), all_cases().len(), "a name stands for one case");
    assert_eq!(index(), of_code);
    let mut files: Vec<String> = fs::read_dir(folder())
        .expect("the folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".hex").map(str::to_owned))
        .collect();
    files.sort();
    assert_eq!(files, of_code.into_keys().collect::<Vec<_>>());
}

// ST-1, ST-2, ST-4 to ST-7, ST-10.
#[test]
fn valid_vectors_are_what_the_code_writes_and_read_back_to_the_same_bytes() {
    let pinned = index();
    for case in valid_cases() {
        let bytes = committed(case.name);
        assert_eq!(lines_of_hex(&bytes), lines_of_hex(&case.bytes), "{}", case.name);
        assert_eq!(read(case.layout, &bytes).as_ref(), Ok(&bytes), "{}", case.name);
        assert_eq!(Digest::of(&[&bytes]).hex(), pinned[case.name], "{}", case.name);
    }
}

#[test]
fn invalid_vectors_are_refused_with_their_cause() {
    for case in refused_cases() {
        let bytes = committed(case.name);
        assert_eq!(lines_of_hex(&bytes), lines_of_hex(&case.bytes), "{}", case.name);
        assert_eq!(read(case.layout, &bytes).err().as_deref(), case.refused, "{}", case.name);
    }
}

// ST-7: what ends early or late is no card, wherever it is cut.
#[test]
fn no_beginning_of_a_valid_vector_is_valid() {
    for case in valid_cases() {
        for length in 0..case.bytes.len() {
            assert!(read(case.layout, &case.bytes[..length]).is_err(), "{} cut at {length}", case.name);
        }
    }
}

#[test]
fn a_card_of_4096_bytes_is_not_too_long_and_one_more_is() {
    assert!(!matches!(Card::parse(&[1; 4096]), Err(CardError::TooLong(_))));
    assert_eq!(Card::parse(&[1; 4097]), Err(CardError::TooLong(4097)));
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let refused = |change: &dyn Fn(&mut ReportCard)| {
        let mut changed = report(ReportAct::Submit);
        change(&mut changed);
        card(&town(), Act::Report(Box::new(changed))).to_bytes().is_err()
    };
    assert!(!refused(&|_| ()));
    assert!(refused(&|report| report.bodies = vec![body(BodyRole::Package, 1); 17]));
    assert!(refused(&|report| report.agency_name = "局".repeat(101)));
    assert!(refused(&|report| report.agency_name = "e\u{301}".into()));
    assert!(refused(&|report| report.agency_code = "330282:局".into()));
    assert!(refused(&|report| report.agency_name = String::new()), "an empty name");
    assert!(refused(&|report| report.bodies.clear()), "no package");
    let many = (0..301).map(|n| division(&format!("{}", 440_000 + n))).collect();
    let delegate = Act::Delegate(Box::new(delegation(Hosting::List(many))));
    assert!(card(&root(), delegate).to_bytes().is_err());
    let long = (0..300).map(|n| division(&format!("330282108-{n:022}"))).collect();
    let delegate = Act::Delegate(Box::new(delegation(Hosting::List(long))));
    assert!(matches!(card(&root(), delegate).to_bytes(), Err(CardError::TooLong(_))));
}
