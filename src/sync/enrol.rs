//! Enrolment: how a federation is founded and how nodes join it.

use super::fact::{Fact, Identity, Invite};
use super::frame::{Frame, JoinRequest, Joined, PackedEntry};
use super::limits::{DELEGATION_MS, INVITE_COUNT_MAX, INVITE_MS_MAX, ROOT_DELEGATION_MS};
use super::node::{ConnId, InviteState, Node, Step};
use super::sequence::SayError;
use super::template::AddTemplateError;
use super::turn::{Action, Event, Turn};
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::ledger::Registry;
use crate::statement::card::Policy;
use crate::statement::{Act, Entry};
use crate::time::WallMs;
use crate::trust::delegation::{Delegation, Hosting, prove_possession};
use crate::trust::key::{PublicKey, SecretKey};

/// Why an invitation is not given, approved or taken back.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The level is not below ours.
    #[error("level {0} is not below this node's level")]
    LevelNotLower(Level),
    /// The division has a live node.
    #[error("division {0} has a node already")]
    Taken(DivisionCode),
    /// The node may not be given that hosting.
    #[error("the hosting reaches beyond this node's own")]
    HostingWider,
    /// Too many open invitations, or a life beyond 72 hours.
    #[error("{0}")]
    Bounds(&'static str),
    /// No open invitation, or no pending request, for the division.
    #[error("there is no {0} for division {1}")]
    None(&'static str, DivisionCode),
    /// The delegation could not be said.
    #[error(transparent)]
    Say(#[from] SayError),
}

/// An invitation as `invite list` shows it.
#[derive(Clone, Debug)]
pub struct InviteLine {
    /// The invitation.
    pub invite: Invite,
    /// `open`, `pending`, `used`, `revoked` or `expired`.
    pub state: &'static str,
    /// The six digits of a pending request.
    pub digits: Option<String>,
}

/// Keys and words of a new federation.
pub struct Founding<'a> {
    /// The anchor key, which stays offline afterwards.
    pub anchor: &'a SecretKey,
    /// The root node's signing key.
    pub signing: &'a SecretKey,
    /// Its transport key.
    pub transport: &'a SecretKey,
    /// Level of the root node.
    pub level: Level,
    /// Its division.
    pub division: DivisionCode,
    /// Its display name.
    pub name: String,
    /// Where it can be dialled.
    pub addresses: Vec<String>,
}

impl Founding<'_> {
    /// The anchor's Delegate of the root node, entry 0 of the anchor's log, and the identity that rests on it.
    ///
    /// # Errors
    /// [`SayError::Card`] when a field is over its bound.
    pub fn identity(&self, now: WallMs) -> Result<(Identity, Entry), SayError> {
        let (anchor, federation) = (self.anchor.public(), self.anchor.public().id());
        let proofs = prove_possession(&federation, &anchor, self.signing, self.transport, &self.division);
        let delegation = Delegation {
            signing: self.signing.public(),
            transport: self.transport.public(),
            signing_proof: *proofs.0.as_bytes(),
            transport_proof: *proofs.1.as_bytes(),
            level: self.level,
            division: self.division.clone(),
            name: self.name.clone(),
            addresses: self.addresses.clone(),
            hosting: Hosting::All,
            kinds: crate::trust::delegation::Kinds::ALL,
            not_before: now,
            not_after: WallMs(now.0.saturating_add(ROOT_DELEGATION_MS)),
            predecessor: None,
        };
        let salt = *self.anchor.derive("card salt 0");
        let act = Act::Delegate(Box::new(delegation));
        let entry = Entry::sign(self.anchor, &federation, 0, salt, act)?;
        let identity = Identity {
            anchor,
            signing: self.signing.public(),
            transport: self.transport.public(),
            level: self.level,
            division: self.division.clone(),
            name: self.name.clone(),
            chain: vec![PackedEntry::of(&entry)],
        };
        Ok((identity, entry))
    }
}

/// Checks what a parent answered to a join: the chain leads from the anchor of this federation to these keys.
pub fn check_joined(
    joined: &Joined,
    federation: &Digest,
    signing: &PublicKey,
    transport: &PublicKey,
) -> Option<Identity> {
    if joined.anchor.id() != *federation {
        return None;
    }
    let mut registry = Registry::default();
    let mut last = None;
    for packed in &joined.chain {
        let entry = Entry::verify(&packed.statement, &packed.card).ok()?;
        let (author, index) = (entry.statement.key(), entry.statement.index());
        match &entry.card.act {
            Act::Delegate(delegation) => {
                registry.judge_link(federation, author, delegation).ok()?;
                last = Some(delegation.clone());
            }
            act @ (Act::Rotate(_) | Act::Reparent { .. }) => {
                registry.judge(federation, author, index, act).ok()?;
            }
            _ => return None,
        }
        registry.enact(federation, author, index, &entry.card.act);
    }
    let own = last.filter(|own| own.signing == *signing && own.transport == *transport)?;
    Some(Identity {
        anchor: joined.anchor,
        signing: *signing,
        transport: *transport,
        level: own.level,
        division: own.division,
        name: own.name,
        chain: joined.chain.clone(),
    })
}

impl Node {
    /// Root, once: the anchor's Delegate becomes leaf 0, the federation's policy leaf 1, and the templates that the
    /// program brings along (file names and texts) follow.
    ///
    /// # Errors
    /// [`AddTemplateError`].
    pub fn found(
        &mut self,
        turn: &mut Turn<'_>,
        delegate: Entry,
        policy: Policy,
        templates: &[(&str, &str)],
    ) -> Result<(), AddTemplateError> {
        let identity = Box::new(self.identity.clone());
        self.record(turn, Fact::Identity(identity)).map_err(SayError::from)?;
        let delegate = Fact::Entry { received_at: None, entry: delegate };
        self.record(turn, delegate).map_err(SayError::from)?;
        self.sequence(turn).map_err(SayError::from)?;
        self.say(turn, Act::Policy(policy))?;
        for (file, text) in templates {
            self.add_template(turn, file, text.as_bytes())?;
        }
        Ok(self.settle(turn).map_err(SayError::from)?)
    }

    /// A joined node, once: who it is.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub fn enrolled(&mut self, turn: &mut Turn<'_>) -> Step {
        let identity = Box::new(self.identity.clone());
        self.record(turn, Fact::Identity(identity))
    }

    /// Keeps an invitation; the caller prints the token with the secret.
    ///
    /// # Errors
    /// [`InviteError`].
    pub fn invite(&mut self, turn: &mut Turn<'_>, invite: Invite) -> Result<(), InviteError> {
        if invite.level <= self.identity.level {
            return Err(InviteError::LevelNotLower(invite.level));
        }
        let live = self.registry.node(&invite.division);
        if live.is_some() && live != invite.replaces.as_ref().map(|(key, _)| key) {
            return Err(InviteError::Taken(invite.division));
        }
        if invite.expires.0 > turn.now.wall.0.saturating_add(INVITE_MS_MAX) {
            return Err(InviteError::Bounds("an invitation lives at most 72 hours"));
        }
        let open = self.invites.values().filter(|state| is_open(state, turn.now.wall)).count();
        if open >= INVITE_COUNT_MAX {
            return Err(InviteError::Bounds("too many open invitations; revoke some"));
        }
        let within = |code: &DivisionCode| *code == invite.division || self.may_publish(code);
        let hosting_fits = match &invite.hosting {
            Hosting::Own | Hosting::Subtree => true,
            Hosting::All => {
                self.registry.delegation(self.own_key()).is_some_and(|d| d.hosting == Hosting::All)
            }
            Hosting::List(codes) => codes.iter().all(within),
        };
        if !hosting_fits {
            return Err(InviteError::HostingWider);
        }
        self.record(turn, Fact::Invited(invite)).map_err(SayError::from)?;
        Ok(())
    }

    /// True when this node may publish for a division, as far as it knows now.
    pub fn may_publish(&self, division: &DivisionCode) -> bool {
        self.registry.may_publish(self.own_key(), division)
    }

    /// A stranger shows a token's secret and proves its keys.
    pub(super) fn on_join(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: &JoinRequest) -> Step {
        let secret = Digest::of(&[request.secret.as_bytes()]);
        let transport = self.sessions.get(&conn).map(|session| session.transport);
        // One answer for unknown, expired, revoked and used, so that guessing learns nothing.
        let unknown = "邀请码无效、已用或已过期，请向上级重新索取 / the invitation is unknown, used, revoked or expired";
        let Some(state) = self.invites.get(&secret).cloned() else {
            return self.turn_away(turn, conn, "invite_unknown", unknown);
        };
        let again = state.used == Some(request.signing);
        if transport != Some(request.transport) || (!again && !is_open(&state, turn.now.wall)) {
            return self.turn_away(turn, conn, "invite_unknown", unknown);
        }
        if again {
            return self.answer_joined(turn, conn, request);
        }
        let delegation = self.delegation_for(&state.invite, request, turn.now.wall);
        if !delegation.possession_holds(&self.federation(), self.own_key()) {
            let unproven = "新节点未能证明持有密钥 / the new keys were not proven";
            return self.turn_away(turn, conn, "no_possession", unproven);
        }
        if state.invite.auto {
            return self.enrol(turn, conn, &secret, request);
        }
        let digits = six_digits(request);
        turn.out.actions.push(Action::Promote(conn));
        turn.send(conn, Frame::JoinPending { digits: digits.clone() });
        turn.event(Event::JoinPending(state.invite.division.clone(), digits));
        self.pending.insert(secret, (conn, request.clone()));
        Ok(())
    }

    /// Refuses to enrol. What else comes on this connection is not heard: a guess costs a handshake.
    fn turn_away(&mut self, turn: &mut Turn<'_>, conn: ConnId, code: &str, message: &str) -> Step {
        turn.send(conn, Frame::Refused { code: code.to_owned(), message: message.to_owned() });
        turn.out.actions.push(Action::Close(conn, "join_refused"));
        self.disconnected(turn, Some(conn));
        Ok(())
    }

    /// Approves the pending request of a division.
    ///
    /// # Errors
    /// [`InviteError::None`] when none is pending.
    pub fn approve(&mut self, turn: &mut Turn<'_>, division: &DivisionCode) -> Result<String, InviteError> {
        let secret =
            self.pending.keys().copied().find(|secret| {
                self.invites.get(secret).is_some_and(|state| state.invite.division == *division)
            });
        let Some((secret, (conn, request))) = secret.and_then(|s| self.pending.remove_entry(&s)) else {
            return Err(InviteError::None("pending request", division.clone()));
        };
        self.enrol(turn, conn, &secret, &request).map_err(SayError::from)?;
        Ok(six_digits(&request))
    }

    /// Takes back every open invitation of a division.
    ///
    /// # Errors
    /// [`InviteError::None`] when none is open.
    pub fn revoke_invite(&mut self, turn: &mut Turn<'_>, division: &DivisionCode) -> Result<(), InviteError> {
        let open: Vec<Digest> = self
            .invites
            .iter()
            .filter(|(_, state)| state.invite.division == *division && is_open(state, turn.now.wall))
            .map(|(secret, _)| *secret)
            .collect();
        if open.is_empty() {
            return Err(InviteError::None("open invitation", division.clone()));
        }
        for secret in open {
            self.pending.remove(&secret);
            self.record(turn, Fact::InviteRevoked { secret }).map_err(SayError::from)?;
        }
        Ok(())
    }

    /// All invitations.
    pub fn invitations(&self, now: WallMs) -> Vec<InviteLine> {
        self.invites
            .iter()
            .map(|(secret, state)| {
                let pending = self.pending.get(secret);
                let word = match state {
                    InviteState { revoked: true, .. } => "revoked",
                    InviteState { used: Some(_), .. } => "used",
                    _ if pending.is_some() => "pending",
                    _ if is_open(state, now) => "open",
                    _ => "expired",
                };
                let digits = pending.map(|(_, request)| six_digits(request));
                InviteLine { invite: state.invite.clone(), state: word, digits }
            })
            .collect()
    }

    fn delegation_for(&self, invite: &Invite, request: &JoinRequest, now: WallMs) -> Delegation {
        let own = self.registry.delegation(self.own_key());
        let (kinds, last) = own.map_or((crate::trust::delegation::Kinds(0), now), |d| (d.kinds, d.not_after));
        let first = own.map_or(now, |d| d.not_before);
        Delegation {
            signing: request.signing,
            transport: request.transport,
            signing_proof: request.signing_proof,
            transport_proof: request.transport_proof,
            level: invite.level,
            division: invite.division.clone(),
            name: invite.name.clone(),
            addresses: request.addresses.clone(),
            hosting: invite.hosting.clone(),
            kinds,
            // The root judges by its own clock, which may stand a little behind ours: validity begins where
            // our own does, never later than the moment the root sees it.
            not_before: first,
            not_after: last.min(WallMs(now.0.saturating_add(DELEGATION_MS))),
            predecessor: invite.replaces,
        }
    }

    pub(super) fn enrol(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        secret: &Digest,
        request: &JoinRequest,
    ) -> Step {
        let Some(state) = self.invites.get(secret).cloned() else { return Ok(()) };
        let delegation = self.delegation_for(&state.invite, request, turn.now.wall);
        let judged = self.registry.judge_delegate(&self.federation(), self.own_key(), &delegation);
        let said = match judged {
            Ok(()) => self.delegate(turn, delegation),
            Err(code) => Err(SayError::Refused(code)),
        };
        match said {
            Ok(_) => {}
            Err(SayError::Store(error)) => return Err(error),
            Err(error) => {
                let message = format!("不能授权 / cannot be delegated: {error}");
                return self.turn_away(turn, conn, "bad_delegation", &message);
            }
        }
        // The token is spent after the Delegate is said: if we stop in between, the division has a node and
        // the token is worth nothing.
        self.record(turn, Fact::InviteUsed { secret: *secret, signing: request.signing })?;
        turn.event(Event::Joined(state.invite.division));
        self.answer_joined(turn, conn, request)
    }

    fn answer_joined(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: &JoinRequest) -> Step {
        let chain = self.whole_chain(turn, &request.signing)?;
        let joined = Joined { anchor: self.identity.anchor, chain, root_size: self.root_frontier.size() };
        turn.out.actions.push(Action::Promote(conn));
        turn.send(conn, Frame::Joined(Box::new(joined)));
        Ok(())
    }
}

fn is_open(state: &InviteState, now: WallMs) -> bool {
    state.used.is_none() && !state.revoked && now < state.invite.expires
}

/// The six digits that both screens show: they bind the secret and both new keys.
pub fn six_digits(request: &JoinRequest) -> String {
    let digest = Digest::of(&[
        b"gongshi/digits/v1\n",
        request.secret.as_bytes(),
        request.signing.as_bytes(),
        request.transport.as_bytes(),
    ]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    format!("{:06}", u32::from_be_bytes([a, b, c, d]) % 1_000_000)
}
