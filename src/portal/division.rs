//! `/{code}/{year}`: what a division's year comes to, alone or with lower levels, and what every sum is made of.

use super::charts::{Bars, bars, shares};
use super::folio::{Block, Cell, Figure, Folio, Grid, Head, Link, Square, Switch, crumbs};
use super::headlines::{Headline, headlines};
use super::reply::Problem;
use super::source::{PlaceDoc, Source};
use super::text::{grouped, segment};
use super::turn::Ask;
use super::words::Lang;
use crate::division::DivisionCode;
use crate::view::{
    By, ChangeView, PartOfView, SeriesQuery, Sum, TableView, View, ViewQuery, ViewScope, rows,
};
use serde_json::json;

/// Years in a bar chart: rules ask for five years online.
const YEARS_SHOWN: usize = 5;
/// Differences listed on the page; its JSON has all.
pub(super) const DIFFERENCES_SHOWN: usize = 50;

/// What the sections of a page share.
pub(super) struct Year<'a> {
    pub(super) lang: Lang,
    place: &'a PlaceDoc,
    pub(super) view: &'a View,
}

/// `/{code}/{year}` and `/{code}/{year}/own`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let code: DivisionCode = ask.part("code").parse().map_err(|_| Problem::NotFound)?;
    let year = ask.year()?;
    let scope = match ask.part("scope") {
        "" => ViewScope::All,
        "own" => ViewScope::Own,
        _ => return Err(Problem::NotFound),
    };
    let query = ViewQuery { division: code.clone(), year, scope, template: None };
    let (Some(place), Some(view)) = (source.place(&code)?, source.view(&query)?) else {
        return Err(Problem::NotFound);
    };
    let about = Year { lang: ask.lang, place: &place, view: &view };
    if let Some(next) = place.successor.as_ref().filter(|_| view.packages == 0) {
        return Err(Problem::Moved(about.address(next, "")));
    }
    let lang = ask.lang;
    let stem = about.address(&code, "");
    let scope_words = about.scope();
    let lead = lang.fill(
        "{}（{}）{} 年度，统计范围：{}。汇总自 {} 份公开报告，逐份签名，可逐层核对。",
        &[&place.name, code.as_str(), &year.to_string(), scope_words, &view.packages.to_string()],
    );
    let mut folio =
        Folio::new(lang.fill("{} {} 年度行政执法数据", &[&place.name, &year.to_string()]), lead, stem);
    folio.is_dataset = true;
    folio.eyebrow = format!("{code} · {}", lang.fill("{} 年度", &[&year.to_string()]));
    folio.crumbs = crumbs(lang, &place.above, year);
    folio.switches = about.switches();
    let headlines = headlines(&view.tables);
    folio.put("sums", lang.say("主要数字"), about.figures(&headlines));
    folio.put("coverage", lang.say("报送情况"), about.coverage());
    if scope == ViewScope::All && !place.children.is_empty() {
        let parts = source.view_parts(&query, By::Child)?;
        folio.put("children", lang.say("本级与各下级"), about.children(&parts, &headlines));
    }
    let mut series = Vec::new();
    for (table, column) in &headlines {
        let wanted = SeriesQuery {
            division: code.clone(),
            scope,
            table: table.id.clone(),
            column: Some(column.id.clone()),
            template: None,
        };
        series.extend(
            source.series(&wanted)?.and_then(|found| about.bars(table, found.lines.into_iter().next()?)),
        );
    }
    if !series.is_empty() {
        folio.put("years", lang.say("历年变化"), series);
    }
    folio.put("tables", lang.say("各表合计"), about.tables());
    if !view.rates.is_empty() {
        folio.put("rates", lang.say("比率"), about.rates());
    }
    if !view.differences.is_empty() {
        folio.put("differences", lang.say("所印合计与所算合计的差异"), about.differences());
    }
    folio.tidy = Some(rows::tidy(&view, None, lang == Lang::En));
    folio.document = Some(json!(view));
    Ok(folio)
}

/// The main figures and who reported, for a page that shows no more of the year.
pub(super) fn at_a_glance(lang: Lang, place: &PlaceDoc, view: &View) -> (Vec<Block>, Option<Vec<Block>>) {
    let about = Year { lang, place, view };
    (about.figures(&headlines(&view.tables)), Some(about.coverage()))
}

/// What a column is called away from its table.
pub(super) fn name(table: &TableView, header: &str) -> String {
    let short = table.name.replace("实施情况统计表", "").replace("统计表", "");
    if short.contains(header) || header.contains(short.as_str()) {
        header.to_owned()
    } else {
        format!("{short} · {header}")
    }
}

pub(super) fn text(sum: Option<Sum>) -> Option<String> {
    sum.map(|sum| sum.to_string())
}

impl Year<'_> {
    pub(super) fn say(&self, zh: &'static str) -> &'static str {
        self.lang.say(zh)
    }

    pub(super) fn scope(&self) -> &'static str {
        match self.view.scope {
            ViewScope::Own => self.say("本级"),
            ViewScope::All => self.say("本级及下级"),
        }
    }

    /// A division's year in the scope shown; `below` names what is below it.
    fn address(&self, code: &DivisionCode, below: &str) -> String {
        let own = if self.view.scope == ViewScope::Own { "/own" } else { "" };
        format!("/{code}/{}{own}{below}", self.view.year)
    }

    /// Where a sum comes from.
    pub(super) fn origin(&self, code: &DivisionCode, own: bool, table: &str, column: &str) -> String {
        let scope = if own { "own" } else { self.view.scope.as_str() };
        format!("/{code}/{}/{scope}/{}/{}", self.view.year, segment(table), segment(column))
    }

    fn switches(&self) -> Vec<Switch> {
        let (code, year) = (&self.view.division.code, self.view.year);
        let own = self.view.scope == ViewScope::Own;
        let scopes = vec![
            (self.say("本级及下级").to_owned(), format!("/{code}/{year}"), !own),
            (self.say("本级").to_owned(), format!("/{code}/{year}/own"), own),
        ];
        let mut held = self.place.years.clone();
        held.push(year);
        held.sort_unstable_by(|a, b| b.cmp(a));
        held.dedup();
        let end = if own { "/own" } else { "" };
        let years = held.iter().map(|one| (one.to_string(), format!("/{code}/{one}{end}"), *one == year));
        vec![
            Switch { label: self.say("统计范围").to_owned(), readings: scopes },
            Switch { label: self.say("年度").to_owned(), readings: years.collect() },
        ]
    }

    /// The change on last year in words.
    fn change(&self, change: Option<&ChangeView>, unit: &str) -> String {
        let Some(change) = change else { return self.say("上年无可比数字").to_owned() };
        let before = grouped(&change.sum.to_string());
        match &change.percent {
            Some(percent) => self.lang.fill("较上年 {}（上年 {} {}）", &[percent, &before, unit]),
            None => self.lang.fill("上年 {} {}", &[&before, unit]),
        }
    }

    fn figures(&self, headlines: &[Headline<'_>]) -> Vec<Block> {
        if headlines.is_empty() {
            return vec![Block::Text(
                self.lang.fill(
                    "{} 年度还没有可以汇总的公开报告。可能是各单位尚未上报，也可能是报告已经收妥、正等待统一公开。没有数字不等于数字为零。",
                    &[&self.view.year.to_string()],
                ),
            )];
        }
        let code = &self.view.division.code;
        let figure = |(table, column): &Headline<'_>| Figure {
            name: name(table, &column.header),
            value: text(column.sum).ok_or_else(|| self.say("各报告均未填").to_owned()),
            unit: column.unit.clone(),
            change: self.change(column.last_year.as_ref(), &column.unit),
            origin: column.sum.map(|_| Link {
                text: self.lang.fill("来自 {} 份报告", &[&column.packages.to_string()]),
                to: self.origin(code, false, &table.id, &column.id),
            }),
        };
        let mut blocks = vec![Block::Figures(headlines.iter().map(figure).collect())];
        if self.view.consolidated > 0 {
            let many = self.view.consolidated.to_string();
            blocks
                .push(Block::Text(self.lang.fill("另有 {} 份汇总报告，只用来核对，不重复相加。", &[&many])));
        }
        if self.view.suspect > 0 {
            let many = self.view.suspect.to_string();
            blocks.push(Block::Notice(self.lang.fill("{} 份报告待核实：照常公开，暂不计入合计。", &[&many])));
        }
        blocks
    }

    fn coverage(&self) -> Vec<Block> {
        let c = self.view.coverage;
        let words = self.lang.fill(
            "应报 {}，已报 {}，零报告 {}，不适用 {}，退回 {}，未报 {}。",
            &[c.expected, c.reported, c.nil, c.not_applicable, c.returned, c.missing]
                .map(|n| n.to_string())
                .each_ref()
                .map(String::as_str),
        );
        if c.expected + c.reported + c.nil + c.not_applicable == 0 {
            return vec![Block::Text(self.say("没有名册列明应报单位，也没有收到报告。").to_owned())];
        }
        let counts = [
            ("已报", c.reported, "s0"),
            ("零报告", c.nil, "s1"),
            ("不适用", c.not_applicable, "s2"),
            ("退回", c.returned, "s3"),
            ("未报", c.missing, "s4"),
        ];
        let counts = counts.map(|(word, count, class)| (self.say(word).to_owned(), count, class)).to_vec();
        vec![Block::Text(words.clone()), Block::Shares(shares(words, counts))]
    }

    fn children(&self, parts: &[PartOfView], headlines: &[Headline<'_>]) -> Vec<Block> {
        let sum = |part: &PartOfView, (table, column): &Headline<'_>| {
            let table = part.tables.iter().find(|own| own.id == table.id)?;
            table.columns.iter().find(|own| own.id == column.id)?.sum
        };
        let title = |part: &PartOfView| {
            if part.own { format!("{}（{}）", part.name, self.say("本级")) } else { part.name.clone() }
        };
        let page = |part: &PartOfView| {
            format!("/{}/{}{}", part.division, self.view.year, if part.own { "/own" } else { "" })
        };
        let nothing =
            |part: &PartOfView| self.say(if part.packages == 0 { "暂无报告" } else { "未填" });
        let mut heads = vec![Head::text(self.say("区划")), Head::number(self.say("报告"), self.say("份"))];
        heads.extend(headlines.iter().map(|(t, c)| Head::number(name(t, &c.header), c.unit.clone())));
        let row = |part: &PartOfView| {
            let mut row = vec![
                Cell::Head(title(part), Some(page(part))),
                Cell::Number(part.packages.to_string(), None),
            ];
            row.extend(headlines.iter().map(|headline| {
                let found = sum(part, headline);
                let origin =
                    found.map(|_| self.origin(&part.division, part.own, &headline.0.id, &headline.1.id));
                Cell::figure(text(found), nothing(part), origin)
            }));
            row
        };
        let grid = Grid {
            id: "children".to_owned(),
            caption: self.say("各区划合计").to_owned(),
            note: self.say("本级一行为本级机关，其余各行含其下级").to_owned(),
            heads,
            rows: parts.iter().map(row).collect(),
            stacks: false,
        };
        let mut blocks = vec![Block::Grid(grid)];
        // The squares show the weightiest count; money is no measure of how much was done.
        if let Some(headline) = headlines.iter().find(|(_, c)| c.id == "total").or(headlines.first()) {
            let most = parts.iter().filter_map(|part| sum(part, headline)).max().unwrap_or_default().0;
            let square = |part: &PartOfView| {
                let found = sum(part, headline);
                let shade = found.map_or(0, |found| super::charts::part(found.0, most, 4));
                Square {
                    link: Link { text: title(part), to: page(part) },
                    value: text(found).ok_or_else(|| nothing(part).to_owned()),
                    shade: usize::try_from(shade).unwrap_or(0),
                }
            };
            let about = name(headline.0, &headline.1.header);
            blocks.push(Block::Text(self.lang.fill(
                "方格图：{}（{}），{} 年度。一格一个区划，颜色越深数字越大；各地职责与人口不同，数字不宜直接比较高低。",
                &[&about, &headline.1.unit, &self.view.year.to_string()],
            )));
            blocks.push(Block::Squares(parts.iter().map(square).collect()));
        }
        blocks
    }

    fn bars(&self, table: &TableView, line: crate::view::LineView) -> Option<Block> {
        let from = line.points.len().saturating_sub(YEARS_SHOWN);
        let points = line.points.get(from..)?;
        if points.len() < 2 {
            return None;
        }
        let title = format!("{}（{}，{}）", name(table, &line.header), line.unit, self.scope());
        let nothing = self.say("无数据");
        let drawn = points.iter().map(|point| {
            let value = text(point.sum).map_or_else(|| nothing.to_owned(), |value| grouped(&value));
            (point.year.to_string(), value, point.sum.map(|sum| sum.0))
        });
        let row = |point: &crate::view::PointView| {
            let change = point.last_year.as_ref().and_then(|change| change.percent.clone());
            vec![
                Cell::Head(
                    point.year.to_string(),
                    Some(format!("/{}/{}", self.view.division.code, point.year)),
                ),
                Cell::figure(text(point.sum), nothing, None),
                Cell::Number(point.packages.to_string(), None),
                change.map_or_else(|| Cell::Nothing(self.say("无可比").to_owned()), Cell::Text),
            ]
        };
        let grid = Grid {
            id: format!("y-{}-{}", table.id, line.id),
            caption: title.clone(),
            note: String::new(),
            heads: vec![
                Head::text(self.say("年度")),
                Head::number(self.say("合计"), line.unit.clone()),
                Head::number(self.say("报告"), self.say("份")),
                Head::text(self.say("较上年")),
            ],
            rows: points.iter().map(row).collect(),
            stacks: false,
        };
        Some(Block::Bars(Bars { bars: bars(drawn.collect()), title, grid }))
    }
}
