//! The two languages of pages and the two sizes of their text: Chinese as it stands in the code, English from
//! `words/english.tsv`. A test finds every word that the file lacks.

use super::text;
use crate::time::WallMs;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lang {
    /// 中文
    #[default]
    Zh,
    /// English, below `/en`
    En,
}

/// In which language and how large a page is read: the first parts of its address, kept by every link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) lang: Lang,
    /// 大字版, below `/large`
    pub(super) large: bool,
}

impl Reading {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [
        Self { lang: Lang::Zh, large: false },
        Self { lang: Lang::En, large: false },
        Self { lang: Lang::Zh, large: true },
        Self { lang: Lang::En, large: true },
    ];

    /// What stands before the address of every page.
    pub(super) const fn prefix(self) -> &'static str {
        match (self.lang, self.large) {
            (Lang::Zh, false) => "",
            (Lang::En, false) => "/en",
            (Lang::Zh, true) => "/large",
            (Lang::En, true) => "/en/large",
        }
    }

    /// The reading that a path below the base asks for, and the page in it.
    pub(super) fn of(path: &str) -> (Self, &str) {
        let below = |prefix: &str| {
            let rest = path.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        // The longest prefix first: every path is below the empty one.
        let found = Self::ALL.iter().rev().find_map(|reading| Some((*reading, below(reading.prefix())?)));
        found.unwrap_or((Self::default(), path))
    }
}

static ENGLISH: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    include_str!("words/english.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
});

impl Lang {
    /// The words in this language.
    pub(super) fn say(self, zh: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => ENGLISH.get(zh).copied().unwrap_or(zh),
        }
    }

    /// The same as owned text.
    pub(super) fn words(self, zh: &'static str) -> String {
        self.say(zh).to_owned()
    }

    /// The same with `{}` replaced in order, and `{s}` by the ending of the plural unless the value before it is 1.
    pub(super) fn fill(self, zh: &'static str, values: &[&str]) -> String {
        let mut out = String::new();
        let (mut values, mut plural) = (values.iter(), "s");
        for (at, part) in self.say(zh).split("{}").enumerate() {
            if at > 0 {
                let value = values.next().unwrap_or(&"");
                plural = if *value == "1" { "" } else { "s" };
                out.push_str(value);
            }
            out.push_str(&part.replace("{s}", plural));
        }
        out
    }

    /// The number with the words around it.
    pub(super) fn count(self, zh: &'static str, count: impl ToString) -> String {
        self.fill(zh, &[&text::grouped(&count.to_string())])
    }

    /// The same for a year or another number that is no amount: its digits are not grouped.
    pub(super) fn count_plain(self, zh: &'static str, number: impl ToString) -> String {
        self.fill(zh, &[&number.to_string()])
    }

    /// A time to the minute, with its zone.
    pub(super) fn time(self, at: WallMs) -> String {
        match self {
            Self::Zh => text::time_zh(at),
            Self::En => text::time_zh(at).replace("（北京时间）", " (UTC+8)"),
        }
    }

    /// An age.
    pub(super) fn age(self, ms: u64) -> String {
        match self {
            Self::Zh => text::age_zh(ms),
            Self::En => {
                let seconds = ms / 1_000;
                match seconds {
                    0..60 => format!("{seconds} s"),
                    60..3_600 => format!("{} min", seconds / 60),
                    3_600..172_800 => format!("{} h", seconds / 3_600),
                    _ => format!("{} days", seconds / 86_400),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages, and what they are made of.
    const CODE: &[&str] = &[
        include_str!("about.rs"),
        include_str!("across.rs"),
        include_str!("beside.rs"),
        include_str!("calendar.rs"),
        include_str!("corrections.rs"),
        include_str!("coverage.rs"),
        include_str!("coverage_grid.rs"),
        include_str!("dictionary.rs"),
        include_str!("division.rs"),
        include_str!("division_tables.rs"),
        include_str!("folio.rs"),
        include_str!("frame.rs"),
        include_str!("listing.rs"),
        include_str!("openapi.rs"),
        include_str!("origin.rs"),
        include_str!("report.rs"),
        include_str!("report_proof.rs"),
        include_str!("report_tables.rs"),
        include_str!("rollcall.rs"),
        include_str!("search.rs"),
        include_str!("start.rs"),
        include_str!("verify.rs"),
    ];
    const TEMPLATES: &[&str] = &[
        include_str!("templates/folio.html"),
        include_str!("templates/frame.html"),
        include_str!("templates/grid.html"),
        include_str!("templates/problem.html"),
    ];

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    /// Every Chinese text in quotes that is followed by a use as words; heads and templates included.
    fn words() -> Vec<&'static str> {
        let of_code = CODE.iter().flat_map(|text| text.split("#[cfg(test)]").next().unwrap_or(text).lines());
        let of_code = of_code.filter(|line| !line.trim_start().starts_with("//"));
        let quoted = |line: &'static str| line.split('"').skip(1).step_by(2).collect::<Vec<_>>();
        let in_template = TEMPLATES.iter().flat_map(|text| text.split("t(\"").skip(1));
        let in_template = in_template.filter_map(|rest| rest.split_once('"').map(|(word, _)| word));
        of_code
            .flat_map(quoted)
            .chain(in_template)
            .filter(|text| is_chinese(text))
            // Parts of names that are cut off or looked for, not words that are shown.
            .filter(|text| !text.ends_with("统计表") && *text != "合成示例")
            .collect()
    }

    #[test]
    fn every_word_of_a_page_has_its_english() {
        assert!(words().len() > 60);
        let missing: Vec<_> = words().into_iter().filter(|word| !ENGLISH.contains_key(word)).collect();
        assert!(missing.is_empty(), "{missing:#?}");
        for line in include_str!("words/english.tsv").lines() {
            let (zh, en) = line.split_once('\t').unwrap_or((line, ""));
            assert!(!en.is_empty() && !is_chinese(&en.replace("中文", "")), "{line}");
            assert_eq!(zh.matches("{}").count(), en.matches("{}").count(), "{zh}");
        }
        for kind in [super::super::doc::PackageState::Released.zh(), super::super::doc::ReportScope::Own.zh()]
        {
            assert!(ENGLISH.contains_key(kind), "{kind}");
        }
    }

    #[test]
    fn no_template_shows_chinese_that_is_not_looked_up() {
        for template in TEMPLATES {
            let bare: Vec<&str> = template
                .lines()
                .filter(|line| {
                    let shown = line.split("t(\"").enumerate().map(|(at, part)| match at {
                        0 => part,
                        _ => part.split_once('"').map_or("", |(_, rest)| rest),
                    });
                    is_chinese(&shown.collect::<String>().replace("中文", "").replace("大字版", ""))
                })
                .collect();
            assert!(bare.is_empty(), "{bare:#?}");
        }
    }

    #[test]
    fn one_is_not_several() {
        let say = |count: &str| Lang::En.fill("来自 {} 份报告", &[count]);
        assert_eq!((say("1").as_str(), say("2").as_str()), ("from 1 report", "from 2 reports"));
    }

    #[test]
    fn a_reading_is_the_first_part_of_an_address() {
        for reading in Reading::ALL {
            let path = format!("{}/331126/2024", reading.prefix());
            assert_eq!(Reading::of(&path), (reading, "/331126/2024"));
        }
        assert_eq!(Reading::of("/enough"), (Reading::default(), "/enough"));
    }
}
