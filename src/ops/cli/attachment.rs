//! `gongshi attachment`: the attachments of a report, listed, or one of them fetched and written to a file.

use super::args::Global;
use super::link::{Link, ask, pause};
use super::packages::text;
use super::{Outcome, UNREACHABLE, runtime, unexpected};
use crate::digest::Digest;
use crate::ops::service::{Attaching, Failure, Reply, Request};
use crate::package::attachment::harmless_name;
use crate::package::body::BODY_CHUNK_BYTES;
use clap::Args;
use serde_json::{Value, json};
use std::fs::{File, remove_file, rename};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Looks without a new chunk, 100 ms apart, after which the fetch is left to go on by itself.
const LOOKS_MAX: u32 = 300;

/// Which attachment.
#[derive(Args)]
pub(super) struct WhichAttachment {
    /// 报告摘要（可只写前 8 位以上）/ the report's digest, or its first 8 digits or more
    digest: String,
    /// 附件序号（从 1 起）；不写则列出 / its number from 1; listed if left out
    number: Option<usize>,
    /// 写到这个文件；默认为附件名 / where to write it; its own name if left out
    #[arg(short, long = "output", alias = "out", value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(global: &Global, which: &WhichAttachment) -> Result<Outcome, Failure> {
    let listed = ask(global, attaching(Attaching::List(which.digest.clone())))?;
    let rows = listed["attachments"].as_array().cloned().unwrap_or_default();
    let Some(number) = which.number else {
        let line = |(at, row): (usize, &Value)| {
            let held = match row["held"].as_bool() {
                Some(true) => global.words("在本节点", "here"),
                _ => global.words("在上级", "at an ancestor"),
            };
            let (name, bytes) = (text(&row["name"]), text(&row["bytes"]));
            format!("{}  {name}  {bytes}  {held}  {}", at + 1, text(&row["sha256"]))
        };
        let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
        let none = global.words("没有附件", "no attachments");
        let said = if lines.is_empty() { none.to_owned() } else { lines.join("\n") };
        return Ok(Outcome::done(listed, said));
    };
    let Some(row) = number.checked_sub(1).and_then(|at| rows.get(at)) else {
        let message = format!("该报告没有第 {number} 个附件 / the report has no attachment {number}");
        return Err(Failure::new(2, "no_such_attachment", message));
    };
    let digest = |value: &Value| -> Result<Digest, Failure> {
        value.as_str().and_then(|digits| digits.parse().ok()).ok_or_else(unexpected)
    };
    let (statement, body) = (digest(&listed["digest"])?, digest(&row["digest"])?);
    let bytes = row["bytes"].as_u64().ok_or_else(unexpected)?;
    let name = row["name"].as_str().map_or_else(|| format!("{body}.bin"), harmless_name);
    let out = which.out.clone().unwrap_or_else(|| PathBuf::from(name));
    runtime()?.block_on(async {
        fetch(global, &statement, &body).await?;
        write(global, &body, bytes, &out).await
    })?;
    let written = json!({
        "schema": "gongshi.attachment/1", "digest": body, "bytes": bytes, "sha256": row["sha256"],
        "file": out.display().to_string(),
    });
    Ok(Outcome::done(written, format!("{}  {bytes}  {}", out.display(), text(&row["sha256"]))))
}

fn attaching(what: Attaching) -> Request {
    Request::Attach(Box::new(what))
}

/// Waits until the body is here, as long as it comes nearer.
async fn fetch(global: &Global, statement: &Digest, body: &Digest) -> Result<(), Failure> {
    let (mut looks, mut before) = (0, 0);
    while looks < LOOKS_MAX {
        let request = attaching(Attaching::Fetch(*statement, *body));
        let state = Link::open(&global.data()).await?.document(request).await?;
        let held = state["held"].as_u64().unwrap_or(0);
        match state["state"].as_str() {
            Some("here") => return Ok(()),
            Some("coming") if held > before => looks = 0,
            Some("coming") => looks += 1,
            _ => return Err(elsewhere()),
        }
        before = held;
        pause().await;
    }
    Err(elsewhere())
}

fn elsewhere() -> Failure {
    let message = "附件不在本节点，上级暂时无法提供：请稍后重试 / the attachment is not here and no ancestor gives it now: try again later";
    Failure::new(UNREACHABLE, "attachment_elsewhere", message)
}

/// Writes the content beside its place first, so that there is never half a file under its name.
async fn write(global: &Global, body: &Digest, bytes: u64, out: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(1, "io", format!("{}: 无法写入：{error} / cannot be written", out.display()))
    };
    let mut beside = out.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).map_err(failed)?;
    let mut link = Link::open(&global.data()).await?;
    let mut left = bytes;
    for at in 0.. {
        let chunk = match link.call(attaching(Attaching::Read(*body, at))).await {
            Ok(Reply::Bytes(chunk)) => chunk,
            other => {
                // What is left over is only in the way.
                let _ = remove_file(&beside);
                return Err(other.err().unwrap_or_else(unexpected));
            }
        };
        file.write_all(&chunk).map_err(failed)?;
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 || chunk.len() < BODY_CHUNK_BYTES {
            break;
        }
    }
    file.sync_all().map_err(failed)?;
    rename(&beside, out).map_err(failed)
}
