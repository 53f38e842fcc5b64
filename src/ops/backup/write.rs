//! Writing a backup: what is unchanged since the one before is linked, the rest is copied, and the manifest comes last.

use super::{Filed, Inventory, MANIFEST, Manifest, SCHEMA, copy};
use crate::ops::bundle::{Door, file_failure};
use crate::ops::service::{Failure, Reply, Request};
use crate::record::sync_dir;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// How often a copy is begun again because bodies were erased while it was made.
const TRIES: u32 = 3;

/// What was written.
pub(in crate::ops) struct Written {
    pub(in crate::ops) manifest: Manifest,
    /// Bytes of all files, and how many of them were copied anew.
    pub(in crate::ops) bytes: u64,
    pub(in crate::ops) copied: u64,
}

/// Backs up the node behind `door`, whose files are in `data`, to `dir`.
pub(in crate::ops) fn write(door: &mut dyn Door, data: &Path, dir: &Path) -> Result<Written, Failure> {
    let failed = |path: &Path, error: io::Error| file_failure(path, &error);
    if !dir.exists() {
        make_dir(dir).map_err(|error| failed(dir, error))?;
    }
    let before = Manifest::read(dir)?;
    let mut inventory = inventory(door)?;
    match &before {
        Some(before) if !before.standing.is_of(&inventory.standing) => {
            let message = format!(
                "{}：已有 {} {} 的备份，请换一个目录 / a backup of {} is here: use another directory",
                dir.display(),
                before.standing.code,
                before.standing.name,
                before.standing.code
            );
            return Err(Failure::new(6, "backup_of_other_node", message));
        }
        None if fs::read_dir(dir).map_err(|error| failed(dir, error))?.next().is_some() => {
            let message = format!(
                "{}：目录不空，且不是备份；请换一个空目录 / not empty, and not a backup: use an empty directory",
                dir.display()
            );
            return Err(Failure::new(6, "not_empty", message));
        }
        _ => {}
    }
    for _ in 0..TRIES {
        let generation = before.as_ref().map_or(0, |before| before.generation) + 1;
        let place = dir.join(generation.to_string());
        // What an interrupted backup left is no part of any.
        remove(&place).map_err(|error| failed(&place, error))?;
        let (files, copied) =
            collect(data, dir, &place, &inventory, before.as_ref()).map_err(|e| failed(&place, e))?;
        let later = self::inventory(door)?;
        if later.standing.erasures != inventory.standing.erasures {
            // What was erased meanwhile must not be in it.
            inventory = later;
            continue;
        }
        let bytes = files.iter().map(|file| file.bytes).sum();
        let manifest =
            Manifest { schema: SCHEMA.to_owned(), standing: inventory.standing, generation, files };
        // If we stop before this, the backup before stands.
        put_manifest(dir, &manifest).map_err(|error| failed(dir, error))?;
        if let Some(before) = before {
            let old = dir.join(before.generation.to_string());
            remove(&old).map_err(|error| failed(&old, error))?;
        }
        return Ok(Written { manifest, bytes, copied });
    }
    let message =
        "备份期间不断有正文被删除，请稍后重试 / bodies were erased while the copy was made: try again later";
    Err(Failure::new(1, "backup_disturbed", message))
}

fn inventory(door: &mut dyn Door) -> Result<Inventory, Failure> {
    match door.ask(Request::Inventory)? {
        Reply::Inventory(inventory) => Ok(*inventory),
        Reply::Failure(failure) => Err(failure),
        _ => Err(crate::ops::bundle::unexpected()),
    }
}

/// Puts every file below `place`; the list, and how many bytes were copied.
fn collect(
    data: &Path,
    dir: &Path,
    place: &Path,
    inventory: &Inventory,
    before: Option<&Manifest>,
) -> io::Result<(Vec<Filed>, u64)> {
    let (mut files, mut copied) = (Vec::new(), 0);
    make_dir(place)?;
    for (path, bytes) in &inventory.files {
        let to = place.join(path);
        if let Some(parent) = to.parent() {
            make_dir(parent)?;
        }
        // Segments only grow, except where bodies are erased. The configuration may change at the same length.
        let same = before.filter(|before| {
            before.standing.erasures == inventory.standing.erasures && path.starts_with("record/")
        });
        let same = same.and_then(|before| {
            let old = before.files.iter().find(|old| old.path == *path && old.bytes == *bytes)?;
            Some((dir.join(before.generation.to_string()).join(path), old.sha256))
        });
        let linked = same.filter(|(old, _)| fs::hard_link(old, &to).is_ok());
        let sha256 = match linked {
            Some((_, sha256)) => sha256,
            None => {
                copied += bytes;
                copy(&data.join(path), &to, *bytes)?
            }
        };
        files.push(Filed { path: path.clone(), bytes: *bytes, sha256 });
    }
    for parent in ["record/facts", "record/bodies", "record", ""] {
        sync_dir(&place.join(parent))?;
    }
    Ok((files, copied))
}

fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn put_manifest(dir: &Path, manifest: &Manifest) -> io::Result<()> {
    let temporary = dir.join("manifest.part");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(manifest.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(MANIFEST))?;
    sync_dir(dir)
}
