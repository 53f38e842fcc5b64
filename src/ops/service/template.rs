//! Templates as requests and documents.

use super::failures::say_failure;
use super::{Failure, Reply, document};
use crate::store::StoreError;
use crate::sync::template::{AddTemplateError, AddedTemplate, template_text};
use crate::sync::{Node, Turn};
use crate::template::TemplateError;
use serde_json::{Value, json};

/// `gongshi.templates/1`: the templates that stand, in the order in which they are asked. A text that is not here yet
/// is null.
pub(super) fn templates(node: &Node, turn: &Turn<'_>) -> Result<Value, StoreError> {
    let mut rows = Vec::new();
    for row in node.ledger().templates() {
        let text = template_text(&turn.read(), row)?;
        rows.push(json!({
            "id": row.card.id, "index": row.index, "digest": row.statement,
            "text": text.map(|text| String::from_utf8_lossy(&text).into_owned()),
        }));
    }
    Ok(json!({"schema": "gongshi.templates/1", "templates": rows}))
}

/// Puts one into the log.
pub(super) fn add(
    node: &mut Node,
    turn: &mut Turn<'_>,
    file: &str,
    text: &[u8],
) -> Result<Reply, StoreError> {
    let said = |digest, index, signed| {
        document(&json!({
            "schema": "gongshi.template.add/1", "digest": digest, "index": index, "signed": signed,
        }))
    };
    Ok(match node.add_template(turn, file, text) {
        Ok(AddedTemplate::Said(entry)) => said(entry.digest(), node.ledger().size().saturating_sub(1), true),
        Ok(AddedTemplate::Stands(row)) => said(row.statement, row.index, false),
        Err(AddTemplateError::Template(error)) => Reply::Failure(bad_template(&error)),
        Err(AddTemplateError::Say(error)) => Reply::Failure(say_failure(error)?),
    })
}

/// A text that is not a template.
pub(in crate::ops) fn bad_template(error: &TemplateError) -> Failure {
    Failure::new(5, "bad_template", format!("模板有误 / not a template: {error}"))
}
