//! Sums follow the fold: in the turn in which a leaf is applied, the index gets what it changes in them.

use super::body::PackedBody;
use super::fresh::figures_of_content;
use super::node::{Node, Step};
use super::turn::Turn;
use crate::digest::Digest;
use crate::ledger::Effect;
use crate::statement::{Act, BodyRef, Entry, ReportCard};
use crate::store::{Read, StoreError, layout};
use crate::view::RollUp;
use crate::view::figures::TableFigures;
use crate::view::read::StandingTemplate;
use crate::wire;
use std::cell::{Cell, RefCell};

impl Node {
    /// Enters what a leaf changed into the sums of the index. Where the index holds it already nothing is read.
    pub(super) fn roll_up(&mut self, turn: &mut Turn<'_>, entry: &Entry, effects: &[Effect]) -> Step {
        if turn.is_known || effects.iter().any(|effect| matches!(effect, Effect::Rejected(_))) {
            return Ok(());
        }
        if let Act::Template(_) = &entry.card.act {
            self.put_templates(turn);
        }
        let package = entry.card.act.report().and_then(ReportCard::package);
        let known = Cell::new(package.and_then(|package| self.fresh.take_figures(&package.digest)));
        let own = entry.digest();
        let registry = self.ledger.registry();
        let puts = {
            let read = turn.read();
            let figures = |statement: &Digest| match known.take().filter(|_| *statement == own) {
                Some(figures) => Ok(figures),
                None => figures_of(&read, &turn.doubted, statement),
            };
            let mut revised = RollUp::new(read, registry);
            for effect in effects {
                if let Effect::Revision(revision) = effect {
                    revised.revise(revision, &figures)?;
                }
            }
            revised.finish()?
        };
        turn.out.puts.merge(puts);
        // Sums move as they stand after the revisions.
        let hosted = match &entry.card.act {
            Act::Host(hosted) => hosted.divisions.as_slice(),
            _ => &[],
        };
        let changes = effects.iter().filter_map(|effect| match effect {
            Effect::Tree(change) => Some(Some(*change)),
            _ => None,
        });
        let changes: Vec<_> = changes.chain((!hosted.is_empty()).then_some(None)).collect();
        for change in changes {
            let puts = {
                let mut moved = RollUp::new(turn.read(), registry);
                moved.follow_tree(change, hosted)?;
                moved.finish()?
            };
            turn.out.puts.merge(puts);
        }
        Ok(())
    }

    /// The templates that stand, as reading the index alone knows them.
    fn put_templates(&self, turn: &mut Turn<'_>) {
        for (row, place) in self.ledger.templates().iter().zip(0_u16..) {
            let card = &row.card;
            let standing = StandingTemplate { id: card.id.clone(), digest: card.digest, bytes: card.bytes };
            turn.out.puts.put(layout::template(place), wire::encode(&standing));
        }
    }
}

/// The figures of a statement's package. None while its body is not held (it was erased, or is asked for again), and for
/// content that is no report of the format: such a report is shown as it is, and counts nothing. A body that is not what
/// its card names is doubted.
pub(super) fn figures_of(
    read: &dyn Read,
    doubted: &RefCell<Vec<(Digest, Digest)>>,
    statement: &Digest,
) -> Result<Vec<TableFigures>, StoreError> {
    let Some(package) = package_of(read, statement)? else { return Ok(Vec::new()) };
    let Some(packed) = PackedBody::read(read, &package.digest)? else { return Ok(Vec::new()) };
    let Ok(content) = packed.unpack(&package.digest, package.bytes) else {
        doubted.borrow_mut().push((*statement, package.digest));
        return Ok(Vec::new());
    };
    Ok(figures_of_content(&content))
}

fn package_of(read: &dyn Read, statement: &Digest) -> Result<Option<BodyRef>, StoreError> {
    let entry = super::read_entry(read, statement)?;
    Ok(entry.and_then(|entry| entry.card.act.report().and_then(|report| report.package()).copied()))
}

/// The content of a statement's package, checked against its digest; none while the body is not held.
///
/// # Errors
/// [`StoreError`].
pub fn package_content(read: &dyn Read, statement: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(package) = package_of(read, statement)? else { return Ok(None) };
    let Some(packed) = PackedBody::read(read, &package.digest)? else { return Ok(None) };
    let unpacked = packed.unpack(&package.digest, package.bytes);
    unpacked.map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
}
