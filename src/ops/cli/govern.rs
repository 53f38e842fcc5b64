//! `gongshi host`, `reparent`, `close`: what a node says about the nodes below it.

use super::Outcome;
use super::args::Global;
use super::link::ask;
use crate::division::DivisionCode;
use crate::ops::service::{Failure, Request};
use crate::sync::govern::Governing;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::json;

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

pub(super) fn say(
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
