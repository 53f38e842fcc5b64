//! One process a data directory.
//!
//! An advisory lock (`flock`) on the file `lock` in the directory, held as long as the value lives. The kernel
//! releases it however the process ends, so a file left behind never hinders. Taken before anything else in the
//! directory is opened. The process id in the file is for people only.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// The directory is ours until this is dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

/// Why the directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process (or another lock in this one) holds it.
    #[error("the directory is in use by another process{}", .pid.map(|pid| format!(", id {pid}")).unwrap_or_default())]
    Held {
        /// The id the holder wrote down, if it can be read.
        pid: Option<u32>,
    },
    /// The file cannot be created, locked or written; also when the directory does not exist.
    #[error("lock: {0}")]
    Io(#[from] io::Error),
}

impl DirLock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        // Not truncated: until the lock is ours, the id in it is the holder's.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("lock"))?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(LockError::Io(error.into()));
            }
            let mut text = String::new();
            let read = (&mut file).take(32).read_to_string(&mut text);
            let pid = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(LockError::Held { pid });
        }
        // A disk too full for the id must not keep a node from serving reads: the lock itself is held.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_holds_it_until_it_is_released() -> Result<(), LockError> {
        let dir = tempfile::tempdir()?;
        let first = DirLock::acquire(dir.path())?;
        let second = DirLock::acquire(dir.path());
        assert!(matches!(second, Err(LockError::Held { pid }) if pid == Some(std::process::id())));
        drop(first);
        DirLock::acquire(dir.path())?;
        Ok(())
    }

    #[test]
    fn a_file_left_behind_does_not_hinder() -> Result<(), LockError> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("lock"), "1\nnot a process id, and longer than one")?;
        let held = DirLock::acquire(dir.path())?;
        let written = std::fs::read_to_string(dir.path().join("lock"))?;
        assert_eq!(written, format!("{}\n", std::process::id()));
        drop(held);
        Ok(())
    }

    #[test]
    fn a_missing_directory_is_an_error_and_not_created() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(matches!(DirLock::acquire(&dir.path().join("absent")), Err(LockError::Io(_))));
        Ok(())
    }
}
