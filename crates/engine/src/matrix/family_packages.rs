//! Which packages of a dependency graph are the family at its pin, and which only share the name
//! of a family crate.
//!
//! Cargo builds several semver-incompatible versions of one crate side by side
//! (<https://doc.rust-lang.org/cargo/reference/resolver.html#semver-compatibility>), so a graph can
//! hold a family crate at the pin and, brought in by another package, at another version as well.

use std::collections::BTreeSet;

use cargo_metadata::{Metadata, Package, PackageId};
use pinmatrix_core::config::Family;
use pinmatrix_core::model::cell::{PinnedAt, bare};
use semver::Version;

use crate::manifest::{RequirementPin, RequirementPins};

/// A family at one of its pins.
#[derive(Clone, Copy, Debug)]
pub struct PinnedFamily<'a> {
    /// The family.
    pub family: &'a Family,
    /// The pin.
    pub at: &'a PinnedAt,
    /// The pin of each crate that the subject requires.
    pub pins: &'a RequirementPins,
    /// The packages that a `[patch]` of the subject replaces here.
    pub patched: &'a BTreeSet<String>,
}

impl PinnedFamily<'_> {
    /// Returns true if a package comes from where the pin says: at that version, or from the
    /// repository or folder. Companions have the version of the pin.
    #[must_use]
    pub fn is_at_pin(&self, package: &Package) -> bool {
        match self.version_of(&package.name) {
            Some(version) => bare(&package.version) == *version,
            None => !is_of_registry(package),
        }
    }

    /// Returns the version of a crate of the family; `None` if its pin is not published.
    #[must_use]
    pub fn version_of(&self, name: &str) -> Option<&Version> {
        match self.pins.get(name) {
            Some(RequirementPin::Version(version)) => Some(version),
            Some(RequirementPin::Git { .. } | RequirementPin::Path(_)) => None,
            None => self.at.version(),
        }
    }

    /// Returns true if a published version of a crate belongs to the family.
    #[must_use]
    pub fn holds(&self, name: &str, version: &Version) -> bool {
        if self.lists(name) {
            self.version_of(name) == Some(&bare(version))
        } else {
            self.family.holds(name)
        }
    }

    /// Returns true if a crate of this name moves with the family: it belongs to it, or follows it.
    #[must_use]
    pub fn moves(&self, name: &str) -> bool {
        self.family.holds(name) || self.pins.contains_key(name)
    }

    /// Returns true if the subject requires a crate of this name, of the family or a follower.
    #[must_use]
    pub fn lists(&self, name: &str) -> bool {
        let mut crates = self.family.crates.iter();
        crates.any(|krate| krate.get_ref() == name) || self.pins.contains_key(name)
    }
}

/// The packages of a graph that belong to the family.
#[derive(Clone, Debug, Default)]
pub struct FamilyPackages(BTreeSet<PackageId>);

impl FamilyPackages {
    /// Sorts the packages of a graph. A crate that the family lists, or a follower, belongs to it at
    /// the pin only; a companion also does where the graph does not hold it at the pin.
    #[must_use]
    pub fn of(metadata: &Metadata, pinned: PinnedFamily<'_>) -> Self {
        let named = |p: &&Package| pinned.moves(&p.name);
        let named: Vec<&Package> = metadata.packages.iter().filter(named).collect();
        let at_pin = named.iter().filter(|p| pinned.is_at_pin(p));
        let at_pin: BTreeSet<&str> = at_pin.map(|p| p.name.as_str()).collect();
        let is_copy = |p: &Package| {
            !pinned.is_at_pin(p) && (pinned.lists(&p.name) || at_pin.contains(p.name.as_str()))
        };
        let own = named.iter().filter(|p| !is_copy(p));
        Self(own.map(|p| p.id.clone()).collect())
    }

    /// Returns true if a package belongs to the family.
    #[must_use]
    pub fn contains(&self, id: &PackageId) -> bool {
        self.0.contains(id)
    }
}

/// Returns true if a package comes from a registry.
#[must_use]
pub fn is_of_registry(package: &Package) -> bool {
    let source = package.source.as_ref();
    source.is_some_and(|source| !source.repr.starts_with("git+"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{graph, pinned};

    /// The packages that belong to the family at gadget 2.0.0.
    fn of_family(text: &str) -> Vec<String> {
        let FamilyPackages(ids) = FamilyPackages::of(&graph(text), pinned());
        ids.into_iter().map(|id| id.repr).collect()
    }

    #[test]
    fn a_listed_crate_belongs_to_the_family_at_the_pin_only() {
        let graph = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget 1.0.0";
        assert_eq!(of_family(graph), ["gadget 2.0.0"]);
        // Also where nothing of that name is at the pin.
        let elsewhere = "app -> gadget 2.0.0\napp -> plug 3.0.0 -> gadget-io 1.0.0";
        assert_eq!(of_family(elsewhere), ["gadget 2.0.0"]);
    }

    #[test]
    fn a_companion_at_another_version_belongs_to_the_family_unless_it_is_there_at_the_pin() {
        let behind = "app -> gadget 2.0.0 -> gadget-core 1.9.0";
        assert_eq!(of_family(behind), ["gadget 2.0.0", "gadget-core 1.9.0"]);
        let both = "app -> gadget 2.0.0 -> gadget-core 2.0.0\n\
                    app -> plug 3.0.0 -> gadget 1.0.0 -> gadget-core 1.0.0";
        assert_eq!(of_family(both), ["gadget 2.0.0", "gadget-core 2.0.0"]);
    }
}
