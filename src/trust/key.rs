//! Ed25519 keys and signatures (RFC 8032): the only file that names the signature library.
//!
//! One way in: [`PublicKey::verify`] is strict (RFC 8032 §5.1.7 cofactorless, canonical points, no small-order
//! keys), so that every node gives the same verdict on every signature. Keys are compared as bytes.

use crate::digest::Digest;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// A 32-byte Ed25519 public key, as bytes. Holding one says nothing about it being a good point:
/// [`PublicKey::checked`] and [`PublicKey::verify`] do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublicKey([u8; 32]);

/// A 64-byte Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A signing key. Not `Debug`, not `Clone`, wiped when dropped.
pub struct SecretKey(SigningKey);

/// Why a key or signature was not accepted.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not a canonical point of the curve, or one of small order.
    #[error("not a valid Ed25519 public key")]
    BadKey,
    /// The signature does not verify (strict).
    #[error("the signature does not verify")]
    BadSignature,
    /// A key file or SubjectPublicKeyInfo cannot be read.
    #[error("not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo form")]
    BadEncoding,
}

impl PublicKey {
    /// A key from its bytes, unchecked.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// The key id: SHA-256 of the 32 bytes.
    pub fn id(&self) -> Digest {
        Digest::of(&[&self.0])
    }
    /// The point, if the bytes are its canonical encoding: the library keeps the bytes it was given, so that a y
    /// of 2^255 - 19 or more has to be seen here.
    fn point(&self) -> Result<VerifyingKey, KeyError> {
        let [low, middle @ .., high] = self.0;
        let reduced = low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff);
        let point = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::BadKey)?;
        if reduced { Ok(point) } else { Err(KeyError::BadKey) }
    }
    /// Refuses keys that must never be registered: not on the curve, not canonical, small order.
    ///
    /// # Errors
    /// [`KeyError::BadKey`].
    pub fn checked(self) -> Result<Self, KeyError> {
        if self.point()?.is_weak() { Err(KeyError::BadKey) } else { Ok(self) }
    }
    /// Verifies `signature` over `message`, strictly.
    ///
    /// # Errors
    /// [`KeyError::BadKey`] or [`KeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let key = self.point()?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
    }
    /// SubjectPublicKeyInfo DER (RFC 8410), as TLS raw public keys carry it (RFC 7250).
    ///
    /// # Errors
    /// [`KeyError::BadKey`].
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        let key = self.point()?;
        Ok(key.to_public_key_der().map_err(|_| KeyError::BadEncoding)?.into_vec())
    }
    /// Reads what [`PublicKey::to_spki_der`] writes and refuses weak keys.
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`] or [`KeyError::BadKey`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_der(der).map_err(|_| KeyError::BadEncoding)?;
        Self(key.to_bytes()).checked()
    }
}

impl Signature {
    /// A signature from its bytes.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl SecretKey {
    /// The key of a 32-byte seed; randomness is the caller's, who stands at an edge.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }
    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
    /// Signs `message`. Callers put a domain line (`gongshi/.../v1\n`) in front; no function of this project
    /// signs bytes that a peer chose alone.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
    /// A secret derived from this key for one named purpose: SHA-256(`gongshi/derive/v1\n` ‖ purpose ‖ `\n` ‖ seed).
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let seed = Zeroizing::new(self.0.to_bytes());
        let digest = Digest::of(&[b"gongshi/derive/v1\n", purpose.as_bytes(), b"\n", seed.as_slice()]);
        Zeroizing::new(*digest.as_bytes())
    }
    /// PKCS#8 DER, for the TLS stack.
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`].
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let der = self.0.to_pkcs8_der().map_err(|_| KeyError::BadEncoding)?;
        Ok(Zeroizing::new(der.as_bytes().to_vec()))
    }
    /// Reads what [`SecretKey::to_pkcs8_der`] writes.
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_der(der).map(Self).map_err(|_| KeyError::BadEncoding)
    }
    /// PKCS#8 PEM, for key files.
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let ending = ed25519_dalek::pkcs8::spki::der::pem::LineEnding::LF;
        self.0.to_pkcs8_pem(ending).map_err(|_| KeyError::BadEncoding)
    }
    /// Reads a key file.
    ///
    /// # Errors
    /// [`KeyError::BadEncoding`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::BadEncoding)
    }
}

impl fmt::Display for PublicKey {
    /// The key id in hex: how keys are named everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id().hex())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey(id {})", self.id())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_seed(&[7; 32])
    }

    #[test]
    fn a_signature_verifies_over_its_message_only() {
        let signature = key().sign(b"message");
        assert_eq!(key().public().verify(b"message", &signature), Ok(()));
        assert_eq!(key().public().verify(b"massage", &signature), Err(KeyError::BadSignature));
        for bit in 0..512 {
            let mut bytes = *signature.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(key().public().verify(b"message", &Signature::from_bytes(bytes)).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn small_order_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(identity).checked(), Err(KeyError::BadKey));
        assert_eq!(PublicKey::from_bytes([0; 32]).checked(), Err(KeyError::BadKey));
        assert!(key().public().checked().is_ok());
    }

    #[test]
    fn encodings_round_trip() -> Result<(), KeyError> {
        let public = key().public();
        assert_eq!(PublicKey::from_spki_der(&public.to_spki_der()?)?, public);
        assert_eq!(SecretKey::from_pkcs8_pem(&key().to_pkcs8_pem()?)?.public(), public);
        assert_ne!(*key().derive("reset"), *key().derive("connection id"));
        Ok(())
    }
}
