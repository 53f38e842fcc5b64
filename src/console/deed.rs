//! What the console can do, and the command that does the same: a button is a command that somebody else types.
//!
//! A deed is read from a form, says which role it takes and what must be typed back, and is handed to the source, which
//! sends the same request to the node as the command line. So each is in the audit log with who and from where.

use super::users::Role;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::time::WallMs;
use std::collections::BTreeMap;

/// Longest reason in bytes; the node's own limit is not lower.
const REASON_BYTES_MAX: usize = 4_096;

/// Fields of a form.
pub(super) type Fields = BTreeMap<String, String>;

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Note that a report from below was looked at.
    Accept(Digest),
    /// Send a report from below back.
    Return(Digest, String),
    /// Publish a file that was read, by the number of its draft.
    Publish(u64),
    /// Publish it as the next revision, and why.
    Correct(u64, String),
    /// Take a report back.
    Withdraw(Digest, String),
    /// Release a year at an instant; none for now.
    Release(u16, Option<WallMs>),
    /// Invite a node.
    Invite(Level, DivisionCode, String),
    /// Approve a node that waits.
    Approve(DivisionCode),
    /// Take an invitation back.
    RevokeInvite(DivisionCode),
    /// Revoke the key of a node.
    Revoke(DivisionCode, String),
    /// A new signing key of our own.
    Rotate,
    /// Push now.
    Push,
    /// Pull now.
    Pull,
    /// Somebody came in.
    Login,
    /// Somebody failed at the door, under this name.
    LoginRefused(String),
    /// Somebody left.
    Logout,
}

/// A verb of the address `/do/{verb}`, who may do it, and how it is read.
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) roles: &'static [Role],
    read: fn(&Fields) -> Option<Deed>,
}

/// Every deed that a form can ask for. A verb without a role cannot be written down.
pub(super) const VERBS: &[Verb] = &[
    Verb { name: "review-accept", roles: &[Role::Review], read: |f| Some(Deed::Accept(digest(f)?)) },
    Verb {
        name: "review-return",
        roles: &[Role::Review],
        read: |f| Some(Deed::Return(digest(f)?, reason(f)?)),
    },
    Verb { name: "publish", roles: &[Role::Review], read: |f| Some(Deed::Publish(draft(f)?)) },
    Verb { name: "correct", roles: &[Role::Review], read: |f| Some(Deed::Correct(draft(f)?, reason(f)?)) },
    Verb { name: "withdraw", roles: &[Role::Review], read: |f| Some(Deed::Withdraw(digest(f)?, reason(f)?)) },
    Verb { name: "release-set", roles: &[Role::System], read: release },
    Verb { name: "invite", roles: &[Role::System], read: invite },
    Verb { name: "invite-approve", roles: &[Role::System], read: |f| Some(Deed::Approve(code(f)?)) },
    Verb { name: "invite-revoke", roles: &[Role::System], read: |f| Some(Deed::RevokeInvite(code(f)?)) },
    Verb { name: "keys-revoke", roles: &[Role::System], read: |f| Some(Deed::Revoke(code(f)?, reason(f)?)) },
    Verb { name: "keys-rotate", roles: &[Role::System], read: |_| Some(Deed::Rotate) },
    Verb { name: "push", roles: &[Role::System, Role::Review], read: |_| Some(Deed::Push) },
    Verb { name: "pull", roles: &[Role::System, Role::Review], read: |_| Some(Deed::Pull) },
];

impl Verb {
    /// The deed that a form asks for; none where a field is missing or cannot be read.
    pub(super) fn deed(&self, fields: &Fields) -> Option<Deed> {
        (self.read)(fields)
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn digest(fields: &Fields) -> Option<Digest> {
    field(fields, "digest")?.parse().ok()
}

fn reason(fields: &Fields) -> Option<String> {
    field(fields, "reason").filter(|text| text.len() <= REASON_BYTES_MAX).map(str::to_owned)
}

fn draft(fields: &Fields) -> Option<u64> {
    field(fields, "draft")?.parse().ok()
}

fn code(fields: &Fields) -> Option<DivisionCode> {
    field(fields, "code")?.parse().ok()
}

fn release(fields: &Fields) -> Option<Deed> {
    let year = field(fields, "year")?.parse().ok()?;
    let at = match field(fields, "at")? {
        "now" => None,
        // As a browser's date field gives it; the time is Beijing's.
        text if text.len() == 16 => Some(WallMs::parse(&format!("{text}:00+08:00"))?),
        text => Some(WallMs::parse(text)?),
    };
    Some(Deed::Release(year, at))
}

fn invite(fields: &Fields) -> Option<Deed> {
    let level = field(fields, "level")?;
    let level = Level::ALL.into_iter().find(|known| known.as_str() == level)?;
    let name = field(fields, "name").filter(|name| name.len() <= 300)?;
    Some(Deed::Invite(level, code(fields)?, name.to_owned()))
}

/// A word as a shell takes it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

impl Deed {
    /// The command line that does the same.
    pub fn command(&self) -> String {
        match self {
            Self::Accept(digest) => format!("gongshi review accept {digest}"),
            Self::Return(digest, reason) => {
                format!("gongshi review return {digest} --reason {}", quoted(reason))
            }
            Self::Publish(_) => "gongshi publish FILE".to_owned(),
            Self::Correct(_, reason) => format!("gongshi correct FILE --reason {}", quoted(reason)),
            Self::Withdraw(digest, reason) => {
                format!("gongshi withdraw {digest} --reason {}", quoted(reason))
            }
            Self::Release(year, None) => format!("gongshi release set {year} --at now"),
            Self::Release(year, Some(at)) => format!("gongshi release set {year} --at {at}"),
            Self::Invite(level, code, name) => {
                format!("gongshi invite --level {} --code {code} --name {}", level.as_str(), quoted(name))
            }
            Self::Approve(code) => format!("gongshi invite approve {code}"),
            Self::RevokeInvite(code) => format!("gongshi invite revoke {code}"),
            Self::Revoke(code, reason) => format!("gongshi keys revoke {code} --reason {}", quoted(reason)),
            Self::Rotate => "gongshi keys rotate".to_owned(),
            Self::Push => "gongshi push".to_owned(),
            Self::Pull => "gongshi pull".to_owned(),
            Self::Login | Self::LoginRefused(_) | Self::Logout => String::new(),
        }
    }

    /// What must be typed back before it is done: it cannot be undone.
    pub fn typed_back(&self) -> Option<String> {
        match self {
            Self::Withdraw(digest, _) => Some(digest.hex().chars().take(8).collect()),
            Self::Release(year, _) => Some(year.to_string()),
            Self::Revoke(code, _) => Some(code.to_string()),
            Self::Rotate => Some("rotate".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Fields {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn deed(verb: &str, list: &[(&str, &str)]) -> Option<Deed> {
        VERBS.iter().find(|known| known.name == verb)?.deed(&fields(list))
    }

    #[test]
    fn a_button_is_its_command() {
        let digest = "ab".repeat(32);
        let sent = deed("review-return", &[("digest", &digest), ("reason", " 合计'不符 ")]).unwrap();
        assert_eq!(sent.command(), format!(r"gongshi review return {digest} --reason '合计'\''不符'"));
        let set = deed("release-set", &[("year", "2024"), ("at", "2026-03-31T09:00")]).unwrap();
        assert_eq!(set.command(), "gongshi release set 2024 --at 2026-03-31T09:00:00+08:00");
        assert_eq!(set.typed_back().as_deref(), Some("2024"));
        let invited = deed("invite", &[("level", "city"), ("code", "330200"), ("name", "宁波市")]).unwrap();
        assert_eq!(invited.command(), "gongshi invite --level city --code 330200 --name '宁波市'");
    }

    #[test]
    fn a_form_that_lacks_something_asks_for_nothing() {
        let digest = "ab".repeat(32);
        assert_eq!(deed("review-return", &[("digest", &digest), ("reason", "  ")]), None);
        assert_eq!(deed("review-accept", &[("digest", "abab")]), None);
        assert_eq!(deed("release-set", &[("year", "2024"), ("at", "soon")]), None);
        assert_eq!(deed("keys-revoke", &[("code", "33"), ("reason", "x")]), None);
        assert_eq!(deed("withdraw", &[("digest", &digest), ("reason", &"长".repeat(2_000))]), None);
    }
}
