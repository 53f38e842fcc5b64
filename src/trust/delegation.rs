//! Delegations: one key lets another speak for a division (PROTOCOL.md "Trust").
//!
//! A [`Delegation`] is the content of a `Delegate` card. It promises nothing by itself: whether its issuer may
//! give what it gives is [`crate::trust::chain`]'s business.

use super::key::{PublicKey, SecretKey, Signature};
use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;
use crate::division::{DIVISION_CODE_BYTES_MAX, DivisionCode, Level};
use crate::time::WallMs;
use serde::{Deserialize, Serialize};

/// Longest display name of a division's office in bytes (66 Chinese characters).
pub const NAME_BYTES_MAX: usize = 200;
/// Most addresses a delegation announces.
pub const ADDRESS_COUNT_MAX: usize = 4;
/// Longest `HOST:PORT` in bytes.
pub const ADDRESS_BYTES_MAX: usize = 64;
/// Most divisions a hosting list names; `Host` statements add more.
pub const HOSTING_COUNT_MAX: usize = 300;

/// Which divisions beside its own a node publishes for: towns and county departments have no site of their
/// own, so host and owner differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hosting {
    /// Its own division only.
    Own,
    /// Every division delegated below it.
    Subtree,
    /// Any division of the federation.
    All,
    /// The named divisions, at most [`HOSTING_COUNT_MAX`].
    List(Vec<DivisionCode>),
}

/// A set of statement kinds: bit `n` stands for the kind with code `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds(pub u64);

impl Kinds {
    /// Every kind; what a kind asks of its author beyond that (the root alone, an ancestor) is the fold's rule.
    pub const ALL: Self = Self(u64::MAX);
    /// True when the kind with this code is in the set.
    pub const fn has(self, kind_code: u8) -> bool {
        kind_code < 64 && self.0 & (1 << kind_code) != 0
    }
    /// True when every kind of `self` is in `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

/// What a `Delegate` card says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The key that will sign statements.
    pub signing: PublicKey,
    /// The key that will authenticate QUIC connections.
    pub transport: PublicKey,
    /// Proof of possession of the signing key ([`possession_message`]).
    #[serde(with = "serde_bytes")]
    pub signing_proof: [u8; 64],
    /// Proof of possession of the transport key.
    #[serde(with = "serde_bytes")]
    pub transport_proof: [u8; 64],
    /// Level of the node.
    pub level: Level,
    /// Its own division.
    pub division: DivisionCode,
    /// Display name, at most [`NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// Where it can be dialled, `HOST:PORT`.
    pub addresses: Vec<String>,
    /// What else it publishes for.
    pub hosting: Hosting,
    /// What it may say.
    pub kinds: Kinds,
    /// First millisecond of validity, judged at `sequenced_at`.
    pub not_before: WallMs,
    /// First millisecond after validity.
    pub not_after: WallMs,
    /// The key this one replaces and the last index of its log that stands.
    pub predecessor: Option<(PublicKey, u64)>,
}

/// What both new keys sign to prove possession: `gongshi/possession/v1\n` ‖ federation ‖ issuer's signing key ‖
/// new signing key ‖ new transport key ‖ division code. It names the issuer, so that a proof made for one
/// parent is worth nothing to another.
pub fn possession_message(
    federation: &Digest,
    issuer: &PublicKey,
    signing: &PublicKey,
    transport: &PublicKey,
    division: &DivisionCode,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(b"gongshi/possession/v1\n").digest(federation).raw(issuer.as_bytes());
    writer.raw(signing.as_bytes()).raw(transport.as_bytes()).raw(division.as_str().as_bytes());
    writer.finish()
}

/// Both proofs of possession, made by the owner of the new keys.
pub fn prove_possession(
    federation: &Digest,
    issuer: &PublicKey,
    signing: &SecretKey,
    transport: &SecretKey,
    division: &DivisionCode,
) -> (Signature, Signature) {
    let message = possession_message(federation, issuer, &signing.public(), &transport.public(), division);
    (signing.sign(&message), transport.sign(&message))
}

/// What an agency's new key signs to prove possession: `gongshi/agency-key/v1\n` ‖ federation ‖ issuer's signing key
/// ‖ agency key ‖ division code.
pub fn agency_key_message(
    federation: &Digest,
    issuer: &PublicKey,
    agency: &PublicKey,
    division: &DivisionCode,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(b"gongshi/agency-key/v1\n").digest(federation).raw(issuer.as_bytes());
    writer.raw(agency.as_bytes()).raw(division.as_str().as_bytes());
    writer.finish()
}

impl Delegation {
    /// True when both keys signed for this issuer and division; strictly, so that they are good points too.
    pub fn possession_holds(&self, federation: &Digest, issuer: &PublicKey) -> bool {
        let message = possession_message(federation, issuer, &self.signing, &self.transport, &self.division);
        let holds =
            |key: &PublicKey, proof: &[u8; 64]| key.verify(&message, &Signature::from_bytes(*proof)).is_ok();
        holds(&self.signing, &self.signing_proof) && holds(&self.transport, &self.transport_proof)
    }

    /// Writes the fields of FORMAT.md "Delegate".
    ///
    /// # Errors
    /// [`LayoutError::Invalid`] when a field is over its bound.
    pub fn write(&self, out: &mut Writer) -> Result<(), LayoutError> {
        out.raw(self.signing.as_bytes()).raw(self.transport.as_bytes());
        out.raw(&self.signing_proof).raw(&self.transport_proof);
        out.u8(self.level as u8);
        out.text("division", self.division.as_str(), DIVISION_CODE_BYTES_MAX)?;
        out.text("name", &self.name, NAME_BYTES_MAX)?;
        let address_count = bounded_count("addresses", self.addresses.len(), ADDRESS_COUNT_MAX)?;
        out.u16(address_count);
        for address in &self.addresses {
            out.text("address", address, ADDRESS_BYTES_MAX)?;
        }
        let (tag, codes): (u8, &[DivisionCode]) = match &self.hosting {
            Hosting::Own => (0, &[]),
            Hosting::Subtree => (1, &[]),
            Hosting::All => (2, &[]),
            Hosting::List(codes) => (3, codes),
        };
        out.u8(tag);
        if tag == 3 {
            out.u16(bounded_count("hosting", codes.len(), HOSTING_COUNT_MAX)?);
        }
        for code in codes {
            out.text("hosting", code.as_str(), DIVISION_CODE_BYTES_MAX)?;
        }
        out.u64(self.kinds.0).u64(self.not_before.0).u64(self.not_after.0);
        match &self.predecessor {
            None => out.u8(0),
            Some((key, last)) => out.u8(1).raw(key.as_bytes()).u64(*last),
        };
        Ok(())
    }

    /// Reads what [`Delegation::write`] writes.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn read(input: &mut Reader<'_>) -> Result<Self, LayoutError> {
        let signing = PublicKey::from_bytes(input.array("signing key")?);
        let transport = PublicKey::from_bytes(input.array("transport key")?);
        let signing_proof = input.array("signing proof")?;
        let transport_proof = input.array("transport proof")?;
        let level =
            Level::from_byte(input.u8("level")?).ok_or(LayoutError::invalid("level", "not 1 to 4"))?;
        let division = read_division(input, "division")?;
        let name = input.text("name", NAME_BYTES_MAX)?.to_owned();
        let address_count = read_count(input, "addresses", ADDRESS_COUNT_MAX)?;
        let addresses = (0..address_count)
            .map(|_| input.text("address", ADDRESS_BYTES_MAX).map(str::to_owned))
            .collect::<Result<_, _>>()?;
        let hosting = match input.u8("hosting")? {
            0 => Hosting::Own,
            1 => Hosting::Subtree,
            2 => Hosting::All,
            3 => {
                let count = read_count(input, "hosting", HOSTING_COUNT_MAX)?;
                let codes = (0..count).map(|_| read_division(input, "hosting")).collect::<Result<_, _>>()?;
                Hosting::List(codes)
            }
            _ => return Err(LayoutError::invalid("hosting", "not 0 to 3")),
        };
        let kinds = Kinds(input.u64("kinds")?);
        let not_before = WallMs(input.u64("not before")?);
        let not_after = WallMs(input.u64("not after")?);
        let predecessor = match input.u8("predecessor")? {
            0 => None,
            1 => Some((PublicKey::from_bytes(input.array("predecessor")?), input.u64("last index")?)),
            _ => return Err(LayoutError::invalid("predecessor", "not 0 or 1")),
        };
        Ok(Self {
            signing,
            transport,
            signing_proof,
            transport_proof,
            level,
            division,
            name,
            addresses,
            hosting,
            kinds,
            not_before,
            not_after,
            predecessor,
        })
    }
}

fn bounded_count(field: &'static str, count: usize, max: usize) -> Result<u16, LayoutError> {
    u16::try_from(count).ok().filter(|_| count <= max).ok_or(LayoutError::invalid(field, "too many"))
}

fn read_count(input: &mut Reader<'_>, field: &'static str, max: usize) -> Result<u16, LayoutError> {
    let count = input.u16(field)?;
    if usize::from(count) > max { Err(LayoutError::invalid(field, "too many")) } else { Ok(count) }
}

/// Reads a division code field.
///
/// # Errors
/// [`LayoutError`].
pub fn read_division(input: &mut Reader<'_>, field: &'static str) -> Result<DivisionCode, LayoutError> {
    let text = input.text(field, DIVISION_CODE_BYTES_MAX)?;
    text.parse().map_err(|_| LayoutError::invalid(field, "not a division code"))
}
