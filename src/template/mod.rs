//! Templates: the layouts of tables as data, so that a layout nobody has seen is a file and no change of code.
//!
//! [`mod@parse`] reads one from TOML and refuses with file, line and key; [`columns`] tells which template a table
//! follows, by its headers alone; [`fold`] turns figures of a finer layout into those of a coarser one, exactly;
//! [`builtin`] holds the layouts of `config/templates`, which a new federation puts into its log; [`normal`] says
//! which spellings are the same. Nothing here knows a report: figures come in by column id.
#![doc = include_str!("FORMAT.md")]

pub mod builtin;
pub mod columns;
pub mod fold;
pub mod normal;
pub mod parse;

pub use columns::{Header, Places};
pub use parse::TemplateError;

#[cfg(test)]
mod tests;

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers from zero.
    Count,
    /// Amounts of money, in any unit of money.
    Money,
}

/// A column of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Stable id, the same in every layout that means the same by it.
    pub id: String,
    /// The header as the layout prints it, without a unit in brackets.
    pub header: String,
    /// Other headers for it.
    pub aliases: Vec<String>,
    /// The unit it is usually printed in (宗, 万元); what a report prints decides, not this.
    pub unit: String,
    /// What it counts.
    pub kind: Kind,
    /// True when a table may leave it out and still follow the layout.
    pub optional: bool,
}

/// A hard identity: a sum that holds exactly in every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Places of the parts among the columns.
    pub sum: Vec<usize>,
    /// Place of the column that is their sum.
    pub equals: usize,
}

/// How two sides usually compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Left is at most right.
    AtMost,
    /// Left equals right.
    Equal,
}

/// A rule that usually holds; where it does not, a person looks, and nothing is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Places of the columns summed on the left.
    pub left: Vec<usize>,
    /// How the sides compare.
    pub op: Op,
    /// Places of the columns summed on the right.
    pub right: Vec<usize>,
    /// What it means when the rule is broken, in Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A rate, always computed from sums and never averaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Stable id.
    pub id: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// Places of the columns above the line.
    pub numerator: Vec<usize>,
    /// Places of the columns below it.
    pub denominator: Vec<usize>,
}

/// How figures of this layout read in another: each target column as a sum of columns here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Id of the other template.
    pub to: String,
    /// Target column id and the places of its parts. What is not named cannot be told exactly.
    pub map: Vec<(String, Vec<usize>)>,
}

/// A layout of a table. Places in its rules are indexes into `columns`; parsing checked them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Stable id (`penalty-2018`), at most 64 bytes.
    pub id: String,
    /// Id of the table across its layouts (`penalty`).
    pub table: String,
    /// The table's name as printed, without year and agency.
    pub title: String,
    /// True while nobody has seen its header row in print.
    pub provisional: bool,
    /// Where the layout comes from: law, rule, report.
    pub source: String,
    /// Headers of columns that only label rows, beside those that always do (序号, 单位名称).
    pub labels: Vec<String>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Hard identities.
    pub identities: Vec<Identity>,
    /// Rules that usually hold.
    pub warnings: Vec<Warning>,
    /// Rates.
    pub rates: Vec<Rate>,
    /// How it reads in other layouts.
    pub folds: Vec<Fold>,
    /// What `columns` and `labels` are compared by.
    known: columns::Known,
}

/// Templates in the order in which they are asked; an id stands once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(Vec<Template>);

impl Templates {
    /// None: every table is an extra table.
    pub const NONE: Self = Self(Vec::new());

    /// Adds a template, in the place of the one with its id if there is one.
    pub fn put(&mut self, template: Template) {
        match self.0.iter_mut().find(|held| held.id == template.id) {
            Some(held) => *held = template,
            None => self.0.push(template),
        }
    }

    /// The template of that id.
    pub fn find(&self, id: &str) -> Option<&Template> {
        self.0.iter().find(|template| template.id == id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.0.iter()
    }

    /// The template that a table with these headers follows, and where its columns stand: it leaves out none but optional
    /// columns. Where several apply, the one that the table fills best; of equals one seen in print before a provisional
    /// one, then the first.
    pub fn matching(&self, headers: &[Header<'_>]) -> Option<(&Template, Places)> {
        self.best(headers, Template::is_complete)
    }

    /// The same of a table that may leave columns out: the template that holds all that it has.
    pub fn holding(&self, headers: &[Header<'_>]) -> Option<(&Template, Places)> {
        self.best(headers, |_, places| places.mapped_count() > 0)
    }

    fn best(
        &self,
        headers: &[Header<'_>],
        applies: impl Fn(&Template, &Places) -> bool,
    ) -> Option<(&Template, Places)> {
        let headers = columns::keyed(headers);
        let having = self.0.iter().filter_map(|template| Some((template, template.places(&headers)?)));
        having.filter(|(template, places)| applies(template, places)).min_by_key(|(template, places)| {
            (template.columns.len() - places.mapped_count(), template.provisional)
        })
    }
}

impl FromIterator<Template> for Templates {
    fn from_iter<I: IntoIterator<Item = Template>>(templates: I) -> Self {
        let mut all = Self::NONE;
        templates.into_iter().for_each(|template| all.put(template));
        all
    }
}
