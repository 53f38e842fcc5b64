//! Differences of two packages, cell by cell: tables meet by name, rows by their labels, columns by their headers.
//!
//! Nothing is guessed: a table, row or column that was renamed shows as one that went and one that came. What
//! occurs twice under one name meets in the order of the report.

use super::body::Body;
use super::cell::{Cell, State};
use super::table::Table;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A cell that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange {
    /// The table's name.
    pub table: String,
    /// What the row says of itself: its label cells; empty when it has none.
    pub label: String,
    /// The row's number from 1, in the later package, or in the earlier one when it is gone.
    pub row: usize,
    /// The column's header.
    pub column: String,
    /// What stood there; none when there was no such cell.
    pub before: Option<Cell>,
    /// What stands there; none when there is no such cell any more.
    pub after: Option<Cell>,
}

/// Prose or a mark that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextChange {
    /// The field's name in the body.
    pub field: &'static str,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}

/// All that differs between two packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Cells, in the order of the later package, gone ones after.
    pub cells: Vec<CellChange>,
    /// Tables only the later package has.
    pub tables_added: Vec<String>,
    /// Tables only the earlier package has.
    pub tables_removed: Vec<String>,
    /// Prose and marks.
    pub texts: Vec<TextChange>,
}

/// A name, and which one of that name it is.
type Key = (String, usize);

impl CellChange {
    /// `changed`, `added` or `removed`.
    pub const fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (Some(_), Some(_)) => "changed",
            (None, _) => "added",
            (_, None) => "removed",
        }
    }
}

impl Difference {
    /// What changed from `before` to `after`.
    pub fn between(before: &Body<'_>, after: &Body<'_>) -> Self {
        let mut found = Self::default();
        let old = keyed(before.tables.iter().map(|table| table.name.clone()));
        let new = keyed(after.tables.iter().map(|table| table.name.clone()));
        let (old_places, new_names): (BTreeMap<_, _>, BTreeSet<_>) = (places(&old), new.iter().collect());
        for (key, table) in new.iter().zip(after.tables.iter()) {
            match old_places.get(key).and_then(|at| before.tables.get(*at)) {
                Some(earlier) => compare(earlier, table, &mut found.cells),
                None => found.tables_added.push(table.name.clone()),
            }
        }
        let gone = old.iter().filter(|key| !new_names.contains(key));
        found.tables_removed = gone.map(|(name, _)| name.clone()).collect();
        let list = |list: &[String]| Some(list.join("、")).filter(|text| !text.is_empty());
        let prose = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
        for (field, before, after) in [
            ("narrative", prose(&before.narrative), prose(&after.narrative)),
            ("source_url", prose(&before.source_url), prose(&after.source_url)),
            ("as_printed", prose(&before.as_printed), prose(&after.as_printed)),
            ("notes", prose(&before.notes), prose(&after.notes)),
            ("members", list(&before.members), list(&after.members)),
            ("labels", list(&before.labels), list(&after.labels)),
        ] {
            if before != after {
                found.texts.push(TextChange { field, before, after });
            }
        }
        found
    }

    /// True when nothing differs.
    pub const fn is_empty(&self) -> bool {
        self.cells.is_empty()
            && self.tables_added.is_empty()
            && self.tables_removed.is_empty()
            && self.texts.is_empty()
    }
}

fn compare(before: &Table, after: &Table, out: &mut Vec<CellChange>) {
    let headers = |table: &Table| keyed(table.columns.iter().map(|column| column.header.clone()));
    let labels = |table: &Table| keyed(table.rows.iter().map(|row| label(row)));
    let (old_columns, new_columns) = (headers(before), headers(after));
    let (old_rows, new_rows) = (labels(before), labels(after));
    let (old_column_places, old_row_places) = (places(&old_columns), places(&old_rows));
    for (at, (key, row)) in new_rows.iter().zip(&after.rows).enumerate() {
        let earlier = old_row_places.get(key).and_then(|at| before.rows.get(*at));
        for (column, cell) in new_columns.iter().zip(row) {
            let old = old_column_places.get(column).and_then(|at| earlier?.get(*at));
            push(out, after, (at, key, column), old, Some(cell));
        }
        // Columns that are gone.
        let new_columns: BTreeSet<_> = new_columns.iter().collect();
        for (column, cell) in old_columns.iter().zip(earlier.into_iter().flatten()) {
            if !new_columns.contains(column) {
                push(out, after, (at, key, column), Some(cell), None);
            }
        }
    }
    let kept: BTreeSet<_> = new_rows.iter().collect();
    for (at, (key, row)) in old_rows.iter().zip(&before.rows).enumerate() {
        if !kept.contains(key) {
            for (column, cell) in old_columns.iter().zip(row) {
                push(out, before, (at, key, column), Some(cell), None);
            }
        }
    }
}

fn push(
    out: &mut Vec<CellChange>,
    table: &Table,
    (row, label, column): (usize, &Key, &Key),
    before: Option<&Cell>,
    after: Option<&Cell>,
) {
    let blank = |cell: Option<&Cell>| cell.is_none_or(|cell| cell.state == State::Blank);
    let one_is_absent = before.is_none() || after.is_none();
    // A blank cell that came or went with its row or column says nothing.
    if before == after || (one_is_absent && blank(before) && blank(after)) {
        return;
    }
    out.push(CellChange {
        table: table.name.clone(),
        label: label.0.clone(),
        row: row + 1,
        column: column.0.clone(),
        before: before.cloned(),
        after: after.cloned(),
    });
}

/// What a row says of itself: its texts before the first figure.
fn label(row: &[Cell]) -> String {
    let texts = row.iter().take_while(|cell| !matches!(cell.state, State::Value | State::NotApplicable));
    let texts: Vec<&str> =
        texts.filter(|cell| cell.state == State::Text).map(|cell| cell.printed.trim()).collect();
    texts.join(" · ")
}

/// Names, each with which one of its name it is.
fn keyed(names: impl Iterator<Item = String>) -> Vec<Key> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let number = |name: String| {
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        (name, *count)
    };
    names.map(number).collect()
}

fn places(keys: &[Key]) -> BTreeMap<&Key, usize> {
    keys.iter().enumerate().map(|(at, key)| (key, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cell::Raw;
    use super::super::finding::Findings;
    use super::super::table::RawTable;
    use super::*;

    fn table(index: usize, name: &str, headers: &[&str], rows: &[&[&str]]) -> Table {
        let cell = |text: &&str| Raw::Text((*text).to_owned());
        let raw = RawTable {
            name: name.to_owned(),
            unit: Some("宗".to_owned()),
            headers: headers.iter().map(|header| (*header).to_owned()).collect(),
            rows: rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
        };
        Table::assemble(index, raw, &mut Findings::default())
    }

    fn body(tables: Vec<Table>, narrative: &str) -> Body<'static> {
        Body {
            format: super::super::body::FORMAT.into(),
            tables: tables.into(),
            narrative: Some(narrative.to_owned().into()),
            source_url: None,
            as_printed: None,
            members: Cow::Borrowed(&[]),
            notes: None,
            labels: Cow::Borrowed(&[]),
            attachments: Cow::Borrowed(&[]),
        }
    }

    fn lines(difference: &Difference) -> Vec<String> {
        let printed =
            |cell: &Option<Cell>| cell.as_ref().map_or("-".to_owned(), |cell| cell.printed.to_string());
        let line = |c: &CellChange| {
            let (before, after) = (printed(&c.before), printed(&c.after));
            format!("{} {}/{}/{} {before}>{after}", c.kind(), c.table, c.label, c.column)
        };
        difference.cells.iter().map(line).collect()
    }

    #[test]
    fn a_package_does_not_differ_from_itself() {
        let one = body(vec![table(0, "甲", &["部门", "警告"], &[&["公安", "1"], &["公安", "2"]])], "同");
        assert!(Difference::between(&one, &one).is_empty());
    }

    #[test]
    fn rows_meet_by_their_labels_wherever_they_stand() {
        let before = table(0, "甲", &["部门", "警告", "罚款"], &[&["公安", "1", "2"], &["环保", "3", "4"]]);
        let after = table(0, "甲", &["部门", "罚款", "警告"], &[&["环保", "4", "5"], &["税务", "", "7"]]);
        let found = Difference::between(&body(vec![before], "旧"), &body(vec![after], "新"));
        assert_eq!(
            lines(&found),
            [
                "changed 甲/环保/警告 3>5",
                "added 甲/税务/部门 ->税务",
                "added 甲/税务/警告 ->7",
                "removed 甲/公安/部门 公安>-",
                "removed 甲/公安/警告 1>-",
                "removed 甲/公安/罚款 2>-",
            ]
        );
        assert_eq!(found.texts.len(), 1);
    }

    #[test]
    fn columns_and_tables_that_come_and_go_are_named() {
        let before =
            [table(0, "甲", &["警告", "罚款"], &[&["1", "2"]]), table(1, "乙", &["合计"], &[&["9"]])];
        let after = [table(0, "甲", &["警告", "没收"], &[&["1", "0"]]), table(1, "丙", &["合计"], &[&["9"]])];
        let found = Difference::between(&body(before.to_vec(), "同"), &body(after.to_vec(), "同"));
        assert_eq!(lines(&found), ["added 甲//没收 ->0", "removed 甲//罚款 2>-"]);
        assert_eq!(
            (found.tables_added, found.tables_removed),
            (vec!["丙".to_owned()], vec!["乙".to_owned()])
        );
    }

    #[test]
    fn zero_blank_and_not_applicable_are_three_things() {
        let one = |cell: &str| body(vec![table(0, "甲", &["警告"], &[&[cell]])], "同");
        for (before, after) in [("0", ""), ("", "不适用"), ("不适用", "0")] {
            assert_eq!(Difference::between(&one(before), &one(after)).cells.len(), 1, "{before} {after}");
        }
    }
}
