//! Penalty tables of a layout that no template describes: 合计 is the sum of the kinds of penalty, exactly.
//!
//! Cases with several kinds are counted once, under the heaviest (the note printed under every such table), so
//! the kinds always sum to 合计 whatever the layout; 罚没金额 stands outside the sum. The identity binds a table
//! whose name contains 行政处罚实施情况统计表 and whose columns before the first 合计 are labels and kinds of
//! penalty; of what stands behind 合计 only money must be figures. With anything else before 合计 the table travels as an
//! extra table, with a hint, and nothing refuses.

use super::faults::{amount_fault, broken_sum, count_fault, place, printed, sum_fault};
use super::finding::{Finding, Findings};
use super::table::{Column, Table};
use super::total;
use super::unit::labels_rows;
use crate::money::Unit;
use crate::template::normal::{comparable, shortened};
use std::ops::Range;

/// The tables that the identity binds have this in their names.
const PENALTY_TABLE: &str = "行政处罚实施情况统计表";

/// How the headers of kinds of penalty begin, in all layouts seen (行政处罚法 2017 第八条, 2021 第九条).
const KINDS: [&str; 11] =
    ["警告", "通报批评", "罚款", "没收", "暂扣", "降低资质", "吊销", "限制", "责令", "行政拘留", "其他"];

/// Checks a table if it is a penalty table whose parts are known; false when its sums are not bound by anything.
/// With `as_printed` a broken sum asks for confirmation instead of refusing.
pub(super) fn check(table: &Table, as_printed: bool, findings: &mut Findings) -> bool {
    if !comparable(&table.name).contains(PENALTY_TABLE) {
        return false;
    }
    match Layout::of(table) {
        Ok(Some(layout)) => {
            layout.check(table, as_printed, findings);
            true
        }
        Ok(None) => false,
        Err(unknown) => {
            let short = shortened(&unknown.header);
            let zh = format!("“{short}”不是已知的处罚种类，此表按自定义表公布，不核对合计");
            let en =
                format!("\"{short}\" is no known kind of penalty: an extra table, its sums are not checked");
            let finding = Finding::hint("unknown_layout", &zh, &en);
            findings.push(finding.in_table(&table.name).in_column(&unknown.header));
            false
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
            if !is_money(column) && KINDS.iter().any(|kind| header.starts_with(kind)) {
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
                } else if self.after.contains(&at) && table.columns.get(at).is_some_and(is_money) {
                    amount_fault(cell)
                } else {
                    None
                };
                if let Some(finding) = fault {
                    readable &= !counts.contains(&at);
                    findings.push(place(finding, table, row_at, at));
                }
            }
            let identity = |sum, total| broken_sum("合计", sum, total, as_printed);
            if readable && let Some(finding) = sum_fault(row, &self.kinds, self.total, identity) {
                findings.push(place(finding, table, row_at, self.total));
            }
        }
        total::check(table, &self.labels, &counts, Finding::confirm, findings);
    }
}

/// 合计, with or without a unit in brackets.
pub(super) fn is_total(header: &str) -> bool {
    let header = comparable(header);
    header.strip_prefix("合计").is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('(')
                .and_then(|open| open.strip_suffix(')'))
                .is_some_and(|u| Unit::parse_known(u).is_some())
    })
}

/// True for a column of money: 罚没金额, and what is counted in 元.
fn is_money(column: &Column) -> bool {
    comparable(&column.header).contains("金额") || column.unit.as_deref() == Some("元")
}
