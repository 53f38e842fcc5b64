//! `gongshi check --marked FILE -o OUT.xlsx`: the clerk's own workbook with the cells marked.

use super::args::{Check, Global};
use super::blank::write;
use super::reading::ReadFile;
use super::{Outcome, publish};
use crate::intake::{FILE_BYTES_MAX, marked};
use crate::ops::service::Failure;
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// `check`, and what it writes.
#[derive(ClapArgs)]
pub(super) struct CheckAndMark {
    #[command(flatten)]
    check: Check,
    /// 把工作簿还给填报人，错处已标色并加批注 / give the workbooks back with their cells marked
    #[arg(long, requires = "output")]
    marked: bool,
    /// 写入的文件；有多份时为目录 / the file to write; a directory for several
    #[arg(short, long, value_name = "FILE|DIR", requires = "marked")]
    output: Option<PathBuf>,
    /// 覆盖已有文件 / write over an existing file
    #[arg(long, requires = "marked")]
    force: bool,
}

pub(super) fn run(global: &Global, options: &CheckAndMark) -> Result<Outcome, Failure> {
    let (mut outcome, files) = publish::check(global, &options.check)?;
    let Some(output) = options.output.as_ref().filter(|_| options.marked) else { return Ok(outcome) };
    let mut written = Vec::new();
    match files.as_slice() {
        [only] => {
            let bytes = mark(global, only)?.ok_or_else(|| {
                let message = format!(
                    "{}: 只有 .xlsx 工作簿能加标记；校验结果见上 / only .xlsx workbooks can be marked; its findings are above",
                    only.file
                );
                Failure::new(2, "marked_needs_workbook", message)
            })?;
            write(output, &bytes, options.force)?;
            written.push(output.clone());
        }
        // Of many, those that somebody has to look at.
        _ => {
            make_directory(output)?;
            for file in files.iter().filter(|file| !file.findings.is_empty()) {
                let Some(bytes) = mark(global, file)? else { continue };
                let path = output.join(Path::new(&file.file).file_name().unwrap_or_default());
                write(&path, &bytes, options.force)?;
                written.push(path);
            }
        }
    }
    let shown: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    let line = match (global.english(), shown.as_slice()) {
        (false, [only]) => format!("已加标记：{only}"),
        (false, many) => format!("已加标记：{} 份，在 {}", many.len(), output.display()),
        (true, [only]) => format!("marked: {only}"),
        (true, many) => format!("marked: {} workbooks in {}", many.len(), output.display()),
    };
    if let Value::Object(members) = &mut outcome.document {
        members.insert("marked".to_owned(), json!(shown));
    }
    outcome.text = format!("{}\n{line}", outcome.text);
    Ok(outcome)
}

/// The marked workbook; `None` when the file is none.
fn mark(global: &Global, file: &ReadFile) -> Result<Option<Vec<u8>>, Failure> {
    let unreadable = |error: std::io::Error| {
        let message = format!("{}: 无法读取：{error} / cannot be read", file.file);
        Failure::new(2, "no_such_file", message)
    };
    let mut bytes = Vec::new();
    let opened = File::open(&file.file).map_err(unreadable)?;
    opened.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if !bytes.starts_with(b"PK") {
        return Ok(None);
    }
    let marked = marked::marked(&bytes, &file.findings, global.english());
    marked.map(Some).map_err(|finding| {
        let message = format!("{}: {}", file.file, finding.message);
        Failure::new(super::NOT_VALID, "not_marked", message)
    })
}

fn make_directory(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| {
        let message = format!("{}: 无法建立目录：{error} / the directory cannot be made", path.display());
        Failure::new(2, "not_written", message)
    })
}
