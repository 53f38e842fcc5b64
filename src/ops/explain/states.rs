//! The one vocabulary of states, and what `doctor` finds.

use super::Row;

/// Where a package stands.
pub(super) const PACKAGES: &[Row] = &[
    (
        "draft",
        "草稿",
        "未签名；先 gongshi check，再 gongshi publish",
        "draft",
        "not signed: gongshi check, then gongshi publish",
    ),
    (
        "invalid",
        "有误",
        "按 gongshi check 指出的单元格改正",
        "invalid",
        "correct the cells that gongshi check names",
    ),
    (
        "signed",
        "已签名",
        "已在本节点落盘；上级在线后自动上报",
        "signed",
        "durable on this node; climbs by itself when the parent is up",
    ),
    ("sent", "已上报", "已发往上级，等待回执", "sent", "on its way to the parent, waiting for the receipt"),
    (
        "received",
        "已收妥",
        "上级已签回执；等待省级编号",
        "received",
        "the parent signed a receipt; waiting for its place in the root log",
    ),
    (
        "returned",
        "退回",
        "按退回理由修改后重新提交",
        "returned",
        "change what the reason says and publish again",
    ),
    (
        "refused",
        "拒收",
        "gongshi show 摘要 查看代码，再 gongshi explain 代码",
        "refused",
        "see the code with gongshi show DIGEST, then gongshi explain CODE",
    ),
    (
        "held",
        "待统一公开",
        "已编号，到统一公开时间自动公开",
        "held",
        "sequenced; public at the common release time",
    ),
    ("released", "已公开", "各级门户均可查看", "released", "public at every level"),
    (
        "superseded",
        "已被更正",
        "有更新的版本；旧版仍可查、可验",
        "superseded",
        "a newer revision stands; this one can still be read and verified",
    ),
    (
        "withdrawn",
        "已撤回",
        "已撤回并公布理由；证明仍然有效",
        "withdrawn",
        "taken back with a reason; its proofs still hold",
    ),
    ("sequenced", "已编号", "已编入根日志", "sequenced", "it has its place in the root log"),
];

/// How a link stands.
pub(super) const LINKS: &[Row] = &[
    ("up", "在线", "无需处理", "up", "nothing to do"),
    (
        "behind",
        "落后",
        "正在追赶；持续不减时运行 gongshi doctor",
        "behind",
        "catching up; if the number does not fall, run gongshi doctor",
    ),
    (
        "down",
        "离线",
        "请查看对方节点与网络；数据已安全存放，恢复后自动同步",
        "down",
        "look at the other node and the network; data is safe here and follows by itself",
    ),
    ("blocked", "网络不通", "请网络管理员放行 UDP 端口", "blocked", "ask for the UDP port to be opened"),
    (
        "pending",
        "待批准",
        "在上级运行 gongshi invite approve 区划代码",
        "pending",
        "at the parent: gongshi invite approve CODE",
    ),
    ("skewed", "时钟偏差", "校准系统时间（NTP）", "skewed", "set the clock (NTP)"),
    ("revoked", "已吊销", "联系上级重新邀请", "revoked", "ask the parent for a new invitation"),
];

/// What `doctor` finds.
pub(super) const DOCTOR: &[Row] = &[
    (
        "clock_wrong",
        "系统时间不可信",
        "校准时间：timedatectl set-ntp true",
        "the clock cannot be right",
        "timedatectl set-ntp true",
    ),
    (
        "disk_low",
        "磁盘空间不足",
        "清理或扩容；查看：df -h 数据目录",
        "little disk space is left",
        "make room: df -h DIR",
    ),
    (
        "key_unusable",
        "密钥文件不可用",
        "chmod 600 数据目录/keys/*.pem",
        "a key file cannot be used",
        "chmod 600 DIR/keys/*.pem",
    ),
    (
        "anchor_online",
        "锚密钥仍在本机",
        "离线另存后移走 数据目录/anchor",
        "the anchor key is still on this machine",
        "keep a copy offline and move DIR/anchor away",
    ),
    (
        "guard_unreadable",
        "签名守卫不可读",
        "停止节点，从备份找回 guard，切勿删除",
        "the guard cannot be read",
        "stop the node and recover the guard; never delete it",
    ),
    (
        "store_unusable",
        "存储不可用",
        "gongshi verify --all；或停止节点后移走 index 目录，启动时自动重建",
        "the store cannot be used",
        "gongshi verify --all; or stop the node and move index away: it is rebuilt",
    ),
    (
        "config_unusable",
        "配置不可用",
        "gongshi config check",
        "the configuration cannot be used",
        "gongshi config check",
    ),
    (
        "port_unusable",
        "端口不可用",
        "gongshi config check，或改用其他端口",
        "a port cannot be opened",
        "gongshi config check, or use another port",
    ),
    (
        "not_running",
        "节点未运行",
        "gongshi serve，或 systemctl start gongshi",
        "the node is not running",
        "gongshi serve, or systemctl start gongshi",
    ),
    (
        "upstream_down",
        "上级离线",
        "gongshi tree；查看上级节点与网络",
        "the parent is down",
        "gongshi tree; look at the parent and the network",
    ),
    (
        "upstream_behind",
        "落后于根日志",
        "稍后再看；持续不减时查看 gongshi serve 的日志",
        "behind the root log",
        "look again; if it stays, read the log of gongshi serve",
    ),
    ("child_down", "有下级离线", "gongshi tree", "a child is down", "gongshi tree"),
    (
        "unsynced",
        "尚未同步",
        "确认上级在线：gongshi status",
        "not synced yet",
        "is the parent up? gongshi status",
    ),
    (
        "unacknowledged",
        "有声明未获回执",
        "gongshi list --state waiting",
        "statements wait for the parent's receipt",
        "gongshi list --state waiting",
    ),
    (
        "rejected",
        "有本节点的声明被拒收",
        "gongshi list --state refused",
        "statements of ours were refused",
        "gongshi list --state refused",
    ),
];
