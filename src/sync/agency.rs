//! Agencies that sign their own packages: what a node tells their desk, and how it submits what they signed.
//!
//! The desk has a key and no node. What it signs is a whole card, made for one node's key; the node adds nothing but its own
//! statement. Every rule is asked here first, so that a refusal is told to who can do something about it; the root's fold
//! decides all the same.

use super::body::PackedBody;
use super::node::Node;
use super::publish::{Attached, PublishError, Published, fingerprint};
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::Given;
use crate::statement::card::RefusalCode;
use crate::statement::{BodyRole, Card, ReportAct, ReportCard};
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// Why a signed package is not submitted.
#[derive(Debug, thiserror::Error)]
pub enum SignedRefusal {
    /// No agency's signature that holds in this federation.
    #[error("no agency of this federation signed it")]
    NotSigned,
    /// It was made for another node, or for a key that this one had before.
    #[error("it was signed for another node, or for a key that this node no longer has")]
    OtherNode,
    /// The key is none of that agency's.
    #[error("key {0} is none of {1}")]
    ForeignKey(PublicKey, String),
    /// The key was revoked.
    #[error("key {0} was revoked")]
    RevokedKey(PublicKey),
    /// The key is not valid now.
    #[error("key {key} is valid from {from} until {until}")]
    OutsideValidity {
        /// The key.
        key: PublicKey,
        /// First millisecond of its validity.
        from: WallMs,
        /// First millisecond after.
        until: WallMs,
    },
    /// It does not follow what stands.
    #[error("revision {found} was signed where {expected} comes next")]
    NotNext {
        /// The revision of the card.
        found: u32,
        /// The revision that comes next.
        expected: u32,
    },
    /// A body is not the one that the card names.
    #[error("body {0} is not the one that was signed")]
    OtherBody(usize),
}

impl Node {
    /// The root's time as far as it is known here: that of its newest entry or renewed checkpoint. Nothing else is known
    /// that decides about validity.
    pub fn root_time(&self) -> WallMs {
        let renewed = self.checkpoint_note().map_or(0, |(note, _)| self.renewed_at(note));
        self.ledger.sequenced_at().max(WallMs(renewed.saturating_mul(1000)))
    }

    /// True when our own delegation has ended by the root's time. What has not begun there yet is the root's to say: a
    /// node that was just enrolled may not have heard of any time.
    pub(super) fn has_expired(&self) -> bool {
        self.registry.delegation(self.own_key()).is_some_and(|own| own.not_after <= self.root_time())
    }

    /// That an agency which has keys signed this with one that is valid now; a node alone publishes for the others.
    pub(super) fn agency_signs(
        &self,
        card: &ReportCard,
        signed_by: Option<&PublicKey>,
    ) -> Result<(), PublishError> {
        let at = self.root_time();
        let agencies = self.ledger.agencies();
        if agencies.judge(card, signed_by, at).is_ok() {
            return Ok(());
        }
        let Some(signer) = signed_by else { return Err(PublishError::AgencySigns(card.agency_name.clone())) };
        let of = |given: &&Given| given.agency.key == *signer;
        let refusal = match agencies.all().find(of) {
            Some(given) if given.revoked => SignedRefusal::RevokedKey(*signer),
            Some(Given { agency, .. })
                if agencies
                    .of(&card.division, &card.agency_name, &card.agency_code)
                    .iter()
                    .any(|given| given.agency.key == *signer) =>
            {
                SignedRefusal::OutsideValidity {
                    key: *signer,
                    from: agency.not_before,
                    until: agency.not_after,
                }
            }
            _ => SignedRefusal::ForeignKey(*signer, card.agency_name.clone()),
        };
        Err(refusal.into())
    }

    /// Submits what an agency signed: the exact card, its bodies in the card's order, and attachments that are kept
    /// already. The same again signs nothing.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn submit_signed(
        &mut self,
        turn: &mut Turn<'_>,
        card_bytes: &[u8],
        bodies: &[PackedBody],
    ) -> Result<Published, PublishError> {
        let card = Card::parse(card_bytes).map_err(|_| SignedRefusal::NotSigned)?;
        let (Some(report), Some((signer, _))) = (card.act.report().cloned(), card.agency) else {
            return Err(SignedRefusal::NotSigned.into());
        };
        if report.act == ReportAct::Return || card.verify_agency(&self.federation(), card_bytes).is_err() {
            return Err(SignedRefusal::NotSigned.into());
        }
        self.may_say_of(&report.division)?;
        let content = unpack(&report, bodies)?;
        if let Some(stands) = self.said_before(turn, &report, &Digest::of(&[card_bytes]))? {
            return Ok(stands);
        }
        if card.key != *self.own_key() {
            return Err(SignedRefusal::OtherNode.into());
        }
        self.agency_signs(&report, Some(&signer))?;
        if !(1949..=turn.now.wall.year()).contains(&report.year) {
            return Err(SayError::Refused(RefusalCode::BadYear).into());
        }
        if let Some(stands) = self.follows(turn, &report, &content)? {
            return Ok(stands);
        }
        let attached = report.bodies.iter().filter(|body| body.role == BodyRole::Attachment);
        let attached: Vec<Attached> =
            attached.map(|body| Attached { digest: body.digest, bytes: body.bytes }).collect();
        self.check_attachments(turn, &content, &attached)?;
        for (named, packed) in report.carried_bodies().zip(bodies) {
            turn.keep_body(&named.digest, packed);
        }
        let entry = self.say_card(turn, card)?;
        Ok(Published { digest: entry.digest(), revision: report.revision, signed: true })
    }

    /// The statement that carries this very card, if there is one.
    fn said_before(
        &self,
        turn: &Turn<'_>,
        report: &ReportCard,
        card: &Digest,
    ) -> Result<Option<Published>, PublishError> {
        let waiting =
            report.ids().into_iter().filter_map(|id| self.waiting.get(&(id, report.year))).flatten();
        for index in waiting {
            if let Some((_, entry)) = self.entry(turn, self.own_key(), *index).map_err(SayError::from)?
                && entry.statement.card() == card
            {
                let revision = report.revision;
                return Ok(Some(Published { digest: entry.digest(), revision, signed: false }));
            }
        }
        let disclosures = self.ledger.disclosures();
        for row in disclosures.chain(&disclosures.resolve(report), report.year) {
            let said = [Some(row.digest), row.withdrawn.map(|(_, by, _)| by)];
            for digest in said.into_iter().flatten() {
                let entry = self.entry_by_digest(turn, &digest).map_err(SayError::from)?;
                if entry.is_some_and(|(_, entry)| entry.statement.card() == card) {
                    return Ok(Some(Published { digest, revision: row.revision, signed: false }));
                }
            }
        }
        Ok(None)
    }

    /// That a card is the next of its agency's year. What stands, when it is the same content.
    fn follows(
        &self,
        turn: &Turn<'_>,
        report: &ReportCard,
        content: &[u8],
    ) -> Result<Option<Published>, PublishError> {
        let newest = self.newest(turn, report).map_err(SayError::from)?;
        let stands = newest.as_ref().filter(|newest| newest.stands);
        let next = newest
            .as_ref()
            .map_or((1, Digest::ZERO), |newest| (newest.revision.saturating_add(1), newest.digest));
        let expected = match (report.act, stands) {
            (ReportAct::Withdraw, Some(newest)) => (newest.revision, newest.digest),
            (ReportAct::Withdraw | ReportAct::Correct, None) => {
                return Err(SayError::Refused(RefusalCode::NothingToChange).into());
            }
            (ReportAct::Correct, Some(_)) | (_, None) => next,
            (_, Some(newest)) => {
                let same = report.package().is_some()
                    && self.fingerprint_of(turn, &newest.digest)? == Some(fingerprint(report, content));
                let (digest, revision) = (newest.digest, newest.revision);
                if same {
                    return Ok(Some(Published { digest, revision, signed: false }));
                }
                if !newest.sent_back {
                    return Err(PublishError::AlreadyReported { digest, revision });
                }
                next
            }
        };
        if (report.revision, report.previous) == expected {
            return Ok(None);
        }
        Err(SignedRefusal::NotNext { found: report.revision, expected: expected.0 }.into())
    }

    /// What an agency's desk must know to sign for a year: the revision that stands, and its statement; the number and
    /// the predecessor that come next otherwise.
    ///
    /// # Errors
    /// [`SayError::Store`].
    pub fn desk_year(
        &self,
        turn: &Turn<'_>,
        agency: &ReportCard,
    ) -> Result<Option<(Digest, u32, bool)>, SayError> {
        Ok(self.newest(turn, agency)?.map(|newest| (newest.digest, newest.revision, newest.stands)))
    }
}

/// The card of an agency's year without figures, to ask by.
pub fn agency_year(agency: &crate::statement::governance::AgencyKey, year: u16) -> ReportCard {
    let agency_code = agency.agency_code.clone();
    ReportCard { agency_code, ..ReportCard::nil(agency.division.clone(), agency.agency_name.as_str(), year) }
}

/// The package's content; every body is checked against what the card names.
fn unpack(report: &ReportCard, bodies: &[PackedBody]) -> Result<Vec<u8>, PublishError> {
    let named: Vec<_> = report.carried_bodies().collect();
    if named.len() != bodies.len() {
        return Err(SignedRefusal::OtherBody(bodies.len()).into());
    }
    let mut package = Vec::new();
    for (at, (named, packed)) in named.into_iter().zip(bodies).enumerate() {
        let content = packed.unpack(&named.digest, named.bytes).map_err(|_| SignedRefusal::OtherBody(at))?;
        if named.role == BodyRole::Package {
            package = content;
        }
    }
    Ok(package)
}
