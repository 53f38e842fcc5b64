//! Why something about rosters, coverage and review was not done.

use super::Row;

/// Failures of `nil`, `not-applicable`, `roster`, `coverage` and `review`.
pub(super) const FAILURES: &[Row] = &[
    ("no_workbook", "无法生成工作簿", "改用 --csv", "the workbook cannot be made", "use --csv"),
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
    (
        "not_sequenced_yet",
        "尚未获省级编号",
        "编号后再退回：gongshi show 摘要",
        "it has no place in the root log yet",
        "send it back once it has one: gongshi show DIGEST",
    ),
    (
        "not_below",
        "不是由本节点的下级发布",
        "由发布者的上级审核；用 gongshi tree 核对",
        "the node that published it does not stand below this one",
        "it is reviewed above its author; see gongshi tree",
    ),
];

/// What `doctor` finds about returns.
pub(super) const DOCTOR: &[Row] = &[(
    "returned",
    "有报告被上级退回",
    "gongshi list --state returned 查看，gongshi show 摘要 看理由；修改后 gongshi publish",
    "an upper level sent reports back",
    "gongshi list --state returned, gongshi show DIGEST for the reason; change them and publish again",
)];
