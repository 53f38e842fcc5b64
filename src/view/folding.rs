//! Folding between layouts: sums of a finer layout read exactly in a coarser one, never the reverse.
//!
//! A column that not every layout can tell is no column of the folded table: it is shown for each layout alone. Folding
//! sums is folding figures, because a fold map is a sum.

use super::sum::{ColumnKey, ColumnSum, Sum, TableKey, TableSum};
use crate::template::{Kind, Template, Templates};
use std::collections::BTreeSet;

/// Sums of one layout.
pub(super) struct Layout<'a> {
    pub(super) template: &'a Template,
    pub(super) sum: &'a TableSum,
}

/// One column of a folded table; `None` as its sum when nobody printed a number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) sum: Option<Sum>,
    pub(super) packages: i64,
    pub(super) left_out: i64,
}

/// The key of a template's column in sums.
pub(super) fn column_key(template: &Template, place: usize) -> Option<ColumnKey> {
    let column = template.columns.get(place)?;
    let unit = if column.kind == Kind::Money { "元" } else { "" };
    Some(ColumnKey { id: column.id.clone(), unit: unit.to_owned() })
}

/// Which columns of a layout make a column of `target`; none when its map does not tell.
pub(super) fn sources(template: &Template, target: &str, column: &str) -> Option<Vec<usize>> {
    if template.id == target {
        return Some(vec![template.place(column)?]);
    }
    let fold = template.folds.iter().find(|fold| fold.to == target)?;
    fold.map.iter().find(|(id, _)| id == column).map(|(_, places)| places.clone())
}

/// True when figures of a layout can be read in `target`.
pub(super) fn reaches(template: &Template, target: &str) -> bool {
    template.id == target || template.folds.iter().any(|fold| fold.to == target)
}

impl Layout<'_> {
    /// A column of `target` as this layout tells it.
    pub(super) fn column(&self, target: &str, column: &str) -> Option<Folded> {
        let places = sources(self.template, target, column)?;
        let alone = places.len() == 1;
        let mut folded = Folded { sum: None, packages: 0, left_out: 0 };
        for place in places {
            let key = column_key(self.template, place)?;
            let optional = self.template.columns.get(place).is_some_and(|column| column.optional);
            let held = self.sum.columns.get(&key);
            // Blank counts 0 among the parts of a sum; a column that the tables left out may be anything.
            if held.is_none() && optional && !alone {
                return None;
            }
            let part = held.copied().unwrap_or_default();
            let other = self.other_unit(&key);
            if part.packages > 0 {
                folded.sum = Some(folded.sum.unwrap_or_default().plus(part.sum));
            }
            folded.packages = folded.packages.max(part.packages);
            folded.left_out = folded.left_out.max(part.left_out + other);
        }
        Some(folded)
    }

    /// Packages that print the column in money where it counts, or the reverse.
    fn other_unit(&self, key: &ColumnKey) -> i64 {
        let unit = if key.unit.is_empty() { "元" } else { "" };
        let other = ColumnKey { id: key.id.clone(), unit: unit.to_owned() };
        self.sum.columns.get(&other).map_or(0, |column: &ColumnSum| column.packages + column.left_out)
    }
}

/// A column of `target` over several layouts; none unless all of them tell it.
pub(super) fn together(layouts: &[&Layout<'_>], target: &str, column: &str) -> Option<Folded> {
    let mut whole = Folded { sum: None, packages: 0, left_out: 0 };
    for layout in layouts {
        let one = layout.column(target, column)?;
        whole.sum = match (whole.sum, one.sum) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        whole.packages += one.packages;
        whole.left_out += one.left_out;
    }
    Some(whole)
}

/// The layout in which all of some layouts are best read: the one that most packages can be read in, then the one that
/// tells most columns of them, then the one that stood first.
pub(super) fn target<'a>(templates: &'a Templates, layouts: &[(&Template, i64)]) -> Option<&'a Template> {
    let mut candidates = BTreeSet::new();
    for (template, _) in layouts {
        candidates.insert(template.id.as_str());
        candidates.extend(template.folds.iter().map(|fold| fold.to.as_str()));
    }
    let standing =
        templates.iter().enumerate().filter(|(_, template)| candidates.contains(template.id.as_str()));
    let best = standing.max_by_key(|(at, candidate)| {
        let reading: Vec<_> = layouts.iter().filter(|(own, _)| reaches(own, &candidate.id)).collect();
        let packages: i64 = reading.iter().map(|(_, packages)| packages).sum();
        let told = candidate.columns.iter().filter(|column| {
            reading.iter().all(|(own, _)| sources(own, &candidate.id, &column.id).is_some())
        });
        (packages, told.count(), std::cmp::Reverse(*at))
    });
    best.map(|(_, template)| template)
}

/// The layouts among sums, by the table they are layouts of, in the order of the templates; and what follows no
/// template that stands.
pub(super) fn group<'a>(
    templates: &'a Templates,
    sums: &'a [TableSum],
) -> (Vec<(&'a str, Vec<Layout<'a>>)>, Vec<&'a TableSum>) {
    let mut groups: Vec<(&str, Vec<Layout<'_>>)> = Vec::new();
    for template in templates.iter() {
        let of = |sum: &&TableSum| matches!(&sum.key, TableKey::Template(id) if *id == template.id);
        let Some(sum) = sums.iter().find(of) else { continue };
        let layout = Layout { template, sum };
        match groups.iter_mut().find(|(table, _)| *table == template.table) {
            Some((_, layouts)) => layouts.push(layout),
            None => groups.push((&template.table, vec![layout])),
        }
    }
    let known = |sum: &&TableSum| match &sum.key {
        TableKey::Template(id) => templates.find(id).is_some(),
        TableKey::Extra(_) => false,
    };
    (groups, sums.iter().filter(|sum| !known(sum)).collect())
}
