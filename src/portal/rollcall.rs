//! `/rollcall`: what every node signed last, against what is shown here.

use super::doc::RollcallNode;
use super::folio::{Block, Cell, Folio, Grid, Head, Link, Mark};
use super::reply::Problem;
use super::source::Source;
use super::turn::Ask;
use serde_json::json;

/// `/rollcall`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let (lang, node, roll) = (ask.lang, source.node(), source.rollcall());
    let lead = "每个节点都为自己所展示的内容签名：日志有多少条、根哈希是什么、视图根是什么。这里把它们与本站展示的逐一比较；不一致即为异常，落后则说明还在追赶。";
    let mut folio = Folio::new(lang.say("节点点名"), lang.say(lead), "/rollcall");
    let agreeing = roll.nodes.iter().filter(|node| node.agrees).count();
    let mut facts = vec![
        (
            lang.words("一致"),
            vec![Cell::Text(
                lang.fill("{} 个节点中 {} 个一致", &[&roll.nodes.len().to_string(), &agreeing.to_string()]),
            )],
        ),
        (lang.words("日志条数"), vec![Cell::Number(roll.size.to_string(), None)]),
        (lang.words("根哈希"), vec![Cell::Hash(roll.root_hash.base64())]),
        (lang.words("视图根"), vec![Cell::Hash(roll.view_root.base64())]),
    ];
    if node.confirmed.quorum > 0 {
        let words = lang.fill(
            "{}（由至少 {} 个省级直属节点副署；其后的条目已由根节点签发，等待副署）",
            &[&node.confirmed.size.to_string(), &node.confirmed.quorum.to_string()],
        );
        facts.push((lang.words("已确认的条数"), vec![Cell::Text(words)]));
    }
    folio.put("here", lang.say("本站展示的"), vec![Block::Facts(facts)]);
    let row = |own: &RollcallNode| {
        let known = ask.known().iter().find(|known| known.code == own.code);
        let standing = match own.agrees {
            true => Mark::new(lang.say("一致"), "good"),
            false => Mark::new(lang.say("不一致或尚未追上"), "bad"),
        };
        vec![
            known.map_or_else(
                || Cell::Head(own.name.clone(), None),
                |known| Cell::Link(Link::new(own.name.clone(), known.url.clone())),
            ),
            Cell::Text(own.code.to_string()),
            Cell::Number(own.size.to_string(), None),
            Cell::Marks(vec![standing]),
            own.at.map_or_else(|| Cell::Nothing(lang.words("尚未签署")), |at| Cell::Text(lang.time(at))),
        ]
    };
    let none = "还没有收到任何节点的签名声明。节点在取得公开日志的全部条目之后才会签署声明；刚刚启动的节点通常在一分钟内出现在这里。若长时间为空，请检查本节点与上级的连接。";
    let blocks = match roll.nodes.is_empty() {
        true => vec![Block::Text(lang.words(none))],
        false => vec![Block::Grid(Grid {
            id: "roll".to_owned(),
            caption: lang.words("各节点最近一次签名声明"),
            note: String::new(),
            heads: vec![
                Head::text(lang.say("节点")),
                Head::text(lang.say("代码")),
                Head::number(lang.say("日志条数"), ""),
                Head::text(lang.say("结果")),
                Head::text(lang.say("签署时间")),
            ],
            rows: roll.nodes.iter().map(row).collect(),
            stacks: false,
        })],
    };
    folio.put("nodes", lang.say("各节点"), blocks);
    folio.document = Some(json!(roll));
    Ok(folio)
}
