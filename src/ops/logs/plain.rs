//! One event, one line: characters that a terminal or a reader would obey are written as escapes.

use std::io::{self, Write};

/// A writer that escapes control characters, line separators and bidirectional overrides in what it passes on. Each
/// event comes as one write that ends with its own line break, which stays.
pub(super) struct Plain<W>(W);

impl Plain<io::Stderr> {
    /// For the daemon's log.
    pub(super) fn stderr() -> Self {
        Self(io::stderr())
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(escaped(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line without anything but its last break that is not plain.
fn escaped(line: &str) -> String {
    let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
    let mut plain = String::with_capacity(line.len());
    for c in content.chars() {
        if obeyed(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain.push_str(end);
    plain
}

/// Control characters, line and paragraph separators, marks and overrides of direction, invisible joiners.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_49_whatever_a_field_holds_one_event_is_one_line() {
        let mut kept = Vec::new();
        let hostile = "name=a\r\nFAKE INFO\u{1b}[31m\u{2028}next\u{202e}gpj.exe\u{0}\u{feff}公示\n";
        Plain(&mut kept).write_all(hostile.as_bytes()).unwrap();
        let line = String::from_utf8(kept).unwrap();
        assert_eq!(line.lines().count(), 1);
        assert!(line.chars().filter(|c| obeyed(*c)).eq(['\n']), "{line:?}");
        assert!(line.contains("公示") && line.contains("\\u{1b}") && line.contains("\\u{202e}"));
    }

    #[test]
    fn a_name_of_64_kib_is_still_one_line() {
        let mut kept = Vec::new();
        Plain(&mut kept).write_all(format!("{}\n", "\n".repeat(64 << 10)).as_bytes()).unwrap();
        assert_eq!(String::from_utf8(kept).unwrap().lines().count(), 1);
    }
}
