//! Hand-written signed layouts: a writer and a strict reader of big-endian fields.
//!
//! Signed bytes must not depend on any crate's encoding staying stable, so everything signed is written
//! with these two types and nothing else. The reader refuses what it did not fully understand: short
//! input, trailing bytes, text that is not NFC or holds control characters.

use crate::digest::{DIGEST_BYTES, Digest};
use unicode_normalization::is_nfc;

/// Why bytes are not a value of the layout that was asked for.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// Input ended inside a field.
    #[error("{field}: input ends at byte {at}")]
    Short {
        /// Name of the field that was being read.
        field: &'static str,
        /// Offset at which bytes ran out.
        at: usize,
    },
    /// Bytes stand after the last field.
    #[error("{count} bytes after the last field")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A field holds a value the layout does not allow.
    #[error("{field}: {why}")]
    Invalid {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl LayoutError {
    /// Shorthand for [`LayoutError::Invalid`].
    pub const fn invalid(field: &'static str, why: &'static str) -> Self {
        Self::Invalid { field, why }
    }
}

/// True when `text` may stand in a signed layout: NFC, no control characters, no bidi or line-break controls.
pub fn is_plain_text(text: &str) -> bool {
    is_nfc(text)
        && !text.chars().any(|c| {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        })
}

/// Writes fields in order. Lengths are the caller's business: [`Writer::text`] takes at
/// most 65,535 bytes and cut nothing, they refuse.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty layout.
    pub fn new() -> Self {
        Self::default()
    }
    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.out.push(value);
        self
    }
    /// Two bytes, big-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    /// Four bytes, big-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    /// Eight bytes, big-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }
    /// Bytes of a fixed, documented length.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.out.extend_from_slice(value);
        self
    }
    /// A digest, 32 bytes.
    pub fn digest(&mut self, value: &Digest) -> &mut Self {
        self.raw(value.as_bytes())
    }
    /// A u16 length and that many bytes of UTF-8.
    ///
    /// # Errors
    /// [`LayoutError::Invalid`] when the text is longer than `max_bytes` or not plain ([`is_plain_text`]).
    pub fn text(
        &mut self,
        field: &'static str,
        value: &str,
        max_bytes: usize,
    ) -> Result<&mut Self, LayoutError> {
        if value.len() > max_bytes {
            return Err(LayoutError::invalid(field, "too long"));
        }
        if !is_plain_text(value) {
            return Err(LayoutError::invalid(field, "not NFC text without control characters"));
        }
        let length = u16::try_from(value.len()).map_err(|_| LayoutError::invalid(field, "too long"))?;
        Ok(self.u16(length).raw(value.as_bytes()))
    }
    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
    /// The bytes written so far, to be signed over.
    pub fn so_far(&self) -> &[u8] {
        &self.out
    }
}

/// Reads fields in order from a slice.
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }
    /// How many bytes were read.
    pub const fn position(&self) -> usize {
        self.at
    }
    /// `count` bytes.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn raw(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], LayoutError> {
        let short = LayoutError::Short { field, at: self.input.len() };
        let end = self.at.checked_add(count).ok_or(short.clone())?;
        let taken = self.input.get(self.at..end).ok_or(short)?;
        self.at = end;
        Ok(taken)
    }
    /// `N` bytes as an array.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], LayoutError> {
        let taken = self.raw(field, N)?;
        taken.try_into().map_err(|_| LayoutError::Short { field, at: self.at })
    }
    /// One byte.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, LayoutError> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }
    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn u16(&mut self, field: &'static str) -> Result<u16, LayoutError> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }
    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, LayoutError> {
        Ok(u32::from_be_bytes(self.array(field)?))
    }
    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, LayoutError> {
        Ok(u64::from_be_bytes(self.array(field)?))
    }
    /// A digest.
    ///
    /// # Errors
    /// [`LayoutError::Short`].
    pub fn digest(&mut self, field: &'static str) -> Result<Digest, LayoutError> {
        Ok(Digest::from_bytes(self.array::<DIGEST_BYTES>(field)?))
    }
    /// A u16 length and that many bytes of plain UTF-8.
    ///
    /// # Errors
    /// [`LayoutError`]: short, longer than `max_bytes`, not UTF-8, or not plain ([`is_plain_text`]).
    pub fn text(&mut self, field: &'static str, max_bytes: usize) -> Result<&'a str, LayoutError> {
        let length = usize::from(self.u16(field)?);
        if length > max_bytes {
            return Err(LayoutError::invalid(field, "too long"));
        }
        let text = std::str::from_utf8(self.raw(field, length)?)
            .map_err(|_| LayoutError::invalid(field, "not UTF-8"))?;
        if !is_plain_text(text) {
            return Err(LayoutError::invalid(field, "not NFC text without control characters"));
        }
        Ok(text)
    }
    /// The bytes not yet read; the reader is at its end afterwards.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.at = self.input.len();
        rest
    }
    /// Ends the layout.
    ///
    /// # Errors
    /// [`LayoutError::Trailing`] when bytes are left.
    pub fn finish(self) -> Result<(), LayoutError> {
        match self.input.len().saturating_sub(self.at) {
            0 => Ok(()),
            count => Err(LayoutError::Trailing { count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() -> Result<(), LayoutError> {
        let mut writer = Writer::new();
        writer.u8(7).u16(8).u32(9).u64(10).text("name", "附海镇", 64)?;
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u8("a")?, reader.u16("b")?, reader.u32("c")?, reader.u64("d")?), (7, 8, 9, 10));
        assert_eq!(reader.text("name", 64)?, "附海镇");
        reader.finish()?;

        let mut short = Reader::new(&bytes[..bytes.len() - 1]);
        short.raw("head", 15)?;
        assert!(matches!(short.text("name", 64), Err(LayoutError::Short { .. })));
        let mut trailing = Reader::new(&bytes);
        trailing.u8("a")?;
        assert_eq!(trailing.finish(), Err(LayoutError::Trailing { count: bytes.len() - 1 }));
        Ok(())
    }

    #[test]
    fn text_that_could_mislead_is_refused() {
        for bad in ["a\nb", "e\u{301}", "\u{202e}abc", "\u{0}", "\u{85}"] {
            assert!(Writer::new().text("t", bad, 64).is_err(), "{bad:?}");
        }
        assert!(Writer::new().text("t", "合计（宗）", 10).is_err(), "15 bytes do not fit 10");
    }
}
