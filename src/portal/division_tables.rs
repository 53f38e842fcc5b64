//! The tables of a division's year: every column with its change, rates as fractions, printed totals that differ.

use super::division::{DIFFERENCES_SHOWN, Year, text};
use super::folio::{Block, Cell, Grid, Head, Link};
use super::text::segment;
use crate::view::{ColumnView, DifferenceView, RateView, TableView};

impl Year<'_> {
    pub(super) fn tables(&self) -> Vec<Block> {
        if self.view.tables.is_empty() {
            let why = "这一年度没有可汇总的数据表。零报告和不适用报告没有数据表，文字报告也没有。";
            return vec![Block::Text(self.say(why).to_owned())];
        }
        let mut blocks: Vec<Block> =
            self.view.tables.iter().map(|table| Block::Grid(self.table(table))).collect();
        let across = self.view.tables.iter().map(|table| {
            let to = format!("/t/{}/{}/{}", segment(&table.id), self.view.year, self.view.division.code);
            Link::new(self.lang.fill("{}：各机关", &[&table.name]), to)
        });
        blocks.push(Block::Links(across.collect()));
        blocks.push(Block::Text(
            self.say("点开任一合计，可见它由哪些报告的哪些格相加而成。“未填”是各报告都没有数字，不是零。")
                .to_owned(),
        ));
        blocks
    }

    fn table(&self, table: &TableView) -> Grid {
        let none = || Cell::Nothing(self.say("无可比").to_owned());
        let row = |column: &ColumnView| {
            let origin =
                column.sum.map(|_| self.origin(&self.view.division.code, false, &table.id, &column.id));
            let last = column.last_year.as_ref();
            vec![
                Cell::Head(column.header.clone(), None),
                Cell::figure(text(column.sum), self.say("未填"), origin),
                Cell::Text(column.unit.clone()),
                Cell::Number(column.packages.to_string(), None),
                last.map_or_else(none, |last| Cell::Number(last.sum.to_string(), None)),
                last.and_then(|last| last.percent.clone()).map_or_else(none, Cell::Text),
            ]
        };
        let folded = table.folded.iter().map(|fold| format!("{} × {}", fold.template, fold.packages));
        let folded = folded.collect::<Vec<_>>().join("、");
        let mut note = self.lang.fill("{} 年度 · {}", &[&self.view.year.to_string(), self.scope()]);
        if !folded.is_empty() {
            note += &format!(" · {}", self.lang.fill("由不同表式折算：{}", &[&folded]));
        }
        Grid {
            id: table.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect(),
            caption: table.name.clone(),
            note,
            heads: vec![
                Head::text(self.say("栏目")),
                Head::number(self.say("合计"), ""),
                Head::text(self.say("单位")),
                Head::number(self.say("报告"), self.say("份")),
                Head::number(self.say("上年"), ""),
                Head::text(self.say("较上年")),
            ],
            rows: table.columns.iter().map(row).collect(),
            stacks: false,
        }
    }

    pub(super) fn rates(&self) -> Vec<Block> {
        let row = |rate: &RateView| {
            let name = if self.lang == super::words::Lang::En { &rate.name_en } else { &rate.name };
            vec![
                Cell::Head(name.clone(), None),
                rate.value.clone().map_or_else(|| Cell::Nothing(self.say("无案件").to_owned()), Cell::Text),
                Cell::Number(rate.numerator.to_string(), None),
                Cell::Number(rate.denominator.to_string(), None),
            ]
        };
        vec![Block::Grid(Grid {
            id: "rates".to_owned(),
            caption: self.say("由合计算出的比率").to_owned(),
            note: self.say("分子、分母均为合计；比率从不取平均").to_owned(),
            heads: vec![
                Head::text(self.say("比率")),
                Head::text(self.say("数值")),
                Head::number(self.say("分子"), ""),
                Head::number(self.say("分母"), ""),
            ],
            rows: self.view.rates.iter().map(row).collect(),
            stacks: false,
        })]
    }

    pub(super) fn differences(&self) -> Vec<Block> {
        let row = |found: &DifferenceView| {
            let table = match &found.row {
                Some(row) => format!("{} · {row}", found.table_name),
                None => found.table_name.clone(),
            };
            vec![
                Cell::Link(Link { text: found.agency.name.clone(), to: format!("/p/{}", found.digest) }),
                Cell::Text(table),
                Cell::Text(format!("{}（{}）", found.header, found.unit)),
                Cell::Number(found.printed.to_string(), None),
                Cell::Number(found.computed.to_string(), None),
                Cell::Number(found.difference.to_string(), None),
            ]
        };
        let about = self
            .say("汇总报告所印的合计与其所含报告相加的结果不同。两个数都照录，不作改动，由报送机关说明。");
        vec![
            Block::Text(about.to_owned()),
            Block::Grid(Grid {
                id: "differences".to_owned(),
                caption: self.say("逐格对照").to_owned(),
                note: self.lang.fill("共 {} 处", &[&self.view.differences.len().to_string()]),
                heads: vec![
                    Head::text(self.say("汇总报告")),
                    Head::text(self.say("表")),
                    Head::text(self.say("栏目")),
                    Head::number(self.say("所印"), ""),
                    Head::number(self.say("所算"), ""),
                    Head::number(self.say("相差"), ""),
                ],
                rows: self.view.differences.iter().take(DIFFERENCES_SHOWN).map(row).collect(),
                stacks: false,
            }),
        ]
    }
}
