//! Key files and passphrases: PKCS#8 PEM, open at 0600 or under a passphrase that comes from a file or standard input.

use super::usage;
use crate::ops::data_dir::random_seed;
use crate::ops::private::open_to_others;
use crate::ops::service::Failure;
use crate::trust::key::SecretKey;
use crate::trust::locked::{self, LockError};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a key file or a passphrase that are read.
const BYTES_MAX: u64 = 16 * 1024;

/// A passphrase: the first line of a file, or of standard input for `-`.
pub(super) fn passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(BYTES_MAX).read_to_string(&mut text),
        false => fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)),
    };
    read.map_err(|error| unreadable(path, &error))?;
    let line = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
    if line.is_empty() { Err(usage("口令文件为空 / the passphrase file is empty")) } else { Ok(line) }
}

/// A key file, unlocked with the passphrase of a file if it is locked.
pub(super) fn read(path: &Path, passphrase_file: Option<&Path>) -> Result<SecretKey, Failure> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut pem = Zeroizing::new(String::new());
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(BYTES_MAX).read_to_string(&mut pem).map_err(|error| unreadable(path, &error))?;
    if locked::is_locked(&pem) {
        let from = passphrase_file.ok_or_else(|| {
            usage("该密钥有口令保护，须用 --passphrase-file / the key is under a passphrase: --passphrase-file is needed")
        })?;
        return locked::unlock_pem(&pem, &passphrase(from)?).map_err(|error| lock_failure(error, path));
    }
    if let Some(why) = open_to_others(path, &metadata) {
        let message = format!("{}: {why}", path.display());
        return Err(Failure::new(super::NOT_INITIALISED, "bad_key_file", message));
    }
    SecretKey::from_pkcs8_pem(&pem).map_err(|_| lock_failure(LockError::NotLocked, path))
}

/// A new key in a new file.
pub(super) fn create(path: &Path, passphrase_file: Option<&Path>) -> Result<SecretKey, Failure> {
    let seed = Zeroizing::new(random_seed().map_err(|error| unreadable(path, &error))?);
    let key = SecretKey::from_seed(&seed);
    write(path, &key, passphrase_file)?;
    Ok(key)
}

/// Writes a key to a new file (0600), under the passphrase of a file if there is one.
pub(super) fn write(path: &Path, key: &SecretKey, passphrase_file: Option<&Path>) -> Result<(), Failure> {
    let pem = match passphrase_file {
        None => key.to_pkcs8_pem().map_err(|_| lock_failure(LockError::NotLocked, path))?,
        Some(from) => {
            let der = lock(key, &passphrase(from)?)?;
            Zeroizing::new(locked::to_pem(&der).map_err(|error| lock_failure(error, path))?)
        }
    };
    write_new(path, pem.as_bytes())
}

/// A key under a passphrase.
pub(super) fn lock(key: &SecretKey, passphrase: &str) -> Result<Vec<u8>, Failure> {
    let drawn = random_seed().map_err(|error| Failure::new(1, "io", error.to_string()))?;
    let (mut salt, mut vector) = ([0; 16], [0; 16]);
    salt.copy_from_slice(drawn.get(..16).unwrap_or(&[0; 16]));
    vector.copy_from_slice(drawn.get(16..).unwrap_or(&[0; 16]));
    locked::lock(key, passphrase, &salt, vector)
        .map_err(|error| lock_failure(error, Path::new("--passphrase-file")))
}

/// A new file that its owner alone reads; nothing that is there is written over.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let message = format!(
            "{}: 无法写入（不覆盖已有文件）：{error} / cannot be written; nothing is written over",
            path.display()
        );
        Failure::new(2, "cannot_write", message)
    })
}

pub(super) fn lock_failure(error: LockError, path: &Path) -> Failure {
    let path = path.display();
    match error {
        LockError::Passphrase => Failure::new(
            2,
            "passphrase_short",
            format!("{path}: 口令须至少 12 个字符 / a passphrase of at least 12 characters is needed"),
        ),
        LockError::WrongPassphrase => {
            Failure::new(4, "passphrase_wrong", format!("{path}: 口令不对 / the passphrase is not the one"))
        }
        LockError::NotLocked => Failure::new(
            super::NOT_INITIALISED,
            "bad_key_file",
            format!("{path}: 不是 Ed25519 密钥文件（PKCS#8 PEM）/ not an Ed25519 key file in PKCS#8 PEM"),
        ),
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(2, "no_such_file", format!("{}: 无法读取：{error} / cannot be read", path.display()))
}
