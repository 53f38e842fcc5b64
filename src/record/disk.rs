//! What the record asks of the file system beyond `std::fs`: syncing directories, room left and room set aside, and
//! telling a full disk from a failing one.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Bytes kept free when nothing else is said: they hold a group commit, the index's share of it, and whatever a person
/// needs to clean up.
const FLOOR_BYTES: u64 = 64 << 20;
/// The part of a small file system that is kept free instead: an eighth.
const FLOOR_PART: u64 = 8;
/// Fewer free inodes than this are too few to begin segments and restart with.
const INODE_COUNT_MIN: u64 = 32;
/// Most bytes set aside: an index that does not open on a full disk needs a few segments of 512 KiB.
const BALLAST_BYTES_MAX: u64 = 8 << 20;

/// How much room there is for what is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Nothing may be written any more.
    None,
    /// New work is refused; what is small and expected still goes in.
    Low,
    /// As much as is needed.
    #[default]
    Enough,
}

/// The room on the file system that holds `path`, when `floor` bytes are to stay free; 0 stands for 64 MiB, or an
/// eighth of the file system if that is less. A file system that cannot be examined is taken to have room: writing will tell.
pub fn room(path: &Path, floor: u64) -> Room {
    let Ok(found) = rustix::fs::statvfs(path) else { return Room::Enough };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let floor = floor_of(&found, floor);
    // Some file systems do not count inodes; they say that there are none at all.
    let inodes = if found.f_files == 0 { INODE_COUNT_MIN } else { found.f_favail };
    if free < floor / 4 || inodes == 0 {
        Room::None
    } else if free < floor || inodes < INODE_COUNT_MIN {
        Room::Low
    } else {
        Room::Enough
    }
}

fn floor_of(found: &rustix::fs::StatVfs, floor: u64) -> u64 {
    let part = found.f_blocks.saturating_mul(found.f_frsize) / FLOOR_PART;
    if floor == 0 { FLOOR_BYTES.min(part) } else { floor }
}

/// Sets room aside in the file at `path`, to be given back when the disk is full: then there is enough to open with.
/// Does nothing while there is not twice the floor free, or when it is there.
///
/// # Errors
/// The file cannot be written.
pub fn set_aside(path: &Path, floor: u64) -> io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    let found = rustix::fs::statvfs(dir)?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let floor = floor_of(&found, floor);
    let bytes = (floor / 2).min(BALLAST_BYTES_MAX);
    if free < floor.saturating_mul(2) || std::fs::metadata(path).is_ok_and(|file| file.len() >= bytes) {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        // A file system without it holds no ballast: a hole would be no room.
        Err(rustix::io::Errno::OPNOTSUPP) => std::fs::remove_file(path),
        other => Ok(other?),
    }
}

/// Gives back what was set aside; true when there was something.
pub fn give_back(path: &Path) -> bool {
    std::fs::remove_file(path).is_ok()
}

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
    fn a_floor_above_what_is_free_leaves_no_room_and_ballast_is_real_room() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        assert_eq!(room(dir.path(), 1), Room::Enough);
        assert_eq!(room(dir.path(), u64::MAX), Room::None);
        assert_eq!(room(&dir.path().join("absent"), 1), Room::Enough, "writing will tell");
        let ballast = dir.path().join("ballast");
        set_aside(&ballast, 1 << 20)?;
        if let Ok(file) = std::fs::metadata(&ballast) {
            assert_eq!(file.len(), 1 << 19);
            assert!(std::os::unix::fs::MetadataExt::blocks(&file) * 512 >= 1 << 19, "no hole");
            assert!(give_back(&ballast));
        }
        assert!(!give_back(&ballast));
        Ok(())
    }

    #[test]
    fn a_full_disk_is_told_from_a_failing_one() {
        assert!(is_full(&rustix::io::Errno::NOSPC.into()));
        assert!(is_full(&rustix::io::Errno::DQUOT.into()));
        assert!(!is_full(&rustix::io::Errno::IO.into()));
    }
}
