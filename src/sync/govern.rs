//! Governing: what a node says about the nodes below it. Every act is judged here first, as far as this node
//! knows, so that a mistake is told to who makes it; the root's fold decides all the same.

use super::body::PackedBody;
use super::enrol::InviteError;
use super::fact::Invite;
use super::limits::{AGENCY_MS, CLOCK_APART_MS, DELEGATION_MS};
use super::node::Node;
use super::sequence::SayError;
use super::turn::Turn;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::package::body::body_digest;
use crate::statement::card::RefusalCode;
use crate::statement::governance::{AgencyKey, Closing, Hosted, REASON_BYTES_MAX, Revocation};
use crate::statement::{Act, BodyRef, BodyRole, Entry};
use crate::time::WallMs;
use crate::trust::delegation::{Delegation, agency_key_message};
use crate::trust::key::{PublicKey, Signature};

/// The reason code of a key that its machine no longer needs (FORMAT.md "Revoke").
const RETIRED: u8 = 4;

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
    /// The delegation of a child holds longer.
    Renew {
        /// The child's division.
        code: DivisionCode,
        /// For how long from now, in milliseconds; none for what is usual.
        life_ms: Option<u64>,
    },
    /// An agency signs its own packages.
    Agency {
        /// Its key, what the key is for, and until when; where it begins is set here.
        agency: Box<AgencyRequest>,
        /// For how long from now, in milliseconds; none for what is usual.
        life_ms: Option<u64>,
    },
    /// An agency's key signs no more.
    RevokeAgency {
        /// The key's id, or its first digits.
        key: String,
        /// A reason code of FORMAT.md "Revoke".
        reason: u8,
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

/// What an agency's desk hands in: its key, what it is for, and the proof that it has the key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgencyRequest {
    /// The agency's key.
    pub key: PublicKey,
    /// Signature of the key over what `agency_key_message` gives for this node.
    #[serde(with = "serde_bytes")]
    pub proof: [u8; 64],
    /// Whose agency it is.
    pub division: DivisionCode,
    /// Its name.
    pub agency_name: String,
    /// Its code, or empty.
    pub agency_code: String,
}

/// Why it is not said.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// The division has no live node that is known here.
    #[error("division {0} has no live node")]
    NoNode(DivisionCode),
    /// No key of an agency has this id, or several begin so.
    #[error("no one key of an agency begins with {0}")]
    NoKey(String),
    /// The agency's key did not prove itself to this node's key.
    #[error("the agency's key was not proven to this node's key")]
    NotProven,
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
        // By the root's clock, which decides.
        if self.has_expired() {
            return Err(SayError::Refused(RefusalCode::OutsideValidity).into());
        }
        let (act, prose) = self.act_of(governing, turn.now.wall)?;
        let (author, index) = (*self.own_key(), self.own_size());
        self.ledger.judge_keys(&self.registry, &author, index, &act).map_err(SayError::Refused)?;
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
        // A node that the root refused is none: of those that ended only the sequenced ones count.
        let ended = || self.ledger.registry().replaceable(division);
        let old = self.registry.node(division).or_else(ended).ok_or_else(none)?;
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

    fn act_of(
        &self,
        governing: &Governing,
        now: WallMs,
    ) -> Result<(Act, Option<(BodyRef, PackedBody)>), GovernError> {
        Ok(match governing {
            Governing::Renew { code, life_ms } => {
                let node = self.live(code)?;
                let standing = self.registry.delegation(&node).cloned();
                let mut renewed = standing.ok_or_else(|| GovernError::NoNode(code.clone()))?;
                // Within our own, and never shorter than what stands.
                renewed.not_after = self.until(now, life_ms.unwrap_or(DELEGATION_MS)).max(renewed.not_after);
                (Act::Delegate(Box::new(renewed)), None)
            }
            Governing::Agency { agency, life_ms } => {
                let message =
                    agency_key_message(&self.federation(), self.own_key(), &agency.key, &agency.division);
                let proof = Signature::from_bytes(agency.proof);
                if agency.key.verify(&message, &proof).is_err() {
                    return Err(GovernError::NotProven);
                }
                let first = self.registry.delegation(self.own_key()).map_or(now, |own| own.not_before);
                let given = AgencyKey {
                    key: agency.key,
                    proof: agency.proof,
                    division: agency.division.clone(),
                    agency_name: agency.agency_name.clone(),
                    agency_code: agency.agency_code.clone(),
                    // The root judges by its own clock, which may stand a little behind ours.
                    not_before: WallMs(now.0.saturating_sub(CLOCK_APART_MS)).max(first),
                    not_after: self.until(now, life_ms.unwrap_or(AGENCY_MS)),
                };
                (Act::Agency(Box::new(given)), None)
            }
            Governing::RevokeAgency { key, reason, prose } => {
                let body = self.prose(prose)?;
                let prose = body.as_ref().map(|(body, _)| *body);
                let origin = self.agency_key(key)?;
                (Act::Revoke(Box::new(Revocation { origin, last: None, reason: *reason, prose })), body)
            }
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

    /// Says a delegation. One that names a predecessor vouches for an entry of its log at least: where nothing of that log
    /// is held, that nothing of it stands is said first.
    pub(super) fn delegate(
        &mut self,
        turn: &mut Turn<'_>,
        delegation: Delegation,
    ) -> Result<Entry, SayError> {
        let unheard = |old: &PublicKey| {
            let held = self.origins.get(old).map_or(0, |log| log.frontier.size());
            held == 0 && !self.registry.is_beyond(old, 0)
        };
        if let Some((origin, _)) = delegation.predecessor.filter(|(old, _)| unheard(old)) {
            let nothing = Revocation { origin, last: None, reason: RETIRED, prose: None };
            self.say(turn, Act::Revoke(Box::new(nothing)))?;
        }
        self.say(turn, Act::Delegate(Box::new(delegation)))
    }

    /// The end of a validity of so many milliseconds, within our own.
    fn until(&self, now: WallMs, life_ms: u64) -> WallMs {
        let until = WallMs(now.0.saturating_add(life_ms));
        self.registry.delegation(self.own_key()).map_or(until, |own| until.min(own.not_after))
    }

    /// The one key of an agency whose id begins so.
    fn agency_key(&self, digits: &str) -> Result<PublicKey, GovernError> {
        let begins = |key: &PublicKey| !digits.is_empty() && key.id().hex().starts_with(digits);
        let keys = self.ledger.agencies().all().map(|given| given.agency.key);
        let mut found = keys.filter(begins);
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(GovernError::NoKey(digits.to_owned())),
        }
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
