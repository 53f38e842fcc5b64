//! `GET /api/v1/changes?since=`: what the public log says, entry by entry, so that a mirror reads only what is new.

use super::Portal;
use super::api::{Answer, limit};
use super::doc::{AgencyDoc, PackageState};
use super::reply::{NO_CACHE, Problem, json};
use super::source::LIST_LIMIT_DEFAULT;
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::time::WallMs;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize, Serializer};

/// `GET /api/v1/changes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangesDoc {
    /// Entries of the log that are answered for: ask again with `since` of this when there is no `next`.
    pub size: u64,
    /// In the order of the log. An entry that is not public is left out; when its year is released, the entry that
    /// releases it says so.
    pub changes: Vec<ChangeDoc>,
    /// Where to go on; absent when everything was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeDoc {
    /// Its index.
    pub index: u64,
    /// `report`, `correction`, `withdrawal`, `release`, `governance`.
    pub kind: &'static str,
    /// Digest of its statement.
    pub digest: Digest,
    /// When the root sequenced it, RFC 3339.
    #[serde(serialize_with = "rfc3339")]
    pub at: WallMs,
    /// The year it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// The division it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub division: Option<DivisionCode>,
    /// Whose report it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<AgencyDoc>,
    /// Which revision of the agency's year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Where the revision stands now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PackageState>,
}

fn rfc3339<S: Serializer>(at: &WallMs, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(at)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    since: Option<String>,
    limit: Option<String>,
}

/// `GET /api/v1/changes?since=&limit=`
pub(super) async fn changes(
    State(portal): State<Portal>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(asked) = parameters.map_err(|_| Problem::BadParameter("query"))?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let since =
        given(asked.since).map_or(Ok(0), |text| text.parse().map_err(|_| Problem::BadParameter("since")))?;
    let most = match given(asked.limit) {
        Some(text) => limit(&text).ok_or(Problem::BadParameter("limit"))?,
        None => LIST_LIMIT_DEFAULT,
    };
    Ok(json(&portal.read(move |source| source.changes(since, most)).await?, NO_CACHE))
}
