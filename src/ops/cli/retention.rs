//! `gongshi retention`: what has been public for as long as it may be. People decide; nothing goes by itself.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::publish::wait_sequenced;
use super::sure::sure;
use super::{DONE, FINDINGS, Outcome, runtime, usage};
use crate::digest::Digest;
use crate::ops::query::{Query, RetentionRules, due};
use crate::ops::service::{Failure, Request};
use crate::time::WallMs;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};

const HELP: &str = "公示满 5 年（涉及自然人的满 2 年）的报告列为到期；涉及自然人：正文中有疑似身份证号、银行卡号、手机号、健康情况，或标签含“自然人”。5 年自最新一版公开之日起算，2 年自第一版公开之日起算。60 天内将到期的一并列出。\n到期的由运维人员决定：先 list，再 withdraw --due（--dry-run 只列出）；撤回并在所有节点删除正文，摘要、证明与理由保留，不可恢复。本程序从不自行撤回；要定期执行，启用 deploy/systemd/gongshi-retention.timer。\nReports that were public for 5 years (2 when they are about natural persons) are due. About natural persons: what looks like an ID, card or mobile number or somebody's state of health, or a label with 自然人. Five years count from the day the newest revision became public, two from the first. What ends within 60 days is listed too. People decide: list first, then withdraw --due (--dry-run only lists). Bodies go from every node for good; digests, proofs and the reason stay. Nothing is withdrawn by itself; to run it regularly, enable deploy/systemd/gongshi-retention.timer.\n\n  gongshi retention list --data D                            退出码 3：有到期的 exit 3: something is due\n  gongshi retention withdraw --due --dry-run --data D\n  gongshi retention withdraw --due --reason 公示期满 --data D";

#[derive(Subcommand)]
pub(super) enum RetentionAction {
    /// 列出公示期满或将满的报告 / reports whose time is over or ends within 60 days
    #[command(after_long_help = HELP)]
    List(Rules),
    /// 撤回期满的报告并删除正文 / withdraw what is due, and drop its bodies everywhere
    #[command(after_long_help = HELP)]
    Withdraw {
        /// 全部到期的 / everything that is due
        #[arg(long)]
        due: bool,
        #[command(flatten)]
        rules: Rules,
        /// 撤回理由（公开）/ why; public
        #[arg(long, default_value = "公示期满 / the time of publication is over")]
        reason: String,
        /// 只列出 / only list
        #[arg(long)]
        dry_run: bool,
        /// 等到省级编号 / wait until sequenced
        #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
        wait: Option<String>,
    },
}

#[derive(ClapArgs, Clone, Copy)]
pub(super) struct Rules {
    /// 公示年限 / years that a report stays public
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    years: u32,
    /// 涉及自然人的公示年限 / years, when it is about natural persons
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    person_years: u32,
    /// 按哪一天判断（RFC 3339，缺省为今天）/ the day to judge by; today without it
    #[arg(long, value_name = "TIME")]
    on: Option<jiff::Timestamp>,
}

pub(super) fn run(global: &Global, action: &RetentionAction) -> Result<Outcome, Failure> {
    match action {
        RetentionAction::List(rules) => {
            let document = list(global, *rules)?;
            let exit = if document["due"] == 0 { DONE } else { FINDINGS };
            let text = table(global, &document);
            Ok(Outcome { exit, document, text })
        }
        RetentionAction::Withdraw { due: false, .. } => Err(usage(
            "须写 --due；单份请用 gongshi withdraw / --due is needed; for one report: gongshi withdraw",
        )),
        RetentionAction::Withdraw { rules, reason, dry_run, wait, .. } => {
            if rules.on.is_some_and(|on| on > jiff_now()) {
                return Err(usage("--on 不能晚于今天 / --on lies in the future"));
            }
            withdraw(global, *rules, reason, *dry_run, wait.is_some())
        }
    }
}

fn jiff_now() -> jiff::Timestamp {
    let now = crate::ops::data_dir::Clock::start().now().wall;
    i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

fn list(global: &Global, rules: Rules) -> Result<Value, Failure> {
    let on = rules.on.map(|on| WallMs(u64::try_from(on.as_millisecond()).unwrap_or(0)));
    let rules = RetentionRules { years: rules.years, person_years: rules.person_years, on };
    ask(global, Request::Query(Query::Retention(rules)))
}

fn withdraw(
    global: &Global,
    rules: Rules,
    reason: &str,
    dry_run: bool,
    wait: bool,
) -> Result<Outcome, Failure> {
    let mut document = list(global, rules)?;
    let digests = due(&document);
    document["dry_run"] = json!(dry_run);
    if dry_run || digests.is_empty() {
        let text = table(global, &document);
        return Ok(Outcome::done(document, text));
    }
    let count = digests.len();
    let (zh, en) = (
        format!("撤回 {count} 份期满的报告，并在所有节点删除正文，不可恢复"),
        format!(
            "withdraws {count} reports whose time is over and erases their bodies on every node, for good"
        ),
    );
    sure(global, global.words(&zh, &en), &count.to_string())?;
    let mut said: Vec<Digest> = Vec::new();
    for digest in &digests {
        let request = Request::Withdraw {
            digest: digest.hex(),
            reason: reason.to_owned(),
            erase: true,
            dry_run: false,
        };
        let done = ask(global, request)?;
        said.extend(done["statement"].as_str().and_then(|text| text.parse::<Digest>().ok()));
    }
    if wait {
        runtime()?.block_on(wait_sequenced(global, &said))?;
    }
    document["withdrawn"] = json!(digests);
    document["statements"] = json!(said);
    let text = format!("{}\n{}", table(global, &document), global.words(&zh, &en));
    Ok(Outcome::done(document, text))
}

fn table(global: &Global, document: &Value) -> String {
    let lines = document["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let day = |value: &Value| value.as_str().unwrap_or_default().chars().take(10).collect::<String>();
    let row = |line: &Value| {
        let due =
            if line["due"] == true { global.words("到期", "due") } else { global.words("将满", "soon") };
        let rule = if line["rule"] == "person" {
            global.words("自然人", "person")
        } else {
            global.words("一般", "general")
        };
        let digest = line["digest"].as_str().unwrap_or_default().chars().take(16).collect::<String>();
        let agency = line["agency"]["name"].as_str().unwrap_or_default().to_owned();
        let (since, ends) = (day(&line["public_since"]), day(&line["ends"]));
        vec![due.to_owned(), line["year"].to_string(), agency, rule.to_owned(), since, ends, digest]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    if rows.is_empty() {
        return global.words("没有期满或将满的报告", "nothing is due or ends soon").to_owned();
    }
    let heads = match global.english() {
        true => ["", "year", "agency", "rule", "public since", "ends", "digest"],
        false => ["", "年度", "机关", "规则", "公开日", "期满日", "摘要"],
    };
    grid(&heads, &rows)
}
