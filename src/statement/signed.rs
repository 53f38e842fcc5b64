//! Signed packages: what an agency signs at its desk and hands to its node as a file (FORMAT.md "Signed package").
//!
//! The card is the whole of what is signed; the file only carries it and the bodies that it names. Whether the key may sign
//! for the agency is the fold's, whether the bodies are the card's is checked by whoever takes them.

use super::card::{CARD_BYTES_MAX, Card, CardError};
use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::Digest;

/// First bytes of the file.
pub const MAGIC: &[u8] = b"gongshi/signed-package/v1\n";
/// Most bodies that stand before the attachments: package, reason.
const CARRIED_COUNT_MAX: usize = 2;
/// Most attachments.
const ATTACHMENT_COUNT_MAX: usize = crate::package::attachment::ATTACHMENT_COUNT_MAX;
/// Longest carried body in bytes: what a node takes of a package.
pub const CARRIED_BYTES_MAX: u64 = 8 << 20;
/// Longest head in bytes: everything but the attachments' contents.
pub const HEAD_BYTES_MAX: u64 = CARRIED_COUNT_MAX as u64 * CARRIED_BYTES_MAX + 65_536;

/// The head of a signed package: all but the contents of its attachments, which follow in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPackage {
    /// The federation that the signature is for.
    pub federation: Digest,
    /// The card's exact bytes, with the agency's signature.
    pub card: Vec<u8>,
    /// Salt and content of the bodies that travel with the statement, in the card's order.
    pub carried: Vec<([u8; 32], Vec<u8>)>,
    /// Salt and length of each attachment, in the card's order.
    pub attached: Vec<([u8; 32], u64)>,
}

/// Why bytes are not a signed package. Always the fault of whoever made or carried the file.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SignedError {
    /// The file does not begin as one.
    #[error("it does not begin as a signed package")]
    NotOne,
    /// The layout does not hold: cut, or damaged.
    #[error("damaged or cut: {0}")]
    Layout(#[from] LayoutError),
    /// The card, or the agency's signature over it, does not hold.
    #[error("the card does not hold: {0}")]
    Card(#[from] CardError),
    /// Nobody signed it, or it is no report.
    #[error("the card is no report that an agency signed")]
    Unsigned,
}

impl SignedPackage {
    /// The bytes of the head.
    ///
    /// # Errors
    /// [`LayoutError`] when there are more bodies, or longer ones, than a signed package may carry.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LayoutError> {
        let too_much = LayoutError::invalid("bodies", "too many or too long");
        let fits = self.card.len() <= CARD_BYTES_MAX
            && self.carried.len() <= CARRIED_COUNT_MAX
            && self.carried.iter().all(|(_, content)| content.len() as u64 <= CARRIED_BYTES_MAX)
            && self.attached.len() <= ATTACHMENT_COUNT_MAX;
        let count = |list: usize| u8::try_from(list).map_err(|_| too_much.clone());
        if !fits {
            return Err(too_much);
        }
        let mut out = Writer::new();
        out.raw(MAGIC).digest(&self.federation).u32(self.card.len() as u32).raw(&self.card);
        out.u8(count(self.carried.len())?);
        for (salt, content) in &self.carried {
            out.raw(salt).u32(content.len() as u32).raw(content);
        }
        out.u8(count(self.attached.len())?);
        for (salt, bytes) in &self.attached {
            out.raw(salt).u64(*bytes);
        }
        Ok(out.finish())
    }

    /// Reads a head and verifies the agency's signature over the card; the card, and the offset at which the contents
    /// of the attachments begin.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, Card, usize), SignedError> {
        if !bytes.starts_with(MAGIC) {
            return Err(SignedError::NotOne);
        }
        let mut input = Reader::new(bytes);
        input.raw("magic", MAGIC.len())?;
        let federation = input.digest("federation")?;
        let length = input.u32("card length")? as usize;
        if length > CARD_BYTES_MAX {
            return Err(CardError::TooLong(length).into());
        }
        let card_bytes = input.raw("card", length)?.to_vec();
        let mut carried = Vec::new();
        for _ in 0..count(&mut input, CARRIED_COUNT_MAX)? {
            let salt = input.array("salt")?;
            let length = u64::from(input.u32("body length")?);
            if length > CARRIED_BYTES_MAX {
                return Err(LayoutError::invalid("body length", "more than 8 MiB").into());
            }
            carried.push((salt, input.raw("body", length as usize)?.to_vec()));
        }
        let mut attached = Vec::new();
        for _ in 0..count(&mut input, ATTACHMENT_COUNT_MAX)? {
            attached.push((input.array("salt")?, input.u64("attachment length")?));
        }
        let end = input.position();
        let card = Card::parse(&card_bytes)?;
        if card.agency.is_none() || card.act.report().is_none() {
            return Err(SignedError::Unsigned);
        }
        card.verify_agency(&federation, &card_bytes)?;
        Ok((Self { federation, card: card_bytes, carried, attached }, card, end))
    }
}

fn count(input: &mut Reader<'_>, max: usize) -> Result<u8, LayoutError> {
    let count = input.u8("body count")?;
    if usize::from(count) > max { Err(LayoutError::invalid("body count", "too many")) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{Act, ReportCard};
    use crate::trust::key::SecretKey;

    fn signed() -> SignedPackage {
        let federation = Digest::of(&[b"federation"]);
        let report = ReportCard::nil("330282".parse().unwrap(), "农业农村局", 2024);
        let key = SecretKey::from_seed(&[1; 32]).public();
        let mut card = Card { salt: [7; 32], key, act: Act::Report(Box::new(report)), agency: None };
        card.sign_as_agency(&SecretKey::from_seed(&[2; 32]), &federation).unwrap();
        SignedPackage {
            federation,
            card: card.to_bytes().unwrap(),
            carried: vec![([3; 32], b"content".to_vec())],
            attached: vec![([4; 32], 5)],
        }
    }

    #[test]
    fn a_signed_package_round_trips_and_no_cut_or_flipped_bit_of_its_card_passes() {
        let one = signed();
        let bytes = one.to_bytes().unwrap();
        let (read, card, end) = SignedPackage::parse(&bytes).unwrap();
        assert_eq!((read, end), (one, bytes.len()));
        assert_eq!(card.act.report().map(|report| report.year), Some(2024));
        for cut in 0..bytes.len() {
            assert!(SignedPackage::parse(&bytes[..cut]).is_err(), "{cut}");
        }
        let card = MAGIC.len()..bytes.len() - 7 - 36 - 1 - 40 - 1;
        for at in card {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(SignedPackage::parse(&altered).is_err(), "{at}");
        }
    }

    /// The head's bytes never change: the digest of the one above.
    #[test]
    fn the_layout_is_the_one_that_was_published() {
        let bytes = signed().to_bytes().unwrap();
        assert_eq!(bytes.get(..26), Some(MAGIC));
        assert_eq!(bytes.len(), 26 + 32 + 4 + 235 + 1 + 36 + 7 + 1 + 40);
        assert_eq!(
            Digest::of(&[&bytes]).hex(),
            "3ed5b8ed6ad3e3c9d7ef520ffc48b71a9eb0db6da165ada6c0febca57c29c138"
        );
    }
}
