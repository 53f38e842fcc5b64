//! Small words for pages: links, grouped digits, ages.

use crate::time::WallMs;
use std::fmt::Write as _;

/// One path segment: everything but the unreserved characters of RFC 3986 §2.3 percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A decimal with its integer digits in groups of three; anything else unchanged.
pub(crate) fn grouped(decimal: &str) -> String {
    let (sign, rest) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return decimal.to_owned();
    }
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Whether a number as printed and a canonical decimal are the same number written twice.
pub(crate) fn same_number(printed: &str, decimal: &str) -> bool {
    let plain = |text: &str| {
        let digits: String = text
            .chars()
            .filter_map(|c| match c {
                ',' | '，' | ' ' | '\u{3000}' => None,
                '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
                c => Some(c),
            })
            .collect();
        match digits.contains('.') {
            true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => digits,
        }
    };
    plain(printed) == plain(decimal)
}

/// An age people can read: 12 秒, 5 分钟, 3 小时, 2 天.
pub(crate) fn age_zh(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} 秒"),
        60..3_600 => format!("{} 分钟", seconds / 60),
        3_600..172_800 => format!("{} 小时", seconds / 3_600),
        _ => format!("{} 天", seconds / 86_400),
    }
}

/// A time to the minute, with its zone: 2025-01-16 12:00（北京时间）.
pub(crate) fn time_zh(at: WallMs) -> String {
    let full = at.to_string();
    match full.split_once('T') {
        Some((date, time)) => format!("{date} {}（北京时间）", time.get(..5).unwrap_or(time)),
        None => full,
    }
}

/// A time as meta tags have it: 2025-01-16 12:00.
pub(crate) fn time_plain(at: WallMs) -> String {
    at.to_string().replace('T', " ").chars().take(16).collect()
}

/// A link target that is safe to follow: http or https, no white space or control characters, at most 2,048 bytes.
pub(crate) fn web_url(text: &str) -> Option<&str> {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let scheme = lower.starts_with("http://") || lower.starts_with("https://");
    (scheme && text.len() <= 2_048 && text.chars().all(|c| !c.is_control() && !c.is_whitespace()))
        .then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_survive_the_way_there_and_back() {
        assert_eq!(segment("331126:庆/a"), "331126%3A%E5%BA%86%2Fa");
        assert_eq!(segment("a-b._~"), "a-b._~");
    }

    #[test]
    fn digits_are_grouped_and_text_is_not() {
        assert_eq!(grouped("17537900"), "17,537,900");
        assert_eq!(grouped("-1234.5600"), "-1,234.5600");
        assert_eq!(grouped("123"), "123");
        assert_eq!(grouped("约10"), "约10");
    }

    #[test]
    fn scaled_values_differ_and_spellings_do_not() {
        assert!(same_number("1,234.50", "1234.5"));
        assert!(same_number("１２", "12"));
        assert!(!same_number("1753.79", "17537900"));
        assert!(!same_number("100", "1"));
    }

    #[test]
    fn times_say_their_zone() {
        assert_eq!(time_zh(WallMs(1_737_000_000_000)), "2025-01-16 12:00（北京时间）");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(web_url("https://www.zjqy.gov.cn/a?b=c").is_some());
        for bad in [
            "javascript:alert(1)",
            "JAVASCRIPT://x",
            "data:text/html,x",
            "http://a b",
            "//x",
            "httpx://a",
            "",
        ] {
            assert_eq!(web_url(bad), None, "{bad}");
        }
    }
}
