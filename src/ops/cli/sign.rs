//! `gongshi sign`: at an agency's desk, a report becomes a signed package: a file, without daemon, network or data directory.

use super::args::Global;
use super::attach::{self, Attach, Part};
use super::desk::DeskFile;
use super::publish::finding_lines;
use super::reading::read_one;
use super::{NOT_VALID, Outcome, REFUSED, key_file, usage};
use crate::digest::Digest;
use crate::intake::Given;
use crate::ops::data_dir::{Clock, random_seed};
use crate::ops::service::Failure;
use crate::package::attachment::Attachment;
use crate::package::body::{body_digest, with_attachments};
use crate::package::report_file::ReadOptions;
use crate::statement::signed::SignedPackage;
use crate::statement::{Act, BodyRef, BodyRole, Card, ReportAct, ReportCard, Status};
use crate::sync::publish::{REASON_BYTES_MAX, REASON_IN_PROSE};
use crate::sync::withdraw::ERASES;
use crate::template::{Template, Templates};
use clap::Args as ClapArgs;
use serde_json::json;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Arguments of `sign`.
#[derive(ClapArgs)]
#[command(after_long_help = super::desk::HELP)]
pub(super) struct Sign {
    /// 报告文件（工作簿、CSV、JSON）/ the report: workbook, CSV or JSON
    #[arg(required_unless_present_any = ["nil", "not_applicable", "withdraw"])]
    report: Option<PathBuf>,
    /// 节点给的签名资料（keys desk）/ the node's file, of keys desk
    #[arg(long, value_name = "FILE")]
    desk: PathBuf,
    /// 机关的密钥文件（keys new）/ the agency's key, of keys new
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// 密钥的口令文件（- 为标准输入）/ its passphrase; - is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// 签名文件写到哪里（.gongshi）/ where the signed package goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    attach: Attach,
    /// 更正或撤回的理由（公开）；写了即为更正 / why; public; with a report it makes a correction
    #[arg(long)]
    reason: Option<String>,
    /// 零报告：该年度没有此类执法活动 / no activity in the year
    #[arg(long, conflicts_with_all = ["report", "not_applicable", "withdraw", "reason"])]
    nil: bool,
    /// 不适用：没有此项职责 / no such duty
    #[arg(long, conflicts_with_all = ["report", "withdraw", "reason"])]
    not_applicable: bool,
    /// 撤回该年度的报告 / take the year's report back
    #[arg(long, conflicts_with = "report", requires = "reason")]
    withdraw: bool,
    /// 撤回时在所有节点删除正文 / with --withdraw: drop the bodies on every node
    #[arg(long, requires = "withdraw")]
    erase: bool,
    /// 年度（零报告、不适用、撤回，或表格中没有时）/ the year, where no report says it
    #[arg(long)]
    year: Option<u16>,
}

/// What is to be signed: the card's fields, bodies that travel with it, attachments.
struct Draft {
    card: ReportCard,
    carried: Vec<([u8; 32], Vec<u8>)>,
    attached: Vec<(PathBuf, [u8; 32], u64)>,
}

pub(super) fn run(global: &Global, sign: &Sign) -> Result<Outcome, Failure> {
    let desk = DeskFile::read(&sign.desk)?;
    let key = key_file::read(&sign.key, sign.passphrase_file.as_deref())?;
    let mut lines = Vec::new();
    let mut draft = match &sign.report {
        Some(path) => match report(global, sign, &desk, path, &mut lines)? {
            Ok(draft) => draft,
            Err(outcome) => return Ok(outcome),
        },
        None => without_figures(sign, &desk)?,
    };
    place(sign, &desk, &mut draft)?;
    let mut card =
        Card { salt: drawn()?, key: desk.node, act: Act::Report(Box::new(draft.card)), agency: None };
    let bad = |error: String| Failure::new(5, "bad_card", format!("内容超出限制 / {error}"));
    card.sign_as_agency(&key, &desk.federation).map_err(|error| bad(error.to_string()))?;
    let package = SignedPackage {
        federation: desk.federation,
        card: card.to_bytes().map_err(|error| bad(error.to_string()))?,
        carried: draft.carried,
        attached: draft.attached.iter().map(|(_, salt, bytes)| (*salt, *bytes)).collect(),
    };
    let head = package.to_bytes().map_err(|error| bad(error.to_string()))?;
    write(&sign.output, &head, &draft.attached)?;
    let Act::Report(report) = &card.act else { return Err(super::unexpected()) };
    let (place, id) = (sign.output.display(), key.public().to_string());
    let (name, year, revision) = (&report.agency_name, report.year, report.revision);
    let document = json!({
        "schema": "gongshi.sign/1", "file": place.to_string(), "agency": {"name": name, "code": report.agency_code},
        "division": report.division, "year": year, "revision": revision, "key": key.public().id(),
        "card": Digest::of(&[&package.card]),
    });
    let zh = format!(
        "已签名  {name} {year} 年度第 {revision} 版  密钥 {}\n  写入 {place}\n下一步，节点：gongshi publish {place}",
        id.get(..16).unwrap_or_default()
    );
    let en = format!(
        "signed  {name} {year}, revision {revision}  key {}\n  written to {place}\nNext, at the node: gongshi publish {place}",
        id.get(..16).unwrap_or_default()
    );
    lines.push(global.words(&zh, &en).to_owned());
    Ok(Outcome::done(document, lines.join("\n")))
}

fn drawn() -> Result<[u8; 32], Failure> {
    random_seed().map_err(|error| Failure::new(1, "io", error.to_string()))
}

/// The templates that the node's file brings; the program's own where it brings none.
fn templates(desk: &DeskFile) -> Result<Templates, Failure> {
    let rows = desk.document["templates"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return crate::template::builtin::templates()
            .map_err(|error| crate::ops::service::bad_template(&error));
    }
    let parsed = rows
        .iter()
        .filter_map(|row| Template::parse(row["id"].as_str()?, row["text"].as_str()?.as_bytes()).ok());
    Ok(parsed.collect())
}

/// A report that passes validation as a draft, or its findings.
fn report(
    global: &Global,
    sign: &Sign,
    desk: &DeskFile,
    path: &Path,
    lines: &mut Vec<String>,
) -> Result<Result<Draft, Outcome>, Failure> {
    let templates = templates(desk)?;
    let options = ReadOptions {
        division_override: None,
        own_division: Some(&desk.division),
        current_year: Clock::start().now().wall.year(),
        templates: &templates,
    };
    let given = Given { agency_name: Some(&desk.agency_name), year: sign.year };
    let mut read = read_one(path, given, &options);
    lines.extend(finding_lines(global, &read));
    let Some(mut submission) = read.submission.take() else {
        let document = json!({
            "schema": "gongshi.publish/1", "published": [], "refused": [{"file": read.file, "findings": read.findings}],
        });
        return Ok(Err(Outcome { exit: NOT_VALID, document, text: lines.join("\n") }));
    };
    let same_code = !desk.agency_code.is_empty() && submission.agency_code == desk.agency_code;
    if submission.division != desk.division || (submission.agency_name != desk.agency_name && !same_code) {
        let message = format!(
            "报告是 {} {} 的，签名资料是 {} {} 的 / the report is of {0} {1}, the desk's file of {2} {3}",
            submission.division, submission.agency_name, desk.division, desk.agency_name
        );
        return Err(Failure::new(REFUSED, "other_agency", message));
    }
    let own = sign.attach.original.then(|| path.to_path_buf());
    let files: Vec<PathBuf> = sign.attach.attach.iter().cloned().chain(own).collect();
    let (mut attached, mut bodies) = (Vec::new(), Vec::new());
    if !files.is_empty() {
        let named: Vec<Attachment> =
            files.iter().map(|file| attach::named(file)).collect::<Result<_, _>>()?;
        submission.content = with_attachments(&submission.content, &named).map_err(|error| {
            Failure::new(
                5,
                "too_many_attachments",
                format!("附件无法列入报告 / attachments cannot be listed: {error}"),
            )
        })?;
        for (file, named) in files.into_iter().zip(named) {
            let salt = drawn()?;
            let outline = attach::outline(Part::whole(&file), salt)?;
            let digest = outline.digest().filter(|_| outline.bytes == named.bytes);
            let digest = digest.ok_or_else(|| attach::changed(&file))?;
            bodies.push(BodyRef { role: BodyRole::Attachment, digest, bytes: named.bytes });
            attached.push((file, salt, named.bytes));
        }
    }
    let salt = drawn()?;
    let content = submission.content;
    let package = BodyRef {
        role: BodyRole::Package,
        digest: body_digest(&salt, &content),
        bytes: content.len() as u64,
    };
    let card = ReportCard {
        act: ReportAct::Submit,
        agency_code: submission.agency_code,
        scope: submission.scope,
        status: submission.status,
        as_printed: submission.as_printed,
        template: submission.template,
        bodies: std::iter::once(package).chain(bodies).collect(),
        ..ReportCard::nil(submission.division, submission.agency_name, submission.year)
    };
    Ok(Ok(Draft { card, carried: vec![(salt, content)], attached }))
}

fn without_figures(sign: &Sign, desk: &DeskFile) -> Result<Draft, Failure> {
    let year = sign.year.ok_or_else(|| usage("须写 --year / --year is needed"))?;
    let act = match (sign.nil, sign.not_applicable) {
        (true, _) => ReportAct::Nil,
        (_, true) => ReportAct::NotApplicable,
        _ => ReportAct::Withdraw,
    };
    let over = year < Clock::start().now().wall.year();
    let card = ReportCard {
        act,
        agency_code: desk.agency_code.clone(),
        status: if over { Status::Final } else { Status::Provisional },
        ..ReportCard::nil(desk.division.clone(), desk.agency_name.as_str(), year)
    };
    Ok(Draft { card, carried: Vec::new(), attached: Vec::new() })
}

/// Gives the draft its place in the agency's year, as the node's file has it, and its reason.
fn place(sign: &Sign, desk: &DeskFile, draft: &mut Draft) -> Result<(), Failure> {
    let card = &mut draft.card;
    let row = desk.year(card.year);
    let stands = row.is_some_and(|(_, _, stands)| stands);
    let correction = sign.report.is_some() && sign.reason.is_some();
    if (correction || sign.withdraw) && !stands {
        let message = format!(
            "{} 年度没有可更正或撤回的版本（据签名资料）/ the desk's file has nothing of {0} to correct or take back",
            card.year
        );
        return Err(Failure::new(REFUSED, "nothing_to_change", message));
    }
    if stands && !correction && !sign.withdraw {
        let message = format!(
            "{} 年度已有报告：更正请加 --reason / {0} has a report already: --reason makes a correction",
            card.year
        );
        return Err(Failure::new(REFUSED, "already_reported", message));
    }
    if let Some((revision, digest, _)) = row {
        card.revision = if sign.withdraw { revision } else { revision.saturating_add(1) };
        card.previous = digest;
    }
    if correction {
        card.act = ReportAct::Correct;
    }
    if let Some(reason) = &sign.reason {
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
            let message = "须用 --reason 说明理由（不超过 4096 字节），理由会公开 / a reason of 1 to 4096 bytes must be given; it is public";
            return Err(Failure::new(2, "bad_reason", message));
        }
        let salt = drawn()?;
        let digest = body_digest(&salt, reason.as_bytes());
        let body = BodyRef { role: BodyRole::Reason, digest, bytes: reason.len() as u64 };
        // Carried bodies stand in the card's order: package, reason, then attachments.
        card.bodies.insert(draft.carried.len(), body);
        draft.carried.push((salt, reason.as_bytes().to_vec()));
        card.reason = if sign.erase { ERASES } else { REASON_IN_PROSE };
    }
    Ok(())
}

/// The head and the attachments, beside the place and then moved there, so that what stands there is whole.
fn write(path: &Path, head: &[u8], attached: &[(PathBuf, [u8; 32], u64)]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(2, "cannot_write", format!("{}: 无法写入：{error} / cannot be written", path.display()))
    };
    let beside = PathBuf::from(format!("{}.part", path.display()));
    let mut file = fs::File::create(&beside).map_err(failed)?;
    file.write_all(head).map_err(failed)?;
    for (attachment, _, bytes) in attached {
        let from = fs::File::open(attachment).map_err(failed)?;
        let copied = io::copy(&mut from.take(*bytes), &mut file).map_err(failed)?;
        if copied != *bytes {
            return Err(attach::changed(attachment));
        }
    }
    file.sync_all().and_then(|()| fs::rename(&beside, path)).map_err(failed)
}
