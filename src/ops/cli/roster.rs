//! `gongshi roster`: who owes which report by when.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::packages::{array, text};
use super::roster_file::{self, Problem};
use super::{NOT_VALID, Outcome};
use crate::division::DivisionCode;
use crate::ledger::roster::Roster;
use crate::ops::data_dir::Clock;
use crate::ops::query::Query;
use crate::ops::service::{Failure, Request, Scoping};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Lines of a difference that are shown; the rest is in the JSON.
const CHANGES_SHOWN: usize = 20;

const IMPORT_HELP: &str = "表头一行写栏名，次序不限，只有“机关”一栏必填；其上可有标题行，工作簿的每张表都读：\n  区划 缺省为名册所属区划；机关 名称；机关代码 18 位统一社会信用代码；职责 模板代号，逗号分隔，缺省为全部；\n  截止日期 次年月日，如 01-31（缺省）；起始年度、终止年度 撤并、更名时填写。\n撤并、更名：原机关一行填终止年度，新机关一行填起始年度。有错时指明工作表与单元格，整份不导入。\nA header row names the columns in any order; only the agency is needed. A title may stand above it; every sheet of a workbook is read.\n  division: the roster's own without it; agency: its name; agency_code: 18 digits; duties: template ids, all without them;\n  due: a day of the next year such as 01-31 (the default); from, until: years, for mergers and renames.\nMerged or renamed: the old agency's line ends with a year, the new one's begins with one. What is wrong is named by sheet and cell, and nothing is taken.\n\n  gongshi roster import 名册.xlsx --dry-run --data D     先看改变 what would change\n  gongshi roster import 名册.xlsx --data D\n  gongshi roster show --year 2024 --data D";

#[derive(Subcommand)]
pub(super) enum RosterAction {
    /// 导入名册（XLSX、CSV、JSON），取代该区划现有名册 / take a roster; it replaces the one that stands
    #[command(after_long_help = IMPORT_HELP)]
    Import {
        /// 文件：表头 区划、机关、机关代码、职责、截止日期、起始年度、终止年度 / a file with a header row
        file: PathBuf,
        /// 名册所属区划（缺省为本节点区划；可为下级）/ the division at the top; this node's own without it
        #[arg(long)]
        division: Option<DivisionCode>,
        /// 只说明将改变什么 / only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// 查看起作用的名册 / the rosters that stand, and who owes what
    Show {
        /// 区划及其下级（缺省为本节点区划）/ a division and all below it
        #[arg(long)]
        division: Option<DivisionCode>,
        /// 年度（缺省为上一年）/ year; the last one without it
        #[arg(long)]
        year: Option<u16>,
    },
}

pub(super) fn run(global: &Global, action: &RosterAction) -> Result<Outcome, Failure> {
    match action {
        RosterAction::Import { file, division, dry_run } => import(global, file, division.as_ref(), *dry_run),
        RosterAction::Show { division, year } => show(global, division.clone(), *year),
    }
}

/// The year that is reported now: the last one.
pub(super) fn last_year() -> u16 {
    Clock::start().now().wall.year().saturating_sub(1)
}

fn import(
    global: &Global,
    path: &Path,
    division: Option<&DivisionCode>,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    let own = match division {
        Some(code) => Some(code.clone()),
        None => text(&ask(global, Request::Status)?["node"]["code"]).parse().ok(),
    };
    let read = roster_file::read(path, own.as_ref())?;
    let file = path.display().to_string();
    let checked = match read.problems.is_empty() {
        false => Err(read.problems),
        true => Roster::of(read.lines).map_err(|error| {
            let place = |line: usize| read.places.get(line.saturating_sub(1)).cloned();
            let problem = match error.problem {
                crate::ledger::roster::RosterProblem::Twice(other) => {
                    let other = place(other).map_or(other, |place| place.line);
                    crate::ledger::roster::RosterProblem::Twice(other)
                }
                problem => problem,
            };
            vec![Problem { place: place(error.line).unwrap_or_default(), problem }]
        }),
    };
    let roster = match checked {
        Ok(roster) => roster,
        Err(problems) => return Ok(refused(global, &file, &problems)),
    };
    let importing = Scoping::ImportRoster { division: own, text: roster.to_text().into_bytes(), dry_run };
    let document = ask(global, Request::Scope(Box::new(importing)))?;
    let code = text(&document["division"]);
    let mut lines = vec![match (global.english(), document["signed"] == true, dry_run) {
        (true, true, _) => {
            format!("roster of {code} signed: {} lines; in force once sequenced", document["lines"])
        }
        (true, false, true) => format!("roster of {code}: {} lines; nothing was signed", document["lines"]),
        (true, false, false) => format!("roster of {code} stands as it is: {} lines", document["lines"]),
        (false, true, _) => format!("{code} 名册已签名，共 {} 行，编号后生效", document["lines"]),
        (false, false, true) => format!("{code} 名册共 {} 行，未签署", document["lines"]),
        (false, false, false) => format!("{code} 名册内容相同，未签署，共 {} 行", document["lines"]),
    }];
    for (key, mark) in [("added", "+"), ("removed", "-")] {
        let changes = array(&document[key]);
        let line = |duty: &Value| format!("{mark} {}", duty_words(duty).join("  "));
        lines.extend(changes.iter().take(CHANGES_SHOWN).map(line));
        let count = document[format!("{key}_count")].as_u64().unwrap_or(0);
        let shown = changes.len().min(CHANGES_SHOWN) as u64;
        if count > shown {
            lines.push(format!("{mark} … {}", count - shown));
        }
    }
    lines.push(
        global
            .words(
                "查看：gongshi roster show，gongshi coverage",
                "see: gongshi roster show, gongshi coverage",
            )
            .to_owned(),
    );
    Ok(Outcome::done(document, lines.join("\n")))
}

/// The fields of a duty as words.
fn duty_words(duty: &Value) -> Vec<String> {
    let tables: Vec<String> = array(&duty["duties"]).iter().map(text).collect();
    let years = match (duty["from"].as_u64(), duty["until"].as_u64()) {
        (None, None) => String::new(),
        (from, until) => {
            let year = |year: Option<u64>| year.map(|year| year.to_string()).unwrap_or_default();
            format!("{}–{}", year(from), year(until))
        }
    };
    vec![
        text(&duty["division"]),
        text(&duty["agency"]),
        text(&duty["agency_code"]),
        tables.join(","),
        text(&duty["due"]),
        years,
    ]
}

fn refused(global: &Global, file: &str, problems: &[Problem]) -> Outcome {
    let rows: Vec<Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "line": problem.place.line, "sheet": problem.place.sheet, "cell": problem.cell(),
                "code": "bad_roster", "message": problem.problem.to_string(),
            })
        })
        .collect();
    let line = |problem: &Problem| {
        let zh = roster_file::problem_zh(&problem.problem);
        match global.english() {
            true => format!("{file}{} {}", problem.shown(), problem.problem),
            false => format!("{file}{} {zh} / {}", problem.shown(), problem.problem),
        }
    };
    let mut lines: Vec<String> = problems.iter().map(line).collect();
    lines.push(
        global
            .words("未导入；改正后重新执行", "nothing was taken; correct the lines and run it again")
            .to_owned(),
    );
    let document =
        json!({"schema": "gongshi.roster.import/1", "signed": false, "file": file, "problems": rows});
    Outcome { exit: NOT_VALID, document, text: lines.join("\n") }
}

fn show(global: &Global, division: Option<DivisionCode>, year: Option<u16>) -> Result<Outcome, Failure> {
    let query = Query::Rosters { division, year: year.unwrap_or_else(last_year) };
    let document = ask(global, Request::Query(query))?;
    let rosters: Vec<Vec<String>> = array(&document["rosters"])
        .iter()
        .map(|row| {
            let digest = text(&row["digest"]).chars().take(16).collect();
            vec![text(&row["division"]), text(&row["name"]), format!("#{}", row["index"]), digest]
        })
        .collect();
    if rosters.is_empty() {
        let none = global.words(
            "没有名册；导入：gongshi roster import 文件。没有名册时以往年报送的机关计",
            "no roster stands; take one: gongshi roster import FILE. Until then who reported earlier counts as expected",
        );
        return Ok(Outcome::done(document.clone(), none));
    }
    let heads = match global.english() {
        true => ["division", "agency", "code", "tables", "due", "years"],
        false => ["区划", "机关", "机关代码", "职责", "次年截止", "年度"],
    };
    let lines: Vec<Vec<String>> = array(&document["lines"]).iter().map(duty_words).collect();
    let count = lines.len();
    let owed = match global.english() {
        true => format!(
            "{} {}: {count} agencies owe a report of {}",
            text(&document["division"]["code"]),
            text(&document["division"]["name"]),
            document["year"]
        ),
        false => format!(
            "{} {}：{} 年度应报机关 {count} 个",
            text(&document["division"]["code"]),
            text(&document["division"]["name"]),
            document["year"]
        ),
    };
    let said = format!("{}\n\n{owed}\n{}", grid::<&str>(&[], &rosters), grid(&heads, &lines));
    Ok(Outcome::done(document, said))
}
