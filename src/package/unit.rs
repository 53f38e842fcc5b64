//! Which unit a column has, and which columns have none because they only label rows.
//!
//! The first of these that applies, settled on the layouts of the real reports in `tests/published`:
//! 1. the brackets that end the header, when they hold a known unit (`合计（宗）`; `行政处罚（合计）` has none);
//! 2. a clause of the table's unit, `X为U` or `X：U`, whose X the header contains, the longest such X
//!    (`宗;罚没金额为万元`); `X单位混用` says that such columns have no one unit;
//! 3. when the table's unit lists several: the one that the end of the header names: …率、…占比、…比例 the listed %,
//!    …人员、…人数 the listed 人, …金额 the only listed money unit (`件;%` over 行政处罚录入率);
//! 4. the first listed unit.
//!
//! A unit that is missing, or a mixture (`件/起`, `万次等`), is no unit: figures under it are kept as printed and
//! have no value.

use crate::money::Unit;
use crate::template::normal::{comparable, narrow};

/// Headers that always label rows, in comparable form.
const LABEL_HEADERS: [&str; 12] = [
    "序号",
    "编号",
    "年度",
    "年份",
    "月份",
    "季度",
    "单位名称",
    "机关名称",
    "部门名称",
    "单位",
    "部门",
    "备注",
];

/// Texts that say "nothing" without saying whether zero or not applicable is meant, in comparable form.
const MARKS_FOR_NOTHING: [&str; 16] =
    ["-", "--", "---", "—", "——", "–", "/", "\\", "*", "无", "没有", "无此项", "空", "N/A", "n/a", "nil"];

/// The unit a table prints, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableUnit {
    /// Units listed without a subject, in order; `None` for one that is no single unit.
    listed: Vec<Option<Unit>>,
    /// Subjects and their units; `None` for "mixed".
    clauses: Vec<(String, Option<Unit>)>,
}

impl TableUnit {
    /// Takes a printed unit apart at `;`, `,` and `、` of either width.
    pub fn parse(printed: &str) -> Self {
        let mut unit = Self::default();
        let text = comparable(printed);
        for part in text.split([';', ',', '、']).filter(|part| !part.is_empty()) {
            let part = part.strip_prefix("计量").unwrap_or(part);
            let part = part.strip_prefix("单位:").or_else(|| part.strip_prefix("单位为")).unwrap_or(part);
            if let Some(subject) = part.strip_suffix("混用") {
                let subject = subject.strip_suffix("单位").unwrap_or(subject);
                unit.clauses.push((subject.to_owned(), None));
            } else if let Some((subject, named)) = part.rsplit_once(['为', ':']) {
                unit.clauses.push((subject.to_owned(), Unit::parse(named)));
            } else {
                unit.listed.push(Unit::parse(part));
            }
        }
        unit
    }

    /// The unit of the column under `header`; `None` when it has no single unit.
    pub fn of_column(&self, header: &str) -> Option<Unit> {
        let header = comparable(header);
        let (words, brackets) = match header.strip_suffix(')').and_then(|open| open.rsplit_once('(')) {
            Some((words, inside)) => (words, Some(inside)),
            None => (header.as_str(), None),
        };
        if let Some(unit) = brackets.and_then(bracketed) {
            return unit;
        }
        let clause = self
            .clauses
            .iter()
            .filter(|(subject, _)| !subject.is_empty() && header.contains(subject.as_str()))
            .max_by_key(|(subject, _)| subject.len());
        if let Some((_, unit)) = clause {
            return unit.clone();
        }
        self.named_by(words).or_else(|| self.listed.first().cloned().flatten())
    }

    /// Rule 3: the listed unit that the end of a header names.
    fn named_by(&self, words: &str) -> Option<Unit> {
        let all =
            || self.listed.iter().flatten().chain(self.clauses.iter().filter_map(|(_, unit)| unit.as_ref()));
        if all().count() < 2 {
            return None;
        }
        let listed = |base: &str| all().find(|unit| unit.base == base).cloned();
        let ends = |endings: &[&str]| endings.iter().any(|ending| words.ends_with(ending));
        if ends(&["率", "占比", "比例", "比重"]) {
            listed("%")
        } else if ends(&["人员", "人数"]) {
            listed("人")
        } else if ends(&["金额"]) {
            let mut money = all().filter(|unit| unit.is_money());
            money.next().filter(|first| money.all(|other| other == *first)).cloned()
        } else {
            None
        }
    }
}

/// What brackets say about the unit: `Some(None)` when they mix several, `None` when they say nothing.
fn bracketed(inside: &str) -> Option<Option<Unit>> {
    let inside = inside.strip_prefix("单位:").unwrap_or(inside);
    if let Some(unit) = Unit::parse_known(inside) {
        return Some(Some(unit));
    }
    let mut parts = inside.split(['/', '、', '或']);
    (inside.contains(['/', '、', '或']) && parts.all(|part| Unit::parse_known(part).is_some()))
        .then_some(None)
}

/// True for a header that always labels rows (序号, 单位名称, 年度, 备注).
pub fn is_label_header(header: &str) -> bool {
    LABEL_HEADERS.contains(&comparable(header).as_str())
}

/// True when a column labels rows: its header says so, or it has words and nothing but words.
pub fn labels_rows<'a>(header: &str, printed: impl Iterator<Item = &'a str>) -> bool {
    let mut printed = printed.filter(|text| !text.trim().is_empty()).peekable();
    is_label_header(header) || (printed.peek().is_some() && printed.all(is_words))
}

/// True for "nothing", "none", a dash.
pub fn is_mark_for_nothing(printed: &str) -> bool {
    MARKS_FOR_NOTHING.contains(&comparable(printed).as_str())
}

fn is_words(printed: &str) -> bool {
    let text = narrow(printed);
    let numeric =
        text.trim().strip_prefix('-').unwrap_or(text.trim()).starts_with(|c: char| c.is_ascii_digit());
    !numeric && !is_mark_for_nothing(printed) && !super::cell::is_not_applicable(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(table: &str, header: &str) -> String {
        match TableUnit::parse(table).of_column(header) {
            Some(Unit { base, factor: 1 }) => base,
            Some(Unit { base, factor }) => format!("{factor}{base}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn columns_of_real_reports_have_the_unit_a_person_would_say() {
        for (table, header, expected) in [
            ("宗;罚没金额为万元", "罚款", "宗"),
            ("宗;罚没金额为万元", "罚没金额（万元）", "10000元"),
            ("宗；罚没金额为万元", "罚没金额", "10000元"),
            ("宗;罚没金额为元", "合计 (宗)", "宗"),
            ("件", "行政处罚（合计）", "件"),
            ("个;人", "执法岗位（执法科室）", "个"),
            ("个;人", "在岗执法人员", "人"),
            ("类;人;%", "行政执法岗位（全部为A类）", "类"),
            ("类;人;%", "实际在岗人数", "人"),
            ("件;%", "行政处罚录入率", "%"),
            ("件;%", "行政检查", "件"),
            ("起;罚款为元", "罚款", "元"),
            ("起;罚款为元", "处罚金额", "元"),
            ("起;罚款为元", "案件", "起"),
            ("次;件", "查实违法违规（件）", "件"),
            ("万次等", "巡查总次数（万次）", "10000次"),
            ("万次等", "巡查", "none"),
            ("件/起;罚款为万元", "招投标罚款", "10000元"),
            ("件/起;罚款为万元", "招投标预警（个）", "个"),
            ("件/起;罚款为万元", "立案", "none"),
            ("万件;罚款单位混用", "罚款金额", "none"),
            ("万件;罚款单位混用", "案件（万件）", "10000件"),
            ("万元;万册;家次", "没收出版物（万册）", "10000册"),
            ("单位：宗、罚没金额：万元", "罚没金额", "10000元"),
            ("单位：宗", "警告", "宗"),
            ("件", "检查（件/次）", "none"),
            ("", "警告", "none"),
            ("人次", "抽调执法人员", "人次"),
        ] {
            assert_eq!(unit(table, header), expected, "{table} {header}");
        }
    }

    #[test]
    fn label_columns_hold_words_and_nothing_else() {
        assert!(labels_rows("类别", ["行政许可", "行政处罚", ""].into_iter()));
        assert!(labels_rows("年度", ["2022", "2023"].into_iter()));
        assert!(labels_rows(" 单位 名称", std::iter::empty()));
        assert!(!labels_rows("案件", ["12", "无"].into_iter()));
        assert!(!labels_rows("案件", ["—"].into_iter()));
        assert!(!labels_rows("罚款金额", ["3166万元", "12.2亿元"].into_iter()));
        assert!(!labels_rows("案件", std::iter::empty()));
    }
}
