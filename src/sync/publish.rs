//! Publishing: a validated report becomes a statement of our own log.

use super::body::PackedBody;
use super::limits::BODY_BYTES_MAX;
use super::node::Node;
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::RevisionState;
use crate::package::attachment::{ATTACHMENT_COUNT_MAX, attachments_of};
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
    /// Attachments that are kept already, in the order in which the content names them.
    pub attachments: Vec<Attached>,
}

/// An attachment that this node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attached {
    /// The body's digest.
    pub digest: Digest,
    /// Length of the content in bytes.
    pub bytes: u64,
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
    /// The agency's name cannot be one.
    #[error(transparent)]
    BadName(crate::agency::AgencyError),
    /// The reason is empty or too long.
    #[error("a reason of 1 to {REASON_BYTES_MAX} bytes must be given")]
    BadReason,
    /// Another revision is the newest of that agency and year.
    #[error("{0} is not the newest revision of its agency and year, {1} is")]
    NotNewest(Digest, Digest),
    /// It waits for its place in the root log.
    #[error("{0} is not sequenced yet")]
    NotSequenced(Digest),
    /// Its author does not stand below this node.
    #[error("the node that published for {0} does not stand below this one")]
    NotBelow(DivisionCode),
    /// It is no report that this node holds.
    #[error("{0} is no report held here")]
    NoReport(Digest),
    /// An attachment is not kept here, or its content does not name it so.
    #[error("attachment {0} is not kept here, or is not as the report names it")]
    NoAttachment(Digest),
    /// More attachments than a card names.
    #[error("{0} attachments; at most {ATTACHMENT_COUNT_MAX} are allowed")]
    TooManyAttachments(usize),
    /// The agency has keys and signs its own packages; a node alone does not publish for it.
    #[error("{0} signs its own packages")]
    AgencySigns(String),
    /// A signed package that this node cannot take.
    #[error(transparent)]
    Signed(#[from] super::agency::SignedRefusal),
    /// The statement could not be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

/// Reason code of a correction or withdrawal: the reason stands in prose in the card's body of role 3.
pub const REASON_IN_PROSE: u8 = 1;
/// Longest reason in prose, in bytes.
pub const REASON_BYTES_MAX: usize = 4_096;

/// The newest revision of an agency's year: waiting or accepted.
pub(super) struct Newest {
    pub(super) digest: Digest,
    pub(super) revision: u32,
    /// False when it is taken back, or sent back before it was public: then the chain goes on from it, and nothing
    /// stands.
    pub(super) stands: bool,
    /// It was sent back: it is no barrier to what takes its place.
    pub(super) sent_back: bool,
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
        self.report(turn, submission, None)
    }

    /// Publishes the next revision of a report that stands, and why.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn correct(
        &mut self,
        turn: &mut Turn<'_>,
        submission: &Submission,
        reason: &str,
    ) -> Result<Published, PublishError> {
        self.report(turn, submission, Some(reason))
    }

    fn report(
        &mut self,
        turn: &mut Turn<'_>,
        submission: &Submission,
        correction: Option<&str>,
    ) -> Result<Published, PublishError> {
        self.may_say_of(&submission.division)?;
        if submission.content.len() as u64 > BODY_BYTES_MAX {
            return Err(PublishError::TooLong(submission.content.len()));
        }
        if submission.year > turn.now.wall.year() {
            return Err(SayError::Refused(RefusalCode::BadYear).into());
        }
        self.check_attachments(turn, &submission.content, &submission.attachments)?;
        let (package, packed) = self.body(BodyRole::Package, 0, &submission.content);
        let mut card = ReportCard {
            act: ReportAct::Submit,
            agency_code: submission.agency_code.clone(),
            scope: submission.scope,
            status: submission.status,
            as_printed: submission.as_printed,
            template: submission.template.clone(),
            bodies: vec![package],
            ..ReportCard::nil(submission.division.clone(), submission.agency_name.as_str(), submission.year)
        };
        let newest = self.newest(turn, &card).map_err(SayError::from)?;
        if let Some(Newest { digest, revision, stands: true, sent_back }) = newest {
            let same = self.fingerprint_of(turn, &digest)? == Some(fingerprint(&card, &submission.content));
            if same {
                return Ok(Published { digest, revision, signed: false });
            }
            if correction.is_none() && !sent_back {
                return Err(PublishError::AlreadyReported { digest, revision });
            }
        } else if correction.is_some() && !newest.as_ref().is_some_and(|newest| newest.sent_back) {
            return Err(SayError::Refused(RefusalCode::NothingToChange).into());
        }
        if let Some(newest) = newest {
            card.revision = newest.revision.saturating_add(1);
            card.previous = newest.digest;
        }
        if let Some(reason) = correction {
            card.act = ReportAct::Correct;
            self.give_reason(turn, &mut card, reason)?;
        }
        self.agency_signs(&card, None)?;
        let attached = submission.attachments.iter();
        card.bodies.extend(attached.map(|Attached { digest, bytes }| BodyRef {
            role: BodyRole::Attachment,
            digest: *digest,
            bytes: *bytes,
        }));
        let revision = card.revision;
        turn.keep_body(&package.digest, &packed);
        let entry = self.say(turn, Act::Report(Box::new(card)))?;
        Ok(Published { digest: entry.digest(), revision, signed: true })
    }

    /// Whether this node may say something about an agency of that division, as far as it knows now.
    pub(super) fn may_say_of(&self, division: &DivisionCode) -> Result<(), PublishError> {
        if self.own_refusal.is_some() {
            return Err(SayError::Refused(RefusalCode::NoAuthority).into());
        }
        // By the root's clock, which decides: a wrong clock here stops nobody.
        if self.has_expired() {
            return Err(SayError::Refused(RefusalCode::OutsideValidity).into());
        }
        if self.may_publish(division) { Ok(()) } else { Err(PublishError::ForeignDivision(division.clone())) }
    }

    /// The `at`th body of our next statement.
    pub(super) fn body(&self, role: BodyRole, at: usize, content: &[u8]) -> (BodyRef, PackedBody) {
        let salt = *self.signing.derive(&format!("body salt {} {at}", self.own_size()));
        let named = BodyRef { role, digest: body_digest(&salt, content), bytes: content.len() as u64 };
        (named, PackedBody::pack(salt, content))
    }

    /// Adds a reason in prose to a card.
    pub(super) fn give_reason(
        &self,
        turn: &mut Turn<'_>,
        card: &mut ReportCard,
        reason: &str,
    ) -> Result<(), PublishError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
            return Err(PublishError::BadReason);
        }
        let (named, packed) = self.body(BodyRole::Reason, card.bodies.len(), reason.as_bytes());
        turn.keep_body(&named.digest, &packed);
        card.reason = REASON_IN_PROSE;
        card.bodies.push(named);
        Ok(())
    }

    pub(super) fn newest(
        &self,
        turn: &Turn<'_>,
        card: &ReportCard,
    ) -> Result<Option<Newest>, crate::store::StoreError> {
        let waiting =
            card.ids().into_iter().filter_map(|id| self.waiting.get(&(id, card.year))?.last().copied()).max();
        if let Some(index) = waiting
            && let Some((_, entry)) = self.entry(turn, self.own_key(), index)?
            && let Some(report) = entry.card.act.report()
        {
            let stands = !matches!(report.act, ReportAct::Withdraw | ReportAct::Return);
            let digest = if stands { entry.digest() } else { report.previous };
            let sent_back = report.act == ReportAct::Return;
            return Ok(Some(Newest { digest, revision: report.revision, stands, sent_back }));
        }
        let disclosures = self.ledger.disclosures();
        let last = disclosures.chain(&disclosures.resolve(card), card.year).last();
        Ok(last.map(|last| Newest {
            digest: last.digest,
            revision: last.revision,
            stands: !matches!(last.state, RevisionState::Withdrawn | RevisionState::Returned),
            sent_back: last.state != RevisionState::Withdrawn && last.returned.is_some(),
        }))
    }

    pub(super) fn fingerprint_of(
        &self,
        turn: &Turn<'_>,
        statement: &Digest,
    ) -> Result<Option<Digest>, SayError> {
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

pub(super) fn fingerprint(card: &ReportCard, content: &[u8]) -> Digest {
    let attached: Vec<Digest> = attachments_of(content).iter().map(|attachment| attachment.sha256).collect();
    content_fingerprint(content, &card.agency_id(), card.year, card.scope, card.status, &attached)
}
