//! The sheet in front: every finding with a link to its cell, and what the marked cells looked like before.

use super::part::{each_tag, escaped};
use super::{Before, Odd, SHEET, grade_word, sentence};
use crate::intake::sheet::{Place, place_of};
use crate::intake::workbook::Workbook;
use crate::package::finding::{Finding, Grade};
use crate::template::normal::harmless;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Row of the headers, from 1; findings stand below.
const HEADER_ROW: usize = 2;
/// The hidden column whose cells look as the marked cells did: a program that saves the workbook may number styles
/// anew, but a cell of the old style keeps it.
const STYLE_COLUMN: u32 = 8;
const WIDTHS: [u32; 9] = [9, 22, 9, 30, 30, 14, 14, 90, 9];

/// The styles that cells had before an earlier check marked them; none in a workbook that was never marked.
/// `text` is the sheet's part.
pub(super) fn earlier(book: &Workbook, text: &str) -> Result<Before, Odd> {
    let mut before = Before::new();
    let Some(sheet) = book.sheets.iter().chain(&book.hidden).find(|sheet| sheet.name == SHEET) else {
        return Ok(before);
    };
    each_tag(text, |tag| {
        let place = (tag.local() == "c").then(|| tag.attribute("r").as_deref().and_then(place_of)).flatten();
        let Some((row, STYLE_COLUMN)) = place else { return Ok(()) };
        let style = tag.attribute("s").map_or(Some(0), |style| style.parse().ok());
        if let (Some(place), Some(style)) = (place_of(sheet.text((row, 2))), style) {
            before.insert((sheet.text((row, 1)).to_owned(), place), style);
        }
        Ok(())
    })?;
    Ok(before)
}

/// The sheet's part.
pub(super) fn sheet(
    findings: &[Finding],
    styled: &BTreeMap<(String, Place), u32>,
    parts: &BTreeMap<&str, &str>,
    fills: &BTreeMap<(u32, Grade), u32>,
    english: bool,
) -> String {
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (must, confirm, hint) = (count(Grade::MustFix), count(Grade::Confirm), count(Grade::Hint));
    let (heads, first) = match english {
        false => (
            ["等级", "工作表", "单元格", "表", "栏目", "应为", "实为", "说明", ""],
            format!(
                "校验结果：必须改 {must} 处，请核实 {confirm} 处，提示 {hint} 条。在原表上改好后，本文件可直接再次校验和报送；本表和标记不会上报。"
            ),
        ),
        true => (
            ["grade", "sheet", "cell", "table", "column", "expected", "found", "what", ""],
            format!(
                "{must} to fix, {confirm} to confirm, {hint} hints. Correct them in their sheets and check this file again; this list and the marks are never sent."
            ),
        ),
    };
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetPr><pageSetUpPr fitToPage=\"1\"/></sheetPr><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"2\" topLeftCell=\"A3\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>",
    );
    for (at, width) in WIDTHS.iter().enumerate() {
        let hidden = if at == WIDTHS.len() - 1 { " hidden=\"1\"" } else { "" };
        let _ =
            write!(xml, "<col min=\"{0}\" max=\"{0}\" width=\"{width}\" customWidth=\"1\"{hidden}/>", at + 1);
    }
    xml.push_str("</cols><sheetData>");
    let _ = write!(xml, "<row r=\"1\">{}</row><row r=\"{HEADER_ROW}\">", cell("A1", &first, None));
    for (at, head) in heads.iter().enumerate().filter(|(_, head)| !head.is_empty()) {
        xml.push_str(&cell(&format!("{}{HEADER_ROW}", letter(at)), head, None));
    }
    xml.push_str("</row>");
    let mut links = String::new();
    // What must be fixed comes first.
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.grade);
    for (finding, row) in sorted.into_iter().zip(HEADER_ROW + 1..) {
        let place = finding.cell.as_deref().and_then(place_of);
        let sheet = finding.sheet.as_deref().unwrap_or_default();
        // Findings name sheets without hostile characters; the workbook's own name is what a link needs.
        let own = parts.keys().find(|name| harmless(name) == sheet);
        let old = own.zip(place).and_then(|(name, place)| styled.get(&((*name).to_owned(), place)));
        let texts = [
            grade_word(finding.grade, english),
            own.copied().unwrap_or(sheet),
            finding.cell.as_deref().unwrap_or_default(),
            &finding.table,
            &finding.column,
            finding.expected.as_deref().unwrap_or_default(),
            finding.found.as_deref().unwrap_or_default(),
            &sentence(finding, english),
            if old.is_some() { "原样式" } else { "" },
        ];
        let _ = write!(xml, "<row r=\"{row}\">");
        for (at, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let style = match at {
                0 => fills.get(&(0, finding.grade)),
                at if at == texts.len() - 1 => old,
                _ => None,
            };
            xml.push_str(&cell(&format!("{}{row}", letter(at)), text, style));
        }
        xml.push_str("</row>");
        if let (Some(name), Some(at), true) = (own, &finding.cell, place.is_some()) {
            let target = format!("'{}'!{at}", name.replace('\'', "''"));
            let _ = write!(
                links,
                "<hyperlink ref=\"C{row}\" location=\"{}\" display=\"{}\"/>",
                escaped(&target),
                escaped(at)
            );
        }
    }
    xml.push_str("</sheetData>");
    if !links.is_empty() {
        let _ = write!(xml, "<hyperlinks>{links}</hyperlinks>");
    }
    // A clerk prints it: one page wide, A4 across.
    xml.push_str("<pageSetup paperSize=\"9\" orientation=\"landscape\" fitToHeight=\"0\"/></worksheet>");
    xml
}

fn cell(name: &str, text: &str, style: Option<&u32>) -> String {
    let style = style.map(|style| format!(" s=\"{style}\"")).unwrap_or_default();
    format!(
        "<c r=\"{name}\"{style} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
        escaped(&harmless(text))
    )
}

/// `A` to `I`.
fn letter(at: usize) -> char {
    char::from(b'A' + u8::try_from(at % 26).unwrap_or_default())
}
