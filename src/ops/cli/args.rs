//! Arguments: every command and option, with the help people read.

pub(super) use super::global::Global;
use super::govern::{Close, HostAction, KeysAction, Reparent};
use super::man::Man;
use super::template::TemplateAction;
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
    /// 密钥：列出、吊销 / keys: list, revoke
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
    Check(Check),
    /// 校验、签名并上报 / validate, sign and publish
    Publish(Publish),
    /// 更正已公示的报告（须说明理由）/ publish the next revision of a report, with a reason
    Correct(Correct),
    /// 撤回报告（须说明理由）/ take a report back, with a reason
    Withdraw(Withdraw),
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
    /// 导出收录证明（C2SP tlog-proof）/ proof of inclusion
    Proof(Proof),
    /// 核验：全部数据、一份报告或一个证明文件 / verify everything, a package, or a proof
    Verify(Verify),
    /// 立即上报（可指定经由的上级）/ push now, by the parent or another ancestor
    Push(Push),
    /// 立即向上级取数，并询问下级 / ask the parent and those below now
    Pull,
    /// 相邻节点与可用路径 / neighbours and the ways up
    Peers,
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
    /// 配置：生效值与检查 / settings: what is in force, and whether it holds
    Config {
        #[command(subcommand)]
        action: ConfigAction,
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
    /// 演示目录（默认为临时目录）/ where the four nodes are kept
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// 各级一致后退出 / stop when all levels agree
    #[arg(long)]
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
    /// 层级 province|city|district|town
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
}

#[derive(Subcommand)]
pub(super) enum InviteAction {
    /// 列出邀请 / list invitations
    List,
    /// 批准等待中的加入请求 / approve a pending request
    Approve {
        /// 区划代码 / division code
        code: DivisionCode,
    },
    /// 收回邀请 / take invitations back
    Revoke {
        /// 区划代码 / division code
        code: DivisionCode,
    },
}

#[derive(ClapArgs)]
pub(super) struct Join {
    /// 邀请码；- 从标准输入读，@FILE 从文件读 / token, - for stdin, @FILE
    pub(super) token: String,
    #[command(flatten)]
    pub(super) addresses: Addresses,
}

#[derive(ClapArgs)]
pub(super) struct Serve {
    /// 标准输入关闭时退出 / stop when standard input closes
    #[arg(long, hide = true)]
    pub(super) until_stdin_closes: bool,
}

#[derive(ClapArgs)]
pub(super) struct Check {
    /// 报告文件或目录 / report files or directories
    #[arg(required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// 区划代码（补缺或替代文件中的）/ division, in place of the file's
    #[arg(long)]
    pub(super) division: Option<DivisionCode>,
}

#[derive(ClapArgs)]
pub(super) struct Publish {
    #[command(flatten)]
    pub(super) check: Check,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    pub(super) wait: Option<String>,
}

#[derive(ClapArgs)]
pub(super) struct Correct {
    #[command(flatten)]
    pub(super) check: Check,
    /// 更正理由（公开）/ why; public
    #[arg(long)]
    pub(super) reason: String,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    pub(super) wait: Option<String>,
}

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

#[derive(Subcommand)]
pub(super) enum ReleaseAction {
    /// 设定某年度的统一公开时间（仅根节点）/ set when a year becomes public (root only)
    Set {
        /// 年度 / year
        year: u16,
        /// 时间（RFC 3339）或 now / instant or now
        #[arg(long)]
        at: String,
        /// 只说明将做什么 / say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// 某年度的公开状态与各节点就绪情况 / where a year stands and which nodes are ready
    Show {
        /// 年度 / year
        year: u16,
    },
    /// 演练：此刻公开会怎样，不改变任何东西 / what would happen now; changes nothing
    Rehearse {
        /// 年度 / year
        year: u16,
    },
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

#[derive(Subcommand)]
pub(super) enum ConfigAction {
    /// 每项的值与来源 / each value and where it came from
    Show,
    /// 检查端口、密钥与写入权限 / open ports, read keys, test writing
    Check,
}
