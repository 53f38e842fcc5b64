//! Which formats a data directory is written in, and whether this program reads them.
//!
//! The record and the guard begin with a name, a version and a checksum, and every later version keeps those three in
//! their places (src/record/FORMAT.md): so a directory that a newer program wrote is known for one, and is not taken for
//! damage. The index has no version: it is built anew from the record.

use super::data_dir::DataDirError;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A kind of file: where its first bytes are, and which of them say what it is.
struct Kind {
    what: &'static str,
    /// Name and version, as this program writes them.
    reads: &'static str,
    /// Length of the name before the version.
    name_bytes: usize,
    /// Length of what is covered by the checksum (CRC-32, little-endian) behind it.
    checked_bytes: usize,
}

const SEGMENT: Kind = Kind { what: "record", reads: "GSREC01", name_bytes: 5, checked_bytes: 20 };
const GUARD: Kind = Kind { what: "guard", reads: "GSGUARD1", name_bytes: 7, checked_bytes: 124 };

/// A file and its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// `record` or `guard`.
    pub(super) what: &'static str,
    /// The file that was looked at.
    pub(super) file: PathBuf,
    /// Name and version that stand there.
    pub(super) found: String,
    /// Name and version that this program reads.
    pub(super) reads: &'static str,
}

impl Format {
    /// True when this program reads it.
    pub(super) fn is_read(&self) -> bool {
        self.found == self.reads
    }
}

/// The formats of a directory's files. Files that are not there, or whose first bytes are damaged, are left out: to say
/// so is the business of whoever opens them.
///
/// # Errors
/// Those of reading.
pub(super) fn formats(data: &Path) -> io::Result<Vec<Format>> {
    let mut found = Vec::new();
    for stream in ["facts", "bodies"] {
        for segment in ends(&data.join("record").join(stream))? {
            found.extend(look(&SEGMENT, segment)?);
        }
    }
    found.extend(look(&GUARD, data.join("guard"))?);
    Ok(found)
}

/// Refuses a directory that another version of this program wrote.
///
/// # Errors
/// [`DataDirError::OtherVersion`], [`DataDirError::Io`].
pub(super) fn check(data: &Path) -> Result<(), DataDirError> {
    let formats = formats(data).map_err(|error| DataDirError::Io { path: data.to_path_buf(), error })?;
    match formats.into_iter().find(|format| !format.is_read()) {
        Some(Format { file, found, reads, .. }) => {
            Err(DataDirError::OtherVersion { path: file, found, reads })
        }
        None => Ok(()),
    }
}

/// The oldest and the newest segment of a stream: a program that was changed writes on in its own format.
fn ends(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "seg") {
            segments.push(path);
        }
    }
    segments.sort();
    let newest = segments.pop();
    Ok(segments.into_iter().take(1).chain(newest).collect())
}

fn look(kind: &Kind, file: PathBuf) -> io::Result<Option<Format>> {
    let mut bytes = Vec::new();
    match File::open(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?.take(kind.checked_bytes as u64 + 4).read_to_end(&mut bytes)?,
    };
    let Some((checked, checksum)) = bytes.split_at_checked(kind.checked_bytes) else { return Ok(None) };
    let name = checked.get(..kind.reads.len()).unwrap_or_default();
    let sound = crc32fast::hash(checked).to_le_bytes() == checksum
        && name.get(..kind.name_bytes) == kind.reads.as_bytes().get(..kind.name_bytes)
        && name.iter().skip(kind.name_bytes).all(u8::is_ascii_alphanumeric);
    let found = String::from_utf8_lossy(name).into_owned();
    Ok(sound.then_some(Format { what: kind.what, file, found, reads: kind.reads }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FileRecord, Guard};

    /// Writes another version into a file's first bytes, with the checksum that belongs to it.
    fn rewrite(file: &Path, kind: &Kind, version: &[u8]) {
        let mut bytes = fs::read(file).unwrap();
        bytes[kind.name_bytes..kind.name_bytes + version.len()].copy_from_slice(version);
        let checksum = crc32fast::hash(&bytes[..kind.checked_bytes]);
        bytes[kind.checked_bytes..kind.checked_bytes + 4].copy_from_slice(&checksum.to_le_bytes());
        fs::write(file, bytes).unwrap();
    }

    #[test]
    fn what_this_program_writes_it_reads_and_a_later_version_is_known_for_one() {
        let dir = tempfile::TempDir::new().unwrap();
        FileRecord::create(&dir.path().join("record")).unwrap();
        Guard::create(&dir.path().join("guard")).unwrap();
        assert_eq!(formats(dir.path()).unwrap().len(), 3);
        assert!(check(dir.path()).is_ok());
        for (file, kind, version) in [
            ("record/facts/00000000000000000000.seg", &SEGMENT, &b"02"[..]),
            ("record/bodies/00000000000000000000.seg", &SEGMENT, b"13"),
            ("guard", &GUARD, b"2"),
        ] {
            let path = dir.path().join(file);
            let sound = fs::read(&path).unwrap();
            rewrite(&path, kind, version);
            assert!(
                matches!(check(dir.path()), Err(DataDirError::OtherVersion { path: at, .. }) if at == path),
                "{file}"
            );
            // The same digits without their checksum are damage, and not for this to tell.
            let mut damaged = sound.clone();
            damaged[kind.name_bytes] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert!(check(dir.path()).is_ok(), "{file}");
            fs::write(&path, sound).unwrap();
        }
        assert!(check(dir.path()).is_ok());
    }

    #[test]
    fn an_empty_directory_has_no_formats() {
        let dir = tempfile::TempDir::new().unwrap();
        assert_eq!(formats(dir.path()).unwrap(), []);
    }
}
