//! `gongshi check` and `gongshi publish`: from report files, or packages that an agency signed, to findings or statements.

use super::args::{Check, Correct, Global, Publish};
use super::attach::Attach;
use super::link::{Link, pause};
use super::progress::Progress;
use super::reading::{ReadFile, read_all};
use super::signed;
use super::{DONE, NOT_VALID, Outcome, REFUSED, UNREACHABLE, runtime, unexpected};
use crate::digest::Digest;
use crate::ops::service::{Failure, Reply, Request};
use crate::package::finding::{Finding, Grade};
use crate::sync::publish::Submission;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How often and how long `--wait` asks: 300 times every 100 ms, 30 s in all.
const WAIT_TRIES: u32 = 300;

/// What is to be said of files, and the files.
pub(super) fn check(global: &Global, check: &Check) -> Result<(Outcome, Vec<ReadFile>), Failure> {
    let files = read_all(global, check, false)?;
    let is_refused = |file: &&ReadFile| file.submission.is_none() && file.signed.is_none();
    let refused: Vec<&ReadFile> = files.iter().filter(is_refused).collect();
    let findings = |file: &ReadFile| json!({"file": file.file, "findings": file.findings});
    let document = json!({
        "schema": "gongshi.publish/1", "published": [],
        "refused": refused.iter().map(|file| findings(file)).collect::<Vec<_>>(),
        "checked": files.iter().map(findings).collect::<Vec<_>>(),
    });
    let mut lines: Vec<String> = files.iter().flat_map(|file| finding_lines(global, file)).collect();
    let (good, bad) = (files.len() - refused.len(), refused.len());
    lines.push(match global.english() {
        true => format!("{good} valid, {bad} to fix"),
        false => format!("{good} 份合格，{bad} 份有误"),
    });
    let exit = if refused.is_empty() { DONE } else { NOT_VALID };
    Ok((Outcome { exit, document, text: lines.join("\n") }, files))
}

pub(super) fn publish(global: &Global, publish: &Publish) -> Result<Outcome, Failure> {
    say_all(global, &publish.check, &publish.attach, publish.wait.is_some(), Request::Publish)
}

pub(super) fn correct(global: &Global, correct: &Correct) -> Result<Outcome, Failure> {
    let reason = correct.reason.as_str();
    let say = |submission| Request::Correct(submission, reason.to_owned());
    say_all(global, &correct.check, &correct.attach, correct.wait.is_some(), say)
}

/// Validates files and says each valid one by `say`.
fn say_all(
    global: &Global,
    check: &Check,
    attach: &Attach,
    wait: bool,
    say: impl Fn(Box<Submission>) -> Request,
) -> Result<Outcome, Failure> {
    let mut files = read_all(global, check, true)?;
    let mut requests = Vec::new();
    let mut places = Vec::new();
    for (place, file) in files.iter_mut().enumerate() {
        // What an agency signed is taken as it is.
        if let Some(signed) = file.signed.take() {
            requests.push(signed::submission(global, &signed)?);
            places.push(place);
        }
    }
    let submissions =
        files.iter_mut().filter_map(|file| Some((PathBuf::from(&file.file), file.submission.as_mut()?)));
    attach.to(global, &mut submissions.collect::<Vec<_>>())?;
    let signed = |place: &usize| places.contains(place);
    let data_refused =
        files.iter().enumerate().any(|(place, file)| file.submission.is_none() && !signed(&place));
    for (place, file) in files.iter_mut().enumerate() {
        if let Some(submission) = file.submission.take() {
            requests.push(say(Box::new(submission)));
            places.push(place);
        }
    }
    // Signed packages were put first; the answers come in the order of the questions.
    let mut published: Vec<(usize, Digest, u32)> = Vec::new();
    let mut rule_refused = false;
    let mut exit = DONE;
    let mut places = places.into_iter();
    let runtime = runtime()?;
    runtime.block_on(async {
        let progress = Progress::of(global, requests.len() as u64, "签名上报", "signing");
        let on_reply = |reply| {
            progress.step();
            let Some(place) = places.next() else { return };
            match reply {
                Reply::Published { digest, revision } => published.push((place, digest, revision)),
                Reply::Failure(failure) => {
                    rule_refused |= failure.exit == REFUSED;
                    exit = exit.max(failure.exit);
                    let finding = Finding::must_fix("refused", &failure.message, "");
                    if let Some(file) = files.get_mut(place) {
                        file.findings.push(Finding {
                            code: failure.code.into(),
                            message: failure.message,
                            ..finding
                        });
                    }
                }
                _ => exit = 1,
            }
        };
        Link::open(&global.data()).await?.calls(requests, on_reply).await
    })?;
    published.sort_unstable_by_key(|(place, ..)| *place);
    if wait {
        let digests: Vec<Digest> = published.iter().map(|(_, digest, _)| *digest).collect();
        runtime.block_on(wait_sequenced(global, &digests))?;
    }
    if data_refused {
        exit = NOT_VALID;
    } else if rule_refused {
        exit = REFUSED;
    }
    let done: Vec<usize> = published.iter().map(|(place, ..)| *place).collect();
    let rows: Vec<Value> = published
        .iter()
        .filter_map(|(place, digest, revision)| {
            let file = files.get(*place)?;
            Some(
                json!({"file": file.file, "digest": digest, "revision": revision, "findings": file.findings}),
            )
        })
        .collect();
    let refused: Vec<Value> = files
        .iter()
        .enumerate()
        .filter(|(place, _)| done.binary_search(place).is_err())
        .map(|(_, file)| json!({"file": file.file, "findings": file.findings}))
        .collect();
    let mut lines: Vec<String> = files.iter().flat_map(|file| finding_lines(global, file)).collect();
    for (place, digest, revision) in &published {
        let file = files.get(*place).map_or("", |file| file.file.as_str());
        lines.push(match global.english() {
            true => format!("signed  {file}  revision {revision}  {digest}"),
            false => format!("已签名  {file}  第 {revision} 版  {digest}"),
        });
    }
    let document = json!({"schema": "gongshi.publish/1", "published": rows, "refused": refused});
    Ok(Outcome { exit, document, text: lines.join("\n") })
}

/// Waits until the root has given every statement its place, or refused one.
pub(super) async fn wait_sequenced(global: &Global, digests: &[Digest]) -> Result<(), Failure> {
    let mut open: Vec<Digest> = digests.to_vec();
    for _ in 0..WAIT_TRIES {
        let requests = open.iter().map(|digest| Request::Outcome(*digest)).collect();
        let mut outcomes = Vec::new();
        Link::open(&global.data()).await?.calls(requests, |reply| outcomes.push(reply)).await?;
        let mut still = Vec::new();
        for (digest, outcome) in open.iter().zip(outcomes) {
            match outcome {
                Reply::Outcome(Some(Ok(_))) => {}
                Reply::Outcome(None) => still.push(*digest),
                Reply::Outcome(Some(Err(code))) => {
                    let message = format!("{digest} 被根节点拒收：{code} / refused by the root: {code}");
                    return Err(Failure::new(REFUSED, &code, message));
                }
                _ => return Err(unexpected()),
            }
        }
        if still.is_empty() {
            return Ok(());
        }
        open = still;
        pause().await;
    }
    let message = format!(
        "已安全存放于本节点，但 30 秒内 {0} 份未获省级编号；上级恢复后会自动上报 / durable here, but {0} not sequenced within 30 s; they will climb by themselves",
        open.len()
    );
    Err(Failure::new(UNREACHABLE, "not_sequenced", message))
}

pub(super) fn finding_lines(global: &Global, file: &ReadFile) -> Vec<String> {
    let grade = |grade| match grade {
        Grade::MustFix => global.words("必须改", "must fix").to_owned(),
        Grade::Confirm => global.words("请核实", "please confirm").to_owned(),
        Grade::Hint => global.words("提示", "hint").to_owned(),
    };
    let line = |finding: &Finding| {
        let place = [
            finding.sheet.as_deref().unwrap_or_default(),
            finding.table.as_str(),
            finding.column.as_str(),
            finding.cell.as_deref().unwrap_or_default(),
        ];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let place = place.join(" · ");
        format!("{}  {} [{}] {place} {}", grade(finding.grade), file.file, finding.code, finding.message)
    };
    file.findings.iter().map(line).collect()
}
