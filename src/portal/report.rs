//! The page of one report: tables exactly as printed, history, and what a stranger needs to verify it.

use super::Portal;
use super::api;
use super::doc::{
    CellDoc, CellState, PackageDoc, PackageKind, PackageState, PackageSummary, ReportStatus, TableDoc,
};
use super::pages::{Frame, page, shown, year_link};
use super::reply::{Problem, here};
use super::text::{grouped, same_number, segment, web_url};
use crate::digest::Digest;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

/// The label that everything not real carries.
const SYNTHETIC_LABEL: &str = "合成示例";

#[derive(Template)]
#[template(path = "report.html", config = "src/portal/askama.toml")]
struct ReportPage {
    frame: Frame,
    tables: Vec<TableView>,
    provisional: bool,
    superseded: bool,
    synthetic: bool,
    /// A statement without figures: nothing happened, or there is no such duty.
    nothing: bool,
    no_activity: bool,
    source_link: Option<String>,
    current_link: String,
    api_link: String,
    doc: PackageDoc,
}

pub(crate) struct TableView {
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    /// One row: on a narrow screen it reads as a list of names and figures.
    pub(crate) stacks: bool,
    pub(crate) columns: Vec<ColumnView>,
    pub(crate) rows: Vec<Vec<CellView>>,
}

pub(crate) struct ColumnView {
    pub(crate) header: String,
    pub(crate) unit: Option<String>,
    pub(crate) numeric: bool,
}

pub(crate) struct CellView {
    pub(crate) class: &'static str,
    pub(crate) text: String,
    /// The exact value in base units, where it is written differently.
    pub(crate) exact: Option<String>,
    pub(crate) header: String,
    pub(crate) row_head: bool,
}

/// `/a/{agency}/{year}`: the revision in force; if none is, the newest.
pub(super) async fn current(
    State(portal): State<Portal>,
    Path((agency, year)): Path<(String, String)>,
) -> Response {
    let result = of_year(&portal, agency, &year, |revisions| {
        let released = revisions.iter().rev().find(|package| package.state == PackageState::Released);
        released.or(revisions.last()).map(|package| package.digest)
    });
    let result = result.await;
    shown(&portal, result).await
}

/// `/a/{agency}/{year}/v{n}`: one revision.
pub(super) async fn revision(
    State(portal): State<Portal>,
    Path((agency, year, revision)): Path<(String, String, String)>,
) -> Response {
    // One spelling only: `v1`, not `v01` or `v+1`.
    let number = revision.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok());
    let number = number.filter(|n| revision == format!("v{n}"));
    let result = of_year(&portal, agency, &year, move |revisions| {
        revisions.iter().find(|package| Some(package.revision) == number).map(|package| package.digest)
    });
    let result = result.await;
    shown(&portal, result).await
}

/// `/p/{digest}`: a package by content.
pub(super) async fn by_digest(State(portal): State<Portal>, Path(digest): Path<String>) -> Response {
    let result = match digest.parse() {
        Ok(digest) => report(&portal, digest).await,
        Err(_) => Err(Problem::NotFound),
    };
    shown(&portal, result).await
}

async fn of_year(
    portal: &Portal,
    agency: String,
    year: &str,
    pick: impl FnOnce(&[PackageSummary]) -> Option<Digest>,
) -> Result<Response, Problem> {
    let year = api::year(year).ok_or(Problem::NotFound)?;
    let found = portal.read(move |source| {
        let revisions = source.agency_year(&agency, year)?;
        let moved = if revisions.is_empty() { source.moved(&agency, year)? } else { None };
        Ok((revisions, moved))
    });
    let (revisions, moved) = found.await?;
    if let Some(id) = moved {
        let to = format!("{}/a/{}/{year}", portal.base, segment(&id));
        return Ok(Redirect::permanent(&to).into_response());
    }
    report(portal, pick(&revisions).ok_or(Problem::NotFound)?).await
}

async fn report(portal: &Portal, digest: Digest) -> Result<Response, Problem> {
    let (node, found) = portal.read(move |source| Ok((source.node(), source.package(&digest)?))).await?;
    let doc = here(found)?;
    let base = portal.base.as_ref();
    let texts =
        [Some(&doc.summary.agency.name), doc.notes.as_ref(), doc.narrative.as_ref(), doc.as_printed.as_ref()];
    let synthetic = texts.into_iter().flatten().any(|text| text.contains(SYNTHETIC_LABEL));
    Ok(page(&ReportPage {
        tables: doc.tables.iter().map(TableView::new).collect(),
        provisional: doc.summary.status == ReportStatus::Provisional,
        superseded: doc.summary.state != PackageState::Released,
        synthetic,
        nothing: doc.summary.kind != PackageKind::Report,
        no_activity: doc.summary.kind == PackageKind::Nil,
        source_link: doc.source_url.as_deref().and_then(web_url).map(str::to_owned),
        current_link: year_link(&doc.summary),
        api_link: format!("{base}/api/v1/packages/{}", doc.summary.digest),
        frame: Frame::new(portal, node, ""),
        doc,
    }))
}

impl TableView {
    pub(crate) fn new(table: &TableDoc) -> Self {
        let numeric = |at: usize| {
            let states = || table.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.state);
            states().any(|state| state == CellState::Value) && states().all(|state| state != CellState::Text)
        };
        let columns = table.columns.iter().enumerate().map(|(at, column)| ColumnView {
            header: column.header.clone(),
            // Said once: not again where the header or the caption says it.
            unit: column.unit.clone().filter(|unit| {
                let common = table.unit.as_deref().and_then(|line| line.split([';', '；', '，', ',']).next());
                !column.header.contains(unit.as_str()) && common != Some(unit)
            }),
            numeric: numeric(at),
        });
        let columns: Vec<ColumnView> = columns.collect();
        let header = |at: usize| columns.get(at).map(|column| column.header.clone()).unwrap_or_default();
        let row = |row: &Vec<CellDoc>| {
            let labelled = row.len() > 1 && row.first().is_some_and(|cell| cell.state == CellState::Text);
            let cells = row.iter().enumerate();
            cells.map(|(at, cell)| CellView::new(cell, header(at), labelled && at == 0)).collect()
        };
        let rows: Vec<Vec<CellView>> = table.rows.iter().map(row).collect();
        Self { name: table.name.clone(), unit: table.unit.clone(), stacks: rows.len() == 1, rows, columns }
    }
}

impl CellView {
    /// Zero, blank and not applicable never look alike.
    fn new(cell: &CellDoc, header: String, row_head: bool) -> Self {
        let (class, text) = match cell.state {
            CellState::Value => ("num", cell.printed.clone()),
            CellState::Blank => ("num empty", "空白".to_owned()),
            CellState::NotApplicable => ("num empty", "不适用".to_owned()),
            CellState::Text => ("", cell.printed.clone()),
        };
        let exact = match (cell.state, &cell.value) {
            (CellState::Value, Some(value)) if !same_number(&cell.printed, value) => {
                let unit = cell.unit.as_deref().unwrap_or_default();
                Some(format!("{} {unit}", grouped(value)).trim_end().to_owned())
            }
            _ => None,
        };
        Self { class, text, exact, header, row_head }
    }
}
