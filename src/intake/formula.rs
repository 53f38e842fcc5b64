//! Formulas: sums are computed again from their cells; every other formula is left to its author to confirm.
//!
//! What a workbook says its formulas last gave is not trusted: programs that write workbooks do not compute, and
//! a file can say anything. Only sums of cells of the same sheet are understood: `SUM(B4:K4)`, `B4+C4`, mixtures.

use super::sheet::{Place, Sheet, place_of};
use crate::money::Exact;
use crate::package::cell::{Raw, State};

/// Most cells one formula may name; a sum over a whole column is a sum over what stands in it.
const CELLS_MAX: usize = 20_000;

/// What a formula comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The exact sum; `None` when all its cells are blank.
    Sum(Option<Exact>),
    /// Not a plain sum, or a sum over something that is no number.
    NotASum,
}

/// Computes a formula of a sheet.
pub(super) fn evaluate(sheet: &Sheet, formula: &str) -> Outcome {
    let plain: String = formula.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = plain.trim_start_matches(['=', '+']);
    match sum(sheet, plain) {
        Some((total, true)) => Outcome::Sum(Some(total)),
        Some((_, false)) => Outcome::Sum(None),
        None => Outcome::NotASum,
    }
}

/// The sum, and whether any of its cells held a number.
fn sum(sheet: &Sheet, text: &str) -> Option<(Exact, bool)> {
    let (mut total, mut any) = (Exact::ZERO, false);
    for term in terms(text)? {
        let inner = term
            .get(..4)
            .filter(|name| name.eq_ignore_ascii_case("SUM("))
            .and_then(|_| term.get(4..)?.strip_suffix(')'));
        let parts: Vec<&str> = inner.map_or_else(|| vec![term], |inner| inner.split(',').collect());
        for part in parts {
            for place in places(sheet, part)? {
                let Some(raw) = sheet.cells.get(&place) else { continue };
                if sheet.formulas.contains_key(&place) {
                    return None;
                }
                let (cell, _) = raw.clone().into_cell(None);
                match cell.state {
                    State::Blank | State::NotApplicable => {}
                    // Excel's SUM passes over words, `+` does not: a count written as text would silently vanish.
                    State::Text => return None,
                    State::Value => {
                        any = true;
                        total = total.checked_add(cell.amount()?)?;
                    }
                }
            }
        }
    }
    Some((total, any))
}

/// The terms between the `+` outside brackets.
fn terms(text: &str) -> Option<Vec<&str>> {
    let (mut depth, mut start, mut terms) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            '+' if depth == 0 => {
                terms.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(text.get(start..)?);
    terms.iter().all(|term| !term.is_empty()).then_some(terms)
}

/// The places of `B4` or `B4:K4` that hold something.
fn places(sheet: &Sheet, part: &str) -> Option<Vec<Place>> {
    let Some((from, to)) = part.split_once(':') else { return Some(vec![place_of(part)?]) };
    let (from, to) = (place_of(from)?, place_of(to)?);
    let rows = from.0.min(to.0)..=from.0.max(to.0);
    let columns = from.1.min(to.1)..=from.1.max(to.1);
    let held = sheet.cells.range((*rows.start(), 0)..=(*rows.end(), u32::MAX)).map(|(place, _)| *place);
    let places: Vec<Place> =
        held.filter(|(_, column)| columns.contains(column)).take(CELLS_MAX + 1).collect();
    (places.len() <= CELLS_MAX).then_some(places)
}

/// The exact figure as a number's token.
pub(super) fn token(sum: Exact) -> Raw {
    Raw::Number(sum.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::default();
        for (name, text) in [("A1", "1"), ("B1", "0.1"), ("C1", "0.2"), ("D1", "不适用"), ("A3", "无")] {
            sheet.cells.insert(place_of(name).unwrap(), Raw::Number(text.into()));
        }
        sheet
    }

    #[test]
    fn sums_are_exact_and_everything_else_is_not_understood() {
        let sheet = sheet();
        for (formula, expected) in
            [("SUM(A1:C1)", "1.3"), ("=A1+B1", "1.1"), ("sum( $A$1 , B1:C1 ) + A1", "2.3"), ("+A1", "1")]
        {
            assert_eq!(evaluate(&sheet, formula), Outcome::Sum(Some(expected.parse().unwrap())), "{formula}");
        }
        assert_eq!(evaluate(&sheet, "SUM(A2:Z2)"), Outcome::Sum(None), "a sum of nothing is nothing, not 0");
        for formula in [
            "A1*2",
            "ROUND(A1,2)",
            "[1]Sheet1!A1",
            "Sheet2!A1+A1",
            "SUM(A1:A3)",
            "SUM(A1",
            "A1+",
            "",
            "WEBSERVICE(\"x\")",
        ] {
            assert_eq!(evaluate(&sheet, formula), Outcome::NotASum, "{formula}");
        }
    }
}
