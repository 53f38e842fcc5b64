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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// What a coverage was counted from: sizes of the root log at the newest change of what is owed and of the reports that
/// are looked at, and the day.
type Stamp = [u64; 3];

/// Coverages by division and year, each with its stamp.
type Counted = BTreeMap<(DivisionCode, u16), (Stamp, Arc<Coverage>)>;

/// The templates of one node, parsed when they change, and coverages, counted when what they are made of has changed.
#[derive(Clone, Default)]
pub(super) struct ViewTemplates {
    parsed: Arc<Mutex<Parsed>>,
    counted: Arc<Mutex<Counted>>,
    /// Held by whoever counts, so that visitors who come at once count once.
    counting: Arc<Mutex<()>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks; if it did, what they hold would still be whole.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ViewTemplates {
    /// Who reported, as the public is told. Counting reads a year's short rows, so it is done once for a state of the
    /// year and a day: more visitors cost no more, and neither do reports of other years.
    pub(super) fn counted(
        &self,
        store: &dyn Read,
        snapshot: &Snapshot,
        (division, year): (&DivisionCode, u16),
        now: WallMs,
    ) -> Result<Arc<Coverage>, StoreError> {
        let years = year.saturating_sub(coverage::EARLIER_YEARS)..=year;
        let revised = snapshot.revised.range(years).map(|(_, size)| *size).max().unwrap_or(0);
        // Days begin at midnight in China Standard Time, eight hours before they do in UTC.
        let stamp = [snapshot.scope.governed(), revised, (now.0 + DAY_MS / 3) / DAY_MS];
        let looked = (division.clone(), year);
        let held = || {
            lock(&self.counted).get(&looked).filter(|held| held.0 == stamp).map(|held| Arc::clone(&held.1))
        };
        if let Some(found) = held() {
            return Ok(found);
        }
        let counting = lock(&self.counting);
        if let Some(found) = held() {
            return Ok(found);
        }
        let (scope, reader) = (&snapshot.scope, coverage::Reader::Public);
        let counted = Arc::new(coverage::coverage(store, scope, division, year, now, reader)?);
        // A roster that is still on its way is looked for again.
        if counted.unread.is_empty() {
            let mut kept = lock(&self.counted);
            if kept.len() >= COVERAGES_MAX {
                kept.clear();
            }
            kept.insert(looked, (stamp, Arc::clone(&counted)));
        }
        drop(counting);
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
        let held = lock(&self.parsed);
        if held.0 == standing {
            return Ok(Arc::clone(&held.1));
        }
        drop(held);
        let templates = Arc::new(parsed(store, &standing)?);
        *lock(&self.parsed) = (standing, Arc::clone(&templates));
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
