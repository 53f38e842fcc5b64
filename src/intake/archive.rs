//! The container of a workbook, walked before anything in it is parsed.
//!
//! calamine reads whatever the archive unpacks to, and half a megabyte can unpack to gigabytes. So every entry is
//! unpacked here first, in a stream that is counted and thrown away: its true size (never the size it claims), the
//! number of its XML elements, document types. What passes is bounded in all that parsing can cost: at most
//! 64 MB of XML and two million elements ([`LIMITS`]). Nothing is ever written to disk, so that names of
//! entries cannot point anywhere.

use crate::package::finding::Finding;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// Largest workbook in bytes.
pub(super) const PACKED_BYTES_MAX: usize = 20 * 1024 * 1024;
/// How much an entry's stream may hold before its ratio counts.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// What an archive may hold.
struct Limits {
    /// Most bytes of all entries unpacked.
    unpacked_bytes: u64,
    /// Most entries; a workbook of 200 sheets with comments and drawings has about 1,000.
    entries: usize,
    /// Most XML elements of all entries: 200,000 cells of three elements, strings, styles, and as much again.
    elements: u64,
    /// Highest ratio of an entry over a mebibyte; sheets of empty rows reach 60, deflate's limit is 1,032.
    ratio: u64,
}

const LIMITS: Limits =
    Limits { unpacked_bytes: 64 * 1024 * 1024, entries: 2000, elements: 2_000_000, ratio: 300 };

/// Walks the archive.
///
/// # Errors
/// A finding that refuses and says which limit was passed, or that this is no workbook.
pub(super) fn walk(bytes: &[u8]) -> Result<(), Box<Finding>> {
    walk_within(bytes, &LIMITS)
}

fn walk_within(bytes: &[u8], limits: &Limits) -> Result<(), Box<Finding>> {
    if bytes.len() > PACKED_BYTES_MAX {
        return Err(Box::new(too_large("20 MB")));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > limits.entries {
        return Err(Box::new(too_large("2,000 entries")));
    }
    let (mut unpacked, mut elements) = (0_u64, 0_u64);
    let mut has_workbook = false;
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(|error| broken(&error))?;
        if entry.encrypted() {
            return Err(Box::new(protected()));
        }
        let name = entry.name().map_err(|error| broken(&error))?.to_ascii_lowercase();
        has_workbook |= name == "xl/workbook.xml";
        if name == "xl/workbook.bin" {
            let zh = "这是二进制工作簿（.xlsb），请在 Excel 中另存为 .xlsx";
            return Err(Box::new(Finding::must_fix(
                "workbook_old_format",
                zh,
                "a binary workbook (.xlsb): save it as .xlsx",
            )));
        }
        let xml = name.ends_with(".xml") || name.ends_with(".rels") || name.ends_with(".vml");
        let packed = entry.compressed_size().max(1);
        let (mut own, mut chunk, mut tail) = (0_u64, [0_u8; 16 * 1024], Vec::new());
        loop {
            let count = match entry.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(Box::new(broken(&ZipError::Io(error)))),
            };
            let read = chunk.get(..count).unwrap_or_default();
            own += u64::try_from(count).unwrap_or(u64::MAX);
            if unpacked.saturating_add(own) > limits.unpacked_bytes {
                return Err(Box::new(too_large("64 MB unpacked")));
            }
            if own > RATIO_FREE_BYTES && own / packed > limits.ratio {
                return Err(Box::new(too_large("a compression of 300 to 1")));
            }
            if xml {
                // A mark may lie across two chunks: what was last of the one comes before the next.
                tail.extend_from_slice(read);
                let mut rest = tail.as_slice();
                while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
                    elements += 1;
                    rest = rest.get(at..).unwrap_or_default();
                    if MARKS
                        .iter()
                        .any(|mark| rest.get(..mark.len()).is_some_and(|it| it.eq_ignore_ascii_case(mark)))
                    {
                        let zh = "工作簿含有外部或自定义实体，不予读取；请重新制作";
                        let en = "the workbook declares a document type or entities; make it anew";
                        return Err(Box::new(Finding::must_fix("workbook_hostile", zh, en)));
                    }
                    rest = rest.get(1..).unwrap_or_default();
                }
                if elements > limits.elements {
                    return Err(Box::new(too_large("2,000,000 elements")));
                }
                let keep = tail.len().saturating_sub(MARKS[0].len() - 1);
                tail.drain(..keep);
            }
        }
        unpacked += own;
    }
    if has_workbook {
        return Ok(());
    }
    let zh = "这不是 Excel 工作簿（压缩包里没有工作簿）；请用 Excel 或 WPS 打开后另存为 .xlsx";
    Err(Box::new(Finding::must_fix("not_a_workbook", zh, "an archive without a workbook: save it as .xlsx")))
}

/// How declarations begin that a workbook has no use for.
const MARKS: [&[u8]; 2] = [b"<!DOCTYPE", b"<!ENTITY"];

fn too_large(limit: &str) -> Finding {
    let zh = format!("工作簿超过上限（{limit}）；明细请作为附件，报送的工作簿只留统计表");
    let en = format!("the workbook exceeds {limit}; attach item lists, keep only the tables");
    Finding::must_fix("workbook_too_large", &zh, &en)
}

fn broken(error: &ZipError) -> Finding {
    let zh = format!("工作簿已损坏（{error}）；请用 Excel 或 WPS 打开后另存为新的 .xlsx");
    let en = format!("the workbook is damaged ({error}); open it and save it as a new .xlsx");
    Finding::must_fix("workbook_damaged", &zh, &en)
}

/// The workbook has a password.
pub(super) fn protected() -> Finding {
    let zh = "工作簿有打开密码；请在“文件 - 信息 - 保护工作簿”中去掉密码后再报";
    let en = "the workbook has a password: remove it (File, Info, Protect Workbook) and try again";
    Finding::must_fix("workbook_password", zh, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn code(entries: &[(&str, &[u8])]) -> String {
        walk(&archive(entries)).map_or_else(|finding| finding.code.to_string(), |()| "ok".into())
    }

    #[test]
    fn attack_39_xlsx_bomb() {
        let limits = Limits { unpacked_bytes: 3 << 20, entries: 20, elements: 1000, ratio: 300 };
        let code = |entries: &[(&str, &[u8])]| {
            walk_within(&archive(entries), &limits)
                .map_or_else(|finding| finding.code.to_string(), |()| "ok".into())
        };
        let book: (&str, &[u8]) = ("xl/workbook.xml", b"<workbook/>");
        assert_eq!(code(&[book]), "ok");
        let flat = vec![b' '; 4 << 20];
        assert_eq!(code(&[book, ("xl/media/a.bin", &flat)]), "workbook_too_large", "over in bytes");
        assert_eq!(code(&[book, ("a", flat.get(..2 << 20).unwrap())]), "workbook_too_large", "over in ratio");
        let part: Vec<u8> = flat.iter().take(900_000).copied().collect();
        let many: Vec<(&str, &[u8])> = ["a", "b", "c", "d"].map(|name| (name, part.as_slice())).into();
        assert_eq!(code(&many), "workbook_too_large", "each entry is modest, their sum is not");
        let elements = b"<c/>".repeat(1001);
        assert_eq!(code(&[book, ("xl/worksheets/sheet1.xml", &elements)]), "workbook_too_large");
        let names: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
        assert_eq!(code(&entries), "workbook_too_large");
    }

    #[test]
    fn attack_40_entities_and_strange_archives() {
        let book: (&str, &[u8]) = ("xl/workbook.xml", b"<workbook/>");
        let mut split = vec![b' '; 16 * 1024 - 4];
        split.extend_from_slice(b"<!DOCTYPE lol [<!ENTITY a \"aaaa\">]>");
        assert_eq!(code(&[book, ("xl/worksheets/sheet1.xml", &split)]), "workbook_hostile");
        assert_eq!(code(&[("../../etc/passwd", b"x")]), "not_a_workbook");
        assert_eq!(code(&[("xl/workbook.bin", b"x")]), "workbook_old_format");
        assert_eq!(walk(b"PK\x03\x04 and then nothing").unwrap_err().code, "workbook_damaged");
        let mut cut = archive(&[book]);
        cut.truncate(cut.len() / 2);
        assert_eq!(walk(&cut).unwrap_err().code, "workbook_damaged");
    }
}
