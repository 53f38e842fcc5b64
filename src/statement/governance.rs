//! Governance cards about the tree of nodes: keys that follow keys, keys that are stopped, nodes that move
//! (FORMAT.md "Card"). Layouts only; who may say them and what they do is the fold's.

use super::report::{AGENCY_CODE_BYTES_MAX, AGENCY_NAME_BYTES_MAX, BodyRef, BodyRole};
use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::division::{DIVISION_CODE_BYTES_MAX, DivisionCode};
use crate::time::WallMs;
use crate::trust::delegation::{HOSTING_COUNT_MAX, read_division};
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};

/// Longest reason in prose, in bytes.
pub const REASON_BYTES_MAX: u64 = 65_536;
/// Longest roster in bytes: 13,000 agencies of a province at some 300 bytes each fit twice.
pub const ROSTER_BYTES_MAX: u64 = 8 << 20;
/// Most divisions that one closed division is split into.
pub const SUCCESSOR_COUNT_MAX: usize = 64;

/// A node's own keys follow the ones it had; the last entry of the log that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The key that signs statements from now on, in a log of its own.
    pub signing: PublicKey,
    /// The key that authenticates connections from now on; may be the one there was.
    pub transport: PublicKey,
    /// Proof of possession of the signing key, made for the key that signs this card.
    pub signing_proof: [u8; 64],
    /// Proof of possession of the transport key.
    pub transport_proof: [u8; 64],
}

/// A key is stopped by an ancestor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The key that is stopped.
    pub origin: PublicKey,
    /// The last index of its log that the revoker vouches for; none for nothing at all.
    pub last: Option<u64>,
    /// Why: a code of FORMAT.md.
    pub reason: u8,
    /// Why, in prose.
    pub prose: Option<BodyRef>,
}

/// A division's node ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The division.
    pub division: DivisionCode,
    /// The last index of its node's log that stands; none for nothing beyond what is sequenced by then.
    pub last: Option<u64>,
    /// The divisions that go on with its duties: one for a renaming or merger, several for a split, or none.
    pub successors: Vec<DivisionCode>,
    /// Why, in prose.
    pub prose: Option<BodyRef>,
}

/// Who owes which report by when, for a division and all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterCard {
    /// The division at the top.
    pub division: DivisionCode,
    /// Digest of the body: the roster's text.
    pub digest: Digest,
    /// Its length in bytes, at most [`ROSTER_BYTES_MAX`].
    pub bytes: u64,
}

/// A node publishes for more divisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosted {
    /// The node's signing key.
    pub node: PublicKey,
    /// The divisions, 1 to 300.
    pub divisions: Vec<DivisionCode>,
}

/// An agency signs its own packages: from now on a report of that agency must carry a signature by one of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgencyKey {
    /// The agency's key; it signs cards and nothing else.
    pub key: PublicKey,
    /// Proof of possession, made for the key that signs this card.
    #[serde(with = "serde_bytes")]
    pub proof: [u8; 64],
    /// Whose agency it is.
    pub division: DivisionCode,
    /// Its name, as reports give it.
    pub agency_name: String,
    /// Its code, or empty.
    pub agency_code: String,
    /// First millisecond of validity, judged at `sequenced_at`.
    pub not_before: WallMs,
    /// First millisecond after validity.
    pub not_after: WallMs,
}

impl Rotation {
    pub(super) fn write(&self, out: &mut Writer) {
        out.raw(self.signing.as_bytes()).raw(self.transport.as_bytes());
        out.raw(&self.signing_proof).raw(&self.transport_proof);
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            signing: PublicKey::from_bytes(input.array("signing key")?),
            transport: PublicKey::from_bytes(input.array("transport key")?),
            signing_proof: input.array("signing proof")?,
            transport_proof: input.array("transport proof")?,
        })
    }
}

impl Revocation {
    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        out.raw(self.origin.as_bytes());
        write_last(self.last, out);
        out.u8(self.reason);
        write_prose(self.prose.as_ref(), out)
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            origin: PublicKey::from_bytes(input.array("origin")?),
            last: read_last(input)?,
            reason: input.u8("reason")?,
            prose: read_prose(input)?,
        })
    }
}

impl Closing {
    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        write_last(self.last, out);
        write_divisions("successors", &self.successors, SUCCESSOR_COUNT_MAX, out)?;
        write_prose(self.prose.as_ref(), out)
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            division: read_division(input, "division")?,
            last: read_last(input)?,
            successors: read_divisions("successors", SUCCESSOR_COUNT_MAX, input)?,
            prose: read_prose(input)?,
        })
    }
}

impl RosterCard {
    /// The text as a body that is never erased.
    pub const fn body(&self) -> BodyRef {
        BodyRef { role: BodyRole::Roster, digest: self.digest, bytes: self.bytes }
    }

    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        self.check()?;
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        out.digest(&self.digest).u64(self.bytes);
        Ok(())
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let roster = Self {
            division: read_division(input, "division")?,
            digest: input.digest("body digest")?,
            bytes: input.u64("body length")?,
        };
        roster.check()?;
        Ok(roster)
    }

    /// Asked before writing too, so that nothing is signed that no one reads.
    const fn check(&self) -> Result<(), LayoutError> {
        if self.bytes > ROSTER_BYTES_MAX {
            return Err(LayoutError::invalid("body length", "more than 8 MiB"));
        }
        Ok(())
    }
}

impl Hosted {
    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        out.raw(self.node.as_bytes());
        write_divisions("divisions", &self.divisions, HOSTING_COUNT_MAX, out)
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let node = PublicKey::from_bytes(input.array("node")?);
        Ok(Self { node, divisions: read_divisions("divisions", HOSTING_COUNT_MAX, input)? })
    }
}

impl AgencyKey {
    pub(super) fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        self.check()?;
        out.raw(self.key.as_bytes()).raw(&self.proof);
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        out.text("agency name", &self.agency_name, AGENCY_NAME_BYTES_MAX)?;
        out.text("agency code", &self.agency_code, AGENCY_CODE_BYTES_MAX)?;
        out.u64(self.not_before.0).u64(self.not_after.0);
        Ok(())
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let agency = Self {
            key: PublicKey::from_bytes(input.array("agency key")?),
            proof: input.array("agency proof")?,
            division: read_division(input, "division")?,
            agency_name: input.text("agency name", AGENCY_NAME_BYTES_MAX)?.to_owned(),
            agency_code: input.text("agency code", AGENCY_CODE_BYTES_MAX)?.to_owned(),
            not_before: WallMs(input.u64("not before")?),
            not_after: WallMs(input.u64("not after")?),
        };
        agency.check()?;
        Ok(agency)
    }

    fn check(&self) -> Result<(), LayoutError> {
        if self.agency_name.is_empty() {
            return Err(LayoutError::invalid("agency name", "empty"));
        }
        // A colon would make the code the id of an agency that is known by name.
        if !self.agency_code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(LayoutError::invalid("agency code", "not ASCII letters and digits"));
        }
        Ok(())
    }
}

fn write_last(last: Option<u64>, out: &mut Writer) {
    match last {
        None => out.u8(0),
        Some(last) => out.u8(1).u64(last),
    };
}

fn read_last(input: &mut Reader<'_>) -> Result<Option<u64>, LayoutError> {
    match input.u8("last")? {
        0 => Ok(None),
        1 => Ok(Some(input.u64("last index")?)),
        _ => Err(LayoutError::invalid("last", "not 0 or 1")),
    }
}

fn write_prose(prose: Option<&BodyRef>, out: &mut Writer) -> Result<(), LayoutError> {
    match prose {
        None => out.u8(0),
        Some(body) if body.bytes > REASON_BYTES_MAX => {
            return Err(LayoutError::invalid("reason length", "more than 65,536"));
        }
        Some(body) => out.u8(1).digest(&body.digest).u64(body.bytes),
    };
    Ok(())
}

fn read_prose(input: &mut Reader<'_>) -> Result<Option<BodyRef>, LayoutError> {
    match input.u8("reason in prose")? {
        0 => Ok(None),
        1 => {
            let (digest, bytes) = (input.digest("reason digest")?, input.u64("reason length")?);
            if bytes > REASON_BYTES_MAX {
                return Err(LayoutError::invalid("reason length", "more than 65,536"));
            }
            Ok(Some(BodyRef { role: BodyRole::Reason, digest, bytes }))
        }
        _ => Err(LayoutError::invalid("reason in prose", "not 0 or 1")),
    }
}

fn write_divisions(
    field: &'static str,
    codes: &[DivisionCode],
    max: usize,
    out: &mut Writer,
) -> Result<(), LayoutError> {
    let count = u16::try_from(codes.len()).ok().filter(|_| codes.len() <= max);
    out.u16(count.ok_or(LayoutError::invalid(field, "too many"))?);
    for code in codes {
        out.text(field, code.as_str(), DIVISION_CODE_BYTES_MAX)?;
    }
    Ok(())
}

fn read_divisions(
    field: &'static str,
    max: usize,
    input: &mut Reader<'_>,
) -> Result<Vec<DivisionCode>, LayoutError> {
    let count = input.u16(field)?;
    if usize::from(count) > max {
        return Err(LayoutError::invalid(field, "too many"));
    }
    (0..count).map(|_| read_division(input, field)).collect()
}
