//! Bodies that travel with their statement and are not here: lost with a damaged part of the record, or rotten in the
//! index. They are never shown and never sent, are asked of the neighbours chunk by chunk, and enter the sums when they
//! are back. A row of the index remembers each, so that a restart goes on asking.

use super::body::PackedBody;
use super::chunk::chunks_held;
use super::erase::erased_by;
use super::fetch::Demand;
use super::node::{Node, Step};
use super::outline::Outline;
use super::rollup::figures_of;
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::Revision;
use crate::statement::{BodyRef, BodyRole, Entry};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::view::RollUp;
use crate::wire;

/// Rows of lacking bodies read at once.
const ROWS: usize = 256;
/// A revision's row is a few hundred bytes.
const REVISION_BYTES_MAX: usize = 8_192;

impl Node {
    /// Bodies that travel with their statement and are not here.
    pub fn bodies_lacking(&self) -> u64 {
        self.fetches.lacking()
    }

    /// Notes which bodies of a report are not here although they came with it once.
    pub(super) fn note_lacking(&mut self, turn: &mut Turn<'_>, entry: &Entry) -> Step {
        // Where the index holds what follows from this fact, it has the row too.
        if turn.is_known {
            return Ok(());
        }
        let Some(report) = entry.card.act.report() else { return Ok(()) };
        for body in report.carried_bodies() {
            if PackedBody::is_held(&turn.read(), &body.digest)?
                || erased_by(&turn.read(), &body.digest)?.is_some()
            {
                continue;
            }
            turn.out.puts.put(layout::lacking(&body.digest), entry.digest().as_bytes().to_vec());
            self.begin_fetch(turn, entry, *body, true)?;
        }
        Ok(())
    }

    /// Goes on asking for what the index says is lacking: said once, when the record was replayed.
    pub(super) fn resume_lacking(&mut self, turn: &mut Turn<'_>) -> Step {
        self.look_into_doubts(turn)?;
        let (mut from, until) = (vec![layout::LACKING], prefix_end(&[layout::LACKING]));
        loop {
            let rows = turn.read().scan(&from, &until, ROWS)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from = [last.as_slice(), &[0]].concat();
            for (key, statement) in rows {
                let digest = |bytes: &[u8]| bytes.try_into().ok().map(Digest::from_bytes);
                let (Some(body), Some(statement)) = (digest(&key[1..]), digest(&statement)) else { continue };
                match self.named_body(turn, &statement, &body)? {
                    Some((entry, named)) if !PackedBody::is_held(&turn.read(), &body)? => {
                        self.begin_fetch(turn, &entry, named, true)?;
                    }
                    _ => turn.out.puts.delete(key),
                }
            }
        }
    }

    /// Somebody read a body that is not what its card names: if it is so, it is taken out of the index and asked for
    /// again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn doubt_body(&mut self, turn: &mut Turn<'_>, statement: &Digest, body: &Digest) -> Step<Demand> {
        let Some((entry, named)) = self.named_body(turn, statement, body)? else {
            return Ok(Demand::Unknown);
        };
        if named.role == BodyRole::Attachment {
            return self.demand(turn, statement, body);
        }
        if erased_by(&turn.read(), body)?.is_some() {
            return Ok(Demand::Erased);
        }
        let held = match PackedBody::read(&turn.read(), body) {
            Ok(packed) => packed.is_some_and(|packed| packed.unpack(body, named.bytes).is_ok()),
            // A head that cannot be read; were it the whole index, what follows would say so.
            Err(StoreError::Damaged(_)) => false,
            Err(error) => return Err(error),
        };
        if held {
            return Ok(Demand::Here);
        }
        self.fresh.forget(body);
        PackedBody::delete(turn, body)?;
        turn.out.puts.put(layout::lacking(body), statement.as_bytes().to_vec());
        self.begin_fetch(turn, &entry, named, true)?;
        Ok(Demand::Coming(0, Outline::count_of(named.bytes)))
    }

    /// A body that lost chunks, because a damaged part of the record was passed over, is not held.
    pub(super) fn mend(&self, turn: &mut Turn<'_>, named: &BodyRef) -> Step {
        if named.role != BodyRole::Attachment || !PackedBody::is_held(&turn.read(), &named.digest)? {
            return Ok(());
        }
        let whole = Outline::read(&turn.read(), &named.digest)?.is_some()
            && chunks_held(&turn.read(), &named.digest)? >= Outline::count_of(named.bytes);
        if !whole {
            turn.out.puts.delete(layout::body(&named.digest));
        }
        Ok(())
    }

    pub(super) fn named_body(
        &self,
        turn: &Turn<'_>,
        statement: &Digest,
        body: &Digest,
    ) -> Step<Option<(Entry, BodyRef)>> {
        let Some((_, entry)) = self.entry_by_digest(turn, statement)? else { return Ok(None) };
        let report = entry.card.act.report();
        let named =
            report.and_then(|report| report.bodies.iter().find(|named| named.digest == *body)).copied();
        Ok(named.map(|named| (entry, named)))
    }

    /// Looks into what this turn read and could not believe.
    pub(super) fn look_into_doubts(&mut self, turn: &mut Turn<'_>) -> Step {
        for (statement, body) in turn.doubted.take() {
            self.doubt_body(turn, &statement, &body)?;
        }
        // The tail may bring a body with its statement before anybody who was asked for it answers.
        let carried: Vec<_> = self.fetches.carried().collect();
        for (body, statement) in carried {
            if PackedBody::is_held(&turn.read(), &body)? {
                self.fetches.forget(&body);
                self.body_is_back(turn, &statement, &body)?;
            }
        }
        Ok(())
    }

    /// A body that was lacking is back: sums that were worked out without it are put right.
    pub(super) fn body_is_back(&self, turn: &mut Turn<'_>, statement: &Digest, body: &Digest) -> Step {
        if turn.get(&layout::lacking(body))?.is_none() {
            return Ok(());
        }
        turn.out.puts.delete(layout::lacking(body));
        let Some(row) = turn.get(&layout::revision(statement))? else { return Ok(()) };
        let revision: Revision = wire::decode(&row, REVISION_BYTES_MAX)
            .map_err(|error| StoreError::Damaged(format!("a revision's row: {error}")))?;
        let puts = {
            let read = turn.read();
            let mut revised = RollUp::new(read, self.ledger.registry());
            revised.revise(&revision, &|statement| figures_of(&read, &turn.doubted, statement))?;
            revised.finish()?
        };
        turn.out.puts.merge(puts);
        Ok(())
    }
}
