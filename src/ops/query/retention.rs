//! What has been public for as long as it may be: reports of this node whose time is over, for the ops team to decide on.

use super::find::{self, SCAN_ROWS};
use super::{Glance, NoAnswer};
use crate::digest::Digest;
use crate::ledger::{Revision, RevisionState};
use crate::ops::packages::division_name;
use crate::package::body;
use crate::package::privacy::is_about_persons;
use crate::store::{Read, layout, prefix_end};
use crate::sync::body::PackedBody;
use crate::time::WallMs;
use crate::trust::key::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Days before its time is over that a report is listed.
const SOON_DAYS: u64 = 60;

/// How long reports stay public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct Rules {
    /// Years from the day on which the newest revision became public.
    pub(in crate::ops) years: u32,
    /// Years from the day on which the first revision became public, when a report is about natural persons.
    pub(in crate::ops) person_years: u32,
    /// The day to judge by; none for today.
    pub(in crate::ops) on: Option<WallMs>,
}

/// The document of `gongshi retention list --json`: this node's reports whose time is over or ends soon, the first to end
/// first. Nothing is withdrawn by this.
pub(super) fn list(store: &dyn Read, glance: &Glance, rules: Rules) -> Result<Value, NoAnswer> {
    let now = rules.on.unwrap_or(glance.now);
    let mut chains: BTreeMap<(String, u16), Vec<Revision>> = BTreeMap::new();
    let (mut from, until) = (vec![layout::BY_INDEX], prefix_end(&[layout::BY_INDEX]));
    loop {
        let rows = store.scan(&from, &until, SCAN_ROWS)?;
        let Some((last, _)) = rows.last() else { break };
        from = [last.as_slice(), &[0]].concat();
        for row in rows.iter().filter_map(|(_, value)| crate::ledger::IndexRow::read(value)) {
            let Some(revision) = find::revision(store, &row.digest)? else { continue };
            chains.entry((revision.agency_id.clone(), revision.year)).or_default().push(revision);
        }
    }
    let mut lines = Vec::new();
    for mut chain in chains.into_values() {
        chain.sort_by_key(|revision| revision.revision);
        let (Some(first), Some(last)) = (chain.iter().find(|one| one.shown), chain.last()) else { continue };
        let ours = glance.is_own(&last.author) && last.state == RevisionState::Released;
        if !ours {
            continue;
        }
        let persons = about_persons(store, &chain)?;
        let (years, begun) = match persons {
            true => (rules.person_years, public_at(glance, first)),
            false => (rules.years, public_at(glance, last)),
        };
        let ends = years_after(begun, years);
        if ends.0 > now.0.saturating_add(SOON_DAYS * DAY_MS) {
            continue;
        }
        lines.push((
            ends,
            json!({
                "digest": last.digest, "revision": last.revision, "year": last.year, "due": ends <= now,
                "agency": {"id": last.agency_id, "name": last.agency_name},
                "division": {"code": last.division, "name": division_name(&last.division)},
                "rule": if persons { "person" } else { "general" }, "years": years,
                "public_since": begun.to_string(), "ends": ends.to_string(),
            }),
        ));
    }
    lines.sort_by_key(|(ends, _)| *ends);
    let due = lines.iter().filter(|(ends, _)| *ends <= now).count();
    let packages: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
    Ok(json!({
        "schema": "gongshi.retention/1", "on": now.to_string(), "years": rules.years,
        "person_years": rules.person_years, "due": due, "packages": packages,
    }))
}

/// When a revision became public: when it was sequenced, or when its year was released, if that was later.
fn public_at(glance: &Glance, revision: &Revision) -> WallMs {
    let released = glance.schedules.get(&revision.year).copied().unwrap_or(WallMs(0));
    revision.sequenced_at.max(released)
}

/// The same day so many calendar years later; the 29th of February counts as the first of March.
fn years_after(at: WallMs, years: u32) -> WallMs {
    // 1,461 days are four years; the quarter of a day that a year is longer is never to the report's disadvantage.
    WallMs(at.0.saturating_add(u64::from(years) * 1461 * DAY_MS / 4))
}

/// True when one of the revisions says something about natural persons that its check would have asked about.
fn about_persons(store: &dyn Read, chain: &[Revision]) -> Result<bool, NoAnswer> {
    for revision in chain {
        let entry = crate::sync::read_entry(store, &revision.digest)?;
        let package = entry.as_ref().and_then(|entry| entry.card.act.report()?.package().copied());
        let Some(package) = package else { continue };
        let Some(packed) = PackedBody::read(store, &package.digest)? else { continue };
        let content = packed.unpack(&package.digest, package.bytes).unwrap_or_default();
        if body::parse(&content).is_ok_and(|body| is_about_persons(&body)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Glance {
    /// True for a key that this node has or had.
    fn is_own(&self, key: &PublicKey) -> bool {
        *key == self.own || self.earlier.contains(key)
    }
}

/// What only this query looks at: the keys that the node had, and the instants at which years were released.
pub(super) fn look(node: &crate::sync::Node) -> (BTreeSet<PublicKey>, BTreeMap<u16, WallMs>) {
    let earlier = node.registry().earlier(node.own_key()).copied().collect();
    let released = |(year, _): &(u16, WallMs)| node.ledger().is_released(*year);
    (earlier, node.ledger().schedules().filter(released).collect())
}

/// Digests of a listing that are due.
pub(in crate::ops) fn due(document: &Value) -> Vec<Digest> {
    let lines = document["packages"].as_array().into_iter().flatten();
    let due = lines.filter(|line| line["due"] == true);
    due.filter_map(|line| line["digest"].as_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_years_later_it_is_the_same_day_or_the_next() {
        let at: WallMs = WallMs(1_767_225_600_000);
        assert_eq!(at.to_string().get(..10), Some("2026-01-01"));
        assert_eq!(years_after(at, 4).to_string().get(..10), Some("2030-01-01"));
        assert_eq!(years_after(at, 5).to_string().get(..10), Some("2031-01-01"));
        assert_eq!(years_after(at, 2).to_string().get(..10), Some("2028-01-01"));
    }
}
