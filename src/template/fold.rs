//! Folding: figures of a finer layout, read exactly in a coarser one.

use super::{Template, Templates};
use crate::money::Exact;
use std::collections::BTreeMap;

/// Figures of one row, or sums of rows, by column id.
pub type Figures = BTreeMap<String, Exact>;

impl Template {
    /// These figures as the template `to` would count them: the same figures for the same template, else what
    /// the fold map gives. A target column of which a part is missing, or that the map does not name, is left
    /// out: it cannot be told exactly. `None` when there is no map to `to`, or a sum does not fit.
    pub fn fold(&self, figures: &Figures, to: &str) -> Option<Figures> {
        if self.id == to {
            return Some(figures.clone());
        }
        let fold = self.folds.iter().find(|fold| fold.to == to)?;
        let mut folded = Figures::new();
        for (target, places) in &fold.map {
            let parts = places.iter().map(|place| figures.get(&self.columns.get(*place)?.id).copied());
            if let Some(parts) = parts.collect::<Option<Vec<_>>>() {
                folded.insert(target.clone(), Exact::checked_sum(parts)?);
            }
        }
        Some(folded)
    }
}

impl Templates {
    /// The templates in which figures of all of `ids` can be read: themselves if they are one, else the targets
    /// of fold maps that they share, in the order in which the first names them.
    pub fn common<'a>(&'a self, ids: &[&str]) -> Vec<&'a str> {
        let reach = |id: &str| {
            let own = self.find(id).into_iter();
            own.flat_map(|template| {
                std::iter::once(template.id.as_str())
                    .chain(template.folds.iter().map(|fold| fold.to.as_str()))
            })
            .collect::<Vec<&'a str>>()
        };
        let Some((first, others)) = ids.split_first() else { return Vec::new() };
        let others: Vec<_> = others.iter().map(|id| reach(id)).collect();
        reach(first).into_iter().filter(|id| others.iter().all(|reach| reach.contains(id))).collect()
    }
}
