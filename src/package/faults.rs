//! What can be wrong with one figure or one sum, in the words people read.

use super::cell::{Cell, State};
use super::finding::Finding;
use super::table::Table;
use crate::money::Exact;
use crate::template::normal::shortened;

/// The printed texts of a column.
pub(super) fn printed(table: &Table, at: usize) -> impl Iterator<Item = &str> {
    table.rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.printed.as_str())
}

/// Says in which cell a finding was made.
pub(super) fn place(finding: Finding, table: &Table, row: usize, column: usize) -> Finding {
    let header = table.columns.get(column).map_or("", |column| column.header.as_str());
    finding.in_table(&table.name).in_column(header).in_cell(row, column)
}

/// The exact sum of cells of a row, blank and not applicable counting 0; `None` with text among them.
pub(super) fn sum_of(row: &[Cell], parts: &[usize]) -> Option<Exact> {
    Exact::checked_sum(parts.iter().map(|at| row.get(*at)?.amount()).collect::<Option<Vec<_>>>()?)
}

/// The finding that `says` makes of a sum and a total that differ; nothing when either cannot be read.
pub(super) fn sum_fault(
    row: &[Cell],
    parts: &[usize],
    total: usize,
    says: impl FnOnce(Exact, Exact) -> Finding,
) -> Option<Finding> {
    let (sum, total) = (sum_of(row, parts)?, row.get(total)?.amount()?);
    (sum != total).then(|| says(sum, total))
}

/// A hard identity that does not hold.
pub(super) fn broken_sum(header: &str, sum: Exact, total: Exact, as_printed: bool) -> Finding {
    let short = shortened(header);
    let zh = format!("“{short}”应为 {sum}（各分项之和），填的是 {total}");
    let en = format!("{short} must be {sum}, the sum of its parts; it is {total}");
    let finding = if as_printed {
        let zh = format!("{zh}；已按所写理由照原样公布并标注");
        let en = format!("{en}; published as printed, marked, for the stated reason");
        Finding::confirm("identity_sum", &zh, &en)
    } else {
        let zh = format!("{zh}；请改正，确须照原样公布的，在 as_printed 写明理由");
        let en = format!("{en}; correct it, or say in as_printed why it must stand");
        Finding::must_fix("identity_sum", &zh, &en)
    };
    finding.figures(sum, total)
}

/// What is wrong with a number of cases.
pub(super) fn count_fault(cell: &Cell) -> Option<Finding> {
    if cell.state == State::Text {
        return Some(not_a_figure(cell));
    }
    let short = shortened(&cell.printed);
    let Some(count) = cell.amount() else {
        let zh = format!("数字“{short}”位数过多，请核对");
        let en = format!("{short} has too many digits; check it");
        return Some(Finding::must_fix("number_too_long", &zh, &en));
    };
    if count.is_negative() || !count.is_whole() {
        let zh = format!("件数应为 0 或正整数，填的是“{short}”，请改正");
        let en = format!("a number of cases is zero or a positive whole number, found {short}; correct it");
        let mut finding = Finding::must_fix("not_a_count", &zh, &en);
        finding.found = Some(count.to_string());
        return Some(finding);
    }
    None
}

/// What is wrong with an amount of money.
pub(super) fn amount_fault(cell: &Cell) -> Option<Finding> {
    if cell.state == State::Text {
        return Some(not_a_figure(cell));
    }
    let negative = cell.amount().is_some_and(Exact::is_negative);
    negative.then(|| {
        let short = shortened(&cell.printed);
        let zh = format!("“{short}”为负数，请核实");
        Finding::confirm("negative_amount", &zh, &format!("{short} is below zero; please confirm"))
    })
}

fn not_a_figure(cell: &Cell) -> Finding {
    let short = shortened(&cell.printed);
    if cell.is_mark_for_nothing() {
        let zh = format!("“{short}”是 0 还是不适用？有此职权而没有案件写 0，没有此职权写“不适用”，未填留空");
        let en = format!("\"{short}\": 0 or not applicable? Write 0, or 不适用, or leave it blank");
        Finding::must_fix("zero_or_not_applicable", &zh, &en)
    } else {
        let zh = format!("“{short}”不是数字；请写普通数字，没有此职权写“不适用”");
        let en = format!(
            "\"{short}\" is not a number; write plain digits, or 不适用 where there is no such power"
        );
        Finding::must_fix("not_a_number", &zh, &en)
    }
}
