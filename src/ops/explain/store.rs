//! Codes about what lies on the disk.

use super::Row;

/// Why a command was not done.
pub(super) const FAILURES: &[Row] = &[
    (
        "disk_full",
        "磁盘已满，暂不接收新内容",
        "腾出空间：df -h 数据目录；之后自动恢复",
        "the disk is full: nothing new is taken",
        "make room: df -h DIR; it resumes by itself",
    ),
    (
        "recovering",
        "本节点可能落后于自己签署过的内容，暂不签署",
        "在上级（根节点：多数下级）在线时运行 gongshi serve，核实后自动恢复",
        "this node may be behind its own signatures and signs nothing yet",
        "run gongshi serve with the parent up (at the root: most children); it recovers by itself",
    ),
    (
        "own_log_stopped",
        "本节点的日志出现两个版本，不再签署",
        "停用副本；请上级用 gongshi invite --replace 重新邀请",
        "two histories of this node's log were seen: it signs nothing more",
        "stop the copy; ask the parent for gongshi invite --replace",
    ),
    (
        "incompatible_version",
        "数据目录由另一版本写入，此版本不能打开",
        "安装写入它的版本或更新的版本；gongshi upgrade check 列出各文件的格式",
        "another version of this program wrote the data directory; this one does not open it",
        "install the version that wrote it, or a later one; gongshi upgrade check lists the formats",
    ),
    (
        "demo_dir_used",
        "演示目录里已有节点，切断线路需要新建的节点",
        "换一个 --dir 目录",
        "nodes of another demo are there; a line can only be cut between new ones",
        "give another --dir",
    ),
    (
        "demo_walk",
        "演示未能展示所说的一步",
        "查看各节点的 serve.log；换一个 --dir 重试",
        "the walk could not show what it tells",
        "look at serve.log of the nodes; try again with another --dir",
    ),
    (
        "guard_sure",
        "签署记录属于本目录，无需确认",
        "无需处理",
        "the guard belongs to this directory: there is nothing to accept",
        "nothing to do",
    ),
];

/// What `doctor` found.
pub(super) const DOCTOR: &[Row] = &[
    (
        "repairing",
        "记录或索引有损坏，已隔离；缺失内容正从相邻节点取回",
        "保持上级（根节点：下级）在线，自动恢复；原件在 *.damaged-* 中",
        "the record or the index was damaged and is set aside; what is lost is being fetched from neighbours",
        "keep the parent up (at the root: the children); it heals by itself; the originals are in *.damaged-*",
    ),
    (
        "set_aside",
        "数据目录中有隔离的损坏文件；撤回并删除正文后的下一次启动会把它们一并删除",
        "检查磁盘；确认无须保留后手动删除",
        "damaged files are set aside in the data directory; the first start after an erasure removes them",
        "check the disk; remove them when nobody needs them",
    ),
    (
        "disk_full",
        "磁盘已满，暂不接收新内容，查询照常",
        "腾出空间：df -h 数据目录；之后自动恢复",
        "the disk is full: nothing new is taken, reading goes on",
        "make room: df -h DIR; it resumes by itself",
    ),
    (
        "recovering",
        "此目录是副本，正向相邻节点核实，暂不签署",
        "确认上级（根节点：多数下级）在线；确无其他副本时可用 gongshi store accept",
        "this directory is a copy: the neighbours are asked, nothing is signed yet",
        "see that the parent is up (at the root: most children); if no other copy signed since, gongshi store accept",
    ),
];
