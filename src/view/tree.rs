//! The tree of divisions: where each stands, what it is called, what became of what ended. One rule (`parent`) for
//! sums and for coverage.
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
//!
//! [`Tree`] is the whole of it as a plain value, so that pages and reads off the engine's thread need no node.

use crate::division::{DivisionCode, Level};
use crate::ledger::Registry;
use crate::trust::chain::Authority;
use crate::trust::key::PublicKey;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Most ancestors followed: delegations have four levels, a successor adds one for each closing.
const ANCESTORS_MAX: usize = 16;

/// The divisions above one, nearest first.
pub fn ancestors(registry: &Registry, division: &DivisionCode) -> Vec<DivisionCode> {
    let above = climb(division, |code| parent(registry, code, || naming(registry, code)));
    above.into_iter().cloned().collect()
}

/// Goes up from parent to parent, nearest first. What ended may point anywhere, so no circle is followed.
fn climb<'a>(
    division: &'a DivisionCode,
    parent: impl Fn(&DivisionCode) -> Option<&'a DivisionCode>,
) -> Vec<&'a DivisionCode> {
    let (mut above, mut at) = (Vec::new(), division);
    while above.len() < ANCESTORS_MAX
        && let Some(next) = parent(at).filter(|next| *next != division && !above.contains(next))
    {
        above.push(next);
        at = next;
    }
    above
}

/// The live nodes whose hosting names a division.
fn naming<'a>(registry: &'a Registry, division: &DivisionCode) -> Vec<&'a PublicKey> {
    let nodes = registry.nodes().map(|(_, key)| key);
    nodes.filter(|key| registry.authority(key).is_some_and(|own| own.names(division))).collect()
}

/// The division above one; `naming` finds the live nodes whose hosting names it, where it comes to that.
fn parent<'a>(
    registry: &'a Registry,
    division: &DivisionCode,
    naming: impl FnOnce() -> Vec<&'a PublicKey>,
) -> Option<&'a DivisionCode> {
    let division_of = |key: &PublicKey| registry.delegation(key).map(|own| &own.division);
    if let Some(key) = registry.node(division) {
        return division_of(registry.parent(key)?);
    }
    if let Some([successor]) = registry.closed(division)
        && registry.node(successor).is_some()
    {
        return Some(successor);
    }
    if let Some(ended) = registry.replaceable(division) {
        return division_of(registry.parent(ended)?);
    }
    // The lowest of them; of equals the first by code.
    let lowest = naming()
        .into_iter()
        .max_by_key(|key| registry.delegation(key).map(|own| (own.level, Reverse(own.division.clone()))));
    let base = lowest.or_else(|| registry.root())?;
    let near = prefixes(division.as_str())
        .into_iter()
        .find_map(|code| registry.node(&code).filter(|key| registry.is_ancestor(base, key)));
    division_of(near.unwrap_or(base))
}

/// Codes that the digits of a code name above it, nearest first: GB/T 10114 towns in GB/T 2260 divisions, 2+2+2.
fn prefixes(code: &str) -> Vec<DivisionCode> {
    let digits = code.split('-').next().unwrap_or_default();
    let zone = (digits != code).then(|| digits.to_owned());
    let padded = [(6, ""), (4, "00"), (2, "0000")].into_iter();
    let padded = padded.filter_map(|(length, zeros)| Some(format!("{}{zeros}", digits.get(..length)?)));
    let above = zone.into_iter().chain(padded.filter(|above| above != digits));
    above.filter_map(|above| above.parse().ok()).collect()
}

/// What the codes of everything that the digits of a code name below it begin with: the code without the zeros that
/// stand for "all of it".
pub fn significant(code: &DivisionCode) -> &str {
    let code = code.as_str();
    let digits = if code.len() == 6 { code.strip_suffix("00").unwrap_or(code) } else { code };
    if digits.len() == 4 { digits.strip_suffix("00").unwrap_or(digits) } else { digits }
}

/// One division.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The division above; none at the root.
    pub parent: Option<DivisionCode>,
    /// Level of its node; none for a division that never had one and is hosted.
    pub level: Option<Level>,
    /// Its node's name as delegated, else the registry's name, else its code.
    pub name: String,
    /// It has a node that speaks.
    pub live: bool,
    /// The divisions that go on with its duties, when it was closed.
    pub successors: Vec<DivisionCode>,
}

/// All divisions that a delegation or hosting of this federation names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    root: Option<DivisionCode>,
    places: BTreeMap<DivisionCode, Place>,
}

/// The name that the embedded list gives, else the code.
fn registry_name(code: &DivisionCode) -> String {
    code.registry_name().map_or_else(|| code.to_string(), str::to_owned)
}

impl Tree {
    /// The tree that a registry holds.
    pub fn of(registry: &Registry) -> Self {
        let root = registry.root().and_then(|key| registry.delegation(key)).map(|own| own.division.clone());
        let mut newest: BTreeMap<&DivisionCode, (bool, u64)> = BTreeMap::new();
        let mut places: BTreeMap<DivisionCode, Place> = BTreeMap::new();
        for (key, own) in registry.delegations() {
            let live = registry.node(&own.division) == Some(key);
            let age = (live, own.not_before.0);
            if newest.get(&own.division).is_some_and(|other| *other >= age) {
                continue;
            }
            newest.insert(&own.division, age);
            let successors = match live {
                true => Vec::new(),
                false => registry.closed(&own.division).unwrap_or_default().to_vec(),
            };
            let parent = parent(registry, &own.division, Vec::new).cloned();
            let place = Place { parent, level: Some(own.level), name: own.name.clone(), live, successors };
            places.insert(own.division.clone(), place);
        }
        let mut hosted: BTreeMap<&DivisionCode, Vec<&PublicKey>> = BTreeMap::new();
        for (_, key) in registry.nodes() {
            let hosts = registry.authority(key).into_iter().flat_map(Authority::hosts);
            hosts.for_each(|code| hosted.entry(code).or_default().push(key));
        }
        for (code, naming) in hosted.into_iter().filter(|(code, _)| !newest.contains_key(code)) {
            let (name, parent) = (registry_name(code), parent(registry, code, || naming).cloned());
            let place = Place { parent, level: None, name, live: false, successors: Vec::new() };
            places.insert(code.clone(), place);
        }
        Self { root, places }
    }

    /// The division of the root.
    pub const fn root(&self) -> Option<&DivisionCode> {
        self.root.as_ref()
    }

    /// What is known of a division.
    pub fn place(&self, code: &DivisionCode) -> Option<&Place> {
        self.places.get(code)
    }

    /// Every division, by code.
    pub fn places(&self) -> impl Iterator<Item = (&DivisionCode, &Place)> {
        self.places.iter()
    }

    /// Its name.
    pub fn name(&self, code: &DivisionCode) -> String {
        self.places.get(code).map_or_else(|| registry_name(code), |place| place.name.clone())
    }

    /// The division above. What nobody names stands under the nearest live node that its digits name, else under the
    /// root: the fourth case of the rule.
    pub fn parent(&self, code: &DivisionCode) -> Option<&DivisionCode> {
        if let Some(place) = self.places.get(code) {
            return place.parent.as_ref();
        }
        let mut near = prefixes(code.as_str()).into_iter();
        let near = near.find_map(|code| self.places.get_key_value(&code).filter(|(_, place)| place.live));
        near.map(|(code, _)| code).or(self.root.as_ref().filter(|root| *root != code))
    }

    /// A division and those above it, up to the root.
    pub fn chain<'a>(&'a self, code: &'a DivisionCode) -> Vec<&'a DivisionCode> {
        let above = climb(code, |code| self.parent(code));
        std::iter::once(code).chain(above).collect()
    }

    /// True when `code` is `top` or stands below it.
    pub fn is_within(&self, code: &DivisionCode, top: &DivisionCode) -> bool {
        Some(top) == self.root.as_ref() || self.chain(code).contains(&top)
    }

    /// What the codes of `top` and of all that stands below it begin with, in order, none beginning with another: few,
    /// because most of it is named by the digits of `top`. Others may begin so too.
    pub fn beginnings<'a>(&'a self, top: &'a DivisionCode) -> Vec<&'a str> {
        if self.root.as_ref() == Some(top) {
            return vec![""];
        }
        let below = self.places.keys().filter(|code| self.is_within(code, top));
        let mut beginnings: Vec<&str> = below.map(DivisionCode::as_str).chain([significant(top)]).collect();
        beginnings.sort_unstable();
        let mut last = None;
        beginnings.retain(|code| match last {
            Some(kept) if code.starts_with(kept) => false,
            _ => {
                last = Some(*code);
                true
            }
        });
        beginnings
    }

    /// The one division that goes on with the duties of a closed one, through later closings; none when there is
    /// none, or several.
    pub fn successor<'a>(&'a self, code: &'a DivisionCode) -> Option<&'a DivisionCode> {
        let (mut at, mut seen) = (code, BTreeSet::new());
        while let Some(Place { live: false, successors, .. }) = self.places.get(at)
            && let [next] = successors.as_slice()
            && seen.insert(at)
        {
            at = next;
        }
        Some(at).filter(|at| *at != code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> DivisionCode {
        text.parse().unwrap()
    }

    fn texts(codes: &[DivisionCode]) -> Vec<&str> {
        codes.iter().map(DivisionCode::as_str).collect()
    }

    #[test]
    fn codes_name_what_stands_above_them() {
        assert_eq!(texts(&prefixes("330282108")), ["330282", "330200", "330000"]);
        assert_eq!(texts(&prefixes("330282")), ["330200", "330000"]);
        assert_eq!(texts(&prefixes("330200")), ["330000"]);
        assert_eq!(texts(&prefixes("330100-xihu")), ["330100", "330000"]);
        assert_eq!(texts(&prefixes("330282108-port")), ["330282108", "330282", "330200", "330000"]);
        assert!(prefixes("330000").is_empty());
    }

    #[test]
    fn whatever_a_code_names_below_it_begins_with_its_significant_digits() {
        for (top, digits) in
            [("330000", "33"), ("330200", "3302"), ("330282", "330282"), ("330282108", "330282108")]
        {
            assert_eq!(significant(&code(top)), digits);
        }
        for below in ["330200", "330282", "330282108", "330100-xihu", "330282108-port"] {
            let below = code(below);
            for above in prefixes(below.as_str()) {
                assert!(below.as_str().starts_with(significant(&above)), "{below} under {above}");
            }
        }
    }

    /// A province with a city, a district that looked like another city's until it was moved, and a hosted zone.
    fn tree() -> Tree {
        let place = |parent: Option<&str>, live: bool| Place {
            parent: parent.map(code),
            level: live.then_some(Level::District),
            name: String::new(),
            live,
            successors: Vec::new(),
        };
        let places = [
            ("330000", place(None, true)),
            ("330200", place(Some("330000"), true)),
            ("330299", place(Some("330000"), true)),
            ("330381", place(Some("330200"), true)),
            ("330381-port", place(Some("330381"), false)),
        ];
        let places = places.into_iter().map(|(at, place)| (code(at), place)).collect();
        Tree { root: Some(code("330000")), places }
    }

    #[test]
    fn what_nobody_names_stands_where_its_digits_point_and_beginnings_miss_nothing() {
        let tree = tree();
        for (at, above) in
            [("330282", "330200"), ("330381001", "330381"), ("331126", "330000"), ("990000", "330000")]
        {
            assert_eq!(tree.parent(&code(at)), Some(&code(above)), "{at}");
        }
        assert_eq!(tree.beginnings(&code("330000")), [""]);
        assert_eq!(tree.beginnings(&code("330200")), ["3302", "330381"]);
        assert_eq!(tree.beginnings(&code("330299")), ["330299"]);
        // A district with the city's digits was taken from it: what begins so is looked at one by one.
        assert!(!tree.is_within(&code("330299"), &code("330200")));
        assert!(tree.is_within(&code("330381-port"), &code("330200")));
        assert!(tree.is_within(&code("330282"), &code("330200")), "by its digits alone");
    }
}
