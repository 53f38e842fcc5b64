//! The image of a node's state: a file beside sled's own.

use std::io;
use std::path::Path;

/// The file.
const NAME: &str = "image";

/// Writes the file anew. It is not synced: after a power cut it may be in pieces, which its reader finds.
pub(super) fn keep(dir: &Path, image: &[u8]) -> io::Result<()> {
    let unfinished = dir.join("image.new");
    std::fs::write(&unfinished, image)?;
    std::fs::rename(&unfinished, dir.join(NAME))
}

/// The file, if it is there.
pub(super) fn read(dir: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}
