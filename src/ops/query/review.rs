//! `gongshi review list|show`: what came from below, with its findings recomputed here, and the exchange about it.

use super::find::{self, Held, SCAN_ROWS};
use super::list::{act_word, line_state};
use super::{Glance, NoAnswer};
use crate::division::DivisionCode;
use crate::ops::packages::{division_name, reason_of};
use crate::package::body;
use crate::package::finding::{Finding, Findings, Grade};
use crate::package::validate::check_tables;
use crate::statement::ReportAct;
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::sync::review::reviewed_at;
use crate::sync::template::template_text;
use crate::sync::{Node, parse_entry_row};
use crate::template::{Template, Templates};
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Packages that are looked into for findings in one call; the rest is a later call's, by year or division.
const LOOKED_INTO_MAX: usize = 2_000;

/// What is to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Wanted {
    /// Exactly this year.
    pub(in crate::ops) year: Option<u16>,
    /// This division and all below it.
    pub(in crate::ops) division: Option<DivisionCode>,
    /// Those that were looked at or sent back, too.
    pub(in crate::ops) all: bool,
    /// Only those in which something is found.
    pub(in crate::ops) with_findings: bool,
    /// At most so many.
    pub(in crate::ops) limit: usize,
}

/// The templates in force here.
fn templates(store: &dyn Read, glance: &Glance) -> Result<Templates, StoreError> {
    let mut found = Vec::new();
    for row in &glance.templates {
        let text = template_text(store, row)?;
        found.extend(text.and_then(|text| Template::parse(&row.card.id, &text).ok()));
    }
    Ok(found.into_iter().collect())
}

/// What the templates find in a statement's figures, as its author's check did or should have.
fn findings(store: &dyn Read, templates: &Templates, held: &Held) -> Result<Vec<Finding>, StoreError> {
    let Some(content) = find::content(store, held)? else { return Ok(Vec::new()) };
    let mut found = Findings::new();
    match body::parse(&content) {
        Ok(body) => {
            let mut tables = body.tables.into_owned();
            check_tables(&mut tables, templates, body.as_printed.is_some(), &mut found);
        }
        Err(error) => {
            let zh = format!("正文不合格式：{error}");
            found.push(Finding::must_fix("body_format", &zh, "the body is not of its format"));
        }
    }
    Ok(found.into_list())
}

/// True when `author` publishes below this node.
fn is_below(glance: &Glance, author: &PublicKey, division: &DivisionCode) -> bool {
    let own = glance.own_division();
    let seat = glance.nodes.get(author).map_or(division, |node| &node.code);
    *author != glance.own && *seat != own && glance.scope().tree.is_within(seat, &own)
}

fn line(
    store: &dyn Read,
    glance: &Glance,
    held: &Held,
    found: &[Finding],
) -> Result<Option<Value>, StoreError> {
    let Some(report) = held.entry.card.act.report() else { return Ok(None) };
    let state = match &held.revision {
        Some(revision) => line_state(revision),
        None => glance.waiting_state(held.entry.statement.key(), held.entry.statement.index()),
    };
    let code = Some(&report.agency_code).filter(|code| !code.is_empty());
    Ok(Some(json!({
        "digest": held.digest, "state": state, "act": act_word(report.act),
        "agency": {"id": report.agency_id(), "name": report.agency_name, "code": code},
        "division": {"code": report.division, "name": division_name(&report.division)},
        "year": report.year, "revision": report.revision,
        "received_at": held.received_at.map(|at| at.to_string()),
        "accepted_at": reviewed_at(store, &held.digest)?.map(|at| at.to_string()),
        "findings": found,
    })))
}

/// The document of `gongshi review list --json`: what waits for its place first, then the newest.
pub(super) fn list(store: &dyn Read, glance: &Glance, wanted: &Wanted) -> Result<Value, NoAnswer> {
    let templates = templates(store, glance)?;
    let (mut lines, mut looked, mut more) = (Vec::new(), 0, false);
    let mut digests = waiting(store, glance)?;
    let prefix = wanted.year.map_or_else(|| vec![layout::BY_INDEX], layout::by_year_prefix);
    let mut until = prefix_end(&prefix);
    'all: loop {
        for digest in std::mem::take(&mut digests) {
            let held = find::held(store, &digest.hex())?;
            let Some(report) = held.entry.card.act.report() else { continue };
            let top = wanted.division.as_ref();
            let fits = wanted.year.is_none_or(|year| year == report.year)
                && top.is_none_or(|top| glance.scope().tree.is_within(&report.division, top))
                && !matches!(report.act, ReportAct::Withdraw | ReportAct::Return)
                && is_below(glance, held.entry.statement.key(), &report.division);
            let open =
                held.revision.as_ref().is_none_or(|row| matches!(line_state(row), "held" | "released"));
            if !fits || !(wanted.all || (open && reviewed_at(store, &digest)?.is_none())) {
                continue;
            }
            if lines.len() == wanted.limit || looked == LOOKED_INTO_MAX {
                more = true;
                break 'all;
            }
            looked += 1;
            let found = findings(store, &templates, &held)?;
            if wanted.with_findings && found.iter().all(|finding| finding.grade == Grade::Hint) {
                continue;
            }
            lines.extend(line(store, glance, &held, &found)?);
        }
        let rows = store.scan_back(&prefix, &until, SCAN_ROWS)?;
        let Some((key, _)) = rows.last() else { break };
        until.clone_from(key);
        let found = rows.iter().filter_map(|(_, value)| crate::ledger::IndexRow::read(value));
        digests = found.map(|row| row.digest).collect();
    }
    Ok(json!({"schema": "gongshi.review/1", "packages": lines, "more": more}))
}

/// Statements from below that have no place in the root log yet.
fn waiting(store: &dyn Read, glance: &Glance) -> Result<Vec<crate::digest::Digest>, StoreError> {
    let mut found = Vec::new();
    for (origin, node) in glance.nodes.iter().filter(|(origin, _)| **origin != glance.own) {
        let until = prefix_end(&[b"e".as_slice(), origin.as_bytes()].concat());
        let rows = store.scan(&layout::entry(origin, node.next_index), &until, SCAN_ROWS)?;
        for (_, row) in rows {
            let (_, entry) = parse_entry_row(&row)?;
            if entry.is_report() && store.get(&layout::sequenced(&entry.digest()))?.is_none() {
                found.push(entry.digest());
            }
        }
    }
    Ok(found)
}

/// The document of `gongshi review show --json`.
pub(super) fn show(store: &dyn Read, glance: &Glance, text: &str) -> Result<Value, NoAnswer> {
    let held = find::held(store, text)?;
    let found = findings(store, &templates(store, glance)?, &held)?;
    let mut document = line(store, glance, &held, &found)?.unwrap_or_else(|| json!({"digest": held.digest}));
    document["schema"] = json!("gongshi.review/1");
    document["review"] = exchange(store, glance, &held)?;
    Ok(document)
}

/// What upper levels said about a report: looked at here, sent back by whom, when, why and with what found.
pub(super) fn exchange(store: &dyn Read, glance: &Glance, held: &Held) -> Result<Value, StoreError> {
    let accepted = reviewed_at(store, &held.digest)?.map(|at| at.to_string());
    let mut returned = Value::Null;
    if let Some((at, by, _)) = held.revision.as_ref().and_then(|revision| revision.returned) {
        let entry = crate::sync::read_entry(store, &by)?;
        let report = entry.as_ref().and_then(|entry| entry.card.act.report());
        let found = report.map(|report| Node::findings_of(store, report)).transpose()?.flatten();
        let found: Value = found.and_then(|found| serde_json::from_slice(&found).ok()).unwrap_or(Value::Null);
        let index = store.get(&layout::sequenced(&by))?.and_then(|index| index.try_into().ok());
        returned = json!({
            "digest": by, "index": index.map(u64::from_be_bytes), "at": at.to_string(),
            "by": entry.as_ref().map(|entry| glance.node_json(entry.statement.key())),
            "reason": reason_of(store, &by), "findings": found["findings"],
        });
    }
    let own = held.entry.card.act.report().filter(|report| report.act == ReportAct::Return);
    let reason = own.and_then(|_| reason_of(store, &held.digest));
    Ok(json!({"accepted_at": accepted, "returned": returned, "reason": reason}))
}
