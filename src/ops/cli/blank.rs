//! `gongshi template xlsx|csv|json`: blank files for an agency and a year.

use super::Outcome;
use super::args::Global;
use super::link::ask;
use super::packages::{array, text};
use super::template::{in_force, texts};
use crate::division::DivisionCode;
use crate::intake::blank::{self, Blank, LastYear};
use crate::ops::query::{Filter, Query};
use crate::ops::service::{Failure, Request};
use crate::template::{Template, Templates};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(ClapArgs)]
pub(super) struct BlankArgs {
    /// 机关全称 / the agency's name
    #[arg(long, value_name = "NAME")]
    agency: String,
    /// 年度 / the year of the figures
    #[arg(long, value_parser = clap::value_parser!(u16).range(1949..=2200))]
    year: u16,
    /// 统一社会信用代码 / the agency's credit code
    #[arg(long, default_value = "")]
    code: String,
    /// 区划代码（默认为本节点）/ division; this node's own by default
    #[arg(long)]
    division: Option<DivisionCode>,
    /// 表式代号，见 template list；默认每种表一张 / layouts by id; by default one of every table
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    layout: Vec<String>,
    /// 每单位一行并加合计行 / a row for each of these units, and a 合计 row
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    units: Vec<String>,
    /// 写入的文件 / the file to write
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// 覆盖已有文件 / write over an existing file
    #[arg(long)]
    force: bool,
}

/// What kind of file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Workbook,
    Separated,
    Json,
}

pub(super) fn run(global: &Global, form: Form, args: &BlankArgs) -> Result<Outcome, Failure> {
    let templates = in_force(&texts(global));
    let division =
        args.division.as_ref().map(ToString::to_string).or_else(|| own_division(global)).unwrap_or_default();
    let blank = Blank {
        agency_name: &args.agency,
        agency_code: &args.code,
        division: &division,
        year: args.year,
        layouts: layouts(&templates, &args.layout)?,
        units: &args.units,
        last_year: last_year(global, &args.agency, args.year).unwrap_or_default(),
    };
    let bytes = match form {
        Form::Workbook => blank::workbook(&blank).map_err(|what| {
            Failure::new(
                1,
                "template_not_written",
                format!("无法生成工作簿：{what} / the workbook cannot be made"),
            )
        })?,
        Form::Separated => blank::separated(&blank).into_bytes(),
        Form::Json => skeleton(&blank),
    };
    let ids: Vec<&str> = blank.layouts.iter().map(|template| template.id.as_str()).collect();
    let document = json!({
        "schema": "gongshi.blank/1", "file": args.output, "layouts": ids, "last_year": !blank.last_year.is_empty(),
    });
    let Some(path) = &args.output else {
        if form == Form::Workbook {
            let message = "请用 -o 指定要写入的 .xlsx 文件 / name the .xlsx file to write with -o";
            return Err(Failure::new(2, "usage", message));
        }
        let text = String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').trim_end().to_owned();
        return Ok(Outcome::done(document, text));
    };
    write(path, &bytes, args.force)?;
    let shown = path.display();
    Ok(Outcome::done(
        document,
        global.words(
            &format!("已生成 {shown}（表式：{}）；填好后：gongshi check {shown}", ids.join("、")),
            &format!("{shown} is written ({}); fill it in, then: gongshi check {shown}", ids.join(", ")),
        ),
    ))
}

/// Writes a file that must not be there yet: a clerk's filled-in workbook is not written over by a blank one.
pub(super) fn write(path: &std::path::Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        let message = format!(
            "{}: 文件已存在；换个名字或加 --force / it exists: another name, or --force",
            path.display()
        );
        return Err(Failure::new(2, "file_exists", message));
    }
    std::fs::write(path, bytes).map_err(|error| {
        Failure::new(2, "not_written", format!("{}: 无法写入：{error} / cannot be written", path.display()))
    })
}

/// The layouts named; without names the first of every table that stands.
fn layouts<'a>(templates: &'a Templates, named: &[String]) -> Result<Vec<&'a Template>, Failure> {
    let mut chosen: Vec<&Template> = Vec::new();
    for id in named {
        let template = templates.find(id).ok_or_else(|| {
            let message = format!(
                "没有模板“{id}”；用 gongshi template list 查看 / no template {id}: see gongshi template list"
            );
            Failure::new(2, "no_such_template", message)
        })?;
        chosen.push(template);
    }
    if named.is_empty() {
        for template in templates.iter() {
            if !chosen.iter().any(|other| other.table == template.table) {
                chosen.push(template);
            }
        }
    }
    Ok(chosen)
}

fn own_division(global: &Global) -> Option<String> {
    if !global.data().is_initialised() {
        return None;
    }
    let status = ask(global, Request::Status).ok()?;
    status["node"]["code"].as_str().map(str::to_owned)
}

/// What the agency published for the year before, if the node has it.
fn last_year(global: &Global, agency: &str, year: u16) -> Option<LastYear> {
    if !global.data().is_initialised() {
        return None;
    }
    let filter = Filter {
        division: None,
        year: Some(year.checked_sub(1)?),
        agency: Some(agency.to_owned()),
        state: Some("released".to_owned()),
        limit: 100,
    };
    let listed = ask(global, Request::Query(Query::List(filter))).ok()?;
    let line = array(&listed["packages"]).iter().find(|line| line["agency"]["name"] == agency)?;
    let shown = ask(global, Request::Query(Query::Show(text(&line["digest"])))).ok()?;
    let mut last_year = LastYear::default();
    for table in array(&shown["tables"]) {
        let (id, rows) = (text(&table["id"]), array(&table["rows"]));
        for row in rows {
            let cells = || array(&table["columns"]).iter().zip(array(row));
            let labels = cells().map(|(_, cell)| cell).filter(|cell| cell["state"] == "text");
            // A running number names nothing; one row is the whole, whatever it is called.
            let mut names =
                labels.map(|cell| text(&cell["printed"])).filter(|name| name.parse::<u64>().is_err());
            let label = names.next().filter(|_| rows.len() > 1);
            for (column, cell) in cells() {
                let printed = text(&cell["printed"]);
                if !printed.is_empty() && cell["state"] != "text" {
                    last_year.put(&id, label.as_deref().unwrap_or_default(), &text(&column["id"]), &printed);
                }
            }
        }
    }
    Some(last_year)
}

/// A report file (JSON) with every figure blank.
fn skeleton(blank: &Blank<'_>) -> Vec<u8> {
    let mut tables = serde_json::Map::new();
    for template in &blank.layouts {
        let headers: Vec<String> = blank::headers(template);
        let nulls = vec![Value::Null; headers.len()];
        let unit = blank::unit(template);
        let table = if blank.units.is_empty() {
            json!({"unit": unit, "columns": headers, "values": nulls})
        } else {
            let columns: Vec<String> = std::iter::once("单位名称".to_owned()).chain(headers).collect();
            let units = blank.units.iter().map(String::as_str).chain(["合计"]);
            let row =
                |unit: &str| std::iter::once(json!(unit)).chain(nulls.iter().cloned()).collect::<Vec<_>>();
            json!({"unit": unit, "columns": columns, "rows": units.map(row).collect::<Vec<_>>()})
        };
        tables.insert(template.title.clone(), table);
    }
    let code = Some(blank.agency_code).filter(|code| !code.is_empty());
    let division = Some(blank.division).filter(|division| !division.is_empty());
    let report = json!({
        "agency_name": blank.agency_name, "agency_code": code, "division_code": division, "year": blank.year,
        "tables": tables, "narrative": "",
    });
    serde_json::to_vec_pretty(&report).unwrap_or_default()
}
