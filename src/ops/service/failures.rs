//! Why something was not done, by cause: exit code, stable code, and what to do next in both languages.

use super::Failure;
use crate::store::StoreError;
use crate::sync::SayError;
use crate::sync::agency::SignedRefusal;
use crate::sync::enrol::InviteError;
use crate::sync::publish::PublishError;

pub(super) fn publish_failure(error: PublishError) -> Result<Failure, StoreError> {
    Ok(match error {
        PublishError::ForeignDivision(code) => Failure::new(
            6,
            "foreign_division",
            format!(
                "本节点无权为 {code} 发布：只能发布本级及受托管的区划 / this node does not publish for {code}: only its own division and those it hosts"
            ),
        ),
        PublishError::AlreadyReported { digest, revision } => Failure::new(
            6,
            "already_reported",
            format!(
                "该机关该年度已有第 {revision} 版（{digest}）且内容不同：请用 gongshi correct 更正 / revision {revision} with other content stands already: use `gongshi correct`"
            ),
        ),
        PublishError::BadName(error) => {
            Failure::new(5, "agency_name", format!("机关名称为空、过长或含控制字符 / {error}"))
        }
        PublishError::BadReason => Failure::new(
            2,
            "bad_reason",
            "须用 --reason 说明理由（不超过 4096 字节），理由会公开 / a reason of 1 to 4096 bytes must be given; it is public",
        ),
        PublishError::NotNewest(asked, newest) => Failure::new(
            6,
            "not_newest",
            format!(
                "{asked} 不是该机关该年度的最新版本，最新为 {newest} / {asked} is not the newest revision of its agency and year: {newest} is"
            ),
        ),
        PublishError::NotSequenced(digest) => Failure::new(
            6,
            "not_sequenced_yet",
            format!(
                "{digest} 尚未获省级编号，编号后才能退回 / it has no place in the root log yet; it can be sent back once it has"
            ),
        ),
        PublishError::NotBelow(code) => Failure::new(
            6,
            "not_below",
            format!(
                "{code} 的报告不是由本节点的下级发布 / the node that published for {code} does not stand below this one"
            ),
        ),
        PublishError::NoReport(digest) => Failure::new(
            2,
            "no_such_statement",
            format!(
                "{digest}：本节点没有这份报告，用 gongshi list 查看 / no report held here: see `gongshi list`"
            ),
        ),
        PublishError::TooLong(bytes) => Failure::new(
            5,
            "too_long",
            format!("报告内容 {bytes} 字节，超过上限 / the report is too long: {bytes} bytes"),
        ),
        PublishError::NoAttachment(digest) => Failure::new(
            5,
            "attachment_missing",
            format!(
                "附件 {digest} 尚未完整存入本节点：请重新运行同一命令 / attachment {digest} is not kept here whole: run the command again"
            ),
        ),
        PublishError::TooManyAttachments(count) => Failure::new(
            5,
            "too_many_attachments",
            format!(
                "{count} 个附件，最多 14 个：请合并后重试 / {count} attachments, at most 14: join some and try again"
            ),
        ),
        PublishError::AgencySigns(agency) => Failure::new(
            6,
            "agency_unsigned",
            format!(
                "{agency} 自行签名：请由该机关 gongshi sign 后，对签名文件 gongshi publish / {agency} signs its own packages: have it run gongshi sign, then publish the file"
            ),
        ),
        PublishError::Signed(refusal) => signed_failure(&refusal),
        PublishError::Say(error) => say_failure(error)?,
    })
}

/// Why a signed package is not submitted.
fn signed_failure(refusal: &SignedRefusal) -> Failure {
    let short = |key: &crate::trust::key::PublicKey| key.to_string().chars().take(16).collect::<String>();
    match refusal {
        SignedRefusal::NotSigned => Failure::new(
            4,
            "signature_invalid",
            "签名无效，或不是本联邦的签名文件 / the signature does not hold, or is not for this federation",
        ),
        SignedRefusal::OtherNode => Failure::new(
            6,
            "desk_outdated",
            "该文件是为另一节点或本节点的旧密钥签的：请用 gongshi keys desk 给出新的资料后重签 / it was signed for another node, or for a key that this node no longer has: give the desk a new file (gongshi keys desk) and have it signed again",
        ),
        SignedRefusal::ForeignKey(key, agency) => Failure::new(
            6,
            "agency_key_unknown",
            format!(
                "密钥 {} 未获授权代表 {agency}：请先 gongshi keys delegate，并待省级编号 / key {0} may not sign for {agency}: gongshi keys delegate first, and wait until it is sequenced",
                short(key)
            ),
        ),
        SignedRefusal::RevokedKey(key) => Failure::new(
            6,
            "agency_key_revoked",
            format!(
                "密钥 {} 已吊销：请机关另制密钥，再 gongshi keys delegate / key {0} was revoked: have a new one made, then gongshi keys delegate",
                short(key)
            ),
        ),
        SignedRefusal::OutsideValidity { key, from, until } => Failure::new(
            6,
            "agency_key_expired",
            format!(
                "密钥 {} 的有效期为 {from} 至 {until}：请用同一密钥再次 gongshi keys delegate 续期 / key {0} is valid from {from} until {until}: renew it by gongshi keys delegate with the same key",
                short(key)
            ),
        ),
        SignedRefusal::NotNext { found, expected } => Failure::new(
            6,
            "desk_outdated",
            format!(
                "签的是第 {found} 版，现应为第 {expected} 版：请用 gongshi keys desk 给出新的资料后重签 / revision {found} was signed where {expected} comes next: give the desk a new file (gongshi keys desk) and have it signed again"
            ),
        ),
        SignedRefusal::OtherBody(at) => Failure::new(
            4,
            "body_not_signed",
            format!(
                "第 {} 项内容与签名不符，文件已损坏 / body {at} is not what was signed: the file is damaged",
                at + 1
            ),
        ),
    }
}

/// There is no room for new work.
pub(in crate::ops) fn disk_full() -> Failure {
    let message = "磁盘已满，暂不接收新内容；查询照常。腾出空间后自动恢复 / the disk is full: nothing new is taken, reading goes on; it resumes by itself when there is room";
    Failure::new(6, "disk_full", message)
}

pub(super) fn reason_failure(bytes: usize) -> Failure {
    let message = format!("理由 {bytes} 字节，最多 65,536 / a reason of {bytes} bytes; at most 65,536");
    Failure::new(5, "reason_too_long", message)
}

pub(super) fn say_failure(error: SayError) -> Result<Failure, StoreError> {
    match error {
        SayError::Store(error) => Err(error),
        SayError::Recovering => Ok(Failure::new(
            7,
            "recovering",
            "本节点可能落后于自己签署过的内容，须先向相邻节点核实，暂不签署：请在上级在线时运行 gongshi serve / this node may be behind its own signatures and asks its neighbours before it signs: run gongshi serve while the parent is up",
        )),
        SayError::Stopped => Ok(Failure::new(
            6,
            "own_log_stopped",
            "本节点的日志出现两个版本，不再签署：请上级用 gongshi invite --replace 重新邀请 / two histories of this node's log were seen, it signs nothing more: ask the parent for gongshi invite --replace",
        )),
        SayError::Refused(code) => Ok(Failure::new(
            6,
            code.as_str(),
            format!("按规则不予受理：{0} / refused by a rule: {0}", code.as_str()),
        )),
        SayError::Card(error) => Ok(Failure::new(5, "bad_card", format!("内容超出限制 / {error}"))),
    }
}

pub(super) fn invite_failure(error: InviteError) -> Result<Failure, StoreError> {
    Ok(match error {
        InviteError::LevelNotLower(level) => Failure::new(
            6,
            "level_not_lower",
            format!(
                "只能邀请更低层级的节点，{} 不低于本级 / level {level} is not below this node's",
                level.zh()
            ),
        ),
        InviteError::Taken(code) => {
            Failure::new(6, "division_taken", format!("{code} 已有节点 / division {code} has a node already"))
        }
        InviteError::HostingWider => Failure::new(
            6,
            "hosting_wider",
            "托管范围超出本节点 / the hosting reaches beyond this node's own".to_owned(),
        ),
        InviteError::Bounds(why) => Failure::new(2, "invite_bounds", format!("邀请超出限制 / {why}")),
        InviteError::None(what, code) => {
            Failure::new(6, "nothing_pending", format!("{code} 没有待处理的邀请 / no {what} for {code}"))
        }
        InviteError::Say(error) => say_failure(error)?,
    })
}
