//! Arguments: every command and option, with the help people read.

use super::audit::AuditAction;
use super::backup::{Backup, Restore};
use super::bundle::BundleAction;
use super::config::ConfigAction;
use super::console::ConsoleAction;
use super::coverage::Coverage;
use super::export::PortalAction;
pub(super) use super::global::Global;
use super::govern::{Close, HostAction, Reparent};
use super::invite::Invite;
use super::join::Join;
use super::keys::KeysAction;
use super::man::Man;
use super::nothing::Nothing;
use super::release::ReleaseAction;
use super::review::ReviewAction;
use super::roster::RosterAction;
use super::store::StoreAction;
use super::template::TemplateAction;
use super::view::View;
use super::withdraw::Withdraw;
use super::witness::{Evidence, PolicyAction};
use crate::division::{DivisionCode, Level};
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// 行政执法数据年报公示联邦同步守护进程 / federated sync daemon for annual enforcement disclosures
#[derive(Parser)]
#[command(name = "gongshi", version, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// 在本机演示四级联动 / four levels on this machine, with real figures
    Demo(Demo),
    /// 建立联邦（省级根节点）/ found a federation
    Init(Init),
    /// 邀请下级节点加入 / invite a lower node
    Invite(Invite),
    /// 模板：列出、查看、增加 / templates: list, show, add
    Template {
        #[command(subcommand)]
        action: TemplateAction,
    },
    /// 密钥：列出、更换、续期、吊销、机关签名、锚密钥、托管 / keys: list, rotate, renew, revoke; agencies, anchor, escrow
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// 托管：让下级代为发布更多区划 / let a node publish for more divisions
    Host {
        #[command(subcommand)]
        action: HostAction,
    },
    /// 将下级节点连同其下级迁到另一上级 / move a node, with all below it, under another
    Reparent(Reparent),
    /// 撤销区划的节点（撤并、更名）/ end a division's node
    Close(Close),
    /// 凭邀请码加入 / join with a token
    Join(Join),
    /// 运行节点 / run the node
    Serve(Serve),
    /// 校验报告文件，不公示 / validate report files
    Check(super::marked::CheckAndMark),
    /// 在受限的进程里读取一份文件 / read one file within limits
    #[command(hide = true)]
    ReadApart,
    /// 校验、签名并上报 / validate, sign and publish
    Publish(Publish),
    /// 机关：用自己的密钥签名报告，得到可交节点发布的文件 / at an agency's desk: sign a report into a file for the node
    Sign(super::sign::Sign),
    /// 更正已公示的报告（须说明理由）/ publish the next revision of a report, with a reason
    Correct(Correct),
    /// 列出或取回报告的附件 / list or fetch the attachments of a report
    Attachment(super::attachment::WhichAttachment),
    /// 撤回报告（须说明理由）/ take a report back, with a reason
    Withdraw(Withdraw),
    /// 零报告：该年度没有此类执法活动 / an agency had no activity in a year
    Nil(Nothing),
    /// 不适用：该机关没有此项职责 / an agency has no such duty
    NotApplicable(Nothing),
    /// 名册：导入、查看谁该报什么 / rosters: who owes which report by when
    Roster {
        #[command(subcommand)]
        action: RosterAction,
    },
    /// 审核下级报送：列出、查看、通过、退回 / review what came from below
    Review {
        #[command(subcommand)]
        action: ReviewAction,
    },
    /// 报送情况：应报、已报、零报告、不适用、退回、未报、迟报 / who owes a report and who gave one
    Coverage(Coverage),
    /// 公示期限：列出期满的报告，经决定后撤回 / retention: what has been public long enough, withdrawn when you say so
    Retention {
        #[command(subcommand)]
        action: super::retention::RetentionAction,
    },
    /// 统一公开：设定时间、查看就绪、演练 / one time for all levels: set, show, rehearse
    Release {
        #[command(subcommand)]
        action: ReleaseAction,
    },
    /// 查看节点状态 / show the node's state
    Status(Status),
    /// 联邦各级节点 / the nodes of the federation
    Tree,
    /// 列出报告及其状态 / packages and their states
    List(List),
    /// 查看一份报告及其收发经过 / a package with its figures and its exchange
    Show {
        /// 摘要（可只写前 8 位以上）/ digest, or its first 8 digits or more
        digest: String,
    },
    /// 逐格比较两份报告 / compare two packages cell by cell
    Diff {
        /// 原 / earlier digest
        a: String,
        /// 现 / later digest
        b: String,
    },
    /// 汇总：某区划某年度各表合计、比率、差异 / sums of a division's year
    View(View),
    /// 导出收录证明（C2SP tlog-proof）/ proof of inclusion
    Proof(Proof),
    /// 核验：全部数据、一份报告或一个证明文件 / verify everything, a package, or a proof
    Verify(Verify),
    /// 存储：统计、检查、重建索引 / the store: figures, check, rebuild the index
    Store {
        #[command(subcommand)]
        action: StoreAction,
    },
    /// 立即上报（可指定经由的上级）/ push now, by the parent or another ancestor
    Push(Push),
    /// 立即向上级取数，并询问下级 / ask the parent and those below now
    Pull,
    /// 备份：记录与配置，不含密钥 / back up record and configuration, never keys
    Backup(Backup),
    /// 从备份恢复到空目录 / restore a backup to an empty directory
    Restore(Restore),
    /// 根节点机器损毁：由镜像节点接替 / the root's machine is lost: a mirror takes its place
    Root {
        #[command(subcommand)]
        action: super::root::RootAction,
    },
    /// 数据包：以文件代替网络（上下级均可）/ bundles: files instead of wires, both ways
    Bundle {
        #[command(subcommand)]
        action: BundleAction,
    },
    /// 门户：写成静态文件 / the portal as static files
    Portal {
        #[command(subcommand)]
        action: PortalAction,
    },
    /// 相邻节点与可用路径 / neighbours and the ways up
    Peers,
    /// 审计日志：查看、核对、导出 / audit log: show, verify, export
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// 方针：公开方式与副署法定数 / policy: release and witness quorum
    Policy {
        #[command(subcommand)]
        action: PolicyAction,
    },
    /// 立即与旁系节点比对检查点 / compare checkpoints with nodes beside this one now
    Compare,
    /// 根节点出示两份历史的证据 / what proves that the root showed two histories
    Evidence(Evidence),
    /// 点名：各节点所示是否一致 / which nodes show the same
    Rollcall,
    /// 检查本机与节点 / look for trouble and name the next command
    Doctor,
    /// 网络：上级是否连得上 / network: can the levels above be reached
    Net {
        #[command(subcommand)]
        action: super::net::NetAction,
    },
    /// 升级：此版本能否打开本目录 / upgrade: does this version open the directory
    Upgrade {
        #[command(subcommand)]
        action: super::upgrade::UpgradeAction,
    },
    /// 配置：生效值与检查 / settings: what is in force, and whether it holds
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// 控制台：谁可以登录 / console: who may log in
    Console {
        #[command(subcommand)]
        action: ConsoleAction,
    },
    /// 解释代码（离线）/ what a code means, offline
    Explain {
        /// 代码；不写则列出全部 / code; all without it
        code: Option<String>,
    },
    /// 命令行补全脚本 / completion script
    Completions {
        /// bash | zsh | fish | elvish | powershell
        shell: clap_complete::Shell,
    },
    /// 手册页（troff）/ manual pages
    Man(Man),
    /// 版本 / version
    Version,
}

#[derive(ClapArgs)]
pub(super) struct Demo {
    #[command(subcommand)]
    pub(super) walk: Option<super::demo::Walk>,
    /// 演示目录（默认为临时目录）/ where the four nodes are kept
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) dir: Option<PathBuf>,
    /// 各级一致后退出 / stop when all levels agree
    #[arg(long, global = true)]
    pub(super) exit: bool,
}

/// Addresses of a node.
#[derive(ClapArgs, Clone)]
pub(super) struct Addresses {
    /// 同步监听地址 HOST:PORT（UDP）/ peers (QUIC)
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) listen: Option<String>,
    /// 公示门户监听地址 / public portal
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) portal: Option<String>,
    /// 运维控制台监听地址 / console
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) console: Option<String>,
    /// 告知下级的连接地址（可多次）/ address told to children
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) announce: Vec<String>,
}

#[derive(ClapArgs)]
pub(super) struct Init {
    /// 层级 / level: province|city|district|town
    #[arg(long)]
    pub(super) level: Level,
    /// 区划代码 / division code
    #[arg(long)]
    pub(super) code: DivisionCode,
    /// 名称 / display name
    #[arg(long)]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) addresses: Addresses,
    /// 未定公开时间的年度：open 即时公开，held 待统一公开 / years without a schedule
    #[arg(long, value_name = "open|held", default_value = "open", value_parser = ["open", "held"])]
    pub(super) release: String,
}

#[derive(ClapArgs)]
pub(super) struct Serve {
    /// 标准输入关闭时退出 / stop when standard input closes
    #[arg(long, hide = true)]
    pub(super) until_stdin_closes: bool,
}

#[derive(ClapArgs)]
pub(super) struct Check {
    /// 报告文件、机关签名文件或目录 / report files, packages that an agency signed, or directories
    #[arg(required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// 区划代码（补缺或替代文件中的）/ division, in place of the file's
    #[arg(long)]
    pub(super) division: Option<DivisionCode>,
    /// 机关名称（表格中没有时补上）/ the agency, where a workbook or CSV file does not name it
    #[arg(long, value_name = "NAME")]
    pub(super) agency: Option<String>,
    /// 年度（表格中没有时补上）/ the year, where a workbook or CSV file does not say it
    #[arg(long)]
    pub(super) year: Option<u16>,
    /// 每份文件在内存、时间受限的子进程里读取（来路不明的文件）/ read each file in a process of its own with limits
    #[arg(long)]
    pub(super) apart: bool,
}

#[derive(ClapArgs)]
pub(super) struct Publish {
    #[command(flatten)]
    pub(super) check: Check,
    #[command(flatten)]
    pub(super) attach: super::attach::Attach,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    pub(super) wait: Option<String>,
}

#[derive(ClapArgs)]
pub(super) struct Correct {
    #[command(flatten)]
    pub(super) check: Check,
    #[command(flatten)]
    pub(super) attach: super::attach::Attach,
    /// 更正理由（公开）/ why; public
    #[arg(long)]
    pub(super) reason: String,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    pub(super) wait: Option<String>,
}

#[derive(ClapArgs)]
#[group(required = true, multiple = false)]
pub(super) struct Verify {
    /// 摘要、证明或证据文件，或另一门户的网址 / a digest, a file of proof or evidence, or another portal's URL
    pub(super) what: Option<String>,
    /// 核验所存全部数据 / everything held
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(ClapArgs)]
pub(super) struct Push {
    /// 经由的上级区划代码（默认直接上级）/ division of the ancestor to push by
    #[arg(long, value_name = "CODE")]
    pub(super) via: Option<DivisionCode>,
}

#[derive(ClapArgs)]
pub(super) struct Status {
    /// 供监控使用：一行，退出码 0/1/2/3 / one line for monitoring (Nagios convention)
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(ClapArgs)]
pub(super) struct List {
    /// 区划代码 / division
    #[arg(long)]
    pub(super) division: Option<DivisionCode>,
    /// 年度 / year
    #[arg(long)]
    pub(super) year: Option<u16>,
    /// 机关名称或代码中的文字 / part of the agency's name or code
    #[arg(long)]
    pub(super) agency: Option<String>,
    /// 状态 / state
    #[arg(long, value_parser = ["waiting", "held", "released", "superseded", "withdrawn", "returned", "refused"])]
    pub(super) state: Option<String>,
    /// 最多列出多少份 / at most so many
    #[arg(long, default_value_t = 1000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=20_000))]
    pub(super) limit: usize,
}

#[derive(ClapArgs)]
pub(super) struct Proof {
    /// 摘要 / digest
    pub(super) digest: String,
    /// 写入文件 / write to a file
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}
