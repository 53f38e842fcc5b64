//! The documents of the public API: field names and shapes exactly as the contract states them.
//!
//! Plain values, no behaviour beyond the Chinese words people read. A field that the contract marks optional is
//! absent, never null; `template` and a column's `unit` are always present and null where there is none. What goes
//! beyond the contract is optional and named so in its comment.

pub use super::kind::PackageKind;
use crate::digest::Digest;
use crate::division::{DivisionCode, Level};
use crate::time::WallMs;
use serde::{Deserialize, Serialize, Serializer};

/// Root hashes are base64 in JSON, as in checkpoints (c2sp.org/tlog-checkpoint).
fn base64<S: Serializer>(digest: &Digest, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&digest.base64())
}

/// Times are RFC 3339 in China Standard Time.
fn rfc3339<S: Serializer>(at: &WallMs, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(at)
}

fn rfc3339_or_null<S: Serializer>(at: &Option<WallMs>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => s.collect_str(at),
        None => s.serialize_none(),
    }
}

/// Size and root hash of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogDoc {
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root hash.
    #[serde(serialize_with = "base64")]
    pub root_hash: Digest,
}

/// How far a quorum of the nodes under the root cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfirmedDoc {
    /// Cosigning nodes that the policy asks for; 0 when it asks for none.
    pub quorum: usize,
    /// The largest size of the root log with so many, 0 when there is none.
    pub size: u64,
}

/// `GET /api/v1/node`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeDoc {
    /// This node's division.
    pub code: DivisionCode,
    /// Its level.
    pub level: Level,
    /// Its name as delegated.
    pub name: String,
    /// Federation id: the anchor's key id.
    pub federation: Digest,
    /// Version of the program.
    pub version: String,
    /// The node's own log.
    pub log: LogDoc,
    /// The root log as verified and shown; size 0 before the first tail.
    pub root_log: LogDoc,
    /// Changes together with `root_log`, never apart from it.
    #[serde(serialize_with = "base64")]
    pub view_root: Digest,
    /// Statements of all origins durable here with card and bodies except attachments, sequenced or not.
    pub received: u64,
    /// Shown beside what the root published, and hides nothing.
    pub confirmed: ConfirmedDoc,
}

/// `GET /.well-known/gongshi.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityDoc {
    /// Federation id.
    pub federation: Digest,
    /// The anchor's public key, lower-case hex.
    pub anchor_key: String,
    /// Origin and verifier key of the root log.
    pub root_log: VerifierDoc,
    /// This node's division code.
    pub code: DivisionCode,
    /// Name and verifier key this node cosigns with.
    pub cosigner: CosignerDoc,
}

/// Origin line and C2SP verifier key of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifierDoc {
    /// First line of the log's checkpoints.
    pub origin: String,
    /// Verifier key (c2sp.org/signed-note).
    pub vkey: String,
}

/// Name and C2SP verifier key of a cosigner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CosignerDoc {
    /// Key name on signature lines.
    pub name: String,
    /// Verifier key (c2sp.org/tlog-cosignature).
    pub vkey: String,
}

/// An agency as the fold resolved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgencyDoc {
    /// The code if one was given first, else `division:NAME`. Any text: encode it in links.
    pub id: String,
    /// The name as printed.
    pub name: String,
    /// GB 32100-2015 code, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A division's code and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DivisionDoc {
    /// Division code.
    pub code: DivisionCode,
    /// Name as delegated or from the registry.
    pub name: String,
}

/// Where a public revision stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageState {
    /// 已公开
    #[default]
    Released,
    /// 已被更正
    Superseded,
    /// 已撤回
    Withdrawn,
}

impl PackageState {
    /// The one word people read everywhere.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Released => "已公开",
            Self::Superseded => "已被更正",
            Self::Withdrawn => "已撤回",
        }
    }
    /// The state of a query parameter.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Released, Self::Superseded, Self::Withdrawn].into_iter().find(|s| s.word() == word)
    }
    /// The word in JSON and queries.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Whether the year's figures are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportStatus {
    /// 正式
    Final,
    /// 预报
    Provisional,
}

impl ReportStatus {
    /// The word people read.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Final => "正式",
            Self::Provisional => "预报",
        }
    }
}

/// Whose figures a report contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportScope {
    /// The agency's own.
    Own,
    /// The agency's and its members'.
    Consolidated,
}

impl ReportScope {
    /// The words people read.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Own => "本机关",
            Self::Consolidated => "汇总（含所列成员单位）",
        }
    }
}

/// One public revision, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageSummary {
    /// SHA-256 of the statement's bytes.
    pub digest: Digest,
    /// Index in the root log.
    pub index: u64,
    /// Who reports.
    pub agency: AgencyDoc,
    /// For which division.
    pub division: DivisionDoc,
    /// The year of the figures.
    pub year: u16,
    /// 1, 2, 3 within one agency and year.
    pub revision: u32,
    /// Figures, nothing, or no duty. Beyond the contract.
    pub kind: PackageKind,
    /// Released, superseded or withdrawn.
    pub state: PackageState,
    /// Final or provisional.
    pub status: ReportStatus,
    /// Template id; null where no template applied.
    pub template: Option<String>,
    /// A revocation left it 待核实; absent when false. Beyond the contract.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspect: bool,
}

/// `GET /api/v1/packages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PackagePage {
    /// In the order of the root log.
    pub packages: Vec<PackageSummary>,
    /// Opaque and URL-safe; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a cell is. Zero is a value; blank and not applicable are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// A number.
    Value,
    /// Nothing was printed.
    Blank,
    /// 不适用
    NotApplicable,
    /// A label or any other text.
    Text,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellDoc {
    /// Verbatim; empty when blank.
    pub printed: String,
    /// Exact decimal in base units (宗, 元); absent where the unit is unknown or mixed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// Base unit of `value`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// What the cell is.
    pub state: CellState,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDoc {
    /// Column id of the template, or one made from the position.
    pub id: String,
    /// Header as printed.
    pub header: String,
    /// Unit the column is printed in; null where unknown.
    #[serde(default)]
    pub unit: Option<String>,
}

/// One table as published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDoc {
    /// Table id of the template, or one made from the position.
    pub id: String,
    /// Name as printed.
    pub name: String,
    /// The table's unit line as printed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// Template that applied to this table; absent for an extra table.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub template: Option<String>,
    /// Columns in printed order.
    pub columns: Vec<ColumnDoc>,
    /// Rows in printed order, one cell a column.
    pub rows: Vec<Vec<CellDoc>>,
}

/// One line of a report's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevisionDoc {
    /// 1, 2, 3.
    pub revision: u32,
    /// The revision's package digest.
    pub digest: Digest,
    /// Index in the root log.
    pub index: u64,
    /// Where it stands.
    pub state: PackageState,
    /// When the root sequenced it. Beyond the contract.
    #[serde(serialize_with = "rfc3339")]
    pub sequenced_at: WallMs,
    /// Why it corrects or was withdrawn. Beyond the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One attachment of a package. Beyond the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttachmentDoc {
    /// Body digest: the last segment of its URL.
    pub digest: Digest,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// The file's name, as the report gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of the file, as the report gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
}

/// `GET /api/v1/packages/{digest}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageDoc {
    /// The listed fields.
    #[serde(flatten)]
    pub summary: PackageSummary,
    /// Whose figures these are.
    pub scope: ReportScope,
    /// Tables as published.
    pub tables: Vec<TableDoc>,
    /// Prose as published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrative: Option<String>,
    /// All public revisions of this agency and year, oldest first.
    pub revisions: Vec<RevisionDoc>,
    /// Names of the members of a consolidated report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Where the figures were published first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    /// Why figures that do not add up stand as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_printed: Option<String>,
    /// Notes of the reporting agency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// What else the card names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentDoc>,
}

/// One node of the roll call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollcallNode {
    /// Division code.
    pub code: DivisionCode,
    /// Name as delegated. Beyond the contract.
    pub name: String,
    /// Root-log size of its newest attestation.
    pub size: u64,
    /// Its newest attestation equals ours at that size.
    pub agrees: bool,
    /// When it signed; null when it never did.
    #[serde(serialize_with = "rfc3339_or_null")]
    pub at: Option<WallMs>,
}

/// `GET /api/v1/rollcall`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollcallDoc {
    /// Root-log size shown here.
    pub size: u64,
    /// Its root hash.
    #[serde(serialize_with = "base64")]
    pub root_hash: Digest,
    /// The view root at that size.
    #[serde(serialize_with = "base64")]
    pub view_root: Digest,
    /// One entry a node, by code.
    pub nodes: Vec<RollcallNode>,
}
