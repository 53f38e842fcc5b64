//! `gongshi view`: a division's year as summed, whole or taken apart.

use super::{Glance, NoAnswer};
use crate::division::DivisionCode;
use crate::ops::service::Failure;
use crate::ops::sums::read_view;
use crate::portal::workbook::workbook;
use crate::store::Read;
use crate::view::coverage::{self, coverage};
use crate::view::rows::tidy;
use crate::view::{By, CoverageView, ViewQuery, ViewScope, parts, view};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What `gongshi view` asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) struct ViewAsk {
    /// Whose year; the node's own division without one.
    pub(in crate::ops) division: Option<DivisionCode>,
    /// The calendar year.
    pub(in crate::ops) year: u16,
    /// Own, or with lower levels.
    pub(in crate::ops) scope: ViewScope,
    /// The layout to read in.
    pub(in crate::ops) template: Option<String>,
    /// How to take it apart.
    pub(in crate::ops) by: Option<By>,
    /// What to make of it.
    pub(in crate::ops) form: ViewForm,
    /// Heads in English: of CSV and workbooks.
    pub(in crate::ops) english: bool,
}

/// What a view is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ops) enum ViewForm {
    /// `gongshi.view/1`.
    Document,
    /// Tidy CSV, in the field `csv`.
    Csv,
    /// A workbook, in the field `xlsx` (base64).
    Workbook,
}

/// The document `gongshi.view/1`.
pub(super) fn view_document(store: &dyn Read, glance: &Glance, ask: &ViewAsk) -> Result<Value, NoAnswer> {
    let own = glance.nodes.get(&glance.own).map(|node| node.code.clone());
    let Some(division) = ask.division.clone().or(own) else { return Err(unknown("?").into()) };
    let query = ViewQuery { division, year: ask.year, scope: ask.scope, template: ask.template.clone() };
    let found = read_view(store, |reader| {
        if let Some(id) = &query.template
            && reader.templates.find(id).is_none()
        {
            return Ok(Err(no_template(id)));
        }
        let Some(mut view) = view(reader, &query)? else {
            return Ok(Err(unknown(query.division.as_str())));
        };
        let (scope, year) = (glance.scope(), query.year);
        let coverage = coverage(store, scope, &query.division, year, glance.now, coverage::Reader::Public)?;
        view.coverage = CoverageView::of(&coverage, query.scope);
        let parts = ask.by.map(|by| parts(reader, &query, by)).transpose()?;
        let rows = || tidy(&view, parts.as_deref(), ask.english);
        match ask.form {
            ViewForm::Document => {}
            ViewForm::Csv => return Ok(Ok(json!({"schema": "gongshi.view.csv/1", "csv": rows().to_csv()}))),
            ViewForm::Workbook => {
                let Some(bytes) = workbook(&rows(), &view) else { return Ok(Err(no_workbook())) };
                return Ok(Ok(json!({"schema": "gongshi.view.xlsx/1", "xlsx": BASE64.encode(&bytes)})));
            }
        }
        let mut document = json!(view);
        document["schema"] = json!("gongshi.view/1");
        if let (Some(by), Some(parts)) = (ask.by, parts) {
            document["by"] = json!(by);
            document["parts"] = json!(parts);
        }
        Ok(Ok(document))
    })?;
    found.map_err(NoAnswer::from)
}

fn unknown(code: &str) -> Failure {
    let message = format!(
        "{code}: 本联邦没有此区划；gongshi tree 列出各级 / no delegation, hosting or public report of this federation names it; gongshi tree lists the nodes"
    );
    Failure::new(2, "no_such_division", message)
}

fn no_template(id: &str) -> Failure {
    let message = format!(
        "{id}: 没有此表式；gongshi template list 列出全部 / no such template; gongshi template list names them"
    );
    Failure::new(2, "no_such_template", message)
}

fn no_workbook() -> Failure {
    let message =
        "工作簿放不下：行数超过电子表格的上限，请用 --csv / a workbook does not hold so many rows; use --csv";
    Failure::new(5, "workbook_too_large", message)
}
