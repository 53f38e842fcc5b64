//! Why an attachment was not kept, fetched or read.

use super::Row;

/// Failures of `publish --attach` and `attachment`.
pub(super) const FAILURES: &[Row] = &[
    (
        "attachment_missing",
        "附件没有完整存入本节点",
        "重新运行同一命令，从中断处继续",
        "an attachment is not kept here whole",
        "run the same command again; it goes on where it stopped",
    ),
    (
        "attachment_changed",
        "读取期间附件文件变了",
        "待文件不再变化后重新运行",
        "the file changed while it was read",
        "run the command again when the file is at rest",
    ),
    (
        "attachment_too_long",
        "附件超过 100 MB",
        "压缩或拆分后重试",
        "an attachment is over 100 MB",
        "compress or split it and try again",
    ),
    (
        "attach_one_report",
        "--attach 只能用于一份报告",
        "逐份发布，各带自己的附件",
        "--attach goes with one report",
        "publish the reports one by one, each with its own",
    ),
    (
        "too_many_attachments",
        "一份报告最多 14 个附件",
        "合并后重试",
        "a report has at most 14 attachments",
        "join some and try again",
    ),
    (
        "no_such_attachment",
        "该报告没有这个附件",
        "gongshi attachment 摘要 列出附件",
        "the report has no such attachment",
        "gongshi attachment DIGEST lists them",
    ),
    (
        "attachment_elsewhere",
        "附件不在本节点，上级暂时无法提供",
        "稍后重试；gongshi peers 查看与上级的连接",
        "the attachment is not here and no ancestor gives it now",
        "try again later; gongshi peers shows the connections",
    ),
    (
        "attachment_erased",
        "附件已随撤回删除",
        "不可恢复；gongshi show 查看理由",
        "the attachment was erased with a withdrawal",
        "it does not come back; gongshi show gives the reason",
    ),
];
