//! From sheets to the members of a report file, and back from findings to the cells they are about.
//!
//! A sheet becomes exactly what a JSON report file would say, so that every rule of `package` holds for workbooks
//! and CSV too, word for word.

use super::formula::{self, Outcome};
use super::layout::{Clause, Found, Layout, layout};
use super::sheet::{Place, Sheet, cell_name, place_of};
use crate::package::cell::Raw;
use crate::package::document::Node;
use crate::package::finding::Finding;
use crate::package::table::CELLS_MAX;
use crate::template::Templates;
use crate::template::normal::{comparable, harmless, shortened};

/// Sheets of prose.
const PROSE: [&str; 4] = ["总体情况", "总体情况说明", "情况说明", "文字说明"];
/// Sheets that only explain.
const HELP: [&str; 3] = ["填报说明", "填表说明", super::marked::SHEET];

/// A report as far as sheets say it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) members: Vec<(String, Node)>,
    pub(super) findings: Vec<Finding>,
    pub(super) titles: Vec<String>,
    pub(super) placed: Vec<Placed>,
    /// The file's name without its end: the last name for a table that has none.
    stem: String,
    tables: Vec<(String, Node)>,
    keys: Vec<(&'static str, String, Place)>,
}

/// Where a table of the report stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) sheet: String,
    pub(super) found: Found,
}

impl Draft {
    /// Of a file of this name.
    pub(super) fn of(stem: String) -> Self {
        Self { stem, ..Self::default() }
    }

    /// Reads one sheet. `own` says that our own blank workbook is read: a table left blank is a table left out.
    pub(super) fn add(&mut self, mut sheet: Sheet, own: bool, templates: &Templates) {
        let name = comparable(&sheet.name);
        if HELP.contains(&name.as_str()) {
            return;
        }
        if PROSE.contains(&name.as_str()) {
            self.add_prose(&sheet);
            return;
        }
        compute(&mut sheet, &mut self.findings);
        let Layout { clauses, tables, titles, findings } = layout(&sheet, templates);
        self.findings.extend(findings.into_iter().map(|finding| in_sheet(finding, &sheet.name)));
        let empty = clauses.is_empty() && tables.is_empty();
        if empty && !titles.is_empty() {
            let short = shortened(&sheet.name);
            let zh = format!("工作表“{short}”里没有统计表，未采用");
            let en = format!("the sheet {short} holds no table and was passed over");
            self.findings.push(in_sheet(Finding::hint("sheet_without_table", &zh, &en), &sheet.name));
        }
        self.titles.extend(titles);
        self.add_clauses(clauses, &sheet.name);
        for found in tables {
            self.add_table(found, &sheet, own, templates);
        }
    }

    fn add_prose(&mut self, sheet: &Sheet) {
        let mut lines: Vec<String> = Vec::new();
        for row in sheet.rows() {
            let texts: Vec<&str> =
                sheet.used(row).into_iter().map(|column| sheet.text((row, column))).collect();
            lines.push(texts.join(" "));
        }
        let title = |line: &String| {
            line.chars().count() < 40 && line.trim_end().ends_with("情况")
                || PROSE.contains(&comparable(line).as_str())
        };
        if lines.first().is_some_and(title) {
            lines.remove(0);
        }
        if !lines.is_empty() {
            self.keys.push(("narrative", sheet.name.clone(), (0, 0)));
            self.members.push(("narrative".to_owned(), Node::Text(lines.join("\n"))));
        }
    }

    fn add_clauses(&mut self, clauses: Vec<Clause>, sheet: &str) {
        for Clause { key, value, at } in clauses {
            if value.printed().trim().is_empty() {
                continue;
            }
            let list = matches!(key, "members" | "labels");
            let node = match (key, value.printed().trim()) {
                ("status", word) => Node::Text(english(
                    word,
                    &[("最终", "final"), ("正式", "final"), ("暂定", "provisional"), ("初步", "provisional")],
                )),
                ("scope", word) => Node::Text(english(
                    word,
                    &[("本级", "own"), ("汇总", "consolidated"), ("全系统", "consolidated")],
                )),
                ("year", word) => Node::Text(word.trim_end_matches("度").trim_end_matches('年').to_owned()),
                (_, word) if list => {
                    let names =
                        word.split(['、', '；', ';', '\n']).map(str::trim).filter(|name| !name.is_empty());
                    Node::List(names.map(|name| Node::Text(name.to_owned())).collect())
                }
                (_, word) => Node::Text(word.to_owned()),
            };
            let held = self.members.iter_mut().find(|(held, _)| held == key);
            match (held, node) {
                (Some((_, Node::List(names))), Node::List(more)) => names.extend(more),
                // The same said on every sheet is said once.
                (Some((_, held)), node) if *held == node => {}
                (_, node) => {
                    self.keys.push((key, sheet.to_owned(), at));
                    self.members.push((key.to_owned(), node));
                }
            }
        }
    }

    fn add_table(&mut self, found: Found, sheet: &Sheet, own: bool, templates: &Templates) {
        let named = found.title.clone().or_else(|| Some(sheet.name.clone()).filter(|name| !name.is_empty()));
        // A table of a CSV file may have no title: its columns tell what it is, else the file's name does.
        let mut name = named
            .or_else(|| super::headers::followed(templates, &found.headers).map(|known| known.title.clone()))
            .unwrap_or_else(|| self.stem.clone());
        if sheet.name.is_empty() {
            let taken = |name: &str| self.tables.iter().any(|(held, _)| comparable(held) == comparable(name));
            let base = name.clone();
            let mut count = 2_u32;
            while found.title.is_none() && taken(&name) {
                name = format!("{base}（{count}）");
                count += 1;
            }
        }
        // Two sheets under one title are two tables; their sheets tell them apart.
        if !sheet.name.is_empty() && self.tables.iter().any(|(held, _)| comparable(held) == comparable(&name))
        {
            name = format!("{name}（{}）", sheet.name);
        }
        let figures = |row: &u32| {
            found
                .columns
                .iter()
                .filter(|column| super::layout::is_figure(sheet.text((*row, **column))))
                .count()
        };
        if own && found.rows.iter().map(figures).sum::<usize>() == 0 {
            let zh = "此表没有填写任何数字，视为没有此项职权，不报此表；有职权而没有案件的请填 0";
            let en = "nothing is filled in here: taken as no such power and left out; write 0 where there were no cases";
            self.findings
                .push(in_sheet(Finding::hint("table_left_out", zh, en).in_table(&name), &sheet.name));
            return;
        }
        for (place, formula) in &sheet.formulas {
            if found.rows.contains(&place.0) && found.columns.contains(&place.1) {
                let finding = unread_formula(sheet, *place, formula);
                self.findings.push(in_sheet(finding.in_table(&name), &sheet.name));
            }
        }
        let cell = |row: u32, column: u32| match sheet.cells.get(&(row, column)) {
            None | Some(Raw::Blank) => label_above(sheet, (row, column)).map_or(Node::Null, Node::Text),
            Some(Raw::Number(token)) => Node::Number(token.clone()),
            Some(Raw::Text(text)) if text.trim().is_empty() => Node::Null,
            Some(Raw::Text(text)) => Node::Text(text.clone()),
        };
        let rows = found.rows.iter().take(CELLS_MAX);
        let rows =
            rows.map(|row| Node::List(found.columns.iter().map(|column| cell(*row, *column)).collect()));
        let mut members = vec![
            ("columns".to_owned(), Node::List(found.headers.iter().cloned().map(Node::Text).collect())),
            ("rows".to_owned(), Node::List(rows.collect())),
        ];
        if let Some(unit) = &found.unit {
            members.push(("unit".to_owned(), Node::Text(unit.clone())));
        }
        self.tables.push((name.clone(), Node::Object(members)));
        self.placed.push(Placed { name, sheet: sheet.name.clone(), found });
    }

    /// True when the sheets gave this member.
    pub(super) fn says(&self, key: &str) -> bool {
        self.members.iter().any(|(held, _)| held == key)
    }

    /// The text of a member.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.members.iter().find(|(held, _)| held == key).and_then(|(_, node)| match node {
            Node::Text(text) | Node::Number(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Takes the members of the report file, tables included.
    pub(super) fn take_members(&mut self) -> Vec<(String, Node)> {
        let mut members = std::mem::take(&mut self.members);
        members.push(("tables".to_owned(), Node::Object(std::mem::take(&mut self.tables))));
        members
    }

    /// Says of a finding in which sheet and cell it is.
    pub(super) fn locate(&self, mut finding: Finding) -> Finding {
        if finding.sheet.is_some() {
            return finding;
        }
        if finding.table.is_empty() {
            if let Some((_, sheet, at)) = self.keys.iter().rev().find(|(key, ..)| *key == finding.column) {
                finding.sheet = Some(harmless(sheet)).filter(|sheet| !sheet.is_empty());
                finding.cell = Some(cell_name(*at));
            }
            return finding;
        }
        let Some(placed) = self.placed.iter().find(|placed| harmless(&placed.name) == finding.table) else {
            return finding;
        };
        finding.sheet = Some(harmless(&placed.sheet)).filter(|sheet| !sheet.is_empty());
        let found = &placed.found;
        let data = finding.cell.as_deref().and_then(place_of);
        let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let place = match data {
            Some((row, column)) => {
                found.rows.get(index(row)).copied().zip(found.columns.get(index(column)).copied())
            }
            None => {
                let at = found.headers.iter().position(|header| harmless(header) == finding.column);
                at.and_then(|at| found.columns.get(at)).map(|column| (found.header_row, *column))
            }
        };
        finding.cell = place.map(cell_name).or(finding.cell);
        finding
    }
}

pub(super) fn in_sheet(mut finding: Finding, sheet: &str) -> Finding {
    finding.sheet = Some(harmless(sheet)).filter(|sheet| !sheet.is_empty());
    finding
}

/// The label of a vertically merged cell holds for every row it covers; a figure does not.
fn label_above(sheet: &Sheet, place: Place) -> Option<String> {
    let area = sheet.area(place)?;
    let text = sheet.text((area.first.0, place.1));
    (area.first.1 == place.1 && !text.is_empty() && !super::layout::is_figure(text)).then(|| text.to_owned())
}

fn english(word: &str, words: &[(&str, &str)]) -> String {
    words
        .iter()
        .find(|(zh, _)| word.starts_with(zh))
        .map_or_else(|| word.to_owned(), |(_, en)| (*en).to_owned())
}

/// Computes every plain sum again; what stays in `formulas` is not understood.
fn compute(sheet: &mut Sheet, findings: &mut Vec<Finding>) {
    // Sums of sums (a 合计 row over a 合计 column) need a second pass; deeper ones are no report.
    for _ in 0..4 {
        let mut done = Vec::new();
        for (place, formula) in &sheet.formulas {
            if let Outcome::Sum(sum) = formula::evaluate(sheet, formula) {
                done.push((*place, sum));
            }
        }
        if done.is_empty() {
            return;
        }
        for (place, sum) in done {
            sheet.formulas.remove(&place);
            let computed = sum.map_or(Raw::Blank, formula::token);
            let cached = sheet.cells.get(&place).map(|raw| raw.clone().into_cell(None).0);
            let cached =
                cached.filter(|cell| !cell.printed.is_empty()).map(|cell| (cell.amount(), cell.printed));
            if let (Some((amount, printed)), Some(sum)) = (cached, sum)
                && amount != Some(sum)
            {
                let zh = format!("公式上次保存的结果是 {printed}，按各格重新计算为 {sum}，采用后者");
                let en = format!(
                    "the formula's stored result is {printed}; its cells sum to {sum}, which is taken"
                );
                let mut finding = Finding::hint("formula_stale", &zh, &en).figures(sum, printed);
                finding.cell = Some(cell_name(place));
                findings.push(in_sheet(finding, &sheet.name));
            }
            match computed {
                Raw::Blank => sheet.cells.remove(&place),
                computed => sheet.cells.insert(place, computed),
            };
        }
    }
}

fn unread_formula(sheet: &Sheet, place: Place, formula: &str) -> Finding {
    let (cell, short, shown) = (cell_name(place), shortened(formula), shortened(sheet.text(place)));
    let outside = formula.contains(['[', '!']);
    let mut finding = if outside || !super::layout::is_figure(sheet.text(place)) {
        let zh = format!("公式“={short}”引用其他表、其他文件或没有结果，不予采用；请粘贴为数值");
        let en = format!("the formula ={short} refers elsewhere or has no result: paste it as a value");
        Finding::must_fix("formula_unusable", &zh, &en)
    } else {
        let zh = format!("公式“={short}”不是简单求和，无法复核，按保存的结果 {shown} 采用，请核实");
        let en = format!(
            "={short} is no plain sum and was not computed again: its stored result {shown} is taken; please confirm"
        );
        Finding::confirm("formula_not_computed", &zh, &en)
    };
    finding.cell = Some(cell);
    finding
}
