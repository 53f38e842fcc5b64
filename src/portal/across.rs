//! `/t/{table}/{year}`: one table across agencies, and the tables of a division's year to choose from.

use super::division::text;
use super::folio::{Block, Cell, Folio, Grid, Head, Link, Switch, crumbs};
use super::reply::Problem;
use super::source::Source;
use super::text::segment;
use super::turn::Ask;
use crate::division::DivisionCode;
use crate::view::{By, ColumnView, PartOfView, ViewQuery, ViewScope, rows};

/// Agencies on a page; the files have all.
const AGENCIES_SHOWN: usize = 300;

/// `/t/{table}/{year}` of this node's division, `/t/{table}/{year}/{code}` of another one.
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, year, table) = (ask.lang, ask.year()?, ask.part("table"));
    let division: DivisionCode = match ask.part("code") {
        "" => source.node().code,
        code => code.parse().map_err(|_| Problem::NotFound)?,
    };
    let query = ViewQuery { division: division.clone(), year, scope: ViewScope::All, template: None };
    let (Some(place), Some(view)) = (source.place(&division)?, source.view(&query)?) else {
        return Err(Problem::NotFound);
    };
    let Some(whole) = view.tables.iter().find(|own| own.id == table) else {
        // Other divisions have it, or other years: an address that leads here from there is no mistake.
        let words = "{} {} 年度没有这张表的公开数据：可能没有机关报送这张表，也可能表式不同。没有数据不等于数字为零。";
        let lead = lang.fill(words, &[&place.name, &year.to_string()]);
        let mut folio = Folio::new(lang.fill("{} {} 年度", &[&place.name, &year.to_string()]), lead, "");
        folio.crumbs = crumbs(lang, &place.above, year);
        let to = format!("/{division}/{year}");
        folio.put("year", lang.say("各表合计"), vec![Block::Links(vec![Link::new(place.name.clone(), to)])]);
        return Ok(folio);
    };
    let parts = source.view_parts(&query, By::Agency)?;
    let having = |part: &&PartOfView| part.tables.iter().any(|own| own.id == table);
    let parts: Vec<&PartOfView> = parts.iter().filter(having).collect();
    let end = if ask.part("code").is_empty() { String::new() } else { format!("/{division}") };
    let stem = format!("/t/{}/{year}{end}", segment(table));
    let lead = lang.fill(
        "{} {} 年度“{}”：{} 个机关各一行，只列自己报送的数字。各机关职责不同，数字不宜直接比较高低。",
        &[&place.name, &year.to_string(), &whole.name, &parts.len().to_string()],
    );
    let title = lang.fill("{} · {} {} 年度", &[&whole.name, &place.name, &year.to_string()]);
    let mut folio = Folio::new(title, lead, stem);
    folio.is_dataset = true;
    folio.crumbs = crumbs(lang, &place.above, year);
    folio.crumbs.push(Link::new(place.name.clone(), format!("/{division}/{year}")));
    folio.switches = vec![Switch {
        label: lang.words("表"),
        readings: view
            .tables
            .iter()
            .map(|own| (own.name.clone(), format!("/t/{}/{year}{end}", segment(&own.id)), own.id == table))
            .collect(),
    }];
    let nothing = |column: &ColumnView| match column.left_out > 0 {
        true => Cell::Nothing(lang.words("不能相加")),
        false => Cell::Nothing(lang.words("未填")),
    };
    let row = |part: &&PartOfView| {
        let own = part.tables.iter().find(|own| own.id == table);
        let name = part.agency.as_ref().map_or(part.name.as_str(), |agency| agency.name.as_str());
        let to = part.agency.as_ref().map(|agency| format!("/a/{}/{year}", segment(&agency.id)));
        let mut row = vec![Cell::Head(name.to_owned(), to), Cell::Text(part.division.to_string())];
        row.extend(whole.columns.iter().map(|column| {
            let found = own.and_then(|own| own.columns.iter().find(|other| other.id == column.id));
            let sum = found.and_then(|found| text(found.sum));
            sum.map_or_else(
                || found.map_or_else(|| Cell::Nothing(lang.words("无此栏")), nothing),
                |sum| Cell::Number(sum, None),
            )
        }));
        row
    };
    let mut heads = vec![Head::text(lang.say("机关")), Head::text(lang.say("区划代码"))];
    heads.extend(whole.columns.iter().map(|column| Head::number(column.header.clone(), column.unit.clone())));
    let mut total = vec![Cell::Head(lang.words("合计"), None), Cell::Text(division.to_string())];
    total.extend(whole.columns.iter().map(|column| {
        let origin = format!("/{division}/{year}/all/{}/{}", segment(table), segment(&column.id));
        Cell::figure(text(column.sum), lang.say("未填"), column.sum.map(|_| origin))
    }));
    let rest = parts.len().saturating_sub(AGENCIES_SHOWN);
    let mut blocks = vec![Block::Grid(Grid {
        id: "agencies".to_owned(),
        caption: whole.name.clone(),
        note: lang.fill("{} 年度 · {}", &[&year.to_string(), lang.say("本级及下级")]),
        heads,
        rows: std::iter::once(total).chain(parts.iter().take(AGENCIES_SHOWN).map(row)).collect(),
        stacks: false,
    })];
    if rest > 0 {
        blocks.push(Block::Text(lang.count("另有 {} 个机关，请下载全表，或按下级区划查看。", rest)));
    }
    folio.put("agencies", lang.say("各机关"), blocks);
    let links: Vec<Link> = place
        .children
        .iter()
        .map(|child| Link::new(child.name.clone(), format!("/t/{}/{year}/{}", segment(table), child.code)))
        .collect();
    if !links.is_empty() {
        folio.put("children", lang.say("按下级区划查看"), vec![Block::Links(links)]);
    }
    let only: Vec<PartOfView> = parts
        .into_iter()
        .map(|part| PartOfView {
            tables: part.tables.iter().filter(|own| own.id == table).cloned().collect(),
            ..part.clone()
        })
        .collect();
    folio.document =
        Some(serde_json::json!({"schema": "gongshi.table/1", "division": view.division, "year": year,
        "table": whole, "agencies": only}));
    folio.tidy = Some(rows::tidy(&view, Some(&only), lang == super::words::Lang::En));
    Ok(folio)
}
