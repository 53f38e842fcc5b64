//! `gongshi policy`, `compare`, `evidence`: what other nodes witnessed, and how many of them a checkpoint needs.

use super::args::Global;
use super::link::ask;
use super::packages::array;
use super::{FINDINGS, Outcome};
use crate::ops::service::{Failure, Request, Witnessing};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum PolicyAction {
    /// 查看方针：公开方式、副署法定数 / what stands: release and witness quorum
    Show,
    /// 更改方针（仅根节点）/ change it (root only)
    Set(SetPolicy),
}

#[derive(ClapArgs)]
#[group(required = true, multiple = true)]
pub(super) struct SetPolicy {
    /// 检查点须有多少个直属下级副署方为已确认；0 为不设 / nodes directly under the root that confirm a checkpoint
    #[arg(long, value_name = "N")]
    quorum: Option<u16>,
    /// 未定公开时间的年度：open 即时公开，held 待统一公开 / years without a schedule
    #[arg(long, value_name = "open|held", value_parser = ["open", "held"])]
    release: Option<String>,
}

#[derive(ClapArgs)]
pub(super) struct Evidence {
    /// 写入目录，每份证据一个文件 / write each piece into a file of this directory
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn policy(global: &Global, action: &PolicyAction) -> Result<Outcome, Failure> {
    let asked = match action {
        PolicyAction::Show => Witnessing::Policy,
        PolicyAction::Set(set) => Witnessing::SetPolicy {
            quorum: set.quorum,
            held: set.release.as_deref().map(|release| release == "held"),
        },
    };
    let document = ask(global, Request::Witness(asked))?;
    let release = match document["release"].as_str() {
        Some("held") => global.words("待统一公开", "held until its release"),
        _ => global.words("即时公开", "public as it is sequenced"),
    };
    let lines = [
        format!("{}  {release}", global.words("未定公开时间的年度", "years without a schedule")),
        format!("{}  {}", global.words("副署法定数", "witness quorum"), document["quorum"]),
        format!("{}  {}", global.words("已签发", "published"), document["published"]),
        format!("{}  {}", global.words("已确认", "confirmed"), document["confirmed"]),
    ];
    let text = lines.join("\n");
    Ok(Outcome::done(document, text))
}

pub(super) fn compare(global: &Global) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Witness(Witnessing::Compare))?;
    let said = global.words(
        "正在与旁系节点比对检查点；结果见 gongshi status 与 gongshi evidence",
        "comparing checkpoints with nodes beside this one: see gongshi status and gongshi evidence",
    );
    Ok(Outcome::done(document, said))
}

pub(super) fn evidence(global: &Global, options: &Evidence) -> Result<Outcome, Failure> {
    let document = ask(global, Request::Witness(Witnessing::Evidence))?;
    let found: Vec<&str> = array(&document["evidence"]).iter().filter_map(|text| text.as_str()).collect();
    if found.is_empty() {
        let said = format!(
            "{}  {}",
            global.words(
                "没有证据：根节点未见出示两份历史",
                "no evidence: the root was not seen to show two histories"
            ),
            document["compared"]
        );
        return Ok(Outcome::done(document, said));
    }
    let mut lines = Vec::new();
    for (at, text) in found.iter().enumerate() {
        match &options.output {
            None => lines.push((*text).to_owned()),
            Some(dir) => {
                let path = dir.join(format!("split-view-{}.txt", at + 1));
                std::fs::create_dir_all(dir)
                    .and_then(|()| std::fs::write(&path, text))
                    .map_err(|error| Failure::new(1, "io", format!("{}: {error}", path.display())))?;
                lines.push(path.display().to_string());
            }
        }
    }
    Ok(Outcome { exit: FINDINGS, document, text: lines.join("\n") })
}
