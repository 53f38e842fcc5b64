//! Review: an upper level sends a report back, or notes for itself that it has looked at it.
//!
//! A return is a statement that everybody can prove; having accepted is bookkeeping of this node alone, kept as a fact.

use super::body::PackedBody;
use super::fact::Fact;
use super::node::{Node, Step};
use super::publish::{PublishError, Published};
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::Revision;
use crate::statement::card::RefusalCode;
use crate::statement::{Act, BodyRole, ReportAct, ReportCard};
use crate::store::{Read, StoreError, layout};
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// Longest findings of a return in bytes: 500 findings at some 600 bytes each fit twice.
pub const FINDINGS_BYTES_MAX: usize = 1 << 20;

/// When this node noted that it has looked at a statement and has nothing against it.
///
/// # Errors
/// [`StoreError`].
pub fn reviewed_at(store: &dyn Read, statement: &Digest) -> Result<Option<WallMs>, StoreError> {
    let at = store.get(&layout::reviewed(statement))?.and_then(|at| at.try_into().ok());
    Ok(at.map(u64::from_be_bytes).map(WallMs))
}

impl Node {
    /// What a return of a statement would say, without its reason and without saying it.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn return_of(&self, turn: &Turn<'_>, digest: &Digest) -> Result<ReportCard, PublishError> {
        let (author, about) = self.reviewable(turn, digest)?;
        let disclosures = self.ledger.disclosures();
        let chain = disclosures.chain(&disclosures.resolve(&about), about.year);
        let Some(last) = chain.last().filter(|_| chain.iter().any(|one| one.digest == *digest)) else {
            // The root would answer a return that came before what it is about: it waits for its place first.
            return Err(PublishError::NotSequenced(*digest));
        };
        if last.digest != *digest {
            return Err(PublishError::NotNewest(*digest, last.digest));
        }
        let said = self.newest(turn, &about).map_err(SayError::from)?;
        if last.returned.is_some() || said.is_none_or(|said| !said.stands) {
            return Err(SayError::Refused(RefusalCode::NothingToChange).into());
        }
        if !self.registry.is_above(self.own_key(), &author) {
            return Err(PublishError::NotBelow(about.division));
        }
        Ok(ReportCard { act: ReportAct::Return, previous: *digest, bodies: Vec::new(), ..about })
    }

    /// Sends a report back, with a reason and, unless they are empty, findings (JSON, `gongshi.findings/1`).
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn send_back(
        &mut self,
        turn: &mut Turn<'_>,
        digest: &Digest,
        reason: &str,
        findings: &[u8],
    ) -> Result<Published, PublishError> {
        let mut card = self.return_of(turn, digest)?;
        if findings.len() > FINDINGS_BYTES_MAX {
            return Err(PublishError::TooLong(findings.len()));
        }
        self.give_reason(turn, &mut card, reason)?;
        if !findings.is_empty() {
            let (named, packed) = self.body(BodyRole::Findings, card.bodies.len(), findings);
            turn.keep_body(&named.digest, &packed);
            card.bodies.push(named);
        }
        let revision = card.revision;
        let entry = self.say(turn, Act::Report(Box::new(card)))?;
        Ok(Published { digest: entry.digest(), revision, signed: true })
    }

    /// Notes that a report was looked at. False when that was noted before.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn accept_review(&mut self, turn: &mut Turn<'_>, digest: &Digest) -> Result<bool, PublishError> {
        let (author, about) = self.reviewable(turn, digest)?;
        if !self.registry.is_above(self.own_key(), &author) {
            return Err(PublishError::NotBelow(about.division));
        }
        if self.reviewed.contains(digest) {
            return Ok(false);
        }
        let fact = Fact::Reviewed { statement: *digest, at: turn.now.wall };
        self.record(turn, fact).map_err(SayError::from)?;
        Ok(true)
    }

    pub(super) fn apply_reviewed(&mut self, turn: &mut Turn<'_>, statement: &Digest, at: WallMs) {
        self.reviewed.insert(*statement);
        turn.out.puts.put(layout::reviewed(statement), at.0.to_be_bytes().to_vec());
    }

    fn reviewable(&self, turn: &Turn<'_>, digest: &Digest) -> Result<(PublicKey, ReportCard), PublishError> {
        let entry = self.entry_by_digest(turn, digest).map_err(SayError::from)?;
        let about = entry.and_then(|(_, entry)| {
            let report = entry.card.act.report().cloned()?;
            let is_one = !matches!(report.act, ReportAct::Withdraw | ReportAct::Return);
            is_one.then_some((*entry.statement.key(), report))
        });
        about.ok_or(PublishError::NoReport(*digest))
    }

    /// Reports of this node that an upper level sent back and that nothing has taken the place of.
    pub fn sent_back(&self) -> impl Iterator<Item = &Revision> {
        let own = self.own_key();
        let all = self.ledger.disclosures().sent_back();
        all.filter(move |one| self.registry.newest(&one.author) == own)
    }

    /// Held reports of a year from below that nobody here has looked at.
    pub fn unreviewed_count(&self, year: u16) -> usize {
        let own = self.own_key();
        let waits = |chain: &&[Revision]| {
            chain.last().is_some_and(|last| {
                last.state == crate::ledger::RevisionState::Held
                    && !self.reviewed.contains(&last.digest)
                    && self.registry.is_above(own, &last.author)
            })
        };
        self.ledger.disclosures().year(year).filter(waits).count()
    }

    /// The body of findings of a return, checked against its digest; none when it has none or it is not here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn findings_of(store: &dyn Read, report: &ReportCard) -> Step<Option<Vec<u8>>> {
        let Some(named) = report.bodies.iter().find(|body| body.role == BodyRole::Findings) else {
            return Ok(None);
        };
        let Some(body) = PackedBody::read(store, &named.digest)? else { return Ok(None) };
        let content = body.unpack(&named.digest, named.bytes);
        content.map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}
