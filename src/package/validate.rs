//! The one hard identity of penalty tables: 合计 is the sum of the kinds of penalty, exactly.
//!
//! Cases with several kinds are counted once, under the heaviest (the note printed under every such table), so
//! the kinds always sum to 合计; 罚没金额 stands outside the sum. The identity binds a table whose name contains
//! 行政处罚实施情况统计表 and whose columns before the first 合计 are labels and kinds of penalty. A layout with
//! anything else before 合计 is not known: it travels as an extra table, with a hint, and nothing refuses.
//! Blank and not applicable count 0. A row labelled 合计 is checked like the others and against their sum.

use super::cell::{Cell, State};
use super::finding::{Finding, Findings};
use super::normal::{comparable, shortened};
use super::table::{Column, Table};
use super::unit::{is_label_header, labels_rows};
use crate::money::{Exact, Unit};
use std::ops::Range;

/// The tables that the identity binds have this in their names.
const PENALTY_TABLE: &str = "行政处罚实施情况统计表";

/// How the headers of kinds of penalty begin, in all layouts seen (行政处罚法 2017 第八条, 2021 第九条).
const KINDS: [&str; 11] =
    ["警告", "通报批评", "罚款", "没收", "暂扣", "降低资质", "吊销", "限制", "责令", "行政拘留", "其他"];

/// Checks every table. With `as_printed` (the operator publishes the figures as they were printed, and says
/// why) a broken sum asks for confirmation instead of refusing.
pub fn check_tables(tables: &[Table], as_printed: bool, findings: &mut Findings) {
    for table in tables.iter().filter(|table| comparable(&table.name).contains(PENALTY_TABLE)) {
        match Layout::of(table) {
            Ok(Some(layout)) => layout.check(table, as_printed, findings),
            Ok(None) => {}
            Err(unknown) => {
                let short = shortened(&unknown.header);
                let zh = format!("“{short}”不是已知的处罚种类，此表按自定义表公布，不核对合计");
                let en = format!(
                    "\"{short}\" is no known kind of penalty: an extra table, its sums are not checked"
                );
                findings.push(
                    Finding::hint("unknown_layout", &zh, &en)
                        .in_table(&table.name)
                        .in_column(&unknown.header),
                );
            }
        }
    }
}

/// Where the parts of a penalty table stand.
struct Layout {
    labels: Vec<usize>,
    kinds: Vec<usize>,
    total: usize,
    after: Range<usize>,
}

impl Layout {
    /// `None` without a 合计 column; the column that is no kind of penalty as an error.
    fn of(table: &Table) -> Result<Option<Self>, &Column> {
        let Some(total) = table.columns.iter().position(|column| is_total(&column.header)) else {
            return Ok(None);
        };
        let mut layout = Self { labels: vec![], kinds: vec![], total, after: total + 1..table.columns.len() };
        for (at, column) in table.columns.iter().enumerate().take(total) {
            let header = comparable(&column.header);
            let money = header.contains("金额") || column.unit.as_deref() == Some("元");
            if !money && KINDS.iter().any(|kind| header.starts_with(kind)) {
                layout.kinds.push(at);
            } else if labels_rows(&column.header, printed(table, at)) {
                layout.labels.push(at);
            } else {
                return Err(column);
            }
        }
        Ok((!layout.kinds.is_empty()).then_some(layout))
    }

    fn check(&self, table: &Table, as_printed: bool, findings: &mut Findings) {
        let checked = self.kinds.iter().copied().chain([self.total]);
        let counts: Vec<usize> = checked.collect();
        for (row_at, row) in table.rows.iter().enumerate() {
            let mut readable = true;
            for (at, cell) in row.iter().enumerate() {
                let fault = if counts.contains(&at) {
                    count_fault(cell)
                } else if self.after.contains(&at) {
                    amount_fault(table, at, cell)
                } else {
                    None
                };
                if let Some(finding) = fault {
                    readable &= !counts.contains(&at);
                    findings.push(place(finding, table, row_at, at));
                }
            }
            let sum = Exact::checked_sum(self.kinds.iter().filter_map(|at| row.get(*at)?.amount()));
            let total = row.get(self.total).and_then(Cell::amount);
            if let (true, Some(sum), Some(total)) = (readable, sum, total)
                && sum != total
            {
                findings.push(place(broken_sum(sum, total, as_printed), table, row_at, self.total));
            }
        }
        self.check_total_row(table, &counts, findings);
    }

    /// A last row labelled 合计 over other rows: differing sums are possible (a case of two units), so a person
    /// has to look, nothing more.
    fn check_total_row(&self, table: &Table, counts: &[usize], findings: &mut Findings) {
        let Some((total_row, rows)) = table.rows.split_last() else { return };
        let label = |row: &[Cell]| -> String {
            self.labels.iter().filter_map(|at| row.get(*at)).map(|cell| comparable(&cell.printed)).collect()
        };
        if !matches!(label(total_row).as_str(), "合计" | "总计") || rows.is_empty() {
            return;
        }
        if rows.iter().any(|row| label(row).contains('计')) {
            return;
        }
        for at in counts {
            let amount = |row: &Vec<Cell>| row.get(*at).and_then(Cell::amount);
            let sum = rows.iter().map(amount).collect::<Option<Vec<_>>>().and_then(Exact::checked_sum);
            let (Some(sum), Some(total)) = (sum, amount(total_row)) else { continue };
            if sum != total {
                let zh = format!("合计行为 {total}，各行之和为 {sum}，请核实");
                let en = format!("the total row says {total}, the rows above sum to {sum}; please confirm");
                let finding = Finding::confirm("total_row", &zh, &en).figures(sum, total);
                findings.push(place(finding, table, rows.len(), *at));
            }
        }
    }
}

/// 合计, with or without a unit in brackets.
fn is_total(header: &str) -> bool {
    let header = comparable(header);
    header.strip_prefix("合计").is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('(')
                .and_then(|open| open.strip_suffix(')'))
                .is_some_and(|u| Unit::parse_known(u).is_some())
    })
}

fn printed(table: &Table, at: usize) -> impl Iterator<Item = &str> {
    table.rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.printed.as_str())
}

fn place(finding: Finding, table: &Table, row: usize, column: usize) -> Finding {
    let header = table.columns.get(column).map_or("", |column| column.header.as_str());
    finding.in_table(&table.name).in_column(header).in_cell(row, column)
}

fn broken_sum(sum: Exact, total: Exact, as_printed: bool) -> Finding {
    let zh = format!("合计应为 {sum}（各处罚种类之和），填的是 {total}");
    let en = format!("合计 must be {sum}, the sum of the kinds of penalty; it is {total}");
    let finding = if as_printed {
        let zh = format!("{zh}；已按所写理由照原样公布并标注");
        Finding::confirm(
            "identity_sum",
            &zh,
            &format!("{en}; published as printed, marked, for the stated reason"),
        )
    } else {
        let zh = format!("{zh}；请改正，确须照原样公布的，在 as_printed 写明理由");
        Finding::must_fix(
            "identity_sum",
            &zh,
            &format!("{en}; correct it, or say in as_printed why it must stand"),
        )
    };
    finding.figures(sum, total)
}

/// What is wrong with a number of cases.
fn count_fault(cell: &Cell) -> Option<Finding> {
    if cell.state == State::Text {
        return Some(not_a_figure(cell));
    }
    let short = shortened(&cell.printed);
    let Some(count) = cell.amount() else {
        let zh = format!("数字“{short}”位数过多，请核对");
        return Some(Finding::must_fix(
            "number_too_long",
            &zh,
            &format!("{short} has too many digits; check it"),
        ));
    };
    if count.is_negative() || !count.is_whole() {
        let zh = format!("件数应为 0 或正整数，填的是“{short}”，请改正");
        let en = format!("a number of cases is zero or a positive whole number, found {short}; correct it");
        return Some(Finding::must_fix("not_a_count", &zh, &en));
    }
    None
}

/// What is wrong with a figure that stands after 合计.
fn amount_fault(table: &Table, at: usize, cell: &Cell) -> Option<Finding> {
    let header = &table.columns.get(at)?.header;
    let names_a_figure = ["金额", "数量", "合计"].iter().any(|word| comparable(header).contains(word));
    let labels = is_label_header(header) || (!names_a_figure && labels_rows(header, printed(table, at)));
    if labels {
        return None;
    }
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
        Finding::must_fix(
            "zero_or_not_applicable",
            &format!("“{short}”是 0 还是不适用？有此职权而没有案件写 0，没有此职权写“不适用”，未填留空"),
            &format!("\"{short}\": 0 or not applicable? Write 0, or 不适用, or leave it blank"),
        )
    } else {
        Finding::must_fix(
            "not_a_number",
            &format!("“{short}”不是数字；请写普通数字，没有此职权写“不适用”"),
            &format!(
                "\"{short}\" is not a number; write plain digits, or 不适用 where there is no such power"
            ),
        )
    }
}
