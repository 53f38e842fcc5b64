//! Review: what came from below, a report with its findings cell by cell, what was sent back and refused, and why.

use super::deed::Deed;
use super::desk::reason;
use super::figures::TableView;
use super::overview::grid;
use super::sheet::{Asked, Block, Cell, Field, Form, Marked, Sheet};
use super::words::Lang;
use super::{ConsoleSource, Look, Refused, lines, word};
use crate::digest::Digest;
use crate::portal::doc::TableDoc;
use serde_json::Value;
use std::collections::BTreeMap;

/// The answer to an address that names nothing.
pub(super) fn nothing_there(lang: Lang) -> Refused {
    let message = lang.say("没有这项内容，地址可能有误。", "There is nothing at this address.");
    Refused { code: "not_found".to_owned(), message: message.to_owned() }
}

/// The digest in an address.
pub(super) fn digest(asked: &Asked) -> Result<Digest, Refused> {
    asked.part.parse().map_err(|_| nothing_there(asked.lang))
}

fn grade(lang: Lang, word: &str) -> (String, &'static str) {
    let (zh, en, weight) = match word {
        "must_fix" => ("必须改", "must fix", "bad"),
        "confirm" => ("请核实", "please confirm", "warn"),
        _ => ("提示", "hint", ""),
    };
    (lang.say(zh, en).to_owned(), weight)
}

/// Findings as a table.
pub(super) fn findings(lang: Lang, found: &[Value], nothing: &str) -> Block {
    let heads = [
        ("级别", "Grade", false),
        ("位置", "Where", false),
        ("应为", "Expected", true),
        ("实为", "Found", true),
        ("说明", "What", false),
    ];
    let row = |finding: &Value| {
        let (grade, weight) = grade(lang, &word(finding, "grade"));
        let place = ["sheet", "table", "column", "cell"].map(|key| word(finding, key));
        let place: Vec<&str> = place.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        vec![
            Cell::text(grade).weighing(weight),
            Cell::text(place.join(" · ")),
            Cell::text(word(finding, "expected")),
            Cell::text(word(finding, "found")),
            Cell::text(lang.half(&word(finding, "message"))).noted(word(finding, "code")),
        ]
    };
    let rows = found.iter().map(row).collect();
    Block::Grid(grid(lang, lang.say("校验结果", "Findings"), &heads, rows, nothing))
}

/// The tables of a document like `gongshi show`, as the public page shows them, with findings at their cells.
pub(super) fn figures(lang: Lang, document: &Value, found: &[Value]) -> Vec<Block> {
    let tables: Vec<TableDoc> = serde_json::from_value(document["tables"].clone()).unwrap_or_default();
    let marked = tables.iter().map(|table| {
        let mut marks: BTreeMap<(usize, String), String> = BTreeMap::new();
        for finding in found.iter().filter(|finding| word(finding, "table") == table.name) {
            let row = finding["row"].as_u64().and_then(|row| usize::try_from(row).ok()).unwrap_or(1);
            let mark = marks.entry((row, word(finding, "column"))).or_default();
            if !mark.is_empty() {
                mark.push('；');
            }
            mark.push_str(&lang.half(&word(finding, "message")));
        }
        Marked { table: TableView::new(table), marks }
    });
    let mut blocks = vec![Block::Figures(marked.collect())];
    for (key, zh, en) in [
        ("narrative", "文字说明：", "In words:"),
        ("as_printed", "按原样公布的理由：", "As printed, because:"),
        ("notes", "备注：", "Notes:"),
    ] {
        let text = word(document, key);
        if !text.is_empty() {
            blocks.push(Block::Prose(format!("{}{text}", lang.say(zh, en))));
        }
    }
    blocks
}

fn line(lang: Lang, line: &Value) -> Vec<Cell> {
    let digest = word(line, "digest");
    let found = lines(line, "findings");
    let worst =
        ["must_fix", "confirm"].iter().find(|grade| found.iter().any(|one| word(one, "grade") == **grade));
    let (_, weight) = grade(lang, worst.copied().unwrap_or_default());
    let looked = if line["accepted_at"].is_null() { "" } else { lang.say("已审核", "reviewed") };
    vec![
        Cell::link(word(&line["agency"], "name"), lang.to(&format!("/review/{digest}")))
            .noted(digest.chars().take(12).collect::<String>()),
        Cell::text(format!("{} {}", word(&line["division"], "code"), word(&line["division"], "name"))),
        Cell::text(format!("{} · v{}", word(line, "year"), word(line, "revision"))),
        Cell::text(lang.state(&word(line, "state"))).noted(looked),
        Cell::text(found.len().to_string()).weighing(weight),
    ]
}

const HEADS: [(&str, &str, bool); 5] = [
    ("机关", "Agency", false),
    ("区划", "Division", false),
    ("年度", "Year", false),
    ("状态", "State", false),
    ("问题", "Findings", true),
];

/// `/review`
pub(super) fn list(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let all = asked.query.get("all").is_some_and(|all| all == "1");
    let document = source.look(&Look::Reviews(all))?;
    let lead = lang.say(
        "下级报送的报告，附本节点重新校验的结果。点机关名称查看、通过或退回。",
        "Reports from below with what was found when they were checked again here. Open one to accept it or send it back.",
    );
    let command = if all { "gongshi review list --all" } else { "gongshi review list" };
    let mut sheet = Sheet::new(lang, "/review", lang.say("审核", "Review"), lead, command);
    let rows = lines(&document, "packages").iter().map(|one| line(lang, one)).collect();
    let nothing = lang.say("没有待审核的报送。", "Nothing waits for review.");
    let mut blocks = vec![Block::Grid(grid(lang, lang.say("报送", "Reports"), &HEADS, rows, nothing))];
    if document["more"] == true {
        blocks.push(Block::Text(
            lang.say("还有更多，未全部列出。", "There are more than are listed.").to_owned(),
        ));
    }
    let other = match all {
        true => (lang.say("只看待审核", "Only what waits").to_owned(), lang.to("/review")),
        false => {
            (lang.say("含已审核与已退回", "Reviewed and returned too").to_owned(), lang.to("/review?all=1"))
        }
    };
    blocks.push(Block::Links(vec![other]));
    sheet.put("queue", lang.say("待审核", "Waiting"), blocks);
    Ok(sheet)
}

/// `/review/{digest}`
pub(super) fn one(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let digest = digest(asked)?;
    let review = source.look(&Look::Review(digest))?;
    let shown = source.look(&Look::Show(digest))?;
    let title = format!("{} {}", word(&review["agency"], "name"), word(&review, "year"));
    let lead = lang.say(
        "报告内容与本节点重新校验的结果。",
        "The report and what was found when it was checked again here.",
    );
    let mut sheet = Sheet::new(lang, "/review", &title, lead, &format!("gongshi review show {digest}"));
    let fact = |zh, en, value: String| (lang.say(zh, en).to_owned(), value);
    let found = lines(&review, "findings");
    let mut blocks = vec![Block::Facts(vec![
        fact("状态", "State", lang.state(&word(&review, "state"))),
        fact(
            "区划",
            "Division",
            format!("{} {}", word(&review["division"], "code"), word(&review["division"], "name")),
        ),
        fact("版本", "Revision", word(&review, "revision")),
        fact("收到", "Received", word(&review, "received_at")),
        fact("摘要", "Digest", digest.hex()),
    ])];
    let exchange = &review["review"];
    if let Some(at) = exchange["accepted_at"].as_str() {
        blocks.push(Block::Notice(
            "good",
            format!("{} {at}", lang.say("本节点已审核通过：", "Reviewed here:")),
            String::new(),
        ));
    }
    let back = &exchange["returned"];
    if back.is_object() {
        let text = format!(
            "{} {} {} {}：{}",
            lang.say("已退回：", "Sent back by"),
            word(&back["by"], "code"),
            word(&back["by"], "name"),
            word(back, "at"),
            word(back, "reason")
        );
        blocks.push(Block::Notice("warn", text, String::new()));
    }
    blocks.push(findings(lang, found, lang.say("重新校验没有发现问题。", "Checked again: nothing found.")));
    sheet.put("found", lang.say("校验结果", "Findings"), blocks);
    sheet.put("figures", lang.say("报告内容", "The report"), figures(lang, &shown, found));
    if back.is_null() {
        let hidden = || vec![Field::hidden("digest", digest.hex())];
        let accept =
            Form::of(lang, "review-accept", lang.say("审核通过", "Accept"), hidden(), &Deed::Accept(digest));
        let mut fields = hidden();
        fields.push(reason(lang, false));
        let sent = Deed::Return(digest, "REASON".to_owned());
        let send_back = Form::of(lang, "review-return", lang.say("退回修改", "Send back"), fields, &sent);
        sheet.put("decide", lang.say("处理", "Decide"), vec![Block::Form(accept), Block::Form(send_back)]);
    }
    Ok(sheet)
}

/// `/returned`
pub(super) fn returned(source: &dyn ConsoleSource, asked: &Asked) -> Result<Sheet, Refused> {
    let lang = asked.lang;
    let lead = lang.say(
        "被上级退回、被根节点拒收的报送及其理由。修改后重新报送即可。",
        "What was sent back from above or refused by the root, and why. Change it and hand it in again.",
    );
    let mut sheet = Sheet::new(
        lang,
        "/returned",
        lang.say("退回与拒收", "Returned and refused"),
        lead,
        "gongshi list --state returned",
    );
    for (state, id, zh, en) in
        [("returned", "returned", "退回", "Sent back"), ("refused", "refused", "拒收", "Refused")]
    {
        let document = source.look(&Look::List(state))?;
        let mut rows = Vec::new();
        for one in lines(&document, "packages") {
            let digest = word(one, "digest");
            let shown = digest
                .parse()
                .ok()
                .and_then(|digest| source.look(&Look::Show(digest)).ok())
                .unwrap_or_default();
            let why = match state {
                "returned" => word(&shown["review"]["returned"], "reason"),
                _ => format!("{}（gongshi explain {}）", word(one, "refusal"), word(one, "refusal")),
            };
            let place = format!("{} {}", word(&one["division"], "code"), word(&one["division"], "name"));
            rows.push(vec![
                Cell::link(word(&one["agency"], "name"), lang.to(&format!("/receipt/{digest}"))).noted(place),
                Cell::text(format!("{} · v{}", word(one, "year"), word(one, "revision"))),
                Cell::text(why),
                Cell::text(word(&shown["review"]["returned"], "at")),
            ]);
        }
        let heads = [
            ("机关", "Agency", false),
            ("年度", "Year", false),
            ("理由", "Why", false),
            ("时间", "When", false),
        ];
        let nothing = lang.say("没有。", "None.");
        sheet.put(
            id,
            lang.say(zh, en),
            vec![Block::Grid(grid(lang, lang.say(zh, en), &heads, rows, nothing))],
        );
    }
    Ok(sheet)
}
