//! `/reports`: the public packages in the order of the log, filtered by year, division, agency or state.

use super::doc::PackageState;
use super::folio::{Asked, Block, Folio, Form, Link, Switch};
use super::reply::Problem;
use super::report::item;
use super::source::{LIST_LIMIT_DEFAULT, PackageQuery, Source};
use super::text::segment;
use super::turn::Ask;
use serde_json::json;

/// `/reports?year=&division=&agency=&state=&after=`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let given = |name: &str| Some(ask.query(name).to_owned()).filter(|text| !text.is_empty());
    let year =
        given("year").map(|text| super::api::year(&text).ok_or(Problem::BadParameter("year"))).transpose()?;
    let division = given("division")
        .map(|text| text.parse().map_err(|_| Problem::BadParameter("division")))
        .transpose()?;
    let state = given("state")
        .map(|word| PackageState::from_word(&word).ok_or(Problem::BadParameter("state")))
        .transpose()?
        .unwrap_or_default();
    let limit = given("limit")
        .map(|text| super::api::limit(&text).ok_or(Problem::BadParameter("limit")))
        .transpose()?
        .unwrap_or(LIST_LIMIT_DEFAULT);
    let query = PackageQuery { division, agency: given("agency"), year, state, limit, after: given("after") };
    let list = source.packages(&query)?;
    let title = match year {
        Some(year) => lang.count_plain("{} 年度报告", year),
        None => lang.words("全部报告"),
    };
    let lead = "按进入公开日志的先后排列。可以只看某一年度或某一行政区划；点开任一份报告可见原表、历次更正和核验凭据。";
    let mut folio = Folio::new(title, lang.say(lead), "/reports");
    folio.query = link(&query, query.after.as_deref()).replacen("/reports", "", 1);
    folio.switches = vec![Switch {
        label: lang.words("状态"),
        readings: [PackageState::Released, PackageState::Superseded, PackageState::Withdrawn]
            .into_iter()
            .map(|one| {
                (
                    lang.words(one.zh()),
                    link(&PackageQuery { state: one, ..query.clone() }, None),
                    one == state,
                )
            })
            .collect(),
    }];
    let asked = |name, label, value: String| Asked { name, label: lang.words(label), value, wide: false };
    let mut blocks = vec![Block::Form(Form {
        action: "/reports".to_owned(),
        fields: vec![
            asked("year", "年度（四位数字）", query.year.map(|year| year.to_string()).unwrap_or_default()),
            asked(
                "division",
                "行政区划代码",
                query.division.as_ref().map(ToString::to_string).unwrap_or_default(),
            ),
        ],
        button: lang.words("筛选"),
    })];
    blocks.push(match list.packages.is_empty() {
        true => Block::Text(lang.words("没有符合条件的公开报告。可能是条件过窄，也可能是相应单位尚未上报，或报告正等待统一公开。没有列出不等于数据为零，也不等于该单位没有执法活动。")),
        false => Block::Items(list.packages.iter().map(|own| item(lang, own)).collect()),
    });
    let mut links = Vec::new();
    if let Some(next) = &list.next {
        links.push(Link::new(lang.say("下一页"), link(&query, Some(next))));
    }
    if query.year.is_some() || query.division.is_some() || query.after.is_some() {
        links.push(Link::new(lang.say("查看全部报告"), "/reports"));
    }
    blocks.push(Block::Links(links));
    folio.put("list", lang.say("报告清单"), blocks);
    folio.document = Some(json!(list));
    Ok(folio)
}

fn link(query: &PackageQuery, after: Option<&str>) -> String {
    let mut parts = vec![];
    if query.state != PackageState::default() {
        parts.push(format!("state={}", query.state.word()));
    }
    if query.limit != LIST_LIMIT_DEFAULT {
        parts.push(format!("limit={}", query.limit));
    }
    parts.extend(query.year.map(|year| format!("year={year}")));
    parts.extend(query.division.as_ref().map(|division| format!("division={}", segment(division.as_str()))));
    parts.extend(query.agency.as_ref().map(|agency| format!("agency={}", segment(agency))));
    parts.extend(after.map(|after| format!("after={}", segment(after))));
    if parts.is_empty() { "/reports".to_owned() } else { format!("/reports?{}", parts.join("&")) }
}
