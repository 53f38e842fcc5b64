//! `/compare/...`: two divisions or two years side by side, with what must be known before they are compared.

use super::charts::{Pair, Pairs};
use super::division::text;
use super::folio::{Asked, Block, Cell, Folio, Form, Grid, Head, Link, home};
use super::reply::Problem;
use super::source::Source;
use super::text::grouped;
use super::turn::Ask;
use super::words::Lang;
use crate::division::DivisionCode;
use crate::view::{ColumnView, TableView, View, ViewQuery, ViewScope};

/// Columns in a chart: those that both have, the first of each table.
const PAIRS_SHOWN: usize = 12;

const CAVEAT: &str = "读图须知：各地职责、人口和机构设置不同，两年的表式也可能不同；每一栏各用自己的比例尺，栏与栏之间不可比较长短。这里不作排名。";

/// One side.
struct Side {
    name: String,
    view: View,
}

fn side(source: &dyn Source, lang: Lang, code: &str, year: &str) -> Result<Side, Problem> {
    let division: DivisionCode = code.parse().map_err(|_| Problem::NotFound)?;
    let year = super::api::year(year).ok_or(Problem::NotFound)?;
    let query = ViewQuery { division: division.clone(), year, scope: ViewScope::All, template: None };
    let (Some(place), Some(view)) = (source.place(&division)?, source.view(&query)?) else {
        return Err(Problem::NotFound);
    };
    Ok(Side { name: lang.fill("{} {} 年度", &[&place.name, &year.to_string()]), view })
}

/// `/compare/{code}/{year}/{code2}/{year2}`, or `/compare?a=&ay=&b=&by=`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let of = |part: &str, query: &str| match ask.part(part) {
        "" => ask.query(query).to_owned(),
        found => found.to_owned(),
    };
    let asked = [of("code", "a"), of("year", "ay"), of("other", "b"), of("then", "by")];
    let lead = "把两个区划，或同一区划的两个年度并排来看。数字都是含下级的合计，与各自年度页面上的相同；每一个都能点开看到来源。";
    let title = lang.words("两地对照");
    let is_asked = asked.iter().any(|part| !part.is_empty());
    let stem = if is_asked { format!("/compare/{}", asked.join("/")) } else { String::new() };
    let mut folio = Folio::new(title, lang.say(lead), stem);
    folio.crumbs = vec![home(lang)];
    let [code, year, other, then] = &asked;
    if is_asked {
        let left = side(source, lang, code, year)?;
        let right = side(source, lang, other, then)?;
        folio.title = lang.fill("{}与{}", &[&left.name, &right.name]);
        let found = both(&left, &right);
        folio.put("chart", lang.say("图"), chart(lang, &left, &right, &found));
        folio.put("tables", lang.say("逐栏对照"), tables(lang, &left, &right, &found));
    }
    let node = source.node();
    let years = source.overview().years;
    let year_at =
        |at: usize| years.get(at).or(years.first()).map(|own| own.year.to_string()).unwrap_or_default();
    let or = |given: &String, other: String| if given.is_empty() { other } else { given.clone() };
    let field = |name, label, value| Asked { name, label: lang.words(label), value, wide: false };
    folio.put(
        "form",
        lang.say("选择两边"),
        vec![
            Block::Form(Form {
                action: "/compare".to_owned(),
                fields: vec![
                    field("a", "左边区划代码", or(code, node.code.to_string())),
                    field("ay", "左边年度", or(year, year_at(1))),
                    field("b", "右边区划代码", or(other, node.code.to_string())),
                    field("by", "右边年度", or(then, year_at(0))),
                ],
                button: lang.words("对照"),
            }),
            Block::Text(lang.words(CAVEAT)),
        ],
    );
    Ok(folio)
}

/// A column that both sides have.
type Shared<'a> = (&'a TableView, &'a ColumnView, &'a ColumnView);

/// The columns that both sides have, by table and column.
fn both<'a>(left: &'a Side, right: &'a Side) -> Vec<Shared<'a>> {
    let mut found = Vec::new();
    for table in &left.view.tables {
        let Some(other) = right.view.tables.iter().find(|own| own.id == table.id) else { continue };
        for column in &table.columns {
            let same = |own: &&ColumnView| own.id == column.id && own.unit == column.unit;
            found.extend(other.columns.iter().find(same).map(|own| (table, column, own)));
        }
    }
    found
}

fn chart(lang: Lang, left: &Side, right: &Side, found: &[Shared<'_>]) -> Vec<Block> {
    let value =
        |column: &ColumnView| text(column.sum).map_or_else(|| lang.words("未填"), |sum| grouped(&sum));
    let weighty = |(_, a, b): &&Shared<'_>| a.sum.is_some() || b.sum.is_some();
    let pair = |(table, a, b): &Shared<'_>| {
        let label = format!("{}（{}）", super::division::name(table, &a.header), a.unit);
        Pair::new(label, [(value(a), a.sum.map(|sum| sum.0)), (value(b), b.sum.map(|sum| sum.0))])
    };
    let pairs: Vec<Pair> = found.iter().filter(weighty).take(PAIRS_SHOWN).map(pair).collect();
    match pairs.is_empty() {
        true => vec![Block::Text(lang.words("两边没有共同的、有数字的栏目，无法作图。可能有一边还没有公开的报告，也可能两边表式不同。没有数字不等于数字为零。"))],
        false => vec![Block::Pairs(Pairs {
            title: lang.words("两边共同的栏目"),
            caveat: lang.words(CAVEAT),
            names: [left.name.clone(), right.name.clone()],
            pairs,
        })],
    }
}

fn tables(lang: Lang, left: &Side, right: &Side, found: &[Shared<'_>]) -> Vec<Block> {
    let origin = |side: &Side, table: &TableView, column: &ColumnView| {
        let segment = super::text::segment;
        let place = format!("/{}/{}", side.view.division.code, side.view.year);
        column.sum.map(|_| format!("{place}/all/{}/{}", segment(&table.id), segment(&column.id)))
    };
    let row = |(table, a, b): &Shared<'_>| {
        let change = a.sum.zip(b.sum).map(|(a, b)| crate::view::Sum(b.0 - a.0).to_string());
        vec![
            Cell::Head(table.name.clone(), None),
            Cell::Text(a.header.clone()),
            Cell::Text(a.unit.clone()),
            Cell::figure(text(a.sum), lang.say("未填"), origin(left, table, a)),
            Cell::figure(text(b.sum), lang.say("未填"), origin(right, table, b)),
            change.map_or_else(|| Cell::Nothing(lang.words("无可比")), |change| Cell::Number(change, None)),
        ]
    };
    let page = |side: &Side| {
        Link::new(side.name.clone(), format!("/{}/{}", side.view.division.code, side.view.year))
    };
    let grid = Block::Grid(Grid {
        id: "beside".to_owned(),
        caption: lang.words("并排的合计"),
        note: lang.words("本级及下级"),
        heads: vec![
            Head::text(lang.say("表")),
            Head::text(lang.say("栏目")),
            Head::text(lang.say("单位")),
            Head::number(left.name.clone(), ""),
            Head::number(right.name.clone(), ""),
            Head::number(lang.say("右减左"), ""),
        ],
        rows: found.iter().map(row).collect(),
        stacks: false,
    });
    let links = Block::Links(vec![page(left), page(right)]);
    if found.is_empty() { vec![links] } else { vec![grid, links] }
}
