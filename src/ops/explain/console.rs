//! Why something was not done at the console, or about its users.

use super::Row;

/// Failures of `console user`, and of what is handed in at the console.
pub(super) const FAILURES: &[Row] = &[
    (
        "bad_user",
        "控制台用户不可用：用户名、口令或角色有误，或没有这个用户",
        "用户名用字母、数字、汉字，口令 10 个字符以上，角色为 system、review 或 audit；gongshi console user list 列出已有用户",
        "no such user of the console, or the name, password or role is not one",
        "names are letters and digits, passwords have 10 characters or more, roles are system, review, audit; gongshi console user list shows who there is",
    ),
    (
        "no_draft",
        "控制台的草稿已不在，或还有必须改之处",
        "草稿只在内存中，重启或多份文件后会让位；改好后重新选择文件",
        "a draft of the console is gone, or something in it must be fixed",
        "drafts are in memory alone and make room for others; choose the file again",
    ),
];
