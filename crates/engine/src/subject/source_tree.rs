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
    /// The versions in its own lock, by package; `None` means that a package comes from no
    /// registry.
    pub locked: BTreeMap<String, BTreeSet<Option<Version>>>,
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
/// report.
fn locked(lock: &str) -> BTreeMap<String, BTreeSet<Option<Version>>> {
    #[derive(Deserialize)]
    struct LockVersions {
        #[serde(default)]
        package: Vec<LockedPackage>,
    }
    #[derive(Deserialize)]
    struct LockedPackage {
        name: String,
        version: Version,
        source: Option<String>,
    }
    let is_registry =
        |source: &str| source.starts_with("registry+") || source.starts_with("sparse+");
    let mut locked: BTreeMap<String, BTreeSet<Option<Version>>> = BTreeMap::new();
    for package in toml::from_str::<LockVersions>(lock)
        .into_iter()
        .flat_map(|lock| lock.package)
    {
        let versions = locked.entry(package.name).or_default();
        let is_published = package.source.as_deref().is_some_and(is_registry);
        versions.insert(is_published.then(|| bare(&package.version)));
    }
    locked
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
}
