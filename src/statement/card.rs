//! Cards: what a statement means, in at most 4 KiB (FORMAT.md "Card").

use super::Coarse;
use super::governance::{AgencyKey, Closing, Hosted, Revocation, RosterCard, Rotation};
use super::report::{BodyRef, BodyRole, ReportAct, ReportCard, TEMPLATE_BYTES_MAX};
use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::time::WallMs;
use crate::trust::delegation::Delegation;
use crate::trust::key::{KeyError, PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};

pub use super::refusal::RefusalCode;

/// Longest card in bytes.
pub const CARD_BYTES_MAX: usize = 4096;
/// Longest text of a template in bytes.
const TEXT_BYTES_MAX: u64 = 65_536;
const VERSION: u8 = 1;
const AGENCY_DOMAIN: &[u8] = b"gongshi/agency/v1\n";

/// A card, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Random, so that the digest of a card confirms nothing to who does not have it.
    pub salt: [u8; 32],
    /// The signing key of the statement, again.
    pub key: PublicKey,
    /// What is said.
    pub act: Act,
    /// The agency's own key and its signature over the card, if it has one.
    pub agency: Option<(PublicKey, Signature)>,
}

/// What a card says, by kind. The codes are those of FORMAT.md; other codes are nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// 1: another key may speak for a division.
    Delegate(Box<Delegation>),
    /// 2: a node's own keys follow the ones it had.
    Rotate(Box<Rotation>),
    /// 3: a key is stopped by an ancestor.
    Revoke(Box<Revocation>),
    /// 4: a node, and all below it, goes under another parent.
    Reparent {
        /// The node's signing key.
        node: PublicKey,
        /// Its new parent's signing key.
        parent: PublicKey,
    },
    /// 5: a division's node ends.
    Close(Box<Closing>),
    /// 6: a layout of a table, from this index on.
    Template(TemplateCard),
    /// 7: who owes which report.
    Roster(RosterCard),
    /// 8: a year is announced for one instant and held until then.
    Schedule {
        /// The calendar year of the reports.
        year: u16,
        /// When it is to become public.
        at: WallMs,
    },
    /// 9: a year becomes public at this index.
    Release {
        /// The calendar year of the reports.
        year: u16,
    },
    /// 10: a node publishes for more divisions.
    Host(Box<Hosted>),
    /// 11: rules of the federation.
    Policy(Policy),
    /// 12: the root's answer to an entry it does not accept.
    Refuse {
        /// Whose log the refused entry stands in.
        origin: PublicKey,
        /// Its index there.
        index: u64,
        /// Its digest.
        statement: Digest,
        /// Why.
        code: RefusalCode,
    },
    /// 13: an agency signs its own packages.
    Agency(Box<AgencyKey>),
    /// 32 to 37: about an agency's year.
    Report(Box<ReportCard>),
}

/// A template: its id, and the body that is its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateCard {
    /// The template's id, 1 to 64 bytes; a later card with the same id takes the place of this one.
    pub id: String,
    /// Digest of the body: the bytes of the TOML text (src/template/FORMAT.md).
    pub digest: Digest,
    /// Length of the text in bytes.
    pub bytes: u64,
}

/// Rules of the federation that the root sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// True: nothing of a year is public before its release. False: a year without a schedule is public
    /// when sequenced.
    pub held_until_release: bool,
    /// How many cosigning nodes confirm a checkpoint; 0 shows none.
    pub witness_quorum: u16,
}

/// Why bytes are not a card.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CardError {
    /// Longer than [`CARD_BYTES_MAX`].
    #[error("a card of {0} bytes; at most 4096 are allowed")]
    TooLong(usize),
    /// The layout is not that of a card.
    #[error("not a card: {0}")]
    Layout(#[from] LayoutError),
    /// The agency's signature does not verify.
    #[error("the agency's signature: {0}")]
    Agency(#[from] KeyError),
}

impl Act {
    /// The exact kind's code.
    pub fn kind_code(&self) -> u8 {
        match self {
            Self::Delegate(_) => 1,
            Self::Rotate(_) => 2,
            Self::Revoke(_) => 3,
            Self::Reparent { .. } => 4,
            Self::Close(_) => 5,
            Self::Template(_) => 6,
            Self::Roster(_) => 7,
            Self::Schedule { .. } => 8,
            Self::Release { .. } => 9,
            Self::Host(_) => 10,
            Self::Policy(_) => 11,
            Self::Refuse { .. } => 12,
            Self::Agency(_) => 13,
            Self::Report(report) => report.act.kind_code(),
        }
    }

    /// The coarse kind a statement shows.
    pub const fn coarse(&self) -> Coarse {
        match self {
            Self::Report(_) => Coarse::Report,
            _ => Coarse::Governance,
        }
    }

    /// The report card, if it is one.
    pub fn report(&self) -> Option<&ReportCard> {
        match self {
            Self::Report(report) => Some(report),
            _ => None,
        }
    }

    /// Bodies that travel with the statement to every node: all but a report's attachments.
    pub fn carried_bodies(&self) -> Vec<BodyRef> {
        match self {
            Self::Report(report) => report.carried_bodies().copied().collect(),
            Self::Template(template) => vec![template.body()],
            Self::Roster(roster) => vec![roster.body()],
            Self::Revoke(revocation) => revocation.prose.into_iter().collect(),
            Self::Close(closing) => closing.prose.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        match self {
            Self::Delegate(delegation) => delegation.write(out)?,
            Self::Rotate(rotation) => rotation.write(out),
            Self::Revoke(revocation) => revocation.write(out)?,
            Self::Reparent { node, parent } => {
                out.raw(node.as_bytes()).raw(parent.as_bytes());
            }
            Self::Close(closing) => closing.write(out)?,
            Self::Roster(roster) => roster.write(out)?,
            Self::Host(hosted) => hosted.write(out)?,
            Self::Agency(agency) => agency.write(out)?,
            Self::Template(template) => {
                template.check()?;
                out.text("template", &template.id, TEMPLATE_BYTES_MAX)?;
                out.digest(&template.digest).u64(template.bytes);
            }
            Self::Schedule { year, at } => {
                out.u16(*year).u64(at.0);
            }
            Self::Release { year } => {
                out.u16(*year);
            }
            Self::Policy(policy) => {
                out.u8(u8::from(policy.held_until_release)).u16(policy.witness_quorum);
            }
            Self::Refuse { origin, index, statement, code } => {
                out.raw(origin.as_bytes()).u64(*index).digest(statement).u8(*code as u8);
            }
            Self::Report(report) => report.write(out)?,
        }
        Ok(())
    }

    fn read(kind: u8, input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(match kind {
            1 => Self::Delegate(Box::new(Delegation::read(input)?)),
            2 => Self::Rotate(Box::new(Rotation::read(input)?)),
            3 => Self::Revoke(Box::new(Revocation::read(input)?)),
            4 => Self::Reparent {
                node: PublicKey::from_bytes(input.array("node")?),
                parent: PublicKey::from_bytes(input.array("parent")?),
            },
            5 => Self::Close(Box::new(Closing::read(input)?)),
            7 => Self::Roster(RosterCard::read(input)?),
            10 => Self::Host(Box::new(Hosted::read(input)?)),
            13 => Self::Agency(Box::new(AgencyKey::read(input)?)),
            6 => {
                let template = TemplateCard {
                    id: input.text("template", TEMPLATE_BYTES_MAX)?.to_owned(),
                    digest: input.digest("body digest")?,
                    bytes: input.u64("body length")?,
                };
                template.check()?;
                Self::Template(template)
            }
            8 => Self::Schedule { year: input.u16("year")?, at: WallMs(input.u64("at")?) },
            9 => Self::Release { year: input.u16("year")? },
            11 => Self::Policy(Policy {
                held_until_release: match input.u8("held until release")? {
                    0 => false,
                    1 => true,
                    _ => return Err(LayoutError::invalid("held until release", "not 0 or 1")),
                },
                witness_quorum: input.u16("witness quorum")?,
            }),
            12 => Self::Refuse {
                origin: PublicKey::from_bytes(input.array("origin")?),
                index: input.u64("index")?,
                statement: input.digest("statement")?,
                code: RefusalCode::from_byte(input.u8("code")?)
                    .ok_or(LayoutError::invalid("code", "not a refusal code"))?,
            },
            _ => match ReportAct::from_kind_code(kind) {
                Some(act) => Self::Report(Box::new(ReportCard::read(act, input)?)),
                None => return Err(LayoutError::invalid("kind", "reserved or unknown")),
            },
        })
    }
}

impl TemplateCard {
    /// The text as a body that is never erased.
    pub const fn body(&self) -> BodyRef {
        BodyRef { role: BodyRole::Template, digest: self.digest, bytes: self.bytes }
    }

    /// Asked before writing too, so that nothing is signed that no one reads.
    fn check(&self) -> Result<(), LayoutError> {
        if self.id.is_empty() {
            return Err(LayoutError::invalid("template", "empty"));
        }
        if self.bytes > TEXT_BYTES_MAX {
            return Err(LayoutError::invalid("body length", "more than 65,536"));
        }
        Ok(())
    }
}

impl Card {
    fn write_signed_part(&self) -> Result<Writer, LayoutError> {
        let mut out = Writer::new();
        out.u8(VERSION).raw(&self.salt).u8(self.act.kind_code()).raw(self.key.as_bytes());
        self.act.write(&mut out)?;
        Ok(out)
    }

    /// The bytes that are hashed and carried.
    ///
    /// # Errors
    /// [`CardError`] when a field or the whole is over its bound.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CardError> {
        let mut out = self.write_signed_part()?;
        match &self.agency {
            None => out.u8(0),
            Some((key, signature)) => out.u8(1).raw(key.as_bytes()).raw(signature.as_bytes()),
        };
        let bytes = out.finish();
        if bytes.len() > CARD_BYTES_MAX { Err(CardError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// Adds the agency's own signature: over `gongshi/agency/v1\n` ‖ federation ‖ the card's preceding bytes.
    ///
    /// # Errors
    /// [`CardError`] when a field is over its bound.
    pub fn sign_as_agency(&mut self, secret: &SecretKey, federation: &Digest) -> Result<(), CardError> {
        let message = agency_message(federation, self.write_signed_part()?.so_far());
        self.agency = Some((secret.public(), secret.sign(&message)));
        Ok(())
    }

    /// Parses card bytes.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > CARD_BYTES_MAX {
            return Err(CardError::TooLong(bytes.len()));
        }
        let mut input = Reader::new(bytes);
        if input.u8("version")? != VERSION {
            return Err(LayoutError::invalid("version", "not 1").into());
        }
        let salt = input.array("salt")?;
        let kind = input.u8("kind")?;
        let key = PublicKey::from_bytes(input.array("signing key")?);
        let act = Act::read(kind, &mut input)?;
        let agency = match input.u8("agency signature")? {
            0 => None,
            1 => Some((
                PublicKey::from_bytes(input.array("agency key")?),
                Signature::from_bytes(input.array("agency signature")?),
            )),
            _ => return Err(LayoutError::invalid("agency signature", "not 0 or 1").into()),
        };
        input.finish()?;
        Ok(Self { salt, key, act, agency })
    }

    /// Verifies the agency's signature, if there is one, over the card's bytes as received.
    ///
    /// # Errors
    /// [`CardError::Agency`].
    pub fn verify_agency(&self, federation: &Digest, bytes: &[u8]) -> Result<(), CardError> {
        let Some((key, signature)) = &self.agency else { return Ok(()) };
        // The agency's part is the last 97 bytes: flag, key, signature.
        let signed = bytes.len().checked_sub(97).and_then(|end| bytes.get(..end)).unwrap_or_default();
        Ok(key.verify(&agency_message(federation, signed), signature)?)
    }
}

fn agency_message(federation: &Digest, preceding: &[u8]) -> Vec<u8> {
    [AGENCY_DOMAIN, federation.as_bytes(), preceding].concat()
}
