//! `gongshi verify DIGEST`: from the figures to the signed checkpoint, one step after another, from the bytes.

use super::proof::prove;
use super::verify::is_erased;
use super::{Glance, NoAnswer, find};
use crate::log::checkpoint::{node_origin, root_origin};
use crate::log::witness;
use crate::package::body;
use crate::statement::{BodyRole, Entry, Leaf, Statement, StatementError};
use crate::store::Read;
use crate::sync::body::PackedBody;
use serde_json::{Value, json};

/// Steps taken: name, whether it held (none: nothing to check yet), and what was seen.
#[derive(Default)]
struct Steps(Vec<(&'static str, Option<bool>, String)>);

impl Steps {
    fn add(&mut self, name: &'static str, result: Result<String, String>) {
        let (held, seen) = match result {
            Ok(seen) => (Some(true), seen),
            Err(why) => (Some(false), why),
        };
        self.0.push((name, held, seen));
    }

    fn later(&mut self, name: &'static str, why: &str) {
        self.0.push((name, None, why.to_owned()));
    }
}

/// The document of `gongshi verify DIGEST --json`.
pub(super) fn walk(store: &dyn Read, glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let held = find::held(store, text)?;
    let mut steps = Steps::default();
    for named in held.entry.card.act.report().into_iter().flat_map(|report| report.carried_bodies()) {
        let Some(packed) = PackedBody::read(store, &named.digest)? else {
            steps.add(
                "body",
                match is_erased(store, &named.digest)? {
                    true => Ok(format!("{} was erased by a withdrawal", named.digest)),
                    false => Err(format!("{} is missing", named.digest)),
                },
            );
            continue;
        };
        let content = packed.unpack(&named.digest, named.bytes).map_err(|error| error.to_string());
        // Reasons, findings and governance texts are bodies too, and have no figures.
        if let (Ok(content), BodyRole::Package) = (&content, named.role) {
            let figures = body::parse(content).map_err(|error| error.to_string());
            let count = |body: &body::Body<'_>| {
                body.tables.iter().flat_map(|table| &table.rows).map(Vec::len).sum::<usize>()
            };
            steps.add(
                "figures",
                figures.map(|body| format!("{} tables, {} cells", body.tables.len(), count(&body))),
            );
        }
        steps.add("body", content.map(|_| format!("{} bytes, {}", named.bytes, named.digest)));
    }
    let statement = held.entry.statement.as_bytes();
    let entry = Entry::verify(statement, &held.entry.card_bytes).map_err(|error| error.to_string());
    let whole = entry.and_then(|entry| {
        if entry.digest() == held.digest {
            Ok(entry)
        } else {
            Err("the statement has another digest".to_owned())
        }
    });
    steps.add("card", whole.as_ref().map(|entry| entry.statement.card().hex()).map_err(Clone::clone));
    let author = glance.nodes.get(held.entry.statement.key());
    let author = author.map_or_else(
        || held.entry.statement.key().to_string(),
        |node| format!("{} {}", node.code, node.name),
    );
    steps.add("statement", whole.map(|entry| format!("signed by {author} at {}", entry.statement.index())));
    sequenced(store, glance, &held, &mut steps)?;
    let failed = steps.0.iter().filter(|(_, held, _)| *held == Some(false)).count();
    let problems: Vec<String> = steps
        .0
        .iter()
        .filter(|step| step.1 == Some(false))
        .map(|(name, _, why)| format!("{name}: {why}"))
        .collect();
    let lines: Vec<Value> =
        steps.0.iter().map(|(name, held, seen)| json!({"step": name, "ok": held, "seen": seen})).collect();
    Ok(json!({
        "schema": "gongshi.verify/1", "ok": failed == 0, "digest": held.digest,
        "complete": steps.0.iter().all(|step| step.1.is_some()), "steps": lines,
        "problem_count": failed, "problems": problems,
    }))
}

fn sequenced(
    store: &dyn Read,
    glance: &Glance,
    held: &find::Held,
    steps: &mut Steps,
) -> Result<(), NoAnswer> {
    let Some((index, leaf)) = &held.leaf else {
        steps.later("leaf", "not sequenced yet");
        steps.later("checkpoint", "not sequenced yet");
        return Ok(());
    };
    let bytes = leaf.to_bytes();
    let read = Leaf::read::<StatementError>(&bytes, Statement::verify).map_err(|error| error.to_string());
    steps.add(
        "leaf",
        read.and_then(|leaf| {
            if leaf.statement.digest() == held.digest {
                Ok(format!("entry {index}, sequenced {}", leaf.sequenced_at))
            } else {
                Err(format!("entry {index} is another statement"))
            }
        }),
    );
    let (Some(proof), Some(root)) = (prove(store, glance, held)?, glance.root) else {
        steps.later("checkpoint", "no checkpoint covers it yet");
        return Ok(());
    };
    let checkpoint =
        proof.verify(&bytes, &root_origin(&glance.federation), &root).map_err(|error| error.to_string());
    let cosigned = witness::verify_cosignature(&proof.checkpoint, &node_origin(&glance.own), &glance.own);
    steps.add(
        "checkpoint",
        checkpoint.and_then(|checkpoint| match cosigned {
            Ok(_) => {
                Ok(format!("size {}, root {}, cosigned here", checkpoint.size, checkpoint.root.base64()))
            }
            Err(error) => Err(format!("our own cosignature: {error}")),
        }),
    );
    Ok(())
}
