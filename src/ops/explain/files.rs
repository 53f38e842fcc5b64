//! Why something about files was not done: bundles, backups, key files.

use super::Row;

/// Failures of `bundle` and what else reads and writes files of a node.
pub(super) const FAILURES: &[Row] = &[
    (
        "bundle_damaged",
        "数据包损坏，未导入任何内容",
        "重新拷贝，仍不行则请对方重新导出",
        "the bundle is damaged; nothing was taken",
        "copy it again, or have it exported again",
    ),
    (
        "bundle_not_verified",
        "数据包内容未通过核验",
        "联系写出它的节点；已导入的部分均已核验",
        "what the bundle carries does not verify",
        "ask the node that wrote it; what was taken before is verified",
    ),
    (
        "bundle_incomplete",
        "本节点缺少正文，不能写出数据包",
        "gongshi doctor 查看；恢复联网后会自动补齐",
        "bodies are missing here, so no bundle can be written",
        "see gongshi doctor; they are fetched once a neighbour is up",
    ),
    (
        "bundle_other_federation",
        "数据包属于另一联邦",
        "核对介质与文件",
        "the bundle is of another federation",
        "check the medium and the file",
    ),
    (
        "bundle_other_node",
        "数据包是写给另一节点的",
        "在所写的节点导入，或请对方用 --for 本节点代码重新导出",
        "the bundle is for another node",
        "import it there, or have it exported --for this node's code",
    ),
    (
        "bundle_from_stranger",
        "写出者不是本节点的上级或下级",
        "请根节点或直接上级为本节点导出",
        "the writer is neither above nor below this node",
        "have the root or the parent export one for this node",
    ),
    (
        "not_on_path",
        "对方不在本节点的上下级关系中",
        "用 gongshi tree 核对代码",
        "that node is neither above nor below",
        "check the code in gongshi tree",
    ),
    (
        "too_many_waiting",
        "等待的数据包过多",
        "先导入较早的数据包",
        "too many bundles wait for an earlier one",
        "import the earlier one first",
    ),
    (
        "backup_damaged",
        "备份损坏，未恢复任何内容",
        "用另一份备份，或由上级 invite --replace 重新加入",
        "the backup is damaged; nothing was restored",
        "use another one, or have the parent invite --replace this node",
    ),
    (
        "backup_of_other_node",
        "目录中是另一节点的备份",
        "换一个目录",
        "the directory holds a backup of another node",
        "use another directory",
    ),
    (
        "backup_disturbed",
        "备份期间正文被删除",
        "稍后重试",
        "bodies were erased while the copy was made",
        "try again later",
    ),
    ("not_empty", "目录不空", "换一个空目录", "the directory is not empty", "use an empty one"),
    (
        "other_nodes_key",
        "密钥不属于备份中的节点",
        "用该节点当时的密钥；其后换过密钥则由上级 invite --replace",
        "the key is not of the node in the backup",
        "use its key of that time; if it was rotated since, the parent's invite --replace",
    ),
    ("no_file", "没有这个文件", "核对路径", "no such file", "check the path"),
    (
        "file",
        "文件读写失败",
        "检查路径、权限与磁盘空间",
        "a file cannot be read or written",
        "check path, permissions and disk space",
    ),
];
