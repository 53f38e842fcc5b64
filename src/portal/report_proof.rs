//! The proof strip of a report: the same digest at every level, each a link to another server, and the files with which
//! a stranger verifies it.

use super::KnownPortal;
use super::doc::{PackageDoc, PackageKind, RollcallNode};
use super::folio::{Block, Cell, Grid, Head, Link, Mark};
use super::reply::Problem;
use super::source::Source;
use super::turn::Ask;
use crate::division::DivisionCode;
use std::collections::BTreeMap;

/// Nodes in the strip: the four levels of a place and a few beside it.
const NODES_SHOWN: usize = 12;

/// The section.
pub(super) fn proof(source: &dyn Source, ask: &Ask, doc: &PackageDoc) -> Result<Vec<Block>, Problem> {
    let (lang, summary) = (ask.lang, &doc.summary);
    let node = source.node();
    let api = format!("/api/v1/packages/{}", summary.digest);
    let place =
        lang.fill("第 {} 条，日志共 {} 条", &[&summary.index.to_string(), &node.root_log.size.to_string()]);
    let facts = vec![
        (lang.words("报告摘要"), vec![Cell::Hash(summary.digest.hex())]),
        (lang.words("日志位置"), vec![Cell::Text(place)]),
        (
            lang.words("固定地址"),
            vec![Cell::Link(Link::new(
                format!("{}/p/{}", ask.base(), summary.digest),
                format!("/p/{}", summary.digest),
            ))],
        ),
    ];
    let mut files = vec![
        Link::new(lang.say("包含证明"), format!("{api}/proof")),
        Link::new(lang.say("签名声明"), format!("{api}/statement")),
        Link::new(lang.say("卡片"), format!("{api}/card")),
    ];
    if summary.kind == PackageKind::Report {
        files.push(Link::new(lang.say("正文（含盐）"), format!("{api}/body")));
    }
    files.push(Link::new(lang.say("JSON 数据"), api.clone()));
    files.push(Link::new(lang.say("如何核验"), "/verify"));
    let others = ask.known().iter().filter(|known| known.code != node.code);
    let others = others.map(|known| Link::new(known.shown_name(), known.url.clone())).collect();
    Ok(vec![
        Block::Facts(facts),
        Block::Grid(strip(source, ask, doc, &node.code)),
        Block::Text(lang.words(
            "各级节点分别保存并公示同一份记录。点开任一节点，看到的应当是同一个摘要；不同即为异常，请告知有关单位。",
        )),
        Block::Links(files),
        Block::Check { digest: summary.digest.hex(), api, others },
    ])
}

/// One row a node: what it signed last, and this report there.
fn strip(source: &dyn Source, ask: &Ask, doc: &PackageDoc, own: &DivisionCode) -> Grid {
    let (lang, summary) = (ask.lang, &doc.summary);
    let known: BTreeMap<&DivisionCode, &KnownPortal> =
        ask.known().iter().map(|known| (&known.code, known)).collect();
    let roll = source.rollcall();
    // The place's own levels, this node's, those whose address is known.
    let above =
        |code: &DivisionCode| source.place(code).ok().flatten().map(|place| place.above).unwrap_or_default();
    let levels: Vec<DivisionCode> = [own, &summary.division.code]
        .into_iter()
        .flat_map(|code| std::iter::once(code.clone()).chain(above(code).into_iter().map(|place| place.code)))
        .chain(known.keys().map(|code| (*code).clone()))
        .collect();
    let heard = roll.nodes.iter().filter(|node| levels.contains(&node.code));
    let mut rows: BTreeMap<DivisionCode, (String, Option<&RollcallNode>)> =
        heard.map(|node| (node.code.clone(), (node.name.clone(), Some(node)))).collect();
    for known in known.values() {
        rows.entry(known.code.clone()).or_insert_with(|| (known.shown_name(), None));
    }
    rows.entry(own.clone()).or_insert_with(|| (source.node().name, None));
    let row = |(code, (name, node)): (&DivisionCode, &(String, Option<&RollcallNode>))| {
        let standing = match node {
            _ if code == own => Mark::new(lang.say("本站"), "plain"),
            Some(node) if node.agrees && node.size > summary.index => Mark::new(lang.say("一致"), "good"),
            Some(node) if node.size <= summary.index => Mark::new(lang.say("尚未追上"), "warn"),
            Some(_) => Mark::new(lang.say("不一致"), "bad"),
            None => Mark::new(lang.say("未见其签名声明"), "warn"),
        };
        let link = match known.get(code) {
            Some(known) => {
                Cell::Link(Link::new(lang.say("在该节点查看"), format!("{}/p/{}", known.url, summary.digest)))
            }
            None if code == own => Cell::Link(Link::new(lang.say("本页"), format!("/p/{}", summary.digest))),
            None => Cell::Nothing(lang.words("地址未登记")),
        };
        let signed = node.and_then(|node| node.at).map(|at| lang.time(at));
        vec![
            Cell::Head(format!("{name} {code}"), None),
            Cell::Marks(vec![standing]),
            Cell::figure(node.map(|node| node.size.to_string()), lang.say("未知"), None),
            signed.map_or_else(|| Cell::Nothing(lang.words("未知")), Cell::Text),
            link,
        ]
    };
    Grid {
        id: "strip".to_owned(),
        caption: lang.words("同一摘要在各级节点"),
        note: summary.digest.hex().chars().take(16).chain(['…']).collect(),
        heads: vec![
            Head::text(lang.say("节点")),
            Head::text(lang.say("结果")),
            Head::number(lang.say("日志条数"), ""),
            Head::text(lang.say("签署时间")),
            Head::text(lang.say("链接")),
        ],
        rows: rows.iter().map(row).take(NODES_SHOWN).collect(),
        stacks: false,
    }
}
