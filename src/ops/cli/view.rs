//! `gongshi view`: a division's year as summed, for a terminal, a program, a spreadsheet.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::{FINDINGS, Outcome, print, say};
use crate::division::DivisionCode;
use crate::ops::query::{Query, ViewAsk, ViewForm};
use crate::ops::service::{Failure, Request};
use crate::view::{By, ViewScope};
use clap::Args as ClapArgs;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

#[derive(ClapArgs)]
pub(super) struct View {
    /// 年度 / year
    #[arg(value_parser = clap::value_parser!(u16).range(1949..=9999))]
    year: u16,
    /// 区划代码（默认本节点）/ division, this node's without it
    #[arg(long, value_name = "CODE")]
    division: Option<DivisionCode>,
    /// 拆开：下级、机关、表式 / taken apart
    #[arg(long, value_name = "child|agency|template", value_parser = ["child", "agency", "template"])]
    by: Option<String>,
    /// own 本级，all 本级及下级 / own, or with lower levels
    #[arg(long, value_name = "own|all", default_value = "all", value_parser = ["own", "all"])]
    scope: String,
    /// 按此表式合并（能折算的）/ read in this layout where it can be
    #[arg(long, value_name = "ID")]
    template: Option<String>,
    /// 输出 CSV / tidy CSV
    #[arg(long, conflicts_with = "xlsx")]
    csv: bool,
    /// 输出 XLSX / workbook
    #[arg(long)]
    xlsx: bool,
    /// 写入文件 / write to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(global: &Global, view: &View) -> Result<Outcome, Failure> {
    let form = match (view.csv, view.xlsx) {
        (true, _) => ViewForm::Csv,
        (_, true) => ViewForm::Workbook,
        _ => ViewForm::Document,
    };
    let asked = ViewAsk {
        division: view.division.clone(),
        year: view.year,
        scope: ViewScope::from_word(&view.scope).unwrap_or_default(),
        template: view.template.clone(),
        by: view.by.as_deref().and_then(By::from_word),
        form,
        english: global.english(),
    };
    let to_terminal = view.output.is_none() && std::io::stdout().is_terminal();
    if form == ViewForm::Workbook && to_terminal {
        let message =
            "工作簿不能显示在终端：加 -o 文件.xlsx / a workbook is not for a terminal: add -o FILE.xlsx";
        return Err(Failure::new(2, "needs_output", message));
    }
    let document = ask(global, Request::Query(Query::View(asked)))?;
    let bytes = match form {
        ViewForm::Document => None,
        ViewForm::Csv => document["csv"].as_str().map(|csv| csv.as_bytes().to_vec()),
        ViewForm::Workbook => {
            document["xlsx"].as_str().and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok())
        }
    };
    let differs = !array(&document["differences"]).is_empty();
    let Some(bytes) = bytes else {
        let shown = readable(global, &document);
        let bytes = if global.json { format!("{document}\n") } else { format!("{shown}\n") };
        let Some(path) = &view.output else {
            let mut outcome = Outcome::done(document, shown);
            outcome.exit = if differs { FINDINGS } else { outcome.exit };
            return Ok(outcome);
        };
        return write(global, path, bytes.as_bytes());
    };
    match &view.output {
        Some(path) => write(global, path, &bytes),
        None if form == ViewForm::Csv => {
            print(&String::from_utf8_lossy(&bytes));
            Ok(Outcome::said_already())
        }
        None => {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
            Ok(Outcome::said_already())
        }
    }
}

fn write(global: &Global, path: &std::path::Path, bytes: &[u8]) -> Result<Outcome, Failure> {
    std::fs::write(path, bytes).map_err(|error| {
        let message = format!("{}: 无法写入：{error} / cannot be written", path.display());
        Failure::new(1, "io", message)
    })?;
    say(&format!("{} {}", global.words("已写入", "written"), path.display()));
    Ok(Outcome::said_already())
}

/// The document as tables.
fn readable(global: &Global, document: &Value) -> String {
    let scope = match document["scope"].as_str() {
        Some("own") => global.words("本级", "own"),
        _ => global.words("本级及下级", "with lower levels"),
    };
    let mut lines = vec![format!(
        "{} {}  {}  {scope}  {} {}",
        text(&document["division"]["code"]),
        text(&document["division"]["name"]),
        text(&document["year"]),
        text(&document["packages"]),
        global.words("份报告", "reports summed"),
    )];
    for table in array(&document["tables"]) {
        lines.push(String::new());
        lines.push(title(global, table));
        lines.push(match document["parts"].as_array() {
            Some(parts) if document["by"] != "template" => apart(global, table, parts),
            _ => columns(global, table),
        });
    }
    if array(&document["tables"]).is_empty() {
        lines.push(String::new());
        lines
            .push(global.words("没有已公开、可汇总的报告", "no public report that can be summed").to_owned());
    }
    let rates: Vec<Vec<String>> =
        array(&document["rates"]).iter().map(|rate| rate_row(global, rate)).collect();
    if !rates.is_empty() {
        lines.extend([String::new(), grid::<&str>(&[], &rates)]);
    }
    let differences: Vec<Vec<String>> = array(&document["differences"]).iter().map(difference_row).collect();
    if !differences.is_empty() {
        let heads = match global.english() {
            true => ["consolidated report", "table", "column", "row", "printed", "computed", "difference"],
            false => ["汇总报告", "表", "栏目", "行", "所印", "所算", "相差"],
        };
        let word =
            global.words("汇总数与各报告之和不一致：", "printed totals that their parts do not sum to:");
        lines.extend([String::new(), word.to_owned(), grid(&heads, &differences)]);
    }
    lines.join("\n")
}

fn title(global: &Global, table: &Value) -> String {
    let folded: Vec<String> = array(&table["folded"])
        .iter()
        .map(|fold| format!("{} × {}", text(&fold["template"]), text(&fold["packages"])))
        .collect();
    let mut title =
        format!("{}  [{}]  {}", text(&table["name"]), text(&table["id"]), text(&table["packages"]));
    title += global.words(" 份", " reports");
    if !folded.is_empty() {
        let into = global.words("折算为", "folded into");
        title += &format!("  {into} {}: {}", text(&table["template"]), folded.join(", "));
    }
    title
}

fn columns(global: &Global, table: &Value) -> String {
    let row = |column: &Value| {
        let last = &column["last_year"];
        vec![
            text(&column["header"]),
            column["sum"].as_str().map_or_else(|| "-".to_owned(), str::to_owned),
            text(&column["unit"]),
            text(&column["packages"]),
            text(&last["sum"]),
            text(&last["percent"]),
        ]
    };
    let rows: Vec<Vec<String>> = array(&table["columns"]).iter().map(row).collect();
    let heads = match global.english() {
        true => ["column", "sum", "unit", "reports", "last year", "change"],
        false => ["栏目", "合计", "单位", "报告数", "上年", "变动"],
    };
    grid(&heads, &rows)
}

/// One row a part, the columns of one table beside each other.
fn apart(global: &Global, table: &Value, parts: &[Value]) -> String {
    let columns = array(&table["columns"]);
    let heads: Vec<String> = [global.words("部分", "part").to_owned()]
        .into_iter()
        .chain(columns.iter().map(|column| text(&column["header"])))
        .collect();
    let row = |part: &Value| {
        let own = array(&part["tables"]).iter().find(|own| own["id"] == table["id"])?;
        let sum = |column: &Value| {
            let held = array(&own["columns"]).iter().find(|held| held["id"] == column["id"]);
            held.and_then(|held| held["sum"].as_str()).map_or_else(|| "-".to_owned(), str::to_owned)
        };
        let name = match part["own"] == true {
            true => global.words("本级", "own").to_owned(),
            false => text(&part["name"]),
        };
        let name = if name.is_empty() { text(&part["division"]) } else { name };
        Some([name].into_iter().chain(columns.iter().map(sum)).collect::<Vec<_>>())
    };
    grid(&heads, &parts.iter().filter_map(row).collect::<Vec<_>>())
}

fn rate_row(global: &Global, rate: &Value) -> Vec<String> {
    let value =
        rate["value"].as_str().map_or_else(|| global.words("无案件", "no cases").to_owned(), str::to_owned);
    let name = if global.english() { &rate["name_en"] } else { &rate["name"] };
    let fraction = format!("{} / {}", text(&rate["numerator"]), text(&rate["denominator"]));
    vec![text(name), fraction, value]
}

fn difference_row(difference: &Value) -> Vec<String> {
    let fields = ["table_name", "header", "row", "printed", "computed", "difference"];
    let rest = fields.iter().map(|field| text(&difference[*field]));
    [text(&difference["agency"]["name"])].into_iter().chain(rest).collect()
}
