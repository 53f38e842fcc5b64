//! The privacy gate: what looks like a person's number or state of health in a text that everyone will read.
//!
//! A finding asks and never refuses, and never repeats what it found. Numbers count only when they can be what they
//! look like: an ID number has a date of birth and its check digit (GB 11643), a card number its Luhn digit.

use super::body::Body;
use super::cell::State;
use super::finding::{Finding, Findings};
use super::report::Report;
use crate::template::normal::narrow;

/// Words about somebody's health; laws and institutions that contain them are in [`HARMLESS`].
const HEALTH: [&str; 18] = [
    "癌",
    "肿瘤",
    "白血病",
    "艾滋",
    "HIV",
    "乙肝",
    "肝炎",
    "抑郁",
    "精神病",
    "精神分裂",
    "糖尿病",
    "心脏病",
    "尿毒症",
    "瘫痪",
    "患病",
    "重病",
    "病假",
    "怀孕",
];
/// Names in which such words say nothing about a person.
const HARMLESS: [&str; 4] = ["精神病院", "艾滋病防治", "肝炎防治", "肿瘤医院"];

/// Digits of the longest number that is looked for: a card's.
const NUMBER_DIGITS_MAX: usize = 19;

/// Looks through everything of a report that is prose: narrative, notes, reasons, text cells.
pub fn check(report: &Report, findings: &mut Findings) {
    for (key, text) in
        [("narrative", &report.narrative), ("notes", &report.notes), ("as_printed", &report.as_printed)]
    {
        for what in text.iter().flat_map(|text| seen_in(text)) {
            findings.push(what.finding().in_column(key));
        }
    }
    for table in &report.tables {
        for (row_at, row) in table.rows.iter().enumerate() {
            for (at, cell) in row.iter().enumerate() {
                // A number can be an ID number that somebody put into a cell; a count never has eleven digits.
                if cell.state == State::Text || cell.printed.len() >= 11 {
                    for what in seen_in(&cell.printed) {
                        findings.push(super::faults::place(what.finding(), table, row_at, at));
                    }
                }
            }
        }
    }
}

/// Label of a package that is about natural persons although nothing in it looks like one's number.
pub const PERSONS_LABEL: &str = "自然人";

/// True when a package is about natural persons, as far as its text or its labels tell: it stays public for a shorter time.
pub fn is_about_persons(body: &Body<'_>) -> bool {
    let prose = [&body.narrative, &body.notes, &body.as_printed];
    let cells = body.tables.iter().flat_map(|table| table.rows.iter().flatten());
    let texts = cells.filter(|cell| cell.state == State::Text || cell.printed.len() >= 11);
    body.labels.iter().any(|label| label.contains(PERSONS_LABEL))
        || prose.into_iter().flatten().any(|text| !seen_in(text).is_empty())
        || texts.into_iter().any(|cell| !seen_in(&cell.printed).is_empty())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    IdNumber,
    CardNumber,
    Phone,
    Health,
}

impl What {
    fn finding(self) -> Finding {
        let (code, zh, en) = match self {
            Self::IdNumber => ("privacy_id_number", "疑似身份证号码", "an ID number"),
            Self::CardNumber => ("privacy_card_number", "疑似银行卡号", "a bank card number"),
            Self::Phone => ("privacy_phone", "疑似手机号码", "a mobile phone number"),
            Self::Health => ("privacy_health", "疑似个人健康情况", "somebody's state of health"),
        };
        let zh = format!("含有{zh}；公开前请删去个人信息，确无个人信息的可照此公布");
        let en =
            format!("this looks like {en}; remove personal data before everyone can read it, or confirm");
        Finding::confirm(code, &zh, &en)
    }
}

/// What a text seems to hold, each once.
fn seen_in(text: &str) -> Vec<What> {
    let text = narrow(text);
    let mut seen: Vec<What> = runs(&text).iter().flat_map(|run| numbers(run)).collect();
    let plain = HARMLESS.iter().fold(text, |text, harmless| {
        if text.contains(harmless) { text.replace(harmless, "").into() } else { text }
    });
    if HEALTH.iter().any(|word| plain.contains(word)) {
        seen.push(What::Health);
    }
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// What the digits of a text can be read as: groups that a space or a hyphen parts may belong together, or be two numbers
/// one behind the other.
fn runs(text: &str) -> Vec<Vec<String>> {
    let (mut runs, mut run, mut joins) = (Vec::new(), Vec::<String>::new(), false);
    for c in text.chars().chain(std::iter::once('\n')) {
        let length: usize = run.iter().map(String::len).sum();
        match (c, run.last_mut()) {
            ('0'..='9', Some(group)) if !joins => group.push(c),
            ('0'..='9', _) => run.push(c.into()),
            ('x' | 'X', Some(group)) if length >= 17 && !joins => group.push('X'),
            (' ' | '-', Some(_)) if !joins => {
                joins = true;
                continue;
            }
            (_, Some(_)) => runs.push(std::mem::take(&mut run)),
            (_, None) => {}
        }
        joins = false;
    }
    runs
}

/// The numbers that can be read in a run: of groups that follow each other, as many as make one.
fn numbers(groups: &[String]) -> Vec<What> {
    let mut seen = Vec::new();
    for first in 0..groups.len() {
        let mut read = String::new();
        for group in groups.iter().skip(first) {
            read.push_str(group);
            if read.len() > NUMBER_DIGITS_MAX {
                break;
            }
            seen.extend(number(&read));
        }
    }
    seen
}

fn number(run: &str) -> Option<What> {
    let phone = run.strip_prefix("86").filter(|rest| rest.len() == 11).unwrap_or(run);
    if is_id_number(run) {
        Some(What::IdNumber)
    } else if phone.len() == 11 && phone.starts_with('1') {
        matches!(phone.as_bytes().get(1), Some(b'3'..=b'9')).then_some(What::Phone)
    } else {
        is_card_number(run).then_some(What::CardNumber)
    }
}

/// 18 characters, a date of birth, and the check character of ISO 7064 MOD 11-2.
fn is_id_number(run: &str) -> bool {
    let part = |range: std::ops::Range<usize>| run.get(range).and_then(|part| part.parse::<u16>().ok());
    let born = (part(6..10), part(10..12), part(12..14));
    let (Some(1900..=2100), Some(1..=12), Some(1..=31)) = born else { return false };
    if run.len() != 18 {
        return false;
    }
    let values = run.chars().map(|c| if c == 'X' { Some(10) } else { c.to_digit(10) });
    let Some(values) = values.collect::<Option<Vec<u32>>>() else { return false };
    // The weight of the character at place i from the right is 2^i mod 11; the whole is 1 modulo 11.
    let weighted = values.iter().rev().scan(1_u32, |weight, value| {
        let term = value * *weight;
        *weight = *weight * 2 % 11;
        Some(term)
    });
    weighted.sum::<u32>() % 11 == 1
}

/// 16 to 19 digits that begin as cards do (UnionPay 62, and 3 to 5), with their Luhn digit.
fn is_card_number(run: &str) -> bool {
    let begins = run.starts_with("62") || run.starts_with(['3', '4', '5']);
    let digits: Option<Vec<u32>> = run.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| begins && (16..=19).contains(&digits.len())) else {
        return false;
    };
    let luhn = digits.iter().rev().enumerate().map(|(at, digit)| match (at % 2, digit * 2) {
        (0, _) => *digit,
        (_, double) => double / 10 + double % 10,
    });
    luhn.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_can_be_what_they_look_like_are_named() {
        for (text, what) in [
            // The example of GB 11643-1999.
            ("当事人身份证号：11010519491231002X。", What::IdNumber),
            ("440524 19800101 0013", What::IdNumber),
            ("４４０５２４１９８００１０１００１３", What::IdNumber),
            ("联系电话13800138000", What::Phone),
            ("+86 138-0013-8000", What::Phone),
            ("联系人 13800138000 13900139000", What::Phone),
            ("2024 13800138000", What::Phone),
            ("2024-1 110105 19491231 002x", What::IdNumber),
            ("6222 0212 3456 7890 128", What::CardNumber),
            ("执法人员2人，其中1人患病", What::Health),
        ] {
            assert_eq!(seen_in(text), [what], "{text}");
        }
    }

    #[test]
    fn numbers_that_cannot_are_not() {
        for text in [
            "110105194912310021",
            "110105194913310029",
            "12345678901",
            "10800138000",
            "罚款 12,345,678,901.23 元",
            "(0574) 63551234",
            "113325000026455663",
            "91350100M000100Y43",
            "2024-01-31 2024-12-31",
            "138001380001",
            "对艾滋病防治、精神病院开展检查",
        ] {
            assert_eq!(seen_in(text), [], "{text}");
        }
    }
}
