//! `/coverage/{year}`: who owed a report, who gave one, who is late, agency by agency and table by table; the same as
//! JSON, CSV and the circular's workbook.

use super::charts::shares;
use super::circular::{COUNTS, rows, workbook};
use super::coverage_grid::agencies;
use super::folio::{Block, Cell, Figure, Folio, Grid, Head, Item, Link, Mark, Switch, home};
use super::reply::Problem;
use super::source::Source;
use super::turn::{Ask, Form};
use super::words::Lang;
use crate::division::DivisionCode;
use serde_json::Value;

/// `/coverage`: the years to choose from.
pub(super) fn years(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let lead = "每一年度谁应当报送、谁已报送、谁迟报、谁未报，逐个机关列出。零报告、不适用、退回与未报各不相同，不会混在一起。";
    let mut folio = Folio::new(lang.say("报送情况"), lang.say(lead), "/coverage");
    folio.crumbs = vec![home(lang)];
    let items: Vec<Item> = source
        .calendar()
        .iter()
        .map(|own| Item {
            link: Link::new(lang.count_plain("{} 年度报送情况", own.year), format!("/coverage/{}", own.year)),
            marks: match own.is_public {
                true => vec![Mark::new(lang.say("已公开"), "good")],
                false => vec![Mark::new(lang.say("待统一公开"), "warn")],
            },
            about: vec![lang.count("{} 份报告", own.reports)],
            detail: String::new(),
        })
        .collect();
    folio.put("years", lang.say("按年度查看"), vec![match items.is_empty() {
        true => Block::Text(lang.words("还没有任何年度的名册或公开报告。名册由各级节点签名公布，公布之后应报而未报的机关会列在这里；没有列出不等于数据为零。")),
        false => Block::Items(items),
    }]);
    Ok(folio)
}

/// `/coverage/{year}`, `/coverage/{year}/{code}`; `?division=` takes a part too.
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, year) = (ask.lang, ask.year()?);
    let (in_path, in_query) = (ask.part("code"), ask.query("division"));
    let division: Option<DivisionCode> = match (in_path, in_query) {
        ("", "") => None,
        ("", code) => Some(code.parse().map_err(|_| Problem::BadParameter("division"))?),
        (code, _) => Some(code.parse().map_err(|_| Problem::NotFound)?),
    };
    let document = source.coverage(division.as_ref(), year)?.ok_or(Problem::NotFound)?;
    let end = division.as_ref().map(|code| format!("/{code}")).unwrap_or_default();
    let name = document["division"]["name"].as_str().unwrap_or_default().to_owned();
    let title = lang.fill("{} {} 年度报送情况", &[&name, &year.to_string()]);
    let lead = "零报告是签了名的“当年没有此类执法活动”，不适用是签了名的“没有此项职责”，未报是什么也没有收到；三者不同。迟报天数从截止日次日起，算到上级节点收到之时。";
    let mut folio = Folio::new(title, lang.say(lead), format!("/coverage/{year}{end}"));
    folio.crumbs = vec![home(lang), Link::new(lang.say("报送情况"), "/coverage")];
    if division.is_some() {
        folio.crumbs.push(Link::new(lang.count_plain("{} 年度报送情况", year), format!("/coverage/{year}")));
    }
    let known = source.calendar();
    let reading = |one: u16| (one.to_string(), format!("/coverage/{one}{end}"), one == year);
    let mut years: Vec<u16> = known.iter().map(|own| own.year).chain([year]).collect();
    years.sort_unstable_by(|a, b| b.cmp(a));
    years.dedup();
    folio.switches =
        vec![Switch { label: lang.words("年度"), readings: years.into_iter().map(reading).collect() }];
    match ask.form {
        Form::Page => {}
        Form::Json => folio.document = Some(document.clone()),
        Form::Csv => folio.tidy = Some(rows(&document)),
        Form::Workbook => folio.workbook = Some(workbook(&document).ok_or(Problem::Unavailable)?),
    }
    if ask.form != Form::Page {
        return Ok(folio);
    }
    folio.put("counts", lang.say("合计"), counts(lang, &document));
    let divisions = document["divisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if divisions.len() > 1 {
        folio.put("divisions", lang.say("按区划"), vec![by_division(lang, year, divisions)]);
    }
    folio.put("agencies", lang.say("按机关与表"), agencies(source, lang, year, &document)?);
    Ok(folio)
}

fn count(of: &Value, key: &str) -> i64 {
    of[key].as_i64().unwrap_or(0)
}

fn counts(lang: Lang, document: &Value) -> Vec<Block> {
    let basis = match (document["basis"].as_str(), document["earlier_year"].as_u64()) {
        (Some("roster"), _) => lang.words("应报机关以各级签名公布的名册为准。"),
        (Some("mixed"), _) => lang.words("有名册的区划以名册为准，其余以往年及本年度报送过的机关为应报。"),
        (_, Some(earlier)) => lang.count_plain(
            "尚无名册：以 {} 年度及本年度报送过的机关为应报，从未报送过的机关不在其中。",
            earlier,
        ),
        _ => lang.words("尚无名册，也没有往年报送可比：只能列出谁报了，不能说明谁没有报。"),
    };
    let mut blocks = Vec::new();
    if document["withheld"] == true {
        blocks.push(Block::Notice(
            lang.words("待统一公开：本年度尚未统一公开，此前只公布应报名册，不公布谁已报送。"),
        ));
    }
    blocks.push(Block::Text(basis));
    let parts = [
        ("已报", "reported", "s0"),
        ("零报告", "nil", "s1"),
        ("不适用", "not_applicable", "s2"),
        ("退回", "returned", "s3"),
        ("未报", "missing", "s4"),
    ];
    let of = &document["counts"];
    let shown = parts.map(|(word, key, class)| (lang.words(word), count(of, key), class)).to_vec();
    if shown.iter().any(|(_, count, _)| *count > 0) {
        blocks.push(Block::Shares(shares(lang.words("各机关的报送状态"), shown)));
    }
    let figure = |(word, key): (&'static str, &str)| Figure {
        name: lang.words(word),
        value: Ok(count(of, key).to_string()),
        unit: String::new(),
        change: String::new(),
        origin: None,
    };
    blocks.push(Block::Figures(COUNTS.map(figure).into_iter().collect()));
    blocks
}

fn by_division(lang: Lang, year: u16, divisions: &[Value]) -> Block {
    let mut heads = vec![Head::text(lang.say("区划")), Head::text(lang.say("区划代码"))];
    heads.extend(COUNTS.map(|(word, _)| Head::number(lang.say(word), "")));
    let row = |own: &Value| {
        let code = own["code"].as_str().unwrap_or_default();
        let name = own["name"].as_str().unwrap_or_default().to_owned();
        let mut row =
            vec![Cell::Head(name, Some(format!("/coverage/{year}/{code}"))), Cell::Text(code.to_owned())];
        row.extend(COUNTS.map(|(_, key)| Cell::Number(count(own, key).to_string(), None)));
        row
    };
    Block::Grid(Grid {
        id: "divisions".to_owned(),
        caption: lang.words("按区划"),
        note: lang.words("各区划自己的机关"),
        heads,
        rows: divisions.iter().map(row).collect(),
        stacks: false,
    })
}
