//! What a node does most, measured alone: `cargo bench`, or `cargo bench -- fold` for some of it. Whole workloads on real
//! processes are in `examples/loadtest`.
#![allow(clippy::expect_used, reason = "a measurement stops at its first surprise")]
#![allow(missing_docs, reason = "a program, not a library")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use gongshi::digest::Digest;
use gongshi::division::{DivisionCode, Level};
use gongshi::ledger::Ledger;
use gongshi::log::tree::{Frontier, Subtrees, inclusion_proof, leaf_hash, root_of, verify_inclusion};
use gongshi::package::report::Report;
use gongshi::package::report_file::{ReadOptions, read_json};
use gongshi::statement::{Act, Entry, Leaf, ReportCard};
use gongshi::template::Templates;
use gongshi::template::builtin::templates;
use gongshi::time::WallMs;
use gongshi::trust::delegation::{Delegation, Hosting, Kinds, prove_possession};
use gongshi::trust::key::SecretKey;
use gongshi::view::figures::figures;
use std::convert::Infallible;

/// Noon of 2025-03-01 in China.
const NOON: WallMs = WallMs(1_740_801_600_000);
/// Entries of a workload.
const ENTRIES: u64 = 1000;
/// A county's real report: two tables, a row for each of its agencies.
const QINGYUAN: &[u8] = include_bytes!("../tests/published/zj-qingyuan-county-2024.json");

fn main() {
    divan::main();
}

fn code(text: &str) -> DivisionCode {
    text.parse().expect("a division code")
}

/// The anchor's delegation of a province that publishes for all, and so many reports of it.
fn log() -> (Digest, Vec<(Leaf, Entry)>) {
    let [anchor, root, transport] = [1, 2, 3].map(|seed| SecretKey::from_seed(&[seed; 32]));
    let federation = anchor.public().id();
    let division = code("330000");
    let proofs = prove_possession(&federation, &anchor.public(), &root, &transport, &division);
    let delegation = Delegation {
        signing: root.public(),
        transport: transport.public(),
        signing_proof: *proofs.0.as_bytes(),
        transport_proof: *proofs.1.as_bytes(),
        level: Level::Province,
        division,
        name: "浙江省司法厅".into(),
        addresses: vec!["192.0.2.1:4780".into()],
        hosting: Hosting::All,
        kinds: Kinds::ALL,
        not_before: NOON,
        not_after: WallMs(NOON.0 + 1_000_000_000),
        predecessor: None,
    };
    let founding = Entry::sign(&anchor, &federation, 0, [0; 32], Act::Delegate(Box::new(delegation)));
    let reports = (0..ENTRIES).map(|index| report(&root, &federation, index));
    let leaf = |entry: Entry| {
        let statement = (*entry.statement).clone();
        (Leaf { sequenced_at: NOON, received_at: NOON, statement }, entry)
    };
    (federation, std::iter::once(founding.expect("within bounds")).chain(reports).map(leaf).collect())
}

fn report(author: &SecretKey, federation: &Digest, index: u64) -> Entry {
    let card = ReportCard::nil(code("330282108"), format!("第{index}局"), 2024);
    let mut salt = [7; 32];
    salt[..8].copy_from_slice(&index.to_be_bytes());
    Entry::sign(author, federation, index, salt, Act::Report(Box::new(card))).expect("within bounds")
}

fn read(templates: &Templates) -> Report {
    let options = ReadOptions { division_override: None, own_division: None, current_year: 2026, templates };
    read_json(QINGYUAN, &options).0.expect("a report that nothing is wrong with")
}

#[divan::bench]
fn leaf_hashes_into_a_root(bencher: Bencher<'_, '_>) {
    let leaves: Vec<[u8; 200]> =
        (0..ENTRIES).map(|at| [u8::try_from(at % 251).expect("small"); 200]).collect();
    bencher.counter(ItemsCount::new(leaves.len())).bench_local(|| {
        let mut frontier = Frontier::new();
        for leaf in &leaves {
            frontier.push(leaf_hash(black_box(leaf)));
        }
        frontier.root()
    });
}

/// A tree in memory, by its leaf hashes.
struct Tree(Vec<Digest>);

impl Subtrees for Tree {
    type Error = Infallible;

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, Infallible> {
        let place = |at: u64| usize::try_from(at << level).expect("in memory");
        Ok(root_of(self.0[place(index)..place(index + 1)].iter().copied()))
    }
}

#[divan::bench]
fn inclusion_proof_is_verified(bencher: Bencher<'_, '_>) {
    let tree = Tree((0..1 << 14).map(|at: u64| leaf_hash(&at.to_be_bytes())).collect());
    let size = tree.0.len() as u64;
    let root = root_of(tree.0.iter().copied());
    let Ok(proof) = inclusion_proof(&tree, 4321, size);
    bencher.bench_local(|| {
        verify_inclusion(black_box(&tree.0[4321]), 4321, size, &proof, &root).expect("a proof that holds");
    });
}

#[divan::bench]
fn entry_is_signed(bencher: Bencher<'_, '_>) {
    let author = SecretKey::from_seed(&[2; 32]);
    bencher.bench_local(|| report(&author, &Digest::ZERO, black_box(7)));
}

#[divan::bench]
fn entry_from_a_peer_is_verified(bencher: Bencher<'_, '_>) {
    let entry = report(&SecretKey::from_seed(&[2; 32]), &Digest::ZERO, 7);
    let statement = entry.statement.as_bytes().to_vec();
    bencher.bench_local(|| Entry::verify(black_box(&statement), &entry.card_bytes).expect("an honest entry"));
}

#[divan::bench]
fn fold_of_a_thousand_reports(bencher: Bencher<'_, '_>) {
    let (federation, log) = log();
    bencher.counter(ItemsCount::new(log.len())).bench_local(|| {
        let mut ledger = Ledger::new(federation);
        for (leaf, entry) in &log {
            black_box(ledger.apply(leaf, entry));
        }
        assert_eq!(ledger.size(), log.len() as u64);
        ledger.view_root()
    });
}

#[divan::bench]
fn report_file_is_read_and_validated(bencher: Bencher<'_, '_>) {
    let templates = templates().expect("built in");
    bencher.counter(BytesCount::new(QINGYUAN.len())).bench_local(|| read(black_box(&templates)));
}

#[divan::bench]
fn figures_of_a_report_are_added_up(bencher: Bencher<'_, '_>) {
    let report = read(&templates().expect("built in"));
    bencher.bench_local(|| figures(black_box(&report.tables)));
}
