//! The auditor: what must hold in every federation, whatever happened. Each invariant has its number, as in `I7`, and
//! a message that begins with it; an observation that breaks one is an error and ends the run.
//!
//! - here: what is seen step by step. `look` after every turn, `hear` on every frame sent, and a few more
//! - `law`: an independent walk over the root log, leaf by leaf
//! - `rest`: what holds when the world is at rest, with every node up
//! - `noticed`: a violation of each of them, which the auditor must notice

mod law;
#[cfg(test)]
mod noticed;
mod rest;

use crate::world::Site;
use gongshi::digest::Digest;
use gongshi::log::checkpoint::{Checkpoint, node_origin, root_origin};
use gongshi::log::note::{self, Note};
use gongshi::log::tree::{Frontier, leaf_hash};
use gongshi::log::witness;
use gongshi::ops::engine::HighMarks;
use gongshi::record::{Mark, Position};
use gongshi::statement::{Act, Entry};
use gongshi::store::{Read, layout};
use gongshi::sync::frame::{Frame, JoinRequest};
use gongshi::sync::limits::{BODY_BYTES_MAX, PACK_BYTES_TARGET, PACKS_IN_FLIGHT_MAX};
use gongshi::trust::key::PublicKey;
use law::Law;
use std::collections::BTreeMap;

/// The first invariant that does not hold, in words.
pub type Verdict = Result<(), String>;

/// Most bytes on their way to one end of a connection: one window of packs, each with a body at its longest.
const FLYING_BYTES_MAX: u64 = (PACKS_IN_FLIGHT_MAX + 1) * (PACK_BYTES_TARGET as u64 + BODY_BYTES_MAX);

macro_rules! holds {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}
pub(crate) use holds;

/// What a node shows: a prefix of the root log and its fold.
#[derive(Clone, Copy, Debug)]
pub struct Edition {
    pub size: u64,
    pub root: Digest,
    /// How many leaves the fold took in.
    pub folded: u64,
    pub view: Digest,
}

/// What was seen of one machine.
#[derive(Default)]
struct Seen {
    /// When it started, and its state when it was last looked at closely.
    started_ms: u64,
    root_log: u64,
    marks: BTreeMap<Digest, Mark>,
    record: Position,
    /// Over the leaves in its index.
    leaves: Frontier,
    /// Over the entries of other logs in its index, as far as it gave receipts.
    entries: BTreeMap<PublicKey, Frontier>,
}

/// Everything signed or shown that the auditor saw.
#[derive(Default)]
pub struct Auditor {
    /// By origin line and size: the root in every checkpoint that was sent.
    checkpoints: BTreeMap<(String, u64), Digest>,
    /// By root-log size: root hash and view root of whoever folded so far.
    editions: BTreeMap<u64, (Digest, Digest)>,
    /// By issuer and origin: the largest receipt given.
    receipts: BTreeMap<(usize, PublicKey), Checkpoint>,
    seen: BTreeMap<usize, Seen>,
    law: Option<Law>,
    /// When the root last cosigned, in seconds.
    cosigned: u64,
    /// By connection: the secret and key of the request to join that came on it.
    requests: BTreeMap<u64, (Digest, PublicKey)>,
    /// By secret: the key that joined with it.
    joined: BTreeMap<Digest, PublicKey>,
    /// Statements that `publish` confirmed to a person, by publisher.
    pub published: BTreeMap<Digest, usize>,
    /// By publisher: when it last heard a receipt.
    receipted_ms: BTreeMap<usize, u64>,
    pub checks: u64,
}

impl Auditor {
    /// After every turn of a machine: I3, I4, I5, I6, and at the root I7, I8, I9, I12 for each new leaf.
    pub fn look(&mut self, at: usize, site: &Site) -> Verdict {
        let node = site.node();
        self.checks += 1;
        // All lasting state comes from the record: where it did not grow, nothing changed.
        let position = site.engine.as_ref().map_or_else(Position::default, |engine| engine.position());
        let seen = self.seen.entry(at).or_default();
        if (seen.record, seen.started_ms) == (position, site.started_ms) && seen.record.facts > 0 {
            return Ok(());
        }
        seen.started_ms = site.started_ms;
        let (size, root) = node.root_log();
        let (folded, view) = (node.ledger().size(), node.ledger().view_root());
        self.edition(&site.code.to_string(), &Edition { size, root, folded, view })?;
        self.no_shrink(at, site)?;
        self.leaves_are_on_disk(at, site)?;
        if node.is_root() && at == 0 {
            self.leaves_are_lawful(site)?;
        }
        Ok(())
    }

    /// I5 and I6: the same prefix shows the same set, whole, on whatever node and whenever.
    pub fn edition(&mut self, who: &str, edition: &Edition) -> Verdict {
        let Edition { size, root, folded, view } = *edition;
        holds!(folded == size, "I6 whole editions: {who} holds {size} leaves and shows a fold of {folded}");
        let first = *self.editions.entry(size).or_insert((root, view));
        holds!(first == (root, view), "I5 same edition, same bytes: {who} shows another set at size {size}");
        Ok(())
    }

    /// A machine is now another copy of itself, which knows nothing of what the first one signed.
    pub fn forget(&mut self, at: usize) {
        self.seen.remove(&at);
    }

    /// I3: nothing that was signed shrinks, across restarts; and the root log that is held only does where a machine
    /// was given an older copy of its own disk.
    fn no_shrink(&mut self, at: usize, site: &Site) -> Verdict {
        let node = site.node();
        let position = site.engine.as_ref().map_or_else(Position::default, |engine| engine.position());
        let seen = self.seen.entry(at).or_default();
        let restored = position.facts < seen.record.facts || position.bodies < seen.record.bodies;
        let (before, size) = (seen.root_log, node.root_log().0);
        holds!(restored || before <= size, "I3 no shrink: {} held {before} leaves, now {size}", site.code);
        (seen.root_log, seen.record) = (size, position);
        for origin in [node.root_origin(), node.own_origin()] {
            let origin = Digest::of(&[origin.as_bytes()]);
            let now = site.marks.of(&origin);
            let before = seen.marks.get(&origin).map_or(0, |mark| mark.size);
            let after = now.map_or(0, |mark| mark.size);
            // A guard that knows itself for a copy may be old; once it is sure again it must know all of it.
            let is_copy = HighMarks::is_unsure(&site.marks);
            holds!(
                is_copy || before <= after,
                "I3 no shrink: {} signed {before}, its guard says {after}",
                site.code
            );
            if let Some(now) = now.filter(|_| before <= after) {
                seen.marks.insert(origin, now);
            }
        }
        Ok(())
    }

    /// I4: what a node holds of the root log is the hash of the leaves in its index.
    fn leaves_are_on_disk(&mut self, at: usize, site: &Site) -> Verdict {
        let (size, root) = site.node().root_log();
        let leaves = &mut self.seen.entry(at).or_default().leaves;
        if size < leaves.size() {
            *leaves = Frontier::new();
        }
        if size == leaves.size() && size > 0 {
            return Ok(());
        }
        while leaves.size() < size {
            let row = site.store.get(&layout::leaf(leaves.size())).expect("readable");
            let missing = format!("I4 signed, so on disk: {} has no leaf {}", site.code, leaves.size());
            leaves.push(leaf_hash(&row.ok_or(missing)?));
        }
        holds!(leaves.root() == root, "I4 signed, so on disk: the leaves of {} give another root", site.code);
        Ok(())
    }

    fn leaves_are_lawful(&mut self, site: &Site) -> Verdict {
        let node = site.node();
        let law = self.law.get_or_insert_with(|| Law::new(node.federation()));
        for index in law.size()..node.root_log().0 {
            let leaf =
                gongshi::sync::read_leaf(site.store.as_ref(), index).expect("readable").expect("a leaf");
            let entry = gongshi::sync::read_entry(site.store.as_ref(), &leaf.statement.digest());
            law.next(&leaf, &entry.expect("readable").expect("an entry"))?;
            self.checks += 1;
        }
        Ok(())
    }

    /// On every frame sent: I2, one root for each size of a log; I12, times of checkpoints; I17, receipts; I15.
    pub fn hear(&mut self, at: usize, site: &Site, conn: u64, frame: &Frame) -> Verdict {
        self.checks += 1;
        let text = match frame {
            Frame::Joined(joined) => {
                let child = joined.chain.last().and_then(|packed| {
                    let entry = Entry::from_record(&packed.statement, &packed.card).ok()?;
                    if let Act::Delegate(own) = &entry.card.act { Some(own.signing) } else { None }
                });
                return child.map_or(Ok(()), |child| self.token_once(conn, child));
            }
            Frame::Propose { note, .. } | Frame::Leaves { note, .. } | Frame::Renewed { note } => note,
            Frame::Receipt { note, .. } | Frame::Push { note: Some(note), .. } => note,
            _ => return Ok(()),
        };
        let note = Note::parse(text).map_err(|error| format!("{} sends no note: {error}", site.code))?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|error| format!("no checkpoint: {error}"))?;
        self.one_history(&site.code.to_string(), &checkpoint)?;
        match frame {
            Frame::Receipt { origin, .. } => self.receipt(at, site, *origin, &checkpoint),
            Frame::Leaves { .. } | Frame::Renewed { .. } if site.node().is_root() => {
                self.cosigned_in_order(site, &note, &checkpoint)
            }
            _ => Ok(()),
        }
    }

    /// I2: any two checkpoints of one size of a log have one root, whoever sends them.
    pub fn one_history(&mut self, who: &str, checkpoint: &Checkpoint) -> Verdict {
        let place = (checkpoint.origin.clone(), checkpoint.size);
        let first = *self.checkpoints.entry(place).or_insert(checkpoint.root);
        let Checkpoint { origin, size, root } = checkpoint;
        holds!(first == *root, "I2 one history: {who} sends a second root of {origin} at {size}");
        Ok(())
    }

    /// I12: the root's cosignatures do not go back in time, and none is earlier than what it covers.
    fn cosigned_in_order(&mut self, site: &Site, note: &Note, checkpoint: &Checkpoint) -> Verdict {
        let (root, federation) = (*site.node().own_key(), site.node().federation());
        if note::verify(note, &root_origin(&federation), &root).is_err() {
            return Err(format!(
                "I2 one history: the root sends a checkpoint of {} it did not sign",
                checkpoint.size
            ));
        }
        let seconds = witness::verify_cosignature(note, &node_origin(&root), &root).unwrap_or(0);
        let newest = site.node().ledger().sequenced_at().0 / 1000;
        self.times(seconds, if checkpoint.size == site.node().root_log().0 { newest } else { 0 })
    }

    /// I12: a cosignature of the root of this second, over leaves up to that second.
    pub fn times(&mut self, cosigned: u64, newest_leaf: u64) -> Verdict {
        let before = self.cosigned;
        holds!(cosigned >= before, "I12 time order: the root cosigns {cosigned} s after {before} s");
        holds!(
            cosigned >= newest_leaf,
            "I12 time order: a checkpoint of {cosigned} s covers a leaf of {newest_leaf} s"
        );
        self.cosigned = cosigned;
        Ok(())
    }

    /// I17: whoever cosigns holds every entry of it, has noted so, and goes forward only; and I1 begins here.
    fn receipt(&mut self, at: usize, site: &Site, origin: PublicKey, checkpoint: &Checkpoint) -> Verdict {
        let (who, size) = (site.code.to_string(), checkpoint.size);
        let noted = site.marks.of(&Digest::of(&[checkpoint.origin.as_bytes()]));
        let noted = noted.is_some_and(|mark| mark.size >= size);
        holds!(noted, "I17 cosign only forward: {who} cosigns {size} of {origin} before its guard says so");
        let entries = self.seen.entry(at).or_default().entries.entry(origin).or_default();
        while entries.size() < size {
            let row = site.store.get(&layout::entry(&origin, entries.size())).expect("readable");
            let missing =
                format!("I17 cosign only forward: {who} cosigns {size} of {origin} and does not hold it");
            entries.push(leaf_hash(&row.ok_or(missing)?[8..8 + gongshi::statement::STATEMENT_BYTES]));
        }
        let same = entries.size() > size || entries.root() == checkpoint.root;
        holds!(same, "I17 cosign only forward: {who} cosigns another root of {origin} than it holds");
        let newest = self.receipts.entry((at, origin)).or_insert_with(|| checkpoint.clone());
        if newest.size < size {
            *newest = checkpoint.clone();
        }
        Ok(())
    }

    /// Somebody asks to join on a connection.
    pub fn asks_to_join(&mut self, conn: u64, request: &JoinRequest) {
        self.requests.insert(conn, (Digest::of(&[request.secret.as_bytes()]), request.signing));
    }

    /// I15: one token, one node; and that node proved to have its key.
    pub fn token_once(&mut self, conn: u64, child: PublicKey) -> Verdict {
        // Whoever waits for a person's approval is answered on the connection it asked on.
        let Some((secret, asked)) = self.requests.get(&conn) else { return Ok(()) };
        holds!(child == *asked, "I15 token once: another key was enrolled than the one that asked");
        let first = *self.joined.entry(*secret).or_insert(child);
        holds!(first == child, "I15 token once: a second node joined with the token of {first}");
        Ok(())
    }

    /// I16: what is on its way to one end is bounded.
    pub fn in_flight(&self, bytes: u64) -> Verdict {
        holds!(bytes <= FLYING_BYTES_MAX, "I16 bounded: {bytes} bytes are on their way on one connection");
        Ok(())
    }

    /// I13: the state of a machine before and after it heard a frame once more.
    pub fn again(&mut self, before: Option<[Digest; 2]>, after: Option<[Digest; 2]>) -> Verdict {
        self.checks += 1;
        holds!(before == after, "I13 idempotence: a frame that comes twice counts twice");
        Ok(())
    }

    /// A publisher has a receipt.
    pub fn receipt_heard(&mut self, publisher: usize, now_ms: u64) {
        self.receipted_ms.insert(publisher, now_ms);
    }
}
