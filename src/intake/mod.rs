//! Files of clerks: workbooks, CSV and JSON in; blank workbooks and marked ones out.
//!
//! `read` tells what a file is by its bytes, not by its name, bounds it before parsing (`archive`), turns
//! workbooks (`workbook`) and CSV (`delimited`) into sheets (`sheet`), finds the tables in them (`layout`,
//! `headers`), computes sums again (`formula`) and hands `package` the same members that a JSON file would have
//! (`draft`). Findings come back with sheet and cell; `marked` puts them into the clerk's own workbook. `blank` writes
//! workbooks and CSV files to fill in. `list` reads rosters.
//! The names of all libraries for these formats stay in here.

mod archive;
pub mod blank;
mod delimited;
mod draft;
mod formula;
mod headers;
mod layout;
pub mod list;
pub mod marked;
mod own;
mod sheet;
mod workbook;

use self::draft::Draft;
use self::workbook::Workbook;
use crate::package::document::Node;
use crate::package::finding::Finding;
use crate::package::report::Report;
use crate::package::report_file::{ReadOptions, read_json, read_members};
use crate::template::normal::shortened;

/// Largest file of any kind in bytes: that of a workbook.
pub const FILE_BYTES_MAX: usize = archive::PACKED_BYTES_MAX;

/// What the command says beside the file, for sheets that do not say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The agency's name.
    pub agency_name: Option<&'a str>,
    /// The year of the figures.
    pub year: Option<u16>,
}

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Separated,
    Workbook,
    /// The container of .xls and of workbooks with a password.
    Compound,
    Page,
    Document,
}

/// Reads a report from a file of any kind. `name` is its name, which decides nothing but words. The report is there
/// exactly when no finding must be fixed.
pub fn read(
    bytes: &[u8],
    name: &str,
    given: Given<'_>,
    options: &ReadOptions<'_>,
) -> (Option<Report>, Vec<Finding>) {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim();
    let stem = if stem.is_empty() { "统计表" } else { stem };
    let mut draft = Draft::of(shortened(stem));
    let book = match book(bytes, name) {
        Ok(Some(book)) => book,
        Ok(None) => return read_json(bytes, options),
        Err(finding) => return (None, vec![*finding]),
    };
    let origin = own::Origin::of(&book.hidden);
    for sheet in book.sheets {
        draft.add(sheet, origin.is_some(), options.templates);
    }
    if let Some(origin) = origin {
        origin.check(&mut draft, options.templates);
    }
    complete(&mut draft, given);
    let (report, findings) = read_members(draft.take_members(), std::mem::take(&mut draft.findings), options);
    (report, findings.into_iter().map(|finding| draft.locate(finding)).collect())
}

/// The sheets of a file; none for JSON. Bounds are checked before anything is parsed.
fn book(bytes: &[u8], name: &str) -> Result<Option<Workbook>, Box<Finding>> {
    let other = |zh: &str, en: &str| Err(Box::new(Finding::must_fix("not_a_workbook", zh, en)));
    match kind(bytes, name) {
        Kind::Json => Ok(None),
        Kind::Compound => Err(Box::new(compound(bytes))),
        Kind::Page => other(
            "这是网页（HTML），只是改名为表格；请在 Excel 或 WPS 中打开后另存为 .xlsx",
            "a web page by another name: open it and save it as .xlsx",
        ),
        Kind::Document => other(
            "这不是表格文件（PDF、图片或其他文件）；请报送 .xlsx、.csv 或 .json",
            "no spreadsheet (a PDF, picture or other file): send .xlsx, .csv or .json",
        ),
        Kind::Separated => Ok(Some(Workbook { sheets: vec![delimited::read(bytes)?], hidden: Vec::new() })),
        Kind::Workbook => archive::walk(bytes).and_then(|()| workbook::read(bytes)).map(Some),
    }
}

/// Adds what the command says, and the year that every title names.
fn complete(draft: &mut Draft, given: Given<'_>) {
    if let Some(name) = given.agency_name.filter(|_| !draft.says("agency_name")) {
        draft.members.push(("agency_name".into(), Node::Text(name.into())));
    }
    if let Some(year) = given.year.filter(|_| !draft.says("year")) {
        draft.members.push(("year".into(), Node::Number(year.to_string())));
    }
    let named = draft.titles.iter().chain(draft.placed.iter().map(|placed| &placed.name));
    let mut years: Vec<String> = named.filter_map(|title| year_in(title)).collect();
    years.sort();
    years.dedup();
    match (draft.text("year"), years.as_slice()) {
        (None, [year]) => {
            let zh = format!("没有写明年度，按表名中的 {year} 年处理；如不对请写明年度");
            let en = format!("no year is given: taken as {year} from the titles; else say it");
            draft.findings.push(Finding::hint("year_from_title", &zh, &en).in_column("year"));
            draft.members.push(("year".into(), Node::Text(year.clone())));
        }
        (Some(year), [other]) if year != other => {
            let zh = format!("表名写的是 {other} 年，报送年度是 {year} 年，请核实");
            let en = format!("the titles say {other}, the report's year is {year}; please confirm");
            let finding = Finding::confirm("year_differs", &zh, &en).in_column("year").figures(year, other);
            draft.findings.push(finding);
        }
        _ => {}
    }
}

/// `2023` of `2023年行政处罚实施情况统计表`.
fn year_in(title: &str) -> Option<String> {
    let title = crate::template::normal::comparable(title);
    let (before, _) = title.split_once('年')?;
    let digits: String = before.chars().rev().take_while(char::is_ascii_digit).collect();
    (digits.len() == 4).then(|| digits.chars().rev().collect())
}

fn kind(bytes: &[u8], name: &str) -> Kind {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let head: Vec<u8> = text.iter().take(16).map(u8::to_ascii_lowercase).collect();
    let ends = |end: &str| name.to_ascii_lowercase().ends_with(end);
    if bytes.starts_with(b"PK") {
        Kind::Workbook
    } else if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        Kind::Compound
    } else if head.starts_with(b"<") {
        Kind::Page
    } else if [b"%pdf".as_slice(), b"\x89png", b"\xff\xd8\xff", b"rar!", b"7z\xbc\xaf", b"\x1f\x8b"]
        .iter()
        .any(|magic| head.starts_with(magic))
    {
        Kind::Document
    } else if ends(".json") || !ends(".csv") && head.starts_with(b"{") {
        Kind::Json
    } else if ends(".csv") || ends(".xlsx") || ends(".txt") || ends(".tsv") || ends(".xls") {
        Kind::Separated
    } else {
        Kind::Json
    }
}

/// Compound files: the names of their streams stand in them as UTF-16.
fn compound(bytes: &[u8]) -> Finding {
    let wide: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    if bytes.windows(wide.len()).any(|window| window == wide) {
        return archive::protected();
    }
    let zh = "这是旧格式的 Excel 文件（.xls，97-2003）；请在 Excel 或 WPS 中另存为 .xlsx";
    Finding::must_fix("workbook_old_format", zh, "an Excel 97-2003 file (.xls): open it and save it as .xlsx")
}

#[cfg(test)]
mod tests;
