//! The tree of divisions, as signed delegations have it: parents, names, who hosts what, what became of what ended.
//!
//! A plain value taken from the registry, so that pages and reads off the engine's thread need no node. A code is a
//! name, never a place: `330282108` stands under `330282` only because a delegation says so.

use crate::division::{DivisionCode, Level};
use crate::ledger::Registry;
use std::collections::{BTreeMap, BTreeSet};

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
        let mut places: BTreeMap<DivisionCode, Place> = BTreeMap::new();
        let mut newest: BTreeMap<DivisionCode, (bool, u64)> = BTreeMap::new();
        for (key, own) in registry.delegations() {
            let live = registry.node(&own.division) == Some(key);
            let age = (live, own.not_before.0);
            if newest.get(&own.division).is_some_and(|other| *other >= age) {
                continue;
            }
            newest.insert(own.division.clone(), age);
            let above = registry.parent(key).and_then(|key| registry.delegation(key));
            let parent = above.map(|above| above.division.clone()).filter(|above| *above != own.division);
            let successors = match live {
                true => Vec::new(),
                false => registry.closed(&own.division).unwrap_or_default().to_vec(),
            };
            let place = Place { parent, level: Some(own.level), name: own.name.clone(), live, successors };
            places.insert(own.division.clone(), place);
        }
        // A division without a node stands under the lowest node that names it.
        let mut hosted: BTreeMap<DivisionCode, (Level, DivisionCode)> = BTreeMap::new();
        for (division, key) in registry.nodes() {
            let Some(authority) = registry.authority(key) else { continue };
            let Some(level) = authority.level() else { continue };
            for code in authority.hosts().filter(|code| !places.contains_key(code)) {
                let host = (level, division.clone());
                let held = hosted.entry(code.clone()).or_insert_with(|| host.clone());
                if host > *held {
                    *held = host;
                }
            }
        }
        for (code, (_, host)) in hosted {
            let (name, parent) = (registry_name(&code), Some(host));
            places.insert(code, Place { parent, level: None, name, live: false, successors: Vec::new() });
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

    /// The division above; what nobody names stands under the root.
    pub fn parent(&self, code: &DivisionCode) -> Option<&DivisionCode> {
        match self.places.get(code) {
            Some(place) => place.parent.as_ref(),
            None => self.root.as_ref().filter(|root| *root != code),
        }
    }

    /// A division and those above it, up to the root.
    pub fn chain<'a>(&'a self, code: &'a DivisionCode) -> Vec<&'a DivisionCode> {
        let (mut chain, mut at) = (vec![code], code);
        // Levels fall strictly on the way down; a place that ended may point anywhere, so the length is bounded too.
        while let Some(parent) = self.parent(at).filter(|_| chain.len() <= 2 * Level::ALL.len()) {
            chain.push(parent);
            at = parent;
        }
        chain
    }

    /// True when `code` is `top` or stands below it.
    pub fn is_within(&self, code: &DivisionCode, top: &DivisionCode) -> bool {
        Some(top) == self.root.as_ref() || self.chain(code).contains(&top)
    }

    /// `top` and every named division below it, by code.
    pub fn within(&self, top: &DivisionCode) -> BTreeSet<DivisionCode> {
        let below = self.places.keys().filter(|code| self.is_within(code, top));
        below.cloned().chain([top.clone()]).collect()
    }

    /// The divisions directly below, by code.
    pub fn children<'a>(
        &'a self,
        code: &'a DivisionCode,
    ) -> impl Iterator<Item = (&'a DivisionCode, &'a Place)> {
        self.places.iter().filter(move |(_, place)| place.parent.as_ref() == Some(code))
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
