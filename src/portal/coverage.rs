//! `/coverage/{year}`: who owed a report, who gave one, who is late; the same as JSON, CSV and the circular's workbook.

use super::Portal;
use super::api;
use super::circular::{csv, standing, workbook};
use super::pages::{Frame, page, shown};
use super::reply::{NO_CACHE, Problem, content, json};
use super::text::segment;
use crate::division::DivisionCode;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Agencies on one page: about 50 KB of HTML before compression; the rest is by division or in the files.
const AGENCIES_SHOWN: usize = 300;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Parameters {
    division: Option<String>,
}

struct DivisionRow {
    code: String,
    name: String,
    counts: Vec<u64>,
}

struct AgencyRow {
    name: String,
    division: String,
    words: Vec<String>,
    class: &'static str,
    due: String,
    received: String,
    days_late: u64,
    link: Option<String>,
}

#[derive(Template)]
#[template(path = "coverage.html", config = "src/portal/askama.toml")]
struct CoveragePage {
    frame: Frame,
    name: String,
    year: u16,
    basis: String,
    withheld: bool,
    counts: Vec<(&'static str, u64)>,
    divisions: Vec<DivisionRow>,
    agencies: Vec<AgencyRow>,
    rest: usize,
    query: String,
}

const COUNTS: [(&str, &str); 8] = [
    ("应报", "expected"),
    ("已报", "reported"),
    ("零报告", "nil"),
    ("不适用", "not_applicable"),
    ("退回", "returned"),
    ("未报", "missing"),
    ("迟报", "late"),
    ("名册外", "unexpected"),
];

/// `/coverage/{year}` and the same with `.json`, `.csv`, `.xlsx`; `?division=` takes a part.
pub(super) async fn coverage(
    State(portal): State<Portal>,
    Path(of): Path<String>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let (of, form) = of.split_once('.').map_or((of.as_str(), None), |(of, form)| (of, Some(form)));
    let document = async {
        let Query(parameters) = parameters.map_err(|_| Problem::BadParameter("query"))?;
        let year = api::year(of).ok_or(Problem::NotFound)?;
        let division = parameters.division.filter(|code| !code.is_empty());
        let division: Option<DivisionCode> =
            division.map(|code| code.parse()).transpose().map_err(|_| Problem::BadParameter("division"))?;
        let asked = division.clone();
        let found = portal.read(move |source| Ok((source.node(), source.coverage(asked.as_ref(), year)?)));
        let (node, document) = found.await?;
        Ok((node, year, division, document.ok_or(Problem::NotFound)?))
    };
    let found: Result<_, Problem> = document.await;
    match (form, found) {
        (Some("json"), Ok((.., document))) => json(&document, NO_CACHE),
        (Some("csv"), Ok((_, year, _, document))) => {
            file(csv(&document).into_bytes(), "text/csv; charset=utf-8", &format!("coverage-{year}.csv"))
        }
        (Some("xlsx"), Ok((_, year, _, document))) => match workbook(&document) {
            Some(book) => file(
                book,
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                &format!("coverage-{year}.xlsx"),
            ),
            None => Problem::Unavailable.into_response(),
        },
        (Some("json" | "csv" | "xlsx"), Err(problem)) => problem.into_response(),
        (Some(_), _) => shown(&portal, Err(Problem::NotFound)).await,
        (None, found) => {
            let made = found.map(|(node, year, division, document)| {
                page(&CoveragePage::new(Frame::new(&portal, node, ""), year, division, &document))
            });
            shown(&portal, made).await
        }
    }
}

fn file(bytes: Vec<u8>, media_type: &'static str, name: &str) -> Response {
    let mut response = content(bytes, media_type, NO_CACHE);
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl CoveragePage {
    fn new(frame: Frame, year: u16, division: Option<DivisionCode>, document: &Value) -> Self {
        let list = |key: &str| document[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let count = |of: &Value, key: &str| of[key].as_u64().unwrap_or(0);
        let basis = match (document["basis"].as_str(), document["earlier_year"].as_u64()) {
            (Some("roster"), _) => "应报机关以各级签名公布的名册为准。".to_owned(),
            (Some("mixed"), _) => "有名册的区划以名册为准，其余以往年及本年度报送过的机关为应报。".to_owned(),
            (_, Some(earlier)) => {
                format!("尚无名册：以 {earlier} 年度及本年度报送过的机关为应报，从未报送过的机关不在其中。")
            }
            _ => "尚无名册，也没有往年报送可比：只能列出谁报了，不能说明谁没有报。".to_owned(),
        };
        let agencies = list("agencies");
        Self {
            name: word(&document["division"]["name"]),
            year,
            basis,
            withheld: document["withheld"] == true,
            counts: COUNTS.map(|(head, key)| (head, count(&document["counts"], key))).to_vec(),
            divisions: list("divisions")
                .iter()
                .map(|row| DivisionRow {
                    code: word(&row["code"]),
                    name: word(&row["name"]),
                    counts: COUNTS.iter().map(|(_, key)| count(row, key)).collect(),
                })
                .collect(),
            agencies: agencies.iter().take(AGENCIES_SHOWN).map(|line| AgencyRow::new(line, year)).collect(),
            rest: agencies.len().saturating_sub(AGENCIES_SHOWN),
            query: division.map(|code| format!("?division={code}")).unwrap_or_default(),
            frame,
        }
    }
}

impl AgencyRow {
    fn new(line: &Value, year: u16) -> Self {
        let class = match line["standing"].as_str() {
            Some("reported") if line["provisional"] != true => "good",
            Some("missing" | "returned") => "bad",
            Some("not_applicable" | "undisclosed") => "plain",
            _ => "warn",
        };
        let id = segment(line["agency_id"].as_str().unwrap_or_default());
        Self {
            name: word(&line["agency_name"]),
            division: word(&line["division"]),
            words: standing(line, false),
            class,
            due: word(&line["due"]),
            received: word(&line["received_at"]).chars().take(10).collect(),
            days_late: line["days_late"].as_u64().unwrap_or(0),
            link: line["digest"].as_str().map(|_| format!("/a/{id}/{year}")),
        }
    }
}
