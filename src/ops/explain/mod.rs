//! Every stable code in both languages: what it means, and what to do next. Works offline, without a node.
//!
//! A test reads the sources, so that no code that a person can meet lacks an entry and none is stale.

mod attachments;
mod console;
mod failures;
mod files;
mod findings;
mod intake;
mod keys;
mod refusals;
mod scope;
mod states;
mod store;
mod view;

/// What a code is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something in a report file.
    Finding,
    /// Why a command was not done.
    Failure,
    /// Why the root did not accept a statement.
    Refusal,
    /// A problem document of the HTTP API.
    Problem,
    /// Where a package stands.
    Package,
    /// How a link stands.
    Link,
    /// What `doctor` found.
    Doctor,
}

/// An entry: the code, its kind, and for each language a title and the next step.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) code: &'static str,
    pub(super) zh: (&'static str, &'static str),
    pub(super) en: (&'static str, &'static str),
}

/// Code, Chinese title and next step, English title and next step.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

impl Kind {
    /// The word in JSON.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Failure => "failure",
            Self::Refusal => "refusal",
            Self::Problem => "problem",
            Self::Package => "package",
            Self::Link => "link",
            Self::Doctor => "doctor",
        }
    }
}

/// All entries, by kind. A code may stand under two kinds.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    let tables: &'static [(Kind, &'static [Row])] = &[
        (Kind::Package, states::PACKAGES),
        (Kind::Link, states::LINKS),
        (Kind::Finding, findings::FINDINGS),
        (Kind::Finding, intake::FINDINGS),
        (Kind::Failure, failures::FAILURES),
        (Kind::Failure, attachments::FAILURES),
        (Kind::Failure, intake::FAILURES),
        (Kind::Failure, files::FAILURES),
        (Kind::Failure, keys::FAILURES),
        (Kind::Failure, view::FAILURES),
        (Kind::Failure, scope::FAILURES),
        (Kind::Failure, console::FAILURES),
        (Kind::Doctor, scope::DOCTOR),
        (Kind::Refusal, refusals::REFUSALS),
        (Kind::Problem, failures::PROBLEMS),
        (Kind::Doctor, states::DOCTOR),
        (Kind::Failure, store::FAILURES),
        (Kind::Doctor, store::DOCTOR),
    ];
    tables.iter().flat_map(|(kind, rows)| {
        rows.iter().map(move |(code, zh, zh_next, en, en_next)| Entry {
            kind: *kind,
            code,
            zh: (zh, zh_next),
            en: (en, en_next),
        })
    })
}

/// The short word for a state in the language asked for; the code itself when it is not a state.
pub(super) fn word(kind: Kind, code: &str, english: bool) -> String {
    let found = entries().find(|entry| entry.kind == kind && entry.code == code);
    found.map_or_else(|| code.to_owned(), |entry| if english { entry.en.0 } else { entry.zh.0 }.to_owned())
}

#[cfg(test)]
mod tests;
