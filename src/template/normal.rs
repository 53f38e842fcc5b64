//! Normal forms for comparing what people type: widths, spaces, brackets, traditional characters.
//!
//! These are for comparison only. What was printed is kept as printed.

use crate::money::Unit;
use std::borrow::Cow;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Full-width ASCII (U+FF01 to U+FF5E) and the ideographic space become ASCII; nothing else changes, so that
/// `①` or `½` never turns into a digit.
pub fn narrow(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.chars().map(narrow_char).collect()) }
}

fn narrow_char(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{2212}' => '-',
        _ => c,
    }
}

/// The form in which headers, table names and units are compared: NFKC, no spaces of any kind, ASCII brackets,
/// simplified characters (for those that occur in this field's headers).
pub fn comparable(text: &str) -> String {
    fn plain(text: impl Iterator<Item = char>) -> String {
        text.filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}'))
            .map(|c| match c {
                // NFKC has made ［］ into [].
                '〔' | '[' | '【' => '(',
                '〕' | ']' | '】' => ')',
                other => simplified(other),
            })
            .collect()
    }
    // Most headers and cells hold nothing else, and a report has hundreds.
    if text.chars().all(is_normal_once_narrow) {
        plain(text.chars().map(narrow_char))
    } else {
        plain(text.nfkc())
    }
}

/// Characters of which NFKC leaves what [`narrow_char`] does, whatever stands beside them: ASCII in both widths, the
/// unified ideographs, the space, comma and full stop among them.
const fn is_normal_once_narrow(c: char) -> bool {
    matches!(c, '\0'..='\u{7f}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff5e}' | '\u{3000}'..='\u{3002}')
}

/// Traditional and simplified characters of the field's headers and units, pairwise.
const SIMPLIFIED: &str = "罰罚沒没違违財财暫暂許许證证執执責责產产業业關关閉闭從从處处級级資资質质開开經经營营動动\
    報报評评請请數数銷销實实況况統统計计單单萬万億亿額额稱称類类別别復复訴诉訟讼強强檢检徵征決决給给獎奖勵励確确\
    認认為为與与員员結结場场設设備备註注號号項项門门務务織织構构機机調调變变議议審审糾纠錯错嫌嫌移移送送輕轻減减\
    複复劃划凍冻體体簡简駁驳終终維维敗败職职無无費费總总條条會会遲迟滯滞納纳撥拨匯汇賣卖礙碍狀状還还貨货幣币適适年年個个爲为証证戶户輛辆區区縣县鄉乡鎮镇";

/// The form in which a header names a column of a template: comparable, without a unit in brackets at its end, and
/// with one kind of comma, because `罚没金额（元）` and `罚没金额（万元）` are one column printed in two units.
pub fn header_key(header: &str) -> String {
    let text: String =
        comparable(header).chars().map(|c| if matches!(c, ',' | ';') { '、' } else { c }).collect();
    let brackets = text.strip_suffix(')').and_then(|open| open.rsplit_once('('));
    match brackets {
        Some((words, inside)) if !words.is_empty() => {
            let unit = inside.strip_prefix("单位:").unwrap_or(inside);
            if Unit::parse_known(unit).is_some() { words.to_owned() } else { text }
        }
        _ => text,
    }
}

fn simplified(c: char) -> char {
    // Sorted once: a report has hundreds of headers to compare, and most of their characters are in no pair.
    static PAIRS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let mut pairs: Vec<(char, char)> =
            SIMPLIFIED.chars().step_by(2).zip(SIMPLIFIED.chars().skip(1).step_by(2)).collect();
        pairs.sort_by_key(|(from, _)| *from);
        pairs
    });
    if c.is_ascii() {
        return c;
    }
    match PAIRS.binary_search_by_key(&c, |(from, _)| *from) {
        Ok(at) => PAIRS.get(at).map_or(c, |(_, to)| *to),
        Err(_) => c,
    }
}

/// The first character that must not stand in a published text: a control character or one that changes the
/// direction of text (the list of [`crate::bytes::is_plain_text`]). Line breaks and tabs pass when `lines`.
pub fn hostile_char(text: &str, lines: bool) -> Option<char> {
    text.chars().find(|c| match c {
        '\n' | '\r' | '\t' => !lines,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        other => other.is_control(),
    })
}

/// The text with every hostile character replaced by U+FFFD, so that no finding can play tricks on a terminal.
pub fn harmless(text: &str) -> String {
    let mut one = [0; 4];
    text.chars()
        .map(|c| if hostile_char(c.encode_utf8(&mut one), false).is_some() { '\u{fffd}' } else { c })
        .collect()
}

/// The first 40 characters, harmless, for messages.
pub fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    harmless(&short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_made_narrow_is_what_nfkc_makes_of_it() {
        let all = ('\0'..=char::MAX).filter(|c| is_normal_once_narrow(*c));
        for c in all {
            // Between two letters that much composes with.
            let text = format!("e{c}a");
            assert!(text.nfkc().eq(text.chars().map(narrow_char)), "{c:?}");
        }
    }

    #[test]
    fn spellings_of_one_header_compare_equal() {
        for spelling in [
            "合计(宗)",
            "合计（宗）",
            " 合 计\u{3000}（ 宗 ）",
            "合計（宗）",
            "合计\n【宗】",
            "合计［宗］",
            "合计[宗]",
        ] {
            assert_eq!(comparable(spelling), "合计(宗)", "{spelling:?}");
        }
        assert_eq!(comparable("沒收違法所得、沒收非法財物"), "没收违法所得、没收非法财物");
        assert_eq!(header_key("罰沒金額 （萬元）"), "罚没金额");
        assert_eq!(header_key("暂扣许可证、执照，降低资质等级"), "暂扣许可证、执照、降低资质等级");
        assert_eq!(header_key("行政处罚（合计）"), "行政处罚(合计)");
        assert_eq!(header_key("（宗）"), "(宗)");
        assert_eq!(narrow("１，２３４．５　宗①"), "1,234.5 宗①");
        assert_eq!(shortened(&"\u{1b}[31m长".repeat(20)).chars().filter(|c| c.is_control()).count(), 0);
        assert_eq!(SIMPLIFIED.chars().count() % 2, 0);
    }
}
