//! `/corrections`: every correction and withdrawal with its reason, newest first.

use super::doc::PackageState;
use super::folio::{Block, Folio, Item, Link, home};
use super::reply::Problem;
use super::report::{marks, year_link};
use super::source::{NoticeDoc, Source, Wanted};
use super::text::segment;
use super::turn::Ask;
use super::words::Lang;
use serde_json::{Value, json};

/// Entries on a page.
const SHOWN: usize = 100;

/// One correction or withdrawal.
pub(super) fn item(lang: Lang, own: &NoticeDoc) -> Item {
    let summary = &own.summary;
    let title = lang.fill("{} {} 年度", &[&summary.agency.name, &summary.year.to_string()]);
    let (to, word) = match summary.state {
        PackageState::Withdrawn => (format!("/p/{}", summary.digest), "{} 撤回"),
        _ => (format!("{}/v{}", year_link(summary), summary.revision), "{} 更正"),
    };
    let none = || lang.words("理由尚未到达本节点，或报送时未说明");
    Item {
        link: Link::new(title, to),
        marks: marks(lang, summary),
        about: vec![
            lang.fill(word, &[&lang.time(own.at)]),
            format!("{} {}", summary.division.name, summary.division.code),
        ],
        detail: lang.fill("理由：{}", &[&own.reason.clone().unwrap_or_else(none)]),
    }
}

/// `/corrections?after=`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let after = Some(ask.query("after")).filter(|after| !after.is_empty());
    let found = source.notices(Wanted::Corrections, after, SHOWN)?;
    let lead = "公开之后的每一次更正和撤回都列在这里，最新的在前，附有理由。更正不覆盖旧数字：旧版本一直保留，点开可以逐格看到改了什么；撤回的报告只留下摘要、时间和理由。";
    let mut folio = Folio::new(lang.say("更正与撤回"), lang.say(lead), "/corrections");
    folio.crumbs = vec![home(lang)];
    folio.query = after.map(|after| format!("?after={}", segment(after))).unwrap_or_default();
    let mut blocks = vec![match found.notices.is_empty() {
        true => Block::Text(lang.words("还没有任何报告被更正或撤回。没有更正不等于没有错误：发现错误，请向报送机关提出，更正会连同理由列在这里。")),
        false => Block::Items(found.notices.iter().map(|own| item(lang, own)).collect()),
    }];
    let mut links = vec![Link::new(lang.say("订阅（Atom）"), "/feed.atom")];
    if let Some(next) = &found.next {
        links.insert(0, Link::new(lang.say("更早的"), format!("/corrections?after={}", segment(next))));
    }
    blocks.push(Block::Links(links));
    folio.put("list", lang.say("逐条列出"), blocks);
    let notices: Vec<Value> = found
        .notices
        .iter()
        .map(|own| {
            let mut line = json!(own.summary);
            line["at"] = json!(own.at.to_string());
            line["reason"] = json!(own.reason);
            line
        })
        .collect();
    folio.document =
        Some(json!({"schema": "gongshi.corrections/1", "corrections": notices, "next": found.next}));
    Ok(folio)
}
