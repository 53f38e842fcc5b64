//! The auditor: what must hold in every federation, whatever happened (the design's invariants I1 to I18). `look` runs
//! after every turn, `hear` on every frame sent, `audit` when the world is at rest.

use crate::world::{Sim, Site};
use gongshi::digest::Digest;
use gongshi::ledger::{Effect, Ledger, RevisionState};
use gongshi::log::checkpoint::{Checkpoint, node_origin, root_origin};
use gongshi::log::note::Note;
use gongshi::log::tree::{Frontier, leaf_hash};
use gongshi::ops::engine::Engine;
use gongshi::statement::{Act, Entry, ReportAct};
use gongshi::store::{MemoryStore, Read, Store, layout};
use gongshi::sync::frame::Frame;
use gongshi::sync::{Node, parse_entry_row, read_entry, read_leaf};
use gongshi::time::WallMs;
use gongshi::trust::key::PublicKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything signed or shown that the auditor saw.
#[derive(Default)]
pub struct Auditor {
    /// By origin line and size: the root in every checkpoint that was sent.
    checkpoints: BTreeMap<(String, u64), Digest>,
    /// By root-log size: root hash and view root of whoever folded so far.
    editions: BTreeMap<u64, (Digest, Digest)>,
    /// By issuer and origin: the largest receipt given.
    receipts: BTreeMap<(usize, PublicKey), Checkpoint>,
    /// Statements that `publish` confirmed to a person, by publisher.
    pub published: BTreeMap<Digest, usize>,
    pub checks: u64,
}

macro_rules! holds {
    ($seed:expr, $condition:expr, $($words:tt)+) => {
        assert!($condition, "seed {}: {}", $seed, format!($($words)+))
    };
}

impl Auditor {
    /// After every turn: I5 and I6, the same prefix shows the same set, whole, on whatever node and whenever.
    pub fn look(&mut self, seed: u64, site: &Site) {
        let node = site.node();
        let (size, root) = node.root_log();
        let shown = (root, node.ledger().view_root());
        let first = *self.editions.entry(size).or_insert(shown);
        holds!(seed, node.ledger().size() == size, "{} folds another prefix than it holds", site.code);
        holds!(seed, first == shown, "{} shows another set at size {size}", site.code);
        self.checks += 1;
    }

    /// On every frame: I2, one root for each size of a log; and what receipts are given.
    pub fn hear(&mut self, seed: u64, site: &Site, from: usize, frame: &Frame) {
        let note = match frame {
            Frame::Propose { note, .. } | Frame::Leaves { note, .. } | Frame::Renewed { note } => note,
            Frame::Receipt { note, .. } | Frame::Push { note: Some(note), .. } => note,
            _ => return,
        };
        let text = Note::parse(note).expect("a note").text;
        let checkpoint = Checkpoint::parse(&text).expect("a checkpoint");
        let place = (checkpoint.origin.clone(), checkpoint.size);
        let first = *self.checkpoints.entry(place).or_insert(checkpoint.root);
        holds!(seed, first == checkpoint.root, "{} sends a second root of {}", site.code, checkpoint.origin);
        if let Frame::Receipt { origin, .. } = frame {
            let newest = self.receipts.entry((from, *origin)).or_insert_with(|| checkpoint.clone());
            if newest.size < checkpoint.size {
                *newest = checkpoint;
            }
        }
        self.checks += 1;
    }
}

/// Leaf hashes of an origin's log as a node's index holds them, up to the first gap.
fn origin_leaves(store: &dyn Read, origin: &PublicKey) -> Vec<Digest> {
    let row = |index| store.get(&layout::entry(origin, index)).expect("readable");
    (0..).map_while(row).map(|row| leaf_hash(&row[8..8 + 171])).collect()
}

fn root_leaves(store: &dyn Read) -> Vec<Digest> {
    let row = |index| store.get(&layout::leaf(index)).expect("readable");
    (0..).map_while(row).map(|bytes| leaf_hash(&bytes)).collect()
}

/// The root at every size.
fn roots(leaves: &[Digest]) -> Vec<Digest> {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for leaf in leaves {
        frontier.push(*leaf);
        roots.push(frontier.root());
    }
    roots
}

/// All that the index holds.
fn dump(store: &dyn Read) -> Vec<gongshi::store::Entry> {
    store.scan(&[], &gongshi::store::prefix_end(&[]), usize::MAX).expect("readable")
}

impl Sim {
    /// At rest, with every node up.
    pub fn audit(&mut self) {
        self.one_history();
        self.receipts_are_kept();
        self.index_is_the_records();
        self.audit_sums();
        self.fold_is_lawful();
        self.what_was_published_is_kept();
    }

    /// I14: with all lines up, everyone holds and shows the same, and nothing waits.
    pub fn audit_converged(&mut self) {
        self.audit();
        let top = self.sites[0].node();
        let (log, view) = (top.root_log(), top.ledger().view_root());
        for site in &self.sites {
            let node = site.node();
            holds!(
                self.seed,
                node.root_log() == log,
                "{} is at {:?}, not {log:?}",
                site.code,
                node.root_log()
            );
            holds!(self.seed, node.ledger().view_root() == view, "{} shows another set", site.code);
            holds!(self.seed, node.unacknowledged() == 0, "{} waits for a receipt", site.code);
            let note = node.checkpoint_note().map(|(note, _)| Note::parse(note).expect("a note"));
            let newest = note.map(|note| Checkpoint::parse(&note.text).expect("a checkpoint"));
            let newest = newest.map(|newest| (newest.size, newest.root));
            holds!(self.seed, newest == Some(log), "{} has not cosigned the newest checkpoint", site.code);
            for line in node.roll_call() {
                let whole = line.agrees && line.size == log.0;
                holds!(self.seed, whole, "the roll call at {} says {line:?}", site.code);
            }
        }
        for (digest, publisher) in &self.auditor.published {
            let site = &self.sites[*publisher];
            let answered = self.sites[0].store.get(&layout::sequenced(digest)).expect("readable").is_some()
                || self.is_refused(digest);
            holds!(self.seed, answered, "the root never answered to {digest} of {}", site.code);
        }
    }

    fn is_refused(&self, digest: &Digest) -> bool {
        let store = self.sites[0].store.as_ref();
        let refusals = store.scan(b"x", b"y", usize::MAX).expect("readable");
        refusals.iter().any(|(_, row)| row.windows(32).any(|bytes| bytes == digest.as_bytes()))
    }

    /// I2, I4: every checkpoint ever sent is a prefix of what its log is now, on every node that holds the log.
    fn one_history(&self) {
        let federation = self.sites[0].node().federation();
        let mut logs: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        logs.insert(root_origin(&federation), roots(&root_leaves(self.sites[0].store.as_ref())));
        for site in &self.sites {
            let key = site.signing().public();
            logs.insert(node_origin(&key), roots(&origin_leaves(site.store.as_ref(), &key)));
        }
        for ((origin, size), root) in &self.auditor.checkpoints {
            let now = logs.get(origin).and_then(|roots| roots.get(*size as usize));
            holds!(
                self.seed,
                now == Some(root),
                "{origin} at {size} was signed and is not what stands there"
            );
        }
        for site in &self.sites {
            let (size, root) = site.node().root_log();
            let own = roots(&root_leaves(site.store.as_ref()));
            holds!(self.seed, own.get(size as usize) == Some(&root), "{}: leaves on disk differ", site.code);
        }
    }

    /// I1: whoever gave a receipt still has what it covers.
    fn receipts_are_kept(&self) {
        for ((issuer, origin), receipt) in &self.auditor.receipts {
            let site = &self.sites[*issuer];
            let kept = roots(&origin_leaves(site.store.as_ref(), origin));
            let there = kept.get(receipt.size as usize) == Some(&receipt.root);
            holds!(self.seed, there, "{} lost what it gave a receipt for: {origin}", site.code);
        }
    }

    /// The part of the audit that also holds where someone lies.
    pub fn audit_index(&self) {
        self.index_is_the_records();
    }

    /// I18: the record alone rebuilds the index and the node.
    fn index_is_the_records(&self) {
        for (at, site) in self.sites.iter().enumerate().filter(|(_, site)| site.is_up()) {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let keepers = (Box::new(site.disk.clone()), Box::new(site.marks.clone()));
            let (signing, now) = (site.signing(), self.now(at));
            let again = Engine::open(vec![signing], keepers.0, keepers.1, Arc::clone(&store), now);
            let again = again.expect("the record opens");
            let of = |node: &Node| {
                let view = node.ledger().view_root();
                (node.root_log(), node.own_log(), view, node.received(), node.unacknowledged())
            };
            holds!(self.seed, of(again.node()) == of(site.node()), "{} rebuilds to another state", site.code);
            let (rebuilt, live) = (dump(store.as_ref()), dump(site.store.as_ref()));
            let other = rebuilt.iter().zip(&live).find(|(a, b)| a != b);
            let same = rebuilt == live;
            holds!(self.seed, same, "{}: another index from the record, first {other:?}", site.code);
        }
    }

    /// I7, I9, I12: an independent walk over the root log.
    fn fold_is_lawful(&self) {
        let store = self.sites[0].store.as_ref();
        let mut ledger = Ledger::new(self.sites[0].node().federation());
        let mut chains: BTreeMap<(String, u16), Vec<(u32, Digest)>> = BTreeMap::new();
        let mut last = WallMs(0);
        for index in 0.. {
            let Some(leaf) = read_leaf(store, index).expect("readable") else { break };
            let entry = read_entry(store, &leaf.statement.digest()).expect("readable").expect("an entry");
            holds!(self.seed, last <= leaf.sequenced_at, "leaf {index} is earlier than the one before");
            holds!(self.seed, leaf.received_at <= leaf.sequenced_at, "leaf {index} came before it was sent");
            last = leaf.sequenced_at;
            if let Act::Report(report) = &entry.card.act {
                self.has_authority(&ledger, &entry, leaf.sequenced_at);
                let chain = chains.entry((ledger.disclosures().resolve(report), report.year)).or_default();
                let (revision, previous) = chain.last().copied().unwrap_or((0, Digest::ZERO));
                // What takes a revision back repeats its number and names it.
                let takes_back = matches!(report.act, ReportAct::Withdraw | ReportAct::Return);
                let next = if takes_back { revision } else { revision + 1 };
                let follows = (report.revision, report.previous) == (next, previous);
                holds!(self.seed, follows, "leaf {index}: revision {} after {revision}", report.revision);
                if !takes_back {
                    chain.push((report.revision, entry.digest()));
                }
            }
            let rejected = ledger.apply(&leaf, &entry).iter().any(|e| matches!(e, Effect::Rejected(_)));
            holds!(self.seed, !rejected, "leaf {index} was sequenced against the rules");
        }
        let shown = ledger.view_root();
        holds!(self.seed, shown == self.sites[0].node().ledger().view_root(), "the fold is not pure");
    }

    fn has_authority(&self, ledger: &Ledger, entry: &Entry, at: WallMs) {
        let registry = ledger.registry();
        let author = *entry.statement.key();
        let division = &entry.card.act.report().expect("a report").division;
        holds!(
            self.seed,
            registry.may_publish(&author, division),
            "{author} does not publish for {division}"
        );
        let (mut key, mut hops) = (author, 0);
        while key.id() != *ledger.federation() {
            let authority = registry.authority(&key).expect("a known key");
            holds!(self.seed, authority.valid_at(at), "{key} was not valid");
            key = *authority.issuer().expect("an issuer");
            hops += 1;
            holds!(self.seed, hops <= 5, "a chain without end");
        }
    }

    /// What a person was told is published is in the publisher's own log for good.
    fn what_was_published_is_kept(&self) {
        for (digest, publisher) in &self.auditor.published {
            let site = &self.sites[*publisher];
            let place = site.store.get(&layout::locator(digest)).expect("readable");
            let row = place.and_then(|place| site.store.get(&[b"e", &place[..]].concat()).expect("readable"));
            let kept = row
                .is_some_and(|row| parse_entry_row(&row).is_ok_and(|(_, entry)| entry.digest() == *digest));
            holds!(self.seed, kept, "{} lost {digest}, which it had confirmed", site.code);
        }
    }

    /// How many reports of a division and year a node shows to the public, with their packages.
    pub fn shown(&self, site: usize, division: &str, year: u16) -> Vec<u32> {
        let store = self.sites[site].store.as_ref();
        let from = layout::by_division_prefix(division, Some(year));
        let rows = store.scan(&from, &gongshi::store::prefix_end(&from), usize::MAX).expect("readable");
        let mut revisions = Vec::new();
        for (key, value) in rows {
            let digest = Digest::from_bytes(value[..32].try_into().expect("a digest"));
            if value[32] != RevisionState::Released as u8 {
                continue;
            }
            let entry = read_entry(store, &digest).expect("readable").expect("an entry");
            for body in entry.card.act.report().expect("a report").carried_bodies() {
                let packed = gongshi::sync::body::PackedBody::read(store, &body.digest).expect("readable");
                let packed = packed.expect("a public report has its package");
                assert!(
                    packed.unpack(&body.digest, body.bytes).is_ok(),
                    "a package is not what its card names"
                );
            }
            revisions.push(u32::from_be_bytes(key[key.len() - 4..].try_into().expect("a revision")));
        }
        revisions
    }
}
