//! The portal's view of the node: the index and the newest snapshot, never the node itself.

use super::driver::Ask;
use super::packages::{division_name, package_doc, reason_of, summary};
use super::service::{Reply, Request};
use super::snapshot::Current;
use super::sums::ViewTemplates;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::Revision;
use crate::log::checkpoint::{node_origin, root_origin};
use crate::log::note;
use crate::package::difference::Difference;
use crate::portal::Source;
use crate::portal::changes::ChangesDoc;
use crate::portal::doc::{
    ConfirmedDoc, CosignerDoc, IdentityDoc, LogDoc, NodeDoc, PackageDoc, PackagePage, PackageSummary,
    RollcallDoc, RollcallNode, VerifierDoc,
};
use crate::portal::source::{
    AttachmentHead, Found, Hits, NoticePage, OverviewDoc, PackageQuery, PlaceDoc, SourceError, TableMark,
    Wanted, YearCount, YearDoc,
};
use crate::statement::{BodyRef, Entry, ReportCard};
use crate::store::{Store, StoreError, layout};
use crate::sync::body::PackedBody;
use crate::sync::fact::Identity;
use crate::sync::{erased_by, read_entry, read_leaf};
use crate::template::Templates;
use crate::view::{self, By, CellPage, PartOfView, RateView, SeriesQuery, SeriesView, View, ViewQuery};
use crate::wire;
use data_encoding::BASE64URL_NOPAD;
use std::sync::Arc;

const ROW_BYTES_MAX: usize = 8192; // A revision's row is a few hundred bytes.

/// What pages are made from.
#[derive(Clone)]
pub(super) struct PortalSource {
    pub(super) identity: Arc<Identity>,
    pub(super) store: Arc<dyn Store>,
    pub(super) current: Current,
    pub(super) ask: Ask,
    pub(super) clock: super::data_dir::Clock,
    pub(super) templates: ViewTemplates,
    pub(super) directory: Arc<super::directory::Directory>,
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl PortalSource {
    pub(super) fn revision(&self, digest: &Digest) -> Result<Option<Revision>, SourceError> {
        let Some(row) = self.store.get(&layout::revision(digest))? else { return Ok(None) };
        let row: Revision =
            wire::decode(&row, ROW_BYTES_MAX).map_err(|error| SourceError::Unavailable(error.to_string()))?;
        Ok(Some(row).filter(|row| row.shown))
    }

    /// What is public of a statement: a report that is not held, or any sequenced governance statement.
    pub(super) fn public_entry(&self, digest: &Digest) -> Result<Option<(u64, Entry)>, SourceError> {
        let Some(index) = self.store.get(&layout::sequenced(digest))? else { return Ok(None) };
        let index = index.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX);
        let Some(entry) = read_entry(self.store.as_ref(), digest)? else { return Ok(None) };
        let public = !entry.is_report() || self.revision(digest)?.is_some();
        Ok(Some((index, entry)).filter(|_| public))
    }

    fn of_entry<T>(
        &self,
        digest: &Digest,
        make: impl FnOnce(u64, &Entry) -> T,
    ) -> Result<Found<T>, SourceError> {
        Ok(match self.public_entry(digest)? {
            Some((index, entry)) => Found::Here(make(index, &entry)),
            None => Found::Absent,
        })
    }

    pub(super) fn salted_body(
        &self,
        statement: &Digest,
        body: &BodyRef,
    ) -> Result<Found<Vec<u8>>, SourceError> {
        let Some(packed) = PackedBody::read(self.store.as_ref(), &body.digest)? else {
            return Ok(Found::BodyMissing);
        };
        // Checked against its digest before it is shown.
        if let Ok(content) = packed.unpack(&body.digest, body.bytes) {
            return Ok(Found::Here([packed.salt.as_slice(), &content].concat()));
        }
        let _ = self.ask.call(Request::Doubt { statement: *statement, body: body.digest });
        Ok(Found::BodyMissing)
    }

    /// The first body of a governance statement (a template, a roster, a reason): always public.
    fn governance_body(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        let entry = self.public_entry(digest)?.map(|(_, entry)| entry).filter(|entry| !entry.is_report());
        match entry.and_then(|entry| entry.card.act.carried_bodies().first().copied()) {
            Some(body) => self.salted_body(digest, &body),
            None => Ok(Found::Absent),
        }
    }

    /// The reason of a withdrawal.
    pub(super) fn why(&self, by: &Digest) -> String {
        reason_of(self.store.as_ref(), by).unwrap_or_else(|| "未说明".to_owned())
    }

    pub(super) fn report(&self, digest: &Digest) -> Result<Found<(Revision, ReportCard)>, SourceError> {
        let Some(revision) = self.revision(digest)? else { return Ok(Found::Absent) };
        if let Some((_, by, _)) = revision.withdrawn {
            return Ok(Found::Withdrawn { reason: self.why(&by) });
        }
        let entry = read_entry(self.store.as_ref(), digest)?;
        let card = entry.and_then(|entry| entry.card.act.report().cloned());
        // An earlier revision of what was erased was public too, and is gone with it.
        if let Some(package) = card.as_ref().and_then(ReportCard::package)
            && let Some(by) = erased_by(self.store.as_ref(), &package.digest)?
        {
            return Ok(Found::Withdrawn { reason: self.why(&by) });
        }
        // What was erased since an old copy was made is not shown until the copy has heard of it.
        if self.current.get().is_recovering && card.as_ref().is_some_and(|card| !card.bodies.is_empty()) {
            return Ok(Found::BodyMissing);
        }
        Ok(card.map_or(Found::Absent, |card| Found::Here((revision, card))))
    }
}

impl Source for PortalSource {
    fn edition(&self) -> u64 {
        self.current.edition()
    }

    fn node(&self) -> NodeDoc {
        let snapshot = self.current.get();
        let log = |(size, root_hash)| LogDoc { size, root_hash };
        NodeDoc {
            code: self.identity.division.clone(),
            level: self.identity.level,
            name: self.identity.name.clone(),
            federation: self.identity.federation(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            log: log(snapshot.own),
            root_log: log(snapshot.root_log),
            view_root: snapshot.view_root,
            received: snapshot.received,
            confirmed: ConfirmedDoc { quorum: snapshot.confirmed.0, size: snapshot.confirmed.1 },
        }
    }

    fn identity(&self) -> IdentityDoc {
        let snapshot = self.current.get();
        let federation = self.identity.federation();
        let origin = root_origin(&federation);
        let vkey = snapshot.root_key.map(|key| note::vkey(&origin, note::ALGORITHM_ED25519, &key));
        let name = node_origin(&snapshot.own_key);
        let own = note::vkey(&name, note::ALGORITHM_COSIGNATURE, &snapshot.own_key);
        IdentityDoc {
            federation,
            anchor_key: data_encoding::HEXLOWER.encode(self.identity.anchor.as_bytes()),
            root_log: VerifierDoc { origin, vkey: vkey.unwrap_or_default() },
            code: self.identity.division.clone(),
            cosigner: CosignerDoc { name, vkey: own },
        }
    }

    fn packages(&self, query: &PackageQuery) -> Result<PackagePage, SourceError> {
        let prefix = match (&query.agency, &query.division, query.year) {
            (Some(agency), _, year) => layout::by_agency_prefix(agency, year),
            (None, Some(division), year) => layout::by_division_prefix(division.as_str(), year),
            (None, None, Some(year)) => layout::by_year_prefix(year),
            (None, None, None) => vec![layout::BY_INDEX],
        };
        let after = match &query.after {
            None => None,
            Some(text) => {
                let key = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| SourceError::BadCursor)?;
                Some(Some(key).filter(|key| key.starts_with(&prefix)).ok_or(SourceError::BadCursor)?)
            }
        };
        let keep = |row: &Revision| {
            query.division.as_ref().is_none_or(|division| *division == row.division)
                && query.agency.as_ref().is_none_or(|agency| *agency == row.agency_id)
                && query.year.is_none_or(|year| year == row.year)
        };
        self.list(&prefix, after.as_deref(), query.limit, keep, query.state)
    }

    fn package(&self, digest: &Digest) -> Result<Found<PackageDoc>, SourceError> {
        let (revision, card) = match self.report(digest)? {
            Found::Here(found) => found,
            other => return Ok(other.elsewhere()),
        };
        let salted = match card.package() {
            None => None,
            Some(package) => match self.salted_body(digest, package)? {
                Found::Here(salted) => Some(salted),
                other => return Ok(other.elsewhere()),
            },
        };
        let content = salted.as_ref().map(|salted| salted.get(32..).unwrap_or_default());
        let history = self.history(&revision.agency_id, revision.year)?;
        package_doc(self.store.as_ref(), &revision, &card, content, &history).map(Found::Here)
    }

    fn agency_year(&self, agency_id: &str, year: u16) -> Result<Vec<PackageSummary>, SourceError> {
        Ok(self.history(agency_id, year)?.iter().map(summary).collect())
    }

    fn coverage(
        &self,
        division: Option<&DivisionCode>,
        year: u16,
    ) -> Result<Option<serde_json::Value>, SourceError> {
        self.coverage_of(division, year)
    }

    fn moved(&self, agency_id: &str, year: u16) -> Result<Option<String>, SourceError> {
        self.address_of(agency_id, year)
    }

    fn proof(&self, digest: &Digest) -> Result<Found<String>, SourceError> {
        self.proof_of(digest)
    }

    fn leaf(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        let Some((index, _)) = self.public_entry(digest)? else { return Ok(Found::Absent) };
        let leaf = read_leaf(self.store.as_ref(), index)?;
        Ok(leaf.map_or(Found::Absent, |leaf| Found::Here(leaf.to_bytes().to_vec())))
    }

    fn card(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        self.of_entry(digest, |_, entry| entry.card_bytes.to_vec())
    }

    fn body(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError> {
        match self.report(digest)? {
            Found::Here((_, card)) => match card.package() {
                Some(package) => self.salted_body(digest, package),
                None => Ok(Found::Absent),
            },
            Found::Absent => self.governance_body(digest),
            other => Ok(other.elsewhere()),
        }
    }

    fn attachment(&self, package: &Digest, body: &Digest) -> Result<Found<AttachmentHead>, SourceError> {
        self.attachment_head(package, body)
    }

    fn attachment_chunk(
        &self,
        package: &Digest,
        body: &Digest,
        at: u32,
    ) -> Result<Found<Vec<u8>>, SourceError> {
        self.attachment_bytes(package, body, at)
    }

    fn checkpoint(&self) -> Option<String> {
        self.current.get().note.as_ref().map(|(text, _)| text.clone())
    }

    fn tile(&self, level: u8, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError> {
        self.tile_of(level, index, width)
    }

    fn entries(&self, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError> {
        self.entries_of(index, width)
    }

    fn rollcall(&self) -> RollcallDoc {
        let snapshot = self.current.get();
        let nodes = match self.ask.call(Request::RollCallLines) {
            Some(Reply::RollCall(lines)) => lines,
            _ => Vec::new(),
        };
        let node = |line: super::service::RollCallRow| RollcallNode {
            name: division_name(&line.code),
            code: line.code,
            size: line.size,
            agrees: line.agrees,
            at: line.at,
        };
        RollcallDoc {
            size: snapshot.root_log.0,
            root_hash: snapshot.root_log.1,
            view_root: snapshot.view_root,
            nodes: nodes.into_iter().map(node).collect(),
        }
    }

    fn place(&self, code: &DivisionCode) -> Result<Option<PlaceDoc>, SourceError> {
        let found =
            self.templates.read(self.store.as_ref(), |reader| super::packages::place(reader, code))?;
        let successor = self.current.get().scope.tree.successor(code).cloned();
        Ok(found.map(|place| PlaceDoc { successor, ..place }))
    }

    fn view(&self, query: &ViewQuery) -> Result<Option<View>, SourceError> {
        let store = self.store.as_ref();
        let Some(mut view) = self.templates.read(store, |reader| view::view(reader, query))? else {
            return Ok(None);
        };
        let (snapshot, now) = (self.current.get(), self.clock.now().wall);
        view.coverage = self.templates.coverage(store, &snapshot, query, now)?;
        Ok(Some(view))
    }

    fn view_parts(&self, query: &ViewQuery, by: By) -> Result<Vec<PartOfView>, SourceError> {
        Ok(self.templates.read(self.store.as_ref(), |reader| view::parts(reader, query, by))?)
    }

    fn provenance(
        &self,
        query: &ViewQuery,
        table: &str,
        column: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<CellPage>, SourceError> {
        let store = self.store.as_ref();
        let page = self
            .templates
            .read(store, |reader| view::provenance(reader, query, table, column, after, limit))?;
        page.map_err(|_| SourceError::BadCursor)
    }

    fn series(&self, query: &SeriesQuery) -> Result<Option<SeriesView>, SourceError> {
        Ok(self.templates.read(self.store.as_ref(), |reader| view::series(reader, query))?)
    }

    fn notices(&self, wanted: Wanted, after: Option<&str>, limit: usize) -> Result<NoticePage, SourceError> {
        self.notices_of(wanted, after, limit)
    }

    fn changes(&self, since: u64, limit: usize) -> Result<ChangesDoc, SourceError> {
        self.changes_from(since, limit)
    }

    fn difference(&self, before: &Digest, after: &Digest) -> Result<Option<Difference>, SourceError> {
        self.difference_of(before, after)
    }

    fn package_rates(&self, package: &Digest) -> Result<Vec<RateView>, SourceError> {
        Ok(self.templates.read(self.store.as_ref(), |reader| view::package_rates(reader, package))?)
    }

    fn table_marks(&self, packages: &[Digest]) -> Result<Vec<Vec<TableMark>>, SourceError> {
        self.marks_of(packages)
    }

    fn templates(&self) -> Result<Arc<Templates>, SourceError> {
        Ok(self.templates.standing(self.store.as_ref())?)
    }

    fn calendar(&self) -> Vec<YearDoc> {
        self.years()
    }

    fn search(&self, text: &str, limit: usize) -> Result<Hits, SourceError> {
        self.look_for(text, limit)
    }

    fn overview(&self) -> OverviewDoc {
        let snapshot = self.current.get();
        let years = snapshot.released.iter().rev().map(|(&year, &count)| YearCount { year, count });
        let nodes = self.rollcall().nodes;
        OverviewDoc {
            years: years.collect(),
            newest: self.newest().unwrap_or_default(),
            checkpoint_age_ms: self.checkpoint_age_ms(),
            nodes_agreeing: nodes.iter().filter(|node| node.agrees).count(),
            nodes_total: nodes.len(),
            children: self.children(),
        }
    }
}
