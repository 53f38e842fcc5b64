//! What can go wrong with `gongshi view`.

use super::Row;

/// Failures of `view`.
pub(super) const FAILURES: &[Row] = &[
    (
        "no_such_division",
        "本联邦没有此区划",
        "gongshi tree 列出各级；被托管的区划在首份报告公开后可查",
        "nothing of this federation names that division",
        "gongshi tree lists the nodes; a hosted division is known from its first public report on",
    ),
    (
        "needs_output",
        "工作簿不能显示在终端",
        "加 -o 文件.xlsx",
        "a workbook is not for a terminal",
        "add -o FILE.xlsx",
    ),
    (
        "workbook_too_large",
        "行数超过电子表格的上限",
        "用 --csv，或缩小范围",
        "more rows than a spreadsheet holds",
        "use --csv, or ask for less",
    ),
];
