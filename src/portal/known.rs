//! Portals of other nodes, as the configuration names them: the links of the proof strip, and whom the checking script
//! may ask.

use super::text::web_url;
use crate::division::DivisionCode;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A portal of another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KnownPortal {
    /// The node's division.
    pub code: DivisionCode,
    /// Its address without a slash at the end.
    pub url: String,
}

/// The text names no portal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?}：应写作 区划代码=网址，如 330000=https://gongshi.example.cn / want CODE=URL")]
pub struct NoPortal(pub String);

impl TryFrom<String> for KnownPortal {
    type Error = NoPortal;
    fn try_from(text: String) -> Result<Self, NoPortal> {
        let parts = text.split_once('=').map(|(code, url)| (code.trim().parse(), url.trim()));
        match parts {
            Some((Ok(code), url))
                if web_url(url).is_some()
                    && !url.contains(['"', '\'', ';', ',', '?', '#', '<', '>', '\\'])
                    && url.is_ascii() =>
            {
                Ok(Self { code, url: url.trim_end_matches('/').to_owned() })
            }
            _ => Err(NoPortal(text)),
        }
    }
}

impl From<KnownPortal> for String {
    fn from(known: KnownPortal) -> Self {
        known.to_string()
    }
}

impl fmt::Display for KnownPortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.code, self.url)
    }
}

impl KnownPortal {
    /// What it is called: the registry's name, else its code.
    pub(crate) fn shown_name(&self) -> String {
        self.code.registry_name().map_or_else(|| self.code.to_string(), str::to_owned)
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        self.url.split('/').take(3).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_is_a_code_and_an_address_that_cannot_widen_a_policy() {
        let known = KnownPortal::try_from("330000=https://a.example.cn:8443/gongshi/".to_owned()).unwrap();
        assert_eq!(
            (known.origin().as_str(), known.url.as_str()),
            ("https://a.example.cn:8443", "https://a.example.cn:8443/gongshi")
        );
        assert_eq!(String::from(known), "330000=https://a.example.cn:8443/gongshi");
        for bad in [
            "330000",
            "330000=",
            "x=https://a",
            "330000=javascript:1",
            "330000=https://a;script-src *",
            "330000=https://a b",
        ] {
            assert!(KnownPortal::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
