//! `gongshi template`: the layouts of tables, as the log has them.

use super::Outcome;
use super::args::Global;
use super::blank::{self, BlankArgs, Form};
use super::grid::grid;
use super::link::ask;
use crate::ops::sandbox::template_texts;
use crate::ops::service::{Failure, Request, bad_template};
use crate::template::{Template, TemplateError, Templates, builtin};
use clap::Subcommand;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest template file in bytes; one byte more tells that it is longer.
const FILE_BYTES_MAX: u64 = 65_536;

#[derive(Subcommand)]
pub(super) enum TemplateAction {
    /// 生成空白工作簿 / a blank workbook to fill in
    Xlsx(BlankArgs),
    /// 生成空白 CSV / a blank CSV file
    Csv(BlankArgs),
    /// 生成空白报告文件（JSON）/ a blank report file
    Json(BlankArgs),
    /// 列出在用模板 / the templates that stand
    List,
    /// 查看一个模板的内容 / the text of a template
    Show {
        /// 模板代号 / template id
        id: String,
    },
    /// 增加或更新模板（仅省级根节点）/ add a template, or a newer version of one; at the root only
    Add {
        /// TOML 文件，格式见 config/templates / TOML file, as in config/templates
        file: PathBuf,
    },
}

pub(super) fn run(global: &Global, action: &TemplateAction) -> Result<Outcome, Failure> {
    match action {
        TemplateAction::Xlsx(args) => blank::run(global, Form::Workbook, args),
        TemplateAction::Csv(args) => blank::run(global, Form::Separated, args),
        TemplateAction::Json(args) => blank::run(global, Form::Json, args),
        TemplateAction::List => list(global),
        TemplateAction::Show { id } => show(global, id),
        TemplateAction::Add { file } => add(global, file),
    }
}

/// Ids and texts of the templates that the node of the data directory has; those of the program where there is no
/// node: checking a file needs none, and publishing asks the node again and says what is wrong with it.
pub(super) fn texts(global: &Global) -> Vec<(String, String)> {
    let asked = if global.data().is_initialised() { ask(global, Request::Templates).ok() } else { None };
    let own = |(file, text): &(&str, &str)| (file.trim_end_matches(".toml").to_owned(), (*text).to_owned());
    asked.map_or_else(|| builtin::FILES.iter().map(own).collect(), |document| template_texts(&document))
}

/// The same, parsed.
pub(super) fn in_force(texts: &[(String, String)]) -> Templates {
    let parsed = texts.iter().map(|(id, text)| Template::parse(id, text.as_bytes()));
    // The root parsed every one before it was said; a newer program's template that this one cannot read is no
    // reason to stop a clerk: tables of that layout travel as extra tables.
    let readable = parsed.filter_map(|template: Result<Template, TemplateError>| match template {
        Ok(template) => Some(template),
        Err(error) => {
            super::say(&format!("{error}"));
            None
        }
    });
    readable.collect()
}

fn rows(document: &Value) -> &[Value] {
    document["templates"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The rows there are: the log's, or the program's own where there is no node.
fn document(global: &Global) -> Result<Value, Failure> {
    if global.data().is_initialised() {
        return ask(global, Request::Templates);
    }
    let row = |(file, text): &(&str, &str)| json!({"id": file.trim_end_matches(".toml"), "text": text});
    let rows: Vec<Value> = builtin::FILES.iter().map(row).collect();
    Ok(json!({"schema": "gongshi.templates/1", "templates": rows}))
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let document = document(global)?;
    let row = |row: &Value| {
        let id = row["id"].as_str().unwrap_or_default().to_owned();
        let text = row["text"].as_str().unwrap_or_default();
        let index = row["index"].as_u64().map(|index| index.to_string()).unwrap_or_default();
        let Ok(template) = Template::parse(&id, text.as_bytes()) else {
            return vec![id, String::new(), String::new(), index, String::new()];
        };
        let mark = match template.provisional {
            true => global.words("表头待核实", "header row not seen yet"),
            false => "",
        };
        vec![id, template.title, template.columns.len().to_string(), index, mark.to_owned()]
    };
    let heads = match global.english() {
        true => ["id", "table", "columns", "index", ""],
        false => ["代号", "表", "栏数", "编号", ""],
    };
    let table: Vec<Vec<String>> = rows(&document).iter().map(row).collect();
    let text = grid(&heads, &table);
    Ok(Outcome::done(document, text))
}

fn show(global: &Global, id: &str) -> Result<Outcome, Failure> {
    let document = document(global)?;
    let Some(row) = rows(&document).iter().find(|row| row["id"] == id) else {
        let message = format!(
            "没有模板“{id}”；用 gongshi template list 查看 / no template {id}: see gongshi template list"
        );
        return Err(Failure::new(2, "no_such_template", message));
    };
    let Some(text) = row["text"].as_str() else {
        let message = "模板正文尚未同步到本节点 / its text is not here yet";
        return Err(Failure::new(7, "no_such_template", message));
    };
    let text = text.trim_end().to_owned();
    let mut found = row.clone();
    found["schema"] = json!("gongshi.template/1");
    Ok(Outcome::done(found, text))
}

fn add(global: &Global, path: &Path) -> Result<Outcome, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(2, "no_such_file", format!("{}: 无法读取：{error} / cannot be read", path.display()))
    };
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)).map_err(failed)?;
    let file = path.display().to_string();
    let template = Template::parse(&file, &text).map_err(|error| bad_template(&error))?;
    let document = ask(global, Request::AddTemplate { file, text })?;
    let id = template.id;
    let (zh, en) = match document["signed"] == true {
        true => (
            format!("模板 {id} 已入日志，各级同步后生效；更新：修改文件后再次 add"),
            format!(
                "template {id} is in the log; it holds at each level once it is there. To change it, add it again"
            ),
        ),
        false => (
            format!("模板 {id} 内容相同，未签署"),
            format!("template {id} stands as it is; nothing was signed"),
        ),
    };
    Ok(Outcome::done(document, global.words(&zh, &en)))
}
