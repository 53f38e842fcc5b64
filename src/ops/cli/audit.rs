//! `gongshi audit`: who did what on this node. Reads the files; needs no daemon.

use super::args::Global;
use super::grid::grid;
use super::{NOT_VERIFIED, Outcome};
use crate::ops::audit::{AuditError, Line, read};
use crate::ops::service::Failure;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;
use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum AuditAction {
    /// 查看最近的操作 / the newest acts
    Show(Show),
    /// 核对审计链是否完整 / check the chain from the oldest line kept to the newest
    Verify,
    /// 导出 JSON Lines / write the lines to a file
    Export(Export),
}

#[derive(ClapArgs)]
pub(super) struct Show {
    /// 最多列出多少条 / at most so many
    #[arg(long, default_value_t = 50, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    limit: usize,
    /// 起始时间，如 2026-01-05 或 2026-01-05T09:00:00+08:00 / from this time on
    #[arg(long, default_value = "")]
    since: String,
    /// 只看这一操作，如 publish / this command only
    #[arg(long)]
    what: Option<String>,
}

#[derive(ClapArgs)]
pub(super) struct Export {
    /// 写入文件 / write to a file
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// 起始时间 / from this time on
    #[arg(long, default_value = "")]
    since: String,
}

pub(super) fn run(global: &Global, action: &AuditAction) -> Result<Outcome, Failure> {
    if !global.data().is_initialised() {
        return Err(crate::ops::data_dir::DataDirError::NotInitialised(global.data.clone()).into());
    }
    match action {
        AuditAction::Show(options) => show(global, options),
        AuditAction::Verify => verify(global),
        AuditAction::Export(options) => export(global, options),
    }
}

fn show(global: &Global, options: &Show) -> Result<Outcome, Failure> {
    let mut newest = VecDeque::new();
    read(&global.data, |line| {
        let asked = options.what.as_ref().is_none_or(|what| line.what == *what);
        if asked && line.at.as_str() >= options.since.as_str() {
            newest.push_back(line);
            if newest.len() > options.limit {
                newest.pop_front();
            }
        }
    })
    .map_err(broken)?;
    let row = |line: &Line| {
        vec![
            line.at.clone(),
            line.who.clone(),
            line.from.clone(),
            line.what.clone(),
            line.about.clone(),
            line.result.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = newest.iter().map(row).collect();
    let heads = match global.english() {
        true => ["at", "who", "from", "what", "about", "result"],
        false => ["时间", "人员", "来源", "操作", "对象", "结果"],
    };
    let document = json!({"schema": "gongshi.audit/1", "lines": newest});
    Ok(Outcome::done(document, grid(&heads, &rows)))
}

fn verify(global: &Global) -> Result<Outcome, Failure> {
    let mut count = 0_u64;
    let head = read(&global.data, |_| count += 1).map_err(broken)?;
    let said = format!(
        "{} {count}\n{} {} {}",
        global.words("审计链完整，条数", "the chain is whole, lines"),
        global.words("请另存最新哈希", "keep the newest hash elsewhere"),
        head.seq,
        head.hash
    );
    let document = json!({"schema": "gongshi.audit.verify/1", "ok": true, "lines": count, "seq": head.seq, "hash": head.hash});
    Ok(Outcome::done(document, said))
}

fn export(global: &Global, options: &Export) -> Result<Outcome, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(1, "io", format!("{}: {error}", options.output.display()));
    let mut out = std::io::BufWriter::new(std::fs::File::create(&options.output).map_err(failed)?);
    let (mut count, mut wrote) = (0_u64, Ok(()));
    let head = read(&global.data, |line| {
        if line.at.as_str() >= options.since.as_str() && wrote.is_ok() {
            count += 1;
            wrote = serde_json::to_writer(&mut out, &line)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
        }
    })
    .map_err(broken)?;
    wrote.and_then(|()| out.flush()).map_err(failed)?;
    let document = json!({"schema": "gongshi.audit.export/1", "file": options.output, "lines": count, "hash": head.hash});
    Ok(Outcome::done(document, format!("{}  {count}", options.output.display())))
}

fn broken(error: AuditError) -> Failure {
    match error {
        AuditError::Broken { .. } => {
            let message =
                format!("审计日志被改动或损坏：{error} / the audit log was changed or is damaged: {error}");
            Failure::new(NOT_VERIFIED, "audit_broken", message)
        }
        AuditError::Io { .. } => Failure::new(1, "io", error.to_string()),
    }
}
