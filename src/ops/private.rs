//! Whether a key's file is its owner's alone (trials.md, attack 34).

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Why a key in this file is nobody's secret, in both languages; none where it may be used.
pub(super) fn open_to_others(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    if metadata.permissions().mode() & 0o077 != 0 {
        return Some("密钥文件权限过宽，请执行 chmod 600 / the key file is open to others: chmod 600 it");
    }
    // Its owner may open it to others again, or put another in its place. Root works in the directories of others.
    let ours = rustix::process::geteuid().as_raw();
    let of_directory = path.parent().and_then(|dir| fs::metadata(dir).ok()).map(|dir| dir.uid());
    let known = metadata.uid() == ours || Some(metadata.uid()) == of_directory;
    (!known).then_some("密钥文件属于其他用户，请执行 chown / the key file belongs to another user: chown it")
}
