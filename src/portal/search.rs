//! `/search`: divisions and agencies by code or a part of the name.

use super::folio::{Asked, Block, Folio, Form, Item, Link, home};
use super::reply::Problem;
use super::report::item;
use super::source::Source;
use super::text::segment;
use super::turn::Ask;
use crate::digest::Digest;

/// Hits of each kind on a page.
const SHOWN: usize = 50;
/// Longest text that is looked for, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// `/search?q=`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let text: String = ask.query("q").chars().take(TEXT_CHARS_MAX).collect();
    let lead = "按机关或区划的名称、行政区划代码、统一社会信用代码或报告摘要查找。名称写一部分即可；同名的机关会一并列出，请以区划代码区分。";
    let mut folio = Folio::new(lang.say("搜索"), lang.say(lead), "/search");
    folio.crumbs = vec![home(lang)];
    folio.query = format!("?q={}", segment(&text));
    let form = Form {
        action: "/search".to_owned(),
        fields: vec![Asked {
            name: "q",
            label: lang.words("机关、区划名称或代码"),
            value: text.clone(),
            wide: true,
        }],
        button: lang.words("搜索"),
    };
    folio.put("form", lang.say("查找"), vec![Block::Form(form)]);
    if text.is_empty() {
        let words =
            "例如：镇名、局名的一部分，或六位、九位区划代码。也可以从首页按年度查看，或在全部报告中筛选。";
        folio.put("hits", lang.say("结果"), vec![Block::Text(lang.words(words))]);
        return Ok(folio);
    }
    if text.to_ascii_lowercase().parse::<Digest>().is_ok() {
        let to = format!("/p/{}", text.to_ascii_lowercase());
        let link = Link::new(lang.say("打开这一摘要的报告"), to);
        folio.put("digest", lang.say("报告摘要"), vec![Block::Links(vec![link])]);
    }
    let hits = source.search(&text, SHOWN)?;
    let mut divisions = Vec::new();
    for place in &hits.divisions {
        let found = source.place(&place.code)?;
        // To the newest year that has something of it.
        let newest = found.as_ref().and_then(|found| found.years.last());
        let above = found.iter().flat_map(|found| found.above.iter().rev()).map(|above| above.name.clone());
        let way: Vec<String> = above.collect();
        divisions.push(Item {
            link: Link::new(
                place.name.clone(),
                newest.map_or_else(
                    || format!("/reports?division={}", place.code),
                    |year| format!("/{}/{year}", place.code),
                ),
            ),
            marks: Vec::new(),
            about: [place.code.to_string(), way.join(" › ")]
                .into_iter()
                .chain(newest.map(|year| lang.fill("{} 年度", &[&year.to_string()])))
                .filter(|about| !about.is_empty())
                .collect(),
            detail: String::new(),
        });
    }
    let none = |words| vec![Block::Text(lang.words(words))];
    folio.put(
        "divisions",
        lang.say("区划"),
        match divisions.is_empty() {
            true => none("没有找到这样的区划。区划以本联邦签名登记的为准；尚未加入的区划不在其中。"),
            false => vec![Block::Items(divisions)],
        },
    );
    let mut agencies = match hits.agencies.is_empty() {
        true => none("没有找到这样的机关。只能找到已经公开过报告的机关；没有找到不等于该机关没有执法活动。"),
        false => vec![Block::Items(hits.agencies.iter().map(|own| item(lang, own)).collect())],
    };
    if hits.partial {
        agencies.push(Block::Notice(
            lang.words("结果较多，这里只列出一部分。请写得更具体，几个词之间用空格隔开，或在全部报告中按年度、区划筛选。"),
        ));
    }
    folio.put("agencies", lang.say("机关"), agencies);
    Ok(folio)
}
