//! The clerk's own workbook, given back with its cells marked.
//!
//! Nothing of it is written anew: entries that need no change are copied as they are, byte for byte, and in the
//! others only what marks need is put in (`part`): a fill and a comment at each cell that a finding names (`style`,
//! `note`), and in front a sheet that lists all findings with links to the cells (`list`). So styles, widths, formulas, validation,
//! pictures and whatever else a clerk or another program put there stay. A marked workbook can be corrected and
//! checked as it is: its list is not read as a table, and marks of an earlier check are taken away before new ones
//! are made.

mod list;
mod note;
mod part;
mod style;

use self::part::{Edits, Package, each_tag, prefix_of, resolve, with_attribute};
use super::sheet::{Place, place_of};
use super::{archive, workbook};
use crate::package::finding::{Finding, Grade};
use crate::template::normal::harmless;
use std::collections::{BTreeMap, BTreeSet};

/// Name of the sheet of findings.
pub const SHEET: &str = "校验结果";
/// The part of that sheet.
const LIST_PART: &str = "xl/worksheets/gongshi_findings.xml";
/// How relationships between parts are typed (ECMA-376 Part 1).
const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// How content is typed.
const CONTENT: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// What a cell is marked with.
struct Mark {
    grade: Grade,
    text: String,
}

/// Marks by sheet and cell.
type Marks = BTreeMap<String, BTreeMap<Place, Mark>>;

/// Why a workbook cannot be marked: it is not built as workbooks are.
pub(super) struct Odd(String);

impl<E: std::fmt::Display> From<E> for Odd {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn odd<T>(what: &str) -> Result<T, Odd> {
    Err(Odd(what.to_owned()))
}

/// The workbook with its findings marked, the sentences in Chinese or English.
///
/// # Errors
/// A finding: it is no workbook, or it is built in a way that cannot be marked.
pub fn marked(bytes: &[u8], findings: &[Finding], english: bool) -> Result<Vec<u8>, Box<Finding>> {
    archive::walk(bytes)?;
    let book = workbook::read(bytes)?;
    mark(bytes, findings, &book, english).map_err(|Odd(what)| {
        let zh = format!("工作簿无法加标记（{what}）；请用 Excel 或 WPS 打开后另存为新的 .xlsx 再试");
        let en = format!("the workbook cannot be marked ({what}); open it and save it as a new .xlsx");
        Box::new(Finding::must_fix("workbook_damaged", &zh, &en))
    })
}

/// The sentence of a finding in one language.
fn sentence(finding: &Finding, english: bool) -> String {
    let split = finding.message.split_once(" / ");
    let text = split.map_or(finding.message.as_str(), |(zh, en)| if english { en } else { zh });
    harmless(text)
}

fn marks_of(findings: &[Finding], english: bool) -> Marks {
    let mut marks = Marks::new();
    for finding in findings {
        let place = finding.cell.as_deref().and_then(place_of);
        let (Some(sheet), Some(place)) = (&finding.sheet, place) else { continue };
        let text = format!("{}：{}", grade_word(finding.grade, english), sentence(finding, english));
        let cells = marks.entry(sheet.clone()).or_default();
        let mark = cells.entry(place).or_insert(Mark { grade: finding.grade, text: String::new() });
        mark.grade = mark.grade.min(finding.grade);
        if !mark.text.is_empty() {
            mark.text.push('\n');
        }
        mark.text.push_str(&text);
    }
    marks
}

fn grade_word(grade: Grade, english: bool) -> &'static str {
    match (grade, english) {
        (Grade::MustFix, false) => "必须改",
        (Grade::Confirm, false) => "请核实",
        (Grade::Hint, false) => "提示",
        (Grade::MustFix, true) => "must fix",
        (Grade::Confirm, true) => "please confirm",
        (Grade::Hint, true) => "hint",
    }
}

/// Styles that cells had before an earlier check marked them.
type Before = BTreeMap<(String, Place), u32>;

fn mark(
    bytes: &[u8],
    findings: &[Finding],
    book: &workbook::Workbook,
    english: bool,
) -> Result<Vec<u8>, Odd> {
    let mut package = Package::open(bytes)?;
    let marks = marks_of(findings, english);
    let sheets = sheets(&mut package)?;
    let list_part = sheets.iter().find(|(name, _)| name == SHEET).map(|(_, part)| part.clone());
    let before = match &list_part {
        Some(part) => list::earlier(book, &package.text(part)?)?,
        None => Before::new(),
    };
    let parts: BTreeMap<&str, &str> =
        sheets.iter().map(|(name, part)| (name.as_str(), part.as_str())).collect();
    // What each marked cell looked like, so that its style can be copied with another fill.
    let mut styled: BTreeMap<(String, Place), u32> = BTreeMap::new();
    let mut used: BTreeSet<(u32, Grade)> =
        [Grade::MustFix, Grade::Confirm, Grade::Hint].map(|grade| (0, grade)).into();
    for (name, part) in &sheets {
        let Some(cells) = marks.get(&harmless(name)) else { continue };
        let text = package.text(part)?;
        each_tag(&text, |tag| {
            if tag.local() == "c"
                && let Some(place) = tag.attribute("r").as_deref().and_then(place_of)
                && let Some(mark) = cells.get(&place)
            {
                let own = tag.attribute("s").and_then(|style| style.parse().ok()).unwrap_or(0);
                let key = (name.clone(), place);
                let style = before.get(&key).copied().unwrap_or(own);
                used.insert((style, mark.grade));
                styled.insert(key, style);
            }
            Ok(())
        })?;
    }
    let fills = style::add(&mut package, &used)?;
    let earlier: BTreeSet<&str> = before.keys().map(|(sheet, _)| sheet.as_str()).collect();
    let nothing = BTreeMap::new();
    for (at, (name, part)) in sheets.iter().enumerate().filter(|(_, (name, _))| name != SHEET) {
        let cells = marks.get(&harmless(name)).unwrap_or(&nothing);
        if cells.is_empty() && !earlier.contains(name.as_str()) && !note::is_noted(&mut package, part)? {
            continue;
        }
        let text = package.text(part)?;
        let mut edits = Edits::default();
        each_tag(&text, |tag| {
            if tag.local() == "c"
                && let Some(place) = tag.attribute("r").as_deref().and_then(place_of)
            {
                let key = (name.clone(), place);
                let plain = styled.get(&key).or_else(|| before.get(&key));
                let filled = cells
                    .get(&place)
                    .and_then(|mark| fills.get(&(styled.get(&key).copied().unwrap_or(0), mark.grade)));
                if let Some(style) = filled.or(plain) {
                    edits.replace(tag.at.clone(), with_attribute(tag.text, "s", &style.to_string()));
                }
            }
            Ok(())
        })?;
        note::add(&mut package, part, at, cells, &text, &mut edits)?;
        package.put(part, edits.apply(&text));
    }
    let rows = list::sheet(findings, &styled, &parts, &fills, english);
    package.put(list_part.as_deref().unwrap_or(LIST_PART), rows);
    if list_part.is_none() {
        front(&mut package)?;
    }
    package.write()
}

/// Names and parts of the worksheets, in their order.
fn sheets(package: &mut Package<'_>) -> Result<Vec<(String, String)>, Odd> {
    let mut targets = BTreeMap::new();
    each_tag(&package.text("xl/_rels/workbook.xml.rels")?, |tag| {
        if let (Some(id), Some(target)) = (tag.attribute("Id"), tag.attribute("Target")) {
            targets.insert(id, resolve("xl", &target));
        }
        Ok(())
    })?;
    let mut sheets = Vec::new();
    each_tag(&package.text("xl/workbook.xml")?, |tag| {
        if tag.local() == "sheet"
            && let (Some(name), Some(id)) = (tag.attribute("name"), tag.attribute("id"))
            && let Some(part) = targets.get(&id)
        {
            sheets.push((name, part.clone()));
        }
        Ok(())
    })?;
    sheets.retain(|(_, part)| package.has(part));
    if sheets.is_empty() { odd("no sheets") } else { Ok(sheets) }
}

/// Puts the list of findings in front: named in the workbook, related to it, and typed.
fn front(package: &mut Package<'_>) -> Result<(), Odd> {
    let text = package.text("xl/workbook.xml")?;
    let prefix = prefix_of(&text)?;
    let (mut edits, mut most, mut begun) = (Edits::default(), 0_u32, false);
    each_tag(&text, |tag| {
        match tag.local() {
            "sheet" => {
                most = most.max(tag.attribute("sheetId").and_then(|id| id.parse().ok()).unwrap_or(0));
            }
            // What counts sheets from the front counts one more.
            "definedName" if tag.opens => shift(&mut edits, tag, &["localSheetId"], false),
            "workbookView" => shift(&mut edits, tag, &["activeTab", "firstSheet"], true),
            _ => {}
        }
        Ok(())
    })?;
    let id = most.checked_add(1).ok_or_else(|| Odd("sheet ids".to_owned()))?;
    each_tag(&text, |tag| {
        if tag.local() == "sheets" && tag.opens && !begun {
            begun = true;
            edits.insert(
                tag.at.end,
                format!(
                    "<{prefix}sheet xmlns:r=\"{RELATION}\" name=\"{SHEET}\" sheetId=\"{id}\" r:id=\"rIdGongshi\"/>"
                ),
            );
        }
        Ok(())
    })?;
    package.put("xl/workbook.xml", edits.apply(&text));
    package.relate(
        "xl/_rels/workbook.xml.rels",
        "rIdGongshi",
        &format!("{RELATION}/worksheet"),
        &format!("/{LIST_PART}"),
    )?;
    package.type_part(LIST_PART, &format!("{CONTENT}.worksheet+xml"))
}

/// Adds one to attributes that count sheets; the first sheet is the default where `defaults`.
fn shift(edits: &mut Edits, tag: &part::Tag<'_>, names: &[&str], defaults: bool) {
    let mut text = tag.text.to_owned();
    for name in names {
        let old = tag.attribute(name).and_then(|value| value.parse::<u32>().ok());
        if let Some(old) = old.or((defaults && *name == "activeTab").then_some(0)) {
            text = with_attribute(&text, name, &old.saturating_add(1).to_string());
        }
    }
    edits.replace(tag.at.clone(), text);
}
