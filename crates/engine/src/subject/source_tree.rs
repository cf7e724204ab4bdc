//! One revision of the subject: its files, and what in them affects a result.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use camino::Utf8Path;
use pinmatrix_core::config::{Config, Family, SourceSpec};
use pinmatrix_core::error::SourceText;
use semver::Version;

use crate::machine::cargo_config;
use crate::machine::child_env::ChildEnv;
use crate::machine::toolchain::Toolchain;
use crate::manifest::Manifest;
use crate::subject::Subject;
use crate::subject::checkout::Checkout;
use crate::subject::lockfile::{LockedVersions, Lockfile};
use crate::subject::selection::{SelectedPackages, selections};

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
    /// The packages that a `[patch]` replaces, each with its version in the lock if it is used there.
    pub patched: BTreeMap<String, Option<Version>>,
    /// The members that are built and tested, by family.
    pub selections: BTreeMap<String, SelectedPackages>,
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

impl SourceTree {
    /// Returns true if its lock holds a family at a version, from a registry or by a patch.
    #[must_use]
    pub fn is_on(&self, family: &Family, version: &Version) -> bool {
        let holds = |name: &str| {
            let locked = self.locked.get(name).into_iter().flatten();
            let patched = self.patched.get(name).into_iter();
            locked.chain(patched).any(|at| at.as_ref() == Some(version))
        };
        family.crate_names().into_iter().any(holds)
    }
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
        let graph = Lockfile::parse(&text);
        Ok(SourceTree {
            locked: graph.versions(),
            patched: patched(&subject, &graph)?,
            selections: selections(config, &subject, &graph)?,
            label: source.label.clone(),
            sources: subject.sources(),
            cargo_config: configs.map(|config| config.text).collect(),
            lock: lock.map(|file| file.hash.to_hex().to_string()),
            subject,
        })
    }
}

/// Returns the packages that the workspace and its cargo configs patch.
fn patched(subject: &Subject, lock: &Lockfile) -> Result<BTreeMap<String, Option<Version>>> {
    let root = subject.text_of("Cargo.toml")?.unwrap_or_default();
    let mut names = Manifest::parse(&root)?.patched();
    for config in subject.cargo_configs()? {
        names.extend(cargo_config::patched(&config.text));
    }
    let with_version = |name: String| {
        let version = lock.outside_registries(&name);
        (name, version)
    };
    Ok(names.into_iter().map(with_version).collect())
}

/// Returns the members that are selected for a family at no revision, sorted.
#[must_use]
pub fn not_selected(trees: &[SourceTree], family: &str) -> Vec<String> {
    let is_selected = |name: &str| {
        let mut selections = trees.iter().filter_map(|tree| tree.selections.get(family));
        selections.any(|selection| selection.holds(name))
    };
    let members = trees.iter().flat_map(|tree| &tree.subject.members);
    let left_out = members.filter(|member| !is_selected(&member.name));
    let names: BTreeSet<String> = left_out.map(|member| member.name.clone()).collect();
    names.into_iter().collect()
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
