//! Backups: a consistent copy of record and configuration, with a manifest that says what belongs to it.
//!
//! ```text
//! DIR/manifest            a line of JSON, and a line with its SHA-256
//! DIR/N/record/...        the record's segments as they were at one moment
//! DIR/N/gongshi.toml      the configuration
//! ```
//!
//! Promises: no key and no guard is ever in a backup; a backup that was begun and not finished leaves the one before as it
//! was; a restored directory holds what the manifest names, byte for byte, or nothing. What a restored node may sign is
//! not decided here: it has no guard, and so finds out from its neighbours first.

mod promote;
mod restore;
mod write;

pub(super) use promote::{promote, standby};
pub(super) use restore::restore;
pub(super) use write::write;

use super::service::Failure;
use crate::digest::{Digest, Hashing};
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path};

/// The manifest's name.
const MANIFEST: &str = "manifest";
/// Longest manifest in bytes: a file of 64 MiB is a line of 150 bytes, so this is petabytes.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// What the first line begins with.
const SCHEMA: &str = "gongshi.backup/1";
/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Where a node stood when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The node.
    pub(super) code: String,
    pub(super) name: String,
    pub(super) federation: Digest,
    /// Its signing key then.
    pub(super) key: PublicKey,
    /// When that was.
    pub(super) created_at: WallMs,
    /// Root-log leaves, and entries of its own log.
    pub(super) root_log: u64,
    pub(super) own_log: u64,
    /// Erasures that the record had done.
    pub(super) erasures: u64,
}

/// What belongs to a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    schema: String,
    #[serde(flatten)]
    pub(super) standing: Standing,
    /// Which of the numbered directories it is.
    generation: u64,
    files: Vec<Filed>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Filed {
    /// Below the numbered directory.
    path: String,
    bytes: u64,
    sha256: Digest,
}

/// What is to be backed up, as the node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inventory {
    pub(super) standing: Standing,
    /// Files below the data directory and their durable lengths in bytes.
    pub(super) files: Vec<(String, u64)>,
}

impl Standing {
    /// True when both are of one node.
    fn is_of(&self, other: &Self) -> bool {
        (&self.code, self.federation) == (&other.code, other.federation)
    }
}

impl Manifest {
    fn to_text(&self) -> String {
        let line = serde_json::to_string(self).unwrap_or_default() + "\n";
        format!("{line}sha256 {}\n", Digest::of(&[line.as_bytes()]))
    }

    /// Reads a manifest; none when it is not whole, or names what no backup holds.
    fn parse(text: &str) -> Option<Self> {
        let (line, rest) = text.split_once('\n')?;
        let digest: Digest = rest.strip_prefix("sha256 ")?.strip_suffix('\n')?.parse().ok()?;
        if Digest::of(&[line.as_bytes(), b"\n"]) != digest {
            return None;
        }
        let manifest: Self = serde_json::from_str(line).ok()?;
        let sound = manifest.files.iter().all(|file| is_inside(&file.path));
        (manifest.schema == SCHEMA && sound).then_some(manifest)
    }

    /// The manifest in a directory; none when there is none.
    fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(MANIFEST);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| super::bundle::file_failure(&path, &error))?,
        };
        let mut text = String::new();
        let read = file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text);
        let manifest = read.ok().and_then(|_| Self::parse(&text));
        let other = || match is_of_another_version(&text) {
            true => Failure::new(
                11,
                "incompatible_version",
                format!(
                    "{}：由另一版本写入，请用该版本或更新的版本恢复 / another version wrote it: restore with that one or a later one",
                    path.display()
                ),
            ),
            false => damaged(&path),
        };
        manifest.map(Some).ok_or_else(other)
    }
}

/// True for a whole manifest of a schema that this program does not read.
fn is_of_another_version(text: &str) -> bool {
    let Some((line, rest)) = text.split_once('\n') else { return false };
    let digest = format!("sha256 {}\n", Digest::of(&[line.as_bytes(), b"\n"]));
    let schema = serde_json::from_str::<serde_json::Value>(line).ok().map(|line| line["schema"].clone());
    let schema = schema.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    rest == digest && schema.starts_with("gongshi.backup/") && schema != SCHEMA
}

/// A path that stays below where it is put.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn damaged(path: &Path) -> Failure {
    Failure::new(
        4,
        "backup_damaged",
        format!(
            "{}：备份损坏，未恢复任何内容；请用另一份备份 / the backup is damaged; nothing was restored: use another one",
            path.display()
        ),
    )
}

/// Copies `bytes` bytes; their digest. Fewer are an error.
fn copy(from: &Path, to: &Path, bytes: u64) -> io::Result<Digest> {
    let mut input = File::open(from)?.take(bytes);
    let mut output = File::create(to)?;
    let (mut hashing, mut left) = (Hashing::new(), bytes);
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = input.read(&mut buffer)?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        hashing.update(part);
        output.write_all(part)?;
        left -= count as u64;
    }
    if left > 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    output.sync_all()?;
    Ok(hashing.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_any_byte_changed_is_damaged_and_one_that_reaches_out_is_refused() {
        let mut manifest = Manifest {
            schema: SCHEMA.to_owned(),
            standing: Standing {
                code: "330200".to_owned(),
                name: "宁波市".to_owned(),
                federation: Digest::ZERO,
                key: PublicKey::from_bytes([7; 32]),
                created_at: WallMs(1),
                root_log: 2,
                own_log: 3,
                erasures: 0,
            },
            generation: 1,
            files: vec![Filed { path: "record/facts/0.seg".to_owned(), bytes: 1, sha256: Digest::ZERO }],
        };
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(&text), Some(manifest.clone()));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(Manifest::parse(&changed), None, "byte {at}");
        }
        for path in ["../keys/signing.pem", "/etc/passwd", "", "a/../../b"] {
            manifest.files[0].path = path.to_owned();
            assert_eq!(Manifest::parse(&manifest.to_text()), None, "{path}");
        }
    }
}
