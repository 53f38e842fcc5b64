//! Agencies × tables: what each agency gave in each table, so that a figure, zero, not applicable, returned, late and
//! missing never look alike.

use super::circular::standing;
use super::folio::{Block, Cell, Grid, Head, Mark};
use super::reply::Problem;
use super::source::{Source, TableMark};
use super::text::segment;
use super::words::Lang;
use crate::digest::Digest;
use crate::template::Templates;
use serde_json::Value;
use std::collections::BTreeMap;

/// Agencies on one page: about 50 KB of HTML before compression; the rest is by division or in the files.
const AGENCIES_SHOWN: usize = 300;

/// The section.
pub(super) fn agencies(
    source: &dyn Source,
    lang: Lang,
    year: u16,
    document: &Value,
) -> Result<Vec<Block>, Problem> {
    let lines = document["agencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    if lines.is_empty() {
        let why = "没有可以列出的机关：既没有名册，也没有公开的报送。名册由各级节点签名公布，公布之后应报而未报的机关会列在这里。";
        return Ok(vec![Block::Text(lang.words(why))]);
    }
    let shown: Vec<&Value> = lines.iter().take(AGENCIES_SHOWN).collect();
    let digests: Vec<Option<Digest>> =
        shown.iter().map(|line| line["digest"].as_str().and_then(|text| text.parse().ok())).collect();
    let asked: Vec<Digest> = digests.iter().flatten().copied().collect();
    let mut marks: BTreeMap<Digest, Vec<TableMark>> =
        asked.iter().copied().zip(source.table_marks(&asked)?).collect();
    let templates = source.templates()?;
    let tables = tables(&templates);
    let mut heads =
        vec![Head::text(lang.say("机关")), Head::text(lang.say("区划")), Head::text(lang.say("状态"))];
    heads.extend(tables.iter().map(|(_, name)| Head::text(name.clone())));
    heads.extend([
        Head::text(lang.say("截止日期")),
        Head::text(lang.say("收到日期")),
        Head::number(lang.say("迟报"), lang.say("天")),
    ]);
    let rows = shown.iter().zip(&digests).map(|(line, digest)| {
        let given = digest.and_then(|digest| marks.remove(&digest)).unwrap_or_default();
        row(lang, year, line, &tables, &given)
    });
    let grid = Grid {
        id: "agencies".to_owned(),
        caption: lang.words("按机关与表"),
        note: lang.count("{} 个机关", lines.len()),
        heads,
        rows: rows.collect(),
        stacks: false,
    };
    let legend = "“有数”是表中有不为零的数字，“全为零”是有表而数字都是零，“无此表”是报告没有这张表，“—”是没有报告可看。";
    let mut blocks = vec![Block::Grid(grid), Block::Text(lang.words(legend))];
    let rest = lines.len().saturating_sub(AGENCIES_SHOWN);
    if rest > 0 {
        blocks.push(Block::Text(lang.count("另有 {} 个机关，请按区划查看，或下载本页数据。", rest)));
    }
    Ok(blocks)
}

/// The tables of the templates that stand: id and short name, each once.
fn tables(templates: &Templates) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for template in templates.iter() {
        if !found.iter().any(|(id, _)| *id == template.table) {
            let name = template.title.replace("实施情况统计表", "").replace("统计表", "");
            found.push((template.table.clone(), name));
        }
    }
    found
}

fn row(lang: Lang, year: u16, line: &Value, tables: &[(String, String)], given: &[TableMark]) -> Vec<Cell> {
    let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let standing_class = match line["standing"].as_str() {
        Some("reported") => "good",
        Some("nil") => "nil",
        Some("not_applicable") => "none",
        Some("returned") => "returned",
        Some("undisclosed") => "plain",
        _ => "bad",
    };
    let words = standing(line, lang == Lang::En);
    let marks = words.into_iter().enumerate().map(|(at, word)| match at {
        0 => Mark::new(word, standing_class),
        _ => Mark::new(word, "plain"),
    });
    let has_report = line["standing"] == "reported";
    let cell = |(id, _): &(String, String)| match (has_report, given.iter().find(|mark| mark.table == *id)) {
        (false, _) => Cell::Text("—".to_owned()),
        (true, None) => Cell::Nothing(lang.words("无此表")),
        (true, Some(mark)) if mark.is_zero => Cell::Marks(vec![Mark::new(lang.say("全为零"), "zero")]),
        (true, Some(_)) => Cell::Marks(vec![Mark::new(lang.say("有数"), "good")]),
    };
    let link = line["digest"].as_str().map(|_| format!("/a/{}/{year}", segment(&word("agency_id"))));
    let mut row = vec![
        Cell::Head(word("agency_name"), link),
        Cell::Text(word("division")),
        Cell::Marks(marks.collect()),
    ];
    row.extend(tables.iter().map(cell));
    let late = line["days_late"].as_u64().filter(|days| *days > 0);
    let on_time = if line["received_at"].is_string() { lang.say("按时") } else { "—" };
    let received: String = word("received_at").chars().take(10).collect();
    row.extend([
        Cell::Text(word("due")),
        if received.is_empty() { Cell::Nothing(lang.words("未收到")) } else { Cell::Text(received) },
        late.map_or_else(|| Cell::Text(on_time.to_owned()), |days| Cell::Number(days.to_string(), None)),
    ]);
    row
}
