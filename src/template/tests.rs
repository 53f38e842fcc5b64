//! What the built-in layouts promise, and what a file must be to become one.

use super::builtin::{FILES, templates};
use super::fold::Figures;
use super::{Header, Template, Templates};
use crate::money::Exact;
use std::collections::BTreeSet;

fn headers<'a>(printed: &[&'a str]) -> Vec<Header<'a>> {
    printed.iter().map(|printed| Header { printed, labels: *printed == "单位名称" }).collect()
}

fn follows(templates: &Templates, printed: &[&str]) -> Option<String> {
    templates.matching(&headers(printed)).map(|(template, _)| template.id.clone())
}

#[test]
fn every_built_in_file_is_the_template_of_its_name() {
    let templates = templates().unwrap();
    assert_eq!(templates.iter().count(), FILES.len());
    for ((file, _), template) in FILES.iter().zip(templates.iter()) {
        assert_eq!(*file, format!("{}.toml", template.id));
        let own: Vec<&str> = template.columns.iter().map(|column| column.header.as_str()).collect();
        assert_eq!(follows(&templates, &own).as_deref(), Some(template.id.as_str()));
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/templates");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len(), "a file is not built in");
}

/// TPL-2, TPL-6: whatever holds in a layout holds in what it folds to.
#[test]
fn folds_are_exact_and_keep_identities() {
    let templates = templates().unwrap();
    for template in templates.iter() {
        for fold in &template.folds {
            let target = templates.find(&fold.to).expect("the target is built in");
            assert_eq!(target.table, template.table);
            let parts = |place: usize| -> BTreeSet<usize> {
                let id = &target.columns[place].id;
                let parts = fold.map.iter().find(|(to, _)| to == id);
                parts.into_iter().flat_map(|(_, parts)| parts.iter().copied()).collect()
            };
            for (to, parts) in &fold.map {
                let column = &target.columns[target.place(to).expect("the target has the column")];
                assert!(parts.iter().all(|part| template.columns[*part].kind == column.kind));
            }
            let complete = fold.map.len() == target.columns.len();
            for identity in target.identities.iter().filter(|_| complete) {
                let sum: BTreeSet<usize> = identity.sum.iter().flat_map(|place| parts(*place)).collect();
                let total = parts(identity.equals);
                let holds = |own: &super::Identity| {
                    own.sum.iter().copied().collect::<BTreeSet<_>>() == sum
                        && total == BTreeSet::from([own.equals])
                };
                assert!(template.identities.iter().any(holds), "{} to {}", template.id, fold.to);
            }
        }
    }
}

#[test]
fn hubei_folds_to_the_old_kinds_and_zhejiang_only_where_nothing_is_joined() {
    let templates = templates().unwrap();
    let hubei = templates.find("penalty-hubei-2023").unwrap();
    let ones = |template: &Template| -> Figures {
        let mut figures: Figures =
            template.columns.iter().map(|column| (column.id.clone(), Exact::whole(1))).collect();
        figures.insert("total".into(), Exact::whole(14));
        figures
    };
    let old = hubei.fold(&ones(hubei), "penalty-2018").unwrap();
    let figure = |figures: &Figures, id: &str| figures.get(id).map(ToString::to_string);
    assert_eq!(figure(&old, "confiscation").as_deref(), Some("2"));
    assert_eq!(figure(&old, "other").as_deref(), Some("6"));
    assert_eq!(figure(&old, "total").as_deref(), Some("14"));
    let zhejiang = templates.find("penalty-zhejiang-2024").unwrap();
    let old = zhejiang.fold(&ones(zhejiang), "penalty-2018").unwrap();
    assert_eq!((figure(&old, "warning"), figure(&old, "fine").as_deref()), (None, Some("1")));
    let mut partial = ones(hubei);
    partial.remove("goods_confiscated");
    assert!(!hubei.fold(&partial, "penalty-2018").unwrap().contains_key("confiscation"));
    assert_eq!(zhejiang.fold(&ones(zhejiang), "penalty-hubei-2023"), None);
    assert_eq!(
        templates.common(&["penalty-hubei-2023", "penalty-zhejiang-2024"]),
        ["penalty-2018", "penalty-zhejiang-2024"]
    );
}

/// TPL-4, TPL-5.
#[test]
fn the_columns_tell_the_template_in_any_spelling_and_order() {
    let templates = templates().unwrap();
    let is = |printed: &[&str]| follows(&templates, printed);
    let licence = ["单位名称", "受理數量 (宗)", "申 請 數 量", "許可數量", "不予許可數量", "撤銷許可數量"];
    assert_eq!(is(&licence).as_deref(), Some("licence"));
    assert_eq!(is(&["申请数量", "受理数量", "许可数量", "不予许可数量"]), None, "a column is missing");
    let mut more = vec!["申请数量", "受理数量", "许可数量", "不予许可数量", "撤销许可数量", "延续数量"];
    assert_eq!(is(&more), None, "a column of no layout");
    more[5] = "受理 数量";
    assert_eq!(is(&more), None, "a column stands twice");
    let mut old: Vec<&str> =
        templates.find("penalty-2018").unwrap().columns.iter().map(|column| column.header.as_str()).collect();
    assert_eq!(old.pop(), Some("罚没金额"));
    assert_eq!(is(&old).as_deref(), Some("penalty-2018"), "the amount may be missing");
    old.push("罰沒金額【元】");
    assert_eq!(is(&old).as_deref(), Some("penalty-2018"));
}

const UNSEEN: &str = r#"
format = "gongshi.template/1"
id = "inspection-liaoning"
table = "inspection"
title = "行政检查情况统计表"
source = "a test"
labels = ["片区"]
columns = [
  { id = "plans", header = "计划", unit = "次" },
  { id = "done", header = "完成", aliases = ["已完成"], unit = "次" },
]
[[warnings]]
left = ["done"]
op = "<="
right = ["plans"]
zh = "完成多于计划"
en = "more done than planned"
"#;

#[test]
fn a_layout_nobody_has_seen_is_a_file() {
    let mut templates = templates().unwrap();
    assert_eq!(follows(&templates, &["片区", "计划", "已完成"]), None);
    templates.put(Template::parse("new.toml", UNSEEN.as_bytes()).unwrap());
    assert_eq!(follows(&templates, &["片区", "计划", "已完成"]).as_deref(), Some("inspection-liaoning"));
    let later = UNSEEN.replace("title = \"行政检查", "provisional = true\ntitle = \"检查");
    templates.put(Template::parse("new.toml", later.as_bytes()).unwrap());
    assert_eq!(templates.find("inspection-liaoning").unwrap().title, "检查情况统计表");
    assert_eq!(templates.iter().count(), FILES.len() + 1);
}

/// TPL-1, TPL-3.
#[test]
fn a_bad_file_is_refused_with_line_and_key() {
    for (from, to, line, key) in [
        ("labels", "lables", 7, "lables"),
        ("title = \"行政检查情况统计表\"\n", "", 1, "title"),
        ("gongshi.template/1", "gongshi.template/2", 2, "format"),
        ("\"inspection-liaoning\"", "\"Inspection\"", 3, "id"),
        ("id = \"plans\"", "id = \"c1\"", 9, "columns.id"),
        ("id = \"done\"", "id = \"plans\"", 10, "columns.id"),
        ("已完成", "计 划（次）", 10, "columns.header"),
        ("unit = \"次\" },\n]", "unit = \"万元\" },\n]", 10, "columns.unit"),
        ("[\"plans\"]", "[\"planned\"]", 15, "warnings.right"),
        ("\"<=\"", "\"<\"", 14, "warnings.op"),
        ("完成多于计划", "\\u001b[31m", 16, "warnings.zh"),
        ("[[warnings]]", "[[warnings]", 12, ""),
    ] {
        let text = UNSEEN.replacen(from, to, 1);
        assert_ne!(text, UNSEEN);
        let error = Template::parse("t.toml", text.as_bytes()).expect_err(to);
        assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
        assert!(error.to_string().starts_with(&format!("t.toml:{line}: ")));
    }
    assert!(Template::parse("t", &[b'#'; 70_000]).is_err());
    assert!(Template::parse("t", b"\xff").is_err());
}

/// A layout that no published header row showed says so.
#[test]
fn layouts_not_seen_in_print_are_provisional_and_no_others() {
    let templates = templates().unwrap();
    let provisional: BTreeSet<&str> = templates
        .iter()
        .filter(|template| template.provisional)
        .map(|template| template.id.as_str())
        .collect();
    assert_eq!(provisional, BTreeSet::from(["coercion", "other-acts", "review-litigation", "staff"]));
}
