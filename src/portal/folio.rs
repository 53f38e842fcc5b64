//! A page as data: sections of figures, tables, bars and squares. One template shows it, and the same tables are its
//! JSON, CSV and workbook, in either language. A page's own file says what is on it and knows nothing of markup.

use super::source::PlaceName;
use super::words::Lang;
use crate::time::WallMs;
use crate::view::rows::{Field, Tidy};
use serde_json::{Value, json};

/// A page.
#[derive(Default)]
pub(super) struct Folio {
    pub(super) title: String,
    pub(super) eyebrow: String,
    pub(super) lead: String,
    /// The way here: names and addresses, outermost first.
    pub(super) crumbs: Vec<Link>,
    /// States at the head of the page.
    pub(super) marks: Vec<Mark>,
    /// Other readings of the same: scopes, years.
    pub(super) switches: Vec<Switch>,
    pub(super) sections: Vec<Section>,
    /// The document of `.json`; the tables of the page without one.
    pub(super) document: Option<Value>,
    /// The rows of `.csv` and `.xlsx`; those of the tables without one.
    pub(super) tidy: Option<Tidy>,
    /// A workbook of its own in place of the rows.
    pub(super) workbook: Option<Vec<u8>>,
    /// Where `.json`, `.csv` and `.xlsx` are appended; empty where a page has none to offer.
    pub(super) stem: String,
    /// What follows the ending: the query that the page was asked with.
    pub(super) query: String,
    /// Described for search engines as a data set.
    pub(super) is_dataset: bool,
    /// The page loads the script that checks proofs.
    pub(super) checks: bool,
    /// An article of the site: when it became public, and whose it is.
    pub(super) article: Option<(WallMs, String)>,
}

/// Words that lead somewhere: an address below the base path and the reading, or a whole one.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) to: String,
}

/// A state in words; its class says how it is drawn, and no two kinds are drawn alike.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) text: String,
    pub(super) class: &'static str,
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
    /// Text of a report, with its lines as they are.
    Prose(String),
    Figures(Vec<Figure>),
    Grid(Grid),
    Bars(super::charts::Bars),
    Pairs(super::charts::Pairs),
    Shares(super::charts::Shares),
    Squares(Vec<Square>),
    Links(Vec<Link>),
    Items(Vec<Item>),
    Facts(Vec<(String, Vec<Cell>)>),
    /// Lines to type, and what they are called.
    Code(String, String),
    Form(Form),
    /// Where the checking script works: the digest, the address of the API, portals of other levels.
    Check {
        digest: String,
        api: String,
        others: Vec<Link>,
    },
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

/// One of a list: a link, its states, what is said of it.
pub(super) struct Item {
    pub(super) link: Link,
    pub(super) marks: Vec<Mark>,
    pub(super) about: Vec<String>,
    pub(super) detail: String,
}

/// A form that asks with GET.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<Asked>,
    pub(super) button: String,
}

/// A field of a form.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) wide: bool,
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
    /// One row: on a narrow screen it reads as a list of names and figures.
    pub(super) stacks: bool,
}

impl Grid {
    /// What a column is called.
    pub(super) fn head(&self, at: &usize) -> &str {
        self.heads.get(*at).map_or("", |head| head.text.as_str())
    }
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
    /// A number exactly as a report prints it, and its exact value where that is written differently.
    Printed(String, Option<String>),
    /// Why there is no number: never a zero.
    Nothing(String),
    /// A digest or key.
    Hash(String),
    Marks(Vec<Mark>),
}

impl Cell {
    /// A number, or the reason why there is none.
    pub(super) fn figure(value: Option<String>, nothing: &str, origin: Option<String>) -> Self {
        value.map_or_else(|| Self::Nothing(nothing.to_owned()), |value| Self::Number(value, origin))
    }

    /// The cell without markup.
    fn plain(&self) -> String {
        match self {
            Self::Head(text, _) | Self::Text(text) | Self::Number(text, _) | Self::Nothing(text) => {
                text.clone()
            }
            Self::Printed(text, _) | Self::Hash(text) => text.clone(),
            Self::Link(link) => link.text.clone(),
            Self::Marks(marks) => marks.iter().map(|mark| mark.text.as_str()).collect::<Vec<_>>().join("、"),
        }
    }
}

impl Mark {
    pub(super) fn new(text: impl Into<String>, class: &'static str) -> Self {
        Self { text: text.into(), class }
    }
}

impl Link {
    pub(super) fn new(text: impl Into<String>, to: impl Into<String>) -> Self {
        Self { text: text.into(), to: to.into() }
    }
}

impl Folio {
    /// A page with a title and a first sentence.
    pub(super) fn new(title: impl Into<String>, lead: impl Into<String>, stem: impl Into<String>) -> Self {
        Self { title: title.into(), lead: lead.into(), stem: stem.into(), ..Self::default() }
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

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.sections.iter().flat_map(|section| &section.blocks).flat_map(|block| match block {
            Block::Items(items) => items.as_slice(),
            _ => &[],
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
        let item = |item: &Item| json!({"text": item.link.text, "path": item.link.to, "about": item.about});
        let items: Vec<Value> = self.items().map(item).collect();
        json!({
            "schema": "gongshi.page/1", "title": self.title, "about": self.lead, "tables": tables, "items": items,
        })
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
                let name = row.first().map_or_else(String::new, Cell::plain);
                for (head, cell) in grid.heads.iter().zip(row) {
                    let (value, words) = match cell {
                        Cell::Number(number, _) => (number.clone(), String::new()),
                        other => (String::new(), other.plain()),
                    };
                    rows.push(vec![
                        Field::Text(grid.caption.clone()),
                        Field::Number(i32::to_string(&number)),
                        Field::Text(name.clone()),
                        Field::Text(head.text.clone()),
                        Field::Text(head.unit.clone()),
                        Field::Number(value),
                        Field::Text(words),
                    ]);
                }
            }
        }
        Tidy { heads: heads.map(|head| lang.say(head)).to_vec(), rows }
    }
}

/// The way down to a division, as links.
pub(super) fn crumbs(lang: Lang, above: &[PlaceName], year: u16) -> Vec<Link> {
    let link = |place: &PlaceName| Link::new(place.name.clone(), format!("/{}/{year}", place.code));
    std::iter::once(home(lang)).chain(above.iter().rev().map(link)).collect()
}

/// The start page.
pub(super) fn home(lang: Lang) -> Link {
    Link::new(lang.say("首页"), "/")
}
