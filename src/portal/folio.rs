//! A page as data: sections of figures, tables, bars and squares. One template shows it, and the same tables are its
//! JSON, CSV and workbook, in either language. A page's own file says what is on it and knows nothing of markup.

use super::source::PlaceName;
use super::words::Lang;
use crate::view::rows::{Field, Tidy};
use serde_json::{Value, json};

/// A page.
pub(super) struct Folio {
    pub(super) title: String,
    pub(super) eyebrow: String,
    pub(super) lead: String,
    /// The way here: names and addresses, outermost first.
    pub(super) crumbs: Vec<Link>,
    /// Other readings of the same: scopes, years.
    pub(super) switches: Vec<Switch>,
    pub(super) sections: Vec<Section>,
    /// The document of `.json`; the tables of the page without one.
    pub(super) document: Option<Value>,
    /// The rows of `.csv` and `.xlsx`; those of the tables without one.
    pub(super) tidy: Option<Tidy>,
    /// Where `.json`, `.csv` and `.xlsx` are appended; empty where a page has none to offer.
    pub(super) stem: String,
    /// Described for search engines as a data set.
    pub(super) is_dataset: bool,
}

/// Words that lead somewhere: an address below the base path and the language.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) to: String,
}

/// Readings of which one is shown.
pub(super) struct Switch {
    pub(super) label: String,
    /// The reading, its address, and whether it is the one shown.
    pub(super) readings: Vec<(String, String, bool)>,
}

/// A part of a page under its own heading.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// What stands in a section.
pub(super) enum Block {
    Text(String),
    Notice(String),
    Figures(Vec<Figure>),
    Grid(Grid),
    Bars(super::charts::Bars),
    Shares(super::charts::Shares),
    Squares(Vec<Square>),
    Links(Vec<Link>),
}

/// A headline number.
pub(super) struct Figure {
    pub(super) name: String,
    /// The number; the reason in words where there is none.
    pub(super) value: Result<String, String>,
    pub(super) unit: String,
    /// What it is compared with, in words.
    pub(super) change: String,
    /// What it was summed from.
    pub(super) origin: Option<Link>,
}

/// A division as a square; the darker, the larger the number, which stands in it.
pub(super) struct Square {
    pub(super) link: Link,
    pub(super) value: Result<String, String>,
    /// 0 to 4.
    pub(super) shade: usize,
}

/// A table.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) id: String,
    pub(super) caption: String,
    /// Beside the caption: the unit, the scope, how many reports.
    pub(super) note: String,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A column's head.
pub(super) struct Head {
    pub(super) text: String,
    pub(super) unit: String,
    pub(super) numeric: bool,
}

impl Head {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), unit: String::new(), numeric: false }
    }
    pub(super) fn number(text: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { text: text.into(), unit: unit.into(), numeric: true }
    }
}

/// A cell.
pub(super) enum Cell {
    /// The name of the row.
    Head(String, Option<String>),
    Text(String),
    Link(Link),
    /// A plain decimal number, shown with its digits grouped, and where it comes from.
    Number(String, Option<String>),
    /// Why there is no number: never a zero.
    Nothing(String),
}

impl Cell {
    /// A number, or the reason why there is none.
    pub(super) fn figure(value: Option<String>, nothing: &str, origin: Option<String>) -> Self {
        value.map_or_else(|| Self::Nothing(nothing.to_owned()), |value| Self::Number(value, origin))
    }

    /// The cell without markup.
    fn plain(&self) -> &str {
        match self {
            Self::Head(text, _) | Self::Text(text) | Self::Number(text, _) | Self::Nothing(text) => text,
            Self::Link(link) => &link.text,
        }
    }
}

impl Folio {
    /// A page with a title and a first sentence.
    pub(super) fn new(title: impl Into<String>, lead: impl Into<String>, stem: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            eyebrow: String::new(),
            lead: lead.into(),
            crumbs: Vec::new(),
            switches: Vec::new(),
            sections: Vec::new(),
            document: None,
            tidy: None,
            stem: stem.into(),
            is_dataset: false,
        }
    }

    /// Adds a section.
    pub(super) fn put(&mut self, id: &'static str, title: impl Into<String>, blocks: Vec<Block>) {
        self.sections.push(Section { id, title: title.into(), blocks });
    }

    pub(super) fn grids(&self) -> impl Iterator<Item = &Grid> {
        self.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            Block::Grid(grid) => Some(grid),
            Block::Bars(bars) => Some(&bars.grid),
            _ => None,
        })
    }

    /// The document of `.json`.
    pub(super) fn json(&mut self) -> Value {
        if let Some(document) = self.document.take() {
            return document;
        }
        let table = |grid: &Grid| {
            let cell = |cell: &Cell| match cell {
                Cell::Number(number, _) => json!({"value": number}),
                Cell::Nothing(why) => json!({"value": null, "note": why}),
                Cell::Link(link) => json!({"text": link.text, "path": link.to}),
                other => json!({"text": other.plain()}),
            };
            json!({
                "id": grid.id, "caption": grid.caption, "note": grid.note,
                "columns": grid.heads.iter().map(|h| json!({"header": h.text, "unit": h.unit})).collect::<Vec<_>>(),
                "rows": grid.rows.iter().map(|row| row.iter().map(cell).collect()).collect::<Vec<Vec<Value>>>(),
            })
        };
        let tables: Vec<Value> = self.grids().map(table).collect();
        json!({"schema": "gongshi.page/1", "title": self.title, "about": self.lead, "tables": tables})
    }

    /// The rows of `.csv` and `.xlsx`: one row a cell of the page's tables.
    pub(super) fn rows(&mut self, lang: Lang) -> Tidy {
        if let Some(tidy) = self.tidy.take() {
            return tidy;
        }
        let heads = ["表", "行", "行名", "栏目", "单位", "数值", "文字"];
        let mut rows = Vec::new();
        for grid in self.grids() {
            for (number, row) in (1..).zip(&grid.rows) {
                let name = row.first().map_or("", Cell::plain);
                for (head, cell) in grid.heads.iter().zip(row) {
                    let (value, words) = match cell {
                        Cell::Number(number, _) => (number.as_str(), ""),
                        other => ("", other.plain()),
                    };
                    let text = |text: &str| Field::Text(text.to_owned());
                    rows.push(vec![
                        text(&grid.caption),
                        Field::Number(i32::to_string(&number)),
                        text(name),
                        text(&head.text),
                        text(&head.unit),
                        Field::Number(value.to_owned()),
                        text(words),
                    ]);
                }
            }
        }
        Tidy { heads: heads.map(|head| lang.say(head)).to_vec(), rows }
    }
}

/// The way down to a division, as links.
pub(super) fn crumbs(lang: Lang, above: &[PlaceName], year: u16) -> Vec<Link> {
    let start = Link { text: lang.say("首页").to_owned(), to: "/".to_owned() };
    let link = |place: &PlaceName| Link { text: place.name.clone(), to: format!("/{}/{year}", place.code) };
    std::iter::once(start).chain(above.iter().rev().map(link)).collect()
}
