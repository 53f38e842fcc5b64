//! `/`: this division: years, headline numbers, who reported, what is new.

use super::folio::{Block, Cell, Figure, Folio, Item, Link};
use super::reply::Problem;
use super::report::item;
use super::source::{Source, Wanted};
use super::text::web_url;
use super::turn::Ask;
use super::words::Lang;
use crate::view::{ViewQuery, ViewScope};

/// Releases listed here; the rest is a click away.
const NEWEST_SHOWN: usize = 8;
/// Corrections listed here.
const CORRECTIONS_SHOWN: usize = 4;

/// `/`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, node, overview) = (ask.lang, source.node(), source.overview());
    let title = lang.fill("{}行政执法数据年报公示", &[&node.name]);
    let lead = "这里公示各行政执法机关每年的行政处罚、行政许可、行政强制等执法数据；省、市、区县、镇街四级节点展示同一份记录，任何人都可以逐份核验。";
    let mut folio = Folio::new(title, lang.say(lead), "/index");
    folio.eyebrow = format!("{} · {}", lang.say(node.level.zh()), node.code);
    let years = overview.years.iter().map(|own| own.year);
    let span = years.clone().min().zip(years.clone().max()).map(|(first, last)| match first == last {
        // With a word: a number alone would be shown with its digits grouped.
        true => lang.count_plain("{} 年度", first),
        false => format!("{first}–{last}"),
    });
    let total: u64 = overview.years.iter().map(|own| own.count).sum();
    let figure = |name: &'static str, value: Result<String, String>, unit: &'static str| Figure {
        name: lang.words(name),
        value,
        unit: lang.words(unit),
        change: String::new(),
        origin: None,
    };
    let figures = vec![
        figure("已公开报告", Ok(total.to_string()), "份"),
        figure("涉及年度", span.ok_or_else(|| lang.words("暂无")), ""),
        figure("节点一致", Ok(format!("{} / {}", overview.nodes_agreeing, overview.nodes_total)), "个"),
        figure("公开日志", Ok(node.root_log.size.to_string()), "条"),
    ];
    folio.put("glance", lang.say("总览"), vec![Block::Figures(figures)]);

    let newest_year = overview.years.first().map(|own| own.year);
    let (mut sums, mut reporting) = (Vec::new(), None);
    if let Some(year) = newest_year {
        let query = ViewQuery { division: node.code.clone(), year, scope: ViewScope::All, template: None };
        if let (Some(place), Some(view)) = (source.place(&node.code)?, source.view(&query)?) {
            (sums, reporting) = super::division::at_a_glance(lang, &place, &view);
        }
    }
    if let Some(year) = newest_year {
        let title = lang.count_plain("{} 年度主要数字（本级及下级）", year);
        sums.push(Block::Links(vec![Link::new(
            lang.say("查看全年合计、各下级与来源"),
            format!("/{}/{year}", node.code),
        )]));
        folio.put("sums", title, sums);
        if let Some(mut blocks) = reporting {
            let more = Link::new(lang.say("谁报了，谁没有报"), format!("/coverage/{year}"));
            blocks.push(Block::Links(vec![more]));
            folio.put("coverage", lang.count_plain("{} 年度报送情况", year), blocks);
        }
    }
    let years = overview.years.iter().map(|own| {
        let text = lang.fill("{} 年度 · {} 份", &[&own.year.to_string(), &own.count.to_string()]);
        Link::new(text, format!("/{}/{}", node.code, own.year))
    });
    let years = match overview.years.is_empty() {
        true => Block::Text(lang.words("还没有任何年度的公开报告。")),
        false => Block::Links(years.collect()),
    };
    folio.put("years", lang.say("按年度看合计"), vec![years]);
    let mut newest: Vec<Block> = match overview.newest.is_empty() {
        true => vec![Block::Text(lang.words("目前没有已经公开的报告。可能的原因：本级及下级单位的年度报告还没有上报；或者报告已经收妥，正等待统一公开的日期。按规定，各机关应当在每年一月底前公布上一年度的执法数据；没有列出的单位不等于数据为零。"))],
        false => vec![Block::Items(overview.newest.iter().take(NEWEST_SHOWN).map(|own| item(lang, own)).collect())],
    };
    newest.push(Block::Links(vec![
        Link::new(lang.count("查看全部 {} 份报告", total), "/reports"),
        Link::new(lang.say("订阅（Atom）"), "/feed.atom"),
    ]));
    folio.put("newest", lang.say("最新公开"), newest);
    folio.put("corrections", lang.say("最近的更正与撤回"), corrections(source, lang)?);

    let children: Vec<Item> = overview
        .children
        .iter()
        .map(|child| {
            let known =
                ask.known().iter().find(|known| known.code == child.code).map(|known| known.url.as_str());
            let portal = known.or(child.portal.as_deref()).and_then(web_url);
            let newest = newest_year.map(|year| format!("/{}/{year}", child.code));
            let own = newest.unwrap_or_else(|| format!("/reports?division={}", child.code));
            Item {
                link: Link::new(child.name.clone(), portal.map_or(own, str::to_owned)),
                marks: Vec::new(),
                about: vec![child.code.to_string()],
                detail: String::new(),
            }
        })
        .collect();
    folio.put(
        "children",
        lang.say("下级节点"),
        vec![match children.is_empty() {
            true => Block::Text(lang.words("没有登记下级节点。")),
            false => Block::Items(children),
        }],
    );
    let age = overview.checkpoint_age_ms.map(|age| lang.fill("{}前签署", &[&lang.age(age)]));
    folio.put(
        "sync",
        lang.say("同步状态"),
        vec![
            Block::Facts(vec![
                (lang.words("日志条数"), vec![Cell::Number(node.root_log.size.to_string(), None)]),
                (lang.words("根哈希"), vec![Cell::Hash(node.root_log.root_hash.base64())]),
                (lang.words("视图根"), vec![Cell::Hash(node.view_root.base64())]),
                (lang.words("检查点"), vec![Cell::Text(age.unwrap_or_else(|| lang.words("尚未取得")))]),
                (
                    lang.words("点名"),
                    vec![Cell::Link(Link::new(
                        lang.fill(
                            "{} 个节点中 {} 个一致",
                            &[&overview.nodes_total.to_string(), &overview.nodes_agreeing.to_string()],
                        ),
                        "/rollcall",
                    ))],
                ),
            ]),
            Block::Links(vec![Link::new(lang.say("不必相信本站：用几条常见命令自行核验"), "/verify")]),
        ],
    );
    Ok(folio)
}

fn corrections(source: &dyn Source, lang: Lang) -> Result<Vec<Block>, Problem> {
    let found = source.notices(Wanted::Corrections, None, CORRECTIONS_SHOWN)?.notices;
    let list = match found.is_empty() {
        true => Block::Text(lang.words("还没有任何报告被更正或撤回。")),
        false => Block::Items(found.iter().map(|own| super::corrections::item(lang, own)).collect()),
    };
    Ok(vec![list, Block::Links(vec![Link::new(lang.say("全部更正与撤回"), "/corrections")])])
}
