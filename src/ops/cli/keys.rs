//! `gongshi keys`: every key's state, rotation, renewal, revocation; agencies' keys, the anchor and escrow have files of
//! their own.

use super::anchor::AnchorAction;
use super::args::Global;
use super::desk::{Delegate, Desk, New};
use super::escrow::EscrowAction;
use super::govern::say;
use super::link::ask;
use super::{FINDINGS, Outcome, anchor, desk, escrow, grid};
use crate::division::DivisionCode;
use crate::ops::service::{Failure, Request};
use crate::sync::govern::{Governing, Vouch};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::Value;

/// Milliseconds of a year, as validities count it.
const YEAR_MS: u64 = 365 * 86_400_000;

#[derive(Subcommand)]
pub(super) enum KeysAction {
    /// 列出各节点与机关的密钥、状态与有效期 / every node's and agency's key, its state and how long it lasts
    #[command(after_long_help = LIST_HELP)]
    List,
    /// 更换本节点的签名密钥（下级自动跟随）/ a new signing key for this node; everyone follows by themselves
    Rotate,
    /// 延长直接下级的授权有效期（密钥不变）/ a child's delegation holds longer, under the same keys
    #[command(after_long_help = RENEW_HELP)]
    Renew(Renew),
    /// 吊销下级节点或机关的密钥 / stop the key of a node below, or of an agency
    Revoke(Revoke),
    /// 给机关填报人员的签名资料（公开内容，U 盘带去即可）/ what an agency's desk needs to sign; all of it is public
    #[command(after_long_help = desk::HELP)]
    Desk(Desk),
    /// 机关：生成自己的签名密钥（无需网络与守护进程）/ at the desk: make the agency's key, without network or daemon
    #[command(after_long_help = desk::HELP)]
    New(New),
    /// 授权机关用自己的密钥签名报告 / let an agency sign its own packages with its key
    #[command(after_long_help = desk::HELP)]
    Delegate(Delegate),
    /// 锚密钥：生成请求、离线签署、应用（仅根节点）/ the anchor: ask, sign offline, apply; for the root
    Anchor {
        #[command(subcommand)]
        action: AnchorAction,
    },
    /// 密钥托管：加密打印、恢复 / escrow: print keys encrypted, restore them
    Escrow {
        #[command(subcommand)]
        action: EscrowAction,
    },
}

const LIST_HELP: &str = "状态 states: live 在用, expiring 60 天内到期, expired 已到期, replaced 已更换, revoked 已吊销, closed 已撤销。\n有将到期或已到期的在用密钥时退出码为 3。\nExit 3 when a key in use expires within 60 days or has expired. Expiry stops new statements and hides nothing:\n节点 a node: gongshi keys renew CODE (在其上级 at its parent); 根节点 the root: gongshi keys anchor; 机关 an agency: gongshi keys delegate 再来一次 again.";

const RENEW_HELP: &str = "在直接上级执行；密钥、级别、区划、托管不变，有效期不缩短，也不超出本节点自身的有效期。根节点由锚密钥续期：gongshi keys anchor request。\nRun at the direct parent. Keys, level, division and hosting stay; the validity never gets shorter and never reaches beyond this node's own. The root is renewed by the anchor: gongshi keys anchor request.\n\n  gongshi keys list --data D\n  gongshi keys renew 330282 --years 5 --data D";

#[derive(ClapArgs)]
pub(super) struct Renew {
    /// 下级的区划代码 / the child's division code
    code: DivisionCode,
    /// 自今日起几年 / for so many years from now
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    years: u32,
    /// 只说明将发生什么 / only say what would happen
    #[arg(long)]
    dry_run: bool,
}

#[derive(ClapArgs)]
pub(super) struct Revoke {
    /// 区划代码 / division code
    #[arg(required_unless_present = "agency")]
    code: Option<DivisionCode>,
    /// 机关密钥的编号（keys list 所示，前 8 位以上）/ an agency's key: its id as keys list shows it, or 8 digits of it
    #[arg(long, value_name = "KEY", conflicts_with_all = ["code", "last"])]
    agency: Option<String>,
    /// 理由（公开）/ why; public
    #[arg(long)]
    reason: String,
    /// 原因：lost 遗失，stolen 被盗，misused 滥用，retired 停用，other 其他 / cause
    #[arg(long, default_value = "other", value_parser = ["lost", "stolen", "misused", "retired", "other"])]
    cause: String,
    /// 认可到其自有日志第几条（从 0 起；none 表示一条也不认可；缺省为本节点所存全部）/ last entry vouched for
    #[arg(long, value_name = "N|none")]
    last: Option<String>,
    /// 只说明将发生什么 / only say what would happen
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(global: &Global, action: &KeysAction) -> Result<Outcome, Failure> {
    match action {
        KeysAction::List => list(global),
        KeysAction::Rotate => rotate(global),
        KeysAction::Renew(options) => renew(global, options),
        KeysAction::Revoke(options) => revoke(global, options),
        KeysAction::Desk(options) => desk::desk(global, options),
        KeysAction::New(options) => desk::new(global, options),
        KeysAction::Delegate(options) => desk::delegate(global, options),
        KeysAction::Anchor { action } => anchor::run(global, action),
        KeysAction::Escrow { action } => escrow::run(global, action),
    }
}

/// So many years in milliseconds.
pub(super) fn years_ms(years: u32) -> u64 {
    u64::from(years) * YEAR_MS
}

fn rotate(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Rotate)?;
    let key = |name: &str| document[name].as_str().unwrap_or_default().chars().take(16).collect::<String>();
    let (old, new) = (key("old"), key("new"));
    let zh = format!(
        "已更换签名密钥 {old} → {new}；省级编号后各级自动改用，旧密钥文件已删除\n请重新打印托管：gongshi keys escrow export"
    );
    let en = format!(
        "signing key {old} is now {new}; all levels follow once it is sequenced; the old key file is gone\nprint the escrow again: gongshi keys escrow export"
    );
    let text = global.words(&zh, &en).to_owned();
    Ok(Outcome::done(document, text))
}

fn renew(global: &Global, renew: &Renew) -> Result<Outcome, Failure> {
    let Renew { code, years, .. } = renew;
    let zh = format!("{code} 的授权将延长（自今日起 {years} 年，不超出本节点有效期），密钥不变");
    let en =
        format!("{code} is renewed for {years} years from now, within this node's own validity; keys stay");
    let governing = Governing::Renew { code: code.clone(), life_ms: Some(years_ms(*years)) };
    say(global, governing, renew.dry_run, (&zh, &en))
}

fn revoke(global: &Global, revoke: &Revoke) -> Result<Outcome, Failure> {
    let reason = match revoke.cause.as_str() {
        "lost" => 1,
        "stolen" => 2,
        "misused" => 3,
        "retired" => 4,
        _ => 0,
    };
    let prose = revoke.reason.clone();
    if let Some(key) = &revoke.agency {
        if key.len() < 8 {
            return Err(super::usage(
                "--agency 须写密钥编号的前 8 位以上 / --agency wants 8 digits of the key or more",
            ));
        }
        let zh = format!("机关密钥 {key} 将被吊销，不能撤回；已公示的不变，另制密钥用 gongshi keys new");
        let en = format!(
            "agency key {key} will be revoked for good; what it signed stays; a new one: gongshi keys new"
        );
        let governing = Governing::RevokeAgency { key: key.to_ascii_lowercase(), reason, prose };
        return say(global, governing, revoke.dry_run, (&zh, &en));
    }
    let vouch = match revoke.last.as_deref() {
        None => Vouch::Held,
        Some("none") => Vouch::Nothing,
        Some(text) => Vouch::UpTo(
            text.parse()
                .map_err(|_| super::usage("--last 应为条目序号或 none / --last wants an index, or none"))?,
        ),
    };
    let code = revoke.code.clone().ok_or_else(|| super::usage("须写区划代码 / a division code is needed"))?;
    let zh = format!("{code} 的密钥将被吊销，不能撤回；恢复须用 gongshi invite --replace {code} 重新加入");
    let en = format!(
        "the key of {code} will be revoked for good; it comes back by gongshi invite --replace {code}"
    );
    let governing = Governing::Revoke { code, vouch, reason, prose };
    say(global, governing, revoke.dry_run, (&zh, &en))
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Keys)?;
    let lines = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |state: &str| match (state, global.english()) {
        (state, true) => state.to_owned(),
        ("live", _) => "在用".to_owned(),
        ("expiring", _) => "将到期".to_owned(),
        ("expired", _) => "已到期".to_owned(),
        ("replaced", _) => "已更换".to_owned(),
        ("revoked", _) => "已吊销".to_owned(),
        ("closed", _) => "已撤销".to_owned(),
        (other, _) => other.to_owned(),
    };
    let row = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let key = text("key").chars().take(16).collect::<String>();
        let until = text("not_after").chars().take(10).collect::<String>();
        let kind = if line["kind"] == "agency" {
            global.words("机关", "agency")
        } else {
            global.words("节点", "node")
        };
        vec![
            text("code"),
            kind.to_owned(),
            text("name"),
            word(&text("state")),
            until,
            line["days_left"].to_string(),
            key,
        ]
    };
    let heading = match global.english() {
        true => ["code", "kind", "name", "state", "until", "days", "key id"],
        false => ["区划", "种类", "名称", "状态", "有效期至", "剩余天数", "密钥"],
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let expiring = lines.iter().any(|line| matches!(line["state"].as_str(), Some("expiring" | "expired")));
    let text = grid::grid(&heading, &rows);
    let mut outcome = Outcome::done(document.clone(), text);
    if expiring {
        outcome.exit = FINDINGS;
    }
    Ok(outcome)
}
