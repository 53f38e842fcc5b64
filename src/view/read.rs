//! Reading the sums: one row for a table of a division's year, whatever it was summed from.

use super::rollup::{ALL, OWN, Part, Place, TALLY, Tally, parse_row, read_row, year_of};
use super::sum::{TableKey, TableSum};
use crate::digest::Digest;
use crate::division::DivisionCode;
use crate::ledger::Revision;
use crate::store::{Read, StoreError, layout, prefix_end};
use crate::template::Templates;
use serde::{Deserialize, Serialize};

/// Deepest tree of divisions that is walked down: that of delegations, and successors of closed ones.
const DEPTH_MAX: usize = 24;

/// A template that stands, as the index names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingTemplate {
    /// Its id.
    pub id: String,
    /// Digest of its body.
    pub digest: Digest,
    /// Length of its text in bytes.
    pub bytes: u64,
}

/// Whose figures are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewScope {
    /// 本级: the division's own agencies.
    Own,
    /// 本级及下级: and those of all divisions below it.
    #[default]
    All,
}

impl ViewScope {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::All => "all",
        }
    }

    /// From the word of the contract.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Own, Self::All].into_iter().find(|scope| scope.as_str() == word)
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Own => OWN,
            Self::All => ALL,
        }
    }
}

/// Reads the content of a statement's package; none while its body is not held.
pub type Content<'a> = dyn Fn(&Digest) -> Result<Option<Vec<u8>>, StoreError> + 'a;

/// The index, the templates that stand, and a way to bodies.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The index.
    pub store: &'a dyn Read,
    /// Templates that stand.
    pub templates: &'a Templates,
    /// The way to bodies, for signed cells.
    pub content: &'a Content<'a>,
}

/// A division that the view knows, by its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DivisionName {
    /// Its code.
    pub code: DivisionCode,
    /// Its name in the embedded registry, else that of its node; empty when neither has one.
    pub name: String,
}

/// The templates that stand, as the index names them, in their order.
///
/// # Errors
/// [`StoreError`].
pub fn standing_templates(store: &dyn Read) -> Result<Vec<StandingTemplate>, StoreError> {
    let prefix = [layout::TEMPLATE];
    let rows = store.scan(&prefix, &prefix_end(&prefix), usize::MAX)?;
    rows.iter().map(|(_, row)| parse_row(row, "a template's row")).collect()
}

impl Reader<'_> {
    /// A division; none when no delegation, hosting or public report names it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn division(&self, code: &DivisionCode) -> Result<Option<DivisionName>, StoreError> {
        Ok(self.place(code)?.map(|place| named(code, place.name)))
    }

    /// The divisions whose code begins with `text` or that have it in a name, by code, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn divisions_like(&self, text: &str, limit: usize) -> Result<Vec<DivisionName>, StoreError> {
        let prefix = [layout::PLACE];
        let mut found = Vec::new();
        for (key, row) in self.store.scan(&prefix, &prefix_end(&prefix), usize::MAX)? {
            let code = key.get(prefix.len()..).and_then(|code| str::from_utf8(code).ok());
            let Some(code) = code.and_then(|code| code.parse::<DivisionCode>().ok()) else { continue };
            let Place { name, .. } = parse_row(&row, "a place")?;
            let registered = code.registry_name().unwrap_or_default();
            if code.as_str().starts_with(text) || name.contains(text) || registered.contains(text) {
                found.push(named(&code, name));
            }
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    fn place(&self, code: &DivisionCode) -> Result<Option<Place>, StoreError> {
        read_row(self.store, &layout::place(code.as_str()), "a place")
    }

    /// The divisions above one, nearest first; none for one that is not known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn above(&self, code: &DivisionCode) -> Result<Vec<DivisionCode>, StoreError> {
        Ok(self.place(code)?.map(|place| place.above).unwrap_or_default())
    }

    /// The divisions directly below one, by code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn children(&self, code: &DivisionCode) -> Result<Vec<DivisionName>, StoreError> {
        let codes = self.child_codes(code)?.into_iter();
        codes
            .map(|child| Ok(named(&child, self.place(&child)?.map(|place| place.name).unwrap_or_default())))
            .collect()
    }

    fn child_codes(&self, code: &DivisionCode) -> Result<Vec<DivisionCode>, StoreError> {
        let prefix = layout::below_prefix(code.as_str());
        let rows = self.store.scan(&prefix, &prefix_end(&prefix), usize::MAX)?;
        let child = |(key, _): &(Vec<u8>, Vec<u8>)| {
            str::from_utf8(key.get(prefix.len()..)?).ok()?.parse::<DivisionCode>().ok()
        };
        Ok(rows.iter().filter_map(child).collect())
    }

    /// A division and, with lower levels, all below it, by code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn divisions(&self, code: &DivisionCode, scope: ViewScope) -> Result<Vec<DivisionCode>, StoreError> {
        let mut found = vec![code.clone()];
        if scope == ViewScope::All {
            let mut level = found.clone();
            for _ in 0..DEPTH_MAX {
                let mut next = Vec::new();
                for above in &level {
                    next.extend(self.child_codes(above)?);
                }
                if next.is_empty() {
                    break;
                }
                found.extend(next.iter().cloned());
                level = next;
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Years in which a division has public packages in a scope, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn years(&self, code: &DivisionCode, scope: ViewScope) -> Result<Vec<u16>, StoreError> {
        let prefix = layout::sums_of_division(code.as_str());
        let (mut from, until) = (prefix.clone(), prefix_end(&prefix));
        let mut years = Vec::new();
        while let Some((key, _)) = self.store.scan(&from, &until, 1)?.into_iter().next() {
            let Some(year) = year_of(&key, &prefix) else { break };
            let rows = layout::sums_prefix(code.as_str(), year, scope.byte());
            if !self.store.scan(&rows, &prefix_end(&rows), 1)?.is_empty() {
                years.push(year);
            }
            let Some(next) = year.checked_add(1) else { break };
            from = layout::sums_prefix(code.as_str(), next, OWN);
        }
        Ok(years)
    }

    /// The sums of a division's year, by table, and how many packages there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sums(
        &self,
        code: &DivisionCode,
        year: u16,
        scope: ViewScope,
    ) -> Result<(Tally, Vec<TableSum>), StoreError> {
        let prefix = layout::sums_prefix(code.as_str(), year, scope.byte());
        let (mut tally, mut tables) = (Tally::default(), Vec::new());
        for (key, row) in self.store.scan(&prefix, &prefix_end(&prefix), usize::MAX)? {
            if key.get(prefix.len()) == Some(&TALLY) {
                tally = parse_row(&row, "a tally")?;
            } else {
                tables.push(parse_row(&row, "sums")?);
            }
        }
        Ok((tally, tables))
    }

    /// The sum of one table of a division's year: one row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn table(
        &self,
        code: &DivisionCode,
        year: u16,
        scope: ViewScope,
        table: &TableKey,
    ) -> Result<Option<TableSum>, StoreError> {
        let (kind, name) = table.to_key();
        read_row(self.store, &layout::sums(code.as_str(), year, scope.byte(), kind, &name), "sums")
    }

    /// What a package adds to sums; none when it adds nothing and waits for nothing.
    pub(super) fn part(&self, statement: &Digest) -> Result<Option<Part>, StoreError> {
        read_row(self.store, &layout::figures(statement), "figures")
    }

    /// A public revision's row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revision(&self, statement: &Digest) -> Result<Option<Revision>, StoreError> {
        let row: Option<Revision> = read_row(self.store, &layout::revision(statement), "a revision")?;
        Ok(row.filter(|row| row.shown))
    }

    /// The consolidated reports of a division's year that stand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn consolidated(&self, code: &DivisionCode, year: u16) -> Result<Vec<Digest>, StoreError> {
        let prefix = layout::consolidated_prefix(code.as_str(), year);
        let rows = self.store.scan(&prefix, &prefix_end(&prefix), usize::MAX)?;
        let digest = |(key, _): &(Vec<u8>, Vec<u8>)| key.get(prefix.len()..)?.first_chunk().copied();
        Ok(rows.iter().filter_map(digest).map(Digest::from_bytes).collect())
    }
}

fn named(code: &DivisionCode, node: String) -> DivisionName {
    DivisionName { code: code.clone(), name: code.registry_name().map_or(node, str::to_owned) }
}
