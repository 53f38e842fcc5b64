//! The one trait between the portal and the node.
//!
//! The daemon writes the adapter over store, fold and record; tests use an in-memory fake. Every method is
//! synchronous and may read the disk: the portal calls it off the async threads. A package that is not public yet
//! MUST be answered exactly as one that does not exist (`Absent`, or left out of lists).

use super::changes::ChangesDoc;
use super::doc::{IdentityDoc, NodeDoc, PackageDoc, PackagePage, PackageState, PackageSummary, RollcallDoc};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::package::difference::Difference;
use crate::template::Templates;
use crate::time::WallMs;
use crate::view::{By, CellPage, PartOfView, RateView, SeriesQuery, SeriesView, View, ViewQuery};
use std::sync::Arc;

/// Packages on one page of a list when the caller does not say.
pub const LIST_LIMIT_DEFAULT: usize = 100;
/// Most packages on one page of a list: about 400 KB of JSON.
pub const LIST_LIMIT_MAX: usize = 1_000;

/// The node could not answer. The evidence is for the log; the public reads a generic sentence.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// `after` is not a cursor this node gave out.
    #[error("not a cursor")]
    BadCursor,
    /// The store or record could not be read.
    #[error("store unavailable: {0}")]
    Unavailable(String),
}

/// What became of something addressed by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is public and held.
    Here(T),
    /// It does not exist, or is not public yet: indistinguishable on purpose (404).
    Absent,
    /// It was public and was withdrawn (410).
    Withdrawn {
        /// The reason as stated, any text.
        reason: String,
    },
    /// It is public, but its body has not arrived here yet, or may have been erased since this copy of the node was
    /// made (503 `body_missing`).
    BodyMissing,
}

impl<T> Found<T> {
    /// The same verdict for another kind of thing; what is here is absent as that other thing.
    pub fn elsewhere<U>(self) -> Found<U> {
        match self {
            Self::Here(_) | Self::Absent => Found::Absent,
            Self::Withdrawn { reason } => Found::Withdrawn { reason },
            Self::BodyMissing => Found::BodyMissing,
        }
    }

    /// The same verdict over another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Here(value) => Found::Here(change(value)),
            Self::Absent => Found::Absent,
            Self::Withdrawn { reason } => Found::Withdrawn { reason },
            Self::BodyMissing => Found::BodyMissing,
        }
    }
}

/// Which packages a list asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageQuery {
    /// Exactly this division.
    pub division: Option<DivisionCode>,
    /// Exactly this agency id.
    pub agency: Option<String>,
    /// Exactly this year.
    pub year: Option<u16>,
    /// In this state.
    pub state: PackageState,
    /// At most so many, 1 to [`LIST_LIMIT_MAX`].
    pub limit: usize,
    /// Cursor from an earlier page's `next`.
    pub after: Option<String>,
}

impl Default for PackageQuery {
    fn default() -> Self {
        Self {
            division: None,
            agency: None,
            year: None,
            state: PackageState::default(),
            limit: LIST_LIMIT_DEFAULT,
            after: None,
        }
    }
}

/// Public reports of one year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearCount {
    /// The year.
    pub year: u16,
    /// Released packages of that year.
    pub count: u64,
}

/// A child as the start page links it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildLink {
    /// Division code.
    pub code: DivisionCode,
    /// Name as delegated.
    pub name: String,
    /// Address of its portal, if its delegation names one.
    pub portal: Option<String>,
}

/// What the start page needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverviewDoc {
    /// Years with public reports, newest first.
    pub years: Vec<YearCount>,
    /// The newest released packages, newest first, about twenty.
    pub newest: Vec<PackageSummary>,
    /// Age of the root's newest timestamped cosignature in milliseconds; none before the first tail.
    pub checkpoint_age_ms: Option<u64>,
    /// Nodes of the roll call that agree.
    pub nodes_agreeing: usize,
    /// Nodes of the roll call.
    pub nodes_total: usize,
    /// Children, by code.
    pub children: Vec<ChildLink>,
}

/// A division with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceName {
    /// Its code.
    pub code: DivisionCode,
    /// Its name; its code where nothing names it.
    pub name: String,
}

/// Where a division stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceDoc {
    /// Its name; its code where nothing names it.
    pub name: String,
    /// The divisions above it, nearest first.
    pub above: Vec<PlaceName>,
    /// The divisions directly below it, by code.
    pub children: Vec<PlaceName>,
    /// Years with public reports of it or below it, ascending.
    pub years: Vec<u16>,
    /// The one division that goes on with its duties, when it was closed.
    pub successor: Option<DivisionCode>,
}

/// What a download begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentHead {
    /// The file's name, harmless.
    pub name: String,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// Chunks of the content.
    pub chunks: u32,
    /// The body's salt; zeros while its outline is on its way.
    pub salt: [u8; 32],
}

/// A revision that became public, was corrected or withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeDoc {
    /// The revision.
    pub summary: PackageSummary,
    /// When it entered the public log; of a withdrawn one, when it was withdrawn.
    pub at: WallMs,
    /// Why it corrects or was withdrawn.
    pub reason: Option<String>,
}

/// Some of them, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticePage {
    /// Newest first.
    pub notices: Vec<NoticeDoc>,
    /// Where older ones begin; none at the end.
    pub next: Option<String>,
}

/// Which notices are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever is public.
    All,
    /// Corrections and withdrawals.
    Corrections,
}

/// A year of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearDoc {
    /// The year.
    pub year: u16,
    /// When the root said that it becomes public; none where it said nothing.
    pub at: Option<WallMs>,
    /// Its reports are public as they come.
    pub is_public: bool,
    /// Reports that are public.
    pub reports: u64,
}

/// What a package says in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMark {
    /// The table across layouts (`penalty`); empty for any other table.
    pub table: String,
    /// All its figures are zero.
    pub is_zero: bool,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Divisions by code or name.
    pub divisions: Vec<PlaceName>,
    /// The newest report of each agency by code or name.
    pub agencies: Vec<PackageSummary>,
    /// There are more agencies than were asked for.
    pub partial: bool,
}

/// The node, as the public portal reads it.
pub trait Source: Send + Sync + 'static {
    /// A number that is another one whenever what the portal shows has changed.
    fn edition(&self) -> u64;
    /// `/api/v1/node`; size 0 and the empty roots before the first tail.
    fn node(&self) -> NodeDoc;
    /// `/.well-known/gongshi.json`.
    fn identity(&self) -> IdentityDoc;
    /// A page of public packages in root-log order.
    fn packages(&self, query: &PackageQuery) -> Result<PackagePage, SourceError>;
    /// A package by digest.
    fn package(&self, digest: &Digest) -> Result<Found<PackageDoc>, SourceError>;
    /// All public revisions of an agency's year, oldest first; empty when there is none.
    fn agency_year(&self, agency_id: &str, year: u16) -> Result<Vec<PackageSummary>, SourceError>;
    /// C2SP tlog-proof text of a package in the root log.
    fn proof(&self, digest: &Digest) -> Result<Found<String>, SourceError>;
    /// The root-log leaf of a package: times and statement.
    fn leaf(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError>;
    /// The card's bytes.
    fn card(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError>;
    /// salt ‖ content of the card's first body.
    fn body(&self, digest: &Digest) -> Result<Found<Vec<u8>>, SourceError>;
    /// What a download of an attachment begins with. What is not here is asked for: here, while it is on its way;
    /// missing, when nobody gives it now.
    fn attachment(&self, package: &Digest, body: &Digest) -> Result<Found<AttachmentHead>, SourceError>;
    /// A chunk of an attachment's content, checked; missing while it is on its way.
    fn attachment_chunk(
        &self,
        package: &Digest,
        body: &Digest,
        at: u32,
    ) -> Result<Found<Vec<u8>>, SourceError>;
    /// The newest checkpoint of the root log as a signed note; none before the first tail.
    fn checkpoint(&self) -> Option<String>;
    /// A tile of hashes; `width` is none for a full tile.
    fn tile(&self, level: u8, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError>;
    /// A tile of entries.
    fn entries(&self, index: u64, width: Option<u16>) -> Result<Option<Vec<u8>>, SourceError>;
    /// The roll call of this node's subtree and the root.
    fn rollcall(&self) -> RollcallDoc;
    /// Where a division stands; none for one that nothing names.
    fn place(&self, code: &DivisionCode) -> Result<Option<PlaceDoc>, SourceError>;
    /// A division's year as summed; none for a division that nothing names.
    fn view(&self, query: &ViewQuery) -> Result<Option<View>, SourceError>;
    /// The same taken apart.
    fn view_parts(&self, query: &ViewQuery, by: By) -> Result<Vec<PartOfView>, SourceError>;
    /// The signed cells behind a sum; none when there is no such sum.
    fn provenance(
        &self,
        query: &ViewQuery,
        table: &str,
        column: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<CellPage>, SourceError>;
    /// A table over the years; none when there is no such table.
    fn series(&self, query: &SeriesQuery) -> Result<Option<SeriesView>, SourceError>;
    /// Who owed a report of a year, and who gave one, as the public may know it; none for a division that nothing of
    /// this federation names. Without a division: this node's own and all below.
    fn coverage(
        &self,
        division: Option<&DivisionCode>,
        year: u16,
    ) -> Result<Option<serde_json::Value>, SourceError>;
    /// Where an agency's year is found that is not under `agency_id`: the id that stands for an alias, or the agency
    /// of the same name in the one division that goes on with the duties of a closed one.
    fn moved(&self, agency_id: &str, year: u16) -> Result<Option<String>, SourceError>;
    /// Revisions that became public, newest first.
    fn notices(&self, wanted: Wanted, after: Option<&str>, limit: usize) -> Result<NoticePage, SourceError>;
    /// What the log says from index `since` on, as the public may know it.
    fn changes(&self, since: u64, limit: usize) -> Result<ChangesDoc, SourceError>;
    /// What changed between two public packages; none when a content is not here.
    fn difference(&self, before: &Digest, after: &Digest) -> Result<Option<Difference>, SourceError>;
    /// The rates of one package's figures.
    fn package_rates(&self, package: &Digest) -> Result<Vec<RateView>, SourceError>;
    /// Which tables each of these packages has.
    fn table_marks(&self, packages: &[Digest]) -> Result<Vec<Vec<TableMark>>, SourceError>;
    /// The layouts of tables that stand.
    fn templates(&self) -> Result<Arc<Templates>, SourceError>;
    /// The years that have a date or a report, newest first.
    fn calendar(&self) -> Vec<YearDoc>;
    /// Divisions and agencies by code or a part of the name.
    fn search(&self, text: &str, limit: usize) -> Result<Hits, SourceError>;
    /// The start page's figures.
    fn overview(&self) -> OverviewDoc;
}
