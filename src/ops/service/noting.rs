//! What the audit log is told that asks nothing of the node: who came in at the console, who may, what was backed up.

use serde::{Deserialize, Serialize};

/// Something to be noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum Noting {
    /// Somebody logged in at the console.
    Login,
    /// Somebody failed to, under this name.
    LoginRefused(String),
    /// Somebody logged out.
    Logout,
    /// A user of the console was added or changed: the name and the roles.
    UserAdded(String),
    /// A user of the console was removed.
    UserRemoved(String),
    /// A backup was written to a directory.
    Backup(String),
}

impl Noting {
    /// The act and its object, in the words of the audit log.
    pub(super) fn act(&self) -> (&'static str, String) {
        match self {
            Self::Login => ("console login", String::new()),
            Self::LoginRefused(name) => ("console login refused", name.clone()),
            Self::Logout => ("console logout", String::new()),
            Self::UserAdded(user) => ("console user add", user.clone()),
            Self::UserRemoved(name) => ("console user remove", name.clone()),
            Self::Backup(dir) => ("backup", dir.clone()),
        }
    }
}
