//! The container: what a bundle's bytes are, before and after its frames. Reading and writing files is an edge's.

use crate::bytes::{LayoutError, Reader, Writer};
use crate::digest::{DIGEST_BYTES, Digest};
use crate::time::WallMs;
use crate::trust::key::{KeyError, PublicKey, SecretKey, Signature};

/// First bytes of a bundle, with the version of the container.
pub const MAGIC: &[u8] = b"gongshi-bundle/1\n";
/// Length of magic and header in bytes.
pub const HEAD_BYTES: usize = MAGIC.len() + 4 * 32 + 8 + 8 + 4;
/// What follows the frames: an empty length, the digest, the signature.
pub const SEAL_BYTES: usize = 4 + DIGEST_BYTES + 64;
/// Largest bundle that is read, in bytes (64 GiB): all that a nation's largest province holds fits.
pub const BUNDLE_BYTES_MAX: u64 = 1 << 36;
/// Most frames in a bundle: packs of 256, so a hundred times what a province ever has.
pub const BUNDLE_FRAMES_MAX: u64 = 1 << 20;
/// What the seal signs in front of the digest.
const DOMAIN: &[u8] = b"gongshi/bundle/v1\n";

/// Who wrote a bundle, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Header {
    /// The federation.
    pub federation: Digest,
    /// Signing key of the node that wrote it.
    pub from: PublicKey,
    /// Signing key of the node that it is for.
    pub to: PublicKey,
    /// The writer's wall clock.
    pub created_at: WallMs,
    /// Root-log leaves that the writer held.
    pub root_size: u64,
    /// The same in all parts of one export is everything but this: 1 for the first.
    pub part: u32,
}

/// Why bytes are not a bundle. All mean the same to who has the file: fetch it again.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ContainerError {
    /// Does not begin as a bundle does, or ends within the header.
    #[error("it does not begin as a bundle does")]
    NotABundle,
    /// The digest at the end is not that of the bytes.
    #[error("its digest does not fit its bytes")]
    Digest,
    /// The signature is not the writer's.
    #[error("its seal is not of the node that it names")]
    Seal,
}

impl Header {
    /// Magic and header.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(MAGIC).digest(&self.federation).raw(self.from.as_bytes()).raw(self.to.as_bytes());
        out.u64(self.created_at.0).u64(self.root_size).digest(&self.set()).u32(self.part);
        out.finish()
    }

    /// What all parts of one export share.
    pub fn set(&self) -> Digest {
        let (created_at, root_size) = (self.created_at.0.to_be_bytes(), self.root_size.to_be_bytes());
        let keys = [self.federation.as_bytes(), self.from.as_bytes(), self.to.as_bytes()];
        Digest::of(&[DOMAIN, keys[0], keys[1], keys[2], &created_at, &root_size])
    }

    /// Reads what [`Header::to_bytes`] writes.
    ///
    /// # Errors
    /// [`ContainerError::NotABundle`].
    pub fn read(bytes: &[u8]) -> Result<Self, ContainerError> {
        let read = || -> Result<Self, LayoutError> {
            let mut input = Reader::new(bytes);
            if input.raw("magic", MAGIC.len())? != MAGIC {
                return Err(LayoutError::invalid("magic", "not a bundle"));
            }
            let header = Self {
                federation: input.digest("federation")?,
                from: PublicKey::from_bytes(input.array("from")?),
                to: PublicKey::from_bytes(input.array("to")?),
                created_at: WallMs(input.u64("created at")?),
                root_size: input.u64("root size")?,
                part: {
                    let _set = input.digest("set")?;
                    input.u32("part")?
                },
            };
            input.finish()?;
            Ok(header)
        };
        read().ok().filter(|header| header.to_bytes() == bytes).ok_or(ContainerError::NotABundle)
    }
}

/// The signature over a bundle's digest.
pub fn seal(digest: &Digest, key: &SecretKey) -> Signature {
    key.sign(&[DOMAIN, digest.as_bytes()].concat())
}

/// Checks what [`seal`] signs.
///
/// # Errors
/// [`ContainerError::Seal`].
pub fn check_seal(digest: &Digest, by: &PublicKey, signature: &Signature) -> Result<(), ContainerError> {
    let checked = by.verify(&[DOMAIN, digest.as_bytes()].concat(), signature);
    checked.map_err(|_: KeyError| ContainerError::Seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::frame::Frame;

    /// The golden bundle: a header, one frame, the seal.
    fn bundle() -> Vec<u8> {
        let key = |seed: u8| SecretKey::from_seed(&[seed; 32]);
        let header = Header {
            federation: key(1).public().id(),
            from: key(2).public(),
            to: key(3).public(),
            created_at: WallMs(1_735_689_600_000),
            root_size: 4,
            part: 1,
        };
        let mut bytes = header.to_bytes();
        assert_eq!((bytes.len(), Header::read(&bytes)), (HEAD_BYTES, Ok(header)));
        let frame = Frame::Introduce { chain: Vec::new() }.to_bytes();
        bytes.extend_from_slice(&u32::try_from(frame.len()).expect("short").to_be_bytes());
        bytes.extend_from_slice(&frame);
        bytes.extend_from_slice(&[0; 4]);
        let digest = Digest::of(&[&bytes]);
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(seal(&digest, &key(2)).as_bytes());
        bytes
    }

    #[test]
    fn the_golden_bundle_is_what_is_written() {
        let golden = include_str!("../../../tests/golden/bundle/introduction.hex");
        let written = data_encoding::HEXLOWER.encode(&bundle());
        assert_eq!(written, golden.split_whitespace().collect::<String>());
    }

    #[test]
    fn bu_1_a_header_with_any_byte_changed_or_missing_is_none() {
        let bytes = bundle();
        let head = bytes.get(..HEAD_BYTES).expect("a header");
        for at in 0..HEAD_BYTES {
            // The part stands outside what the set is a digest of.
            if at < HEAD_BYTES - 4 {
                let mut changed = head.to_vec();
                changed[at] ^= 1;
                assert_eq!(Header::read(&changed), Err(ContainerError::NotABundle), "byte {at}");
            }
            assert_eq!(Header::read(&head[..at]), Err(ContainerError::NotABundle), "{at} bytes");
        }
    }
}
