//! The view over a node's index: the templates that stand, read once, and the way to bodies.

use super::snapshot::Snapshot;
use crate::division::DivisionCode;
use crate::store::{Read, StoreError};
use crate::sync::body::PackedBody;
use crate::sync::package_content;
use crate::template::{Template, Templates};
use crate::time::WallMs;
use crate::view::coverage::{self, Coverage};
use crate::view::{CoverageView, Reader, StandingTemplate, ViewQuery, standing_templates};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The templates that stand. One whose body is not held, or does not parse, is left out: its tables show by their ids.
fn parsed(store: &dyn Read, standing: &[StandingTemplate]) -> Result<Templates, StoreError> {
    let mut templates = Templates::NONE;
    for row in standing {
        let Some(packed) = PackedBody::read(store, &row.digest)? else { continue };
        if let Ok(text) = packed.unpack(&row.digest, row.bytes)
            && let Ok(template) = Template::parse(&row.id, &text)
        {
            templates.put(template);
        }
    }
    Ok(templates)
}

/// Reads the view once.
pub(super) fn read_view<R>(
    store: &dyn Read,
    read: impl FnOnce(&Reader<'_>) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let templates = parsed(store, &standing_templates(store)?)?;
    read_with(store, &templates, read)
}

fn read_with<R>(
    store: &dyn Read,
    templates: &Templates,
    read: impl FnOnce(&Reader<'_>) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let content = |statement: &_| package_content(store, statement);
    read(&Reader { store, templates, content: &content })
}

/// Templates that were parsed, and which they were.
type Parsed = (Vec<StandingTemplate>, Arc<Templates>);

/// Coverages that are kept: those of the divisions and years that are looked at now.
const COVERAGES_MAX: usize = 64;
/// A day, which is what days late are counted in.
const DAY_MS: u64 = 86_400_000;

/// A coverage that was counted: of which division and year.
type Looked = (DivisionCode, u16);

/// Coverages of one size of the root log and one day.
type Counted = ((u64, u64), BTreeMap<Looked, Arc<Coverage>>);

/// The templates of one node, parsed when they change, and coverages, counted when the root log has grown.
#[derive(Clone, Default)]
pub(super) struct ViewTemplates(Arc<Mutex<Parsed>>, Arc<Mutex<Counted>>);

impl ViewTemplates {
    /// Who reported, as the public is told. Counting reads a year's short rows, so it is done once for a size of the
    /// root log and a day: more visitors cost no more.
    pub(super) fn counted(
        &self,
        store: &dyn Read,
        snapshot: &Snapshot,
        (division, year): (&DivisionCode, u16),
        now: WallMs,
    ) -> Result<Arc<Coverage>, StoreError> {
        // Days begin at midnight in China Standard Time, eight hours before they do in UTC.
        let of = (snapshot.root_log.0, (now.0 + DAY_MS / 3) / DAY_MS);
        let looked = (division.clone(), year);
        let held = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.1.get(&looked).filter(|_| held.0 == of) {
            return Ok(Arc::clone(found));
        }
        drop(held);
        let (scope, reader) = (&snapshot.scope, coverage::Reader::Public);
        let counted = Arc::new(coverage::coverage(store, scope, division, year, now, reader)?);
        let mut held = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != of || held.1.len() >= COVERAGES_MAX {
            *held = (of, BTreeMap::new());
        }
        held.1.insert(looked, Arc::clone(&counted));
        Ok(counted)
    }

    /// The counts of a division's year in the scope asked for.
    pub(super) fn coverage(
        &self,
        store: &dyn Read,
        snapshot: &Snapshot,
        query: &ViewQuery,
        now: WallMs,
    ) -> Result<CoverageView, StoreError> {
        let counted = self.counted(store, snapshot, (&query.division, query.year), now)?;
        Ok(CoverageView::of(&counted, query.scope))
    }

    /// The templates that stand now.
    pub(super) fn standing(&self, store: &dyn Read) -> Result<Arc<Templates>, StoreError> {
        let standing = standing_templates(store)?;
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 == standing {
            return Ok(Arc::clone(&held.1));
        }
        drop(held);
        let templates = Arc::new(parsed(store, &standing)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (standing, Arc::clone(&templates));
        Ok(templates)
    }

    /// Reads the view with the templates that stand now.
    pub(super) fn read<R>(
        &self,
        store: &dyn Read,
        read: impl FnOnce(&Reader<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        read_with(store, self.standing(store)?.as_ref(), read)
    }
}
