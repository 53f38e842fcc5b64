//! Fills of marked cells: each style that a marked cell has is copied with another fill and nothing else changed.

use super::Odd;
use super::part::{Edits, Package, each_tag, inserted, prefix_of, with_attribute};
use crate::package::finding::Grade;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The part of styles.
const STYLES: &str = "xl/styles.xml";

/// The colour of a grade: red, yellow, blue, light enough to read black on them.
const fn colour(grade: Grade) -> &'static str {
    match grade {
        Grade::MustFix => "FFFFC7CE",
        Grade::Confirm => "FFFFEB9C",
        Grade::Hint => "FFDDEBF7",
    }
}

/// Adds what is needed; returns the style that shows an old one with the fill of a grade. Without a part of styles
/// nothing is filled.
pub(super) fn add(
    package: &mut Package<'_>,
    used: &BTreeSet<(u32, Grade)>,
) -> Result<BTreeMap<(u32, Grade), u32>, Odd> {
    if !package.has(STYLES) {
        return Ok(BTreeMap::new());
    }
    let text = package.text(STYLES)?;
    let prefix = prefix_of(&text)?;
    let (mut inside, mut fill_count) = (String::new(), 0_u32);
    let (mut formats, mut begun): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
    each_tag(&text, |tag| {
        if tag.depth == 1 {
            inside = if tag.opens && !tag.closes { tag.local().to_owned() } else { String::new() };
        } else if tag.depth == 2 {
            fill_count += u32::from(tag.opens && inside == "fills");
            if inside == "cellXfs" {
                if tag.opens {
                    begun = tag.at.start;
                }
                if tag.closes {
                    formats.push(begun..tag.at.end);
                }
            }
        }
        Ok(())
    })?;
    if fill_count == 0 || formats.is_empty() {
        return Ok(BTreeMap::new());
    }
    let grades: BTreeSet<Grade> = used.iter().map(|(_, grade)| *grade).collect();
    let mut fills = String::new();
    let mut fill_of = BTreeMap::new();
    for (grade, id) in grades.into_iter().zip(fill_count..) {
        fills.push_str(&format!(
            "<{prefix}fill><{prefix}patternFill patternType=\"solid\"><{prefix}fgColor rgb=\"{0}\"/><{prefix}bgColor indexed=\"64\"/></{prefix}patternFill></{prefix}fill>",
            colour(grade)
        ));
        fill_of.insert(grade, id);
    }
    let mut copies = String::new();
    let mut made = BTreeMap::new();
    let mut next = u32::try_from(formats.len())?;
    for (style, grade) in used {
        let range = usize::try_from(*style).ok().and_then(|style| formats.get(style)).cloned();
        let Some(old) = range.and_then(|range| text.get(range)) else { continue };
        let Some(fill) = fill_of.get(grade) else { continue };
        let open = old.find('>').map_or(old.len(), |end| end + 1);
        let (tag, rest) = old.split_at(open);
        let tag = with_attribute(&with_attribute(tag, "fillId", &fill.to_string()), "applyFill", "1");
        copies.push_str(&tag);
        copies.push_str(rest);
        made.insert((*style, *grade), next);
        next += 1;
    }
    let with_fills = inserted(&text, "fills", &fills)?;
    let with_both = inserted(&with_fills, "cellXfs", &copies)?;
    let mut edits = Edits::default();
    let fill_total = fill_count + u32::try_from(fill_of.len())?;
    each_tag(&with_both, |tag| {
        let count = match tag.local() {
            "fills" => fill_total,
            "cellXfs" => next,
            _ => return Ok(()),
        };
        if tag.depth == 1 && tag.opens {
            edits.replace(tag.at.clone(), with_attribute(tag.text, "count", &count.to_string()));
        }
        Ok(())
    })?;
    package.put(STYLES, edits.apply(&with_both));
    Ok(made)
}
