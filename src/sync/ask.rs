//! On request: push on a path of the operator's choice, pull from above and below, and how far it has come.

use super::frame::Frame;
use super::node::Node;
use super::path::DetourReason;
use super::session::Peer;
use super::turn::{Action, Turn};
use crate::division::DivisionCode;
use crate::trust::key::PublicKey;

/// Why a path is not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// No ancestor of this node has the division.
    #[error("{0} is no ancestor of this node")]
    NotAbove(DivisionCode),
    /// There is nobody above the root.
    #[error("this node is the root")]
    IsRoot,
}

/// How far a push on one path has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// A session with that ancestor is open.
    pub open: bool,
    /// Entries of our own log that its receipt covers on this session.
    pub receipted: u64,
    /// Root-log leaves that it said it had when the session opened.
    pub theirs: u64,
}

impl Node {
    /// Tries the parent, or the ancestor of that division beside it, at once.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn push(&mut self, turn: &mut Turn<'_>, via: Option<&DivisionCode>) -> Result<(), PathError> {
        let target = self.path_to(via)?;
        self.redial.now(&target);
        if self.parent().is_some_and(|(parent, _)| parent != target) {
            self.paths.forget_detour();
            self.begin_detour(turn, DetourReason::Asked, &[target]);
        }
        Ok(())
    }

    /// Asks the parent for what is newer than what is held, and every connected node below for what it has. How
    /// many were asked.
    pub fn pull(&mut self, turn: &mut Turn<'_>) -> usize {
        let mut asked = 0;
        if let Some((parent, _)) = self.parent() {
            asked += 1;
            // A new session says how far the parent is.
            if let Some(conn) = self.up_to(&parent) {
                turn.out.actions.push(Action::Close(conn, "asking_again"));
                self.disconnected(turn, Some(conn));
            }
            self.redial.now(&parent);
        }
        for (conn, session) in &self.sessions {
            if session.open && matches!(session.peer, Peer::Below(_)) {
                turn.send(*conn, Frame::Again);
                asked += 1;
            }
        }
        asked
    }

    /// How far the session with the parent, or with the ancestor of that division, has come.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn path(&self, via: Option<&DivisionCode>) -> Result<Progress, PathError> {
        Ok(self.progress(&self.path_to(via)?))
    }

    fn path_to(&self, via: Option<&DivisionCode>) -> Result<PublicKey, PathError> {
        let ancestors = self.ancestors();
        let Some(code) = via else { return ancestors.first().copied().ok_or(PathError::IsRoot) };
        let is_it = |key: &&PublicKey| self.registry.delegation(key).is_some_and(|own| own.division == *code);
        ancestors.iter().find(is_it).copied().ok_or_else(|| PathError::NotAbove(code.clone()))
    }

    pub(super) fn progress(&self, key: &PublicKey) -> Progress {
        let session =
            self.up_to(key).and_then(|conn| self.sessions.get(&conn)).filter(|session| session.open);
        let own = session.and_then(|session| session.climbing.get(self.own_key()));
        Progress {
            open: session.is_some(),
            receipted: own.map_or(0, |climbing| climbing.receipted),
            theirs: session.map_or(0, |session| session.theirs),
        }
    }
}
