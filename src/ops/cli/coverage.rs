//! `gongshi coverage`: who owed a report, who gave one, who is late; as text, JSON, CSV or the circular as XLSX.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::roster::last_year;
use super::{DONE, FINDINGS, Outcome};
use crate::division::DivisionCode;
use crate::ops::query::Query;
use crate::ops::service::{Failure, Request};
use crate::portal::circular;
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Agencies that are listed on a terminal; the rest is in the files.
const LINES_SHOWN: usize = 60;

#[derive(ClapArgs)]
pub(super) struct Coverage {
    /// 区划及其下级（缺省为本节点区划）/ a division and all below it
    #[arg(long)]
    division: Option<DivisionCode>,
    /// 年度（缺省为上一年）/ year; the last one without it
    #[arg(long)]
    year: Option<u16>,
    /// 只列未报、退回与迟报 / only what is missing, returned or late
    #[arg(long)]
    missing: bool,
    /// 以 CSV 输出（UTF-8 带 BOM）/ CSV, to stdout or to the file of -o
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// 通报：XLSX 工作簿，写入 -o 所指文件 / the circular as a workbook, to the file of -o
    #[arg(long, requires = "output", conflicts_with = "csv")]
    xlsx: bool,
    /// 写入文件 / write to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(global: &Global, coverage: &Coverage) -> Result<Outcome, Failure> {
    let year = coverage.year.unwrap_or_else(last_year);
    let query = Query::Coverage { division: coverage.division.clone(), year };
    let mut document = ask(global, Request::Query(query))?;
    let counts = &document["counts"];
    let open = counts["missing"].as_u64().unwrap_or(0) + counts["returned"].as_u64().unwrap_or(0);
    let exit = if open > 0 { FINDINGS } else { DONE };
    if coverage.missing {
        let lines = array(&document["agencies"]).iter().filter(|line| needs_someone(line)).cloned();
        document["agencies"] = lines.collect::<Vec<Value>>().into();
    }
    let said = match (coverage.csv, coverage.xlsx) {
        (true, _) => circular::csv(&document).into_bytes(),
        (_, true) => circular::workbook(&document)
            .ok_or_else(|| Failure::new(1, "no_workbook", "无法生成工作簿 / the workbook cannot be made"))?,
        _ => screen(global, &document).into_bytes(),
    };
    let Some(path) = &coverage.output else {
        let said = String::from_utf8_lossy(&said).trim_end().to_owned();
        return Ok(Outcome { exit, document, text: said });
    };
    let written = std::fs::write(path, said);
    written.map_err(|error| Failure::new(1, "io", format!("{}: {error}", path.display())))?;
    let zh = format!("已写入 {}", path.display());
    let en = format!("written to {}", path.display());
    document["file"] = json!(path.display().to_string());
    Ok(Outcome { exit, document, text: global.words(&zh, &en).to_owned() })
}

fn needs_someone(line: &Value) -> bool {
    matches!(line["standing"].as_str(), Some("missing" | "returned")) || line["days_late"] != 0
}

fn screen(global: &Global, document: &Value) -> String {
    let english = global.english();
    let counts = &document["counts"];
    let say = |zh, en| global.words(zh, en).to_owned();
    let head = format!(
        "{} {}  {}",
        text(&document["division"]["code"]),
        text(&document["division"]["name"]),
        document["year"]
    );
    let basis = match (document["basis"].as_str(), document["earlier_year"].as_u64()) {
        (Some("roster"), _) => say("依名册", "by roster"),
        (Some("mixed"), _) => {
            say("依名册；无名册的区划以往年报送机关计", "by roster, and by earlier years where there is none")
        }
        (_, Some(year)) => match english {
            true => format!("no roster: who reported in {year} or this year counts as expected"),
            false => format!("没有名册：以 {year} 年度及本年度报送的机关为应报"),
        },
        _ => say(
            "没有名册，也没有往年报送：只知道谁报了；导入名册 gongshi roster import 文件",
            "no roster and no earlier year: only who reported is known; gongshi roster import FILE",
        ),
    };
    let words = [
        ("expected", "应报", "expected"),
        ("reported", "已报", "reported"),
        ("nil", "零报告", "nil"),
        ("not_applicable", "不适用", "not applicable"),
        ("returned", "退回", "returned"),
        ("missing", "未报", "missing"),
        ("late", "迟报", "late"),
        ("unexpected", "名册外", "not on the roster"),
    ];
    let sums: Vec<String> =
        words.iter().map(|(key, zh, en)| format!("{} {}", global.words(zh, en), counts[*key])).collect();
    let mut parts = vec![format!("{head}  {basis}\n{}", sums.join("  "))];
    let heads: Vec<&str> = [global.words("区划", "division"), global.words("名称", "name")]
        .into_iter()
        .chain(words.iter().map(|(_, zh, en)| global.words(zh, en)))
        .collect();
    let divisions: Vec<Vec<String>> = array(&document["divisions"])
        .iter()
        .map(|row| {
            let figures = words.iter().map(|(key, ..)| row[*key].to_string());
            [text(&row["code"]), text(&row["name"])].into_iter().chain(figures).collect()
        })
        .collect();
    if divisions.len() > 1 {
        parts.push(grid(&heads, &divisions));
    }
    let lines = array(&document["agencies"]);
    let rows: Vec<Vec<String>> = lines.iter().take(LINES_SHOWN).map(|line| row(line, english)).collect();
    if !rows.is_empty() {
        let heads = match english {
            true => ["division", "agency", "state", "received", "days late"],
            false => ["区划", "机关", "状态", "收到日期", "迟报天数"],
        };
        parts.push(grid(&heads, &rows));
    }
    if lines.len() > LINES_SHOWN {
        let rest = lines.len() - LINES_SHOWN;
        parts.push(match english {
            true => format!("and {rest} more: --missing, --division, --csv -o FILE"),
            false => format!("另有 {rest} 个机关：--missing、--division 或 --csv -o 文件"),
        });
    }
    parts.join("\n\n")
}

fn row(line: &Value, english: bool) -> Vec<String> {
    let received = text(&line["received_at"]).chars().take(10).collect();
    let late = line["days_late"].as_u64().filter(|days| *days > 0);
    vec![
        text(&line["division"]),
        text(&line["agency_name"]),
        circular::standing(line, english).join(if english { ", " } else { "、" }),
        received,
        late.map(|days| days.to_string()).unwrap_or_default(),
    ]
}
