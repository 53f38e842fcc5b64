//! The short form of a content's bytes, in which chunks of it travel and rest: most of a report is cells that say the same
//! thing twice, in sixty bytes. Layout: "Packed chunks" in FORMAT.md.
//!
//! Promises: lengthening what was shortened gives the same bytes, whatever they are and wherever they were cut. Leaves to
//! its callers: that lengthened bytes are the ones a digest names.

const NUMBER: u8 = 1;
const UNIT: u8 = 2;
const NUMBER_END: u8 = 3;
const TEXT: u8 = 4;
const TEXT_END: u8 = 5;

const PRINTED: &[u8] = b"{\"printed\":\"";
const VALUE_KEY: &[u8] = b"\",\"value\":\"";
const UNIT_KEY: &[u8] = b"\",\"unit\":\"";
const VALUE_STATE: &[u8] = b"\",\"state\":\"value\"}";
const TEXT_STATE: &[u8] = b"\",\"state\":\"text\"}";

/// The short form of bytes; none when they have a mark of its own in them, as no content has, or nothing in them can be
/// shortened.
pub fn shorten(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.iter().any(|byte| (NUMBER..=TEXT_END).contains(byte)) {
        return None;
    }
    let mut short = Vec::with_capacity(bytes.len() / 2);
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'{') {
        let (before, from) = rest.split_at(at);
        short.extend_from_slice(before);
        rest = match cell(from, &mut short) {
            Some(behind) => behind,
            None => {
                short.push(b'{');
                from.get(1..).unwrap_or_default()
            }
        };
    }
    short.extend_from_slice(rest);
    (short.len() < bytes.len()).then_some(short)
}

/// Writes the cell that bytes begin with in its short form; what stands behind it.
fn cell<'a>(from: &'a [u8], short: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (printed, rest) = text(from.strip_prefix(PRINTED)?)?;
    if let Some(behind) = rest.strip_prefix(TEXT_STATE) {
        short.push(TEXT);
        short.extend_from_slice(printed);
        short.push(TEXT_END);
        return Some(behind);
    }
    let rest = rest.strip_prefix(VALUE_KEY)?.strip_prefix(printed)?.strip_prefix(UNIT_KEY)?;
    let (unit, rest) = text(rest)?;
    let behind = rest.strip_prefix(VALUE_STATE)?;
    for (part, end) in [(&[][..], NUMBER), (printed, UNIT), (unit, NUMBER_END)] {
        short.extend_from_slice(part);
        short.push(end);
    }
    Some(behind)
}

/// A JSON text's bytes up to the quote that ends it; none when one of them is escaped.
fn text(from: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = from.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (text, rest) = from.split_at(end);
    rest.starts_with(b"\"").then_some((text, rest))
}

/// The bytes of a short form, which are so many; none when it is no short form of so many. Nothing beyond is written.
pub fn lengthen(short: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut long = Long { bytes: Vec::with_capacity(length), length };
    let mut rest = short;
    while let Some(at) = rest.iter().position(|byte| (NUMBER..=TEXT_END).contains(byte)) {
        let (before, from) = rest.split_at(at);
        long.put(&[before])?;
        let (mark, from) = from.split_first()?;
        rest = match *mark {
            NUMBER => {
                let (printed, from) = until(from, UNIT)?;
                let (unit, behind) = until(from, NUMBER_END)?;
                long.put(&[PRINTED, printed, VALUE_KEY, printed, UNIT_KEY, unit, VALUE_STATE])?;
                behind
            }
            TEXT => {
                let (printed, behind) = until(from, TEXT_END)?;
                long.put(&[PRINTED, printed, TEXT_STATE])?;
                behind
            }
            _ => return None,
        };
    }
    long.put(&[rest])?;
    (long.bytes.len() == length).then_some(long.bytes)
}

/// Bytes up to a mark, and those behind it.
fn until(from: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let (before, behind) = from.split_at(from.iter().position(|&byte| byte == mark)?);
    Some((before, behind.get(1..)?))
}

struct Long {
    bytes: Vec<u8>,
    length: usize,
}

impl Long {
    /// Appends what fits.
    fn put(&mut self, parts: &[&[u8]]) -> Option<()> {
        let more: usize = parts.iter().map(|part| part.len()).sum();
        (self.bytes.len() + more <= self.length).then(|| {
            for part in parts {
                self.bytes.extend_from_slice(part);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROW: &str = r#"[{"printed":"城管（合成）","state":"text"},{"printed":"108156","value":"108156","unit":"宗","state":"value"},{"printed":"1753.79","value":"17537900","unit":"元","state":"value"},{"printed":"a\"b","state":"text"},{"printed":"","state":"blank"}]"#;

    #[test]
    fn cells_that_say_one_thing_are_written_once() {
        let short = shorten(ROW.as_bytes()).expect("shorter");
        let first = "[\u{4}城管（合成）\u{5},\u{1}108156\u{2}宗\u{3},{\"printed\":\"1753.79\",";
        assert!(short.starts_with(first.as_bytes()), "{}", String::from_utf8_lossy(&short));
        assert_eq!(lengthen(&short, ROW.len()).as_deref(), Some(ROW.as_bytes()));
    }

    #[test]
    fn bytes_with_a_mark_in_them_are_left_alone() {
        assert_eq!(shorten(format!("{ROW}\u{3}").as_bytes()), None);
        assert_eq!(shorten(b"no cells"), None);
    }

    #[test]
    fn a_short_form_of_another_length_is_none() {
        let short = shorten(ROW.as_bytes()).expect("shorter");
        for length in [0, ROW.len() - 1, ROW.len() + 1] {
            assert_eq!(lengthen(&short, length), None);
        }
        for broken in [&b"\x01"[..], b"\x011\x02", b"\x04a", b"\x02", b"\x03", b"\x05a"] {
            assert_eq!(lengthen(broken, 100), None);
        }
    }

    /// Bytes that are nearly cells: whole ones, and pieces cut anywhere.
    fn nearly_cells() -> impl Strategy<Value = Vec<u8>> {
        let cut = (0..ROW.len(), 0..ROW.len()).prop_map(|(a, b)| ROW.as_bytes()[a.min(b)..a.max(b)].to_vec());
        let any = proptest::collection::vec(any::<u8>(), 0..20);
        proptest::collection::vec(prop_oneof![4 => Just(ROW.as_bytes().to_vec()), 4 => cut, 1 => any], 0..8)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_was_shortened_comes_back(bytes in nearly_cells()) {
            if let Some(short) = shorten(&bytes) {
                prop_assert!(short.len() < bytes.len());
                prop_assert_eq!(lengthen(&short, bytes.len()), Some(bytes));
            }
        }

        #[test]
        fn nothing_is_written_beyond_its_length(
            short in proptest::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..200),
            length in 0_usize..400,
        ) {
            let long = lengthen(&short, length);
            prop_assert!(long.is_none_or(|bytes| bytes.len() == length));
        }
    }
}
