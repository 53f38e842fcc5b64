//! The view over a node's index: the templates that stand, read once, and the way to bodies.

use crate::store::{Read, StoreError};
use crate::sync::body::PackedBody;
use crate::sync::package_content;
use crate::template::{Template, Templates};
use crate::view::{Reader, StandingTemplate, standing_templates};
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

/// The templates of one node, parsed when they change.
#[derive(Clone, Default)]
pub(super) struct ViewTemplates(Arc<Mutex<Parsed>>);

impl ViewTemplates {
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
