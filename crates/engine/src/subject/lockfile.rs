//! The packages of the subject's own lock, and what they depend on.

use std::collections::{BTreeMap, BTreeSet};

use pinmatrix_core::model::cell::bare;
use semver::Version;
use serde::Deserialize;

/// The versions of packages; `None` means that a package comes from no registry.
pub type LockedVersions = BTreeMap<String, BTreeSet<Option<Version>>>;

/// The packages of a lock.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Lockfile {
    #[serde(default, rename = "package")]
    packages: Vec<LockedPackage>,
}

#[derive(Clone, Debug, Deserialize)]
struct LockedPackage {
    name: String,
    version: Version,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl LockedPackage {
    /// Returns true if an entry in a list of dependencies means this package. A lock adds the
    /// version where the name alone is ambiguous, and then the source.
    fn is_meant_by(&self, dependency: &str) -> bool {
        let mut words = dependency.split(' ');
        let name = words.next().unwrap_or_default();
        let version = words.next();
        name == self.name && version.is_none_or(|version| version == self.version.to_string())
    }
}

impl Lockfile {
    /// Reads a lock; empty if it is invalid, which cargo will report.
    #[must_use]
    pub fn parse(lock: &str) -> Self {
        toml::from_str(lock).unwrap_or_default()
    }

    /// Returns the versions of each package. Of a package that the subject itself requires, only
    /// the versions that it uses count.
    #[must_use]
    pub fn versions(&self) -> LockedVersions {
        let own = self.packages.iter().filter(|p| p.source.is_none());
        let required: BTreeSet<&str> = own.flat_map(|p| &p.dependencies).map(|d| &**d).collect();
        let (mut all, mut of_subject) = (LockedVersions::new(), LockedVersions::new());
        for package in &self.packages {
            let LockedPackage { name, version, .. } = package;
            let is_published = package.source.as_deref().is_some_and(is_registry);
            let at = is_published.then(|| bare(version));
            if required.iter().any(|d| package.is_meant_by(d)) {
                let versions = of_subject.entry(name.clone()).or_default();
                versions.insert(at.clone());
            }
            all.entry(name.clone()).or_default().insert(at);
        }
        all.extend(of_subject);
        all
    }

    /// Returns the versions of some packages, sorted; those that it does not hold are left out.
    #[must_use]
    pub fn versions_of<'a>(
        &self,
        names: impl Iterator<Item = &'a String>,
    ) -> BTreeMap<String, Vec<Version>> {
        let versions = names.map(|name| {
            let packages = self.packages.iter().filter(|p| p.name == *name);
            let versions: BTreeSet<Version> = packages.map(|p| p.version.clone()).collect();
            (name.clone(), versions.into_iter().collect::<Vec<_>>())
        });
        versions
            .filter(|(_, versions)| !versions.is_empty())
            .collect()
    }

    /// Returns the version of a package that comes from no registry, if there is one.
    #[must_use]
    pub fn outside_registries(&self, name: &str) -> Option<Version> {
        let mut packages = self.packages.iter().filter(|p| p.name == name);
        let package = packages.find(|p| !p.source.as_deref().is_some_and(is_registry))?;
        Some(bare(&package.version))
    }

    /// Returns true if it has a package of the subject with this name.
    #[must_use]
    pub fn has_own(&self, name: &str) -> bool {
        let mut own = self.packages.iter().filter(|p| p.source.is_none());
        own.any(|package| package.name == name)
    }

    /// Returns the names of the packages that some crates are below, those crates included. All
    /// dependencies count: a lock holds those of tests, of build scripts and of every platform.
    #[must_use]
    pub fn above(&self, is_sought: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, package) in self.packages.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(index);
        }
        for (user, package) in self.packages.iter().enumerate() {
            for dependency in &package.dependencies {
                let name = dependency.split(' ').next().unwrap_or_default();
                let named = by_name.get(name).into_iter().flatten();
                let meant = named.filter(|at| {
                    let package = self.packages.get(**at);
                    package.is_some_and(|package| package.is_meant_by(dependency))
                });
                for used in meant {
                    users.entry(*used).or_default().push(user);
                }
            }
        }
        let sought = by_name.iter().filter(|(name, _)| is_sought(name));
        let mut open: Vec<usize> = sought.flat_map(|(_, indexes)| indexes.clone()).collect();
        let mut above: BTreeSet<usize> = open.iter().copied().collect();
        while let Some(next) = open.pop() {
            let users = users.get(&next).into_iter().flatten();
            open.extend(users.filter(|user| above.insert(**user)));
        }
        let names = above.into_iter().filter_map(|at| self.packages.get(at));
        names.map(|package| package.name.as_str()).collect()
    }
}

fn is_registry(source: &str) -> bool {
    source.starts_with("registry+") || source.starts_with("sparse+")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "source = \"registry+https://example.org/index\"";

    fn package(name: &str, version: &str, rest: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
    }

    fn locked(lock: &str) -> LockedVersions {
        Lockfile::parse(lock).versions()
    }

    #[test]
    fn only_what_comes_from_a_registry_has_a_version_that_can_be_pinned() {
        let lock = [
            package("a", "1.0.0+up1", REGISTRY),
            package("a", "2.0.0", REGISTRY),
            package(
                "b",
                "3.0.0",
                "source = \"git+https://example.org/b#0123abc\"",
            ),
            package("c", "4.0.0", ""),
        ];
        let message: Vec<String> = locked(&lock.concat())
            .into_iter()
            .map(|(name, versions)| {
                let versions = versions.into_iter();
                let version = |v: Option<Version>| v.map_or("none".to_owned(), |v| v.to_string());
                format!(
                    "{name}: {}",
                    versions.map(version).collect::<Vec<_>>().join(" ")
                )
            })
            .collect();
        assert_eq!(message, ["a: 1.0.0 2.0.0", "b: none", "c: none"]);
        assert!(locked("no lock").is_empty());
    }

    #[test]
    fn only_the_copy_that_the_subject_uses_counts() {
        let lock = [
            package("app", "0.1.0", "dependencies = [\"a 2.0.0\", \"b\"]"),
            package("a", "1.0.0", REGISTRY),
            package("a", "2.0.0", REGISTRY),
            package(
                "b",
                "3.0.0",
                &format!("{REGISTRY}\ndependencies = [\"a 1.0.0\"]"),
            ),
        ];
        let locked = locked(&lock.concat());
        assert_eq!(locked["a"], [Some(Version::new(2, 0, 0))].into());
        assert_eq!(locked["b"], [Some(Version::new(3, 0, 0))].into());
    }

    #[test]
    fn what_is_above_a_crate_reaches_it_by_some_path_at_some_version() {
        let uses = |dependencies: &str| format!("dependencies = [{dependencies}]");
        let lock = [
            package("app", "0.1.0", &uses("\"core\", \"b\"")),
            package("core", "0.1.0", &uses("\"a 2.0.0\"")),
            package("plain", "0.1.0", &uses("\"c\"")),
            package("old", "0.1.0", &uses("\"d\"")),
            package("a", "1.0.0", REGISTRY),
            package("a", "2.0.0", REGISTRY),
            package("b", "3.0.0", &format!("{REGISTRY}\n{}", uses("\"c\""))),
            package("c", "4.0.0", REGISTRY),
            package(
                "d",
                "5.0.0",
                &format!("{REGISTRY}\n{}", uses("\"a 1.0.0\"")),
            ),
        ];
        let graph = Lockfile::parse(&lock.concat());
        let above: Vec<&str> = graph.above(|name| name == "a").into_iter().collect();
        assert_eq!(above, ["a", "app", "core", "d", "old"]);
        assert!(graph.has_own("plain") && !graph.has_own("a") && !graph.has_own("new"));
    }
}
