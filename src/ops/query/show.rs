//! `gongshi show`: one statement with its figures, its exchange and its history.

use super::find::{self, Held};
use super::list::{act_word, line_state};
use super::review;
use super::{Glance, NoAnswer};
use crate::ops::packages::division_name;
use crate::statement::card::RefusalCode;
use crate::store::{Read, StoreError, layout, prefix_end};
use serde_json::{Value, json};

/// Revisions of one agency and year that are listed; nobody corrects a report as often.
const HISTORY_COUNT_MAX: usize = 100;

/// The document of `gongshi show --json`.
pub(super) fn show(store: &dyn Read, glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let held = find::held(store, text)?;
    let exchange = exchange(store, glance, &held)?;
    let mut document = json!({
        "schema": "gongshi.show/1", "digest": held.digest, "kind": held.entry.card.act.kind_code(),
        "state": state(glance, &held, &exchange), "exchange": exchange,
    });
    let Some(report) = held.entry.card.act.report() else { return Ok(document) };
    let id = held.revision.as_ref().map_or_else(|| report.agency_id(), |row| row.agency_id.clone());
    let code = Some(&report.agency_code).filter(|code| !code.is_empty());
    let mut add = |key: &str, value: Value| {
        document[key] = value;
    };
    add("act", json!(act_word(report.act)));
    add("agency", json!({"id": id, "name": report.agency_name, "code": code}));
    add("division", json!({"code": report.division, "name": division_name(&report.division)}));
    add("year", json!(report.year));
    add("revision", json!(report.revision));
    add("status", json!(report.status.as_str()));
    add("scope", json!(report.scope.as_str()));
    add("template", json!(Some(&report.template).filter(|template| !template.is_empty())));
    add("reason", json!(Some(report.reason).filter(|reason| *reason != 0)));
    add("revisions", history(store, &id, report.year)?);
    add("review", review::exchange(store, glance, &held)?);
    let content = find::content(store, &held)?;
    let content: Option<Value> = content.and_then(|content| serde_json::from_slice(&content).ok());
    if let Some(Value::Object(content)) = content {
        let fields = content.into_iter().filter(|(key, _)| key != "format");
        fields.for_each(|(key, value)| add(&key, value));
    }
    Ok(document)
}

/// The word for where it stands.
fn state(glance: &Glance, held: &Held, exchange: &Value) -> &'static str {
    let statement = &held.entry.statement;
    match (&held.revision, &held.leaf) {
        (Some(revision), _) => line_state(revision),
        (None, _) if !exchange["refused"].is_null() => "refused",
        (None, Some(_)) => "sequenced",
        (None, None) => glance.waiting_state(statement.key(), statement.index()),
    }
}

/// Signed, received, sequenced, refused: by whom, when, where.
fn exchange(store: &dyn Read, glance: &Glance, held: &Held) -> Result<Value, StoreError> {
    let statement = &held.entry.statement;
    let own = *statement.key() == glance.own;
    let receipt = match own && statement.index() < glance.receipted {
        true => glance.receipt_of(store, statement.key(), statement.index())?,
        false => None,
    };
    let receipt = receipt.map(|(by, at)| json!({"by": glance.node_json(&by), "at": at.to_string()}));
    let sequenced = held.leaf.as_ref().map(|(index, leaf)| {
        json!({
            "index": index, "sequenced_at": leaf.sequenced_at.to_string(),
            "received_at": leaf.received_at.to_string(),
        })
    });
    let refused = match &held.leaf {
        Some(_) => None,
        None => find::refused(store)?.into_iter().find(|refused| refused.statement == held.digest),
    };
    Ok(json!({
        "author": glance.node_json(statement.key()), "key": statement.key().to_string(), "own": own,
        "signed": {"index": statement.index()},
        "received_at": held.received_at.map(|at| at.to_string()),
        "receipt": receipt,
        "sequenced": sequenced,
        "refused": match refused {
            Some(refused) => json!({"code": refused.code, "index": refused.index}),
            // The answer to its Delegate is the answer to everything it signed.
            None if held.leaf.is_none() && glance.refused_keys.contains(statement.key()) => {
                json!({"code": RefusalCode::NoAuthority.as_str(), "index": null})
            }
            None => Value::Null,
        },
    }))
}

fn history(store: &dyn Read, agency_id: &str, year: u16) -> Result<Value, StoreError> {
    let prefix = layout::by_agency_prefix(agency_id, Some(year));
    let rows = store.scan(&prefix, &prefix_end(&prefix), HISTORY_COUNT_MAX)?;
    let digests = rows.iter().filter_map(|(_, value)| value.first_chunk().copied());
    let mut history = Vec::new();
    for digest in digests {
        if let Some(row) = find::revision(store, &crate::digest::Digest::from_bytes(digest))? {
            history.push(json!({
                "revision": row.revision, "digest": row.digest, "state": line_state(&row),
                "index": row.index, "sequenced_at": row.sequenced_at.to_string(),
            }));
        }
    }
    Ok(Value::Array(history))
}
