//! Paths: which ancestors this node talks to. The parent, as long as it can be reached and what it took is answered;
//! beside it another ancestor, until the parent is back. Sending one statement on two paths is harmless.

use super::limits::{OTHER_PATH_AFTER_MS, RENEW_MS, STALE_AFTER_MS, SWALLOWED_AFTER_MS};
use super::node::{ConnId, Node};
use super::session::Peer;
use super::turn::{Action, Event, Turn};
use crate::division::DivisionCode;
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// Why another ancestor than the parent is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetourReason {
    /// The parent has not answered for ten minutes.
    Unreachable,
    /// The parent gave a receipt, and the root log goes on without what it took.
    Swallowed,
    /// The parent shows no newer root log.
    Stale,
    /// The operator asked for it.
    Asked,
}

impl DetourReason {
    /// The word in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Swallowed => "swallowed",
            Self::Stale => "stale",
            Self::Asked => "asked",
        }
    }
}

/// Another way up.
#[derive(Clone, Debug)]
struct Detour {
    reason: DetourReason,
    /// Whom to dial, the nearest first.
    to: Vec<PublicKey>,
    since_ms: u64,
}

/// The first of our entries that has a receipt and no answer.
#[derive(Clone, Copy, Debug)]
struct Watch {
    index: u64,
    since_ms: u64,
    /// When the first cosignature of the root came after that: from then on the root log is seen to go on.
    seen_ms: Option<u64>,
}

/// A receipt that was given for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swallowed {
    /// Who gave the receipt.
    pub by: DivisionCode,
    /// The first entry of our own log that was not passed on.
    pub index: u64,
    /// When it was noticed.
    pub at: WallMs,
}

/// What this node knows of its ways up.
#[derive(Debug, Default)]
pub(super) struct Paths {
    detour: Option<Detour>,
    watch: Option<Watch>,
    swallowed: Option<Swallowed>,
    /// When the root's newest cosignature came, on the steady clock; the first turn counts as one.
    fresh_ms: Option<u64>,
    stale: bool,
}

impl Paths {
    /// The next reason counts alone.
    pub(super) fn forget_detour(&mut self) {
        self.detour = None;
    }
}

impl Node {
    /// The nodes above this one, the parent first, the root last.
    pub fn ancestors(&self) -> Vec<PublicKey> {
        let mut ancestors = Vec::new();
        let mut at = *self.own_key();
        // A chain of delegations has at most five steps and no repeats.
        while let Some(above) = self.registry.parent(&at).copied() {
            // The anchor has no delegation, and nobody talks to it.
            if self.registry.delegation(&above).is_none() {
                break;
            }
            // Whoever was revoked or closed may not know it, and would keep us from hearing more.
            if self.registry.ending(&above).is_none() {
                ancestors.push(above);
            }
            at = above;
        }
        ancestors
    }

    /// The open sessions to ancestors, by what was dialled.
    pub(super) fn ups(&self) -> Vec<ConnId> {
        let up = |(_, session): &(&ConnId, &super::session::Session)| {
            session.open && matches!(session.peer, Peer::Above(_))
        };
        self.sessions.iter().filter(up).map(|(conn, _)| *conn).collect()
    }

    /// The session to an ancestor, open or about to be.
    pub(super) fn up_to(&self, key: &PublicKey) -> Option<ConnId> {
        let up = self.sessions.iter().find(|(_, session)| session.peer == Peer::Above(*key));
        up.map(|(conn, _)| *conn)
    }

    fn is_open(&self, key: &PublicKey) -> bool {
        self.sessions.values().any(|session| session.open && session.peer == Peer::Above(*key))
    }

    /// The other ancestor in use and why; none while the parent is enough.
    pub fn detour(&self) -> Option<(DetourReason, Option<PublicKey>)> {
        let detour = self.paths.detour.as_ref()?;
        Some((detour.reason, self.targets(detour).into_iter().find(|key| self.is_open(key))))
    }

    /// Whom a detour leads to, by the keys that they have now.
    fn targets(&self, detour: &Detour) -> Vec<PublicKey> {
        detour.to.iter().map(|key| *self.registry.newest(key)).collect()
    }

    /// The receipt that was given for nothing, until one is answered by the parent's path again.
    pub const fn swallowed(&self) -> Option<&Swallowed> {
        self.paths.swallowed.as_ref()
    }

    /// True when the root's cosignature is older than it can be while all is well.
    pub const fn is_stale(&self) -> bool {
        self.paths.stale
    }

    /// A newer cosignature of the root is here.
    pub(super) fn freshened(&mut self, now_ms: u64) {
        let paths = &mut self.paths;
        let before = paths.fresh_ms.replace(now_ms);
        // After a gap the path was cut somewhere: what waited there needs its time too.
        let gap = before.is_some_and(|before| now_ms > before + RENEW_MS + SWALLOWED_AFTER_MS);
        if let (Some(watch), true) = (&mut paths.watch, gap) {
            watch.seen_ms = None;
        }
        paths.stale = false;
    }

    // ---- choosing

    /// Decides, once a turn, which ancestors are needed.
    pub(super) fn choose_paths(&mut self, turn: &mut Turn<'_>) {
        let ancestors = self.ancestors();
        let (Some(parent), others) = (ancestors.first(), ancestors.get(1..).unwrap_or_default()) else {
            return;
        };
        let now_ms = turn.now.steady_ms;
        self.watch(turn, parent, others);
        self.end_detour(turn, parent, others);
        let lost = self.redial.lost_since(parent).filter(|since| now_ms >= since + OTHER_PATH_AFTER_MS);
        if lost.is_some() && self.up_to(parent).is_none() {
            self.begin_detour(turn, DetourReason::Unreachable, others);
        }
    }

    /// Looks whether what has a receipt is answered, and whether the root log that is shown here goes on.
    fn watch(&mut self, turn: &mut Turn<'_>, parent: &PublicKey, others: &[PublicKey]) {
        let now_ms = turn.now.steady_ms;
        let fresh_ms = *self.paths.fresh_ms.get_or_insert(now_ms);
        if !self.paths.stale && now_ms >= fresh_ms + STALE_AFTER_MS {
            self.paths.stale = true;
            turn.event(Event::Stale);
        }
        if self.paths.stale && self.is_open(parent) {
            self.begin_detour(turn, DetourReason::Stale, others);
        }
        let index = self.ledger.next_index(self.own_key());
        if index >= self.receipt_size || self.own_refusal.is_some() {
            if self.paths.watch.take().is_some() && self.paths.detour.is_none() {
                self.paths.swallowed = None;
            }
            return;
        }
        let anew = Watch { index, since_ms: now_ms, seen_ms: None };
        let watch = self.paths.watch.get_or_insert(anew);
        if watch.index != index {
            *watch = anew;
        }
        if watch.seen_ms.is_none() && fresh_ms > watch.since_ms {
            watch.seen_ms = Some(fresh_ms);
        }
        if watch.seen_ms.is_some_and(|seen_ms| fresh_ms >= seen_ms + SWALLOWED_AFTER_MS) {
            *watch = anew;
            // Whoever took it last, and those below, did not pass it on.
            let by = self.detour().and_then(|(_, used)| used).unwrap_or(*parent);
            let beyond = others.iter().position(|key| *key == by).map_or(0, |at| at + 1);
            if let Some(code) = self.registry.delegation(&by).map(|own| own.division.clone()) {
                turn.event(Event::Swallowed(code.clone(), index));
                self.paths.swallowed = Some(Swallowed { by: code, index, at: turn.now.wall });
            }
            let beyond = others.get(beyond..).unwrap_or_default();
            self.begin_detour(turn, DetourReason::Swallowed, beyond);
        }
    }

    pub(super) fn begin_detour(&mut self, turn: &mut Turn<'_>, reason: DetourReason, to: &[PublicKey]) {
        // A sharper reason takes the place of another; the same one goes on.
        let same = self.paths.detour.as_ref().is_some_and(|detour| {
            detour.reason == reason && (reason != DetourReason::Swallowed || self.targets(detour) == to)
        });
        let busy = self.paths.detour.is_some() && reason == DetourReason::Unreachable;
        if to.is_empty() || same || busy {
            return;
        }
        turn.event(Event::OtherPath(reason));
        self.paths.detour = Some(Detour { reason, to: to.to_vec(), since_ms: turn.now.steady_ms });
    }

    /// Returns to the parent once it is back and nothing of ours waits.
    fn end_detour(&mut self, turn: &mut Turn<'_>, parent: &PublicKey, others: &[PublicKey]) {
        let Some(detour) = &self.paths.detour else { return };
        let waits = self.paths.watch.is_some();
        let over = match detour.reason {
            DetourReason::Unreachable => true,
            DetourReason::Swallowed => !waits,
            // What waits here for the levels below goes up, and its answers come down, until the parent is fresh.
            DetourReason::Stale => self.was_fresh_since(parent, detour.since_ms),
            DetourReason::Asked => {
                let given_up = turn.now.steady_ms >= detour.since_ms + OTHER_PATH_AFTER_MS;
                let pushed = self.targets(detour).iter().any(|key| self.has_receipts_of(key));
                (pushed && !waits) || given_up
            }
        };
        if !over {
            return;
        }
        let asked = detour.reason == DetourReason::Asked;
        if !self.is_open(parent) {
            // The one that was asked for may be gone as well: from here on any of them will do until the parent is back.
            if asked {
                self.paths.detour = None;
                self.begin_detour(turn, DetourReason::Unreachable, others);
            }
            return;
        }
        self.paths.detour = None;
        let others: Vec<ConnId> = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                matches!(session.peer, Peer::Above(_)) && session.peer != Peer::Above(*parent)
            })
            .map(|(conn, _)| *conn)
            .collect();
        for conn in others {
            turn.out.actions.push(Action::Close(conn, "parent_is_back"));
            self.disconnected(turn, Some(conn));
        }
    }

    fn was_fresh_since(&self, key: &PublicKey, since_ms: u64) -> bool {
        let session = self.up_to(key).and_then(|conn| self.sessions.get(&conn));
        session.and_then(|session| session.fresh_ms).is_some_and(|fresh_ms| fresh_ms >= since_ms)
    }

    /// A checkpoint came from an ancestor: while another is used beside it, it counts which of them is fresh.
    pub(super) fn hears_checkpoint(&mut self, turn: &Turn<'_>, conn: ConnId, text: &str) {
        let Some(held) = self.root_note.as_ref().filter(|_| self.paths.detour.is_some()) else { return };
        let is_fresh = !self.paths.stale && self.renewed_at(text) >= self.renewed_at(&held.text).max(1);
        if let Some(session) = self.sessions.get_mut(&conn).filter(|_| is_fresh) {
            session.fresh_ms = Some(turn.now.steady_ms);
        }
    }

    fn has_receipts_of(&self, key: &PublicKey) -> bool {
        let progress = self.progress(key);
        progress.open && progress.receipted >= self.own_size()
    }

    // ---- dialling

    /// Ancestors to dial, the parent first.
    fn wanted(&self) -> Vec<PublicKey> {
        let mut wanted = Vec::new();
        if let Some((parent, _)) = self.parent()
            && self.up_to(&parent).is_none()
        {
            wanted.push(parent);
        }
        let others = self.paths.detour.as_ref().map(|detour| self.targets(detour)).unwrap_or_default();
        if !others.iter().any(|key| self.up_to(key).is_some()) {
            wanted.extend(others);
        }
        wanted
    }

    /// Dials the ancestor whose time has come.
    pub(super) fn dial(&mut self, turn: &mut Turn<'_>) {
        let now_ms = turn.now.steady_ms;
        if self.redial.is_dialling() {
            return;
        }
        let due = self.wanted().into_iter().find(|key| self.redial.due_ms(key) <= now_ms);
        let Some((target, delegation)) = due.and_then(|key| Some((key, self.registry.delegation(&key)?)))
        else {
            self.dial_lateral(turn);
            return;
        };
        let is_parent = self.parent().is_some_and(|(parent, _)| parent == target);
        let mut addresses = if is_parent { self.upstream_addresses.clone() } else { Vec::new() };
        addresses.extend(delegation.addresses.iter().cloned());
        let key = delegation.transport;
        let attempts = self.redial.begin(target, now_ms);
        if !addresses.is_empty() {
            // Each attempt begins with the next address.
            let first = attempts as usize % addresses.len();
            addresses.rotate_left(first);
        }
        turn.out.actions.push(Action::Dial { addresses, key, is_above: true });
    }

    /// When a path next wants a turn, on the steady clock.
    pub(super) fn path_due_ms(&self) -> Option<u64> {
        let (parent, _) = self.parent()?;
        let dial = (!self.redial.is_dialling())
            .then(|| self.wanted().iter().map(|key| self.redial.due_ms(key)).min())
            .flatten();
        let other = self
            .redial
            .lost_since(&parent)
            .filter(|_| self.paths.detour.is_none() && self.up_to(&parent).is_none())
            .filter(|_| self.ancestors().len() > 1)
            .map(|since| since + OTHER_PATH_AFTER_MS);
        let asked = self.paths.detour.as_ref().filter(|detour| detour.reason == DetourReason::Asked);
        let asked = asked.map(|detour| detour.since_ms + OTHER_PATH_AFTER_MS);
        let stale =
            self.paths.fresh_ms.filter(|_| !self.paths.stale).map(|fresh_ms| fresh_ms + STALE_AFTER_MS);
        [dial, other, asked, stale].into_iter().flatten().min()
    }
}
