//! Erasing: what a withdrawal with erasure takes out of a node, and that it never comes back.

use super::body::PackedBody;
use super::node::{Node, Step};
use super::turn::Turn;
use super::withdraw::ERASES;
use crate::digest::Digest;
use crate::statement::{Entry, ReportAct};
use crate::store::{Read, StoreError, layout};

/// The statement that erased a body, if it was erased.
///
/// # Errors
/// [`StoreError`].
pub fn erased_by(store: &dyn Read, body: &Digest) -> Result<Option<Digest>, StoreError> {
    let by = store.get(&layout::erased(body))?;
    Ok(by.and_then(|by| by.try_into().ok()).map(Digest::from_bytes))
}

impl Node {
    /// Follows an accepted withdrawal: drops the bodies of the revision it names and of the earlier ones of that
    /// agency and year.
    pub(super) fn erase(&mut self, turn: &mut Turn<'_>, withdrawal: &Entry) -> Step {
        let Some(report) = withdrawal.card.act.report() else { return Ok(()) };
        if (report.act, report.reason) != (ReportAct::Withdraw, ERASES) {
            return Ok(());
        }
        let disclosures = self.ledger.disclosures();
        let chain = disclosures.chain(&disclosures.resolve(report), report.year);
        for revision in chain.iter().filter(|one| one.revision <= report.revision) {
            let Some((_, entry)) = self.entry_by_digest(turn, &revision.digest)? else { continue };
            for body in entry.card.act.report().into_iter().flat_map(|report| &report.bodies) {
                PackedBody::delete(turn, &body.digest)?;
                self.fetches.forget(&body.digest);
                turn.out.puts.delete(layout::lacking(&body.digest));
                turn.out.puts.put(layout::erased(&body.digest), withdrawal.digest().as_bytes().to_vec());
                turn.out.erased.push(body.digest);
            }
        }
        Ok(())
    }
}
