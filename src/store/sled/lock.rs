//! sled's own lock, and other reasons for which it does not open that say nothing of what it holds.

use std::io;
use std::time::Duration;

/// How often a store that is locked is tried again, and how long after the last time: two seconds in all.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// True for failures to open that a rebuilding would not heal: another process holds the store, it may not be
/// written, too many files are open.
pub(super) fn says_nothing_of_the_store(error: &io::Error) -> bool {
    let too_many_files = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(|e| Some(e.raw_os_error()));
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
        || too_many_files.contains(&error.raw_os_error())
        || is_locked(error)
}

/// Opens again while sled's own lock is held. The directory's lock keeps other processes out, so who holds it is this
/// one: a child between its fork and its exec has a copy of every descriptor, and with it the lock of a store that
/// was dropped meanwhile.
#[allow(clippy::disallowed_methods, reason = "waits for the operating system, for two seconds at most")]
pub(super) fn until_unlocked<T>(
    mut open: impl FnMut() -> std::thread::Result<::sled::Result<T>>,
) -> std::thread::Result<::sled::Result<T>> {
    for _ in 0..LOCK_TRIES {
        match open() {
            Ok(Err(::sled::Error::Io(error))) if is_locked(&error) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    open()
}

/// sled says it in words only.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}
