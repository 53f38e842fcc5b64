//! The four levels of the demo and what each of them publishes.

use crate::division::Level;

/// One node of the chain and what it publishes: file name, division override, report.
pub(super) struct Station {
    pub(super) dir: &'static str,
    pub(super) level: Level,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) reports: &'static [(&'static str, Option<&'static str>, &'static str)],
}

/// The chain for which real reports exist. The reports are those of `tests/published`, with their sources.
pub(super) const CHAIN: [Station; 4] = [
    Station {
        dir: "province",
        level: Level::Province,
        code: "330000",
        name: "浙江省",
        reports: &[
            (
                "zj-qingyuan-county-2024.json",
                None,
                include_str!("../../../../tests/published/zj-qingyuan-county-2024.json"),
            ),
            (
                "zj-xinchang-zhzf-2022.json",
                None,
                include_str!("../../../../tests/published/zj-xinchang-zhzf-2022.json"),
            ),
            (
                "zj-huzhou-jianshe-2025.json",
                None,
                include_str!("../../../../tests/published/zj-huzhou-jianshe-2025.json"),
            ),
            (
                "zj-hangzhou-xihu-gongan-2022.json",
                Some("330100-xihu"),
                include_str!("../../../../tests/published/zj-hangzhou-xihu-gongan-2022.json"),
            ),
        ],
    },
    Station {
        dir: "city",
        level: Level::City,
        code: "330200",
        name: "宁波市",
        reports: &[(
            "zj-ningbo-city-2022-2023.json",
            None,
            include_str!("../../../../tests/published/zj-ningbo-city-2022-2023.json"),
        )],
    },
    Station {
        dir: "district",
        level: Level::District,
        code: "330282",
        name: "慈溪市",
        reports: &[("synthetic-cixi-2024.json", None, SYNTHETIC)],
    },
    Station {
        dir: "town",
        level: Level::Town,
        code: "330282108",
        name: "附海镇",
        reports: &[(
            "zj-cixi-fuhai-town-2021.json",
            None,
            include_str!("../../../../tests/published/zj-cixi-fuhai-town-2021.json"),
        )],
    },
];

/// The one report of the demo that nobody published.
pub(super) const SYNTHETIC: &str = r#"{
 "agency_name": "慈溪市示范执法局（合成示例）",
 "division_code": "330282",
 "year": 2024,
 "tables": {
  "行政处罚实施情况统计表": {
   "unit": "宗;罚没金额为万元",
   "columns": ["警告", "罚款", "其他行政处罚", "合计（宗）", "罚没金额（万元）"],
   "values": [12, 30, 0, 42, 18.5]
  }
 },
 "narrative": "合成示例：本报告为演示而编造，不是任何机关公布的数据。",
 "notes": "合成示例"
}"#;
