//! Attachments as a package names them: the original workbook or document, kept beside the figures (FORMAT.md).
//!
//! A name is for people only: it never becomes a path here, and [`harmless_name`] takes out what would be one elsewhere.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Most attachments of a package: a card names sixteen bodies, one is the package and one may be a reason.
pub const ATTACHMENT_COUNT_MAX: usize = 14;
/// Longest name in bytes: 60 Chinese characters and an ending; any file system takes it.
pub const ATTACHMENT_NAME_BYTES_MAX: usize = 200;

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// The file's name, without a directory.
    pub name: String,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// SHA-256 of the content without salt.
    pub sha256: Digest,
}

impl Attachment {
    /// True when its name is as [`harmless_name`] leaves it.
    pub fn is_harmless(&self) -> bool {
        harmless_name(&self.name) == self.name
    }
}

/// A name that no file system takes for a path or a device and no screen shows otherwise than it is: NFC, without
/// control and direction characters, `/ \ : * ? " < > |` as `_`, no dot or space at the ends, at most
/// [`ATTACHMENT_NAME_BYTES_MAX`] bytes with its ending kept.
pub fn harmless_name(name: &str) -> String {
    let shown = |letter: char| match letter {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => Some('_'),
        letter if letter.is_control() || is_invisible(letter) => None,
        letter => Some(letter),
    };
    let clean: String = name.chars().filter_map(shown).nfc().collect();
    let ends: &[char] = &['.', ' '];
    let clean = clean.trim_matches(ends);
    let (stem, ending) = match clean.rfind('.').map(|dot| clean.split_at(dot)) {
        Some((stem, ending)) if ending.len() <= 16 => (stem, ending),
        _ => (clean, ""),
    };
    let room = ATTACHMENT_NAME_BYTES_MAX - ending.len() - 1;
    let cut = (0..=room.min(stem.len())).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    let stem = stem.get(..cut).unwrap_or_default().trim_end_matches(ends);
    let device = ["con", "prn", "aux", "nul"].iter().any(|word| stem.eq_ignore_ascii_case(word));
    match (stem.is_empty(), device) {
        (true, _) => format!("attachment{ending}"),
        (_, true) => format!("_{stem}{ending}"),
        _ => format!("{stem}{ending}"),
    }
}

/// Characters that turn, join or hide their neighbours (Unicode UAX #9 and the zero-width ones).
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The attachments that a content names; none when it is no content of ours.
pub fn attachments_of(content: &[u8]) -> Vec<Attachment> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        attachments: Vec<Attachment>,
    }
    serde_json::from_slice::<Named>(content).map(|named| named.attachments).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_would_be_a_path_a_device_or_a_trick() {
        let cases = [
            ("附表.xlsx", "附表.xlsx"),
            ("../../etc/passwd", "_._etc_passwd"),
            ("C:\\报告\\表.pdf", "C__报告_表.pdf"),
            ("表\u{202e}fdp.exe", "表fdp.exe"),
            ("a\r\nSet-Cookie: x.csv", "aSet-Cookie_ x.csv"),
            ("  .hidden. ", "hidden"),
            ("NUL.txt", "_NUL.txt"),
            ("", "attachment"),
            ("...", "attachment"),
            ("<script>.html", "_script_.html"),
        ];
        for (given, harmless) in cases {
            assert_eq!(harmless_name(given), harmless);
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_a_harmless_name_stays() {
        let long = format!("{}.xlsx", "表".repeat(300));
        let name = harmless_name(&long);
        assert!(name.len() <= ATTACHMENT_NAME_BYTES_MAX && name.ends_with("表.xlsx"), "{name}");
        for name in [name.as_str(), "a.b.c", "attachment", "_NUL.txt", "_.._x", "a .b"] {
            assert_eq!(harmless_name(&harmless_name(name)), harmless_name(name), "{name}");
        }
    }
}
