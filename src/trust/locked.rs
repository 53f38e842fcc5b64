//! Keys under a passphrase: encrypted PKCS#8 (RFC 5958 and RFC 8018 PBES2) with scrypt and AES-256-CBC. Standard tools
//! read it too: `openssl pkey -in FILE`.
//!
//! Salt and initialisation vector are the caller's, who stands at an edge. Only this file names the library.

use super::key::{KeyError, SecretKey};
use pkcs8::der::asn1::OctetString;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::{EncryptionScheme, pbes2, scrypt};
use pkcs8::{Document, EncryptedPrivateKeyInfoOwned, LineEnding};
use zeroize::Zeroizing;

/// Shortest passphrase in characters: what is printed lies in drawers for years, and is guessed at without anybody
/// noticing.
pub const PASSPHRASE_CHARS_MIN: usize = 12;
/// Longest passphrase in bytes.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// log2 of scrypt's N, its r and p: the OWASP set of 16 MiB, which OpenSSL's own limit of 32 MiB lets through.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);
/// Most of N (log2), r and p that is taken from a file: 128 MiB of memory.
const SCRYPT_MAX: (u64, u32, u32) = (1 << 17, 8, 16);
/// First line of an encrypted key in PEM form (RFC 7468 §11).
const PEM_BEGINS: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// Longest encrypted key in bytes.
const DER_BYTES_MAX: usize = 1024;

/// Why a key cannot be locked or unlocked.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum LockError {
    /// The passphrase is too short or too long.
    #[error("a passphrase of at least 12 characters is needed")]
    Passphrase,
    /// The passphrase is not the one it was locked with.
    #[error("the passphrase is not the one")]
    WrongPassphrase,
    /// It is not an encrypted Ed25519 key, or locked in a way that is not taken here.
    #[error("not an encrypted Ed25519 key in PKCS#8 form")]
    NotLocked,
}

/// Locks a key under a passphrase: DER bytes.
///
/// # Errors
/// [`LockError::Passphrase`].
pub fn lock(
    key: &SecretKey,
    passphrase: &str,
    salt: &[u8; 16],
    vector: [u8; 16],
) -> Result<Vec<u8>, LockError> {
    let weak = passphrase.chars().count() < PASSPHRASE_CHARS_MIN || passphrase.len() > PASSPHRASE_BYTES_MAX;
    if weak {
        return Err(LockError::Passphrase);
    }
    let plain = key.to_pkcs8_der().map_err(|_: KeyError| LockError::NotLocked)?;
    let (log_n, r, p) = SCRYPT;
    let cost = scrypt::Params::new(log_n, r, p).map_err(|_| LockError::NotLocked)?;
    let scheme =
        pbes2::Parameters::generate_scrypt_aes256cbc(cost, salt, vector).map_err(|_| LockError::NotLocked)?;
    let hidden = scheme.encrypt(passphrase, &plain).map_err(|_| LockError::NotLocked)?;
    let info = EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetString::new(hidden).map_err(|_| LockError::NotLocked)?,
    };
    info.to_der().map_err(|_| LockError::NotLocked)
}

/// Unlocks what [`lock`] made, or another tool with scrypt or PBKDF2.
///
/// # Errors
/// [`LockError`].
pub fn unlock(der: &[u8], passphrase: &str) -> Result<SecretKey, LockError> {
    if passphrase.is_empty() || passphrase.len() > PASSPHRASE_BYTES_MAX {
        return Err(LockError::Passphrase);
    }
    let info = Some(der).filter(|der| der.len() <= DER_BYTES_MAX);
    let info = info.and_then(|der| EncryptedPrivateKeyInfoOwned::from_der(der).ok());
    let info = info.ok_or(LockError::NotLocked)?;
    let bounded = match &info.encryption_algorithm {
        EncryptionScheme::Pbes2(pbes2::Parameters { kdf: pbes2::Kdf::Scrypt(cost), .. }) => {
            let (n, r, p) = SCRYPT_MAX;
            (2..=n).contains(&cost.cost_parameter)
                && u32::from(cost.block_size) <= r
                && u32::from(cost.parallelization) <= p
        }
        EncryptionScheme::Pbes2(pbes2::Parameters { kdf: pbes2::Kdf::Pbkdf2(cost), .. }) => {
            cost.iteration_count <= 10_000_000
        }
        _ => false,
    };
    if !bounded {
        return Err(LockError::NotLocked);
    }
    let hidden = info.encrypted_data.as_bytes();
    let plain = info.encryption_algorithm.decrypt(passphrase, hidden).map(Zeroizing::new);
    let plain = plain.map_err(|_| LockError::WrongPassphrase)?;
    SecretKey::from_pkcs8_der(&plain).map_err(|_| LockError::WrongPassphrase)
}

/// True when a key file's text says that its key is locked.
pub fn is_locked(pem: &str) -> bool {
    pem.trim_start().starts_with(PEM_BEGINS)
}

/// A locked key as a key file's text.
///
/// # Errors
/// [`LockError::NotLocked`] when the bytes are none.
pub fn to_pem(der: &[u8]) -> Result<String, LockError> {
    use pkcs8::der::EncodePem;
    let info = EncryptedPrivateKeyInfoOwned::from_der(der).map_err(|_| LockError::NotLocked)?;
    info.to_pem(LineEnding::LF).map_err(|_| LockError::NotLocked)
}

/// Reads what [`to_pem`] writes.
///
/// # Errors
/// [`LockError`].
pub fn unlock_pem(pem: &str, passphrase: &str) -> Result<SecretKey, LockError> {
    let (label, der) = Document::from_pem(pem.trim()).map_err(|_| LockError::NotLocked)?;
    if !PEM_BEGINS.contains(label) {
        return Err(LockError::NotLocked);
    }
    unlock(der.as_bytes(), passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "一句足够长的口令 2026 年";

    #[test]
    fn a_locked_key_opens_with_its_passphrase_and_no_other() {
        let key = SecretKey::from_seed(&[9; 32]);
        let der = lock(&key, PASSPHRASE, &[1; 16], [2; 16]).unwrap();
        assert_eq!(unlock(&der, PASSPHRASE).map(|key| key.public()), Ok(key.public()));
        assert!(unlock(&der, "一句足够长的口令 2025 年").is_err());
        let pem = to_pem(&der).unwrap();
        assert!(is_locked(&pem) && !pem.contains(&*key.to_pkcs8_pem().unwrap()));
        assert_eq!(unlock_pem(&pem, PASSPHRASE).map(|key| key.public()), Ok(key.public()));
        assert_eq!(lock(&key, "short", &[1; 16], [2; 16]), Err(LockError::Passphrase));
        assert_eq!(unlock(&der[1..], PASSPHRASE).err(), Some(LockError::NotLocked));
    }
}
