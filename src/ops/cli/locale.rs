//! The language people are spoken to in, and what their terminal can show.
//!
//! `--lang`, else `GONGSHI_LANG`, else the locale's; Chinese where none of them says anything else. A locale that is
//! named and is not UTF-8 gets plain ASCII: English, and escapes for names that cannot be written. JSON is UTF-8 always.

use std::borrow::Cow;
use std::sync::OnceLock;

/// Whether people's text must be ASCII; decided once, when the command line is read.
static PLAIN: OnceLock<bool> = OnceLock::new();

/// What the environment says of the locale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locale(Option<String>);

impl Locale {
    /// The process's: `LC_ALL`, else `LC_CTYPE`, else `LANG`, as POSIX ranks them.
    #[allow(clippy::disallowed_methods, reason = "the edge where the environment enters")]
    pub(super) fn of_process() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set))
    }

    /// True when the locale is named and its characters are not UTF-8.
    pub(super) fn is_plain(&self) -> bool {
        let utf8 = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        };
        self.0.as_deref().is_some_and(|name| !utf8(name))
    }

    /// `zh` or `en`.
    pub(super) fn language(&self) -> &'static str {
        let english = self.0.as_deref().is_some_and(|name| name.starts_with("en"));
        if english || self.is_plain() { "en" } else { "zh" }
    }
}

/// The language when no flag says one.
pub(super) fn language() -> String {
    Locale::of_process().language().to_owned()
}

/// Decides what may be written from here on. Whoever asks for Chinese in so many words gets it.
pub(super) fn decide(lang: &str) {
    let _ = PLAIN.set(Locale::of_process().is_plain() && !lang.starts_with("zh"));
}

/// `text` as the terminal can show it.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if PLAIN.get().copied().unwrap_or(false) { ascii(text) } else { Cow::Borrowed(text) }
}

fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii() => plain.push(c),
            '→' => plain.push_str("->"),
            '·' => plain.push('-'),
            '（' => plain.push('('),
            '）' => plain.push(')'),
            '，' => plain.push(','),
            '：' => plain.push(':'),
            '。' => plain.push('.'),
            other => plain.extend(other.escape_unicode()),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> (&'static str, bool) {
        let locale = Locale(Some(name.to_owned()).filter(|name| !name.is_empty()));
        (locale.language(), locale.is_plain())
    }

    #[test]
    fn chinese_is_the_default_and_a_locale_that_cannot_show_it_gets_ascii() {
        assert_eq!(of(""), ("zh", false));
        assert_eq!(of("zh_CN.UTF-8"), ("zh", false));
        assert_eq!(of("C.utf8"), ("zh", false));
        assert_eq!(of("en_GB.UTF-8"), ("en", false));
        assert_eq!(of("C"), ("en", true));
        assert_eq!(of("zh_CN.GB18030"), ("en", true));
    }

    #[test]
    fn plain_text_is_ascii_whatever_it_names() {
        let plain = ascii("宁波 → done（ok）");
        assert!(plain.is_ascii() && plain.contains("-> done(ok)"), "{plain}");
        assert_eq!(ascii("plain"), "plain");
    }
}
