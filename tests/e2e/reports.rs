//! Report files: made up, and those that agencies really published.

use serde_json::{Value, json};
use std::path::PathBuf;

/// The real reports, in path order.
pub(crate) fn published() -> Vec<PathBuf> {
    let dir = published_dir();
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("tests/published")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    files
}

/// One of the real reports.
pub(crate) fn published_file(name: &str) -> PathBuf {
    published_dir().join(name)
}

fn published_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/published")
}

/// A report whose figures add up.
pub(crate) fn report(agency: &str, division: &str, year: u16, warnings: u32) -> Value {
    json!({
        "agency_name": agency, "division_code": division, "year": year,
        "tables": {"行政处罚实施情况统计表": {
            "unit": "宗;罚没金额为万元",
            "columns": ["警告", "罚款", "其他行政处罚", "合计（宗）", "罚没金额（万元）"],
            "values": [warnings, 30, 0, warnings + 30, 18.5],
        }},
        "narrative": "合成示例：为测试而编造。",
    })
}

/// The same with a 合计 that is one too many.
pub(crate) fn broken_report(agency: &str, division: &str, year: u16, warnings: u32) -> Value {
    let mut report = report(agency, division, year, warnings);
    report["tables"]["行政处罚实施情况统计表"]["values"][3] = json!(warnings + 31);
    report
}
