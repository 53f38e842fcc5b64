//! Validation: which template a table follows, and what does not fit its rules.
//!
//! The columns tell the template. A table that follows one gets its ids, and its cells must be figures; its hard
//! identities refuse, its warnings ask. A penalty table that only leaves columns of a template out is bound by what it
//! has of its rules. Every other table is an extra table: its sums are looked at, and nothing refuses.
//! Blank, not applicable and what is left out count 0.

use super::cell::State;
use super::faults::{amount_fault, broken_sum, count_fault, place, printed, sum_fault, sum_of};
use super::finding::{Finding, Findings};
use super::table::{Column, Table};
use super::total;
use super::unit::labels_rows;
use crate::money::Exact;
use crate::template::normal::comparable;
use crate::template::{Header, Kind, Op, Places, Template, Templates};
use std::collections::BTreeSet;

/// What is called so is a penalty table, whichever of the columns it leaves out.
const PENALTY_TABLE: &str = "行政处罚实施情况统计表";

/// Finds the template of every table, gives it the template's ids, and checks its figures. With `as_printed` (the
/// operator publishes the figures as they were printed, and says why) a broken identity asks for confirmation
/// instead of refusing.
pub fn check_tables(tables: &mut [Table], templates: &Templates, as_printed: bool, findings: &mut Findings) {
    let mut ids = BTreeSet::new();
    for table in tables {
        let labels: Vec<bool> = table
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| labels_rows(&column.header, printed(table, at)))
            .collect();
        let headers: Vec<Header<'_>> = table
            .columns
            .iter()
            .zip(&labels)
            .map(|(column, labels)| Header { printed: &column.header, labels: *labels })
            .collect();
        if let Some((template, places)) = templates.matching(&headers) {
            // A second table of the same kind keeps its id by position: ids are unique within a report.
            let id = ids.insert(template.table.as_str()).then_some(template.table.as_str());
            name(table, template, &places, id);
            Rules { template, places: &places, table, as_printed }.check(findings);
        } else if let Some((template, places)) = part_of_penalties(table, templates, &headers) {
            Rules { template, places: &places, table, as_printed }.check(findings);
        } else {
            let labels: Vec<usize> = (0..labels.len()).filter(|at| labels.get(*at) == Some(&true)).collect();
            look_at_sums(table, &labels, findings);
        }
        look_at_rates(table, findings);
    }
}

/// The template whose rules bind a penalty table that follows none because it leaves columns out. Money under a kind of
/// penalty is no number of cases.
fn part_of_penalties<'a>(
    table: &Table,
    templates: &'a Templates,
    headers: &[Header<'_>],
) -> Option<(&'a Template, Places)> {
    let found = comparable(&table.name).contains(PENALTY_TABLE).then(|| templates.holding(headers))??;
    let (template, places) = &found;
    let counts_money = |(at, column): (usize, &Column)| {
        let known = places.of_header(at).and_then(|place| template.columns.get(place));
        known.is_some_and(|known| known.kind == Kind::Count) && column.unit.as_deref() == Some("元")
    };
    (!table.columns.iter().enumerate().any(counts_money)).then_some(found)
}

fn name(table: &mut Table, template: &Template, places: &Places, id: Option<&str>) {
    table.template = Some(template.id.clone());
    if let Some(id) = id {
        table.id = id.to_owned();
    }
    for (at, column) in table.columns.iter_mut().enumerate() {
        if let Some(known) = places.of_header(at).and_then(|place| template.columns.get(place)) {
            column.id.clone_from(&known.id);
        }
    }
}

/// A table and the template it follows.
struct Rules<'a> {
    template: &'a Template,
    places: &'a Places,
    table: &'a Table,
    as_printed: bool,
}

impl Rules<'_> {
    fn check(&self, findings: &mut Findings) {
        let unreadable = self.check_cells(findings);
        self.check_units(findings);
        for identity in &self.template.identities {
            let parts: Vec<usize> =
                identity.sum.iter().filter_map(|place| self.places.header_of(*place)).collect();
            let Some(total_at) = self.places.header_of(identity.equals).filter(|_| !parts.is_empty()) else {
                continue;
            };
            for (row_at, row) in self.table.rows.iter().enumerate() {
                let spoilt = parts.iter().chain([&total_at]).any(|at| unreadable.contains(&(row_at, *at)));
                let says = |sum, found| broken_sum(self.header(total_at), sum, found, self.as_printed);
                if !spoilt && let Some(finding) = sum_fault(row, &parts, total_at, says) {
                    findings.push(place(finding, self.table, row_at, total_at));
                }
            }
        }
        self.check_warnings(findings);
        let (labels, figures): (Vec<usize>, Vec<usize>) =
            (0..self.table.columns.len()).partition(|at| self.places.of_header(*at).is_none());
        total::check(self.table, &labels, &figures, Finding::confirm, findings);
    }

    /// Every figure is one; returns where none is.
    fn check_cells(&self, findings: &mut Findings) -> BTreeSet<(usize, usize)> {
        let mut unreadable = BTreeSet::new();
        for (row_at, row) in self.table.rows.iter().enumerate() {
            for (at, cell) in row.iter().enumerate() {
                let column = self.places.of_header(at).and_then(|place| self.template.columns.get(place));
                let fault = column.and_then(|column| match column.kind {
                    Kind::Count => count_fault(cell),
                    Kind::Money => amount_fault(cell),
                });
                if let Some(finding) = fault {
                    unreadable.insert((row_at, at));
                    findings.push(place(finding, self.table, row_at, at));
                }
            }
        }
        unreadable
    }

    /// Money has a unit of money, and everything that counts has a unit: else it cannot be summed with others.
    fn check_units(&self, findings: &mut Findings) {
        for (at, column) in self.table.columns.iter().enumerate() {
            let Some(known) = self.places.of_header(at).and_then(|place| self.template.columns.get(place))
            else {
                continue;
            };
            let mut cells = self.table.rows.iter().filter_map(|row| row.get(at));
            if !cells.any(|cell| cell.state == State::Value) {
                continue;
            }
            let finding = match column.unit.as_deref() {
                Some(unit) if (unit == "元") == (known.kind == Kind::Money) => continue,
                Some(unit) => Finding::confirm(
                    "unit_unlikely",
                    &format!("此列单位读作“{unit}”，通常为{}，请核实", known.unit),
                    &format!("the unit of this column reads {unit}, usually {}; please confirm", known.unit),
                ),
                None => Finding::hint(
                    "unit_missing",
                    &format!("没有写明单位（通常为{}），照原样公布，不参与汇总", known.unit),
                    &format!("no unit is given (usually {}): shown as printed, not summed", known.unit),
                ),
            };
            findings.push(finding.in_table(&self.table.name).in_column(&column.header));
        }
    }

    fn check_warnings(&self, findings: &mut Findings) {
        for warning in &self.template.warnings {
            let (Some(left_at), Some(right_at)) = (self.headers(&warning.left), self.headers(&warning.right))
            else {
                continue;
            };
            for (row_at, row) in self.table.rows.iter().enumerate() {
                let (Some(left), Some(right)) = (sum_of(row, &left_at), sum_of(row, &right_at)) else {
                    continue;
                };
                let holds = match warning.op {
                    Op::AtMost => left <= right,
                    Op::Equal => left == right,
                };
                if !holds {
                    let zh = format!("{}（{left} 与 {right}），请核实", warning.zh);
                    let en = format!("{} ({left} and {right}); please confirm", warning.en);
                    let finding = Finding::confirm("unusual", &zh, &en).figures(right, left);
                    let at = left_at.first().copied().unwrap_or_default();
                    findings.push(place(finding, self.table, row_at, at));
                }
            }
        }
    }

    /// Where the columns at these places of the template stand in the table; `None` when one is left out.
    fn headers(&self, places: &[usize]) -> Option<Vec<usize>> {
        places.iter().map(|place| self.places.header_of(*place)).collect()
    }

    fn header(&self, at: usize) -> &str {
        self.table.columns.get(at).map_or("", |column| column.header.as_str())
    }
}

/// An extra table: sums that do not fit are a hint.
fn look_at_sums(table: &Table, labels: &[usize], findings: &mut Findings) {
    let figures: Vec<usize> = (0..table.columns.len()).filter(|at| !labels.contains(at)).collect();
    total::check(table, labels, &figures, Finding::hint, findings);
    let unit = |at: usize| table.columns.get(at).map(|column| &column.unit);
    let total = table.columns.iter().position(|column| total::is_total_header(&column.header));
    let Some(total) = total else { return };
    let parts: Vec<usize> = figures.into_iter().filter(|at| *at < total).collect();
    if parts.len() < 2 || parts.iter().any(|at| unit(*at) != unit(total)) {
        return;
    }
    for (row_at, row) in table.rows.iter().enumerate() {
        let says = |sum: Exact, found: Exact| {
            let zh = format!("前面各列之和为 {sum}，合计填的是 {found}，如有误请改正");
            let en =
                format!("the columns before it sum to {sum}, the total says {found}; correct it if wrong");
            Finding::hint("sum_differs", &zh, &en).figures(sum, found)
        };
        if let Some(finding) = sum_fault(row, &parts, total, says) {
            findings.push(place(finding, table, row_at, total));
        }
    }
}

/// 65.8 % printed as 658 %.
fn look_at_rates(table: &Table, findings: &mut Findings) {
    for (row_at, row) in table.rows.iter().enumerate() {
        for (at, cell) in row.iter().enumerate() {
            if cell.unit.as_deref() == Some("%") && cell.value.is_some_and(|value| value > Exact::whole(100))
            {
                let zh = format!("{} % 大于 100 %，是否漏了小数点？", cell.printed);
                let en = format!("{} % is over 100 %: is a decimal point missing?", cell.printed);
                findings.push(place(Finding::hint("rate_over_100", &zh, &en), table, row_at, at));
            }
        }
    }
}
