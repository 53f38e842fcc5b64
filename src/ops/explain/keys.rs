//! Why an act about the federation was not done: its nodes, their keys, its templates.

use super::Row;

/// Failures of `keys`, `host`, `reparent`, `close` and `template`.
pub(super) const FAILURES: &[Row] = &[
    (
        "reason_too_long",
        "理由过长",
        "缩短到 65,536 字节以内",
        "the reason is too long",
        "shorten it to 65,536 bytes",
    ),
    (
        "unknown_node",
        "该区划没有在用节点",
        "用 gongshi tree 核对代码",
        "the division has no live node",
        "check the code in gongshi tree",
    ),
    (
        "entries_wait",
        "本节点还有声明未获答复",
        "待 gongshi list --state waiting 为空后再更换",
        "statements of this node have no answer yet",
        "rotate when gongshi list --state waiting is empty",
    ),
    (
        "cannot_rotate",
        "此刻不能更换密钥",
        "按 gongshi doctor 处理后重试",
        "the key cannot be changed now",
        "follow gongshi doctor, then try again",
    ),
    (
        "no_new_key",
        "不能写入新密钥",
        "检查数据目录 keys 的权限与空间",
        "the new key cannot be written",
        "check permissions and room of keys in the data directory",
    ),
    (
        "no_such_template",
        "没有这个模板",
        "用 gongshi template list 查看代号",
        "there is no such template",
        "see gongshi template list",
    ),
];
