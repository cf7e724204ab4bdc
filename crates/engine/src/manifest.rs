//! A `Cargo.toml` with its formatting: the crates that it requires, and the changes that a cell
//! makes.

mod dependencies;
mod edit;
mod requirement;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::model::outcome::TargetKind;
use pinmatrix_core::path::normalized;
use semver::Version;
use toml_edit::{DocumentMut, Item, TableLike};

pub use self::dependencies::edit_dependencies;
use self::edit::{replace, set_hold};
pub use self::requirement::{Requirement, may_prefer_older, requirements_of};

/// The tables with dependencies, in a package and below each of its `target.*`.
const DEPENDENCY_TABLES: [&str; 5] = [
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    // Cargo still reads these spellings.
    "dev_dependencies",
    "build_dependencies",
];

/// The keys by which a requirement names a source other than a registry.
const SOURCES: [&str; 5] = ["path", "git", "branch", "tag", "rev"];

/// The pin of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementPin {
    /// Exactly one published version.
    Version(Version),
    /// A revision of a git repository.
    Git {
        /// The URL of the repository.
        git: String,
        /// The revision.
        rev: String,
    },
    /// The folder of the crate.
    Path(Utf8PathBuf),
}

/// The pins of requirements, by crate.
pub type RequirementPins = BTreeMap<String, RequirementPin>;

/// By crate and feature, the features that replace that feature.
pub type Renames = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One manifest of the subject.
#[derive(Clone, Debug)]
pub struct Manifest {
    document: DocumentMut,
}

impl Manifest {
    /// Parses the text of a `Cargo.toml`.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not valid TOML.
    pub fn parse(text: &str) -> Result<Self> {
        let document = text.parse::<DocumentMut>().context("read a manifest")?;
        Ok(Self { document })
    }

    /// Returns the manifest's text.
    #[must_use]
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Returns the names of all packages it requires; for renamed ones, the package's own name.
    #[must_use]
    pub fn required_packages(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        // Reading and writing visit the same tables, so reading works on a copy.
        self.clone().each_named_requirement(|_, name, _| {
            names.insert(name.to_owned());
        });
        names
    }

    /// Pins every requirement on one of the crates in `holds` whose key and package `moves` accepts.
    ///
    /// The pin replaces the requirement's version, path or git repository. A requirement that
    /// inherits from the workspace stays unchanged, since the workspace's own is pinned.
    pub fn pin(&mut self, holds: &RequirementPins, moves: impl Fn(&str, &str) -> bool) {
        self.each_named_requirement(|key, name, requirement| {
            if let Some(hold) = holds.get(name).filter(|_| moves(key, name)) {
                set_hold(requirement, hold);
            }
        });
    }

    /// Returns the packages that its `[patch]` tables replace.
    /// <https://doc.rust-lang.org/cargo/reference/overriding-dependencies.html#the-patch-section>
    #[must_use]
    pub fn patched(&self) -> BTreeSet<String> {
        let mut document = self.clone();
        let tables = document.patch_tables();
        let names = tables.flat_map(|table| {
            let names = table.iter().map(|(key, item)| package_name(key, item));
            names.map(str::to_owned).collect::<Vec<_>>()
        });
        names.collect()
    }

    /// Removes the patches of some packages.
    pub fn lift_patches(&mut self, is_lifted: impl Fn(&str) -> bool) {
        for table in self.patch_tables() {
            let patched: Vec<String> = table
                .iter()
                .filter(|(key, item)| is_lifted(package_name(key, item)))
                .map(|(key, _)| key.to_owned())
                .collect();
            for key in patched {
                table.remove(&key);
            }
        }
    }

    /// Replaces features of some crates wherever they are requested by a dependency whose key and
    /// package `moves` accepts: in the requirement, or in a feature of the package itself
    /// (`crate/feature`, `crate?/feature`).
    /// <https://doc.rust-lang.org/cargo/reference/features.html#dependency-features>
    pub fn rename_features(&mut self, renames: &Renames, moves: impl Fn(&str, &str) -> bool) {
        let mut keys: BTreeMap<String, String> = BTreeMap::new();
        self.each_named_requirement(|key, name, requirement| {
            let Some(renames) = renames.get(name).filter(|_| moves(key, name)) else {
                return;
            };
            keys.insert(key.to_owned(), name.to_owned());
            let features = requirement.as_table_like_mut();
            let features = features.and_then(|table| table.get_mut("features"));
            if let Some(features) = features.and_then(Item::as_array_mut) {
                replace(features, |feature| renames.get(feature).cloned());
            }
        });
        let own = table_in(self.document.as_table_mut(), "features");
        for (_, features) in own.into_iter().flat_map(|own| own.iter_mut()) {
            let Some(features) = features.as_array_mut() else {
                continue;
            };
            replace(features, |written| {
                let (dependency, feature) = written.split_once('/')?;
                let name = keys.get(dependency.trim_end_matches('?'))?;
                let others = renames.get(name)?.get(feature)?.iter();
                Some(
                    others
                        .map(|other| format!("{dependency}/{other}"))
                        .collect(),
                )
            });
        }
    }

    /// Returns true if it requests a feature of a crate in a way that [`Self::rename_features`]
    /// would change.
    #[must_use]
    pub fn asks_for(&self, krate: &str, feature: &str, moves: impl Fn(&str, &str) -> bool) -> bool {
        let dropped = BTreeMap::from([(feature.to_owned(), Vec::new())]);
        let mut without = self.clone();
        without.rename_features(&[(krate.to_owned(), dropped)].into(), moves);
        without.text() != self.text()
    }

    /// Returns the package's name, if it has a `[package]` section.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        self.document.get("package")?.get("name")?.as_str()
    }

    /// Declares a rust-version, so that the resolver prefers packages that fit it.
    /// <https://doc.rust-lang.org/cargo/reference/resolver.html#rust-version>
    pub fn set_rust_version(&mut self, version: &Version) {
        if let Some(package) = table_in(self.document.as_table_mut(), "package") {
            package.remove("rust-version");
            package.insert("rust-version", toml_edit::value(version.to_string()));
        }
    }

    /// Returns the folders of its path dependencies. `folder` is the manifest's own folder.
    #[must_use]
    pub fn paths(&self, folder: &Utf8Path) -> Vec<Utf8PathBuf> {
        let mut paths = Vec::new();
        // Reading and writing visit the same tables, so reading works on a copy.
        self.clone().each_path(|table| {
            if let Some(path) = table.get("path").and_then(Item::as_str) {
                paths.push(normalized(&folder.join(path)));
            }
        });
        paths
    }

    /// Makes relative paths that leave `root` absolute, so that they still work in a copy
    /// elsewhere. `folder` is the manifest's own folder, below `root`.
    pub fn anchor_paths(&mut self, folder: &Utf8Path, root: &Utf8Path) {
        self.each_path(|table| {
            let Some(path) = table.get("path").and_then(Item::as_str) else {
                return;
            };
            let leads_to = normalized(&folder.join(path));
            if !leads_to.starts_with(root) {
                table.insert("path", toml_edit::value(leads_to.as_str()));
            }
        });
    }

    /// Returns true if it is the root of a workspace.
    #[must_use]
    pub fn is_workspace(&self) -> bool {
        self.document.contains_key("workspace")
    }

    /// Returns true if it names the workspace's default members.
    #[must_use]
    pub fn names_default_members(&self) -> bool {
        let workspace = self.document.get("workspace").and_then(Item::as_table_like);
        workspace.is_some_and(|workspace| workspace.contains_key("default-members"))
    }

    /// Returns true if it declares a profile of that name.
    #[must_use]
    pub fn has_profile(&self, name: &str) -> bool {
        let profiles = self.document.get("profile").and_then(Item::as_table_like);
        profiles.is_some_and(|profiles| profiles.contains_key(name))
    }

    /// Returns the targets that declare `harness = false`: they are programs of their own, which
    /// cargo's metadata does not show (<https://github.com/rust-lang/cargo/issues/5371>).
    #[must_use]
    pub fn without_harness(&self) -> Vec<(TargetKind, Option<String>)> {
        let has_none =
            |table: &dyn TableLike| table.get("harness").and_then(Item::as_bool) == Some(false);
        let mut without = Vec::new();
        if self
            .document
            .get("lib")
            .and_then(Item::as_table_like)
            .is_some_and(has_none)
        {
            without.push((TargetKind::Lib, None));
        }
        let kinds = [
            ("bin", TargetKind::Bin),
            ("test", TargetKind::Test),
            ("example", TargetKind::Example),
            ("bench", TargetKind::Bench),
        ];
        for (key, kind) in kinds {
            let Some(targets) = self.document.get(key) else {
                continue;
            };
            // Either `[[test]]` or `test = [{ ... }]`.
            let tables = targets.as_array_of_tables().into_iter().flatten();
            let tables = tables.map(|table| table as &dyn TableLike);
            let inline = targets.as_array().into_iter().flatten();
            let inline = inline.filter_map(|v| Some(v.as_inline_table()? as &dyn TableLike));
            for target in tables.chain(inline).filter(|target| has_none(*target)) {
                let name = target.get("name").and_then(Item::as_str);
                without.push((kind, name.map(str::to_owned)));
            }
        }
        without
    }

    fn each_path(&mut self, mut each: impl FnMut(&mut dyn TableLike)) {
        self.each_named_requirement(|_, _, requirement| {
            if let Some(table) = requirement.as_table_like_mut() {
                each(table);
            }
        });
        for patches in self.patch_tables() {
            for (_, patch) in patches.iter_mut() {
                if let Some(table) = patch.as_table_like_mut() {
                    each(table);
                }
            }
        }
    }

    /// Visits every requirement, with its key and the name of its package.
    fn each_named_requirement(&mut self, mut each: impl FnMut(&str, &str, &mut Item)) {
        self.each_own_requirement(&mut each);
        if let Some(workspace) = table_in(self.document.as_table_mut(), "workspace") {
            each_in(workspace, &mut each);
        }
    }

    /// Visits the requirements of the package alone, without those that members inherit.
    fn each_own_requirement(&mut self, mut each: impl FnMut(&str, &str, &mut Item)) {
        let root = self.document.as_table_mut();
        each_in(root, &mut each);
        if let Some(targets) = table_in(root, "target") {
            for (_, target) in targets.iter_mut() {
                if let Some(target) = target.as_table_like_mut() {
                    each_in(target, &mut each);
                }
            }
        }
    }

    fn patch_tables(&mut self) -> impl Iterator<Item = &mut dyn TableLike> {
        table_in(self.document.as_table_mut(), "patch")
            .into_iter()
            .flat_map(|patch| patch.iter_mut())
            .filter_map(|(_, source)| source.as_table_like_mut())
    }
}

/// Visits every requirement below a table, with its key and the name of its package.
fn each_in(table: &mut dyn TableLike, each: &mut impl FnMut(&str, &str, &mut Item)) {
    for name in DEPENDENCY_TABLES {
        let Some(requirements) = table_in(table, name) else {
            continue;
        };
        for (key, item) in requirements.iter_mut() {
            let package = package_name(key.get(), item).to_owned();
            each(key.get(), &package, item);
        }
    }
}

fn table_in<'a>(table: &'a mut dyn TableLike, name: &str) -> Option<&'a mut dyn TableLike> {
    table.get_mut(name).and_then(Item::as_table_like_mut)
}

/// Returns the package that a requirement is on: its key, unless it is renamed.
#[must_use]
pub fn package_name<'a>(key: &'a str, requirement: &'a Item) -> &'a str {
    requirement
        .as_table_like()
        .and_then(|table| table.get("package"))
        .and_then(Item::as_str)
        .unwrap_or(key)
}

fn is_inherited(requirement: &Item) -> bool {
    let table = requirement.as_table_like();
    table.is_some_and(|table| table.contains_key("workspace"))
}

#[cfg(test)]
mod tests;
