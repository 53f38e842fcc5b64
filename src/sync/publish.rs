//! Publishing: a validated report becomes a statement of our own log.

use super::body::PackedBody;
use super::limits::BODY_BYTES_MAX;
use super::node::Node;
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::RevisionState;
use crate::package::body::{body_digest, content_fingerprint};
use crate::statement::card::RefusalCode;
use crate::statement::{Act, BodyRef, BodyRole, ReportAct, ReportCard, Scope, Status};
use crate::store::layout;

/// A report that passed validation: what the card says, and the package's content.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Submission {
    /// Whose agency it is.
    pub division: DivisionCode,
    /// The agency's name.
    pub agency_name: String,
    /// Its code, or empty.
    pub agency_code: String,
    /// Calendar year.
    pub year: u16,
    /// What it covers.
    pub scope: Scope,
    /// Provisional or final.
    pub status: Status,
    /// Template id, or empty.
    pub template: String,
    /// Published as printed.
    pub as_printed: bool,
    /// The package's content (src/package/FORMAT.md).
    #[serde(with = "serde_bytes")]
    pub content: Vec<u8>,
}

/// What `publish` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Digest of the statement.
    pub digest: Digest,
    /// Revision number.
    pub revision: u32,
    /// False when the same content stood already and nothing was signed.
    pub signed: bool,
}

/// Why a report is not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// This node does not publish for the division.
    #[error("this node does not publish for division {0}")]
    ForeignDivision(DivisionCode),
    /// Another content stands for that agency and year.
    #[error("revision {revision} of that agency and year stands already: {digest}")]
    AlreadyReported {
        /// Digest of what stands.
        digest: Digest,
        /// Its revision.
        revision: u32,
    },
    /// The package is too long.
    #[error("a package of {0} bytes; at most {BODY_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// The statement could not be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

/// The newest revision that counts: waiting or accepted.
struct Standing {
    digest: Digest,
    revision: u32,
}

impl Node {
    /// Publishes a report.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn publish(
        &mut self,
        turn: &mut Turn<'_>,
        submission: &Submission,
    ) -> Result<Published, PublishError> {
        if self.own_refusal.is_some() {
            return Err(SayError::Refused(RefusalCode::NoAuthority).into());
        }
        if !self.may_publish(&submission.division) {
            return Err(PublishError::ForeignDivision(submission.division.clone()));
        }
        if submission.content.len() as u64 > BODY_BYTES_MAX {
            return Err(PublishError::TooLong(submission.content.len()));
        }
        if submission.year > turn.now.wall.year() {
            return Err(SayError::Refused(RefusalCode::BadYear).into());
        }
        let salt = *self.signing.derive(&format!("body salt {} 0", self.own_size()));
        let package = BodyRef {
            role: BodyRole::Package,
            digest: body_digest(&salt, &submission.content),
            bytes: submission.content.len() as u64,
        };
        let mut card = ReportCard {
            act: ReportAct::Submit,
            division: submission.division.clone(),
            agency_name: submission.agency_name.clone(),
            agency_code: submission.agency_code.clone(),
            year: submission.year,
            revision: 1,
            previous: Digest::ZERO,
            scope: submission.scope,
            status: submission.status,
            as_printed: submission.as_printed,
            template: submission.template.clone(),
            reason: 0,
            bodies: vec![package],
        };
        if let Some(standing) = self.standing(turn, &card).map_err(SayError::from)? {
            let same =
                self.fingerprint_of(turn, &standing.digest)? == Some(fingerprint(&card, &submission.content));
            let Standing { digest, revision } = standing;
            return if same {
                Ok(Published { digest, revision, signed: false })
            } else {
                Err(PublishError::AlreadyReported { digest, revision })
            };
        }
        // After a withdrawal or return the chain goes on from what was taken back.
        let disclosures = self.ledger.disclosures();
        if let Some(last) = disclosures.chain(&disclosures.resolve(&card), card.year).last() {
            card.revision = last.revision.saturating_add(1);
            card.previous = last.digest;
        }
        let revision = card.revision;
        turn.keep_body(&package.digest, &PackedBody::pack(salt, &submission.content));
        let entry = self.say(turn, Act::Report(Box::new(card)))?;
        Ok(Published { digest: entry.digest(), revision, signed: true })
    }

    fn standing(
        &self,
        turn: &Turn<'_>,
        card: &ReportCard,
    ) -> Result<Option<Standing>, crate::store::StoreError> {
        let waiting =
            card.ids().into_iter().filter_map(|id| self.waiting.get(&(id, card.year))?.last().copied()).max();
        if let Some(index) = waiting
            && let Some((_, entry)) = self.entry(turn, self.own_key(), index)?
            && let Some(report) = entry.card.act.report()
        {
            return Ok(Some(Standing { digest: entry.digest(), revision: report.revision }));
        }
        let disclosures = self.ledger.disclosures();
        let last = disclosures.chain(&disclosures.resolve(card), card.year).last();
        Ok(last
            .filter(|last| !matches!(last.state, RevisionState::Withdrawn | RevisionState::Returned))
            .map(|last| Standing { digest: last.digest, revision: last.revision }))
    }

    fn fingerprint_of(&self, turn: &Turn<'_>, statement: &Digest) -> Result<Option<Digest>, SayError> {
        let Some((_, entry)) = self.entry_by_digest(turn, statement)? else { return Ok(None) };
        let Some(report) = entry.card.act.report() else { return Ok(None) };
        let Some(package) = report.package() else { return Ok(None) };
        let Some(body) = PackedBody::read(&turn.read(), &package.digest)? else { return Ok(None) };
        let content = body.unpack(&package.digest, package.bytes).ok();
        Ok(content.map(|content| fingerprint(report, &content)))
    }

    /// What became of one of our own statements: its root-log index, its refusal, or neither yet.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn outcome(
        &self,
        turn: &Turn<'_>,
        digest: &Digest,
    ) -> Result<Option<Result<u64, RefusalCode>>, crate::store::StoreError> {
        if let Some(code) = self.own_refused.get(digest) {
            return Ok(Some(Err(*code)));
        }
        let index = turn.get(&layout::sequenced(digest))?;
        if index.is_none() && self.own_refusal.is_some() {
            // Nobody above takes the log of a node without a Delegate, so the root never says this itself.
            return Ok(Some(Err(RefusalCode::NoAuthority)));
        }
        Ok(index.and_then(|index| index.try_into().ok()).map(|index| Ok(u64::from_be_bytes(index))))
    }
}

fn fingerprint(card: &ReportCard, content: &[u8]) -> Digest {
    content_fingerprint(content, &card.agency_id(), card.year, card.scope, card.status, &[])
}
