//! `gongshi bundle`: what another node lacks, as files, where there is no wire.

use super::args::Global;
use super::link::Link;
use super::{FINDINGS, Outcome, runtime, unexpected, usage};
use crate::division::DivisionCode;
use crate::ops::bundle::{Door, Exported, Line, export, import};
use crate::ops::data_dir::{Clock, DataDir, Opened};
use crate::ops::service::{Failure, Reply, Request};
use crate::sync::bundle::Direction;
use clap::Subcommand;
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum BundleAction {
    /// 写出对方所缺：上级缺的报告，或下级缺的根日志与回执 / write what the other node lacks
    Export {
        /// 对方（上级或下级）的区划代码 / division of the node it is for, above or below
        #[arg(long = "for", value_name = "CODE")]
        to: DivisionCode,
        /// 写入文件 / write to a file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// 分卷大小，如 650M；写成 FILE.001、FILE.002…，每卷可单独核验 / parts of this size, each complete in itself
        #[arg(long, value_name = "SIZE")]
        split: Option<String>,
        /// 从此序号起全部写出（0 为全部），不论对方是否已有 / everything from this index on, 0 for all
        #[arg(long, value_name = "INDEX")]
        since: Option<u64>,
    },
    /// 导入数据包：任意顺序、可重复；损坏的一概不导入 / take bundles in, in any order, again or not
    Import {
        /// 数据包文件 / bundle files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// The command line's way to the node.
pub(super) struct CommandDoor {
    runtime: tokio::runtime::Runtime,
    link: Link,
}

impl CommandDoor {
    /// The way to a node that was opened already.
    pub(super) fn of(runtime: tokio::runtime::Runtime, opened: Opened, data: &DataDir, clock: Clock) -> Self {
        Self { runtime, link: Link::Offline(Box::new(opened), data.clone(), clock) }
    }

    /// Root-log leaves held.
    pub(super) fn root_size(&mut self) -> Result<u64, Failure> {
        match self.ask(Request::Inventory)? {
            Reply::Inventory(inventory) => Ok(inventory.standing.root_log),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn open(global: &Global) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let link = runtime.block_on(Link::open(&global.data()))?;
        Ok(Self { runtime, link })
    }
}

impl Door for CommandDoor {
    fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        self.runtime.block_on(self.link.exchange(request))
    }
}

pub(super) fn run(global: &Global, action: &BundleAction) -> Result<Outcome, Failure> {
    match action {
        BundleAction::Export { to, output, split, since } => {
            let split_bytes = split.as_deref().map(size_bytes).transpose()?;
            let mut door = CommandDoor::open(global)?;
            let exported = export(&mut door, to, *since, output, split_bytes)?;
            Ok(told(global, to, &exported))
        }
        BundleAction::Import { files } => {
            let mut door = CommandDoor::open(global)?;
            let lines = import(&mut door, files, &global.data().waiting())?;
            Ok(imported(global, &lines))
        }
    }
}

fn told(global: &Global, to: &DivisionCode, exported: &Exported) -> Outcome {
    let Exported { entries, leaves, receipts, attachments, bytes, .. } = exported;
    let files: Vec<String> = exported.files.iter().map(|path| path.display().to_string()).collect();
    let document = json!({
        "schema": "gongshi.bundle.export/1", "for": to, "direction": word(exported.direction), "files": files,
        "entries": entries, "leaves": leaves, "receipts": receipts, "attachments": attachments, "bytes": bytes,
    });
    let what = match (exported.is_empty(), exported.direction) {
        (true, _) => global.words("对方不缺内容", "the other node lacks nothing").to_owned(),
        (_, Direction::Up) => {
            let (zh, en) = (
                format!("{entries} 条声明，附件 {attachments} 个"),
                format!("{entries} entries, {attachments} attachments"),
            );
            global.words(&zh, &en).to_owned()
        }
        (_, Direction::Down) => {
            let (zh, en) = (
                format!("根日志 {leaves} 条，回执 {receipts} 份"),
                format!("{leaves} root-log leaves, {receipts} receipts"),
            );
            global.words(&zh, &en).to_owned()
        }
    };
    let names = files.join("\n");
    let zh = format!("{what}，{bytes} 字节\n{names}\n下一步：在 {to} 执行 gongshi bundle import");
    let en = format!("{what}, {bytes} bytes\n{names}\nNext, at {to}: gongshi bundle import");
    Outcome::done(document, global.words(&zh, &en))
}

fn imported(global: &Global, lines: &[Line]) -> Outcome {
    let row = |line: &Line| {
        json!({
            "file": line.path.display().to_string(), "direction": word(line.direction), "state": line.state(),
            "entries": line.taken.entries, "leaves": line.taken.leaves, "receipted": line.taken.receipted,
            "attachments": line.taken.attachments,
        })
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let document = json!({"schema": "gongshi.bundle.import/1", "files": rows});
    let text: Vec<String> = lines.iter().map(|line| sentence(global, line)).collect();
    let mut outcome = Outcome::done(document, text.join("\n"));
    if lines.iter().any(|line| line.taken.waits) {
        outcome.exit = FINDINGS;
    }
    outcome
}

fn sentence(global: &Global, line: &Line) -> String {
    let (path, taken) = (line.path.display(), &line.taken);
    let (zh, en) = match line.state() {
        "waits" => (
            format!("{path}：缺少更早的数据包，已留存，待其导入后自动继续"),
            format!("{path}: an earlier bundle is lacking; kept, and taken once that is imported"),
        ),
        "again" => (format!("{path}：内容均已有"), format!("{path}: all of it was here")),
        _ => (
            format!(
                "{path}：声明 {}，附件 {}，根日志 {}，新获回执 {} 条",
                taken.entries, taken.attachments, taken.leaves, taken.receipted
            ),
            format!(
                "{path}: {} entries, {} attachments, {} root-log leaves, receipts for {} entries",
                taken.entries, taken.attachments, taken.leaves, taken.receipted
            ),
        ),
    };
    global.words(&zh, &en).to_owned()
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// `4096`, `64K`, `650M`, `4G`: binary units; at least 64 KiB, so that parts hold more than their heads.
fn size_bytes(text: &str) -> Result<u64, Failure> {
    let wrong = || usage("--split 应如 650M、4G，至少 64K / --split wants 650M or 4G, at least 64K");
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G', 'k', 'm', 'g']) {
        Some(digits) if text.ends_with(['K', 'k']) => (digits, 1 << 10),
        Some(digits) if text.ends_with(['M', 'm']) => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (text, 1),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).filter(|bytes| *bytes >= 1 << 16).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_binary_unit_or_means_bytes() {
        let bytes = |text| size_bytes(text).ok();
        assert_eq!(
            [bytes("65536"), bytes("64K"), bytes("1m"), bytes("4G")],
            [65_536, 65_536, 1 << 20, 4 << 30].map(Some)
        );
        assert_eq!([bytes("1K"), bytes("M"), bytes("-1M"), bytes("99999999999G")], [None; 4]);
    }
}
