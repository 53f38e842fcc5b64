//! A page of the console as data: sections of facts, tables, figures and forms. One template shows it; a page's own file
//! knows nothing of markup.

use super::deed::{Deed, Fields};
use super::figures::TableView;
use super::words::Lang;

use std::collections::BTreeMap;

/// A page.
pub(super) struct Sheet {
    pub(super) lang: Lang,
    /// The page's place in the navigation.
    pub(super) at: &'static str,
    pub(super) title: String,
    pub(super) lead: String,
    /// The command that says the same.
    pub(super) command: String,
    pub(super) sections: Vec<Section>,
}

/// A part of a page under its own heading.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// Kept up to date while the page is open; a section with a form is not.
    pub(super) live: bool,
    pub(super) blocks: Vec<Block>,
}

/// What stands in a section.
pub(super) enum Block {
    Text(String),
    /// The weight of it (`good`, `warn`, `bad`), what it says, and the command to run next.
    Notice(&'static str, String, String),
    Prose(String),
    Facts(Vec<(String, String)>),
    Grid(Grid),
    Form(Form),
    /// The tables of a report with what was found at their cells.
    Figures(Vec<Marked>),
    Links(Vec<(String, String)>),
}

/// A table.
pub(super) struct Grid {
    pub(super) caption: String,
    /// Heads, and whether figures stand below them.
    pub(super) heads: Vec<(String, bool)>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// What stands in its place when it has no rows.
    pub(super) nothing: String,
}

/// A cell: its text, where it leads, and what stands small below it.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) link: String,
    pub(super) note: String,
    pub(super) weight: &'static str,
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
    pub(super) fn link(text: impl Into<String>, link: impl Into<String>) -> Self {
        Self { text: text.into(), link: link.into(), ..Self::default() }
    }
    pub(super) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
    pub(super) const fn weighing(mut self, weight: &'static str) -> Self {
        self.weight = weight;
        self
    }
}

/// A form: where it goes, its fields, its button, the command that the button runs.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
    pub(super) button: String,
    pub(super) command: String,
    /// What must be typed back, and the words that ask for it.
    pub(super) typed_back: Option<String>,
    pub(super) takes_file: bool,
}

/// A field of a form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) value: String,
    pub(super) hint: String,
    pub(super) required: bool,
}

/// How a field is filled in.
pub(super) enum Kind {
    Hidden,
    Line,
    Password,
    Area,
    Time,
    File,
    Choice(Vec<(String, String)>),
}

impl Field {
    pub(super) fn hidden(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            label: String::new(),
            kind: Kind::Hidden,
            value: value.into(),
            hint: String::new(),
            required: false,
        }
    }
    pub(super) fn of(name: &'static str, label: &str, kind: Kind, hint: &str) -> Self {
        Self {
            name,
            label: label.to_owned(),
            kind,
            value: String::new(),
            hint: hint.to_owned(),
            required: true,
        }
    }
    pub(super) const fn optional(mut self) -> Self {
        self.required = false;
        self
    }
}

impl Form {
    /// True when something must be typed back.
    pub(super) fn is_dangerous(&self) -> bool {
        self.typed_back.is_some() || self.fields.iter().any(|field| field.name == "typed")
    }

    /// A form of a verb: the command is that of its deed with what can only be typed in capitals.
    pub(super) fn of(lang: Lang, verb: &str, button: &str, fields: Vec<Field>, sample: &Deed) -> Self {
        Self {
            action: lang.to(&format!("/do/{verb}")),
            fields,
            button: button.to_owned(),
            command: sample.command(),
            typed_back: sample.typed_back(),
            takes_file: false,
        }
    }
}

/// A table of a report, and what was found at its cells by row and header.
pub(super) struct Marked {
    pub(super) table: TableView,
    pub(super) marks: BTreeMap<(usize, String), String>,
}

impl Marked {
    /// What was found at a cell, rows from 1.
    pub(super) fn at(&self, row: &usize, header: &str) -> Option<&String> {
        self.marks.get(&(*row, header.to_owned()))
    }
}

impl Sheet {
    pub(super) fn new(lang: Lang, at: &'static str, title: &str, lead: &str, command: &str) -> Self {
        let (title, lead, command) = (title.to_owned(), lead.to_owned(), command.to_owned());
        Self { lang, at, title, lead, command, sections: Vec::new() }
    }

    /// Adds a section.
    pub(super) fn put(&mut self, id: &'static str, title: &str, blocks: Vec<Block>) {
        let live = !blocks.iter().any(|block| matches!(block, Block::Form(_)));
        self.sections.push(Section { id, title: title.to_owned(), live, blocks });
    }
}

/// What a page is asked for beside its address.
pub(super) struct Asked {
    pub(super) lang: Lang,
    /// The variable part of the address.
    pub(super) part: String,
    pub(super) query: Fields,
}
