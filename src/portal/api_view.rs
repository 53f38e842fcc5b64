//! The API of the consolidated view: a division's year, the cells behind a sum, a table over the years.

use super::Portal;
use super::api::{Answer, limit, year};
use super::reply::{NO_CACHE, Problem, json};
use super::source::LIST_LIMIT_DEFAULT;
use crate::division::DivisionCode;
use crate::view::{By, SeriesQuery, ViewQuery, ViewScope};
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json as document;

/// Longest id or cursor accepted, in bytes: a cursor holds an agency's id.
const PARAMETER_BYTES_MAX: usize = 1024;

/// Query parameters, as text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ViewParameters {
    scope: Option<String>,
    template: Option<String>,
    by: Option<String>,
    table: Option<String>,
    column: Option<String>,
    limit: Option<String>,
    after: Option<String>,
}

type Parameters = Result<Query<ViewParameters>, axum::extract::rejection::QueryRejection>;

impl ViewParameters {
    fn of(parameters: Parameters) -> Result<Self, Problem> {
        let Query(found) = parameters.map_err(|_| Problem::BadParameter("query"))?;
        let given = |text: Option<String>, name| match text.filter(|text| !text.is_empty()) {
            Some(text) if text.len() > PARAMETER_BYTES_MAX => Err(Problem::BadParameter(name)),
            text => Ok(text),
        };
        Ok(Self {
            scope: given(found.scope, "scope")?,
            template: given(found.template, "template")?,
            by: given(found.by, "by")?,
            table: given(found.table, "table")?,
            column: given(found.column, "column")?,
            limit: given(found.limit, "limit")?,
            after: given(found.after, "after")?,
        })
    }

    fn scope(&self) -> Result<ViewScope, Problem> {
        let word = self.scope.as_deref();
        word.map_or(Ok(ViewScope::default()), |word| {
            ViewScope::from_word(word).ok_or(Problem::BadParameter("scope"))
        })
    }

    fn query(&self, code: &str, of: &str) -> Result<ViewQuery, Problem> {
        Ok(ViewQuery {
            division: division(code)?,
            year: year(of).ok_or(Problem::NotFound)?,
            scope: self.scope()?,
            template: self.template.clone(),
        })
    }
}

/// What is no code names no division.
fn division(code: &str) -> Result<DivisionCode, Problem> {
    code.parse().map_err(|_| Problem::NotFound)
}

/// `GET /api/v1/view/{code}/{year}?scope=&template=&by=`
pub(super) async fn view(
    State(portal): State<Portal>,
    Path((code, of)): Path<(String, String)>,
    parameters: Parameters,
) -> Answer {
    let parameters = ViewParameters::of(parameters)?;
    let query = parameters.query(&code, &of)?;
    let by = match &parameters.by {
        Some(word) => Some(By::from_word(word).ok_or(Problem::BadParameter("by"))?),
        None => None,
    };
    let found = portal.read(move |source| {
        let Some(view) = source.view(&query)? else { return Ok(None) };
        Ok(Some((view, by.map(|by| source.view_parts(&query, by)).transpose()?)))
    });
    let (view, parts) = found.await?.ok_or(Problem::NotFound)?;
    let mut shown = document!(view);
    if let (Some(by), Some(parts)) = (by, parts) {
        shown["by"] = document!(by);
        shown["parts"] = document!(parts);
    }
    Ok(json(&shown, NO_CACHE))
}

/// `GET /api/v1/view/{code}/{year}/provenance?table=&column=&scope=&template=&limit=&after=`
pub(super) async fn provenance(
    State(portal): State<Portal>,
    Path((code, of)): Path<(String, String)>,
    parameters: Parameters,
) -> Answer {
    let parameters = ViewParameters::of(parameters)?;
    let query = parameters.query(&code, &of)?;
    let table = parameters.table.ok_or(Problem::BadParameter("table"))?;
    let column = parameters.column.ok_or(Problem::BadParameter("column"))?;
    let most = match &parameters.limit {
        Some(text) => limit(text).ok_or(Problem::BadParameter("limit"))?,
        None => LIST_LIMIT_DEFAULT,
    };
    let after = parameters.after;
    let read =
        move |source: &dyn super::Source| source.provenance(&query, &table, &column, after.as_deref(), most);
    let page = portal.read(read).await?.ok_or(Problem::NotFound)?;
    Ok(json(&page, NO_CACHE))
}

/// `GET /api/v1/series/{code}?table=&column=&scope=&template=`
pub(super) async fn series(
    State(portal): State<Portal>,
    Path(code): Path<String>,
    parameters: Parameters,
) -> Answer {
    let parameters = ViewParameters::of(parameters)?;
    let query = SeriesQuery {
        division: division(&code)?,
        scope: parameters.scope()?,
        table: parameters.table.ok_or(Problem::BadParameter("table"))?,
        column: parameters.column,
        template: parameters.template,
    };
    let found = portal.read(move |source| source.series(&query)).await?;
    Ok(json(&found.ok_or(Problem::NotFound)?, NO_CACHE))
}
