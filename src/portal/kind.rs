//! What a statement about an agency's year says, as the API words it.

use serde::Serialize;

/// What a statement about an agency's year says. Figures, nothing and no duty never look alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageKind {
    /// 报告: figures or prose.
    #[default]
    Report,
    /// 零报告: no activity in the year; there are no tables.
    Nil,
    /// 不适用: the agency has no such duty; there are no tables.
    NotApplicable,
}

impl PackageKind {
    /// The word people read.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Report => "报告",
            Self::Nil => "零报告",
            Self::NotApplicable => "不适用",
        }
    }
}
