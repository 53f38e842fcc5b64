//! What the portal reads beyond single packages: what is new, what changed, who reported, what a search finds.

use super::packages::{reason_of, shown, summary};
use super::portal_source::PortalSource;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{IndexRow, Revision, RevisionState};
use crate::package::body;
use crate::package::difference::Difference;
use crate::portal::Source as _;
use crate::portal::changes::{ChangeDoc, ChangesDoc};
use crate::portal::source::{Found, Hits, NoticeDoc, NoticePage, SourceError, TableMark, Wanted, YearDoc};
use crate::statement::card::Act;
use crate::statement::{Entry, Leaf, ReportAct};
use crate::store::{layout, prefix_end};
use crate::sync::{read_entry, read_leaf};
use crate::view;
use data_encoding::BASE64URL_NOPAD;
use std::collections::BTreeSet;

/// Rows read at once.
const SCAN_ROWS: usize = 512;
/// Rows that one answer may cost: some tens of milliseconds.
const ROWS_MAX: usize = 20_000;
/// Entries of the log that one answer of `changes` may read.
const ENTRIES_MAX: u64 = 4_000;

impl PortalSource {
    /// Revisions that became public, newest first.
    pub(super) fn notices_of(
        &self,
        wanted: Wanted,
        after: Option<&str>,
        limit: usize,
    ) -> Result<NoticePage, SourceError> {
        let prefix = [layout::BY_INDEX];
        let mut until = match after {
            None => prefix_end(&prefix),
            Some(text) => {
                let key = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| SourceError::BadCursor)?;
                let key = Some(key).filter(|key| key.starts_with(&prefix) && key.len() == 9);
                key.ok_or(SourceError::BadCursor)?
            }
        };
        let mut page = NoticePage::default();
        let mut looked = 0;
        'rows: loop {
            let rows = self.store.scan_back(&prefix, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                looked += 1;
                if page.notices.len() == limit || looked > ROWS_MAX {
                    page.next = Some(BASE64URL_NOPAD.encode(&until));
                    break 'rows;
                }
                until = key;
                let Some(row) = IndexRow::read(&value).filter(|row| row.shown) else { continue };
                let is_correction = row.act == ReportAct::Correct.kind_code();
                let is_wanted =
                    wanted == Wanted::All || is_correction || row.state == RevisionState::Withdrawn;
                if !is_wanted {
                    continue;
                }
                page.notices.extend(self.revision(&row.digest)?.map(|revision| self.notice(&revision)));
            }
            if last {
                break;
            }
        }
        page.notices.sort_by_key(|own| std::cmp::Reverse(own.at));
        Ok(page)
    }

    fn notice(&self, revision: &Revision) -> NoticeDoc {
        let store = self.store.as_ref();
        let (at, reason) = match revision.withdrawn {
            Some((at, by, _)) => (at, reason_of(store, &by)),
            // As with bodies: an old copy does not know yet whether it was erased.
            None if self.current.get().is_recovering => (revision.sequenced_at, None),
            None => (revision.sequenced_at, reason_of(store, &revision.digest)),
        };
        NoticeDoc { summary: summary(revision), at, reason }
    }

    /// What the log says from an index on.
    pub(super) fn changes_from(&self, since: u64, limit: usize) -> Result<ChangesDoc, SourceError> {
        let size = self.current.get().root_log.0;
        let mut answer = ChangesDoc { size, changes: Vec::new(), next: None };
        for index in since..size {
            if answer.changes.len() == limit || index - since >= ENTRIES_MAX {
                answer.next = Some(index);
                return Ok(answer);
            }
            let Some(leaf) = read_leaf(self.store.as_ref(), index)? else {
                // Not here yet: told of when it is.
                answer.size = index;
                return Ok(answer);
            };
            let digest = leaf.statement.digest();
            if let Some(entry) = read_entry(self.store.as_ref(), &digest)? {
                answer.changes.extend(self.change(index, &leaf, &digest, &entry)?);
            }
        }
        Ok(answer)
    }

    fn change(
        &self,
        index: u64,
        leaf: &Leaf,
        digest: &Digest,
        entry: &Entry,
    ) -> Result<Option<ChangeDoc>, SourceError> {
        let bare = |kind| ChangeDoc {
            index,
            kind,
            digest: *digest,
            at: leaf.sequenced_at,
            year: None,
            division: None,
            agency: None,
            revision: None,
            state: None,
        };
        let Some(report) = entry.card.act.report() else {
            return Ok(Some(match &entry.card.act {
                Act::Release { year } => ChangeDoc { year: Some(*year), ..bare("release") },
                _ => bare("governance"),
            }));
        };
        let (kind, about) = match report.act {
            ReportAct::Return => return Ok(None),
            ReportAct::Withdraw => ("withdrawal", report.previous),
            ReportAct::Correct => ("correction", *digest),
            _ => ("report", *digest),
        };
        let Some(revision) = self.revision(&about)? else { return Ok(None) };
        let summary = summary(&revision);
        Ok(Some(ChangeDoc {
            year: Some(summary.year),
            division: Some(summary.division.code),
            agency: Some(summary.agency),
            revision: Some(summary.revision),
            state: Some(summary.state),
            ..bare(kind)
        }))
    }

    /// What changed between two public packages.
    pub(super) fn difference_of(
        &self,
        before: &Digest,
        after: &Digest,
    ) -> Result<Option<Difference>, SourceError> {
        let (Some(before), Some(after)) = (self.content(before)?, self.content(after)?) else {
            return Ok(None);
        };
        let unreadable = |error: body::BodyError| SourceError::Unavailable(error.to_string());
        let (before, after) = (before.get(body::SALT_BYTES..), after.get(body::SALT_BYTES..));
        let before = body::parse(before.unwrap_or_default()).map_err(unreadable)?;
        let after = body::parse(after.unwrap_or_default()).map_err(unreadable)?;
        Ok(Some(Difference::between(&before, &after)))
    }

    /// Salt and content of a public package.
    fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>, SourceError> {
        let Found::Here((_, card)) = self.report(digest)? else { return Ok(None) };
        let Some(package) = card.package() else { return Ok(None) };
        match self.salted_body(digest, package)? {
            Found::Here(salted) => Ok(Some(salted)),
            _ => Ok(None),
        }
    }

    /// Which tables each of these packages has.
    pub(super) fn marks_of(&self, packages: &[Digest]) -> Result<Vec<Vec<TableMark>>, SourceError> {
        let mark = |(table, is_zero)| TableMark { table, is_zero };
        let found = self.templates.read(self.store.as_ref(), |reader| {
            packages
                .iter()
                .map(|package| view::package_tables(reader, package))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.into_iter().map(|tables| tables.into_iter().map(mark).collect()).collect())
    }

    /// Who owed a report, and who gave one; counted once for a size of the root log and a day.
    pub(super) fn coverage_of(
        &self,
        division: Option<&DivisionCode>,
        year: u16,
    ) -> Result<Option<serde_json::Value>, SourceError> {
        let snapshot = self.current.get();
        let top = division.unwrap_or(&self.identity.division);
        // A division that is hosted with all others exists by its reports alone.
        let is_named = *top == self.identity.division || snapshot.scope.tree.place(top).is_some();
        if !is_named && self.place(top)?.is_none() {
            return Ok(None);
        }
        let now = self.clock.now().wall;
        let counted = self.templates.counted(self.store.as_ref(), &snapshot, (top, year), now)?;
        Ok(Some(counted.to_json(&snapshot.scope)))
    }

    /// The years that have a date or a report, newest first.
    pub(super) fn years(&self) -> Vec<YearDoc> {
        let snapshot = self.current.get();
        let scope = &snapshot.scope;
        let years: BTreeSet<u16> = snapshot.released.keys().chain(scope.scheduled.keys()).copied().collect();
        let year = |year: u16| YearDoc {
            year,
            at: scope.scheduled.get(&year).copied(),
            is_public: scope.is_public(year),
            reports: snapshot.released.get(&year).copied().unwrap_or(0),
        };
        years.into_iter().rev().map(year).collect()
    }

    /// Divisions and agencies by code or a part of the name.
    pub(super) fn look_for(&self, text: &str, limit: usize) -> Result<Hits, SourceError> {
        let wanted = text.trim();
        let mut hits = Hits::default();
        if wanted.is_empty() {
            return Ok(hits);
        }
        let store = self.store.as_ref();
        hits.divisions = self
            .templates
            .read(store, |reader| reader.divisions_like(wanted, limit))?
            .into_iter()
            .map(shown)
            .collect();
        for id in self.directory.find(store, self.current.get().root_log.0, wanted)? {
            let Some(newest) = self.newest_of(&id)? else { continue };
            if hits.agencies.len() == limit {
                hits.partial = true;
                break;
            }
            hits.agencies.push(summary(&newest));
        }
        Ok(hits)
    }

    /// The newest report of an agency that stands and is public.
    fn newest_of(&self, agency_id: &str) -> Result<Option<Revision>, SourceError> {
        let prefix = layout::by_agency_prefix(agency_id, None);
        let mut until = prefix_end(&prefix);
        loop {
            let rows = self.store.scan_back(&prefix, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                let row = IndexRow::read(&value);
                if let Some(row) = row.filter(|row| row.shown && row.state == RevisionState::Released) {
                    return self.revision(&row.digest);
                }
                until = key;
            }
            if last {
                return Ok(None);
            }
        }
    }
}
