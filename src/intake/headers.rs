//! The header of a table: one line, or two of which the upper one groups columns.

use super::layout::is_figure;
use super::sheet::Sheet;
use crate::package::unit::is_label_header;
use crate::template::normal::comparable;
use crate::template::{Header, Template, Templates};
use std::collections::BTreeSet;

/// What a row is.
pub(super) enum Headers {
    /// A header of one or two lines.
    Are { headers: Vec<String>, columns: Vec<u32>, lines: u32 },
    /// No header: the column of the figure that shows it.
    None { at: u32 },
}

/// Reads a header that begins in `row`.
pub(super) fn headers(sheet: &Sheet, row: u32, used: &[u32], templates: &Templates) -> Headers {
    if let Some(figure) = used.iter().find(|column| is_figure(sheet.text((row, **column)))) {
        return Headers::None { at: *figure };
    }
    let one: Vec<String> = used.iter().map(|column| sheet.text((row, *column)).to_owned()).collect();
    let single = || Headers::Are { headers: one.clone(), columns: used.to_vec(), lines: 1 };
    let below = sheet.used(row + 1);
    let words = !below.is_empty() && below.iter().all(|column| !is_figure(sheet.text((row + 1, *column))));
    // A second line stands below a group: a merged area, or an upper cell whose neighbour is empty.
    let grouped = below.iter().any(|column| !used.contains(column))
        || used.iter().any(|column| {
            sheet.area((row, *column)).is_some_and(|area| area.first.1 != area.last.1 || area.last.0 > row)
        });
    if !words || !grouped || matches(templates, &one) {
        return single();
    }
    let columns: BTreeSet<u32> = used.iter().chain(&below).copied().collect();
    let columns: Vec<u32> = columns.into_iter().collect();
    let lower = |column: u32| sheet.text((row + 1, column));
    let upper = |column: u32| -> &str {
        // The group above: the nearest upper cell to the left.
        let at = used.iter().rev().find(|upper| **upper <= column);
        at.map_or("", |at| sheet.text((row, *at)))
    };
    let plain: Vec<String> = columns
        .iter()
        .map(|column| if lower(*column).is_empty() { upper(*column) } else { lower(*column) }.to_owned())
        .collect();
    let joined: Vec<String> = columns
        .iter()
        .map(|column| match (upper(*column), lower(*column)) {
            (above, "") => above.to_owned(),
            (above, own) if used.contains(column) || below.contains(column) => format!("{above}{own}"),
            (_, own) => own.to_owned(),
        })
        .collect();
    let unique = |names: &[String]| {
        names.iter().map(|name| comparable(name)).collect::<BTreeSet<_>>().len() == names.len()
    };
    let chosen = if matches(templates, &plain) || !matches(templates, &joined) && unique(&plain) {
        plain
    } else {
        joined
    };
    Headers::Are { headers: chosen, columns, lines: 2 }
}

fn matches(templates: &Templates, headers: &[String]) -> bool {
    followed(templates, headers).is_some()
}

/// The layout that a table with these headers follows, without a look at its cells.
pub(super) fn followed<'a>(templates: &'a Templates, headers: &[String]) -> Option<&'a Template> {
    let headers: Vec<Header<'_>> =
        headers.iter().map(|printed| Header { printed, labels: is_label_header(printed) }).collect();
    templates.matching(&headers).map(|(template, _)| template)
}
