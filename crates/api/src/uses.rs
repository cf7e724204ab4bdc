//! What the code of one target names of the crates of a family.

mod scan;
mod tokens;

pub use self::scan::{TargetSources, scan};

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pinmatrix_core::model::forecast::Place;

/// What code names. Paths begin with the name of a crate, as that crate calls itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The paths. One that only a glob can give may lead nowhere.
    pub paths: BTreeMap<Vec<String>, Place>,
    /// The methods that are called and the fields that are read, by name.
    pub methods: BTreeMap<String, Place>,
    /// The traits that are implemented, with the items that the implementations give.
    pub implemented: BTreeMap<Vec<String>, BTreeSet<String>>,
    /// The structures that are built or taken apart field by field, without `..`.
    pub built: BTreeMap<Vec<String>, BTreeSet<String>>,
    /// The enumerations of which variants are matched.
    pub matched: BTreeSet<Vec<String>>,
    /// What was not seen, and why.
    pub unseen: Vec<String>,
}

impl Uses {
    /// Returns true if nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Makes places relative to a folder above.
    pub fn place_below(&mut self, folder: &Utf8Path) {
        for place in self.paths.values_mut().chain(self.methods.values_mut()) {
            place.file = folder.join(&place.file);
        }
    }

    /// Adds what other code names, such as that of a library that a test uses.
    pub fn add(&mut self, other: &Uses) {
        for (path, place) in &other.paths {
            self.paths
                .entry(path.clone())
                .or_insert_with(|| place.clone());
        }
        for (name, place) in &other.methods {
            self.methods
                .entry(name.clone())
                .or_insert_with(|| place.clone());
        }
        for (path, items) in &other.implemented {
            self.implemented
                .entry(path.clone())
                .or_default()
                .extend(items.iter().cloned());
        }
        for (path, fields) in &other.built {
            self.built
                .entry(path.clone())
                .or_default()
                .extend(fields.iter().cloned());
        }
        self.matched.extend(other.matched.iter().cloned());
        self.unseen.extend(other.unseen.iter().cloned());
    }
}
