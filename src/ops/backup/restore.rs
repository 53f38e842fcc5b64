//! Restoring: the whole backup is checked while it is copied beside its place; only then does the record get its name.

use super::{Filed, MANIFEST, Manifest, copy, damaged};
use crate::ops::bundle::file_failure;
use crate::ops::data_dir::DataDir;
use crate::ops::service::Failure;
use crate::record::sync_dir;
use crate::trust::key::SecretKey;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What may be in a directory that something is restored to: keys that were put back first, a guard that was kept.
const WELCOME: [&str; 4] = ["keys", "anchor", "guard", "lock"];
/// Where files are laid while they are checked.
const PART: &str = "restore.part";
/// A node's keys.
const KEYS: [&str; 2] = ["signing.pem", "transport.pem"];

/// What was restored.
pub(in crate::ops) struct Restored {
    pub(in crate::ops) manifest: Manifest,
    pub(in crate::ops) bytes: u64,
    /// The node's keys are in their place.
    pub(in crate::ops) has_keys: bool,
}

/// Restores the backup in `from` to a data directory. With `dry_run` it is checked and nothing is left.
pub(in crate::ops) fn restore(
    from: &Path,
    data: &DataDir,
    keys: Option<&Path>,
    dry_run: bool,
) -> Result<Restored, Failure> {
    let manifest = manifest_of(from)?;
    let place = data.path();
    let existed = place.exists();
    let part = lay_beside(from, &manifest, place).and_then(|part| {
        let fits = keys.map_or(Ok(()), |keys| check_keys(keys, &manifest));
        fits.inspect_err(|_| stop(&part)).map(|()| part)
    });
    match &part {
        Ok(part) if !dry_run => put(part, place, keys).map_err(|error| made(place, error))?,
        Ok(part) => stop(part),
        Err(_) => {}
    }
    if !existed && (dry_run || part.is_err()) {
        let _ = fs::remove_dir(place);
    }
    part?;
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    let has_keys = KEYS.iter().all(|name| place.join("keys").join(name).exists());
    Ok(Restored { manifest, bytes, has_keys })
}

/// The manifest of the backup in `from`.
pub(super) fn manifest_of(from: &Path) -> Result<Manifest, Failure> {
    Manifest::read(from)?
        .ok_or_else(|| file_failure(&from.join(MANIFEST), &io::Error::from(io::ErrorKind::NotFound)))
}

/// Lays the files of a backup beside their place, each checked byte for byte; where they lie.
pub(super) fn lay_beside(from: &Path, manifest: &Manifest, place: &Path) -> Result<PathBuf, Failure> {
    refuse_what_is_there(place)?;
    let part = place.join(PART);
    let source = from.join(manifest.generation.to_string());
    make_dir(place).and_then(|()| make_dir(&part)).map_err(|error| made(&part, error))?;
    let laid = manifest.files.iter().try_for_each(|file| lay(&source, &part, file));
    laid.inspect_err(|_| stop(&part)).map(|()| part)
}

/// Leaves nothing of what was laid out.
pub(super) fn stop(part: &Path) {
    let _ = fs::remove_dir_all(part);
}

pub(super) fn made(path: &Path, error: io::Error) -> Failure {
    file_failure(path, &error)
}

fn refuse_what_is_there(place: &Path) -> Result<(), Failure> {
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| file_failure(place, &error))?,
    };
    for entry in entries {
        let name = entry.map_err(|error| file_failure(place, &error))?.file_name();
        let name = name.to_string_lossy();
        if name == PART {
            // What an interrupted restore left.
            fs::remove_dir_all(place.join(PART)).map_err(|error| file_failure(place, &error))?;
        } else if !WELCOME.contains(&&*name) {
            let message = format!(
                "{}：目录不空（{name}），未恢复任何内容；请换一个空目录 / not empty ({name}); nothing was restored: use an empty directory",
                place.display()
            );
            return Err(Failure::new(6, "not_empty", message));
        }
    }
    Ok(())
}

fn lay(source: &Path, part: &Path, file: &Filed) -> Result<(), Failure> {
    let (from, to) = (source.join(&file.path), part.join(&file.path));
    let parent = to.parent().map_or(Ok(()), make_dir);
    parent.map_err(|error| file_failure(&to, &error))?;
    let longer = fs::metadata(&from).is_ok_and(|found| found.len() != file.bytes);
    match copy(&from, &to, file.bytes) {
        Ok(sha256) if sha256 == file.sha256 && !longer => Ok(()),
        Ok(_) => Err(damaged(&from)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            Err(damaged(&from))
        }
        Err(error) => Err(file_failure(&from, &error)),
    }
}

/// Keys of another node would start as somebody who may not say anything.
fn check_keys(keys: &Path, manifest: &Manifest) -> Result<(), Failure> {
    for name in KEYS {
        let path = keys.join(name);
        let pem = zeroize::Zeroizing::new(
            crate::ops::short::read_short(&path).map_err(|error| file_failure(&path, &error))?,
        );
        let key = SecretKey::from_pkcs8_pem(&pem)
            .map_err(|error| Failure::new(10, "bad_key_file", format!("{}：{error}", path.display())))?;
        if name == "signing.pem" && key.public() != manifest.standing.key {
            let message = format!(
                "{}：不是备份中节点 {} 的密钥；若其后换过密钥，请用上级的 invite --replace / not the key of {} in the backup; if it was rotated since, the parent's invite --replace helps",
                path.display(),
                manifest.standing.code,
                manifest.standing.code
            );
            return Err(Failure::new(6, "other_nodes_key", message));
        }
    }
    Ok(())
}

/// Gives everything its name, the record last: it says that a node is here.
fn put(part: &Path, place: &Path, keys: Option<&Path>) -> io::Result<()> {
    if let Some(keys) = keys {
        make_dir(&place.join("keys"))?;
        for name in KEYS {
            let to = place.join("keys").join(name);
            fs::copy(keys.join(name), &to)?;
            fs::set_permissions(&to, PermissionsExt::from_mode(0o600))?;
            fs::File::open(&to)?.sync_all()?;
        }
        sync_dir(&place.join("keys"))?;
    }
    let config = part.join(crate::config::FILE_NAME);
    if config.exists() {
        fs::rename(config, place.join(crate::config::FILE_NAME))?;
    }
    for dir in ["record/facts", "record/bodies", "record"] {
        sync_dir(&part.join(dir))?;
    }
    fs::rename(part.join("record"), place.join("record"))?;
    fs::remove_dir(part)?;
    sync_dir(place)
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
