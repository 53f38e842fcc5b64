//! What the frame of every page shows: who runs the node, the way around, the other readings of the page.

use super::doc::NodeDoc;
use super::text::web_url;
use super::words::{Lang, Reading};
use super::{Portal, Site};
use crate::digest::Digest;
use std::sync::Arc;

/// Characters of a hash that pages show where the full one is a click away.
const HASH_CHARS_SHOWN: usize = 12;

/// First parts of addresses that are the same in every reading.
const IN_NO_READING: [&str; 9] = [
    "/api/v1",
    "/assets/",
    "/checkpoint",
    "/tile/",
    "/.well-known/",
    "/feed.atom",
    "/sitemap.xml",
    "/openapi.json",
    "/robots.txt",
];

/// The navigation: words and address.
const WAYS: [(&str, &str); 8] = [
    ("首页", "/"),
    ("全部报告", "/reports"),
    ("报送情况", "/coverage"),
    ("更正与撤回", "/corrections"),
    ("日历", "/calendar"),
    ("数据字典", "/dictionary"),
    ("节点点名", "/rollcall"),
    ("如何核验", "/verify"),
];

/// The frame.
pub(super) struct Frame {
    pub(super) base: String,
    pub(super) css: String,
    pub(super) icon: String,
    pub(super) script: String,
    /// The page below the base path, without its reading.
    pub(super) path: String,
    pub(super) node: NodeDoc,
    pub(super) site: Arc<Site>,
    pub(super) reading: Reading,
    /// True where the page is there in both languages and sizes.
    pub(super) has_readings: bool,
    /// Address of the site without a slash at its end, where it is configured.
    pub(super) origin: String,
}

impl Frame {
    /// The frame of the page at `path`, which begins with the base path.
    pub(super) fn new(portal: &Portal, node: NodeDoc, path: &str) -> Self {
        let below = path.strip_prefix(portal.base.as_ref()).unwrap_or(path);
        let (reading, page) = Reading::of(below);
        Self {
            base: portal.base.to_string(),
            css: portal.asset("css"),
            icon: portal.asset("svg"),
            script: portal.asset("js"),
            path: if page.is_empty() { "/".to_owned() } else { page.to_owned() },
            node,
            site: Arc::clone(&portal.site),
            reading,
            has_readings: true,
            origin: portal.origin.to_string(),
        }
    }
    pub(super) fn t(&self, zh: &'static str) -> &'static str {
        self.reading.lang.say(zh)
    }
    pub(super) fn is_english(&self) -> bool {
        self.reading.lang == Lang::En
    }
    /// The navigation: words, address, and whether it is this page.
    pub(super) fn ways(&self) -> impl Iterator<Item = (&'static str, String, bool)> + '_ {
        WAYS.iter().map(|(word, to)| (self.t(word), self.to(to), self.path == *to))
    }
    /// An address below the base path, in this page's reading where it is there in all; any other as it is.
    pub(super) fn to(&self, link: &str) -> String {
        if !link.starts_with('/') {
            return link.to_owned();
        }
        match IN_NO_READING.iter().any(|start| link.starts_with(start)) {
            true => format!("{}{link}", self.base),
            false => self.in_reading(self.reading, link),
        }
    }
    fn in_reading(&self, reading: Reading, link: &str) -> String {
        format!("{}{}{link}", self.base, reading.prefix())
    }
    /// This page in the other language.
    pub(super) fn other_language(&self) -> String {
        let lang = if self.is_english() { Lang::Zh } else { Lang::En };
        self.in_reading(Reading { lang, ..self.reading }, &self.path)
    }
    /// This page in the other size.
    pub(super) fn other_size(&self) -> String {
        self.in_reading(Reading { large: !self.reading.large, ..self.reading }, &self.path)
    }
    /// This page's address with the site's, where it is known.
    pub(super) fn canonical(&self) -> String {
        format!("{}{}", self.origin, self.to(&self.path))
    }
    pub(super) fn synced(&self) -> bool {
        self.node.root_log.size > 0
    }
    /// Links out of this site carry no referrer.
    pub(super) fn is_outside(&self, link: &str) -> bool {
        web_url(link).is_some()
    }
    pub(super) fn root_short(&self) -> String {
        short(&self.node.root_log.root_hash)
    }
    pub(super) fn view_short(&self) -> String {
        short(&self.node.view_root)
    }
    pub(super) fn level(&self) -> &'static str {
        self.t(self.node.level.zh())
    }
    /// Host name of the configured address, for the meta block.
    pub(super) fn domain(&self) -> &str {
        self.origin.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default()
    }
}

pub(super) fn short(digest: &Digest) -> String {
    digest.base64().chars().take(HASH_CHARS_SHOWN).chain(['…']).collect()
}
