//! Coverage: who owed a report of a year, who gave one, who said that there is nothing, who is late. Index-backed: a
//! year's short rows and the rosters that decide, never a package.
//!
//! What is owed is what the rosters say; where none decides, who reported in the newest earlier year or in this one.
//! Days late count from the day after the due day in China Standard Time to when the first other node stored the
//! first revision that nobody sent back or took back; for what is missing, to `now`. Before a year is public, the
//! public reading knows what is owed and nothing else.

mod reading;

pub use reading::{EARLIER_YEARS, coverage};

use super::scope::Scope;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::time::WallMs;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where an agency's year stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A report stands.
    Reported,
    /// 零报告: no activity in the year.
    Nil,
    /// 不适用: no such duty.
    NotApplicable,
    /// 退回: an upper level sent it back, and nothing has taken its place.
    Returned,
    /// 未报
    Missing,
    /// 待统一公开: it is owed, and the public is not told more before the year is released.
    Undisclosed,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Everybody: what is public.
    Public,
    /// The node's own people: what is sequenced.
    Office,
}

/// One agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Whose agency it is.
    pub division: DivisionCode,
    /// Its id: as the fold knows it, else as the roster names it.
    pub agency_id: String,
    /// Its name.
    pub agency_name: String,
    /// Its code, if known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub agency_code: String,
    /// False: it reported without being on the roster that decides.
    pub expected: bool,
    /// The tables that are owed; empty for whatever there is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// The day it is due, `YYYY-MM-DD`.
    pub due: String,
    /// Where it stands.
    pub standing: Standing,
    /// The figures are provisional.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// A later revision took the place of an earlier one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corrected: bool,
    /// Accepted, not public yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// It was taken back, and nothing has taken its place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// 待核实
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspect: bool,
    /// The statement that stands, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// When the first other node stored the report that counts.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub received_at: Option<WallMs>,
    /// Whole days after the due day, begun days included; 0 in time.
    pub days_late: u64,
}

fn rfc3339<S: serde::Serializer>(at: &Option<WallMs>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&at.unwrap_or_default())
}

/// Counts; `expected + unexpected = reported + nil + not_applicable + returned + missing`, unless the year is withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Agencies that owe a report.
    pub expected: u64,
    /// A report stands.
    pub reported: u64,
    /// Nothing happened.
    pub nil: u64,
    /// No such duty.
    pub not_applicable: u64,
    /// Sent back, nothing yet in its place.
    pub returned: u64,
    /// Nothing.
    pub missing: u64,
    /// Late, whether it came or not.
    pub late: u64,
    /// Not on the roster that decides.
    pub unexpected: u64,
    /// Of the reported: provisional figures.
    pub provisional: u64,
    /// Of the reported: corrected.
    pub corrected: u64,
}

/// What is owed, by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Rosters.
    #[default]
    Roster,
    /// Nobody's roster decides: who reported in an earlier year, or in this one.
    EarlierYear,
    /// Both, by division.
    Mixed,
}

/// One division's own agencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DivisionCounts {
    /// Its code.
    pub code: DivisionCode,
    /// Its name.
    pub name: String,
    /// Level of its node; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Its own agencies.
    #[serde(flatten)]
    pub counts: Counts,
}

/// The coverage of a division and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The division at the top.
    pub division: DivisionCode,
    /// The calendar year.
    pub year: u16,
    /// What is owed, by what.
    pub basis: Basis,
    /// The earlier year that was looked at.
    pub earlier_year: Option<u16>,
    /// The year is not public yet: only what is owed is told.
    pub withheld: bool,
    /// All agencies.
    pub counts: Counts,
    /// By level of the division's node; divisions without one stand under none.
    pub levels: BTreeMap<Option<Level>, Counts>,
    /// By division.
    pub divisions: Vec<DivisionCounts>,
    /// By division and agency.
    pub lines: Vec<Line>,
    /// Divisions whose roster cannot be read here.
    pub unread: Vec<DivisionCode>,
}

impl Counts {
    fn add(&mut self, line: &Line) {
        *(if line.expected { &mut self.expected } else { &mut self.unexpected }) += 1;
        let of_standing = match line.standing {
            Standing::Reported => Some(&mut self.reported),
            Standing::Nil => Some(&mut self.nil),
            Standing::NotApplicable => Some(&mut self.not_applicable),
            Standing::Returned => Some(&mut self.returned),
            Standing::Missing => Some(&mut self.missing),
            Standing::Undisclosed => None,
        };
        *of_standing.unwrap_or(&mut 0) += 1;
        self.late += u64::from(line.days_late > 0);
        let reported = line.standing == Standing::Reported;
        self.provisional += u64::from(reported && line.provisional);
        self.corrected += u64::from(reported && line.corrected);
    }
}

impl Coverage {
    fn count(&mut self, scope: &Scope) {
        let mut divisions: BTreeMap<&DivisionCode, Counts> = BTreeMap::new();
        for line in &self.lines {
            self.counts.add(line);
            divisions.entry(&line.division).or_default().add(line);
            let level = scope.tree.place(&line.division).and_then(|place| place.level);
            self.levels.entry(level).or_default().add(line);
        }
        self.divisions = divisions
            .into_iter()
            .map(|(code, counts)| DivisionCounts {
                code: code.clone(),
                name: scope.tree.name(code),
                level: scope.tree.place(code).and_then(|place| place.level),
                counts,
            })
            .collect();
    }

    /// The document of `gongshi coverage --json` and of `/coverage/{year}.json`.
    pub fn to_json(&self, scope: &Scope) -> serde_json::Value {
        let coverage = self;
        let levels: Vec<serde_json::Value> = coverage
            .levels
            .iter()
            .map(|(level, counts)| {
                let mut line = serde_json::json!(counts);
                line["level"] = serde_json::json!(level);
                line
            })
            .collect();
        serde_json::json!({
            "schema": "gongshi.coverage/1",
            "division": {"code": coverage.division, "name": scope.tree.name(&coverage.division)},
            "year": coverage.year, "basis": coverage.basis, "earlier_year": coverage.earlier_year,
            "withheld": coverage.withheld, "counts": coverage.counts, "levels": levels,
            "divisions": coverage.divisions, "agencies": coverage.lines, "unread": coverage.unread,
        })
    }
}
