//! Admission: the Delegates that a node shows to who does not know it, and whose logs are taken. Admission only: the
//! root's fold alone decides what of it counts.

use super::climb::Outcome;
use super::frame::{Frame, PackedEntry};
use super::limits::CHAIN_COUNT_MAX;
use super::node::{ConnId, Node, Step};
use super::session::{Peer, Session};
use super::turn::{Action, Turn};
use crate::digest::Digest;
use crate::statement::{Act, Entry};
use crate::store::layout;
use crate::trust::key::PublicKey;
use std::collections::BTreeSet;

impl Node {
    /// To an ancestor that is not the parent: the Delegates below its own, down to ours, which it may not know yet.
    pub(super) fn introduction(&self, ancestor: &PublicKey) -> Frame {
        let below = |packed: &&PackedEntry| {
            Entry::from_record(&packed.statement, &packed.card)
                .is_ok_and(|entry| self.registry.is_ancestor(ancestor, entry.statement.key()))
        };
        let chain: Vec<PackedEntry> = self.identity.chain.iter().filter(below).cloned().collect();
        Frame::Introduce { chain: newest_of(&chain) }
    }

    /// To nodes below: the Delegates and rotations that made our key.
    pub(super) fn own_chain(&self) -> Frame {
        Frame::Introduce { chain: newest_of(&self.identity.chain) }
    }

    /// Every node below that is connected hears which key we go on with.
    pub(super) fn announce_key(&self, turn: &mut Turn<'_>) {
        let below = |session: &Session| session.open && matches!(session.peer, Peer::Below(_));
        for (conn, _) in self.sessions.iter().filter(|(_, session)| below(session)) {
            turn.send(*conn, self.own_chain());
        }
    }

    /// True for a node below this one, and for one that stood below it once and moved away: while it was down it heard of
    /// no other parent, and learns of its move from the one it knows.
    pub(super) fn is_ours(&self, key: &PublicKey) -> bool {
        let own = self.own_key();
        key != own && self.registry.stood_under(key, own)
    }

    /// A node below that may not be known here yet shows its Delegates.
    pub(super) fn on_introduce(
        &mut self,
        turn: &mut Turn<'_>,
        conn: ConnId,
        chain: &[PackedEntry],
    ) -> Result<(), &'static str> {
        if chain.len() > CHAIN_COUNT_MAX {
            return Err("chain_too_long");
        }
        self.learn_chain(turn, chain)?;
        let Some(transport) = self.sessions.get(&conn).map(|session| session.transport) else {
            return Ok(());
        };
        let named = self.registry.by_transport(&transport).copied().filter(|key| self.is_ours(key));
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
        match named {
            Some(key) => {
                session.peer = Peer::Below(key);
                turn.out.actions.push(Action::Promote(conn));
            }
            // That its Delegates give nothing here is not its fault: another node may stand for the division.
            None => {
                turn.out.actions.push(Action::Close(conn, "not_known_here"));
                self.sessions.remove(&conn);
            }
        }
        Ok(())
    }

    /// Delegates and rotations from the anchor's down to the one that made `origin`, as far as they are held, the newest
    /// of them: a key that rotated often has more than anybody lacks.
    pub(super) fn chain_of(&self, turn: &Turn<'_>, origin: &PublicKey) -> Step<Vec<PackedEntry>> {
        let mut chain = Vec::new();
        let mut at = *origin;
        // No key is granted twice, so the way ends at the anchor.
        while let (Some((by, index)), true) = (self.registry.grant(&at), chain.len() < CHAIN_COUNT_MAX) {
            let Some((_, entry)) = self.entry(turn, &by, index)? else { break };
            chain.push(PackedEntry::of(&entry));
            at = by;
        }
        chain.reverse();
        Ok(chain)
    }

    /// All that a new node must know of the way from the anchor to its key: Delegates, rotations, and the newest renewals
    /// and moves of the keys above it, in the order of the root log; what is not sequenced, and the key's own Delegate,
    /// come last.
    pub(super) fn whole_chain(&self, turn: &Turn<'_>, key: &PublicKey) -> Step<Vec<PackedEntry>> {
        let mut found: Vec<(u64, PackedEntry)> = Vec::new();
        let place = |statement: &Digest| -> Step<u64> {
            let index = turn.get(&layout::sequenced(statement))?.and_then(|index| index.try_into().ok());
            Ok(index.map_or(u64::MAX, u64::from_be_bytes))
        };
        for packed in &self.identity.chain {
            found.push((place(&Digest::of(&[&packed.statement]))?, packed.clone()));
        }
        let own = self.registry.grant(key);
        let (mut open, mut seen) = (vec![*key], BTreeSet::new());
        while let Some(at) = open.pop() {
            // Nobody is above itself, but a key may be reached by several ways.
            if !seen.insert(at) {
                continue;
            }
            let later = self.registry.changes(&at).filter(|_| at != *key);
            let said: Vec<(PublicKey, u64)> = self.registry.grant(&at).into_iter().chain(later).collect();
            for (by, index) in said {
                open.push(by);
                let Some((_, entry)) = self.entry(turn, &by, index)? else { continue };
                if let Act::Reparent { parent, .. } = &entry.card.act {
                    open.push(*parent);
                }
                let packed = PackedEntry::of(&entry);
                if Some((by, index)) != own && found.iter().all(|(_, held)| *held != packed) {
                    found.push((place(&entry.digest())?, packed));
                }
            }
        }
        found.sort_by_key(|(place, _)| *place);
        let mut chain: Vec<PackedEntry> = found.into_iter().map(|(_, packed)| packed).collect();
        if let Some((by, index)) = own
            && let Some((_, entry)) = self.entry(turn, &by, index)?
        {
            let packed = PackedEntry::of(&entry);
            chain.retain(|held| *held != packed);
            chain.push(packed);
        }
        Ok(chain)
    }

    /// Enters the Delegates of a presented chain into the provisional registry.
    pub(super) fn learn_chain(&mut self, turn: &mut Turn<'_>, chain: &[PackedEntry]) -> Outcome {
        for packed in chain {
            let Ok(entry) = Entry::verify(&packed.statement, &packed.card) else { return Err("bad_chain") };
            self.learn(turn, &entry);
        }
        Ok(())
    }

    /// Admission: the anchor's log and logs of keys delegated below the root. The root's fold alone decides
    /// what of it counts.
    pub(super) fn may_climb(&self, origin: &PublicKey) -> bool {
        origin.id() == self.federation() || self.registry.knows(origin)
    }
}

/// The end of a chain that may be presented.
fn newest_of(chain: &[PackedEntry]) -> Vec<PackedEntry> {
    let from = chain.len().saturating_sub(CHAIN_COUNT_MAX);
    chain.get(from..).unwrap_or_default().to_vec()
}
