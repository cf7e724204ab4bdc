//! One revision of the subject: its files, and what in them affects a result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::config::{Config, SourceSpec};
use pinmatrix_core::error::SourceText;
use pinmatrix_core::model::cell::bare;
use semver::Version;
use serde::Deserialize;

use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
use crate::subject::Subject;
use crate::subject::checkout::Checkout;

/// One revision of the subject.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// The label of its `[[source]]`; `None` if the matrix has no such axis.
    pub label: Option<String>,
    /// Its files.
    pub subject: Subject,
    /// A hash of its files, except its lock.
    pub sources: String,
    /// The text of its own cargo configs.
    pub cargo_config: String,
    /// A hash of its own lock.
    pub lock: Option<String>,
    /// The versions in its own lock, by package; of a package that the subject itself requires, the
    /// versions that it uses.
    pub locked: LockedVersions,
}

/// What it takes to read revisions of the subject.
pub struct SourceReader<'a> {
    /// The config of the matrix.
    pub config: &'a Config,
    /// The folder of the subject.
    pub place: &'a Utf8Path,
    /// The folder below which revisions are laid out.
    pub cache: &'a Path,
    /// The toolchain whose cargo reads the workspace.
    pub cargo: &'a Toolchain,
    /// The environment of that cargo.
    pub child_env: &'a ChildEnv,
}

impl SourceReader<'_> {
    /// Reads a revision of the subject, and lays it out below the cache if necessary.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`](pinmatrix_core::error::UserError) for what the user can fix.
    pub fn read(&self, source: &SourceSpec) -> Result<SourceTree> {
        let (config, place) = (self.config, self.place);
        let cache = Utf8Path::from_path(self.cache).context("read the cache's path as text")?;
        let checkout = match (&source.rev, &source.patch) {
            (None, None) => Checkout::of_working_tree(config, place, cache)?,
            (_, _) => Checkout::of_revision(source, config, place, cache)?,
        };
        let subject = Subject::read(config, place, checkout, self.cargo, self.child_env)?;
        let configs = subject.cargo_configs()?.into_iter();
        let lock = subject.checkout.entry(subject.lock().as_std_path());
        let text = subject.text_of("Cargo.lock")?.unwrap_or_default();
        check_lock(&subject, &text)?;
        Ok(SourceTree {
            locked: locked(&text),
            label: source.label.clone(),
            sources: subject.sources(),
            cargo_config: configs.map(|config| config.text).collect(),
            lock: lock.map(|file| file.hash.to_hex().to_string()),
            subject,
        })
    }
}

/// Returns the versions in a lock, by package; empty if the lock is invalid, which cargo will
/// report. Of a package that the subject itself requires, only the versions that it uses count.
fn locked(lock: &str) -> LockedVersions {
    let packages = toml::from_str::<LockedPackages>(lock).map(|lock| lock.package);
    let packages = packages.unwrap_or_default();
    let own = packages.iter().filter(|p| p.source.is_none());
    let required: BTreeSet<&str> = own.flat_map(|p| &p.dependencies).map(|d| &**d).collect();
    let (mut all, mut of_subject) = (LockedVersions::new(), LockedVersions::new());
    for package in &packages {
        let LockedPackage { name, version, .. } = package;
        let is_published = package.source.as_deref().is_some_and(is_registry);
        let at = is_published.then(|| bare(version));
        // A lock adds the version where the name alone is ambiguous, and then the source.
        let full = format!("{name} {version}");
        let with_source = format!("{full} (");
        let is_this = |dependency: &&str| {
            *dependency == name || *dependency == full || dependency.starts_with(&with_source)
        };
        if required.iter().any(is_this) {
            let versions = of_subject.entry(name.clone()).or_default();
            versions.insert(at.clone());
        }
        all.entry(name.clone()).or_default().insert(at);
    }
    all.extend(of_subject);
    all
}

/// The versions of packages; `None` means that a package comes from no registry.
pub type LockedVersions = BTreeMap<String, BTreeSet<Option<Version>>>;

#[derive(Deserialize)]
struct LockedPackages {
    #[serde(default)]
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: Version,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

fn is_registry(source: &str) -> bool {
    source.starts_with("registry+") || source.starts_with("sparse+")
}

/// Rejects a lock that contains merge conflict markers.
fn check_lock(subject: &Subject, lock: &str) -> Result<()> {
    let mut at = 0;
    for line in lock.split_inclusive('\n') {
        let is_mark = ["<<<<<<<", "=======", ">>>>>>>"]
            .iter()
            .any(|mark| line.starts_with(mark));
        if is_mark {
            let place = subject.checkout.in_origin(&subject.root).join("Cargo.lock");
            let text = SourceText::new(place.as_std_path(), lock.to_owned());
            return Err(text
                .error_at("Cargo.lock holds the marks of a merge conflict")
                .at(
                    at..at + line.trim_end().len(),
                    "from a merge that has not ended",
                )
                .help("`git checkout --ours Cargo.lock` or `--theirs`, then `cargo metadata`")
                .into());
        }
        at += line.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_from_a_registry_has_a_version_that_can_be_pinned() {
        let package = |name: &str, version: &str, source: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}\n")
        };
        let registry = "source = \"registry+https://example.org/index\"";
        let lock = [
            package("a", "1.0.0+up1", registry),
            package("a", "2.0.0", registry),
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
        let package = |name: &str, version: &str, rest: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
        };
        let registry = "source = \"registry+https://example.org/index\"";
        let lock = [
            package("app", "0.1.0", "dependencies = [\"a 2.0.0\", \"b\"]"),
            package("a", "1.0.0", registry),
            package("a", "2.0.0", registry),
            package(
                "b",
                "3.0.0",
                &format!("{registry}\ndependencies = [\"a 1.0.0\"]"),
            ),
        ];
        let locked = locked(&lock.concat());
        assert_eq!(locked["a"], [Some(Version::new(2, 0, 0))].into());
        assert_eq!(locked["b"], [Some(Version::new(3, 0, 0))].into());
    }
}
