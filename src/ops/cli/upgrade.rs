//! `gongshi upgrade check`: whether this version opens the data directory, before anything is changed.

use super::args::Global;
use super::grid::grid;
use super::{DONE, INCOMPATIBLE, Outcome};
use crate::ledger::FOLD_VERSION;
use crate::ops::data_dir::DataDirError;
use crate::ops::format::{self, Format};
use crate::ops::service::Failure;
use crate::sync::frame::PROTOCOL_VERSION;
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum UpgradeAction {
    /// 检查记录的格式，不改动任何内容 / look at the formats on the disk, change nothing
    Check,
}

pub(super) fn run(global: &Global, action: &UpgradeAction) -> Result<Outcome, Failure> {
    match action {
        UpgradeAction::Check => check(global),
    }
}

fn check(global: &Global) -> Result<Outcome, Failure> {
    let data = global.data();
    if !data.is_initialised() {
        return Err(DataDirError::NotInitialised(global.data.clone()).into());
    }
    let formats = format::formats(data.path())
        .map_err(|error| DataDirError::Io { path: data.path().to_path_buf(), error })?;
    let fits = formats.iter().all(Format::is_read);
    let line = |format: &Format| {
        json!({
            "what": format.what, "file": format.file.display().to_string(), "found": format.found,
            "reads": format.reads, "ok": format.is_read(),
        })
    };
    let document = json!({
        "schema": "gongshi.upgrade/1", "ok": fits, "version": env!("CARGO_PKG_VERSION"),
        "protocol": PROTOCOL_VERSION, "fold": FOLD_VERSION,
        "formats": formats.iter().map(line).collect::<Vec<Value>>(),
        "code": if fits { Value::Null } else { json!("incompatible_version") },
    });
    let rows: Vec<Vec<String>> = formats
        .iter()
        .map(|format| {
            let verdict = match format.is_read() {
                true => global.words("可读", "read"),
                false => global.words("不兼容", "not read"),
            };
            let file = format.file.strip_prefix(data.path()).unwrap_or(&format.file);
            vec![file.display().to_string(), format.found.clone(), verdict.to_owned()]
        })
        .collect();
    let heads = match global.english() {
        true => ["file", "format", "this version"],
        false => ["文件", "格式", "此版本"],
    };
    let verdict = match fits {
        true => global.words(
            "可以使用此版本。升级前：gongshi backup 目录；升级：停止服务、替换程序、再启动；索引会自动重建",
            "This version opens the directory. Before: gongshi backup DIR; then stop, replace the program, start; the index is rebuilt by itself",
        ),
        false => global.words(
            "此版本打不开本目录：请安装写入它的版本或更新的版本；目录未被改动",
            "This version does not open the directory: install the version that wrote it, or a later one; nothing was changed",
        ),
    };
    let exit = if fits { DONE } else { INCOMPATIBLE };
    Ok(Outcome { exit, document, text: format!("{}\n{verdict}", grid(&heads, &rows)) })
}
