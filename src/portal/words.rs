//! The two languages of pages: Chinese as it stands in the code, English from the one table below. A test finds every
//! word that the table lacks.

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lang {
    /// 中文
    #[default]
    Zh,
    /// English, below `/en`
    En,
}

impl Lang {
    /// The words in this language.
    pub(super) fn say(self, zh: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => ENGLISH.iter().find(|(own, _)| *own == zh).map_or(zh, |(_, en)| en),
        }
    }

    /// The same with `{}` replaced in order.
    pub(super) fn fill(self, zh: &'static str, values: &[&str]) -> String {
        let mut out = String::new();
        let mut values = values.iter();
        for (at, part) in self.say(zh).split("{}").enumerate() {
            if at > 0 {
                out.push_str(values.next().unwrap_or(&""));
            }
            out.push_str(part);
        }
        out
    }
}

const ENGLISH: &[(&str, &str)] = &[
    ("首页", "Start"),
    ("全部报告", "Reports"),
    ("节点点名", "Roll call"),
    ("如何核验", "Verify"),
    ("主导航", "Main navigation"),
    ("跳到正文", "Skip to content"),
    ("行政执法数据年报公示", "Annual administrative enforcement disclosures"),
    ("当前位置", "You are here"),
    ("下载本页数据", "Data of this page"),
    ("公开日志", "Public log"),
    ("表", "Table"),
    ("行", "Row"),
    ("行名", "Row name"),
    ("栏目", "Column"),
    ("单位", "Unit"),
    ("数值", "Value"),
    ("文字", "Text"),
    ("{} {} 年度行政执法数据", "{}: administrative enforcement in {}"),
    (
        "{}（{}）{} 年度，统计范围：{}。汇总自 {} 份公开报告，逐份签名，可逐层核对。",
        "{} ({}), year {}, scope: {}. Summed from {} public reports, each signed, each a click away.",
    ),
    (
        "{} 份报告待核实：照常公开，暂不计入合计。",
        "{} reports are in doubt: public, not in the sums for now.",
    ),
    ("{} 年度 · {}", "{} · {}"),
    ("{} 年度", "Year {}"),
    ("上年 {} {}", "last year {} {}"),
    ("共 {} 处", "{} in all"),
    ("单位：{}", "Unit: {}"),
    (
        "另有 {} 份汇总报告，只用来核对，不重复相加。",
        "{} consolidated reports are compared with the sums and never added to them.",
    ),
    ("来自 {} 份报告", "from {} reports"),
    ("由不同表式折算：{}", "read together from layouts: {}"),
    ("较上年 {}（上年 {} {}）", "{} on last year ({} {})"),
    ("上年", "Last year"),
    ("上年无可比数字", "nothing comparable last year"),
    ("下一页", "Next page"),
    ("不能相加", "cannot be added"),
    ("主要数字", "Main figures"),
    ("份", "reports"),
    ("分子", "Numerator"),
    ("分子、分母均为合计；比率从不取平均", "both sides are sums; rates are never averaged"),
    ("分母", "Denominator"),
    ("区划", "Division"),
    ("区划代码", "Division code"),
    ("历年变化", "Over the years"),
    ("原表所印", "As printed"),
    ("各区划合计", "Sums by division"),
    ("各报告均未填", "no report gives a number"),
    ("各表合计", "Sums by table"),
    ("合计", "Sum"),
    ("合计的来源", "Where the sum comes from"),
    ("年度", "Year"),
    ("所印", "Printed"),
    ("所印合计与所算合计的差异", "Printed totals that differ from computed sums"),
    ("所算", "Computed"),
    ("报告", "Reports"),
    ("报送情况", "Who reported"),
    ("无可比", "none"),
    ("无数据", "no data"),
    ("无案件", "no cases"),
    ("未填", "blank"),
    ("暂无报告", "no report yet"),
    ("本级", "own"),
    (
        "本级一行为本级机关，其余各行含其下级",
        "the own row is the division's own agencies; the others include what is below",
    ),
    ("本级与各下级", "Own and divisions below"),
    ("本级及下级", "with lower levels"),
    ("比率", "Rate"),
    ("汇总报告", "Consolidated report"),
    (
        "汇总报告所印的合计与其所含报告相加的结果不同。两个数都照录，不作改动，由报送机关说明。",
        "The printed total is not what the reports it covers add up to. Both stand unchanged; the agency explains.",
    ),
    ("没有名册列明应报单位，也没有收到报告。", "No roster says who owes a report, and none has come."),
    (
        "点开任一合计，可见它由哪些报告的哪些格相加而成。“未填”是各报告都没有数字，不是零。",
        "Follow any sum to the cells it is made of. Blank means that no report gives a number: it is not zero.",
    ),
    ("由合计算出的比率", "Rates of sums"),
    ("相加的各格", "The cells added"),
    ("相差", "Difference"),
    ("第几行", "Row"),
    ("统计范围", "Scope"),
    ("计入", "Adds"),
    ("较上年", "Change"),
    ("逐格列出", "Cell by cell"),
    ("逐格对照", "Cell by cell"),
    ("已报", "reported"),
    ("零报告", "nil"),
    ("不适用", "not applicable"),
    ("退回", "returned"),
    ("未报", "missing"),
    ("汇总数字", "Consolidated figures"),
    (
        "{} 年度还没有可以汇总的公开报告。可能是各单位尚未上报，也可能是报告已经收妥、正等待统一公开。没有数字不等于数字为零。",
        "There is no public report for {} that can be summed yet. Agencies may not have reported, or reports may be waiting for the common release. No number is not zero.",
    ),
    (
        "应报 {}，已报 {}，零报告 {}，不适用 {}，退回 {}，未报 {}。",
        "Due {}: reported {}, nil {}, not applicable {}, returned {}, missing {}.",
    ),
    (
        "方格图：{}（{}），{} 年度。一格一个区划，颜色越深数字越大；各地职责与人口不同，数字不宜直接比较高低。",
        "Squares: {} ({}), {}. One square a division, darker for larger numbers. Duties and population differ: this is no ranking.",
    ),
    (
        "{} {} 年度（{}）合计 {} {}，来自 {} 份报告。下面逐格列出，每一格都在一份签名的报告里。",
        "{} {} ({}): {} {} in all, from {} reports. Each cell below stands in a signed report.",
    ),
    (
        "这一年度没有可汇总的数据表。零报告和不适用报告没有数据表，文字报告也没有。",
        "There is no table to sum this year. Reports of nothing, and reports in prose, have no tables.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [&str; 4] = [
        include_str!("division.rs"),
        include_str!("division_tables.rs"),
        include_str!("origin.rs"),
        include_str!("folio.rs"),
    ];
    const TEMPLATES: [&str; 2] = [include_str!("templates/folio.html"), include_str!("templates/frame.html")];

    /// Every Chinese text in quotes that is followed by a use as words; heads and templates included.
    fn words() -> Vec<&'static str> {
        let of_code =
            CODE.iter().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with("//"));
        let quoted = |line: &'static str| line.split('"').skip(1).step_by(2).collect::<Vec<_>>();
        let in_template = TEMPLATES.iter().flat_map(|text| text.split("t(\"").skip(1));
        let in_template = in_template.filter_map(|rest| rest.split_once('"').map(|(word, _)| word));
        of_code
            .flat_map(quoted)
            .chain(in_template)
            .filter(|text| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)))
            // Parts of names that are cut off, not words that are shown.
            .filter(|text| !text.ends_with("统计表"))
            .collect()
    }

    #[test]
    fn every_word_of_a_page_has_its_english() {
        assert!(words().len() > 60);
        let missing: Vec<_> =
            words().into_iter().filter(|word| !ENGLISH.iter().any(|(zh, _)| zh == word)).collect();
        assert!(missing.is_empty(), "{missing:#?}");
        for (zh, en) in ENGLISH {
            assert!(!en.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{en}");
            assert_eq!(zh.matches("{}").count(), en.matches("{}").count(), "{zh}");
        }
    }
}
