//! What the record asks of the file system beyond `std::fs`: syncing directories, room left, and telling a
//! full disk from a failing one.

use std::fs::File;
use std::io;
use std::path::Path;

/// Bytes that an unprivileged process may still write on the file system that holds `path`.
///
/// # Errors
/// The path does not exist or cannot be examined.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes the names in a directory durable: files created, renamed or removed in it.
///
/// # Errors
/// The directory cannot be opened or synced.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // A relative path of one component has the empty path as its parent.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

/// Creates a directory whose parent exists, durably; fine if it is there already.
///
/// # Errors
/// As `std::fs::create_dir`, and failures to sync.
pub(crate) fn create_dir(dir: &Path) -> io::Result<()> {
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        other => other?,
    }
    sync_dir(dir)?;
    dir.parent().map_or(Ok(()), sync_dir)
}

/// True when there is no room: the file system or this user's share of it is used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Brings the cache in line with the disk before a file is read to find out what survived.
///
/// Whole frames left by a killed process may be in the cache alone: they are made durable before anyone
/// relies on them. After a failed sync it is the other way round: the kernel keeps pages that never reached
/// the disk and calls them clean, so they are dropped, and the disk is read.
///
/// # Errors
/// Failures to sync.
pub(crate) fn settle(file: &File) -> io::Result<()> {
    file.sync_all()?;
    // Advice only: a file system that cannot follow it loses nothing but this second line of defence.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writable_disk_has_room_and_a_missing_path_is_an_error() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(free_bytes(dir.path())? > 0);
        assert!(free_bytes(&dir.path().join("absent")).is_err());
        Ok(())
    }

    #[test]
    fn creating_a_directory_twice_is_fine_but_not_over_a_file() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        create_dir(&dir.path().join("a"))?;
        create_dir(&dir.path().join("a"))?;
        std::fs::write(dir.path().join("b"), b"")?;
        assert!(create_dir(&dir.path().join("b")).is_err());
        Ok(())
    }

    #[test]
    fn a_full_disk_is_told_from_a_failing_one() {
        assert!(is_full(&rustix::io::Errno::NOSPC.into()));
        assert!(is_full(&rustix::io::Errno::DQUOT.into()));
        assert!(!is_full(&rustix::io::Errno::IO.into()));
    }
}
