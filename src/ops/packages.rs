//! Packages as documents: rows of the index, cards and contents turned into what the portal shows.

use super::portal_source::PortalSource;
use crate::agency::AGENCY_ID_BYTES_MAX;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::{Revision, RevisionState};
use crate::package::attachment::Attachment;
use crate::portal::doc::{
    AgencyDoc, AttachmentDoc, DivisionDoc, PackageDoc, PackageKind, PackagePage, PackageState,
    PackageSummary, ReportScope, ReportStatus, RevisionDoc, TableDoc,
};
use crate::portal::source::{PlaceDoc, PlaceName, SourceError};
use crate::statement::{BodyRef, BodyRole, ReportAct, ReportCard, Scope, Status};
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::sync::body::PackedBody;
use crate::sync::read_entry;
use crate::view::{DivisionName, Reader, ViewScope};
use data_encoding::BASE64URL_NOPAD;

/// Rows read at once while a list is filtered.
const SCAN_ROWS: usize = 512;
/// Packages on the start page.
const NEWEST_COUNT: usize = 20;

/// The part of a package's content that pages show.
#[derive(Default, serde::Deserialize)]
struct Content {
    tables: Vec<TableDoc>,
    #[serde(default)]
    narrative: Option<String>,
    #[serde(default)]
    source_url: Option<String>,
    #[serde(default)]
    as_printed: Option<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    notes: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

impl PortalSource {
    /// Revisions under a prefix that a filter keeps, from a cursor on.
    pub(super) fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        keep: impl Fn(&Revision) -> bool,
        state: PackageState,
    ) -> Result<PackagePage, SourceError> {
        let until = prefix_end(prefix);
        let mut from = after.map_or_else(|| prefix.to_vec(), |after| [after, &[0]].concat());
        let mut page = PackagePage::default();
        loop {
            let rows = self.store.scan(&from, &until, SCAN_ROWS)?;
            let last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                from = [key.as_slice(), &[0]].concat();
                let Some((digest, [row_state, ..])) = value.split_first_chunk::<32>() else { continue };
                if *row_state != ledger_state(state) as u8 {
                    continue;
                }
                let Some(revision) = self.revision(&Digest::from_bytes(*digest))?.filter(&keep) else {
                    continue;
                };
                if page.packages.len() == limit {
                    return Ok(page);
                }
                page.packages.push(summary(&revision));
                page.next = Some(BASE64URL_NOPAD.encode(&key));
            }
            if last {
                page.next = None;
                return Ok(page);
            }
        }
    }

    pub(super) fn history(&self, agency_id: &str, year: u16) -> Result<Vec<Revision>, SourceError> {
        let prefix = layout::by_agency_prefix(agency_id, Some(year));
        let rows = self.store.scan(&prefix, &prefix_end(&prefix), SCAN_ROWS)?;
        let digests = rows.iter().filter_map(|(_, value)| value.first_chunk::<32>());
        let found = digests.map(|digest| self.revision(&Digest::from_bytes(*digest)));
        found.filter_map(Result::transpose).collect()
    }

    /// Where an agency's year is found under another id, if it is.
    pub(super) fn address_of(&self, agency_id: &str, year: u16) -> Result<Option<String>, SourceError> {
        // Longer than any alias: not looked up, keys are bounded.
        if agency_id.len() > AGENCY_ID_BYTES_MAX {
            return Ok(None);
        }
        let alias = self.store.get(&layout::alias(agency_id))?;
        let mut id = alias.and_then(|id| String::from_utf8(id).ok()).unwrap_or_else(|| agency_id.to_owned());
        if self.history(&id, year)?.is_empty() {
            let snapshot = self.current.get();
            let Some((code, name)) = agency_id.split_once(':') else { return Ok(None) };
            let Ok(code) = code.parse() else { return Ok(None) };
            let Some(next) = snapshot.scope.tree.successor(&code) else { return Ok(None) };
            id = format!("{next}:{name}");
            if let Some(known) = self.store.get(&layout::alias(&id))? {
                id = String::from_utf8(known).unwrap_or(id);
            }
        }
        // An alias of what is not public yet is no address.
        Ok(Some(id.clone())
            .filter(|id| id != agency_id && self.history(id, year).is_ok_and(|all| !all.is_empty())))
    }

    pub(super) fn newest(&self) -> Result<Vec<PackageSummary>, SourceError> {
        let prefix = [layout::BY_INDEX];
        let rows = self.store.scan_back(&prefix, &prefix_end(&prefix), SCAN_ROWS)?;
        let mut newest = Vec::new();
        for (_, value) in rows {
            let Some((digest, [state, ..])) = value.split_first_chunk::<32>() else { continue };
            if *state != RevisionState::Released as u8 {
                continue;
            }
            newest.extend(self.revision(&Digest::from_bytes(*digest))?.as_ref().map(summary));
            if newest.len() == NEWEST_COUNT {
                break;
            }
        }
        Ok(newest)
    }
}

/// A division with the name to show.
pub(super) fn shown(found: DivisionName) -> PlaceName {
    let name = if found.name.is_empty() { found.code.to_string() } else { found.name };
    PlaceName { code: found.code, name }
}

/// Where a division stands, with names to show.
pub(super) fn place(reader: &Reader<'_>, code: &DivisionCode) -> Result<Option<PlaceDoc>, StoreError> {
    let Some(own) = reader.division(code)? else { return Ok(None) };
    let mut above = Vec::new();
    for code in reader.above(code)? {
        above.extend(reader.division(&code)?.map(shown));
    }
    Ok(Some(PlaceDoc {
        name: shown(own).name,
        above,
        children: reader.children(code)?.into_iter().map(shown).collect(),
        years: reader.years(code, ViewScope::All)?,
        successor: None,
    }))
}

/// The document of a package: its row, its card, the content of its body, if it has one, and its history.
pub(super) fn package_doc(
    store: &dyn Read,
    revision: &Revision,
    card: &ReportCard,
    content: Option<&[u8]>,
    history: &[Revision],
) -> Result<PackageDoc, SourceError> {
    let content: Content = match content {
        Some(content) => {
            serde_json::from_slice(content).map_err(|error| SourceError::Unavailable(error.to_string()))?
        }
        None => Content::default(),
    };
    let attachments = card.bodies.iter().filter(|body| body.role == BodyRole::Attachment);
    // A report may name fewer than its card has.
    let named = content.attachments.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    Ok(PackageDoc {
        summary: summary(revision),
        scope: match card.scope {
            Scope::Own => ReportScope::Own,
            Scope::Consolidated => ReportScope::Consolidated,
        },
        tables: content.tables,
        narrative: content.narrative,
        revisions: history.iter().map(|row| revision_doc(store, row)).collect(),
        members: content.members,
        source_url: content.source_url,
        as_printed: content.as_printed,
        notes: content.notes,
        attachments: attachments.zip(named).map(attachment_doc).collect(),
    })
}

fn attachment_doc((body, named): (&BodyRef, Option<Attachment>)) -> AttachmentDoc {
    let named = named.filter(Attachment::is_harmless);
    AttachmentDoc {
        digest: body.digest,
        bytes: body.bytes,
        name: named.as_ref().map(|named| named.name.clone()),
        sha256: named.map(|named| named.sha256),
    }
}

fn ledger_state(state: PackageState) -> RevisionState {
    match state {
        PackageState::Released => RevisionState::Released,
        PackageState::Superseded => RevisionState::Superseded,
        PackageState::Withdrawn => RevisionState::Withdrawn,
    }
}

fn public_state(state: RevisionState) -> PackageState {
    match state {
        RevisionState::Held | RevisionState::Returned | RevisionState::Released => PackageState::Released,
        RevisionState::Superseded => PackageState::Superseded,
        RevisionState::Withdrawn => PackageState::Withdrawn,
    }
}

pub(super) fn division_name(code: &DivisionCode) -> String {
    code.registry_name().map_or_else(|| code.to_string(), str::to_owned)
}

pub(super) fn summary(row: &Revision) -> PackageSummary {
    PackageSummary {
        digest: row.digest,
        index: row.index,
        agency: AgencyDoc {
            id: row.agency_id.clone(),
            name: row.agency_name.clone(),
            code: Some(row.agency_code.clone()).filter(|code| !code.is_empty()),
        },
        division: DivisionDoc { name: division_name(&row.division), code: row.division.clone() },
        year: row.year,
        revision: row.revision,
        kind: match ReportAct::from_kind_code(row.act) {
            Some(ReportAct::Nil) => PackageKind::Nil,
            Some(ReportAct::NotApplicable) => PackageKind::NotApplicable,
            _ => PackageKind::Report,
        },
        state: public_state(row.state),
        status: match row.status {
            Status::Final => ReportStatus::Final,
            Status::Provisional => ReportStatus::Provisional,
        },
        template: Some(row.template.clone()).filter(|template| !template.is_empty()),
        suspect: row.suspect,
    }
}

/// The reason in prose of a correction or withdrawal, as its body has it; none where there is none or it is not here.
pub(super) fn reason_of(store: &dyn Read, statement: &Digest) -> Option<String> {
    let entry = read_entry(store, statement).ok().flatten()?;
    let named = entry.card.act.report()?.bodies.iter().find(|body| body.role == BodyRole::Reason).copied()?;
    let packed = PackedBody::read(store, &named.digest).ok().flatten()?;
    String::from_utf8(packed.unpack(&named.digest, named.bytes).ok()?).ok()
}

fn revision_doc(store: &dyn Read, row: &Revision) -> RevisionDoc {
    RevisionDoc {
        revision: row.revision,
        digest: row.digest,
        index: row.index,
        state: public_state(row.state),
        sequenced_at: row.sequenced_at,
        reason: row
            .withdrawn
            .and_then(|(_, by, _)| reason_of(store, &by))
            .or_else(|| reason_of(store, &row.digest)),
    }
}
