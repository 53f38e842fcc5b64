//! `gongshi withdraw`: a report is taken back; its statement and its proofs stay.

use super::args::Global;
use super::link::ask;
use super::packages::text;
use super::publish::wait_sequenced;
use super::sure::sure;
use super::{Outcome, runtime, unexpected};
use crate::ops::service::{Failure, Request};
use clap::Args as ClapArgs;

#[derive(ClapArgs)]
pub(super) struct Withdraw {
    /// 摘要（可只写前 8 位以上）/ digest, or its first 8 digits or more
    pub(super) digest: String,
    /// 撤回理由（公开）/ why; public
    #[arg(long)]
    pub(super) reason: String,
    /// 在所有节点删除正文（如误公示个人信息），不可恢复 / drop the bodies on every node, for good
    #[arg(long)]
    pub(super) erase: bool,
    /// 只说明将做什么 / say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    pub(super) wait: Option<String>,
}

pub(super) fn run(global: &Global, withdraw: &Withdraw) -> Result<Outcome, Failure> {
    let request = |dry_run| Request::Withdraw {
        digest: withdraw.digest.clone(),
        reason: withdraw.reason.clone(),
        erase: withdraw.erase,
        dry_run,
    };
    let would = ask(global, request(true))?;
    let (agency, year) = (text(&would["agency"]["name"]), text(&would["year"]));
    let (digest, revision) = (text(&would["digest"]), text(&would["revision"]));
    let zh = match withdraw.erase {
        true => {
            format!("撤回 {agency} {year} 年度第 {revision} 版，并在所有节点删除该年度至此各版正文，不可恢复")
        }
        false => format!("撤回 {agency} {year} 年度第 {revision} 版；摘要与证明保留"),
    };
    let en = match withdraw.erase {
        true => format!(
            "withdraws revision {revision} of {agency} {year} and erases the bodies of that year so far on every node, for good"
        ),
        false => format!("withdraws revision {revision} of {agency} {year}; digest and proofs stay"),
    };
    let what = global.words(&zh, &en);
    if withdraw.dry_run {
        return Ok(Outcome::done(would, what));
    }
    sure(global, what, digest.get(..8).unwrap_or_default())?;
    let done = ask(global, request(false))?;
    if withdraw.wait.is_some() {
        let statement = text(&done["statement"]).parse().map_err(|_| unexpected())?;
        runtime()?.block_on(wait_sequenced(global, &[statement]))?;
    }
    let undo = global.words("重新公示：gongshi publish 文件", "publish again: gongshi publish FILE");
    let said = format!("{what}\n{undo}");
    Ok(Outcome::done(done, said))
}
