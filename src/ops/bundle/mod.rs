//! Bundles as files: writing them from what the node plans, checking them whole, handing their frames to the node.
//!
//! Promises: a file appears under its name only when it is complete and synced; nothing of a damaged file is taken;
//! one frame is in memory at a time. What a frame means, and whether it is for this node, is the node's to say; it is
//! asked through a [`Door`], so that the command line and the daemon's drop folders do the same.

mod import;
mod read;
mod write;

pub(super) use import::{Line, import};
pub(super) use read::peek;
pub(super) use write::{Exported, export, plan};

use super::service::{Bundled, Bundling, Failure, Reply, Request};
use std::io;
use std::path::Path;

/// The way to the node.
pub(super) trait Door {
    /// Asks it.
    fn ask(&mut self, request: Request) -> Result<Reply, Failure>;
}

/// Asks about a bundle.
fn ask(door: &mut dyn Door, bundling: Bundling) -> Result<Bundled, Failure> {
    match door.ask(Request::Bundle(Box::new(bundling)))? {
        Reply::Bundled(answer) => Ok(*answer),
        Reply::Failure(failure) => Err(failure),
        _ => Err(unexpected()),
    }
}

pub(super) fn unexpected() -> Failure {
    Failure::new(
        1,
        "unexpected_reply",
        "守护进程的回答无法识别，版本可能不同 / the daemon's answer is not understood; versions may differ",
    )
}

/// A file that cannot be read or written.
pub(super) fn file_failure(path: &Path, error: &io::Error) -> Failure {
    let place = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::new(
            2,
            "no_file",
            format!("{place}：没有这个文件或目录 / no such file or directory"),
        );
    }
    Failure::new(1, "file", format!("{place}：{error}；请检查权限与空间 / check permissions and space"))
}
