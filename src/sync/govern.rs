//! Governing: what a node says about the nodes below it. Every act is judged here first, as far as this node
//! knows, so that a mistake is told to who makes it; the root's fold decides all the same.

use super::body::PackedBody;
use super::enrol::InviteError;
use super::fact::Invite;
use super::node::Node;
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::package::body::body_digest;
use crate::statement::governance::{Closing, Hosted, REASON_BYTES_MAX, Revocation};
use crate::statement::{Act, BodyRef, BodyRole, Entry};
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// How much of a log a revocation vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Vouch {
    /// Everything that is held here now.
    Held,
    /// Everything up to an index.
    UpTo(u64),
    /// Nothing.
    Nothing,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Governing {
    /// The node of a division speaks no more.
    Revoke {
        /// The division.
        code: DivisionCode,
        /// What of its log stands.
        vouch: Vouch,
        /// A reason code of FORMAT.md "Revoke".
        reason: u8,
        /// Why, in prose.
        prose: String,
    },
    /// The node of a division, and all below it, goes under another.
    Reparent {
        /// The division that moves.
        code: DivisionCode,
        /// The division of its new parent.
        under: DivisionCode,
    },
    /// A division ends.
    Close {
        /// The division.
        code: DivisionCode,
        /// The divisions that go on with its duties.
        into: Vec<DivisionCode>,
        /// Why, in prose.
        prose: String,
    },
    /// A node publishes for more divisions.
    Host {
        /// The node's division.
        node: DivisionCode,
        /// What it publishes for too.
        divisions: Vec<DivisionCode>,
    },
}

/// Why it is not said.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// The division has no live node that is known here.
    #[error("division {0} has no live node")]
    NoNode(DivisionCode),
    /// The reason is too long.
    #[error("a reason of {0} bytes; at most {REASON_BYTES_MAX} are allowed")]
    ReasonTooLong(usize),
    /// It cannot be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

impl Node {
    /// Says something about the tree of nodes.
    ///
    /// # Errors
    /// [`GovernError`].
    pub fn govern(&mut self, turn: &mut Turn<'_>, governing: &Governing) -> Result<Entry, GovernError> {
        let (act, prose) = self.act_of(governing)?;
        let (federation, author, index) = (self.federation(), *self.own_key(), self.own_size());
        self.registry.judge(&federation, &author, index, &act).map_err(SayError::Refused)?;
        if let Some((body, packed)) = prose {
            turn.keep_body(&body.digest, &packed);
        }
        Ok(self.say(turn, act)?)
    }

    /// An invitation for a machine that takes the place of a division's node: level, name and hosting are the old
    /// one's, and what is held of its log is vouched for.
    ///
    /// # Errors
    /// [`InviteError::None`] when the division never had a node below this one.
    pub fn replacement(
        &self,
        division: &DivisionCode,
        secret: Digest,
        expires: WallMs,
        auto: bool,
    ) -> Result<Invite, InviteError> {
        let none = || InviteError::None("node to replace", division.clone());
        let old = self.registry.replaceable(division).ok_or_else(none)?;
        let own = self.registry.delegation(old).ok_or_else(none)?;
        if !self.registry.is_above(self.own_key(), old) {
            return Err(none());
        }
        let held = self.origins.get(old).map_or(0, |log| log.frontier.size());
        Ok(Invite {
            secret,
            level: own.level,
            division: division.clone(),
            name: own.name.clone(),
            hosting: own.hosting.clone(),
            expires,
            auto,
            replaces: Some((*old, held.saturating_sub(1))),
        })
    }

    fn act_of(&self, governing: &Governing) -> Result<(Act, Option<(BodyRef, PackedBody)>), GovernError> {
        Ok(match governing {
            Governing::Revoke { code, vouch, reason, prose } => {
                let origin = self.live(code)?;
                let last = match vouch {
                    Vouch::Held => {
                        self.origins.get(&origin).and_then(|log| log.frontier.size().checked_sub(1))
                    }
                    Vouch::UpTo(last) => Some(*last),
                    Vouch::Nothing => None,
                };
                let body = self.prose(prose)?;
                let prose = body.as_ref().map(|(body, _)| *body);
                (Act::Revoke(Box::new(Revocation { origin, last, reason: *reason, prose })), body)
            }
            Governing::Reparent { code, under } => {
                (Act::Reparent { node: self.live(code)?, parent: self.live(under)? }, None)
            }
            Governing::Close { code, into, prose } => {
                let node = self.live(code)?;
                let last = self.origins.get(&node).and_then(|log| log.frontier.size().checked_sub(1));
                let body = self.prose(prose)?;
                let prose = body.as_ref().map(|(body, _)| *body);
                let closing = Closing { division: code.clone(), last, successors: into.clone(), prose };
                (Act::Close(Box::new(closing)), body)
            }
            Governing::Host { node, divisions } => {
                let hosted = Hosted { node: self.live(node)?, divisions: divisions.clone() };
                (Act::Host(Box::new(hosted)), None)
            }
        })
    }

    fn live(&self, code: &DivisionCode) -> Result<PublicKey, GovernError> {
        self.registry.node(code).copied().ok_or_else(|| GovernError::NoNode(code.clone()))
    }

    /// A reason as a body; none when it is empty.
    fn prose(&self, text: &str) -> Result<Option<(BodyRef, PackedBody)>, GovernError> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() as u64 > REASON_BYTES_MAX {
            return Err(GovernError::ReasonTooLong(text.len()));
        }
        let salt = *self.signing.derive(&format!("body salt {} 0", self.own_size()));
        let digest: Digest = body_digest(&salt, text.as_bytes());
        let body = BodyRef { role: BodyRole::Reason, digest, bytes: text.len() as u64 };
        Ok(Some((body, PackedBody::pack(salt, text.as_bytes()))))
    }
}
