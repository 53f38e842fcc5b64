//! `gongshi coverage` and `gongshi roster show`: who owes a report, and who gave one.

use super::{Glance, NoAnswer};
use crate::division::DivisionCode;
use crate::ops::service::{Failure, duty_json};
use crate::store::Read;
use crate::time::WallMs;
use crate::view::coverage::{self, Reader};
use crate::view::scope::Scope;
use serde_json::{Value, json};

/// The document of `gongshi coverage --json`.
pub(super) fn coverage(
    store: &dyn Read,
    glance: &Glance,
    division: Option<&DivisionCode>,
    year: u16,
    now: WallMs,
) -> Result<Value, NoAnswer> {
    let scope = glance.scope();
    let top = known(glance, scope, division)?;
    let coverage = coverage::coverage(store, scope, &top, year, now, Reader::Office)?;
    Ok(coverage.to_json(scope))
}

/// The document of `gongshi roster show --json`: the rosters that stand, and what they say of one division and below.
pub(super) fn rosters(
    store: &dyn Read,
    glance: &Glance,
    division: Option<&DivisionCode>,
    year: u16,
) -> Result<Value, NoAnswer> {
    let scope = glance.scope();
    let top = known(glance, scope, division)?;
    let duties = scope.duties(store, &top, year)?;
    let rows = scope.rosters.iter().map(|(code, row)| {
        json!({
            "division": code, "name": scope.tree.name(code), "digest": row.statement, "index": row.index,
            "bytes": row.card.bytes,
        })
    });
    Ok(json!({
        "schema": "gongshi.roster/1", "division": {"code": top, "name": scope.tree.name(&top)}, "year": year,
        "decides": scope.decider(&top), "rosters": rows.collect::<Vec<_>>(),
        "lines": duties.lines.iter().map(duty_json).collect::<Vec<_>>(), "unread": duties.unread,
    }))
}

/// The division asked for, which the tree must know; the node's own when none is asked for.
fn known(glance: &Glance, scope: &Scope, division: Option<&DivisionCode>) -> Result<DivisionCode, NoAnswer> {
    let own = glance.own_division();
    match division {
        None => Ok(own),
        Some(code) if *code == own || scope.tree.place(code).is_some() => Ok(code.clone()),
        Some(code) => {
            let message = format!(
                "联邦中没有区划 {code}：用 gongshi tree 核对 / no division {code} in this federation: see gongshi tree"
            );
            Err(Failure::new(2, "unknown_division", message).into())
        }
    }
}
