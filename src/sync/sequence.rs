//! Sequencing: the root gives every entry it holds its place in the root log, or an answer that says why not.

use super::fact::Fact;
use super::limits::RENEW_MS;
use super::node::{Node, Step};
use super::turn::{Event, Turn};
use crate::digest::Digest;
use crate::ledger::Verdict;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::{self, Note};
use crate::log::witness;
use crate::statement::card::{CardError, RefusalCode};
use crate::statement::{Act, Card, Entry};
use crate::time::WallMs;
use crate::trust::key::PublicKey;

/// Why this node does not say something.
#[derive(Debug, thiserror::Error)]
pub enum SayError {
    /// The fold would refuse it.
    #[error("{}", .0.as_str())]
    Refused(RefusalCode),
    /// A field is over its bound.
    #[error(transparent)]
    Card(#[from] CardError),
    /// This node is behind its own signatures, or may be: it signs nothing before it has asked its neighbours.
    #[error("this node is recovering and signs nothing yet")]
    Recovering,
    /// Two histories of our own log were seen: the key that signed both signs nothing more.
    #[error("two histories of our own log were seen: it is ended")]
    Stopped,
    /// The index could not be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Node {
    /// Root: sequences what can be sequenced. Idle elsewhere.
    pub(super) fn sequence(&mut self, turn: &mut Turn<'_>) -> Step {
        if !self.is_root() {
            self.ready.clear();
            return Ok(());
        }
        while let Some(origin) = self.ready.pop_first() {
            self.sequence_origin(turn, &origin)?;
        }
        Ok(())
    }

    fn sequence_origin(&mut self, turn: &mut Turn<'_>, origin: &PublicKey) -> Step {
        loop {
            let next = self.ledger.next_index(origin);
            let Some((received_at, entry)) = self.entry(turn, origin, next)? else { return Ok(()) };
            let at = turn.now.wall.max(self.ledger.sequenced_at());
            match self.ledger.judge(&entry, at) {
                Verdict::Accept => self.append(turn, &entry, received_at)?,
                Verdict::Refuse(code) => self.refuse(turn, &entry, code)?,
                Verdict::Park if self.refused_keys.contains(origin) => {
                    self.refuse(turn, &entry, RefusalCode::NoAuthority)?;
                }
                Verdict::Park | Verdict::NotNext { .. } => return Ok(()),
            }
        }
    }

    fn append(&mut self, turn: &mut Turn<'_>, entry: &Entry, received_at: Option<WallMs>) -> Step {
        let sequenced_at = turn.now.wall.max(self.ledger.sequenced_at());
        let received_at = received_at.unwrap_or(sequenced_at).min(sequenced_at);
        self.record(turn, Fact::Leaf { sequenced_at, received_at, statement: entry.digest() })
    }

    fn refuse(&mut self, turn: &mut Turn<'_>, entry: &Entry, code: RefusalCode) -> Step {
        let act = Act::Refuse {
            origin: *entry.statement.key(),
            index: entry.statement.index(),
            statement: entry.digest(),
            code,
        };
        match self.say(turn, act) {
            Ok(_) => Ok(()),
            Err(SayError::Store(error)) => Err(error),
            // Our own refusal is always within the rules; were it not, the entry would wait and be seen.
            Err(SayError::Refused(_) | SayError::Card(_) | SayError::Recovering | SayError::Stopped) => {
                Ok(())
            }
        }
    }

    /// Signs an act as the next entry of our own log. At the root it passes the fold first and is sequenced in
    /// the same turn.
    ///
    /// # Errors
    /// [`SayError`].
    pub fn say(&mut self, turn: &mut Turn<'_>, act: Act) -> Result<Entry, SayError> {
        let salt = *self.signing.derive(&format!("card salt {}", self.own_size()));
        self.say_card(turn, Card { salt, key: self.signing.public(), act, agency: None })
    }

    /// Signs a card, which may carry an agency's signature, as the next entry of our own log.
    ///
    /// # Errors
    /// [`SayError`].
    pub(super) fn say_card(&mut self, turn: &mut Turn<'_>, card: Card) -> Result<Entry, SayError> {
        if self.is_recovering() {
            return Err(SayError::Recovering);
        }
        if self.origins.get(self.own_key()).is_some_and(|log| log.stopped) {
            return Err(SayError::Stopped);
        }
        let index = self.own_size();
        let entry = Entry::of_card(&self.signing, &self.federation(), index, card)?;
        if self.is_root() {
            let at = turn.now.wall.max(self.ledger.sequenced_at());
            match self.ledger.judge(&entry, at) {
                Verdict::Accept => {}
                Verdict::Refuse(code) => return Err(SayError::Refused(code)),
                Verdict::Park | Verdict::NotNext { .. } => {
                    return Err(SayError::Refused(RefusalCode::NoAuthority));
                }
            }
            self.record(turn, Fact::Entry { received_at: None, entry: entry.clone() })?;
            self.append(turn, &entry, None)?;
        } else {
            self.record(turn, Fact::Entry { received_at: None, entry: entry.clone() })?;
        }
        Ok(entry)
    }

    /// Root: signs the root log when it grew, and renews the timestamped cosignature when idle.
    pub(super) fn sign_root_log(&mut self, turn: &mut Turn<'_>) -> Step {
        if !self.is_root() || self.root_frontier.size() == 0 {
            return Ok(());
        }
        let size = self.root_frontier.size();
        let grew = self.root_note.as_ref().is_none_or(|note| note.size < size);
        if !grew && turn.now.steady_ms < self.renew_due_ms {
            return Ok(());
        }
        self.renew_due_ms = turn.now.steady_ms + RENEW_MS;
        let checkpoint = Checkpoint { origin: self.root_origin(), size, root: self.root_frontier.root() };
        turn.out.marks.push((Digest::of(&[checkpoint.origin.as_bytes()]), size, checkpoint.root));
        let text = checkpoint.to_text();
        // A clock that was set back does not take the log's time back: mirrors tell a renewal by its later second.
        let (now, newest) = (turn.now.wall.0 / 1000, self.ledger.sequenced_at().0 / 1000);
        let before = self.root_note.as_ref().map_or(0, |note| self.renewed_at(&note.text));
        let seconds = now.max(newest).max(if grew { before } else { before + 1 });
        let mut signatures = vec![
            note::sign(&text, &checkpoint.origin, &self.signing),
            witness::cosign(&text, &self.own_origin(), &self.signing, seconds),
        ];
        signatures.extend(self.gathered(&text));
        let note = Note { text, signatures }.to_string();
        self.record(turn, Fact::RootNote { note: note.clone() })?;
        if grew {
            turn.event(Event::RootLog(size));
        } else {
            self.send_renewed(turn, &note);
        }
        Ok(())
    }

    /// After a restore our own later entries come back down the tail: what was signed of them before must not be
    /// signed shorter, so nothing is until the tail stands at a checkpoint. A log that was stopped stays so.
    pub(super) fn may_sign_own_log(&self) -> bool {
        let tailed = self.root_note.as_ref().map_or(0, |note| note.size);
        let stopped = self.origins.get(self.own_key()).is_some_and(|log| log.stopped);
        tailed >= self.root_frontier.size() && !stopped && !self.is_recovering()
    }

    /// Signs our own log if it grew.
    pub(super) fn sign_own_log(&mut self, turn: &mut Turn<'_>) -> Step {
        let own = *self.own_key();
        let Some(log) = self.origins.get(&own) else { return Ok(()) };
        let size = log.frontier.size();
        if size == 0 || !self.may_sign_own_log() || log.note.as_ref().is_some_and(|note| note.size >= size) {
            return Ok(());
        }
        let checkpoint = Checkpoint { origin: self.own_origin(), size, root: log.frontier.root() };
        turn.out.marks.push((Digest::of(&[checkpoint.origin.as_bytes()]), size, checkpoint.root));
        let text = checkpoint.to_text();
        let signature = note::sign(&text, &checkpoint.origin, &self.signing);
        let note = Note { text, signatures: vec![signature] }.to_string();
        self.record(turn, Fact::OriginNote { origin: own, note })
    }
}
