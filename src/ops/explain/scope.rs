//! Why something about rosters, coverage and review was not done.

use super::Row;

/// Failures of `nil`, `not-applicable`, `roster`, `coverage` and `review`.
pub(super) const FAILURES: &[Row] = &[
    (
        "bad_roster",
        "名册有误",
        "按所列行号改正；表头须有“机关”一栏，日期写成 01-31",
        "not a roster",
        "correct the lines that are named; the header row needs a column for the agency, days look like 01-31",
    ),
    (
        "roster_foreign",
        "名册列有不在该区划之下的区划",
        "删去这些行，或由其上级导入；用 gongshi tree 核对",
        "the roster names divisions that do not stand below its own",
        "leave these lines out, or let the node above import them; see gongshi tree",
    ),
    (
        "unknown_division",
        "联邦中没有这个区划",
        "用 gongshi tree 核对代码",
        "no delegation or hosting of this federation names that division",
        "check the code in gongshi tree",
    ),
    (
        "agency_name",
        "机关名称不对",
        "填写 300 字节以内、不含控制字符的名称",
        "the agency's name cannot be one",
        "give a name of at most 300 bytes without control characters",
    ),
    (
        "agency_code",
        "统一社会信用代码不对",
        "核对 18 位代码，或省去 --agency-code",
        "not a code of GB 32100",
        "check its 18 characters, or leave --agency-code out",
    ),
];
