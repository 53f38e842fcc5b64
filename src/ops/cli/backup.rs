//! `gongshi backup` and `restore`: a copy of what was acknowledged, and a node from it.

use super::Outcome;
use super::args::Global;
use super::bundle::CommandDoor;
use super::link::ask;
use crate::ops::backup::{restore as restore_to, write};
use crate::ops::service::{Failure, Noting, Request};
use clap::Args as ClapArgs;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `backup`.
#[derive(ClapArgs)]
pub(super) struct Backup {
    /// 备份目录：新建，或更新同一节点已有的备份 / a new directory, or a backup of this node to bring up to date
    dir: PathBuf,
}

/// Arguments of `restore`.
#[derive(ClapArgs)]
pub(super) struct Restore {
    /// 备份目录 / the directory of a backup
    from: PathBuf,
    /// 密钥目录（signing.pem、transport.pem）；备份中没有密钥 / the node's keys: no backup holds them
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// 只核验备份，不恢复 / check the backup and restore nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn backup(global: &Global, backup: &Backup) -> Result<Outcome, Failure> {
    let mut door = CommandDoor::open(global)?;
    let written = write(&mut door, global.data().path(), &backup.dir)?;
    drop(door);
    // The backup stands whether or not it could be noted.
    let _ = ask(global, Request::Note(Noting::Backup(backup.dir.display().to_string())));
    let (standing, dir) = (&written.manifest.standing, backup.dir.display());
    let document = json!({
        "schema": "gongshi.backup/1", "dir": dir.to_string(), "code": standing.code, "name": standing.name,
        "federation": standing.federation, "created_at": standing.created_at.to_string(),
        "root_log": {"size": standing.root_log}, "log": {"size": standing.own_log},
        "bytes": written.bytes, "copied": written.copied,
    });
    let zh = format!(
        "已备份 {} {}：根日志 {} 条，{} 字节（新拷贝 {}）\n  {dir}\n备份不含密钥：请另行保管 keys 目录",
        standing.code, standing.name, standing.root_log, written.bytes, written.copied
    );
    let en = format!(
        "{} {} backed up: {} root-log leaves, {} bytes ({} copied anew)\n  {dir}\nNo key is in it: keep the keys directory elsewhere",
        standing.code, standing.name, standing.root_log, written.bytes, written.copied
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

pub(super) fn restore(global: &Global, options: &Restore) -> Result<Outcome, Failure> {
    let data = global.data();
    let restored = restore_to(&options.from, &data, options.keys.as_deref(), options.dry_run)?;
    let (standing, place) = (&restored.manifest.standing, data.path().display());
    let document = json!({
        "schema": "gongshi.restore/1", "data": place.to_string(), "code": standing.code, "name": standing.name,
        "federation": standing.federation, "created_at": standing.created_at.to_string(),
        "root_log": {"size": standing.root_log}, "log": {"size": standing.own_log}, "bytes": restored.bytes,
        "dry_run": options.dry_run, "has_keys": restored.has_keys,
    });
    if !options.dry_run {
        super::note(&data, "restore", &standing.code);
    }
    let what = format!("{} {} {}", standing.code, standing.name, standing.created_at);
    let (zh, en) = match (options.dry_run, restored.has_keys) {
        (true, _) => (format!("备份完好：{what}"), format!("the backup is whole: {what}")),
        (_, true) => (
            format!("已恢复 {what}\n下一步：gongshi serve --data {place}（先向上下级补齐，之后才签署）"),
            format!(
                "restored {what}\nNext: gongshi serve --data {place} (it catches up with its neighbours before it signs)"
            ),
        ),
        (_, false) => (
            format!(
                "已恢复 {what}\n下一步：将密钥放入 {place}/keys（signing.pem、transport.pem），再运行 gongshi serve --data {place}"
            ),
            format!(
                "restored {what}\nNext: put the keys into {place}/keys (signing.pem, transport.pem), then gongshi serve --data {place}"
            ),
        ),
    };
    Ok(Outcome::done(document, global.words(&zh, &en)))
}
