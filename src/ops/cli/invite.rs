//! `gongshi invite`: tokens for lower nodes, their list, approval and taking back.

use super::args::Global;
use super::bundle::CommandDoor;
use super::link::Link;
use super::{Outcome, join_file, runtime, usage};
use crate::division::{DivisionCode, Level};
use crate::ops::service::{Failure, Request};
use crate::trust::delegation::Hosting;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::Value;
use std::path::PathBuf;

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Invite {
    #[command(subcommand)]
    pub(super) action: Option<InviteAction>,
    /// 层级 / level
    #[arg(long, required_unless_present = "replace")]
    pub(super) level: Option<Level>,
    /// 区划代码 / division code
    #[arg(long, required_unless_present = "replace")]
    pub(super) code: Option<DivisionCode>,
    /// 名称 / display name
    #[arg(long, required_unless_present = "replace")]
    pub(super) name: Option<String>,
    /// 托管 own|subtree|all|CODE,.. / what else it publishes for
    #[arg(long, default_value = "own")]
    pub(super) hosts: String,
    /// 有效期，如 24h、30m（最长 72h）/ life of the token
    #[arg(long)]
    pub(super) ttl: Option<String>,
    /// 无需人工批准 / no approval needed
    #[arg(long)]
    pub(super) auto: bool,
    /// 为该区划换一台机器（层级、名称、托管沿用）/ a new machine takes the place of this division's node
    #[arg(long, value_name = "CODE", conflicts_with_all = ["level", "code", "name"])]
    pub(super) replace: Option<DivisionCode>,
    /// 邀请码写入文件，供无网络的节点以文件方式加入 / write the token to a file, for a node that joins by files
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum InviteAction {
    /// 列出邀请 / list invitations
    List,
    /// 批准等待中的加入请求 / approve a pending request
    Approve {
        /// 区划代码 / division code
        #[arg(required_unless_present = "request")]
        code: Option<DivisionCode>,
        /// 以文件方式加入：下级的请求文件 / the request file of a node that joins by files
        #[arg(long, value_name = "FILE", requires = "output")]
        request: Option<PathBuf>,
        /// 答复写入文件（含授权链与根日志）/ where the answer goes: its Delegates and the root log
        #[arg(short, long, value_name = "FILE", requires = "request")]
        output: Option<PathBuf>,
        /// 与下级核对过的六位码 / the six digits, compared with the new node's operator
        #[arg(long, value_name = "DIGITS", requires = "request")]
        digits: Option<String>,
    },
    /// 收回邀请 / take invitations back
    Revoke {
        /// 区划代码 / division code
        code: DivisionCode,
    },
}

pub(super) fn run(global: &Global, invite: &Invite) -> Result<Outcome, Failure> {
    let request = match &invite.action {
        Some(InviteAction::List) => Request::Invitations,
        Some(InviteAction::Approve { request: Some(request), output: Some(output), digits, .. }) => {
            let mut door = CommandDoor::open(global)?;
            let document = join_file::approve(&mut door, request, output, digits.as_deref())?;
            let (code, place) = (text_of(&document, "code"), output.display());
            let zh =
                format!("已批准 {code}\n  答复 {place}\n下一步：在 {code} 执行 gongshi join --answer 文件");
            let en =
                format!("{code} approved\n  answer {place}\nNext, at {code}: gongshi join --answer FILE");
            return Ok(Outcome::done(document, global.words(&zh, &en)));
        }
        Some(InviteAction::Approve { code, .. }) => match code {
            Some(code) => Request::Approve(code.clone()),
            None => return Err(usage("--request 须与 -o 一起使用 / --request wants -o")),
        },
        Some(InviteAction::Revoke { code }) => Request::RevokeInvite(code.clone()),
        None if let Some(code) = &invite.replace => Request::Replace {
            code: code.clone(),
            ttl_ms: invite.ttl.as_deref().map(milliseconds).transpose()?,
            auto: invite.auto,
            by_file: invite.output.is_some(),
        },
        None => {
            let (Some(level), Some(code), Some(name)) = (invite.level, &invite.code, &invite.name) else {
                return Err(usage(
                    "--level、--code、--name 缺一不可 / --level, --code and --name are required",
                ));
            };
            Request::Invite {
                level,
                code: code.clone(),
                name: name.clone(),
                hosting: hosting(&invite.hosts)?,
                ttl_ms: invite.ttl.as_deref().map(milliseconds).transpose()?,
                auto: invite.auto,
                by_file: invite.output.is_some(),
            }
        }
    };
    let document =
        runtime()?.block_on(async { Link::open(&global.data()).await?.document(request).await })?;
    let text = match &invite.action {
        None => {
            let token = text_of(&document, "token");
            match &invite.output {
                Some(path) => {
                    join_file::write_secret(path, &token)?;
                    let place = path.display();
                    let zh = format!(
                        "邀请码已写入 {place}\n下一步：在新节点执行 gongshi join @{place} --request 请求文件"
                    );
                    let en = format!(
                        "token written to {place}\nNext, at the new node: gongshi join @{place} --request FILE"
                    );
                    global.words(&zh, &en).to_owned()
                }
                None => token,
            }
        }
        Some(InviteAction::List) => list(&document),
        Some(InviteAction::Approve { .. }) => {
            let code = text_of(&document, "code");
            let digits = document["digits"].as_str().unwrap_or_default();
            let zh = format!("已批准 {code}，核对码 {digits}（两端应一致）");
            let en = format!("{code} approved; both screens must show {digits}");
            global.words(&zh, &en).to_owned()
        }
        Some(InviteAction::Revoke { code }) => {
            let (zh, en) = (format!("已收回 {code} 的邀请"), format!("invitations of {code} taken back"));
            global.words(&zh, &en).to_owned()
        }
    };
    Ok(Outcome::done(document, text))
}

fn text_of(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_default().to_owned()
}

fn list(document: &Value) -> String {
    let lines = document["invitations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let field = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let line = |line: &Value| {
        ["code", "state", "expires", "digits", "name"].map(|name| field(line, name)).join("  ")
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn hosting(text: &str) -> Result<Hosting, Failure> {
    Ok(match text {
        "own" | "" => Hosting::Own,
        "subtree" => Hosting::Subtree,
        "all" => Hosting::All,
        codes => {
            let codes = codes.split(',').map(|code| code.trim().parse()).collect::<Result<_, _>>();
            Hosting::List(
                codes.map_err(|error: crate::division::NotADivisionCode| usage(&error.to_string()))?,
            )
        }
    })
}

/// `90s`, `30m`, `24h`, `3d`, or a bare number of seconds.
fn milliseconds(text: &str) -> Result<u64, Failure> {
    let wrong = || usage("--ttl 应如 30m、24h（最长 72h）/ --ttl wants 30m or 24h, at most 72h");
    let (digits, unit_ms) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(digits) if text.ends_with('m') => (digits, 60_000),
        Some(digits) if text.ends_with('h') => (digits, 3_600_000),
        Some(digits) if text.ends_with('d') => (digits, 86_400_000),
        Some(digits) => (digits, 1_000),
        None => (text, 1_000),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit_ms).filter(|ms| *ms > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_a_unit_or_means_seconds() {
        let ms = |text| milliseconds(text).ok();
        assert_eq!(
            [ms("90s"), ms("30m"), ms("24h"), ms("3d"), ms("5")],
            [90_000, 1_800_000, 86_400_000, 259_200_000, 5_000].map(Some)
        );
        assert_eq!([ms("0h"), ms("h"), ms("-1h"), ms("1w"), ms("99999999999999999999h")], [None; 5]);
    }
}
