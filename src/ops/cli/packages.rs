//! `gongshi list`, `show`, `diff`, `proof`: packages as a person reads them.

use super::args::{Global, List, Proof};
use super::grid::grid;
use super::link::ask;
use super::{DONE, Outcome};
use crate::ops::explain::{Kind, word};
use crate::ops::query::{Filter, Query};
use crate::ops::service::{Failure, Request};
use serde_json::{Value, json};

/// Digits of a digest in a table: as many as `show` asks for, and some.
const DIGITS_SHOWN: usize = 16;

fn query(global: &Global, query: Query) -> Result<Value, Failure> {
    ask(global, Request::Query(query))
}

/// A field as text: strings as they are, nothing for null.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn short(digest: &Value) -> String {
    text(digest).chars().take(DIGITS_SHOWN).collect()
}

pub(super) fn list(global: &Global, list: &List) -> Result<Outcome, Failure> {
    let filter = Filter {
        division: list.division.clone(),
        year: list.year,
        agency: list.agency.clone(),
        state: list.state.clone(),
        limit: list.limit,
    };
    let document = query(global, Query::List(filter))?;
    let row = |line: &Value| {
        let mut state = word(Kind::Package, &text(&line["state"]), global.english());
        if let Some(code) = line["refusal"].as_str() {
            state = format!("{state} {code}");
        }
        let revision = format!("v{}", line["revision"]);
        vec![
            state,
            text(&line["year"]),
            text(&line["division"]["code"]),
            text(&line["agency"]["name"]),
            revision,
            short(&line["digest"]),
        ]
    };
    let rows: Vec<Vec<String>> = array(&document["packages"]).iter().map(row).collect();
    let heads = match global.english() {
        true => ["state", "year", "division", "agency", "revision", "digest"],
        false => ["状态", "年度", "区划", "机关", "版本", "摘要"],
    };
    let mut shown = match rows.is_empty() {
        true => global
            .words("没有符合条件的报告；发布：gongshi publish 文件", "no such package; gongshi publish FILE")
            .to_owned(),
        false => grid(&heads, &rows),
    };
    if document["more"] == true {
        shown += global.words(
            "\n还有更多：加 --year、--division 或 --limit",
            "\nthere are more: add --year, --division or --limit",
        );
    }
    Ok(Outcome::done(document, shown))
}

pub(super) fn show(global: &Global, digest: &str) -> Result<Outcome, Failure> {
    let document = query(global, Query::Show(digest.to_owned()))?;
    let state = word(Kind::Package, &text(&document["state"]), global.english());
    let mut parts = vec![format!(
        "{state}  {} {}  {}  v{}\n{}",
        text(&document["division"]["code"]),
        text(&document["agency"]["name"]),
        text(&document["year"]),
        text(&document["revision"]),
        text(&document["digest"]),
    )];
    parts.push(grid::<&str>(&[], &exchange(global, &document["exchange"])));
    parts.extend(super::review::exchange_lines(global, &document["review"]));
    for table in array(&document["tables"]) {
        let heads: Vec<String> =
            array(&table["columns"]).iter().map(|column| text(&column["header"])).collect();
        let cells = |row: &Value| array(row).iter().map(|cell| text(&cell["printed"])).collect();
        let rows: Vec<Vec<String>> = array(&table["rows"]).iter().map(cells).collect();
        let unit = table["unit"].as_str().map(|unit| format!("（{unit}）")).unwrap_or_default();
        parts.push(format!("{}{unit}\n{}", text(&table["name"]), grid(&heads, &rows)));
    }
    if let Some(narrative) = document["narrative"].as_str() {
        let lines: Vec<String> = narrative.lines().map(crate::template::normal::harmless).collect();
        parts.push(lines.join("\n"));
    }
    Ok(Outcome::done(document, parts.join("\n\n")))
}

/// The lines of a statement's exchange: what happened, where, when.
fn exchange(global: &Global, exchange: &Value) -> Vec<Vec<String>> {
    let node = |node: &Value| format!("{} {}", text(&node["code"]), text(&node["name"]));
    let say = |zh, en| global.words(zh, en).to_owned();
    let mut lines = vec![vec![
        say("已签名", "signed"),
        format!("{} #{}", node(&exchange["author"]), exchange["signed"]["index"]),
        String::new(),
    ]];
    if !exchange["receipt"].is_null() {
        let receipt = &exchange["receipt"];
        lines.push(vec![say("已收妥", "received"), node(&receipt["by"]), text(&receipt["at"])]);
    } else if !exchange["received_at"].is_null() {
        lines.push(vec![say("已收妥", "received"), String::new(), text(&exchange["received_at"])]);
    }
    let sequenced = &exchange["sequenced"];
    if !sequenced.is_null() {
        lines.push(vec![
            say("已编号", "sequenced"),
            format!("#{}", sequenced["index"]),
            text(&sequenced["sequenced_at"]),
        ]);
    }
    let refused = &exchange["refused"];
    if !refused.is_null() {
        let code = text(&refused["code"]);
        let meaning = word(Kind::Refusal, &code, global.english());
        lines.push(vec![
            say("拒收", "refused"),
            format!("{code} {meaning}"),
            refused["index"].as_u64().map_or_else(String::new, |index| format!("#{index}")),
        ]);
    }
    lines
}

pub(super) fn diff(global: &Global, a: &str, b: &str) -> Result<Outcome, Failure> {
    let document = query(global, Query::Diff(a.to_owned(), b.to_owned()))?;
    let say = |zh, en| global.words(zh, en).to_owned();
    let mut lines = Vec::new();
    for (key, word) in
        [("tables_added", say("新增表", "table added")), ("tables_removed", say("删去表", "table removed"))]
    {
        lines.extend(array(&document[key]).iter().map(|name| format!("{word}  {}", text(name))));
    }
    let row = |change: &Value| {
        let label = Some(text(&change["label"])).filter(|label| !label.is_empty());
        let label = label.unwrap_or_else(|| format!("#{}", change["row"]));
        let cell = |cell: &Value| if cell.is_null() { "-".to_owned() } else { text(&cell["printed"]) };
        vec![
            text(&change["table"]),
            label,
            text(&change["column"]),
            cell(&change["before"]),
            cell(&change["after"]),
        ]
    };
    let rows: Vec<Vec<String>> = array(&document["changes"]).iter().map(row).collect();
    let heads = match global.english() {
        true => ["table", "row", "column", "before", "after"],
        false => ["表", "行", "列", "原", "现"],
    };
    if !rows.is_empty() {
        lines.push(grid(&heads, &rows));
    }
    let rows = array(&document["texts"]).iter();
    let rows: Vec<_> = rows.map(|t| vec![text(&t["field"]), text(&t["before"]), text(&t["after"])]).collect();
    if !rows.is_empty() {
        lines.push(grid::<&str>(&[], &rows));
    }
    if document["same"] == true {
        lines.push(say("两份内容相同", "nothing differs"));
    }
    Ok(Outcome::done(document, lines.join("\n")))
}

pub(super) fn proof(global: &Global, proof: &Proof) -> Result<Outcome, Failure> {
    let document = query(global, Query::Proof(proof.digest.clone()))?;
    let written = text(&document["proof"]);
    let Some(path) = &proof.output else {
        return Ok(Outcome { exit: DONE, document, text: written.trim_end().to_owned() });
    };
    std::fs::write(path, &written)
        .map_err(|error| Failure::new(1, "io", format!("{}: {error}", path.display())))?;
    let zh = format!("证明已写入 {0}；核验：gongshi verify {0}", path.display());
    let en = format!("written to {0}; verify it with: gongshi verify {0}", path.display());
    let mut document = document;
    document["file"] = json!(path.display().to_string());
    Ok(Outcome::done(document, global.words(&zh, &en)))
}
