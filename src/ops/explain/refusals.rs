//! Why the root refused an entry.

use super::Row;

/// Refusals by the root, as the log keeps them.
pub(super) const REFUSALS: &[Row] = &[
    ("no_authority", "签名密钥没有授权", "联系上级重新授权", "the key has no delegation", "ask the parent"),
    (
        "outside_validity",
        "授权不在有效期",
        "校准时间，或请上级续期",
        "the delegation is not valid at that time",
        "set the clock, or ask for a renewal",
    ),
    (
        "kind_not_given",
        "未被授予此类权限",
        "由上级办理",
        "the key may not say this",
        "ask the parent to do it",
    ),
    (
        "foreign_division",
        "无权为该区划发布",
        "由该区划的节点发布",
        "the key does not speak for that division",
        "publish at that division's node",
    ),
    (
        "bad_delegation",
        "授权超出授予者，或该区划已有节点",
        "检查区划与托管范围",
        "the delegation is too wide, or the division has a node",
        "check division and hosting",
    ),
    ("bad_revision", "版本不连续", "同步后重新提交", "not the next revision", "publish again once synced"),
    (
        "already_reported",
        "该年度已有版本",
        "用 gongshi correct 更正",
        "a revision stands already",
        "use gongshi correct",
    ),
    (
        "nothing_to_change",
        "没有可更正或撤回的版本",
        "gongshi list 查看",
        "nothing to correct or withdraw",
        "gongshi list",
    ),
    ("duplicate_card", "同一内容已被收录", "无需处理", "the same card was accepted before", "nothing to do"),
    ("bad_year", "年度不可报", "检查年度", "the year cannot be reported", "check the year"),
    (
        "unknown_node",
        "所指节点不存在、已停用，或不在其下级",
        "用 gongshi tree 核对代码，由其上级办理",
        "it names a node that is not there, has ended, or is not below",
        "check the code in gongshi tree; a node above it must say it",
    ),
    (
        "live_below",
        "下级仍有节点，不能撤销该区划",
        "先迁移或撤销其下级",
        "live nodes stand below that division",
        "move or close them first",
    ),
    (
        "agency_unsigned",
        "该机关自行签名，缺少其有效签名",
        "由该机关用自己的密钥签名后再报",
        "that agency signs its own packages, and no valid key of it signed",
        "have the agency sign it, then publish",
    ),
];
