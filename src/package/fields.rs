//! The members of a report file that are not tables: typed one by one, every fault collected.

use super::document::Node;
use super::finding::{Finding, Findings};
use super::report::{Scope, Status};
use super::report_file::ReadOptions;
use crate::agency::{AGENCY_NAME_BYTES_MAX, AgencyError, CreditCode, agency_name};
use crate::division::DivisionCode;
use crate::template::normal::{hostile_char, narrow, shortened};
use unicode_normalization::UnicodeNormalization;

/// The first year a report may be about: there was no administration of this state before it.
pub const YEAR_MIN: u16 = 1949;
/// Most names in a list of members or labels; the largest province has 1,609 towns.
pub const NAMES_MAX: usize = 5000;

/// `KEY: want WANTED, found KIND`, refusing.
pub(crate) fn wrong_type(key: &str, node: &Node, wanted_zh: &str, wanted_en: &str) -> Finding {
    let (zh, en) = node.kind();
    let shown = shortened(key);
    let zh = format!("“{shown}”应为{wanted_zh}，填的是{zh}");
    Finding::must_fix("wrong_type", &zh, &format!("{shown} must be {wanted_en}, found {en}")).in_column(key)
}

/// The member is not there.
pub(crate) fn missing(key: &str) -> Finding {
    Finding::must_fix("missing", &format!("缺少“{key}”，请补上"), &format!("{key} is missing; add it"))
        .in_column(key)
}

/// An optional text in NFC; empty counts as absent.
pub(crate) fn text(
    key: &str,
    node: &Node,
    bytes_max: usize,
    lines: bool,
    findings: &mut Findings,
) -> Option<String> {
    let text: String = match node {
        Node::Text(text) => text.trim().nfc().collect(),
        Node::Null => return None,
        other => {
            findings.push(wrong_type(key, other, "文字", "a string"));
            return None;
        }
    };
    if text.len() > bytes_max {
        let zh = format!("“{key}”有 {} 字节，最多 {bytes_max}，请缩短", text.len());
        let en = format!("{key} has {} bytes, at most {bytes_max}; shorten it", text.len());
        findings.push(Finding::must_fix("text_too_long", &zh, &en).in_column(key));
        return None;
    }
    if let Some(found) = hostile_char(&text, lines) {
        let code = u32::from(found);
        let zh = format!("“{key}”含有控制字符 U+{code:04X}，请删去");
        let en = format!("{key} holds the control character U+{code:04X}; remove it");
        findings.push(Finding::must_fix("control_character", &zh, &en).in_column(key));
        return None;
    }
    (!text.is_empty()).then_some(text)
}

/// A text that never refuses: what cannot be kept is left out with a hint.
pub(crate) fn harmless_text(
    key: &str,
    node: &Node,
    bytes_max: usize,
    findings: &mut Findings,
) -> Option<String> {
    let mut faults = Findings::new();
    let kept = text(key, node, bytes_max, true, &mut faults);
    for mut fault in faults.into_list() {
        fault.grade = super::finding::Grade::Hint;
        findings.push(fault);
    }
    kept
}

/// A list of names.
pub(crate) fn names(key: &str, node: &Node, findings: &mut Findings) -> Vec<String> {
    let list = match node {
        Node::Null => return Vec::new(),
        Node::List(list) if list.len() <= NAMES_MAX => list,
        Node::List(list) => {
            let zh = format!("“{key}”有 {} 项，最多 {NAMES_MAX}", list.len());
            let en = format!("{key} has {} entries, at most {NAMES_MAX}", list.len());
            findings.push(Finding::must_fix("too_many", &zh, &en).in_column(key));
            return Vec::new();
        }
        other => {
            findings.push(wrong_type(key, other, "文字的数组", "an array of strings"));
            return Vec::new();
        }
    };
    let mut names = Vec::with_capacity(list.len());
    for (at, node) in list.iter().enumerate() {
        match node {
            Node::Text(_) => names.extend(text(key, node, AGENCY_NAME_BYTES_MAX, false, findings)),
            other => findings.push(wrong_type(key, other, "文字的数组", "an array of strings").in_row(at)),
        }
    }
    names
}

/// A list of names that never refuses: what is none is left out with a hint.
pub(crate) fn harmless_names(key: &str, node: &Node, findings: &mut Findings) -> Vec<String> {
    let mut faults = Findings::new();
    let kept = names(key, node, &mut faults);
    for mut fault in faults.into_list() {
        fault.grade = super::finding::Grade::Hint;
        findings.push(fault);
    }
    kept
}

/// The agency's name.
pub(crate) fn agency(key: &str, node: &Node, findings: &mut Findings) -> Option<String> {
    let Node::Text(printed) = node else {
        findings.push(wrong_type(key, node, "机关名称", "the agency's name"));
        return None;
    };
    let fault = match agency_name(printed) {
        Ok(name) => return Some(name),
        Err(fault) => fault,
    };
    let zh = match &fault {
        AgencyError::Empty => "机关名称为空，请填写".to_owned(),
        AgencyError::TooLong { bytes } => {
            format!("机关名称有 {bytes} 字节，最多 {AGENCY_NAME_BYTES_MAX}，请缩短")
        }
        AgencyError::NotPlain | AgencyError::NotAnId(_) => "机关名称含有控制字符，请删去".to_owned(),
    };
    findings.push(Finding::must_fix("agency_name", &zh, &fault.to_string()).in_column(key));
    None
}

/// The credit code; full-width characters, spaces and small letters are taken.
pub(crate) fn credit_code(key: &str, node: &Node, findings: &mut Findings) -> Option<CreditCode> {
    let printed = match node {
        Node::Null => return None,
        Node::Text(text) | Node::Number(text) => text,
        other => {
            findings.push(wrong_type(key, other, "统一社会信用代码", "a credit code"));
            return None;
        }
    };
    let plain: String = narrow(printed).chars().filter(|c| *c != ' ').collect();
    if plain.is_empty() {
        return None;
    }
    match plain.to_ascii_uppercase().parse() {
        Ok(code) => Some(code),
        Err(fault) => {
            let short = shortened(printed);
            let zh =
                format!("统一社会信用代码“{short}”不对（18 位，校验码须相符），请核对；没有代码的删去此项");
            let en = format!("{short}: {fault}; check it, or leave it out");
            findings.push(Finding::must_fix("agency_code", &zh, &en).in_column(key));
            None
        }
    }
}

/// The division: the override where there is one, else the file's, else the publishing node's own.
pub(crate) fn division(
    key: &str,
    node: Option<&Node>,
    options: &ReadOptions<'_>,
    findings: &mut Findings,
) -> Option<DivisionCode> {
    let printed = match node {
        None | Some(Node::Null) => None,
        Some(Node::Text(text) | Node::Number(text)) => Some(text),
        Some(other) => {
            findings.push(wrong_type(key, other, "区划代码", "a division code"));
            return None;
        }
    };
    let parsed = printed.map(|text| narrow(text).trim().parse::<DivisionCode>());
    match (parsed, options.division_override) {
        (None, Some(given)) => Some(given.clone()),
        (Some(own), Some(given)) => {
            if own.as_ref() != Ok(given) {
                let short = printed.map(|text| shortened(text)).unwrap_or_default();
                let zh = format!("文件的区划代码“{short}”已由命令指定的 {given} 代替");
                let en = format!("the file's division {short} is overridden by {given} from the command");
                findings.push(Finding::hint("division_overridden", &zh, &en).in_column(key));
            }
            Some(given.clone())
        }
        (Some(Ok(own)), None) => Some(own),
        (Some(Err(fault)), None) => {
            let zh = "区划代码应为 6 位或 9 位数字，功能区如 330100-xihu；请改正";
            findings.push(Finding::must_fix("division_code", zh, &fault.to_string()).in_column(key));
            None
        }
        (None, None) if let Some(own) = options.own_division => {
            let zh = format!("文件没有区划代码，按本节点区划 {own} 处理；如不对请用 --division 指定");
            let en =
                format!("the file names no division: taken as this node's own, {own}; else use --division");
            findings.push(Finding::hint("division_own", &zh, &en).in_column(key));
            Some(own.clone())
        }
        (None, None) => {
            let zh = "没有区划代码；请在文件中填写，或用 --division 指定";
            let en = "there is no division code; put it in the file or name it with --division";
            findings.push(Finding::must_fix("division_missing", zh, en).in_column(key));
            None
        }
    }
}

/// The year, [`YEAR_MIN`] to `current`.
pub(crate) fn year(key: &str, node: &Node, current: u16, findings: &mut Findings) -> Option<u16> {
    let (Node::Number(printed) | Node::Text(printed)) = node else {
        findings.push(wrong_type(key, node, "年份", "a year"));
        return None;
    };
    let plain = narrow(printed);
    let plain = plain.trim();
    let four_digits = plain.len() == 4 && plain.bytes().all(|byte| byte.is_ascii_digit());
    let year = plain.parse().ok().filter(|year| four_digits && (YEAR_MIN..=current).contains(year));
    if year.is_none() {
        let short = shortened(printed);
        let zh = format!("年份“{short}”应在 {YEAR_MIN} 至 {current} 之间，请改正");
        let en = format!("the year {short} must be {YEAR_MIN} to {current}; correct it");
        findings.push(Finding::must_fix("year", &zh, &en).in_column(key));
    }
    year
}

/// The status: as given, else by whether the year is over. A year that is not over and called final is kept as
/// given and asks for confirmation: such reports do appear, and only people can say what is meant.
pub(crate) fn status(
    key: &str,
    node: Option<&Node>,
    year: Option<u16>,
    current: u16,
    findings: &mut Findings,
) -> Status {
    let over = year.is_none_or(|year| year < current);
    let default = if over { Status::Final } else { Status::Provisional };
    let given = word(key, node, Status::ALL.map(|status| (status.as_str(), status)), findings);
    if given == Some(Status::Final) && !over {
        let zh = "本年度尚未结束，却标为最终数据；请核实，或写 provisional";
        let en = "the year is not over, yet the status is final; please confirm or say provisional";
        findings.push(Finding::confirm("final_before_year_end", zh, en).in_column(key));
    }
    given.unwrap_or(default)
}

/// The scope, own unless given.
pub(crate) fn scope(key: &str, node: Option<&Node>, findings: &mut Findings) -> Scope {
    word(key, node, Scope::ALL.map(|scope| (scope.as_str(), scope)), findings).unwrap_or(Scope::Own)
}

/// One of two words.
fn word<T: Copy>(
    key: &str,
    node: Option<&Node>,
    words: [(&str, T); 2],
    findings: &mut Findings,
) -> Option<T> {
    let [(first, _), (second, _)] = words;
    match node {
        None | Some(Node::Null) => None,
        Some(Node::Text(text)) => {
            let found = words.iter().find(|(word, _)| *word == text.trim()).map(|(_, value)| *value);
            if found.is_none() {
                let short = shortened(text);
                let zh = format!("“{key}”应为 {first} 或 {second}，填的是“{short}”");
                let en = format!("{key} must be {first} or {second}, found \"{short}\"");
                findings.push(Finding::must_fix("unknown_word", &zh, &en).in_column(key));
            }
            found
        }
        Some(other) => {
            let wanted = format!("{first} / {second}");
            findings.push(wrong_type(key, other, &wanted, &wanted));
            None
        }
    }
}

/// An address people can open; anything else is left out with a hint, so that no page ever links to a script.
pub(crate) fn url(key: &str, node: &Node, findings: &mut Findings) -> Option<String> {
    let url = harmless_text(key, node, 2048, findings)?;
    let opens = url.starts_with("http://") || url.starts_with("https://");
    if opens && !url.contains(char::is_whitespace) {
        return Some(url);
    }
    let zh = format!("“{key}”不是 http(s) 网址，未采用");
    findings.push(
        Finding::hint("source_url", &zh, &format!("{key} is no http(s) address and was left out"))
            .in_column(key),
    );
    None
}
