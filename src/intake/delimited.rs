//! CSV as offices save it: UTF-8 with or without a byte order mark, UTF-16 (Excel's "Unicode text"), or GB18030
//! (Excel's plain CSV on a Chinese system); comma, semicolon or tab.

use super::sheet::Sheet;
use crate::package::cell::Raw;
use crate::package::finding::Finding;
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};

/// Most fields of a file: every cell a report may have, and room for titles.
const FIELDS_MAX: usize = 250_000;

/// Reads a file of separated values into one sheet.
///
/// # Errors
/// A finding that refuses: no text, or too many fields.
pub(super) fn read(bytes: &[u8]) -> Result<Sheet, Box<Finding>> {
    let text = decoded(bytes)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut sheet = Sheet::default();
    let mut count = 0_usize;
    for record in reader.records() {
        let record = record.map_err(|error| {
            let zh = format!("CSV 无法读取：{error}");
            Finding::must_fix("csv_syntax", &zh, &format!("the CSV cannot be read: {error}"))
        })?;
        // The reader skips empty lines and says where it stood before them; a cell is named by the line on which an
        // editor or Excel shows it.
        let from = record.position().map_or(0, csv::Position::byte);
        let rest = text.as_bytes().get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
        let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        let skipped = skipped.filter(|byte| **byte == b'\n').count();
        let line = record.position().map_or(1, csv::Position::line).saturating_sub(1);
        let row = u32::try_from(line).ok().zip(u32::try_from(skipped).ok());
        let row = row.map_or(u32::MAX, |(line, skipped)| line.saturating_add(skipped));
        for (column, field) in record.iter().enumerate() {
            count += 1;
            if count > FIELDS_MAX {
                let zh = format!("超过 {FIELDS_MAX} 格；明细请作为附件");
                let en = format!("more than {FIELDS_MAX} cells; attach item lists instead");
                return Err(Box::new(Finding::must_fix("too_many", &zh, &en)));
            }
            if !field.trim().is_empty() {
                let column = u32::try_from(column).unwrap_or(u32::MAX);
                sheet.cells.insert((row, column), Raw::Text(field.to_owned()));
            }
        }
    }
    Ok(sheet)
}

/// The text of a file. GB18030 covers GBK and GB 2312; it is tried only on what is not UTF-8.
fn decoded(bytes: &[u8]) -> Result<String, Box<Finding>> {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let wide = bytes.len() >= 4 && bytes.len().is_multiple_of(2);
    let zeros = |at: usize| bytes.iter().skip(at).step_by(2).take(64).filter(|byte| **byte == 0).count();
    let candidates: &[&'static Encoding] = match marked {
        Some(encoding) => &[encoding],
        None if wide && zeros(1) > 8 => &[UTF_16LE],
        None if wide && zeros(0) > 8 => &[UTF_16BE],
        None => &[UTF_8, GB18030],
    };
    for encoding in candidates {
        let (text, _, faults) = encoding.decode(bytes);
        if !faults && !text.contains('\0') {
            return Ok(text.into_owned());
        }
    }
    let zh = "文件不是文字（不是 UTF-8，也不是 GB18030）；请在 Excel 或 WPS 中另存为“CSV UTF-8”或 .xlsx";
    let en = "this is no text in UTF-8 or GB18030; save it as CSV UTF-8 or .xlsx";
    Err(Box::new(Finding::must_fix("csv_encoding", zh, en)))
}

/// The separator that stands most often outside quotes.
fn delimiter(text: &str) -> u8 {
    let (mut counts, mut quoted) = ([0_usize; 3], false);
    const SEPARATORS: [u8; 3] = [b',', b'\t', b';'];
    for byte in text.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        }
        for (separator, count) in SEPARATORS.iter().zip(&mut counts) {
            *count += usize::from(!quoted && byte == *separator);
        }
    }
    let best = counts.iter().max().copied().unwrap_or_default();
    SEPARATORS.into_iter().zip(counts).find(|(_, count)| *count == best).map_or(b',', |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(bytes: &[u8]) -> Vec<((u32, u32), String)> {
        let sheet = read(bytes).unwrap();
        sheet.cells.into_iter().map(|(place, raw)| (place, raw.printed().to_owned())).collect()
    }

    #[test]
    fn one_table_reads_the_same_in_every_encoding_and_with_every_separator() {
        let text = "机关名称,慈溪市附海镇人民政府\n\n警告,罚款\n1,\"1,234\"\n";
        let expected = cells(text.as_bytes());
        assert_eq!(expected.last().unwrap(), &((3, 1), "1,234".to_owned()), "lines are counted as shown");
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        let gbk = GB18030.encode(text).0.into_owned();
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        for bytes in [marked, gbk, utf16] {
            assert_eq!(cells(&bytes), expected);
        }
        for separator in ["\t", ";"] {
            let other = "机关名称,慈溪市附海镇人民政府\n\n警告,罚款\n1,X\n"
                .replace(',', separator)
                .replace('X', "\"1,234\"");
            assert_eq!(cells(other.as_bytes()), expected);
        }
        assert_eq!(cells(text.replace('\n', "\r\n").as_bytes()), expected);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(read(b"\x00\x01\x02\xff\xfe\xfd\x81").unwrap_err().code, "csv_encoding");
    }
}
