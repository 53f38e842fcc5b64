//! The tables of a report as printed, the rates of its figures, and what changed from one version to the next.

use super::doc::{CellDoc, CellState, PackageDoc, PackageKind, TableDoc};
use super::folio::{Block, Cell, Grid, Head, Mark};
use super::text::{grouped, same_number};
use super::words::Lang;
use crate::package::cell::{Cell as Signed, State};
use crate::package::difference::{CellChange, Difference};
use crate::view::RateView;
use crate::view::rows::{Field, Tidy};

/// Changed cells on a page; the rest is counted.
const CHANGES_SHOWN: usize = 300;

/// The tables as published.
pub(super) fn tables(lang: Lang, doc: &PackageDoc) -> Vec<Block> {
    let year = doc.summary.year.to_string();
    match doc.summary.kind {
        PackageKind::Nil => {
            let words = "零报告：该机关声明 {} 年度没有此类执法活动。零报告是签了名的声明，与未报送不同。";
            return vec![Block::Notice(lang.fill(words, &[&year]))];
        }
        PackageKind::NotApplicable => {
            let words =
                "不适用：该机关声明没有此项职责，因此 {} 年度没有数据可报。不适用既不是零，也不是未报送。";
            return vec![Block::Notice(lang.fill(words, &[&year]))];
        }
        PackageKind::Report => {}
    }
    if doc.tables.is_empty() {
        return vec![Block::Text(lang.words("这份报告没有数据表，只有文字说明。没有数据表不等于数据为零。"))];
    }
    let grids = (1..).zip(&doc.tables).map(|(at, table): (usize, _)| Block::Grid(grid(lang, at, table)));
    let legend = "表名、表头和数字均照录原文。“0”表示有此项职权而当年数量为零；“空白”表示原表未填；“不适用”表示没有此项职权。以“=”开头的小字是换算成基本单位后的精确数值。";
    grids.chain([Block::Text(lang.words(legend))]).collect()
}

fn grid(lang: Lang, at: usize, table: &TableDoc) -> Grid {
    let states = |at: usize| table.rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.state);
    let numeric = |at: usize| {
        states(at).any(|state| state == CellState::Value) && states(at).all(|state| state != CellState::Text)
    };
    let heads = table.columns.iter().enumerate().map(|(at, column)| Head {
        text: column.header.clone(),
        // Said once: not again where the header or the caption says it.
        unit: column
            .unit
            .clone()
            .unwrap_or_default()
            .replace(column_unit_said(table, &column.header).as_str(), ""),
        numeric: numeric(at),
    });
    let row = |row: &Vec<CellDoc>| {
        let labelled = row.len() > 1 && row.first().is_some_and(|cell| cell.state == CellState::Text);
        row.iter().enumerate().map(|(at, own)| cell(lang, own, labelled && at == 0)).collect()
    };
    let rows: Vec<Vec<Cell>> = table.rows.iter().map(row).collect();
    Grid {
        id: format!("t{at}"),
        caption: table.name.clone(),
        note: table.unit.as_ref().map(|unit| lang.fill("单位：{}", &[unit])).unwrap_or_default(),
        heads: heads.collect(),
        stacks: rows.len() == 1,
        rows,
    }
}

/// The unit that the header or the caption of a table already says.
fn column_unit_said(table: &TableDoc, header: &str) -> String {
    let common =
        table.unit.as_deref().and_then(|line| line.split([';', '；', '，', ',']).next()).unwrap_or_default();
    let own =
        table.columns.iter().find(|column| column.header == header).and_then(|column| column.unit.as_deref());
    let said = own.filter(|unit| header.contains(unit) || *unit == common);
    said.unwrap_or("\u{0}").to_owned()
}

/// Zero, blank and not applicable never look alike.
fn cell(lang: Lang, own: &CellDoc, is_head: bool) -> Cell {
    match own.state {
        CellState::Text if is_head => Cell::Head(own.printed.clone(), None),
        CellState::Text => Cell::Text(own.printed.clone()),
        CellState::Blank => Cell::Nothing(lang.words("空白")),
        CellState::NotApplicable => Cell::Nothing(lang.words("不适用")),
        CellState::Value => {
            let exact = own.value.as_ref().filter(|value| !same_number(&own.printed, value));
            let unit = own.unit.as_deref().unwrap_or_default();
            let exact = exact.map(|value| format!("{} {unit}", grouped(value)).trim_end().to_owned());
            Cell::Printed(own.printed.clone(), exact)
        }
    }
}

/// Rates as fractions of what is printed.
pub(super) fn rates(lang: Lang, rates: &[RateView]) -> Vec<Block> {
    let row = |rate: &RateView| {
        let name = if lang == Lang::En { &rate.name_en } else { &rate.name };
        vec![
            Cell::Head(name.clone(), None),
            rate.value.clone().map_or_else(|| Cell::Nothing(lang.words("无案件")), Cell::Text),
            Cell::Number(rate.numerator.to_string(), None),
            Cell::Number(rate.denominator.to_string(), None),
        ]
    };
    vec![Block::Grid(Grid {
        id: "rates".to_owned(),
        caption: lang.words("由本报告数字算出的比率"),
        note: lang.words("分母为零时写“无案件”，不写 0 %"),
        heads: vec![
            Head::text(lang.say("比率")),
            Head::text(lang.say("数值")),
            Head::number(lang.say("分子"), ""),
            Head::number(lang.say("分母"), ""),
        ],
        rows: rates.iter().map(row).collect(),
        stacks: false,
    })]
}

/// What changed, cell by cell.
pub(super) fn changes(lang: Lang, after: u32, before: u32, found: &Difference) -> Vec<Block> {
    if found.is_empty() {
        let words = "第 {} 版与第 {} 版的表格和文字逐格相同；改动只在报告的说明项（如状态、统计范围）。";
        return vec![Block::Text(lang.fill(words, &[&after.to_string(), &before.to_string()]))];
    }
    let shown = |cell: &Option<Signed>| match cell {
        None => Cell::Nothing(lang.words("无此格")),
        Some(cell) => match cell.state {
            State::Blank => Cell::Nothing(lang.words("空白")),
            State::NotApplicable => Cell::Nothing(lang.words("不适用")),
            State::Value => Cell::Printed(cell.printed.to_string(), None),
            State::Text => Cell::Text(cell.printed.to_string()),
        },
    };
    let row = |change: &CellChange| {
        let kind = match change.kind() {
            "added" => Mark::new(lang.say("新增"), "good"),
            "removed" => Mark::new(lang.say("删去"), "old"),
            _ => Mark::new(lang.say("改动"), "corrected"),
        };
        let label =
            if change.label.is_empty() { lang.count("第 {} 行", change.row) } else { change.label.clone() };
        vec![
            Cell::Head(change.table.clone(), None),
            Cell::Text(label),
            Cell::Text(change.column.clone()),
            Cell::Marks(vec![kind]),
            shown(&change.before),
            shown(&change.after),
        ]
    };
    let mut blocks = vec![Block::Grid(Grid {
        id: "changes".to_owned(),
        caption: lang.fill("第 {} 版相对第 {} 版的改动", &[&after.to_string(), &before.to_string()]),
        note: lang.count("共 {} 处", found.cells.len()),
        heads: vec![
            Head::text(lang.say("表")),
            Head::text(lang.say("行")),
            Head::text(lang.say("栏目")),
            Head::text(lang.say("改动")),
            Head::number(lang.count("第 {} 版", before), ""),
            Head::number(lang.count("第 {} 版", after), ""),
        ],
        rows: found.cells.iter().take(CHANGES_SHOWN).map(row).collect(),
        stacks: false,
    })];
    for (word, names) in [("新增的表：{}", &found.tables_added), ("删去的表：{}", &found.tables_removed)]
    {
        if !names.is_empty() {
            blocks.push(Block::Text(lang.fill(word, &[&names.join("、")])));
        }
    }
    for text in &found.texts {
        let field = match text.field {
            "narrative" => "文字说明",
            "source_url" => "原始出处",
            "as_printed" => "按原样公布",
            "notes" => "备注",
            "members" => "所含单位",
            _ => "标记",
        };
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| lang.words("（无）"));
        blocks.push(Block::Facts(vec![
            (lang.fill("{}，原为", &[lang.say(field)]), vec![Cell::Text(or_none(&text.before))]),
            (lang.fill("{}，改为", &[lang.say(field)]), vec![Cell::Text(or_none(&text.after))]),
        ]));
    }
    blocks
}

/// One row a cell, with everything that says whose it is.
pub(super) fn tidy(lang: Lang, doc: &PackageDoc) -> Tidy {
    let heads = [
        "报告摘要",
        "机关",
        "区划代码",
        "年度",
        "版本",
        "表",
        "行",
        "栏目",
        "原表所印",
        "数值",
        "单位",
        "格的状态",
    ];
    let summary = &doc.summary;
    let mut rows = Vec::new();
    for table in &doc.tables {
        for (number, row) in (1..).zip(&table.rows) {
            for (column, own) in table.columns.iter().zip(row) {
                let state = match own.state {
                    CellState::Value => "value",
                    CellState::Blank => "blank",
                    CellState::NotApplicable => "not_applicable",
                    CellState::Text => "text",
                };
                rows.push(vec![
                    Field::Text(summary.digest.hex()),
                    Field::Text(summary.agency.name.clone()),
                    Field::Text(summary.division.code.to_string()),
                    Field::Number(summary.year.to_string()),
                    Field::Number(summary.revision.to_string()),
                    Field::Text(table.name.clone()),
                    Field::Number(i32::to_string(&number)),
                    Field::Text(column.header.clone()),
                    Field::Text(own.printed.clone()),
                    Field::Number(own.value.clone().unwrap_or_default()),
                    Field::Text(own.unit.clone().unwrap_or_default()),
                    Field::Text(state.to_owned()),
                ]);
            }
        }
    }
    Tidy { heads: heads.map(|head| lang.say(head)).to_vec(), rows }
}
