//! `/calendar`: which year becomes public when, and by when reports are due.

use super::folio::{Block, Cell, Folio, Grid, Head, Mark, home};
use super::reply::Problem;
use super::source::{Source, YearDoc};
use super::turn::Ask;

/// `/calendar`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, node) = (ask.lang, source.node());
    let lead = "行政执法数据年报按公历年度统计：1 月 1 日至 12 月 31 日。上一年度的报告应在次年 1 月 31 日前报送并公布，名册另有规定的从其规定；统一公开的时刻由省级根节点签名公布，各级节点在同一时刻公开。";
    let mut folio = Folio::new(lang.say("公开日历"), lang.say(lead), "/calendar");
    folio.crumbs = vec![home(lang)];
    let years = source.calendar();
    let row = |own: &YearDoc| {
        let state = match (own.is_public, own.at) {
            (true, _) => Mark::new(lang.say("已公开"), "good"),
            (false, Some(_)) => Mark::new(lang.say("待统一公开"), "warn"),
            (false, None) => Mark::new(lang.say("时间未定"), "plain"),
        };
        let at = own.at.map_or_else(
            || Cell::Nothing(lang.words("未安排统一公开，收妥即公开")),
            |at| Cell::Text(lang.time(at)),
        );
        vec![
            Cell::Head(own.year.to_string(), Some(format!("/{}/{}", node.code, own.year))),
            Cell::Text(lang.count_plain("{}-01-31", own.year.saturating_add(1))),
            at,
            Cell::Marks(vec![state]),
            Cell::Number(own.reports.to_string(), None),
            Cell::Link(super::folio::Link::new(lang.say("报送情况"), format!("/coverage/{}", own.year))),
        ]
    };
    let blocks = match years.is_empty() {
        true => vec![Block::Text(lang.words("还没有任何年度的公开安排，也没有公开的报告。根节点公布统一公开时间之后，会列在这里；没有安排的年度，报告收妥即公开。"))],
        false => vec![Block::Grid(Grid {
            id: "years".to_owned(),
            caption: lang.words("各年度"),
            note: lang.words("时间为北京时间"),
            heads: vec![
                Head::text(lang.say("年度")),
                Head::text(lang.say("应报日期")),
                Head::text(lang.say("统一公开时间")),
                Head::text(lang.say("状态")),
                Head::number(lang.say("公开报告"), lang.say("份")),
                Head::text(lang.say("报送情况")),
            ],
            rows: years.iter().map(row).collect(),
            stacks: false,
        })],
    };
    folio.put("years", lang.say("年度与日期"), blocks);
    Ok(folio)
}
