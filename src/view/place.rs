//! Where a division stands: the jurisdictions above it, as the delegations of the whole fold say.
//!
//! The tree is that of now, for all years: who is looked after by whom is a fact of today, and a re-parented county
//! brings its history along. In this order:
//! 1. a division with a live node stands under the division of the node that its delegation names;
//! 2. a closed division with one live successor stands under that one, which took its duties on; with several, figures
//!    cannot be parted, and it stays where it was;
//! 3. a division whose node ended stays where that node was;
//! 4. a division without a node of its own (hosted: towns, departments, zones) stands under the nearest live node that
//!    its code prefix names, among those at or below the node whose hosting names it (else the root's), and under that
//!    node itself when no prefix does. A code prefix alone never leads out of what a signed hosting says.

use crate::division::DivisionCode;
use crate::ledger::Registry;
use crate::trust::key::PublicKey;

/// Most ancestors followed: delegations have four levels, a successor adds one for each closing.
const ANCESTORS_MAX: usize = 16;

/// The divisions above one, nearest first.
pub fn ancestors(registry: &Registry, division: &DivisionCode) -> Vec<DivisionCode> {
    let mut above: Vec<DivisionCode> = Vec::new();
    while above.len() < ANCESTORS_MAX {
        match parent(registry, above.last().unwrap_or(division)) {
            Some(next) if next != *division && !above.contains(&next) => above.push(next),
            _ => break,
        }
    }
    above
}

fn division_of<'a>(registry: &'a Registry, key: &PublicKey) -> Option<&'a DivisionCode> {
    registry.delegation(key).map(|own| &own.division)
}

fn parent(registry: &Registry, division: &DivisionCode) -> Option<DivisionCode> {
    let above = |key: &PublicKey| division_of(registry, registry.parent(key)?).cloned();
    if let Some(key) = registry.node(division) {
        return above(key);
    }
    if let Some([successor]) = registry.closed(division)
        && registry.node(successor).is_some()
    {
        return Some(successor.clone());
    }
    match registry.replaceable(division) {
        Some(ended) => above(ended),
        None => host(registry, division),
    }
}

/// The parent of a division that never had a node.
fn host(registry: &Registry, division: &DivisionCode) -> Option<DivisionCode> {
    let naming =
        registry.nodes().filter(|(_, key)| registry.authority(key).is_some_and(|own| own.names(division)));
    // The lowest of them; of equals the first by code.
    let named = naming.max_by_key(|(code, key)| {
        (registry.delegation(key).map(|own| own.level), std::cmp::Reverse((*code).clone()))
    });
    let base = named.map(|(_, key)| *key).or_else(|| registry.root().copied())?;
    let prefixes = prefixes(division.as_str());
    let codes = prefixes.iter().filter_map(|code| code.parse::<DivisionCode>().ok());
    let near = codes.filter(|code| registry.node(code).is_some_and(|key| registry.is_ancestor(&base, key)));
    near.into_iter().next().or_else(|| division_of(registry, &base).cloned())
}

/// Codes that the digits of a code name above it, nearest first: GB/T 10114 towns in GB/T 2260 divisions, 2+2+2.
fn prefixes(code: &str) -> Vec<String> {
    let digits = code.split('-').next().unwrap_or_default();
    let mut above = Vec::new();
    if digits != code {
        above.push(digits.to_owned());
    }
    for (length, zeros) in [(6, ""), (4, "00"), (2, "0000")] {
        let candidate = digits.get(..length).map(|prefix| format!("{prefix}{zeros}")).unwrap_or_default();
        if candidate != digits && candidate != code {
            above.push(candidate);
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_name_what_stands_above_them() {
        assert_eq!(prefixes("330282108"), ["330282", "330200", "330000"]);
        assert_eq!(prefixes("330282"), ["330200", "330000"]);
        assert_eq!(prefixes("330200"), ["330000"]);
        assert_eq!(prefixes("330100-xihu"), ["330100", "330000"]);
        assert_eq!(prefixes("330282108-port"), ["330282108", "330282", "330200", "330000"]);
        assert!(prefixes("330000").is_empty());
    }
}
