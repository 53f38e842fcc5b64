//! `/dictionary`: the columns of every layout with their units, the rules by which they are counted, how layouts read in
//! each other, and what every state means.

use super::folio::{Block, Cell, Folio, Grid, Head, home};
use super::reply::Problem;
use super::source::Source;
use super::turn::Ask;
use super::words::Lang;
use crate::template::{Column, Kind, Op, Template};

/// States in the one vocabulary: the word, and what it means.
const STATES: [(&str, &str); 14] = [
    ("已公开", "现行的、公开的版本。"),
    ("已被更正", "曾经公开，后来有了更正；保留供查阅，不计入合计。"),
    ("已撤回", "曾经公开，后来撤回；只留摘要、时间和理由。"),
    ("待统一公开", "已收妥，等待省级统一公开的时刻。"),
    ("预报", "年度尚未结束时报送的数字，会变动。"),
    ("正式", "年度结束后报送的数字。"),
    ("零报告", "签了名的声明：当年没有此类执法活动。"),
    ("不适用", "签了名的声明：没有此项职责；在表格中，指没有此项职权。"),
    ("退回", "上级退回，尚未重新报送。"),
    ("未报", "名册列明应报，什么也没有收到。"),
    ("空白", "原表未填：不是零。"),
    ("按原样公布", "原报告的数字彼此不完全相符，附理由照录。"),
    ("待核实", "报送节点的密钥已被吊销，照常公开，暂不计入合计。"),
    ("合成示例", "为演示而编造，不是任何单位的真实数据。"),
];

/// Rules that hold for every layout.
const RULES: [&str; 7] = [
    "一案多罚只计一次，计入最重的一种；列名的种类先于“其他”。所以“合计”恰等于各种类之和，不等则退回更正。",
    "罚没金额不在合计之内，以决定书所载金额为准，统一换算为元，精确到分，从不用浮点数。",
    "“受理”通常不超过“申请”，“许可”加“不予许可”通常不超过“受理”；因各栏以各自的日期统计，不符只作提示，不退回。",
    "零、空白、不适用是三件事：有职权而没有发生是 0，原表未填是空白，没有此项职权是不适用。空白和不适用不参与相加。",
    "比率由合计的分子、分母重新计算，从不取平均；分母为零时写“无案件”。",
    "合计只加“本机关”的报告；“汇总”报告只用来核对，不重复相加，相差之处逐格列出。",
    "同一机关同一年度以最新的公开版本计入；已撤回和待核实的不计入。",
];

/// `/dictionary`
pub(super) fn page(source: &dyn Source, ask: &Ask) -> Result<Folio, Problem> {
    let lang = ask.lang;
    let templates = source.templates()?;
    let lead = "各种表式的栏目、单位、统计口径，表式之间怎样折算，以及本站用到的每一个状态的含义。表式由省级根节点签名公布，数字按原表照录。";
    let mut folio = Folio::new(lang.say("数据字典"), lang.say(lead), "/dictionary");
    folio.crumbs = vec![home(lang)];
    let rules = RULES.iter().map(|rule| Block::Text(lang.words(rule)));
    folio.put("rules", lang.say("统计口径"), rules.collect());
    let row = |(word, meaning): &(&'static str, &'static str)| {
        vec![Cell::Head(lang.words(word), None), Cell::Text(lang.words(meaning))]
    };
    folio.put(
        "states",
        lang.say("状态"),
        vec![Block::Grid(Grid {
            id: "states".to_owned(),
            caption: lang.words("状态的含义"),
            note: String::new(),
            heads: vec![Head::text(lang.say("状态")), Head::text(lang.say("含义"))],
            rows: STATES.iter().map(row).collect(),
            stacks: false,
        })],
    );
    let mut blocks: Vec<Block> = Vec::new();
    for template in templates.iter() {
        blocks.extend(layout(lang, template));
    }
    if blocks.is_empty() {
        let why = "本节点还没有取得任何表式。表式随公开日志到达；在此之前，报告按原表照录，不作折算。";
        blocks.push(Block::Text(lang.words(why)));
    }
    folio.put("layouts", lang.say("表式"), blocks);
    Ok(folio)
}

fn layout(lang: Lang, template: &Template) -> Vec<Block> {
    let row = |column: &Column| {
        let kind = match column.kind {
            Kind::Count => lang.say("计数"),
            Kind::Money => lang.say("金额"),
        };
        let must = if column.optional { lang.say("可省") } else { lang.say("必有") };
        vec![
            Cell::Head(column.header.clone(), None),
            Cell::Text(column.id.clone()),
            Cell::Text(column.unit.clone()),
            Cell::Text(kind.to_owned()),
            Cell::Text(must.to_owned()),
            Cell::Text(column.aliases.join("、")),
        ]
    };
    let state = if template.provisional { lang.say("暂定：尚未见到印出的表头") } else { "" };
    let grid = Block::Grid(Grid {
        id: format!(
            "l-{}",
            template.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>()
        ),
        caption: format!("{}（{}）", template.title, template.id),
        note: state.to_owned(),
        heads: vec![
            Head::text(lang.say("栏目")),
            Head::text(lang.say("标识")),
            Head::text(lang.say("单位")),
            Head::text(lang.say("种类")),
            Head::text(lang.say("必有")),
            Head::text(lang.say("其他写法")),
        ],
        rows: template.columns.iter().map(row).collect(),
        stacks: false,
    });
    let header = |at: &usize| template.columns.get(*at).map(|own| own.header.clone()).unwrap_or_default();
    let sum = |places: &[usize]| places.iter().map(header).collect::<Vec<_>>().join(" + ");
    let mut facts: Vec<(String, Vec<Cell>)> = Vec::new();
    let identities = template.identities.iter();
    let identities: Vec<Cell> =
        identities.map(|own| Cell::Text(format!("{} = {}", header(&own.equals), sum(&own.sum)))).collect();
    let warnings = template.warnings.iter().map(|own| {
        let op = match own.op {
            Op::AtMost => "≤",
            Op::Equal => "=",
        };
        let why = if lang == Lang::En { &own.en } else { &own.zh };
        Cell::Text(format!("{} {op} {} — {why}", sum(&own.left), sum(&own.right)))
    });
    let rates = template.rates.iter().map(|own| {
        let name = if lang == Lang::En { &own.en } else { &own.zh };
        Cell::Text(format!("{name} = ({}) / ({})", sum(&own.numerator), sum(&own.denominator)))
    });
    let folds = template.folds.iter().map(|own| {
        let map = own.map.iter().map(|(to, of)| format!("{to} = {}", sum(of))).collect::<Vec<_>>().join("; ");
        Cell::Text(format!("→ {}: {map}", own.to))
    });
    for (word, cells) in [
        ("恒等式（不等则退回）", identities),
        ("通常成立（不符则提示）", warnings.collect()),
        ("比率", rates.collect()),
        ("折算为其他表式", folds.collect()),
        (
            "出处",
            Some(template.source.clone())
                .filter(|text| !text.is_empty())
                .map(Cell::Text)
                .into_iter()
                .collect(),
        ),
    ] {
        if !cells.is_empty() {
            facts.push((lang.words(word), cells));
        }
    }
    let mut blocks = vec![grid];
    if !facts.is_empty() {
        blocks.push(Block::Facts(facts));
    }
    blocks
}
