//! Comments at marked cells: in the sheet's part of comments where it has one, in a new one where it has none.
//!
//! A comment needs two places: its text (ECMA-376 Part 1, 18.7) and the box in which old and new programs show it
//! (VML). Ours bear an author of their own, so that a later check finds and removes them, also when another program
//! has saved the workbook since.

use super::part::{Edits, Package, each_tag, escaped, inserted, prefix_of, resolve};
use super::{CONTENT, Mark, Odd, RELATION};
use crate::intake::sheet::{Place, cell_name, place_of};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The author of our comments.
const AUTHOR: &str = "公示校验";
/// What may follow a sheet's `legacyDrawing`, in the order of the schema.
const AFTER: [&str; 8] = [
    "legacyDrawingHF",
    "drawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
];

/// The parts that a sheet's relationships name.
struct Related {
    rels: String,
    comments: Option<String>,
    /// The relationship's id and the part.
    boxes: Option<(String, String)>,
}

fn related(package: &mut Package<'_>, part: &str) -> Result<Related, Odd> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let rels = format!("{folder}/_rels/{file}.rels");
    let (mut comments, mut boxes) = (None, None);
    if package.has(&rels) {
        each_tag(&package.text(&rels)?, |tag| {
            let (Some(kind), Some(target)) = (tag.attribute("Type"), tag.attribute("Target")) else {
                return Ok(());
            };
            let named = resolve(folder, &target);
            if kind.ends_with("/comments") {
                comments = Some(named);
            } else if kind.ends_with("/vmlDrawing") {
                boxes = tag.attribute("Id").map(|id| (id, named));
            }
            Ok(())
        })?;
    }
    comments = comments.filter(|part| package.has(part));
    Ok(Related { rels, comments, boxes })
}

/// True when a sheet holds comments of an earlier check.
pub(super) fn is_noted(package: &mut Package<'_>, part: &str) -> Result<bool, Odd> {
    let Some(comments) = related(package, part)?.comments else { return Ok(false) };
    Ok(package.text(&comments)?.contains(AUTHOR))
}

/// Adds the comments of a sheet; `at` tells its new parts apart, `edits` are those of the sheet's own text.
pub(super) fn add(
    package: &mut Package<'_>,
    part: &str,
    at: usize,
    cells: &BTreeMap<Place, Mark>,
    text: &str,
    edits: &mut Edits,
) -> Result<(), Odd> {
    let Related { rels, comments, boxes } = related(package, part)?;
    if cells.is_empty() && comments.is_none() {
        return Ok(());
    }
    let mut drawn = None;
    each_tag(text, |tag| {
        if tag.local() == "legacyDrawing" && tag.opens {
            drawn = tag.attribute("id");
        }
        Ok(())
    })?;
    let comments_part = comments.clone().unwrap_or_else(|| format!("xl/comments_gongshi{at}.xml"));
    let texts = match &comments {
        Some(held) => package.text(held)?,
        None => {
            let space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><comments xmlns=\"{space}\"><authors></authors><commentList></commentList></comments>"
            )
        }
    };
    let Commented { text: texts, taken, removed } = commented(&texts, cells)?;
    package.put(&comments_part, texts);
    // The boxes belong to the drawing that the sheet names; a relationship that it does not name is another's.
    let boxes = boxes.filter(|(id, part)| drawn.as_ref() == Some(id) && package.has(part));
    let boxes_part =
        boxes.as_ref().map_or_else(|| format!("xl/drawings/vml_gongshi{at}.vml"), |(_, part)| part.clone());
    let held = match &boxes {
        Some((_, part)) => without_boxes(&package.text(part)?, &removed)?,
        None => EMPTY_BOXES.to_owned(),
    };
    let mut shapes = String::new();
    for (count, place) in cells.keys().filter(|place| !taken.contains(place)).enumerate() {
        shapes.push_str(&shape(count, *place));
    }
    package.put(&boxes_part, inserted(&held, "xml", &shapes)?);
    if comments.is_none() {
        let target = format!("/{comments_part}");
        package.relate(&rels, "rIdGongshiNotes", &format!("{RELATION}/comments"), &target)?;
        package.type_part(&comments_part, &format!("{CONTENT}.comments+xml"))?;
    }
    if boxes.is_none() {
        let target = format!("/{boxes_part}");
        package.relate(&rels, "rIdGongshiBoxes", &format!("{RELATION}/vmlDrawing"), &target)?;
        package.type_part(&boxes_part, "application/vnd.openxmlformats-officedocument.vmlDrawing")?;
        name_drawing(text, drawn.is_some(), edits)?;
    }
    Ok(())
}

/// Names our drawing in the sheet, in the place of one that is not there.
fn name_drawing(text: &str, replaces: bool, edits: &mut Edits) -> Result<(), Odd> {
    let prefix = prefix_of(text)?;
    let drawing = format!("<{prefix}legacyDrawing xmlns:r=\"{RELATION}\" r:id=\"rIdGongshiBoxes\"/>");
    let mut done = false;
    each_tag(text, |tag| {
        let named = replaces && tag.local() == "legacyDrawing" && tag.opens;
        let behind = tag.depth == 1 && tag.opens && AFTER.contains(&tag.local());
        let ends = tag.depth == 0 && !tag.opens;
        if !done && named {
            done = true;
            edits.replace(tag.at.clone(), drawing.clone());
        } else if !done && !replaces && (behind || ends) {
            done = true;
            edits.insert(tag.at.start, drawing.clone());
        }
        Ok(())
    })
}

/// Comments with ours among them.
struct Commented {
    text: String,
    /// Cells where the clerk has a comment, to which ours was added: they have a box already.
    taken: BTreeSet<Place>,
    /// Cells of which a comment of an earlier check was removed.
    removed: BTreeSet<Place>,
}

/// The comments with ours: those of an earlier check removed, those of the clerk kept, ours added to them where they
/// stand at the same cell.
fn commented(text: &str, cells: &BTreeMap<Place, Mark>) -> Result<Commented, Odd> {
    let prefix = prefix_of(text)?;
    let (mut authors, mut ours) = (0_u32, None);
    let mut author_from = None;
    let mut edits = Edits::default();
    let (mut taken, mut removed) = (BTreeSet::new(), BTreeSet::new());
    // The comment that is open: where it begins, whose it is, its cell.
    let mut open: Option<(usize, bool, Option<Place>)> = None;
    each_tag(text, |tag| {
        match tag.local() {
            "author" if tag.opens && !tag.closes => author_from = Some(tag.at.end),
            "author" if !tag.opens => {
                let name = author_from.take().and_then(|from| text.get(from..tag.at.start));
                if name == Some(AUTHOR) {
                    ours = Some(authors);
                }
                authors += 1;
            }
            "author" => authors += 1,
            "comment" if tag.opens => {
                let author = tag.attribute("authorId").and_then(|id| id.parse::<u32>().ok());
                let own = author.is_some() && author == ours;
                open = Some((tag.at.start, own, tag.attribute("ref").as_deref().and_then(place_of)));
            }
            "comment" => {
                if let Some((start, true, place)) = open.take() {
                    edits.replace(start..tag.at.end, String::new());
                    removed.extend(place);
                }
            }
            "text" if !tag.opens => {
                if let Some((_, false, Some(place))) = open
                    && let Some(mark) = cells.get(&place)
                {
                    let run = format!(
                        "<{prefix}r><{prefix}t xml:space=\"preserve\">\n【{AUTHOR}】{}</{prefix}t></{prefix}r>",
                        escaped(&mark.text)
                    );
                    edits.insert(tag.at.start, run);
                    taken.insert(place);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let mut list = String::new();
    let author = ours.unwrap_or(authors);
    for (place, mark) in cells.iter().filter(|(place, _)| !taken.contains(place)) {
        let _ = write!(
            list,
            "<{prefix}comment ref=\"{}\" authorId=\"{author}\"><{prefix}text><{prefix}t xml:space=\"preserve\">{}</{prefix}t></{prefix}text></{prefix}comment>",
            cell_name(*place),
            escaped(&mark.text)
        );
    }
    let text = edits.apply(text);
    let text = match ours {
        Some(_) => text,
        None => inserted(&text, "authors", &format!("<{prefix}author>{AUTHOR}</{prefix}author>"))?,
    };
    Ok(Commented { text: inserted(&text, "commentList", &list)?, taken, removed })
}

/// The drawing without the boxes of comments that were removed.
fn without_boxes(text: &str, removed: &BTreeSet<Place>) -> Result<String, Odd> {
    let mut edits = Edits::default();
    let (mut open, mut from) = (0, 0);
    let (mut row, mut column) = (None, None);
    each_tag(text, |tag| {
        match tag.local() {
            "shape" if tag.opens => (open, row, column) = (tag.at.start, None, None),
            "shape" if row.zip(column).is_some_and(|place| removed.contains(&place)) => {
                edits.replace(open..tag.at.end, String::new());
            }
            "Row" | "Column" if tag.opens => from = tag.at.end,
            name @ ("Row" | "Column") => {
                let number =
                    text.get(from..tag.at.start).and_then(|number| number.trim().parse::<u32>().ok());
                *(if name == "Row" { &mut row } else { &mut column }) = number;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(edits.apply(text))
}

const EMPTY_BOXES: &str = r##"<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="1"/></o:shapelayout><v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype></xml>"##;

/// The box of a comment, four columns wide and five rows high, hidden until the cell is pointed at.
fn shape(count: usize, (row, column): Place) -> String {
    let id = 60_001_usize.saturating_add(count);
    format!(
        r##"<v:shape id="_x0000_s{id}" type="#_x0000_t202" style="position:absolute;margin-left:60pt;margin-top:2pt;width:240pt;height:90pt;z-index:{count};visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/><v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{left}, 15, {row}, 2, {right}, 15, {bottom}, 4</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"##,
        left = column.saturating_add(1),
        right = column.saturating_add(5),
        bottom = row.saturating_add(5),
    )
}
