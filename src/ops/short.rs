//! Short files: keys and tokens, read no further than one of ours can be long.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longest key or token file, in bytes: a key is 120, a token with a long name some hundreds.
const SHORT_BYTES_MAX: u64 = 64 << 10;

/// The text of a short file: a key, a token.
///
/// # Errors
/// Those of reading; [`io::ErrorKind::InvalidData`] for a file that is longer than any of ours.
pub(super) fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(SHORT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SHORT_BYTES_MAX {
        let why = format!(
            "超过 {SHORT_BYTES_MAX} 字节，不是密钥或邀请码 / over {SHORT_BYTES_MAX} bytes: no key, no token"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(text)
}
