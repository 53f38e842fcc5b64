//! `gongshi explain`: what a code means and what to do, offline.

use super::Outcome;
use super::args::Global;
use super::grid::grid;
use crate::ops::explain::{Entry, entries};
use crate::ops::service::Failure;
use serde_json::{Value, json};

pub(super) fn run(global: &Global, code: Option<&str>) -> Result<Outcome, Failure> {
    let wanted = |entry: &Entry| code.is_none_or(|code| entry.code == code);
    let found: Vec<Entry> = entries().filter(wanted).collect();
    if found.is_empty() {
        let message = format!(
            "没有代码 {:?}；gongshi explain 列出全部 / no such code: gongshi explain lists all",
            code.unwrap_or_default()
        );
        return Err(Failure::new(2, "no_such_code", message));
    }
    let to_json = |entry: &Entry| {
        json!({
            "code": entry.code, "kind": entry.kind.word(), "zh": {"meaning": entry.zh.0, "next": entry.zh.1},
            "en": {"meaning": entry.en.0, "next": entry.en.1},
        })
    };
    let document =
        json!({"schema": "gongshi.explain/1", "codes": found.iter().map(to_json).collect::<Vec<Value>>()});
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|entry| {
            let (meaning, next) = if global.english() { entry.en } else { entry.zh };
            vec![entry.code.to_owned(), entry.kind.word().to_owned(), meaning.to_owned(), next.to_owned()]
        })
        .collect();
    let heads = match global.english() {
        true => ["code", "kind", "meaning", "what to do"],
        false => ["代码", "类别", "含义", "怎么办"],
    };
    Ok(Outcome::done(document, grid(&heads, &rows)))
}
