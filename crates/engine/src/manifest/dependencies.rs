//! Drops, renames, changes and adds dependencies, each in the tables in which it stands.

use std::collections::BTreeMap;

use pinmatrix_core::config::DependencyEdits;
use toml_edit::TableLike;

use super::edit::{change, item, replace};
use super::{DEPENDENCY_TABLES, Manifest, each_in, is_inherited, table_in};

/// Edits the dependencies of members. A change to one that they inherit from the workspace holds for
/// every member that inherits it.
pub fn edit_dependencies(edits: &DependencyEdits, manifests: &mut [&mut Manifest]) {
    let is_meant = |manifest: &Manifest| {
        let mut name = manifest.package().into_iter();
        name.any(|name| edits.is_for(name))
    };
    for (key, to) in &edits.rename {
        let mut all = manifests.iter();
        if all.any(|manifest| is_meant(manifest) && manifest.inherits(key)) {
            let roots = manifests.iter_mut();
            roots.for_each(|root| root.inherit_as(key, to));
        }
    }
    for member in manifests.iter_mut().filter(|manifest| is_meant(manifest)) {
        for key in &edits.drop {
            member.replace_dependency(key, None);
        }
        for (key, to) in &edits.rename {
            member.replace_dependency(key, Some(to));
        }
    }
    // A renamed dependency goes by its new key from here on.
    let added = edits.added().into_iter();
    for (key, requirement) in added.flat_map(|(_, dependencies)| dependencies) {
        let mut all = manifests.iter();
        if all.any(|manifest| is_meant(manifest) && manifest.inherits(key)) {
            let roots = manifests.iter_mut();
            roots.for_each(|root| root.require_for_members(key, requirement));
        }
    }
    for member in manifests.iter_mut().filter(|manifest| is_meant(manifest)) {
        for (table, dependencies) in edits.added() {
            member.require(table, dependencies);
        }
    }
}

impl Manifest {
    /// Returns true if the package has a dependency with a key.
    #[must_use]
    pub fn has_dependency(&self, key: &str) -> bool {
        let mut has = false;
        // Reading and writing visit the same tables, so reading works on a copy.
        self.clone()
            .each_own_requirement(|other, _, _| has |= other == key);
        has
    }

    /// Returns true if it inherits a dependency, by key, from the workspace.
    #[must_use]
    pub fn inherits(&self, key: &str) -> bool {
        let mut inherits = false;
        // Reading and writing visit the same tables, so reading works on a copy.
        self.clone().each_named_requirement(|other, _, item| {
            inherits |= other == key && is_inherited(item);
        });
        inherits
    }

    /// Adds dependencies to a table of the package by key, or changes an existing one in every table
    /// that contains it. A dependency that is inherited from the workspace stays unchanged.
    fn require(&mut self, table: &str, dependencies: &BTreeMap<String, toml::Value>) {
        for (key, requirement) in dependencies {
            let mut stands = false;
            self.each_own_requirement(|other, _, item| {
                if other == key {
                    stands = true;
                    change(item, requirement);
                }
            });
            if stands {
                continue;
            }
            let own = self.document.as_table_mut();
            let table = own.entry(table).or_insert_with(toml_edit::table);
            if let (Some(table), Some(item)) = (table.as_table_like_mut(), item(requirement)) {
                table.insert(key, item);
            }
        }
    }

    /// Changes, by key, a dependency that workspace members inherit.
    fn require_for_members(&mut self, key: &str, requirement: &toml::Value) {
        let workspace = table_in(self.document.as_table_mut(), "workspace");
        if let Some(workspace) = workspace {
            each_in(workspace, &mut |other, _, item| {
                if other == key {
                    change(item, requirement);
                }
            });
        }
    }

    /// Lets workspace members inherit a dependency by a second key.
    fn inherit_as(&mut self, key: &str, to: &str) {
        let Some(workspace) = table_in(self.document.as_table_mut(), "workspace") else {
            return;
        };
        if let Some(table) = table_in(workspace, DEPENDENCY_TABLES[0])
            && let Some(requirement) = table.get(key).cloned()
            && !table.contains_key(to)
        {
            table.insert(to, requirement);
        }
    }

    /// Gives a dependency another key in every table of the package, or drops it, and does the same
    /// where a feature of the package names it.
    fn replace_dependency(&mut self, key: &str, to: Option<&str>) {
        let root = self.document.as_table_mut();
        replace_key(root, key, to);
        if let Some(targets) = table_in(root, "target") {
            for (_, target) in targets.iter_mut() {
                if let Some(target) = target.as_table_like_mut() {
                    replace_key(target, key, to);
                }
            }
        }
        let Some(features) = table_in(root, "features") else {
            return;
        };
        // A feature of that name of its own is not the dependency.
        let is_own = features.contains_key(key);
        for (_, words) in features.iter_mut() {
            if let Some(words) = words.as_array_mut() {
                replace(words, |word| {
                    let rest = rest_of(word, key, is_own)?;
                    Some(to.map(|to| word_for(word, to, rest)).into_iter().collect())
                });
            }
        }
    }
}

/// Returns what follows the dependency in a word of a feature that names it: `dep:key`,
/// `key/feature`, `key?/feature`, or `key` where no feature has that name.
/// <https://doc.rust-lang.org/cargo/reference/features.html#optional-dependencies>
fn rest_of<'a>(word: &'a str, key: &str, has_feature: bool) -> Option<&'a str> {
    if let Some(dependency) = word.strip_prefix("dep:") {
        return (dependency == key).then_some("");
    }
    let rest = word.strip_prefix(key)?;
    match rest {
        "" => (!has_feature).then_some(rest),
        _ => (rest.starts_with('/') || rest.starts_with("?/")).then_some(rest),
    }
}

fn word_for(word: &str, to: &str, rest: &str) -> String {
    let prefix = if word.starts_with("dep:") { "dep:" } else { "" };
    format!("{prefix}{to}{rest}")
}

/// Gives an entry of the dependency tables another key, or removes it.
fn replace_key(table: &mut dyn TableLike, key: &str, to: Option<&str>) {
    for name in DEPENDENCY_TABLES {
        let Some(requirements) = table_in(table, name) else {
            continue;
        };
        let Some(requirement) = requirements.remove(key) else {
            continue;
        };
        if let Some(to) = to {
            requirements.insert(to, requirement);
        }
    }
}
