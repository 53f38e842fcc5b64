//! Findings: what is wrong with a report, where, and what to do next.
//!
//! Only [`Grade::MustFix`] refuses a report. The JSON form is part of the contract for `check` and `publish`:
//! keys are only ever added.

use crate::template::normal::harmless;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Most findings listed for one report; more than a page of them helps nobody and a hostile file could have one
/// a cell. What is beyond is counted, never ignored.
pub const FINDINGS_MAX: usize = 500;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// 必须改: the report is not published.
    MustFix,
    /// 请核实: published, with the explanation.
    Confirm,
    /// 提示: shown to whoever publishes.
    Hint,
}

/// One finding. `table` and `column` are empty when it is about the report as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its weight.
    pub grade: Grade,
    /// Stable code, known to `gongshi explain`.
    pub code: Cow<'static, str>,
    /// The table's name as printed, or empty.
    pub table: String,
    /// The column's header as printed, a key of the report file, or empty.
    pub column: String,
    /// Row of the table's data, from 1; headers are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The cell: in a workbook or a CSV file as a spreadsheet names it (`J7`), else column letters and the data row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<String>,
    /// What the figure should be, plain digits in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the figure is, plain digits in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Chinese, ` / `, English.
    pub message: String,
}

impl Finding {
    /// A finding about the report as a whole.
    pub fn new(grade: Grade, code: &'static str, message_zh: &str, message_en: &str) -> Self {
        Self {
            grade,
            code: Cow::Borrowed(code),
            table: String::new(),
            column: String::new(),
            row: None,
            sheet: None,
            cell: None,
            expected: None,
            found: None,
            message: format!("{message_zh} / {message_en}"),
        }
    }

    /// A finding that refuses.
    pub fn must_fix(code: &'static str, message_zh: &str, message_en: &str) -> Self {
        Self::new(Grade::MustFix, code, message_zh, message_en)
    }

    /// A finding that asks for confirmation.
    pub fn confirm(code: &'static str, message_zh: &str, message_en: &str) -> Self {
        Self::new(Grade::Confirm, code, message_zh, message_en)
    }

    /// A finding that only informs.
    pub fn hint(code: &'static str, message_zh: &str, message_en: &str) -> Self {
        Self::new(Grade::Hint, code, message_zh, message_en)
    }

    /// Names the table; control characters in the name show as U+FFFD.
    #[must_use]
    pub fn in_table(mut self, name: &str) -> Self {
        self.table = harmless(name);
        self
    }

    /// Names the column, or the key of the file; control characters show as U+FFFD.
    #[must_use]
    pub fn in_column(mut self, header: &str) -> Self {
        self.column = harmless(header);
        self
    }

    /// Names the data row, counting from `index` 0.
    #[must_use]
    pub fn in_row(mut self, index: usize) -> Self {
        self.row = u64::try_from(index).ok().and_then(|row| row.checked_add(1));
        self
    }

    /// Names row and cell, both counting from 0.
    #[must_use]
    pub fn in_cell(mut self, row: usize, column: usize) -> Self {
        self.cell = Some(cell_name(row, column));
        self.in_row(row)
    }

    /// Gives the expected and the found figure.
    #[must_use]
    pub fn figures(mut self, expected: impl ToString, found: impl ToString) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

/// `A1` for row 0, column 0; `AA3` for row 2, column 26.
pub fn cell_name(row: usize, column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column;
    loop {
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        match (rest / 26).checked_sub(1) {
            Some(higher) => rest = higher,
            None => break,
        }
    }
    let name: String = letters.into_iter().rev().collect();
    format!("{name}{}", row.saturating_add(1))
}

/// Findings in the order they were made, at most [`FINDINGS_MAX`] of them in full.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    beyond: u64,
    refuses: bool,
}

impl Findings {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.refuses |= finding.grade == Grade::MustFix;
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.beyond = self.beyond.saturating_add(1);
        }
    }

    /// True when one of them, listed or not, must be fixed.
    pub fn refuses(&self) -> bool {
        self.refuses
    }

    /// The list; its last element says how many are not listed, when some are not.
    pub fn into_list(mut self) -> Vec<Finding> {
        if self.beyond > 0 {
            let grade = if self.refuses { Grade::MustFix } else { Grade::Hint };
            self.list.push(Finding::new(
                grade,
                "more_findings",
                &format!("另有 {} 条未列出；请先改正已列出的，再检查一次", self.beyond),
                &format!("{} more are not listed; fix those listed and check again", self.beyond),
            ));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_in_a_spreadsheet() {
        for (row, column, name) in
            [(0, 0, "A1"), (0, 9, "J1"), (4, 25, "Z5"), (2, 26, "AA3"), (0, 701, "ZZ1"), (0, 702, "AAA1")]
        {
            assert_eq!(cell_name(row, column), name);
        }
    }

    #[test]
    fn json_leaves_out_what_is_not_said() {
        let finding = Finding::must_fix("identity_sum", "合计不符", "the sum does not fit")
            .in_table("表")
            .in_column("合计");
        let json = serde_json::to_string(&finding).unwrap();
        assert_eq!(
            json,
            r#"{"grade":"must_fix","code":"identity_sum","table":"表","column":"合计","message":"合计不符 / the sum does not fit"}"#
        );
        assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
        let json = serde_json::to_string(&finding.in_cell(0, 9).figures(5, "4")).unwrap();
        assert!(json.contains(r#""row":1,"cell":"J1","expected":"5","found":"4""#), "{json}");
    }

    #[test]
    fn a_refusal_beyond_the_list_still_refuses() {
        let mut findings = Findings::new();
        for _ in 0..FINDINGS_MAX {
            findings.push(Finding::hint("h", "", ""));
        }
        assert!(!findings.refuses());
        findings.push(Finding::must_fix("m", "", ""));
        assert!(findings.refuses());
        let list = findings.into_list();
        assert_eq!((list.len(), list.last().unwrap().grade), (FINDINGS_MAX + 1, Grade::MustFix));
    }
}
