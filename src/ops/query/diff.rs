//! `gongshi diff`: two packages cell by cell.

use super::NoAnswer;
use super::find::{self, Held};
use crate::ops::service::Failure;
use crate::package::body::{self, Body};
use crate::package::difference::{CellChange, Difference};
use crate::store::{Read, StoreError};
use serde_json::{Value, json};

/// The document of `gongshi diff --json`.
pub(super) fn diff(store: &dyn Read, a: &str, b: &str) -> Result<Value, NoAnswer> {
    let (before, after) = (find::held(store, a)?, find::held(store, b)?);
    let difference = Difference::between(&package(store, &before)?, &package(store, &after)?);
    let facts: Vec<Value> = facts(&before)
        .into_iter()
        .zip(facts(&after))
        .filter(|((_, before), (_, after))| before != after)
        .map(|((field, before), (_, after))| json!({"field": field, "before": before, "after": after}))
        .collect();
    let change = |change: &CellChange| {
        let cell = |cell: &Option<crate::package::cell::Cell>| json!(cell);
        json!({
            "kind": change.kind(), "table": change.table, "label": change.label, "row": change.row,
            "column": change.column, "before": cell(&change.before), "after": cell(&change.after),
        })
    };
    let texts = difference
        .texts
        .iter()
        .map(|text| json!({"field": text.field, "before": text.before, "after": text.after}));
    Ok(json!({
        "schema": "gongshi.diff/1", "a": before.digest, "b": after.digest,
        "same": difference.is_empty() && facts.is_empty(),
        "changes": difference.cells.iter().map(change).collect::<Vec<_>>(),
        "tables_added": difference.tables_added, "tables_removed": difference.tables_removed,
        "texts": facts.iter().cloned().chain(texts).collect::<Vec<_>>(),
    }))
}

/// What the card says that a reader compares.
fn facts(held: &Held) -> Vec<(&'static str, String)> {
    let Some(report) = held.entry.card.act.report() else { return Vec::new() };
    vec![
        ("agency", report.agency_name.clone()),
        ("division", report.division.to_string()),
        ("year", report.year.to_string()),
        ("status", report.status.as_str().to_owned()),
        ("scope", report.scope.as_str().to_owned()),
    ]
}

fn package(store: &dyn Read, held: &Held) -> Result<Body<'static>, NoAnswer> {
    let Some(content) = find::content(store, held)? else {
        let message = format!(
            "{}：没有可比较的表格（撤回、零报告，或正文未到）/ there are no tables to compare (a withdrawal, a nil report, or its body is not here)",
            held.digest
        );
        return Err(Failure::new(2, "nothing_to_compare", message).into());
    };
    body::parse(&content).map_err(|error| StoreError::Damaged(error.to_string()).into())
}
