//! Made-up reports of about 10 KB: one table of the yearly template, and one by unit.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Rows of the table by unit, which make up most of a report.
const UNITS: usize = 80;
const KINDS: [&str; 8] =
    ["警告", "罚款", "没收违法所得", "暂扣许可证", "责令停产停业", "吊销许可证", "行政拘留", "其他"];

fn report(number: usize, batch: &str, division: &str) -> Value {
    let kinds: Vec<usize> = (0..KINDS.len()).map(|kind| (number * 7 + kind * 13) % 400).collect();
    let rows: Vec<Vec<Value>> = (0..UNITS)
        .map(|unit| {
            let figures =
                (0..KINDS.len()).map(|kind| json!((number * 31 + unit * 17 + kind * 1237) % 100_000));
            std::iter::once(json!(format!("第{unit}执法大队（合成）"))).chain(figures).collect()
        })
        .collect();
    let columns: Vec<&str> = std::iter::once("单位名称").chain(KINDS).collect();
    json!({
        "agency_name": format!("合成示例{batch}第{number}局"), "division_code": division, "year": 2024,
        "tables": {
            "行政处罚实施情况统计表": {
                "unit": "宗;罚没金额为万元",
                "columns": ["警告", "罚款", "其他行政处罚", "合计（宗）", "罚没金额（万元）"],
                "values": [kinds[0], kinds[1], kinds[2], kinds[0] + kinds[1] + kinds[2], number % 977],
            },
            "分单位情况": {"unit": "宗", "columns": columns, "rows": rows},
        },
        "narrative": "合成示例：为测量而编造。",
    })
}

/// Writes so many report files of one table each, from a number on; the folder, and their bytes.
pub(crate) fn write_small(dir: &Path, from: usize, division: &str, count: usize) -> (PathBuf, u64) {
    let folder = dir.join(format!("small-{from}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut bytes = 0;
    for number in from..from + count {
        let kinds: Vec<usize> = (0..3).map(|kind| (number * 7 + kind * 13) % 400).collect();
        let text = json!({
            // Ten years of each agency.
            "agency_name": format!("合成示例第{}局", number / 10), "division_code": division, "year": 2015 + number % 10,
            "tables": {"行政处罚实施情况统计表": {
                "unit": "宗;罚没金额为万元",
                "columns": ["警告", "罚款", "其他行政处罚", "合计（宗）", "罚没金额（万元）"],
                "values": [kinds[0], kinds[1], kinds[2], kinds[0] + kinds[1] + kinds[2], number % 977],
            }},
            "narrative": "合成示例：为测量而编造。",
        })
        .to_string();
        bytes += text.len() as u64;
        std::fs::write(folder.join(format!("{number:07}.json")), text).expect("a file");
    }
    (folder, bytes)
}

/// Writes so many report files of a division into a new folder; the folder, and their bytes.
pub(crate) fn write(dir: &Path, batch: &str, division: &str, count: usize) -> (PathBuf, u64) {
    let folder = dir.join(format!("reports-{batch}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut bytes = 0;
    for number in 0..count {
        let text = report(number, batch, division).to_string();
        bytes += text.len() as u64;
        std::fs::write(folder.join(format!("{number:06}.json")), text).expect("a file");
    }
    (folder, bytes)
}
