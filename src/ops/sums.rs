//! The view over a node's index: the templates that stand, read once, and the way to bodies.

use super::snapshot::Snapshot;
use crate::division::DivisionCode;
use crate::store::{Read, StoreError};
use crate::sync::body::PackedBody;
use crate::sync::package_content;
use crate::template::{Template, Templates};
use crate::time::WallMs;
use crate::view::coverage;
use crate::view::{CoverageView, Reader, StandingTemplate, ViewQuery, ViewScope, standing_templates};
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
const COVERAGES_MAX: usize = 256;

/// A coverage that was counted: of which division and year, in which scope.
type Looked = (DivisionCode, u16, ViewScope);

/// The templates of one node, parsed when they change, and coverages, counted when the root log has grown.
#[derive(Clone, Default)]
pub(super) struct ViewTemplates(Arc<Mutex<Parsed>>, Arc<Mutex<(u64, BTreeMap<Looked, CoverageView>)>>);

impl ViewTemplates {
    /// Who reported, as the public is told. Counting reads a year's short rows, so it is done once for a size of the
    /// root log: more visitors cost no more.
    pub(super) fn coverage(
        &self,
        store: &dyn Read,
        snapshot: &Snapshot,
        query: &ViewQuery,
        now: WallMs,
    ) -> Result<CoverageView, StoreError> {
        let size = snapshot.root_log.0;
        let looked = (query.division.clone(), query.year, query.scope);
        let held = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.1.get(&looked).filter(|_| held.0 == size) {
            return Ok(*found);
        }
        drop(held);
        let (scope, reader) = (&snapshot.scope, coverage::Reader::Public);
        let counted = coverage::coverage(store, scope, &query.division, query.year, now, reader)?;
        let found = CoverageView::of(&counted, query.scope);
        let mut held = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != size || held.1.len() >= COVERAGES_MAX {
            *held = (size, BTreeMap::new());
        }
        held.1.insert(looked, found);
        Ok(found)
    }

    /// Reads the view with the templates that stand now.
    pub(super) fn read<R>(
        &self,
        store: &dyn Read,
        read: impl FnOnce(&Reader<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let standing = standing_templates(store)?;
        let held = {
            let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (held.0 == standing).then(|| Arc::clone(&held.1))
        };
        let templates = match held {
            Some(templates) => templates,
            None => {
                let templates = Arc::new(parsed(store, &standing)?);
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (standing, Arc::clone(&templates));
                templates
            }
        };
        read_with(store, &templates, read)
    }
}
