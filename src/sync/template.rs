//! Templates: the root puts layouts into the log, every node reads them from there.

use super::body::PackedBody;
use super::node::Node;
use super::sequence::SayError;
use super::turn::Turn;
use crate::ledger::TemplateRow;
use crate::package::body::body_digest;
use crate::statement::card::{RefusalCode, TemplateCard};
use crate::statement::{Act, Entry};
use crate::store::{Read, StoreError};
use crate::template::{Template, TemplateError};

/// Why a template is not put into the log.
#[derive(Debug, thiserror::Error)]
pub enum AddTemplateError {
    /// The text is not a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It cannot be said: only the root adds templates.
    #[error(transparent)]
    Say(#[from] SayError),
}

/// What became of a template.
#[derive(Clone, Debug)]
pub enum AddedTemplate {
    /// It was said; it stands from its index on.
    Said(Entry),
    /// The same text stands already; nothing was signed.
    Stands(TemplateRow),
}

impl Node {
    /// Puts a template into the log. `file` names the text in errors.
    ///
    /// # Errors
    /// [`AddTemplateError`].
    pub fn add_template(
        &mut self,
        turn: &mut Turn<'_>,
        file: &str,
        text: &[u8],
    ) -> Result<AddedTemplate, AddTemplateError> {
        if !self.is_root() {
            return Err(SayError::Refused(RefusalCode::KindNotGiven).into());
        }
        let template = Template::parse(file, text)?;
        let same = self.ledger.templates().iter().find(|row| row.card.id == template.id).cloned();
        if let Some(row) = same
            && template_text(&turn.read(), &row).map_err(SayError::Store)?.as_deref() == Some(text)
        {
            return Ok(AddedTemplate::Stands(row));
        }
        let salt = *self.signing.derive(&format!("body salt {} 0", self.own_size()));
        let card =
            TemplateCard { id: template.id, digest: body_digest(&salt, text), bytes: text.len() as u64 };
        turn.keep_body(&card.digest, &PackedBody::pack(salt, text));
        Ok(AddedTemplate::Said(self.say(turn, Act::Template(card))?))
    }
}

/// The text of a template that stands, checked against its digest; none while its body is not held.
///
/// # Errors
/// [`StoreError`].
pub fn template_text(store: &dyn Read, row: &TemplateRow) -> Result<Option<Vec<u8>>, StoreError> {
    let TemplateCard { digest, bytes, .. } = row.card;
    let Some(body) = PackedBody::read(store, &digest)? else { return Ok(None) };
    body.unpack(&digest, bytes).map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
}
