//! Report files (JSON): bytes in, a [`Report`] or what to fix out.
//!
//! The whole file is read before anything is decided, so that a clerk sees every fault at once. Unknown members
//! are ignored with a hint. Nothing a file holds can make reading take more than memory proportional to its size
//! or panic.

use super::cell::Raw;
use super::document::{self, Node};
use super::fields;
use super::finding::{Finding, Findings};
use super::privacy;
use super::report::{Report, Scope};
use super::table::{CELLS_MAX, RawTable, TABLES_MAX, Table};
use super::validate::check_tables;
use crate::division::DivisionCode;
use crate::template::Templates;
use crate::template::normal::{comparable, shortened};
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

/// Largest report file in bytes; the largest real one has 2,422.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest narrative in bytes.
pub const NARRATIVE_BYTES_MAX: usize = 256 * 1024;
/// Longest notes and reasons in bytes.
pub const NOTES_BYTES_MAX: usize = 32 * 1024;

/// What a reader knows beside the file.
#[derive(Clone, Debug)]
pub struct ReadOptions<'a> {
    /// The division of `--division`: fills a missing one, overrides a given one.
    pub division_override: Option<&'a DivisionCode>,
    /// The division of the node that publishes: a file that names none is about it.
    pub own_division: Option<&'a DivisionCode>,
    /// The current calendar year in China.
    pub current_year: u16,
    /// The layouts that tables are compared with.
    pub templates: &'a Templates,
}

/// Members that mean something here or in the collections such files come from.
const KEYS: [&str; 17] = [
    "agency_name",
    "agency_code",
    "division_code",
    "division_name",
    "year",
    "template",
    "status",
    "scope",
    "members",
    "tables",
    "narrative",
    "source_url",
    "as_printed",
    "notes",
    "labels",
    "id",
    "level",
];

/// Reads a report file. The report is there exactly when no finding must be fixed.
pub fn read_json(bytes: &[u8], options: &ReadOptions<'_>) -> (Option<Report>, Vec<Finding>) {
    let mut findings = Findings::new();
    let report = read(bytes, options, &mut findings).filter(|_| !findings.refuses());
    (report, findings.into_list())
}

fn read(bytes: &[u8], options: &ReadOptions<'_>, findings: &mut Findings) -> Option<Report> {
    if bytes.len() > FILE_BYTES_MAX {
        let zh = format!("文件有 {} 字节，最多 {FILE_BYTES_MAX}；明细请作为附件", bytes.len());
        let en = format!(
            "the file has {} bytes, at most {FILE_BYTES_MAX}; attach item lists instead",
            bytes.len()
        );
        findings.push(Finding::must_fix("file_too_large", &zh, &en));
        return None;
    }
    let members = match document::parse(bytes) {
        Ok(Node::Object(members)) => members,
        Ok(other) => {
            findings.push(wrong_document(&other));
            return None;
        }
        Err(fault) => {
            let zh = format!("不是合格的 JSON：第 {} 行第 {} 列，{}", fault.line, fault.column, fault.what);
            findings.push(Finding::must_fix("json_syntax", &zh, &format!("not valid JSON: {fault}")));
            return None;
        }
    };
    collect(members, options, findings)
}

/// Reads the members of a report file that another reader found in a workbook or a CSV file; `found` is what that
/// reader found wrong. The report is there exactly when no finding must be fixed.
pub fn read_members(
    members: Vec<(String, Node)>,
    found: Vec<Finding>,
    options: &ReadOptions<'_>,
) -> (Option<Report>, Vec<Finding>) {
    let mut findings = Findings::new();
    found.into_iter().for_each(|finding| findings.push(finding));
    let report = collect(members, options, &mut findings).filter(|_| !findings.refuses());
    (report, findings.into_list())
}

fn collect(
    members: Vec<(String, Node)>,
    options: &ReadOptions<'_>,
    findings: &mut Findings,
) -> Option<Report> {
    let mut file = BTreeMap::new();
    for (key, node) in members {
        if !KEYS.contains(&key.as_str()) {
            let short = shortened(&key);
            let zh = format!("“{short}”不是已知的项目，已忽略");
            findings.push(
                Finding::hint("unknown_key", &zh, &format!("\"{short}\" is not known and was ignored"))
                    .in_column(&short),
            );
            continue;
        }
        match file.entry(key) {
            Entry::Occupied(twice) => findings.push(duplicate_key(twice.key())),
            Entry::Vacant(free) => {
                free.insert(node);
            }
        }
    }
    assemble(file, options, findings)
}

fn assemble(
    mut file: BTreeMap<String, Node>,
    options: &ReadOptions<'_>,
    findings: &mut Findings,
) -> Option<Report> {
    let mut take = |key: &'static str| (key, file.remove(key).unwrap_or(Node::Null));
    for ignored in ["id", "level"] {
        take(ignored);
    }
    let required = |(key, node): (&'static str, Node), findings: &mut Findings| {
        let there = node != Node::Null;
        if !there {
            findings.push(fields::missing(key));
        }
        there.then_some((key, node))
    };
    let agency_name =
        required(take("agency_name"), findings).and_then(|(key, node)| fields::agency(key, &node, findings));
    let (key, node) = take("agency_code");
    let agency_code = fields::credit_code(key, &node, findings);
    let (key, node) = take("division_code");
    let division = fields::division(key, Some(&node), options, findings);
    let (key, node) = take("division_name");
    let division_name = fields::harmless_text(key, &node, crate::agency::AGENCY_NAME_BYTES_MAX, findings);
    let year = required(take("year"), findings)
        .and_then(|(key, node)| fields::year(key, &node, options.current_year, findings));
    let (key, node) = take("status");
    let status = fields::status(key, Some(&node), year, options.current_year, findings);
    let (key, node) = take("scope");
    let scope = fields::scope(key, Some(&node), findings);
    let (key, node) = take("members");
    let members = fields::names(key, &node, findings);
    let (key, node) = take("labels");
    let labels = fields::harmless_names(key, &node, findings);
    let (key, node) = take("template");
    let template = fields::harmless_text(key, &node, 300, findings);
    let (key, node) = take("narrative");
    let narrative = fields::text(key, &node, NARRATIVE_BYTES_MAX, true, findings);
    let (key, node) = take("source_url");
    let source_url = fields::url(key, &node, findings);
    let (key, node) = take("as_printed");
    let as_printed = fields::text(key, &node, NOTES_BYTES_MAX, true, findings);
    let (key, node) = take("notes");
    let notes = fields::harmless_text(key, &node, NOTES_BYTES_MAX, findings);
    let mut tables =
        required(take("tables"), findings).map(|(_, node)| tables(node, findings)).unwrap_or_default();
    if tables.is_empty() && narrative.is_none() && !findings.refuses() {
        let zh = "既没有表也没有情况说明；没有执法活动的请用“无执法活动”报送";
        let en = "there is neither a table nor a narrative; give at least one";
        findings.push(Finding::must_fix("empty_report", zh, en));
    }
    check_tables(&mut tables, options.templates, as_printed.is_some(), findings);
    check_members(scope, &members, findings);
    let report = Report {
        agency_name: agency_name?,
        agency_code,
        division: division?,
        division_name,
        year: year?,
        status,
        scope,
        members,
        template,
        tables,
        narrative,
        source_url,
        as_printed,
        notes,
        labels,
    };
    privacy::check(&report, findings);
    Some(report)
}

/// A consolidated report says whom it includes, and only it does.
fn check_members(scope: Scope, members: &[String], findings: &mut Findings) {
    let (zh, en) = match (scope, members.is_empty()) {
        (Scope::Consolidated, true) => (
            "汇总数据没有列出成员单位；请在 members 写明，以便与各单位数据核对",
            "a consolidated report without members; name them, so that their own reports can be compared",
        ),
        (Scope::Own, false) => (
            "本级数据列有成员单位；如含下级数据，请将 scope 改为 consolidated",
            "an own report with members; if it includes theirs, its scope is consolidated",
        ),
        _ => return,
    };
    findings.push(Finding::hint("members", zh, en).in_column("members"));
}

fn tables(node: Node, findings: &mut Findings) -> Vec<Table> {
    let members = match node {
        Node::Object(members) if members.len() <= TABLES_MAX => members,
        Node::Object(members) => {
            let zh = format!("共 {} 张表，最多 {TABLES_MAX}", members.len());
            let en = format!("{} tables, at most {TABLES_MAX}", members.len());
            findings.push(Finding::must_fix("too_many", &zh, &en).in_column("tables"));
            return Vec::new();
        }
        other => {
            findings.push(fields::wrong_type(
                "tables",
                &other,
                "以表名为键的对象",
                "an object of tables by name",
            ));
            return Vec::new();
        }
    };
    let mut names = BTreeSet::new();
    let mut cell_count = 0_usize;
    let mut tables = Vec::with_capacity(members.len());
    for (index, (name, node)) in members.into_iter().enumerate() {
        if !names.insert(comparable(&name)) {
            let zh = "表名重复；请改名或合并为一张表";
            findings.push(
                Finding::must_fix("duplicate_table", zh, "two tables have this name; rename or join them")
                    .in_table(&name),
            );
        }
        let Some(raw) = raw_table(name, node, findings) else { continue };
        cell_count = cell_count.saturating_add(raw.rows.iter().map(Vec::len).sum());
        if cell_count > CELLS_MAX {
            let zh = format!("全部表共超过 {CELLS_MAX} 格；明细请作为附件");
            let en = format!("more than {CELLS_MAX} cells in all; attach item lists instead");
            findings.push(Finding::must_fix("too_many", &zh, &en).in_column("tables"));
            break;
        }
        tables.push(Table::assemble(index, raw, findings));
    }
    tables
}

fn raw_table(name: String, node: Node, findings: &mut Findings) -> Option<RawTable> {
    let Node::Object(members) = node else {
        findings.push(fields::wrong_type("tables", &node, "对象", "an object").in_table(&name));
        return None;
    };
    let mut raw = RawTable { name, ..RawTable::default() };
    let mut seen = BTreeSet::new();
    let mut cells = Vec::new();
    let mut headers_given = false;
    for (key, node) in members {
        if !seen.insert(key.clone()) {
            findings.push(duplicate_key(&key).in_table(&raw.name));
            continue;
        }
        match (key.as_str(), node) {
            ("unit" | "columns" | "values" | "rows", Node::Null) => {}
            ("unit", Node::Text(unit)) => raw.unit = Some(unit).filter(|unit| !unit.trim().is_empty()),
            ("unit", other) => {
                findings.push(fields::wrong_type("unit", &other, "文字", "a string").in_table(&raw.name))
            }
            ("columns", Node::List(list)) => {
                headers_given = true;
                raw.headers = headers(list, &raw.name, findings);
            }
            ("values", Node::List(list)) => cells.push(vec![Node::List(list)]),
            ("rows", Node::List(list)) => cells.push(list),
            (key @ ("columns" | "values" | "rows"), other) => {
                findings.push(fields::wrong_type(key, &other, "数组", "an array").in_table(&raw.name));
                headers_given |= key == "columns";
            }
            (other, _) => {
                let short = shortened(other);
                let zh = format!("“{short}”不是已知的项目，已忽略");
                let en = format!("\"{short}\" is not known and was ignored");
                findings.push(Finding::hint("unknown_key", &zh, &en).in_table(&raw.name).in_column(&short));
            }
        }
    }
    if !headers_given {
        findings.push(fields::missing("columns").in_table(&raw.name));
        return None;
    }
    match <[Vec<Node>; 1]>::try_from(cells) {
        Ok([rows]) => raw.rows = raw_rows(rows, &raw, findings),
        Err(_) => {
            let zh = "values（一行）与 rows（多行）须有且只有一个";
            let en = "give exactly one of values (one row) and rows (several)";
            findings.push(Finding::must_fix("values_or_rows", zh, en).in_table(&raw.name));
            return None;
        }
    }
    Some(raw)
}

fn headers(list: Vec<Node>, table: &str, findings: &mut Findings) -> Vec<String> {
    let mut headers = Vec::with_capacity(list.len());
    for (at, node) in list.into_iter().enumerate() {
        headers.push(match node {
            Node::Text(header) => header,
            other => {
                let key = format!("columns[{at}]");
                findings.push(fields::wrong_type(&key, &other, "表头文字", "a header").in_table(table));
                String::new()
            }
        });
    }
    headers
}

fn raw_rows(rows: Vec<Node>, table: &RawTable, findings: &mut Findings) -> Vec<Vec<Raw>> {
    let mut kept = Vec::with_capacity(rows.len());
    for (row_at, row) in rows.into_iter().enumerate() {
        let Node::List(nodes) = row else {
            findings.push(
                fields::wrong_type("rows", &row, "一行的数组", "an array of cells")
                    .in_table(&table.name)
                    .in_row(row_at),
            );
            continue;
        };
        let mut cells = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.into_iter().enumerate() {
            cells.push(match node {
                Node::Null => Raw::Blank,
                Node::Number(token) => Raw::Number(token),
                Node::Text(text) => Raw::Text(text),
                other => {
                    let header = table.headers.get(at).map_or("", String::as_str);
                    let wanted_zh = "数字、文字或 null";
                    let finding = fields::wrong_type(header, &other, wanted_zh, "a number, a string or null");
                    findings.push(finding.in_table(&table.name).in_cell(row_at, at));
                    Raw::Blank
                }
            });
        }
        kept.push(cells);
    }
    kept
}

fn duplicate_key(key: &str) -> Finding {
    let short = shortened(key);
    let zh = format!("“{short}”出现了两次，请删去一个");
    Finding::must_fix("duplicate_key", &zh, &format!("{short} stands twice; remove one")).in_column(&short)
}

fn wrong_document(node: &Node) -> Finding {
    let (zh, en) = node.kind();
    let zh = format!("文件应是一个 JSON 对象，读到的是{zh}；一份文件只放一份年报");
    Finding::must_fix(
        "wrong_type",
        &zh,
        &format!("the file must be one JSON object, found {en}; one report a file"),
    )
}
