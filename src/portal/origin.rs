//! `/{code}/{year}/{scope}/{table}/{column}`: the signed cells that a sum is made of.

use super::folio::{Block, Cell, Folio, Grid, Head, Link, crumbs};
use super::reply::Problem;
use super::source::Source;
use super::text::segment;
use super::turn::Ask;
use crate::division::DivisionCode;
use crate::view::{CellView, ViewQuery, ViewScope};
use serde_json::json;

/// Packages on a page.
const PACKAGES_SHOWN: usize = 200;

/// The cells of one column.
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let code: DivisionCode = ask.part("code").parse().map_err(|_| Problem::NotFound)?;
    let (year, lang) = (ask.year()?, ask.lang);
    let scope = ViewScope::from_word(ask.part("scope")).ok_or(Problem::NotFound)?;
    let (table, column) = (ask.part("table"), ask.part("column"));
    let query = ViewQuery { division: code.clone(), year, scope, template: None };
    let (Some(place), Some(view)) = (source.place(&code)?, source.view(&query)?) else {
        return Err(Problem::NotFound);
    };
    let shown = view.tables.iter().find(|own| own.id == table);
    let found = shown.and_then(|table| Some((table, table.columns.iter().find(|own| own.id == column)?)));
    let (of, sum) = found.ok_or(Problem::NotFound)?;
    let after = Some(ask.query("after")).filter(|after| !after.is_empty());
    let cells = source.provenance(&query, table, column, after, PACKAGES_SHOWN)?.ok_or(Problem::NotFound)?;
    let words = match scope {
        ViewScope::Own => lang.say("本级"),
        ViewScope::All => lang.say("本级及下级"),
    };
    let total =
        sum.sum.map_or_else(|| lang.say("未填").to_owned(), |sum| super::text::grouped(&sum.to_string()));
    let lead = lang.fill(
        "{} {} 年度（{}）合计 {} {}，来自 {} 份报告。下面逐格列出，每一格都在一份签名的报告里。",
        &[&place.name, &year.to_string(), words, &total, &sum.unit, &sum.packages.to_string()],
    );
    let stem = format!("/{code}/{year}/{}/{}/{}", scope.as_str(), segment(table), segment(column));
    let mut folio = Folio::new(format!("{} · {}", of.name, sum.header), lead, stem.clone());
    folio.eyebrow = lang.say("合计的来源").to_owned();
    folio.crumbs = crumbs(lang, &place.above, year);
    let own = if scope == ViewScope::Own { "/own" } else { "" };
    folio.crumbs.push(Link { text: place.name.clone(), to: format!("/{code}/{year}{own}") });
    let row = |cell: &CellView| {
        vec![
            Cell::Head(cell.agency.name.clone(), Some(format!("/p/{}", cell.digest))),
            Cell::Text(cell.division.to_string()),
            Cell::Number(cell.row.to_string(), None),
            Cell::Text(cell.printed.clone()),
            Cell::figure(cell.value.map(|value| value.to_string()), lang.say("不能相加"), None),
        ]
    };
    let grid = Grid {
        id: "cells".to_owned(),
        caption: lang.say("相加的各格").to_owned(),
        note: lang.fill("单位：{}", &[&sum.unit]),
        heads: vec![
            Head::text(lang.say("报告")),
            Head::text(lang.say("区划代码")),
            Head::number(lang.say("第几行"), ""),
            Head::text(lang.say("原表所印")),
            Head::number(lang.say("计入"), sum.unit.clone()),
        ],
        rows: cells.cells.iter().map(row).collect(),
        stacks: false,
    };
    let mut blocks = vec![Block::Grid(grid)];
    if let Some(next) = &cells.next {
        let to = format!("{stem}?after={}", segment(next));
        blocks.push(Block::Links(vec![Link { text: lang.say("下一页").to_owned(), to }]));
    }
    folio.put("cells", lang.say("逐格列出"), blocks);
    folio.document = Some(json!({"division": view.division, "year": year, "scope": scope, "table": table,
        "column": column, "unit": sum.unit, "sum": sum.sum, "cells": cells.cells, "next": cells.next}));
    Ok(folio)
}
