//! The law: an independent reading of the root log, leaf by leaf. It shares the fold's inputs and none of its rules: who
//! may speak is found out anew here, by walking from the author up to the anchor.

use super::{Verdict, holds};
use gongshi::digest::Digest;
use gongshi::division::DivisionCode;
use gongshi::ledger::{Effect, Ledger, RevisionState};
use gongshi::statement::{Act, Entry, Leaf, ReportAct, ReportCard};
use gongshi::time::WallMs;
use gongshi::trust::delegation::{Delegation, Hosting};
use gongshi::trust::key::PublicKey;
use std::collections::{BTreeMap, BTreeSet};

/// Most delegations between the anchor and whoever speaks.
const HOPS_MAX: usize = 5;

/// What was given to a key.
#[derive(Clone)]
struct Given {
    own: Delegation,
    /// The key it stands under.
    parent: PublicKey,
    /// Entries that this rests on: whose, and which of its log.
    rests_on: Vec<(PublicKey, u64)>,
    hosted: BTreeSet<DivisionCode>,
    /// The last index that stands, once it ended.
    ended: Option<Option<u64>>,
    followed_by: Option<PublicKey>,
}

/// A revision: its number, its statement, and who said it.
type Said = (u32, Digest, PublicKey);

/// What the log said so far.
pub(super) struct Law {
    federation: Digest,
    ledger: Ledger,
    given: BTreeMap<PublicKey, Given>,
    live: BTreeMap<DivisionCode, PublicKey>,
    /// Revisions of each agency and year, and who said the last.
    chains: BTreeMap<(String, u16), Vec<Said>>,
    /// Years that wait for their instant.
    pub(super) held: BTreeMap<u16, WallMs>,
    last: WallMs,
}

impl Law {
    pub(super) fn new(federation: Digest) -> Self {
        Self {
            federation,
            ledger: Ledger::new(federation),
            given: BTreeMap::new(),
            live: BTreeMap::new(),
            chains: BTreeMap::new(),
            held: BTreeMap::new(),
            last: WallMs(0),
        }
    }

    pub(super) const fn size(&self) -> u64 {
        self.ledger.size()
    }

    pub(super) fn view_root(&self) -> Digest {
        self.ledger.view_root()
    }

    /// The next leaf.
    pub(super) fn next(&mut self, leaf: &Leaf, entry: &Entry) -> Verdict {
        let (index, last) = (self.size(), self.last);
        let (at, received_at) = (leaf.sequenced_at, leaf.received_at);
        holds!(last <= at, "I12 time order: leaf {index} is earlier than the one before");
        holds!(received_at <= at, "I12 time order: leaf {index} was sequenced before it was received");
        self.last = at;
        if let Act::Report(report) = &entry.card.act {
            self.has_authority(index, entry, report, at)?;
            self.follows(index, entry, report)?;
        }
        self.releases(index, entry, at)?;
        let effects = self.ledger.apply(leaf, entry);
        let rejected = effects.iter().any(|effect| matches!(effect, Effect::Rejected(_)));
        holds!(!rejected, "I7 authority at sequencing: leaf {index} was sequenced against the rules");
        self.waits(index, entry)?;
        self.govern(index, entry)
    }

    /// I8: no release comes before its instant.
    fn releases(&mut self, index: u64, entry: &Entry, at: WallMs) -> Verdict {
        match &entry.card.act {
            Act::Schedule { year, at } => drop(self.held.insert(*year, *at)),
            Act::Release { year } => {
                let early = self.held.remove(year).is_some_and(|instant| at < instant);
                holds!(!early, "I8 no early byte: leaf {index} releases {year} before its instant");
            }
            _ => {}
        }
        Ok(())
    }

    /// I8: nothing of a year that waits for its instant is public.
    fn waits(&self, index: u64, entry: &Entry) -> Verdict {
        if let Act::Report(report) = &entry.card.act
            && self.held.contains_key(&report.year)
        {
            let disclosures = self.ledger.disclosures();
            let mut chain = disclosures.chain(&disclosures.resolve(report), report.year).iter();
            let public = [RevisionState::Released, RevisionState::Superseded];
            holds!(
                !chain.any(|revision| public.contains(&revision.state)),
                "I8 no early byte: leaf {index} is public, and {} waits for its instant",
                report.year
            );
        }
        Ok(())
    }

    /// I9: revisions of one agency and year run 1, 2, 3 and each names the one before.
    fn follows(&mut self, index: u64, entry: &Entry, report: &ReportCard) -> Verdict {
        let id = self.ledger.disclosures().resolve(report);
        let chain = self.chains.entry((id, report.year)).or_default();
        let (revision, previous) =
            chain.last().map_or((0, Digest::ZERO), |(revision, digest, _)| (*revision, *digest));
        // What takes a revision back, or sends it back, repeats its number and names it.
        let about = matches!(report.act, ReportAct::Withdraw | ReportAct::Return);
        let next = if about { revision } else { revision + 1 };
        holds!(
            (report.revision, report.previous) == (next, previous),
            "I9 revisions: leaf {index} is revision {} after {revision}",
            report.revision
        );
        if !about {
            chain.push((report.revision, entry.digest(), *entry.statement.key()));
        }
        Ok(())
    }

    /// I7: a chain of at most five delegations from the anchor, each valid now, none of it ended before, ends at the
    /// author and covers what it speaks for.
    fn has_authority(&self, index: u64, entry: &Entry, report: &ReportCard, at: WallMs) -> Verdict {
        let (author, own) = (*entry.statement.key(), entry.statement.index());
        let words = |why: &str| format!("I7 authority at sequencing: leaf {index} of {author}: {why}");
        let given = self.given.get(&author).ok_or_else(|| words("nobody gave it a voice"))?;
        holds!(self.stands(&author, own), "{}", words("it had ended"));
        let (mut key, mut hops) = (author, 0);
        while key.id() != self.federation {
            let step = self.given.get(&key).ok_or_else(|| words("the chain does not reach the anchor"))?;
            // Whoever follows a key is renewed in its place.
            let now = self.given.get(&self.newest(key)).unwrap_or(step);
            let valid = now.own.not_before <= at && at < now.own.not_after;
            holds!(valid, "{}", words("a delegation was not valid"));
            holds!(
                step.rests_on.iter().all(|(by, at)| self.stands(by, *at)),
                "{}",
                words("it was taken back")
            );
            key = step.parent;
            hops += 1;
            holds!(hops <= HOPS_MAX, "{}", words("more than five delegations"));
        }
        if report.act == ReportAct::Return {
            let id = self.ledger.disclosures().resolve(report);
            let of = self.chains.get(&(id, report.year)).and_then(|chain| chain.last());
            let above = of.is_some_and(|(_, _, of)| *of != author && self.is_below(of, &author));
            holds!(above, "{}", words("it sends back what no node below it said"));
            return Ok(());
        }
        let division = &report.division;
        let hosts = match &given.own.hosting {
            Hosting::Own => false,
            Hosting::All => true,
            Hosting::Subtree => self.live.get(division).is_some_and(|node| self.is_below(node, &author)),
            Hosting::List(codes) => codes.contains(division),
        };
        let covers = given.own.division == *division || hosts || given.hosted.contains(division);
        holds!(covers, "{}", words("it does not speak for that division"));
        Ok(())
    }

    /// True when an entry of a key's log stands.
    fn stands(&self, key: &PublicKey, index: u64) -> bool {
        let ended = self.given.get(key).and_then(|given| given.ended);
        ended.is_none_or(|last| last.is_some_and(|last| index <= last))
    }

    fn newest(&self, key: PublicKey) -> PublicKey {
        let mut at = key;
        while let Some(next) = self.given.get(&at).and_then(|given| given.followed_by) {
            at = next;
        }
        at
    }

    fn is_below(&self, key: &PublicKey, above: &PublicKey) -> bool {
        let (above, mut at) = (self.newest(*above), self.newest(*key));
        while let Some(given) = self.given.get(&at) {
            at = self.newest(given.parent);
            if at == above {
                return true;
            }
        }
        false
    }

    /// What the log says about who may speak.
    fn govern(&mut self, index: u64, entry: &Entry) -> Verdict {
        let (author, own_index) = (*entry.statement.key(), entry.statement.index());
        match &entry.card.act {
            Act::Delegate(own) => {
                self.narrower(index, &author, own)?;
                if let Some(renewed) = self.given.get_mut(&own.signing) {
                    let longer = renewed.own.not_after <= own.not_after;
                    let same = renewed.own.transport == own.transport && renewed.own.division == own.division;
                    holds!(
                        longer && same,
                        "I7 authority at sequencing: leaf {index} renews what is not that node's"
                    );
                    (renewed.own, renewed.parent) = ((**own).clone(), author);
                    return Ok(());
                }
                let given = Given {
                    own: (**own).clone(),
                    parent: author,
                    rests_on: vec![(author, own_index)],
                    hosted: BTreeSet::new(),
                    ended: None,
                    followed_by: None,
                };
                if let Some((old, last)) = own.predecessor {
                    self.end(old, Some(last), Some(own.signing));
                }
                self.live.insert(own.division.clone(), own.signing);
                self.given.insert(own.signing, given);
            }
            Act::Rotate(rotation) => {
                let Some(old) = self.given.get(&author).cloned() else { return Ok(()) };
                holds!(
                    old.ended.is_none(),
                    "I7 authority at sequencing: leaf {index} hands over for a key that had ended"
                );
                let mut new = Given { ended: None, ..old };
                (new.own.signing, new.own.transport) = (rotation.signing, rotation.transport);
                new.rests_on.push((author, own_index));
                self.live.insert(new.own.division.clone(), rotation.signing);
                self.given.insert(rotation.signing, new);
                self.end(author, Some(own_index), Some(rotation.signing));
            }
            Act::Revoke(revocation) => self.end(revocation.origin, revocation.last, None),
            Act::Close(closing) => {
                if let Some(node) = self.live.get(&closing.division).copied() {
                    self.end(node, closing.last, None);
                }
            }
            Act::Reparent { node, parent } => {
                let (node, parent) = (self.newest(*node), self.newest(*parent));
                if let Some(own) = self.given.get(&node).map(|given| given.own.clone()) {
                    let lower = self.given.get(&parent).is_some_and(|above| above.own.level < own.level);
                    holds!(
                        lower,
                        "I7 authority at sequencing: leaf {index} moves a node under one not above it"
                    );
                }
                if let Some(given) = self.given.get_mut(&node) {
                    given.parent = parent;
                }
            }
            Act::Host(hosted) => {
                let node = self.newest(hosted.node);
                if let Some(given) = self.given.get_mut(&node) {
                    given.hosted.extend(hosted.divisions.iter().cloned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// I7: what is given is narrower than what the giver has.
    fn narrower(&self, index: u64, author: &PublicKey, own: &Delegation) -> Verdict {
        let Some(above) = self.given.get(author).map(|given| &given.own) else { return Ok(()) };
        let lower = above.level < own.level;
        let within = above.not_before <= own.not_before && own.not_after <= above.not_after;
        let kinds = own.kinds.0 & !above.kinds.0 == 0;
        holds!(
            lower && within && kinds,
            "I7 authority at sequencing: leaf {index} gives more than its author has"
        );
        Ok(())
    }

    fn end(&mut self, key: PublicKey, last: Option<u64>, next: Option<PublicKey>) {
        let Some(given) = self.given.get_mut(&key) else { return };
        given.ended = Some(given.ended.map_or(last, |before| before.min(last)));
        given.followed_by = given.followed_by.or(next);
        self.live.retain(|_, live| *live != key);
    }
}
