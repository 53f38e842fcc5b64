//! 合计: columns recognised by their header; rows recognised by their label, checked against the other rows, and never
//! added to them.

use super::cell::Cell;
use super::faults::place;
use super::finding::{Finding, Findings};
use super::table::Table;
use crate::money::{Exact, Unit};
use crate::template::normal::comparable;

/// Labels of a row that sums all others, in comparable form.
const TOTALS: [&str; 3] = ["合计", "总计", "共计"];
/// Ends of the labels of rows that sum some others.
const SUBTOTAL: &str = "小计";

/// True for the header 合计, with or without a unit in brackets.
pub(super) fn is_total_header(header: &str) -> bool {
    let header = comparable(header);
    header.strip_prefix("合计").is_some_and(|rest| {
        let inside = rest.strip_prefix('(').and_then(|open| open.strip_suffix(')'));
        rest.is_empty() || inside.is_some_and(|unit| Unit::parse_known(unit).is_some())
    })
}

/// The row that is the sum of all others: the first or the last, labelled 合计, among rows of which no other is a
/// sum. `labels` are the places of the columns that label rows.
pub fn total_row(table: &Table, labels: &[usize]) -> Option<usize> {
    let sums: Vec<usize> = (0..table.rows.len()).filter(|at| is_sum(table, *at, labels)).collect();
    match (sums.as_slice(), table.rows.len()) {
        ([_], 1) => None,
        ([only], count) if *only == 0 || only + 1 == count => Some(*only),
        _ => None,
    }
}

/// The rows that are no sum of others, by place; all of them when every row calls itself one. `labels` as above.
pub fn plain_rows(table: &Table, labels: &[usize]) -> Vec<usize> {
    let plain: Vec<usize> = (0..table.rows.len()).filter(|at| !is_sum(table, *at, labels)).collect();
    if plain.is_empty() { (0..table.rows.len()).collect() } else { plain }
}

/// True for the label of a row that sums all others.
pub fn is_total_label(label: &str) -> bool {
    is_total(&comparable(label))
}

fn is_total(comparable: &str) -> bool {
    TOTALS.contains(&comparable.trim_end_matches(':'))
}

/// The character that every label of a sum has, as it may be printed.
const COUNTED: [char; 2] = ['計', '计'];

fn is_sum(table: &Table, row: usize, labels: &[usize]) -> bool {
    let row = table.rows.get(row);
    let cells = labels.iter().filter_map(|at| row?.get(*at)).filter(|cell| cell.printed.contains(COUNTED));
    let mut labels = cells.map(|cell| comparable(&cell.printed));
    labels.any(|label| is_total(&label) || label.ends_with(SUBTOTAL))
}

/// Compares the 合计 row with the sum of the others in `columns`. Differing sums are possible (a case of two
/// units), so nothing refuses; `grade` makes the finding from code and sentences.
pub(super) fn check(
    table: &Table,
    labels: &[usize],
    columns: &[usize],
    grade: fn(&'static str, &str, &str) -> Finding,
    findings: &mut Findings,
) {
    let Some(total_at) = total_row(table, labels) else { return };
    for column in columns {
        let amount = |row: &Vec<Cell>| row.get(*column).and_then(Cell::amount);
        let rows = table.rows.iter().enumerate().filter(|(at, _)| *at != total_at);
        let sum = rows.map(|(_, row)| amount(row)).collect::<Option<Vec<_>>>().and_then(Exact::checked_sum);
        let total = table.rows.get(total_at).and_then(amount);
        let (Some(sum), Some(total)) = (sum, total) else { continue };
        if sum != total {
            let zh = format!("合计行为 {total}，各行之和为 {sum}，请核实");
            let en = format!("the total row says {total}, the other rows sum to {sum}; please confirm");
            let finding = grade("total_row", &zh, &en).figures(sum, total);
            findings.push(place(finding, table, total_at, *column));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_of_a_sum_is_passed_over_for_its_spelling() {
        let made_of = |c: &char| comparable(c.encode_utf8(&mut [0; 4])).contains('计');
        let found: Vec<char> = ('\0'..=char::MAX).filter(made_of).collect();
        assert_eq!(found, COUNTED);
        assert!(TOTALS.iter().chain([&SUBTOTAL]).all(|label| label.contains(COUNTED)));
    }
}
