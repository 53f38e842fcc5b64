//! The fold: what a prefix of the root log means. Pure, incremental, identical on every machine.
//!
//! [`Ledger::judge`] is the one place where authority and acceptance are decided; the root asks it before it
//! sequences, every mirror asks it again when it applies a leaf, and both get the same answer because the fold
//! knows no other time than `sequenced_at` and no other source than the prefix. Rules that need the network,
//! a clock or a body do not belong here.

mod agencies;
mod authority;
mod disclosure;
mod enact;
mod index_row;
mod reading;
pub mod roster;
mod view_root;

pub use agencies::{AgencyKeys, Given};
pub use authority::{EndCause, Ending, Registry};
pub use disclosure::{Disclosures, Revision, RevisionState};
pub use enact::TreeChange;
pub use index_row::IndexRow;
pub use view_root::{ViewLine, ViewTree};

use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::statement::card::{Policy, RefusalCode, TemplateCard};
use crate::statement::governance::RosterCard;
use crate::statement::{Act, Entry, Leaf, ReportAct, ReportCard};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the rules below; attestations name it, so that two versions are never compared. It changes whenever the
/// same prefix can mean something else; an index that another version filled is built again from the record.
///
/// - 1: the first.
/// - 2: what was sent back may be reported again by any act; a node's delegation is renewed by its parent; an agency's
///   key is one agency's, lies within its giver's validity and never comes back once revoked; a withdrawal needs no
///   agency's signature; who takes a node's place may keep its transport key.
/// - 3: a key that has ended hands over to no other.
pub const FOLD_VERSION: u32 = 4;

/// The state that a prefix of the root log folds to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ledger {
    federation: Digest,
    size: u64,
    sequenced_at: WallMs,
    registry: Registry,
    /// Per origin: the index that must come next.
    next_index: BTreeMap<PublicKey, u64>,
    cards: BTreeSet<Digest>,
    policy: Policy,
    governed: u64,
    templates: Vec<TemplateRow>,
    rosters: BTreeMap<DivisionCode, RosterRow>,
    agencies: AgencyKeys,
    schedules: BTreeMap<u16, WallMs>,
    released: BTreeSet<u16>,
    disclosures: Disclosures,
    revised: BTreeMap<u16, u64>,
    #[serde(skip)]
    view: ViewTree,
}

/// A template that stands, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRow {
    /// Index of its leaf.
    pub index: u64,
    /// Digest of its statement.
    pub statement: Digest,
    /// Its id and its body.
    pub card: TemplateCard,
}

/// A roster that stands, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterRow {
    /// Index of its leaf.
    pub index: u64,
    /// Digest of its statement.
    pub statement: Digest,
    /// Its division and its body.
    pub card: RosterCard,
}

/// What the fold says to an entry that would be sequenced next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is accepted.
    Accept,
    /// The root answers with a `Refuse`.
    Refuse(RefusalCode),
    /// Its author's Delegate is not sequenced yet: it waits.
    Park,
    /// It was sequenced or refused before, or is not the next of its origin: nothing is to be done now.
    NotNext {
        /// The index that is next for this origin.
        next: u64,
    },
}

/// What applying one leaf changed, for indexes and pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A revision's row is new or its state changed.
    Revision(Box<Revision>),
    /// The tree of nodes changed.
    Tree(TreeChange),
    /// An entry was refused.
    Refused {
        /// Whose log.
        origin: PublicKey,
        /// Which entry.
        index: u64,
        /// Its digest.
        statement: Digest,
        /// Why.
        code: RefusalCode,
    },
    /// A mirror was given a leaf that the fold rejects: the root broke its own rules. The leaf has no effect.
    Rejected(RefusalCode),
}

impl Ledger {
    /// The fold of the empty prefix.
    pub fn new(federation: Digest) -> Self {
        Self {
            federation,
            size: 0,
            sequenced_at: WallMs(0),
            registry: Registry::default(),
            next_index: BTreeMap::new(),
            cards: BTreeSet::new(),
            policy: Policy::default(),
            governed: 0,
            templates: Vec::new(),
            rosters: BTreeMap::new(),
            agencies: AgencyKeys::default(),
            schedules: BTreeMap::new(),
            released: BTreeSet::new(),
            disclosures: Disclosures::default(),
            revised: BTreeMap::new(),
            view: ViewTree::default(),
        }
    }

    /// A fold that was read back, with the tree over its public lines, which is not written.
    #[must_use]
    pub fn with_view(mut self) -> Self {
        self.view = ViewTree::of(self.disclosures.chains.values().flatten().filter_map(Revision::view_line));
        self
    }

    /// What the fold says to `entry` if it were sequenced next, at `at`.
    pub fn judge(&self, entry: &Entry, at: WallMs) -> Verdict {
        let origin = entry.statement.key();
        let next = self.next_index(origin);
        if entry.statement.index() != next {
            return Verdict::NotNext { next };
        }
        match self.judge_next(entry, at) {
            Ok(()) => Verdict::Accept,
            Err(RefusalCode::NoAuthority) if !self.registry.knows(origin) => Verdict::Park,
            Err(code) => Verdict::Refuse(code),
        }
    }

    fn judge_next(&self, entry: &Entry, at: WallMs) -> Result<(), RefusalCode> {
        let author = entry.statement.key();
        if self.cards.contains(entry.statement.card()) {
            return Err(RefusalCode::DuplicateCard);
        }
        if author.id() == self.federation {
            // The anchor signs delegations of the root node and nothing else.
            return match &entry.card.act {
                Act::Delegate(delegation) => {
                    self.registry.judge_delegate(&self.federation, author, delegation)
                }
                // A stolen root key beyond what stands is marked; its successor is a delegation.
                act @ Act::Revoke(_) => {
                    self.registry.judge(&self.federation, author, entry.statement.index(), act)
                }
                _ => Err(RefusalCode::KindNotGiven),
            };
        }
        let authority = self.registry.authority(author).ok_or(RefusalCode::NoAuthority)?;
        if self.registry.is_beyond(author, entry.statement.index()) {
            return Err(RefusalCode::NoAuthority);
        }
        if !authority.valid_at(at) {
            return Err(RefusalCode::OutsideValidity);
        }
        if !authority.may_say(entry.card.act.kind_code(), at) {
            return Err(RefusalCode::KindNotGiven);
        }
        match &entry.card.act {
            act @ (Act::Delegate(_)
            | Act::Rotate(_)
            | Act::Revoke(_)
            | Act::Reparent { .. }
            | Act::Close(_)
            | Act::Host(_)
            | Act::Agency(_)) => self.judge_keys(&self.registry, author, entry.statement.index(), act),
            Act::Roster(roster) => {
                let own = authority.delegation().is_some_and(|own| own.division == roster.division);
                let above = own || self.registry.in_subtree(author, &roster.division);
                if above { Ok(()) } else { Err(RefusalCode::ForeignDivision) }
            }
            Act::Schedule { year, .. } => {
                self.only_root(author)?;
                // A year that is partly public cannot be held any more.
                if self.disclosures.has_public_of(*year) { Err(RefusalCode::BadYear) } else { Ok(()) }
            }
            Act::Release { year } => {
                self.only_root(author)?;
                // Whoever may release holds the clock; a release before its instant would show what waits.
                let early = self.schedules.get(year).is_some_and(|instant| at < *instant);
                if early { Err(RefusalCode::BadYear) } else { Ok(()) }
            }
            Act::Template(_) | Act::Policy(_) => self.only_root(author),
            Act::Refuse { origin, index, .. } => {
                self.only_root(author)?;
                // Every entry is answered once and in order; the root does not say what it would refuse.
                let next = origin != author && *index == self.next_index(origin);
                if next { Ok(()) } else { Err(RefusalCode::BadRevision) }
            }
            Act::Report(report) if report.act == ReportAct::Return => self.judge_return(author, report),
            Act::Report(report) => {
                let foreign = |division| !self.registry.may_publish(author, division);
                if foreign(&report.division) || self.disclosures.division(report).is_some_and(foreign) {
                    return Err(RefusalCode::ForeignDivision);
                }
                if !(1949..=at.year()).contains(&report.year) {
                    return Err(RefusalCode::BadYear);
                }
                self.agencies.judge(report, entry.card.agency.as_ref().map(|(key, _)| key), at)?;
                self.disclosures.judge(report)
            }
        }
    }

    /// The rules for an act about nodes and keys, those of agencies among them, as `registry` has the nodes.
    ///
    /// # Errors
    /// The code the root refuses it with.
    pub fn judge_keys(
        &self,
        registry: &Registry,
        author: &PublicKey,
        index: u64,
        act: &Act,
    ) -> Result<(), RefusalCode> {
        match act {
            Act::Revoke(revocation) if self.agencies.giver(&revocation.origin).is_some() => {
                let by = |giver: &PublicKey| registry.is_ancestor(author, giver);
                let above = self.agencies.giver(&revocation.origin).is_some_and(by);
                if above { Ok(()) } else { Err(RefusalCode::UnknownNode) }
            }
            Act::Agency(agency) => {
                registry.judge(&self.federation, author, index, act)?;
                self.agencies.judge_given(agency)
            }
            _ => registry.judge(&self.federation, author, index, act),
        }
    }

    /// A return is said from above the node that published what is returned.
    fn judge_return(&self, author: &PublicKey, report: &ReportCard) -> Result<(), RefusalCode> {
        self.disclosures.judge(report)?;
        let id = self.disclosures.resolve(report);
        let last = self.disclosures.chain(&id, report.year).last();
        let above = last.is_some_and(|last| self.registry.is_above(author, &last.author));
        if above { Ok(()) } else { Err(RefusalCode::ForeignDivision) }
    }

    fn only_root(&self, author: &PublicKey) -> Result<(), RefusalCode> {
        if self.registry.root() == Some(author) { Ok(()) } else { Err(RefusalCode::KindNotGiven) }
    }

    /// Folds the next leaf in. A leaf that the rules reject has no effect but its place.
    pub fn apply(&mut self, leaf: &Leaf, entry: &Entry) -> Vec<Effect> {
        let index = self.size;
        self.size += 1;
        let at = leaf.sequenced_at.max(self.sequenced_at);
        self.sequenced_at = at;
        match self.judge(entry, at) {
            Verdict::Accept => self.accept(index, leaf, entry),
            Verdict::Refuse(code) => vec![Effect::Rejected(code)],
            Verdict::Park | Verdict::NotNext { .. } => vec![Effect::Rejected(RefusalCode::NoAuthority)],
        }
    }

    fn accept(&mut self, index: u64, leaf: &Leaf, entry: &Entry) -> Vec<Effect> {
        let author = *entry.statement.key();
        self.next_index.insert(author, entry.statement.index() + 1);
        self.cards.insert(*entry.statement.card());
        if !entry.is_report() && !matches!(entry.card.act, Act::Refuse { .. } | Act::Template(_)) {
            self.governed = self.size;
        }
        match &entry.card.act {
            act @ (Act::Delegate(_)
            | Act::Rotate(_)
            | Act::Revoke(_)
            | Act::Reparent { .. }
            | Act::Close(_)
            | Act::Host(_)) => self.enact(&author, entry.statement.index(), act),
            Act::Agency(agency) => {
                self.agencies.give(agency, &author, entry.statement.index());
                Vec::new()
            }
            Act::Roster(card) => {
                let row = RosterRow { index, statement: entry.digest(), card: card.clone() };
                self.rosters.insert(card.division.clone(), row);
                Vec::new()
            }
            Act::Template(card) => {
                let row = TemplateRow { index, statement: entry.digest(), card: card.clone() };
                match self.templates.iter_mut().find(|held| held.card.id == card.id) {
                    Some(held) => *held = row,
                    None => self.templates.push(row),
                }
                Vec::new()
            }
            Act::Schedule { year, at } => {
                self.schedules.insert(*year, *at);
                Vec::new()
            }
            Act::Release { year } => {
                self.released.insert(*year);
                let changed = self.disclosures.release(*year);
                self.show(changed)
            }
            Act::Policy(policy) => {
                self.policy = *policy;
                Vec::new()
            }
            Act::Refuse { origin, index, statement, code } => {
                self.next_index.insert(*origin, index + 1);
                vec![Effect::Refused { origin: *origin, index: *index, statement: *statement, code: *code }]
            }
            Act::Report(report) => {
                let public = self.is_public(report.year);
                let changed = self.disclosures.accept(index, leaf, entry, report, public);
                self.show(changed)
            }
        }
    }

    /// An accepted act about the tree; what a revocation no longer vouches for is marked.
    fn enact(&mut self, author: &PublicKey, index: u64, act: &Act) -> Vec<Effect> {
        let changes = self.registry.enact(&self.federation, author, index, act);
        let mut effects: Vec<Effect> = changes.iter().copied().map(Effect::Tree).collect();
        if let Act::Revoke(revocation) = act {
            self.agencies.end(&revocation.origin);
            self.agencies.end_beyond(&revocation.origin, revocation.last);
            let suspect = self.disclosures.suspect(|author, index| self.registry.is_revoked(author, index));
            effects.extend(self.show(suspect));
        }
        effects
    }

    fn show(&mut self, changed: Vec<Revision>) -> Vec<Effect> {
        for revision in &changed {
            self.revised.insert(revision.year, self.size);
            if let Some(line) = revision.view_line() {
                self.view.put(line);
            }
        }
        changed.into_iter().map(|revision| Effect::Revision(Box::new(revision))).collect()
    }
}

#[cfg(test)]
mod tests;
