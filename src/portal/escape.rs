//! The one way text enters a page.
//!
//! askama prints every expression of an `.html` template through [`Page`] (see `askama.toml`): the five characters
//! of HTML are escaped, and characters that reorder or hide text (bidirectional controls, zero-width characters,
//! C0 and C1 controls) are shown as their code point, so that a name cannot pretend to be another name. No template
//! uses `|safe`, but for `DataBlock`, which escapes itself as JSON.

use std::fmt::{self, Write};

/// The escaper of every page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page;

impl askama::filters::Escaper for Page {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            match c {
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '&' => dest.write_str("&amp;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                '\n' | '\t' => dest.write_char(c)?,
                c if misleading(c) => write!(dest, "[U+{:04X}]", u32::from(c))?,
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Characters that change how the text around them is shown, or show nothing themselves.
fn misleading(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A JSON document as the content of a data block, which is never run: every character that could end the block or
/// mislead is an escape of JSON.
pub(super) struct DataBlock(pub(super) serde_json::Value);

impl fmt::Display for DataBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '<' | '>' | '&' | '\'' => write!(f, "\\u{:04x}", u32::from(c))?,
                c if misleading(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::filters::Escaper as _;

    #[test]
    fn attack_47_a_data_block_ends_only_where_we_end_it() {
        let hostile = "</script><script>alert(1)</script><!--\u{2028}\u{202e}&\u{e0001}";
        let text = DataBlock(serde_json::json!({ "a": hostile })).to_string();
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{202e}']), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["a"], hostile);
    }

    #[test]
    fn markup_is_escaped_and_reordering_is_shown() {
        let mut page = String::new();
        Page.write_escaped_str(&mut page, "<b a='\"'>&\u{202e}\u{200b}\u{0}庆元县").unwrap();
        assert_eq!(page, "&lt;b a=&#39;&quot;&#39;&gt;&amp;[U+202E][U+200B][U+0000]庆元县");
    }
}
