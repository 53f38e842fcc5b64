//! At rest, with every node up: what was promised is kept, on every disk, and with all lines up everyone agrees.

use super::{Auditor, Verdict, holds};
use crate::world::{Sim, Site};
use gongshi::digest::Digest;
use gongshi::ledger::RevisionState;
use gongshi::log::checkpoint::{Checkpoint, node_origin, root_origin};
use gongshi::log::note::Note;
use gongshi::log::tree::{Frontier, leaf_hash};
use gongshi::ops::engine::Engine;
use gongshi::statement::STATEMENT_BYTES;
use gongshi::store::{MemoryStore, Read, Store, layout, prefix_end};
use gongshi::sync::limits::{STALE_AFTER_MS, SWALLOWED_AFTER_MS};
use gongshi::sync::{Event, Node, read_entry};
use gongshi::trust::key::PublicKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What has a receipt is answered by then, or its sender has raised an alarm.
const INCLUSION_MS: u64 = STALE_AFTER_MS + 2 * SWALLOWED_AFTER_MS;

/// Leaf hashes of an origin's log as a node's index holds them, up to the first gap.
fn origin_leaves(store: &dyn Read, origin: &PublicKey) -> Vec<Digest> {
    let row = |index| store.get(&layout::entry(origin, index)).expect("readable");
    (0..).map_while(row).map(|row| leaf_hash(&row[8..8 + STATEMENT_BYTES])).collect()
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

/// All that the index holds, but for the row that says how it came about: no record tells that.
fn dump(store: &dyn Read) -> Vec<gongshi::store::Entry> {
    let mut rows = store.scan(&[], &prefix_end(&[]), usize::MAX).expect("readable");
    rows.retain(|(key, _)| key != layout::SCRUBBED);
    rows
}

impl Sim {
    /// At rest, with every line up too.
    pub fn audit_converged(&mut self) {
        let verdict = self.at_rest().and_then(|()| self.converged());
        self.insist(verdict);
    }

    /// I1, I2, I4, I10, I11, I18; the steps before it were seen by [`Auditor::look`].
    pub fn at_rest(&mut self) -> Verdict {
        self.one_history()?;
        self.receipts_are_kept()?;
        self.what_was_published_is_kept()?;
        self.included_in_time()?;
        for at in (0..self.sites.len()).step_by(self.audit_every) {
            if self.sites[at].is_up() {
                shown_is_proven(&self.sites[at])?;
            }
            self.index_is_the_records(at)?;
        }
        self.audit_sums();
        self.auditor.the_fold_is_pure(&self.sites[0])
    }

    /// The part of it that also holds where someone lies.
    pub fn audit_index(&self) {
        (0..self.sites.len()).for_each(|at| self.insist(self.index_is_the_records(at)));
    }

    /// The machines that are expected to agree.
    fn faithful(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter().filter(|site| !site.lost && site.is_up())
    }

    /// I14: with all lines up, everyone holds and shows the same, and nothing waits.
    pub fn converged(&self) -> Verdict {
        let top = self.sites[0].node();
        let (log, view) = (top.root_log(), top.ledger().view_root());
        for site in self.faithful() {
            let (node, code) = (site.node(), &site.code);
            holds!(
                node.root_log() == log,
                "I14 convergence: {code} is at {:?}, not {log:?}",
                node.root_log()
            );
            holds!(node.ledger().view_root() == view, "I14 convergence: {code} shows another set");
            let waiting = node.unacknowledged();
            holds!(waiting == 0, "I14 convergence: {code} waits for a receipt for {waiting} entries");
            let note = node.checkpoint_note().and_then(|(note, _)| Note::parse(note).ok());
            let newest = note.and_then(|note| Checkpoint::parse(&note.text).ok());
            let newest = newest.map(|newest| (newest.size, newest.root));
            holds!(newest == Some(log), "I14 convergence: {code} has not cosigned the newest checkpoint");
            for line in node.roll_call() {
                let expected = self.faithful().any(|site| site.code == line.code);
                let whole = line.agrees && line.size == log.0;
                holds!(whole || !expected, "I14 convergence: the roll call at {code} says {line:?}");
            }
        }
        for (digest, publisher) in &self.auditor.published {
            let site = &self.sites[*publisher];
            let answered = site.lost || self.is_answered(digest);
            holds!(answered, "I14 convergence: the root never answered to {digest} of {}", site.code);
        }
        Ok(())
    }

    fn is_answered(&self, digest: &Digest) -> bool {
        let store = self.sites[0].store.as_ref();
        if store.get(&layout::sequenced(digest)).expect("readable").is_some() {
            return true;
        }
        let refusals = store.scan(b"x", b"y", usize::MAX).expect("readable");
        refusals.iter().any(|(_, row)| row.windows(32).any(|bytes| bytes == digest.as_bytes()))
    }

    /// I2, I4: every checkpoint ever sent is a prefix of what its log is now, on every node that holds the log.
    fn one_history(&self) -> Verdict {
        let federation = self.sites[0].node().federation();
        let mut logs: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        logs.insert(root_origin(&federation), roots(&root_leaves(self.sites[0].store.as_ref())));
        for site in &self.sites {
            let past = site.past.iter().map(gongshi::trust::key::SecretKey::from_seed);
            for key in past.chain(site.keys()) {
                let key = key.public();
                logs.insert(node_origin(&key), roots(&origin_leaves(site.store.as_ref(), &key)));
            }
        }
        for ((origin, size), root) in &self.auditor.checkpoints {
            let now = logs.get(origin).and_then(|roots| roots.get(*size as usize));
            holds!(
                now == Some(root),
                "I2 one history: {origin} at {size} was signed, and something else stands there"
            );
        }
        for site in self.sites.iter().step_by(self.audit_every).filter(|site| site.is_up()) {
            let (size, root) = site.node().root_log();
            let own = roots(&root_leaves(site.store.as_ref()));
            let same = own.get(size as usize) == Some(&root);
            holds!(same, "I4 signed, so on disk: the leaves of {} give another root", site.code);
        }
        Ok(())
    }

    /// I1: whoever gave a receipt still has what it covers.
    fn receipts_are_kept(&self) -> Verdict {
        for ((issuer, origin), receipt) in &self.auditor.receipts {
            let site = &self.sites[*issuer];
            let kept = roots(&origin_leaves(site.store.as_ref(), origin));
            let there = kept.get(receipt.size as usize) == Some(&receipt.root);
            holds!(
                there,
                "I1 acknowledged, so durable: {} lost what it gave a receipt for: {origin}",
                site.code
            );
        }
        Ok(())
    }

    /// I1: what a person was told is published is in the publisher's own log for good.
    fn what_was_published_is_kept(&self) -> Verdict {
        for (digest, publisher) in &self.auditor.published {
            let site = &self.sites[*publisher];
            let entry = read_entry(site.store.as_ref(), digest).expect("readable");
            let kept = entry.is_some_and(|entry| entry.digest() == *digest);
            holds!(kept, "I1 acknowledged, so durable: {} lost {digest}, which it had confirmed", site.code);
        }
        Ok(())
    }

    /// I11: what has a receipt is answered in time, or its publisher has raised an alarm.
    fn included_in_time(&self) -> Verdict {
        for (digest, publisher) in &self.auditor.published {
            let site = &self.sites[*publisher];
            if !site.is_up() || site.lost || self.is_answered(digest) {
                continue;
            }
            let node = site.node();
            let Some(place) = site.store.get(&layout::locator(digest)).expect("readable") else { continue };
            let own = place[..32] == *node.own_key().as_bytes();
            let index = u64::from_be_bytes(place[32..].try_into().expect("an index"));
            let has_receipt = own && index < node.own_size() - node.unacknowledged();
            let since = self.auditor.receipted_ms.get(publisher).copied().unwrap_or(self.now_ms);
            if !has_receipt || self.now_ms < since.max(site.started_ms) + INCLUSION_MS {
                continue;
            }
            let cried = |event: &Event| matches!(event, Event::Swallowed(..) | Event::Stale);
            let alarm = node.is_stale() || node.swallowed().is_some() || site.events.iter().any(cried);
            holds!(
                alarm,
                "I11 inclusion in time: {digest} of {} has a receipt, no answer, and no alarm",
                site.code
            );
        }
        Ok(())
    }

    /// I18: the record alone rebuilds the index and the node.
    fn index_is_the_records(&self, at: usize) -> Verdict {
        let site = &self.sites[at];
        if !site.is_up() {
            return Ok(());
        }
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keepers = (Box::new(site.disk.clone()), Box::new(site.marks.clone()));
        let again = Engine::open(site.keys(), keepers.0, keepers.1, Arc::clone(&store), self.now(at));
        let again =
            again.map_err(|error| format!("I18 rebuild: the record of {} fails: {error}", site.code))?;
        let of = |node: &Node| {
            let view = node.ledger().view_root();
            (node.root_log(), node.own_log(), view, node.received(), node.unacknowledged())
        };
        holds!(of(again.node()) == of(site.node()), "I18 rebuild: {} rebuilds to another state", site.code);
        if let (Some(rebuilt), Some(live)) = (again.node().image(), site.node().image()) {
            let differences = rebuilt.differences(&live);
            holds!(
                differences.is_empty(),
                "I18 rebuild: {}: other {differences:?} from the record",
                site.code
            );
        }
        let (rebuilt, live) = (dump(store.as_ref()), dump(site.store.as_ref()));
        let other = rebuilt.iter().zip(&live).find(|(a, b)| a != b);
        holds!(rebuilt == live, "I18 rebuild: {}: another index from the record, first {other:?}", site.code);
        Ok(())
    }

    /// How many reports of a division and year a node shows to the public, with their packages.
    pub fn shown(&self, site: usize, division: &str, year: u16) -> Vec<u32> {
        let store = self.sites[site].store.as_ref();
        let from = layout::by_division_prefix(division, Some(year));
        let rows = store.scan(&from, &prefix_end(&from), usize::MAX).expect("readable");
        let released = rows.iter().filter(|(_, value)| value[32] == RevisionState::Released as u8);
        let revision = |key: &[u8]| u32::from_be_bytes(key[key.len() - 4..].try_into().expect("a revision"));
        released
            .map(|(key, value)| {
                let digest = Digest::from_bytes(value[..32].try_into().expect("a digest"));
                self.insist(is_proven(store, &digest));
                revision(key)
            })
            .collect()
    }
}

/// I10: every report that a node shows is in the root log, and its bytes are those that its card names.
fn shown_is_proven(site: &Site) -> Verdict {
    let store = site.store.as_ref();
    for chain in (1949..2100).flat_map(|year| site.node().ledger().disclosures().year(year)) {
        for revision in chain.iter().filter(|one| one.state == RevisionState::Released) {
            is_proven(store, &revision.digest).map_err(|error| format!("{error} at {}", site.code))?;
        }
    }
    Ok(())
}

fn is_proven(store: &dyn Read, digest: &Digest) -> Verdict {
    let entry = read_entry(store, digest).ok().flatten();
    let entry = entry.ok_or_else(|| format!("I10 nothing unproven shown: {digest} is not held"))?;
    let verified = gongshi::statement::Entry::verify(entry.statement.as_bytes(), &entry.card_bytes).is_ok();
    holds!(verified, "I10 nothing unproven shown: {digest} is not signed");
    let index = store.get(&layout::sequenced(digest)).ok().flatten().and_then(|index| index.try_into().ok());
    let index = index.ok_or_else(|| format!("I10 nothing unproven shown: {digest} is not sequenced"))?;
    let leaf = gongshi::sync::read_leaf(store, u64::from_be_bytes(index)).ok().flatten();
    let there = leaf.is_some_and(|leaf| leaf.statement.digest() == *digest);
    holds!(there, "I10 nothing unproven shown: another leaf stands where {digest} should");
    for body in entry.card.act.report().into_iter().flat_map(|report| report.carried_bodies()) {
        let packed = gongshi::sync::body::PackedBody::read(store, &body.digest).ok().flatten();
        let whole = packed.is_some_and(|packed| packed.unpack(&body.digest, body.bytes).is_ok());
        holds!(whole, "I10 nothing unproven shown: a body of {digest} is not what its card names");
    }
    Ok(())
}

impl Auditor {
    /// I5: the walk leaf by leaf comes to what the root shows.
    fn the_fold_is_pure(&self, root: &Site) -> Verdict {
        let Some(law) = self.law.as_ref().filter(|law| law.size() == root.node().ledger().size()) else {
            return Ok(());
        };
        let same = law.view_root() == root.node().ledger().view_root();
        holds!(same, "I5 same edition, same bytes: the fold of the same leaves is another");
        Ok(())
    }
}
