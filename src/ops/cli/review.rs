//! `gongshi review`: what came from below, looked at, accepted or sent back.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::publish::wait_sequenced;
use super::{DONE, FINDINGS, Outcome, runtime, serve, unexpected};
use crate::config::ReviewMode;
use crate::division::DivisionCode;
use crate::ops::explain::{Kind, word};
use crate::ops::query::{Query, Wanted};
use crate::ops::service::{Failure, Request, Reviewing, findings_of};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum ReviewAction {
    /// 待审核的下级报送（automatic 只列有问题的，manual 列全部未审核的）/ what waits for a look
    List {
        /// 年度 / year
        #[arg(long)]
        year: Option<u16>,
        /// 区划及其下级 / a division and all below it
        #[arg(long)]
        division: Option<DivisionCode>,
        /// 含已审核与已退回 / those looked at or sent back, too
        #[arg(long)]
        all: bool,
        /// 最多列出多少份 / at most so many
        #[arg(long, default_value_t = 100, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=2_000))]
        limit: usize,
    },
    /// 一份报送及重新校验的结果 / one of them, checked again here
    Show {
        /// 摘要（可只写前 8 位以上）/ digest, or its first 8 digits or more
        digest: String,
    },
    /// 审核通过（仅本节点记录）/ nothing against it; noted on this node alone
    Accept {
        /// 摘要 / digests
        #[arg(required = true)]
        digests: Vec<String>,
    },
    /// 退回下级修改，附校验结果 / send it back with a reason and what was found
    Return {
        /// 摘要 / digest
        digest: String,
        /// 退回理由（告知报送节点，不在门户公开）/ why; told to the node that published it
        #[arg(long)]
        reason: String,
        /// 只说明将做什么 / say what would be done
        #[arg(long)]
        dry_run: bool,
        /// 等到省级编号 / wait until sequenced
        #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
        wait: Option<String>,
    },
}

pub(super) fn run(global: &Global, action: &ReviewAction) -> Result<Outcome, Failure> {
    match action {
        ReviewAction::List { year, division, all, limit } => {
            let manual = serve::loaded(global)?.config().review.mode == ReviewMode::Manual;
            let wanted = Wanted {
                year: *year,
                division: division.clone(),
                all: *all,
                with_findings: !manual && !all,
                limit: *limit,
            };
            list(global, wanted, manual)
        }
        ReviewAction::Show { digest } => show(global, digest),
        ReviewAction::Accept { digests } => accept(global, digests),
        ReviewAction::Return { digest, reason, dry_run, wait } => {
            send_back(global, digest, reason, *dry_run, wait.is_some())
        }
    }
}

fn list(global: &Global, wanted: Wanted, manual: bool) -> Result<Outcome, Failure> {
    let mut document = ask(global, Request::Query(Query::ReviewList(wanted)))?;
    document["mode"] = json!(if manual { "manual" } else { "automatic" });
    let lines = array(&document["packages"]);
    let row = |line: &Value| {
        let state = word(Kind::Package, &text(&line["state"]), global.english());
        let looked = match line["accepted_at"].is_null() {
            true => String::new(),
            false => global.words("已审核", "looked at").to_owned(),
        };
        vec![
            state,
            text(&line["year"]),
            text(&line["division"]["code"]),
            text(&line["agency"]["name"]),
            format!("v{}", line["revision"]),
            array(&line["findings"]).len().to_string(),
            looked,
            text(&line["digest"]).chars().take(16).collect(),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let heads = match global.english() {
        true => ["state", "year", "division", "agency", "revision", "findings", "", "digest"],
        false => ["状态", "年度", "区划", "机关", "版本", "问题", "", "摘要"],
    };
    let mut said = match rows.is_empty() {
        true => global.words("没有待审核的报送", "nothing waits for a look").to_owned(),
        false => grid(&heads, &rows),
    };
    if document["more"] == true {
        said += global.words("\n还有更多：加 --year、--division", "\nthere are more: add --year, --division");
    }
    if !rows.is_empty() {
        said += global.words(
            "\n查看：gongshi review show 摘要；通过：accept；退回：return --reason 理由",
            "\nsee: gongshi review show DIGEST; then accept, or return --reason WHY",
        );
    }
    let exit = if rows.is_empty() { DONE } else { FINDINGS };
    Ok(Outcome { exit, document, text: said })
}

fn show(global: &Global, digest: &str) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Query(Query::ReviewShow(digest.to_owned())))?;
    let state = word(Kind::Package, &text(&document["state"]), global.english());
    let mut parts = vec![format!(
        "{state}  {} {}  {}  v{}\n{}",
        text(&document["division"]["code"]),
        text(&document["agency"]["name"]),
        document["year"],
        document["revision"],
        text(&document["digest"])
    )];
    let found = finding_rows(&document["findings"]);
    parts.push(match found.is_empty() {
        true => global.words("重新校验没有发现问题", "checked again: nothing found").to_owned(),
        false => grid::<&str>(&[], &found),
    });
    parts.extend(exchange_lines(global, &document["review"]));
    Ok(Outcome::done(document, parts.join("\n\n")))
}

fn finding_rows(findings: &Value) -> Vec<Vec<String>> {
    let row = |finding: &Value| {
        ["grade", "table", "column", "cell", "expected", "found", "message"]
            .iter()
            .map(|key| text(&finding[*key]))
            .collect()
    };
    array(findings).iter().map(row).collect()
}

/// What upper levels said, for `show` and `review show`.
pub(super) fn exchange_lines(global: &Global, review: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = review["accepted_at"].as_str() {
        lines.push(format!("{} {at}", global.words("本节点已审核", "looked at here")));
    }
    let returned = &review["returned"];
    if !returned.is_null() {
        let by = format!("{} {}", text(&returned["by"]["code"]), text(&returned["by"]["name"]));
        let proof = format!("gongshi proof {}", text(&returned["digest"]));
        lines.push(format!(
            "{} {by} {}\n{} {}\n{} {proof}",
            global.words("退回：", "returned by"),
            text(&returned["at"]),
            global.words("理由：", "why:"),
            crate::template::normal::harmless(&text(&returned["reason"])),
            global.words("凭据：", "proof:"),
        ));
        let found = finding_rows(&returned["findings"]);
        if !found.is_empty() {
            lines.push(grid::<&str>(&[], &found));
        }
        lines.push(
            global
                .words(
                    "修改后重新提交：gongshi publish 文件",
                    "change it and publish again: gongshi publish FILE",
                )
                .to_owned(),
        );
    }
    lines
}

fn accept(global: &Global, digests: &[String]) -> Result<Outcome, Failure> {
    let mut accepted = Vec::new();
    for digest in digests {
        accepted.push(ask(global, Request::Review(Box::new(Reviewing::Accept { digest: digest.clone() })))?);
    }
    let count = accepted.len();
    let zh = format!("{count} 份已记为审核通过（仅本节点）；发现问题仍可退回：gongshi review return");
    let en = format!(
        "{count} noted as looked at, on this node; they can still be sent back: gongshi review return"
    );
    let document = json!({"schema": "gongshi.review.accept/1", "accepted": accepted});
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

fn send_back(
    global: &Global,
    digest: &str,
    reason: &str,
    dry_run: bool,
    wait: bool,
) -> Result<Outcome, Failure> {
    let seen = ask(global, Request::Query(Query::ReviewShow(digest.to_owned())))?;
    let findings = findings_of(&seen);
    let returning =
        Reviewing::Return { digest: text(&seen["digest"]), reason: reason.to_owned(), findings, dry_run };
    let done = ask(global, Request::Review(Box::new(returning)))?;
    if wait && !dry_run {
        let statement = text(&done["statement"]).parse().map_err(|_| unexpected())?;
        runtime()?.block_on(wait_sequenced(global, &[statement]))?;
    }
    let (agency, year) = (text(&done["agency"]["name"]), &done["year"]);
    let count = array(&seen["findings"]).len();
    let zh = format!(
        "退回 {agency} {year} 年度第 {} 版，附 {count} 项校验结果；对方修改后重新提交，不能撤销",
        done["revision"]
    );
    let en = format!(
        "sends back revision {} of {agency} {year} with {count} findings; it is published again by its author; cannot be undone",
        done["revision"]
    );
    Ok(Outcome::done(done.clone(), global.words(&zh, &en)))
}
