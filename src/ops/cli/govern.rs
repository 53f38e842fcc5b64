//! `gongshi keys`, `host`, `reparent`, `close`: what a node says about the nodes below it.

use super::args::Global;
use super::link::ask;
use super::{FINDINGS, Outcome, grid};
use crate::division::DivisionCode;
use crate::ops::service::{Failure, Request};
use crate::sync::govern::{Governing, Vouch};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum KeysAction {
    /// 列出各节点的密钥与有效期 / every node's key, its state and how long it lasts
    List,
    /// 更换本节点的签名密钥（下级自动跟随）/ a new signing key for this node; everyone follows by themselves
    Rotate,
    /// 吊销下级节点的密钥 / stop the key of a node below
    Revoke(Revoke),
}

#[derive(ClapArgs)]
pub(super) struct Revoke {
    /// 区划代码 / division code
    code: DivisionCode,
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

#[derive(Subcommand)]
pub(super) enum HostAction {
    /// 让下级节点代为发布更多区划 / let a node below publish for more divisions
    Add {
        /// 代为发布的区划 / divisions it publishes for
        #[arg(required = true)]
        divisions: Vec<DivisionCode>,
        /// 由哪个节点 / the node's division
        #[arg(long)]
        node: DivisionCode,
    },
}

#[derive(ClapArgs)]
pub(super) struct Reparent {
    /// 要迁移的节点 / the node that moves, with all below it
    code: DivisionCode,
    /// 新的上级 / its new parent
    #[arg(long)]
    under: DivisionCode,
}

#[derive(ClapArgs)]
pub(super) struct Close {
    /// 要撤销的区划 / the division that ends
    code: DivisionCode,
    /// 由哪些区划承接（可多个）/ divisions that go on with its duties
    #[arg(long, value_delimiter = ',')]
    into: Vec<DivisionCode>,
    /// 理由（公开）/ why; public
    #[arg(long)]
    reason: String,
    /// 只说明将发生什么 / only say what would happen
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn keys(global: &Global, action: &KeysAction) -> Result<Outcome, Failure> {
    match action {
        KeysAction::List => list(global),
        KeysAction::Rotate => {
            let document = ask(global, Request::Rotate)?;
            let key =
                |name: &str| document[name].as_str().unwrap_or_default().chars().take(16).collect::<String>();
            let (old, new) = (key("old"), key("new"));
            let zh = format!("已更换签名密钥 {old} → {new}；省级编号后各级自动改用，旧密钥文件已删除");
            let en = format!(
                "signing key {old} is now {new}; all levels follow once it is sequenced; the old key file is gone"
            );
            let text = global.words(&zh, &en).to_owned();
            Ok(Outcome::done(document, text))
        }
        KeysAction::Revoke(revoke) => {
            let vouch = match revoke.last.as_deref() {
                None => Vouch::Held,
                Some("none") => Vouch::Nothing,
                Some(text) => Vouch::UpTo(text.parse().map_err(|_| {
                    Failure::new(2, "usage", "--last 应为条目序号或 none / --last wants an index, or none")
                })?),
            };
            let reason = match revoke.cause.as_str() {
                "lost" => 1,
                "stolen" => 2,
                "misused" => 3,
                "retired" => 4,
                _ => 0,
            };
            let (code, prose) = (revoke.code.clone(), revoke.reason.clone());
            let zh =
                format!("{code} 的密钥将被吊销，不能撤回；恢复须用 gongshi invite --replace {code} 重新加入");
            let en = format!(
                "the key of {code} will be revoked for good; it comes back by gongshi invite --replace {code}"
            );
            let governing = Governing::Revoke { code, vouch, reason, prose };
            say(global, governing, revoke.dry_run, (&zh, &en))
        }
    }
}

pub(super) fn host(global: &Global, action: &HostAction) -> Result<Outcome, Failure> {
    let HostAction::Add { divisions, node } = action;
    let named = divisions.iter().map(ToString::to_string).collect::<Vec<_>>().join("、");
    let zh = format!("{node} 的节点将可代 {named} 发布");
    let en = format!("the node of {node} will publish for {named} too");
    let governing = Governing::Host { node: node.clone(), divisions: divisions.clone() };
    say(global, governing, false, (&zh, &en))
}

pub(super) fn reparent(global: &Global, reparent: &Reparent) -> Result<Outcome, Failure> {
    let Reparent { code, under } = reparent;
    let zh = format!("{code} 及其下级将改由 {under} 管理；撤回：迁回原上级");
    let en = format!("{code} and all below it will stand under {under}; undo by moving it back");
    let governing = Governing::Reparent { code: code.clone(), under: under.clone() };
    say(global, governing, false, (&zh, &en))
}

pub(super) fn close(global: &Global, close: &Close) -> Result<Outcome, Failure> {
    let code = &close.code;
    let zh = format!("{code} 将被撤销，已公示的内容保留；该代码以后可重新邀请");
    let en = format!("{code} will end; what it published stays; its code may be invited again later");
    let governing =
        Governing::Close { code: code.clone(), into: close.into.clone(), prose: close.reason.clone() };
    say(global, governing, close.dry_run, (&zh, &en))
}

fn say(
    global: &Global,
    governing: Governing,
    dry_run: bool,
    (zh, en): (&str, &str),
) -> Result<Outcome, Failure> {
    let what = global.words(zh, en);
    if dry_run {
        let document = json!({"schema": "gongshi.govern/1", "dry_run": true});
        return Ok(Outcome::done(document, what));
    }
    let request = Request::Govern(Box::new(governing));
    let document = ask(global, request)?;
    let digest = document["digest"].as_str().unwrap_or_default();
    let zh = format!("{what}\n  已签名 {digest}，省级编号后生效");
    let en = format!("{what}\n  signed {digest}; in force once the root has sequenced it");
    Ok(Outcome::done(document.clone(), global.words(&zh, &en)))
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
        vec![text("code"), text("name"), word(&text("state")), until, key]
    };
    let heading = match global.english() {
        true => ["code", "name", "state", "until", "key id"],
        false => ["区划", "名称", "状态", "有效期至", "密钥"],
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
