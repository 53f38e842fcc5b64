//! What whole files become: workbooks made here, CSV, and files that are something else.

use super::blank::{self, Blank, LastYear};
use super::{Given, read};
use crate::package::finding::{Finding, Grade};
use crate::package::report::Report;
use crate::package::report_file::ReadOptions;
use crate::template::builtin;
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};

fn reading(bytes: &[u8], name: &str) -> (Option<Report>, Vec<Finding>) {
    let templates = builtin::templates().unwrap();
    let options = ReadOptions {
        division_override: None,
        own_division: None,
        current_year: 2026,
        templates: &templates,
    };
    read(bytes, name, Given::default(), &options)
}

fn refusing(bytes: &[u8], name: &str) -> Vec<Finding> {
    let (report, findings) = reading(bytes, name);
    assert!(report.is_none(), "{name} was taken: {findings:?}");
    findings.into_iter().filter(|finding| finding.grade == Grade::MustFix).collect()
}

type Fill<'a> = (&'a str, &'a dyn Fn(&mut Worksheet));

fn sheets(fill: &[Fill<'_>]) -> Vec<u8> {
    let mut book = Workbook::new();
    for (name, fill) in fill {
        fill(book.add_worksheet().set_name(*name).unwrap());
    }
    book.save_to_buffer().unwrap()
}

fn lines(sheet: &mut Worksheet, from: u32, lines: &[&[&str]]) {
    for (line, row) in lines.iter().zip(from..) {
        for (text, column) in line.iter().zip(0_u16..) {
            match text.parse::<f64>() {
                _ if text.is_empty() => {}
                Ok(number) => drop(sheet.write_number(row, column, number).unwrap()),
                Err(_) => drop(sheet.write_string(row, column, *text).unwrap()),
            }
        }
    }
}

const ABOUT: &[&[&str]] = &[&["填报单位：慈溪市附海镇人民政府", "区划代码：330282108", "单位：宗"]];
const KINDS: [&str; 10] = [
    "警告",
    "罚款",
    "没收违法所得、没收非法财物",
    "暂扣许可证、执照",
    "责令停产停业",
    "吊销许可证、执照",
    "行政拘留",
    "其他行政处罚",
    "合计（宗）",
    "罚没金额（万元）",
];

#[test]
fn a_foreign_sheet_with_title_unit_notes_and_an_empty_column_is_read_and_names_its_cells() {
    let fill = |total: &'static str| {
        move |sheet: &mut Worksheet| {
            sheet.merge_range(0, 0, 0, 9, "2024年行政处罚实施情况统计表", &Format::new()).unwrap();
            lines(sheet, 1, ABOUT);
            lines(sheet, 3, &[&KINDS, &["1", "2", "0", "0", "0", "0", "0", "１", total, "2.3"]]);
            lines(sheet, 5, &[&["注：同一案件只计一次。"], &["填表人：张某", "审核人：李某"]]);
        }
    };
    let (report, findings) = reading(&sheets(&[("处罚", &fill("4"))]), "a.xlsx");
    let report = report.unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!((report.year, report.agency_name.as_str()), (2024, "慈溪市附海镇人民政府"));
    let table = &report.tables[0];
    assert_eq!(
        (table.name.as_str(), table.template.as_deref()),
        ("2024年行政处罚实施情况统计表", Some("penalty-2018"))
    );
    assert_eq!(table.rows[0][9].value.unwrap().to_string(), "23000");
    let refused = refusing(&sheets(&[("处罚", &fill("5"))]), "a.xlsx");
    let fault = &refused[0];
    assert_eq!(
        (fault.code.as_ref(), fault.sheet.as_deref(), fault.cell.as_deref()),
        ("identity_sum", Some("处罚"), Some("I5"))
    );
    assert_eq!(
        (fault.row, fault.expected.as_deref(), fault.found.as_deref()),
        (Some(1), Some("4"), Some("5"))
    );
}

#[test]
fn two_header_lines_become_one() {
    let fill = |sheet: &mut Worksheet| {
        lines(sheet, 0, ABOUT);
        sheet.merge_range(2, 0, 3, 0, "单位名称", &Format::new()).unwrap();
        sheet.merge_range(2, 1, 2, 14, "行政处罚种类", &Format::new()).unwrap();
        sheet.merge_range(2, 15, 3, 15, "合计(宗)", &Format::new()).unwrap();
        sheet.merge_range(2, 16, 3, 16, "罚没金额(万元)", &Format::new()).unwrap();
        let kinds = "警告 通报批评 罚款 没收违法所得 没收非法财物 暂扣许可证件 降低资质等级 吊销许可证件 限制开展生产经营活动 责令停产停业 责令关闭 限制从业 行政拘留 其他行政处罚";
        for (kind, column) in kinds.split(' ').zip(1_u16..) {
            sheet.write_string(3, column, kind).unwrap();
            sheet.write_number(4, column, 1.0).unwrap();
        }
        sheet.write_string(4, 0, "执法大队").unwrap();
        sheet.write_number(4, 15, 14.0).unwrap();
        sheet.write_number(4, 16, 0.5).unwrap();
        sheet.write_string(0, 4, "年度：2023").unwrap();
    };
    let (report, findings) = reading(&sheets(&[("处罚", &fill)]), "a.xlsx");
    let report = report.unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!(report.tables[0].template.as_deref(), Some("penalty-hubei-2023"));
    assert_eq!(report.tables[0].columns.len(), 17);
}

#[test]
fn sums_are_computed_again_and_other_formulas_are_not_trusted() {
    let fill = |formula: &'static str, cached: &'static str| {
        move |sheet: &mut Worksheet| {
            lines(sheet, 0, ABOUT);
            sheet.write_string(0, 4, "年度：2024").unwrap();
            lines(sheet, 2, &[&KINDS, &["1", "2", "0", "0", "0", "0", "0", "1", "", "2.3"]]);
            sheet.write_formula(3, 8, Formula::new(formula).set_result(cached)).unwrap();
        }
    };
    let (report, findings) = reading(&sheets(&[("处罚", &fill("SUM(A4:H4)", "999"))]), "a.xlsx");
    let report = report.unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!(report.tables[0].rows[0][8].printed, "4", "what the file says its formula gave is not taken");
    assert!(findings.iter().any(|finding| finding.code == "formula_stale"));
    let refused = refusing(&sheets(&[("处罚", &fill("[1]Sheet1!A1", "4"))]), "a.xlsx");
    assert_eq!((refused[0].code.as_ref(), refused[0].cell.as_deref()), ("formula_unusable", Some("I4")));
}

#[test]
fn what_is_ambiguous_is_refused_with_its_cell() {
    let stray = |sheet: &mut Worksheet| {
        lines(sheet, 0, ABOUT);
        lines(sheet, 2, &[&["部门", "案件"], &["甲科", "1", "", "77"]]);
    };
    let codes: Vec<_> = refusing(&sheets(&[("表", &stray)]), "a.xlsx")
        .into_iter()
        .map(|f| (f.code.to_string(), f.cell))
        .collect();
    assert!(codes.contains(&("outside_table".into(), Some("D4".into()))), "{codes:?}");
    let merged = |sheet: &mut Worksheet| {
        lines(sheet, 0, ABOUT);
        lines(sheet, 2, &[&["部门", "案件"], &["甲科", ""], &["乙科", ""]]);
        sheet.merge_range(3, 1, 4, 1, "12", &Format::new()).unwrap();
    };
    let codes: Vec<_> = refusing(&sheets(&[("表", &merged)]), "a.xlsx")
        .into_iter()
        .map(|f| (f.code.to_string(), f.cell))
        .collect();
    assert!(codes.contains(&("merged_figure".into(), Some("B4".into()))), "{codes:?}");
}

fn blank_book(year: u16) -> Blank<'static> {
    let templates: &'static _ = Box::leak(Box::new(builtin::templates().unwrap()));
    Blank {
        agency_name: "慈溪市附海镇人民政府",
        agency_code: "",
        division: "330282108",
        year,
        layouts: templates.iter().collect(),
        units: &[],
        last_year: LastYear::default(),
    }
}

#[test]
fn a_blank_csv_is_a_report_once_it_is_filled_in() {
    let blank = blank_book(2024);
    let text = blank::separated(&blank);
    let mut filled = String::new();
    for line in text.lines() {
        let commas = line.matches(',').count();
        // A line of commas is a row to fill in: zeros add up.
        let empty = commas > 0 && line.bytes().all(|byte| byte == b',');
        filled.push_str(&if empty { vec!["0"; commas + 1].join(",") } else { line.to_owned() });
        filled.push('\n');
    }
    let (report, findings) = reading(filled.as_bytes(), "a.csv");
    let report = report.unwrap_or_else(|| panic!("{findings:?}"));
    let follows: Vec<_> = report.tables.iter().filter_map(|table| table.template.clone()).collect();
    assert_eq!(follows.len(), report.tables.len(), "{follows:?}");
}

#[test]
fn an_untouched_workbook_is_an_empty_report() {
    let codes: Vec<_> = refusing(&blank::workbook(&blank_book(2024)).unwrap(), "a.xlsx");
    assert!(codes.iter().all(|finding| finding.code == "empty_report"), "{codes:?}");
}

#[test]
fn files_that_are_something_else_have_their_own_messages() {
    let wide: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    for (bytes, name, code) in [
        (ole.clone(), "a.xls", "workbook_old_format"),
        ([ole, wide].concat(), "a.xlsx", "workbook_password"),
        (b"<html><table></table></html>".to_vec(), "a.xls", "not_a_workbook"),
        (b"%PDF-1.7".to_vec(), "a.xlsx", "not_a_workbook"),
        (b"PK\x03\x04".to_vec(), "a.xlsx", "workbook_damaged"),
        (b"\x00\x01\x02\xff\xfe\xfd\x81".to_vec(), "a.csv", "csv_encoding"),
    ] {
        assert_eq!(refusing(&bytes, name)[0].code, code, "{name}");
    }
    let (report, _) =
        reading("机关名称,甲局\n区划代码,330282\n年度,2024\n总体情况,无\n".as_bytes(), "really-csv.xlsx");
    assert!(report.is_some(), "CSV by another name is CSV");
}
