//! Codes about what lies on the disk.

use super::Row;

/// Why a command was not done.
pub(super) const FAILURES: &[Row] = &[(
    "disk_full",
    "磁盘已满，暂不接收新内容",
    "腾出空间：df -h 数据目录；之后自动恢复",
    "the disk is full: nothing new is taken",
    "make room: df -h DIR; it resumes by itself",
)];

/// What `doctor` found.
pub(super) const DOCTOR: &[Row] = &[(
    "disk_full",
    "磁盘已满，暂不接收新内容，查询照常",
    "腾出空间：df -h 数据目录；之后自动恢复",
    "the disk is full: nothing new is taken, reading goes on",
    "make room: df -h DIR; it resumes by itself",
)];
