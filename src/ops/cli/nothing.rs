//! `gongshi nil` and `gongshi not-applicable`: an agency has nothing to report. A statement without figures.

use super::args::Global;
use super::link::Link;
use super::publish::wait_sequenced;
use super::{Outcome, runtime, unexpected};
use crate::agency::CreditCode;
use crate::division::DivisionCode;
use crate::ops::service::{Failure, Reply, Request, Scoping};
use crate::sync::scope::Declaration;
use clap::Args as ClapArgs;
use serde_json::json;

#[derive(ClapArgs)]
pub(super) struct Nothing {
    /// 机关名称 / the agency's name
    #[arg(long)]
    agency: String,
    /// 年度 / calendar year
    #[arg(long)]
    year: u16,
    /// 区划代码（缺省为本节点区划）/ division; this node's own without it
    #[arg(long)]
    division: Option<DivisionCode>,
    /// 统一社会信用代码 / the agency's code
    #[arg(long, value_name = "CODE")]
    agency_code: Option<String>,
    /// 等到省级编号 / wait until sequenced
    #[arg(long, value_name = "sequenced", value_parser = ["sequenced"])]
    wait: Option<String>,
}

pub(super) fn run(global: &Global, nothing: &Nothing, no_duty: bool) -> Result<Outcome, Failure> {
    let agency_code = match &nothing.agency_code {
        None => String::new(),
        Some(code) => {
            let parsed: Result<CreditCode, _> = code.trim().to_ascii_uppercase().parse();
            let code = parsed.map_err(|error| {
                let message = format!("统一社会信用代码不对：{error} / not a code of GB 32100");
                Failure::new(2, "agency_code", message)
            })?;
            code.as_str().to_owned()
        }
    };
    let declaration = Declaration {
        no_duty,
        division: nothing.division.clone(),
        agency_name: nothing.agency.clone(),
        agency_code,
        year: nothing.year,
    };
    let runtime = runtime()?;
    let request = Request::Scope(Box::new(Scoping::Declare(declaration)));
    let reply = runtime.block_on(async { Link::open(&global.data()).await?.call(request).await })?;
    let Reply::Published { digest, revision } = reply else { return Err(unexpected()) };
    if nothing.wait.is_some() {
        runtime.block_on(wait_sequenced(global, &[digest]))?;
    }
    let (agency, year) = (nothing.agency.trim(), nothing.year);
    let (zh, en) = match no_duty {
        true => ("不适用", "not applicable"),
        false => ("零报告", "nil"),
    };
    let zh = format!("已签名  {agency} {year} 年度{zh}  第 {revision} 版  {digest}");
    let en = format!("signed  {agency} {year}: {en}  revision {revision}  {digest}");
    let undo = format!("gongshi withdraw {}", digest.hex().get(..16).unwrap_or_default());
    let text = match global.english() {
        true => format!(
            "{en}\nto take it back: {undo} --reason WHY; if there are figures after all: gongshi correct FILE"
        ),
        false => format!("{zh}\n撤回：{undo} --reason 理由；其后确有数据：gongshi correct 文件"),
    };
    let act = if no_duty { "not_applicable" } else { "nil" };
    let published =
        json!([{"agency": agency, "year": year, "act": act, "digest": digest, "revision": revision}]);
    Ok(Outcome::done(json!({"schema": "gongshi.publish/1", "published": published, "refused": []}), text))
}
