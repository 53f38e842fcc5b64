//! The two languages of the console: Chinese, and English below `/en`. Both stand side by side where they are used.

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lang {
    /// English, below `/en`.
    pub(super) english: bool,
}

impl Lang {
    /// The words in this language.
    pub(super) const fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        if self.english { en } else { zh }
    }

    /// The own half of `中文 / English`, as findings and failures are written.
    pub(super) fn half(self, both: &str) -> String {
        match both.rsplit_once(" / ") {
            Some((zh, en)) => self.say(zh, en).to_owned(),
            None => both.to_owned(),
        }
    }

    /// An address of the console in this language.
    pub(super) fn to(self, path: &str) -> String {
        format!("{}{path}", if self.english { "/en" } else { "" })
    }

    /// The one name of each state of a package or a link, as on the command line.
    pub(super) fn state(self, word: &str) -> String {
        const STATES: [(&str, &str); 27] = [
            ("draft", "草稿"),
            ("invalid", "有误"),
            ("signed", "已签名"),
            ("sent", "已上报"),
            ("received", "已收妥"),
            ("sequenced", "已编号"),
            ("returned", "退回"),
            ("refused", "拒收"),
            ("held", "待统一公开"),
            ("released", "已公开"),
            ("superseded", "已被更正"),
            ("withdrawn", "已撤回"),
            ("up", "在线"),
            ("behind", "落后"),
            ("down", "离线"),
            ("blocked", "网络不通"),
            ("pending", "待批准"),
            ("skewed", "时钟偏差"),
            ("revoked", "已吊销"),
            ("self", "本节点"),
            ("open", "未使用"),
            ("used", "已使用"),
            ("live", "在用"),
            ("expiring", "将到期"),
            ("expired", "已到期"),
            ("replaced", "已更换"),
            ("closed", "已撤销"),
        ];
        let known = STATES.iter().find(|(en, _)| *en == word).map_or(word, |(_, zh)| zh);
        self.say(known, word).to_owned()
    }
}
